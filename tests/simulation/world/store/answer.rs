//! Answers of an API server: objects, and Status objects for what went wrong.

use axum::body::Bytes;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;

/// An answer without its headers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

fn bytes(value: &Value) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// A Status object as an answer.
pub fn failure(code: u16, reason: &str, message: &str) -> Answer {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    Answer { status: code, body: bytes(&body) }
}

impl Answer {
    /// 200 with an object.
    pub fn ok(object: &Value) -> Self {
        Self { status: 200, body: bytes(object) }
    }

    /// 201 with an object.
    pub fn created(object: &Value) -> Self {
        Self { status: 201, body: bytes(object) }
    }

    /// 201 with what was sent.
    pub fn taken(object: Value) -> Self {
        Self::created(&object)
    }

    /// 201 with a token of the ServiceAccount, for whom Entra ID trusts; it outlives every simulated world.
    pub fn token(call: &Call) -> Self {
        let subject = format!("system:serviceaccount:{}:{}", call.namespace, call.name);
        let claims = json!({"aud": call.body["spec"]["audiences"], "sub": subject, "exp": 4_102_444_800_u64});
        let token = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut body = call.body.clone();
        body["status"] = json!({"token": token, "expirationTimestamp": "2100-01-01T00:00:00Z"});
        Self::created(&body)
    }

    /// 200, and the object is gone.
    pub fn deleted(object: &Value) -> Self {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": object["metadata"]["name"], "uid": object["metadata"]["uid"]},
        });
        Self { status: 200, body: bytes(&body) }
    }

    /// 404.
    pub fn not_found(call: &Call) -> Self {
        let message = format!("{} \"{}\" not found", call.plural, call.name);
        failure(404, "NotFound", &message)
    }

    /// 409, because it is there.
    pub fn already_exists(call: &Call, name: &str) -> Self {
        failure(409, "AlreadyExists", &format!("{} \"{name}\" already exists", call.plural))
    }

    /// 409, because it is another one, or another version.
    pub fn conflict(call: &Call, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{}\": {why}", call.plural, call.name);
        failure(409, "Conflict", &message)
    }

    /// The response, dated.
    pub fn into_response(self, now: Timestamp) -> Response<http_body_util::Full<Bytes>> {
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let response = Response::builder()
            .status(self.status)
            .header("content-type", "application/json")
            .header("date", date)
            .body(http_body_util::Full::new(self.body));
        response.expect("an answer is a response")
    }
}
