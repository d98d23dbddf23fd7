//! The resolver: what became of an intent whose outcome is not known.
//!
//! It adopts the job that carries the intent's id, proves where it can that nothing came of the call, and otherwise says
//! that it does not know. It never sends.

use super::Reason;
use super::condition::Standing;
use super::decision::{PersonDecision, Word, release};
use super::ids::{MAX_ATTEMPTS, Step, same};
use super::item::{Item, Obstacle};
use super::job::{Job, JobId};
use super::observed::{Adoption, Azure, Facts, Reading};
use super::record::{End, Intent, Outcome, Record};
use super::request::{Decision, Effect, Next, own_item, too_late};
use super::verb;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// From the intent's write until a call that was made must be visible: 10 s to send, 20 to deliver, 60 of ARM, 90 of margin.
pub const ABSENT_AFTER: Duration = Duration::from_secs(180);

/// How often the jobs are searched meanwhile.
const AGAIN: Duration = Duration::from_secs(10);

/// The decision about an intent without a known outcome.
pub fn decide(facts: &Facts, azure: &Azure) -> Decision {
    let Some((record, intent)) = facts.record.as_ref().and_then(|r| r.intent.as_ref().map(|i| (r, i))) else {
        let obstacle =
            Obstacle::new(Reason::InternalError, "An outcome is resolved without its intent. Please report this.");
        return super::request::show(facts, Standing::Reconciling, &obstacle, None, Next::After(AGAIN));
    };
    let jobs = azure.jobs.as_ref().and_then(Reading::known);
    match jobs.and_then(|jobs| own_job(jobs, intent)) {
        Some(job) => adopt(facts, record, job),
        None => match release(&facts.decisions, intent) {
            Some(decision) => decided(facts, azure, record, intent, decision),
            None => unknown(facts, azure, record, intent),
        },
    }
}

/// A person said what became of the call.
pub(super) fn decided(
    facts: &Facts,
    azure: &Azure,
    record: &Record,
    intent: &Intent,
    decision: &PersonDecision,
) -> Decision {
    let noun = verb::row(intent.step).noun;
    let Word::Happened { job, .. } = &decision.word else {
        let open = matches!(intent.outcome, None | Some(Outcome::Unknown { .. }));
        if open && azure.since_intent < ABSENT_AFTER {
            return unknown(facts, azure, record, intent);
        }
        let text = format!(
            "By a person's word Azure did not execute the {noun} (client request id {}); nothing is sent again. {} If it is still wanted, create a new request.",
            intent.client_request_id,
            decision.told()
        );
        let obstacle = Obstacle::new(Reason::OutcomeDecided, text);
        return super::request::conclude(facts, azure, End::Failed, obstacle, None);
    };
    let (named, item) = (azure.named.as_ref(), own_item(facts, azure, record));
    if !matches!(named, Some(Reading::Known(_) | Reading::Absent)) || item.is_none() {
        let text =
            format!("Job {job} and the VM cannot be compared now. They are looked at again. {}", decision.told());
        let obstacle = Obstacle::new(Reason::Resolving, text);
        return super::request::show(facts, Standing::Reconciling, &obstacle, None, Next::After(AGAIN));
    }
    if named.and_then(Reading::known).zip(item).is_some_and(|(found, item)| may_have_become(item, intent, found)) {
        let text = format!("By a person's word job {job} is the {noun}, and is followed. {}", decision.told());
        let obstacle = Obstacle::new(Reason::OutcomeDecided, text);
        let shown = super::request::show(facts, Standing::Reconciling, &obstacle, None, Next::Now);
        // Marked, so that nothing is learnt from it of what Azure's own jobs carry.
        let effect = Effect::Write(record.with_job(job.clone()).without_further_attempt());
        return Decision { effect, ..shown };
    }
    let text = format!(
        "RequestDecision {} names job {job}, which Azure does not show as a {noun} of this VM that began since the call. Look at the vault's jobs in the portal, and create another RequestDecision that names the right one, after this one is deleted.",
        decision.name
    );
    let obstacle = Obstacle::new(Reason::OutcomeUnknown, text);
    super::request::show(facts, Standing::Reconciling, &obstacle, None, Next::After(AGAIN))
}

/// How much earlier than the call, by Azure's own times, its job may seem to have begun.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);

/// Whether the job is of this verb and VM, and began since the call: a person may have read the wrong line.
fn may_have_become(item: &Item, intent: &Intent, job: &Job) -> bool {
    let says = |field: &Option<String>, want: &str| field.as_ref().is_some_and(|have| same(have, want));
    let of_this_vm = says(&job.target, &item.friendly_name) || says(&job.client_request_id, &intent.client_request_id);
    let since = intent.t0.is_none_or(|t0| job.started.is_some_and(|start| t0.duration_since(start) <= CLOCKS));
    says(&job.scenario, verb::row(intent.step).scenario) && of_this_vm && since
}

pub(super) fn own_job<'a>(jobs: &'a [Job], intent: &Intent) -> Option<&'a Job> {
    let scenario = verb::row(intent.step).scenario;
    // The jobs that do its work may carry the id too.
    let of_step = |job: &Job| job.scenario.as_ref().is_none_or(|s| same(s, scenario));
    let carries = |job: &Job| job.client_request_id.as_ref().is_some_and(|id| same(id, &intent.client_request_id));
    jobs.iter().find(|job| of_step(job) && carries(job))
}

pub(super) fn adopt(facts: &Facts, record: &Record, job: &Job) -> Decision {
    let obstacle = Obstacle::new(
        Reason::Resolving,
        format!("The call was executed: job {} carries its id and is followed.", job.id),
    );
    let shown = super::request::show(facts, Standing::Reconciling, &obstacle, None, Next::Now);
    Decision { effect: Effect::Write(record.with_job(job.id.clone())), ..shown }
}

/// Whether one complete look shows that nothing came of the call: long enough after it the item is idle, still allows the
/// verb and has not failed over since, and no job of any verb began on it.
pub fn absent(facts: &Facts, azure: &Azure) -> bool {
    let Some((record, intent)) = facts.record.as_ref().and_then(|r| Some((r, r.intent.as_ref()?))) else {
        return false;
    };
    let item = azure.item.as_ref().and_then(Reading::known);
    let (Some(item), Some(jobs), Some(t0)) = (item, azure.jobs.as_ref().and_then(Reading::known), intent.t0) else {
        return false;
    };
    let over = |id: &JobId| jobs.iter().any(|j| j.id == *id && j.phase.is_terminal());
    let idle = item.scenario.as_ref().is_none_or(|s| s.job.as_ref().is_some_and(over));
    azure.since_intent >= ABSENT_AFTER
        && idle
        && item.allows(verb::row(intent.step).operation)
        && !went_on(record, t0, item, jobs)
}

/// Whether something was done to the VM since the call, by whomever: it failed over, or a job of a verb began.
fn went_on(record: &Record, t0: Timestamp, item: &Item, jobs: &[Job]) -> bool {
    let began = |job: &Job| {
        // By Azure's own times a job may seem to have begun before its call; one that does not say whose it is may be this one's.
        let silent = job.client_request_id.is_none() && !record.knows(&job.id);
        let before = if silent { CLOCKS } else { SignedDuration::ZERO };
        let since = job.started.is_none_or(|started| t0.duration_since(started) <= before);
        since && Step::ALL.into_iter().any(|step| job.may_be(verb::row(step).scenario, &item.friendly_name))
    };
    item.last_failover.is_some_and(|last| last >= t0) || jobs.iter().any(began)
}

/// A job whose detail cannot be read this long after the call will not tell whose it is, and what could not be shown by then
/// is not waited for any longer.
const TOLD_BY_THEN: Duration = Duration::from_secs(900);

/// The time between two looks that must agree: with the first one's age it exceeds the lag of Azure's job list.
const TWO_LOOKS: Duration = Duration::from_secs(30);

fn unknown(facts: &Facts, azure: &Azure, record: &Record, intent: &Intent) -> Decision {
    let (noun, id) = (verb::row(intent.step).noun, &intent.client_request_id);
    let (seen, settled) = seen(facts, azure, record, intent);
    let never = why_not_again(facts, azure, record, intent);
    if never.is_none() && absent(facts, azure) && azure.absent_for.is_some_and(|since| since >= TWO_LOOKS) {
        return proven(facts, intent);
    }
    let open = azure.since_intent < ABSENT_AFTER || !settled;
    let Some(why) = never.filter(|_| !open) else {
        let more = if open {
            ""
        } else {
            " It is sent once more only if it can be shown within a quarter of an hour that nothing came of it."
        };
        let text =
            format!("Whether Azure executed the {noun} (client request id {id}) is being found out. {seen}{more}");
        return resolving(facts, text, Next::After(AGAIN));
    };
    // What people are told holds: before it is said, the record makes sure of it.
    if !intent.last {
        let text = format!("Whether Azure executed the {noun} (client request id {id}) cannot be known. {seen}{why}");
        let effect = Effect::Write(record.without_further_attempt());
        return Decision { effect, ..resolving(facts, text, Next::Now) };
    }
    let text = format!(
        "Whether Azure executed the {noun} (client request id {id}) cannot be known, and it is not sent again. {seen}{why} Look at the VM and at the vault's jobs in the portal, then say in a RequestDecision what became of it; if a job of this request appears, it is followed. The VM stays locked for other requests until then."
    );
    super::request::show(
        facts,
        Standing::Reconciling,
        &Obstacle::new(Reason::OutcomeUnknown, text),
        None,
        Next::After(Duration::from_secs(30)),
    )
}

fn resolving(facts: &Facts, text: String, next: Next) -> Decision {
    super::request::show(facts, Standing::Reconciling, &Obstacle::new(Reason::Resolving, text), None, next)
}

/// Why the call is not made once more, whatever is seen later, in words; `None` where it may be, once nothing came of it for
/// certain.
fn why_not_again(facts: &Facts, azure: &Azure, record: &Record, intent: &Intent) -> Option<String> {
    let why = match facts.adoption {
        _ if intent.attempt >= MAX_ATTEMPTS => " It was sent twice already.",
        _ if !facts.limits.retry_unknown => " Sending again is switched off (--retry-unknown=false).",
        Adoption::Contradicted => {
            " A job of this vault did not carry the id of its call, so that no job proves nothing."
        }
        Adoption::Unknown => {
            " No job of this vault has shown yet that jobs carry the id of their call, so that no job proves nothing."
        }
        Adoption::Confirmed if intent.last => {
            " After a 409, and once a call was said to be unknown, it is not made again."
        }
        Adoption::Confirmed => return passed(facts, azure, record, intent),
    };
    Some(why.to_owned())
}

/// What was done to the VM, or the time that went by, since a call that could have been made once more.
fn passed(facts: &Facts, azure: &Azure, record: &Record, intent: &Intent) -> Option<String> {
    let late = facts.request.as_ref().zip(azure.now).and_then(|(request, now)| too_late(request, intent, now));
    if late.is_some() {
        return Some(" validUntil has passed.".to_owned());
    }
    let read = azure.item.as_ref().and_then(Reading::known).zip(azure.jobs.as_ref().and_then(Reading::known));
    let acted = read.zip(intent.t0).is_some_and(|((item, jobs), t0)| went_on(record, t0, item, jobs));
    let long = azure.since_intent >= TOLD_BY_THEN && !absent(facts, azure);
    (acted || long).then(String::new)
}

/// Nothing came of the call, for certain: the record says so, and the next pass makes the second and last attempt.
fn proven(facts: &Facts, intent: &Intent) -> Decision {
    let (noun, id) = (verb::row(intent.step).noun, &intent.client_request_id);
    let detail =
        format!("no job of the {noun} with the client request id {id} exists, and nothing began on the item since");
    let text = format!("Azure did not execute the {noun}: {detail}. It is sent once more.");
    let shown =
        super::request::show(facts, Standing::Reconciling, &Obstacle::new(Reason::Resolving, text), None, Next::Now);
    let effect = facts
        .record
        .as_ref()
        .map_or(Effect::None, |record| Effect::Write(record.with_outcome(Outcome::Absent { detail })));
    Decision { effect, ..shown }
}

/// What the jobs say, and whether they say all they ever will: a list was read, and every job that may be ours in detail.
fn seen(facts: &Facts, azure: &Azure, record: &Record, intent: &Intent) -> (String, bool) {
    let detail = match &intent.outcome {
        Some(Outcome::Unknown { detail }) => format!("What was seen of the call: {detail}. "),
        _ => String::new(),
    };
    let jobs = match &azure.jobs {
        Some(Reading::Known(jobs)) => jobs,
        Some(Reading::Unreadable(u)) => {
            return (format!("{detail}Azure's jobs cannot be read at the moment: {}", u.obstacle.message), false);
        }
        Some(Reading::Absent) => return (format!("{detail}Azure's jobs cannot be read at the moment."), false),
        None => {
            let text = "No RecoveryVault of this namespace reads the vault";
            return (format!("{detail}{text} {}: create it again.", record.vault_id), false);
        }
    };
    let items = [azure.item.as_ref().and_then(Reading::known), facts.vm.as_ref().ok().map(|vm| &vm.item)];
    let mut names = items.into_iter().flatten().map(|item| item.friendly_name.as_str());
    let target = names.find(|name| !name.is_empty()).unwrap_or_default();
    let (whose, unnamed) = if target.is_empty() {
        (
            "of this vault, and perhaps of this VM,",
            " The VM's name cannot be read now, so every job of the verb was looked at.",
        )
    } else {
        ("of this VM", "")
    };
    let row = verb::row(intent.step);
    let since = |job: &Job| intent.t0.zip(job.started).is_none_or(|(t0, started)| started >= t0);
    let candidate = |job: &&Job| job.may_be(row.scenario, target) && since(job);
    let mut others = jobs.iter().filter(candidate);
    let silent = jobs.iter().filter(candidate).find(|j| j.client_request_id.is_none());
    match (silent, others.next()) {
        (Some(job), _) => {
            let told = job.detailed || azure.since_intent >= TOLD_BY_THEN;
            (format!("{detail}Job {} {whose} does not say who started it.{unnamed}", job.id), told)
        }
        (None, Some(job)) => (format!("{detail}Job {} {whose} was started by somebody else.{unnamed}", job.id), true),
        (None, None) => (format!("{detail}No job since the call carries its id.{unnamed}"), true),
    }
}
