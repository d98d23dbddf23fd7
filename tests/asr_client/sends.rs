//! One mutating call, every way it can go: what the caller is told, and how often the server was asked.

use std::time::Duration;

use asr_operator::asr::{AsrClient, Endpoint, Limits, Mutation, Sent, TokenSource};

use crate::rig::{
    DATE, JOB, REQUEST_ID, Rig, Window, accepted_headers, borrowed, failover, item, job, limits, request_id, rig,
    rig_with, secret_identity,
};
use crate::server::{Greeting, Reply, answer, until};

const BAD_REQUEST: &str = r#"{"error":{"code":"BadRequest","message":"outer","details":[{"code":"VMDisksMissing","message":"Managed disk details not provided.","recommendedAction":"Use switchprotection."}]}}"#;

async fn sent(rig: &Rig) -> Sent {
    rig.client.send(&failover(), &request_id(), &Window::open()).await
}

/// Sends once to a server that answers once, and checks that it was asked once.
async fn told(status: u16, headers: &[(&str, &str)], body: &str) -> Sent {
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body = body.to_owned();
    let rig = rig(move |_, _| answer(status, &borrowed(&headers), &body)).await;
    let sent = sent(&rig).await;
    rig.server.all_closed().await;
    assert_eq!(rig.server.requests().len(), 1, "status {status}");
    sent
}

fn unknown(sent: Sent) -> String {
    match sent {
        Sent::Unknown { why, .. } => why,
        other => panic!("expected unknown, was {other:?}"),
    }
}

fn not_sent(sent: Sent) -> String {
    match sent {
        Sent::NotSent { why } => why,
        other => panic!("expected not sent, was {other:?}"),
    }
}

#[tokio::test]
async fn an_accepted_call_names_its_job_and_arms_time() {
    let sent = told(202, &borrowed(&accepted_headers()), "").await;
    let date = "2023-01-16T09:28:50Z".parse().ok();
    assert_eq!(sent, Sent::Accepted { job: job(), date });
}

#[tokio::test]
async fn the_request_carries_what_azure_and_the_look_back_need() {
    let rig = rig(|_, _| answer(202, &borrowed(&accepted_headers()), "")).await;
    sent(&rig).await;
    let commit = Mutation::FailoverCommit { item: item() };
    rig.client.send(&commit, &request_id(), &Window::open()).await;
    let requests = rig.server.requests();
    let [failed_over, committed] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!(failed_over.method, "POST");
    assert_eq!(failed_over.target, format!("{}/unplannedFailover?api-version=2025-08-01", item()));
    assert_eq!(failed_over.body, failover().body());
    assert_eq!(failed_over.header("content-type"), Some("application/json"));
    assert_eq!(failed_over.header("x-ms-client-request-id"), Some(REQUEST_ID));
    assert_eq!(failed_over.header("authorization"), Some("Bearer CANARY-TOKEN"));
    assert_eq!(failed_over.header("accept-encoding"), None);
    assert!(failed_over.header("user-agent").unwrap().starts_with("asr-operator/"));
    assert_eq!(committed.target, format!("{}/failoverCommit?api-version=2025-08-01", item()));
    assert_eq!((committed.body.len(), committed.header("content-type")), (0, None));
    assert_eq!(committed.header("content-length"), Some("0"));
}

#[tokio::test]
async fn every_send_has_a_connection_of_its_own() {
    let rig = rig(|_, _| answer(202, &borrowed(&accepted_headers()), "")).await;
    rig.client.warm_token().await.unwrap();
    let before = rig.server.connections();
    sent(&rig).await;
    sent(&rig).await;
    assert_eq!(rig.server.connections() - before, 2);
}

#[tokio::test]
async fn an_acceptance_that_names_no_job_is_unknown() {
    for status in [200, 202] {
        let stamp = ("x-ms-request-id", "6efffda2-64f5-478f-a250-b3a651d04f9c 5/15/2017 2:17:03 PM");
        let why = unknown(told(status, &[DATE, stamp], "").await);
        assert!(why.contains("named no job"), "{why}");
    }
}

#[tokio::test]
async fn an_accepted_call_stays_accepted_when_its_body_breaks_off() {
    let rig = rig(|_, _| {
        let mut text = "HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n".to_owned();
        text.push_str(&format!("x-ms-request-id: /v/replicationJobs/{JOB}\r\n\r\nhalf"));
        Reply::BytesThenCut(text.into_bytes())
    })
    .await;
    assert!(matches!(sent(&rig).await, Sent::Accepted { job: taken, .. } if taken == job()));
}

#[tokio::test]
async fn a_clear_no_is_refused_with_azures_words() {
    for status in [400, 403, 404, 412] {
        match told(status, &[DATE], BAD_REQUEST).await {
            Sent::Refused { status: said, error, date } => {
                assert_eq!((said, error.useful_code()), (status, "VMDisksMissing"));
                assert!(date.is_some());
            }
            other => panic!("status {status}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_no_that_is_not_in_azures_form_is_unknown() {
    let large = format!(r#"{{"error":{{"code":"BadRequest","message":"{}"}}}}"#, "x".repeat(2 << 20));
    for body in ["", "<html>forbidden</html>", "{}", large.as_str()] {
        unknown(told(403, &[], body).await);
    }
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_told_apart_and_nothing_is_repeated() {
    let expired = r#"{"error":{"code":"ExpiredAuthenticationToken","message":"m"}}"#;
    assert_eq!(told(401, &[], expired).await, Sent::Unauthorized);
}

#[tokio::test]
async fn an_invalidated_token_is_renewed_for_the_next_send() {
    let rig = rig(|_, before| match before {
        0 => answer(401, &[], ""),
        _ => answer(202, &borrowed(&accepted_headers()), ""),
    })
    .await;
    assert_eq!(sent(&rig).await, Sent::Unauthorized);
    rig.client.invalidate_token();
    assert!(matches!(sent(&rig).await, Sent::Accepted { .. }));
    assert_eq!((rig.server.tokens().len(), rig.server.requests().len()), (2, 2));
}

#[tokio::test]
async fn throttling_carries_its_wait() {
    let wait = |seconds| Sent::Throttled { retry_after: Duration::from_secs(seconds) };
    assert_eq!(told(429, &[("Retry-After", "17")], "").await, wait(17));
    assert_eq!(told(429, &[], "too many").await, wait(30));
}

#[tokio::test]
async fn what_is_neither_yes_nor_no_is_unknown() {
    let conflict = r#"{"error":{"code":"AnotherOperationInProgress","message":"wait"}}"#;
    let answered = told(409, &[], conflict).await;
    assert!(matches!(answered, Sent::Unknown { conflict: true, .. }), "no second attempt follows a 409: {answered:?}");
    let why = unknown(answered);
    assert!(why.contains("409") && why.contains("AnotherOperationInProgress"), "{why}");
    for status in [201, 204, 302, 307, 408, 418, 500, 502, 503, 504] {
        // An error that can be read makes no refusal of it.
        for body in ["", conflict] {
            let answered = told(status, &borrowed(&accepted_headers()), body).await;
            assert!(matches!(answered, Sent::Unknown { conflict: false, .. }), "{status} {body}: {answered:?}");
            let why = unknown(answered);
            assert!(why.contains(&status.to_string()), "{status} {body}: {why}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = rig(|_, _| answer(202, &borrowed(&accepted_headers()), "")).await.server;
    for status in [301, 302, 303, 307, 308] {
        unknown(told(status, &[("Location", &elsewhere.url)], "").await);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_connection_lost_after_the_request_is_unknown() {
    for bytes in ["", "HTTP/1.1 202 Acc", "nonsense\r\n\r\n"] {
        let rig = rig(move |_, _| Reply::BytesThenCut(bytes.as_bytes().to_vec())).await;
        unknown(sent(&rig).await);
        assert_eq!(rig.server.requests().len(), 1, "{bytes:?}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_unknown() {
    let limits = Limits { send: Duration::from_secs(2), ..limits() };
    let rig = rig_with(limits, |_, _| Reply::Silence).await;
    rig.client.warm_token().await.unwrap();
    unknown(sent(&rig).await);
    assert_eq!(rig.server.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_that_is_never_made_sends_nothing() {
    let rig = rig(|_, _| Reply::Silence).await;
    rig.client.warm_token().await.unwrap();
    rig.server.greet(Greeting::CutBeforeTls);
    not_sent(sent(&rig).await);
    assert_eq!(rig.server.requests().len(), 0);
}

#[tokio::test]
async fn a_connection_lost_between_tls_and_the_request_is_unknown() {
    let rig = rig(|_, _| Reply::Silence).await;
    rig.client.warm_token().await.unwrap();
    rig.server.greet(Greeting::CutAfterTls);
    unknown(sent(&rig).await);
    assert_eq!(rig.server.requests().len(), 0);
}

#[tokio::test]
async fn a_window_that_closes_during_the_handshake_lets_no_byte_out() {
    let rig = rig(|_, _| answer(202, &borrowed(&accepted_headers()), "")).await;
    rig.client.warm_token().await.unwrap();
    let (connections, bytes) = (rig.server.connections(), rig.server.bytes());
    rig.server.greet(Greeting::Hold);
    let window = Window::open();
    let closing = async {
        until("the connection is made", || rig.server.connections() > connections).await;
        window.close();
        rig.server.greet(Greeting::Welcome);
    };
    let (call, id) = (failover(), request_id());
    let (sent, ()) = tokio::join!(rig.client.send(&call, &id, &window), closing);
    let why = not_sent(sent);
    assert!(why.contains("window"), "{why}");
    rig.server.all_closed().await;
    assert_eq!((rig.server.bytes() - bytes, rig.server.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_handshake_that_outlasts_the_window_sends_nothing() {
    let hour = Duration::from_secs(3600);
    let limits = Limits { connect: hour, send: hour, ..limits() };
    let rig = rig_with(limits, |_, _| Reply::Silence).await;
    rig.client.warm_token().await.unwrap();
    rig.server.greet(Greeting::Hold);
    let (call, id, window) = (failover(), request_id(), Window::of(Duration::from_millis(100)));
    let sent = tokio::time::timeout(Duration::from_secs(20), rig.client.send(&call, &id, &window)).await;
    not_sent(sent.expect("the window did not bound the handshake"));
    assert_eq!(rig.server.requests().len(), 0);
}

#[tokio::test]
async fn a_closed_window_does_not_even_connect() {
    let rig = rig(|_, _| Reply::Silence).await;
    let window = Window::open();
    window.close();
    not_sent(rig.client.send(&failover(), &request_id(), &window).await);
    assert_eq!((rig.server.connections(), rig.server.tokens().len()), (0, 0));
}

#[tokio::test]
async fn a_token_that_does_not_come_inside_the_window_sends_nothing() {
    let rig = rig(|_, _| Reply::Silence).await;
    rig.server.greet(Greeting::Hold);
    let window = Window::of(Duration::from_millis(100));
    let why = not_sent(rig.client.send(&failover(), &request_id(), &window).await);
    assert!(why.contains("token"), "{why}");
}

#[tokio::test]
async fn a_server_that_is_not_who_it_says_gets_nothing() {
    let honest = rig(|_, _| Reply::Silence).await.server;
    let other = rig(|_, _| answer(202, &borrowed(&accepted_headers()), "")).await.server;
    let endpoint = Endpoint::custom(&other.url, &honest.url).unwrap();
    let endpoint = endpoint.with_ca_pem(honest.ca_pem.as_bytes()).unwrap();
    let tokens = TokenSource::new(&endpoint, secret_identity()).unwrap();
    let client = AsrClient::new(endpoint, tokens).unwrap();
    not_sent(client.send(&failover(), &request_id(), &Window::open()).await);
    assert_eq!((honest.tokens().len(), other.bytes(), other.requests().len()), (1, 0, 0));
}
