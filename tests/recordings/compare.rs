//! Recorded answers against the simulator's: words, names of headers, names of fields.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::folder::Exchange;
use super::replay::moment;
use super::service::Answer;

/// What a recording's item was doing.
pub(crate) struct Moment(pub(crate) String);

/// What differs between a recording and its replay.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Differences of what a client decides by: statuses and states.
    pub(crate) words: BTreeSet<String>,
    /// Differences of form: headers, fields, health.
    pub(crate) forms: BTreeSet<String>,
    /// Answers compared.
    pub(crate) compared: BTreeMap<&'static str, usize>,
}

/// Fields of an item that a client decides by, or that say where it stands.
const WORDS: [&str; 6] = [
    "/protectionState",
    "/activeLocation",
    "/allowedOperations",
    "/testFailoverState",
    "/currentScenario/scenarioName",
    "/providerSpecificDetails/vmProtectionState",
];

/// Words that the service is known to have in those fields; what has another is a difference of form.
const KNOWN: [&str; 23] = [
    "Protected",
    "InitialReplicationInProgress",
    "InitialReplicationRecoveryCompletionPending",
    "UnprotectedStatesBegin",
    "UnplannedFailoverCommitPendingStatesBegin",
    "UnplannedFailoverCommitted",
    "Primary",
    "Recovery",
    "None",
    "Commit",
    "UnplannedFailover",
    "DisableProtection",
    "TestFailover",
    "TestFailoverCleanup",
    "ChangePit",
    "SwitchProtection",
    "CompleteMigration",
    "NotStarted",
    "InProgress",
    "Succeeded",
    "Failed",
    "WaitingForCompletion",
    "MarkedForDeletion",
];

/// Fields that must agree, but that no decision rests on.
const SHOWN: [&str; 10] = [
    "/protectionStateDescription",
    "/replicationHealth",
    "/failoverHealth",
    "/healthErrors/0/errorCode",
    "/testFailoverStateDescription",
    "/providerSpecificDetails/vmProtectionStateDescription",
    "/providerSpecificDetails/multiVmGroupCreateOption",
    "/providerSpecificDetails/primaryFabricLocation",
    "/providerSpecificDetails/recoveryFabricLocation",
    "/providerSpecificDetails/initialPrimaryFabricLocation",
];

/// Whether all that is said is said in known words.
fn is_known(value: &Value) -> bool {
    match value {
        Value::String(word) => KNOWN.contains(&word.as_str()),
        Value::Array(all) => all.iter().all(is_known),
        _ => false,
    }
}

/// Fields that are null or an empty list at one time and not at another.
const FILLED: [&str; 7] = [
    "/providerSpecificDetails/vmNics",
    "/providerSpecificDetails/protectedManagedDisks",
    "/providerSpecificDetails/lifecycleId",
    "/providerSpecificDetails/rpoInSeconds",
    "/providerSpecificDetails/recoveryFabricObjectId",
    "/providerSpecificDetails/monitoringJobType",
    "/failoverRecoveryPointId",
];

impl Differences {
    fn same_status(&mut self, what: &str, exchange: &Exchange, answer: &Answer) {
        if exchange.status != answer.status {
            self.words.insert(format!("{what}: recorded {}, simulated {}", exchange.status, answer.status));
        }
    }

    /// An item.
    pub(crate) fn item(&mut self, exchange: &Exchange, answer: &Answer) {
        *self.compared.entry("items").or_default() += 1;
        let Moment(state) = moment(exchange);
        let what = format!("item {state}");
        self.same_status(&what, exchange, answer);
        let (theirs, ours) = (&exchange.response["properties"], &answer.body["properties"]);
        let value = |from: &Value, at: &str| from.pointer(at).cloned().unwrap_or_default();
        for at in WORDS.into_iter().chain(SHOWN) {
            let (recorded, simulated) = (value(theirs, at), value(ours, at));
            if recorded != simulated {
                let text = format!("{what}: {at} recorded {recorded}, simulated {simulated}");
                let judged = WORDS.contains(&at) && is_known(&recorded);
                if judged { &mut self.words } else { &mut self.forms }.insert(text);
            }
        }
        for at in FILLED {
            let empty = |value: Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            let (recorded, simulated) = (empty(value(theirs, at)), empty(value(ours, at)));
            if recorded != simulated {
                let word = |empty| if empty { "empty" } else { "filled" };
                self.forms.insert(format!("{what}: {at} recorded {}, simulated {}", word(recorded), word(simulated)));
            }
        }
        self.same_fields("item", &exchange.response, &answer.body);
    }

    /// The status of an operation.
    pub(crate) fn status(&mut self, exchange: &Exchange, answer: &Answer) {
        *self.compared.entry("operation statuses").or_default() += 1;
        self.same_status("operation status", exchange, answer);
        let (recorded, simulated) = (&exchange.response["status"], &answer.body["status"]);
        if recorded != simulated {
            let text = format!("operation status: recorded {recorded}, simulated {simulated}");
            if is_known(recorded) { &mut self.words } else { &mut self.forms }.insert(text);
        }
        self.same_fields("operation status", &exchange.response, &answer.body);
    }

    /// The 202 of a verb. What a recorder drops is a difference of the recorder, and has its line too. `urls` are the
    /// recorded polling URLs in the simulator's names.
    pub(crate) fn accepted(&mut self, exchange: &Exchange, answer: &Answer, urls: &[(String, String)]) {
        *self.compared.entry("202s").or_default() += 1;
        let what = format!("202 of {}", exchange.keyword());
        self.same_status(&what, exchange, answer);
        if exchange.response.is_null() != answer.body.is_null() {
            self.words.insert(format!("{what}: only one of the two has a body"));
        }
        let theirs = header_names(&exchange.headers);
        let ours = header_names(&answer.headers);
        self.one_sided("202: header", &theirs, &ours);
        for (name, recorded) in urls {
            let (theirs, ours) = (url_form(recorded), url_form(answer.header(name)));
            if theirs.0 != ours.0 {
                self.words.insert(format!("{what}: {name} recorded {}, simulated {}", theirs.0, ours.0));
            }
            self.one_sided(&format!("202: {name}: parameter"), &theirs.1, &ours.1);
        }
    }

    fn same_fields(&mut self, what: &str, theirs: &Value, ours: &Value) {
        let (mut recorded, mut simulated) = (BTreeSet::new(), BTreeSet::new());
        fields(theirs, "", &mut recorded);
        fields(ours, "", &mut simulated);
        // What hangs below a field that one side has empty is told by that field.
        let told = |all: &BTreeSet<String>, name: &String| {
            let parent = name.rsplit_once('.').map_or("", |(parent, _)| parent);
            parent.is_empty() || all.contains(parent) && all.iter().any(|one| one.starts_with(&format!("{parent}.")))
        };
        let only: BTreeSet<String> = recorded.iter().filter(|name| told(&simulated, name)).cloned().collect();
        let ours: BTreeSet<String> = simulated.iter().filter(|name| told(&recorded, name)).cloned().collect();
        let (theirs, ours): (BTreeSet<_>, BTreeSet<_>) =
            (only.difference(&simulated).cloned().collect(), ours.difference(&recorded).cloned().collect());
        self.one_sided(&format!("{what}: field"), &theirs, &ours);
    }

    fn one_sided(&mut self, what: &str, recorded: &BTreeSet<String>, simulated: &BTreeSet<String>) {
        let only = |one: &BTreeSet<String>, other: &BTreeSet<String>, where_: &str| {
            one.difference(other).map(|name| format!("{what} {name} only {where_}")).collect::<Vec<_>>()
        };
        self.forms.extend(only(recorded, simulated, "recorded"));
        self.forms.extend(only(simulated, recorded, "simulated"));
    }
}

/// Names of the headers that belong to Site Recovery and ARM; how a connection is kept is nobody's promise.
fn header_names(headers: &http::HeaderMap) -> BTreeSet<String> {
    let all = headers.keys().map(|name| name.as_str().to_owned());
    let own = ["azure-asyncoperation", "location", "retry-after", "date"];
    all.filter(|name| own.contains(&name.as_str()) || name.starts_with("x-ms-")).collect()
}

/// A polling URL as its path without host and job, and the names of its parameters.
fn url_form(url: &str) -> (String, BTreeSet<String>) {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let path = address.split_once("://").map_or(address, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    let path = path.rsplit_once('/').map_or(path, |(path, _)| path);
    let names = query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty());
    (path.to_ascii_lowercase(), names.map(str::to_owned).collect())
}

/// Names of all fields, dotted, without positions in lists and without the names that tags have.
fn fields(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(all) if !at.ends_with("tags") => {
            for (name, inner) in all {
                let name = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                fields(inner, &name, into);
                into.insert(name);
            }
        }
        Value::Array(all) => all.iter().for_each(|inner| fields(inner, at, into)),
        _ => {}
    }
}
