//! What is counted. Every label has a closed set of values; no name, id or message is ever a label.

use crate::domain::Reason;
use jiff::SignedDuration;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
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

/// Who answers a call that leaves for Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Service {
    /// ARM, and the providers behind it.
    Arm,
    /// Entra ID, or the metadata service of a managed identity.
    Identity,
}

/// A status of HTTP, or that there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Code(Option<u16>);

impl EncodeLabelValue for Code {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self.0 {
            Some(status) => EncodeLabelValue::encode(&status, encoder),
            None => EncodeLabelValue::encode(&"none", encoder),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    service: Service,
    code: Code,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeftLabels {
    calls: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
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

/// What the ReplicatedVms come to together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// Age of the latest recovery point of a protected VM where it is oldest, in seconds.
    pub oldest_point: i64,
    /// How long the longest commit has been due, in seconds.
    pub longest_commit: i64,
    /// VMs whose replication lags more than their own objective.
    pub rpo_missed: i64,
    /// Disks that are not replicated, of VMs that are.
    pub unprotected_disks: i64,
    /// When the next agent or its certificate expires, in seconds of Unix time; 0 where none does.
    pub agent_expiry: i64,
    /// VMs that failed over and whose source VM was not shut down: both may run.
    pub split_brain: i64,
}

impl Fleet {
    /// Names, helps and values, in the order of the gauges.
    const fn told(self) -> [(&'static str, &'static str, i64); 6] {
        [
            (
                "latest_recovery_point_age_seconds",
                "Age of the latest recovery point of the protected VM where it is oldest",
                self.oldest_point,
            ),
            (
                "pending_commit_seconds",
                "How long the VM that waits longest has waited for its commit",
                self.longest_commit,
            ),
            ("rpo_objective_missed", "VMs whose replication lags more than their own objectives.rpo", self.rpo_missed),
            ("unprotected_disks", "Disks that are not replicated, of VMs that are", self.unprotected_disks),
            (
                "agent_expiry_timestamp_seconds",
                "When the next agent in a VM, or its certificate, expires; 0 where none does",
                self.agent_expiry,
            ),
            ("split_brain_suspected", "VMs that failed over and whose source VM was not shut down", self.split_brain),
        ]
    }
}

/// How many there are of each; what there is none of is not shown.
#[derive(Debug)]
struct Census<L> {
    family: Family<L, Gauge>,
    shown: Mutex<Vec<L>>,
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

/// What was lost or took how long, by step.
type Achieved = Family<StepLabels, Histogram, fn() -> Histogram>;

/// From a minute to three days.
fn durations() -> Achieved {
    const BOUNDS: [f64; 10] = [60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0];
    Family::new_with_constructor(|| Histogram::new(BOUNDS))
}

/// The operator's counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<PassLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    answers: Family<AnswerLabels, Counter>,
    left: Census<LeftLabels>,
    rpo: Achieved,
    rto: Achieved,
    fleet: [Gauge; 6],
    transitions: Family<TransitionLabels, Counter>,
    vms: Census<VmLabels>,
    requests: Census<TransitionLabels>,
    vaults: Gauge,
    replicas: Gauge,
    owned: Gauge,
    lease: Gauge,
    ready: Gauge,
}

/// Registers a metric, and gives it.
fn added<M: Metric + Clone>(to: &mut Registry, name: &str, help: &str, metric: M) -> M {
    to.register(name, help, metric.clone());
    metric
}

/// Registers what is counted anew each time, and gives it.
fn census<L>(to: &mut Registry, name: &str, help: &str) -> Census<L>
where
    L: Clone + Debug + Eq + Hash + EncodeLabelSet + Send + Sync + 'static,
{
    Census { family: added(to, name, help, Family::default()), shown: Mutex::default() }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut all = Registry::with_prefix("asr_operator");
        let to = &mut all;
        let gauge = Gauge::default;
        Self {
            passes: added(to, "reconciles", "Reconcile passes by kind and outcome", Family::default()),
            calls: added(to, "mutating_calls", "Mutating Azure calls by step and outcome", Family::default()),
            transitions: added(
                to,
                "transitions",
                "Changes of an object's Ready reason by kind and new reason",
                Family::default(),
            ),
            answers: added(
                to,
                "azure_answers",
                "Answers to calls for Azure by service and HTTP status",
                Family::default(),
            ),
            left: census(
                to,
                "azure_calls_left",
                "Calls that Azure last said it leaves to the identity with the fewest",
            ),
            rpo: added(
                to,
                "achieved_rpo_seconds",
                "Data lost by a step, from the recovery point used to the job's start",
                durations(),
            ),
            rto: added(
                to,
                "achieved_rto_seconds",
                "Time that a step took, from its call to its job's end",
                durations(),
            ),
            fleet: Fleet::default().told().map(|(name, help, _)| added(to, name, help, gauge())),
            vms: census(to, "replicated_vms", "ReplicatedVms by condition and its status"),
            requests: census(to, "open_requests", "Requests that have not ended by kind and Ready reason"),
            vaults: added(to, "observed_vaults", "RecoveryVaults being read", gauge()),
            replicas: added(to, "live_replicas", "Replicas that share the vaults, this one included", gauge()),
            owned: added(to, "owned_vaults", "Recovery Services vaults that this replica works on", gauge()),
            lease: added(to, "lease_renewed", "1 while the others can see that this replica lives", gauge()),
            ready: added(to, "ready", "1 while this replica can do its work, as /readyz says", gauge()),
            registry: all,
        }
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

    /// Counts an answer by its HTTP status, or that none came.
    pub fn answer(&self, service: Service, status: Option<u16>) {
        self.answers.get_or_create(&AnswerLabels { service, code: Code(status) }).inc();
    }

    /// Says how many calls of each kind Azure leaves to the identity with the fewest.
    pub fn calls_left(&self, counted: BTreeMap<&'static str, u32>) {
        let counted = counted.into_iter().map(|(calls, left)| (LeftLabels { calls }, i64::from(left)));
        self.left.replace(counted.collect());
    }

    /// Counts what a step that ended has cost: data, and time.
    pub fn achieved(&self, step: &'static str, rpo: Option<SignedDuration>, rto: Option<SignedDuration>) {
        for (family, seen) in [(&self.rpo, rpo), (&self.rto, rto)] {
            if let Some(seen) = seen {
                family.get_or_create(&StepLabels { step }).observe(seen.as_secs_f64());
            }
        }
    }

    /// Says what the ReplicatedVms come to together.
    pub fn fleet(&self, fleet: Fleet) {
        for (gauge, (_, _, value)) in self.fleet.iter().zip(fleet.told()) {
            gauge.set(value);
        }
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

    /// Says whether this replica can do its work.
    pub fn ready(&self, is_so: bool) {
        self.ready.set(i64::from(is_so));
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
