use super::*;
use crate::asr::model::{elements, resource};
use serde_json::json;

const GUID: &str = "72b6d1a9-0000-4000-8000-000000000001";

fn job(properties: Value) -> Job {
    let wire = json!({"id": format!("/v/replicationJobs/{GUID}"), "name": GUID, "properties": properties});
    resource(wire.to_string().as_bytes()).unwrap()
}

fn error(code: &str, level: &str) -> Value {
    json!({"errorLevel": level, "taskId": "VmFailover", "creationTime": "2026-01-01T00:00:00.0000000Z",
        "serviceErrorDetails": {"code": code, "message": format!("m{code}"), "possibleCauses": "c",
            "recommendedAction": "r", "activityId": "a"}, "providerErrorDetails": null})
}

#[test]
fn a_state_is_an_end_only_by_a_word_that_is_known_to_be_one() {
    let phase = |state: &str, description: &str| job(json!({"state": state, "stateDescription": description})).phase();
    let succeeded = |warning: Option<&str>| JobPhase::Succeeded { with_warning: warning.map(str::to_owned) };
    assert_eq!(phase("Succeeded", "Completed"), succeeded(None));
    assert_eq!(phase("Succeeded", "PartiallySucceeded"), succeeded(Some("PartiallySucceeded")));
    assert_eq!(phase("succeeded", "CompletedWithInformation"), succeeded(Some("CompletedWithInformation")));
    assert_eq!(phase("PartiallySucceeded", ""), succeeded(Some("PartiallySucceeded")));
    assert_eq!(phase("FAILED", ""), JobPhase::Failed);
    assert_eq!(phase("Cancelled", ""), JobPhase::Cancelled);
    assert_eq!(phase("Canceled", ""), JobPhase::Cancelled);
    assert_eq!(phase("NotStarted", "NotStarted"), JobPhase::NotStarted);
    assert_eq!(phase("Suspended", ""), JobPhase::Suspended);
    for word in ["InProgress", "Other", "Completing", ""] {
        assert_eq!(phase(word, "Failed"), JobPhase::Running, "{word}");
    }
    assert!(!JobPhase::Suspended.is_terminal() && JobPhase::Cancelled.is_terminal());
}

#[test]
fn a_stub_says_nothing_about_whose_it_is() {
    let stub = job(json!({"activityId": null, "scenarioName": null, "friendlyName": null, "state": "NotStarted",
        "stateDescription": "NotStarted", "tasks": [], "errors": [], "allowedActions": [], "targetObjectId": null,
        "targetObjectName": null, "targetInstanceType": "ProtectionEntity",
        "customDetails": {"instanceType": "AsrJobDetails", "affectedObjectDetails": {}}}));
    assert!(stub.is_stub());
    assert_eq!((stub.client_request_id(), stub.start, stub.phase()), (None, None, JobPhase::NotStarted));
}

#[test]
fn a_list_element_is_a_job_without_detail() {
    let element = json!({"id": "/x", "name": GUID, "type": "t", "properties": {"activityId": null,
        "scenarioName": "UnplannedFailover", "friendlyName": "Failover", "state": "Succeeded",
        "stateDescription": "Completed", "tasks": [], "errors": [], "startTime": "2023-01-16T09:28:50.7222604Z",
        "endTime": "2023-01-16T09:31:10Z", "allowedActions": [], "targetObjectId": GUID,
        "targetObjectName": "clivm2", "targetInstanceType": "ProtectionEntity", "customDetails": null}});
    let (jobs, undecodable) = elements::<Job>(vec![element]);
    assert_eq!(undecodable, 0);
    assert!(!jobs[0].is_stub());
    assert_eq!(jobs[0].client_request_id(), None);
    assert_eq!(jobs[0].details, JobDetails::default());
}

#[test]
fn only_the_known_form_of_an_activity_id_names_a_request() {
    let id = |text: &str| job(json!({"activityId": text})).client_request_id().map(str::to_owned);
    assert_eq!(id("6efffda2-64f5 ActivityId: 343ac66a").as_deref(), Some("6efffda2-64f5"));
    for odd in ["343ac66a", " ActivityId: 343ac66a", "ActivityId: 343ac66a"] {
        assert_eq!(id(odd), None, "{odd}");
    }
}

#[test]
fn the_last_error_that_is_no_wrapper_and_no_warning_is_shown() {
    let shown = |errors: Value, tasks: Value| {
        let job = job(json!({"state": "Failed", "errors": errors, "tasks": tasks}));
        job.most_specific().and_then(|error| error.code.clone())
    };
    let none = json!([]);
    let wrapper = || error("539", "Error");
    let cases = [
        (json!([wrapper(), error("150097", "Error"), error("28031", "Error")]), none.clone(), Some("28031")),
        (json!([error("28031", "Error"), error("161011", "Warning")]), none.clone(), Some("28031")),
        (json!([error("28031", "Error"), wrapper()]), none.clone(), Some("28031")),
        (json!([wrapper()]), json!([{"errors": [error("151195", "Error")]}]), Some("151195")),
        (
            json!([wrapper()]),
            json!([{"groupTaskCustomDetails": {"childTasks": [{"errors": [error("151196", "Error")]}]}}]),
            Some("151196"),
        ),
        (json!([error("161011", "Warning")]), none.clone(), Some("161011")),
        (json!([wrapper()]), none.clone(), Some("539")),
        (none.clone(), none, None),
    ];
    for (errors, tasks, expected) in cases {
        assert_eq!(shown(errors.clone(), tasks).as_deref(), expected, "{errors}");
    }
}

#[test]
fn an_error_is_read_from_the_service_or_else_from_the_provider() {
    let both = job(json!({"errors": [
        error("28031", "Error"),
        {"serviceErrorDetails": null, "providerErrorDetails": {"errorCode": 31389, "errorMessage": "p", "recommendedAction": "do"}},
    ]}));
    let [service, provider] = both.errors.as_slice() else { panic!("{both:?}") };
    assert_eq!(service.recommended_action.as_deref(), Some("r"));
    assert_eq!((service.task.as_deref(), service.at.is_some()), (Some("VmFailover"), true));
    assert_eq!((provider.code.as_deref(), provider.message.as_deref()), (Some("31389"), Some("p")));
}

#[test]
fn a_reprotects_job_names_the_new_item_once_it_is_known() {
    let item = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/r/providers/Microsoft.RecoveryServices/vaults/v/replicationFabrics/f2/replicationProtectionContainers/c2/replicationProtectedItems/i";
    let named = |id: Value| {
        let details = json!({"instanceType": "SwitchProtectionJobDetails", "newReplicationProtectedItemId": id});
        job(json!({"customDetails": details})).details.new_replication_protected_item_id
    };
    assert_eq!(named(json!(item)).unwrap().fabric(), "f2");
    assert_eq!(named(Value::Null), None);
}

#[test]
fn a_child_without_a_job_yet_has_none() {
    let child = |id: &str| json!({"taskId": "Group1", "customDetails": {"instanceType": "JobTaskDetails", "jobTask": {"jobId": id}}});
    let job = job(json!({"tasks": [child("/v/replicationJobs/"), child(&format!("/v/replicationJobs/{GUID}"))]}));
    assert_eq!(job.tasks[0].job, None);
    assert_eq!(job.tasks[1].job.as_ref().unwrap().as_str(), GUID);
}

#[test]
fn a_job_with_odd_fields_is_still_a_job_of_the_list() {
    let whole = json!({"scenarioName": "UnplannedFailover", "state": "Failed", "targetObjectName": "app01", "targetObjectId": GUID,
        "activityId": "id ActivityId: other", "startTime": "2026-06-01T08:00:00Z", "errors": [], "tasks": [], "allowedActions": [],
        "customDetails": null});
    let odd = [json!(7), json!("text"), json!(true), json!([1]), json!({"a": [2]}), json!(-0.5)];
    for field in whole.as_object().unwrap().keys() {
        for value in &odd {
            let mut properties = whole.clone();
            properties[field] = value.clone();
            let element = json!({"id": "/x", "name": GUID, "properties": properties});
            let all = listed(vec![element]);
            let [job] = all.as_slice() else { panic!("{field}: {value} lost the job") };
            assert_eq!(job.id.as_str(), GUID, "{field}: {value}");
            let kept = [("scenarioName", &job.scenario_name), ("targetObjectName", &job.target_object_name)];
            for (name, seen) in kept.into_iter().filter(|(name, _)| name != field) {
                assert_eq!(seen.as_deref(), whole[name].as_str(), "{field}: {value}");
            }
            assert_eq!(job.start.is_some(), field != "startTime", "{field}: {value}");
            let texts = [
                ("scenarioName", job.scenario_name.is_none()),
                ("targetObjectName", job.target_object_name.is_none()),
                ("activityId", job.client_request_id().is_none()),
                ("state", job.phase() == JobPhase::Running),
            ];
            // An odd text is none at all, and none of them speaks against the job's being the one that is looked for.
            let odd_one = texts.iter().find(|(name, _)| name == field);
            assert!(odd_one.is_none_or(|(_, absent)| value.is_string() || *absent), "{field}: {value}");
        }
    }
}

#[test]
fn an_element_whose_id_cannot_be_read_stands_for_what_may_have_happened() {
    let element = json!({"name": 7, "properties": {"scenarioName": "UnplannedFailover", "targetObjectName": "app01"}});
    let all = listed(vec![element, json!("text"), json!(null), json!([])]);
    let told: Vec<_> = all.iter().map(|job| (job.id.as_str(), job.scenario_name.as_deref())).collect();
    assert_eq!(told, [(NOBODYS, Some("UnplannedFailover")), (NOBODYS, None), (NOBODYS, None)]);
}

#[test]
fn an_odd_error_hides_no_other_one() {
    let odd = json!({"serviceErrorDetails": {"code": {"a": 1}, "message": 7}, "errorLevel": []});
    let number = json!({"serviceErrorDetails": {"code": 539}, "providerErrorDetails": "text"});
    let job = job(
        json!({"state": "Failed", "errors": [odd, number, "text", error("28031", "Error")], "tasks": [{"errors": 7}, 7]}),
    );
    let codes: Vec<_> = job.errors.iter().map(|error| error.code.as_deref()).collect();
    assert_eq!(codes, [None, Some("539"), Some("28031")]);
    assert_eq!(job.most_specific().unwrap().code.as_deref(), Some("28031"));
}
