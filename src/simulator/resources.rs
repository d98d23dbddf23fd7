//! What lies around the VMs in ARM: resource groups, virtual networks with their subnets, storage accounts, locks.
//!
//! Pure. Ids are looked up without regard to case and kept in the casing of their creator. What a verb makes of a lock or
//! of a subnet without a way out is decided in `verb`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::last_segment;
use super::item::Placement;

/// A resource of which only the place matters: a resource group or a storage account.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    /// ARM id in the casing of its creator.
    pub(crate) id: String,
    /// Region.
    pub(crate) location: String,
}

/// A virtual network.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// ARM id in the casing of its creator.
    pub(crate) id: String,
    /// Region.
    pub(crate) location: String,
    /// Its subnets.
    pub(crate) subnets: Vec<Subnet>,
}

/// A subnet, as far as it decides whether a VM in it reaches the internet.
#[derive(Debug, Clone)]
pub(crate) struct Subnet {
    /// Name.
    pub(crate) name: String,
    /// Azure gives VMs without anything else a way out.
    pub(crate) default_outbound_access: bool,
    /// ARM id of the NAT gateway.
    pub(crate) nat_gateway: Option<String>,
    /// ARM id of the network security group.
    pub(crate) security_group: Option<String>,
    /// ARM id of the route table.
    pub(crate) route_table: Option<String>,
}

impl Subnet {
    /// A subnet behind a NAT gateway, and no other way out: what new Azure networks have.
    pub(crate) fn behind_nat(network_id: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            default_outbound_access: false,
            nat_gateway: Some(nat_gateway(network_id)),
            security_group: None,
            route_table: None,
        }
    }

    /// Whether a VM in it reaches anything outside.
    pub(crate) fn has_egress(&self) -> bool {
        self.default_outbound_access || self.nat_gateway.is_some()
    }
}

/// ARM id of the NAT gateway that goes with a virtual network.
pub(crate) fn nat_gateway(network_id: &str) -> String {
    network_id.replacen("/virtualNetworks/", "/natGateways/", 1) + "-nat"
}

/// What a lock forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LockLevel {
    /// Deleting.
    CanNotDelete,
    /// Deleting and writing.
    ReadOnly,
}

/// A lock on a resource group.
#[derive(Debug, Clone)]
pub(crate) struct Lock {
    /// ARM id of the group.
    pub(crate) group: String,
    /// Name.
    pub(crate) name: String,
    /// What it forbids.
    pub(crate) level: LockLevel,
}

impl Lock {
    /// Its ARM id.
    pub(crate) fn id(&self) -> String {
        format!("{}/providers/Microsoft.Authorization/locks/{}", self.group, self.name)
    }
}

/// The kinds of resource that are kept here, told by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A resource group.
    Group,
    /// A storage account.
    Account,
    /// A virtual network.
    Network,
    /// A subnet.
    Subnet,
}

impl Kind {
    /// The kind of the resource with this id; none when it is none of these.
    pub(crate) fn of(id: &str) -> Option<Self> {
        let lower = id.to_ascii_lowercase();
        let words: Vec<&str> = lower.split('/').skip(1).collect();
        let ["subscriptions", _, "resourcegroups", _, rest @ ..] = &words[..] else {
            return None;
        };
        match rest {
            [] => Some(Self::Group),
            ["providers", "microsoft.storage", "storageaccounts", _] => Some(Self::Account),
            ["providers", "microsoft.network", "virtualnetworks", _] => Some(Self::Network),
            ["providers", "microsoft.network", "virtualnetworks", _, "subnets", _] => Some(Self::Subnet),
            _ => None,
        }
    }
}

/// Everything around the VMs; maps are by lower-cased ARM id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resources {
    groups: BTreeMap<String, Placed>,
    accounts: BTreeMap<String, Placed>,
    networks: BTreeMap<String, Network>,
    locks: Vec<Lock>,
}

impl Resources {
    /// Gives a place what it lacks: its group, its network with one subnet behind a NAT gateway, its cache account.
    pub(crate) fn furnish(&mut self, place: &Placement, location: &str) {
        self.add_group(&place.group_id, location);
        self.add_account(&place.cache_account(location), location);
        let network = place.network_id();
        if !self.networks.contains_key(&network.to_ascii_lowercase()) {
            self.add_network(&network, location);
        }
    }

    /// Adds a resource group; one that is there stays as it is.
    pub(crate) fn add_group(&mut self, id: &str, location: &str) {
        self.groups.entry(id.to_ascii_lowercase()).or_insert_with(|| placed(id, location));
    }

    /// Adds a storage account; one that is there stays as it is.
    pub(crate) fn add_account(&mut self, id: &str, location: &str) {
        self.accounts.entry(id.to_ascii_lowercase()).or_insert_with(|| placed(id, location));
    }

    /// Adds or replaces a virtual network with one subnet `default`.
    pub(crate) fn add_network(&mut self, id: &str, location: &str) {
        let subnets = vec![Subnet::behind_nat(id, "default")];
        let network = Network { id: id.to_owned(), location: location.to_owned(), subnets };
        self.networks.insert(id.to_ascii_lowercase(), network);
    }

    /// Adds a subnet behind a NAT gateway to its network; false when there is no such network.
    pub(crate) fn add_subnet(&mut self, id: &str) -> bool {
        let Some(network) = self.networks.get_mut(&parent(id)) else {
            return false;
        };
        let name = last_segment(id);
        network.subnets.retain(|subnet| !subnet.name.eq_ignore_ascii_case(name));
        network.subnets.push(Subnet::behind_nat(&network.id, name));
        true
    }

    /// The resource group with this id.
    pub(crate) fn group(&self, id: &str) -> Option<&Placed> {
        self.groups.get(&id.to_ascii_lowercase())
    }

    /// The storage account with this id.
    pub(crate) fn account(&self, id: &str) -> Option<&Placed> {
        self.accounts.get(&id.to_ascii_lowercase())
    }

    /// A storage account in `location`, the one in `group` before others.
    pub(crate) fn account_in(&self, location: &str, group: &str) -> Option<&Placed> {
        let prefix = format!("{}/", group.to_ascii_lowercase());
        let near = |(id, _): &(&String, &Placed)| id.starts_with(&prefix);
        let mut there = self.accounts.iter().filter(|(_, account)| account.location.eq_ignore_ascii_case(location));
        there.clone().find(near).or_else(|| there.next()).map(|(_, account)| account)
    }

    /// The virtual network with this id.
    pub(crate) fn network(&self, id: &str) -> Option<&Network> {
        self.networks.get(&id.to_ascii_lowercase())
    }

    /// The subnet with this id.
    pub(crate) fn subnet(&self, id: &str) -> Option<&Subnet> {
        let network = self.networks.get(&parent(id))?;
        network.subnets.iter().find(|subnet| subnet.name.eq_ignore_ascii_case(last_segment(id)))
    }

    /// The same, to change it.
    pub(crate) fn subnet_mut(&mut self, id: &str) -> Option<&mut Subnet> {
        let network = self.networks.get_mut(&parent(id))?;
        network.subnets.iter_mut().find(|subnet| subnet.name.eq_ignore_ascii_case(last_segment(id)))
    }

    /// Removes a resource, and with a group or network everything in it; false when it was not there.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let lower = id.to_ascii_lowercase();
        let below = format!("{lower}/");
        let before = self.count();
        let stays = |key: &String| *key != lower && !key.starts_with(&below);
        self.groups.retain(|key, _| stays(key));
        self.accounts.retain(|key, _| stays(key));
        self.networks.retain(|key, _| stays(key));
        self.locks.retain(|lock| !lock.group.eq_ignore_ascii_case(id));
        if let Some(network) = self.networks.get_mut(&parent(id)) {
            network.subnets.retain(|subnet| !subnet.name.eq_ignore_ascii_case(last_segment(id)));
        }
        self.count() < before
    }

    /// Puts a lock on a group, in the place of one of the same name there.
    pub(crate) fn lock(&mut self, lock: Lock) {
        self.locks.retain(|held| !(held.name == lock.name && held.group.eq_ignore_ascii_case(&lock.group)));
        self.locks.push(lock);
    }

    /// Removes every lock of this name; false when there was none.
    pub(crate) fn unlock(&mut self, name: &str) -> bool {
        let before = self.locks.len();
        self.locks.retain(|lock| lock.name != name);
        self.locks.len() < before
    }

    /// The locks of a group.
    pub(crate) fn locks_of<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Lock> {
        self.locks.iter().filter(move |lock| lock.group.eq_ignore_ascii_case(group))
    }

    /// All resource groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Placed> {
        self.groups.values()
    }

    /// All storage accounts.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Placed> {
        self.accounts.values()
    }

    /// All virtual networks.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.values()
    }

    /// All locks.
    pub(crate) fn locks(&self) -> &[Lock] {
        &self.locks
    }

    fn count(&self) -> usize {
        let subnets: usize = self.networks.values().map(|network| network.subnets.len()).sum();
        self.groups.len() + self.accounts.len() + self.networks.len() + subnets
    }
}

fn placed(id: &str, location: &str) -> Placed {
    Placed { id: id.to_owned(), location: location.to_owned() }
}

/// Lower-cased id of the network that a subnet's id names; for any other id nothing that exists.
fn parent(subnet_id: &str) -> String {
    let lower = subnet_id.to_ascii_lowercase();
    lower.split_once("/subnets/").map(|(network, _)| network.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "/subscriptions/s/resourceGroups/rg-app";

    fn furnished() -> Resources {
        let place = Placement {
            fabric: 0,
            group_id: GROUP.to_owned(),
            vm_name: "app01".to_owned(),
            address: "10.1.0.4".to_owned(),
            zone: None,
        };
        let mut resources = Resources::default();
        resources.furnish(&place, "westeurope");
        resources.furnish(&place, "northeurope");
        resources
    }

    #[test]
    fn a_furnished_place_has_a_group_a_network_with_a_way_out_and_a_cache_account_per_region() {
        let resources = furnished();
        assert_eq!(resources.group(&GROUP.to_uppercase()).unwrap().location, "westeurope", "the first region stays");
        let subnet = format!("{GROUP}/providers/Microsoft.Network/virtualNetworks/rg-app-vnet/subnets/default");
        assert!(resources.subnet(&subnet).unwrap().has_egress());
        for region in ["westeurope", "northeurope"] {
            let id = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/cache{region}");
            assert_eq!(resources.account(&id).unwrap().location, region);
            assert_eq!(resources.account_in(region, GROUP).unwrap().id, id);
        }
    }

    #[test]
    fn a_group_takes_everything_in_it_along_and_nothing_beside_it() {
        let mut resources = furnished();
        resources.add_group(&format!("{GROUP}-dr"), "northeurope");
        let lock = Lock { group: GROUP.to_owned(), name: "keep".to_owned(), level: LockLevel::ReadOnly };
        resources.lock(lock);
        assert!(resources.remove(&GROUP.to_uppercase()) && !resources.remove(GROUP));
        assert_eq!((resources.accounts().count(), resources.networks().count(), resources.locks().len()), (0, 0, 0));
        assert!(resources.group(&format!("{GROUP}-dr")).is_some());
    }

    #[test]
    fn a_subnet_goes_alone() {
        let mut resources = furnished();
        let network = format!("{GROUP}/providers/Microsoft.Network/virtualNetworks/rg-app-vnet");
        assert!(resources.add_subnet(&format!("{network}/subnets/second")));
        assert!(resources.remove(&format!("{network}/subnets/default")));
        let left: Vec<_> = resources.network(&network).unwrap().subnets.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(left, ["second"]);
        assert_eq!(Kind::of(&format!("{network}/subnets/second")), Some(Kind::Subnet));
        assert!(!resources.add_subnet(&format!("{network}2/subnets/second")), "there is no such network");
    }
}
