//! The simulation tier: the operator's own observe, decide, act and report, over API servers in memory and the simulated
//! Azure in process, on one thread, in virtual time. Everything that happens follows from a seed.
//!
//! Shared by `tests/simulation` and `examples/chaos`, each of which uses a part of it.
#![allow(dead_code, reason = "what the tests use and the example does not, or the other way round")]

pub mod api;
pub mod azure;
pub mod chance;
pub mod crossing;
pub mod guard;
pub mod judge;
pub mod life;
pub mod machine;
pub mod manifest;
pub mod replica;
pub mod store;
pub mod storm;
pub mod trace;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asr_operator::asr::Endpoint;
use asr_operator::controller::context::Surroundings;
use asr_operator::controller::replicas::Replicas;
use asr_operator::simulator::seed::Seed;
use asr_operator::telemetry::{Metrics, Traces};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::sleep;

use azure::{ARM, Azure, ENTRA, Way};
use chance::Chance;
use crossing::{Border, News, Script};
use guard::Guard;
use life::Life;
use machine::{Time, Virtual};
use store::{Call, Shapes, Store};
use trace::Trace;

/// The namespace of people's objects.
pub const NAMESPACE: &str = "demo";

/// How a world differs from the usual one.
#[derive(Clone)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// The items, as YAML of the simulator's seed.
    pub items: Vec<String>,
    /// How long each of Azure's jobs takes, in seconds.
    pub job_seconds: u64,
    /// How long the data is copied after a reprotect, in seconds.
    pub copy_seconds: u64,
    /// By how many seconds the job list is behind.
    pub job_list_lag: u64,
    /// Whether Azure takes a verb on an item on which another one runs.
    pub takes_a_second: bool,
    /// By how much the clock of each cluster is wrong; one cluster each.
    pub clusters: Vec<SignedDuration>,
    /// A record younger than this makes no call.
    pub quarantine: Duration,
    /// Whether a call that came to nothing is made once more.
    pub retry_unknown: bool,
    /// Whether the vault's jobs are known to carry the ids of their calls.
    pub adoption: bool,
    /// Whether a stopped process is replaced while it stands.
    pub second_while_stopped: bool,
    /// Whether one that died is replaced.
    pub revives: bool,
    /// Whether every crossing is kept.
    pub keeps_crossings: bool,
    /// The guards of the protocol that are removed.
    pub without: Vec<Guard>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            seed: 1,
            items: vec![manifest::item(0, "Protected")],
            job_seconds: 300,
            copy_seconds: 600,
            job_list_lag: 0,
            takes_a_second: true,
            clusters: vec![SignedDuration::ZERO],
            quarantine: Duration::ZERO,
            retry_unknown: true,
            adoption: true,
            second_while_stopped: true,
            revives: true,
            keeps_crossings: true,
            without: Vec::new(),
        }
    }
}

/// One world.
pub struct World {
    /// What it was made from.
    pub setup: Setup,
    /// True time.
    pub time: Time,
    /// The one Azure.
    pub azure: Arc<Azure>,
    /// The clusters.
    pub stores: Vec<Arc<Store>>,
    /// What happened.
    pub trace: Arc<Trace>,
    /// Chance of what people do.
    pub chance: Chance,
    script: Arc<dyn Script>,
    lives: Mutex<Vec<(usize, Arc<Life>)>>,
    news: UnboundedSender<News>,
}

/// Runs `work` in a runtime of one thread whose time is virtual.
pub fn in_virtual_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap_or_else(|error| panic!("no runtime: {error}")).block_on(work)
}

impl World {
    /// A world with its vault, its VMs and no operator yet.
    pub fn new(setup: Setup, shapes: &Arc<Shapes>, script: impl FnOnce(Time) -> Arc<dyn Script>) -> Arc<Self> {
        let time = Time::begins();
        let script = script(time);
        let trace = Arc::new(Trace::new(time, setup.keeps_crossings));
        let seed = Seed::from_yaml(&manifest::seed(&setup)).unwrap_or_else(|error| panic!("{error}"));
        let azure = Azure::new(seed, Arc::clone(&trace), setup.without.contains(&Guard::LookBack));
        let stores = setup.clusters.iter().enumerate().map(|(number, skew)| {
            let skew = *skew;
            let store = Store::new(Arc::clone(shapes), number as u64 + 1, move || time.shown(skew));
            Arc::new(store.without(&setup.without))
        });
        let stores: Vec<Arc<Store>> = stores.collect();
        stores.iter().for_each(|store| azure.knows(Arc::clone(store)));
        let (news, told) = unbounded_channel();
        let chance = Chance::of(setup.seed, "people");
        let lives = Mutex::default();
        let world = Arc::new(Self { setup, time, azure, stores, trace, chance, script, lives, news });
        for cluster in 0..world.stores.len() {
            world.furnish(cluster);
        }
        tokio::spawn(supervise(Arc::downgrade(&world), told));
        world
    }

    /// The vault and the VMs of a cluster.
    fn furnish(&self, cluster: usize) {
        self.create(cluster, "recoveryvaults", manifest::vault());
        if self.setup.adoption {
            let all = ["Failover", "ChangeRecoveryPoint", "Commit", "Reprotect"];
            let adoption: Vec<Value> = all.iter().map(|step| json!({"step": step, "state": "Confirmed"})).collect();
            let status = json!({"status": {"adoption": adoption}});
            self.call(cluster, "PATCH", ("recoveryvaults", NAMESPACE, "vault-dr"), true, status);
        }
        for number in 0..self.setup.items.len() {
            self.create(cluster, "replicatedvms", manifest::vm(number));
        }
    }

    /// The border of one more process that works for a cluster.
    pub fn border(&self, cluster: usize) -> Border {
        let life = Arc::new(Life::begins());
        let process = {
            let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
            lives.push((cluster, Arc::clone(&life)));
            lives.len() - 1
        };
        self.trace.note(&format!("#{process} starts for cluster {cluster}"));
        Border {
            process,
            cluster,
            life,
            script: Arc::clone(&self.script),
            chance: Chance::of(self.setup.seed, &format!("ways {process}")),
            trace: Arc::clone(&self.trace),
            news: self.news.clone(),
        }
    }

    /// Starts one more operator process for a cluster.
    pub fn start_replica(&self, cluster: usize) -> Arc<Life> {
        let border = self.border(cluster);
        let life = Arc::clone(&border.life);
        let stream = |purpose: &str| Chance::of(self.setup.seed, &format!("{purpose} {}", border.process));
        let store = Arc::clone(&self.stores[cluster]);
        let way = Way { border: border.clone(), azure: Arc::clone(&self.azure), chance: stream("tries"), judged: true };
        let endpoint = Endpoint::custom(ARM, ENTRA).unwrap_or_else(|error| panic!("{error}"));
        let kube = api::client(Arc::clone(&store), border.clone());
        let parts = replica::Parts {
            settings: replica::settings(self.setup.quarantine, self.setup.retry_unknown),
            around: Surroundings {
                careful: kube.clone(),
                kube,
                endpoint: endpoint.carried_by(Arc::new(way)),
                machine: Arc::new(Virtual {
                    time: self.time,
                    skew: self.setup.clusters[cluster],
                    chance: stream("machine"),
                    pace: self.pace(border.process),
                    constant: self.setup.without.contains(&Guard::Nonce),
                }),
                replicas: Replicas::alone("simulated"),
                metrics: Arc::new(Metrics::default()),
                traces: Traces::default(),
            },
            store,
            life: Arc::clone(&life),
            lag: stream("watches"),
            trace: Arc::clone(&self.trace),
        };
        tokio::spawn(replica::run(parts));
        life
    }

    /// How fast the clock of a process goes.
    fn pace(&self, process: usize) -> f64 {
        let lacks = |guard| self.setup.without.contains(&guard);
        if process == 0 && lacks(Guard::SendWindow) {
            return 0.0;
        }
        if lacks(Guard::AbsenceWait) { 20.0 } else { 1.0 }
    }

    /// Processes of a cluster that have not died.
    pub fn replicas(&self, cluster: usize) -> Vec<Arc<Life>> {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.iter().filter(|(of, life)| *of == cluster && !life.is_dead()).map(|(_, life)| Arc::clone(life)).collect()
    }

    /// Whether a process is stopped.
    pub fn somebody_stands(&self) -> bool {
        let lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.iter().any(|(_, life)| life.is_stopped())
    }

    /// Does something to an object as a person; what the API server said.
    pub fn call(
        &self,
        cluster: usize,
        method: &str,
        (plural, namespace, name): (&str, &str, &str),
        status: bool,
        body: Value,
    ) -> (u16, Value) {
        let call = Call {
            method: method.to_owned(),
            path: String::new(),
            plural: plural.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            status,
            token: false,
            apply: false,
            metadata_only: false,
            selector: None,
            body,
        };
        let answer = self.stores[cluster].answer(&call);
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Creates an object as a person; one that is there stays.
    pub fn create(&self, cluster: usize, plural: &str, object: Value) {
        let (status, body) = self.call(cluster, "POST", (plural, NAMESPACE, ""), false, object);
        assert!(status == 201 || status == 409, "{body:#}");
    }

    /// An object as it is.
    pub fn get(&self, cluster: usize, plural: &str, name: &str) -> Option<Arc<Value>> {
        self.stores[cluster].get(plural, NAMESPACE, name)
    }

    /// Waits until `holds`, for at most `longest` of virtual time; whether it came to be.
    pub async fn eventually(&self, longest: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let end = self.time.elapsed() + longest;
        while !holds(self) {
            if self.time.elapsed() > end {
                return false;
            }
            sleep(Duration::from_secs(2)).await;
        }
        true
    }
}

/// Starts another process when one died, and a second one while one is stopped.
async fn supervise(world: std::sync::Weak<World>, mut told: UnboundedReceiver<News>) {
    while let Some(news) = told.recv().await {
        let Some(world) = world.upgrade() else { return };
        let chance = &world.chance;
        let (cluster, after) = match news {
            News::Died { .. } if !world.setup.revives => continue,
            News::Died { cluster } => (cluster, chance.millis(500, 20_000)),
            News::Stopped { .. } if !world.setup.second_while_stopped => continue,
            News::Stopped { cluster } => (cluster, chance.millis(0, 1000)),
        };
        let wanted = if matches!(news, News::Died { .. }) { 1 } else { 2 };
        tokio::spawn(async move {
            sleep(after).await;
            if world.replicas(cluster).len() < wanted {
                world.start_replica(cluster);
            }
        });
    }
}
