//! The protected item: one VM and its replica.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{dates, last_segment, odd};
use crate::asr::ids::{ItemPath, JobId};

/// A replicated item. Items of other providers than Azure to Azure decode too; their `a2a` is `None`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtectedItem {
    /// Where it is found now.
    pub id: ItemPath,
    /// The name that a reprotect keeps.
    pub name: String,
    /// The VM's name.
    pub friendly_name: Option<String>,
    /// Such as `Protected` or `UnplannedFailoverCommitted` (recorded: cli-A2A_scenarios, ps-A2AReprotectTest). It lags the operation.
    pub protection_state: Option<String>,
    /// The same for people.
    #[serde(default, deserialize_with = "odd::told")]
    pub protection_state_description: Option<String>,
    /// `Primary` or `Recovery`: where the VM runs within the present direction. It reads `Primary` again after a
    /// reprotect, so it is never a direction by itself.
    pub active_location: Option<String>,
    /// What Azure would accept now, the only gate for a verb.
    #[serde(default)]
    pub allowed_operations: Vec<String>,
    /// `None`, `Normal`, `Warning` or `Critical`.
    pub replication_health: Option<String>,
    /// The same, for the readiness to fail over.
    pub failover_health: Option<String>,
    /// Causes of the two.
    #[serde(default)]
    pub health_errors: Vec<HealthError>,
    /// What runs on the item. Absent and "None" are the same.
    #[serde(default)]
    pub current_scenario: CurrentScenario,
    /// The point used by the last failover, as a path whose container is named in another way than elsewhere.
    pub failover_recovery_point_id: Option<String>,
    /// The container it replicates to.
    pub recovery_container_id: Option<String>,
    /// The fabric it replicates to.
    pub recovery_fabric_id: Option<String>,
    /// Display name of the region it replicates from.
    pub primary_fabric_friendly_name: Option<String>,
    /// Display name of the region it replicates to.
    pub recovery_fabric_friendly_name: Option<String>,
    /// The replication policy.
    pub policy_id: Option<String>,
    /// The replication policy's name.
    pub policy_friendly_name: Option<String>,
    /// `None`, `WaitingForCompletion`, `MarkedForDeletion`; the last can stay long after the clean-up.
    pub test_failover_state: Option<String>,
    /// Start of the last successful failover's job.
    #[serde(default, deserialize_with = "dates::lenient")]
    pub last_successful_failover_time: Option<Timestamp>,
    /// Start of the last successful drill's job.
    #[serde(default, deserialize_with = "dates::lenient")]
    pub last_successful_test_failover_time: Option<Timestamp>,
    /// What only Azure to Azure has.
    #[serde(default, rename = "providerSpecificDetails", deserialize_with = "a2a_only")]
    pub a2a: Option<A2aDetails>,
}

impl ProtectedItem {
    /// True when Azure lists the operation, such as `UnplannedFailover` or `Commit`.
    pub fn allows(&self, operation: &str) -> bool {
        self.allowed_operations.iter().any(|allowed| allowed.eq_ignore_ascii_case(operation))
    }

    /// True when the VM runs on the side it replicates from.
    pub fn is_active_on_primary(&self) -> bool {
        self.is_active_on("Primary")
    }

    /// True when the VM runs on the side it replicated to.
    pub fn is_active_on_recovery(&self) -> bool {
        self.is_active_on("Recovery")
    }

    fn is_active_on(&self, side: &str) -> bool {
        self.active_location.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(side))
    }

    /// The name of the point used by the last failover, comparable with [`RecoveryPoint::name`](super::RecoveryPoint::name).
    pub fn failover_recovery_point(&self) -> Option<&str> {
        last_segment(self.failover_recovery_point_id.as_deref()?)
    }
}

/// What runs on an item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CurrentScenario {
    /// The verb, in the words of a job's scenario. `None` when nothing runs, though the wire says `"None"`.
    #[serde(rename = "scenarioName", deserialize_with = "scenario_name")]
    pub name: Option<String>,
    /// Its job. `None` for the fake `replicationJobs/None`.
    #[serde(rename = "jobId", deserialize_with = "job_of_path")]
    pub job: Option<JobId>,
    /// When it began.
    #[serde(rename = "startTime", deserialize_with = "dates::lenient")]
    pub start: Option<Timestamp>,
}

impl CurrentScenario {
    /// True when nothing runs and no job is named.
    pub fn is_idle(&self) -> bool {
        self.name.is_none() && self.job.is_none()
    }
}

/// One cause of bad health (recorded: cli-A2A_scenarios seq 73).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthError {
    /// Such as `161011`.
    #[serde(rename = "errorCode")]
    pub code: Option<String>,
    /// `Error` or `Warning`.
    #[serde(rename = "errorLevel")]
    pub level: Option<String>,
    /// Such as `TestFailover`, `Replication`, `Configuration`.
    #[serde(rename = "errorCategory")]
    pub category: Option<String>,
    /// What is wrong.
    #[serde(rename = "errorMessage", deserialize_with = "odd::told")]
    pub message: Option<String>,
    /// The same, shorter, where Azure has it.
    #[serde(deserialize_with = "odd::told")]
    pub summary_message: Option<String>,
    /// Azure's guess at the cause.
    #[serde(deserialize_with = "odd::told")]
    pub possible_causes: Option<String>,
    /// Azure's advice.
    #[serde(rename = "recommendedAction", deserialize_with = "odd::told")]
    pub action: Option<String>,
    /// The thing it is about; it changes with a reprotect.
    #[serde(rename = "entityId")]
    pub entity: Option<String>,
    /// When Azure noticed.
    #[serde(rename = "creationTimeUtc", deserialize_with = "dates::lenient")]
    pub since: Option<Timestamp>,
}

/// What only an Azure-to-Azure item has. `primary` and `recovery` swap with a reprotect, `initial` never does.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct A2aDetails {
    /// The VM that replicates, lower-cased. After a reprotect it is the recovered one.
    pub fabric_object_id: Option<String>,
    /// The recovered VM, from a failover to the next reprotect.
    pub recovery_fabric_object_id: Option<String>,
    /// Region it replicates from.
    pub primary_fabric_location: Option<String>,
    /// Region it replicates to.
    pub recovery_fabric_location: Option<String>,
    /// Region it replicated from when replication was enabled.
    pub initial_primary_fabric_location: Option<String>,
    /// Region it replicated to when replication was enabled.
    pub initial_recovery_fabric_location: Option<String>,
    /// Zone it replicates from.
    pub primary_availability_zone: Option<String>,
    /// Zone it replicates to.
    pub recovery_availability_zone: Option<String>,
    /// Zone it replicated from when replication was enabled.
    pub initial_primary_zone: Option<String>,
    /// Zone it replicated to when replication was enabled.
    pub initial_recovery_zone: Option<String>,
    /// Resource group that a failover makes the VM in.
    pub recovery_azure_resource_group_id: Option<String>,
    /// Name that a failover gives the VM.
    #[serde(rename = "recoveryAzureVMName")]
    pub recovery_azure_vm_name: Option<String>,
    /// Size that a failover gives the VM.
    #[serde(rename = "recoveryAzureVMSize")]
    pub recovery_azure_vm_size: Option<String>,
    /// Network that a failover puts the VM in.
    pub selected_recovery_azure_network_id: Option<String>,
    /// Name of the multi-VM consistency group; none for a group of one.
    pub multi_vm_group_name: Option<String>,
    /// `AutoCreated` (a group of one) or `UserSpecified`.
    pub multi_vm_group_create_option: Option<String>,
    /// The shared-disk cluster it is a member of.
    pub protection_cluster_id: Option<String>,
    /// Survives a reprotect; null after enable and during a reprotect's copy.
    pub lifecycle_id: Option<String>,
    /// Data that would be lost by a failover now, in seconds; frozen once failed over.
    pub rpo_in_seconds: Option<i64>,
    /// When that was measured.
    #[serde(deserialize_with = "dates::lenient")]
    pub last_rpo_calculated_time: Option<Timestamp>,
    /// State of the VM's replication, in the words of `protection_state`.
    pub vm_protection_state: Option<String>,
    /// The same for people.
    pub vm_protection_state_description: Option<String>,
    /// Network interfaces and what a failover makes of them.
    pub vm_nics: Vec<Nic>,
    /// Managed disks and what a failover makes of them.
    pub protected_managed_disks: Vec<ManagedDisk>,
    /// How many disks of the VM are not replicated. Recorded only as null; the elements are of the documented model.
    #[serde(deserialize_with = "odd::how_many")]
    pub unprotected_disks: usize,
    /// Until when Azure supports the agent in the VM; the year 9999 (recorded throughout) is `None`.
    #[serde(deserialize_with = "dates::lenient")]
    pub agent_expiry_date: Option<Timestamp>,
    /// When the agent's certificate ends (recorded: cli-A2A_scenarios); absent while data is being copied.
    #[serde(deserialize_with = "dates::lenient")]
    pub agent_certificate_expiry_date: Option<Timestamp>,
}

impl A2aDetails {
    /// True for a member of a consistency group that a person made: it cannot be failed over alone. A named group that
    /// is not said to be made by Azure is a person's, in whatever word.
    pub fn is_in_user_group(&self) -> bool {
        let option = self.multi_vm_group_create_option.as_deref().unwrap_or_default();
        let by_azure = option.eq_ignore_ascii_case("AutoCreated");
        option.eq_ignore_ascii_case("UserSpecified") || (self.multi_vm_group_name.is_some() && !by_azure)
    }
}

/// A network interface of the item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Nic {
    /// Azure's internal id.
    pub nic_id: Option<String>,
    /// ARM id of the source's interface.
    pub source_nic_arm_id: Option<String>,
    /// Network it is to be in after a failover.
    #[serde(rename = "recoveryVMNetworkId")]
    pub recovery_network_id: Option<String>,
    /// Its addresses.
    pub ip_configs: Vec<IpConfig>,
}

/// An address of a network interface, as it is and as it is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IpConfig {
    /// Its name.
    pub name: Option<String>,
    /// True for the interface's first address.
    pub is_primary: bool,
    /// Subnet on the source.
    pub subnet_name: Option<String>,
    /// Address on the source.
    #[serde(rename = "staticIPAddress")]
    pub static_ip_address: Option<String>,
    /// Subnet wanted after a failover. Azure takes the first of the alphabet when it does not exist.
    pub recovery_subnet_name: Option<String>,
    /// Address wanted after a failover. Azure takes the next free one when it is taken.
    #[serde(rename = "recoveryStaticIPAddress")]
    pub recovery_static_ip_address: Option<String>,
}

/// A managed disk of the item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedDisk {
    /// The disk that replicates, lower-cased.
    pub disk_id: Option<String>,
    /// Its name.
    pub disk_name: Option<String>,
    /// The disk that a failover made.
    pub recovery_target_disk_id: Option<String>,
    /// The replica; none after a commit.
    pub recovery_replica_disk_id: Option<String>,
    /// Resource group of the replica.
    pub recovery_resource_group_id: Option<String>,
    /// Cache storage account of the side it replicates from.
    pub primary_staging_azure_storage_account_id: Option<String>,
    /// `OperatingSystem` or `Data`.
    pub disk_type: Option<String>,
    /// `InitialReplicationPending`, `Protected` and others; null in a list.
    pub disk_state: Option<String>,
}

fn a2a_only<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<A2aDetails>, D::Error> {
    let details = Value::deserialize(deserializer)?;
    match details["instanceType"].as_str() {
        Some("A2A") => A2aDetails::deserialize(details).map(Some).map_err(serde::de::Error::custom),
        _ => Ok(None),
    }
}

fn scenario_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.filter(|name| !name.eq_ignore_ascii_case("None")))
}

/// A job named by its path; a path that names none is `None`.
fn job_of_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<JobId>, D::Error> {
    let path = Option::<String>::deserialize(deserializer)?;
    Ok(path.as_deref().and_then(JobId::from_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_group_is_a_persons_unless_azure_says_that_it_made_it() {
        for (option, name, member) in [
            (Some("AutoCreated"), None, false),
            (Some("autocreated"), Some("made"), false),
            (Some("UserSpecified"), Some("web"), true),
            (Some("UserSpecified"), None, true),
            (Some("Pondering"), Some("web"), true),
            (None, Some("web"), true),
            (None, None, false),
        ] {
            let text = |text: Option<&str>| text.map(str::to_owned);
            let (multi_vm_group_name, multi_vm_group_create_option) = (text(name), text(option));
            let details = A2aDetails { multi_vm_group_name, multi_vm_group_create_option, ..A2aDetails::default() };
            assert_eq!(details.is_in_user_group(), member, "{option:?} {name:?}");
        }
    }
}
