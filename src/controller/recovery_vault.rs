//! The controller of RecoveryVault: keeps one observer per object, with that object's own identity, and shows what it sees.

use super::acting::{self, Caller};
use super::context::Context;
use super::convert::record::step_object;
use super::credentials::{CredentialsError, client, who};
use super::events::Shown;
use super::observer::{self, Poll};
use super::request::PassError;
use super::share;
use super::stores::one;
use super::vault::{Seen, VaultHandle, VaultKey};
use crate::api::v1alpha1::{Adoption, AdoptionState, RecoveryVault, RecoveryVaultStatus, parse_duration};
use crate::asr::VaultId;
use crate::domain::Reason;
use crate::domain::backoff::Class;
use crate::domain::item::Obstacle;
use crate::domain::observed::{Reading, Unreadable};
use crate::domain::request::Next;
use crate::domain::vault::{Acting, VaultFacts, conditions};
use kube::ResourceExt;
use kube::api::Api;
use std::sync::Arc;
use std::time::Duration;

/// Without news the identity is looked at again after this time: a Secret may have been rotated.
const AGAIN: Duration = Duration::from_secs(60);

/// One pass over one RecoveryVault.
///
/// # Errors
/// When the cluster could not be read or written.
pub async fn reconcile(ctx: &Context, namespace: &str, name: &str) -> Result<Next, PassError> {
    let api: Api<RecoveryVault> = Api::namespaced(ctx.kube.clone(), namespace);
    let key = (namespace.to_owned(), name.to_owned());
    ctx.replicas.joined().await;
    let anothers = one(&ctx.stores.vaults, namespace, name, share::of_vault).is_some_and(|of| !ctx.replicas.owns(&of));
    if anothers {
        forget(ctx, &key);
        return Ok(Next::After(AGAIN));
    }
    let Some(object) = api.get_opt(name).await? else {
        forget(ctx, &key);
        return Ok(Next::OnChange);
    };
    let shown = match ensure_observed(ctx, &object, key).await? {
        Ok(handle) => report(ctx, &object, &facts(&object, &handle).await, Some(&handle)).await?,
        Err(obstacle) => report(ctx, &object, &refused(&object, obstacle), None).await?,
    };
    Ok(if shown == Shown::Outdated { Next::Now } else { Next::After(AGAIN) })
}

fn forget(ctx: &Context, key: &VaultKey) {
    ctx.vaults.remove(key);
    ctx.metrics.vaults(ctx.vaults.len());
}

/// The view of this object, made anew when its settings or its Secret changed.
async fn ensure_observed(
    ctx: &Context,
    object: &RecoveryVault,
    key: VaultKey,
) -> Result<Result<Arc<VaultHandle>, Obstacle>, PassError> {
    let spec = &object.spec;
    let vault = match VaultId::new(&spec.subscription_id, &spec.resource_group, &spec.name) {
        Ok(vault) => vault,
        Err(invalid) => {
            return Ok(Err(Obstacle::new(Reason::InvalidSpec, format!("{invalid}. Create a new RecoveryVault."))));
        }
    };
    let (seen, fingerprint) = match through(ctx, object, &vault).await {
        Ok(made) => made,
        Err(CredentialsError::Kube(error)) => return Err(error.into()),
        Err(error) => {
            forget(ctx, &key);
            return Ok(Err(Obstacle::new(Reason::CredentialsFailed, format!("{error}."))));
        }
    };
    if let Some(handle) = ctx.vaults.get(&key)
        && handle.fingerprint == fingerprint
    {
        return Ok(Ok(handle));
    }
    let handle = Arc::new(VaultHandle::new(key, vault, seen, fingerprint));
    ctx.vaults.put(Arc::clone(&handle));
    ctx.metrics.vaults(ctx.vaults.len());
    if spec.suspend {
        // Nothing is listed, so nobody is woken by a list.
        observer::wake(ctx, &handle, None);
        observer::wake_requests(ctx, &handle);
    } else {
        tokio::spawn(observer::run(ctx.clone(), Arc::clone(&handle), poll(object)));
    }
    Ok(Ok(handle))
}

/// Through what the vault is seen, and what that is made from.
async fn through(ctx: &Context, object: &RecoveryVault, vault: &VaultId) -> Result<(Seen, String), CredentialsError> {
    let spec = &object.spec;
    let namespace = object.namespace().unwrap_or_default();
    let (client, version) = client(ctx, &namespace, &spec.identity, "identity").await?;
    let meter = ctx.meters.of(&vault.to_string(), &who(&spec.identity));
    let reads =
        Caller { client: client.clone(), meter: Arc::clone(&meter), vault: object.name_any(), field: "identity" };
    let (acting, acting_version) = acting::of(ctx, object, vault, reads).await?;
    let seen = Seen { client, meter, acting, machine: Arc::clone(&ctx.machine) };
    Ok((seen, acting::fingerprint(spec, [&version, &acting_version])))
}

fn poll(object: &RecoveryVault) -> Poll {
    let or = |text: &str, seconds| parse_duration(text).unwrap_or(Duration::from_secs(seconds));
    Poll { idle: or(&object.spec.poll.idle, 60), active: or(&object.spec.poll.active, 10) }
}

async fn facts(object: &RecoveryVault, handle: &VaultHandle) -> VaultFacts {
    let items = handle.last_list().map(|reading| match reading {
        Reading::Known(items) => Reading::Known(items.len()),
        Reading::Absent => Reading::Absent,
        Reading::Unreadable(u) => Reading::Unreadable(u),
    });
    let acting = acting::shown(&object.spec, handle).await;
    VaultFacts { suspended: object.spec.suspend, vault_id: handle.vault.to_string(), items, acting }
}

fn refused(object: &RecoveryVault, obstacle: Obstacle) -> VaultFacts {
    let items = Some(Reading::Unreadable(Unreadable { class: Class::UserFix, obstacle, retry_after: None }));
    let (suspended, vault_id) = (object.spec.suspend, object.spec.name.clone());
    VaultFacts { suspended, vault_id, items, acting: Acting::Somebody }
}

async fn report(
    ctx: &Context,
    object: &RecoveryVault,
    facts: &VaultFacts,
    handle: Option<&VaultHandle>,
) -> Result<Shown, PassError> {
    let old = object.status.as_ref();
    let before = old.map(|o| o.conditions.as_slice()).unwrap_or_default();
    let generation = object.metadata.generation;
    let shown = conditions(facts);
    let known = facts.items.as_ref().and_then(Reading::known).and_then(|n| i32::try_from(*n).ok());
    let status = RecoveryVaultStatus {
        observed_generation: generation,
        vault_id: Some(facts.vault_id.clone()).filter(|id| id.starts_with('/')),
        location: handle
            .and_then(VaultHandle::location)
            .map(str::to_owned)
            .or_else(|| old.and_then(|o| o.location.clone())),
        protected_items: known.or_else(|| old.and_then(|o| o.protected_items)),
        adoption: adoption(old, handle),
        conditions: super::convert::status::conditions(&shown, before, generation, ctx.machine.time_of_day()),
    };
    let written = ctx.reporter.status(object, old, &status).await?;
    if let Shown::Written(_) = &written {
        ctx.reporter.transitions(object, before, &shown).await;
        tracing::info!(vault = %object.name_any(), namespace = object.namespace(), reason = %shown[0].reason, message = %shown[0].message, "vault");
    }
    Ok(written)
}

/// What was seen before and what is seen now; a contradiction stays.
fn adoption(old: Option<&RecoveryVaultStatus>, handle: Option<&VaultHandle>) -> Vec<Adoption> {
    let mut known = old.map(|o| o.adoption.clone()).unwrap_or_default();
    for (step, carried) in handle.map(VaultHandle::adoption).unwrap_or_default() {
        let step = step_object(step);
        let state = if carried { AdoptionState::Confirmed } else { AdoptionState::Contradicted };
        match known.iter_mut().find(|a| a.step == step) {
            Some(before) if before.state == AdoptionState::Contradicted => {}
            Some(before) => before.state = state,
            None => known.push(Adoption { step, state }),
        }
    }
    known.sort_by_key(|a| a.step);
    known
}
