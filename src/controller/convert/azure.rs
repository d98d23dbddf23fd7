//! From Azure's wire model to what decisions see.

use crate::asr::{self, JobPhase, ReadError};
use crate::domain::Reason;
use crate::domain::backoff::Class;
use crate::domain::item::{Active, HealthError, Item, Obstacle, Scenario};
use crate::domain::job::{Job, JobError, JobId, Phase, Task};
use crate::domain::observed::{Reading, Unreadable};
use crate::domain::point::{Point, PointKind};

/// A failed read as a value. A 404 by either layer is an absence of what was asked for.
pub fn unreadable<T>(error: &ReadError, what: &str) -> Reading<T> {
    if error.is_not_found() {
        return Reading::Absent;
    }
    let (reason, retry_after) = match error {
        ReadError::Throttled { retry_after, .. } => (Reason::Throttled, Some(*retry_after)),
        ReadError::Access { .. } | ReadError::Unauthorized { .. } => (Reason::AccessDenied, None),
        ReadError::Token(_) => (Reason::CredentialsFailed, None),
        _ => (Reason::VaultUnreachable, None),
    };
    let class = class(error.class());
    let obstacle = Obstacle::new(reason, format!("Azure does not show {what}: {error}."));
    Reading::Unreadable(Unreadable { class, obstacle, retry_after })
}

/// One table of classes on each side of the module border.
pub fn class(class: asr::Class) -> Class {
    match class {
        asr::Class::Waiting => Class::Waiting,
        asr::Class::Transient => Class::Transient,
        asr::Class::Access => Class::Access,
        asr::Class::UserFix => Class::UserFix,
        asr::Class::Terminal => Class::Terminal,
        asr::Class::Bug => Class::Bug,
    }
}

/// A protected item.
pub fn item_from(wire: &asr::ProtectedItem) -> Item {
    let a2a = wire.a2a.clone().unwrap_or_default();
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let given = |field: &Option<String>| field.clone().filter(|s| !s.is_empty());
    Item {
        id: wire.id.to_string(),
        name: wire.name.clone(),
        friendly_name: text(&wire.friendly_name),
        source_vm_id: text(&a2a.fabric_object_id),
        recovered_vm_id: given(&a2a.recovery_fabric_object_id),
        recovery_resource_group_id: given(&a2a.recovery_azure_resource_group_id),
        recovery_vm_name: given(&a2a.recovery_azure_vm_name),
        active: active(wire),
        primary_region: text(&a2a.primary_fabric_location),
        recovery_region: text(&a2a.recovery_fabric_location),
        initial_primary_region: text(&a2a.initial_primary_fabric_location),
        initial_recovery_region: text(&a2a.initial_recovery_fabric_location),
        allowed: wire.allowed_operations.clone(),
        scenario: scenario(&wire.current_scenario),
        protection_state: text(&wire.protection_state),
        protection_description: text(&wire.protection_state_description),
        replication_health: text(&wire.replication_health),
        failover_health: text(&wire.failover_health),
        health_errors: wire.health_errors.iter().map(health).collect(),
        failover_point: wire.failover_recovery_point().map(str::to_owned),
        test_failover_state: text(&wire.test_failover_state),
        last_failover: wire.last_successful_failover_time,
        last_test_failover: wire.last_successful_test_failover_time,
        lifecycle_id: given(&a2a.lifecycle_id),
        group: if a2a.is_in_user_group() {
            given(&a2a.multi_vm_group_name).or_else(|| Some("without a name".into()))
        } else {
            None
        },
        cluster: given(&a2a.protection_cluster_id),
        rpo_seconds: a2a.rpo_in_seconds.and_then(|s| u64::try_from(s).ok()),
        rpo_at: a2a.last_rpo_calculated_time,
        recovery_vm_size: given(&a2a.recovery_azure_vm_size),
        recovery_container_id: given(&wire.recovery_container_id),
        primary_fabric: given(&wire.primary_fabric_friendly_name),
        cache_account_id: a2a
            .protected_managed_disks
            .iter()
            .find_map(|disk| disk.primary_staging_azure_storage_account_id.clone()),
        unprotected_disks: a2a.unprotected_disks,
        agent_expires: a2a.agent_expiry_date.into_iter().chain(a2a.agent_certificate_expiry_date).min(),
    }
}

fn active(wire: &asr::ProtectedItem) -> Option<Active> {
    match wire.active_location.as_deref() {
        _ if wire.is_active_on_primary() => Some(Active::Primary),
        _ if wire.is_active_on_recovery() => Some(Active::Recovery),
        Some(word) if !word.is_empty() => Some(Active::Other),
        _ => None,
    }
}

fn scenario(wire: &asr::model::CurrentScenario) -> Option<Scenario> {
    if wire.is_idle() {
        return None;
    }
    let name = wire.name.clone().unwrap_or_else(|| "an operation".into());
    Some(Scenario { name, job: wire.job.as_ref().map(job_id) })
}

fn health(wire: &asr::HealthError) -> HealthError {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    HealthError {
        code: text(&wire.code),
        level: text(&wire.level),
        category: text(&wire.category),
        message: wire.message.clone().or_else(|| wire.summary_message.clone()).unwrap_or_default(),
        recommended_action: text(&wire.action),
    }
}

fn job_id(wire: &asr::JobId) -> JobId {
    JobId(wire.as_str().to_owned())
}

/// A recovery point; one without a time cannot be chosen by time and is left out.
pub fn point_from(wire: &asr::RecoveryPoint) -> Option<Point> {
    let kind = match () {
        () if wire.is_app_consistent() => PointKind::AppConsistent,
        () if wire.is_crash_consistent() => PointKind::CrashConsistent,
        () => PointKind::Other,
    };
    Some(Point { id: wire.id.clone(), time: wire.time?, kind })
}

/// A job; `by_get` says that it was read by itself and not in a list.
pub fn job_from(wire: &asr::Job, by_get: bool) -> Job {
    let mut errors: Vec<JobError> = wire.errors.iter().map(error_from).collect();
    // The most specific error goes last, where decisions look for the cause.
    if let Some(specific) = wire.most_specific().map(error_from) {
        errors.retain(|e| e != &specific);
        errors.push(specific);
    }
    let state = [wire.state.as_deref(), wire.state_description.as_deref()];
    Job {
        id: job_id(&wire.id),
        scenario: wire.scenario_name.clone(),
        target: wire.target_object_name.clone(),
        phase: phase(&wire.phase()),
        state_text: state.into_iter().flatten().collect::<Vec<_>>().join("/"),
        client_request_id: wire.client_request_id().map(str::to_owned),
        detailed: by_get && !wire.is_stub(),
        started: wire.start,
        ended: wire.end,
        tasks: wire.tasks.iter().flat_map(with_children).map(task_from).collect(),
        errors,
        children: wire.tasks.iter().flat_map(with_children).filter_map(|t| t.job.as_ref()).map(job_id).collect(),
        moved_to: wire.details.new_replication_protected_item_id.as_ref().map(ToString::to_string),
    }
}

fn with_children(task: &asr::Task) -> Vec<&asr::Task> {
    std::iter::once(task).chain(task.children.iter()).collect()
}

fn task_from(wire: &asr::Task) -> Task {
    let name = wire.task_id.clone().or_else(|| wire.name.clone()).unwrap_or_default();
    let named = wire.name.clone().filter(|n| !n.is_empty() && n != "Unknown").unwrap_or_else(|| name.clone());
    let state = if wire.is_skipped() { "Skipped".to_owned() } else { wire.state.clone().unwrap_or_default() };
    Task {
        friendly_name: wire.friendly_name.clone().unwrap_or_else(|| named.clone()),
        name: named,
        state,
        started: wire.start,
        ended: wire.end,
        errors: wire.errors.iter().map(error_from).collect(),
    }
}

fn error_from(wire: &asr::JobError) -> JobError {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    JobError {
        code: text(&wire.code),
        message: text(&wire.message),
        possible_causes: text(&wire.possible_causes),
        recommended_action: text(&wire.recommended_action),
    }
}

fn phase(wire: &JobPhase) -> Phase {
    match wire {
        JobPhase::NotStarted | JobPhase::Running | JobPhase::Suspended => Phase::Running,
        JobPhase::Succeeded { with_warning: None } => Phase::Succeeded,
        JobPhase::Succeeded { with_warning: Some(_) } => Phase::SucceededWithWarning,
        JobPhase::Failed => Phase::Failed,
        JobPhase::Cancelled => Phase::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vm_whose_name_azure_does_not_give_has_none() {
        let id = "/Subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/item-1";
        for properties in ["{}", r#"{"friendlyName": ""}"#, r#"{"friendlyName": null}"#] {
            let text = format!(r#"{{"id": "{id}", "name": "item-1", "properties": {properties}}}"#);
            let wire: asr::ProtectedItem = serde_json::from_str(&text).unwrap();
            let item = item_from(&wire);
            assert_eq!((item.name.as_str(), item.friendly_name.as_str()), ("item-1", ""), "{properties}");
        }
    }
}
