//! What a request's pass reads from Azure, by the stage it is in.

use crate::controller::acting::Caller;
use crate::controller::around;
use crate::controller::context::Context;
use crate::controller::vault::VaultHandle;
use crate::domain::budget::{Kind, Purpose};
use crate::domain::decision::{PersonDecision, Word, otherwise, release};
use crate::domain::ids::{ItemKey, Step, same};
use crate::domain::job::{Job, JobId, Phase};
use crate::domain::observed::{Adoption, Azure, Facts, Reading, Unreadable};
use crate::domain::record::Intent;
use crate::domain::request::{Stage, first_step, is_anothers, is_suspect, look_back_since, stage};
use crate::domain::resolve::absent;
use crate::domain::verb;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Reads from Azure what the stage needs, and nothing else.
pub(super) async fn observe(ctx: &Context, facts: &Facts, handle: Option<&VaultHandle>) -> Azure {
    let Some(handle) = handle else { return unseen(ctx, facts) };
    let mut azure = match stage(facts) {
        Stage::Verify(step) => verify(handle, facts, step).await,
        Stage::Follow(job) => follow(ctx, handle, facts, &job).await,
        Stage::Resolve => resolve(ctx, handle, facts).await,
        Stage::LookBack(step, ..) => look_back(handle, facts, step).await,
        Stage::Withdraw => match facts.record.as_ref().and_then(|record| record.intent.as_ref()) {
            Some(intent) => look_back(handle, facts, intent.step).await,
            None => Azure::default(),
        },
        Stage::Blocked(..) if has_expired(handle, facts) => match first_step(facts) {
            Some(step) => look_back(handle, facts, step).await,
            None => Azure::default(),
        },
        Stage::Conclude(..) => {
            drop(handle.fresh_jobs(Purpose::Verb).await);
            Azure::default()
        }
        _ => Azure::default(),
    };
    azure.now = handle.time.now();
    azure
}

/// Nothing of Azure, and how long ago the open call was.
fn unseen(ctx: &Context, facts: &Facts) -> Azure {
    let intent = facts.record.as_ref().and_then(|record| record.intent.as_ref());
    Azure { since_intent: intent.map(|i| ctx.intents.age(&i.nonce)).unwrap_or_default(), ..Azure::default() }
}

async fn verify(handle: &VaultHandle, facts: &Facts, step: Step) -> Azure {
    let Ok(vm) = &facts.vm else { return look_back(handle, facts, step).await };
    let choice = facts.request.as_ref().and_then(|r| r.verb.point_choice(step)).is_some_and(|c| c.needs_list());
    let points = async { if choice { Some(handle.recovery_points(&vm.item.id, Purpose::Verb).await) } else { None } };
    let (item, points, jobs, no_token) = tokio::join!(
        handle.item(&vm.item.id, Purpose::Verb),
        points,
        handle.fresh_jobs(Purpose::Verb),
        no_token(handle)
    );
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
    let since = facts.request.as_ref().map(|r| look_back_since(r.valid_until, &facts.limits));
    Azure {
        item: Some(item),
        points,
        jobs: Some(detailed(handle, jobs, step, (Some(&target), since), Purpose::Verb).await),
        around,
        writes_wait: handle.acting.as_ref().ok().and_then(writes_wait).unwrap_or_default(),
        no_token,
        ..Azure::default()
    }
}

async fn no_token(handle: &VaultHandle) -> Option<Unreadable> {
    match &handle.acting {
        Ok(caller) => caller.no_token().await,
        // Why nobody acts is known without asking anybody.
        Err(_) => None,
    }
}

fn writes_wait(caller: &Caller) -> Option<Duration> {
    caller.meter.wait(Purpose::Verb, Kind::Write)
}

/// Whether validUntil has passed by Azure's clock, as far as it is known without asking.
fn has_expired(handle: &VaultHandle, facts: &Facts) -> bool {
    facts.request.as_ref().zip(handle.time.now()).is_some_and(|(request, now)| request.valid_until < now)
}

/// The jobs that may be this step's own on the claimed item, whatever the request's ReplicatedVm stands for now.
async fn look_back(handle: &VaultHandle, facts: &Facts, step: Step) -> Azure {
    let item = facts.claim.as_ref().and_then(|claim| handle.listed_item(&claim.item_name));
    let target = item.as_ref().map(|item| item.friendly_name.as_str());
    let since = facts.request.as_ref().map(|r| look_back_since(r.valid_until, &facts.limits));
    let jobs = handle.fresh_jobs(Purpose::Verb).await;
    let jobs = detailed(handle, jobs, step, (target, since), Purpose::Verb).await;
    Azure { jobs: Some(jobs), item: item.map(Reading::Known), ..Azure::default() }
}

/// The jobs that may be this step's own, read once each; the others as the list has them. Without the VM's name all of
/// the verb may be.
async fn detailed(
    handle: &VaultHandle,
    jobs: Reading<Arc<Vec<Job>>>,
    step: Step,
    (target, since): (Option<&str>, Option<Timestamp>),
    purpose: Purpose,
) -> Reading<Vec<Job>> {
    let jobs = match jobs {
        Reading::Known(jobs) => jobs,
        Reading::Absent => return Reading::Absent,
        Reading::Unreadable(u) => return Reading::Unreadable(u),
    };
    let mut all = Vec::with_capacity(jobs.len());
    for job in jobs.iter() {
        let recent = since.is_none_or(|since| job.started.is_none_or(|start| start >= since));
        let candidate = recent && job.may_be(verb::row(step).scenario, target.unwrap_or_default());
        let known = handle.known_detail(&job.id).map(|(_, detail)| detail);
        let told = known.filter(|d| d.client_request_id.is_some() && (d.phase == job.phase || !candidate));
        all.push(match told {
            Some(d) => Job { client_request_id: d.client_request_id, moved_to: d.moved_to, ..job.clone() },
            None if candidate => handle.job(&job.id, purpose).await.known().cloned().unwrap_or_else(|| job.clone()),
            None => job.clone(),
        });
    }
    Reading::Known(all)
}

/// The followed job: its state from the observer's list, its detail now and then, its end and cause by a GET.
async fn follow(ctx: &Context, handle: &VaultHandle, facts: &Facts, id: &JobId) -> Azure {
    handle.follow(id, &facts.key);
    let listed = handle.listed_job(id);
    let detail = handle.known_detail(id);
    let fresh = match (&listed, &detail) {
        (_, Some((_, job))) if job.phase.is_terminal() => false,
        (Some(job), _) if job.phase.is_terminal() => true,
        (_, Some((age, _))) => *age >= ctx.settings.task_detail_every,
        (_, None) => true,
    };
    let job = match detail {
        Some((_, job)) if !fresh => Reading::Known(job),
        earlier => job_now(handle, id, listed, earlier.map(|(_, job)| job)).await,
    };
    saw_adoption(handle, facts, &job);
    let intent = facts.record.as_ref().and_then(|r| r.intent.as_ref());
    let suspect = intent.zip(job.known()).is_some_and(|(intent, job)| job.detailed && is_suspect(intent, job));
    let over = job.known().is_some_and(|j| j.phase.is_terminal());
    let lost = intent.is_some_and(|intent| lost(facts, intent, &job));
    if !over && !suspect && !lost {
        return Azure { job: Some(job), ..Azure::default() };
    }
    if over {
        handle.ended(id);
    }
    let job = with_cause(handle, job).await;
    let moved_to = job.known().and_then(|j| j.moved_to.clone());
    let Some(path) = moved_to.or_else(|| item_path(handle, facts)) else {
        let seen = Azure { job: Some(job), ..Azure::default() };
        return match intent {
            Some(intent) if lost => instead(handle, facts, intent, id, seen).await,
            _ => seen,
        };
    };
    let wants_points = over && intent.is_some_and(|i| verb::row(i.step).from_point);
    let points =
        async { if wants_points { Some(handle.recovery_points(&path, Purpose::JobList).await) } else { None } };
    let (item, points) = tokio::join!(handle.item(&path, Purpose::JobList), points);
    let seen = Azure { job: Some(job), item: Some(item), points, ..Azure::default() };
    match intent {
        Some(intent) if lost || is_anothers(facts, &seen) => instead(handle, facts, intent, id, seen).await,
        _ => seen,
    }
}

/// Whether the job tells nothing more, and a person says what became of the call.
fn lost(facts: &Facts, intent: &Intent, job: &Reading<Job>) -> bool {
    let silent = match job {
        Reading::Known(job) => job.ended.is_some() && !job.phase.is_terminal(),
        Reading::Absent => true,
        Reading::Unreadable(_) => false,
    };
    silent && release(&facts.decisions, intent).is_some()
}

/// What the call may have become in place of the job that Azure named: the vault's jobs, and the one that a person names.
async fn instead(handle: &VaultHandle, facts: &Facts, intent: &Intent, id: &JobId, seen: Azure) -> Azure {
    let target = seen.item.as_ref().and_then(Reading::known).map(|item| item.friendly_name.clone());
    let since = intent.t0.and_then(|t0| t0.checked_sub(Duration::from_secs(3600)).ok());
    let (jobs, named) =
        tokio::join!(handle.fresh_jobs(Purpose::Resolver), named(handle, otherwise(&facts.decisions, intent, id)));
    let jobs = detailed(handle, jobs, intent.step, (target.as_deref(), since), Purpose::Resolver).await;
    Azure { jobs: Some(jobs), named, ..seen }
}

/// The job by a GET: how it ended is worth more than what it is doing. What it is doing may also be left to the list.
async fn job_now(handle: &VaultHandle, id: &JobId, listed: Option<Job>, earlier: Option<Job>) -> Reading<Job> {
    let runs = listed.as_ref().is_some_and(|job| !job.phase.is_terminal());
    let purpose = if runs { Purpose::Detail } else { Purpose::JobList };
    match (handle.put_off(purpose), listed.or(earlier)) {
        (Some(_), Some(job)) if !job.phase.is_terminal() => Reading::Known(job),
        _ => handle.job(id, purpose).await,
    }
}

/// A failed job with the errors of the jobs that did its work: the cause is theirs. While one of them cannot be read, the
/// job counts as not read in full.
async fn with_cause(handle: &VaultHandle, job: Reading<Job>) -> Reading<Job> {
    let Reading::Known(mut job) = job else { return job };
    if job.phase != Phase::Failed {
        return Reading::Known(job);
    }
    let late = handle.time.now().zip(job.ended).is_some_and(|(now, end)| now.duration_since(end) > CAUSE_PATIENCE);
    for child in job.children.clone().iter().take(MAX_CHILDREN) {
        match handle.job(child, Purpose::JobList).await {
            Reading::Known(child) => job.errors.extend(child.cause().cloned()),
            Reading::Unreadable(_) if !late => job.detailed = false,
            Reading::Unreadable(_) | Reading::Absent => {}
        }
    }
    Reading::Known(job)
}

/// How long after its end a failed job waits for a cause that cannot be read.
const CAUSE_PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// A job of one item has one job below it.
const MAX_CHILDREN: usize = 4;

/// Notes whether the job carries the id of the call that made it, and would have been found by its words: what a second
/// attempt will have to rest on. After a call that no further attempt follows, the job may be one that a person named: it tells nothing.
fn saw_adoption(handle: &VaultHandle, facts: &Facts, job: &Reading<Job>) {
    let Some((record, intent)) = facts.record.as_ref().and_then(|r| Some((r, r.intent.as_ref()?))) else { return };
    if let Some(job) = job.known().filter(|j| j.detailed && !intent.last) {
        let carried = job.client_request_id.as_ref().is_some_and(|id| same(id, &intent.client_request_id));
        // A ReplicatedVm made anew may stand for another machine by now.
        let own = facts.vm.as_ref().ok().filter(|vm| same(&vm.item.name, &record.item_name));
        let vm = own.map_or("", |vm| vm.item.friendly_name.as_str());
        handle.saw_adoption(intent.step, carried && job.may_be(verb::row(intent.step).scenario, vm));
    }
}

async fn resolve(ctx: &Context, handle: &VaultHandle, facts: &Facts) -> Azure {
    let Some(intent) = facts.record.as_ref().and_then(|r| r.intent.as_ref()) else { return Azure::default() };
    let (since_intent, began) = (ctx.intents.age(&intent.nonce), ctx.machine.now());
    let path = item_path(handle, facts);
    let item = async {
        match &path {
            Some(path) => Some(handle.item(path, Purpose::Resolver).await),
            None => None,
        }
    };
    let (item, jobs) = tokio::join!(item, handle.fresh_jobs(Purpose::Resolver));
    let listed = facts.record.as_ref().and_then(|r| handle.listed_item(&r.item_name));
    let names = [item.as_ref().and_then(Reading::known), listed.as_ref()];
    let target = names.into_iter().flatten().map(|i| i.friendly_name.clone()).find(|name| !name.is_empty());
    let since = intent.t0.and_then(|t0| t0.checked_sub(std::time::Duration::from_secs(3600)).ok());
    let jobs = detailed(handle, jobs, intent.step, (target.as_deref(), since), Purpose::Resolver).await;
    let named = named(handle, release(&facts.decisions, intent)).await;
    let seen = Azure { item, jobs: Some(jobs), named, since_intent, ..Azure::default() };
    let absent_for = ctx.intents.looked(&intent.nonce, absent(facts, &seen), began);
    Azure { absent_for, ..seen }
}

/// The job that a person says the call became.
async fn named(handle: &VaultHandle, decision: Option<&PersonDecision>) -> Option<Reading<Job>> {
    match decision.map(|d| &d.word) {
        Some(Word::Happened { job, .. }) => Some(handle.job(job, Purpose::Resolver).await),
        _ => None,
    }
}

/// What is known of the vault's jobs for the step of the open intent: seen by this process, or by one before it.
pub(super) fn adoption(ctx: &Context, handle: &VaultHandle, facts: &Facts) -> Adoption {
    let Some(step) = facts.record.as_ref().and_then(|r| r.intent.as_ref()).map(|i| i.step) else {
        return Adoption::Unknown;
    };
    let before = ctx.stores.adoption(&handle.key, step);
    match (handle.adoption().get(&step), before) {
        (Some(false), _) | (_, Adoption::Contradicted) => Adoption::Contradicted,
        (Some(true), _) | (_, Adoption::Confirmed) => Adoption::Confirmed,
        (None, Adoption::Unknown) => Adoption::Unknown,
    }
}

/// Where the record's item is now.
fn item_path(handle: &VaultHandle, facts: &Facts) -> Option<String> {
    let record = facts.record.as_ref()?;
    let named = facts.vm.as_ref().ok().filter(|vm| vm.item_key() == ItemKey::new(&record.vault_id, &record.item_name));
    named.map(|vm| vm.item.id.clone()).or_else(|| handle.listed_item(&record.item_name).map(|i| i.id))
}
