//! The judge: what a world's ledger and objects say of the invariants. It knows what was asked and what Azure accepted,
//! and nothing of the operator.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::manifest::{VALID_UNTIL, Verb};
use super::replica::condition;
use super::{NAMESPACE, World};

/// One request that was applied, in every cluster where it was.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it asks for.
    pub verb: Verb,
    /// Its name.
    pub name: String,
    /// Which item.
    pub item: usize,
    /// Where.
    pub clusters: Vec<usize>,
}

impl Asked {
    /// One in the first cluster.
    pub fn new(verb: Verb, name: &str, item: usize) -> Self {
        Self { verb, name: name.to_owned(), item, clusters: vec![0] }
    }
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Ready.
    Succeeded,
    /// Stalled, for good.
    Failed,
    /// Nobody knows what came of its call: a person says, and is waited for.
    Unknown,
    /// On its way.
    Open,
    /// Its object is not there.
    Gone,
}

/// How an object stands.
pub fn standing(object: Option<&Value>) -> Standing {
    let Some(object) = object else { return Standing::Gone };
    match (condition(object, "Ready"), condition(object, "Stalled")) {
        (("True", _), _) => Standing::Succeeded,
        (_, ("True", _)) => Standing::Failed,
        ((_, "OutcomeUnknown"), _) => Standing::Unknown,
        _ => Standing::Open,
    }
}

/// Calls of the operator that Azure accepted: item and operation.
pub fn accepted(ledger: &Value) -> Vec<(String, String)> {
    let entries = ledger.as_array().cloned().unwrap_or_default();
    let ours = entries.iter().filter(|entry| entry["accepted"] == true && entry["principal"] != "portal");
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    ours.map(|entry| (text(entry, "item").to_lowercase(), text(entry, "operation"))).collect()
}

/// Name space of the client request ids: a constant of the design, for all time.
const IDS: uuid::Uuid = uuid::Uuid::from_u128(0x5f0c_2f3e_7d4b_5a86_9c1e_a53f_0e8d_41b7);

const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg-dr/providers/microsoft.recoveryservices/vaults/vault-dr";

/// The ids under which a request may call, by the recipe of the design, and the step and use that each stands for.
pub fn ids(request: &Asked) -> Vec<(String, String)> {
    let uses = request.verb.steps().iter().flat_map(|step| (0..3).map(move |ordinal| (step, ordinal)));
    let calls = uses.flat_map(|(step, ordinal)| (1..4).map(move |attempt| (step, ordinal, attempt)));
    let id = |(step, ordinal, attempt): (&&str, u32, u32)| {
        let (kind, name, item) = (request.verb.kind(), &request.name, request.item);
        let text = format!("v1|{VAULT}|item-{item}|{kind}|{NAMESPACE}/{name}|{VALID_UNTIL}|{step}|{ordinal}|{attempt}");
        (uuid::Uuid::new_v5(&IDS, text.as_bytes()).to_string(), format!("{step} {ordinal} of {name}"))
    };
    calls.map(id).collect()
}

/// I1, to the single use of a step: accepted calls whose id is nobody's, uses of a step with more than one, and calls
/// that Azure was sent for a use of which it had accepted one, whatever it made of them.
pub fn uses(asked: &[Asked], ledger: &Value) -> Vec<String> {
    let known: BTreeMap<String, String> = asked.iter().flat_map(ids).collect();
    let mut made: BTreeSet<&str> = BTreeSet::new();
    let mut wrong = Vec::new();
    for entry in ledger.as_array().into_iter().flatten().filter(|entry| entry["principal"] != "portal") {
        let (id, operation) = (entry["clientRequestId"].as_str().unwrap_or_default(), &entry["operation"]);
        let Some(of) = known.get(id) else {
            wrong.push(format!("I2: nobody asked for {operation} under {id}"));
            continue;
        };
        if made.contains(of.as_str()) {
            let became = if entry["accepted"] == true { "accepted" } else { "sent" };
            wrong.push(format!("I1: {of} was {became} again"));
        }
        if entry["accepted"] == true {
            made.insert(of);
        }
    }
    wrong
}

/// I1: accepted calls beyond what was asked for, each counted: an item's operation is accepted at most as often as
/// different requests asked for it.
pub fn duplicates(asked: &[Asked], ledger: &Value) -> Vec<String> {
    let mut allowed: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for request in asked {
        for operation in request.verb.operations() {
            *allowed.entry((format!("item-{}", request.item), operation)).or_default() += 1;
        }
    }
    let mut made: BTreeMap<(String, String), usize> = BTreeMap::new();
    for call in accepted(ledger) {
        *made.entry(call).or_default() += 1;
    }
    let beyond = made.iter().flat_map(|((item, operation), count)| {
        let most = allowed.get(&(item.clone(), operation.as_str())).copied().unwrap_or_default();
        let again = move |nth| format!("I1: {operation} of {item} was accepted {nth} times, asked for {most} times");
        (most + 1..=*count).map(again)
    });
    beyond.collect()
}

/// A job of an item that a cluster's call started: when it began and ended, its verb, and the cluster.
type Ran<'a> = (Timestamp, Timestamp, &'a str, Option<usize>);

/// I9: pairs of jobs of one item that ran at the same time, started by operators' calls. What somebody in the portal starts
/// beside them is not theirs to prevent: this Azure takes it, as no real one need. Of two clusters at work at once neither
/// knows the other's lock: only what began more than `unseen` after the other is something that Azure had shown.
fn overlaps(ledger: &Value, jobs: &Value, callers: &BTreeMap<String, usize>, unseen: SignedDuration) -> Vec<String> {
    let calls = ledger
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["accepted"] == true && entry["principal"] != "portal");
    let caller = |entry: &Value| callers.get(entry["clientRequestId"].as_str().unwrap_or_default()).copied();
    let started: BTreeMap<&str, (&str, Option<usize>)> =
        calls.filter_map(|entry| Some((entry["jobId"].as_str()?, (entry["item"].as_str()?, caller(entry))))).collect();
    let mut by_item: BTreeMap<&str, Vec<Ran<'_>>> = BTreeMap::new();
    for job in jobs.as_array().into_iter().flatten() {
        let properties = &job["properties"];
        let text = |field: &str| properties[field].as_str().unwrap_or_default();
        // As instants, not as texts: Azure leaves trailing zeros of a second's fraction out.
        let time = |field: &str| properties[field].as_str().map(|at| at.parse::<Timestamp>().expect("a time"));
        let end = time("endTime").unwrap_or(Timestamp::MAX);
        let item = job["name"].as_str().and_then(|name| started.get(name));
        if let (Some((item, caller)), Some(start)) = (item, time("startTime")) {
            by_item.entry(item).or_default().push((start, end, text("scenarioName"), *caller));
        }
    }
    let mut found = Vec::new();
    for (item, mut jobs) in by_item {
        jobs.sort_unstable();
        for (number, first) in jobs.iter().enumerate() {
            let seen = |second: &&Ran<'_>| second.3 == first.3 || second.0.duration_since(first.0) > unseen;
            let beside = jobs[number + 1..].iter().filter(|second| second.0 < first.1).filter(seen);
            found.extend(beside.map(|second| format!("I9: {item}: {} and {} ran at the same time", first.2, second.2)));
        }
    }
    found
}

/// Everything that is wrong with a world at its end, when nothing fails any more.
pub async fn judge(world: &World, asked: &[Asked]) -> Vec<String> {
    judge_at_once(world, asked, SignedDuration::ZERO).await
}

/// The same of a world with more than one cluster at work at once. A call rests on a look at the item that is up to `unseen`
/// older than its arrival: what another cluster began since then it cannot have seen.
pub async fn judge_at_once(world: &World, asked: &[Asked], unseen: SignedDuration) -> Vec<String> {
    let (ledger, jobs) = (world.azure.told("ledger").await, world.azure.told("jobs").await);
    let mut wrong = world.trace.violations();
    wrong.extend(duplicates(asked, &ledger));
    wrong.extend(uses(asked, &ledger));
    wrong.extend(overlaps(&ledger, &jobs, &world.azure.callers(), unseen));
    for request in asked {
        for cluster in &request.clusters {
            let object = world.get(*cluster, request.verb.plural(), &request.name);
            let standing = standing(object.as_deref());
            if standing == Standing::Open {
                let status = object.as_ref().map(|o| o["status"].clone()).unwrap_or_default();
                wrong.push(format!("I14: {} in cluster {cluster} never ends: {status:#}", request.name));
            }
            if standing == Standing::Succeeded
                && let Some(object) = &object
            {
                wrong.extend(unfounded(object, &ledger, &jobs, request));
            }
        }
    }
    wrong
}

/// I16: a request that says that it succeeded, of which no call of its own was accepted and became a job that succeeded.
fn unfounded(object: &Value, ledger: &Value, jobs: &Value, request: &Asked) -> Option<String> {
    let (_, reason) = condition(object, "Ready");
    if !matches!(reason, "Succeeded" | "SucceededWithWarning") {
        return None;
    }
    let jobs = jobs.as_array().into_iter().flatten().filter(|job| job["properties"]["state"] == "Succeeded");
    let well: BTreeSet<&str> = jobs.filter_map(|job| job["name"].as_str()).collect();
    let became_one = |entry: &&Value| entry["jobId"].as_str().is_some_and(|job| well.contains(job));
    let entries = ledger.as_array().into_iter().flatten().filter(|entry| entry["accepted"] == true);
    let made: BTreeSet<&str> =
        entries.filter(became_one).filter_map(|entry| entry["clientRequestId"].as_str()).collect();
    let (own, item) = (ids(request), request.item);
    let of = |step: &str| own.iter().any(|(id, of)| of.starts_with(&format!("{step} ")) && made.contains(id.as_str()));
    let missing = request.verb.steps().iter().find(|step| !of(step))?;
    Some(format!("I16: {} says {reason}, and no job of a {missing} of it on item {item} succeeded", request.name))
}

/// I15: watches a cluster for requests that had ended and end otherwise, or go on. An object whose status a person took
/// away, or that was made anew, begins anew.
pub fn watch_ends(world: &std::sync::Arc<World>, cluster: usize) {
    let (_, mut changes) = world.stores[cluster].watch();
    let trace = std::sync::Arc::clone(&world.trace);
    tokio::spawn(async move {
        let mut ends: BTreeMap<String, Standing> = BTreeMap::new();
        while let Some(change) = changes.recv().await {
            if !Verb::ALL.iter().any(|verb| verb.plural() == change.plural) {
                continue;
            }
            let uid = change.object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let name = &change.object["metadata"]["name"];
            let now = standing(Some(&change.object));
            let wiped = change.object["status"]["observedGeneration"].as_i64().unwrap_or(-1) < 0;
            let before = ends.get(&uid).copied();
            if wiped || change.deleted {
                ends.remove(&uid);
            } else if let Some(before) = before.filter(|before| *before != now) {
                trace.wrong(format!("I15: {name} had ended {before:?} and is now {now:?}"));
                ends.remove(&uid);
            } else if matches!(now, Standing::Succeeded | Standing::Failed) {
                ends.insert(uid, now);
            }
        }
    });
}
