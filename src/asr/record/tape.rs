//! What was recorded: kept as it came, written as it may be shown.
//!
//! The format is the one that `tests/recordings.rs` reads. Reading the same thing again with the same answer adds to
//! `repeats` instead of a new exchange.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};
use url::Url;

use super::hide::Hidden;
use super::{Exchange, Witness};

/// What of a recording is hidden beside tokens, signatures, subscriptions and people.
#[derive(Clone, Default)]
pub struct TapeOptions {
    /// Texts that must not stand anywhere, such as the client secret.
    pub secrets: Vec<String>,
    /// Ids of the directory and the application that ask.
    pub identities: Vec<String>,
    /// Names of resources too.
    pub anonymize: bool,
}

/// A recording in the making.
pub struct Tape {
    options: TapeOptions,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    exchanges: Vec<Raw>,
    tokens: BTreeSet<String>,
    operation: Option<Url>,
}

struct Raw {
    method: &'static str,
    url: String,
    request: Value,
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
    repeats: u64,
    last_date: Option<String>,
}

impl Raw {
    fn from(exchange: &Exchange<'_>) -> Self {
        let texts = exchange.headers.iter().filter(|(name, _)| is_kept(name.as_str()));
        let headers: Vec<(String, String)> = texts
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        Self {
            method: exchange.method,
            url: exchange.url.to_string(),
            request: value_of(exchange.sent),
            status: exchange.status,
            last_date: headers.iter().find(|(name, _)| name == "date").map(|(_, date)| date.clone()),
            headers,
            body: value_of(exchange.body),
            repeats: 1,
        }
    }

    fn learn(&self, hidden: &mut Hidden) {
        hidden.learn_text(&self.url);
        self.headers.iter().for_each(|(_, value)| hidden.learn_text(value));
        hidden.learn("", &self.request);
        hidden.learn("", &self.body);
    }

    fn written(&self, seq: usize, hidden: &Hidden) -> Value {
        let mut headers: Map<String, Value> = Map::new();
        for (name, value) in &self.headers {
            let value = Value::from(hidden.text(value));
            match headers.get_mut(name) {
                Some(Value::Array(all)) => all.push(value),
                Some(one) => *one = json!([one.take(), value]),
                None => drop(headers.insert(name.clone(), value)),
            }
        }
        let mut written = json!({
            "seq": seq,
            "method": self.method,
            "url": hidden.text(&self.url),
            "request_body": hidden.body("", &self.request),
            "status": self.status,
            "headers": headers,
            "response_body": hidden.body("", &self.body),
        });
        if self.repeats > 1 {
            written["repeats"] = self.repeats.into();
            written["last_date"] = self.last_date.clone().into();
        }
        written
    }
}

/// The headers that a recording keeps; `Authorization` is one of a request, and of those none is.
fn is_kept(name: &str) -> bool {
    ["location", "azure-asyncoperation", "retry-after", "date", "content-type", "x-ms-failure-cause"].contains(&name)
        || name.starts_with("x-ms-ratelimit-")
        || (name.starts_with("x-ms-") && name.ends_with("request-id"))
}

fn value_of(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
}

impl Tape {
    /// An empty one.
    pub fn new(options: TapeOptions) -> Self {
        Self { options, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many exchanges it holds.
    pub fn len(&self) -> usize {
        self.kept().exchanges.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The signed polling URL of the last mutating call. It is held in memory alone.
    pub(super) fn operation(&self) -> Option<Url> {
        self.kept().operation.clone()
    }

    /// A text of this run as it may be shown beside the recording.
    pub fn shown(&self, text: &str) -> String {
        self.hidden(&self.kept()).text(text)
    }

    /// All exchanges as they may be shown.
    pub fn redacted(&self) -> Vec<Value> {
        let kept = self.kept();
        let hidden = self.hidden(&kept);
        kept.exchanges.iter().enumerate().map(|(at, raw)| raw.written(at + 1, &hidden)).collect()
    }

    fn hidden(&self, kept: &Kept) -> Hidden {
        let literals = kept.tokens.iter().chain(&self.options.secrets).cloned().collect();
        let mut hidden = Hidden::new(&literals, self.options.anonymize);
        self.options.identities.iter().for_each(|id| hidden.identity(id));
        kept.exchanges.iter().for_each(|raw| raw.learn(&mut hidden));
        hidden
    }

    /// Writes all exchanges into a file, in place of what it held; gives how many.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn write(&self, path: &Path) -> std::io::Result<usize> {
        let exchanges = self.redacted();
        let partial = path.with_extension("partial");
        let mut file = std::fs::File::create(&partial)?;
        serde_json::to_writer_pretty(&mut file, &exchanges)?;
        file.write_all(b"\n")?;
        std::fs::rename(&partial, path)?;
        Ok(exchanges.len())
    }
}

impl Witness for Tape {
    fn saw(&self, exchange: &Exchange<'_>) {
        let raw = Raw::from(exchange);
        let mut kept = self.kept();
        kept.tokens.extend(exchange.token.map(|token| token.expose().to_owned()));
        if raw.method != "GET" {
            let signed = raw.headers.iter().find(|(name, _)| name == "azure-asyncoperation");
            kept.operation = signed.and_then(|(_, url)| Url::parse(url).ok());
        } else if let Some(before) = kept.exchanges.iter_mut().rev().find(|b| b.method == "GET" && b.url == raw.url)
            && (before.status, &before.body) == (raw.status, &raw.body)
        {
            before.repeats += 1;
            before.last_date = raw.last_date;
            return;
        }
        kept.exchanges.push(raw);
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape").field("exchanges", &self.len()).finish_non_exhaustive()
    }
}
