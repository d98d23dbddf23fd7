//! GETs around the vault: VMs, NICs, resource groups, storage accounts, networks, subnets and locks.
//!
//! That a resource in a region that is down answers 503 is an assumption, and so is that locks go on being listed: nobody
//! has recorded ARM during an outage.

use serde_json::{Value, json};

use super::super::ids::resource_group;
use super::super::wire::error::arm;
use super::super::wire::{compute, resources};
use super::answer::Answer;
use super::arm::absent;
use super::path::{Place, Route};
use super::{Core, Incoming};

/// Answers a GET of something that is in a resource group and not in a vault.
pub(super) fn read(core: &Core, incoming: &Incoming, route: &Route) -> Answer {
    let id = |kind: &str, name: &str| format!("{}/providers/{kind}/{name}", group_id(route));
    match &route.place {
        Place::ResourceGroup => group(core, route),
        Place::VirtualMachine(name) => virtual_machine(core, incoming, route, name),
        Place::NetworkInterface(name) => network_interface(core, route, name),
        Place::StorageAccount(name) => {
            let kind = "Microsoft.Storage/storageAccounts";
            let found = core.world.resources.account(&id(kind, name));
            let body = found.map(|account| (account.location.as_str(), resources::account(account)));
            told(core, route, &format!("{kind}/{name}"), body)
        }
        Place::VirtualNetwork(name) => {
            let kind = "Microsoft.Network/virtualNetworks";
            let found = core.world.resources.network(&id(kind, name));
            let body = found.map(|network| (network.location.as_str(), resources::network(network)));
            told(core, route, &format!("{kind}/{name}"), body)
        }
        Place::Subnet(network, name) => subnet(core, route, network, name),
        Place::Locks => locks(core, route),
        Place::Vault(..) | Place::Unknown => absent(core, route, false, &incoming.path),
    }
}

fn group_id(route: &Route) -> String {
    resource_group(&route.subscription, &route.group)
}

/// The resource, ARM's 404, or the silence of a region that is down.
fn told(core: &Core, route: &Route, resource: &str, found: Option<(&str, Value)>) -> Answer {
    match found {
        None => absent(core, route, false, resource),
        Some((location, _)) if is_down(core, location) => unavailable(location),
        Some((_, body)) => Answer::ok(body),
    }
}

fn is_down(core: &Core, location: &str) -> bool {
    core.world.behaviour.down_regions.iter().any(|region| region.eq_ignore_ascii_case(location))
}

fn unavailable(location: &str) -> Answer {
    let text = format!("The service in the region '{location}' is temporarily unavailable. Please retry the request.");
    Answer::with(503, arm("ServiceUnavailable", &text))
}

fn group(core: &Core, route: &Route) -> Answer {
    let found = core.world.resources.group(&group_id(route));
    told(core, route, "", found.map(|group| (group.location.as_str(), resources::group(group))))
}

fn subnet(core: &Core, route: &Route, network: &str, name: &str) -> Answer {
    let resource = format!("Microsoft.Network/virtualNetworks/{network}");
    let network_id = format!("{}/providers/{resource}", group_id(route));
    let world = &core.world.resources;
    let found = world.network(&network_id).and_then(|network| {
        let subnet = world.subnet(&format!("{network_id}/subnets/{name}"))?;
        Some((network.location.as_str(), resources::subnet(&network.id, subnet)))
    });
    told(core, route, &format!("{resource}/subnets/{name}"), found)
}

fn locks(core: &Core, route: &Route) -> Answer {
    let id = group_id(route);
    if core.world.resources.group(&id).is_none() {
        return absent(core, route, false, "");
    }
    let locks: Vec<_> = core.world.resources.locks_of(&id).map(resources::lock).collect();
    Answer::ok(json!({ "value": locks }))
}

/// GET of a VM; `$expand=instanceView` adds its power state.
fn virtual_machine(core: &Core, incoming: &Incoming, route: &Route, name: &str) -> Answer {
    let kind = "Microsoft.Compute/virtualMachines";
    let machine = core.world.machines.get(&format!("{}/providers/{kind}/{name}", group_id(route)));
    let expanded = incoming.parameter("expand").is_some_and(|value| value.eq_ignore_ascii_case("instanceView"));
    let body = machine.map(|machine| {
        let mut body = compute::virtual_machine(machine);
        if expanded {
            body["properties"]["instanceView"] = compute::instance_view(machine);
        }
        (machine.location.as_str(), body)
    });
    told(core, route, &format!("{kind}/{name}"), body)
}

/// GET of a NIC.
fn network_interface(core: &Core, route: &Route, name: &str) -> Answer {
    let kind = "Microsoft.Network/networkInterfaces";
    let machine = core.world.machines.by_nic(&format!("{}/providers/{kind}/{name}", group_id(route)));
    let body = machine.map(|machine| (machine.location.as_str(), compute::network_interface(machine)));
    told(core, route, &format!("{kind}/{name}"), body)
}
