//! Every change of an object that a tool which waits could see, judged by the rules of kstatus as it comes. Of every kind: it
//! observed nothing that is not there yet, one of Ready, Reconciling and Stalled is True, and it is never Failed by the name of
//! what a person is waited for. Of a request: never Current while
//! something runs or where nothing ran, never Failed before it ended, so never while a person is waited for, and nothing else
//! once it ended.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::api::{Api, DynamicObject};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::wait::{asr_resource, condition, eventually};

const REQUESTS: [&str; 4] = ["FailoverRequest", "ChangeRecoveryPointRequest", "CommitRequest", "ReprotectRequest"];
const OTHERS: [&str; 3] = ["RequestDecision", "RecoveryVault", "ReplicatedVm"];
const DEADLINE: Duration = Duration::from_secs(60);

/// For these reasons an object of any kind waits for a person's word.
const FOR_A_PERSON: [&str; 3] = ["OutcomeUnknown", "ReadOnly", "Suspended"];
/// A request that ended well without a call, or whose calls an earlier object of its name made.
const WITHOUT_A_CALL: [&str; 3] = ["AlreadyThere", "NothingToDo", "AlreadyRun"];
/// The phases of a request that ended otherwise than well.
const ENDED_ILL: [&str; 5] = ["Failed", "Refused", "Expired", "Cancelled", "TargetChanged"];

/// What kstatus makes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    InProgress,
    Failed,
    Current,
}

/// What was seen of the objects, each by its uid, and what of it broke a rule.
#[derive(Debug, Default)]
pub struct Judge {
    objects: BTreeMap<String, Course>,
    seen: BTreeMap<String, (usize, Judgement)>,
    broken: Vec<String>,
}

/// What was seen of one object.
#[derive(Debug)]
struct Course {
    name: String,
    judged: Vec<Judgement>,
    ended: Option<Judgement>,
}

impl Judge {
    /// Takes the next state of an object into account.
    pub fn see(&mut self, kind: &str, object: &Value) {
        let name = format!("{kind} {}", object["metadata"]["name"].as_str().unwrap_or_default());
        let uid = object["metadata"]["uid"].as_str().unwrap_or(&name).to_owned();
        let judgement = judgement(object);
        let times = self.seen.get(&name).map_or(1, |(times, _)| times + 1);
        self.seen.insert(name.clone(), (times, judgement));
        let course = self.objects.entry(uid).or_insert_with(|| Course { name, judged: vec![], ended: None });
        course.judged.push(judgement);
        let told = !object["status"]["conditions"].is_null();
        let mut broken = broken_alone(kind, object, judgement);
        if !told {
            // A restore takes a status away, and with it what was told of the end.
            course.ended = None;
        } else if REQUESTS.contains(&kind) {
            if course.ended.is_some_and(|ended| ended != judgement) {
                broken.push("it had ended, and goes on".to_owned());
            }
            if judgement != Judgement::InProgress {
                course.ended = Some(judgement);
            }
        }
        let of = |what| format!("{}: {what}; judged {:?}: {:#}", course.name, course.judged, object["status"]);
        self.broken.extend(broken.into_iter().map(of));
    }

    /// What broke a rule, in words.
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// How often objects of each kind and name were seen, and how they were judged last.
    pub fn seen(&self) -> &BTreeMap<String, (usize, Judgement)> {
        &self.seen
    }
}

/// The rules that one state keeps or breaks by itself.
fn broken_alone(kind: &str, object: &Value, judgement: Judgement) -> Vec<String> {
    let (meta, status) = (&object["metadata"], &object["status"]);
    let mut broken = Vec::new();
    if status["observedGeneration"].as_i64() > meta["generation"].as_i64() {
        broken.push("it observed what is not there yet".to_owned());
    }
    let trio = ["Ready", "Reconciling", "Stalled"];
    let held = trio.iter().filter(|one| holds(object, one)).count();
    if !status["conditions"].is_null() && held != 1 {
        broken.push(format!("{held} of {trio:?} are True"));
    }
    if judgement == Judgement::Failed && FOR_A_PERSON.contains(&reason(object)) {
        broken.push("it is Failed and waits for a person".to_owned());
    }
    if !REQUESTS.contains(&kind) {
        return broken;
    }
    let operations = status["operations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let runs = operations.iter().any(|operation| operation["endedAt"].is_null());
    let phase = status["phase"].as_str().unwrap_or_default();
    match judgement {
        Judgement::Current if runs => broken.push("it is Current and runs".to_owned()),
        Judgement::Current if operations.is_empty() && !WITHOUT_A_CALL.contains(&reason(object)) => {
            broken.push("it is Current and never ran".to_owned());
        }
        Judgement::Failed if !ENDED_ILL.contains(&phase) => {
            broken.push("it is Failed and has not ended".to_owned());
        }
        _ => {}
    }
    broken
}

fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

fn reason(object: &Value) -> &str {
    condition(object, "Ready").and_then(|ready| ready["reason"].as_str()).unwrap_or_default()
}

/// The generic rules of kstatus, in their order.
pub fn judgement(object: &Value) -> Judgement {
    let ready = condition(object, "Ready").and_then(|ready| ready["status"].as_str());
    match () {
        () if object["status"]["observedGeneration"] != object["metadata"]["generation"] => Judgement::InProgress,
        () if holds(object, "Stalled") => Judgement::Failed,
        () if holds(object, "Reconciling") => Judgement::InProgress,
        () if ready != Some("True") => Judgement::InProgress,
        () => Judgement::Current,
    }
}

/// A judge that sees every event of all kinds from now on. Where it goes, it says what broke a rule, by failing the test.
pub struct KstatusWatch {
    judge: Arc<Mutex<Judge>>,
    watches: Vec<JoinHandle<()>>,
}

impl KstatusWatch {
    /// Looks at one namespace.
    pub fn of(client: &kube::Client, namespace: &str) -> Self {
        Self::over(|kind| Api::namespaced_with(client.clone(), namespace, &asr_resource(kind)))
    }

    /// Looks at all namespaces.
    pub fn everywhere(client: &kube::Client) -> Self {
        Self::over(|kind| Api::all_with(client.clone(), &asr_resource(kind)))
    }

    fn over(api: impl Fn(&'static str) -> Api<DynamicObject>) -> Self {
        let judge = Arc::<Mutex<Judge>>::default();
        let kinds = REQUESTS.into_iter().chain(OTHERS);
        let watches = kinds.map(|kind| tokio::spawn(follow(kind, api(kind), Arc::clone(&judge)))).collect();
        Self { judge, watches }
    }

    /// What was seen so far.
    pub fn judge(&self) -> MutexGuard<'_, Judge> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the watch, and leaves it to the caller what to make of what was seen.
    pub fn into_judge(self) -> Judge {
        self.watches.iter().for_each(JoinHandle::abort);
        std::mem::take(&mut *self.judge())
    }

    /// Waits until each of these requests, by kind and name, was seen under way and then to end well: the watch is not blind.
    /// Returns how many states of all objects were judged, by all rules.
    pub async fn saw_end_well<'a>(&self, requests: impl IntoIterator<Item = (&'a str, &'a str)> + Clone) -> usize {
        eventually(DEADLINE, "every request watched to its end", async || {
            let judge = self.judge();
            let seen = judge.seen();
            let well = |(kind, name): (&str, &str)| {
                let found = seen.get(&format!("{kind} {name}"));
                found.is_some_and(|(times, last)| *times > 2 && *last == Judgement::Current)
            };
            if requests.clone().into_iter().all(well) { Ok(()) } else { Err(format!("{seen:#?}")) }
        })
        .await;
        let judge = self.judge();
        assert_eq!(judge.broken(), [""; 0], "by the rules of kstatus");
        judge.seen().values().map(|(times, _)| times).sum()
    }
}

impl Drop for KstatusWatch {
    fn drop(&mut self) {
        self.watches.iter().for_each(JoinHandle::abort);
        let broken = self.judge().broken().join("\n");
        assert!(broken.is_empty() || std::thread::panicking(), "by the rules of kstatus:\n{broken}");
    }
}

async fn follow(kind: &'static str, api: Api<DynamicObject>, judge: Arc<Mutex<Judge>>) {
    let mut events = watcher::watcher(api, watcher::Config::default()).default_backoff().boxed();
    loop {
        // After an error it lists again, and that is judged as well.
        let Ok(event) = events.try_next().await else { continue };
        match event {
            Some(Event::Apply(object) | Event::InitApply(object)) => {
                let object = serde_json::to_value(object).unwrap_or_default();
                judge.lock().unwrap_or_else(PoisonError::into_inner).see(kind, &object);
            }
            Some(_) => {}
            None => return,
        }
    }
}
