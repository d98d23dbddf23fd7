//! Jobs: how a call went, task by task, and why it failed.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{dates, last_segment, odd, says_something, settled};
use crate::asr::ids::{ItemPath, JobId};

/// A Site Recovery job. An element of a job list has no tasks, no activity id and no details.
///
/// A field of another type than known is as if it were absent, and fails nothing: a job that is not seen is one that may be
/// called for once more.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its GUID; for a recovery plan's job not always the one that was asked for.
    #[serde(rename = "name")]
    pub id: JobId,
    /// The verb: `UnplannedFailover`, `CommitFailover`, `ChangePit`, `SwitchReplicationGroupProtection`, ...
    #[serde(default, deserialize_with = "odd::text")]
    pub scenario_name: Option<String>,
    /// The verb for people.
    #[serde(default, deserialize_with = "odd::text")]
    pub friendly_name: Option<String>,
    /// `NotStarted`, `InProgress`, `Succeeded`, `Failed`, `Cancelled`, `Suspended`, `Other`.
    #[serde(default, deserialize_with = "odd::text")]
    pub state: Option<String>,
    /// More of it: `Completed`, `PartiallySucceeded`, `CompletedWithInformation`, `Skipped`, ...
    #[serde(default, deserialize_with = "odd::text")]
    pub state_description: Option<String>,
    /// `"{client request id} ActivityId: {correlation id}"`.
    #[serde(default, deserialize_with = "odd::text")]
    pub activity_id: Option<String>,
    /// Its tasks in order. They change while it runs.
    #[serde(default, deserialize_with = "odd::each")]
    pub tasks: Vec<Task>,
    /// What went wrong; a successful job can have some, as warnings.
    #[serde(default, deserialize_with = "odd::each")]
    pub errors: Vec<JobError>,
    /// When it began; absent in a stub.
    #[serde(default, rename = "startTime", deserialize_with = "dates::lenient")]
    pub start: Option<Timestamp>,
    /// When it ended, in whole seconds; absent while it runs.
    #[serde(default, rename = "endTime", deserialize_with = "dates::lenient")]
    pub end: Option<Timestamp>,
    /// `Cancel`, `Restart`, `Resume`.
    #[serde(default, deserialize_with = "odd::each")]
    pub allowed_actions: Vec<String>,
    /// An internal GUID, no ARM id.
    #[serde(default, deserialize_with = "odd::text")]
    pub target_object_id: Option<String>,
    /// The item's VM, often lower-cased.
    #[serde(default, deserialize_with = "odd::text")]
    pub target_object_name: Option<String>,
    /// `ProtectionEntity` for an item; wrong in a stub.
    #[serde(default, deserialize_with = "odd::text")]
    pub target_instance_type: Option<String>,
    /// What only some verbs have.
    #[serde(default, rename = "customDetails", deserialize_with = "odd::or_none")]
    pub details: JobDetails,
}

/// The elements of a list of jobs, every one of them: one whose id cannot be read has one that no job has, and one that is no
/// object says nothing at all. Either way it stands for what may have happened.
pub fn listed(values: Vec<Value>) -> Vec<Job> {
    values.into_iter().filter(says_something).filter_map(|value| one(settled(value))).collect()
}

fn one(value: Value) -> Option<Job> {
    let job = Job::deserialize(&value).ok();
    job.or_else(|| {
        let mut fields = value.as_object().cloned().unwrap_or_default();
        fields.insert("name".to_owned(), NOBODYS.into());
        serde_json::from_value(Value::Object(fields)).ok()
    })
}

/// The id of a job whose own cannot be read.
const NOBODYS: &str = "00000000-0000-0000-0000-000000000000";

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobPhase {
    /// Accepted, nothing done yet.
    NotStarted,
    /// Under way, as is every state whose word is not known.
    Running,
    /// Waiting for a person, as a plan's manual step does. Not an end.
    Suspended,
    /// Ended well.
    Succeeded {
        /// `PartiallySucceeded` or `CompletedWithInformation`, where Azure says that something was left.
        with_warning: Option<String>,
    },
    /// Ended badly; the cause is in the job's errors.
    Failed,
    /// Stopped by somebody.
    Cancelled,
}

impl JobPhase {
    /// True for the three that stay.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Succeeded { .. } | Self::Failed | Self::Cancelled)
    }
}

impl Job {
    /// How far it is, by `state`. `PartiallySucceeded` and `CompletedWithInformation` are success, wherever they stand;
    /// both spellings of cancelled are one.
    pub fn phase(&self) -> JobPhase {
        let state = self.state.as_deref().unwrap_or_default();
        match state.to_ascii_lowercase().as_str() {
            "notstarted" => JobPhase::NotStarted,
            "suspended" => JobPhase::Suspended,
            "failed" => JobPhase::Failed,
            "cancelled" | "canceled" => JobPhase::Cancelled,
            "succeeded" => {
                JobPhase::Succeeded { with_warning: self.state_description.clone().filter(|word| says_warning(word)) }
            }
            _ if says_warning(state) => JobPhase::Succeeded { with_warning: Some(state.to_owned()) },
            _ => JobPhase::Running,
        }
    }

    /// The client request id the call was sent under; `None` when the job does not say, as in a list or a stub.
    pub fn client_request_id(&self) -> Option<&str> {
        let (id, _) = self.activity_id.as_deref()?.split_once(" ActivityId:")?;
        Some(id.trim()).filter(|id| !id.is_empty())
    }

    /// True for what the first GET after a call can answer: nothing is filled in yet (recorded:
    /// ps-A2ARecoveryPlanReplication seq 3). A stub says nothing about whose job it is.
    pub fn is_stub(&self) -> bool {
        self.scenario_name.is_none() || self.target_object_id.is_none()
    }

    /// The error to show: the last one that is neither a wrapper ("see other errors") nor a mere warning, of the job or
    /// else of its tasks; failing that, the last one there is.
    pub fn most_specific(&self) -> Option<&JobError> {
        let mut all: Vec<&JobError> = Vec::new();
        collect_errors(&self.tasks, &mut all);
        all.extend(&self.errors);
        let named = || all.iter().rev().filter(|error| !error.is_wrapper());
        let chosen = named().find(|error| error.is_serious()).or_else(|| named().next());
        chosen.or(all.last()).copied()
    }
}

fn says_warning(word: &str) -> bool {
    ["PartiallySucceeded", "CompletedWithInformation"].iter().any(|warning| word.eq_ignore_ascii_case(warning))
}

fn collect_errors<'a>(tasks: &'a [Task], into: &mut Vec<&'a JobError>) {
    for task in tasks {
        into.extend(&task.errors);
        collect_errors(&task.children, into);
    }
}

/// One step of a job.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Task {
    /// Stable where `name` is `Unknown`; not always a GUID.
    #[serde(deserialize_with = "odd::word")]
    pub task_id: Option<String>,
    /// Such as `VmShutdownVmOnPrimary` or `VmFailover`; `Unknown` for groups.
    #[serde(deserialize_with = "odd::word")]
    pub name: Option<String>,
    /// The same for people; a group has its number of children at the end.
    #[serde(deserialize_with = "odd::word")]
    pub friendly_name: Option<String>,
    /// As of a job; a skipped task is `Other`.
    #[serde(deserialize_with = "odd::word")]
    pub state: Option<String>,
    /// `Completed`, `Skipped`, ...
    #[serde(deserialize_with = "odd::word")]
    pub state_description: Option<String>,
    /// When it began.
    #[serde(rename = "startTime", deserialize_with = "dates::lenient")]
    pub start: Option<Timestamp>,
    /// When it ended.
    #[serde(rename = "endTime", deserialize_with = "dates::lenient")]
    pub end: Option<Timestamp>,
    /// What went wrong in it.
    #[serde(deserialize_with = "odd::each")]
    pub errors: Vec<JobError>,
    /// Tasks of a group.
    #[serde(rename = "groupTaskCustomDetails", deserialize_with = "child_tasks")]
    pub children: Vec<Task>,
    /// The job that does the work, for a task that only follows one.
    #[serde(rename = "customDetails", deserialize_with = "followed_job")]
    pub job: Option<JobId>,
}

impl Task {
    /// True when it was left out.
    pub fn is_skipped(&self) -> bool {
        self.state_description.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("Skipped"))
    }
}

/// One error of a job or a task, as Microsoft's SDKs model it; no failed job was ever recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "WireError")]
pub struct JobError {
    /// A number as text, or a name: `28031`, `BookmarkNotFound`.
    pub code: Option<String>,
    /// What went wrong. Messages of Compute and Network are quoted inside it.
    pub message: Option<String>,
    /// Azure's guess at the cause.
    pub possible_causes: Option<String>,
    /// Azure's advice.
    pub recommended_action: Option<String>,
    /// `Error`, `Warning` or another word.
    pub level: Option<String>,
    /// The task it belongs to.
    pub task: Option<String>,
    /// What Azure's support asks for.
    pub activity_id: Option<String>,
    /// When it happened.
    pub at: Option<Timestamp>,
}

impl JobError {
    /// True for `539`, "the provider's action failed, see the other errors".
    fn is_wrapper(&self) -> bool {
        self.code.as_deref() == Some("539") || (self.code.is_none() && self.message.is_none())
    }

    fn is_serious(&self) -> bool {
        let level = self.level.as_deref().unwrap_or_default();
        !level.eq_ignore_ascii_case("Warning") && !level.eq_ignore_ascii_case("Information")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireError {
    #[serde(default, deserialize_with = "odd::or_none")]
    service_error_details: Option<ServiceError>,
    #[serde(default, deserialize_with = "odd::or_none")]
    provider_error_details: Option<ProviderError>,
    #[serde(default, deserialize_with = "odd::word")]
    error_level: Option<String>,
    #[serde(default, deserialize_with = "odd::word")]
    task_id: Option<String>,
    #[serde(default, deserialize_with = "dates::lenient")]
    creation_time: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ServiceError {
    #[serde(deserialize_with = "odd::word")]
    code: Option<String>,
    #[serde(deserialize_with = "odd::told")]
    message: Option<String>,
    #[serde(deserialize_with = "odd::told")]
    possible_causes: Option<String>,
    #[serde(deserialize_with = "odd::told")]
    recommended_action: Option<String>,
    #[serde(deserialize_with = "odd::word")]
    activity_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ProviderError {
    #[serde(deserialize_with = "odd::word")]
    error_code: Option<String>,
    #[serde(deserialize_with = "odd::told")]
    error_message: Option<String>,
    #[serde(deserialize_with = "odd::told")]
    possible_causes: Option<String>,
    #[serde(deserialize_with = "odd::told")]
    recommended_action: Option<String>,
}

impl From<WireError> for JobError {
    fn from(wire: WireError) -> Self {
        let service = wire.service_error_details.unwrap_or_default();
        let provider = wire.provider_error_details.unwrap_or_default();
        Self {
            code: service.code.or(provider.error_code),
            message: service.message.or(provider.error_message),
            possible_causes: service.possible_causes.or(provider.possible_causes),
            recommended_action: service.recommended_action.or(provider.recommended_action),
            level: wire.error_level,
            task: wire.task_id,
            activity_id: service.activity_id,
            at: wire.creation_time,
        }
    }
}

/// What only some verbs' jobs have.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobDetails {
    /// `AsrJobDetails`, `FailoverJobDetails`, `SwitchProtectionJobDetails`, ...
    #[serde(deserialize_with = "odd::word")]
    pub instance_type: Option<String>,
    /// Where a reprotected item is found; null in the first seconds (recorded: ps-A2AReprotectTest seq 3, 4).
    #[serde(deserialize_with = "item_path")]
    pub new_replication_protected_item_id: Option<ItemPath>,
    /// What was failed over, and to which point.
    #[serde(deserialize_with = "odd::each")]
    pub protected_item_details: Vec<FailedOverItem>,
}

/// One item of a failover's job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FailedOverItem {
    /// The VM's name.
    pub friendly_name: Option<String>,
    /// The point, as a bare GUID.
    pub recovery_point_id: Option<String>,
    /// The point's time.
    #[serde(deserialize_with = "dates::lenient")]
    pub recovery_point_time: Option<Timestamp>,
    /// The VM of a drill.
    pub test_vm_name: Option<String>,
    /// The network it was put in.
    pub network_friendly_name: Option<String>,
    /// The subnet it was put in.
    pub subnet: Option<String>,
}

impl FailedOverItem {
    /// The point's name, comparable with [`RecoveryPoint::name`](super::RecoveryPoint::name).
    pub fn recovery_point(&self) -> Option<&str> {
        last_segment(self.recovery_point_id.as_deref()?)
    }
}

fn item_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ItemPath>, D::Error> {
    let id = Value::deserialize(deserializer)?;
    Ok(id.as_str().and_then(|id| ItemPath::parse(id).ok()))
}

fn child_tasks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Task>, D::Error> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Group {
        #[serde(deserialize_with = "odd::each")]
        child_tasks: Vec<Task>,
    }
    Ok(odd::or_none::<D, Group>(deserializer)?.child_tasks)
}

fn followed_job<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<JobId>, D::Error> {
    let details = Value::deserialize(deserializer)?;
    Ok(details["jobTask"]["jobId"].as_str().and_then(JobId::from_path))
}

#[cfg(test)]
mod tests;
