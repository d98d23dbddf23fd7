//! Reads: what is repeated and how often, what ends at once, and how a list is put together.

use std::time::Duration;

use asr_operator::asr::{Class, Layer, Limits, ReadError};
use serde_json::{Value, json};

use crate::rig::{DATE, VAULT, item, job, limits, rig, rig_with, vault};
use crate::server::{Reply, Request, answer};

const GONE: &str = r#"{"error":{"code":"NotFound","message":"m","details":[{"code":"ArmResourceDoesNotExist","message":"Specified resource with name 'item' does not exist."}]}}"#;

fn said(value: &Value) -> Reply {
    answer(200, &[DATE], &value.to_string())
}

fn element(name: &str) -> Value {
    let id = format!("{VAULT}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/{name}");
    json!({"id": id, "name": name, "properties": {"protectionState": "Protected"}})
}

fn next_page(request: &Request, token: &str) -> String {
    let host = request.header("host").unwrap();
    format!("https://{host}{VAULT}/replicationProtectedItems?api-version=2025-08-01&skipToken={token}")
}

#[tokio::test]
async fn an_item_is_read_with_arms_time() {
    let rig = rig(|_, _| said(&element("item"))).await;
    let read = rig.client.item(&item()).await.unwrap();
    assert_eq!(read.body.name, "item");
    assert_eq!(read.date.unwrap().to_string(), "2023-01-16T09:28:50Z");
    let request = &rig.server.requests()[0];
    assert_eq!(request.target, format!("{}?api-version=2025-08-01", item()));
    assert_eq!(request.header("x-ms-client-request-id").unwrap().len(), 36);
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    for status in [408, 500, 502, 503, 504] {
        let rig = rig(move |_, before| match before {
            0 => answer(status, &[], "busy"),
            _ => said(&element("item")),
        })
        .await;
        assert!(rig.client.item(&item()).await.is_ok(), "{status}");
        assert_eq!(rig.server.requests().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn a_broken_answer_is_tried_again() {
    let rig = rig(|_, before| match before {
        0 => Reply::BytesThenCut(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_vec()),
        1 => Reply::BytesThenCut(Vec::new()),
        _ => said(&element("item")),
    })
    .await;
    assert!(rig.client.item(&item()).await.is_ok());
}

#[tokio::test]
async fn a_failure_that_stays_ends_after_three_tries() {
    let rig = rig(|_, _| answer(500, &[], r#"{"error":{"code":"InternalServerError","message":"m"}}"#)).await;
    let error = rig.client.item(&item()).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    assert!(error.to_string().contains("InternalServerError"), "{error}");
    assert_eq!(rig.server.requests().len(), 3);
}

#[tokio::test]
async fn a_try_without_an_answer_ends() {
    let limits = Limits { read_try: Duration::from_secs(1), read_tries: 2, ..limits() };
    let rig = rig_with(limits, |_, _| Reply::Silence).await;
    rig.client.warm_token().await.unwrap();
    assert_eq!(rig.client.item(&item()).await.unwrap_err().class(), Class::Transient);
    assert_eq!(rig.server.requests().len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_once() {
    let rig = rig(|_, before| match before {
        0 => answer(401, &[], ""),
        _ => said(&element("item")),
    })
    .await;
    assert!(rig.client.item(&item()).await.is_ok());
    assert_eq!((rig.server.tokens().len(), rig.server.requests().len()), (2, 2));
}

#[tokio::test]
async fn a_token_that_is_never_taken_ends_after_one_renewal() {
    let rig = rig(|_, _| answer(401, &[], "")).await;
    let error = rig.client.item(&item()).await.unwrap_err();
    assert!(matches!(error, ReadError::Unauthorized { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Access);
    assert_eq!((rig.server.tokens().len(), rig.server.requests().len()), (2, 2));
}

#[tokio::test]
async fn throttling_is_handed_up_and_not_waited_for() {
    for status in [429, 503] {
        let rig = rig(move |_, _| answer(status, &[("Retry-After", "45")], "")).await;
        match rig.client.item(&item()).await.unwrap_err() {
            ReadError::Throttled { retry_after, .. } => assert_eq!(retry_after.as_secs(), 45),
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(rig.server.requests().len(), 1);
    }
}

#[tokio::test]
async fn the_two_layers_of_not_found_are_told_apart() {
    let arm = r#"{"error":{"code":"ResourceNotFound","message":"The Resource 'v' under resource group 'rg' was not found."}}"#;
    for (body, expected, code) in [(GONE, Layer::Asr, "ArmResourceDoesNotExist"), (arm, Layer::Arm, "ResourceNotFound")]
    {
        let rig = rig(move |_, _| answer(404, &[], body)).await;
        let error = rig.client.item(&item()).await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.code(), Some(code));
        assert!(matches!(error, ReadError::NotFound { layer, .. } if layer == expected), "{error:?}");
    }
}

#[tokio::test]
async fn a_not_found_of_somebody_else_is_not_believed() {
    let rig = rig(|_, _| answer(404, &[], "<html>no such page</html>")).await;
    let error = rig.client.item(&item()).await.unwrap_err();
    assert!(!error.is_not_found());
    assert_eq!(error.class(), Class::Bug);
}

#[tokio::test]
async fn a_missing_right_names_action_and_scope() {
    let body = r#"{"error":{"code":"AuthorizationFailed","message":"The client 'c' does not have authorization to perform action 'Microsoft.RecoveryServices/vaults/read' over scope '/subscriptions/s' or the scope is invalid."}}"#;
    let rig = rig(move |_, _| answer(403, &[], body)).await;
    let error = rig.client.vault(&vault()).await.unwrap_err();
    assert_eq!(error.class(), Class::Access);
    let text = error.to_string();
    assert!(text.contains("needs Microsoft.RecoveryServices/vaults/read on /subscriptions/s"), "{text}");
}

#[tokio::test]
async fn an_answer_that_is_not_understood_is_malformed() {
    let odd = [
        json!({"id": item().to_string(), "name": 7}).to_string(),
        json!({"id": "elsewhere", "name": "item"}).to_string(),
        "{".to_owned(),
        String::new(),
        format!("\"{}\"", "x".repeat(2 << 20)),
    ];
    for body in odd {
        let shown = body.chars().take(40).collect::<String>();
        let rig = rig(move |_, _| answer(200, &[], &body)).await;
        let error = rig.client.item(&item()).await.unwrap_err();
        assert!(matches!(error, ReadError::Malformed { .. }), "{shown}: {error:?}");
        assert_eq!(rig.server.requests().len(), 1, "{shown}");
    }
}

#[tokio::test]
async fn a_list_is_all_of_its_pages_and_counts_what_it_lost() {
    let rig = rig(|request, before| match before {
        0 => said(&json!({"value": [element("a"), {"id": 1}], "nextLink": next_page(request, "2")})),
        1 => said(&json!({"value": [element("b")], "nextLink": next_page(request, "3")})),
        _ => said(&json!({"value": [element("c")], "nextLink": null})),
    })
    .await;
    let list = rig.client.items(&vault()).await.unwrap();
    let names: Vec<&str> = list.body.iter().map(|item| item.name.as_str()).collect();
    assert_eq!((names, list.undecodable), (vec!["a", "b", "c"], 1));
    assert!(rig.server.requests()[2].target.ends_with("?api-version=2025-08-01&skipToken=3"));
}

#[tokio::test]
async fn a_job_that_is_odd_is_still_in_the_list() {
    let rig = rig(|_, _| {
        let odd = json!({"scenarioName": "UnplannedFailover", "targetObjectName": "app01", "state": 7, "errors": {"a": 1}});
        said(&json!({"value": [{"id": "/x", "name": "72b6d1a9-0000-4000-8000-000000000001", "properties": odd}, {"name": 7}]}))
    })
    .await;
    let list = rig.client.jobs(&vault()).await.unwrap();
    let scenarios: Vec<_> = list.body.iter().map(|job| job.scenario_name.as_deref()).collect();
    assert_eq!(scenarios, [Some("UnplannedFailover"), None]);
}

#[tokio::test]
async fn pages_that_never_end_are_an_error_and_no_list() {
    let in_a_circle = rig(|request, _| said(&json!({"value": [], "nextLink": next_page(request, "again")}))).await;
    let error = in_a_circle.client.items(&vault()).await.unwrap_err();
    assert!(matches!(error, ReadError::Malformed { .. }), "{error:?}");

    let limits = Limits { pages: 3, ..limits() };
    let endless = rig_with(limits, |request, before| {
        said(&json!({"value": [], "nextLink": next_page(request, &before.to_string())}))
    })
    .await;
    assert!(endless.client.items(&vault()).await.is_err());
    assert_eq!(endless.server.requests().len(), 3);
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_followed() {
    let elsewhere = rig(|_, _| said(&json!({"value": []}))).await;
    let link = format!("{}{VAULT}/replicationProtectedItems", elsewhere.server.url);
    let rig = rig(move |_, _| said(&json!({"value": [], "nextLink": link}))).await;
    let error = rig.client.items(&vault()).await.unwrap_err();
    assert!(matches!(error, ReadError::Malformed { .. }), "{error:?}");
    assert_eq!(elsewhere.server.connections(), 0);
}

#[tokio::test]
async fn a_page_without_its_elements_is_no_empty_list() {
    for page in [json!({}), json!({"value": null}), json!({"value": {}}), json!([])] {
        let rig = rig(move |_, _| said(&page)).await;
        assert_eq!(rig.client.jobs(&vault()).await.unwrap_err().class(), Class::Bug);
    }
}

fn by_container(request: &Request, closed_container: bool) -> Reply {
    let forbidden = r#"{"error":{"code":"AuthorizationFailed","message":"m"}}"#;
    let container = |name: &str| json!({"id": format!("/x/{name}"), "name": name});
    match request.path().trim_start_matches(VAULT) {
        "/replicationFabrics" => said(&json!({"value": [container("f1"), container("f2")]})),
        "/replicationFabrics/f1/replicationProtectionContainers" => said(&json!({"value": [container("c1")]})),
        "/replicationFabrics/f2/replicationProtectionContainers" => said(&json!({"value": [container("c2")]})),
        path if path.ends_with("/c1/replicationProtectedItems") => said(&json!({"value": [element("a")]})),
        path if path.ends_with("/c2/replicationProtectedItems") && !closed_container => {
            said(&json!({"value": [element("b")]}))
        }
        _ => answer(403, &[], forbidden),
    }
}

#[tokio::test]
async fn items_are_listed_by_container_where_the_vault_may_not_be_listed() {
    let open = rig(|request, _| by_container(request, false)).await;
    let list = open.client.items(&vault()).await.unwrap();
    let names: Vec<&str> = list.body.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test]
async fn a_container_that_may_not_be_read_makes_no_partial_list() {
    let closed = rig(|request, _| by_container(request, true)).await;
    assert_eq!(closed.client.items(&vault()).await.unwrap_err().class(), Class::Access);
}

#[tokio::test]
async fn a_job_is_read_below_its_vault() {
    let body = json!({"id": "x", "name": job().as_str(), "properties": {"state": "InProgress"}});
    let rig = rig(move |_, _| said(&body)).await;
    rig.client.job(&vault(), &job()).await.unwrap();
    let expected = format!("{VAULT}/replicationJobs/{}?api-version=2025-08-01", job());
    assert_eq!(rig.server.requests()[0].target, expected);
}

#[tokio::test]
async fn only_the_id_of_a_virtual_machine_is_asked_for() {
    let rig = rig(|_, _| said(&json!({"id": "/vm", "name": "vm"}))).await;
    let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/rg/providers";
    let machine = format!("{group}/microsoft.compute/virtualmachines/vm");
    rig.client.virtual_machine(&machine).await.unwrap();
    for bad in
        [format!("{machine}?x=1"), format!("{machine}/.."), format!("{group}/microsoft.network/networkinterfaces/n")]
    {
        assert!(rig.client.virtual_machine(&bad).await.is_err(), "{bad}");
    }
    assert_eq!(rig.server.requests().len(), 1);
}
