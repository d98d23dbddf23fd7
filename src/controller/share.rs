//! Whose work an object is: that of the vault it belongs to, so that all of a vault is done by one replica. It is told by
//! the caches alone, and nothing but the division of work rests on it.

use super::stores::{Stores, Waiting};
use crate::api::v1alpha1::{RecoveryVault, ReplicatedVm};
use crate::asr::VaultId;
use crate::domain::ids::RequestKey;
use kube::ResourceExt;

/// What of a RecoveryVault decides who works on it: its vault, or itself where it names none.
pub(super) fn of_vault(vault: &RecoveryVault) -> String {
    let spec = &vault.spec;
    let id = VaultId::new(&spec.subscription_id, &spec.resource_group, &spec.name);
    id.map_or_else(|_| own(&vault.namespace().unwrap_or_default(), &vault.name_any()), |id| id.lower())
}

/// The same of a ReplicatedVm: the vault it is in, or itself where there is no RecoveryVault.
pub(super) fn of_vm(stores: &Stores, vm: &ReplicatedVm) -> String {
    let namespace = vm.namespace().unwrap_or_default();
    stores.vault_id(&namespace, &vm.spec.vault_ref.name).unwrap_or_else(|| own(&namespace, &vm.name_any()))
}

/// The same of a request: the vault it was accepted for, else the one its ReplicatedVm is in, else itself.
pub(super) fn of_request(stores: &Stores, request: &Waiting) -> String {
    let accepted = request.vault.as_ref().map(|id| id.to_ascii_lowercase());
    let named = || stores.vm(&request.key.namespace, &request.vm).map(|vm| of_vm(stores, &vm));
    accepted.or_else(named).unwrap_or_else(|| own(&request.key.namespace, &request.key.name))
}

/// The same of what concerns the request of this key, whose object may be gone.
pub(super) fn of_key(stores: &Stores, key: &RequestKey) -> String {
    stores.request(key).map_or_else(|| own(&key.namespace, &key.name), |request| of_request(stores, &request))
}

fn own(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}
