//! Entra ID and ARM's door: tokens, assertions, 401, 403, 429, api-version.

use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::harness::{Azure, CLIENT, SEED, failover_body, item_path, vault_path};

fn assertion(subject: &str, audience: &str) -> String {
    let claims = json!({ "aud": [audience], "sub": subject, "exp": 4_102_444_800_i64 });
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[tokio::test]
async fn a_service_account_token_is_exchanged_for_one_of_arm() {
    let azure = Azure::new().await;
    let token = assertion("system:serviceaccount:demo:asr", "api://AzureADTokenExchange");
    let reply = azure.ask_token(&[("client_id", CLIENT), ("client_assertion", &token)]).await;
    assert_eq!(
        (reply.status, reply.body["token_type"].as_str(), reply.body["expires_in"].as_u64()),
        (200, Some("Bearer"), Some(3600))
    );
    let granted = reply.body["access_token"].as_str().unwrap();
    assert!(granted.contains("TOKCANARY"));
    assert_eq!(azure.call_as(granted, "GET", &vault_path(), None).await.status, 200);
}

/// Fields of a token request, and the status and AADSTS number that answer it.
type Refusal<'a> = (&'a [(&'a str, &'a str)], u16, u64);

#[tokio::test]
async fn entra_says_why_it_refuses() {
    let azure = Azure::new().await;
    let good = "system:serviceaccount:demo:asr";
    let other = assertion("system:serviceaccount:other:asr", "api://AzureADTokenExchange");
    let audience = assertion(good, "https://kubernetes.default.svc");
    let cases: [Refusal<'_>; 5] = [
        (&[("client_id", CLIENT), ("client_secret", "wrong")], 401, 7_000_215),
        (&[("client_id", "99999999-9999-9999-9999-999999999999"), ("client_secret", "s3cret")], 400, 700_016),
        (&[("client_id", CLIENT), ("client_assertion", &other)], 401, 700_213),
        (&[("client_id", CLIENT), ("client_assertion", &audience)], 401, 700_212),
        (&[("client_id", CLIENT)], 401, 7_000_218),
    ];
    for (fields, status, number) in cases {
        let reply = azure.ask_token(fields).await;
        assert_eq!((reply.status, reply.body["error_codes"][0].as_u64()), (status, Some(number)), "{}", reply.text);
        assert!(reply.body["error_description"].as_str().unwrap().starts_with(&format!("AADSTS{number}: ")));
        assert!(
            !reply.text.contains("wrong") && !reply.text.contains("s3cret"),
            "no secret comes back: {}",
            reply.text
        );
    }
}

#[tokio::test]
async fn scopes_of_openid_beside_the_resource_are_taken_and_do_not_replace_it() {
    let azure = Azure::new().await;
    let ask = async |scope| {
        azure.ask_token(&[("client_id", CLIENT), ("client_secret", "s3cret"), ("scope", scope)]).await.status
    };
    assert_eq!(ask("https://management.azure.com//.default openid offline_access profile").await, 200);
    assert_eq!(ask("openid offline_access profile").await, 400);
}

#[tokio::test]
async fn the_identity_libraries_find_their_endpoints() {
    let azure = Azure::new().await;
    let reply =
        azure.send(Request::get("/tenant/v2.0/.well-known/openid-configuration").body(Body::empty()).unwrap()).await;
    assert_eq!(reply.body["token_endpoint"], "https://arm.test/tenant/oauth2/v2.0/token");
}

#[tokio::test]
async fn arm_wants_a_token_that_lives() {
    let azure = Azure::new().await;
    let bare = azure.send(Request::get(format!("{}?api-version=1", vault_path())).body(Body::empty()).unwrap()).await;
    assert_eq!((bare.status, bare.code()), (401, "AuthenticationFailed"));
    assert!(bare.header("www-authenticate").starts_with("Bearer "));
    assert_eq!(azure.call_as("nonsense", "GET", &vault_path(), None).await.code(), "InvalidAuthenticationToken");
    azure.control("POST", "tokens/expire", Value::Null).await;
    let late = azure.get(&vault_path()).await;
    assert_eq!((late.status, late.code()), (401, "ExpiredAuthenticationToken"));
}

#[tokio::test]
async fn a_principal_without_the_right_learns_action_and_scope() {
    let azure = Azure::with(&SEED.replace("clientSecret", "role: reader, clientSecret")).await;
    assert_eq!(azure.get(&item_path("app01")).await.status, 200);
    let reply = azure.fail_over("app01", failover_body(None, true)).await;
    assert_eq!((reply.status, reply.code()), (403, "AuthorizationFailed"));
    let text = reply.body["error"]["message"].as_str().unwrap();
    let action = "action 'Microsoft.RecoveryServices/vaults/replicationFabrics/replicationProtectionContainers/replicationProtectedItems/unplannedFailover/action'";
    assert!(text.contains(action) && text.contains(&format!("over scope '{}'", item_path("app01"))), "{text}");
    let ledger = azure.ledger().await;
    assert_eq!(
        (ledger[0]["accepted"].as_bool(), ledger[0]["status"].as_u64(), ledger[0]["principal"].as_str()),
        (Some(false), Some(403), Some("operator"))
    );
}

#[tokio::test]
async fn rights_can_be_listed_limited_to_a_scope_and_changed() {
    let only =
        "role: none, allowedActions: ['*/replicationProtectedItems/read', '*/unplannedFailover/action'], clientSecret";
    let azure = Azure::with(&SEED.replace("clientSecret", only)).await;
    assert_eq!(azure.get(&vault_path()).await.status, 403);
    assert_eq!(azure.get(&item_path("app01")).await.status, 200);
    assert_eq!(azure.commit("app01").await.status, 403);
    assert_eq!(azure.fail_over("app01", failover_body(None, true)).await.status, 202);
    let elsewhere = "scopes: [/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/other], clientSecret";
    let azure = Azure::with(&SEED.replace("clientSecret", elsewhere)).await;
    assert_eq!(azure.get(&vault_path()).await.status, 403);
    let azure = Azure::new().await;
    azure.control("POST", "principals", json!({ "name": "operator", "role": "none" })).await;
    assert_eq!(azure.get(&vault_path()).await.status, 403);
}

#[tokio::test]
async fn an_api_version_is_required() {
    let azure = Azure::new().await;
    let reply = azure.get(&format!("{}?other=1", vault_path())).await;
    assert_eq!((reply.status, reply.code()), (400, "MissingApiVersionParameter"));
}

#[tokio::test]
async fn an_empty_bucket_answers_429_and_when_to_come_back() {
    let limits = "rateLimits: {writes: {capacity: 1, refillPerSecond: 0.01}}\n";
    let azure = Azure::with(&format!("{SEED}{limits}")).await;
    let first = azure.fail_over("app01", failover_body(None, true)).await;
    assert_eq!((first.status, first.header("x-ms-ratelimit-remaining-subscription-writes")), (202, "0"));
    let second = azure.fail_over("db01", failover_body(None, true)).await;
    assert_eq!((second.status, second.code()), (429, "SubscriptionRequestsThrottled"));
    assert!((1..=100).contains(&second.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(azure.get(&vault_path()).await.status, 200, "reads have a bucket of their own");
    assert_eq!(azure.ledger().await[1]["accepted"], false);
}
