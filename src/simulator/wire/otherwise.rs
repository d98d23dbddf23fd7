//! An item bent to what the service may show instead of what is assumed; with no switch on, nothing changes.
//!
//! Works on the properties as they are written by default, so that every difference stands in one place.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::ids::guid;
use super::super::item::{self, Item, Stage, State};
use super::super::job::Job;
use super::super::otherwise::{FailoverTime, Otherwise, WhileRunning};
use super::super::vault::Vault;
use super::super::verb::Verb;
use super::precise;

/// Bends the properties of `item` at `now`.
pub(crate) fn bend(properties: &mut Value, vault: &Vault, item: &Item, otherwise: &Otherwise, now: Timestamp) {
    running(properties, vault, item, otherwise, now);
    pending(properties, vault, item, otherwise);
    if otherwise.drill_leaves_failover && item.drill_is_up() && item.course.running.is_empty() {
        properties["allowedOperations"] = json!(item::PROTECTED.operations);
    }
    failed(properties, vault, item, otherwise);
    failover_time(properties, vault, item, otherwise);
    let details = &mut properties["providerSpecificDetails"];
    if otherwise.no_recovered_vm {
        details["recoveryFabricObjectId"] = Value::Null;
    }
    if otherwise.lifecycle_changes && !details["lifecycleId"].is_null() {
        let turns = ended(vault, item, Verb::SwitchProtection).filter(|job| !job.fails()).count();
        if turns > 0 {
            details["lifecycleId"] = json!(guid(&["life", &item.lifecycle.to_string(), &turns.to_string()]));
        }
    }
    if otherwise.no_failover_point {
        properties["failoverRecoveryPointId"] = Value::Null;
    }
}

/// Leaves out of a list's element what is left out of lists.
pub(crate) fn omit(properties: &mut Value, otherwise: &Otherwise) {
    for pointer in &otherwise.list_omits {
        let Some((parent, name)) = pointer.rsplit_once('/') else { continue };
        if let Some(Value::Object(fields)) = properties.pointer_mut(parent) {
            fields.remove(name);
        }
    }
}

/// The jobs of `verb` on the item that have ended and were applied, in the order they were accepted.
fn ended<'a>(vault: &'a Vault, item: &'a Item, verb: Verb) -> impl Iterator<Item = &'a Job> {
    vault.jobs.iter().filter(move |job| job.item == item.uid && job.verb == verb && !job.open && !job.inert)
}

fn running(properties: &mut Value, vault: &Vault, item: &Item, otherwise: &Otherwise, now: Timestamp) {
    let Some(job) = vault.running_job(item) else { return };
    match otherwise.while_running {
        WhileRunning::Busy => {}
        WhileRunning::Unchanged => {
            properties["allowedOperations"] = json!(item.stage(now).operations);
            let none = format!("{}/replicationJobs/None", vault.id());
            properties["currentScenario"] =
                json!({ "scenarioName": "None", "jobId": none, "startTime": "1753-01-01T01:01:01Z" });
        }
        WhileRunning::Ahead => {
            let stage = match job.verb {
                Verb::UnplannedFailover => item::COMMIT_PENDING,
                Verb::FailoverCommit => item::COMMITTED,
                _ => item.stage(now),
            };
            show(properties, &stage);
        }
    }
}

fn show(properties: &mut Value, stage: &Stage) {
    properties["protectionState"] = json!(stage.protection);
    properties["protectionStateDescription"] = json!(stage.description);
    properties["activeLocation"] = json!(stage.active);
    properties["allowedOperations"] = json!(stage.operations);
}

/// Between failover and commit.
fn pending(properties: &mut Value, vault: &Vault, item: &Item, otherwise: &Otherwise) {
    if item.course.state != State::CommitPending || !item.course.running.is_empty() {
        return;
    }
    if let Some(offered) = properties["allowedOperations"].as_array_mut() {
        offered.extend(otherwise.offered_before_commit.iter().map(|operation| json!(operation)));
    }
    let failover = ended(vault, item, Verb::UnplannedFailover).last();
    if let Some(job) = failover.filter(|_| otherwise.scenario_stays) {
        properties["currentScenario"] = json!({
            "scenarioName": job.verb.row().scenario,
            "jobId": vault.job_id(job.id),
            "startTime": precise(job.started),
        });
    }
}

/// After a failed job, until the next one.
fn failed(properties: &mut Value, vault: &Vault, item: &Item, otherwise: &Otherwise) {
    let own = |job: &&Job| job.item == item.uid && job.verb != Verb::EnableDr;
    let last = vault.jobs.iter().rfind(own).filter(|job| !job.open && job.failure.is_some());
    let (Some(job), Some(after)) = (last, &otherwise.after_failure) else { return };
    if job.verb.row().operation.eq_ignore_ascii_case(&after.operation) {
        properties["protectionState"] = json!(after.state);
        properties["protectionStateDescription"] = json!(after.state);
        properties["allowedOperations"] = json!(after.offered);
    }
}

fn failover_time(properties: &mut Value, vault: &Vault, item: &Item, otherwise: &Otherwise) {
    if item.course.last_failover.is_none() {
        return;
    }
    const FIELD: &str = "lastSuccessfulFailoverTime";
    let well = |verb| ended(vault, item, verb).filter(|job| !job.fails()).last();
    let failover = well(Verb::UnplannedFailover);
    let (change, failed_over) = (well(Verb::ApplyRecoveryPoint), item.course.last_failover);
    match (otherwise.failover_time, failover) {
        (FailoverTime::End, Some(job)) => properties[FIELD] = json!(precise(job.ends)),
        (FailoverTime::Absent, _) => {
            if let Some(fields) = properties.as_object_mut() {
                fields.remove(FIELD);
            }
            return;
        }
        _ => {}
    }
    let change = change.filter(|job| otherwise.change_point_moves_failover_time && Some(job.started) > failed_over);
    if let Some(job) = change {
        properties[FIELD] = json!(precise(job.started));
    }
}
