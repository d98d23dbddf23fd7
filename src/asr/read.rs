//! Reads: bounded tries with pauses, one renewal of the token, pages followed on the ARM host only.
//!
//! A read never waits out a Retry-After and never gives a part of a list for the whole.

use std::collections::HashSet;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use reqwest::{Method, Request};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::client::AsrClient;
use super::error::{ArmError, ReadError};
use super::headers;
use super::record::Exchange;
use super::redact::redact;
use super::token::Token;
use super::transport::{self, BodyError};

/// The body of a successful answer and ARM's clock.
pub(crate) struct Fetched {
    pub(crate) body: Vec<u8>,
    pub(crate) date: Option<Timestamp>,
}

/// The elements of a whole list, and ARM's clock at its first page.
pub(crate) struct Listed {
    pub(crate) elements: Vec<Value>,
    pub(crate) date: Option<Timestamp>,
}

enum Try {
    Done(Fetched),
    Again(String),
    Unauthorized(ReadError),
    Failed(ReadError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    value: Vec<Value>,
    next_link: Option<String>,
}

impl AsrClient {
    /// One resource.
    pub(crate) async fn get(&self, path: &str, api_version: &str) -> Result<Fetched, ReadError> {
        let url = self.url(path, api_version)?;
        self.fetch(path, &url, self.limits().body_bytes).await
    }

    /// All pages of a list.
    pub(crate) async fn list(&self, path: &str, api_version: &str) -> Result<Listed, ReadError> {
        let limits = self.limits();
        let mut url = self.url(path, api_version)?;
        let (mut elements, mut first_date, mut bytes) = (Vec::new(), None, 0);
        let mut seen = HashSet::new();
        while seen.insert(url.clone()) {
            if seen.len() > limits.pages || bytes > limits.list_bytes {
                return Err(malformed(path, "the list is longer than is read"));
            }
            let fetched = self.fetch(path, &url, limits.page_bytes).await?;
            bytes += fetched.body.len();
            let page: Page =
                serde_json::from_slice(&fetched.body).map_err(|error| malformed(path, &shape_of(&error)))?;
            if seen.len() == 1 {
                first_date = fetched.date;
            }
            elements.extend(page.value);
            match page.next_link.filter(|link| !link.is_empty()) {
                None => {
                    let date = first_date;
                    return Ok(Listed { elements, date });
                }
                Some(link) => url = self.next(path, &link)?,
            }
        }
        Err(malformed(path, "the pages of the list lead back to one already read"))
    }

    /// What a signed polling URL answers; the witness sees it, and nothing is made of it here.
    pub(crate) async fn look_at(&self, url: &Url) -> Result<(), ReadError> {
        if !self.endpoint().owns(url) {
            return Err(malformed(url.path(), "the polling URL is not on the ARM host"));
        }
        self.fetch(url.path(), url, self.limits().body_bytes).await.map(drop)
    }

    fn url(&self, path: &str, api_version: &str) -> Result<Url, ReadError> {
        self.endpoint().url(path, api_version).map_err(|error| malformed(path, &error.to_string()))
    }

    fn next(&self, path: &str, link: &str) -> Result<Url, ReadError> {
        match Url::parse(link) {
            Ok(url) if self.endpoint().owns(&url) => Ok(url),
            _ => Err(malformed(path, "its next page is not on the ARM host")),
        }
    }

    async fn fetch(&self, what: &str, url: &Url, most: usize) -> Result<Fetched, ReadError> {
        let limits = self.limits();
        let began = Instant::now();
        let (mut tries, mut renewed) = (0, false);
        loop {
            let token = self.tokens().token().await?;
            match self.try_once(what, url, most, &token).await {
                Try::Done(fetched) => return Ok(fetched),
                Try::Failed(error) => return Err(error),
                Try::Unauthorized(error) if renewed => return Err(error),
                Try::Unauthorized(_) => {
                    renewed = true;
                    self.tokens().invalidate_token(&token);
                }
                Try::Again(why) => {
                    tries += 1;
                    let pause = jittered(limits.read_pause, tries, self.carrier().chance());
                    if tries >= limits.read_tries || began.elapsed() + pause >= limits.read_total {
                        let what = what.to_owned();
                        return Err(ReadError::Unavailable { what, why });
                    }
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn try_once(&self, what: &str, url: &Url, most: usize, token: &Token) -> Try {
        let id = uuid::Uuid::new_v4().to_string();
        let headers = match transport::headers(token, &id) {
            Ok(headers) => headers,
            Err(why) => return Try::Failed(malformed(what, &why)),
        };
        let exchange = async {
            let mut request = Request::new(Method::GET, url.clone());
            *request.headers_mut() = headers;
            let response = self.carrier().carry(request).await.map_err(|lost| Try::Again(lost.why))?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            self.pace().read(&headers);
            match transport::body(response, most).await {
                Ok(body) => {
                    if let Some(witness) = self.witness() {
                        let (method, body, token) = ("GET", body.as_slice(), Some(token));
                        witness.saw(&Exchange { method, url, sent: &[], status, headers: &headers, body, token });
                    }
                    Ok(judge(what, status, &headers, body))
                }
                Err(BodyError::Broken(why)) => Err(Try::Again(why)),
                Err(error @ BodyError::TooLarge(_)) => Err(Try::Failed(malformed(what, &error.to_string()))),
            }
        };
        match tokio::time::timeout(self.limits().read_try, exchange).await {
            Ok(Ok(judged) | Err(judged)) => judged,
            Err(_) => Try::Again(format!("no answer within {} s", self.limits().read_try.as_secs())),
        }
    }
}

fn judge(what: &str, status: u16, headers: &HeaderMap, body: Vec<u8>) -> Try {
    if status == 200 {
        let date = headers::date(headers);
        return Try::Done(Fetched { body, date });
    }
    let what = what.to_owned();
    let overloaded = status == 429 || (status == 503 && headers::asked_wait(headers).is_some());
    if overloaded {
        let retry_after = headers::retry_after(headers);
        return Try::Failed(ReadError::Throttled { what, retry_after });
    }
    let error = ArmError::from_body(&body).map(Box::new);
    if status == 408 || status >= 500 {
        let said = error.map(|error| format!(": {error}")).unwrap_or_default();
        return Try::Again(format!("Azure answered {status}{said}"));
    }
    match (status, error) {
        (401, error) => {
            let error = error.unwrap_or_else(|| Box::new(token_not_taken()));
            Try::Unauthorized(ReadError::Unauthorized { what, error })
        }
        (403, Some(error)) => Try::Failed(access(what, error)),
        (404, Some(error)) => {
            let layer = error.layer();
            Try::Failed(ReadError::NotFound { what, layer, error })
        }
        (status, Some(error)) => Try::Failed(ReadError::Refused { what, status, error }),
        (status, None) => Try::Failed(malformed(
            &what,
            &format!("status {status} without an error in Azure's form; something else may have answered in its place"),
        )),
    }
}

fn token_not_taken() -> ArmError {
    ArmError { code: "Unauthorized".to_owned(), message: "the token was not taken".to_owned(), details: Vec::new() }
}

fn access(what: String, error: Box<ArmError>) -> ReadError {
    let (action, scope) = error.action_and_scope();
    ReadError::Access { what, action, scope, error }
}

/// A failure to understand, in redacted words.
pub(crate) fn malformed(what: &str, why: &str) -> ReadError {
    ReadError::Malformed { what: what.to_owned(), why: redact(why) }
}

/// Where a body is not of the expected form, without the value that stands there.
pub(crate) fn shape_of(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

fn jittered(pause: Duration, tries: u32, chance: f64) -> Duration {
    let longest = pause.saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)));
    longest.mul_f64(chance.clamp(0.0, 1.0))
}
