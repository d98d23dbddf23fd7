//! The metadata service of a machine, which gives the machine's own identity its tokens to whoever runs there.
//!
//! Shape by Microsoft's documentation of managed identities: a GET with the header `Metadata`, numbers as text. The real one
//! is at a link-local address; where `IDENTITY_ENDPOINT` says otherwise, it is there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response};
use jiff::Timestamp;
use serde_json::json;

use super::Simulator;
use super::answer::Answer;
use super::entra;

/// `GET /metadata/identity/oauth2/token`.
pub(super) async fn token(
    State(simulator): State<Arc<Simulator>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response<Body> {
    let refused = |why| Answer::with(400, json!({"error": "invalid_request", "error_description": why}));
    entra::answer(&simulator, || grant(&simulator, &headers, &query).unwrap_or_else(refused)).await
}

fn grant(simulator: &Simulator, headers: &HeaderMap, query: &HashMap<String, String>) -> Result<Answer, &'static str> {
    let mut core = simulator.core();
    // A request that somebody forged from without cannot bear it.
    if headers.get("metadata").is_none_or(|value| value != "true") {
        return Err("Required metadata header not specified");
    }
    let resource = query.get("resource").ok_or("Required query variable 'resource' is missing")?;
    let asked = query.get("client_id").map(String::as_str);
    let principal = core.directory.managed(asked).ok_or("Identity not found")?;
    let seconds = core.world.behaviour.token_lifetime_seconds;
    let lifetime = Duration::from_secs(u64::from(seconds));
    let token = core.directory.issue(principal, simulator.uptime(), lifetime);
    let from = Timestamp::now().as_second();
    Ok(Answer::ok(json!({
        "access_token": token,
        "client_id": core.directory.client_id(principal),
        "expires_in": seconds.to_string(),
        "expires_on": (from + i64::from(seconds)).to_string(),
        "ext_expires_in": seconds.to_string(),
        "not_before": from.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    })))
}
