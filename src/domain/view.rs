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
    /// What was seen.
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
