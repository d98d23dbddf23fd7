//! `/_sim/resources`: what lies around the VMs, to be looked at and changed: groups, accounts, networks, locks, mappings.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::resources::{Kind, Lock, LockLevel, nat_gateway};
use super::super::wire::resources as wire;
use super::Core;
use super::control::{Reply, find_vault};

/// One change; several fields are applied in this order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Change {
    /// ARM id of what is to go; a group takes everything in it along.
    remove: Option<String>,
    add: Option<Addition>,
    lock: Option<NewLock>,
    /// Name of the lock that is to go, on whatever group it is.
    unlock: Option<String>,
    subnet: Option<SubnetChange>,
    mapping: Option<MappingChange>,
}

/// A resource to add; its id says its kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Addition {
    id: String,
    /// Needed but for a subnet.
    #[serde(default)]
    location: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewLock {
    /// ARM id of the group.
    group: String,
    name: String,
    level: LockLevel,
}

/// What is not named stays as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SubnetChange {
    id: String,
    nat_gateway: Option<bool>,
    default_outbound_access: Option<bool>,
    /// ARM ids; an empty text removes.
    network_security_group: Option<String>,
    route_table: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MappingChange {
    vault: Option<String>,
    /// Region of the container that it maps from.
    from: String,
    present: bool,
}

/// Everything there is.
pub(super) fn all(core: &Core) -> Value {
    let resources = &core.world.resources;
    let vaults = core.world.vaults.iter();
    let mappings = vaults.flat_map(|vault| {
        (0..2).map(|index| {
            json!({ "vault": vault.name, "from": vault.fabrics[index].location, "present": vault.mapped[index] })
        })
    });
    json!({
        "resourceGroups": resources.groups().map(wire::group).collect::<Vec<_>>(),
        "storageAccounts": resources.accounts().map(wire::account).collect::<Vec<_>>(),
        "virtualNetworks": resources.networks().map(wire::network).collect::<Vec<_>>(),
        "virtualMachines": core.world.machines.ids().collect::<Vec<_>>(),
        "locks": resources.locks().iter().map(wire::lock).collect::<Vec<_>>(),
        "mappings": mappings.collect::<Vec<_>>(),
    })
}

/// Changes what `change` names and answers everything there is then.
pub(super) fn change(core: &mut Core, change: Change) -> Reply {
    if let Some(id) = change.remove {
        remove(core, &id)?;
    }
    if let Some(addition) = change.add {
        add(core, &addition)?;
    }
    if let Some(NewLock { group, name, level }) = change.lock {
        let found = core.world.resources.group(&group).map(|group| group.id.clone());
        let group = found.ok_or_else(|| nothing(&group))?;
        core.world.resources.lock(Lock { group, name, level });
    }
    if let Some(name) = change.unlock {
        found(core.world.resources.unlock(&name), &name)?;
    }
    if let Some(wanted) = change.subnet {
        change_subnet(core, wanted)?;
    }
    if let Some(wanted) = change.mapping {
        change_mapping(core, &wanted)?;
    }
    Ok(all(core))
}

fn nothing(id: &str) -> (u16, String) {
    (404, format!("there is no '{id}'"))
}

fn found(there: bool, id: &str) -> Result<(), (u16, String)> {
    if there { Ok(()) } else { Err(nothing(id)) }
}

fn remove(core: &mut Core, id: &str) -> Result<(), (u16, String)> {
    let machines = core.world.machines.remove_below(id);
    let resources = core.world.resources.remove(id);
    found(machines || resources, id)
}

fn add(core: &mut Core, Addition { id, location }: &Addition) -> Result<(), (u16, String)> {
    let resources = &mut core.world.resources;
    let kind = Kind::of(id).ok_or_else(|| (400, format!("'{id}' is no group, account, network or subnet")))?;
    if location.is_empty() && kind != Kind::Subnet {
        return Err((400, "a location is needed".to_owned()));
    }
    match kind {
        Kind::Group => resources.add_group(id, location),
        Kind::Account => resources.add_account(id, location),
        Kind::Network => resources.add_network(id, location),
        Kind::Subnet => return found(resources.add_subnet(id), id),
    }
    Ok(())
}

fn change_subnet(core: &mut Core, wanted: SubnetChange) -> Result<(), (u16, String)> {
    let subnet = core.world.resources.subnet_mut(&wanted.id).ok_or_else(|| nothing(&wanted.id))?;
    if let Some(present) = wanted.nat_gateway {
        let network = wanted.id.split("/subnets/").next().unwrap_or_default();
        subnet.nat_gateway = present.then(|| nat_gateway(network));
    }
    subnet.default_outbound_access = wanted.default_outbound_access.unwrap_or(subnet.default_outbound_access);
    let linked =
        [(wanted.network_security_group, &mut subnet.security_group), (wanted.route_table, &mut subnet.route_table)];
    for (wanted, held) in linked {
        if let Some(id) = wanted {
            *held = Some(id).filter(|id| !id.is_empty());
        }
    }
    Ok(())
}

fn change_mapping(core: &mut Core, wanted: &MappingChange) -> Result<(), (u16, String)> {
    let index = find_vault(core, wanted.vault.as_deref())?;
    let vault = &mut core.world.vaults[index];
    let from = vault.fabrics.iter().position(|fabric| fabric.location.eq_ignore_ascii_case(&wanted.from));
    let from = from.ok_or_else(|| (404, format!("the vault has no fabric in '{}'", wanted.from)))?;
    vault.mapped[from] = wanted.present;
    Ok(())
}
