//! VMs and NICs as Compute and Network write them, cut to what a failover leaves to look at.

use serde_json::{Value, json};

use super::super::machine::{Disk, Machine};
use super::precise;

/// A VM (recorded: cli-A2A_scenarios 50 and 92).
pub(crate) fn virtual_machine(machine: &Machine) -> Value {
    let created = precise(machine.created).replace('Z', "+00:00");
    let mut vm = json!({
        "name": machine.name,
        "id": machine.id,
        "type": "Microsoft.Compute/virtualMachines",
        "location": machine.location,
        "tags": {},
        "properties": {
            "vmId": machine.vm_guid,
            "hardwareProfile": { "vmSize": machine.size },
            "storageProfile": {
                "osDisk": {
                    "osType": machine.os_type,
                    "name": machine.os_disk.name,
                    "createOption": if machine.attached { "Attach" } else { "FromImage" },
                    "caching": "ReadWrite",
                    "managedDisk": { "storageAccountType": "Premium_LRS", "id": machine.os_disk.id },
                    "diskSizeGB": 127,
                },
                "dataDisks": machine.data_disks.iter().enumerate().map(data_disk).collect::<Vec<_>>(),
            },
            "networkProfile": {
                "networkInterfaces": [{ "id": machine.nic_id, "properties": { "primary": true } }],
            },
            "provisioningState": "Succeeded",
            "timeCreated": created,
        },
    });
    if let Some(zone) = &machine.zone {
        vm["zones"] = json!([zone]);
    }
    vm
}

/// A data disk; its position is its LUN. The shape is public, no recording here holds one.
fn data_disk((lun, disk): (usize, &Disk)) -> Value {
    json!({
        "lun": lun,
        "name": disk.name,
        "createOption": "Attach",
        "caching": "ReadOnly",
        "managedDisk": { "storageAccountType": "Premium_LRS", "id": disk.id },
        "diskSizeGB": 32,
        "toBeDetached": false,
    })
}

/// The instance view that `$expand=instanceView` adds.
pub(crate) fn instance_view(machine: &Machine) -> Value {
    let (code, display) = if machine.running { ("running", "VM running") } else { ("deallocated", "VM deallocated") };
    json!({
        "statuses": [
            { "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded" },
            { "code": format!("PowerState/{code}"), "level": "Info", "displayStatus": display },
        ],
    })
}

/// The NIC of a VM.
pub(crate) fn network_interface(machine: &Machine) -> Value {
    let name = super::super::ids::last_segment(&machine.nic_id);
    json!({
        "name": name,
        "id": machine.nic_id,
        "type": "Microsoft.Network/networkInterfaces",
        "location": machine.location,
        "properties": {
            "provisioningState": "Succeeded",
            "ipConfigurations": [{
                "name": "ipconfig1",
                "id": format!("{}/ipConfigurations/ipconfig1", machine.nic_id),
                "properties": {
                    "provisioningState": "Succeeded",
                    "privateIPAddress": machine.address,
                    "privateIPAllocationMethod": "Static",
                    "subnet": { "id": machine.subnet_id },
                    "primary": true,
                },
            }],
            "virtualMachine": { "id": machine.id },
            "primary": true,
        },
    })
}
