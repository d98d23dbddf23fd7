//! The other verbs: change of the point, drill and clean-up.

use serde_json::{Value, json};

use super::harness::{Azure, failover_body, group_path, item_path, job_of};

async fn verb(azure: &Azure, name: &str, body: Value) -> String {
    job_of(&azure.call("POST", &format!("{}/{name}", item_path("app01")), Some(body)).await)
}

/// The last segment of an id: the service may name the container by its GUID.
fn last(id: &Value) -> String {
    id.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn change_body(point: &Value) -> Value {
    json!({ "properties": { "recoveryPointId": point, "providerSpecificDetails": { "instanceType": "A2A" } } })
}

#[tokio::test]
async fn the_point_can_be_changed_until_commit() {
    let azure = Azure::new().await;
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let before = azure.properties(&item_path("app01")).await;
    let list = azure.get(&format!("{}/recoveryPoints", item_path("app01"))).await.body;
    for index in [3, 5] {
        let point = list["value"][index]["id"].clone();
        let job = verb(&azure, "applyRecoveryPoint", change_body(&point)).await;
        assert_eq!(azure.properties(&item_path("app01")).await["allowedOperations"], json!([]), "while the job runs");
        azure.advance(300.0).await;
        assert_eq!(azure.job(&job).await["scenarioName"], "ChangePit");
        let item = azure.properties(&item_path("app01")).await;
        assert_eq!(last(&item["failoverRecoveryPointId"]), last(&point));
        for same in ["protectionState", "activeLocation", "allowedOperations", "lastSuccessfulFailoverTime"] {
            assert_eq!(item[same], before[same], "{same}");
        }
    }
    azure.commit("app01").await;
    azure.advance(8.0).await;
    let late = azure
        .call("POST", &format!("{}/applyRecoveryPoint", item_path("app01")), Some(change_body(&list["value"][0]["id"])))
        .await;
    assert_eq!(late.status, 409, "a commit is final");
}

#[tokio::test]
async fn a_change_to_a_point_that_is_gone_leaves_the_failover_as_it_was() {
    let azure = Azure::new().await;
    azure.set_item(json!({ "name": "app01", "ipDrift": true })).await;
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let before = azure.properties(&item_path("app01")).await;
    let gone = json!(format!("{}/recoveryPoints/{}", item_path("app01"), uuid::Uuid::nil()));
    let job = verb(&azure, "applyRecoveryPoint", change_body(&gone)).await;
    azure.advance(300.0).await;
    assert_eq!(azure.settled_job(&job).await["state"], "Failed");
    assert_eq!(azure.properties(&item_path("app01")).await, before);
    let list = azure.get(&format!("{}/recoveryPoints", item_path("app01"))).await.body;
    verb(&azure, "applyRecoveryPoint", change_body(&list["value"][3]["id"])).await;
    azure.advance(300.0).await;
    let nic = format!("{}/providers/Microsoft.Network/networkInterfaces/APP01-nic", group_path("rg-app-dr"));
    let address = azure.properties(&nic).await["ipConfigurations"][0]["properties"]["privateIPAddress"].clone();
    assert_eq!(address, "10.1.0.5", "the declared address is still taken");
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
