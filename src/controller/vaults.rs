//! All views of vaults, by the RecoveryVault that each belongs to.

use super::vault::{VaultHandle, VaultKey};
use crate::domain::ids::same;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// All observed vaults.
#[derive(Debug, Default)]
pub struct Vaults(RwLock<BTreeMap<VaultKey, Arc<VaultHandle>>>);

impl Vaults {
    /// The view of one RecoveryVault.
    pub fn get(&self, key: &VaultKey) -> Option<Arc<VaultHandle>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// A view of the vault with this ARM id, of this namespace: for reads that close what is open. Another namespace's is
    /// another tenant's, and what it sees with is not lent.
    pub fn of_vault(&self, vault_id: &str, namespace: &str) -> Option<Arc<VaultHandle>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let fits = |view: &&Arc<VaultHandle>| view.key.0 == namespace && same(&view.vault.to_string(), vault_id);
        all.values().find(fits).cloned()
    }

    /// Puts a view in place of the one before, which is stopped.
    pub fn put(&self, handle: Arc<VaultHandle>) {
        let old = self.0.write().unwrap_or_else(PoisonError::into_inner).insert(handle.key.clone(), handle);
        if let Some(old) = old {
            old.stop.cancel();
        }
    }

    /// Stops and forgets a view.
    pub fn remove(&self, key: &VaultKey) {
        if let Some(old) = self.0.write().unwrap_or_else(PoisonError::into_inner).remove(key) {
            old.stop.cancel();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The RecoveryVaults that have a view.
    pub fn keys(&self) -> Vec<VaultKey> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}
