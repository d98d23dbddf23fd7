//! An Azure whose every answer carries what must never be shown: a relay in front of the simulator, ARM and Entra ID, that plants
//! canaries (`super::canary`) wherever a service could put a token or a signed URL.
//!
//! Each header comes a second time with a canary, beside some that only carry one; each JSON object, at every depth, has a
//! member more; and each text that is meant for people quotes signed URLs and a token. Nothing that is decided by is changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use serde_json::Value;

use super::pki::Pki;
use super::relay::{Between, Cut, Onward, Relay};
use super::run_dir::RunDir;
use super::simulator::{Endpoints, Simulator};

/// Members whose text the operator shows to people: what ARM and Site Recovery say of an error, of a failed job, of an item's health
/// and state, and what Entra ID says of an identity.
pub const TEXTS: [&str; 7] = [
    "message",
    "possibleCauses",
    "recommendedAction",
    "errorMessage",
    "summaryMessage",
    "protectionStateDescription",
    "error_description",
];

/// How a planted text begins, and what is told of it whatever is hidden.
pub const SHOWN: &str = "Look at the agent's log at";

/// By these HTTP itself tells where an answer ends and what it is.
const FRAMING: [&str; 4] = ["connection", "content-length", "content-type", "transfer-encoding"];

/// What no simulated answer has, and a real one may.
const FURTHER: [(&str, &str); 3] = [
    ("x-ms-canary", "Bearer TOKCANARY-header"),
    ("set-cookie", "x-ms-gateway-slice=TOKCANARY-header; path=/; secure; httponly"),
    (
        "www-authenticate",
        "Bearer realm=\"\", authorization_uri=\"https://planted.blob.core.windows.net/?sig=SIGCANARY-header\", claims=\"TOKCANARY-header\"",
    ),
];

/// Where the canaries of an answer were put, and how often.
pub type Planted = BTreeMap<String, usize>;

/// The relay. It ends when it is dropped.
pub struct Planter {
    relay: Relay,
    ca_path: PathBuf,
    hand: Hand,
}

impl Planter {
    /// Stands in front of this Azure.
    pub async fn start(sim: &Simulator) -> Self {
        let pki = Pki::create().expect("certificates");
        let dir = RunDir::create("planter").expect("a folder");
        let ca_path = dir.write("ca.pem", &pki.ca).expect("a writable folder");
        let hand = Hand::default();
        let relay = Relay::start(&pki, &sim.arm, &sim.ca_path, hand.clone()).await;
        Self { relay, ca_path, hand }
    }

    /// Where Azure is, for an operator.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints { arm: self.relay.url.clone(), authority: self.relay.url.clone(), ca_path: self.ca_path.clone() }
    }

    /// How many canaries were planted so far: in `a header`, in `a member`, in `a page` that is no JSON, and by name in each of
    /// [`TEXTS`].
    pub fn planted(&self) -> Planted {
        self.hand.planted().clone()
    }
}

/// What plants, and counts.
#[derive(Clone, Default)]
struct Hand(Arc<Mutex<Planted>>);

impl Hand {
    fn planted(&self) -> MutexGuard<'_, Planted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Between for Hand {
    type Answer = Full<Bytes>;

    async fn pass(self, request: Request<Bytes>, onward: Onward) -> Result<Response<Full<Bytes>>, Cut> {
        let (mut head, body) = onward.send(request).await?.into_parts();
        let body = body.collect().await.map_err(|error| Cut::Server(error.to_string()))?.to_bytes();
        let mut planted = self.planted();
        in_headers(&mut head.headers, &mut planted);
        let body = in_body(&body, &mut planted);
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

fn count(planted: &mut Planted, place: &str) {
    *planted.entry(place.to_owned()).or_default() += 1;
}

/// The first value of each header stays what it is: that is the one that is read.
fn in_headers(headers: &mut HeaderMap, planted: &mut Planted) {
    let given: Vec<HeaderName> = headers.keys().filter(|name| !FRAMING.contains(&name.as_str())).cloned().collect();
    let doubled = given.into_iter().map(|name| {
        let canary = HeaderValue::from_str(&format!("SIGCANARY-header-{name}"));
        (name, canary.expect("a name is visible ASCII"))
    });
    let further = FURTHER.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    for (name, value) in doubled.chain(further).collect::<Vec<_>>() {
        headers.append(name, value);
        count(planted, "a header");
    }
    // The body is another one, and its length is told anew.
    headers.remove(CONTENT_LENGTH);
}

fn in_body(body: &Bytes, planted: &mut Planted) -> Bytes {
    if body.is_empty() {
        return body.clone();
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        count(planted, "a page");
        return format!("{} {}", String::from_utf8_lossy(body), quoting("page", "")).into();
    };
    in_value(&mut value, planted);
    value.to_string().into()
}

fn in_value(value: &mut Value, planted: &mut Planted) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| in_value(element, planted)),
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(text) if TEXTS.contains(&name.as_str()) && !text.is_empty() => {
                        *text = quoting(name, text);
                        count(planted, name);
                    }
                    other => in_value(other, planted),
                }
            }
            members.insert("canaryLink".to_owned(), signed("member").into());
            count(planted, "a member");
        }
        _ => {}
    }
}

/// The text with two signed URLs and a token before it, so that no bound of length cuts them off.
fn quoting(name: &str, text: &str) -> String {
    let polled = format!("https://management.azure.com/operationresults/7?t=1&s=SIGCANARY-{name}&h=1");
    format!("{SHOWN} {} and at {polled} (Authorization: Bearer TOKCANARY-{name}) first: {text}", signed(name))
}

fn signed(place: &str) -> String {
    format!("https://planted.blob.core.windows.net/log?sv=2025-01-05&sig=SIGCANARY-{place}%2Bk%3D&sp=r")
}
