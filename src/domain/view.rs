//! What a request shows: conditions and facts, all of them a view of the record and of Azure, none of them decided by.

use super::condition::Condition;
use super::ids::Step;
use super::job::{JobError, Task};
use super::record::PointRef;
use jiff::{SignedDuration, Timestamp};

/// One precondition, met or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Precondition {
    /// Its name.
    pub name: &'static str,
    /// Whether it is met; `None` when that is not known.
    pub met: Option<bool>,
    /// Whether the call is held back unless it is met.
    pub needed: bool,
    /// What was seen.
    pub detail: String,
}

impl Precondition {
    /// Holds.
    pub fn met(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, met: Some(true), needed: true, detail: detail.into() }
    }

    /// Does not hold, so that nothing may be sent.
    pub fn unmet(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, met: Some(false), needed: true, detail: detail.into() }
    }

    /// Cannot be seen, so that nothing may be sent.
    pub fn unseen(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, met: None, needed: true, detail: detail.into() }
    }

    /// The same, but only to be known: it stops nothing.
    #[must_use]
    pub fn advice(self) -> Self {
        Self { needed: false, ..self }
    }

    /// Whether it stops the call.
    pub fn stops(&self) -> bool {
        self.needed && self.met != Some(true)
    }
}

/// What a call makes of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanEffect {
    /// It exists and is used as it is.
    Used,
    /// It is made.
    Created,
    /// It exists, and what it holds is replaced.
    Overwritten,
    /// It does not exist, or could not be seen.
    Missing,
}

/// A resource in Azure, and what the call means for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedResource {
    /// What it is.
    pub name: &'static str,
    /// What becomes of it.
    pub effect: PlanEffect,
    /// Its ARM id, where it has one.
    pub id: Option<String>,
    /// What to know about it.
    pub detail: String,
}

/// One call, as people follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The step.
    pub step: Step,
    /// The attempt.
    pub attempt: u32,
    /// What its job carries.
    pub client_request_id: String,
    /// Its job.
    pub job: Option<String>,
    /// How far it is.
    pub state: String,
    /// The job's tasks; empty when not read this time.
    pub tasks: Vec<Task>,
    /// The job's errors.
    pub errors: Vec<JobError>,
    /// Its start.
    pub started: Option<Timestamp>,
    /// Its end.
    pub ended: Option<Timestamp>,
}

/// The item that a request was frozen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// uid of the ReplicatedVm.
    pub vm_uid: Option<String>,
    /// ARM id of the vault.
    pub vault_id: String,
    /// Name of the item.
    pub item_name: String,
    /// Life cycle of its replication.
    pub lifecycle_id: Option<String>,
}

/// Everything that a request's status says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestView {
    /// In their fixed order.
    pub conditions: Vec<Condition>,
    /// One word for people; derived last.
    pub phase: &'static str,
    /// The frozen target.
    pub target: Option<Target>,
    /// What was checked in this pass; empty leaves what was shown before.
    pub preconditions: Vec<Precondition>,
    /// What the call means for Azure's resources; empty leaves what was shown before.
    pub plan: Vec<PlannedResource>,
    /// The calls made.
    pub operations: Vec<Operation>,
    /// The point really used.
    pub point_used: Option<PointRef>,
    /// Data lost.
    pub achieved_rpo: Option<SignedDuration>,
    /// Time taken.
    pub achieved_rto: Option<SignedDuration>,
    /// The VM to validate.
    pub recovered_vm_id: Option<String>,
}
