//! The verb table: which call each step is, when Azure's item lets it happen, and what else its state means.

use super::Reason;
use super::condition::Condition;
use super::ids::{Kind, Step};
use super::item::{Item, Obstacle, Side};
use super::job::Job;
use super::point::PointChoice;
use super::record::{End, PointRef, Shutdown};
use super::request::Run;

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
}

/// The row of a step: Azure's own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// As in `allowedOperations`.
    pub operation: &'static str,
    /// As in a job's `scenarioName`.
    pub scenario: &'static str,
    /// For sentences.
    pub noun: &'static str,
}

/// The row of `step`.
pub const fn row(step: Step) -> Row {
    match step {
        Step::Failover => Row { operation: "UnplannedFailover", scenario: "UnplannedFailover", noun: "failover" },
        Step::Commit => Row { operation: "Commit", scenario: "CommitFailover", noun: "commit" },
    }
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
}

impl Check {
    /// A wait.
    pub fn wait(reason: Reason, message: impl Into<String>) -> Self {
        Self::Wait(Obstacle::new(reason, message))
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

    /// Whether `step` may be called on `item`, whose VM runs on `side`. The item is not busy.
    fn check(&self, step: Step, item: &Item, side: Side) -> Check;

    /// Which recovery point `step` needs chosen.
    fn point_choice(&self, step: Step) -> Option<&PointChoice>;

    /// The call of `step`, with the point that was frozen for it.
    fn call(&self, step: Step, point: Option<&PointRef>) -> Call;

    /// What became of the source VM's shutdown, read from the job of `step`.
    fn shutdown(&self, step: Step, job: &Job) -> Option<Shutdown>;

    /// The verb's own conditions, in their fixed order (the trio and Accepted are not the verb's).
    fn conditions(&self, run: &Run<'_>) -> Vec<Condition>;
}
