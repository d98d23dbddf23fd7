//! The verb table: which call each step is, when Azure's item lets it happen, and what else its state means.

use super::Reason;
use super::around::{Around, Wanted};
use super::condition::Condition;
use super::ids::{Kind, Step};
use super::item::{Active, Item, Obstacle, Side};
use super::job::Job;
use super::observed::Vm;
use super::point::PointChoice;
use super::record::{End, PointRef, Shutdown};
use super::reprotect::SwitchInput;
use super::request::Run;
use super::view::{PlannedResource, Precondition};
use jiff::Timestamp;

/// A mutating call, without its item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// `unplannedFailover`, in either direction: A2A always sends PrimaryToRecovery, relative to the item's present sides.
    UnplannedFailover {
        /// The point; `None` = latest.
        point: Option<String>,
        /// Try to shut the source VM down first.
        shutdown_source: bool,
    },
    /// `failoverCommit`.
    FailoverCommit,
    /// `applyRecoveryPoint`.
    ApplyRecoveryPoint {
        /// The point.
        point: String,
    },
    /// `switchprotection`, on the container of the item.
    SwitchProtection(Box<SwitchInput>),
}

/// The row of a step: Azure's own words for it, and how its success is seen.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As in `allowedOperations`.
    pub operation: &'static str,
    /// As in a job's `scenarioName`.
    pub scenario: &'static str,
    /// For sentences.
    pub noun: &'static str,
    /// What is so once its job succeeded, and what comes next.
    pub done: &'static str,
    /// Whether it makes a VM from a recovery point.
    pub from_point: bool,
    /// Whether the item shows what the job did; it lags its job. The point is the one that the call named.
    pub shown: fn(&Item, Option<&PointRef>) -> bool,
}

/// The row of `step`.
pub const fn row(step: Step) -> Row {
    match step {
        Step::Failover => Row {
            operation: "UnplannedFailover",
            scenario: "UnplannedFailover",
            noun: "failover",
            done: "The VM runs on the other side. Validate it, then commit; until then nothing is final.",
            from_point: true,
            shown: |item, _| item.active == Some(Active::Recovery),
        },
        Step::ChangeRecoveryPoint => Row {
            operation: "ChangePit",
            scenario: "ChangePit",
            noun: "change of the recovery point",
            done: "The VM was made anew from that point. Validate it, then commit; until then nothing is final.",
            from_point: true,
            shown: |item, point| {
                item.active == Some(Active::Recovery) && point.is_none_or(|point| item.stands_at(&point.id))
            },
        },
        Step::Commit => Row {
            operation: "Commit",
            scenario: "CommitFailover",
            noun: "commit",
            done: "The failover is final and its recovery points are gone. The VM is not protected until it is reprotected.",
            from_point: false,
            shown: |item, _| !item.pending_commit(),
        },
        Step::Reprotect => Row {
            operation: "SwitchProtection",
            scenario: "SwitchReplicationGroupProtection",
            noun: "reprotect",
            done: "Replication runs the other way; data is copied now, which the condition Synchronized follows.",
            from_point: false,
            shown: |item, _| item.active == Some(Active::Primary),
        },
    }
}

/// What a verb looks at: the item, freshly read, and what was read around it.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The item; nothing runs on it.
    pub item: &'a Item,
    /// The side on which its VM runs.
    pub side: Side,
    /// The ReplicatedVm.
    pub vm: &'a Vm,
    /// What the verb asked to be read.
    pub around: Option<&'a Around>,
}

/// What an item's state means for a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// The call may be made.
    Go,
    /// Not now; it may become possible.
    Wait(Obstacle),
    /// Never by this request.
    End(End, Obstacle),
    /// Refused, unless a request of one of these kinds is still to come or to end: it would make the call possible.
    TooEarly(Obstacle, &'static [Kind]),
}

impl Check {
    /// A wait.
    pub fn wait(reason: Reason, message: impl Into<String>) -> Self {
        Self::Wait(Obstacle::new(reason, message))
    }

    /// A refusal, unless a request of one of `before` is still to come or to end.
    pub fn too_early(reason: Reason, message: impl Into<String>, before: &'static [Kind]) -> Self {
        Self::TooEarly(Obstacle::new(reason, message), before)
    }

    /// An end.
    pub fn end(end: End, reason: Reason, message: impl Into<String>) -> Self {
        Self::End(end, Obstacle::new(reason, message))
    }
}

/// What one kind of request is: its steps, its rules, and its own conditions. A new verb is one implementation.
pub trait Verb: Send + Sync + std::fmt::Debug {
    /// The kind whose verb this is.
    fn kind(&self) -> Kind;

    /// The calls it makes, in order.
    fn steps(&self) -> &'static [Step];

    /// Whether `step` may be called in the state of the item.
    fn check(&self, step: Step, scene: &Scene<'_>) -> Check;

    /// What must be read around the item before it can be checked.
    fn wanted(&self, _: &Item, _: &Vm) -> Option<Wanted> {
        None
    }

    /// What has to hold beside the item's state.
    fn preconditions(&self, _: &Scene<'_>) -> Vec<Precondition> {
        vec![]
    }

    /// What the call means for Azure's resources.
    fn plan(&self, _: &Scene<'_>) -> Vec<PlannedResource> {
        vec![]
    }

    /// Which recovery point `step` needs chosen.
    fn point_choice(&self, _: Step) -> Option<&PointChoice> {
        None
    }

    /// Until when data is lost with a point, for `maxDataLoss`.
    fn lost_until(&self, _: &Item, now: Timestamp) -> Timestamp {
        now
    }

    /// Whether the VM stands at the chosen point already, so that nothing is left to do.
    fn stands_at(&self, _: &Item, _: &PointRef) -> bool {
        false
    }

    /// The call of `step`, with the point that was frozen for it; `None` while something that it needs is not known.
    fn call(&self, step: Step, point: Option<&PointRef>, scene: &Scene<'_>) -> Option<Call>;

    /// What became of the source VM's shutdown, read from the job of `step`.
    fn shutdown(&self, _: Step, _: &Job) -> Option<Shutdown> {
        None
    }

    /// The verb's own conditions, in their fixed order (the trio and Accepted are not the verb's).
    fn conditions(&self, run: &Run<'_>) -> Vec<Condition>;
}
