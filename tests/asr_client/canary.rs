//! Nothing that the client shows - outcome, error, itself - holds a token, a secret or a signature.

use std::time::Duration;

use asr_operator::asr::{Limits, ReadError};

use crate::rig::{DATE, Rig, SECRET, SIGNATURE, VAULT, Window, failover, item, limits, request_id, rig_with, vault};
use crate::server::{Reply, TOKEN, answer};

/// Everything the caller can print of what this server makes of the client.
async fn shown(reply: fn() -> Reply) -> String {
    let limits = Limits { send: Duration::from_millis(500), read_try: Duration::from_millis(500), ..limits() };
    let Rig { server: _server, client } = rig_with(limits, move |_, _| reply()).await;
    let window = Window::open();
    let sent = client.send(&failover(), &request_id(), &window).await;
    let item_error = client.item(&item()).await.err();
    let list_error = client.items(&vault()).await.err();
    let words: Vec<String> =
        [&item_error, &list_error].iter().filter_map(|e| e.as_ref().map(ReadError::to_string)).collect();
    format!("{sent:?} {item_error:?} {list_error:?} {words:?} {client:?}")
}

fn signed(kind: &str) -> String {
    format!("https://management.azure.com{VAULT}/{kind}?api-version=1&t=1&s={SIGNATURE}&h=1")
}

fn reflecting(status: u16) -> Reply {
    let body = serde_json::json!({"error": {
        "code": "Odd",
        "message": format!("while polling {} with Bearer {TOKEN}", signed("operationresults/x")),
        "details": [{"code": "Inner", "message": signed("a"), "recommendedAction": format!("see '{}'", signed("b"))}],
    }});
    let link = signed("replicationOperationStatus/x");
    answer(status, &[DATE, ("Location", link.as_str()), ("Azure-AsyncOperation", link.as_str())], &body.to_string())
}

#[tokio::test]
async fn no_outcome_shows_a_token_a_secret_or_a_signature() {
    let replies: [fn() -> Reply; 9] = [
        || reflecting(202),
        || reflecting(307),
        || reflecting(400),
        || reflecting(401),
        || reflecting(403),
        || reflecting(404),
        || reflecting(409),
        || reflecting(500),
        || Reply::BytesThenCut(format!("HTTP/1.1 {SIGNATURE} {TOKEN}\r\n\r\n").into_bytes()),
    ];
    for (at, reply) in replies.into_iter().enumerate() {
        let shown = shown(reply).await;
        for canary in [TOKEN, SECRET, SIGNATURE] {
            assert!(!shown.contains(canary), "reply {at} shows {canary}: {shown}");
        }
    }
}

#[tokio::test]
async fn a_next_link_that_is_refused_does_not_show_its_signature() {
    let page = || answer(200, &[DATE], &serde_json::json!({"value": [], "nextLink": signed("x")}).to_string());
    let shown = shown(page).await;
    assert!(!shown.contains(SIGNATURE), "{shown}");
}
