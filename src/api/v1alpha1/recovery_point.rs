//! How a request chooses a recovery point: the part of a spec that a failover and a change of the point have in common.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{GoDuration, Instant, Segment};

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

/// Which recovery point to change to: as for a failover, but never Latest, since the call takes the id of a point that
/// exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.type != 'Custom' || has(self.id) || has(self.notAfter)")
        .message("a recovery point of type Custom needs id or notAfter"),
    validation = Rule::new("self.type == 'Custom' || !has(self.id)")
        .message("id is for a recovery point of type Custom only")
)]
#[serde(rename_all = "camelCase")]
pub struct ListedPointSelector {
    /// LatestProcessed: the newest point. LatestAppConsistent, LatestCrashConsistent: the newest of that kind. Custom: the
    /// point named by id, or the newest one that is not after notAfter.
    #[serde(rename = "type")]
    pub point_type: ListedPointType,
    /// Name of a recovery point, as the ReplicatedVm's status or the portal shows it. Custom only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Segment<260>>")]
    pub id: Option<String>,
    /// Only points of this date or older: the last moment before the damage. RFC 3339 with a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    pub not_after: Option<String>,
    /// Refuse when the chosen point would lose more than this, such as 15m, counted from the start of the failover.
    /// Default: any loss is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<GoDuration<1>>")]
    pub max_data_loss: Option<String>,
}

/// How a listed recovery point is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ListedPointType {
    /// The newest listed point of any kind.
    LatestProcessed,
    /// The newest listed point that an application agreed to.
    LatestAppConsistent,
    /// The newest listed point that is as after a power cut.
    LatestCrashConsistent,
    /// The point with the given id, or the newest one not after a date.
    Custom,
}
