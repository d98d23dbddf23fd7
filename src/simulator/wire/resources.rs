//! Resource groups, storage accounts, networks, subnets and locks, as ARM writes them.
//!
//! No recording here holds them: shapes are those of ARM's public reference, cut to what a client of Site Recovery looks at.

use serde_json::{Value, json};

use super::super::ids::last_segment;
use super::super::resources::{Lock, Network, Placed, Subnet};

/// A resource group.
pub(crate) fn group(group: &Placed) -> Value {
    json!({
        "id": group.id,
        "name": last_segment(&group.id),
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "properties": { "provisioningState": "Succeeded" },
    })
}

/// A storage account.
pub(crate) fn account(account: &Placed) -> Value {
    json!({
        "id": account.id,
        "name": last_segment(&account.id),
        "type": "Microsoft.Storage/storageAccounts",
        "location": account.location,
        "kind": "StorageV2",
        "sku": { "name": "Standard_LRS", "tier": "Standard" },
        "properties": { "provisioningState": "Succeeded" },
    })
}

/// A virtual network with its subnets.
pub(crate) fn network(network: &Network) -> Value {
    let subnets: Vec<Value> = network.subnets.iter().map(|found| subnet(&network.id, found)).collect();
    json!({
        "id": network.id,
        "name": last_segment(&network.id),
        "type": "Microsoft.Network/virtualNetworks",
        "location": network.location,
        "properties": {
            "provisioningState": "Succeeded",
            "addressSpace": { "addressPrefixes": ["10.1.0.0/16"] },
            "subnets": subnets,
        },
    })
}

/// A subnet; gateway, security group and route table are absent when there is none.
pub(crate) fn subnet(network_id: &str, subnet: &Subnet) -> Value {
    let mut properties = json!({
        "provisioningState": "Succeeded",
        "addressPrefix": "10.1.0.0/24",
        "defaultOutboundAccess": subnet.default_outbound_access,
    });
    let linked = [
        ("natGateway", &subnet.nat_gateway),
        ("networkSecurityGroup", &subnet.security_group),
        ("routeTable", &subnet.route_table),
    ];
    for (name, id) in linked {
        if let Some(id) = id {
            properties[name] = json!({ "id": id });
        }
    }
    json!({
        "id": format!("{network_id}/subnets/{}", subnet.name),
        "name": subnet.name,
        "type": "Microsoft.Network/virtualNetworks/subnets",
        "properties": properties,
    })
}

/// A lock.
pub(crate) fn lock(lock: &Lock) -> Value {
    json!({
        "id": lock.id(),
        "name": lock.name,
        "type": "Microsoft.Authorization/locks",
        "properties": { "level": lock.level, "notes": "" },
    })
}
