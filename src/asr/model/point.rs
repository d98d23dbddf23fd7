//! Recovery points of an item.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::dates;

/// One point in time an item can be failed over to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryPoint {
    /// The ARM id, as a failover names it.
    pub id: String,
    /// A GUID, the only part that other resources name in the same way.
    pub name: String,
    /// When the VM was as the point has it.
    #[serde(default, rename = "recoveryPointTime", deserialize_with = "dates::lenient")]
    pub time: Option<Timestamp>,
    /// `CrashConsistent` or `ApplicationConsistent`.
    #[serde(rename = "recoveryPointType")]
    pub kind: Option<String>,
    /// `PerVmRecoveryPoint` or `MultiVmSyncRecoveryPoint`, where Azure says.
    #[serde(default, rename = "providerSpecificDetails", deserialize_with = "sync_type")]
    pub sync_type: Option<String>,
}

impl RecoveryPoint {
    /// True when the VM's applications had flushed their data.
    pub fn is_app_consistent(&self) -> bool {
        self.is("ApplicationConsistent")
    }

    /// True when only the disks agree with each other.
    pub fn is_crash_consistent(&self) -> bool {
        self.is("CrashConsistent")
    }

    fn is(&self, kind: &str) -> bool {
        self.kind.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(kind))
    }
}

fn sync_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let details = Value::deserialize(deserializer)?;
    Ok(details["recoveryPointSyncType"].as_str().map(str::to_owned))
}
