//! The input of `switchprotection`: what replication back is to use (recorded: cli-A2A_scenarios seq 93, ps-A2AReprotectTest).

use serde::Serialize;

/// What an item is to be replicated with after its replication was reversed. Fields that are not given are left out, as
/// recorded; the service then takes what it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchProtection {
    instance_type: &'static str,
    recovery_container_id: String,
    policy_id: String,
    recovery_resource_group_id: String,
    vm_managed_disks: Vec<SwitchedDisk>,
    /// ARM id of the availability set of the VM after a failback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_availability_set_id: Option<String>,
    /// Its zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_availability_zone: Option<String>,
    /// ARM id of its proximity placement group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_proximity_placement_group_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SwitchedDisk {
    disk_id: String,
    primary_staging_azure_storage_account_id: String,
    recovery_resource_group_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_disk_encryption_set_id: Option<String>,
}

impl SwitchProtection {
    /// The input by its ARM ids: the container and group that are replicated to, the policy of the mapping that leads
    /// there, and for every disk of the VM that runs now the cache account beside it.
    pub fn new(
        container: String,
        policy: String,
        resource_group: String,
        disks: &[String],
        cache_account: &str,
        disk_encryption_set: Option<&str>,
    ) -> Self {
        let disk = |id: &String| SwitchedDisk {
            disk_id: id.clone(),
            primary_staging_azure_storage_account_id: cache_account.to_owned(),
            recovery_resource_group_id: resource_group.clone(),
            recovery_disk_encryption_set_id: disk_encryption_set.map(str::to_owned),
        };
        Self {
            instance_type: "A2A",
            recovery_container_id: container,
            policy_id: policy,
            vm_managed_disks: disks.iter().map(disk).collect(),
            recovery_resource_group_id: resource_group,
            recovery_availability_set_id: None,
            recovery_availability_zone: None,
            recovery_proximity_placement_group_id: None,
        }
    }

    /// The exact bytes of the call's body for the item of that name; equal inputs have equal bytes.
    pub(super) fn body(&self, item: &str) -> Vec<u8> {
        let properties = serde_json::json!({
            "replicationProtectedItemName": item,
            "providerSpecificDetails": self,
        });
        serde_json::json!({ "properties": properties }).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of cli-A2A_scenarios seq 93, with shorter ids.
    #[test]
    fn the_body_is_the_recorded_one() {
        let input = SwitchProtection::new("/c".into(), "/p".into(), "/rg".into(), &["/d".into()], "/cache", None);
        let body: serde_json::Value = serde_json::from_slice(&input.body("item")).unwrap();
        let recorded = serde_json::json!({"properties": {
            "providerSpecificDetails": {
                "instanceType": "A2A",
                "policyId": "/p",
                "recoveryContainerId": "/c",
                "recoveryResourceGroupId": "/rg",
                "vmManagedDisks": [{
                    "diskId": "/d",
                    "primaryStagingAzureStorageAccountId": "/cache",
                    "recoveryResourceGroupId": "/rg",
                }],
            },
            "replicationProtectedItemName": "item",
        }});
        assert_eq!(body, recorded);
        assert_eq!(input.body("item"), input.clone().body("item"));
    }
}
