//! Virtual machines of the simulated subscription, as far as Compute and Network answer about them.
//!
//! Pure. A failover adds the recovered VM with the same VM, NIC and disk names in the other resource group and a new
//! vmId (recorded: cli-A2A_scenarios 50 and 92).

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::ids::guid;
use super::item::{Item, Placement};

/// A managed disk of a VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disk {
    /// ARM id in the casing of its creator.
    pub(crate) id: String,
    pub(crate) name: String,
}

/// One VM with its single NIC and its disks.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// ARM id in the casing of its creator.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) vm_guid: Uuid,
    pub(crate) size: String,
    pub(crate) os_type: String,
    pub(crate) os_disk: Disk,
    /// In the order of their LUNs.
    pub(crate) data_disks: Vec<Disk>,
    pub(crate) nic_id: String,
    pub(crate) subnet_id: String,
    pub(crate) address: String,
    pub(crate) zone: Option<String>,
    pub(crate) created: Timestamp,
    /// Made by a failover from replicated disks.
    pub(crate) attached: bool,
    /// Whether it runs.
    pub(crate) running: bool,
}

/// All VMs, by lower-cased ARM id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Machines(BTreeMap<String, Machine>);

impl Machines {
    /// Adds or replaces a VM.
    pub(crate) fn insert(&mut self, machine: Machine) {
        self.0.insert(machine.id.to_ascii_lowercase(), machine);
    }

    /// Removes the VM with this id, or all VMs of the group with this id; false when there was none.
    pub(crate) fn remove_below(&mut self, id: &str) -> bool {
        let (id, before) = (id.to_ascii_lowercase(), self.0.len());
        let below = format!("{id}/");
        self.0.retain(|key, _| *key != id && !key.starts_with(&below));
        self.0.len() < before
    }

    /// The ids of all VMs.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|machine| machine.id.as_str())
    }

    /// Removes a VM if it is there.
    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(&id.to_ascii_lowercase());
    }

    /// The VM with this id, in any casing.
    pub(crate) fn get(&self, id: &str) -> Option<&Machine> {
        self.0.get(&id.to_ascii_lowercase())
    }

    /// Stops or starts a VM if it is there.
    pub(crate) fn set_running(&mut self, id: &str, running: bool) {
        if let Some(machine) = self.0.get_mut(&id.to_ascii_lowercase()) {
            machine.running = running;
        }
    }

    /// The VM whose NIC has this id, in any casing.
    pub(crate) fn by_nic(&self, nic_id: &str) -> Option<&Machine> {
        self.0.values().find(|machine| machine.nic_id.eq_ignore_ascii_case(nic_id))
    }

    /// Whether any VM lives in the resource group with this lower-cased id.
    pub(crate) fn group_exists(&self, group_id: &str) -> bool {
        let prefix = format!("{group_id}/");
        self.0.keys().any(|id| id.starts_with(&prefix))
    }
}

impl Machine {
    /// All disks, the OS disk first.
    pub(crate) fn disks(&self) -> impl Iterator<Item = &Disk> {
        std::iter::once(&self.os_disk).chain(&self.data_disks)
    }
}

/// Names of the OS disk and the data disks of a VM; `key` tells them from those of other VMs.
pub(crate) fn disk_names(vm: &str, key: Uuid, data_disks: usize) -> (String, Vec<String>) {
    let key = key.simple();
    let data = (0..data_disks).map(|lun| format!("{vm}_DataDisk_{lun}_{key}")).collect();
    (format!("{vm}_OsDisk_1_{key}"), data)
}

/// The VM of `item` in `place`, created at `at`; `suffix` is `-test` for a drill.
pub(crate) fn machine(item: &Item, place: &Placement, location: &str, at: Timestamp, suffix: &str) -> Machine {
    let name = format!("{}{suffix}", place.vm_name);
    let disk_suffix = if suffix.is_empty() { "" } else { "-ASRtest" };
    let disk = |name: &String| {
        let name = format!("{name}{disk_suffix}");
        Disk { id: place.resource("Microsoft.Compute/disks", &name), name }
    };
    let id = place.resource("Microsoft.Compute/virtualMachines", &name);
    Machine {
        vm_guid: guid(&["vm", &id, &at.to_string()]),
        location: location.to_owned(),
        size: item.vm_size.clone(),
        os_type: item.os_type.clone(),
        os_disk: disk(&item.os_disk),
        data_disks: item.data_disks.iter().map(disk).collect(),
        nic_id: place.resource("Microsoft.Network/networkInterfaces", &format!("{name}-nic")),
        subnet_id: format!("{}/subnets/default", place.network_id()),
        address: place.address.clone(),
        zone: place.zone.clone(),
        created: at,
        attached: true,
        running: true,
        name,
        id,
    }
}
