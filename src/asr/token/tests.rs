use super::*;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, HttpClient, Request};
use tokio::sync::Notify;

use crate::asr::endpoint::Cloud;
use crate::asr::error::Class;

const SECRET: &str = "CANARY-SECRET";

enum Say {
    Token(&'static str, u32),
    Status(u16, &'static str),
    WaitThen(&'static str),
    Nothing,
}

/// Entra ID that says what it was told to, one line per request.
#[derive(Default)]
struct Entra {
    lines: Mutex<VecDeque<Say>>,
    asked: AtomicUsize,
    go: Notify,
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entra")
    }
}

#[async_trait]
impl HttpClient for Entra {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let line = self.lines.lock().unwrap().pop_front();
        let token = |token: &str, life: u32| {
            let body = format!(r#"{{"token_type":"Bearer","expires_in":{life},"access_token":"{token}"}}"#);
            Ok(AsyncRawResponse::from_bytes(200_u16.into(), Headers::new(), body))
        };
        match line.expect("Entra was asked more often than expected") {
            Say::Token(text, life) => token(text, life),
            Say::Status(status, body) => Ok(AsyncRawResponse::from_bytes(status.into(), Headers::new(), body)),
            Say::WaitThen(text) => {
                self.go.notified().await;
                token(text, 3600)
            }
            Say::Nothing => std::future::pending().await,
        }
    }
}

#[derive(Debug)]
struct NoAssertion;

#[async_trait]
impl AssertionSource for NoAssertion {
    async fn assertion(&self) -> Result<SecretString, String> {
        Err("the API server said no: https://k8s/token?sig=CANARY-SECRET".to_owned())
    }
}

fn identity(tenant: &str) -> Identity {
    Identity::ClientSecret {
        tenant: tenant.to_owned(),
        client_id: "client".to_owned(),
        secret: SecretString::from(SECRET),
    }
}

fn source_of(identity: Identity, attempt: Duration, lines: impl IntoIterator<Item = Say>) -> (TokenSource, Arc<Entra>) {
    let entra = Arc::new(Entra { lines: Mutex::new(lines.into_iter().collect()), ..Entra::default() });
    let source = TokenSource::over(entra.clone(), &Endpoint::cloud(Cloud::AzurePublic), identity, attempt);
    (source, entra)
}

fn source(lines: impl IntoIterator<Item = Say>) -> (TokenSource, Arc<Entra>) {
    source_of(identity("tenant"), ATTEMPT, lines)
}

fn make_refresh_due(source: &TokenSource) {
    source.state().current.as_mut().unwrap().refresh_at = Instant::now();
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn callers_at_one_time_share_one_fetch() {
    let (source, entra) = source([Say::Token("first", 3600)]);
    let tokens = futures::future::join_all((0..50).map(|_| source.token())).await;
    assert!(tokens.iter().all(|token| token.as_ref().unwrap().expose() == "first"));
    assert_eq!(entra.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_old_token_is_served_while_a_new_one_is_fetched() {
    let (source, entra) = source([Say::Token("old", 3600), Say::WaitThen("new")]);
    source.warm().await.unwrap();
    make_refresh_due(&source);
    assert_eq!(source.token().await.unwrap().expose(), "old");
    eventually("the refresh began", || entra.asked.load(Ordering::SeqCst) == 2).await;
    assert_eq!(source.token().await.unwrap().expose(), "old");
    entra.go.notify_one();
    eventually("the new token is kept", || source.state().current.as_ref().unwrap().token.expose() == "new").await;
    assert_eq!(source.token().await.unwrap().expose(), "new");
}

#[tokio::test]
async fn a_failing_refresh_leaves_the_old_token_and_is_not_hurried() {
    let (source, entra) = source([Say::Token("old", 3600), Say::Status(503, "busy")]);
    source.warm().await.unwrap();
    make_refresh_due(&source);
    source.warm().await.unwrap();
    eventually("the refresh failed", || source.state().not_before.is_some()).await;
    for _ in 0..10 {
        assert_eq!(source.token().await.unwrap().expose(), "old");
        tokio::task::yield_now().await;
    }
    assert_eq!(entra.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_expired_token_is_not_served() {
    let (source, _) = source([Say::Token("old", 3600), Say::Status(500, "{}")]);
    source.warm().await.unwrap();
    source.state().current.as_mut().unwrap().expires_at = Instant::now();
    assert_eq!(source.token().await.unwrap_err().class(), Class::Transient);
}

#[tokio::test]
async fn an_invalidated_token_is_replaced_and_a_newer_one_is_left() {
    let (source, _) = source([Say::Token("first", 3600), Say::Token("second", 3600)]);
    let first = source.token().await.unwrap();
    source.invalidate();
    assert_eq!(source.token().await.unwrap().expose(), "second");
    source.invalidate_token(&first);
    assert_eq!(source.token().await.unwrap().expose(), "second");
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_fetch() {
    let (source, entra) = source([Say::WaitThen("late")]);
    assert!(tokio::time::timeout(Duration::from_millis(1), source.token()).await.is_err());
    eventually("the fetch began", || entra.asked.load(Ordering::SeqCst) == 1).await;
    entra.go.notify_one();
    assert_eq!(source.token().await.unwrap().expose(), "late");
}

#[tokio::test]
async fn a_fetch_without_an_answer_ends() {
    let (source, _) = source_of(identity("tenant"), Duration::from_millis(20), [Say::Nothing]);
    assert!(matches!(source.token().await, Err(TokenError::Unavailable { .. })));
}

#[tokio::test]
async fn a_refusal_names_entra_ids_code_and_no_secret() {
    let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: t","error_codes":[7000215]}"#;
    let (source, _) = source([Say::Status(401, body)]);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.class(), Class::Access);
    let TokenError::Refused { aadsts, message } = &error else { panic!("{error:?}") };
    assert_eq!(aadsts.as_deref(), Some("AADSTS7000215"));
    assert_eq!(message, "AADSTS7000215: Invalid client secret provided.");
    assert!(!format!("{error} {error:?} {source:?}").contains(SECRET));
}

#[tokio::test]
async fn a_missing_assertion_is_told_apart_and_redacted() {
    let identity = Identity::WorkloadIdentity {
        tenant: "tenant".to_owned(),
        client_id: "client".to_owned(),
        assertion: Arc::new(NoAssertion),
    };
    let (source, entra) = source_of(identity, ATTEMPT, []);
    let error = source.token().await.unwrap_err();
    assert!(matches!(error, TokenError::Assertion { .. }));
    assert!(!format!("{error} {error:?}").contains(SECRET));
    assert_eq!(entra.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_tenant_that_is_none_is_the_users_to_mend() {
    let (source, _) = source_of(identity("not a tenant"), ATTEMPT, []);
    assert_eq!(source.token().await.unwrap_err().class(), Class::UserFix);
}

#[tokio::test]
async fn an_answer_that_is_no_token_is_no_token() {
    let odd = r#"{"access_token":"CANARY-SECRET","expires_in":"CANARY-SECRET"}"#;
    for body in ["<html>", "{}", r#"{"access_token":""}"#, odd] {
        let (source, _) = source([Say::Status(200, body)]);
        let error = source.token().await.unwrap_err();
        assert_eq!(error.class(), Class::Transient, "{body}");
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    }
}

#[test]
fn a_refresh_is_due_in_the_last_fifth_but_never_more_than_ten_minutes_early() {
    let began = Instant::now();
    for (life, early) in [(3600, 600), (86_400, 600), (300, 60)] {
        let access = AccessToken::new("t", OffsetDateTime::now_utc() + Duration::from_secs(life));
        let current = Current::new(access, began, 1);
        let left = current.expires_at - current.refresh_at;
        assert_eq!(left.as_secs_f64().round() as u64, early, "life {life}");
    }
}

#[tokio::test]
async fn a_life_beyond_every_calendar_is_no_token_and_no_panic() {
    for life in ["9223372036854775807", "-1", "1e300"] {
        let body = format!(r#"{{"token_type":"Bearer","expires_in":{life},"access_token":"CANARY-TOKEN"}}"#);
        let (source, _) = source_of(identity("t"), ATTEMPT, [Say::Status(200, body.leak())]);
        let error = source.warm().await.unwrap_err();
        assert_eq!(error.class(), Class::Transient);
        let text = error.to_string();
        assert!(!text.contains("interrupted") && !text.contains("CANARY"), "{text}");
    }
}
