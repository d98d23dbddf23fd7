//! The other verbs: change of the point, drill and clean-up, reprotect and the way back.

use serde_json::{Value, json};

use super::harness::{Azure, container_path, failover_body, item_path, job_of, vault_path};

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

fn reprotect_body() -> Value {
    json!({ "properties": {
        "replicationProtectedItemName": "app01",
        "providerSpecificDetails": {
            "instanceType": "A2A",
            "recoveryContainerId": container_path("westeurope"),
            "policyId": format!("{}/replicationPolicies/24-hour-retention-policy", vault_path()),
        },
    } })
}

#[tokio::test]
async fn a_reprotect_moves_the_item_to_the_other_fabric_under_its_name() {
    let azure = Azure::new().await;
    let lifecycle = azure.properties(&item_path("app01")).await["providerSpecificDetails"]["lifecycleId"].clone();
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    azure.commit("app01").await;
    azure.advance(8.0).await;
    let path = format!("{}/switchprotection", container_path("westeurope"));
    let reply = azure.call("POST", &path, Some(reprotect_body())).await;
    let job = job_of(&reply);
    assert!(reply.header("location").contains("-container/operationresults/"), "the result is the container's");
    assert!(azure.settled_job(&job).await["customDetails"]["newReplicationProtectedItemId"].is_null());
    azure.advance(110.0).await;
    let new_id = azure.job(&job).await["customDetails"]["newReplicationProtectedItemId"].as_str().unwrap().to_owned();
    assert!(new_id.starts_with("/subscriptions/"), "this id alone has a small s: {new_id}");
    azure.advance(396.0).await;
    assert_eq!(azure.get(&item_path("app01")).await.detail_code(), "ArmResourceDoesNotExist");
    let copying = azure.properties(&new_id).await;
    assert_eq!(
        (copying["protectionState"].as_str(), copying["activeLocation"].as_str()),
        (Some("InitialReplicationInProgress"), Some("Primary"))
    );
    let details = &copying["providerSpecificDetails"];
    assert!(details["lifecycleId"].is_null() && details["rpoInSeconds"].is_null());
    assert!(details.get("agentCertificateExpiryDate").is_none());
    azure.advance(2700.0).await;
    let item = azure.properties(&new_id).await;
    let details = &item["providerSpecificDetails"];
    assert_eq!((&item["protectionState"], &details["lifecycleId"]), (&json!("Protected"), &lifecycle));
    assert_eq!(
        (details["primaryFabricLocation"].as_str(), details["initialPrimaryFabricLocation"].as_str()),
        (Some("northeurope"), Some("westeurope"))
    );
    assert!(details["fabricObjectId"].as_str().unwrap().contains("/rg-app-dr/"));
    let failback = azure.call("POST", &format!("{new_id}/unplannedFailover"), Some(failover_body(None, true))).await;
    assert_eq!(failback.status, 202, "failback is PrimaryToRecovery on the new path");
}

#[tokio::test]
async fn a_reprotect_before_commit_is_refused() {
    let azure = Azure::new().await;
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let path = format!("{}/switchprotection", container_path("westeurope"));
    assert_eq!(azure.call("POST", &path, Some(reprotect_body())).await.status, 409);
}
