//! What the call means for Azure's resources, as far as it can be seen before: used, made, overwritten, missing.

use super::super::around::Resource;
use super::super::observed::Reading;
use super::super::point::last_segment;
use super::super::view::PlanEffect;
use super::{PlannedResource, Reprotect, Scene};

/// The most disks that are listed one by one.
const MAX_DISKS: usize = 16;

pub(super) fn plan(verb: &Reprotect, scene: &Scene<'_>) -> Vec<PlannedResource> {
    let Some(around) = scene.around else { return vec![] };
    let target = scene.vm.settings_of(verb.direction.end());
    let group = verb.resource_group(scene.vm);
    let mut plan = vec![
        used(
            "ResourceGroup",
            group.clone(),
            around.resource_group.as_ref(),
            "The replica, and a failback's VM, are put here.",
        ),
        used(
            "CacheAccount",
            verb.cache_account(scene.vm),
            around.cache_account.as_ref(),
            "What is written is kept here until it is replicated.",
        ),
    ];
    if let Some(id) = &target.network_id {
        let detail = "The network of this side as declared; which one a failover uses is set in the vault.";
        plan.push(used("Network", Some(id.clone()), around.network.as_ref(), detail));
    }
    plan.push(availability(verb, scene));
    plan.push(old_vm(scene, around.old_vm.as_ref()));
    let disks = around.running_vm.as_ref().and_then(Reading::known).map(|vm| vm.disks.as_slice()).unwrap_or_default();
    plan.extend(disks.iter().take(MAX_DISKS).map(|disk| replica(disk, group.as_deref())));
    plan
}

fn used(name: &'static str, id: Option<String>, reading: Option<&Reading<Resource>>, detail: &str) -> PlannedResource {
    let effect = if reading.is_some_and(|r| r.known().is_some()) { PlanEffect::Used } else { PlanEffect::Missing };
    PlannedResource { name, effect, id, detail: detail.into() }
}

fn availability(verb: &Reprotect, scene: &Scene<'_>) -> PlannedResource {
    let target = scene.vm.settings_of(verb.direction.end());
    let zone = verb.settings.zone.as_ref().or(target.zone.as_ref());
    let detail = match (&target.availability_set_id, zone) {
        (Some(_), _) => "A failback puts the VM in this availability set.".to_owned(),
        (None, Some(zone)) => format!("A failback puts the VM in zone {zone}."),
        (None, None) => "A failback makes a VM without zone or availability set.".to_owned(),
    };
    PlannedResource { name: "Availability", effect: PlanEffect::Used, id: target.availability_set_id.clone(), detail }
}

fn old_vm(scene: &Scene<'_>, reading: Option<&Reading<Resource>>) -> PlannedResource {
    let (effect, detail) = match reading {
        Some(Reading::Known(_)) => (PlanEffect::Overwritten, "Azure turns it off and replaces it and its disks."),
        Some(Reading::Absent) => (PlanEffect::Missing, "It is gone: all data is copied anew, which takes hours."),
        _ => (PlanEffect::Missing, "It could not be seen."),
    };
    PlannedResource { name: "OldVm", effect, id: Some(scene.item.source_vm_id.clone()), detail: detail.into() }
}

fn replica(disk: &str, group: Option<&str>) -> PlannedResource {
    let into = group.map_or_else(String::new, |group| format!(" in {}", last_segment(group)));
    let detail = format!("A replica of {} is made{into}.", last_segment(disk));
    PlannedResource { name: "Disk", effect: PlanEffect::Created, id: None, detail }
}
