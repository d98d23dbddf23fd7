//! What a reversed replication rests on: container mappings and policies of the vault, and ARM resources beside it.
//!
//! Mappings and policies are recorded (cli-A2A_selfcreated_scenarios seq 97); of the ARM resources no recording exists here, their
//! shapes are Azure's public ones.

use serde::Deserialize;

/// What pairs one container with another, for replication in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerMapping {
    /// The ARM id, below the container that is replicated from. The list of one container holds the reverse mapping too.
    pub id: String,
    /// The container that is replicated to.
    pub target_protection_container_id: Option<String>,
    /// Display name of the region that is replicated to.
    pub target_fabric_friendly_name: Option<String>,
    /// The replication policy.
    pub policy_id: Option<String>,
}

/// A replication policy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// The ARM id.
    pub id: String,
}

/// A resource of which only the place matters: a resource group, a storage account, a virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedResource {
    /// The ARM id.
    pub id: String,
    /// The region it is in.
    pub location: Option<String>,
}

/// A management lock.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagementLock {
    /// Its name.
    pub name: String,
    /// `CanNotDelete` or `ReadOnly`.
    pub level: Option<String>,
}

/// A subnet, as far as its ways out go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnet {
    /// The ARM id.
    pub id: String,
    nat_gateway: Option<Linked>,
    route_table: Option<Linked>,
    default_outbound_access: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Linked {}

impl Subnet {
    /// Whether anything lets a machine of this subnet out: a NAT gateway, a route table, or Azure's default, which is
    /// on unless it says otherwise.
    pub fn has_way_out(&self) -> bool {
        self.nat_gateway.is_some() || self.route_table.is_some() || self.default_outbound_access != Some(false)
    }
}
