//! Knobs of the simulator: how the service answers, how long its work takes, how much it lets through.
//!
//! Plain data with defaults that follow the recordings. Every knob that no recording settles says so.

use serde::{Deserialize, Serialize};

use super::otherwise::Otherwise;

/// How the simulated service behaves where recordings leave a choice, or where a test wants another world.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Behaviour {
    /// `Retry-After` of every 202, in seconds (recorded: 30 on all of them).
    pub retry_after_seconds: u32,
    /// `expires_in` of tokens, in real seconds.
    pub token_lifetime_seconds: u32,
    /// Elements per page of the item, job and point lists; none means one page.
    pub page_size: Option<usize>,
    /// The first GET of a running job answers a stub with nulls (recorded: ps-A2ARecoveryPlanReplication).
    pub stub_jobs: bool,
    /// The stub carries `activityId`, as recorded.
    pub stub_activity_id: bool,
    /// Job GETs carry `activityId` at all; off is a service that nobody recorded.
    pub job_activity_id: bool,
    /// Virtual seconds after the 202 before a job shows up in the job list.
    pub job_list_lag_seconds: f64,
    /// A second verb is taken while a job runs on the item: the worst service one can imagine.
    pub accept_concurrent: bool,
    /// How a verb that is not in `allowedOperations` is refused.
    pub refusal: RefusalForm,
    /// Health of a failed-over item whose source agent is silent (recorded both ways).
    pub health_after_failover: HealthAfterFailover,
    /// What a source that will not shut down leaves in the job (unverified).
    pub shutdown_failure: ShutdownFailure,
    /// A job with warnings ends the operation `PartiallySucceeded` instead of `Succeeded` (runbook of Microsoft).
    pub partial_operation_status: bool,
    /// The job that a reprotect starts carries the request id of the reprotect in its `activityId`; off is one of its own
    /// (nobody has recorded a GET of such a job).
    pub child_shares_activity: bool,
    /// Regions where Compute, Network, Storage and resource groups answer 503 (an assumption); Site Recovery answers.
    pub down_regions: Vec<String>,
    /// Job GETs that an operation's status says `NotStarted` for (recorded: 2 at most).
    pub not_started_polls: u32,
    /// What no source settles, each assumed as the simulator does it unless switched here.
    pub otherwise: Otherwise,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            retry_after_seconds: 30,
            token_lifetime_seconds: 3600,
            page_size: None,
            stub_jobs: true,
            stub_activity_id: true,
            job_activity_id: true,
            job_list_lag_seconds: 0.0,
            accept_concurrent: false,
            refusal: RefusalForm::default(),
            health_after_failover: HealthAfterFailover::Normal,
            shutdown_failure: ShutdownFailure::Failed,
            partial_operation_status: false,
            child_shares_activity: true,
            down_regions: Vec::new(),
            not_started_polls: 0,
            otherwise: Otherwise::default(),
        }
    }
}

/// How a verb out of turn is refused. No source shows it (asr-errors 1.5): the default is an assumption.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RefusalForm {
    /// HTTP status of the refusal.
    pub status: u16,
    /// The code in `error.details[0].code`.
    pub code: String,
    /// Answer 202 and let the job fail with that code instead.
    pub as_failed_job: bool,
}

impl Default for RefusalForm {
    fn default() -> Self {
        Self { status: 409, code: "OperationNotAllowed".to_owned(), as_failed_job: false }
    }
}

/// Health of an item after its failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthAfterFailover {
    /// `Normal`, no errors (recorded on one VM: ps-A2AReprotectTest).
    Normal,
    /// `Critical` with 153077 (recorded on a cluster: ps-A2AClusterCommitFailoverJob).
    Critical,
}

/// State of the shutdown task when the source would not shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShutdownFailure {
    /// `Failed`, with a warning in its errors.
    Failed,
    /// `Succeeded` / `CompletedWithInformation`, with a warning in its errors.
    Information,
}

/// Virtual seconds that the service's work takes; the defaults are recorded durations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timings {
    /// Unplanned failover of one VM.
    pub failover_seconds: f64,
    /// Commit.
    pub commit_seconds: f64,
    /// Change of the recovery point.
    pub change_point_seconds: f64,
    /// Test failover.
    pub test_failover_seconds: f64,
    /// Clean-up of a test failover.
    pub cleanup_seconds: f64,
    /// The switchprotection job.
    pub reprotect_seconds: f64,
    /// Copying after the switchprotection job, until the data is over.
    pub reverse_copy_seconds: f64,
    /// From the end of copying to the first recovery point, when the item is Protected.
    pub first_point_seconds: f64,
    /// How long `testFailoverState` says MarkedForDeletion after the clean-up job.
    pub marked_for_deletion_seconds: f64,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            failover_seconds: 140.0,
            commit_seconds: 8.0,
            change_point_seconds: 300.0,
            test_failover_seconds: 145.0,
            cleanup_seconds: 140.0,
            reprotect_seconds: 506.0,
            reverse_copy_seconds: 2400.0,
            first_point_seconds: 300.0,
            marked_for_deletion_seconds: 5400.0,
        }
    }
}

/// Token buckets of ARM, per principal and in real time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RateLimits {
    /// Reads.
    pub reads: Bucket,
    /// Writes: everything that is not a GET or a DELETE.
    pub writes: Bucket,
    /// Deletes.
    pub deletes: Bucket,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            reads: Bucket { capacity: 250, refill_per_second: 25.0 },
            writes: Bucket { capacity: 200, refill_per_second: 10.0 },
            deletes: Bucket { capacity: 200, refill_per_second: 10.0 },
        }
    }
}

/// One token bucket; ARM's documented sizes for a principal are 250/25 reads and 200/10 writes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bucket {
    /// Tokens in a full bucket.
    pub capacity: u32,
    /// Tokens that come back per real second.
    pub refill_per_second: f64,
}
