//! A folder of recorded exchanges, read with patience: what is missing in one is missing, and no more.

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

/// One request and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// Name of the recording, without `.json`.
    pub(crate) file: String,
    pub(crate) seq: String,
    pub(crate) method: String,
    /// The ARM path, without host and query.
    pub(crate) path: String,
    pub(crate) request: Value,
    pub(crate) status: u64,
    pub(crate) headers: HeaderMap,
    pub(crate) response: Value,
    /// When Azure answered, where a header tells.
    pub(crate) at: Option<Timestamp>,
    /// The recording says that something was left out here.
    pub(crate) excerpt: bool,
}

impl Exchange {
    fn from(file: &str, value: &Value) -> Option<Self> {
        let headers = headers(&value["headers"]);
        Some(Self {
            file: file.to_owned(),
            seq: value["seq"].to_string(),
            method: value["method"].as_str()?.to_ascii_uppercase(),
            path: path_of(value["url"].as_str()?),
            request: with_subscriptions(&value["request_body"]),
            status: value["status"].as_u64().unwrap_or_default(),
            at: routed_at(&headers).or_else(|| dated(&headers)),
            headers,
            excerpt: value["note"].is_string(),
            response: with_subscriptions(&value["response_body"]),
        })
    }

    /// How a failure names it.
    pub(crate) fn place(&self) -> String {
        format!("{} seq {}", self.file, self.seq)
    }

    /// The segments of the path below its last resource provider: keyword, name, keyword, name, ...
    pub(crate) fn below_provider(&self) -> Vec<&str> {
        let segments: Vec<&str> = self.path.split('/').filter(|segment| !segment.is_empty()).collect();
        match segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers")) {
            Some(at) => segments.get(at + 2..).unwrap_or_default().to_vec(),
            None => segments,
        }
    }

    /// The last keyword of the path: the kind of a resource, the name of a list, or an action.
    pub(crate) fn keyword(&self) -> &str {
        let below = self.below_provider();
        let at = if self.names_one() { below.len().checked_sub(2) } else { below.len().checked_sub(1) };
        at.and_then(|at| below.get(at)).copied().unwrap_or_default()
    }

    /// The keyword before the last.
    pub(crate) fn parent_keyword(&self) -> &str {
        let below = self.below_provider();
        let at = below.len().checked_sub(if self.names_one() { 4 } else { 3 });
        at.and_then(|at| below.get(at)).copied().unwrap_or_default()
    }

    /// Whether the path ends in the name of one resource, rather than in a list or an action.
    pub(crate) fn names_one(&self) -> bool {
        self.below_provider().len().is_multiple_of(2)
    }

    /// The kind of call, without names.
    pub(crate) fn operation(&self) -> String {
        let (method, keyword, parent) = (&self.method, self.keyword(), self.parent_keyword());
        match (self.names_one(), method.as_str()) {
            (true, _) => format!("{method} {keyword}/*"),
            (false, "GET") => format!("{method} {keyword}"),
            (false, _) => format!("{method} {parent}/*/{keyword}"),
        }
    }

    /// The path without its last segment: what an action is done to.
    pub(crate) fn acted_on(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(on, _)| on)
    }
}

/// All recordings of a folder, by name; each in its own order.
///
/// # Errors
/// What stands in the folder and is no list of exchanges.
pub(crate) fn read(folder: &Path) -> Result<Vec<Vec<Exchange>>, Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|error| vec![format!("{}: {error}", folder.display())])?;
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    paths.retain(|path| !path.ends_with("expected.json") && !path.ends_with("simulator-differences.json"));
    paths.sort();
    let (mut files, mut odd) = (Vec::new(), Vec::new());
    for path in paths {
        match file(&path) {
            Ok(exchanges) => files.push(exchanges),
            Err(why) => odd.push(format!("{}: {why}", path.display())),
        }
    }
    if odd.is_empty() { Ok(files) } else { Err(odd) }
}

fn file(path: &Path) -> Result<Vec<Exchange>, String> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let values: Vec<Value> = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let exchange = |value| Exchange::from(&name, value).ok_or("an exchange without method or url".to_owned());
    values.iter().map(exchange).collect()
}

fn headers(value: &Value) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for text in values.iter().filter_map(Value::as_str) {
            if let (Ok(name), Ok(text)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_str(text)) {
                map.append(name, text);
            }
        }
    }
    map
}

fn path_of(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default();
    let path = bare.split_once("://").map_or(bare, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    guid_subscription(&percent_decoded(path))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A recorder may blank subscriptions with a text that is no GUID; Azure has none such.
fn guid_subscription(id: &str) -> String {
    const BLANK: &str = "00000000-0000-0000-0000-000000000000";
    let mut segments: Vec<&str> = id.split('/').collect();
    for at in 1..segments.len() {
        let after = segments[at - 1].eq_ignore_ascii_case("subscriptions");
        if after && uuid::Uuid::try_parse(segments[at]).is_err() && !segments[at].is_empty() {
            segments[at] = BLANK;
        }
    }
    segments.join("/")
}

fn with_subscriptions(value: &Value) -> Value {
    match value {
        Value::String(text) if text.to_ascii_lowercase().starts_with("/subscriptions/") => {
            Value::String(guid_subscription(text))
        }
        Value::Array(all) => all.iter().map(with_subscriptions).collect(),
        Value::Object(all) => {
            Value::Object(all.iter().map(|(name, value)| (name.clone(), with_subscriptions(value))).collect())
        }
        other => other.clone(),
    }
}

/// `REGION:yyyyMMddTHHmmssZ:guid`: the one time that nobody rewrote.
fn routed_at(headers: &HeaderMap) -> Option<Timestamp> {
    let stamp = headers.get("x-ms-routing-request-id")?.to_str().ok()?.split(':').nth(1)?;
    let part = |from: usize, to: usize| stamp.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

fn dated(headers: &HeaderMap) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(headers.get("date")?.to_str().ok()?).ok()
}
