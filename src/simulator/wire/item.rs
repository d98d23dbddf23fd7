//! A replicated item as the service writes it; the list leaves out what the single GET knows (ps-A2AReprotectTest).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::clock::later;
use super::super::ids::guid;
use super::super::item::{Drill, Item, Stage, State};
use super::super::settings::Behaviour;
use super::super::vault::Vault;
use super::{health, otherwise, precise};

/// Which call the item is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// GET of the item.
    Get,
    /// An element of a list.
    List,
}

/// What the builders of this file read.
struct Scene<'a> {
    vault: &'a Vault,
    item: &'a Item,
    stage: Stage,
    now: Timestamp,
    view: View,
}

/// The item with its envelope.
pub(crate) fn item(vault: &Vault, item: &Item, behaviour: &Behaviour, now: Timestamp, view: View) -> Value {
    let scene = Scene { vault, item, stage: item.stage(now), now, view };
    let mut properties = joined([general(&scene), standing(&scene, behaviour)]);
    properties["currentScenario"] = current_scenario(&scene);
    properties["providerSpecificDetails"] = joined([identity(&scene), target(&scene), agent(&scene)]);
    otherwise::bend(&mut properties, vault, item, &behaviour.otherwise, now);
    if view == View::List {
        otherwise::omit(&mut properties, &behaviour.otherwise);
    }
    super::merge(&mut properties, &item.flags.overrides);
    json!({
        "id": vault.item_id(item),
        "name": item.name,
        "type": "Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectedItems",
        "properties": properties,
    })
}

/// One object with the fields of all parts, nulls included.
fn joined<const N: usize>(parts: [Value; N]) -> Value {
    let fields = parts.into_iter().filter_map(|part| match part {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(fields.flatten().collect())
}

fn general(scene: &Scene<'_>) -> Value {
    let Scene { vault, item, .. } = scene;
    let (from, to) = (item.primary().fabric, item.recovery().fabric);
    let (source, target) = (&vault.fabrics[from], &vault.fabrics[to]);
    let provider = guid(&["provider", &vault.fabric_id(from)]);
    json!({
        "friendlyName": item.placements[0].vm_name,
        "protectedItemType": "",
        "protectableItemId": null,
        "recoveryServicesProviderId": format!("{}/replicationRecoveryServicesProviders/{provider}", vault.fabric_id(from)),
        "primaryFabricFriendlyName": source.friendly_name(),
        "primaryFabricProvider": "AzureFabric",
        "recoveryFabricFriendlyName": target.friendly_name(),
        "recoveryFabricId": vault.fabric_id(to),
        "primaryProtectionContainerFriendlyName": source.container,
        "recoveryProtectionContainerFriendlyName": target.container,
        "switchProviderState": "None",
        "switchProviderStateDescription": null,
        "policyId": vault.policy_id(),
        "policyFriendlyName": vault.policy.name,
        "recoveryContainerId": vault.container_id(to),
        "eventCorrelationId": guid(&["event", &item.lifecycle.to_string(), item.direction()]),
    })
}

/// What changes with verbs. Times of successes are absent, not null, until there is one (recorded).
fn standing(scene: &Scene<'_>, behaviour: &Behaviour) -> Value {
    let Scene { vault, item, stage, now, .. } = scene;
    let health = health::of(item, *now, behaviour.health_after_failover);
    let (test_state, test_description) = match item.course.drill {
        Drill::Waiting { .. } => ("WaitingForCompletion", "Waiting for user input"),
        Drill::MarkedForDeletion { until } if *now < until => ("MarkedForDeletion", "Cleaning up test environment"),
        _ => ("None", "None"),
    };
    let mut fields = json!({
        "protectionState": stage.protection,
        "protectionStateDescription": stage.description,
        "activeLocation": stage.active,
        "testFailoverState": test_state,
        "testFailoverStateDescription": test_description,
        "allowedOperations": item.allowed_operations(*now),
        "replicationHealth": health.replication,
        "failoverHealth": health.failover,
        "healthErrors": health.errors,
        "failoverRecoveryPointId": item.course.failover_point.map(|point| vault.point_alias_id(item, point)),
    });
    for (name, time) in [
        ("lastSuccessfulFailoverTime", item.course.last_failover),
        ("lastSuccessfulTestFailoverTime", item.course.last_test),
    ] {
        if let Some(time) = time {
            fields[name] = json!(precise(time));
        }
    }
    fields
}

/// The running job; a finished test failover that waits for its clean-up; else the fake job `None` (recorded).
fn current_scenario(scene: &Scene<'_>) -> Value {
    let Scene { vault, item, .. } = scene;
    let (name, job, start) = match (vault.running_job(item), item.course.drill) {
        (Some(job), _) => (job.verb.row().scenario, vault.job_id(job.id), precise(job.started)),
        (None, Drill::Waiting { job, since }) => ("TestFailover", vault.job_id(job), precise(since)),
        _ => ("None", format!("{}/replicationJobs/None", vault.id()), "1753-01-01T01:01:01Z".to_owned()),
    };
    json!({ "scenarioName": name, "jobId": job, "startTime": start })
}

fn identity(scene: &Scene<'_>) -> Value {
    let Scene { vault, item, stage, .. } = scene;
    let [initial, other] = &item.placements;
    let zone = |zone: &Option<String>| zone.clone().unwrap_or_default();
    let recovered = item.failed_over().then(|| item.recovery().vm_id().to_ascii_lowercase());
    let test_vm = matches!(item.course.drill, Drill::Waiting { .. });
    let test_vm = test_vm.then(|| format!("{}-test", item.recovery().vm_id()).to_ascii_lowercase());
    let group = item.flags.multi_vm_group_name.as_deref();
    let group_key = group.map_or_else(|| item.lifecycle.to_string(), str::to_owned);
    json!({
        "instanceType": "A2A",
        "fabricObjectId": item.primary().vm_id().to_ascii_lowercase(),
        "initialPrimaryZone": zone(&initial.zone),
        "initialPrimaryFabricLocation": vault.fabrics[initial.fabric].location,
        "initialRecoveryZone": zone(&other.zone),
        "initialPrimaryExtendedLocation": null,
        "initialRecoveryExtendedLocation": null,
        "initialRecoveryFabricLocation": vault.fabrics[other.fabric].location,
        "primaryFabricLocation": vault.fabrics[item.primary().fabric].location,
        "recoveryFabricLocation": vault.fabrics[item.recovery().fabric].location,
        "primaryAvailabilityZone": item.primary().zone,
        "recoveryAvailabilityZone": item.recovery().zone,
        "primaryExtendedLocation": null,
        "recoveryExtendedLocation": null,
        "multiVmGroupId": guid(&["group", &group_key]),
        "multiVmGroupName": group.unwrap_or_default(),
        "multiVmGroupCreateOption": if group.is_some() { "UserSpecified" } else { "AutoCreated" },
        "protectionClusterId": item.flags.protection_cluster_id,
        "isClusterInfraReady": null,
        "managementId": guid(&["management", &item.lifecycle.to_string(), item.direction()]),
        "lifecycleId": stage.settled.then_some(item.lifecycle),
        "vmProtectionState": stage.vm_protection,
        "vmProtectionStateDescription": stage.vm_description,
        "recoveryFabricObjectId": recovered,
        "testFailoverRecoveryFabricObjectId": test_vm,
    })
}

fn target(scene: &Scene<'_>) -> Value {
    let Scene { item, stage, .. } = scene;
    let recovery = item.recovery();
    json!({
        "protectedDisks": null,
        "unprotectedDisks": null,
        "protectedManagedDisks": disks(scene),
        "recoveryBootDiagStorageAccountId": null,
        "osType": item.os_type,
        "recoveryAzureVMSize": item.vm_size,
        "recoveryAzureVMName": recovery.vm_name,
        "recoveryAzureResourceGroupId": recovery.group_id,
        "recoveryCloudService": null,
        "recoveryAvailabilitySet": null,
        "selectedRecoveryAzureNetworkId": stage.settled.then(|| recovery.network_id()),
        "selectedTfoAzureNetworkId": null,
        "vmNics": if stage.settled { json!([nic(scene)]) } else { json!([]) },
        "vmSyncedConfigDetails": match scene.view {
            View::Get => json!({ "tags": {}, "inputEndpoints": [] }),
            View::List => json!({ "tags": null, "inputEndpoints": null }),
        },
        "vmEncryptionType": "NotEncrypted",
        "tfoAzureVMName": format!("{}-test", item.placements[0].vm_name),
        "recoveryAzureGeneration": "V2",
        "recoveryProximityPlacementGroupId": null,
        "autoProtectionOfDataDisk": "Disabled",
        "recoveryVirtualMachineScaleSetId": null,
        "recoveryCapacityReservationGroupId": null,
        "platformFaultDomain": null,
        "churnOptionSelected": "Normal",
    })
}

/// RPO and agent; the RPO freezes when replication stops. The certificate's date is absent while copying (recorded).
fn agent(scene: &Scene<'_>) -> Value {
    let Scene { item, stage, now, .. } = scene;
    let seen = item.course.stopped.unwrap_or(*now);
    // Settled or not, a percentage of 0 is what a first copy shows throughout (recorded: cli-A2A_scenarios seq 71 to 73).
    let monitored = *now >= item.course.monitored;
    let settled = stage.settled;
    let mut fields = json!({
        "monitoringPercentageCompletion": monitored.then_some(0),
        "monitoringJobType": monitored.then_some("InitialReplication"),
        "lastHeartbeat": precise(later(seen, -20.0)),
        "agentVersion": "9.65.7397.1",
        "agentExpiryDate": "9999-12-31T23:59:59.9999999Z",
        "isReplicationAgentUpdateRequired": false,
        "isReplicationAgentCertificateUpdateRequired": false,
        "rpoInSeconds": settled.then_some(item.flags.rpo_seconds),
        "lastRpoCalculatedTime": settled.then(|| precise(later(seen, -15.0))),
        "rtoInSeconds": null,
    });
    if settled {
        fields["agentCertificateExpiryDate"] = json!("2029-01-15T08:53:51Z");
    }
    fields
}

/// All disks, the OS disk first.
fn disks(scene: &Scene<'_>) -> Vec<Value> {
    let data = scene.item.data_disks.iter().map(|name| disk(scene, name, "Data", 34_359_738_368));
    std::iter::once(disk(scene, &scene.item.os_disk, "OperatingSystem", 136_367_308_800)).chain(data).collect()
}

fn disk(scene: &Scene<'_>, name: &str, kind: &str, bytes: u64) -> Value {
    let Scene { vault, item, stage, view, .. } = scene;
    let (source, target) = (item.primary(), item.recovery());
    let target_id = target.resource("Microsoft.Compute/disks", name);
    let committed = item.course.state == State::Committed;
    let detail = *view == View::Get;
    let copying = !stage.settled && scene.now >= item.course.monitored;
    json!({
        "diskId": source.resource("Microsoft.Compute/disks", name).to_ascii_lowercase(),
        "recoveryResourceGroupId": target.group_id,
        "recoveryTargetDiskId": item.failed_over().then(|| target_id.clone()),
        "recoveryReplicaDiskId": if committed { String::new() } else { format!("{target_id}-ASRReplica") },
        "recoveryOrignalTargetDiskId": if item.course.reversed { target_id.as_str() } else { "" },
        "recoveryReplicaDiskAccountType": "Premium_LRS",
        "recoveryTargetDiskAccountType": "Premium_LRS",
        "recoveryDiskEncryptionSetId": null,
        "primaryDiskEncryptionSetId": null,
        "diskName": name,
        "diskCapacityInBytes": bytes,
        "primaryStagingAzureStorageAccountId": source.cache_account(&vault.fabrics[source.fabric].location),
        "diskType": kind,
        "resyncRequired": false,
        "monitoringPercentageCompletion": null,
        "monitoringJobType": copying.then_some("InitialReplication"),
        "dataPendingInStagingStorageAccountInMB": 0.0,
        "dataPendingAtSourceAgentInMB": if detail && stage.settled { 1.78125 } else { 0.0 },
        "diskState": detail.then_some(if stage.settled { "Protected" } else { "InitialReplicationPending" }),
        "allowedDiskLevelOperation": if detail { json!([]) } else { Value::Null },
        "isDiskEncrypted": false,
        "secretIdentifier": null,
        "dekKeyVaultArmId": null,
        "isDiskKeyEncrypted": false,
        "keyIdentifier": null,
        "kekKeyVaultArmId": null,
        "failoverDiskName": name,
        "tfoDiskName": format!("{name}-ASRtest"),
    })
}

fn nic(scene: &Scene<'_>) -> Value {
    let item = scene.item;
    let (source, target) = (item.primary(), item.recovery());
    let nic = format!("{}-nic", source.vm_name);
    json!({
        "nicId": guid(&["nic", &item.entity().to_string()]),
        "replicaNicId": null,
        "sourceNicArmId": source.resource("Microsoft.Network/networkInterfaces", &nic),
        "vMNetworkName": source.network_id(),
        "recoveryVMNetworkId": target.network_id(),
        "ipConfigs": [{
            "name": "ipconfig1",
            "isPrimary": true,
            "subnetName": "default",
            "staticIPAddress": source.address,
            "ipAddressType": "Static",
            "isSeletedForFailover": true,
            "recoverySubnetName": "default",
            "recoveryStaticIPAddress": target.address,
            "recoveryIPAddressType": "Static",
            "recoveryPublicIPAddressId": null,
            "recoveryLBBackendAddressPoolIds": [],
            "tfoSubnetName": null,
            "tfoStaticIPAddress": null,
            "tfoPublicIPAddressId": null,
            "tfoLBBackendAddressPoolIds": null,
        }],
        "selectionType": "SelectedByUserOverride",
        "recoveryNetworkSecurityGroupId": null,
        "enableAcceleratedNetworkingOnRecovery": false,
        "tfoVMNetworkId": null,
        "tfoNetworkSecurityGroupId": null,
        "enableAcceleratedNetworkingOnTfo": null,
        "recoveryNicName": null,
        "recoveryNicResourceGroupName": null,
        "reuseExistingNic": false,
        "tfoRecoveryNicName": null,
        "tfoRecoveryNicResourceGroupName": null,
        "tfoReuseExistingNic": false,
        "targetNicName": null,
    })
}
