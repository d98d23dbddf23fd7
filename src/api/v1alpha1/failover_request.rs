//! FailoverRequest: one failover of one virtual machine. Failback is the same kind in the other direction.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recovery_point::RecoveryPointSelector;
use super::request::{RequestStatus, request_kind};
use super::schema::Instant;
use super::shared::{Direction, LocalRef};

/// One failover. It cannot be edited: to ask for something else, delete it before it has started, and create another
/// one under a new name. A name that was used runs at most once, however often it is applied.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "asr-operator.io",
    version = "v1alpha1",
    kind = "FailoverRequest",
    namespaced,
    shortname = "fo",
    category = "asr",
    status = "RequestStatus",
    derive = "PartialEq",
    selectable = ".spec.replicatedVmRef.name",
    doc = "Fails one ReplicatedVm over to the other side, at most once. Deleting it never cancels, commits or reverts a failover that has started.",
    printcolumn(name = "VM", type_ = "string", json_path = ".spec.replicatedVmRef.name"),
    printcolumn(name = "Direction", type_ = "string", json_path = ".spec.direction"),
    printcolumn(name = "Point", type_ = "string", json_path = ".spec.recoveryPoint.type"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "By", type_ = "string", json_path = ".spec.requestedBy", priority = 1),
    printcolumn(name = "ValidUntil", type_ = "string", json_path = ".spec.validUntil", priority = 1),
    printcolumn(name = "RPO", type_ = "string", json_path = ".status.achievedRpo", priority = 1),
    printcolumn(name = "RTO", type_ = "string", json_path = ".status.achievedRto", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("self == oldSelf")
        .message("a request cannot be edited: create another one under a new name")
)]
#[serde(rename_all = "camelCase")]
pub struct FailoverRequestSpec {
    /// The ReplicatedVm to fail over, in this namespace.
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
    /// Between the sides as the ReplicatedVm declares them, wherever the machine runs now. When it already runs on the
    /// side to be reached, nothing is sent and the request ends as AlreadyThere.
    pub direction: Direction,
    /// Which data to start from. Default: the latest.
    #[serde(default)]
    pub recovery_point: RecoveryPointSelector,
    /// Shut the source machine down first, to lose nothing. Set it to false when the source must be left as it is. A
    /// shutdown that fails does not stop the failover; the condition SourceShutdown then says that the source may
    /// still run. Default: true.
    #[serde(default = "yes")]
    pub shutdown_source: bool,
    /// Manual: the request is done when the machine runs on the other side, and a CommitRequest makes it final after
    /// somebody has looked. Automatic: commit at once, which deletes every recovery point. Default: Manual.
    #[serde(default)]
    pub commit_policy: CommitPolicy,
}

/// Who makes a failover final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CommitPolicy {
    /// A CommitRequest, or a person in the portal.
    #[default]
    Manual,
    /// This request, as soon as the failover's job has succeeded.
    Automatic,
}

fn yes() -> bool {
    true
}

request_kind!(FailoverRequest);
