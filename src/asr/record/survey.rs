//! What is read for a recording: everything that the operator itself reads, and then again what changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Tape;
use crate::asr::client::AsrClient;
use crate::asr::endpoint::{Endpoint, EndpointError};
use crate::asr::error::ReadError;
use crate::asr::ids::{ItemPath, JobId, VaultId};
use crate::asr::model::ProtectedItem;
use crate::asr::token::TokenSource;

/// Most jobs that are read one by one: the newest.
const MOST_JOBS: usize = 50;

/// Why a survey cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The client cannot be made.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The item is not one, or not exactly one, of the vault.
    #[error("the vault has {found} items that are called {name}; give the name of one, or its VM's")]
    Item {
        /// As it was asked for.
        name: String,
        /// How many there are.
        found: usize,
    },
}

/// Reads one vault, onto a tape.
pub struct Survey {
    client: AsrClient,
    vault: VaultId,
    only: Option<String>,
    tape: Arc<Tape>,
    around: BTreeSet<String>,
    jobs: BTreeMap<JobId, bool>,
    failures: BTreeSet<String>,
}

impl Survey {
    /// A survey of `vault`; with `only`, of one item's surroundings, by the name of the item or of its VM.
    ///
    /// # Errors
    /// When the endpoint's TLS settings cannot be used.
    pub fn new(
        endpoint: Endpoint,
        tokens: TokenSource,
        vault: VaultId,
        only: Option<String>,
        tape: Arc<Tape>,
    ) -> Result<Self, SurveyError> {
        let client = AsrClient::witnessed(endpoint, tokens, Arc::clone(&tape) as Arc<dyn super::Witness>)?;
        let (around, jobs, failures) = Default::default();
        Ok(Self { client, vault, only, tape, around, jobs, failures })
    }

    /// The client that reads, whose calls are recorded.
    pub fn client(&self) -> &AsrClient {
        &self.client
    }

    /// What could not be read, fit to be shown.
    pub fn failures(&self) -> impl Iterator<Item = &str> {
        self.failures.iter().map(String::as_str)
    }

    fn known<T>(&mut self, read: Result<crate::asr::Answer<T>, ReadError>) -> Option<T> {
        match read {
            Ok(answer) => Some(answer.body),
            Err(error) => {
                self.failures.insert(error.to_string());
                None
            }
        }
    }

    /// Reads everything once.
    pub async fn everything(&mut self) {
        self.plumbing().await;
        self.around.clear();
        for item in self.items().await {
            let points = self.client.recovery_points(&item.id).await;
            self.known(points);
            self.surroundings(&item).await;
        }
        self.jobs.clear();
        self.read_jobs().await;
    }

    /// Reads what changes: items and jobs, and the operation of a call if one was made.
    pub async fn round(&mut self) {
        self.items().await;
        self.read_jobs().await;
        if let Some(url) = self.tape.operation() {
            // What comes of it is on the tape.
            self.client.look_at(&url).await.ok();
        }
    }

    /// Whether a job has come to its end.
    pub fn has_ended(&self, job: &JobId) -> bool {
        self.jobs.get(job).copied().unwrap_or_default()
    }

    /// The item that the survey is limited to.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub async fn item(&mut self) -> Result<ProtectedItem, SurveyError> {
        let mut found = self.items().await;
        match (found.len(), self.only.is_some()) {
            (1, true) => Ok(found.remove(0)),
            (found, _) => Err(SurveyError::Item { name: self.only.clone().unwrap_or_default(), found }),
        }
    }

    async fn plumbing(&mut self) {
        let vault = self.client.vault(&self.vault).await;
        self.known(vault);
        let policies = self.client.policies(&self.vault).await;
        self.known(policies);
        let fabrics = self.client.fabrics(&self.vault).await;
        for fabric in self.known(fabrics).unwrap_or_default() {
            let containers = self.client.containers(&self.vault, &fabric.name).await;
            for container in self.known(containers).unwrap_or_default() {
                let mappings = self.client.container_mappings(&container.id).await;
                self.known(mappings);
            }
        }
    }

    /// The list, and each item that is wanted by itself.
    async fn items(&mut self) -> Vec<ProtectedItem> {
        let listed = self.client.items(&self.vault).await;
        let mut found = Vec::new();
        for item in self.known(listed).unwrap_or_default() {
            if self.wants(&item) {
                let read = self.client.item(&item.id).await;
                found.extend(self.known(read));
            }
        }
        found
    }

    fn wants(&self, item: &ProtectedItem) -> bool {
        let same = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
        self.only.as_deref().is_none_or(|wanted| {
            same(&item.name, wanted) || item.friendly_name.as_deref().is_some_and(|name| same(name, wanted))
        })
    }

    /// The list, and the detail of each new one until it has been read at its end.
    async fn read_jobs(&mut self) {
        let listed = self.client.jobs(&self.vault).await;
        let mut jobs = self.known(listed).unwrap_or_default();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.start));
        for job in jobs.into_iter().take(MOST_JOBS) {
            if !self.has_ended(&job.id) {
                let read = self.client.job(&self.vault, &job.id).await;
                if let Some(read) = self.known(read) {
                    self.jobs.insert(job.id, read.phase().is_terminal());
                }
            }
        }
    }

    /// What lies around an item, on both sides; each once.
    async fn surroundings(&mut self, item: &ProtectedItem) {
        let Some(details) = &item.a2a else { return };
        let recovered = details.recovery_azure_resource_group_id.as_ref().zip(details.recovery_azure_vm_name.as_ref());
        let recovered =
            recovered.map(|(group, vm)| format!("{group}/providers/Microsoft.Compute/virtualMachines/{vm}"));
        let machines: Vec<String> = details.fabric_object_id.iter().cloned().chain(recovered).collect();
        let disks = &details.protected_managed_disks;
        let accounts: BTreeSet<String> =
            disks.iter().filter_map(|disk| disk.primary_staging_azure_storage_account_id.clone()).collect();
        for vm in &machines {
            self.machine(vm).await;
        }
        let groups = machines.iter().chain(&accounts).filter_map(|id| group_of(id));
        for group in groups.chain(details.recovery_azure_resource_group_id.clone()) {
            if self.first(&group) {
                let read = self.client.resource_group(&group).await;
                self.known(read);
                let locks = self.client.locks(&group).await;
                self.known(locks);
            }
        }
        for account in accounts {
            if self.first(&account) {
                let read = self.client.storage_account(&account).await;
                self.known(read);
            }
        }
        if let Some(network) = &details.selected_recovery_azure_network_id {
            self.network(network).await;
        }
    }

    async fn machine(&mut self, id: &str) {
        if !self.first(id) {
            return;
        }
        let read = self.client.virtual_machine(id).await;
        let Some(vm) = self.known(read) else { return };
        for nic in vm.network_interface_ids() {
            let read = self.client.network_interface(nic).await;
            let Some(interface) = self.known(read) else { continue };
            for subnet in interface.ip_configurations.iter().filter_map(|config| config.subnet_id()) {
                if self.first(subnet) {
                    let read = self.client.subnet(subnet).await;
                    self.known(read);
                    self.network(subnet.rsplitn(3, '/').nth(2).unwrap_or_default()).await;
                }
            }
        }
    }

    async fn network(&mut self, id: &str) {
        if self.first(id) {
            let read = self.client.virtual_network(id).await;
            self.known(read);
        }
    }

    fn first(&mut self, id: &str) -> bool {
        self.around.insert(id.to_ascii_lowercase())
    }

    /// The recovery point of this name or ARM id, as a call names it.
    pub fn point(item: &ItemPath, point: &str) -> String {
        if point.starts_with('/') { point.to_owned() } else { format!("{item}/recoveryPoints/{point}") }
    }
}

/// The resource group that an ARM id is in.
fn group_of(id: &str) -> Option<String> {
    let segments: Vec<&str> = id.split('/').take(5).collect();
    (segments.len() == 5).then(|| segments.join("/"))
}
