//! What a request is, whoever it is about: the name of the boundary that it makes. Names of objects and ids are left out, and
//! what an event says, so that two runs name the same step the same way.

use hyper::{Method, Uri};
use serde_json::Value;

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The API server.
    Kube,
    /// Azure: ARM, and Entra ID on the same host.
    Azure,
}

const REQUESTS: [&str; 4] = ["failoverrequests", "changerecoverypointrequests", "commitrequests", "reprotectrequests"];

/// The boundary of a request: `K` for the API server, `A` for ARM, `T` for a token; then what is done to what.
pub fn boundary(server: Server, method: &Method, uri: &Uri, body: &[u8]) -> String {
    let segments: Vec<&str> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let body = serde_json::from_slice(body).unwrap_or(Value::Null);
    match server {
        Server::Kube => kube(method, &segments, uri.query().unwrap_or_default(), &body),
        Server::Azure if segments.first().is_some_and(|first| first.eq_ignore_ascii_case("subscriptions")) => {
            azure(method, &segments)
        }
        Server::Azure => format!("T {method} {}", segments.last().unwrap_or(&"")),
    }
}

fn kube(method: &Method, segments: &[&str], query: &str, body: &Value) -> String {
    let behind_group = if segments.first() == Some(&"api") { 2 } else { 3 };
    let mut rest = segments.get(behind_group..).unwrap_or_default();
    if let ["namespaces", _, inner @ ..] = rest
        && !inner.is_empty()
    {
        rest = inner;
    }
    let (resource, name, part) = (rest.first(), rest.get(1), rest.get(2));
    let resource = match resource {
        Some(resource) if REQUESTS.contains(resource) => "request",
        Some(resource) => resource,
        None => "",
    };
    let verb = match (method.as_str(), name) {
        ("GET", Some(_)) => "GET",
        ("GET", None) if query.contains("watch=") => "WATCH",
        ("GET", None) => "LIST",
        ("POST", _) => "CREATE",
        ("PUT", _) => "REPLACE",
        (other, _) => other,
    };
    let part = part.map_or_else(String::new, |part| format!("/{part}"));
    let detail = detail(verb, resource, &part, body);
    format!("K {verb} {resource}{part}{}", if detail.is_empty() { detail } else { format!(" {detail}") })
}

/// What sets apart the writes of one object: the state that is written.
fn detail(verb: &str, resource: &str, part: &str, body: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if part == "/status" {
        let conditions = body["status"]["conditions"].as_array();
        let ready = conditions.and_then(|all| all.iter().find(|condition| condition["type"] == "Ready"));
        return ready.map(|ready| word(&ready["reason"])).unwrap_or_default();
    }
    if (verb, resource) == ("REPLACE", "itemrecords") {
        let intent = &body["spec"]["intent"];
        let state = match (intent.is_null(), intent["outcome"].as_str()) {
            (true, _) => "end",
            (false, None) => "intent",
            (false, Some(_)) => "outcome",
        };
        return state.to_owned();
    }
    String::new()
}

/// The last two kinds of the path: every second segment is a name, behind `providers/NAMESPACE` too.
fn azure(method: &Method, segments: &[&str]) -> String {
    let behind_provider = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"));
    let rest = behind_provider.map_or(segments, |at| segments.get(at + 2..).unwrap_or_default());
    let (kind, named) = match rest.len() {
        0 => ("", false),
        n if n % 2 == 1 => (rest[n - 1], false),
        n => (rest[n - 2], true),
    };
    format!("A {method} {kind}{}", if named { "/*" } else { "" })
}

#[test]
fn a_boundary_says_what_is_done_and_not_to_whom() {
    let of = |server, method: Method, uri: &'static str, body: &str| {
        boundary(server, &method, &Uri::from_static(uri), body.as_bytes())
    };
    assert_eq!(
        of(Server::Kube, Method::GET, "/apis/asr-operator.io/v1alpha1/namespaces/n/commitrequests/a", ""),
        "K GET request"
    );
    assert_eq!(
        of(Server::Kube, Method::GET, "/apis/asr-operator.io/v1alpha1/namespaces/n/replicatedvms?watch=true", ""),
        "K WATCH replicatedvms"
    );
    let record = "/apis/asr-operator.io/v1alpha1/namespaces/n/itemrecords/item-1";
    let put = |spec: &str| of(Server::Kube, Method::PUT, record, &format!("{{\"spec\": {spec}}}"));
    assert_eq!(put("{\"intent\": {}}"), "K REPLACE itemrecords intent");
    assert_eq!(put("{\"intent\": {\"outcome\": \"Accepted\"}}"), "K REPLACE itemrecords outcome");
    assert_eq!(put("{}"), "K REPLACE itemrecords end");
    let token = "/api/v1/namespaces/n/serviceaccounts/asr/token";
    assert_eq!(of(Server::Kube, Method::POST, token, ""), "K CREATE serviceaccounts/token");
    let item = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/i/failoverCommit?api-version=1";
    assert_eq!(of(Server::Azure, Method::POST, item, ""), "A POST failoverCommit");
    assert_eq!(
        of(Server::Azure, Method::GET, "/subscriptions/s/resourceGroups/g?api-version=1", ""),
        "A GET resourceGroups/*"
    );
    assert_eq!(of(Server::Azure, Method::POST, "/tenant/oauth2/v2.0/token", ""), "T POST token");
}
