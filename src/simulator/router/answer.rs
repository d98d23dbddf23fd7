//! Answers: status, body, and the headers that ARM and Site Recovery put on them.
//!
//! The two polling URLs of a 202 are signed and about 3 KB long each, as since August 2023 (recorded facts 1.3); every
//! signature begins with a canary word, so that a leak can be searched for.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::super::ratelimit::Kind;
use super::super::settings::Behaviour;
use super::super::vault::Vault;

/// Marks a response that must never reach the client: the connection is dropped instead.
#[derive(Debug, Clone, Copy)]
pub struct Dropped;

/// An answer before the headers that all have.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl Answer {
    /// 200 with a body.
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body: Some(body) }
    }

    /// A status with a body.
    pub(super) fn with(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body) }
    }

    /// An error that ARM itself answers, before the provider sees the request.
    pub(super) fn gateway(status: u16, body: Value) -> Self {
        Self::with(status, body).header("x-ms-failure-cause", "gateway")
    }

    /// The same with one header more.
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(header, _)| *header == name)
    }
}

/// What the common headers are made from.
pub(super) struct Meta {
    pub(super) now: Timestamp,
    pub(super) client_request_id: Option<String>,
    pub(super) correlation_id: Uuid,
    /// The kind of call and the tokens left, once the bucket has been asked.
    pub(super) left: Option<(Kind, u32)>,
}

impl Meta {
    /// The client's request id, or the one that the service makes when there is none.
    pub(super) fn request_id(&self) -> String {
        self.client_request_id.clone().unwrap_or_else(|| self.correlation_id.to_string())
    }
}

/// The response that goes out.
pub(super) fn respond(mut answer: Answer, meta: &Meta) -> Response<Body> {
    if !answer.has("x-ms-request-id") {
        let stamp = meta.now.strftime("%-m/%-d/%Y %-I:%M:%S %p");
        answer = answer.header("x-ms-request-id", format!("{} {stamp}", meta.request_id()));
    }
    if let Some(id) = &meta.client_request_id {
        answer = answer.header("x-ms-client-request-id", id.clone());
    }
    if let Some((kind, left)) = meta.left {
        answer.headers.extend(limits(kind, left));
    }
    let routed = meta.now.strftime("WESTEUROPE:%Y%m%dT%H%M%SZ");
    answer = answer
        .header("x-ms-correlation-request-id", meta.correlation_id.to_string())
        .header("x-ms-routing-request-id", format!("{routed}:{}", meta.correlation_id))
        .header("cache-control", "no-cache")
        .header("x-content-type-options", "nosniff");
    plain(answer, meta.now)
}

/// The response with its own headers, the virtual date and the simulator's mark.
pub(super) fn plain(answer: Answer, now: Timestamp) -> Response<Body> {
    let mut response =
        Response::new(answer.body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fixed = [("date", http_date(now)), ("x-asr-simulator", "1".to_owned())];
    let typed = answer.body.is_some().then(|| ("content-type", "application/json; charset=utf-8".to_owned()));
    let length = answer.body.is_none().then(|| ("content-length", "0".to_owned()));
    for (name, value) in answer.headers.into_iter().chain(fixed).chain(typed).chain(length) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
    }
    response
}

/// An instant as HTTP writes it.
pub(super) fn http_date(instant: Timestamp) -> String {
    instant.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// The response that stands for a dropped connection.
pub(super) fn dropped(now: Timestamp) -> Response<Body> {
    let mut response = plain(Answer { status: 500, headers: Vec::new(), body: None }, now);
    response.extensions_mut().insert(Dropped);
    response
}

/// A job that was started, as its 202 names it.
pub(super) struct Started<'a> {
    pub(super) vault: &'a Vault,
    /// ARM id of the resource that the verb was asked of.
    pub(super) resource: &'a str,
    pub(super) job: Uuid,
    /// Where the simulator's own URLs begin.
    pub(super) base: &'a str,
    pub(super) api_version: &'a str,
}

/// The 202 of a verb: no body, two signed URLs, the job's id twice (recorded: ps-A2AReprotectTest).
pub(super) fn accepted(started: &Started<'_>, behaviour: &Behaviour, now: Timestamp) -> Answer {
    let Started { vault, resource, job, base, api_version } = started;
    let version = format!("?api-version={api_version}");
    let status = format!("{base}{}/replicationOperationStatus/{job}{version}", vault.id());
    let result = format!("{base}{resource}/operationresults/{job}{version}");
    let id = vault.job_id(*job);
    Answer { status: 202, headers: Vec::new(), body: None }
        .header("azure-asyncoperation", signed(&status, "status", now))
        .header("location", signed(&result, "result", now))
        .header("retry-after", behaviour.retry_after_seconds.to_string())
        .header("x-ms-request-id", id.clone())
        .header("x-ms-request-id", id)
}

/// A polling URL with its signature; `purpose` makes the two URLs of one operation differ in all of it.
fn signed(url: &str, purpose: &str, now: Timestamp) -> String {
    const DOTNET_EPOCH: i128 = 621_355_968_000_000_000;
    let apart: i128 = if purpose == "status" { 0 } else { 71 };
    let ticks = now.as_nanosecond() / 100 + DOTNET_EPOCH + apart;
    let certificate = noise(&format!("certificate {purpose}"), 1550);
    let signature = noise(&format!("signature {url} {ticks}"), 256);
    let hash = noise(&format!("hash {url} {ticks}"), 32);
    format!("{url}&t={ticks}&c=MIIHhz{certificate}&s=SIGCANARY{signature}&h={hash}")
}

/// `bytes` bytes that depend on `key` alone, as base64url.
fn noise(key: &str, bytes: usize) -> String {
    let mut out = Vec::with_capacity(bytes + 32);
    let mut counter = 0_u32;
    while out.len() < bytes {
        out.extend_from_slice(&Sha256::digest(format!("{key} {counter}")));
        counter += 1;
    }
    out.truncate(bytes);
    URL_SAFE_NO_PAD.encode(out)
}

/// Remaining calls, for the subscription and for all of it (recorded in 2025: one family per answer).
fn limits(kind: Kind, left: u32) -> [(&'static str, String); 2] {
    let (own, global) = match kind {
        Kind::Reads => {
            ("x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-subscription-global-reads")
        }
        Kind::Writes => {
            ("x-ms-ratelimit-remaining-subscription-writes", "x-ms-ratelimit-remaining-subscription-global-writes")
        }
        Kind::Deletes => {
            ("x-ms-ratelimit-remaining-subscription-deletes", "x-ms-ratelimit-remaining-subscription-global-deletes")
        }
    };
    [(own, left.to_string()), (global, (u64::from(left) * 15).to_string())]
}
