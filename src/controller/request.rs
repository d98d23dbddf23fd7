//! The one controller of all requests: observe, decide, act, report. A kind differs only by its `VerbOf`.
//!
//! It works by the request's key, not by its object: what is open is closed even when the object is gone.

mod azure;

use super::clock::SEND_WINDOW;
use super::context::Context;
use super::convert::request::{VerbOf, request_from};
use super::convert::status::{claimed_item_id, request_status};
use super::events::Shown;
use super::machine::Moment;
use super::passes::unless_deleted;
use super::records::{Held, RecordError};
use super::stores::Waiting;
use super::vault::VaultHandle;
use super::wake::Sleeper;
use super::{replicated_vm, request_decision, send, traced};
use crate::api::shorten;
use crate::api::v1alpha1::ReplicatedVm;
use crate::domain::Reason;
use crate::domain::decision::PersonDecision;
use crate::domain::ids::{ItemKey, RequestKey, same};
use crate::domain::item::{Item, Obstacle};
use crate::domain::observed::{Adoption, Azure, Claim, Facts, Reading, Request, Vm};
use crate::domain::record::{Record, RunResult};
use crate::domain::request::{Decision, Effect, InLine, Next, Stage, decide, first_in_line, stage, too_slow};
use kube::api::Api;
use std::sync::Arc;
use std::time::Duration;

/// Why a pass did not come to its end; it is begun again.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The API server's.
    #[error("the API server: {0}")]
    Kube(#[from] kube::Error),
    /// A record or claim.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The ReplicatedVm that the request names, and the RecoveryVault that this one names, if it is there.
struct NamedVm {
    name: String,
    vault: Option<String>,
}

/// What the cluster said, with what is needed to write back.
struct Observed<K> {
    began: Moment,
    object: Option<K>,
    vm: Option<NamedVm>,
    held: Option<Held>,
    handle: Option<Arc<VaultHandle>>,
    facts: Facts,
}

/// One look at a request: what was seen, what was decided by it, and done.
struct Pass<K> {
    observed: Observed<K>,
    azure: Azure,
    decision: Decision,
}

/// One pass over one request; two where the first one froze the target. `item` is the one whose record the request is known to
/// hold: its claim may be lost.
///
/// # Errors
/// When the cluster could not be read or written; nothing is decided then.
pub async fn reconcile<K: VerbOf>(ctx: &Context, key: &RequestKey, item: Option<&ItemKey>) -> Result<Next, PassError> {
    let first = pass::<K>(ctx, key, item).await?;
    let (last, shown) = if let Effect::Claim(_) = first.decision.effect {
        // All is looked at anew at once, while it is shown that the request was accepted.
        let (shown, second) = tokio::join!(report(ctx, &first, None), pass::<K>(ctx, key, None));
        let second = second?;
        let shown = report(ctx, &second, Some(shown?)).await?;
        (second, shown)
    } else {
        let shown = report(ctx, &first, None).await?;
        (first, shown)
    };
    if shown == Shown::Outdated {
        return Ok(Next::Now);
    }
    if let (Stage::Blocked(obstacle, _), Some(vm)) = (stage(&last.observed.facts), &last.observed.vm)
        && obstacle.reason == Reason::RecordPending
    {
        // The record is the ReplicatedVm's to make.
        ctx.wake.up(Sleeper::Vm(key.namespace.clone(), vm.name.clone()));
    }
    Ok(match last.decision.next {
        // Where the installer wants more detail, it is looked for as often.
        Next::OnJobNews(after) => Next::OnJobNews(after.min(ctx.settings.task_detail_every)),
        next => next,
    })
}

/// Observes, decides and acts.
async fn pass<K: VerbOf>(ctx: &Context, key: &RequestKey, item: Option<&ItemKey>) -> Result<Pass<K>, PassError> {
    let began = ctx.machine.now();
    let observed = observe::<K>(ctx, key, item, began).await?;
    let span = observed.object.as_ref().and_then(|object| ctx.traces.of(object.meta().uid.as_deref()));
    match span.map(|trace| trace.span("pass")) {
        None => decide_and_act(ctx, observed).await,
        Some(span) => {
            let pass = span.cover(decide_and_act(ctx, observed)).await;
            traced::passed(span, pass.as_ref().map(|pass| (&pass.decision, &pass.azure)));
            pass
        }
    }
}

/// Asks Azure, decides and acts, after the cluster was observed.
async fn decide_and_act<K: VerbOf>(ctx: &Context, mut observed: Observed<K>) -> Result<Pass<K>, PassError> {
    let (key, began) = (observed.facts.key.clone(), observed.began);
    let cluster = ctx.machine.since(began);
    // A list that is surely fresh takes the API server 100 ms, so it is waited for beside Azure.
    let (mut azure, said, again) = tokio::join!(
        azure::observe(ctx, &observed.facts, observed.handle.as_deref()),
        decisions(ctx, &observed.facts),
        again::<K>(ctx, &observed)
    );
    observed.facts.decisions = said?;
    if let Some((object, vm)) = again? {
        observed.facts.seen_again(object.as_ref().and_then(|object| request_from(object, &key).ok()), vm);
        // What is shown goes over the version that was seen before the record: it is of the same moment.
        observed.object = observed.object.filter(|_| object.is_some());
    }
    if !observed.facts.decisions.is_empty() {
        // What a person said may be a reason to look at the record's vault, and no longer at the VM's.
        observed.handle = handle(ctx, &observed.facts, observed.vm.as_ref());
        azure = azure::observe(ctx, &observed.facts, observed.handle.as_deref()).await;
    }
    let read = ctx.machine.since(began);
    let decision = match decide(&observed.facts, &azure) {
        Decision { effect: Effect::Send(..), .. } if read > SEND_WINDOW => {
            tracing::warn!(request = %key, seconds = read.as_secs(), "what a call is decided by took too long to read; nothing is sent");
            too_slow(&observed.facts, read)
        }
        decision => decision,
    };
    if let Some(handle) = &observed.handle {
        // Without its VM nothing is seen of the copy: the VM wakes it when it is found again.
        let seen = decision.next == Next::OnItemNews && observed.facts.vm.is_ok();
        let claim = observed.facts.claim.as_ref().filter(|_| seen);
        handle.copies(&key, claim.map(|claim| claim.item_name.as_str()));
        if let Stage::Ended(_) = stage(&observed.facts) {
            handle.follows_nothing(&key);
        }
    }
    act(ctx, &observed, &decision, &azure).await?;
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let (cluster_us, azure_us, act_us) =
        (micros(cluster), micros(read.saturating_sub(cluster)), micros(ctx.machine.since(began).saturating_sub(read)));
    tracing::debug!(request = %key, cluster_us, azure_us, act_us, "observed, decided and acted");
    Ok(Pass { observed, azure, decision })
}

/// What lets a call through, once more after all of it was read: the request, and the VM with its vault. Whoever deleted the
/// request and then ended a suspension must not see a pass act that read the one before and the other after.
async fn again<K: VerbOf>(
    ctx: &Context,
    observed: &Observed<K>,
) -> Result<Option<(Option<K>, Result<Vm, Obstacle>)>, PassError> {
    let (Stage::Verify(_), Some(named)) = (stage(&observed.facts), &observed.vm) else { return Ok(None) };
    let key = &observed.facts.key;
    let api: Api<K> = Api::namespaced(ctx.kube.clone(), &key.namespace);
    let (object, target) = tokio::join!(api.get_opt(&key.name), vm(ctx, &key.namespace, Some(&named.name)));
    Ok(Some((unless_deleted(object?), target?.0)))
}

/// What people said of the request, where that can change anything.
async fn decisions(ctx: &Context, facts: &Facts) -> Result<Vec<PersonDecision>, kube::Error> {
    match stage(facts) {
        // The target is frozen first, and all is looked at anew; or all is over.
        Stage::Claim(_) | Stage::Ended(_) | Stage::Gone | Stage::NameReused => Ok(vec![]),
        _ => request_decision::on(ctx, &facts.key).await,
    }
}

/// Step 1: request, ReplicatedVm, RecoveryVault, claim and record, each by a fresh GET; the request first, and of the others
/// those that do not wait for another's answer at the same time.
async fn observe<K: VerbOf>(
    ctx: &Context,
    key: &RequestKey,
    item: Option<&ItemKey>,
    began: Moment,
) -> Result<Observed<K>, PassError> {
    ctx.stores.ready().await;
    let api: Api<K> = Api::namespaced(ctx.kube.clone(), &key.namespace);
    // The status is written over this version: all that it says must have been read later.
    let object = unless_deleted(api.get_opt(&key.name).await?);
    let parsed = object.as_ref().map(|o| request_from(o, key)).transpose();
    let vm_name = object.as_ref().map(|o| o.request_spec().replicated_vm.to_owned());
    let (named, remembered) = tokio::join!(vm(ctx, &key.namespace, vm_name.as_deref()), remembered(ctx, key));
    let ((vm, vault), (claim, held)) = (named?, remembered?);
    let vm = match &parsed {
        Err(invalid) => Err(Obstacle::new(Reason::InvalidSpec, format!("{invalid}. Create a new request."))),
        Ok(_) => vm,
    };
    let named = vm.as_ref().ok().map(Vm::item_key);
    let held = match named.as_ref().or(item).filter(|_| claim.is_none()) {
        Some(item) => ctx.records.read(item).await?,
        None => held,
    };
    let request: Option<Request> = parsed.ok().flatten();
    let line = line(ctx, key, vm_name.as_deref(), held.as_ref().map(|h| &h.record));
    let facts = Facts {
        key: key.clone(),
        claim,
        ahead: first_in_line(line.iter().map(in_line), key).cloned(),
        pending: line.iter().map(|w| w.key.clone()).filter(|k| k != key).collect(),
        request_age: object.as_ref().zip(held.as_ref()).and_then(|(object, held)| held.age_of(object.meta())),
        record: held.as_ref().map(|h| h.record.clone()),
        record_age: held.as_ref().map(|h| h.age),
        vm,
        request,
        decisions: vec![],
        nonce: ctx.machine.nonce(),
        limits: ctx.settings.limits,
        adoption: Adoption::Unknown,
    };
    let vm = vm_name.map(|name| NamedVm { name, vault });
    let handle = handle(ctx, &facts, vm.as_ref());
    let adoption = handle.as_ref().map_or(Adoption::Unknown, |h| azure::adoption(ctx, h, &facts));
    let facts = Facts { adoption, ..facts };
    Ok(Observed { began, object, vm, held, handle, facts })
}

/// The request's claim, and the record of the item that it names.
async fn remembered(ctx: &Context, key: &RequestKey) -> Result<(Option<Claim>, Option<Held>), RecordError> {
    let Some(claim) = ctx.records.claim(key).await? else { return Ok((None, None)) };
    let held = ctx.records.read(&claim.item()).await?;
    Ok((Some(claim), held))
}

/// A ReplicatedVm as a request's target, and the RecoveryVault that it names.
type Target = (Result<Vm, Obstacle>, Option<String>);

/// The ReplicatedVm that the request names, resolved by the observer's list.
async fn vm(ctx: &Context, namespace: &str, name: Option<&str>) -> Result<Target, PassError> {
    let Some(name) = name else {
        return Ok((Err(Obstacle::new(Reason::VmNotFound, "The request's object is gone.")), None));
    };
    let api: Api<ReplicatedVm> = Api::namespaced(ctx.kube.clone(), namespace);
    let Some(object) = unless_deleted(api.get_opt(name).await?) else {
        let text = format!(
            "There is no ReplicatedVm {name} in the namespace {namespace}, or it is being deleted. Create it, or create a new request that names another."
        );
        return Ok((Err(Obstacle::new(Reason::VmNotFound, text)), None));
    };
    let target = replicated_vm::for_request(ctx, &object).await?;
    Ok((target, Some(object.spec.vault_ref.name)))
}

/// The view through which Azure is read: the VM's own for what may be sent; for closing what is open that one too, or
/// any of the vault in this namespace.
fn handle(ctx: &Context, facts: &Facts, vm: Option<&NamedVm>) -> Option<Arc<VaultHandle>> {
    let of_the_vm = match stage(facts) {
        Stage::Verify(_) => facts.vm.is_ok(),
        stage => matches!(stage, Stage::Claim(_)),
    };
    if of_the_vm {
        let vault = vm?.vault.clone()?;
        let handle = ctx.vaults.get(&(facts.key.namespace.clone(), vault))?;
        // The RecoveryVault may have been made anew, for another vault, since the VM was resolved by it.
        let same_vault = facts.vm.as_ref().map_or(true, |vm| vm.vault_id == handle.vault.to_string());
        return Some(handle).filter(|_| same_vault);
    }
    let record = facts.record.as_ref()?;
    let named = vm.and_then(|vm| ctx.vaults.get(&(facts.key.namespace.clone(), vm.vault.clone()?)));
    let of_it = named.filter(|handle| same(&handle.vault.to_string(), &record.vault_id));
    of_it.or_else(|| ctx.vaults.of_vault(&record.vault_id, &facts.key.namespace))
}

/// `key`'s request and the others that name the same ReplicatedVm, have not ended and are not being deleted.
fn line(ctx: &Context, key: &RequestKey, vm: Option<&str>, record: Option<&Record>) -> Vec<Waiting> {
    let ended = |k: &RequestKey| record.and_then(|r| r.consumed(k)).is_some_and(|c| c.result.is_some());
    let all = vm.map(|vm| ctx.stores.requests_of(&key.namespace, vm)).unwrap_or_default();
    all.into_iter().filter(|w| w.key == *key || !(w.ended || w.deleted || ended(&w.key))).collect()
}

fn in_line(waiting: &Waiting) -> InLine<'_> {
    let Waiting { key, priority, created, waits_for, .. } = waiting;
    InLine { key, priority: *priority, created: *created, waits_for: *waits_for }
}

/// Does the one thing that was decided.
async fn act<K: VerbOf>(
    ctx: &Context,
    observed: &Observed<K>,
    decision: &Decision,
    azure: &Azure,
) -> Result<(), PassError> {
    match (&decision.effect, &observed.held) {
        (Effect::None, _) => {}
        (Effect::Claim(claim), _) => ctx.records.create_claim(claim).await?,
        (Effect::Write(record), Some(held)) => match ctx.records.replace(held, record).await {
            Ok(kept) if kept.record == held.record => return Err(RecordError::NotKept.into()),
            Ok(_) => settled(ctx, observed, &held.record, record),
            // Another pass wrote first: what it wrote is read and decided on anew.
            Err(RecordError::Conflict) => {}
            Err(error) => return Err(error.into()),
        },
        (Effect::Send(record, call), Some(held)) => {
            let (Some(handle), Some(item)) = (&observed.handle, azure.item.as_ref().and_then(Reading::known)) else {
                return Ok(());
            };
            // Its identity may have been replaced since it was taken: the next pass acts by the new one.
            if ctx.vaults.get(&handle.key).is_none_or(|now| !Arc::ptr_eq(&now, handle)) {
                return Ok(());
            }
            send::send(ctx, handle, held, record, call, item, observed.began).await?;
        }
        (Effect::Write(_) | Effect::Send(..), None) => {}
    }
    Ok(())
}

/// Wakes those who waited for what was just settled.
fn settled<K: VerbOf>(ctx: &Context, observed: &Observed<K>, before: &Record, after: &Record) {
    if let Some(result) = after.ended_since(before, &observed.facts.key) {
        ended(ctx, observed, &after.item_name, result);
    }
    if let (Some(was), None) = (&before.intent, &after.intent) {
        ctx.intents.forget(&was.nonce);
    }
    if before.holder == after.holder && before.consumed.len() == after.consumed.len() {
        return;
    }
    let namespace = &observed.facts.key.namespace;
    let Some(vm) = observed.vm.as_ref().map(|vm| &vm.name) else { return };
    ctx.wake.up(Sleeper::Vm(namespace.clone(), vm.clone()));
    for waiting in ctx.stores.requests_of(namespace, vm).into_iter().filter(|w| !w.ended && w.key != observed.facts.key)
    {
        ctx.wake.up(Sleeper::Request(waiting.key));
    }
}

/// Counts the end of a request and tells its trace.
fn ended<K: VerbOf>(ctx: &Context, observed: &Observed<K>, item: &str, result: &RunResult) {
    for step in &result.steps {
        ctx.metrics.achieved(step.step.as_str(), step.achieved_rpo, step.achieved_rto);
    }
    if let Some(object) = &observed.object {
        traced::ended(&ctx.traces, object, &observed.facts.key, item, result, ctx.machine.time_of_day());
    }
}

/// Writes the status and publishes the transitions; after another write of this pass, over what that one came to.
async fn report<K: VerbOf>(ctx: &Context, pass: &Pass<K>, earlier: Option<Shown>) -> Result<Shown, PassError> {
    let Pass { observed, azure, decision } = pass;
    let Some(mut object) = observed.object.clone() else { return Ok(Shown::Same) };
    if let Some(Shown::Written(version)) = &earlier {
        object.meta_mut().resource_version.clone_from(version);
    }
    let object = &object;
    let old = object.request_status();
    let item = azure
        .item
        .as_ref()
        .and_then(Reading::known)
        .or_else(|| observed.facts.vm.as_ref().ok().map(|vm: &Vm| &vm.item));
    let Some(view) = decision.view.clone().or_else(|| invalid(&observed.facts)) else { return Ok(Shown::Same) };
    let id = claimed_item_id(observed.facts.claim.as_ref(), item.map(|i: &Item| i));
    let mut status = request_status(&view, id, old, object.meta().generation, ctx.machine.time_of_day());
    shorten(&mut status);
    let again = matches!(earlier, Some(Shown::Written(_)));
    let written = ctx.reporter.status(object, old.filter(|_| !again), &status).await?;
    if let Shown::Written(_) = &written {
        let before = old.map(|o| o.conditions.as_slice()).unwrap_or_default();
        ctx.reporter.transitions(object, before, &view.conditions).await;
        if let Some(ready) = view.conditions.first() {
            tracing::info!(request = %observed.facts.key, phase = view.phase, reason = %ready.reason, message = %ready.message, "request");
        }
    }
    Ok(written)
}

/// What an object shows whose spec cannot be parsed.
fn invalid(facts: &Facts) -> Option<crate::domain::view::RequestView> {
    let obstacle = facts.vm.as_ref().err().filter(|o| o.reason == Reason::InvalidSpec)?;
    let conditions =
        crate::domain::condition::trio(crate::domain::condition::Standing::Stalled, obstacle.reason, &obstacle.message);
    Some(crate::domain::view::RequestView {
        conditions: conditions.to_vec(),
        phase: "Refused",
        target: None,
        preconditions: vec![],
        plan: vec![],
        operations: vec![],
        point_used: None,
        achieved_rpo: None,
        achieved_rto: None,
        recovered_vm_id: None,
    })
}
