//! Answers that a fault changes on their way: headers, bodies, pages.

use std::sync::Arc;

use serde_json::{Value, json};

use super::harness::{Azure, BASE, Reply, failover_body, item_path, job_of, until, vault_path};

fn jobs() -> String {
    format!("{}/replicationJobs", vault_path())
}

fn items() -> String {
    format!("{}/replicationProtectedItems", vault_path())
}

async fn throttled(retry_after: Value) -> Reply {
    let azure = Azure::new().await;
    let fault =
        json!({ "operation": "unplannedFailover", "effect": "refuse", "status": 429, "retryAfter": retry_after });
    azure.fault(fault).await;
    azure.fail_over("app01", failover_body(None, true)).await
}

#[tokio::test]
async fn retry_after_comes_in_every_form() {
    for (told, header) in [
        (json!(0), "0"),
        (json!(600), "600"),
        (json!(-5), "-5"),
        (json!("soon"), "soon"),
        (json!({ "dateIn": 40 }), "Mon, 01 Jun 2026 08:00:40 GMT"),
        (json!({ "dateIn": -60 }), "Mon, 01 Jun 2026 07:59:00 GMT"),
        (Value::Null, ""),
    ] {
        let reply = throttled(told.clone()).await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, header), "{told}");
        assert_eq!(reply.header("date"), "Mon, 01 Jun 2026 08:00:00 GMT");
    }
}

#[tokio::test]
async fn headers_of_an_accepted_call_are_taken_away_or_lead_elsewhere() {
    let azure = Azure::new().await;
    azure
        .fault(json!([
            { "operation": "unplannedFailover", "item": "app01", "effect": "alter",
              "headers": { "location": null, "azure-asyncoperation": null, "x-ms-request-id": null, "retry-after": null } },
            { "operation": "unplannedFailover", "item": "db01", "effect": "alter",
              "headers": { "location": "https://elsewhere.test/job", "retry-after": 7 } },
        ]))
        .await;
    let bare = azure.fail_over("app01", failover_body(None, true)).await;
    assert_eq!(bare.status, 202);
    for name in ["location", "azure-asyncoperation", "x-ms-request-id", "retry-after"] {
        assert!(!bare.headers.contains_key(name), "{name}: {:?}", bare.headers);
    }
    let led = azure.fail_over("db01", failover_body(None, true)).await;
    assert_eq!((led.header("location"), led.header("retry-after")), ("https://elsewhere.test/job", "7"));
    job_of(&led);
    assert_eq!(azure.ledger().await.iter().filter(|entry| entry["accepted"] == true).count(), 2);
}

#[tokio::test]
async fn a_body_is_altered_whole_and_element_by_element() {
    let azure = Azure::new().await;
    let job = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    azure.settled_job(&job).await;
    azure
        .fault(json!([
            { "operation": "jobs.get", "effect": "alter",
              "merge": { "properties": { "activityId": "somebody ActivityId: else", "state": "Pondering", "startTime": null } } },
            { "operation": "protectedItems.list", "effect": "alter", "merge": { "self": "{url}" },
              "elements": { "properties": { "allowedOperations": [] } } },
        ]))
        .await;
    let altered = azure.job(&job).await;
    assert_eq!((&altered["activityId"], &altered["state"]), (&json!("somebody ActivityId: else"), &json!("Pondering")));
    assert_eq!(altered.get("startTime"), None);
    let list = azure.get(&items()).await.body;
    let own = format!("{BASE}{}?api-version=2025-08-01", items());
    assert_eq!(list["self"], own);
    for item in list["value"].as_array().unwrap() {
        assert_eq!(item["properties"]["allowedOperations"], json!([]));
        assert_eq!(item["properties"]["protectionState"], "Protected", "the rest stays");
    }
}

#[tokio::test]
async fn a_body_is_cut_blown_up_or_a_bomb() {
    let azure = Azure::new().await;
    azure
        .fault(json!([
            { "operation": "jobs.list", "effect": "truncate" },
            { "operation": "jobs.list", "nth": 2, "effect": "oversize", "bytes": 100_000 },
            { "operation": "jobs.list", "nth": 3, "effect": "gzipBomb", "bytes": 10_000_000 },
        ]))
        .await;
    assert!(azure.get(&jobs()).await.cut);
    let large = azure.get(&jobs()).await;
    assert_eq!(
        (large.text.len(), &large.body["value"]),
        (100_000, &json!([])),
        "it is what it was, and much of nothing"
    );
    let bomb = azure.get(&jobs()).await;
    assert_eq!((bomb.status, bomb.header("content-encoding")), (200, "gzip"));
    assert!(bomb.text.len() < 1_000_000, "{}", bomb.text.len());
    assert_eq!(azure.get(&jobs()).await.body["value"], json!([]));
}

#[tokio::test]
async fn a_page_in_html_is_answered_whether_the_call_was_executed_or_not() {
    let azure = Azure::new().await;
    let html = |item: &str, effect: &str| json!({ "operation": "writes", "item": item, "effect": effect, "status": 502, "text": "<html>busy</html>" });
    azure.fault(json!([html("app01", "refuse"), html("db01", "executeThenAnswer")])).await;
    for item in ["app01", "db01"] {
        let page = azure.fail_over(item, failover_body(None, true)).await;
        assert_eq!(
            (page.status, page.text.as_str(), page.header("content-type")),
            (502, "<html>busy</html>", "text/html")
        );
    }
    let ledger = azure.ledger().await;
    assert_eq!((&ledger[0]["accepted"], &ledger[1]["accepted"]), (&json!(false), &json!(true)));
}

/// Names of the items of all pages, at most five.
async fn walked(azure: &Azure) -> Vec<String> {
    let (mut names, mut next) = (Vec::new(), items());
    for _ in 0..5 {
        let page = azure.get(&next).await.body;
        names.extend(page["value"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        match page["nextLink"].as_str() {
            Some(link) => next = link.to_owned(),
            None => break,
        }
    }
    names
}

#[tokio::test]
async fn pages_are_lost_repeated_and_lead_round() {
    let azure = Azure::new().await;
    azure.set_behaviour(json!({ "pageSize": 1 })).await;
    assert_eq!(walked(&azure).await, ["app01", "db01"]);
    let strike = async |fault: Value| {
        azure.control("DELETE", "faults", Value::Null).await;
        azure.fault(fault).await;
        walked(&azure).await
    };
    assert_eq!(strike(json!({ "operation": "protectedItems.list", "effect": "losePage" })).await, ["db01"]);
    let twice = json!({ "operation": "protectedItems.list", "effect": "repeatPage" });
    assert_eq!(strike(twice).await, ["app01", "app01", "db01"]);
    let round = json!({ "operation": "protectedItems.list", "times": 0, "effect": "loopPages" });
    assert_eq!(strike(round).await, ["app01"; 5]);
}

#[tokio::test]
async fn a_call_is_held_back_until_the_faults_are_deleted_though_its_client_has_gone() {
    let azure = Arc::new(Azure::new().await);
    azure.fault(json!({ "operation": "unplannedFailover", "effect": "holdBack" })).await;
    let client = tokio::spawn({
        let azure = Arc::clone(&azure);
        async move { azure.fail_over("app01", failover_body(None, true)).await }
    });
    let requests = async || azure.control("GET", "requests", Value::Null).await.body;
    until("the call arrives", async || requests().await["unplannedFailover"] == 1).await;
    client.abort();
    assert!(client.await.is_err());
    assert!(azure.ledger().await.is_empty(), "it is not executed");
    azure.control("DELETE", "faults", Value::Null).await;
    until("the call is delivered", async || azure.ledger().await.len() == 1).await;
    assert_eq!(azure.properties(&item_path("app01")).await["currentScenario"]["scenarioName"], "UnplannedFailover");
}

#[tokio::test]
async fn tokens_are_altered_too() {
    let azure = Azure::new().await;
    azure.fault(json!({ "operation": "token", "effect": "alter", "merge": { "expires_in": "never" } })).await;
    let fields = [("client_id", super::harness::CLIENT), ("client_secret", "s3cret")];
    let reply = azure.ask_token(&fields).await;
    assert_eq!((reply.status, &reply.body["expires_in"]), (200, &json!("never")));
    assert_eq!(azure.ask_token(&fields).await.body["expires_in"], 3600);
}
