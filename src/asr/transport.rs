//! HTTP under both kinds of call: client settings, common headers, bounded bodies, failures without URLs.
//!
//! HTTP/1.1 only, so that one connection carries one request at a time and a lost one says which.

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Client, ClientBuilder, Response};

use super::endpoint::{Endpoint, EndpointError};
use super::redact::redact;
use super::token::Token;

const USER_AGENT_VALUE: &str = concat!("asr-operator/", env!("CARGO_PKG_VERSION"));

/// Times and sizes that bound every call. The defaults are for use; tests shorten them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest connect, TLS included; a send is bound by its window as well.
    pub connect: Duration,
    /// Longest single try of a read. ARM cuts at 60 s.
    pub read_try: Duration,
    /// No further try of a read is begun after this.
    pub read_total: Duration,
    /// Most tries of one read.
    pub read_tries: u32,
    /// Longest pause before the second try; it doubles for the third. The pause is random between nothing and this.
    pub read_pause: Duration,
    /// A mutating call has no answer after this, counted from its start. ARM cuts at 60 s.
    pub send: Duration,
    /// Longest wait for a token within a send that found none.
    pub send_token: Duration,
    /// How long the kernel keeps unacknowledged bytes of a mutating call before it gives the connection up.
    pub send_unacknowledged: Duration,
    /// Largest body of one page of a list, in bytes.
    pub page_bytes: usize,
    /// Largest body of any other answer, in bytes.
    pub body_bytes: usize,
    /// Most pages of one list.
    pub pages: usize,
    /// Most bytes of one list, over all pages.
    pub list_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read_try: Duration::from_secs(30),
            read_total: Duration::from_secs(10),
            read_tries: 3,
            read_pause: Duration::from_secs(1),
            send: Duration::from_secs(90),
            send_token: Duration::from_secs(5),
            send_unacknowledged: Duration::from_secs(20),
            page_bytes: 8 << 20,
            body_bytes: 1 << 20,
            pages: 500,
            list_bytes: 64 << 20,
        }
    }
}

/// What every client of ours has in common: own TLS settings, no redirect, no retry, and no proxy for this machine.
pub(crate) fn builder(endpoint: &Endpoint) -> Result<ClientBuilder, EndpointError> {
    let builder = Client::builder()
        .tls_backend_preconfigured(endpoint.tls()?)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only();
    Ok(if endpoint.is_local() { builder.no_proxy() } else { builder })
}

/// The headers of every ARM call. Nothing asks for a compressed answer.
pub(crate) fn headers(token: &Token, client_request_id: &str) -> Result<HeaderMap, String> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| "the token holds a character that no header can carry".to_owned())?;
    bearer.set_sensitive(true);
    let id = HeaderValue::from_str(client_request_id)
        .map_err(|_| "the client request id holds a character that no header can carry".to_owned())?;
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert("x-ms-client-request-id", id);
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(headers)
}

/// Reads a body of at most `most` bytes.
pub(crate) async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| BodyError::Broken(describe(error)))? {
        if bytes.len() + chunk.len() > most {
            return Err(BodyError::TooLarge(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("its body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("its body broke off: {0}")]
    Broken(String),
}

/// A transport failure in words, innermost cause last, without the URL it happened on.
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    redact(&text)
}
