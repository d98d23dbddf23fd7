//! What was counted, and how it is shown.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::judge::Standing;

/// From so many requests on, a control that doubled no call tells that the storm was none. Of a thousand it doubles dozens;
/// of the few of one world it may double none by chance.
const ENOUGH: u64 = 1000;

/// The counts of a run.
#[derive(Default)]
pub struct Tally {
    /// Requests applied.
    pub requests: u64,
    /// Faults met, by class.
    pub faults: BTreeMap<&'static str, u64>,
    /// Calls that Azure accepted beyond what was asked for.
    pub duplicates: u64,
    /// Requests by how they ended.
    pub ends: BTreeMap<Standing, u64>,
    /// Requests left at OutcomeUnknown, by what was seen of their call.
    pub unknown: BTreeMap<String, u64>,
    /// Requests that wait behind one of those.
    pub behind: u64,
    /// Anything else that must not be.
    pub violations: Vec<String>,
    /// Calls beyond what was asked for, of the control.
    pub control_duplicates: u64,
    /// Requests of the control that ended without a call, or never.
    pub control_lost: u64,
    /// Faults that the control met.
    pub control_faults: u64,
}

impl Tally {
    /// Counts one request.
    pub fn request(&mut self, standing: Standing, object: Option<&Value>) {
        self.requests += 1;
        *self.ends.entry(standing).or_default() += 1;
        if standing == Standing::Unknown {
            let cause = object.map_or_else(String::new, cause);
            *self.unknown.entry(cause).or_default() += 1;
        }
    }

    /// Counts the faults of a world.
    pub fn faults(&mut self, met: &BTreeMap<&'static str, u64>) {
        met.iter().for_each(|(class, count)| *self.faults.entry(class).or_default() += count);
    }

    /// Both together.
    pub fn with(mut self, other: Self) -> Self {
        self.requests += other.requests;
        self.faults(&other.faults);
        self.duplicates += other.duplicates;
        other.ends.iter().for_each(|(end, count)| *self.ends.entry(*end).or_default() += count);
        other.unknown.into_iter().for_each(|(cause, count)| *self.unknown.entry(cause).or_default() += count);
        self.behind += other.behind;
        self.violations.extend(other.violations);
        self.control_duplicates += other.control_duplicates;
        self.control_lost += other.control_lost;
        self.control_faults += other.control_faults;
        self
    }

    fn ended(&self, standing: Standing) -> u64 {
        self.ends.get(&standing).copied().unwrap_or_default()
    }

    /// Requests that neither ended nor wait for a person.
    pub fn lost(&self) -> u64 {
        self.ended(Standing::Open) + self.ended(Standing::Gone)
    }

    /// Whether the promise was kept, in a storm that puts it to the test.
    pub fn holds(&self) -> bool {
        self.duplicates == 0 && self.lost() == 0 && self.wrong().is_empty()
    }

    /// Anything else that must not be: that no call of the control was doubled either, too.
    fn wrong(&self) -> Vec<String> {
        let proves_nothing = self.requests >= ENOUGH && self.control_duplicates == 0;
        let requests = self.requests;
        let told = proves_nothing
            .then(|| format!("the control doubled no call in {requests} requests: this storm proves nothing"));
        self.violations.iter().cloned().chain(told).collect()
    }

    /// How far one thread is.
    pub fn so_far(&self) -> String {
        let (requests, faults) = (self.requests, self.faults.values().sum::<u64>());
        format!(
            "a thread so far: {requests} requests, {faults} faults, accepted duplicates {}, lost {}; the control {}",
            self.duplicates,
            self.lost(),
            self.control_duplicates
        )
    }

    /// As JSON, where so many requests were asked for.
    pub fn json(&self, seed: u64, asked: u64, seconds: f64) -> Value {
        json!({
            "seed": seed,
            "requestsAsked": asked,
            "requests": self.requests,
            "faults": self.faults,
            "acceptedDuplicates": self.duplicates,
            "lostRequests": self.lost(),
            "succeeded": self.ended(Standing::Succeeded),
            "failed": self.ended(Standing::Failed),
            "outcomeUnknown": {"total": self.ended(Standing::Unknown), "byCause": self.unknown, "waitingBehind": self.behind},
            "violations": self.wrong(),
            "control": {
                "acceptedDuplicates": self.control_duplicates,
                "lostRequests": self.control_lost,
                "faults": self.control_faults,
            },
            "wallSeconds": seconds,
        })
    }

    /// As text.
    pub fn text(&self, seed: u64, asked: u64, seconds: f64) -> String {
        let list = |counts: Vec<(String, u64)>| {
            counts.iter().map(|(name, count)| format!("  {count:>10}  {name}\n")).collect::<String>()
        };
        let faults = self.faults.iter().map(|(class, count)| ((*class).to_owned(), *count)).collect();
        let unknown = self.unknown.iter().map(|(cause, count)| (cause.clone(), *count)).collect();
        format!(
            "{} of {} requests from seed {} in {seconds:.0} s\n\nfaults\n{}\naccepted duplicates  {}\nlost requests        {}\nsucceeded            {}\nfailed               {}\nOutcomeUnknown       {}\n{}waiting behind them  {}\n\nthe control, under the same storm: posts without an intent, retries three times\naccepted duplicates  {}\nlost requests        {}\n{}",
            self.requests,
            asked,
            seed,
            list(faults),
            self.duplicates,
            self.lost(),
            self.ended(Standing::Succeeded),
            self.ended(Standing::Failed),
            self.ended(Standing::Unknown),
            list(unknown),
            self.behind,
            self.control_duplicates,
            self.control_lost,
            self.wrong().join("\n"),
        )
    }
}

/// Why the outcome of a request's call is not known, in the words of its condition, without names of jobs.
pub fn cause(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array();
    let ready = conditions.and_then(|all| all.iter().find(|condition| condition["type"] == "Ready"));
    let message = ready.and_then(|ready| ready["message"].as_str()).unwrap_or_default();
    let seen = message.split("is not sent again. ").nth(1).and_then(|rest| rest.split(" Look at").next());
    let is_name = |word: &&str| word.chars().filter(char::is_ascii_digit).count() > 3;
    seen.unwrap_or(message).split(' ').filter(|word| !is_name(word)).collect::<Vec<_>>().join(" ")
}
