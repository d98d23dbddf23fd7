//! From what decisions show to the status that is written: bounded, with times and generations.

use super::record::{point_object, step_object};
use crate::api::v1alpha1 as api;
use crate::domain::condition::Condition;
use crate::domain::item::{Direction, Item, Side};
use crate::domain::job::{JobError, Task};
use crate::domain::observed::Claim;
use crate::domain::point::{Point, PointKind};
use crate::domain::view::{Operation, PlanEffect, PlannedResource, Precondition, RequestView};
use crate::domain::vm::VmView;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition as ApiCondition, Time};
use std::time::Duration;

/// Text cut to `max` characters, with a mark where something is missing. An over-long string would lose the whole write.
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// A duration of a spec.
pub fn parse_signed(text: &str) -> Option<SignedDuration> {
    api::parse_duration(text).ok().and_then(|d| SignedDuration::try_from(d).ok())
}

/// A duration for a status.
pub fn duration_text(duration: SignedDuration) -> String {
    api::format_duration(Duration::try_from(duration).unwrap_or_default())
}

/// Conditions for the API: the time of a transition is kept while the truth stays.
pub fn conditions(
    new: &[Condition],
    old: &[ApiCondition],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<ApiCondition> {
    let one = |c: &Condition| {
        let before = old.iter().find(|o| o.type_ == c.kind.as_str() && o.status == c.truth.as_str());
        ApiCondition {
            type_: c.kind.as_str().into(),
            status: c.truth.as_str().into(),
            reason: c.reason.as_str().into(),
            message: cut(&c.message, 1024),
            observed_generation: generation,
            last_transition_time: before.map_or(Time(now), |o| o.last_transition_time.clone()),
        }
    };
    new.iter().map(one).collect()
}

/// A request's status. What this pass did not read anew - tasks, preconditions - stays as it was shown.
pub fn request_status(
    view: &RequestView,
    item_id: Option<&str>,
    old: Option<&api::RequestStatus>,
    generation: Option<i64>,
    now: Timestamp,
) -> api::RequestStatus {
    let shown = old.map(|o| o.operations.as_slice()).unwrap_or_default();
    let preconditions: Vec<_> = view.preconditions.iter().map(precondition).collect();
    api::RequestStatus {
        observed_generation: generation,
        phase: Some(view.phase.into()),
        target: view.target.as_ref().map(|t| api::RequestTarget {
            replicated_vm_uid: t.vm_uid.clone(),
            vault_id: Some(t.vault_id.clone()),
            protected_item_id: item_id
                .map(str::to_owned)
                .or_else(|| old.and_then(|o| o.target.as_ref()).and_then(|t| t.protected_item_id.clone())),
            lifecycle_id: t.lifecycle_id.clone(),
        }),
        preconditions: if preconditions.is_empty() {
            old.map(|o| o.preconditions.clone()).unwrap_or_default()
        } else {
            preconditions
        },
        plan: if view.plan.is_empty() {
            old.map(|o| o.plan.clone()).unwrap_or_default()
        } else {
            view.plan.iter().map(planned).collect()
        },
        operations: view.operations.iter().map(|op| operation(op, shown)).collect(),
        recovery_point_used: view.point_used.as_ref().map(point_object),
        achieved_rpo: view.achieved_rpo.map(duration_text),
        achieved_rto: view.achieved_rto.map(duration_text),
        recovered_vm_id: view.recovered_vm_id.clone(),
        conditions: conditions(
            &view.conditions,
            old.map(|o| o.conditions.as_slice()).unwrap_or_default(),
            generation,
            now,
        ),
    }
}

fn precondition(seen: &Precondition) -> api::Precondition {
    let met = match seen.met {
        Some(true) => api::Truth::True,
        Some(false) => api::Truth::False,
        None => api::Truth::Unknown,
    };
    api::Precondition { name: seen.name.into(), met, detail: Some(cut(&seen.detail, 512)) }
}

fn planned(resource: &PlannedResource) -> api::PlannedResource {
    let effect = match resource.effect {
        PlanEffect::Used => api::PlanEffect::Used,
        PlanEffect::Created => api::PlanEffect::Created,
        PlanEffect::Overwritten => api::PlanEffect::Overwritten,
        PlanEffect::Missing => api::PlanEffect::Missing,
    };
    let detail = Some(cut(&resource.detail, 256));
    api::PlannedResource { name: resource.name.into(), effect, id: resource.id.clone(), detail }
}

fn operation(op: &Operation, shown: &[api::Operation]) -> api::Operation {
    let before = shown.iter().find(|o| o.client_request_id.as_deref() == Some(op.client_request_id.as_str()));
    let keep =
        |new: Vec<api::Task>| if new.is_empty() { before.map(|b| b.tasks.clone()).unwrap_or_default() } else { new };
    let errors: Vec<_> = op.errors.iter().rev().take(5).rev().map(error).collect();
    api::Operation {
        step: step_object(op.step),
        attempt: i32::try_from(op.attempt).unwrap_or(i32::MAX),
        client_request_id: Some(op.client_request_id.clone()),
        job_id: op.job.clone(),
        state: Some(cut(&op.state, 64)),
        tasks: keep(op.tasks.iter().take(20).map(task).collect()),
        errors: if errors.is_empty() { before.map(|b| b.errors.clone()).unwrap_or_default() } else { errors },
        started_at: op.started.map(|t| t.to_string()),
        ended_at: op.ended.map(|t| t.to_string()),
    }
}

fn task(task: &Task) -> api::Task {
    api::Task {
        name: cut(&task.friendly_name, 128),
        state: cut(&task.state, 64),
        started_at: task.started.map(|t| t.to_string()),
        ended_at: task.ended.map(|t| t.to_string()),
        message: task.errors.last().map(|e| cut(&format!("{} {}", e.code, e.message), 256)),
    }
}

fn error(error: &JobError) -> api::OperationError {
    let text = |t: &str, max| Some(t).filter(|t| !t.is_empty()).map(|t| cut(t, max));
    api::OperationError {
        code: cut(&error.code, 128),
        message: text(&error.message, 1024),
        possible_causes: text(&error.possible_causes, 512),
        recommended_action: text(&error.recommended_action, 512),
    }
}

/// What a ReplicatedVm shows beside its view.
#[derive(Clone, Debug, Default)]
pub struct VmExtras {
    /// The recovery points, where they were read.
    pub points: Option<Vec<Point>>,
    /// The request that holds the item.
    pub active_request: Option<api::RequestRef>,
    /// The last failover that this operator ran on the item.
    pub last_failover: Option<api::LastOperation>,
    /// The last reprotect that this operator ran on the item.
    pub last_reprotect: Option<api::LastOperation>,
}

/// A ReplicatedVm's status. While the item cannot be read, the last truth stays.
pub fn vm_status(
    view: &VmView,
    extras: VmExtras,
    old: Option<&api::ReplicatedVmStatus>,
    generation: Option<i64>,
    now: Timestamp,
) -> api::ReplicatedVmStatus {
    let before = old.cloned().unwrap_or_default();
    let conditions = conditions(&view.conditions, &before.conditions, generation, now);
    let Some(item) = &view.item else {
        return api::ReplicatedVmStatus { observed_generation: generation, conditions, ..before };
    };
    let text = |t: &str, max| Some(t).filter(|t| !t.is_empty()).map(|t| cut(t, max));
    api::ReplicatedVmStatus {
        observed_generation: generation,
        protected_item_id: Some(item.id.clone()),
        protected_item_name: Some(item.name.clone()),
        lifecycle_id: item.lifecycle_id.clone().or(before.lifecycle_id),
        active_side: view.side.map(side),
        active_region: item.active_region().map(crate::domain::item::region),
        next_direction: view.next_direction.map(direction),
        protection_state: text(&item.protection_state, 128),
        protection_state_description: text(&item.protection_description, 256),
        replication_health: text(&item.replication_health, 64),
        failover_health: text(&item.failover_health, 64),
        allowed_operations: item.allowed.iter().take(32).map(|o| cut(o, 64)).collect(),
        health_errors: item.health_errors.iter().take(10).map(health).collect(),
        unprotected_disks: i32::try_from(item.unprotected_disks).ok().filter(|disks| *disks > 0),
        agent_expires_at: item.agent_expires.map(|end| end.to_string()),
        recovery_points: extras.points.as_deref().map(summary).or(before.recovery_points),
        test_failover_state: text(&item.test_failover_state, 64),
        active_request: extras.active_request,
        last_failover: extras.last_failover.or_else(|| foreign_failover(item)).or(before.last_failover),
        last_reprotect: extras.last_reprotect.or(before.last_reprotect),
        last_test_failover: item
            .last_test_failover
            .map(|t| api::LastOperation { started_at: Some(t.to_string()), ..api::LastOperation::default() }),
        recovered_vm_id: recovered(item),
        conditions,
    }
}

/// A failover that nobody here ran: Azure tells only when it began.
fn foreign_failover(item: &Item) -> Option<api::LastOperation> {
    item.last_failover.map(|t| api::LastOperation { started_at: Some(t.to_string()), ..api::LastOperation::default() })
}

fn recovered(item: &Item) -> Option<String> {
    item.recovered_vm_id.clone()
}

fn side(side: Side) -> api::Side {
    match side {
        Side::Primary => api::Side::Primary,
        Side::Recovery => api::Side::Recovery,
    }
}

fn direction(direction: Direction) -> api::Direction {
    match direction {
        Direction::PrimaryToRecovery => api::Direction::PrimaryToRecovery,
        Direction::RecoveryToPrimary => api::Direction::RecoveryToPrimary,
    }
}

fn health(error: &crate::domain::item::HealthError) -> api::HealthError {
    let text = |t: &str, max| Some(t).filter(|t| !t.is_empty()).map(|t| cut(t, max));
    api::HealthError {
        code: cut(&error.code, 128),
        level: text(&error.level, 64),
        category: text(&error.category, 64),
        message: text(&error.message, 1024),
        recommended_action: text(&error.recommended_action, 1024),
    }
}

fn summary(points: &[Point]) -> api::RecoveryPointSummary {
    let shown = |p: &Point| api::ObservedPoint { id: p.name().to_owned(), time: p.time.to_string() };
    let app = points.iter().filter(|p| p.kind == PointKind::AppConsistent).max_by_key(|p| p.time);
    api::RecoveryPointSummary {
        count: i32::try_from(points.len()).unwrap_or(i32::MAX),
        oldest: points.iter().min_by_key(|p| p.time).map(shown),
        latest: points.iter().max_by_key(|p| p.time).map(shown),
        latest_app_consistent: app.map(shown),
    }
}

/// The item's path that a claim stands for, where it is known now.
pub fn claimed_item_id<'a>(claim: Option<&Claim>, item: Option<&'a Item>) -> Option<&'a str> {
    let (claim, item) = (claim?, item?);
    crate::domain::ids::same(&claim.item_name, &item.name).then_some(item.id.as_str())
}
