//! The vault itself, and what a failover makes or leaves beside it: virtual machines and network interfaces.

use serde::Deserialize;

use crate::asr::ids::VaultId;

/// A Recovery Services vault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vault {
    /// Its ARM id.
    pub id: VaultId,
    /// Its name.
    pub name: String,
    /// The region it is in.
    pub location: Option<String>,
    /// `Succeeded` once it can be used.
    pub provisioning_state: Option<String>,
}

/// A virtual machine, as far as a failover is judged by it (recorded: cli-A2A_scenarios seq 92).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualMachine {
    /// The ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The region it is in.
    pub location: Option<String>,
    /// Its zones; none outside them.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Azure's own id of it, another one after each failover.
    pub vm_id: Option<String>,
    /// `Succeeded` once it is made.
    pub provisioning_state: Option<String>,
    #[serde(default)]
    hardware_profile: HardwareProfile,
    #[serde(default)]
    storage_profile: StorageProfile,
    #[serde(default)]
    network_profile: NetworkProfile,
}

impl VirtualMachine {
    /// The size, such as `Standard_DS1_v2`.
    pub fn size(&self) -> Option<&str> {
        self.hardware_profile.vm_size.as_deref()
    }

    /// ARM ids of its managed disks, the system disk first.
    pub fn disk_ids(&self) -> impl Iterator<Item = &str> {
        let system = self.storage_profile.os_disk.iter();
        system.chain(&self.storage_profile.data_disks).filter_map(|disk| disk.managed_disk.id.as_deref())
    }

    /// ARM ids of its network interfaces, the primary one first.
    pub fn network_interface_ids(&self) -> Vec<&str> {
        let mut interfaces: Vec<&Reference> = self.network_profile.network_interfaces.iter().collect();
        interfaces.sort_by_key(|interface| !interface.primary);
        interfaces.into_iter().filter_map(|interface| interface.id.as_deref()).collect()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HardwareProfile {
    vm_size: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StorageProfile {
    os_disk: Option<AttachedDisk>,
    data_disks: Vec<AttachedDisk>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AttachedDisk {
    managed_disk: Reference,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NetworkProfile {
    network_interfaces: Vec<Reference>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Reference {
    id: Option<String>,
    primary: bool,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterface {
    /// The ARM id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its addresses.
    #[serde(default)]
    pub ip_configurations: Vec<NicIpConfiguration>,
}

/// One address of a network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NicIpConfiguration {
    /// Its name.
    pub name: Option<String>,
    /// True for the interface's first address.
    pub primary: bool,
    /// The address it got, which is another one when the wanted one was taken (Azure's docs on network mapping).
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Option<String>,
    /// `Static` or `Dynamic`.
    #[serde(rename = "privateIPAllocationMethod")]
    pub private_ip_allocation_method: Option<String>,
    subnet: Reference,
}

impl NicIpConfiguration {
    /// The ARM id of the subnet.
    pub fn subnet_id(&self) -> Option<&str> {
        self.subnet.id.as_deref()
    }
}
