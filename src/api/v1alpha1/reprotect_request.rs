//! ReprotectRequest: replicates a machine that failed over and was committed back to the side it came from.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request::{RequestStatus, request_kind};
use super::schema::{Instant, ResourceGroupId, ResourceId, Zone};
use super::shared::{Direction, LocalRef};

/// One reprotect. It cannot be edited: to ask for something else, delete it before it has started, and create another
/// one under a new name. A name that was used runs at most once, however often it is applied.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "asr-operator.io",
    version = "v1alpha1",
    kind = "ReprotectRequest",
    namespaced,
    shortname = "rp",
    category = "asr",
    status = "RequestStatus",
    derive = "PartialEq",
    selectable = ".spec.replicatedVmRef.name",
    doc = "Reverses the replication of one ReplicatedVm whose failover is committed, at most once, so that it can fail back. The machine of the other side is overwritten. Done when Azure's job is; that all data is copied, some 40 minutes later, is the condition Synchronized.",
    printcolumn(name = "VM", type_ = "string", json_path = ".spec.replicatedVmRef.name"),
    printcolumn(name = "Direction", type_ = "string", json_path = ".spec.direction"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(
        name = "Synchronized",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Synchronized')].status"
    ),
    printcolumn(name = "By", type_ = "string", json_path = ".spec.requestedBy", priority = 1),
    printcolumn(name = "ValidUntil", type_ = "string", json_path = ".spec.validUntil", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("self == oldSelf")
        .message("a request cannot be edited: create another one under a new name")
)]
#[serde(rename_all = "camelCase")]
pub struct ReprotectRequestSpec {
    /// The ReplicatedVm to protect again, in this namespace.
    pub replicated_vm_ref: LocalRef,
    /// Nothing is begun after this date; what has started by then is finished. RFC 3339 with a zone, such as
    /// 2026-03-01T04:00:00Z, at most 7 days ahead. Judged by Azure's clock. Choose it as short as the decision holds.
    #[schemars(with = "Instant")]
    pub valid_until: String,
    /// Why, for whoever reads this afterwards. 3 to 256 characters.
    #[schemars(length(min = 3, max = 256))]
    pub reason: String,
    /// Who asks for this: the name under which the API server knows whoever creates the object, as kubectl auth whoami prints
    /// it. The chart's admission policy refuses another one, so that nobody asks in somebody else's name; under GitOps the
    /// creator is the tool's ServiceAccount. Shown with the request. 1 to 128 characters. Default: nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub requested_by: Option<String>,
    /// Order among the requests that wait for the same machine: higher first, then the older one. -100 to 100.
    #[serde(default)]
    #[schemars(range(min = -100, max = 100))]
    pub priority: i32,
    /// The direction of replication after the call, between the sides as the ReplicatedVm declares them: it starts where
    /// the machine runs now. Anything else is refused; what replicates that way already is done without a call.
    pub direction: Direction,
    /// What this reprotect uses instead of what the ReplicatedVm declares for its sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<ReprotectSettings>,
    /// Says that you know what is lost. OldSideIsOverwritten: the machine of the side that is replicated to, and its
    /// disks, are replaced by what is copied.
    #[schemars(length(min = 1, max = 4))]
    pub acknowledge: Vec<Acknowledgement>,
}

/// What a reprotect uses instead of what the ReplicatedVm declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReprotectSettings {
    /// ARM id of the resource group, on the side that is replicated to, that a failback puts the machine and its disks in.
    /// Default: `resourceGroupId` of that side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceGroupId>")]
    pub resource_group_id: Option<String>,
    /// ARM id of the cache storage account, in the region where the machine runs now. Default: `cacheStorageAccountId` of
    /// that side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceId>")]
    pub cache_storage_account_id: Option<String>,
    /// ARM id of the replication policy. Default: `policyId` of the side that is replicated to, else the one of the
    /// vault's container mapping for this direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ResourceId>")]
    pub policy_id: Option<String>,
    /// Availability zone for a failback. Default: `zone` of the side that is replicated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Zone>")]
    pub zone: Option<String>,
}

/// What a person says to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Acknowledgement {
    /// The machine of the side that is replicated to is replaced.
    OldSideIsOverwritten,
}

request_kind!(ReprotectRequest);
