//! Item records and claims, to and from the custom resources that keep them. Nothing is lost on the way.

use super::status::{cut, duration_text, parse_signed};
use crate::api::v1alpha1 as api;
use crate::domain::Reason;
use crate::domain::condition::Truth;
use crate::domain::ids::{Kind, RequestKey, Step};
use crate::domain::job::{JobId, Phase};
use crate::domain::observed::Claim;
use crate::domain::point::{PointKind, last_segment};
use crate::domain::record::{Consumed, End, Finished, Intent, Outcome, Owner, PointRef, Record, RunResult, Shutdown};
use jiff::Timestamp;
use kube::api::ObjectMeta;

/// The record that an object keeps.
///
/// # Errors
/// What could not be understood: the object is then held, not touched.
pub fn record_from(object: &api::ItemRecord) -> Result<Record, String> {
    let spec = &object.spec;
    Ok(Record {
        protocol: u32::try_from(spec.protocol).unwrap_or_default(),
        vault_id: spec.vault_id.clone(),
        item_name: spec.item_name.clone(),
        holder: spec.holder.as_ref().map(key_from).transpose()?,
        intent: spec.intent.as_ref().map(intent_from).transpose()?,
        finished: spec.finished.iter().map(finished_from).collect::<Result<_, _>>()?,
        consumed: spec.consumed.iter().map(consumed_from).collect::<Result<_, _>>()?,
    })
}

/// The object that keeps a record.
pub fn record_object(metadata: ObjectMeta, record: &Record) -> api::ItemRecord {
    let spec = api::ItemRecordSpec {
        protocol: i32::try_from(record.protocol).unwrap_or(i32::MAX),
        vault_id: record.vault_id.clone(),
        item_name: record.item_name.clone(),
        holder: record.holder.as_ref().map(key_object),
        intent: record.intent.as_ref().map(intent_object),
        finished: record.finished.iter().map(finished_object).collect(),
        consumed: record.consumed.iter().map(consumed_object).collect(),
    };
    api::ItemRecord { metadata, spec }
}

/// The claim that an object keeps.
///
/// # Errors
/// What could not be understood.
pub fn claim_from(object: &api::RequestClaim) -> Result<Claim, String> {
    let spec = &object.spec;
    Ok(Claim {
        owner: Owner {
            key: key_from(&spec.key)?,
            spec_hash: spec.spec_hash.clone(),
            valid_until: spec.valid_until.clone(),
        },
        vault_id: spec.vault_id.clone(),
        item_name: spec.item_name.clone(),
        lifecycle_id: spec.lifecycle_id.clone(),
        vm_uid: spec.replicated_vm_uid.clone(),
    })
}

/// The object that keeps a claim.
pub fn claim_object(claim: &Claim) -> api::RequestClaim {
    let metadata = ObjectMeta { name: Some(claim.owner.key.claim_name()), ..ObjectMeta::default() };
    let spec = api::RequestClaimSpec {
        key: key_object(&claim.owner.key),
        spec_hash: claim.owner.spec_hash.clone(),
        vault_id: claim.vault_id.clone(),
        item_name: claim.item_name.clone(),
        lifecycle_id: claim.lifecycle_id.clone(),
        replicated_vm_uid: claim.vm_uid.clone(),
        valid_until: claim.owner.valid_until.clone(),
    };
    api::RequestClaim { metadata, spec }
}

fn key_from(key: &api::RequestKey) -> Result<RequestKey, String> {
    let kind =
        Kind::parse(&key.kind).ok_or_else(|| format!("the request kind {} is not known to this version", key.kind))?;
    Ok(RequestKey { kind, namespace: key.namespace.clone(), name: key.name.clone() })
}

fn key_object(key: &RequestKey) -> api::RequestKey {
    api::RequestKey { kind: key.kind.as_str().into(), namespace: key.namespace.clone(), name: key.name.clone() }
}

fn step_from(step: api::Step) -> Step {
    match step {
        api::Step::Failover => Step::Failover,
        api::Step::ChangeRecoveryPoint => Step::ChangeRecoveryPoint,
        api::Step::Commit => Step::Commit,
        api::Step::Reprotect => Step::Reprotect,
    }
}

/// The step as the resources spell it.
pub fn step_object(step: Step) -> api::Step {
    match step {
        Step::Failover => api::Step::Failover,
        Step::ChangeRecoveryPoint => api::Step::ChangeRecoveryPoint,
        Step::Commit => api::Step::Commit,
        Step::Reprotect => api::Step::Reprotect,
    }
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

fn small(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn natural(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// The time that stands where Azure gave none: the field is required, and this one is nobody's.
const NO_TIME: &str = "1753-01-01T01:01:01Z";

fn time_text(time: Option<Timestamp>) -> String {
    time.map_or_else(|| NO_TIME.to_owned(), |t| t.to_string())
}

fn known_time(text: &str) -> Option<Timestamp> {
    if text == NO_TIME { None } else { time(text) }
}

fn intent_from(intent: &api::Intent) -> Result<Intent, String> {
    let detail = || intent.detail.clone().unwrap_or_default();
    let outcome = match intent.outcome {
        None => None,
        Some(api::IntentOutcome::Accepted) => {
            let job = intent.job_id.clone().ok_or("an accepted intent names no job")?;
            Some(Outcome::Accepted { job: JobId(job) })
        }
        Some(api::IntentOutcome::Refused) => Some(Outcome::Refused { detail: detail() }),
        Some(api::IntentOutcome::NotSent) => Some(Outcome::NotSent { detail: detail() }),
        Some(api::IntentOutcome::Throttled) => {
            Some(Outcome::Throttled { retry_after: intent.retry_after_seconds.map_or(30, natural) })
        }
        Some(api::IntentOutcome::Unknown) => Some(Outcome::Unknown { detail: detail() }),
        Some(api::IntentOutcome::Absent) => Some(Outcome::Absent { detail: detail() }),
    };
    Ok(Intent {
        nonce: intent.nonce.clone(),
        step: step_from(intent.step),
        ordinal: natural(intent.ordinal),
        attempt: natural(intent.attempt),
        client_request_id: intent.client_request_id.clone(),
        body_hash: intent.body_hash.clone().unwrap_or_default(),
        point: intent.recovery_point.as_ref().map(frozen_from),
        t0: known_time(&intent.t0),
        last: intent.last_attempt,
        outcome,
    })
}

fn intent_object(intent: &Intent) -> api::Intent {
    let (outcome, job_id, detail, retry) = match &intent.outcome {
        None => (None, None, None, None),
        Some(Outcome::Accepted { job }) => (Some(api::IntentOutcome::Accepted), Some(job.0.clone()), None, None),
        Some(Outcome::Refused { detail }) => (Some(api::IntentOutcome::Refused), None, Some(detail), None),
        Some(Outcome::NotSent { detail }) => (Some(api::IntentOutcome::NotSent), None, Some(detail), None),
        Some(Outcome::Throttled { retry_after }) => {
            (Some(api::IntentOutcome::Throttled), None, None, Some(*retry_after))
        }
        Some(Outcome::Unknown { detail }) => (Some(api::IntentOutcome::Unknown), None, Some(detail), None),
        Some(Outcome::Absent { detail }) => (Some(api::IntentOutcome::Absent), None, Some(detail), None),
    };
    api::Intent {
        nonce: intent.nonce.clone(),
        step: step_object(intent.step),
        ordinal: small(intent.ordinal),
        attempt: small(intent.attempt),
        client_request_id: intent.client_request_id.clone(),
        // A call that was adopted from Azure's jobs was sent by somebody whose bytes are not known.
        body_hash: Some(intent.body_hash.clone()).filter(|hash| !hash.is_empty()),
        recovery_point: intent.point.as_ref().map(frozen_object),
        t0: time_text(intent.t0),
        last_attempt: intent.last,
        outcome,
        job_id,
        detail: detail.map(|d| cut(d, 1024)),
        retry_after_seconds: retry.map(small),
    }
}

fn kind_of(word: &str) -> PointKind {
    match word {
        "AppConsistent" => PointKind::AppConsistent,
        "CrashConsistent" => PointKind::CrashConsistent,
        _ => PointKind::Other,
    }
}

fn frozen_from(point: &api::FrozenPoint) -> PointRef {
    let kind = point.point_type.as_deref().map(kind_of);
    PointRef { id: point.id.clone(), time: point.time.as_deref().and_then(time), kind }
}

fn frozen_object(point: &PointRef) -> api::FrozenPoint {
    api::FrozenPoint {
        id: point.id.clone(),
        time: point.time.map(|t| t.to_string()),
        point_type: point.kind.map(|k| k.as_str().to_owned()),
    }
}

fn point_from(point: &api::RecoveryPointUsed) -> PointRef {
    let kind = point.point_type.as_deref().map(kind_of);
    PointRef { id: point.id.clone().unwrap_or_default(), time: point.time.as_deref().and_then(time), kind }
}

/// A point as the resources show it: by its name, the only part of its id that is the same everywhere.
pub fn point_object(point: &PointRef) -> api::RecoveryPointUsed {
    api::RecoveryPointUsed {
        id: Some(last_segment(&point.id).to_owned()),
        time: point.time.map(|t| t.to_string()),
        point_type: point.kind.map(|k| k.as_str().to_owned()),
    }
}

fn finished_from(done: &api::FinishedStep) -> Result<Finished, String> {
    let phase = match done.state.as_str() {
        "Succeeded" => Phase::Succeeded,
        "SucceededWithWarning" => Phase::SucceededWithWarning,
        "Failed" => Phase::Failed,
        "Cancelled" => Phase::Cancelled,
        other => return Err(format!("a finished step in the state {other}")),
    };
    Ok(Finished {
        step: step_from(done.step),
        ordinal: natural(done.ordinal),
        attempt: natural(done.attempt),
        client_request_id: done.client_request_id.clone(),
        job: done.job_id.clone().map(JobId),
        phase,
        started: known_time(&done.t0),
        ended: done.ended_at.as_deref().and_then(time),
        point: done.recovery_point.as_ref().map(point_from),
        achieved_rpo: done.achieved_rpo.as_deref().and_then(parse_signed),
        achieved_rto: done.achieved_rto.as_deref().and_then(parse_signed),
        recovered_vm_id: done.recovered_vm_id.clone(),
        moved_to: done.new_protected_item_id.clone(),
        shutdown: done.source_shutdown.as_ref().map(shutdown_from),
        warning: done.warning.clone(),
    })
}

fn finished_object(done: &Finished) -> api::FinishedStep {
    api::FinishedStep {
        step: step_object(done.step),
        ordinal: small(done.ordinal),
        attempt: small(done.attempt),
        client_request_id: done.client_request_id.clone(),
        job_id: done.job.as_ref().map(|j| j.0.clone()),
        state: done.phase.as_str().to_owned(),
        t0: time_text(done.started),
        ended_at: done.ended.map(|t| t.to_string()),
        recovery_point: done.point.as_ref().map(point_object),
        achieved_rpo: done.achieved_rpo.map(duration_text),
        achieved_rto: done.achieved_rto.map(duration_text),
        recovered_vm_id: done.recovered_vm_id.clone(),
        new_protected_item_id: done.moved_to.clone(),
        source_shutdown: done.shutdown.as_ref().map(shutdown_object),
        warning: done.warning.as_ref().map(|w| cut(w, 512)),
    }
}

fn shutdown_from(shutdown: &api::ShutdownResult) -> Shutdown {
    let truth = match shutdown.status {
        api::Truth::True => Truth::True,
        api::Truth::False => Truth::False,
        api::Truth::Unknown => Truth::Unknown,
    };
    Shutdown { truth, reason: reason(&shutdown.reason), message: shutdown.message.clone() }
}

fn shutdown_object(shutdown: &Shutdown) -> api::ShutdownResult {
    let status = match shutdown.truth {
        Truth::True => api::Truth::True,
        Truth::False => api::Truth::False,
        Truth::Unknown => api::Truth::Unknown,
    };
    api::ShutdownResult { status, reason: shutdown.reason.as_str().into(), message: cut(&shutdown.message, 1024) }
}

/// A reason of an earlier version that is no longer known is shown as Pending rather than refused.
fn reason(word: &str) -> Reason {
    Reason::parse(word).unwrap_or(Reason::Pending)
}

fn consumed_from(consumed: &api::Consumed) -> Result<Consumed, String> {
    let result = consumed.result.as_ref().map(|result| -> Result<RunResult, String> {
        let word = end_word(result.outcome);
        let end =
            End::ALL.into_iter().find(|e| e.as_str() == word).ok_or_else(|| format!("a request that ended {word}"))?;
        Ok(RunResult {
            end,
            reason: reason(&result.reason),
            message: result.message.clone(),
            at: known_time(&result.at),
            steps: result.steps.iter().map(finished_from).collect::<Result<_, _>>()?,
        })
    });
    Ok(Consumed {
        key: key_from(&consumed.key)?,
        spec_hash: consumed.spec_hash.clone(),
        valid_until: consumed.valid_until.clone(),
        result: result.transpose()?,
    })
}

const fn end_word(outcome: api::ResultOutcome) -> &'static str {
    match outcome {
        api::ResultOutcome::Succeeded => "Succeeded",
        api::ResultOutcome::Failed => "Failed",
        api::ResultOutcome::Refused => "Refused",
        api::ResultOutcome::AlreadyThere => "AlreadyThere",
        api::ResultOutcome::NothingToDo => "NothingToDo",
        api::ResultOutcome::Expired => "Expired",
        api::ResultOutcome::Cancelled => "Cancelled",
        api::ResultOutcome::TargetChanged => "TargetChanged",
    }
}

fn consumed_object(consumed: &Consumed) -> api::Consumed {
    let result = consumed.result.as_ref().map(|result| api::RequestResult {
        outcome: match result.end {
            End::Succeeded => api::ResultOutcome::Succeeded,
            End::Failed => api::ResultOutcome::Failed,
            End::Refused => api::ResultOutcome::Refused,
            End::AlreadyThere => api::ResultOutcome::AlreadyThere,
            End::NothingToDo => api::ResultOutcome::NothingToDo,
            End::Expired => api::ResultOutcome::Expired,
            End::Cancelled => api::ResultOutcome::Cancelled,
            End::TargetChanged => api::ResultOutcome::TargetChanged,
        },
        reason: result.reason.as_str().into(),
        message: cut(&result.message, 1024),
        at: time_text(result.at),
        steps: result.steps.iter().map(finished_object).collect(),
    });
    api::Consumed {
        key: key_object(&consumed.key),
        spec_hash: consumed.spec_hash.clone(),
        valid_until: consumed.valid_until.clone(),
        result,
    }
}
