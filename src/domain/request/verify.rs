//! Steps 1 to 4 of the protocol for one call: look back, check the item, choose the point, open the intent.

use super::super::ids::{MAX_ATTEMPTS, Step};
use super::super::item::{self, Item, Obstacle, Side};
use super::super::job::{Job, JobId};
use super::super::observed::{Azure, Claim, Facts, Reading, Request, Unreadable, Vm};
use super::super::record::{End, Intent, Outcome, PointRef, Record};
use super::super::verb;
use super::super::{Reason, condition::Standing};
use super::{BLOCKED, Decision, Effect, Next, conclude, show, wait};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

mod check;
mod look_back;
mod throttled;
mod validity;

pub use look_back::look_back_since;
pub(super) use look_back::{end_unless_sent, nothing_was_sent};
pub(super) use throttled::{LISTED, after_throttled};
pub(super) use validity::expiry;
pub(in crate::domain) use validity::too_late;

/// How long to wait for something that Azure will change by itself.
const SOON: Duration = Duration::from_secs(10);

/// The longest time until what could not be read is read again, unless Azure asks for more.
const UNREAD: Duration = Duration::from_secs(60);

/// How long after a step's end the item may still show the state before it.
const LAG: SignedDuration = SignedDuration::from_mins(10);

/// How long after a call that did not leave it is made again: what keeps it here may keep the next one too.
const NOT_SENT_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// What every check of this file needs.
struct Case<'a> {
    facts: &'a Facts,
    azure: &'a Azure,
    request: &'a Request,
    record: &'a Record,
    vm: &'a Vm,
    claim: &'a Claim,
    step: Step,
    now: Timestamp,
    jobs: &'a [Job],
}

/// The decision about one call that has not been made.
pub(super) fn decide(facts: &Facts, azure: &Azure, step: Step) -> Decision {
    match case(facts, azure, step) {
        Ok(case) => case.decide(),
        Err((obstacle, next)) => validity::not_ready(facts, azure, obstacle, next),
    }
}

/// What a person is told of a call of which nothing came, and which is not made again.
fn not_again(facts: &Facts, record: &Record, intent: &Intent) -> Decision {
    let id = &intent.client_request_id;
    let why = match &intent.outcome {
        Some(Outcome::Absent { detail }) => {
            format!("came to nothing, but then the VM was not as it had been: {detail}")
        }
        _ => "was not taken, which came out only after it was said that it is not sent again.".to_owned(),
    };
    let text = format!(
        "A call of this request (client request id {id}) {why} Nothing is sent again. Look at the vault's jobs in the portal, then say in a RequestDecision what became of the call; the VM stays locked for other requests until then."
    );
    let unknown = Obstacle::new(Reason::OutcomeUnknown, text);
    let unknown = if has_finished(facts, record) { standing(record, unknown) } else { unknown };
    wait(facts, &unknown, Next::After(BLOCKED))
}

/// Whether no further attempt follows one of which nothing came.
fn is_last(intent: &Intent) -> bool {
    intent.last || (is_absent(intent) && intent.attempt >= MAX_ATTEMPTS)
}

/// Whether the call was made once, and provably came to nothing.
fn is_absent(intent: &Intent) -> bool {
    matches!(intent.outcome, Some(Outcome::Absent { .. }))
}

fn has_finished(facts: &Facts, record: &Record) -> bool {
    record.held_by(&facts.key) && !record.finished.is_empty()
}

/// What keeps a later step waiting: validUntil no longer bounds it, so the words name the way out.
fn standing(record: &Record, obstacle: Obstacle) -> Obstacle {
    let done = record.finished.last().map_or("first step", |d| verb::row(d.step).noun);
    let text = format!(
        "The {done} stands; the next step waits. {} To let go of the VM without it, delete this request.",
        obstacle.message
    );
    Obstacle::new(obstacle.reason, text)
}

/// The obstacle in the words of a request that has a step behind it, where it has.
pub(super) fn as_it_stands(facts: &Facts, obstacle: Obstacle) -> Obstacle {
    match facts.record.as_ref().filter(|record| has_finished(facts, record)) {
        Some(record) => standing(record, obstacle),
        None => obstacle,
    }
}

/// Gathers what is needed, or says what is missing.
fn case<'a>(facts: &'a Facts, azure: &'a Azure, step: Step) -> Result<Case<'a>, (Obstacle, Next)> {
    let vm = facts.vm.as_ref().map_err(|o| (o.clone(), Next::After(BLOCKED)))?;
    case_on(vm, facts, azure, step)
}

fn case_on<'a>(vm: &'a Vm, facts: &'a Facts, azure: &'a Azure, step: Step) -> Result<Case<'a>, (Obstacle, Next)> {
    let internal = || {
        let text = "A call was prepared without its request, claim or record. Please report this.";
        (Obstacle::new(Reason::InternalError, text), Next::After(BLOCKED))
    };
    let request = facts.request.as_ref().ok_or_else(internal)?;
    let record = facts.record.as_ref().ok_or_else(internal)?;
    let claim = facts.claim.as_ref().ok_or_else(internal)?;
    let jobs = read(azure.jobs.as_ref(), "the vault's jobs")?;
    let now = azure.now.ok_or_else(|| {
        (
            Obstacle::new(Reason::VaultUnreachable, "Azure gave no time; validUntil cannot be judged without it."),
            Next::After(SOON),
        )
    })?;
    Ok(Case { facts, azure, request, record, vm, claim, step, now, jobs })
}

fn read<'a, T>(reading: Option<&'a Reading<T>>, what: &str) -> Result<&'a T, (Obstacle, Next)> {
    match reading {
        Some(Reading::Known(value)) => Ok(value),
        Some(Reading::Unreadable(u)) => Err((u.obstacle.clone(), after(u))),
        Some(Reading::Absent) => Err((
            Obstacle::new(
                Reason::ItemMissing,
                format!("Azure does not find {what}. It is looked up again; nothing is sent meanwhile."),
            ),
            Next::After(SOON),
        )),
        None => Err((
            Obstacle::new(Reason::VaultUnreachable, format!("{what} was not read; it is read again.")),
            Next::After(SOON),
        )),
    }
}

fn after(u: &Unreadable) -> Next {
    Next::After(u.retry_after.unwrap_or_else(|| super::super::backoff::delay(u.class, 4, 1.0).min(UNREAD)))
}

impl Case<'_> {
    fn decide(&self) -> Decision {
        if let Some(decision) = self.adopted() {
            return decision;
        }
        if let Some(intent) = self.before().filter(|intent| is_last(intent)) {
            return not_again(self.facts, self.record, intent);
        }
        // What will be told soon is waited for; what never will be ends with the request's validity.
        if let Err(decision) = self.unexplained(|job| !(job.detailed && job.is_over())) {
            return *decision;
        }
        if self.called() {
            if let Some(obstacle) = self.too_late() {
                return self.give_up(obstacle);
            }
        } else if let Some((end, obstacle)) = self.validity() {
            return self.end(end, obstacle);
        }
        let checked = self
            .unexplained(|_| true)
            .and_then(|()| self.not_suspended())
            .and_then(|()| self.somebody_acts())
            .and_then(|()| self.not_throttled());
        match checked.and_then(|()| self.item()).and_then(|item| Ok((item, self.target(item)?))) {
            Ok((item, side)) => self.check(item, side),
            Err(decision) => *decision,
        }
    }

    fn hold(&self, obstacle: Obstacle, next: Next) -> Decision {
        let obstacle = if self.started() { standing(self.record, obstacle) } else { obstacle };
        wait(self.facts, &obstacle, next)
    }

    fn wait(&self, reason: Reason, message: impl Into<String>, after: Duration) -> Box<Decision> {
        Box::new(self.hold(Obstacle::new(reason, message), Next::After(after)))
    }

    /// Whether a call of this request was made, were it one that came to nothing: validUntil bounds the first one only.
    fn called(&self) -> bool {
        self.started() || self.before().is_some_and(Intent::was_made)
    }

    fn end(&self, end: End, obstacle: Obstacle) -> Decision {
        // A person may give up what is left to do, whatever became of the VM.
        if self.called() && !self.started() && end != End::Cancelled {
            return self.changed_since(&obstacle);
        }
        if throttled::lately(self.before(), self.now) {
            return *self.wait(Reason::LookingBack, throttled::WAITS, SOON);
        }
        if !self.started() {
            return conclude(self.facts, self.azure, end, obstacle, None);
        }
        // A later step that cannot be made leaves the earlier ones as they are.
        if end.standing() == Standing::Ready {
            return conclude(self.facts, self.azure, End::Succeeded, obstacle, None);
        }
        if self.item_may_lag() {
            return *self.wait(Reason::NotAllowedNow, "Azure's item does not show the earlier step yet.", SOON);
        }
        let message = format!("The failover was made, but not its commit: {}", obstacle.message);
        conclude(self.facts, self.azure, End::Failed, Obstacle::new(Reason::CommitFailed, message), None)
    }

    /// The VM changed after a call was proven to have come to nothing: whether it did after all is for a person to say. What
    /// they are told holds, whatever the VM shows later: before it is said, the record makes sure of it.
    fn changed_since(&self, obstacle: &Obstacle) -> Decision {
        let detail = obstacle.message.clone();
        let text = format!("A call of this request came to nothing, but now the VM is not as it was: {detail}");
        let record = self.record.with_outcome(Outcome::Absent { detail }).without_further_attempt();
        let obstacle = Obstacle::new(Reason::Resolving, text);
        let shown = show(self.facts, Standing::Reconciling, &obstacle, None, Next::Now);
        Decision { effect: Effect::Write(record), ..shown }
    }

    /// Whether the item may still show the state before the step that just ended: it lags its job.
    fn item_may_lag(&self) -> bool {
        let ended = self.record.finished.last().and_then(|d| d.ended);
        ended.is_some_and(|end| self.now.duration_since(end) < LAG)
    }

    /// Whether a step of this request is done.
    fn started(&self) -> bool {
        has_finished(self.facts, self.record)
    }

    /// The item, freshly read.
    fn item(&self) -> Result<&Item, Box<Decision>> {
        let item = read(self.azure.item.as_ref(), "the protected item")
            .map_err(|(obstacle, next)| Box::new(self.hold(obstacle, next)))?;
        if item.name.is_empty() || item.friendly_name.is_empty() {
            return Err(self.wait(
                Reason::Pending,
                "Azure does not give the item's names now; waiting for them.",
                SOON,
            ));
        }
        Ok(item)
    }

    fn not_suspended(&self) -> Result<(), Box<Decision>> {
        self.vm.suspended.as_ref().map_or(Ok(()), |why| Err(self.wait(Reason::Suspended, why, BLOCKED)))
    }

    /// The identity that acts can be used, and has its token before the intent is written: none is waited for afterwards.
    fn somebody_acts(&self) -> Result<(), Box<Decision>> {
        if let Some(nobody) = &self.vm.nobody_acts {
            return Err(self.wait(nobody.reason, &nobody.message, BLOCKED));
        }
        match &self.azure.no_token {
            Some(none) => Err(Box::new(self.hold(none.obstacle.clone(), after(none)))),
            None => Ok(()),
        }
    }

    fn open(&self, intent: Intent, effect: impl FnOnce(Record) -> Effect) -> Decision {
        let id = intent.client_request_id.clone();
        match self.record.open(&self.request.owner, intent, self.now) {
            Ok(record) => {
                let noun = verb::row(self.step).noun;
                let by =
                    self.request.requested_by.as_ref().map(|by| format!(" Requested by {by}.")).unwrap_or_default();
                let text = format!("The {noun} is being called, with the client request id {id}.{by}");
                let obstacle = Obstacle::new(Reason::Submitting, text);
                let shown = show(self.facts, Standing::Reconciling, &obstacle, None, Next::Now);
                Decision { effect: effect(record), ..shown }
            }
            Err(full) => wait(self.facts, &full, Next::After(BLOCKED)),
        }
    }

    /// The intent of this step whose call was not processed.
    fn before(&self) -> Option<&Intent> {
        self.record.intent.as_ref().filter(|i| self.record.held_by(&self.facts.key) && i.step == self.step)
    }

    fn intent(&self, point: Option<PointRef>) -> Intent {
        // What provably never left keeps its number; what provably came to nothing is a second attempt.
        let attempt = self.before().map_or(1, |i| i.attempt + u32::from(is_absent(i)));
        Intent {
            nonce: self.facts.nonce.clone(),
            step: self.step,
            ordinal: self.ordinal(),
            attempt,
            client_request_id: self.call_id(attempt),
            body_hash: String::new(),
            point,
            t0: Some(self.now),
            last: false,
            outcome: None,
        }
    }

    /// Stops while Azure still wants to be left alone, and for a moment after a call that did not leave.
    fn not_throttled(&self) -> Result<(), Box<Decision>> {
        if !self.azure.writes_wait.is_zero() {
            let text = "Azure asked this identity to be left alone, or it has made all the calls that the vault takes for now (--provider-writes-per-minute). The call is made after that, by itself.";
            return Err(self.wait(Reason::Throttled, text, self.azure.writes_wait));
        }
        let intent = self.record.intent.as_ref().filter(|_| self.record.held_by(&self.facts.key));
        let Some((Some(outcome), Some(t0))) = intent.map(|i| (&i.outcome, i.t0)) else { return Ok(()) };
        let (reason, pause, text) = match outcome {
            Outcome::Throttled { retry_after } => {
                let text = "Azure asked to be left alone for a while; the call is made after that.".to_owned();
                (Reason::Throttled, SignedDuration::from_secs(i64::from(*retry_after)), text)
            }
            Outcome::NotSent { detail } => {
                let text = format!("The call did not leave, and is made again in a moment: {detail}.");
                (Reason::NotSent, NOT_SENT_PAUSE, text)
            }
            _ => return Ok(()),
        };
        let until = t0.checked_add(pause).unwrap_or(Timestamp::MAX);
        match Duration::try_from(until.duration_since(self.now)) {
            Ok(left) if !left.is_zero() => Err(self.wait(reason, text, left)),
            _ => Ok(()),
        }
    }

    /// The side on which the VM runs, if this is the item that was meant and nothing runs on it.
    fn target(&self, item: &Item) -> Result<Side, Box<Decision>> {
        let end = |end, obstacle| Err(Box::new(self.end(end, obstacle)));
        let seen = Vm { item: item.clone(), ..self.vm.clone() };
        if let Some(changed) = super::changed_target(self.claim, &seen) {
            return end(End::TargetChanged, changed);
        }
        if let Some(group) = item.group_member() {
            let text = format!(
                "{} belongs to the {group}, which fails over only as a whole: nothing was sent. Fail the group over in the portal.",
                item.friendly_name
            );
            return end(End::Refused, Obstacle::new(Reason::GroupMember, text));
        }
        if let Some(busy) = self.busy(item) {
            return Err(self.wait(Reason::ItemBusy, busy, SOON));
        }
        let side = item::active_side(item, &self.vm.sides)
            .map_err(|obstacle| Box::new(self.hold(obstacle, Next::After(SOON))))?;
        if item::is_named(item, &self.vm.naming, &self.vm.sides) {
            return Ok(side);
        }
        if !item::says_its_vm(item, &self.vm.naming, &self.vm.sides) {
            let text =
                format!("Azure does not say now which VM the protected item {} stands for; waiting for it.", item.name);
            return Err(self.wait(Reason::Pending, text, SOON));
        }
        let text = format!(
            "The protected item {} stands for another VM now: nothing was sent. Check the ReplicatedVm, then create a new request.",
            item.name
        );
        end(End::TargetChanged, Obstacle::new(Reason::TargetChanged, text))
    }

    /// Who is at work on the item. A scenario whose job ended is none, if in a known word; the item may lag a job that runs already.
    fn busy(&self, item: &Item) -> Option<String> {
        let running = |id: &JobId| !self.jobs.iter().any(|j| j.id == *id && j.phase.is_terminal());
        let shown = item.scenario.as_ref().filter(|s| s.job.as_ref().is_none_or(running));
        let listed = self.jobs.iter().find(|j| !j.is_over() && self.of_any_verb(j));
        let (name, job) = match (shown, listed) {
            (Some(scenario), _) => (scenario.name.as_str(), scenario.job.as_ref()),
            (None, Some(job)) => (job.scenario.as_deref().unwrap_or("A job"), Some(&job.id)),
            (None, None) => return None,
        };
        let id = job.map_or_else(String::new, |j| format!(" (job {j})"));
        Some(format!(
            "{name}{id} is running on {}, started by somebody else. This request is checked again when it has ended.",
            item.friendly_name
        ))
    }
}
