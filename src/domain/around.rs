//! What lies around an item in Azure: the VMs of both sides and the resources that a reversed replication rests on.
//!
//! Names what must be read and judges what was read; each reading may have failed by itself.

use super::Reason;
use super::backoff::Class;
use super::ids::same;
use super::item::{Item, region};
use super::observed::{Reading, Unreadable};
use super::view::Precondition;

/// What a ReplicatedVm declares for one side, beside its region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SideSettings {
    /// ARM id of its resource group.
    pub resource_group_id: Option<String>,
    /// ARM id of a storage account in its region.
    pub cache_account_id: Option<String>,
    /// ARM id of the policy of replication towards it.
    pub policy_id: Option<String>,
    /// ARM id of its network.
    pub network_id: Option<String>,
    /// Its zone.
    pub zone: Option<String>,
    /// ARM id of its availability set.
    pub availability_set_id: Option<String>,
    /// ARM id of its proximity placement group.
    pub proximity_placement_group_id: Option<String>,
    /// ARM id of the disk encryption set of its disks.
    pub disk_encryption_set_id: Option<String>,
}

/// A resource as ARM shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// ARM id.
    pub id: String,
    /// Its region.
    pub location: Option<String>,
}

/// The VM that runs now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// ARM id.
    pub id: String,
    /// ARM ids of its managed disks, the system disk first.
    pub disks: Vec<String>,
}

/// What pairs one container with another, for replication in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// ARM id; it lies below the container that is replicated from.
    pub id: String,
    /// ARM id of the container that is replicated to.
    pub target_container_id: String,
    /// Display name of the region that is replicated to.
    pub target_fabric: String,
    /// ARM id of the policy.
    pub policy_id: String,
}

/// What forbids to delete or change resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Its name.
    pub name: String,
    /// `CanNotDelete` or `ReadOnly`.
    pub level: String,
}

/// Whether the VM that runs now can reach Azure's endpoints by its subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// ARM id of the subnet.
    pub subnet_id: String,
    /// A NAT gateway, a route, a public address or Azure's default; false where there is certainly none of them.
    pub way_out: bool,
}

/// What to read, by ARM id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The VM that runs now.
    pub running_vm: Option<String>,
    /// The VM of the side that is replicated to.
    pub old_vm: Option<String>,
    /// The container that the item will be in: its mappings are listed.
    pub container: Option<String>,
    /// The group that is replicated into; its locks are listed too.
    pub resource_group: Option<String>,
    /// The cache account.
    pub cache_account: Option<String>,
    /// The network of the side that is replicated to.
    pub network: Option<String>,
}

/// What was read. `None` where there was nothing to read by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// The VM that runs now.
    pub running_vm: Option<Reading<Machine>>,
    /// The VM of the side that is replicated to.
    pub old_vm: Option<Reading<Resource>>,
    /// Mappings of the container that the item will be in.
    pub mappings: Option<Reading<Vec<Mapping>>>,
    /// ARM ids of the vault's policies.
    pub policies: Option<Reading<Vec<String>>>,
    /// The group that is replicated into.
    pub resource_group: Option<Reading<Resource>>,
    /// What is locked in it.
    pub locks: Option<Reading<Vec<Lock>>>,
    /// The cache account.
    pub cache_account: Option<Reading<Resource>>,
    /// The network of the side that is replicated to.
    pub network: Option<Reading<Resource>>,
    /// The way out of the VM that runs now.
    pub egress: Option<Reading<Egress>>,
    /// A cache account that other VMs of the same region use.
    pub usual_cache_account: Option<String>,
}

impl Around {
    /// The mapping by which `item` can be replicated back: from the container that it will be in to the one it is in.
    /// Azure names a container now by its name and now by a GUID, so the region's display name counts as well.
    pub fn reverse_mapping(&self, item: &Item) -> Option<&Mapping> {
        let own_fabric = fabric_of(item.recovery_container_id.as_deref()?)?;
        let back = container_of(&item.id)?;
        let mappings = self.mappings.as_ref()?.known()?;
        mappings.iter().find(|m| {
            let from_here = fabric_of(&m.id).is_some_and(|fabric| same(fabric, own_fabric));
            let named = item.primary_fabric.as_deref().is_some_and(|name| same(name, &m.target_fabric));
            from_here && (same(&m.target_container_id, back) || named)
        })
    }
}

/// The container in an item's id.
pub fn container_of(item_id: &str) -> Option<&str> {
    before_segment(item_id, "/replicationprotecteditems/")
}

fn fabric_of(id: &str) -> Option<&str> {
    let below = after_segment(id, "/replicationfabrics/")?;
    below.split('/').next()
}

/// The resource group in an ARM id.
pub fn group_of(id: &str) -> Option<&str> {
    before_segment(id, "/providers/")
}

fn before_segment<'a>(id: &'a str, keyword: &str) -> Option<&'a str> {
    id.get(..id.to_ascii_lowercase().find(keyword)?)
}

fn after_segment<'a>(id: &'a str, keyword: &str) -> Option<&'a str> {
    id.get(id.to_ascii_lowercase().find(keyword)? + keyword.len()..)
}

/// What a failed reading of something needed means.
pub(super) fn unseen(name: &'static str, what: &str, u: &Unreadable) -> Precondition {
    let way = match u.class {
        Class::Access => "Give the identity the right to read it.",
        _ => "It is read again.",
    };
    Precondition::unseen(name, format!("{what} cannot be read. {way} {}", u.obstacle.message))
}

/// Whether a reading failed because the region, or the way to it, is down; a missing right is no outage.
pub(super) fn is_outage<T>(reading: Option<&Reading<T>>) -> bool {
    matches!(reading, Some(Reading::Unreadable(u)) if u.obstacle.reason == Reason::VaultUnreachable)
}

/// A resource that has to exist, in `wanted_region` where that is given.
pub(super) fn exists(
    name: &'static str,
    what: &str,
    id: &str,
    reading: Option<&Reading<Resource>>,
    wanted_region: Option<&str>,
) -> Precondition {
    match reading {
        Some(Reading::Known(found)) => match (wanted_region, found.location.as_deref()) {
            (Some(wanted), Some(at)) if region(at) != region(wanted) => {
                Precondition::unmet(name, format!("{what} {id} is in {}, not in {}.", region(at), region(wanted)))
            }
            _ => Precondition::met(name, format!("{what} {id} exists.")),
        },
        Some(Reading::Absent) => Precondition::unmet(name, format!("{what} {id} does not exist. Create it.")),
        Some(Reading::Unreadable(u)) => unseen(name, &format!("{what} {id}"), u),
        None => Precondition::unseen(name, format!("{what} {id} was not read; it is read again.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINER: &str = "/Subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v/replicationFabrics/fab-b/replicationProtectionContainers/con-b";

    fn item() -> Item {
        Item {
            id: format!("{}/replicationProtectedItems/i", CONTAINER.replace("-b", "-a")),
            recovery_container_id: Some(CONTAINER.into()),
            primary_fabric: Some("West Europe".into()),
            ..Item::default()
        }
    }

    fn mapping(from: &str, to: &str, region: &str) -> Mapping {
        Mapping {
            id: format!("{}/replicationProtectionContainerMappings/m", CONTAINER.replace("-b", from)),
            target_container_id: CONTAINER.replace("-b", to),
            target_fabric: region.into(),
            policy_id: "policy".into(),
        }
    }

    #[test]
    fn the_reverse_mapping_is_told_from_the_forward_one_of_the_same_list() {
        let forward = mapping("-a", "-b", "North Europe");
        let reverse = mapping("-b", "-a", "West Europe");
        let by_guid = Mapping { target_container_id: "/x/9f2c".into(), ..reverse.clone() };
        let elsewhere = mapping("-b", "-c", "East US");
        let of = |list: Vec<Mapping>| Around { mappings: Some(Reading::Known(list)), ..Around::default() };
        for found in [reverse.clone(), by_guid] {
            let around = of(vec![forward.clone(), elsewhere.clone(), found.clone()]);
            assert_eq!(around.reverse_mapping(&item()), Some(&found));
        }
        assert_eq!(of(vec![forward, elsewhere]).reverse_mapping(&item()), None);
        assert_eq!(Around::default().reverse_mapping(&item()), None);
    }

    #[test]
    fn parts_of_ids_are_found_in_any_case() {
        assert_eq!(container_of(&item().id), Some(CONTAINER.replace("-b", "-a").as_str()));
        assert_eq!(
            group_of("/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/x/y/z"),
            Some("/SUBSCRIPTIONS/s/RESOURCEGROUPS/g")
        );
        assert_eq!((container_of("x"), group_of("")), (None, None));
    }
}
