//! What a reprotect will fail with, by its input or by the world that it meets.
//!
//! Wrong input is taken with 202 and the job fails at once with 506 (asr-errors 1.5); that holds for every single field
//! here is an assumption. Disks that are left out fail in the last task (asr-errors 2.3). A lock on the old side and a
//! recovered VM without a way out are judged when the call is taken.

use serde_json::Value;

use super::super::machine::Machine;
use super::super::recipe::{Recipe, disks_not_given, egress, invalid_parameter, recovered_vm_gone, scope_locked};
use super::Context;

/// The failure that awaits the job; none when everything is right.
pub(super) fn failure(context: &Context<'_>) -> Option<Recipe> {
    let early =
        |recipe: Recipe| Recipe { task: Some("SwitchReplicationGroupProtectionPreflightTask".to_owned()), ..recipe };
    let wrong = context.wrong_provider().or_else(|| wrong_target(context).map(invalid_parameter));
    if let Some(wrong) = wrong {
        return Some(early(wrong));
    }
    let Some(machine) = context.machines.get(&context.item.recovery().vm_id()) else {
        return Some(recovered_vm_gone());
    };
    let given = context.property("providerSpecificDetails")["vmManagedDisks"].as_array();
    let given = given.map(Vec::as_slice).unwrap_or_default();
    let named = |id: &str| given.iter().any(|disk| same(&disk["diskId"], id));
    if !machine.disks().all(|disk| named(&disk.id)) {
        return Some(disks_not_given());
    }
    let wrong = given.iter().find_map(|disk| wrong_disk(context, machine, disk));
    wrong.map(|name| early(invalid_parameter(name))).or_else(|| hostile_world(context, machine))
}

/// The first field that names no place to reprotect to. Without a mapping back no policy is right.
fn wrong_target(context: &Context<'_>) -> Option<&'static str> {
    let Context { vault, item, .. } = context;
    let details = context.property("providerSpecificDetails");
    let mapped = vault.mapped[item.recovery().fabric];
    let group = &details["recoveryResourceGroupId"];
    if !same(&details["recoveryContainerId"], &vault.container_id(item.primary().fabric)) {
        Some("recoveryContainerId")
    } else if !mapped || !same(&details["policyId"], &vault.policy_id()) {
        Some("policyId")
    } else if !group.is_null() && !is_group(context, group) {
        Some("recoveryResourceGroupId")
    } else {
        None
    }
}

/// The first field of a disk that is wrong: a disk of another VM, a cache account that is not where the VM runs now, or
/// a group that is not there.
fn wrong_disk(context: &Context<'_>, machine: &Machine, disk: &Value) -> Option<&'static str> {
    let account = disk["primaryStagingAzureStorageAccountId"].as_str().and_then(|id| context.resources.account(id));
    if !machine.disks().any(|own| same(&disk["diskId"], &own.id)) {
        Some("diskId")
    } else if account.is_none_or(|account| !account.location.eq_ignore_ascii_case(&machine.location)) {
        Some("primaryStagingAzureStorageAccountId")
    } else if !is_group(context, &disk["recoveryResourceGroupId"]) {
        Some("recoveryResourceGroupId")
    } else {
        None
    }
}

fn hostile_world(context: &Context<'_>, machine: &Machine) -> Option<Recipe> {
    let old_group = &context.item.primary().group_id;
    let old_vm = context.machines.get(&context.item.primary().vm_id());
    if old_vm.is_none() && context.behaviour.otherwise.old_vm_needed {
        return Some(recovered_vm_gone());
    }
    if context.resources.locks_of(old_group).next().is_some() {
        return Some(scope_locked().about_group(old_group));
    }
    let subnet = context.resources.subnet(&machine.subnet_id);
    subnet.is_some_and(|subnet| !subnet.has_egress()).then(egress)
}

fn is_group(context: &Context<'_>, id: &Value) -> bool {
    id.as_str().is_some_and(|id| context.resources.group(id).is_some())
}

/// Whether `given` is the text `wanted`, in any casing.
fn same(given: &Value, wanted: &str) -> bool {
    given.as_str().is_some_and(|id| id.eq_ignore_ascii_case(wanted))
}
