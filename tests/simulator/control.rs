//! The hand behind the scenes: portal, items made and removed, odd worlds, the clock.

use serde_json::{Value, json};

use super::harness::{Azure, failover_body, item_path, job_of, vault_path};

#[tokio::test]
async fn the_portal_acts_on_the_same_machine_and_is_in_the_ledger() {
    let azure = Azure::new().await;
    let done = azure.control("POST", "actor", json!({ "verb": "unplannedFailover", "item": "APP01" })).await.body;
    assert_eq!(done["accepted"], true);
    azure.advance(140.0).await;
    assert_eq!(azure.properties(&item_path("app01")).await["activeLocation"], "Recovery");
    let twice = azure.control("POST", "actor", json!({ "verb": "unplannedFailover", "item": "app01" })).await.body;
    assert_eq!(twice["accepted"], false);
    let ledger = azure.ledger().await;
    assert_eq!((ledger[0]["principal"].as_str(), ledger[0]["accepted"].as_bool()), (Some("portal"), Some(true)));
    assert_eq!(ledger[0]["jobId"], done["jobId"]);
    assert!(ledger[0]["path"].as_str().unwrap().ends_with("/replicationProtectedItems/app01/unplannedFailover"));
    let job = azure.settled_job(done["jobId"].as_str().unwrap()).await;
    assert!(!job["activityId"].as_str().unwrap().starts_with("request-1"));
}

#[tokio::test]
async fn the_ledger_holds_what_was_sent() {
    let azure = Azure::new().await;
    let body = failover_body(None, true);
    let job = job_of(&azure.fail_over("app01", body.clone()).await);
    let entry = azure.ledger().await[0].clone();
    assert_eq!(
        (entry["seq"].as_u64(), entry["method"].as_str(), entry["operation"].as_str()),
        (Some(1), Some("POST"), Some("unplannedFailover"))
    );
    assert_eq!((entry["item"].as_str(), entry["clientRequestId"].as_str()), (Some("app01"), Some("request-1")));
    assert_eq!(
        (&entry["body"], entry["jobId"].as_str(), entry["status"].as_u64()),
        (&body, Some(job.as_str()), Some(202))
    );
    assert_eq!(entry["bodySha256"].as_str().unwrap().len(), 64);
    assert_eq!(entry["time"], "2026-06-01T08:00:00Z");
}

#[tokio::test]
async fn an_item_can_vanish_and_come_back_as_another() {
    let azure = Azure::new().await;
    let before = azure.properties(&item_path("app01")).await["providerSpecificDetails"]["lifecycleId"].clone();
    azure.set_item(json!({ "name": "app01", "recreate": "Protected" })).await;
    let after = azure.properties(&item_path("app01")).await["providerSpecificDetails"]["lifecycleId"].clone();
    assert!(after.is_string() && after != before);
    azure.set_item(json!({ "name": "app01", "remove": true })).await;
    assert_eq!(azure.get(&item_path("app01")).await.detail_code(), "ArmResourceDoesNotExist");
    azure.set_item(json!({ "create": { "name": "app01", "vmName": "APP01", "state": "Copying" } })).await;
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(
        (item["protectionState"].as_str(), &item["allowedOperations"]),
        (Some("InitialReplicationInProgress"), &json!(["DisableProtection"]))
    );
}

#[tokio::test]
async fn an_item_can_be_enabled_anew_from_the_other_side() {
    let azure = Azure::new().await;
    azure.set_item(json!({ "name": "app01", "recreate": "Protected", "fromRecovery": true })).await;
    assert_eq!(azure.get(&item_path("app01")).await.status, 404, "it is in the other fabric");
    let path = item_path("app01").replace("westeurope", "northeurope");
    let item = azure.properties(&path).await;
    let details = &item["providerSpecificDetails"];
    for field in ["initialPrimaryFabricLocation", "primaryFabricLocation"] {
        assert_eq!(details[field], "northeurope", "{field}");
    }
    for field in ["initialRecoveryFabricLocation", "recoveryFabricLocation"] {
        assert_eq!(details[field], "westeurope", "{field}");
    }
    assert_eq!(
        (item["protectionState"].as_str(), item["activeLocation"].as_str()),
        (Some("Protected"), Some("Primary"))
    );
    let vm = details["fabricObjectId"].as_str().unwrap().to_owned();
    assert!(vm.contains("/rg-app-dr/"), "{vm}");
    let disk = azure.properties(&vm).await["storageProfile"]["osDisk"]["managedDisk"]["id"].clone();
    assert!(
        disk.as_str().unwrap().eq_ignore_ascii_case(details["protectedManagedDisks"][0]["diskId"].as_str().unwrap())
    );
    let failover = azure.call("POST", &format!("{path}/unplannedFailover"), Some(failover_body(None, true))).await;
    job_of(&failover);
    azure.set_item(json!({ "name": "app01", "recreate": "Protected" })).await;
    let details = azure.properties(&item_path("app01")).await["providerSpecificDetails"].clone();
    assert_eq!(details["initialPrimaryFabricLocation"], "westeurope", "without the word it is the first side again");
    let reply = azure.control("POST", "items", json!({ "name": "app01", "fromRecovery": true })).await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn flags_change_what_is_said_of_an_item() {
    let azure = Azure::new().await;
    azure
        .set_item(json!({
            "name": "app01",
            "multiVmGroupName": "group1",
            "protectionClusterId": "/cluster",
            "healthErrors": [{ "errorCode": "153007", "errorLevel": "Error", "errorMessage": "No points." }],
            "overrides": { "protectionState": "SomethingNew", "providerSpecificDetails": { "rpoInSeconds": 7 } },
        }))
        .await;
    let item = azure.properties(&item_path("app01")).await;
    let details = &item["providerSpecificDetails"];
    assert_eq!(
        (details["multiVmGroupName"].as_str(), details["multiVmGroupCreateOption"].as_str()),
        (Some("group1"), Some("UserSpecified"))
    );
    assert_eq!(
        (details["protectionClusterId"].as_str(), details["rpoInSeconds"].as_u64()),
        (Some("/cluster"), Some(7))
    );
    assert_eq!(
        (item["protectionState"].as_str(), item["replicationHealth"].as_str()),
        (Some("SomethingNew"), Some("Critical"))
    );
    azure.set_item(json!({ "name": "app01", "overrides": null, "multiVmGroupName": null, "healthErrors": [] })).await;
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(
        (item["protectionState"].as_str(), item["replicationHealth"].as_str()),
        (Some("Protected"), Some("Normal"))
    );
    assert_eq!(item["providerSpecificDetails"]["multiVmGroupCreateOption"], "AutoCreated");
}

#[tokio::test]
async fn a_mistake_in_a_control_call_is_told() {
    let azure = Azure::new().await;
    let cases = [
        ("items", json!({ "name": "nobody" }), 404),
        ("items", json!({ "name": "app01", "failNext": "nonsense" }), 400),
        ("items", json!({ "name": "app01", "sourceShutdownFials": true }), 400),
        ("behaviour", json!({ "nonsense": 1 }), 400),
        ("actor", json!({ "verb": "dance", "item": "app01" }), 400),
        ("clock", json!({ "rates": 1 }), 400),
        ("faults", json!({ "operation": "token", "effect": "explode" }), 400),
        ("faults", json!({ "operation": "token", "effect": "delay", "milis": 3 }), 400),
    ];
    for (path, body, status) in cases {
        let reply = azure.control("POST", path, body).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.text);
        assert!(reply.body["error"].is_string(), "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn one_long_jump_ends_where_a_slow_walk_ends() {
    let jumped = Azure::new().await;
    let walked = Azure::new().await;
    for azure in [&jumped, &walked] {
        azure.fail_over("app01", failover_body(None, true)).await;
    }
    jumped.advance(600.0).await;
    for _ in 0..60 {
        walked.advance(10.0).await;
        walked.get(&item_path("app01")).await;
    }
    let all = async |azure: &Azure| {
        let jobs = azure.control("GET", "jobs", Value::Null).await.text;
        let jobs = jobs.split("ActivityId: ").next().unwrap().to_owned();
        (
            azure.get(&item_path("app01")).await.body,
            azure.get(&format!("{}/replicationJobs", vault_path())).await.body,
            jobs,
        )
    };
    assert_eq!(all(&jumped).await, all(&walked).await);
}
