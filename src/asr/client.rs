//! The client of one identity: what can be read, each as one call. How it is read is `read`'s, sending is `send`'s.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::carrier::Carrier;
use super::endpoint::{Endpoint, EndpointError};
use super::error::ReadError;
use super::ids::{ItemPath, JobId, VaultId, check_resource};
use super::model::{
    self, Container, Fabric, Job, NetworkInterface, ProtectedItem, RecoveryPoint, Vault, VirtualMachine,
};
use super::network::Network;
use super::pace::{Counted, Pace};
use super::read::{Fetched, Listed, malformed};
use super::record::Witness;
use super::token::{TokenError, TokenSource};
use super::transport::Limits;

/// The Compute api-version (recorded: ps-A2AClutserUnplannedFailoverJob seq 1).
const COMPUTE_API_VERSION: &str = "2024-07-01";
/// The Network api-version; no recording reads a network interface, the shape is Azure's public one.
const NETWORK_API_VERSION: &str = "2024-05-01";

/// What was read, and when by Azure's clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// The thing itself.
    pub body: T,
    /// ARM's `Date`; of a list, the one of its first page. `None` when the answer carried none that can be read.
    pub date: Option<Timestamp>,
    /// Elements of a list that were not understood and are missing from it.
    pub undecodable: usize,
}

/// Calls Azure as one identity. Cheap to clone; clones share connections and tokens.
#[derive(Clone)]
pub struct AsrClient(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    tokens: TokenSource,
    carrier: Arc<dyn Carrier>,
    limits: Limits,
    witness: Option<Arc<dyn Witness>>,
    pace: Pace,
}

impl AsrClient {
    /// A client with the usual limits.
    ///
    /// # Errors
    /// When the endpoint's TLS settings cannot be used.
    pub fn new(endpoint: Endpoint, tokens: TokenSource) -> Result<Self, EndpointError> {
        Self::with_limits(endpoint, tokens, Limits::default())
    }

    /// A client with other limits.
    ///
    /// # Errors
    /// When the endpoint's TLS settings cannot be used.
    pub fn with_limits(endpoint: Endpoint, tokens: TokenSource, limits: Limits) -> Result<Self, EndpointError> {
        Self::made(endpoint, tokens, limits, None)
    }

    /// A client with the usual limits whose every answered call is shown to `witness`.
    ///
    /// # Errors
    /// When the endpoint's TLS settings cannot be used.
    pub fn witnessed(
        endpoint: Endpoint,
        tokens: TokenSource,
        witness: Arc<dyn Witness>,
    ) -> Result<Self, EndpointError> {
        Self::made(endpoint, tokens, Limits::default(), Some(witness))
    }

    fn made(
        endpoint: Endpoint,
        tokens: TokenSource,
        limits: Limits,
        witness: Option<Arc<dyn Witness>>,
    ) -> Result<Self, EndpointError> {
        let carrier = endpoint.way(|| Network::new(&endpoint, &limits))?;
        Ok(Self(Arc::new(Inner { endpoint, tokens, carrier, limits, witness, pace: Pace::new() })))
    }

    /// Makes sure that a token is at hand, so that a send does not spend its window on one.
    ///
    /// # Errors
    /// When none could be had.
    pub async fn warm_token(&self) -> Result<(), TokenError> {
        self.0.tokens.warm().await
    }

    /// What was answered since this was last asked, and what ARM said is left.
    pub fn counted(&self) -> Counted {
        self.0.pace.take()
    }

    /// Forgets the token in use, after a send was answered [`Sent::Unauthorized`](super::Sent::Unauthorized).
    pub fn invalidate_token(&self) {
        self.0.tokens.invalidate();
    }

    /// The vault itself.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn vault(&self, vault: &VaultId) -> Result<Answer<Vault>, ReadError> {
        self.one(&vault.to_string()).await
    }

    /// Every protected item of a vault. Where the identity may not list at the vault, each container is listed in turn.
    /// An item of a list differs from the same item read alone (recorded: ps-A2AReprotectTest); never compare the two.
    ///
    /// # Errors
    /// See [`ReadError`]; a list is whole or an error, but for elements counted as undecodable.
    pub async fn items(&self, vault: &VaultId) -> Result<Answer<Vec<ProtectedItem>>, ReadError> {
        match self.all(&format!("{vault}/replicationProtectedItems")).await {
            Err(forbidden @ ReadError::Access { .. }) => match self.items_by_container(vault).await {
                Err(ReadError::Access { .. }) => Err(forbidden),
                other => other,
            },
            other => other,
        }
    }

    async fn items_by_container(&self, vault: &VaultId) -> Result<Answer<Vec<ProtectedItem>>, ReadError> {
        let fabrics = self.fabrics(vault).await?;
        let mut whole = Answer { body: Vec::new(), date: fabrics.date, undecodable: fabrics.undecodable };
        for fabric in &fabrics.body {
            let containers = self.containers(vault, &fabric.name).await?;
            whole.undecodable += containers.undecodable;
            for container in &containers.body {
                let anchor = ItemPath::new(vault.clone(), &fabric.name, &container.name, "any")?;
                let items: Answer<Vec<ProtectedItem>> = self.all(&anchor.collection()).await?;
                whole.undecodable += items.undecodable;
                whole.body.extend(items.body);
            }
        }
        Ok(whole)
    }

    /// One protected item.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn item(&self, item: &ItemPath) -> Result<Answer<ProtectedItem>, ReadError> {
        self.one(&item.to_string()).await
    }

    /// Every recovery point of an item, in the order Azure gave, which promises nothing.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn recovery_points(&self, item: &ItemPath) -> Result<Answer<Vec<RecoveryPoint>>, ReadError> {
        self.all(&format!("{item}/recoveryPoints")).await
    }

    /// Every job of a vault that Azure still lists. Elements have no tasks, no activity id and no details (recorded:
    /// cli-vault_scenarios seq 27).
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn jobs(&self, vault: &VaultId) -> Result<Answer<Vec<Job>>, ReadError> {
        let Listed { elements, date } =
            self.list(&format!("{vault}/replicationJobs"), self.0.endpoint.api_version()).await?;
        Ok(Answer { body: model::jobs(elements), date, undecodable: 0 })
    }

    /// One job with its tasks and errors. A recovery plan's job may come back under another id (recorded:
    /// ps-A2ARecoveryPlanReplication); keep asking for the id you were given.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn job(&self, vault: &VaultId, job: &JobId) -> Result<Answer<Job>, ReadError> {
        self.one(&format!("{vault}/replicationJobs/{job}")).await
    }

    /// Every fabric of a vault: one per region.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn fabrics(&self, vault: &VaultId) -> Result<Answer<Vec<Fabric>>, ReadError> {
        self.all(&format!("{vault}/replicationFabrics")).await
    }

    /// Every protection container of a fabric.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn containers(&self, vault: &VaultId, fabric: &str) -> Result<Answer<Vec<Container>>, ReadError> {
        let anchor = ItemPath::new(vault.clone(), fabric, "any", "any")?;
        let fabric = anchor.fabric();
        self.all(&format!("{vault}/replicationFabrics/{fabric}/replicationProtectionContainers")).await
    }

    /// A virtual machine, by its ARM id in any case.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn virtual_machine(&self, arm_id: &str) -> Result<Answer<VirtualMachine>, ReadError> {
        check_resource(arm_id, "Microsoft.Compute", "virtualMachines")?;
        self.one_of(arm_id, COMPUTE_API_VERSION).await
    }

    /// A network interface, by its ARM id in any case.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn network_interface(&self, arm_id: &str) -> Result<Answer<NetworkInterface>, ReadError> {
        check_resource(arm_id, "Microsoft.Network", "networkInterfaces")?;
        self.one_of(arm_id, NETWORK_API_VERSION).await
    }

    async fn one<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ReadError> {
        self.one_of(path, self.0.endpoint.api_version()).await
    }

    /// One resource of a provider with an api-version of its own.
    pub(super) async fn one_of<T: DeserializeOwned>(&self, path: &str, version: &str) -> Result<Answer<T>, ReadError> {
        let fetched = self.get(path, version).await?;
        decoded(path, &fetched)
    }

    pub(super) async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<Vec<T>>, ReadError> {
        self.all_of(path, self.0.endpoint.api_version()).await
    }

    /// A list of a provider with an api-version of its own.
    pub(super) async fn all_of<T: DeserializeOwned>(
        &self,
        path: &str,
        version: &str,
    ) -> Result<Answer<Vec<T>>, ReadError> {
        let Listed { elements, date } = self.list(path, version).await?;
        let (body, undecodable) = model::elements(elements);
        Ok(Answer { body, date, undecodable })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.0.pace
    }

    pub(crate) fn tokens(&self) -> &TokenSource {
        &self.0.tokens
    }

    pub(crate) fn carrier(&self) -> &dyn Carrier {
        self.0.carrier.as_ref()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn witness(&self) -> Option<&dyn Witness> {
        self.0.witness.as_deref()
    }
}

impl fmt::Debug for AsrClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsrClient").field("tokens", &self.0.tokens).finish_non_exhaustive()
    }
}

fn decoded<T: DeserializeOwned>(what: &str, fetched: &Fetched) -> Result<Answer<T>, ReadError> {
    let body = model::resource(&fetched.body).map_err(|why| malformed(what, &why))?;
    Ok(Answer { body, date: fetched.date, undecodable: 0 })
}
