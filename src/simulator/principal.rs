//! Principals of the tenant: how they prove themselves to Entra ID, which tokens they hold, what ARM lets them do.
//!
//! Real time throughout. Signatures of assertions are not checked: the simulator cannot know the cluster's keys. Secrets
//! and tokens are compared and never shown; nothing here has `Debug`.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::ids::guid;
use super::seed::{PrincipalSeed, Role};

/// The audience that Entra ID wants in a federated token.
const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

/// How a client proves who it is.
pub(crate) enum Proof<'a> {
    Secret(&'a str),
    Assertion(&'a str),
    Missing,
}

/// Why Entra ID refuses; each has an AADSTS number.
pub(crate) enum Denial {
    UnknownClient(String),
    WrongSecret(String),
    NoProof,
    MalformedAssertion,
    WrongAudience,
    WrongSubject(String),
    AssertionExpired,
}

/// What a bearer token is worth.
pub(crate) enum Standing {
    /// It belongs to the principal with this index.
    Known(usize),
    Expired,
    Unknown,
}

struct Token {
    principal: usize,
    expires: Duration,
}

/// Everybody in the tenant.
pub(crate) struct Directory {
    pub(crate) tenant: String,
    principals: Vec<PrincipalSeed>,
    tokens: HashMap<String, Token>,
}

impl Directory {
    pub(crate) fn new(tenant: String, principals: Vec<PrincipalSeed>) -> Self {
        Self { tenant, principals, tokens: HashMap::new() }
    }

    /// The principal's name in the ledger.
    pub(crate) fn name(&self, principal: usize) -> &str {
        &self.principals[principal].name
    }

    /// The principal's application id.
    pub(crate) fn client_id(&self, principal: usize) -> &str {
        &self.principals[principal].client_id
    }

    /// The principal's object id, which 403 texts name.
    pub(crate) fn object_id(&self, principal: usize) -> Uuid {
        guid(&["object", &self.principals[principal].client_id])
    }

    /// Checks a client's proof at the real instant `wall`.
    pub(crate) fn authenticate(&self, client: &str, proof: &Proof<'_>, wall: Timestamp) -> Result<usize, Denial> {
        let found = self.principals.iter().position(|p| p.client_id.eq_ignore_ascii_case(client));
        let index = found.ok_or_else(|| Denial::UnknownClient(client.to_owned()))?;
        let principal = &self.principals[index];
        match proof {
            Proof::Secret(secret) if principal.client_secret.as_deref() == Some(*secret) => Ok(index),
            Proof::Secret(_) => Err(Denial::WrongSecret(client.to_owned())),
            Proof::Assertion(token) => check_assertion(principal, token, wall).map(|()| index),
            Proof::Missing => Err(Denial::NoProof),
        }
    }

    /// A new token that lives `lifetime` from `uptime`. It can be told in any output by the word in it.
    pub(crate) fn issue(&mut self, principal: usize, uptime: Duration, lifetime: Duration) -> String {
        let random: String = (0..16).map(|_| Uuid::new_v4().simple().to_string()).collect();
        let token = format!("eyJ0eXAiOiJKV1QifQ.TOKCANARY{random}.{}", Uuid::new_v4().simple());
        self.tokens.insert(token.clone(), Token { principal, expires: uptime.saturating_add(lifetime) });
        token
    }

    /// What the token is worth at `uptime`.
    pub(crate) fn standing(&self, token: &str, uptime: Duration) -> Standing {
        match self.tokens.get(token) {
            None => Standing::Unknown,
            Some(token) if token.expires <= uptime => Standing::Expired,
            Some(token) => Standing::Known(token.principal),
        }
    }

    /// Makes every token expired, as if its time had come.
    pub(crate) fn expire_tokens(&mut self) {
        for token in self.tokens.values_mut() {
            token.expires = Duration::ZERO;
        }
    }

    /// Sets what a principal may do, by its name; false when there is none of that name.
    pub(crate) fn set_role(&mut self, name: &str, role: Role) -> bool {
        let found = self.principals.iter_mut().find(|principal| principal.name == name);
        found.map(|principal| principal.role = role).is_some()
    }

    /// Whether the principal may perform `action` on `scope`.
    pub(crate) fn allows(&self, principal: usize, action: &str, scope: &str) -> bool {
        let principal = &self.principals[principal];
        let scope = scope.to_ascii_lowercase();
        let in_scope = |allowed: &String| scope.starts_with(&allowed.to_ascii_lowercase());
        if !principal.scopes.is_empty() && !principal.scopes.iter().any(in_scope) {
            return false;
        }
        match principal.role {
            Role::Operator => true,
            Role::Reader if action.ends_with("/read") => true,
            _ => principal.allowed_actions.iter().any(|pattern| wildcard(pattern, action)),
        }
    }
}

fn check_assertion(principal: &PrincipalSeed, token: &str, wall: Timestamp) -> Result<(), Denial> {
    let payload = token.split('.').nth(1).ok_or(Denial::MalformedAssertion)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).map_err(|_| Denial::MalformedAssertion)?;
    let claims: Value = serde_json::from_slice(&bytes).map_err(|_| Denial::MalformedAssertion)?;
    let audiences = match &claims["aud"] {
        Value::Array(list) => list.clone(),
        single => vec![single.clone()],
    };
    if !audiences.iter().any(|audience| audience == EXCHANGE_AUDIENCE) {
        return Err(Denial::WrongAudience);
    }
    let subject = claims["sub"].as_str().unwrap_or_default();
    let mut subjects = principal.federated_subjects.iter().chain(&principal.federated_subject);
    if !subjects.any(|allowed| allowed == subject) {
        return Err(Denial::WrongSubject(subject.to_owned()));
    }
    match claims["exp"].as_i64() {
        Some(expires) if expires <= wall.as_second() => Err(Denial::AssertionExpired),
        _ => Ok(()),
    }
}

/// Whether `text` fits `pattern`, where `*` stands for any text; without regard to case.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_any_text() {
        let action = "Microsoft.RecoveryServices/vaults/replicationJobs/read";
        assert!(wildcard("*/read", action));
        assert!(wildcard("microsoft.recoveryservices/vaults/*", action));
        assert!(wildcard(action, action));
        assert!(!wildcard("*/action", action));
        assert!(!wildcard("Microsoft.RecoveryServices/vaults", action));
    }

    fn assertion(claims: &Value) -> String {
        format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn an_assertion_must_have_audience_subject_and_time() {
        let directory = Directory::new("t".to_owned(), vec![PrincipalSeed::default()]);
        let client = PrincipalSeed::default().client_id;
        let wall = Timestamp::from_second(1000).unwrap();
        let check = |claims: Value| directory.authenticate(&client, &Proof::Assertion(&assertion(&claims)), wall);
        let good =
            serde_json::json!({"aud": [EXCHANGE_AUDIENCE], "sub": "system:serviceaccount:demo:asr", "exp": 2000});
        assert!(check(good.clone()).is_ok());
        let with = |key: &str, value: Value| {
            let mut claims = good.clone();
            claims[key] = value;
            check(claims).err()
        };
        assert!(matches!(with("aud", "https://kubernetes".into()), Some(Denial::WrongAudience)));
        assert!(matches!(with("sub", "system:serviceaccount:other:asr".into()), Some(Denial::WrongSubject(_))));
        assert!(matches!(with("exp", 999.into()), Some(Denial::AssertionExpired)));
    }
}
