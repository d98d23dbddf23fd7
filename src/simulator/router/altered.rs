//! Answers that do not arrive as they left: told by a fault, altered, cut, blown up, in pages that mislead.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::faults::{Effect, Fault, RetryAfter};
use super::super::wire::error::arm as arm_error;
use super::super::wire::merge;
use super::answer::{Answer, http_date, plain};

/// The answer that a fault was told to give.
pub(super) fn injected(fault: &Fault, now: Timestamp) -> Answer {
    let body = fault.body.clone().unwrap_or_else(|| arm_error(&fault.code, &fault.message));
    let answer = Answer::gateway(fault.status, body);
    match &fault.retry_after {
        Some(wait) => answer.header("retry-after", written(wait, now)),
        None => answer,
    }
}

fn written(wait: &RetryAfter, now: Timestamp) -> String {
    match wait {
        RetryAfter::Seconds(seconds) => seconds.to_string(),
        RetryAfter::Date { date_in } => {
            http_date(now.saturating_add(SignedDuration::from_secs(*date_in)).unwrap_or(now))
        }
        RetryAfter::Text(text) => text.clone(),
    }
}

/// 200 with the fault's text, which need be no JSON.
pub(super) fn garbage(fault: &Fault, now: Timestamp) -> Response<Body> {
    let mut response = plain(Answer::ok(Value::Null), now);
    *response.body_mut() = Body::from(fault.text.clone());
    response
}

/// The answer with what the fault changes in its body.
pub(super) fn merged(mut answer: Answer, fault: &Fault) -> Answer {
    let Some(body) = answer.body.as_mut() else { return answer };
    let listed = body["value"].is_array();
    if fault.effect == Effect::Alter || (listed && matches!(fault.effect, Effect::LosePage | Effect::LoopPages)) {
        merge(body, &fault.merge);
    }
    let Some(elements) = body.get_mut("value").and_then(Value::as_array_mut) else { return answer };
    if fault.effect == Effect::Alter {
        elements.iter_mut().for_each(|element| merge(element, &fault.elements));
    }
    if fault.effect == Effect::RepeatPage {
        elements.extend_from_within(..);
    }
    answer
}

/// The response as the fault lets it out.
pub(super) async fn sent(response: Response<Body>, fault: &Fault) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body = match fault.effect {
        Effect::Refuse | Effect::ExecuteThenAnswer if !fault.text.is_empty() => {
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            Body::from(fault.text.clone())
        }
        Effect::Alter => {
            fault.headers.iter().for_each(|(name, value)| set(&mut parts.headers, name, value));
            Body::from(bytes)
        }
        Effect::Truncate if !bytes.is_empty() => {
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            half_of(&bytes)
        }
        Effect::Oversize => {
            let mut all = bytes.to_vec();
            all.resize(fault.bytes.max(all.len()), b' ');
            parts.headers.remove(CONTENT_LENGTH);
            Body::from(all)
        }
        Effect::GzipBomb => {
            parts.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            parts.headers.remove(CONTENT_LENGTH);
            Body::from(bomb(fault.bytes))
        }
        _ => Body::from(bytes),
    };
    Response::from_parts(parts, body)
}

fn set(headers: &mut HeaderMap, name: &str, value: &Value) {
    let Ok(name) = HeaderName::try_from(name) else { return };
    headers.remove(&name);
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if let (false, Ok(value)) = (value.is_null(), HeaderValue::try_from(text)) {
        headers.insert(name, value);
    }
}

/// The first half of a body, and then the end of its connection.
fn half_of(bytes: &Bytes) -> Body {
    let half = bytes.slice(..bytes.len() / 2);
    let cut = async {
        // The half is written before the next look at the stream.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("the answer is cut by an injected fault"))
    };
    Body::from_stream(stream::once(async { Ok(half) }).chain(stream::once(cut)))
}

/// A gzip member that grows to at least `bytes` spaces, 150 times its own size (RFC 1951 3.2.6, RFC 1952). Its checksum is
/// wrong: who finds that out has grown it already.
fn bomb(bytes: usize) -> Vec<u8> {
    /// The longest match, and how far back it begins.
    const MATCH: [(u32, u32); 2] = [(0b1100_0101, 8), (0, 5)];
    let mut bits = Bits { out: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], free: 0 };
    // The last block, of the fixed codes, begins with a space.
    for (code, length) in [(1, 1), (0b10, 2), (0b0101_0000, 8)] {
        bits.push(code, length);
    }
    for (code, length) in MATCH.repeat(bytes.div_ceil(258)) {
        bits.push(code, length);
    }
    bits.push(0, 7);
    bits.out.extend([0; 8]);
    bits.out
}

/// A stream of bits, filled from the least of each byte.
struct Bits {
    out: Vec<u8>,
    /// Bits that are free in the last byte.
    free: u32,
}

impl Bits {
    /// Adds a code, its first bit first.
    fn push(&mut self, code: u32, length: u32) {
        for place in (0..length).rev() {
            if self.free == 0 {
                self.out.push(0);
                self.free = 8;
            }
            if let Some(last) = self.out.last_mut() {
                *last |= u8::from(code >> place & 1 == 1) << (8 - self.free);
            }
            self.free -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_small_and_in_gzip_s_form() {
        let small = bomb(1 << 20);
        assert!(small.len() < (1 << 20) / 150, "{}", small.len());
        // zlib grows what begins so to spaces.
        assert_eq!(small[..14], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0x53, 0x18, 0x05, 0xa3]);
    }
}
