//! Jobs, tasks and operation status as the service writes them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::clock::seconds_between;
use super::super::ids::guid;
use super::super::job::{Job, Phase, Task, TaskEnd};
use super::super::otherwise::ErrorPlace;
use super::super::recipe::JobError;
use super::super::settings::Behaviour;
use super::super::vault::Vault;
use super::super::verb::Verb;
use super::{NEVER, precise, whole, whole_padded};

/// The full job, as GET answers it.
pub(crate) fn full(vault: &Vault, job: &Job, behaviour: &Behaviour, now: Timestamp) -> Value {
    let mut properties = summary(job, behaviour, now);
    let tasks: Vec<Value> = job.tasks.iter().map(|entry| task(vault, entry, job, job.told_at(now))).collect();
    let place = if job.failure.is_some() { behaviour.otherwise.errors_of_failed_jobs } else { ErrorPlace::Both };
    let tasks = if matches!(place, ErrorPlace::Both | ErrorPlace::Tasks) { tasks } else { without_errors(tasks) };
    let errors: Vec<Value> = job.errors(now).iter().map(|(task, error)| job_error(error, task, job)).collect();
    properties["activityId"] = json!(behaviour.job_activity_id.then(|| activity_id(job)));
    properties["tasks"] = json!(tasks);
    properties["errors"] = if matches!(place, ErrorPlace::Both | ErrorPlace::Job) { json!(errors) } else { json!([]) };
    properties["customDetails"] = custom_details(vault, job, now);
    envelope(vault, job, properties)
}

/// The job as an element of the list: no tasks, no activity, no details, and so no errors either (recorded).
pub(crate) fn listed(vault: &Vault, job: &Job, behaviour: &Behaviour, now: Timestamp) -> Value {
    let mut properties = summary(job, behaviour, now);
    properties["activityId"] = json!(behaviour.otherwise.job_list_activity.then(|| activity_id(job)));
    properties["tasks"] = json!([]);
    properties["errors"] = json!([]);
    properties["customDetails"] = Value::Null;
    envelope(vault, job, properties)
}

/// What the first GET can answer: nulls but for id, state and the activity (recorded: ps-A2ARecoveryPlanReplication).
pub(crate) fn stub(vault: &Vault, job: &Job, behaviour: &Behaviour) -> Value {
    let activity = (behaviour.stub_activity_id && behaviour.job_activity_id).then(|| activity_id(job));
    let properties = json!({
        "activityId": activity,
        "scenarioName": null,
        "friendlyName": null,
        "state": "NotStarted",
        "stateDescription": "NotStarted",
        "tasks": [],
        "errors": [],
        "allowedActions": [],
        "targetObjectId": null,
        "targetObjectName": null,
        "targetInstanceType": "ProtectionEntity",
        "customDetails": { "instanceType": "AsrJobDetails", "affectedObjectDetails": {} },
    });
    envelope(vault, job, properties)
}

/// `replicationOperationStatus`: 200 in every state, a failure named by one code and one line (asr-errors 1.2).
pub(crate) fn operation_status(job: &Job, behaviour: &Behaviour, now: Timestamp) -> Value {
    let phase = job.phase(now);
    let waiting = !job.over(now) && job.polls <= behaviour.not_started_polls;
    let status = match phase {
        _ if waiting => "NotStarted",
        Phase::NotStarted => "NotStarted",
        Phase::InProgress => "InProgress",
        Phase::Suspended => "Suspended",
        Phase::Failed => "Failed",
        Phase::Cancelled => "Cancelled",
        Phase::Partial if behaviour.partial_operation_status => "PartiallySucceeded",
        _ => "Succeeded",
    };
    json!({
        "error": operation_error(job, phase, now),
        "id": null,
        "name": job.id,
        "properties": null,
        "status": status,
        "startTime": (!waiting).then(|| precise(job.started)),
        "endTime": job.over(now).then(|| whole_padded(job.ends)),
        "percentComplete": null,
    })
}

/// The failure's headline; with a success the last warning, which the recordings show there too.
fn operation_error(job: &Job, phase: Phase, now: Timestamp) -> Value {
    match (&job.failure, phase) {
        (Some(failure), Phase::Failed) => {
            json!({ "code": failure.code, "message": failure.message, "details": null })
        }
        (_, Phase::Partial) => {
            let warnings = job.errors(now);
            let warning = warnings.last().map(|(_, error)| (&error.code, &error.message));
            warning.map_or(Value::Null, |(code, message)| json!({ "code": code, "message": message, "details": null }))
        }
        _ => Value::Null,
    }
}

fn envelope(vault: &Vault, job: &Job, properties: Value) -> Value {
    json!({
        "id": vault.job_id(job.id),
        "name": job.id,
        "type": "Microsoft.RecoveryServices/vaults/replicationJobs",
        "properties": properties,
    })
}

/// The head of `activityId` is the client's request id: how one finds one's own job (recorded).
fn activity_id(job: &Job) -> String {
    format!("{} ActivityId: {}", job.client_request_id, job.correlation_id)
}

/// Fields of list and GET alike; `endTime` is absent while it runs.
fn summary(job: &Job, behaviour: &Behaviour, now: Timestamp) -> Value {
    let row = job.verb.row();
    let (state, description) = words(job, behaviour, now);
    let mut fields = json!({
        "scenarioName": row.scenario,
        "friendlyName": row.friendly,
        "state": state,
        "stateDescription": description,
        "startTime": precise(job.started),
        "allowedActions": if job.over(now) { json!([]) } else { json!(["Cancel"]) },
        "targetObjectId": job.entity,
        "targetObjectName": job.vm_name.to_ascii_lowercase(),
        "targetInstanceType": target_type(job),
    });
    if job.over(now) {
        fields["endTime"] = json!(whole(job.ends));
    }
    fields
}

/// State and description, in other words where the service is told to use them.
fn words<'a>(job: &Job, behaviour: &'a Behaviour, now: Timestamp) -> (&'a str, &'a str) {
    let otherwise = &behaviour.otherwise;
    let (state, description) = job.phase(now).words();
    if !job.over(now) {
        return (state, description);
    }
    let word = if job.fails() { &otherwise.failed_word } else { &otherwise.succeeded_word };
    (word.as_deref().unwrap_or(state), otherwise.ended_description.as_deref().unwrap_or(description))
}

fn without_errors(mut tasks: Vec<Value>) -> Vec<Value> {
    for task in &mut tasks {
        task["errors"] = json!([]);
    }
    tasks
}

/// What kind of thing the job is about; children name a VM (recorded).
fn target_type(job: &Job) -> &'static str {
    if job.verb == Verb::EnableDr { "Vm" } else { "ProtectionEntity" }
}

/// A task; one with a child is a group from the moment the child is there, and counts it in its name (recorded).
fn task(vault: &Vault, task: &Task, job: &Job, now: Timestamp) -> Value {
    let mut written = plain_task(task, job, now);
    let child = vault.jobs.iter().find(|found| task.child == Some(found.id) && found.started <= now);
    if let Some(child) = child {
        written["friendlyName"] = json!(format!("{} (1)", task.friendly));
        written["taskType"] = json!("GroupTaskDetails");
        written["customDetails"] = Value::Null;
        written["groupTaskCustomDetails"] =
            json!({ "instanceType": "GroupTaskDetails", "childTasks": [child_task(vault, child, now)] });
    }
    written
}

/// The child as its parent names it; its errors are told by its own job only.
fn child_task(vault: &Vault, child: &Job, now: Timestamp) -> Value {
    let row = child.verb.row();
    let (state, description) = child.phase(now).words();
    json!({
        "taskId": row.scenario,
        "name": child.vm_name,
        "startTime": precise(child.started),
        "endTime": if child.over(now) { whole(child.ends) } else { NEVER.to_owned() },
        "allowedActions": [],
        "friendlyName": child.vm_name,
        "state": state,
        "stateDescription": description,
        "taskType": "JobTaskDetails",
        "customDetails": {
            "instanceType": "JobTaskDetails",
            "jobTask": {
                "jobId": vault.job_id(child.id),
                "jobFriendlyName": row.friendly,
                "targetObjectId": child.entity,
                "targetObjectName": child.vm_name.to_ascii_lowercase(),
                "targetInstanceType": target_type(child),
                "jobScenarioName": row.scenario,
            },
        },
        "groupTaskCustomDetails": null,
        "errors": [],
    })
}

fn plain_task(task: &Task, job: &Job, now: Timestamp) -> Value {
    let phase = task.phase(now);
    let (state, description) = phase.words();
    let ran = !matches!(task.end, TaskEnd::Skipped) && phase != Phase::NotStarted;
    let ended = ran && phase != Phase::InProgress;
    let errors: Vec<Value> = task.error(now).map(|error| job_error(error, task.name, job)).into_iter().collect();
    json!({
        "taskId": task.id,
        "name": task.name,
        "startTime": if ran { precise(task.starts) } else { NEVER.to_owned() },
        "endTime": if ended { precise(task.ends) } else { NEVER.to_owned() },
        "allowedActions": [],
        "friendlyName": task.friendly,
        "state": state,
        "stateDescription": description,
        "taskType": "TaskDetails",
        "customDetails": { "instanceType": "TaskDetails" },
        "groupTaskCustomDetails": null,
        "errors": errors,
    })
}

/// An error with the time of the task that it belongs to.
fn job_error(error: &JobError, task: &str, job: &Job) -> Value {
    let at = job.tasks.iter().find(|found| found.name == task).map_or(job.ends, |found| found.ends);
    json!({
        "serviceErrorDetails": {
            "code": error.code,
            "message": error.message,
            "possibleCauses": error.possible_causes,
            "recommendedAction": error.recommended_action,
            "activityId": job.correlation_id,
        },
        "providerErrorDetails": null,
        "errorLevel": error.level.as_str(),
        "creationTime": precise(at),
        "taskId": task,
    })
}

fn custom_details(vault: &Vault, job: &Job, now: Timestamp) -> Value {
    let mut fields = Map::new();
    fields.insert("instanceType".to_owned(), json!(job.verb.row().details));
    fields.insert("affectedObjectDetails".to_owned(), affected(vault, job));
    match job.verb {
        Verb::SwitchProtection => {
            let seen = seconds_between(job.started, now.min(job.ends));
            let done = job.over(now) && !job.fails();
            let id = if done || seen >= 100.0 { job.details["newId"].clone() } else { Value::Null };
            fields.insert("newReplicationProtectedItemId".to_owned(), id);
        }
        Verb::TestFailover | Verb::TestFailoverCleanup => {
            fields.insert("testFailoverStatus".to_owned(), json!("Active"));
            fields.insert("comments".to_owned(), job.details["comments"].clone());
            fields.insert("networkName".to_owned(), job.details["networkName"].clone());
            fields.insert("networkFriendlyName".to_owned(), job.details["networkName"].clone());
            fields.insert("networkType".to_owned(), job.details["networkType"].clone());
            fields.insert("protectedItemDetails".to_owned(), json!([tested(job)]));
        }
        _ => {}
    }
    Value::Object(fields)
}

fn tested(job: &Job) -> Value {
    let test_vm = format!("{}-test", job.vm_name);
    json!({
        "name": job.entity,
        "friendlyName": job.vm_name,
        "testVmName": test_vm,
        "testVmFriendlyName": test_vm,
        "networkConnectionStatus": "Connected",
        "networkFriendlyName": job.details["networkName"],
        "subnet": "default",
        "recoveryPointId": job.point.as_ref().map(|point| point.id),
        "recoveryPointTime": job.point.as_ref().map(|point| precise(point.time)),
    })
}

fn affected(vault: &Vault, job: &Job) -> Value {
    json!({
        "primaryVmId": job.entity,
        "primaryVmName": job.vm_name,
        "recoveryVmId": "",
        "recoveryVmName": job.vm_name,
        "protectionProfileId": guid(&["policy", &vault.policy_id()]),
        "primaryFabricProviderId": "Azure",
        "recoveryFabricProviderId": "Azure",
    })
}
