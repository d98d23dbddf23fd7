//! Entra ID: the token endpoint of one tenant and its OpenID configuration.
//!
//! Errors carry AADSTS numbers in the shape that SDKs show to people. Never echoes a secret or an assertion.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::Response;
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::super::faults::{Effect, Target};
use super::super::principal::{Denial, Proof};
use super::answer::{Answer, plain};
use super::{Simulator, altered};

/// What Entra ID says when it refuses: HTTP status, OAuth error, AADSTS number, text.
struct Refused(u16, &'static str, u32, String);

/// `POST /{tenant}/oauth2/v2.0/token`, grant `client_credentials`.
pub(super) async fn token(
    State(simulator): State<Arc<Simulator>>,
    Path(tenant): Path<String>,
    body: Bytes,
) -> Response<Body> {
    answer(&simulator, || grant(&simulator, &tenant, &body).unwrap_or_else(|refused| refused_answer(&refused))).await
}

/// Answers a request for a token, whoever gives it, by whatever fault the operation `token` meets.
pub(super) async fn answer(simulator: &Simulator, grant: impl FnOnce() -> Answer) -> Response<Body> {
    let mut released = simulator.releases.subscribe();
    let fault = {
        let mut core = simulator.core();
        core.ledger.count("token");
        core.faults.meet(&Target { operation: "token", mutating: false, item: &[] })
    };
    let now = simulator.core().clock.now(simulator.uptime());
    match fault.as_ref().map(|fault| (fault.effect, fault)) {
        Some((Effect::Refuse | Effect::ExecuteThenAnswer, fault)) => {
            return altered::sent(plain(altered::injected(fault, now), now), fault).await;
        }
        Some((Effect::ResetBefore | Effect::ResetAfter, _)) => return super::dropped(now),
        Some((Effect::Delay | Effect::DelayAnswer, fault)) => {
            tokio::time::sleep(Duration::from_millis(fault.millis)).await;
        }
        Some((Effect::Hold | Effect::HoldBack, _)) => {
            released.changed().await.ok();
        }
        Some((Effect::Garbage, fault)) => return altered::garbage(fault, now),
        _ => {}
    }
    let answer = grant();
    match fault {
        Some(fault) => altered::sent(plain(altered::merged(answer, &fault), now), &fault).await,
        None => plain(answer, now),
    }
}

fn grant(simulator: &Simulator, tenant: &str, body: &[u8]) -> Result<Answer, Refused> {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let mut core = simulator.core();
    if !core.directory.tenant.eq_ignore_ascii_case(tenant) {
        let text = format!("Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.");
        return Err(Refused(400, "invalid_request", 90_002, text));
    }
    if field("grant_type") != Some("client_credentials") {
        let text = "The app requested an unsupported grant type.".to_owned();
        return Err(Refused(400, "unsupported_grant_type", 70_003, text));
    }
    if !field("scope").is_some_and(names_a_resource) {
        let text = "The provided value for scope is not valid. Client credential flows must have a scope value with \
                    /.default suffixed to the resource identifier.";
        return Err(Refused(400, "invalid_scope", 1_002_012, text.to_owned()));
    }
    let Some(client) = field("client_id") else {
        let text = "The request body must contain the following parameter: 'client_id'.".to_owned();
        return Err(Refused(400, "invalid_request", 900_144, text));
    };
    let proof = match (field("client_secret"), field("client_assertion")) {
        (_, Some(assertion)) => Proof::Assertion(assertion),
        (Some(secret), None) => Proof::Secret(secret),
        (None, None) => Proof::Missing,
    };
    let principal = core.directory.authenticate(client, &proof, Timestamp::now()).map_err(refused)?;
    let seconds = core.world.behaviour.token_lifetime_seconds;
    let lifetime = Duration::from_secs(u64::from(seconds));
    let token = core.directory.issue(principal, simulator.uptime(), lifetime);
    let body =
        json!({ "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token });
    Ok(Answer::ok(body).header("cache-control", "no-store, no-cache").header("pragma", "no-cache"))
}

/// Whether the scopes are one resource's `/.default`. Microsoft's library for Go sends those of OpenID Connect along
/// with it, for every grant.
fn names_a_resource(scopes: &str) -> bool {
    let openid = |scope: &&str| matches!(*scope, "openid" | "offline_access" | "profile");
    let asked: Vec<&str> = scopes.split_whitespace().filter(|scope| !openid(scope)).collect();
    matches!(asked[..], [resource] if resource.ends_with("/.default"))
}

fn refused(denial: Denial) -> Refused {
    let client = |number, text: String| Refused(401, "invalid_client", number, text);
    match denial {
        Denial::UnknownClient(id) => {
            let text = format!("Application with identifier '{id}' was not found in the directory.");
            Refused(400, "unauthorized_client", 700_016, text)
        }
        Denial::WrongSecret(id) => client(7_000_215, format!("Invalid client secret provided for app '{id}'.")),
        Denial::NoProof => {
            let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
            client(7_000_218, text.to_owned())
        }
        Denial::MalformedAssertion => client(50_027, "JWT token is invalid or malformed.".to_owned()),
        Denial::WrongIssuer(issuer) => {
            let text =
                format!("No matching federated identity record found for presented assertion issuer '{issuer}'.");
            client(700_211, text)
        }
        Denial::WrongSignature => client(700_027, "Client assertion failed signature validation.".to_owned()),
        Denial::WrongAudience => {
            client(700_212, "No matching federated identity record found for presented assertion audience.".to_owned())
        }
        Denial::WrongSubject(subject) => {
            let text =
                format!("No matching federated identity record found for presented assertion subject '{subject}'.");
            client(700_213, text)
        }
        Denial::AssertionExpired => client(700_024, "Client assertion is not within its valid time range.".to_owned()),
    }
}

fn refused_answer(refused: &Refused) -> Answer {
    let Refused(status, error, number, text) = refused;
    let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
    let stamp = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let description =
        format!("AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}");
    let body = json!({
        "error": error,
        "error_description": description,
        "error_codes": [number],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    Answer::with(*status, body)
}

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`, which Microsoft's identity libraries read first.
pub(super) async fn configuration(
    State(simulator): State<Arc<Simulator>>,
    Path(tenant): Path<String>,
) -> Response<Body> {
    let authority = format!("{}/{tenant}", simulator.base);
    let now = simulator.core().clock.now(simulator.uptime());
    let body = json!({
        "token_endpoint": format!("{authority}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "jwks_uri": format!("{authority}/discovery/v2.0/keys"),
        "authorization_endpoint": format!("{authority}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{authority}/oauth2/v2.0/devicecode"),
        "issuer": format!("{authority}/v2.0"),
        "response_types_supported": ["code", "id_token", "token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com",
    });
    plain(Answer::ok(body), now)
}
