//! CommitRequest: makes a failover final.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::request::{RequestStatus, request_kind};
use super::schema::{Instant, Segment};
use super::shared::LocalRef;

/// One commit. It cannot be edited: to ask for something else, delete it before it has started, and create another
/// one under a new name. A name that was used runs at most once, however often it is applied.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "asr-operator.io",
    version = "v1alpha1",
    kind = "CommitRequest",
    namespaced,
    shortname = "cmt",
    category = "asr",
    status = "RequestStatus",
    derive = "PartialEq",
    selectable = ".spec.replicatedVmRef.name",
    doc = "Makes the pending failover of one ReplicatedVm final, at most once, whoever started it. All recovery points are deleted: there is no way back to another point.",
    printcolumn(name = "VM", type_ = "string", json_path = ".spec.replicatedVmRef.name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "By", type_ = "string", json_path = ".spec.requestedBy", priority = 1),
    printcolumn(name = "ValidUntil", type_ = "string", json_path = ".spec.validUntil", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("self == oldSelf")
        .message("a request cannot be edited: create another one under a new name")
)]
#[serde(rename_all = "camelCase")]
pub struct CommitRequestSpec {
    /// The ReplicatedVm whose failover is to be made final, in this namespace.
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
    /// The recovery point that was validated, as `recoveryPointUsed.id` of the failover shows it. The commit is
    /// refused when the machine is at another one. Leave it out to commit whatever point the machine is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Segment<260>>")]
    pub recovery_point_id: Option<String>,
}

request_kind!(CommitRequest);
