//! What has to hold before replication may be reversed, each with what was seen and what to do.

use super::super::item::{Side, region};
use super::super::observed::Reading;
use super::super::point::last_segment;
use super::{Around, Precondition, Reprotect, Scene, around, exists, same, unseen};

/// Where a setting may be given.
struct Setting<'a> {
    side: Side,
    field: &'a str,
}

impl std::fmt::Display for Setting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let side = self.side.as_str().to_lowercase();
        write!(f, "spec.{side}.{0} of the ReplicatedVm, or spec.settings.{0} of a new request,", self.field)
    }
}

pub(super) fn all(verb: &Reprotect, scene: &Scene<'_>) -> Vec<Precondition> {
    let mut all = vec![commit_observed(scene)];
    if let Some(around) = scene.around {
        all.extend([
            reachable(verb, around),
            resource_group(verb, scene, around),
            running_vm(scene, around),
            reverse_mapping(scene, around),
            policy(verb, scene, around),
            cache_account(verb, scene, around),
        ]);
        all.extend(network(verb, scene, around));
        all.extend([no_lock(around), egress(around), old_vm(scene, around)]);
    }
    all
}

fn commit_observed(scene: &Scene<'_>) -> Precondition {
    let name = "CommitObserved";
    if scene.item.committed() {
        return Precondition::met(name, "Azure shows the failover as committed.");
    }
    Precondition::unmet(name, format!("Azure's state is {}, not committed.", scene.item.protection_state))
}

/// The other side's region answers: any answer of its resources will do, a missing right included.
fn reachable(verb: &Reprotect, around: &Around) -> Precondition {
    let name = "OtherSideReachable";
    let side = verb.direction.end().as_str();
    let down = around::is_outage(around.resource_group.as_ref())
        || around::is_outage(around.network.as_ref())
        || around::is_outage(around.old_vm.as_ref());
    if down {
        return Precondition::unmet(
            name,
            format!("Azure does not answer for the {side} side's resources. It is asked again."),
        );
    }
    Precondition::met(name, format!("Azure answers for the {side} side's resources."))
}

fn resource_group(verb: &Reprotect, scene: &Scene<'_>, around: &Around) -> Precondition {
    let name = "ResourceGroup";
    let Some(id) = verb.resource_group(scene.vm) else {
        let setting = Setting { side: verb.direction.end(), field: "resourceGroupId" };
        let today = around::group_of(&scene.item.source_vm_id)
            .map_or_else(String::new, |group| format!(" Azure shows the old VM in {group}."));
        return Precondition::unmet(name, format!("{setting} says where to replicate to, and is missing.{today}"));
    };
    exists(name, "The resource group", &id, around.resource_group.as_ref(), None)
}

fn running_vm(scene: &Scene<'_>, around: &Around) -> Precondition {
    let name = "RunningVm";
    let id = scene.item.recovered_vm_id.as_deref().unwrap_or("that runs now");
    match &around.running_vm {
        Some(Reading::Known(vm)) if vm.disks.is_empty() => {
            Precondition::unmet(name, format!("The VM {id} has no managed disks, and only those can be replicated."))
        }
        Some(Reading::Known(vm)) => Precondition::met(name, format!("{} has {} managed disks.", vm.id, vm.disks.len())),
        Some(Reading::Absent) => Precondition::unmet(
            name,
            format!(
                "The VM {id} does not exist any more. Replication must be disabled and enabled anew in the portal."
            ),
        ),
        Some(Reading::Unreadable(u)) => unseen(name, &format!("The VM {id}"), u),
        None => Precondition::unseen(name, "Azure does not say which VM runs now; it is read again."),
    }
}

fn reverse_mapping(scene: &Scene<'_>, around: &Around) -> Precondition {
    let name = "ReverseMapping";
    let to = region(&scene.item.primary_region);
    let from = region(&scene.item.recovery_region);
    match (&around.mappings, around.reverse_mapping(scene.item)) {
        (_, Some(mapping)) => Precondition::met(name, format!("{} maps {from} to {to}.", last_segment(&mapping.id))),
        (Some(Reading::Known(_)), None) => Precondition::unmet(
            name,
            format!(
                "The vault has no container mapping from {from} to {to}. Create it with the policy that is wanted."
            ),
        ),
        (Some(Reading::Unreadable(u)), None) => unseen(name, "The vault's container mappings", u),
        (Some(Reading::Absent), None) => Precondition::unmet(
            name,
            format!("The vault has no container for {from}. Create it, and a mapping to {to}."),
        ),
        (None, None) => Precondition::unseen(name, "Azure does not name the other container; it is read again."),
    }
}

fn policy(verb: &Reprotect, scene: &Scene<'_>, around: &Around) -> Precondition {
    let name = "Policy";
    let Some(mapping) = around.reverse_mapping(scene.item) else {
        return Precondition::unseen(name, "The policy is known with the container mapping.");
    };
    if let Some(asked) = verb.asked_policy(scene.vm).filter(|asked| !same(asked, &mapping.policy_id)) {
        let (asked, mapped) = (last_segment(&asked), last_segment(&mapping.policy_id));
        return Precondition::unmet(
            name,
            format!(
                "The policy {asked} is declared, and the container mapping has {mapped}. Declare {mapped}, or map with {asked}."
            ),
        );
    }
    let word = last_segment(&mapping.policy_id);
    match &around.policies {
        Some(Reading::Known(all)) if all.iter().any(|id| same(id, &mapping.policy_id)) => {
            Precondition::met(name, format!("The policy {word} exists."))
        }
        Some(Reading::Unreadable(u)) => unseen(name, "The vault's policies", u),
        Some(Reading::Known(_) | Reading::Absent) => {
            Precondition::unmet(name, format!("The policy {word} of the container mapping does not exist. Create it."))
        }
        None => Precondition::unseen(name, "The vault's policies were not read; they are read again."),
    }
}

fn cache_account(verb: &Reprotect, scene: &Scene<'_>, around: &Around) -> Precondition {
    let name = "CacheAccount";
    let here = scene.item.active_region().map(region).unwrap_or_default();
    let Some(id) = verb.cache_account(scene.vm) else {
        let setting = Setting { side: verb.direction.start(), field: "cacheStorageAccountId" };
        let today = around.usual_cache_account.as_ref().map_or_else(
            || format!(" Create a storage account in {here}."),
            |usual| format!(" Azure shows that other VMs in {here} use {usual}."),
        );
        return Precondition::unmet(name, format!("{setting} names the cache in {here}, and is missing.{today}"));
    };
    exists(name, "The cache storage account", &id, around.cache_account.as_ref(), Some(&here))
}

fn network(verb: &Reprotect, scene: &Scene<'_>, around: &Around) -> Option<Precondition> {
    let id = scene.vm.settings_of(verb.direction.end()).network_id.as_ref()?;
    Some(exists("Network", "The network", id, around.network.as_ref(), None))
}

/// Azure deletes the old VM, its network interfaces and its disks; a lock stops that in the middle.
fn no_lock(around: &Around) -> Precondition {
    let name = "NoDeleteLock";
    match &around.locks {
        Some(Reading::Known(locks)) if locks.is_empty() => {
            Precondition::met(name, "Nothing is locked in the resource group.")
        }
        Some(Reading::Known(locks)) => {
            let names: Vec<_> = locks.iter().take(5).map(|l| format!("{} ({})", l.name, l.level)).collect();
            Precondition::unmet(
                name,
                format!(
                    "Locked in the resource group: {}. Azure must be able to replace the old VM: remove the lock.",
                    names.join(", ")
                ),
            )
        }
        _ => unknown(name, "Locks cannot be read; one on the old VM or its group would make the job fail."),
    }
}

/// The most frequent documented cause of a failed reprotect. Only to be known: private endpoints and proxies cannot be seen.
fn egress(around: &Around) -> Precondition {
    let name = "Egress";
    match &around.egress {
        Some(Reading::Known(e)) if e.way_out => Precondition::met(name, format!("The subnet {} has a way out.", e.subnet_id)),
        Some(Reading::Known(e)) => Precondition::unmet(
            name,
            format!(
                "The subnet {} of the VM that runs now has no NAT gateway, route or default way out. Unless it reaches Site Recovery, storage and Entra ID by private endpoints or a proxy, the job will fail.",
                e.subnet_id
            ),
        )
        .advice(),
        _ => unknown(name, "Whether the VM that runs now can reach Azure's endpoints cannot be read."),
    }
}

fn old_vm(scene: &Scene<'_>, around: &Around) -> Precondition {
    let name = "OldVm";
    match &around.old_vm {
        Some(Reading::Known(vm)) => Precondition::met(name, format!("{} exists and is overwritten.", vm.id)).advice(),
        Some(Reading::Absent) => Precondition::unmet(
            name,
            format!(
                "{} does not exist: all data is copied anew, which takes hours instead of the usual 40 to 60 minutes.",
                scene.item.source_vm_id
            ),
        )
        .advice(),
        _ => unknown(name, "The old VM cannot be read; where it is gone, all data is copied anew, which takes hours."),
    }
}

fn unknown(name: &'static str, detail: &str) -> Precondition {
    Precondition::unseen(name, detail).advice()
}
