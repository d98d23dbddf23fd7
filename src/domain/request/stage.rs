//! Where a request stands, by the cluster's facts alone: so the shell knows what to read from Azure. It reads nothing of Azure.

use super::super::Reason;
use super::super::ids::{Step, same};
use super::super::item::Obstacle;
use super::super::job::JobId;
use super::super::observed::{Claim, Facts, Request, Vm};
use super::super::record::{End, Intent, Outcome, Owner, PROTOCOL, Record, RunResult};
use super::super::{decision, verb};
use super::BLOCKED;
use std::time::Duration;

/// Where a request stands by the cluster's facts alone, and so what must be read from Azure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No object and no holder, or an object that only says itself how it ended: nothing to do.
    Gone,
    /// It ended.
    Ended(RunResult),
    /// Another spec under a used key; its own end, without a record.
    NameReused,
    /// Waits, for something that Azure need not be asked about.
    Blocked(Obstacle, Duration),
    /// It can be ended without asking Azure for more than the time.
    Conclude(End, Obstacle),
    /// It ends so, unless the vault's jobs show that its first step was made, in a run that the record does not remember.
    LookBack(Step, End, Obstacle),
    /// The target must be frozen first.
    Claim(Claim),
    /// Read item, points and jobs; then send, or not.
    Verify(Step),
    /// Read the job; when it ended, item and points too.
    Follow(JobId),
    /// Read item and jobs to learn what became of the open intent.
    Resolve,
    /// The object is gone and nothing was sent: let go.
    Withdraw,
}

/// Where the request stands.
pub fn stage(facts: &Facts) -> Stage {
    let record = facts.record.as_ref();
    if record.is_some_and(|r| r.protocol != PROTOCOL) {
        return blocked(
            Reason::UnknownProtocol,
            "The item's record was written by another version of the protocol. Finish what runs with the version that wrote it, or upgrade this operator.",
        );
    }
    let held = record.filter(|r| r.held_by(&facts.key));
    let Some(request) = same_spec(facts) else {
        return held.map_or(if facts.request.is_some() { Stage::NameReused } else { Stage::Gone }, |r| {
            held_stage(facts, r, None)
        });
    };
    let consumed = record.and_then(|r| r.consumed(&facts.key));
    if let Some(result) = consumed.and_then(|c| c.result.clone()) {
        return Stage::Ended(result);
    }
    match (held, consumed) {
        (Some(record), _) => held_stage(facts, record, Some(request)),
        (None, Some(_)) => blocked(
            Reason::InternalError,
            "The item's record says that this request was begun, but neither that it runs nor how it ended. Nothing is sent. Look at the VM in the portal, create a new request if it is still wanted, and please report this.",
        ),
        // Its end is forgotten, to make room; an end is final all the same, and only its own status still has it.
        (None, None) if request.says_ended => Stage::Gone,
        (None, None) => free_stage(facts),
    }
}

/// The request's object, unless its key is in use for another spec.
pub(super) fn same_spec(facts: &Facts) -> Option<&Request> {
    let request = facts.request.as_ref()?;
    let hash = &request.owner.spec_hash;
    let claimed = facts.claim.as_ref().map(|c| &c.owner.spec_hash);
    let consumed = facts.record.as_ref().and_then(|r| r.consumed(&facts.key)).map(|c| &c.spec_hash);
    [claimed, consumed].into_iter().flatten().all(|known| known == hash).then_some(request)
}

/// The key holds the item: its call is open, or the next one is due. Without an object no further call follows.
fn held_stage(facts: &Facts, record: &Record, request: Option<&Request>) -> Stage {
    let verify = |step| lost_claim(facts, record).map_or(Stage::Verify(step), Stage::Claim);
    let Some(intent) = &record.intent else {
        let due = request.and_then(|r| r.verb.steps().get(record.finished.len()).copied());
        return due.map_or_else(|| let_go(record), verify);
    };
    match &intent.outcome {
        None | Some(Outcome::Unknown { .. }) => Stage::Resolve,
        Some(Outcome::Accepted { job }) => Stage::Follow(job.clone()),
        Some(Outcome::Refused { detail }) => refused(record, intent, detail),
        Some(Outcome::NotSent { .. } | Outcome::Throttled { .. } | Outcome::Absent { .. })
            if intent.may_be_decided() && decision::release(&facts.decisions, intent).is_some() =>
        {
            Stage::Resolve
        }
        Some(Outcome::NotSent { .. } | Outcome::Throttled { .. } | Outcome::Absent { .. }) => {
            if let Some(decision) = decision::cancel(&facts.decisions).filter(|_| decision::never_left(record)) {
                let (end, obstacle) = decision::cancelled(decision, Some(intent));
                return match (&intent.outcome, request) {
                    (Some(Outcome::Throttled { .. }), None) => let_go(record),
                    (Some(Outcome::Throttled { .. }), Some(_)) => {
                        lost_claim(facts, record).map_or_else(|| look_back(facts, end, obstacle), Stage::Claim)
                    }
                    _ => Stage::Conclude(end, obstacle),
                };
            }
            match request {
                Some(_) => verify(intent.step),
                // What was left to a person is theirs to say, also without the object.
                None if intent.last && intent.was_made() => Stage::Resolve,
                None => let_go(record),
            }
        }
    }
}

/// Azure's refusal ends the request; an earlier step stands.
fn refused(record: &Record, intent: &Intent, detail: &str) -> Stage {
    let noun = verb::row(intent.step).noun;
    let text = format!("Azure refused the {noun}: {detail} Correct the cause, then create a new request.");
    if record.finished.is_empty() {
        return Stage::Conclude(End::Refused, Obstacle::new(Reason::AzureRefused, text));
    }
    let text = format!("The failover stands and waits for its commit. {text}");
    Stage::Conclude(End::Failed, Obstacle::new(Reason::CommitFailed, text))
}

/// The claim to make again where it was lost during the run: of the item whose record the request holds.
fn lost_claim(facts: &Facts, record: &Record) -> Option<Claim> {
    let request = facts.request.as_ref().filter(|_| facts.claim.is_none())?;
    Some(Claim {
        owner: request.owner.clone(),
        vault_id: record.vault_id.clone(),
        item_name: record.item_name.clone(),
        lifecycle_id: None,
        vm_uid: None,
    })
}

fn let_go(record: &Record) -> Stage {
    if record.finished.is_empty() {
        return Stage::Withdraw;
    }
    Stage::Conclude(
        End::Succeeded,
        Obstacle::new(
            Reason::Succeeded,
            "The request's object was deleted after its first step; no further call was made.",
        ),
    )
}

/// The key does not hold the item: everything is checked from scratch.
fn free_stage(facts: &Facts) -> Stage {
    let record = facts.record.as_ref();
    let cancelled = decision::cancel(&facts.decisions).map(|decision| decision::cancelled(decision, None));
    let vm = match (&facts.vm, &cancelled) {
        (Ok(vm), _) => vm,
        // What is taken back needs no VM: the claim says which one it was.
        (Err(_), Some((end, obstacle))) if facts.claim.is_some() && record.is_some() => {
            return look_back(facts, *end, obstacle.clone());
        }
        (Err(obstacle), _) => return Stage::Blocked(obstacle.clone(), BLOCKED),
    };
    let Some(claim) = &facts.claim else {
        return Stage::Claim(new_claim(facts, vm));
    };
    let Some(record) = record else {
        return blocked(Reason::RecordPending, "The item's record is being made.");
    };
    let ending = cancelled.or_else(|| changed_target(claim, vm).map(|changed| (End::TargetChanged, changed)));
    if let Some((end, obstacle)) = ending {
        return look_back(facts, end, obstacle);
    }
    if let Some(why) = &vm.suspended {
        return blocked(Reason::Suspended, why);
    }
    if let Some(why) = &vm.nobody_acts {
        return blocked(why.reason, &why.message);
    }
    if let Some(holder) = &record.holder {
        let who = holder.told_in(&facts.key.namespace);
        let open = |intent: &Intent| matches!(intent.outcome, None | Some(Outcome::Unknown { .. }));
        let does = if record.intent.as_ref().is_some_and(open) {
            "has called Azure for this VM, and what came of it is not known yet. If that says OutcomeUnknown, a RequestDecision releases it"
        } else {
            "is running on this VM"
        };
        return blocked(
            Reason::ItemHeld,
            format!("This request waits: {who} {does}. It is checked again when that has ended."),
        );
    }
    if let Some(wait) = quarantine(facts) {
        return wait;
    }
    if let Some(ahead) = &facts.ahead {
        let who = ahead.told_in(&facts.key.namespace);
        return blocked(
            Reason::NotItsTurn,
            format!(
                "This request waits: {who} comes first, by priority, then age. If this one must not wait for it, delete that one, or create this one anew with a higher priority."
            ),
        );
    }
    at_first_step(facts, Stage::Verify)
}

/// The request ends, once the vault's jobs show that it made no call.
fn look_back(facts: &Facts, end: End, obstacle: Obstacle) -> Stage {
    quarantine(facts).unwrap_or_else(|| at_first_step(facts, |step| Stage::LookBack(step, end, obstacle)))
}

fn at_first_step(facts: &Facts, stage: impl FnOnce(Step) -> Stage) -> Stage {
    first_step(facts)
        .map_or_else(|| blocked(Reason::InternalError, "The request's verb has no steps. Please report this."), stage)
}

/// The first call that the request would make.
pub fn first_step(facts: &Facts) -> Option<Step> {
    facts.request.as_ref().and_then(|r| r.verb.steps().first().copied())
}

fn blocked(reason: Reason, message: impl Into<String>) -> Stage {
    Stage::Blocked(Obstacle::new(reason, message), BLOCKED)
}

fn new_claim(facts: &Facts, vm: &Vm) -> Claim {
    let owner = facts.request.as_ref().map(|r| r.owner.clone());
    Claim {
        owner: owner.unwrap_or_else(|| Owner {
            key: facts.key.clone(),
            spec_hash: String::new(),
            valid_until: String::new(),
        }),
        vault_id: vm.vault_id.clone(),
        item_name: vm.item.name.clone(),
        lifecycle_id: vm.item.lifecycle_id.clone(),
        vm_uid: vm.uid.clone(),
    }
}

/// Why the claimed target is no longer the one that the request names; an unknown life cycle agrees with every other.
pub(super) fn changed_target(claim: &Claim, vm: &Vm) -> Option<Obstacle> {
    if claim.item() != vm.item_key() {
        return Some(Obstacle::new(
            Reason::TargetChanged,
            format!(
                "This request was accepted for the protected item {}, and its ReplicatedVm now stands for {}: nothing was sent. Create a new request for the VM that is meant.",
                claim.item_name, vm.item.name
            ),
        ));
    }
    let (then, now) = (claim.lifecycle_id.as_ref()?, vm.item.lifecycle_id.as_ref()?);
    (!same(then, now)).then(|| {
        Obstacle::new(
            Reason::ItemReplaced,
            format!("Replication of {} was disabled and enabled anew after this request was accepted: nothing was sent. Check the VM, then create a new request.", claim.item_name),
        )
    })
}

fn quarantine(facts: &Facts) -> Option<Stage> {
    let limit = facts.limits.quarantine;
    let age = facts.record_age.unwrap_or_default();
    (age < limit).then(|| {
        let left = limit - age;
        // Rounded up, so that a pass in between does not change the status.
        let seconds = (left.as_secs() / 30).saturating_add(1).saturating_mul(30);
        let obstacle = Obstacle::new(
            Reason::RecordQuarantine,
            format!(
                "The item's record is new. Another cluster, or this one before its records were lost, may have just sent a call, so the first one is held back for up to {seconds} s more."
            ),
        );
        Stage::Blocked(obstacle, left.saturating_add(Duration::from_millis(500)))
    })
}
