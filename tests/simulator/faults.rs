//! Injected faults: what the client sees, and what the ledger knows.

use std::sync::Arc;

use serde_json::{Value, json};

use super::harness::{Azure, failover_body, item_path, until, vault_path};

async fn state(azure: &Azure) -> Value {
    azure.properties(&item_path("app01")).await["currentScenario"]["scenarioName"].clone()
}

#[tokio::test]
async fn a_reset_after_accepting_executes_and_the_ledger_knows() {
    let azure = Azure::new().await;
    azure.fault(json!({ "operation": "unplannedFailover", "effect": "resetAfter" })).await;
    let reply = azure.fail_over("app01", failover_body(None, true)).await;
    assert!(reply.dropped);
    assert_eq!(state(&azure).await, "UnplannedFailover");
    let entry = &azure.ledger().await[0];
    assert_eq!(
        (entry["accepted"].as_bool(), &entry["status"], entry["fault"].as_str()),
        (Some(true), &Value::Null, Some("resetAfter"))
    );
    assert!(entry["jobId"].is_string());
}

#[tokio::test]
async fn a_reset_before_accepting_executes_nothing() {
    let azure = Azure::new().await;
    azure.fault(json!({ "operation": "unplannedFailover", "effect": "resetBefore" })).await;
    assert!(azure.fail_over("app01", failover_body(None, true)).await.dropped);
    assert_eq!(state(&azure).await, "None");
    assert_eq!(azure.ledger().await[0]["accepted"], false);
    assert_eq!(azure.fail_over("app01", failover_body(None, true)).await.status, 202, "it strikes once");
}

#[tokio::test]
async fn a_refusal_is_answered_as_told_and_a_bad_gateway_can_hide_success() {
    let azure = Azure::new().await;
    azure.fault(json!([
        { "operation": "writes", "item": "APP01", "effect": "refuse", "status": 503, "retryAfter": 7, "code": "ServiceUnavailable" },
        { "operation": "writes", "item": "db01", "effect": "executeThenAnswer", "status": 504, "code": "GatewayTimeout" },
    ])).await;
    let refused = azure.fail_over("app01", failover_body(None, true)).await;
    assert_eq!((refused.status, refused.code(), refused.header("retry-after")), (503, "ServiceUnavailable", "7"));
    let hidden = azure.fail_over("db01", failover_body(None, true)).await;
    assert_eq!((hidden.status, hidden.code()), (504, "GatewayTimeout"));
    let ledger = azure.ledger().await;
    assert_eq!((&ledger[0]["accepted"], &ledger[1]["accepted"]), (&json!(false), &json!(true)));
    assert_eq!(ledger[1]["status"], 504);
    assert_eq!(azure.properties(&item_path("db01")).await["currentScenario"]["scenarioName"], "UnplannedFailover");
}

#[tokio::test]
async fn a_held_answer_comes_when_the_faults_are_deleted() {
    let azure = Arc::new(Azure::new().await);
    azure.fault(json!({ "operation": "unplannedFailover", "effect": "hold" })).await;
    let held = tokio::spawn({
        let azure = Arc::clone(&azure);
        async move { azure.fail_over("app01", failover_body(None, true)).await.status }
    });
    until("the call is executed", async || !azure.ledger().await.is_empty()).await;
    let entry = azure.ledger().await[0].clone();
    assert_eq!((&entry["accepted"], &entry["status"]), (&json!(true), &Value::Null), "executed, not answered");
    assert!(!held.is_finished());
    azure.control("DELETE", "faults", Value::Null).await;
    assert_eq!(held.await.unwrap(), 202);
    assert_eq!(azure.ledger().await[0]["status"], 202);
}

#[tokio::test]
async fn a_delayed_call_is_delivered_even_when_its_client_has_gone() {
    let azure = Arc::new(Azure::new().await);
    azure.fault(json!({ "operation": "unplannedFailover", "effect": "delay", "millis": 200 })).await;
    let client = tokio::spawn({
        let azure = Arc::clone(&azure);
        async move { azure.fail_over("app01", failover_body(None, true)).await }
    });
    let requests = async || azure.control("GET", "requests", Value::Null).await.body;
    until("the call arrives", async || requests().await["unplannedFailover"] == 1).await;
    client.abort();
    assert!(client.await.is_err(), "the client gave up before there was an answer");
    until("the call is delivered", async || azure.ledger().await.len() == 1).await;
    assert_eq!(azure.ledger().await[0]["accepted"], true);
}

#[tokio::test]
async fn reads_and_tokens_can_be_struck_too() {
    let azure = Azure::new().await;
    azure
        .fault(json!([
            { "operation": "jobs.list", "nth": 2, "effect": "garbage", "text": "<html>" },
            { "operation": "token", "effect": "refuse", "status": 503 },
        ]))
        .await;
    let jobs = format!("{}/replicationJobs", vault_path());
    assert_eq!(azure.get(&jobs).await.body["value"], json!([]));
    assert_eq!(azure.get(&jobs).await.text, "<html>");
    assert_eq!(azure.get(&jobs).await.body["value"], json!([]));
    assert_eq!(azure.ask_token(&[("client_id", "x")]).await.status, 503);
    assert!(azure.ledger().await.is_empty(), "reads are not in the ledger");
    let counts = azure.control("GET", "requests", Value::Null).await.body;
    assert_eq!((&counts["jobs.list"], &counts["token"]), (&json!(3), &json!(2)));
    let installed = azure.control("GET", "faults", Value::Null).await.body;
    assert_eq!((installed.as_array().unwrap().len(), &installed[0]["seen"]), (2, &json!(3)));
}
