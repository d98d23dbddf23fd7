//! Injected faults: which call meets one, and what happens to it.
//!
//! Pure bookkeeping; waiting and dropping connections is the router's work. Delays are real time.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fault to inject. It counts the calls that match it from the moment it is installed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Operation, such as `unplannedFailover`, `protectedItems.get`, `token`; also `*`, `reads` and `writes`.
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
    /// Their `Retry-After` in seconds.
    #[serde(default)]
    pub retry_after: Option<u32>,
    /// What `garbage` answers instead of JSON.
    #[serde(default)]
    pub text: String,
    /// Matching calls so far.
    #[serde(default)]
    pub seen: u32,
}

fn one() -> u32 {
    1
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
    /// Executes at once and answers late.
    DelayAnswer,
    /// Answers as told and does not execute.
    Refuse,
    /// Drops the connection and does not execute.
    ResetBefore,
    /// Executes, then drops the connection without an answer.
    ResetAfter,
    /// Executes, then answers as told.
    ExecuteThenAnswer,
    /// Executes, then answers only when the faults are deleted.
    Hold,
    /// Does not execute and answers 200 with a text that is no JSON.
    Garbage,
}

impl Effect {
    /// Its name in ledger and seeds.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::DelayAnswer => "delayAnswer",
            Self::Refuse => "refuse",
            Self::ResetBefore => "resetBefore",
            Self::ResetAfter => "resetAfter",
            Self::ExecuteThenAnswer => "executeThenAnswer",
            Self::Hold => "hold",
            Self::Garbage => "garbage",
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
    fn matches(&self, target: &Target<'_>) -> bool {
        let operation = match self.operation.as_str() {
            "*" => true,
            "reads" => !target.mutating,
            "writes" => target.mutating,
            name => name.eq_ignore_ascii_case(target.operation),
        };
        let named = |wanted: &String| target.item.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        operation && self.item.as_ref().is_none_or(named)
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
}
