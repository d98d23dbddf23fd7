//! One operator process: the passes as shipped, driven by the changes of its cluster, by its own bell and by its clock,
//! as the shipped watches drive them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use asr_operator::api::v1alpha1::{
    ChangeRecoveryPointRequest, CommitRequest, FailoverRequest, ItemRecord, RecoveryVault, ReplicatedVm,
    ReprotectRequest, RequestDecision,
};
use asr_operator::controller::PassError;
use asr_operator::controller::context::{Context, Settings, Surroundings};
use asr_operator::controller::machine::Machine;
use asr_operator::controller::passes::{Reported, news, over, wait};
use asr_operator::controller::stores::{Listed, Stores, finder_of, waiting_of};
use asr_operator::controller::wake::Sleeper;
use asr_operator::domain::backoff::{Class, delay};
use asr_operator::domain::budget::Allowance;
use asr_operator::domain::ids::{Kind, RequestKey};
use asr_operator::domain::request::Next;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, Lookup, Store as Cache};
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::chance::Chance;
use super::life::Life;
use super::store::{Change, Store};
use super::trace::Trace;

/// What a process is made of.
pub struct Parts {
    /// The installer's choices.
    pub settings: Settings,
    /// What it is given from outside.
    pub around: Surroundings,
    /// Its cluster, for the watches.
    pub store: Arc<Store>,
    /// Its life.
    pub life: Arc<Life>,
    /// How late its watches are.
    pub lag: Chance,
    /// What happened.
    pub trace: Arc<Trace>,
}

/// One kind's cache, fed with changes.
trait Fed: Send {
    /// Puts a change in; what is news of it, if it can be told.
    fn feed(&mut self, change: &Change) -> Option<u64>;
}

struct Reflected<K: Lookup + Clone + 'static>(Option<Writer<DeserializeGuard<K>>>)
where
    DeserializeGuard<K>: Lookup<DynamicType = ()>,
    K: Lookup<DynamicType = ()>;

impl<K> Fed for Reflected<K>
where
    K: kube::Resource<DynamicType = ()> + Reported + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    fn feed(&mut self, change: &Change) -> Option<u64> {
        let object: DeserializeGuard<K> = serde::Deserialize::deserialize(change.object.as_ref()).ok()?;
        let told = news(&object);
        if let Some(writer) = &mut self.0 {
            writer.apply_watcher_event(&if change.deleted { Event::Delete(object) } else { Event::Apply(object) });
        }
        told
    }
}

/// The caches of a process, by plural.
struct Caches(BTreeMap<&'static str, Box<dyn Fed>>);

fn cached<K>() -> (Cache<DeserializeGuard<K>>, Box<dyn Fed>)
where
    K: kube::Resource<DynamicType = ()> + Reported + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let (store, mut writer) = reflector::store();
    writer.apply_watcher_event(&Event::Init);
    writer.apply_watcher_event(&Event::InitDone);
    (store, Box::new(Reflected::<K>(Some(writer))))
}

impl Caches {
    fn new() -> (Self, Stores) {
        let (failovers, a) = cached::<FailoverRequest>();
        let (points, b) = cached::<ChangeRecoveryPointRequest>();
        let (commits, c) = cached::<CommitRequest>();
        let (reprotects, d) = cached::<ReprotectRequest>();
        let (vms, e) = cached::<ReplicatedVm>();
        let (vaults, f) = cached::<RecoveryVault>();
        let stores = Stores {
            finders: vec![
                (Kind::FailoverRequest, finder_of::<FailoverRequest>(Kind::FailoverRequest, vec![failovers.clone()])),
                (
                    Kind::ChangeRecoveryPointRequest,
                    finder_of::<ChangeRecoveryPointRequest>(Kind::ChangeRecoveryPointRequest, vec![points.clone()]),
                ),
                (Kind::CommitRequest, finder_of::<CommitRequest>(Kind::CommitRequest, vec![commits.clone()])),
                (
                    Kind::ReprotectRequest,
                    finder_of::<ReprotectRequest>(Kind::ReprotectRequest, vec![reprotects.clone()]),
                ),
            ],
            requests: vec![
                waiting_of::<FailoverRequest>(Kind::FailoverRequest, vec![failovers]),
                waiting_of::<ChangeRecoveryPointRequest>(Kind::ChangeRecoveryPointRequest, vec![points]),
                waiting_of::<CommitRequest>(Kind::CommitRequest, vec![commits]),
                waiting_of::<ReprotectRequest>(Kind::ReprotectRequest, vec![reprotects]),
            ],
            vms: vec![vms],
            vaults: vec![vaults],
            ..Stores::default()
        };
        let fed: [(&'static str, Box<dyn Fed>); 8] = [
            ("failoverrequests", a),
            ("changerecoverypointrequests", b),
            ("commitrequests", c),
            ("reprotectrequests", d),
            ("replicatedvms", e),
            ("recoveryvaults", f),
            ("requestdecisions", Box::new(Reflected::<RequestDecision>(None))),
            ("itemrecords", Box::new(Reflected::<ItemRecord>(None))),
        ];
        (Self(fed.into_iter().collect()), stores)
    }
}

/// The object of a change, as its passes name it.
fn sleeper(change: &Change) -> Option<Sleeper> {
    let meta = |field: &str| change.object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (meta("namespace"), meta("name"));
    let request = |kind| Some(Sleeper::Request(RequestKey { kind, namespace: meta("namespace"), name: meta("name") }));
    match change.plural.as_str() {
        "failoverrequests" => request(Kind::FailoverRequest),
        "changerecoverypointrequests" => request(Kind::ChangeRecoveryPointRequest),
        "commitrequests" => request(Kind::CommitRequest),
        "reprotectrequests" => request(Kind::ReprotectRequest),
        "replicatedvms" => Some(Sleeper::Vm(namespace, name)),
        "recoveryvaults" => Some(Sleeper::Vault(namespace, name)),
        "requestdecisions" => Some(Sleeper::Decision(namespace, name)),
        "itemrecords" => Some(Sleeper::Record(name)),
        _ => None,
    }
}

type Done = (Sleeper, Result<Next, PassError>);

struct Driver {
    ctx: Context,
    caches: Caches,
    known: BTreeMap<Sleeper, u64>,
    due: BTreeMap<Sleeper, Instant>,
    running: BTreeSet<Sleeper>,
    failures: BTreeMap<Sleeper, u32>,
    passes: JoinSet<Done>,
    parts: Parts2,
}

/// What a driver keeps of its parts.
struct Parts2 {
    machine: Arc<dyn Machine>,
    life: Arc<Life>,
    lag: Chance,
    trace: Arc<Trace>,
}

/// Runs a process until it dies.
pub async fn run(parts: Parts) {
    let (caches, mut stores) = Caches::new();
    let filled = watch::Sender::new(Listed::NotYet(None));
    stores.filled.push(filled.subscribe());
    let machine = Arc::clone(&parts.around.machine);
    let ctx = Context::new(parts.settings, stores, parts.around);
    let woken = ctx.wake.listen();
    let (there, changes) = parts.store.watch();
    let kept = Parts2 { machine, life: parts.life, lag: parts.lag, trace: parts.trace };
    let mut driver = Driver {
        ctx,
        caches,
        known: BTreeMap::new(),
        due: BTreeMap::new(),
        running: BTreeSet::new(),
        failures: BTreeMap::new(),
        passes: JoinSet::new(),
        parts: kept,
    };
    driver.parts.life.goes_on().await;
    there.iter().for_each(|change| driver.hears(change));
    filled.send_replace(Listed::All);
    driver.drive(changes, woken).await;
}

impl Driver {
    async fn drive(&mut self, mut changes: UnboundedReceiver<Change>, mut woken: broadcast::Receiver<Sleeper>) {
        let mut late: VecDeque<(Instant, Change)> = VecDeque::new();
        loop {
            self.parts.life.goes_on().await;
            let now = Instant::now();
            while late.front().is_some_and(|(at, _)| *at <= now) {
                if let Some((_, change)) = late.pop_front() {
                    self.hears(&change);
                }
            }
            self.start(now);
            let next = self.due.iter().filter(|(sleeper, _)| !self.running.contains(*sleeper)).map(|(_, at)| *at).min();
            let next = next.into_iter().chain(late.front().map(|(at, _)| *at)).min();
            tokio::select! {
                biased;
                Some(done) = self.passes.join_next() => self.done(done),
                Ok(sleeper) = woken.recv() => {
                    self.is_due(sleeper, Instant::now());
                    // Those of one moment begin in the order of their names, not in that of a hash.
                    while let Ok(sleeper) = woken.try_recv() {
                        self.is_due(sleeper, Instant::now());
                    }
                }
                Some(change) = changes.recv() => {
                    let after = late.back().map_or(now, |(at, _)| *at);
                    late.push_back((after.max(Instant::now() + self.lag()), change));
                }
                () = sleep_until(next.unwrap_or(now + Duration::from_secs(3600))) => {}
            }
        }
    }

    /// Mostly a watch is quick, and now and then it is not.
    fn lag(&self) -> Duration {
        if self.parts.lag.hit(0.02) { self.parts.lag.millis(500, 20_000) } else { self.parts.lag.millis(0, 20) }
    }

    fn hears(&mut self, change: &Change) {
        let Some(fed) = self.caches.0.get_mut(change.plural.as_str()) else { return };
        let (told, sleeper) = (fed.feed(change), sleeper(change));
        if let (Some(told), Some(sleeper)) = (told, sleeper)
            && self.known.insert(sleeper.clone(), told) != Some(told)
        {
            self.is_due(sleeper, Instant::now());
        }
    }

    fn is_due(&mut self, sleeper: Sleeper, at: Instant) {
        let due = self.due.entry(sleeper).or_insert(at);
        *due = at.min(*due);
    }

    fn start(&mut self, now: Instant) {
        let ready = self.due.iter().filter(|(sleeper, at)| **at <= now && !self.running.contains(*sleeper));
        let ready: Vec<Sleeper> = ready.map(|(sleeper, _)| sleeper.clone()).collect();
        for sleeper in ready {
            self.due.remove(&sleeper);
            self.running.insert(sleeper.clone());
            let pass = over(self.ctx.clone(), sleeper.clone());
            self.passes.spawn(async move { (sleeper, pass.await) });
        }
    }

    fn done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let (sleeper, outcome) = match done {
            Ok(done) => done,
            Err(_) if self.parts.life.is_dead() => return,
            Err(error) => {
                self.parts.trace.wrong(format!("I23: a pass panicked: {error}"));
                return;
            }
        };
        self.running.remove(&sleeper);
        let after = match outcome {
            Ok(next) => {
                self.failures.remove(&sleeper);
                wait(next)
            }
            Err(_) => {
                let attempt = self.failures.entry(sleeper.clone()).or_default();
                *attempt += 1;
                Some(delay(Class::Transient, *attempt, self.parts.machine.chance()))
            }
        };
        if let Some(after) = after {
            self.is_due(sleeper, Instant::now() + after);
        }
    }
}

/// The settings of every simulated operator.
pub fn settings(quarantine: Duration, retry_unknown: bool) -> Settings {
    Settings {
        namespaces: Vec::new(),
        operator_namespace: "asr-operator".into(),
        limits: asr_operator::domain::observed::Limits {
            quarantine,
            max_validity: Duration::from_secs(7 * 24 * 3600),
            retry_unknown,
            early_grace: Duration::ZERO,
        },
        allowance: Allowance { writes_per_minute: 200, reads_per_hour: 10_000 },
        replica_name: "simulated".into(),
        task_detail_every: Duration::from_secs(30),
        managed_identity_namespaces: Vec::new(),
        concurrency: 16,
    }
}

/// A JSON object's condition: its status and reason.
pub fn condition<'a>(object: &'a Value, kind: &str) -> (&'a str, &'a str) {
    let all = object["status"]["conditions"].as_array();
    let found = all.and_then(|all| all.iter().find(|condition| condition["type"] == kind));
    let text = |field: &str| found.and_then(|c| c[field].as_str()).unwrap_or("absent");
    (text("status"), text("reason"))
}
