//! The other verbs: change of the point, drill and clean-up.

use serde_json::{Value, json};

use super::harness::{Azure, failover_body, item_path, job_of};

async fn verb(azure: &Azure, name: &str, body: Value) -> String {
    job_of(&azure.call("POST", &format!("{}/{name}", item_path("app01")), Some(body)).await)
}

#[tokio::test]
async fn the_point_can_be_changed_until_commit() {
    let azure = Azure::new().await;
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let list = azure.get(&format!("{}/recoveryPoints", item_path("app01"))).await.body;
    let point = list["value"][3]["id"].as_str().unwrap().to_owned();
    let body =
        json!({ "properties": { "recoveryPointId": point, "providerSpecificDetails": { "instanceType": "A2A" } } });
    let job = verb(&azure, "applyRecoveryPoint", body).await;
    azure.advance(300.0).await;
    assert_eq!(azure.job(&job).await["scenarioName"], "ChangePit");
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(item["protectionState"], "UnplannedFailoverCommitPendingStatesBegin");
    let last = |id: &str| id.rsplit('/').next().unwrap().to_owned();
    assert_eq!(last(item["failoverRecoveryPointId"].as_str().unwrap()), last(&point));
}

#[tokio::test]
async fn a_drill_leaves_the_item_protected_and_allows_only_its_cleanup() {
    let azure = Azure::new().await;
    let body = json!({ "properties": {
        "failoverDirection": "PrimaryToRecovery",
        "networkType": "VmNetworkAsInput",
        "networkId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/drill",
        "providerSpecificDetails": { "instanceType": "A2A" },
    } });
    let job = verb(&azure, "testFailover", body).await;
    azure.advance(145.0).await;
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(
        (item["protectionState"].as_str(), item["testFailoverState"].as_str()),
        (Some("Protected"), Some("WaitingForCompletion"))
    );
    assert_eq!(item["allowedOperations"], json!(["TestFailoverCleanup"]));
    assert!(item["currentScenario"]["jobId"].as_str().unwrap().ends_with(&job));
    let test_vm = item["providerSpecificDetails"]["testFailoverRecoveryFabricObjectId"].as_str().unwrap().to_owned();
    assert_eq!(azure.get(&test_vm).await.body["name"], "APP01-test");

    verb(&azure, "testFailoverCleanup", json!({ "properties": { "comments": "done" } })).await;
    azure.advance(140.0).await;
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(item["testFailoverState"], "MarkedForDeletion");
    assert_eq!(item["allowedOperations"], json!(["UnplannedFailover", "DisableProtection", "TestFailover"]));
    assert_eq!((item["failoverHealth"].as_str(), &item["healthErrors"]), (Some("Normal"), &json!([])));
    assert_eq!(item["lastSuccessfulTestFailoverTime"], "2026-06-01T08:00:00.0000000Z");
    assert_eq!(azure.get(&test_vm).await.status, 404);
    azure.advance(5400.0).await;
    assert_eq!(azure.properties(&item_path("app01")).await["testFailoverState"], "None");
}
