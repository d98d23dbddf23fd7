//! What every request has in common: how it is asked and what its status shows.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Condition;
use super::schema::{Text, Word};
use super::shared::{RecoveryPointUsed, Step, Truth};

/// A kind of which each object is one act, done at most once.
pub trait Request:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// The kind's name, as in a manifest.
    const KIND: &'static str;

    /// The fields that every request's spec has.
    fn request_spec(&self) -> RequestSpecView<'_>;

    /// What was last shown. A view: nothing may be decided by it.
    fn request_status(&self) -> Option<&RequestStatus>;
}

/// Makes a kind a [`Request`]: the fields are the same in all of them.
macro_rules! request_kind {
    ($kind:ident) => {
        impl super::request::Request for $kind {
            const KIND: &'static str = stringify!($kind);

            fn request_spec(&self) -> super::request::RequestSpecView<'_> {
                super::request::RequestSpecView {
                    replicated_vm: &self.spec.replicated_vm_ref.name,
                    valid_until: &self.spec.valid_until,
                    reason: &self.spec.reason,
                    requested_by: self.spec.requested_by.as_deref(),
                    priority: self.spec.priority,
                }
            }

            fn request_status(&self) -> Option<&RequestStatus> {
                self.status.as_ref()
            }
        }
    };
}
pub(super) use request_kind;

/// The fields that every request's spec has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestSpecView<'a> {
    /// Name of the ReplicatedVm, in the request's namespace.
    pub replicated_vm: &'a str,
    /// Date after which nothing is begun, as it was written: RFC 3339, any zone. Not even its spelling can be edited.
    pub valid_until: &'a str,
    /// Why a person asked for this.
    pub reason: &'a str,
    /// Who asked for it, where that is said.
    pub requested_by: Option<&'a str>,
    /// Order among the requests of one machine, higher first.
    pub priority: i32,
}

/// Status of a request.
///
/// It is a view, written for people and for tools that wait: the operator never decides by it, so it may be lost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestStatus {
    /// The generation of the spec that this status speaks of. -1: the operator has not seen the request yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One word for people: what the request is doing, or how it ended. Wait on conditions, not on this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Word>")]
    pub phase: Option<String>,
    /// The item that this request was accepted for. It does not change afterwards, even when the ReplicatedVm is made
    /// to mean another machine: the request then ends as TargetChanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<RequestTarget>,
    /// What has to hold before anything is sent to Azure, and whether it does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub preconditions: Vec<Precondition>,
    /// What the call uses, makes and overwrites in Azure, as it was when last looked at before the call. A reprotect's only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    pub plan: Vec<PlannedResource>,
    /// The calls made for this request, oldest first, with Azure's job, its tasks and its errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub operations: Vec<Operation>,
    /// The recovery point that the machine was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point_used: Option<RecoveryPointUsed>,
    /// How much data was lost: from the time of the recovery point to the start of the failover job, by Azure's
    /// clock. A duration such as 4m10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<32>>")]
    pub achieved_rpo: Option<String>,
    /// How long the failover took: from the start of the first job of this request to the end of the failover job, by
    /// Azure's clock. A duration such as 12m40s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<32>>")]
    pub achieved_rto: Option<String>,
    /// ARM id of the virtual machine that runs after the failover: the one to validate before a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub recovered_vm_id: Option<String>,
    /// Ready: it is done. Reconciling: it runs, or waits for the reason given; OutcomeUnknown waits for a
    /// RequestDecision. Stalled: it failed, was refused or expired, and will not go on; the message says what to do. The
    /// others tell how far it came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<super::condition::ConditionSchema>", length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The item that a request was accepted for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestTarget {
    /// Uid of the ReplicatedVm when the request was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub replicated_vm_uid: Option<String>,
    /// ARM id of the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub vault_id: Option<String>,
    /// ARM id of the replication protected item. A reprotect moves the item to another fabric, so it may be another
    /// one later; its last segment stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub protected_item_id: Option<String>,
    /// Azure's id of this protection, from enabling to disabling it. Absent where Azure does not tell it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub lifecycle_id: Option<String>,
}

/// Something that has to hold before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Precondition {
    /// What has to hold.
    #[schemars(with = "Word")]
    pub name: String,
    /// Whether it held when last looked at. Unknown: it could not be seen.
    pub met: Truth,
    /// What was seen, and what to do when it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<512>>")]
    pub detail: Option<String>,
}

/// A resource in Azure, and what the call means for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedResource {
    /// What it is, such as ResourceGroup, CacheAccount, Disk.
    #[schemars(with = "Word")]
    pub name: String,
    /// What becomes of it.
    pub effect: PlanEffect,
    /// Its ARM id, where it has one by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<512>>")]
    pub id: Option<String>,
    /// What to know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<256>>")]
    pub detail: Option<String>,
}

/// What a call makes of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// One call to Azure and the job that it started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// Which of the request's steps this is.
    pub step: Step,
    /// Which try of this step it is, from 1. A second try is made only when the first is proven never to have arrived.
    #[schemars(range(min = 1, max = 99))]
    pub attempt: i32,
    /// The x-ms-client-request-id of the call. Azure's activity log and support find the call by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub client_request_id: Option<String>,
    /// Name of the Site Recovery job, as in the portal under Site Recovery jobs. Absent until the call was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub job_id: Option<String>,
    /// State of the job in Azure's words, such as InProgress, Succeeded, Failed; before there is a job, what became of
    /// the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub state: Option<String>,
    /// The job's tasks in Azure's order. They tell people where it is; nothing depends on them, and they may lag by a
    /// minute.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub tasks: Vec<Task>,
    /// What the job says went wrong, with Azure's own advice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub errors: Vec<OperationError>,
    /// When the job started, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<40>>")]
    pub started_at: Option<String>,
    /// When the job ended, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<40>>")]
    pub ended_at: Option<String>,
}

/// A task of a Site Recovery job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// What it does, in Azure's words.
    #[schemars(with = "Text<128>")]
    pub name: String,
    /// Its state in Azure's words, such as NotStarted, InProgress, Succeeded, Skipped, Failed.
    #[schemars(with = "Text<64>")]
    pub state: String,
    /// When it started, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<40>>")]
    pub started_at: Option<String>,
    /// When it ended, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<40>>")]
    pub ended_at: Option<String>,
    /// What Azure says about it, where it says something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<256>>")]
    pub message: Option<String>,
}

/// An error of a Site Recovery job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationError {
    /// Azure's code: a number such as 28031, or a name.
    #[schemars(with = "Text<128>")]
    pub code: String,
    /// What happened, in Azure's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub message: Option<String>,
    /// Why it may have happened, in Azure's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<512>>")]
    pub possible_causes: Option<String>,
    /// What Azure advises to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<512>>")]
    pub recommended_action: Option<String>,
}
