//! A Recovery Services vault: fabrics, policy, items and jobs, and the ARM ids that name them.
//!
//! Pure. Names are looked up without regard to case, containers also by their internal GUID: the service accepts both
//! (asr-api 0). Changes of items happen in `world` and `verb`, not here.

use jiff::Timestamp;
use uuid::Uuid;

use super::ids::guid;
use super::item::Item;
use super::job::Job;
use super::points::Point;

/// One Azure region of a vault with its only container.
#[derive(Debug, Clone)]
pub(crate) struct Fabric {
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) container: String,
    /// The GUID that stands for the container in some ids.
    pub(crate) container_guid: Uuid,
}

impl Fabric {
    /// The fabric of `location` in the portal's naming; `suffix` tells two of one region apart.
    pub(crate) fn new(vault_id: &str, location: &str, suffix: &str) -> Self {
        let name = format!("asr-a2a-default-{location}{suffix}");
        Self {
            container: format!("{name}-container"),
            container_guid: guid(&["container", vault_id, &name]),
            location: location.to_owned(),
            name,
        }
    }

    /// The display name of the region, which is the friendly name of an A2A fabric (recorded).
    pub(crate) fn friendly_name(&self) -> String {
        region_name(&self.location)
    }

    fn has_container(&self, name: &str) -> bool {
        self.container.eq_ignore_ascii_case(name) || self.container_guid.to_string().eq_ignore_ascii_case(name)
    }
}

/// The replication policy of a vault.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) name: String,
    pub(crate) history_minutes: u32,
    pub(crate) app_minutes: u32,
}

/// One vault.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    pub(crate) subscription: String,
    pub(crate) resource_group: String,
    pub(crate) name: String,
    pub(crate) fabrics: [Fabric; 2],
    pub(crate) policy: Policy,
    /// Whether the container of each fabric is mapped to the other one.
    pub(crate) mapped: [bool; 2],
    pub(crate) items: Vec<Item>,
    /// In the order they were accepted.
    pub(crate) jobs: Vec<Job>,
    /// Items as they were when a reprotect moved them, for a service that goes on showing them at the old place.
    pub(crate) left: Vec<Item>,
}

/// Which layer of the service does not know what a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    /// No such fabric.
    Fabric(String),
    /// No such container, item, point or job.
    Resource(String),
}

impl Vault {
    /// Its ARM id as Site Recovery spells it.
    pub(crate) fn id(&self) -> String {
        format!(
            "/Subscriptions/{}/resourceGroups/{}/providers/Microsoft.RecoveryServices/vaults/{}",
            self.subscription, self.resource_group, self.name
        )
    }

    pub(crate) fn fabric_id(&self, index: usize) -> String {
        format!("{}/replicationFabrics/{}", self.id(), self.fabrics[index].name)
    }

    pub(crate) fn container_id(&self, index: usize) -> String {
        format!("{}/replicationProtectionContainers/{}", self.fabric_id(index), self.fabrics[index].container)
    }

    /// The container's id with its internal GUID in the place of its name (recorded: ps-A2AReprotectTest).
    pub(crate) fn container_alias_id(&self, index: usize) -> String {
        format!("{}/replicationProtectionContainers/{}", self.fabric_id(index), self.fabrics[index].container_guid)
    }

    pub(crate) fn policy_id(&self) -> String {
        format!("{}/replicationPolicies/{}", self.id(), self.policy.name)
    }

    /// Name of the mapping whose source is the container of `index`.
    pub(crate) fn mapping_name(&self, index: usize) -> String {
        let (from, to) = (&self.fabrics[index], &self.fabrics[1 - index]);
        format!("{}-{}-{}", from.location, to.location, self.policy.name)
    }

    pub(crate) fn mapping_id(&self, index: usize) -> String {
        let container = self.container_id(index);
        format!("{container}/replicationProtectionContainerMappings/{}", self.mapping_name(index))
    }

    pub(crate) fn item_id(&self, item: &Item) -> String {
        let container = self.container_id(item.primary().fabric);
        format!("{container}/replicationProtectedItems/{}", item.name)
    }

    pub(crate) fn point_id(&self, item: &Item, point: &Point) -> String {
        format!("{}/recoveryPoints/{}", self.item_id(item), point.id)
    }

    /// The id of a point as `failoverRecoveryPointId` spells it: with the container's GUID.
    pub(crate) fn point_alias_id(&self, item: &Item, point: Uuid) -> String {
        let container = self.container_alias_id(item.primary().fabric);
        format!("{container}/replicationProtectedItems/{}/recoveryPoints/{point}", item.name)
    }

    pub(crate) fn job_id(&self, job: Uuid) -> String {
        format!("{}/replicationJobs/{job}", self.id())
    }

    /// Index of the fabric with this name.
    pub(crate) fn fabric(&self, name: &str) -> Result<usize, Missing> {
        let found = self.fabrics.iter().position(|fabric| fabric.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| Missing::Fabric(name.to_owned()))
    }

    /// Index of the fabric that holds this container.
    pub(crate) fn container(&self, fabric: &str, container: &str) -> Result<usize, Missing> {
        let index = self.fabric(fabric)?;
        let found = self.fabrics[index].has_container(container);
        found.then_some(index).ok_or_else(|| Missing::Resource(container.to_owned()))
    }

    /// The item at this path: after a reprotect only the other fabric's path answers.
    pub(crate) fn item(&self, fabric: &str, container: &str, name: &str) -> Result<&Item, Missing> {
        let index = self.container(fabric, container)?;
        self.items_of(index)
            .find(|item| item.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| Missing::Resource(name.to_owned()))
    }

    /// The item that a reprotect moved away from this path, as it was.
    pub(crate) fn left_at(&self, fabric: &str, container: &str, name: &str) -> Option<&Item> {
        let index = self.container(fabric, container).ok()?;
        let here = |item: &&Item| item.primary().fabric == index && item.name.eq_ignore_ascii_case(name);
        self.left.iter().find(here)
    }

    /// The items whose primary side is in the container of this fabric.
    pub(crate) fn items_of(&self, fabric: usize) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.primary().fabric == fabric)
    }

    /// The job with this name that is there at `now`; one that a job starts itself comes later.
    pub(crate) fn job(&self, name: &str, now: Timestamp) -> Result<usize, Missing> {
        let wanted = Uuid::parse_str(name).ok();
        let found = self.jobs.iter().position(|job| Some(job.id) == wanted && job.started <= now);
        found.ok_or_else(|| Missing::Resource(name.to_owned()))
    }

    /// The job that `currentScenario` of the item names, if one runs.
    pub(crate) fn running_job(&self, item: &Item) -> Option<&Job> {
        let id = item.course.running.last()?;
        self.jobs.iter().find(|job| job.id == *id)
    }

    /// The index of the open job that ends first, if it ends by `now`.
    pub(crate) fn due(&self, now: Timestamp) -> Option<usize> {
        let open = self.jobs.iter().enumerate().filter(|(_, job)| job.open && job.over(now));
        open.min_by_key(|(_, job)| job.ends).map(|(index, _)| index)
    }
}

/// The display name of an Azure region, as far as demos need it.
fn region_name(location: &str) -> String {
    let known = [
        ("westeurope", "West Europe"),
        ("northeurope", "North Europe"),
        ("eastus", "East US"),
        ("eastus2", "East US 2"),
        ("uksouth", "UK South"),
        ("ukwest", "UK West"),
        ("germanywestcentral", "Germany West Central"),
    ];
    let found = known.iter().find(|(name, _)| *name == location);
    found.map_or_else(|| location.to_owned(), |(_, display)| (*display).to_owned())
}
