//! The mutating calls: their paths and bodies, byte for byte, and what came of one. Sending them is `send`'s.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::error::ArmError;
use super::ids::{InvalidId, ItemPath, JobId, is_guid};
use super::switch::SwitchProtection;

/// One mutating call. Its path and body depend on nothing else, so a hash of the body can be kept before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mutation {
    /// Fails an item over. In Azure to Azure a failback is the same call in the same "direction" (recorded:
    /// cli-A2A_scenarios seq 122).
    UnplannedFailover {
        /// The item, where it is now.
        item: ItemPath,
        /// The ARM id of the recovery point; `None` is the latest, which Azure makes from the data it has.
        recovery_point_id: Option<String>,
        /// Try to shut the source down first. Azure goes on when that fails.
        shutdown_source: bool,
    },
    /// Makes a failover final. Deletes every recovery point.
    FailoverCommit {
        /// The item, where it is now.
        item: ItemPath,
    },
    /// Makes the failed-over VM anew from another point, before the commit.
    ApplyRecoveryPoint {
        /// The item, where it is now.
        item: ItemPath,
        /// The ARM id of the recovery point.
        recovery_point_id: String,
    },
    /// Reverses replication of a committed failover; the item moves to another fabric (recorded: cli-A2A_scenarios seq 93).
    SwitchProtection {
        /// The item, where it is now.
        item: ItemPath,
        /// What it is to be replicated with.
        input: Box<SwitchProtection>,
    },
}

impl Mutation {
    /// The item acted on.
    pub fn item(&self) -> &ItemPath {
        match self {
            Self::UnplannedFailover { item, .. }
            | Self::FailoverCommit { item }
            | Self::ApplyRecoveryPoint { item, .. }
            | Self::SwitchProtection { item, .. } => item,
        }
    }

    /// The last segment of the path: Azure's name of the verb.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::UnplannedFailover { .. } => "unplannedFailover",
            Self::FailoverCommit { .. } => "failoverCommit",
            Self::ApplyRecoveryPoint { .. } => "applyRecoveryPoint",
            Self::SwitchProtection { .. } => "switchprotection",
        }
    }

    /// The path below the ARM host, without a query.
    pub fn path(&self) -> String {
        match self {
            Self::SwitchProtection { item, .. } => format!("{}/{}", item.container_id(), self.operation()),
            _ => format!("{}/{}", self.item(), self.operation()),
        }
    }

    /// The exact bytes of the body; none for a commit (recorded: cli-A2A_scenarios seq 90). Equal calls have equal bytes.
    pub fn body(&self) -> Vec<u8> {
        match self {
            Self::UnplannedFailover { recovery_point_id, shutdown_source, .. } => {
                let site = if *shutdown_source { "Required" } else { "NotRequired" };
                // The latest point is a field left out, as recorded; a null is not in Microsoft's schema.
                let named = |id: &String| format!(r#","recoveryPointId":{}"#, serde_json::Value::from(id.as_str()));
                let point = recovery_point_id.as_ref().map(named).unwrap_or_default();
                format!(
                    r#"{{"properties":{{"failoverDirection":"PrimaryToRecovery","sourceSiteOperations":"{site}","providerSpecificDetails":{{"instanceType":"A2A"{point}}}}}}}"#
                )
                .into_bytes()
            }
            Self::FailoverCommit { .. } => Vec::new(),
            Self::ApplyRecoveryPoint { recovery_point_id, .. } => {
                let point = serde_json::Value::from(recovery_point_id.as_str());
                format!(
                    r#"{{"properties":{{"recoveryPointId":{point},"providerSpecificDetails":{{"instanceType":"A2A"}}}}}}"#
                )
                .into_bytes()
            }
            Self::SwitchProtection { item, input } => input.body(item.name()),
        }
    }
}

/// The id a call is sent under, by which its job is found again: Azure puts it at the head of the job's `activityId`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientRequestId(String);

impl ClientRequestId {
    /// Reads a GUID of 36 characters; it is kept in lower case.
    ///
    /// # Errors
    /// When the text is no GUID.
    pub fn parse(guid: &str) -> Result<Self, InvalidId> {
        if is_guid(guid) {
            Ok(Self(guid.to_ascii_lowercase()))
        } else {
            Err(InvalidId::new("client request id", guid, "it is not a GUID"))
        }
    }

    /// The GUID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<uuid::Uuid> for ClientRequestId {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(uuid.hyphenated().to_string())
    }
}

impl fmt::Display for ClientRequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The time in which the first byte of a call may leave.
pub trait SendWindow: Send + Sync {
    /// What is left of it; `None` when it has closed. It is asked again as late as the transport allows, so it must be
    /// cheap and must count time in which the machine was suspended.
    fn remaining(&self) -> Option<Duration>;
}

/// What came of one mutating call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// Azure took the call and started this job. It says nothing about the job's success.
    Accepted {
        /// The job.
        job: JobId,
        /// ARM's clock.
        date: Option<Timestamp>,
    },
    /// Azure said no (400, 403, 404, 412); nothing was started.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Azure's words.
        error: ArmError,
        /// ARM's clock.
        date: Option<Timestamp>,
    },
    /// No byte of the request has left this machine.
    NotSent {
        /// Why, fit to be shown.
        why: String,
    },
    /// Azure did not process the call (429).
    Throttled {
        /// 1 to 600 s.
        retry_after: Duration,
    },
    /// The token was not taken (401); nothing was started. Invalidate it, look at the window, and send again.
    Unauthorized,
    /// The call may have been taken. Look for its job; do not repeat it.
    Unknown {
        /// Why, fit to be shown.
        why: String,
        /// Whether Azure said that something was in the way (409).
        conflict: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = "/subscriptions/7c943c1b-5122-4097-90c8-861411bdd574/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/i";

    fn failover(point: Option<&str>, shutdown_source: bool) -> Mutation {
        Mutation::UnplannedFailover {
            item: ItemPath::parse(ITEM).unwrap(),
            recovery_point_id: point.map(str::to_owned),
            shutdown_source,
        }
    }

    #[test]
    fn the_latest_point_is_left_out_as_recorded() {
        assert_eq!(
            String::from_utf8(failover(None, true).body()).unwrap(),
            r#"{"properties":{"failoverDirection":"PrimaryToRecovery","sourceSiteOperations":"Required","providerSpecificDetails":{"instanceType":"A2A"}}}"#
        );
    }

    #[test]
    fn a_chosen_point_goes_out_escaped_and_the_source_is_left_alone() {
        let body: serde_json::Value = serde_json::from_slice(&failover(Some("/a/\"b\""), false).body()).unwrap();
        assert_eq!(body["properties"]["sourceSiteOperations"], "NotRequired");
        assert_eq!(body["properties"]["providerSpecificDetails"]["recoveryPointId"], "/a/\"b\"");
    }

    #[test]
    fn a_commit_has_no_body_and_every_call_goes_to_its_item() {
        let commit = Mutation::FailoverCommit { item: ItemPath::parse(ITEM).unwrap() };
        assert!(commit.body().is_empty());
        assert_eq!(commit.path(), format!("{ITEM}/failoverCommit"));
        assert_eq!(failover(None, true).path(), format!("{ITEM}/unplannedFailover"));
    }
}
