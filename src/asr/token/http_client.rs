//! azure_core's transport over our own carrier: one request, one answer, bounded; a refusal in its own words.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request};

use serde::Deserialize;

use crate::asr::carrier::Carrier;
use crate::asr::redact::redact;
use crate::asr::transport;

const MOST_BYTES: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Http(pub(super) Arc<dyn Carrier>);

#[async_trait]
impl HttpClient for Http {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let method = reqwest::Method::from_bytes(request.method().as_ref().as_bytes()).map_err(other)?;
        let mut outgoing = reqwest::Request::new(method, request.url().clone());
        for (name, value) in request.headers().iter() {
            let name = http::HeaderName::from_bytes(name.as_str().as_bytes());
            let value = http::HeaderValue::from_str(value.as_str());
            let (name, value) = (name.map_err(other)?, value.map_err(other)?);
            outgoing.headers_mut().append(name, value);
        }
        let Body::Bytes(bytes) = request.body().clone() else {
            return Err(Error::with_message(ErrorKind::Other, "a token request cannot be a stream"));
        };
        *outgoing.body_mut() = Some(bytes.into());
        let answer = self.0.carry(outgoing).await.map_err(|lost| {
            let kind = if lost.may_have_left { ErrorKind::Io } else { ErrorKind::Connection };
            Error::with_message(kind, lost.why)
        })?;
        let status = answer.status().as_u16();
        let mut headers = Headers::new();
        for (name, value) in answer.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value.to_owned()));
            }
        }
        let bytes = transport::body(answer, MOST_BYTES)
            .await
            .map_err(|error| Error::with_message(ErrorKind::Io, error.to_string()))?;
        Ok(AsyncRawResponse::from_bytes(status.into(), headers, bytes))
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Other, error)
}

/// What Entra ID, or a machine's identity service, said instead of giving a token.
#[derive(Debug, thiserror::Error)]
#[error("status {status}: {message}")]
pub(super) struct Declined {
    pub(super) status: u16,
    pub(super) message: String,
}

/// Lives of tokens in seconds; azure_identity 1.0.0 panics over those that lead beyond its calendar.
const LIVES: std::ops::RangeInclusive<f64> = 0.0..=31_536_000.0;

/// Reads refusals before azure_identity does: version 1.0.0 cannot read an `error_description` with an escaped line end,
/// and Entra ID's have one, so the AADSTS code would be lost.
#[derive(Debug)]
pub(super) struct Judging(pub(super) Arc<dyn HttpClient>);

#[async_trait]
impl HttpClient for Judging {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = self.0.execute_request(request).await?;
        let status = u16::from(answer.status());
        let answer = answer.try_into_raw_response().await?;
        if (200..300).contains(&status) {
            let given: Given = serde_json::from_slice(answer.body().as_ref()).unwrap_or_default();
            if given.expires_in.as_f64().is_some_and(|life| !LIVES.contains(&life)) {
                return Err(Error::with_message(ErrorKind::Other, "the token's life is of no length that exists"));
            }
            return Ok(AsyncRawResponse::from_bytes(answer.status(), answer.headers().clone(), answer.body().clone()));
        }
        let body = answer.into_body();
        let said: Said = serde_json::from_slice(body.as_ref()).unwrap_or_default();
        let text = said.error_description.or(said.error).unwrap_or_else(|| "no reason given".to_owned());
        let message = redact(text.lines().next().unwrap_or_default());
        Err(Error::new(ErrorKind::Other, Declined { status, message }))
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    expires_in: serde_json::Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    error: Option<String>,
    error_description: Option<String>,
}
