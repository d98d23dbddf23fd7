//! What a request's object shows of its run: conditions, phase and operations, all derived, none decided by.

use super::super::Reason;
use super::super::condition::{Condition, ConditionType, Standing, Truth, trio};
use super::super::ids::Step;
use super::super::item::{Item, Obstacle};
use super::super::job::{Job, Phase};
use super::super::observed::{Claim, Facts};
use super::super::record::{Finished, Intent, Outcome, RunResult};
use super::super::verb;
use super::super::view::{Operation, RequestView, Target};
use jiff::Timestamp;

/// A run as conditions are read from it.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Steps whose job ended.
    pub finished: &'a [Finished],
    /// The open call.
    pub current: Option<&'a Intent>,
    /// Its job, where it was read.
    pub job: Option<&'a Job>,
    /// The end.
    pub result: Option<&'a RunResult>,
    /// What it waits for, or why it ended.
    pub obstacle: &'a Obstacle,
    /// Whether the target is frozen.
    pub claimed: bool,
    /// After the end: the item as last listed.
    pub item: Option<&'a Item>,
    /// After the end: Azure's time.
    pub now: Option<Timestamp>,
}

impl<'a> Run<'a> {
    pub(super) fn nothing(obstacle: &'a Obstacle) -> Self {
        Run { finished: &[], current: None, job: None, result: None, obstacle, claimed: false, item: None, now: None }
    }

    /// The end of `step`, if its job ended.
    pub fn step(&self, step: Step) -> Option<&Finished> {
        self.finished.iter().rev().find(|done| done.step == step)
    }

    /// A condition that becomes True with the success of `step`.
    pub fn step_condition(&self, kind: ConditionType, step: Step, success: Reason) -> Condition {
        match self.step(step) {
            Some(done) if matches!(done.phase, Phase::Succeeded | Phase::SucceededWithWarning) => {
                let job = done.job.as_ref().map_or_else(String::new, |job| format!("Job {job} succeeded."));
                let warning = done.warning.as_ref().map_or_else(String::new, |w| format!(" {w}"));
                Condition::new(kind, Truth::True, success, job + &warning)
            }
            _ => self.open_condition(kind),
        }
    }

    /// A condition of something that has not come about: False once the request ended, unknown before.
    pub fn open_condition(&self, kind: ConditionType) -> Condition {
        let truth = if self.result.is_some() { Truth::False } else { Truth::Unknown };
        Condition::new(kind, truth, self.obstacle.reason, &self.obstacle.message)
    }

    fn accepted(&self, requested_by: Option<&str>) -> Condition {
        let kind = ConditionType::Accepted;
        let refused = self.result.is_some_and(|r| r.steps.is_empty() && r.end.standing() == Standing::Stalled);
        if refused || self.obstacle.reason == Reason::NameReused {
            return Condition::new(kind, Truth::False, self.obstacle.reason, &self.obstacle.message);
        }
        if self.claimed || self.result.is_some() {
            let by = requested_by.map(|by| format!(" Requested by {by}.")).unwrap_or_default();
            return Condition::new(kind, Truth::True, Reason::Accepted, format!("The target is frozen.{by}"));
        }
        Condition::new(kind, Truth::Unknown, self.obstacle.reason, &self.obstacle.message)
    }
}

pub(super) fn view(facts: &Facts, standing: Standing, obstacle: &Obstacle, run: &Run<'_>) -> Option<RequestView> {
    let request = facts.request.as_ref()?;
    let mut conditions = trio(standing, obstacle.reason, &obstacle.message).to_vec();
    conditions.push(run.accepted(request.requested_by.as_deref()));
    conditions.extend(request.verb.conditions(run));
    let made = run.finished.iter().rev().find(|done| verb::row(done.step).from_point);
    Some(RequestView {
        conditions,
        phase: phase(standing, obstacle.reason, run),
        target: facts.claim.as_ref().map(target),
        preconditions: vec![],
        plan: vec![],
        operations: operations(run),
        point_used: made.and_then(|d| d.point.clone()),
        achieved_rpo: made.and_then(|d| d.achieved_rpo),
        achieved_rto: made.and_then(|d| d.achieved_rto),
        recovered_vm_id: made.and_then(|d| d.recovered_vm_id.clone()),
    })
}

fn target(claim: &Claim) -> Target {
    Target {
        vm_uid: claim.vm_uid.clone(),
        vault_id: claim.vault_id.clone(),
        item_name: claim.item_name.clone(),
        lifecycle_id: claim.lifecycle_id.clone(),
    }
}

fn phase(standing: Standing, reason: Reason, run: &Run<'_>) -> &'static str {
    match (standing, run.result.map(|r| r.end), reason) {
        (_, Some(end), _) => end.as_str(),
        (Standing::Stalled, None, Reason::NameReused) => "Refused",
        (_, None, Reason::OutcomeUnknown) => "Unknown",
        (_, None, Reason::JobRunning | Reason::JobUnreadable) => "Running",
        (_, None, Reason::Submitting | Reason::Resolving | Reason::OutcomeDecided | Reason::NotSent) => "Submitting",
        (_, None, Reason::Ending) => "Ending",
        _ => "Waiting",
    }
}

fn operations(run: &Run<'_>) -> Vec<Operation> {
    let done = run.finished.iter().map(|d| Operation {
        step: d.step,
        attempt: d.attempt,
        client_request_id: d.client_request_id.clone(),
        job: d.job.as_ref().map(ToString::to_string),
        state: d.phase.as_str().into(),
        tasks: vec![],
        errors: vec![],
        started: d.started,
        ended: d.ended,
    });
    done.chain(run.current.map(|intent| open_operation(intent, run.job))).collect()
}

fn open_operation(intent: &Intent, job: Option<&Job>) -> Operation {
    let (id, state) = match &intent.outcome {
        Some(Outcome::Accepted { job: id }) => (Some(id.to_string()), job.map_or("InProgress", |j| j.phase.as_str())),
        Some(Outcome::Refused { .. }) => (None, "Refused"),
        Some(Outcome::NotSent { .. }) => (None, "NotSent"),
        Some(Outcome::Throttled { .. }) => (None, "Throttled"),
        Some(Outcome::Absent { .. }) => (None, "Absent"),
        Some(Outcome::Unknown { .. }) | None => (None, "Unknown"),
    };
    Operation {
        step: intent.step,
        attempt: intent.attempt,
        client_request_id: intent.client_request_id.clone(),
        job: id,
        state: state.into(),
        tasks: job.map(|j| j.tasks.clone()).unwrap_or_default(),
        errors: job.map(|j| j.errors.clone()).unwrap_or_default(),
        started: intent.t0,
        ended: job.and_then(|j| j.ended),
    }
}
