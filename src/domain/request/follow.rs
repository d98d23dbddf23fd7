//! Following the job of an accepted call to its end, whoever watches.

use super::super::Reason;
use super::super::condition::Standing;
use super::super::ids::{Step, same};
use super::super::item::{Item, Obstacle};
use super::super::job::{Job, JobId, Phase};
use super::super::observed::{Azure, Facts, Reading};
use super::super::point::last_segment;
use super::super::record::{End, Finished, Intent, PointRef, Record};
use super::super::verb;
use super::whose::{Whose, whose};
use super::{Decision, Effect, Next, conclude, show};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

mod person;

use person::Lost;

/// The longest time between two looks at a running job when the observer brings no news.
const JOB_NEWS: Duration = Duration::from_secs(30);

/// The decision about a job that runs or ended.
pub(super) fn decide(facts: &Facts, azure: &Azure, id: &JobId) -> Decision {
    let Some((record, intent)) = facts.record.as_ref().and_then(|r| r.intent.as_ref().map(|i| (r, i))) else {
        let obstacle =
            Obstacle::new(Reason::InternalError, "A job is followed without its intent. Please report this.");
        return show(facts, Standing::Reconciling, &obstacle, None, Next::After(JOB_NEWS));
    };
    let noun = verb::row(intent.step).noun;
    let next = Next::OnJobNews(JOB_NEWS);
    let unreadable = |text, next| running(facts, Reason::JobUnreadable, text, None, next);
    let lost = Lost { facts, azure, record, intent, id };
    match &azure.job {
        Some(Reading::Known(job)) => match whose(facts, azure, record, intent, job) {
            Whose::Anothers => lost.instead().unwrap_or_else(|| unreadable(named_another(intent, job), next)),
            Whose::NotKnown => unreadable(not_known(intent, job), next),
            Whose::Own if job.phase.is_terminal() => ended(facts, azure, record, intent, job),
            Whose::Own if job.ended.is_some() => lost.over(job).unwrap_or_else(|| unknown_end(facts, intent, job)),
            Whose::Own => going(facts, noun, job),
        },
        Some(Reading::Unreadable(u)) => {
            let text = format!(
                "The {noun} was accepted as job {id}, which cannot be read at the moment: {}",
                u.obstacle.message
            );
            unreadable(text, Next::OnJobNews(u.retry_after.unwrap_or(JOB_NEWS)))
        }
        Some(Reading::Absent) => {
            let text = format!(
                "The {noun} was accepted as job {id}, which Azure does not show. It is looked for again; nothing is sent meanwhile, and the VM stays locked for other requests. Look for the job and at the VM in the portal; if the job is gone for good, say in a RequestDecision what became of the call (client request id {}).",
                intent.client_request_id
            );
            lost.vanished().unwrap_or_else(|| unreadable(text, next))
        }
        None => {
            let text = format!(
                "The {noun} was accepted as job {id}. No RecoveryVault of this namespace reads the vault at the moment, so how it ends is not seen. Look at the RecoveryVault's conditions, or create it again."
            );
            running(facts, Reason::JobRunning, text, None, next)
        }
    }
}

/// A job that has not come to an end that is known.
fn going(facts: &Facts, noun: &str, job: &Job) -> Decision {
    let id = &job.id;
    let text = if job.is_suspended() {
        format!(
            "The {noun} is suspended as job {id}: it waits for a person. Look at the job in the portal, and resume or cancel it there; it is followed meanwhile."
        )
    } else {
        let task = job.current_task().map_or_else(String::new, |t| format!(": {}", t.friendly_name));
        format!("The {noun} is running as job {id}{task}.")
    };
    running(facts, Reason::JobRunning, text, Some(job), Next::OnJobNews(JOB_NEWS))
}

/// A job that ended in a word that nobody knows.
fn unknown_end(facts: &Facts, intent: &Intent, job: &Job) -> Decision {
    let text = format!(
        "Job {} of the {} has ended, in a state that this program does not know ({}): whether it went well is not guessed. Nothing is sent, and the VM stays locked for this request. Look at the job and at the VM in the portal, and report the word; then say in a RequestDecision (decision Release, client request id {}, outcome Happened, that job) that it is over.",
        job.id,
        verb::row(intent.step).noun,
        job.state_text,
        intent.client_request_id
    );
    running(facts, Reason::JobUnreadable, text, Some(job), Next::OnJobNews(JOB_NEWS))
}

fn named_another(intent: &Intent, job: &Job) -> String {
    format!(
        "Azure named job {} for the {}, and that job is another one: {} of {}. It is not taken for this request's. Nothing is sent, and the VM stays locked for this request. Look for the VM's own job in the portal, then say in a RequestDecision what became of the call (client request id {}); please report this.",
        job.id,
        verb::row(intent.step).noun,
        job.scenario.as_deref().unwrap_or("an operation"),
        job.target.as_deref().unwrap_or("another VM"),
        intent.client_request_id,
    )
}

fn not_known(intent: &Intent, job: &Job) -> String {
    format!(
        "The {} was accepted as job {}, which does not carry the id of this call, and the VM's item cannot be read now to tell whether the job is its own. It is looked at again; nothing is sent meanwhile. Look at the ReplicatedVm, and whether its item is still in the vault.",
        verb::row(intent.step).noun,
        job.id,
    )
}

fn running(facts: &Facts, reason: Reason, message: String, job: Option<&Job>, next: Next) -> Decision {
    show(facts, Standing::Reconciling, &Obstacle::new(reason, message), job, next)
}

fn ended(facts: &Facts, azure: &Azure, record: &Record, intent: &Intent, job: &Job) -> Decision {
    let noun = verb::row(intent.step).noun;
    if !job.detailed {
        let late = azure.now.zip(job.ended).is_some_and(|(now, end)| now.duration_since(end) > PATIENCE);
        let (again, advice) = if late {
            (JOB_NEWS, " If it stays so, look at the job in the portal, and report this.")
        } else {
            (SOON, "")
        };
        let text = format!("Job {} of the {noun} ended; its detail is being read.{advice}", job.id);
        return running(facts, Reason::JobRunning, text, Some(job), Next::After(again));
    }
    if matches!(job.phase, Phase::Failed | Phase::Cancelled) {
        let done = finished(facts, azure, intent, job, None);
        return conclude(facts, azure, End::Failed, failure(record, intent, job), Some((done, job)));
    }
    let item = match result_item(azure, record, intent, job) {
        Ok(item) => item,
        Err(why) => {
            let text = format!("Job {} of the {noun} succeeded; its result is being read: {why}", job.id);
            return running(facts, Reason::JobRunning, text, Some(job), Next::After(Duration::from_secs(5)));
        }
    };
    let done = finished(facts, azure, intent, job, item);
    let more = facts.request.as_ref().is_some_and(|r| r.verb.steps().len() > record.finished.len() + 1);
    if more && found_too_late(facts, azure, intent) {
        let text = format!(
            "The {noun} was made, as job {}, but not its commit: what the item's record said of this request was lost, and its validUntil has passed, so it may have ended before. Nothing more is sent. Validate the VM, then create a CommitRequest if it is wanted.",
            job.id
        );
        return conclude(facts, azure, End::Failed, Obstacle::new(Reason::CommitFailed, text), Some((done, job)));
    }
    let obstacle = success(intent, job, &done, more);
    if more {
        let shown = running(facts, Reason::JobRunning, obstacle.message, Some(job), Next::Now);
        return Decision { effect: Effect::Write(record.after_step(done)), ..shown };
    }
    conclude(facts, azure, End::Succeeded, obstacle, Some((done, job)))
}

/// Whether the call is known by its job alone, and only since validUntil: its request may have ended in any way.
fn found_too_late(facts: &Facts, azure: &Azure, intent: &Intent) -> bool {
    let known_by_its_job = intent.body_hash.is_empty();
    let valid = facts.request.as_ref().zip(azure.now).is_some_and(|(request, now)| now <= request.valid_until);
    known_by_its_job && !valid
}

/// How soon the detail of a job that ended is read again.
const SOON: Duration = Duration::from_secs(2);

/// How long after a job's end the item and its points may keep the end of the request waiting.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// The item after the job: it may lag, and says what was made of it only when it has caught up. `Ok(None)` where
/// nothing is to be had from it.
fn result_item<'a>(
    azure: &'a Azure,
    record: &Record,
    intent: &Intent,
    job: &Job,
) -> Result<Option<&'a Item>, &'static str> {
    let row = verb::row(intent.step);
    let out_of_patience =
        azure.now.zip(job.ended.or(job.started)).is_some_and(|(now, end)| now.duration_since(end) > PATIENCE);
    let item = azure
        .item
        .as_ref()
        .and_then(Reading::known)
        .filter(|i| same(&i.name, &record.item_name) && (row.shown)(i, intent.point.as_ref()));
    let points = !row.from_point || azure.points.as_ref().is_some_and(|p| p.known().is_some());
    match (item, points) {
        (Some(item), true) => Ok(Some(item)),
        (item, _) if out_of_patience => Ok(item),
        (None, _) => Err("the item does not show it yet."),
        (Some(_), false) => Err("the recovery points cannot be read yet."),
    }
}

fn success(intent: &Intent, job: &Job, done: &Finished, more: bool) -> Obstacle {
    let noun = verb::row(intent.step).noun;
    let reason = if done.warning.is_some() { Reason::SucceededWithWarning } else { Reason::Succeeded };
    let text = if more { "The VM runs on the other side. Its commit follows." } else { verb::row(intent.step).done };
    let warning = done.warning.as_ref().map_or_else(String::new, |w| format!(" {w}"));
    Obstacle::new(reason, format!("The {noun} succeeded as job {}. {text}{warning}", job.id))
}

fn failure(record: &Record, intent: &Intent, job: &Job) -> Obstacle {
    let noun = verb::row(intent.step).noun;
    let cause = job.cause().map_or_else(
        || "Azure gives no cause.".to_owned(),
        |e| {
            let part = |label: &str, text: &str| {
                if text.trim().is_empty() { String::new() } else { format!(" {label}: {}", text.trim()) }
            };
            let (causes, advice) =
                (part("Possible causes", &e.possible_causes), part("Recommended", &e.recommended_action));
            format!("{} {}{causes}{advice}", e.code, e.message)
        },
    );
    let (reason, what) = match job.phase {
        Phase::Cancelled => (Reason::JobCancelled, "was cancelled by somebody"),
        _ => (Reason::JobFailed, "failed"),
    };
    let text = format!("The {noun} {what} as job {}: {cause} Doing it again takes a new request.", job.id);
    if record.finished.is_empty() {
        return Obstacle::new(reason, text);
    }
    Obstacle::new(Reason::CommitFailed, format!("The failover stands and waits for its commit. {text}"))
}

fn finished(facts: &Facts, azure: &Azure, intent: &Intent, job: &Job, item: Option<&Item>) -> Finished {
    let made = item.filter(|_| verb::row(intent.step).from_point);
    let point = made.and_then(|item| used_point(azure, intent, item));
    let lost =
        point.as_ref().and_then(|p| p.time).zip(lost_until(intent, job, made)).map(|(p, end)| not_negative(p, end));
    let taken = intent.t0.zip(job.ended).map(|(t0, end)| not_negative(t0, end));
    let warned = job.phase == Phase::SucceededWithWarning;
    Finished {
        step: intent.step,
        ordinal: intent.ordinal,
        attempt: intent.attempt,
        client_request_id: intent.client_request_id.clone(),
        job: Some(job.id.clone()),
        phase: job.phase,
        started: intent.t0.or(job.started),
        ended: job.ended,
        point,
        achieved_rpo: lost,
        achieved_rto: taken.filter(|_| made.is_some() && intent.step == Step::Failover),
        recovered_vm_id: made.and_then(|i| i.recovered_vm_id.clone()),
        moved_to: item.filter(|_| intent.step == Step::Reprotect).map(|i| i.id.clone()),
        shutdown: facts.request.as_ref().and_then(|r| r.verb.shutdown(intent.step, job)),
        warning: warned.then(|| warning(job)),
    }
}

fn warning(job: &Job) -> String {
    let cause = job
        .cause()
        .map_or_else(|| job.state_text.clone(), |e| format!("{} {} {}", e.code, e.message, e.recommended_action));
    format!("Azure reports a warning: {cause}")
}

/// From when on nothing more was lost: the start of the failover, which a change of the point does not repeat.
fn lost_until(intent: &Intent, job: &Job, item: Option<&Item>) -> Option<Timestamp> {
    match intent.step {
        Step::Failover => job.started,
        _ => item.and_then(|i| i.last_failover).or(job.started),
    }
}

fn not_negative(from: Timestamp, to: Timestamp) -> SignedDuration {
    to.duration_since(from).max(SignedDuration::ZERO)
}

/// The point that Azure says it used; its time and kind from the list, or from the intent where that named it.
fn used_point(azure: &Azure, intent: &Intent, item: &Item) -> Option<PointRef> {
    let name = item.failover_point.as_deref().map(last_segment);
    let Some(name) = name else {
        return intent.point.clone();
    };
    let listed = azure
        .points
        .as_ref()
        .and_then(Reading::known)
        .and_then(|list| list.iter().find(|p| p.name().eq_ignore_ascii_case(name)));
    let frozen = intent.point.clone().filter(|p| last_segment(&p.id).eq_ignore_ascii_case(name));
    let known = listed.map(|p| PointRef { id: p.name().to_owned(), time: Some(p.time), kind: Some(p.kind) });
    known.or(frozen).or_else(|| Some(PointRef { id: name.to_owned(), time: None, kind: None }))
}
