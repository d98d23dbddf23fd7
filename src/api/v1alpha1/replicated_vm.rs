//! ReplicatedVm: one virtual machine that Site Recovery replicates between two sides, observed.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::Condition;
use super::schema::{DaysOrGoDuration, Region, ResourceGroupId, ResourceId, Segment, Text, VirtualMachineId, Zone};
use super::shared::{Direction, LocalRef, ObservedPoint, RecoveryPointUsed, RequestRef, Side};

/// Which machine is meant, and its two sides. Primary and recovery are the sides as they are declared here, wherever
/// the machine runs now: a failover does not swap them.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "asr-operator.io",
    version = "v1alpha1",
    kind = "ReplicatedVm",
    namespaced,
    shortname = "rvm",
    category = "asr",
    status = "ReplicatedVmStatus",
    derive = "PartialEq",
    doc = "One virtual machine that Azure Site Recovery replicates, observed. By itself it never changes anything in Azure: a request does. Deleting it changes nothing in Azure.",
    printcolumn(name = "Side", type_ = "string", json_path = ".status.activeSide"),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.activeRegion"),
    printcolumn(name = "Protected", type_ = "string", json_path = ".status.conditions[?(@.type=='Protected')].status"),
    printcolumn(
        name = "PendingCommit",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='PendingCommit')].status"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.protectionStateDescription", priority = 1),
    printcolumn(name = "Health", type_ = "string", json_path = ".status.replicationHealth", priority = 1),
    printcolumn(name = "Request", type_ = "string", json_path = ".status.activeRequest.name", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("has(self.sourceVmId) != has(self.protectedItemName)")
        .message("exactly one of sourceVmId and protectedItemName is required"),
    validation = Rule::new(
        "has(self.sourceVmId) == has(oldSelf.sourceVmId) \
         && (!has(self.sourceVmId) || self.sourceVmId.lowerAscii() == oldSelf.sourceVmId.lowerAscii())"
    )
    .message("sourceVmId cannot be changed: create another ReplicatedVm"),
    validation = Rule::new(
        "has(self.protectedItemName) == has(oldSelf.protectedItemName) && (!has(self.protectedItemName) \
         || self.protectedItemName.lowerAscii() == oldSelf.protectedItemName.lowerAscii())"
    )
    .message("protectedItemName cannot be changed: create another ReplicatedVm"),
    validation = Rule::new(
        "self.primary.region != self.recovery.region || (has(self.primary.zone) && has(self.recovery.zone) \
         && self.primary.zone != self.recovery.zone)"
    )
    .message("primary and recovery need different regions, or different zones of one region"),
    validation = Rule::new(
        "self.primary.region != self.recovery.region || (has(oldSelf.primary.zone) && has(oldSelf.recovery.zone) \
         && self.primary.zone == oldSelf.primary.zone && self.recovery.zone == oldSelf.recovery.zone)"
    )
    .message("zones cannot be changed where both sides are in one region: they tell the sides apart")
)]
#[serde(rename_all = "camelCase")]
pub struct ReplicatedVmSpec {
    /// The RecoveryVault, in this namespace, whose vault protects this machine. Cannot be changed.
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("vaultRef cannot be changed: create another ReplicatedVm")
    )]
    pub vault_ref: LocalRef,
    /// ARM id of the virtual machine on the primary side; upper and lower case do not matter. Give this or
    /// protectedItemName. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<VirtualMachineId>")]
    pub source_vm_id: Option<String>,
    /// Name of the replication protected item in the vault, where two items could be meant by the machine's id. Give
    /// this or sourceVmId. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Segment<260>>")]
    pub protected_item_name: Option<String>,
    /// The side where the machine belongs in normal times.
    pub primary: SideSpec,
    /// The side that takes over.
    pub recovery: SideSpec,
    /// What is promised to the machine's users. Conditions, warnings and metrics measure it; nothing acts on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives: Option<Objectives>,
    /// true: no request on this machine begins anything. It is still observed, and what runs in Azure goes on.
    /// Default: false.
    #[serde(default)]
    pub suspend: bool,
}

/// One side of the replication.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SideSpec {
    /// Azure region in lower case without blanks, such as westeurope. Cannot be changed.
    #[schemars(with = "Region")]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("region cannot be changed: create another ReplicatedVm")
    )]
    pub region: String,
    /// Availability zone, 1 to 9. Required, and fixed, where both sides are in one region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Zone>")]
    pub zone: Option<String>,
    /// ARM id of this side's resource group. A reprotect towards this side replicates into it, and a failover to this side
    /// puts the machine there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceGroupId>")]
    pub resource_group_id: Option<String>,
    /// ARM id of a storage account in this side's region: the cache of replication while the machine runs on this side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceId>")]
    pub cache_storage_account_id: Option<String>,
    /// ARM id of the replication policy for replication towards this side. Left out: the one of the vault's container
    /// mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceId>")]
    pub policy_id: Option<String>,
    /// ARM id of this side's virtual network. A reprotect towards this side is held back while it does not exist; which
    /// network a failover uses is set in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceId>")]
    pub network_id: Option<String>,
    /// ARM id of the availability set that a failover to this side puts the machine in, given to Azure by a reprotect
    /// towards this side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceId>")]
    pub availability_set_id: Option<String>,
    /// ARM id of the proximity placement group, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceId>")]
    pub proximity_placement_group_id: Option<String>,
    /// ARM id of the disk encryption set for the disks on this side, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceId>")]
    pub disk_encryption_set_id: Option<String>,
}

/// What is promised to the machine's users. An objective that is left out is not measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Objectives {
    /// The most data that may be lost in a failover, such as 15m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DaysOrGoDuration>")]
    pub rpo: Option<String>,
    /// The longest that a failover may take, such as 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DaysOrGoDuration>")]
    pub rto: Option<String>,
    /// How old the last successful drill may be, such as 90d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DaysOrGoDuration>")]
    pub drill_max_age: Option<String>,
    /// How long a failover may stay uncommitted, such as 4h. It is unprotected all that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DaysOrGoDuration>")]
    pub pending_commit_max: Option<String>,
}

/// What the operator sees of the machine. Views: the operator decides nothing by them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicatedVmStatus {
    /// The generation of the spec that this status speaks of. -1: the operator has not seen the object yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// ARM id of the replication protected item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub protected_item_id: Option<String>,
    /// Name of the replication protected item: the part of its id that a reprotect leaves alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<260>>")]
    pub protected_item_name: Option<String>,
    /// Azure's id of this protection, from enabling to disabling it. Absent right after enabling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub lifecycle_id: Option<String>,
    /// The declared side on which the machine runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_side: Option<Side>,
    /// The region in which the machine runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub active_region: Option<String>,
    /// The direction that a failover would have now: what to write into a FailoverRequest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_direction: Option<Direction>,
    /// State of the replication, Azure's identifier, such as Protected or UnplannedFailoverCommitPendingStatesBegin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<128>>")]
    pub protection_state: Option<String>,
    /// The same in Azure's words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<256>>")]
    pub protection_state_description: Option<String>,
    /// Health of the replication in Azure's words: Normal, Warning or Critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub replication_health: Option<String>,
    /// Whether Azure sees something in the way of a failover: Normal, Warning or Critical. A Warning that no test
    /// failover was done does not stop one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub failover_health: Option<String>,
    /// What Azure allows on the machine now, such as UnplannedFailover, Commit, SwitchProtection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Text<64>>", length(max = 32))]
    pub allowed_operations: Vec<String>,
    /// Azure's complaints about the machine, gravest first, at most ten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub health_errors: Vec<HealthError>,
    /// How many disks of the machine are not replicated: a failover leaves them behind. Absent when all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub unprotected_disks: Option<i32>,
    /// When the agent in the machine, or its certificate, expires, whichever comes first; replication ends then. Absent when
    /// Azure names no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<40>>")]
    pub agent_expires_at: Option<String>,
    /// The recovery points to choose from. A commit deletes them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_points: Option<RecoveryPointSummary>,
    /// Where a test failover stands, in Azure's words: None when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub test_failover_state: Option<String>,
    /// The request of this namespace that acts on the machine now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_request: Option<RequestRef>,
    /// The last failover that was seen, whoever started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failover: Option<LastOperation>,
    /// The last reprotect that this operator ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reprotect: Option<LastOperation>,
    /// The last successful test failover that Azure remembers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_test_failover: Option<LastOperation>,
    /// While a commit is pending: ARM id of the machine that runs after the failover, the one to validate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub recovered_vm_id: Option<String>,
    /// Ready: the machine is found and followed. Reconciling: it is looked for, or waits for a person's word (Suspended,
    /// OutcomeUnknown). Stalled: somebody has to mend what the message names. Protected,
    /// ReplicationHealthy, FailoverReady, PendingCommit, NeedsReprotect, DrillCurrent: see their messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<super::condition::ConditionSchema>", length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A complaint of Azure about the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthError {
    /// Azure's code, such as 153077.
    #[schemars(with = "Text<128>")]
    pub code: String,
    /// How grave: Warning or Error, in Azure's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub level: Option<String>,
    /// What it touches, in Azure's words, such as Replication or TestFailover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub category: Option<String>,
    /// What is wrong, in Azure's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub message: Option<String>,
    /// What Azure advises to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub recommended_action: Option<String>,
}

/// The recovery points to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPointSummary {
    /// How many there are.
    #[schemars(range(min = 0))]
    pub count: i32,
    /// The oldest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<ObservedPoint>,
    /// The newest one of any kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<ObservedPoint>,
    /// The newest one that an application agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_app_consistent: Option<ObservedPoint>,
}

/// An operation on the machine that is over, or runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastOperation {
    /// The request of this namespace that asked for it. Absent when it was done in the portal, or from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRef>,
    /// Name of the Site Recovery job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub job_id: Option<String>,
    /// State of the job in Azure's words, such as Succeeded or Failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub state: Option<String>,
    /// The direction between the declared sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The recovery point that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_point: Option<RecoveryPointUsed>,
    /// When it started, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<40>>")]
    pub started_at: Option<String>,
    /// When it ended, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<40>>")]
    pub ended_at: Option<String>,
}
