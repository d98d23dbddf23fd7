//! What the service may do otherwise than is assumed: one switch for each thing that no source settles.
//!
//! Plain data. Every default is the assumption; `docs/azure-assumptions.md` says of each what follows when it is wrong.

use serde::{Deserialize, Serialize};

/// Ways in which the real service may differ from what the simulator assumes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Otherwise {
    /// The place that an item had before a reprotect goes on answering, instead of 404.
    pub old_place: OldPlace,
    /// What an item shows while a job runs on it, instead of no allowed operation and the job as its scenario.
    pub while_running: WhileRunning,
    /// Virtual seconds by which an item lags the end of its job; the job is told as ended at once.
    pub item_lag_seconds: f64,
    /// Operations that are offered between failover and commit beside the assumed ones, such as `SwitchProtection`.
    pub offered_before_commit: Vec<String>,
    /// Between failover and commit `currentScenario` goes on naming the failover's job.
    pub scenario_stays: bool,
    /// What `lastSuccessfulFailoverTime` is, instead of the start of the failover's job.
    pub failover_time: FailoverTime,
    /// A change of the recovery point moves `lastSuccessfulFailoverTime` too.
    pub change_point_moves_failover_time: bool,
    /// A failed-over item does not name its recovered VM.
    pub no_recovered_vm: bool,
    /// A failed-over item does not name the recovery point that it stands at.
    pub no_failover_point: bool,
    /// A reprotect gives the item another `lifecycleId`.
    pub lifecycle_changes: bool,
    /// What an item shows after a failed job, instead of the state before it or a failed failover's.
    pub after_failure: Option<AfterFailure>,
    /// JSON pointers below `properties` of what lists of items leave out, such as `/currentScenario`.
    pub list_omits: Vec<String>,
    /// Recovery points are still listed after the commit.
    pub points_stay: bool,
    /// A recovery point that is gone is refused at once with 400, instead of by a failed job.
    pub gone_point_refused: bool,
    /// A drill that waits for its clean-up does not keep a failover from being offered.
    pub drill_leaves_failover: bool,
    /// Elements of the job list carry `activityId`.
    pub job_list_activity: bool,
    /// Virtual seconds after its end at which a job is gone from the list and from its own path.
    pub jobs_forgotten_after_seconds: Option<f64>,
    /// Where a failed job tells its errors, instead of in the job and in the task.
    pub errors_of_failed_jobs: ErrorPlace,
    /// `state` of a failed job, instead of `Failed`.
    pub failed_word: Option<String>,
    /// `state` of a job that succeeded, instead of `Succeeded`.
    pub succeeded_word: Option<String>,
    /// `stateDescription` of every job that has ended.
    pub ended_description: Option<String>,
    /// What the first arrival of a verb is answered, instead of what became of it.
    pub first_answer: Option<FirstAnswer>,
    /// Failover and reprotect are refused to everybody, because a right on a linked resource is missing.
    pub linked_access: LinkedAccess,
    /// Every body is compressed with gzip, though nobody asked for it.
    pub compress_unasked: bool,
    /// A reprotect removes the VM of the side that is replicated to.
    pub old_vm_removed: bool,
    /// A reprotect fails when the old VM is gone, instead of copying all of its data.
    pub old_vm_needed: bool,
}

/// What the old place of a reprotected item answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OldPlace {
    /// 404 `ArmResourceDoesNotExist`.
    #[default]
    Gone,
    /// Its own GET answers with the item as it was, committed.
    Answers,
    /// The lists show it there too.
    Listed,
}

/// What an item shows while a job runs on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhileRunning {
    /// No allowed operation, and the job as `currentScenario`.
    #[default]
    Busy,
    /// All as before the job, and no scenario.
    Unchanged,
    /// The job as its scenario, but state and operations as they will be after it.
    Ahead,
}

/// What `lastSuccessfulFailoverTime` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailoverTime {
    /// The start of the failover's job.
    #[default]
    Start,
    /// Its end.
    End,
    /// The field is absent.
    Absent,
}

/// What an item shows after a failed job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AfterFailure {
    /// The operation whose failure it is, such as `switchprotection`.
    pub operation: String,
    /// `protectionState` and its description.
    pub state: String,
    /// `allowedOperations`.
    pub offered: Vec<String>,
}

/// Where a failed job tells its errors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorPlace {
    /// In the job and in the task.
    #[default]
    Both,
    /// In the task only.
    Tasks,
    /// In the job only.
    Job,
    /// Nowhere.
    Nowhere,
}

/// What the first arrival of a verb under a client request id is answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct FirstAnswer {
    /// Which verbs; empty is all.
    pub operations: Vec<String>,
    /// HTTP status; none drops the connection.
    pub status: Option<u16>,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u32>,
    /// The verb is done nevertheless.
    pub executes: bool,
}

/// How a missing right on a linked resource is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkedAccess {
    /// Nothing is missing.
    #[default]
    Granted,
    /// 403 `LinkedAuthorizationFailed` in ARM's form.
    Refused,
    /// 403 without a body.
    RefusedWithoutWords,
}
