//! FailoverRequest: one failover of one virtual machine. Failback is the same kind in the other direction.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::request::{Request, RequestSpecView, RequestStatus};
use super::schema::{GoDuration, Instant, Segment};
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

/// Which data to start from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.type != 'Custom' || has(self.id) || has(self.notAfter)")
        .message("a recovery point of type Custom needs id or notAfter"),
    validation = Rule::new("self.type == 'Custom' || !has(self.id)")
        .message("id is for a recovery point of type Custom only"),
    validation = Rule::new("self.type != 'Latest' || !has(self.notAfter)")
        .message("notAfter is for any type but Latest: choose LatestProcessed, or Custom for a point of any kind")
)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPointSelector {
    /// Latest: everything that Azure has received, processed first: loses least, takes longest. LatestProcessed: the
    /// newest point that is ready: fastest. LatestAppConsistent, LatestCrashConsistent: the newest ready point of that
    /// kind. Custom: the point named by id, or the newest one that is not after notAfter.
    #[serde(rename = "type", default)]
    pub point_type: RecoveryPointType,
    /// Name of a recovery point, as the ReplicatedVm's status or the portal shows it. Custom only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Segment<260>>")]
    pub id: Option<String>,
    /// Only points of this date or older: the last moment before the damage. RFC 3339 with a zone. Any type but Latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub not_after: Option<String>,
    /// Refuse to start when the chosen point would lose more than this, such as 15m. Default: any loss is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<GoDuration<1>>")]
    pub max_data_loss: Option<String>,
}

/// How the recovery point is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RecoveryPointType {
    /// Everything that Azure has received; ASR makes the point itself.
    #[default]
    Latest,
    /// The newest listed point of any kind.
    LatestProcessed,
    /// The newest listed point that an application agreed to.
    LatestAppConsistent,
    /// The newest listed point that is as after a power cut.
    LatestCrashConsistent,
    /// The point with the given id, or the newest one not after a date.
    Custom,
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

impl Request for FailoverRequest {
    const KIND: &'static str = "FailoverRequest";

    fn request_spec(&self) -> RequestSpecView<'_> {
        RequestSpecView {
            replicated_vm: &self.spec.replicated_vm_ref.name,
            valid_until: &self.spec.valid_until,
            reason: &self.spec.reason,
            priority: self.spec.priority,
        }
    }

    fn request_status(&self) -> Option<&RequestStatus> {
        self.status.as_ref()
    }
}
