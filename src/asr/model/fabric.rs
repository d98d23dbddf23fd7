//! Fabrics and protection containers: the regions of a vault and what groups its items.

use serde::Deserialize;

/// A fabric: in Azure to Azure, one region of a vault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fabric {
    /// The ARM id.
    pub id: String,
    /// The name that paths are made of.
    pub name: String,
    /// The region's display name, such as `East US` (recorded: cli-A2A_scenarios seq 4).
    pub friendly_name: Option<String>,
    /// `Normal`, `Warning`, `Critical` or `None`.
    pub health: Option<String>,
    #[serde(default)]
    custom_details: FabricDetails,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct FabricDetails {
    location: Option<String>,
}

impl Fabric {
    /// The region's short name, such as `eastus`.
    pub fn location(&self) -> Option<&str> {
        self.custom_details.location.as_deref()
    }
}

/// A protection container of a fabric.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// The ARM id.
    pub id: String,
    /// The name that paths are made of; elsewhere Azure names a container by an internal GUID (recorded: ps-A2AReprotectTest).
    pub name: String,
    /// The name shown in the portal.
    pub friendly_name: Option<String>,
    /// The region's display name.
    pub fabric_friendly_name: Option<String>,
    /// How many items it holds.
    pub protected_item_count: Option<i64>,
    /// `Paired`, `NotPaired` and others.
    pub pairing_status: Option<String>,
}
