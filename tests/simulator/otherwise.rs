//! Every switch of `otherwise` is seen by a client: the same history, told otherwise than by default.

use std::collections::BTreeSet;

use asr_operator::simulator::otherwise::Otherwise;
use serde_json::{Value, json};

use super::harness::{Azure, SEED, container_path, failover_body, group_path, item_path, vault_path};

/// A value of each switch that is not its default.
fn switches() -> Value {
    json!({
        "oldPlace": "Answers",
        "whileRunning": "Unchanged",
        "itemLagSeconds": 30.0,
        "offeredBeforeCommit": ["SwitchProtection"],
        "scenarioStays": true,
        "failoverTime": "End",
        "changePointMovesFailoverTime": true,
        "noRecoveredVm": true,
        "noFailoverPoint": true,
        "lifecycleChanges": true,
        "afterFailure": {"operation": "switchprotection", "state": "ReprotectFailed", "offered": []},
        "listOmits": ["/providerSpecificDetails/lifecycleId"],
        "pointsStay": true,
        "gonePointRefused": true,
        "drillLeavesFailover": true,
        "jobListActivity": true,
        "jobsForgottenAfterSeconds": 3000.0,
        "errorsOfFailedJobs": "Nowhere",
        "failedWord": "Aborted",
        "succeededWord": "Finished",
        "endedDescription": "Done",
        "firstAnswer": {"status": 504, "executes": true},
        "linkedAccess": "Refused",
        "compressUnasked": true,
        "oldVmRemoved": true,
        "oldVmNeeded": true,
    })
}

/// What a client sees of `app01` and its vault, without the ids that are new in every run.
async fn seen(azure: &Azure) -> String {
    let moved = format!("{}/replicationProtectedItems/app01", container_path("northeurope"));
    let mut paths = vec![
        item_path("app01"),
        moved.clone(),
        format!("{moved}/recoveryPoints"),
        format!("{}/recoveryPoints", item_path("app01")),
        format!("{}/replicationProtectedItems", vault_path()),
        format!("{}/replicationJobs", vault_path()),
        format!("{}/providers/Microsoft.Compute/virtualMachines/APP01", group_path("rg-app")),
    ];
    let jobs = azure.control("GET", "jobs", Value::Null).await.body;
    let ids = jobs.as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned());
    paths.extend(ids.map(|id| format!("{}/replicationJobs/{id}", vault_path())));
    let mut told = String::new();
    for path in paths {
        let reply = azure.get(&path).await;
        let mut body = reply.body.clone();
        quiet(&mut body);
        told += &format!("{path} {} {} {body}\n", reply.status, reply.header("content-encoding"));
    }
    told
}

/// Leaves of an activity only whether there is one.
fn quiet(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if name == "activityId" { *field = json!(field.is_string()) } else { quiet(field) }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(quiet),
        _ => {}
    }
}

/// Somebody's verb, and what is seen while it runs, right after its end and later.
async fn act(azure: &Azure, verb: &str, seconds: f64, point: Value) -> String {
    let act = json!({"verb": verb, "item": "app01", "recoveryPointId": point, "clientRequestId": verb});
    let mut told = azure.control("POST", "actor", act).await.body["accepted"].to_string();
    for seconds in [1.0, seconds, 600.0] {
        azure.advance(seconds).await;
        told += &seen(azure).await;
    }
    told
}

/// One history: a drill, a stale point, the way over, a failed reprotect and one that goes well.
async fn history(switch: Value, old_vm: bool) -> String {
    // The buckets fill in real time, and a slow machine would see them empty.
    let unbounded = "rateLimits: {reads: {capacity: 1000000, refillPerSecond: 1000000}}";
    let azure = Azure::with(&format!("{SEED}{unbounded}\n")).await;
    azure.set_behaviour(json!({"otherwise": switch})).await;
    if !old_vm {
        let vm = format!("{}/providers/Microsoft.Compute/virtualMachines/APP01", group_path("rg-app"));
        azure.set_resources(json!({"remove": vm})).await;
    }
    let mut told = act(&azure, "testFailover", 145.0, Value::Null).await;
    told += &act(&azure, "testFailoverCleanup", 140.0, Value::Null).await;
    let gone = azure.fail_over("db01", failover_body(Some("00000000-0000-0000-0000-000000000000"), false)).await;
    told += &format!("{} {}\n", gone.status, gone.body["error"]["code"]);
    told += &act(&azure, "unplannedFailover", 139.5, Value::Null).await;
    let points = azure.get(&format!("{}/recoveryPoints", item_path("app01"))).await.body;
    told += &act(&azure, "applyRecoveryPoint", 299.5, points["value"][0]["id"].clone()).await;
    told += &act(&azure, "failoverCommit", 7.5, Value::Null).await;
    let quota = json!({"verb": "switchprotection", "code": "150097", "message": "No size."});
    azure.set_item(json!({"name": "app01", "failNext": quota})).await;
    told += &act(&azure, "switchprotection", 505.5, Value::Null).await;
    told += &act(&azure, "switchprotection", 505.5, Value::Null).await;
    azure.advance(3600.0).await;
    told + &seen(&azure).await
}

#[tokio::test]
async fn with_every_switch_the_same_history_is_told_otherwise() {
    let switches = switches();
    let names: BTreeSet<String> = switches.as_object().unwrap().keys().cloned().collect();
    let all = serde_json::to_value(Otherwise::default()).unwrap();
    assert_eq!(names, all.as_object().unwrap().keys().cloned().collect(), "a switch is missing here");
    let assumed = [history(json!({}), true).await, history(json!({}), false).await];
    assert_eq!(assumed[0], history(json!({}), true).await, "a history is told the same way twice");
    for (name, value) in switches.as_object().unwrap() {
        let old_vm = name != "oldVmNeeded";
        assert!(history(json!({name: value}), old_vm).await != assumed[usize::from(!old_vm)], "{name} is not seen");
    }
}
