//! The controller of ReplicatedVm: shows one protected item, and has its record made. It never acts on Azure.

use super::acting;
use super::context::Context;
use super::convert::status::{VmExtras, parse_signed, vm_status};
use super::events::Shown;
use super::passes::unless_deleted;
use super::request::PassError;
use super::share;
use super::stores::any;
use super::vault::VaultHandle;
use super::wake::Sleeper;
use crate::api::v1alpha1::{LastOperation, RecoveryVault, ReplicatedVm, RequestRef, SideSpec};
use crate::domain::Reason;
use crate::domain::around::SideSettings;
use crate::domain::budget::Purpose;
use crate::domain::ids::{ItemKey, RequestKey, Step, same};
use crate::domain::item::{Item, Naming, Obstacle, Sides, identify, is_named};
use crate::domain::observed::{Reading, Vm};
use crate::domain::record::{Finished, Outcome, Record};
use crate::domain::request::Next;
use crate::domain::vm::{Gone, Objectives, VmFacts, life, resolve, view};
use jiff::{SignedDuration, Timestamp};
use kube::api::Api;
use kube::{Client, ResourceExt};
use std::sync::Arc;
use std::time::Duration;

/// A call that has no outcome for this long was lost with the process that made it.
const LOST: SignedDuration = SignedDuration::from_mins(3);

/// Without news the VM is looked at again after this time.
const AGAIN: Duration = Duration::from_secs(60);

/// One pass over one ReplicatedVm.
///
/// # Errors
/// When the cluster could not be read or written.
pub async fn reconcile(ctx: &Context, namespace: &str, name: &str) -> Result<Next, PassError> {
    ctx.stores.ready().await;
    ctx.replicas.joined().await;
    if ctx.stores.vm(namespace, name).is_some_and(|vm| !ctx.replicas.owns(&share::of_vm(&ctx.stores, &vm))) {
        return Ok(Next::After(AGAIN));
    }
    let api: Api<ReplicatedVm> = Api::namespaced(ctx.kube.clone(), namespace);
    let Some(object) = api.get_opt(name).await? else { return Ok(Next::OnChange) };
    let (vault, handle) = vault_of(ctx, &object).await?;
    if awaits_list(&object, vault.as_ref(), handle.as_deref()) {
        return Ok(Next::After(AGAIN));
    }
    let mut facts = facts(ctx, &object, vault.as_ref(), handle.as_deref());
    facts.gone = gone(&facts, &object, handle.as_deref()).await;
    let (record, made) = record(ctx, &facts, handle.as_deref()).await?;
    facts.unknown_outcome = record.as_ref().and_then(|record| unknown_outcome(record, namespace, facts.now));
    facts.last_rto = record.as_ref().and_then(|r| last_step(r, Step::Failover)).and_then(|(_, step)| step.achieved_rto);
    let view = view(&facts);
    let points = match (&view.item, &handle) {
        (Some(item), Some(handle)) => handle.points_for_status(item, &fingerprint(item)).await,
        _ => None,
    };
    let extras = VmExtras {
        points,
        active_request: record.as_ref().and_then(|r| active(r, namespace)),
        last_failover: record.as_ref().and_then(|r| last_operation(r, Step::Failover, namespace)),
        last_reprotect: record.as_ref().and_then(|r| last_operation(r, Step::Reprotect, namespace)),
    };
    let old = object.status.as_ref();
    let status = vm_status(&view, extras, old, object.metadata.generation, ctx.machine.time_of_day());
    let shown = ctx.reporter.status(&object, old, &status).await?;
    if shown == Shown::Outdated {
        return Ok(Next::Now);
    }
    let written = shown != Shown::Same;
    if written {
        let before = old.map(|o| o.conditions.as_slice()).unwrap_or_default();
        ctx.reporter.transitions(&object, before, &view.conditions).await;
    }
    if written || made {
        wake_requests(ctx, namespace, name);
    }
    Ok(Next::After(AGAIN))
}

/// Whether this replica has yet to list a vault that was read before, by another or by the process before it: until then
/// what is shown stands. The list wakes the VM.
fn awaits_list(vm: &ReplicatedVm, vault: Option<&RecoveryVault>, handle: Option<&VaultHandle>) -> bool {
    let shown =
        vm.status.as_ref().and_then(|s| s.observed_generation).is_some_and(|g| Some(g) == vm.metadata.generation);
    let conditions = vault.and_then(|v| v.status.as_ref()).map(|s| s.conditions.as_slice()).unwrap_or_default();
    let was_read = conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
    let listed = handle.is_some_and(|handle| handle.items().is_some());
    shown && was_read && !listed && suspended(vm, vault).is_none()
}

fn wake_requests(ctx: &Context, namespace: &str, name: &str) {
    for waiting in ctx.stores.requests_of(namespace, name).into_iter().filter(|w| !w.ended || w.copying) {
        ctx.wake.up(Sleeper::Request(waiting.key));
    }
}

async fn vault_of(
    ctx: &Context,
    vm: &ReplicatedVm,
) -> Result<(Option<RecoveryVault>, Option<Arc<VaultHandle>>), kube::Error> {
    let namespace = vm.namespace().unwrap_or_default();
    let api: Api<RecoveryVault> = Api::namespaced(Client::clone(&ctx.kube), &namespace);
    let vault = unless_deleted(api.get_opt(&vm.spec.vault_ref.name).await?);
    Ok((vault, ctx.vaults.get(&(namespace, vm.spec.vault_ref.name.clone()))))
}

fn sides(vm: &ReplicatedVm) -> Sides {
    Sides { primary_region: vm.spec.primary.region.clone(), recovery_region: vm.spec.recovery.region.clone() }
}

fn settings(side: &SideSpec) -> SideSettings {
    SideSettings {
        resource_group_id: side.resource_group_id.clone(),
        cache_account_id: side.cache_storage_account_id.clone(),
        policy_id: side.policy_id.clone(),
        network_id: side.network_id.clone(),
        zone: side.zone.clone(),
        availability_set_id: side.availability_set_id.clone(),
        proximity_placement_group_id: side.proximity_placement_group_id.clone(),
        disk_encryption_set_id: side.disk_encryption_set_id.clone(),
    }
}

fn naming(vm: &ReplicatedVm) -> Naming {
    let item = vm.spec.protected_item_name.clone().map(Naming::ItemName);
    item.unwrap_or_else(|| Naming::SourceVm(vm.spec.source_vm_id.clone().unwrap_or_default()))
}

fn objectives(vm: &ReplicatedVm) -> Objectives {
    let given = vm.spec.objectives.clone().unwrap_or_default();
    let or = |field: &Option<String>, hours| {
        field.as_deref().and_then(parse_signed).unwrap_or(SignedDuration::from_hours(hours))
    };
    let some = |field: &Option<String>| field.as_deref().and_then(parse_signed);
    Objectives {
        rpo: some(&given.rpo),
        rto: some(&given.rto),
        drill_max_age: or(&given.drill_max_age, 90 * 24),
        pending_commit_max: or(&given.pending_commit_max, 4),
    }
}

fn facts(ctx: &Context, vm: &ReplicatedVm, vault: Option<&RecoveryVault>, handle: Option<&VaultHandle>) -> VmFacts {
    let items = match (vault, handle.and_then(VaultHandle::items)) {
        (None, _) => Err(Obstacle::new(
            Reason::VaultNotFound,
            format!("There is no RecoveryVault {} in this namespace. Create it.", vm.spec.vault_ref.name),
        )),
        (Some(_), Some(Reading::Known(items))) => Ok(Reading::Known(items)),
        (Some(_), Some(Reading::Unreadable(u))) => Ok(Reading::Unreadable(u)),
        (Some(_), Some(Reading::Absent)) => Err(Obstacle::new(
            Reason::ItemNotFound,
            "Azure does not find the vault of the RecoveryVault; its status says more.",
        )),
        (Some(_), None) => Ok(Reading::Absent),
    };
    let status = vm.status.as_ref();
    let mut facts = VmFacts {
        suspended: suspended(vm, vault),
        sides: sides(vm),
        naming: naming(vm),
        objectives: objectives(vm),
        items,
        before: status.and_then(|s| s.protected_item_name.clone().map(|name| (name, s.lifecycle_id.clone()))),
        gone: Gone::Unsure,
        claimed_twice: false,
        unknown_outcome: None,
        last_rto: None,
        now: handle.and_then(|h| h.time.now()),
    };
    facts.claimed_twice = handle.is_some_and(|h| claimed_twice(ctx, vm, h, &facts));
    facts
}

fn suspended(vm: &ReplicatedVm, vault: Option<&RecoveryVault>) -> Option<String> {
    if vm.spec.suspend {
        return Some("suspend is true on the ReplicatedVm: no verb is carried out.".into());
    }
    vault.filter(|v| v.spec.suspend).map(|_| "suspend is true on the RecoveryVault: no verb is carried out.".into())
}

/// Whether another ReplicatedVm, in any watched namespace, stands for the same item of the same vault.
fn claimed_twice(ctx: &Context, vm: &ReplicatedVm, handle: &VaultHandle, facts: &VmFacts) -> bool {
    let Ok(Reading::Known(items)) = &facts.items else { return false };
    let Ok(item) = identify(items, &facts.naming, &facts.sides) else { return false };
    let (uid, vault) = (vm.uid(), handle.vault.lower());
    any(&ctx.stores.vms, |other| {
        let (naming, sides) = (naming(other), sides(other));
        // The first question is cheap and mostly answered with no: a vault has thousands of items and as many VMs.
        is_named(item, &naming, &sides)
            && other.uid() != uid
            && ctx.stores.vault_id(&other.namespace().unwrap_or_default(), &other.spec.vault_ref.name).as_ref()
                == Some(&vault)
            && identify(items, &naming, &sides).is_ok_and(|found| same(&found.id, &item.id))
    })
}

/// An item that was there and is not listed: two full lists and a GET must agree that it is gone.
async fn gone(facts: &VmFacts, vm: &ReplicatedVm, handle: Option<&VaultHandle>) -> Gone {
    let missing = resolve(facts).is_err_and(|o| o.reason == Reason::ItemMissing);
    let path = vm.status.as_ref().and_then(|s| s.protected_item_id.clone());
    let (true, Some(path), Some(handle)) = (missing, path, handle) else { return Gone::Unsure };
    if was_gone(vm) {
        return Gone::Certain;
    }
    let Reading::Known(again) = handle.list_items(Purpose::ItemList).await else { return Gone::Unsure };
    if identify(&again, &facts.naming, &facts.sides).is_ok() {
        return Gone::Unsure;
    }
    match handle.item(&path, Purpose::ItemList).await {
        Reading::Absent => Gone::Certain,
        Reading::Known(_) | Reading::Unreadable(_) => Gone::Unsure,
    }
}

/// Whether it was certain before; every list since lacks the item too, this one included.
fn was_gone(vm: &ReplicatedVm) -> bool {
    let told = vm.status.iter().flat_map(|status| &status.conditions);
    told.filter(|c| c.type_ == "Ready").any(|c| c.reason == Reason::ItemNotFound.as_str())
}

/// The item's record, and whether it was made just now: it is made when the item is first seen.
async fn record(
    ctx: &Context,
    facts: &VmFacts,
    handle: Option<&VaultHandle>,
) -> Result<(Option<Record>, bool), PassError> {
    let (Ok((item, _)), Some(handle)) = (resolve(facts), handle) else { return Ok((None, false)) };
    let vault = handle.vault.to_string();
    if let Some(held) = ctx.records.read(&ItemKey::new(&vault, &item.name)).await? {
        return Ok((Some(held.record), false));
    }
    let record = Record::empty(vault, &item.name);
    ctx.records.create(&record).await?;
    Ok((Some(record), true))
}

fn active(record: &Record, namespace: &str) -> Option<RequestRef> {
    reference(record.holder.as_ref()?, namespace)
}

/// A request as an object of its namespace refers to it; nobody else does.
fn reference(key: &RequestKey, namespace: &str) -> Option<RequestRef> {
    (key.namespace == namespace).then(|| RequestRef { kind: key.kind.as_str().into(), name: key.name.clone() })
}

/// A call that may have been executed and that nobody has explained.
fn unknown_outcome(record: &Record, namespace: &str, now: Option<Timestamp>) -> Option<String> {
    let (key, intent) = record.holder.as_ref().zip(record.intent.as_ref())?;
    let old = now.zip(intent.t0).is_some_and(|(now, t0)| now.duration_since(t0) > LOST);
    let unknown = match intent.outcome {
        Some(Outcome::Unknown { .. }) => true,
        None => old,
        Some(_) => false,
    };
    unknown.then(|| {
        format!(
            "Whether Azure executed the {} of {} (client request id {}) is not known. Look at the vault's jobs in the portal; the request's own condition says more. A RequestDecision that names the id says what became of it.",
            crate::domain::verb::row(intent.step).noun,
            key.told_in(namespace),
            intent.client_request_id
        )
    })
}

/// The last use of a step here, of those that the record remembers.
fn last_step(record: &Record, wanted: Step) -> Option<(&RequestKey, &Finished)> {
    let runs = record.consumed.iter().filter_map(|c| c.result.as_ref().map(|r| (&c.key, r)));
    let steps = runs.flat_map(|(key, result)| result.steps.iter().map(move |s| (key, s)));
    steps.filter(|(_, s)| s.step == wanted).max_by_key(|(_, s)| s.started)
}

fn last_operation(record: &Record, wanted: Step, namespace: &str) -> Option<LastOperation> {
    let (key, step) = last_step(record, wanted)?;
    Some(LastOperation {
        request: reference(key, namespace),
        job_id: step.job.as_ref().map(ToString::to_string),
        state: Some(step.phase.as_str().into()),
        recovery_point: step.point.as_ref().map(super::convert::record::point_object),
        started_at: step.started.map(|t| t.to_string()),
        ended_at: step.ended.map(|t| t.to_string()),
        ..LastOperation::default()
    })
}

/// What the recovery points depend on: when it changes they are read again.
fn fingerprint(item: &Item) -> String {
    format!("{}|{:?}|{}", item.protection_state, item.failover_point, item.id)
}

/// The ReplicatedVm as a request's target, by the same rules as its status shows.
///
/// # Errors
/// The API server's; an obstacle is a value.
pub async fn for_request(ctx: &Context, vm: &ReplicatedVm) -> Result<Result<Vm, Obstacle>, kube::Error> {
    let (vault, handle) = vault_of(ctx, vm).await?;
    let facts = facts(ctx, vm, vault.as_ref(), handle.as_deref());
    let Some(handle) = handle else {
        let pending = Obstacle::new(Reason::Pending, "The vault has not been listed yet.");
        return Ok(Err(resolve(&facts).err().unwrap_or(pending)));
    };
    Ok(resolve(&facts).map(|(item, _)| Vm {
        uid: vm.uid(),
        suspended: facts.suspended.clone(),
        nobody_acts: vault.as_ref().and_then(|vault| acting::nobody(vault, &handle)),
        sides: facts.sides.clone(),
        naming: facts.naming.clone(),
        vault_id: handle.vault.to_string(),
        item: Item { lifecycle_id: life(&facts, item), ..item.clone() },
        primary: settings(&vm.spec.primary),
        recovery: settings(&vm.spec.recovery),
    }))
}
