//! Reads of what lies around an item: mappings and policies of its vault, and resources of Compute, Network, Storage.

use super::client::{Answer, AsrClient};
use super::error::ReadError;
use super::ids::{VaultId, check_container, check_resource, check_resource_group, check_subnet};
use super::model::{ContainerMapping, ManagementLock, PlacedResource, Policy, Subnet};

/// The api-version of resource groups; like those below, Azure's public one, which no recording shows.
const RESOURCES_API_VERSION: &str = "2021-04-01";
/// The api-version of management locks.
const LOCKS_API_VERSION: &str = "2020-05-01";
/// The api-version of storage accounts.
const STORAGE_API_VERSION: &str = "2023-05-01";
/// The api-version of virtual networks.
const NETWORK_API_VERSION: &str = "2024-05-01";

impl AsrClient {
    /// The mappings of a container, by its ARM id in any case. Both directions are listed (recorded:
    /// cli-A2A_selfcreated_scenarios seq 97).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn container_mappings(&self, container_id: &str) -> Result<Answer<Vec<ContainerMapping>>, ReadError> {
        check_container(container_id)?;
        self.all(&format!("{container_id}/replicationProtectionContainerMappings")).await
    }

    /// Every replication policy of a vault.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn policies(&self, vault: &VaultId) -> Result<Answer<Vec<Policy>>, ReadError> {
        self.all(&format!("{vault}/replicationPolicies")).await
    }

    /// A resource group, by its ARM id in any case.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn resource_group(&self, arm_id: &str) -> Result<Answer<PlacedResource>, ReadError> {
        check_resource_group(arm_id)?;
        self.one_of(arm_id, RESOURCES_API_VERSION).await
    }

    /// What is locked in a resource group, itself included.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn locks(&self, resource_group_id: &str) -> Result<Answer<Vec<ManagementLock>>, ReadError> {
        check_resource_group(resource_group_id)?;
        let path = format!("{resource_group_id}/providers/Microsoft.Authorization/locks");
        self.all_of(&path, LOCKS_API_VERSION).await
    }

    /// A storage account, by its ARM id in any case.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn storage_account(&self, arm_id: &str) -> Result<Answer<PlacedResource>, ReadError> {
        check_resource(arm_id, "Microsoft.Storage", "storageAccounts")?;
        self.one_of(arm_id, STORAGE_API_VERSION).await
    }

    /// A virtual network, by its ARM id in any case.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn virtual_network(&self, arm_id: &str) -> Result<Answer<PlacedResource>, ReadError> {
        check_resource(arm_id, "Microsoft.Network", "virtualNetworks")?;
        self.one_of(arm_id, NETWORK_API_VERSION).await
    }

    /// A subnet, by its ARM id in any case.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn subnet(&self, arm_id: &str) -> Result<Answer<Subnet>, ReadError> {
        check_subnet(arm_id)?;
        self.one_of(arm_id, NETWORK_API_VERSION).await
    }
}
