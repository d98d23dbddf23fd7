//! Principals of the tenant: how they prove themselves to Entra ID, which tokens they hold, what ARM lets them do.
//!
//! Real time throughout. Secrets and tokens are compared and never shown; nothing here has `Debug`.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::federation::{Federation, check};
use super::ids::guid;
use super::seed::{PrincipalSeed, Role};

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
    WrongIssuer(String),
    WrongSignature,
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
    federation: Option<Federation>,
    tokens: HashMap<String, Token>,
}

impl Directory {
    pub(crate) fn new(tenant: String, principals: Vec<PrincipalSeed>, federation: Option<Federation>) -> Self {
        Self { tenant, principals, federation, tokens: HashMap::new() }
    }

    /// The identity of the machine, the one of that application id where one is named.
    pub(crate) fn managed(&self, client: Option<&str>) -> Option<usize> {
        let is_it = |p: &PrincipalSeed| client.is_none_or(|client| p.client_id.eq_ignore_ascii_case(client));
        self.principals.iter().position(|p| p.managed_identity && is_it(p))
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
            Proof::Assertion(token) => check(self.federation.as_ref(), principal, token, wall).map(|()| index),
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
}
