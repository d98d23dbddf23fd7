//! What is counted. Every label has a closed set of values; no name, id or message is ever a label.

use crate::domain::Reason;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

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

/// The operator's counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    transitions: Family<TransitionLabels, Counter>,
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
        registry.register("observed_vaults", "RecoveryVaults being read", vaults.clone());
        registry.register("live_replicas", "Replicas that share the vaults, this one included", replicas.clone());
        registry.register("owned_vaults", "Recovery Services vaults that this replica works on", owned.clone());
        registry.register("lease_renewed", "1 while the others can see that this replica lives", lease.clone());
        Self { registry, passes, calls, transitions, vaults, replicas, owned, lease }
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
