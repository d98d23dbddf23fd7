//! Jobs that do not go their way: stalled, suspended, stopped, lost to sight.

use serde_json::{Value, json};

use super::harness::{Azure, failover_body, item_path, job_of, vault_path};

/// A failover of `app01` whose job has that fate, long after its end would have been.
async fn failed_over(fate: &str) -> (Azure, String) {
    let azure = Azure::new().await;
    azure.set_item(json!({ "name": "app01", "fateNext": fate })).await;
    let job = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    azure.advance(1000.0).await;
    (azure, job)
}

async fn listed(azure: &Azure, job: &str) -> Option<Value> {
    let list = azure.get(&format!("{}/replicationJobs", vault_path())).await.body;
    list["value"].as_array().unwrap().iter().find(|found| found["name"] == job).cloned()
}

async fn state(azure: &Azure) -> Value {
    azure.properties(&item_path("app01")).await["protectionState"].clone()
}

const DONE: &str = "UnplannedFailoverCommitPendingStatesBegin";

#[tokio::test]
async fn a_job_that_is_held_has_no_end_until_it_is_let_go() {
    for (fate, word) in [("stalls", "InProgress"), ("neverStarts", "NotStarted"), ("suspended", "Suspended")] {
        let (azure, id) = failed_over(fate).await;
        let job = azure.settled_job(&id).await;
        assert_eq!((&job["state"], job.get("endTime")), (&json!(word), None), "{fate}");
        assert_ne!(job["tasks"].as_array().unwrap().last().unwrap()["state"], "Succeeded", "{fate}: {job:#}");
        let item = azure.properties(&item_path("app01")).await;
        assert_eq!(
            (&item["allowedOperations"], &item["currentScenario"]["scenarioName"]),
            (&json!([]), &json!("UnplannedFailover"))
        );
        let refused = azure.fail_over("app01", failover_body(None, true)).await;
        assert_eq!(refused.status, 409, "{fate}: the item is busy");
        azure.control("POST", "jobs", json!({ "item": "app01", "fate": null })).await;
        let job = azure.job(&id).await;
        assert_eq!((&job["state"], &job["endTime"]), (&json!("Succeeded"), &json!("2026-06-01T08:16:40Z")), "{fate}");
        assert_eq!(state(&azure).await, DONE, "{fate}");
    }
}

#[tokio::test]
async fn a_job_is_cancelled_at_its_end_or_in_its_midst() {
    let (azure, id) = failed_over("cancelled").await;
    assert_eq!(azure.job(&id).await["state"], "Cancelled");
    assert_eq!(state(&azure).await, "UnplannedFailoverFailed");
    let second = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    azure.advance(10.0).await;
    let reply = azure.control("POST", "jobs", json!({ "item": "APP01", "fate": "cancelled" })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let job = azure.settled_job(&second).await;
    assert_eq!((&job["state"], &job["stateDescription"]), (&json!("Cancelled"), &json!("Cancelled")));
    let third = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    azure.advance(140.0).await;
    assert_eq!(azure.job(&third).await["state"], "Succeeded", "a fate is one job's");
}

#[tokio::test]
async fn a_job_that_vanishes_does_its_work_unseen() {
    let (azure, id) = failed_over("vanishes").await;
    assert_eq!(azure.get(&format!("{}/replicationJobs/{id}", vault_path())).await.status, 404);
    assert_eq!(listed(&azure, &id).await, None);
    assert_eq!(state(&azure).await, DONE);
    azure.control("POST", "jobs", json!({ "item": "app01", "fate": null })).await;
    assert_eq!(listed(&azure, &id).await.unwrap()["properties"]["state"], "Succeeded");
}

#[tokio::test]
async fn a_fate_needs_a_job_and_a_name_that_exists() {
    let azure = Azure::new().await;
    assert_eq!(azure.control("POST", "jobs", json!({ "item": "app01", "fate": "stalls" })).await.status, 404);
    assert_eq!(azure.control("POST", "items", json!({ "name": "app01", "fateNext": "explodes" })).await.status, 400);
}
