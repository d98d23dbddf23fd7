//! Words that several kinds share: references, sides, directions, steps and points.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::{Name, NamespaceName, ObjectName, Text, Word};
use kube::KubeSchema;

/// An object of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Name of the object. It is looked up in the namespace of the object that names it, never in another one.
    #[schemars(with = "ObjectName")]
    pub name: String,
}

/// The request that acts, or acted, on a virtual machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestRef {
    /// Kind of the request, such as FailoverRequest.
    #[schemars(with = "Word")]
    pub kind: String,
    /// Name of the request, in this namespace.
    #[schemars(with = "ObjectName")]
    pub name: String,
}

/// What a request is, for good: kind, namespace and name. The uid is no part of it, so an object that was deleted and
/// created again is the same request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestKey {
    /// Kind of the request.
    #[schemars(with = "Word")]
    pub kind: String,
    /// Namespace of the request.
    #[schemars(with = "NamespaceName")]
    pub namespace: String,
    /// Name of the request.
    #[schemars(with = "ObjectName")]
    pub name: String,
}

/// Direction of a failover between the sides as the ReplicatedVm declares them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Direction {
    /// From the declared primary side to the declared recovery side.
    PrimaryToRecovery,
    /// From the declared recovery side back to the declared primary side.
    RecoveryToPrimary,
}

/// A side as the ReplicatedVm declares it, wherever the machine runs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Side {
    /// The side under `spec.primary`.
    Primary,
    /// The side under `spec.recovery`.
    Recovery,
}

/// A mutating call that a request may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Step {
    /// ASR's unplanned failover.
    Failover,
    /// ASR's apply recovery point.
    ChangeRecoveryPoint,
    /// ASR's failover commit.
    Commit,
    /// ASR's switch protection.
    Reprotect,
}

/// What is known of a fact, in the words of a condition's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Truth {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// Nobody can tell.
    Unknown,
}

/// The recovery point that a failover used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPointUsed {
    /// Name of the recovery point: the last segment of its ARM id. Absent while only Azure knows it, as when the
    /// latest data was asked for and the failover still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<260>>")]
    pub id: Option<String>,
    /// Date of the data in this point, by Azure's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<40>>")]
    pub time: Option<String>,
    /// What kind of point it is, in Azure's words, such as CrashConsistent or AppConsistent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub point_type: Option<String>,
}

/// A recovery point that Azure lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedPoint {
    /// Name of the recovery point: what `recoveryPoint.id` of a FailoverRequest takes.
    #[schemars(with = "Name<260>")]
    pub id: String,
    /// Date of the data in this point, by Azure's clock.
    #[schemars(with = "Text<40>")]
    pub time: String,
}
