//! ItemRecord: the lock, the intent and the memory of one protected item. It alone decides whether a call may be made.
//!
//! Internal, in the operator's namespace. It has no status: every write of it is one compare-and-swap of the whole.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{DateTime, Guid, Name, Sha256, Text, Word};
use super::shared::{RecoveryPointUsed, RequestKey, Step, Truth};

/// What is remembered of one protected item.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "asr-operator.io",
    version = "v1alpha1",
    kind = "ItemRecord",
    namespaced,
    shortname = "irec",
    derive = "PartialEq",
    doc = "Internal: the lock, the intent and the memory of one protected item. Do not edit or delete it: it is what keeps a request from running twice.",
    printcolumn(name = "Item", type_ = "string", json_path = ".spec.itemName"),
    printcolumn(name = "Holder", type_ = "string", json_path = ".spec.holder.name"),
    printcolumn(name = "Step", type_ = "string", json_path = ".spec.intent.step"),
    printcolumn(name = "Outcome", type_ = "string", json_path = ".spec.intent.outcome"),
    printcolumn(name = "Job", type_ = "string", json_path = ".spec.intent.jobId", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new(
        "self.vaultId.lowerAscii() == oldSelf.vaultId.lowerAscii() \
         && self.itemName.lowerAscii() == oldSelf.itemName.lowerAscii()"
    )
    .message("a record stays with its item")
)]
#[serde(rename_all = "camelCase")]
pub struct ItemRecordSpec {
    /// Version of the protocol that wrote this. An operator that does not know it begins nothing on this item.
    #[schemars(range(min = 1, max = 1000))]
    pub protocol: i32,
    /// ARM id of the vault.
    #[schemars(with = "Name<1024>")]
    pub vault_id: String,
    /// Name of the replication protected item.
    #[schemars(with = "Name<260>")]
    pub item_name: String,
    /// The request that has the item. Absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<RequestKey>,
    /// The call that the holder is about to make, makes, or has made. Without an outcome it may have been made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// The steps that the present holder has behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub finished: Vec<FinishedStep>,
    /// The requests that have run on this item, or have ended without running. None of them runs again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub consumed: Vec<Consumed>,
}

/// A mutating call, written down before its first byte is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Random, new with every intent: whoever does not know it has not written this, and does not send.
    #[schemars(with = "Text<64>")]
    pub nonce: String,
    /// Which step of the holder.
    pub step: Step,
    /// Which use of this step within the request, from 0.
    #[schemars(range(min = 0, max = 99))]
    pub ordinal: i32,
    /// Which try of this step, from 1.
    #[schemars(range(min = 1, max = 99))]
    pub attempt: i32,
    /// The x-ms-client-request-id that the call carries.
    #[schemars(with = "Guid")]
    pub client_request_id: String,
    /// sha256 of the call's body, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Sha256>")]
    pub body_hash: Option<String>,
    /// The recovery point that the call names, frozen here. Absent when it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point: Option<FrozenPoint>,
    /// Azure's date when the intent was written.
    #[schemars(with = "DateTime")]
    pub t0: String,
    /// Whether no further attempt follows, whatever is found out: Azure answered that something was in the way (409), the
    /// request said that the outcome is not known, or a person said which job it became.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_attempt: bool,
    /// What became of the call. Absent: it is not known to anybody but, perhaps, its writer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<IntentOutcome>,
    /// Name of the job that the call started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub job_id: Option<String>,
    /// What Azure answered, where it refused or nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub detail: Option<String>,
    /// How long Azure asked to wait, in seconds, where the call was throttled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub retry_after_seconds: Option<i32>,
}

/// The recovery point that a call names, frozen before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FrozenPoint {
    /// ARM id of the recovery point, exactly as it is sent.
    #[schemars(with = "Name<1024>")]
    pub id: String,
    /// Date of the data in this point, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    pub time: Option<String>,
    /// What kind of point it is, such as CrashConsistent or AppConsistent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Word>")]
    pub point_type: Option<String>,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum IntentOutcome {
    /// Azure took it.
    Accepted,
    /// Azure refused it; nothing happens.
    Refused,
    /// No byte of it left.
    NotSent,
    /// Azure was too busy to look at it; nothing happens.
    Throttled,
    /// It may or may not have arrived.
    Unknown,
    /// It came to nothing, by proof: a second and last attempt may be made.
    Absent,
}

/// A step that the holder has behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FinishedStep {
    /// Which step.
    pub step: Step,
    /// Which use of this step within the request, from 0.
    #[schemars(range(min = 0, max = 99))]
    pub ordinal: i32,
    /// Which try of this step, from 1.
    #[schemars(range(min = 1, max = 99))]
    pub attempt: i32,
    /// The x-ms-client-request-id that the call carried.
    #[schemars(with = "Guid")]
    pub client_request_id: String,
    /// Name of the job that the call started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub job_id: Option<String>,
    /// Azure's date when the intent was written.
    #[schemars(with = "DateTime")]
    pub t0: String,
    /// The recovery point that the call named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point: Option<RecoveryPointUsed>,
    /// When the job ended, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    pub ended_at: Option<String>,
    /// How the job ended, as decisions read it: Succeeded, SucceededWithWarning, Failed or Cancelled.
    #[schemars(with = "Word")]
    pub state: String,
    /// Data lost, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<32>>")]
    pub achieved_rpo: Option<String>,
    /// Time taken, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<32>>")]
    pub achieved_rto: Option<String>,
    /// ARM id of the virtual machine that the step made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub recovered_vm_id: Option<String>,
    /// ARM id under which the item is found since the step: a reprotect moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub new_protected_item_id: Option<String>,
    /// What became of the source machine's shutdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_shutdown: Option<ShutdownResult>,
    /// What Azure warned about though the step ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<512>>")]
    pub warning: Option<String>,
}

/// A request that does not run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consumed {
    /// Which request.
    pub key: RequestKey,
    /// sha256 of its spec, lower-case hex: the same name with another spec is refused.
    #[schemars(with = "Sha256")]
    pub spec_hash: String,
    /// Until when it could have begun, as the request says it. It is forgotten only after that.
    #[schemars(with = "Name<40>")]
    pub valid_until: String,
    /// How it ended. Absent: it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<RequestResult>,
}

/// How a request ended. Final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestResult {
    /// How it ended.
    pub outcome: ResultOutcome,
    /// The reason of its conditions.
    #[schemars(with = "Word")]
    pub reason: String,
    /// The message of its conditions.
    #[schemars(with = "Text<1024>")]
    pub message: String,
    /// When it ended, by Azure's clock.
    #[schemars(with = "DateTime")]
    pub at: String,
    /// Its steps whose job ended, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub steps: Vec<FinishedStep>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ResultOutcome {
    /// Its job succeeded.
    Succeeded,
    /// Its job failed.
    Failed,
    /// A precondition did not hold, or Azure refused the call.
    Refused,
    /// The machine already runs on the side to be reached. Nothing was sent.
    AlreadyThere,
    /// What it asks for was done already. Nothing was sent.
    NothingToDo,
    /// Its date passed before it began. Nothing was sent.
    Expired,
    /// It was taken back before it began. Nothing was sent.
    Cancelled,
    /// The ReplicatedVm came to mean another item. Nothing more is sent.
    TargetChanged,
}

/// What became of the source machine's shutdown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShutdownResult {
    /// Whether it was shut down.
    pub status: Truth,
    /// One word for the cause.
    #[schemars(with = "Word")]
    pub reason: String,
    /// The cause in words.
    #[schemars(with = "Text<1024>")]
    pub message: String,
}
