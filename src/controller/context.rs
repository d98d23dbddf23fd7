//! What every reconcile is given: clients, caches, the vaults being observed, and how to wake others.

use super::answers::Answers;
use super::events::Reporter;
use super::machine::{Machine, Moment};
use super::meter::Meters;
use super::records::Records;
use super::replicas::Replicas;
use super::stores::Stores;
use super::traced::Traced;
use super::vaults::Vaults;
use super::wake::Wake;
use crate::asr::{Carrier, Endpoint};
use crate::domain::budget::Allowance;
use crate::domain::observed::Limits;
use crate::telemetry::{Metrics, Traces};
use kube::Client;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The installer's choices.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces to serve; empty = all.
    pub namespaces: Vec<String>,
    /// Where item records and claims live.
    pub operator_namespace: String,
    /// Limits of the protocol.
    pub limits: Limits,
    /// What a vault's provider is taken to allow an identity.
    pub allowance: Allowance,
    /// The detail of a running job is read at most this often.
    pub task_detail_every: Duration,
    /// Namespaces that may use the pod's own managed identity.
    pub managed_identity_namespaces: Vec<String>,
    /// This replica's name; no two replicas have the same.
    pub replica_name: String,
    /// How many reconciles of one kind run at once.
    pub concurrency: u16,
}

/// The context of all reconciles.
#[derive(Clone)]
pub struct Context {
    /// Client for reads and status writes; repeats by itself.
    pub kube: Client,
    /// Item records and claims, through a client that repeats nothing.
    pub records: Records,
    /// The installer's choices.
    pub settings: Arc<Settings>,
    /// Where Azure is.
    pub endpoint: Arc<Endpoint>,
    /// What is watched.
    pub stores: Arc<Stores>,
    /// The vaults being observed.
    pub vaults: Arc<Vaults>,
    /// What is left to their identities.
    pub meters: Arc<Meters>,
    /// Status writes and events.
    pub reporter: Reporter,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where traces go.
    pub traces: Traces,
    /// Who shares the work.
    pub replicas: Arc<Replicas>,
    /// Wakes objects.
    pub wake: Wake,
    /// How long open intents have been known here.
    pub intents: Arc<IntentAges>,
    /// The machine below: clock and chance.
    pub machine: Arc<dyn Machine>,
}

/// What a replica is given from outside.
pub struct Surroundings {
    /// The API server, for reads and status writes.
    pub kube: Client,
    /// The API server, for compare-and-swap: a client that repeats nothing and does not wait long.
    pub careful: Client,
    /// Where Azure is.
    pub endpoint: Endpoint,
    /// The machine below.
    pub machine: Arc<dyn Machine>,
    /// Who shares the work.
    pub replicas: Replicas,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Where traces go.
    pub traces: Traces,
}

impl Context {
    /// A replica that has seen nothing yet, over caches that somebody fills.
    pub fn new(settings: Settings, stores: Stores, around: Surroundings) -> Self {
        Self {
            records: Records::new(around.careful, &settings.operator_namespace),
            stores: Arc::new(stores),
            vaults: Arc::new(Vaults::default()),
            meters: Arc::new(Meters::new(settings.allowance, Arc::clone(&around.machine))),
            reporter: Reporter::new(around.kube.clone(), Arc::clone(&around.metrics)),
            endpoint: Arc::new(seen(around.endpoint, &around.metrics, &around.traces)),
            replicas: Arc::new(around.replicas),
            wake: Wake::default(),
            intents: Arc::new(IntentAges::new(Arc::clone(&around.machine))),
            settings: Arc::new(settings),
            kube: around.kube,
            metrics: around.metrics,
            traces: around.traces,
            machine: around.machine,
        }
    }
}

/// The endpoint with every call to it counted, and in the trace of the pass that makes it.
fn seen(endpoint: Endpoint, metrics: &Arc<Metrics>, traces: &Traces) -> Endpoint {
    let (metrics, traces) = (Arc::clone(metrics), traces.clone());
    endpoint.seen_through(Arc::new(move |way| -> Arc<dyn Carrier> {
        let way = Arc::new(Answers { way, metrics: Arc::clone(&metrics) });
        Arc::new(Traced { way, traces: traces.clone() })
    }))
}

/// Since when this process has known each open intent, and since when every look has shown that nothing came of it, by
/// a clock that counts suspension.
#[derive(Debug)]
pub struct IntentAges {
    machine: Arc<dyn Machine>,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    since: Moment,
    absent_since: Option<Moment>,
}

impl IntentAges {
    /// None yet, by the clock of `machine`.
    pub fn new(machine: Arc<dyn Machine>) -> Self {
        Self { machine, known: Mutex::default() }
    }

    /// How long the intent with this nonce has been known; the first question starts the clock.
    pub fn age(&self, nonce: &str) -> Duration {
        self.known(nonce, |known| self.machine.since(known.since))
    }

    /// Takes note of whether a look that began at `began` shows that nothing came of it, and says how long before that the first
    /// of all looks began that have shown it since. A look shows what was so when it began, however long its reads took.
    pub fn looked(&self, nonce: &str, absent: bool, began: Moment) -> Option<Duration> {
        self.known(nonce, |known| {
            known.absent_since = if absent { known.absent_since.or(Some(began)) } else { None };
            known.absent_since.map(|first| began.after(first))
        })
    }

    fn known<T>(&self, nonce: &str, ask: impl FnOnce(&mut Known) -> T) -> T {
        let mut ages = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        ask(ages.entry(nonce.to_owned()).or_insert_with(|| Known { since: self.machine.now(), absent_since: None }))
    }

    /// Forgets an intent that was settled.
    pub fn forget(&self, nonce: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(nonce);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::machine::ThisMachine;

    #[test]
    fn looks_are_as_far_apart_as_their_beginnings() {
        let machine: Arc<dyn Machine> = Arc::new(ThisMachine);
        let ages = IntentAges::new(Arc::clone(&machine));
        let later = |moment| {
            while machine.now() <= moment {
                std::hint::spin_loop();
            }
            machine.now()
        };
        let first = machine.now();
        let (second, third) = (later(first), later(later(first)));
        assert_eq!(ages.looked("n", true, first), Some(Duration::ZERO), "its reads took until {third:?}");
        assert_eq!(ages.looked("n", true, second), Some(second.after(first)));
        assert_eq!(ages.looked("n", false, third), None);
        assert_eq!(ages.looked("n", true, third), Some(Duration::ZERO), "it begins anew");
    }
}
