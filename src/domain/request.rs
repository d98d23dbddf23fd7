//! The life cycle that all requests share: wait, claim, verify, send, follow, end.
//!
//! `stage` needs the cluster's facts alone and so tells the shell what to read from Azure; `decide` then says what to show
//! and the one thing to do. The order of its checks is the protocol; do not change it without the model.

use super::condition::{ConditionType, Standing, Truth};
use super::ids::{ItemKey, RequestKey};
use super::item::Obstacle;
use super::job::Job;
use super::observed::{Azure, Claim, Facts};
use super::record::{End, Finished, Intent, PROTOCOL, Record, RunResult};
use super::verb::Call;
use super::view::RequestView;
use super::{Reason, resolve};
use jiff::Timestamp;
use std::time::Duration;

mod follow;
mod shown;
mod stage;
mod verify;
mod whose;

pub use shown::Run;
pub use stage::{Stage, first_step, stage};
pub use verify::look_back_since;
pub(super) use verify::too_late;
pub(super) use whose::own_item;
pub use whose::{is_anothers, is_suspect};

use shown::view;
use stage::{changed_target, same_spec};

/// What to do after showing the view. At most one of these makes a mutating Azure call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Create the claim; it may exist already.
    Claim(Claim),
    /// Replace the record by this one, with the resourceVersion that was read.
    Write(Record),
    /// Replace the record by this one, whose intent is open, then make the call within the window, then write its outcome.
    Send(Record, Call),
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: the effect changed what is to be seen.
    Now,
    /// After this time, or when something watched changes.
    After(Duration),
    /// When the vault's observer has news of the job, or after this time.
    OnJobNews(Duration),
    /// When the observer has listed the items again: data is being copied after the request's own end.
    OnItemNews,
    /// When something watched changes.
    OnChange,
}

/// The decision of one pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to show; `None` where there is no object to show it on.
    pub view: Option<RequestView>,
    /// What to do.
    pub effect: Effect,
    /// When to look again.
    pub next: Next,
}

/// How long to wait for a thing in the cluster that no watch reports.
const BLOCKED: Duration = Duration::from_secs(15);

/// Says what to show and what to do.
pub fn decide(facts: &Facts, azure: &Azure) -> Decision {
    let stage = stage(facts);
    if facts.request.is_some() && same_spec(facts).is_none() {
        return name_reused(facts, &stage, azure);
    }
    decide_stage(facts, stage, azure)
}

fn decide_stage(facts: &Facts, stage: Stage, azure: &Azure) -> Decision {
    match stage {
        Stage::Gone => Decision { view: None, effect: Effect::None, next: Next::OnChange },
        Stage::NameReused => name_reused(facts, &Stage::Gone, azure),
        Stage::Ended(result) => ended(facts, azure, &result),
        Stage::Blocked(obstacle, after) => {
            expired_waiting(facts, azure).unwrap_or_else(|| wait(facts, &obstacle, Next::After(after)))
        }
        Stage::LookBack(step, end, obstacle) => verify::end_unless_sent(facts, azure, step, (end, obstacle)),
        Stage::Conclude(end, obstacle) => conclude(facts, azure, end, obstacle, None),
        Stage::Claim(claim) => {
            let accepted = Obstacle::new(Reason::Accepted, "The target is being frozen.");
            Decision { effect: Effect::Claim(claim), next: Next::Now, ..wait(facts, &accepted, Next::Now) }
        }
        Stage::Verify(step) => verify::decide(facts, azure, step),
        Stage::Follow(job) => follow::decide(facts, azure, &job),
        Stage::Resolve => resolve::decide(facts, azure),
        Stage::Withdraw => {
            if let Some(decision) = verify::after_throttled(facts, azure) {
                return decision;
            }
            withdraw(facts, azure)
        }
    }
}

/// Lets go of the item whose request's object is gone. A call that came to nothing was made all the same, and its request is used
/// up: under its name there is no further one.
fn withdraw(facts: &Facts, azure: &Azure) -> Decision {
    let intent = facts.record.as_ref().and_then(|record| record.intent.as_ref());
    if intent.is_some_and(Intent::was_made) {
        let text = "The request's object was deleted after its call had come to nothing; the call is not made again. If it is still wanted, create a new request with a new name.";
        return conclude(facts, azure, End::Failed, Obstacle::new(Reason::Withdrawn, text), None);
    }
    let gone = Obstacle::new(Reason::Withdrawn, "The request's object is gone; nothing was sent.");
    let effect = facts.record.as_ref().map_or(Effect::None, |r| Effect::Write(r.withdraw(&facts.key)));
    Decision { effect, ..wait(facts, &gone, Next::OnChange) }
}

/// What is shown in place of a call whose grounds took so long to read that they are too old to make it on.
pub fn too_slow(facts: &Facts, took: Duration) -> Decision {
    let text = format!(
        "It took {} s to read what this call is decided by, and no call is made on what is older than 10 s. It was not made, and is tried again. Look at the RecoveryVault's conditions, and whether Azure or this cluster's API server is slow.",
        took.as_secs()
    );
    wait(facts, &verify::as_it_stands(facts, Obstacle::new(Reason::VaultUnreachable, text)), Next::After(TRIED_AGAIN))
}

/// How long until a call that could not be decided in time is tried again.
const TRIED_AGAIN: Duration = Duration::from_secs(10);

/// The end of a request whose validUntil passed while something else kept it waiting. A record in quarantine says nothing yet
/// of what was sent before it was made, and after that the vault's jobs must show that nothing was.
fn expired_waiting(facts: &Facts, azure: &Azure) -> Option<Decision> {
    let (request, record) = facts.request.as_ref().zip(facts.record.as_ref())?;
    let ours = facts.claim.as_ref().is_some_and(|c| ItemKey::new(&record.vault_id, &record.item_name) == c.item());
    let settled = facts.record_age? >= facts.limits.quarantine;
    let free = record.protocol == PROTOCOL && !record.held_by(&facts.key);
    if !(ours && settled && free) {
        return None;
    }
    let obstacle = verify::expiry(request, azure.now?)?;
    verify::nothing_was_sent(facts, azure, first_step(facts)?)
        .then(|| conclude(facts, azure, End::Expired, obstacle, None))
}

/// The object's key belongs to another spec. What runs under the key goes on; this object only says what it is.
fn name_reused(facts: &Facts, stage: &Stage, azure: &Azure) -> Decision {
    let orphan = Facts { request: None, ..facts.clone() };
    let inner = match stage {
        Stage::Gone | Stage::NameReused | Stage::Ended(_) => {
            Decision { view: None, effect: Effect::None, next: Next::OnChange }
        }
        other => decide_stage(&orphan, other.clone(), azure),
    };
    let message = format!(
        "A {} was applied before with another spec, and a name is used once. Nothing is sent for this one: give the new request a new name.",
        facts.key
    );
    let obstacle = Obstacle::new(Reason::NameReused, message);
    Decision {
        view: view(facts, Standing::Stalled, &obstacle, &Run { claimed: false, ..Run::nothing(&obstacle) }),
        ..inner
    }
}

/// Ends the request: the record first, the object in the next pass. Azure's time is noted where it is known; without it
/// nothing is forgotten to make room.
pub(super) fn conclude(
    facts: &Facts,
    azure: &Azure,
    end: End,
    obstacle: Obstacle,
    last: Option<(Finished, &Job)>,
) -> Decision {
    let report = |what| wait(facts, &Obstacle::new(Reason::InternalError, what), Next::After(BLOCKED));
    let Some(record) = &facts.record else {
        return report("A request ends without its item's record. Please report this.");
    };
    let Some(owner) = owner_of(facts, record) else {
        return report("The holder of the item's record is not remembered in it. Please report this.");
    };
    let mut steps = if record.held_by(&facts.key) { record.finished.clone() } else { vec![] };
    let (done, job) = last.unzip();
    steps.extend(done);
    let ending = Obstacle::new(Reason::Ending, &obstacle.message);
    let result = RunResult { end, reason: obstacle.reason, message: obstacle.message, at: azure.now, steps };
    match record.end(&owner, result, azure.now.unwrap_or(Timestamp::MIN)) {
        Ok(next) => {
            Decision { effect: Effect::Write(next), ..show(facts, Standing::Reconciling, &ending, job, Next::Now) }
        }
        Err(full) => wait(facts, &full, Next::After(BLOCKED)),
    }
}

/// Whose end it is: the object's, or what the record remembers of it.
fn owner_of(facts: &Facts, record: &Record) -> Option<super::record::Owner> {
    let remembered = record.consumed(&facts.key).map(|c| super::record::Owner {
        key: c.key.clone(),
        spec_hash: c.spec_hash.clone(),
        valid_until: c.valid_until.clone(),
    });
    remembered.or_else(|| facts.request.as_ref().map(|r| r.owner.clone()))
}

/// Shows that the request waits, and for what.
fn wait(facts: &Facts, obstacle: &Obstacle, next: Next) -> Decision {
    show(facts, Standing::Reconciling, obstacle, None, next)
}

/// Shows the run so far.
pub(super) fn show(facts: &Facts, standing: Standing, obstacle: &Obstacle, job: Option<&Job>, next: Next) -> Decision {
    let record = facts.record.as_ref().filter(|r| r.held_by(&facts.key));
    let run = Run {
        finished: record.map_or(&[], |r| &r.finished),
        current: record.and_then(|r| r.intent.as_ref()),
        job,
        result: None,
        obstacle,
        claimed: facts.claim.is_some(),
        item: None,
        now: None,
    };
    Decision { view: view(facts, standing, obstacle, &run), effect: Effect::None, next }
}

/// Shows how it ended. An object that never reported its run says so: it ran before.
fn ended(facts: &Facts, azure: &Azure, result: &RunResult) -> Decision {
    let again = facts.request.as_ref().is_some_and(|r| r.unreported || r.says_already_run);
    let obstacle = if again {
        Obstacle::new(
            Reason::AlreadyRun,
            format!(
                "A request of this name already ran and ended {}; it never runs again, and nothing was sent now. It ended: {}",
                result.end.as_str(),
                result.message
            ),
        )
    } else {
        Obstacle::new(result.reason, &result.message)
    };
    let run = Run {
        finished: &result.steps,
        current: None,
        job: None,
        result: Some(result),
        obstacle: &obstacle,
        claimed: facts.claim.is_some(),
        item: facts.vm.as_ref().ok().map(|vm| &vm.item),
        now: azure.now,
    };
    let view = view(facts, result.end.standing(), &obstacle, &run);
    let watched = result.end == End::Succeeded && view.as_ref().is_some_and(still_copying);
    Decision { view, effect: Effect::None, next: if watched { Next::OnItemNews } else { Next::OnChange } }
}

/// Whether something goes on in Azure after the request's own end.
fn still_copying(view: &RequestView) -> bool {
    view.conditions.iter().any(|c| c.kind == ConditionType::Synchronized && c.truth != Truth::True)
}

/// A request in the line of its VM.
#[derive(Clone, Copy, Debug)]
pub struct InLine<'a> {
    /// The request.
    pub key: &'a RequestKey,
    /// The higher the sooner.
    pub priority: i32,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// What it last waited for, if it waits.
    pub waits_for: Option<Reason>,
}

impl InLine<'_> {
    /// Whether it waits for the VM to change, and so lets those behind it pass: one of them may be what it waits for.
    fn lets_pass(&self) -> bool {
        use Reason as R;
        matches!(
            self.waits_for,
            Some(R::NoPendingFailover | R::NotCommitted | R::NotFailedOver | R::NotAllowedNow | R::PreconditionsUnmet)
        )
    }
}

/// The request that must be served before `key`: of those pending, the first by priority, then age, kind and name. Who
/// waits for the VM to change keeps nobody waiting.
pub fn first_in_line<'a>(pending: impl Iterator<Item = InLine<'a>>, key: &RequestKey) -> Option<&'a RequestKey> {
    let ready = pending.filter(|r| r.key == key || !r.lets_pass());
    let first = ready.min_by_key(|r| (-i64::from(r.priority), r.created, r.key.clone()))?.key;
    (first != key).then_some(first)
}

#[cfg(test)]
mod tests;
