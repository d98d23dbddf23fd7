//! Vaults, fabrics, containers, mappings, policies and recovery points as the service writes them.

use serde_json::{Value, json};

use super::super::ids::guid;
use super::super::item::Item;
use super::super::points::Point;
use super::super::vault::Vault;
use super::precise;

const FABRICS: &str = "Microsoft.RecoveryServices/vaults/replicationFabrics";

/// The vault itself; its location is the recovery region's.
pub(crate) fn vault(vault: &Vault) -> Value {
    json!({
        "location": vault.fabrics[1].location,
        "name": vault.name,
        "etag": "W/\"datetime'2026-05-01T00%3A00%3A00.0000000Z'\"",
        "tags": {},
        "properties": {
            "provisioningState": "Succeeded",
            "privateEndpointStateForBackup": "None",
            "privateEndpointStateForSiteRecovery": "None",
            "publicNetworkAccess": "Enabled",
        },
        "id": vault.id().replacen("/Subscriptions/", "/subscriptions/", 1),
        "type": "Microsoft.RecoveryServices/vaults",
        "sku": { "name": "RS0", "tier": "Standard" },
    })
}

/// A fabric; `containerIds` names its container by GUID (recorded: cli-A2A_scenarios 74).
pub(crate) fn fabric(vault: &Vault, index: usize) -> Value {
    let fabric = &vault.fabrics[index];
    let encryption = json!({ "kekState": "None", "kekCertThumbprint": null });
    json!({
        "id": vault.fabric_id(index),
        "name": fabric.name,
        "type": FABRICS,
        "properties": {
            "friendlyName": fabric.friendly_name(),
            "encryptionDetails": encryption,
            "rolloverEncryptionDetails": encryption,
            "internalIdentifier": guid(&["fabric", &vault.fabric_id(index)]),
            "bcdrState": "Valid",
            "customDetails": {
                "instanceType": "Azure",
                "location": fabric.location,
                "containerIds": [vault.container_alias_id(index)],
                "zones": [],
                "extendedLocations": [],
                "locationDetails": [],
            },
            "healthErrorDetails": [],
            "health": "Normal",
        },
    })
}

/// A container.
pub(crate) fn container(vault: &Vault, index: usize) -> Value {
    let fabric = &vault.fabrics[index];
    json!({
        "id": vault.container_id(index),
        "name": fabric.container,
        "type": format!("{FABRICS}/replicationProtectionContainers"),
        "properties": {
            "fabricFriendlyName": fabric.friendly_name(),
            "friendlyName": fabric.container,
            "fabricType": "Azure",
            "protectedItemCount": vault.items_of(index).count(),
            "pairingStatus": "Paired",
            "role": "Primary",
            "fabricSpecificDetails": null,
        },
    })
}

/// The mappings that there are, in both directions: the list of one container holds the other's too (recorded).
pub(crate) fn mappings(vault: &Vault) -> Vec<Value> {
    (0..2).filter(|index| vault.mapped[*index]).map(|index| mapping(vault, index)).collect()
}

/// The mapping from the container of `index` to the other one.
pub(crate) fn mapping(vault: &Vault, index: usize) -> Value {
    let (source, target) = (&vault.fabrics[index], &vault.fabrics[1 - index]);
    json!({
        "id": vault.mapping_id(index),
        "name": vault.mapping_name(index),
        "type": format!("{FABRICS}/replicationProtectionContainers/replicationProtectionContainerMappings"),
        "properties": {
            "targetProtectionContainerId": vault.container_id(1 - index),
            "targetProtectionContainerFriendlyName": target.container,
            "providerSpecificDetails": {
                "instanceType": "A2A",
                "agentAutoUpdateStatus": "Disabled",
                "automationAccountAuthenticationType": "RunAsAccount",
                "automationAccountArmId": null,
                "scheduleName": null,
                "jobScheduleName": null,
            },
            "health": "Normal",
            "healthErrorDetails": [],
            "policyId": vault.policy_id(),
            "state": "Paired",
            "sourceProtectionContainerFriendlyName": source.container,
            "sourceFabricFriendlyName": source.friendly_name(),
            "targetFabricFriendlyName": target.friendly_name(),
            "policyFriendlyName": vault.policy.name,
        },
    })
}

/// The policy.
pub(crate) fn policy(vault: &Vault) -> Value {
    let policy = &vault.policy;
    json!({
        "id": vault.policy_id(),
        "name": policy.name,
        "type": "Microsoft.RecoveryServices/vaults/replicationPolicies",
        "properties": {
            "friendlyName": policy.name,
            "providerSpecificDetails": {
                "instanceType": "A2A",
                "recoveryPointThresholdInMinutes": 0,
                "recoveryPointHistory": policy.history_minutes,
                "appConsistentFrequencyInMinutes": policy.app_minutes,
                "multiVmSyncStatus": "Enabled",
                "crashConsistentFrequencyInMinutes": 5,
            },
        },
    })
}

/// A recovery point of an item.
pub(crate) fn point(vault: &Vault, item: &Item, point: &Point) -> Value {
    json!({
        "id": vault.point_id(item, point),
        "name": point.id,
        "type": format!("{FABRICS}/replicationProtectionContainers/replicationProtectedItems/recoveryPoints"),
        "properties": {
            "recoveryPointTime": precise(point.time),
            "recoveryPointType": point.consistency.as_str(),
            "providerSpecificDetails": { "instanceType": "A2A", "recoveryPointSyncType": "PerVmRecoveryPoint", "disks": [] },
        },
    })
}
