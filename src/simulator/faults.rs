//! Injected faults: which call meets one, and what happens to it.
//!
//! Pure bookkeeping; waiting and dropping connections is the router's work. Delays are real time.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The operation of a new connection, before a byte of a request was read. Only a fault that names it meets it.
pub(crate) const CONNECTION: &str = "connection";

/// A fault to inject. It counts the calls that match it from the moment it is installed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Operation, such as `unplannedFailover`, `protectedItems.get`, `token`; also `*`, `reads` and `writes`, and
    /// `connection`: a new connection, which `resetBefore` cuts before a byte of a request is read.
    pub operation: String,
    /// Only calls about this protected item (its name or its VM's).
    #[serde(default)]
    pub item: Option<String>,
    /// The first matching call that meets it, from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many calls in a row meet it; 0 is all.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens.
    pub effect: Effect,
    /// Milliseconds of real time that `delay` and `delayAnswer` take.
    #[serde(default)]
    pub millis: u64,
    /// HTTP status that `refuse` and `executeThenAnswer` answer.
    #[serde(default = "unavailable")]
    pub status: u16,
    /// Their body; none makes an ARM error of the code and message.
    #[serde(default)]
    pub body: Option<Value>,
    /// Their ARM error code.
    #[serde(default = "injected")]
    pub code: String,
    /// Their ARM error message.
    #[serde(default = "told")]
    pub message: String,
    /// Their `Retry-After`.
    #[serde(default)]
    pub retry_after: Option<RetryAfter>,
    /// What `garbage` answers instead of JSON, and `refuse` and `executeThenAnswer` too when it is not empty.
    #[serde(default)]
    pub text: String,
    /// Headers of the answer that `alter` sets; null takes one away. `{url}` stands for the call's own URL, here and in
    /// the next two.
    #[serde(default)]
    pub headers: Map<String, Value>,
    /// What `alter` merges into the body (JSON merge patch).
    #[serde(default)]
    pub merge: Value,
    /// What `alter` merges into each element of a list.
    #[serde(default)]
    pub elements: Value,
    /// How large `oversize` makes the body, and what the one of `gzipBomb` grows to.
    #[serde(default = "large")]
    pub bytes: usize,
    /// Matching calls so far.
    #[serde(default)]
    pub seen: u32,
}

/// A `Retry-After` in one of its forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// Seconds; negative ones are no form that exists.
    Seconds(i64),
    /// An HTTP date.
    Date {
        /// So many seconds after the answer's own `Date`.
        #[serde(rename = "dateIn")]
        date_in: i64,
    },
    /// Anything else.
    Text(String),
}

fn one() -> u32 {
    1
}

fn large() -> usize {
    16 << 20
}

fn unavailable() -> u16 {
    503
}

fn injected() -> String {
    "InjectedFault".to_owned()
}

fn told() -> String {
    "The simulator was told to answer this.".to_owned()
}

/// What a fault does to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Waits, then executes and answers, even when the client has gone meanwhile: late delivery.
    Delay,
    /// Executes and answers only when the faults are deleted, even when the client has gone meanwhile.
    HoldBack,
    /// Executes at once and answers late.
    DelayAnswer,
    /// Answers as told and does not execute.
    Refuse,
    /// Drops the connection when the request was read, and does not execute.
    ResetBefore,
    /// Executes, then drops the connection without an answer.
    ResetAfter,
    /// Executes, then answers as told.
    ExecuteThenAnswer,
    /// Executes, then answers only when the faults are deleted.
    Hold,
    /// Does not execute and answers 200 with a text that is no JSON.
    Garbage,
    /// Executes and changes headers and body of the answer.
    Alter,
    /// Executes, and cuts the connection in the middle of the answer's body.
    Truncate,
    /// Executes, and makes the answer's body very large.
    Oversize,
    /// Executes, and answers in gzip with what grows very large.
    GzipBomb,
    /// Executes, and loses the elements of a page of a list; the link to the next page stays.
    LosePage,
    /// Executes, and shows each element of a page of a list twice.
    RepeatPage,
    /// Executes, and lets the link to the next page of a list lead back to the page itself.
    LoopPages,
}

impl Effect {
    /// Every effect, for documents and tests.
    pub const ALL: [Self; 16] = [
        Self::Delay,
        Self::HoldBack,
        Self::DelayAnswer,
        Self::Refuse,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::ExecuteThenAnswer,
        Self::Hold,
        Self::Garbage,
        Self::Alter,
        Self::Truncate,
        Self::Oversize,
        Self::GzipBomb,
        Self::LosePage,
        Self::RepeatPage,
        Self::LoopPages,
    ];

    /// Its name in ledger and seeds.
    pub fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::HoldBack => "holdBack",
            Self::DelayAnswer => "delayAnswer",
            Self::Refuse => "refuse",
            Self::ResetBefore => "resetBefore",
            Self::ResetAfter => "resetAfter",
            Self::ExecuteThenAnswer => "executeThenAnswer",
            Self::Hold => "hold",
            Self::Garbage => "garbage",
            Self::Alter => "alter",
            Self::Truncate => "truncate",
            Self::Oversize => "oversize",
            Self::GzipBomb => "gzipBomb",
            Self::LosePage => "losePage",
            Self::RepeatPage => "repeatPage",
            Self::LoopPages => "loopPages",
        }
    }

    /// Whether the call is executed.
    pub(crate) fn executes(self) -> bool {
        !matches!(self, Self::Refuse | Self::ResetBefore | Self::Garbage)
    }
}

/// A call as a fault sees it.
pub(crate) struct Target<'a> {
    pub(crate) operation: &'a str,
    pub(crate) mutating: bool,
    /// Names the item goes by.
    pub(crate) item: &'a [String],
}

/// All faults that are installed.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Installs a fault; its count starts at zero.
    pub(crate) fn install(&mut self, fault: Fault) {
        self.0.push(Fault { seen: 0, ..fault });
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// All, in the order they were installed.
    pub(crate) fn all(&self) -> &[Fault] {
        &self.0
    }

    /// Counts the call and gives the first fault that it meets.
    pub(crate) fn meet(&mut self, target: &Target<'_>) -> Option<Fault> {
        let mut met = None;
        for fault in self.0.iter_mut().filter(|fault| fault.matches(target)) {
            fault.seen += 1;
            let due =
                fault.seen >= fault.nth && (fault.times == 0 || fault.seen < fault.nth.saturating_add(fault.times));
            if due && met.is_none() {
                met = Some(fault.clone());
            }
        }
        met
    }
}

impl Fault {
    /// A fault that does nothing more than its effect, to the first call of `operation`.
    pub(crate) fn of(operation: &str, effect: Effect) -> Self {
        Self {
            operation: operation.to_owned(),
            item: None,
            nth: one(),
            times: one(),
            effect,
            millis: 0,
            status: unavailable(),
            body: None,
            code: injected(),
            message: told(),
            retry_after: None,
            text: String::new(),
            headers: Map::new(),
            merge: Value::Null,
            elements: Value::Null,
            bytes: large(),
            seen: 0,
        }
    }

    /// The fault with `url` wherever what it alters says `{url}`.
    pub(crate) fn about(mut self, url: &str) -> Self {
        match self.effect {
            Effect::LosePage => self.merge = json!({ "value": [] }),
            Effect::LoopPages => self.merge = json!({ "nextLink": "{url}" }),
            _ => {}
        }
        self.headers.values_mut().for_each(|value| fill(value, url));
        fill(&mut self.merge, url);
        fill(&mut self.elements, url);
        self
    }

    fn matches(&self, target: &Target<'_>) -> bool {
        let operation = match self.operation.as_str() {
            _ if target.operation == CONNECTION => self.operation == CONNECTION,
            "*" => true,
            "reads" => !target.mutating,
            "writes" => target.mutating,
            name => name.eq_ignore_ascii_case(target.operation),
        };
        let named = |wanted: &String| target.item.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        operation && self.item.as_ref().is_none_or(named)
    }
}

fn fill(value: &mut Value, url: &str) {
    match value {
        Value::String(text) if text.contains("{url}") => *text = text.replace("{url}", url),
        Value::Array(elements) => elements.iter_mut().for_each(|element| fill(element, url)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, url)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn meets_the_nth_call_so_many_times() {
        let mut faults = Faults::default();
        faults.install(fault(r#"{"operation":"failoverCommit","nth":2,"times":2,"effect":"resetAfter"}"#));
        let target = Target { operation: "failoverCommit", mutating: true, item: &[] };
        let met: Vec<bool> = (0..5).map(|_| faults.meet(&target).is_some()).collect();
        assert_eq!(met, [false, true, true, false, false]);
    }

    #[test]
    fn passes_by_other_operations_and_items() {
        let mut faults = Faults::default();
        faults.install(fault(r#"{"operation":"writes","item":"app01","times":0,"effect":"refuse","status":503}"#));
        let app = ["portal-name".to_owned(), "APP01".to_owned()];
        let meet = |faults: &mut Faults, operation, mutating, item: &[String]| {
            faults.meet(&Target { operation, mutating, item }).is_some()
        };
        assert!(meet(&mut faults, "failoverCommit", true, &app));
        assert!(!meet(&mut faults, "protectedItems.get", false, &app));
        assert!(!meet(&mut faults, "failoverCommit", true, &["db01".to_owned()]));
    }

    #[test]
    fn a_connection_is_met_by_its_own_name_only() {
        let connection = Target { operation: CONNECTION, mutating: false, item: &[] };
        for (operation, met) in [("*", false), ("reads", false), ("connection", true)] {
            let mut faults = Faults::default();
            faults.install(Fault::of(operation, Effect::ResetBefore));
            assert_eq!(faults.meet(&connection).is_some(), met, "{operation}");
        }
    }

    #[test]
    fn every_effect_goes_by_its_name() {
        for effect in Effect::ALL {
            assert_eq!(serde_json::to_value(effect).unwrap(), effect.name());
        }
    }

    #[test]
    fn retry_after_has_its_forms() {
        let told =
            |text: &str| fault(&format!(r#"{{"operation":"*","effect":"refuse","retryAfter":{text}}}"#)).retry_after;
        assert_eq!(told("-5"), Some(RetryAfter::Seconds(-5)));
        assert_eq!(told(r#"{"dateIn":40}"#), Some(RetryAfter::Date { date_in: 40 }));
        assert_eq!(told(r#""soon""#), Some(RetryAfter::Text("soon".to_owned())));
    }
}
