//! What is counted. Every label has a closed set of values; no name, id or message is ever a label.

use crate::domain::Reason;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// How a reconcile pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum PassOutcome {
    /// It ran to its end.
    Done,
    /// It failed and is tried again.
    Failed,
    /// It panicked: a bug.
    Panicked,
}

/// How a mutating call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum CallOutcome {
    /// Azure made a job.
    Accepted,
    /// Azure refused.
    Refused,
    /// No byte left.
    NotSent,
    /// Azure did not process it.
    Throttled,
    /// Not known.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabels {
    kind: &'static str,
    outcome: PassOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    step: &'static str,
    outcome: CallOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransitionLabels {
    kind: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VmLabels {
    condition: &'static str,
    status: &'static str,
}

/// How many there are of each; what there is none of is not shown.
#[derive(Debug)]
struct Census<L> {
    family: Family<L, Gauge>,
    shown: Mutex<Vec<L>>,
}

impl<L: Clone + Debug + Eq + Hash> Default for Census<L> {
    fn default() -> Self {
        Self { family: Family::default(), shown: Mutex::default() }
    }
}

impl<L: Clone + Debug + Eq + Hash> Census<L> {
    /// Shows these numbers and no others.
    fn replace(&self, counted: Vec<(L, i64)>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown.iter().filter(|labels| !counted.iter().any(|(there, _)| there == *labels)) {
            self.family.remove(gone);
        }
        for (labels, number) in &counted {
            self.family.get_or_create(labels).set(*number);
        }
        *shown = counted.into_iter().map(|(labels, _)| labels).collect();
    }
}

/// The operator's counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    transitions: Family<TransitionLabels, Counter>,
    vms: Census<VmLabels>,
    requests: Census<TransitionLabels>,
    vaults: Gauge,
    replicas: Gauge,
    owned: Gauge,
    lease: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("asr_operator");
        let (passes, calls, transitions) = (Family::default(), Family::default(), Family::default());
        let (vaults, replicas, owned, lease) = (Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default());
        registry.register("reconciles", "Reconcile passes by kind and outcome", passes.clone());
        registry.register("mutating_calls", "Mutating Azure calls by step and outcome", calls.clone());
        registry.register(
            "transitions",
            "Changes of an object's Ready reason by kind and new reason",
            transitions.clone(),
        );
        let (vms, requests) = (Census::<VmLabels>::default(), Census::<TransitionLabels>::default());
        registry.register("replicated_vms", "ReplicatedVms by condition and its status", vms.family.clone());
        registry.register(
            "open_requests",
            "Requests that have not ended by kind and Ready reason",
            requests.family.clone(),
        );
        registry.register("observed_vaults", "RecoveryVaults being read", vaults.clone());
        registry.register("live_replicas", "Replicas that share the vaults, this one included", replicas.clone());
        registry.register("owned_vaults", "Recovery Services vaults that this replica works on", owned.clone());
        registry.register("lease_renewed", "1 while the others can see that this replica lives", lease.clone());
        Self { registry, passes, calls, transitions, vms, requests, vaults, replicas, owned, lease }
    }
}

impl Metrics {
    /// Counts a reconcile pass.
    pub fn pass(&self, kind: &'static str, outcome: PassOutcome) {
        self.passes.get_or_create(&PassLabels { kind, outcome }).inc();
    }

    /// Counts a mutating call.
    pub fn call(&self, step: &'static str, outcome: CallOutcome) {
        self.calls.get_or_create(&CallLabels { step, outcome }).inc();
    }

    /// Counts a change of an object's Ready reason.
    pub fn transition(&self, kind: &'static str, reason: Reason) {
        self.transitions.get_or_create(&TransitionLabels { kind, reason: reason.as_str() }).inc();
    }

    /// Says of how many ReplicatedVms each condition has which status.
    pub fn vms(&self, counted: BTreeMap<(&'static str, &'static str), i64>) {
        let labels = |(condition, status)| VmLabels { condition, status };
        self.vms.replace(counted.into_iter().map(|(state, number)| (labels(state), number)).collect());
    }

    /// Says how many requests have not ended, and what is said of them.
    pub fn open_requests(&self, counted: BTreeMap<(&'static str, Reason), i64>) {
        let labels = |(kind, reason): (&'static str, Reason)| TransitionLabels { kind, reason: reason.as_str() };
        self.requests.replace(counted.into_iter().map(|(open, number)| (labels(open), number)).collect());
    }

    /// Says how many RecoveryVaults are being read.
    pub fn vaults(&self, count: usize) {
        self.vaults.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Says how many replicas share the vaults, and how many vaults are this one's.
    pub fn replicas(&self, live: usize, owned: usize) {
        self.replicas.set(i64::try_from(live).unwrap_or(i64::MAX));
        self.owned.set(i64::try_from(owned).unwrap_or(i64::MAX));
    }

    /// Says whether this replica's Lease is renewed in time.
    pub fn lease(&self, renewed: bool) {
        self.lease.set(i64::from(renewed));
    }

    /// Everything, as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(error) => format!("# metrics could not be written: {error}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_none_of_any_more_is_not_shown() {
        let metrics = Metrics::default();
        let open = |reason, number| BTreeMap::from([(("CommitRequest", reason), number)]);
        let shown = || -> Vec<String> {
            let text = metrics.text();
            text.lines().filter(|line| line.starts_with("asr_operator_open_requests{")).map(str::to_owned).collect()
        };
        metrics.open_requests(open(Reason::ReadOnly, 2));
        assert_eq!(shown(), [r#"asr_operator_open_requests{kind="CommitRequest",reason="ReadOnly"} 2"#]);
        metrics.open_requests(open(Reason::JobRunning, 1));
        assert_eq!(shown(), [r#"asr_operator_open_requests{kind="CommitRequest",reason="JobRunning"} 1"#]);
        metrics.open_requests(BTreeMap::new());
        assert!(shown().is_empty(), "{:?}", shown());
    }
}
