//! Reads what lies around an item, as a verb asked for it: all at once, each failure a value of its own.

use super::convert::azure::unreadable;
use super::vault::VaultHandle;
use crate::asr::{Answer, ContainerMapping, PlacedResource, ReadError, VirtualMachine};
use crate::domain::around::{Around, Egress, Lock, Machine, Mapping, Resource, Wanted};
use crate::domain::budget::Purpose;
use crate::domain::ids::same;
use crate::domain::item::{Item, region};
use crate::domain::observed::Reading;

/// Everything that `wanted` names.
pub(super) async fn around(handle: &VaultHandle, item: &Item, wanted: &Wanted) -> Around {
    let client = &handle.client;
    let group = wanted.resource_group.as_deref();
    let (running, old_vm, mappings, policies, resource_group, locks, cache_account, network) = tokio::join!(
        maybe(handle, wanted.running_vm.as_deref(), async |id| client.virtual_machine(id).await),
        maybe(handle, wanted.old_vm.as_deref(), async |id| client.virtual_machine(id).await),
        maybe(handle, wanted.container.as_deref(), async |id| client.container_mappings(id).await),
        client.policies(&handle.vault),
        maybe(handle, group, async |id| client.resource_group(id).await),
        maybe(handle, group, async |id| client.locks(id).await),
        maybe(handle, wanted.cache_account.as_deref(), async |id| client.storage_account(id).await),
        maybe(handle, wanted.network.as_deref(), async |id| client.virtual_network(id).await),
    );
    let egress = match &running {
        Some(Ok(vm)) => egress(handle, &vm.body).await,
        _ => None,
    };
    let policy_ids = |all: Vec<crate::asr::model::Policy>| all.into_iter().map(|p| p.id).collect();
    let locked = |all: Vec<crate::asr::model::ManagementLock>| {
        all.into_iter().map(|l| Lock { name: l.name, level: l.level.unwrap_or_default() }).collect()
    };
    Around {
        running_vm: running.map(|answer| reading(answer, machine, "the VM that runs now")),
        old_vm: old_vm.map(|answer| reading(answer, |vm| Resource { id: vm.id, location: vm.location }, "the old VM")),
        mappings: mappings.map(|answer| reading(answer, mappings_from, "the container mappings")),
        policies: Some(reading(handle.noted(Purpose::Verb, policies), policy_ids, "the policies")),
        resource_group: resource_group.map(|answer| reading(answer, placed, "the resource group")),
        locks: locks.map(|answer| reading(answer, locked, "locks")),
        cache_account: cache_account.map(|answer| reading(answer, placed, "the cache account")),
        network: network.map(|answer| reading(answer, placed, "the network")),
        egress,
        usual_cache_account: usual_cache_account(handle, item),
    }
}

/// Reads by an id, where there is one.
async fn maybe<T>(
    handle: &VaultHandle,
    id: Option<&str>,
    read: impl AsyncFnOnce(&str) -> Result<Answer<T>, ReadError>,
) -> Option<Result<Answer<T>, ReadError>> {
    match id {
        Some(id) => Some(handle.noted(Purpose::Verb, read(id).await)),
        None => None,
    }
}

fn reading<T, D>(answer: Result<Answer<T>, ReadError>, from: impl FnOnce(T) -> D, what: &str) -> Reading<D> {
    match answer {
        Ok(answer) => Reading::Known(from(answer.body)),
        Err(error) => unreadable(&error, what),
    }
}

fn placed(wire: PlacedResource) -> Resource {
    Resource { id: wire.id, location: wire.location }
}

/// A VM, as far as a reprotect needs it.
pub fn machine(wire: VirtualMachine) -> Machine {
    Machine { disks: wire.disk_ids().map(str::to_owned).collect(), id: wire.id }
}

/// Container mappings.
pub fn mappings_from(wire: Vec<ContainerMapping>) -> Vec<Mapping> {
    let one = |m: ContainerMapping| Mapping {
        id: m.id,
        target_container_id: m.target_protection_container_id.unwrap_or_default(),
        target_fabric: m.target_fabric_friendly_name.unwrap_or_default(),
        policy_id: m.policy_id.unwrap_or_default(),
    };
    wire.into_iter().map(one).collect()
}

/// The way out of a VM: by the subnet of its first network interface.
async fn egress(handle: &VaultHandle, vm: &VirtualMachine) -> Option<Reading<Egress>> {
    let nic = vm.network_interface_ids().first().copied()?;
    let interface = match handle.noted(Purpose::Verb, handle.client.network_interface(nic).await) {
        Ok(answer) => answer.body,
        Err(error) => return Some(unreadable(&error, "the VM's network interface")),
    };
    let subnet = interface.ip_configurations.iter().find_map(|config| config.subnet_id())?;
    let answer = handle.noted(Purpose::Verb, handle.client.subnet(subnet).await);
    let from = |subnet: crate::asr::Subnet| Egress { way_out: subnet.has_way_out(), subnet_id: subnet.id };
    Some(reading(answer, from, "the VM's subnet"))
}

/// The cache account of another item that replicates from where this VM runs now.
fn usual_cache_account(handle: &VaultHandle, item: &Item) -> Option<String> {
    let here = item.active_region().map(region)?;
    let items = handle.items()?;
    let others =
        items.known()?.iter().filter(|other| !same(&other.name, &item.name) && region(&other.primary_region) == here);
    others.filter_map(|other| other.cache_account_id.clone()).next()
}
