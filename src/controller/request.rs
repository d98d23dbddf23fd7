//! The one controller of all requests: observe, decide, act, report. A kind differs only by its `VerbOf`.
//!
//! It works by the request's key, not by its object: what is open is closed even when the object is gone.

use super::clock::Moment;
use super::context::Context;
use super::convert::request::{VerbOf, request_from};
use super::convert::status::{claimed_item_id, request_status};
use super::records::{Held, RecordError};
use super::vaults::VaultHandle;
use super::wake::Sleeper;
use super::{around, replicated_vm, send};
use crate::api::shorten;
use crate::api::v1alpha1::ReplicatedVm;
use crate::domain::Reason;
use crate::domain::ids::{ItemKey, RequestKey, Step, same};
use crate::domain::item::{Item, Obstacle};
use crate::domain::job::{Job, JobId, Phase};
use crate::domain::observed::{Azure, Claim, Facts, Reading, Request, Vm};
use crate::domain::record::Record;
use crate::domain::request::{Decision, Effect, Next, Stage, decide, first_in_line, stage};
use crate::domain::verb;
use jiff::Timestamp;
use kube::api::Api;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

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

/// What the cluster said, with what is needed to write back.
struct Observed<K> {
    began: Moment,
    object: Option<K>,
    vm_name: Option<String>,
    held: Option<Held>,
    handle: Option<Arc<VaultHandle>>,
    facts: Facts,
}

/// One pass over one request.
///
/// # Errors
/// When the cluster could not be read or written; nothing is decided then.
pub async fn reconcile<K: VerbOf>(ctx: &Context, key: &RequestKey) -> Result<Next, PassError> {
    let began = Moment::now();
    let observed = observe::<K>(ctx, key, began).await?;
    let cluster = began.elapsed();
    let azure = observe_azure(ctx, &observed).await;
    let read = began.elapsed();
    let decision = decide(&observed.facts, &azure);
    if let Some(handle) = &observed.handle {
        handle.copies(key, decision.next == Next::OnItemNews);
    }
    act(ctx, &observed, &decision, &azure).await?;
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let (cluster_us, azure_us, act_us) = (micros(cluster), micros(read - cluster), micros(began.elapsed() - read));
    tracing::debug!(request = %key, cluster_us, azure_us, act_us, "observed, decided and acted");
    report(ctx, &observed, &decision, &azure).await?;
    if let (Stage::Blocked(obstacle, _), Some(vm)) = (stage(&observed.facts), &observed.vm_name)
        && obstacle.reason == Reason::RecordPending
    {
        // The record is the ReplicatedVm's to make.
        ctx.wake.up(Sleeper::Vm(key.namespace.clone(), vm.clone()));
    }
    Ok(match decision.next {
        // Where the installer wants more detail, it is looked for as often.
        Next::OnJobNews(after) => Next::OnJobNews(after.min(ctx.settings.task_detail_every)),
        next => next,
    })
}

/// Step 1: request, ReplicatedVm, RecoveryVault, claim and record, each by a fresh GET.
async fn observe<K: VerbOf>(ctx: &Context, key: &RequestKey, began: Moment) -> Result<Observed<K>, PassError> {
    ctx.stores.ready().await;
    let api: Api<K> = Api::namespaced(ctx.kube.clone(), &key.namespace);
    let object = api.get_opt(&key.name).await?;
    let parsed = object.as_ref().map(|o| request_from(o, key)).transpose();
    let claim = ctx.records.claim(key).await?;
    let vm_name = object.as_ref().map(|o| o.request_spec().replicated_vm.to_owned());
    let vm = match &parsed {
        Err(invalid) => Err(Obstacle::new(Reason::InvalidSpec, format!("{invalid}. Create a new request."))),
        Ok(_) => vm(ctx, &key.namespace, vm_name.as_deref()).await?,
    };
    let item = claim.as_ref().map(Claim::item).or_else(|| vm.as_ref().ok().map(Vm::item_key));
    let held = match &item {
        Some(item) => ctx.records.read(item).await?,
        None => None,
    };
    let request: Option<Request> = parsed.ok().flatten();
    let facts = Facts {
        key: key.clone(),
        claim,
        ahead: ahead(ctx, key, vm_name.as_deref(), held.as_ref().map(|h| &h.record)),
        record: held.as_ref().map(|h| h.record.clone()),
        record_age: held.as_ref().map(|h| h.age),
        vm,
        request,
        nonce: Uuid::new_v4().to_string(),
        limits: ctx.settings.limits,
    };
    let handle = handle(ctx, &facts, vm_name.as_deref()).await?;
    Ok(Observed { began, object, vm_name, held, handle, facts })
}

/// The ReplicatedVm that the request names, resolved by the observer's list.
async fn vm(ctx: &Context, namespace: &str, name: Option<&str>) -> Result<Result<Vm, Obstacle>, PassError> {
    let Some(name) = name else {
        return Ok(Err(Obstacle::new(Reason::VmNotFound, "The request's object is gone.")));
    };
    let api: Api<ReplicatedVm> = Api::namespaced(ctx.kube.clone(), namespace);
    let Some(object) = api.get_opt(name).await? else {
        let text = format!(
            "There is no ReplicatedVm {name} in the namespace {namespace}. Create it, or create a new request that names another."
        );
        return Ok(Err(Obstacle::new(Reason::VmNotFound, text)));
    };
    Ok(replicated_vm::for_request(ctx, &object).await?)
}

/// The view through which Azure is read: the VM's own for what may be sent, any of the vault for closing what is open.
async fn handle(ctx: &Context, facts: &Facts, vm_name: Option<&str>) -> Result<Option<Arc<VaultHandle>>, PassError> {
    if let Stage::Verify(_) | Stage::Claim(_) = stage(facts) {
        let api: Api<ReplicatedVm> = Api::namespaced(ctx.kube.clone(), &facts.key.namespace);
        let object = api.get_opt(vm_name.unwrap_or_default()).await?;
        return Ok(object.and_then(|vm| ctx.vaults.get(&(facts.key.namespace.clone(), vm.spec.vault_ref.name))));
    }
    Ok(facts.record.as_ref().and_then(|record| ctx.vaults.of_vault(&record.vault_id, &facts.key.namespace)))
}

/// Who is served before `key`, of the requests that name the same ReplicatedVm and have not ended.
fn ahead(ctx: &Context, key: &RequestKey, vm: Option<&str>, record: Option<&Record>) -> Option<RequestKey> {
    let all = ctx.stores.requests_of(&key.namespace, vm?);
    let ended = |k: &RequestKey| record.and_then(|r| r.consumed(k)).is_some_and(|c| c.result.is_some());
    let pending = all.iter().filter(|w| w.key == *key || !(w.ended || ended(&w.key)));
    first_in_line(pending.map(|w| (&w.key, w.priority, w.created)), key).cloned()
}

/// Reads from Azure what the stage needs, and nothing else.
async fn observe_azure<K>(ctx: &Context, observed: &Observed<K>) -> Azure {
    let facts = &observed.facts;
    let Some(handle) = &observed.handle else { return Azure::default() };
    let mut azure = match stage(facts) {
        Stage::Verify(step) => verify(handle, facts, step).await,
        Stage::Follow(job) => follow(ctx, handle, facts, &job).await,
        Stage::Resolve => resolve(ctx, handle, facts).await,
        Stage::Conclude(..) => {
            drop(handle.fresh_jobs().await);
            Azure::default()
        }
        _ => Azure::default(),
    };
    azure.now = handle.time.now();
    azure
}

async fn verify(handle: &VaultHandle, facts: &Facts, step: Step) -> Azure {
    let Ok(vm) = &facts.vm else { return Azure::default() };
    let choice = facts.request.as_ref().and_then(|r| r.verb.point_choice(step)).is_some_and(|c| c.needs_list());
    let points = async { if choice { Some(handle.recovery_points(&vm.item.id).await) } else { None } };
    let (item, points, jobs) = tokio::join!(handle.item(&vm.item.id), points, handle.fresh_jobs());
    if item == Reading::Absent {
        // It may have moved to the other fabric: the list says where.
        handle.kick.notify_one();
    }
    let target = item.known().map_or_else(|| vm.item.friendly_name.clone(), |i| i.friendly_name.clone());
    let wanted = item.known().zip(facts.request.as_ref()).and_then(|(i, r)| Some((i, r.verb.wanted(i, vm)?)));
    let around = match &wanted {
        Some((item, wanted)) => Some(around::around(handle, item, wanted).await),
        None => None,
    };
    let until = facts.request.as_ref().map(|r| r.valid_until);
    let since = until.and_then(|t| t.checked_sub(facts.limits.max_validity).ok());
    Azure {
        item: Some(item),
        points,
        jobs: Some(detailed(handle, jobs, step, &target, since).await),
        around,
        ..Azure::default()
    }
}

/// The jobs that may be this step's own, read once each; the others as the list has them.
async fn detailed(
    handle: &VaultHandle,
    jobs: Reading<Arc<Vec<Job>>>,
    step: Step,
    target: &str,
    since: Option<Timestamp>,
) -> Reading<Vec<Job>> {
    let jobs = match jobs {
        Reading::Known(jobs) => jobs,
        Reading::Absent => return Reading::Absent,
        Reading::Unreadable(u) => return Reading::Unreadable(u),
    };
    let mut all = Vec::with_capacity(jobs.len());
    for job in jobs.iter() {
        let recent = since.is_none_or(|since| job.started.is_none_or(|start| start >= since));
        let candidate = recent && job.may_be(verb::row(step).scenario, target);
        let known = handle.known_detail(&job.id).map(|(_, detail)| detail.client_request_id);
        all.push(match known {
            Some(Some(id)) => Job { client_request_id: Some(id), ..job.clone() },
            _ if candidate => handle.job(&job.id).await.known().cloned().unwrap_or_else(|| job.clone()),
            _ => job.clone(),
        });
    }
    Reading::Known(all)
}

/// The followed job: its state from the observer's list, its detail now and then, its end and cause by a GET.
async fn follow(ctx: &Context, handle: &VaultHandle, facts: &Facts, id: &JobId) -> Azure {
    handle.follow(id, &facts.key);
    let listed = handle.snapshot().jobs.get(id).cloned();
    let detail = handle.known_detail(id);
    let fresh = match (&listed, &detail) {
        (_, Some((_, job))) if job.phase.is_terminal() => false,
        (Some(job), _) if job.phase.is_terminal() => true,
        (_, Some((age, _))) => *age >= ctx.settings.task_detail_every,
        (_, None) => true,
    };
    let job = match detail {
        Some((_, job)) if !fresh => Reading::Known(job),
        _ => handle.job(id).await,
    };
    saw_adoption(handle, facts, &job);
    if !job.known().is_some_and(|j| j.phase.is_terminal()) {
        return Azure { job: Some(job), ..Azure::default() };
    }
    handle.ended(id);
    let job = with_cause(handle, job).await;
    let moved_to = job.known().and_then(|j| j.moved_to.clone());
    let Some(path) = moved_to.or_else(|| item_path(handle, facts)) else {
        return Azure { job: Some(job), ..Azure::default() };
    };
    let step = facts.record.as_ref().and_then(|r| r.intent.as_ref()).map(|i| i.step);
    let points = async {
        if step.is_some_and(|s| verb::row(s).from_point) { Some(handle.recovery_points(&path).await) } else { None }
    };
    let (item, points) = tokio::join!(handle.item(&path), points);
    Azure { job: Some(job), item: Some(item), points, ..Azure::default() }
}

/// A failed job with the errors of the jobs that did its work: the cause is theirs. While one of them cannot be read, the
/// job counts as not read in full.
async fn with_cause(handle: &VaultHandle, job: Reading<Job>) -> Reading<Job> {
    let Reading::Known(mut job) = job else { return job };
    if job.phase != Phase::Failed {
        return Reading::Known(job);
    }
    for child in job.children.clone().iter().take(MAX_CHILDREN) {
        match handle.job(child).await {
            Reading::Known(child) => job.errors.extend(child.cause().cloned()),
            Reading::Unreadable(_) => job.detailed = false,
            Reading::Absent => {}
        }
    }
    Reading::Known(job)
}

/// A job of one item has one job below it.
const MAX_CHILDREN: usize = 4;

/// Notes whether the job carries the id of the call that made it: what a second attempt will have to rest on.
fn saw_adoption(handle: &VaultHandle, facts: &Facts, job: &Reading<Job>) {
    let intent = facts.record.as_ref().and_then(|r| r.intent.as_ref());
    if let (Some(intent), Some(job)) = (intent, job.known().filter(|j| j.detailed)) {
        let carried = job.client_request_id.as_ref().is_some_and(|id| same(id, &intent.client_request_id));
        handle.saw_adoption(intent.step, carried);
    }
}

async fn resolve(ctx: &Context, handle: &VaultHandle, facts: &Facts) -> Azure {
    let Some(intent) = facts.record.as_ref().and_then(|r| r.intent.as_ref()) else { return Azure::default() };
    let since_intent = ctx.intents.age(&intent.nonce);
    let path = item_path(handle, facts);
    let item = async {
        match &path {
            Some(path) => Some(handle.item(path).await),
            None => None,
        }
    };
    let (item, jobs) = tokio::join!(item, handle.fresh_jobs());
    let name = item.as_ref().and_then(Reading::known).map(|i| i.friendly_name.clone());
    let listed = facts.record.as_ref().and_then(|r| handle.listed_item(&r.item_name)).map(|i| i.friendly_name);
    let target = name.or(listed).unwrap_or_default();
    let since = intent.t0.and_then(|t0| t0.checked_sub(std::time::Duration::from_secs(3600)).ok());
    let jobs = detailed(handle, jobs, intent.step, &target, since).await;
    Azure { item, jobs: Some(jobs), since_intent, ..Azure::default() }
}

/// Where the record's item is now.
fn item_path(handle: &VaultHandle, facts: &Facts) -> Option<String> {
    let record = facts.record.as_ref()?;
    let named = facts.vm.as_ref().ok().filter(|vm| vm.item_key() == ItemKey::new(&record.vault_id, &record.item_name));
    named.map(|vm| vm.item.id.clone()).or_else(|| handle.listed_item(&record.item_name).map(|i| i.id))
}

/// Does the one thing that was decided.
async fn act<K>(ctx: &Context, observed: &Observed<K>, decision: &Decision, azure: &Azure) -> Result<(), PassError> {
    match (&decision.effect, &observed.held) {
        (Effect::None, _) => {}
        (Effect::Claim(claim), _) => ctx.records.create_claim(claim).await?,
        (Effect::Write(record), Some(held)) => match ctx.records.replace(held, record).await {
            Ok(_) => settled(ctx, observed, &held.record, record),
            // Another pass wrote first: what it wrote is read and decided on anew.
            Err(RecordError::Conflict) => {}
            Err(error) => return Err(error.into()),
        },
        (Effect::Send(record, call), Some(held)) => {
            let (Some(handle), Some(item)) = (&observed.handle, azure.item.as_ref().and_then(Reading::known)) else {
                return Ok(());
            };
            send::send(ctx, handle, held, record, call, item, observed.began).await?;
        }
        (Effect::Write(_) | Effect::Send(..), None) => {}
    }
    Ok(())
}

/// Wakes those who waited for what was just settled.
fn settled<K>(ctx: &Context, observed: &Observed<K>, before: &Record, after: &Record) {
    if let (Some(was), None) = (&before.intent, &after.intent) {
        ctx.intents.forget(&was.nonce);
    }
    if before.holder == after.holder && before.consumed.len() == after.consumed.len() {
        return;
    }
    let namespace = &observed.facts.key.namespace;
    let Some(vm) = &observed.vm_name else { return };
    ctx.wake.up(Sleeper::Vm(namespace.clone(), vm.clone()));
    for waiting in ctx.stores.requests_of(namespace, vm).into_iter().filter(|w| !w.ended && w.key != observed.facts.key)
    {
        ctx.wake.up(Sleeper::Request(waiting.key));
    }
}

/// Writes the status and publishes the transitions.
async fn report<K: VerbOf>(
    ctx: &Context,
    observed: &Observed<K>,
    decision: &Decision,
    azure: &Azure,
) -> Result<(), PassError> {
    let Some(object) = &observed.object else { return Ok(()) };
    let old = object.request_status();
    let item = azure
        .item
        .as_ref()
        .and_then(Reading::known)
        .or_else(|| observed.facts.vm.as_ref().ok().map(|vm: &Vm| &vm.item));
    let Some(view) = decision.view.clone().or_else(|| invalid(&observed.facts)) else { return Ok(()) };
    let id = claimed_item_id(observed.facts.claim.as_ref(), item.map(|i: &Item| i));
    let mut status = request_status(&view, id, old, object.meta().generation, Timestamp::now());
    shorten(&mut status);
    if ctx.reporter.status(object, old, &status).await? {
        let before = old.map(|o| o.conditions.as_slice()).unwrap_or_default();
        ctx.reporter.transitions(object, before, &view.conditions).await;
        if let Some(ready) = view.conditions.first() {
            tracing::info!(request = %observed.facts.key, phase = view.phase, reason = %ready.reason, message = %ready.message, "request");
        }
    }
    Ok(())
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
