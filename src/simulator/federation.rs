//! Workload identity federation: what Entra ID looks at in the token of a ServiceAccount before it gives one of its own.
//!
//! Its signature is verified with the cluster's own key where the seed names the cluster; the token is never shown.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use super::principal::Denial;
use super::seed::{FederationSeed, PrincipalSeed, SeedError};

/// The audience that Entra ID wants in a federated token.
const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

/// Bytes of a point on the curve P-256, uncompressed: what a public key of it ends with.
const POINT: usize = 65;

/// A cluster whose tokens are trusted.
pub(crate) struct Federation {
    issuer: String,
    key: Vec<u8>,
}

impl Federation {
    /// The cluster of a seed.
    pub(crate) fn read(seed: &FederationSeed) -> Result<Self, SeedError> {
        let lines = seed.public_key.lines().map(str::trim);
        let base64: String = lines.filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(base64).map_err(|_| SeedError::FederationKey)?;
        let from = der.len().checked_sub(POINT).ok_or(SeedError::FederationKey)?;
        Ok(Self { issuer: seed.issuer.clone(), key: der[from..].to_vec() })
    }

    /// Whether the cluster signed `signed`.
    fn signed(&self, header: &Value, signed: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.key);
        header["alg"] == "ES256" && key.verify(signed.as_bytes(), signature).is_ok()
    }
}

/// Checks the token that a client shows in place of a secret, at the real instant `wall`.
pub(crate) fn check(
    federation: Option<&Federation>,
    principal: &PrincipalSeed,
    token: &str,
    wall: Timestamp,
) -> Result<(), Denial> {
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        return Err(Denial::MalformedAssertion);
    };
    let (header_of, claims) = (json(header)?, json(payload)?);
    if let Some(cluster) = federation {
        let issuer = claims["iss"].as_str().unwrap_or_default();
        if issuer != cluster.issuer {
            return Err(Denial::WrongIssuer(issuer.to_owned()));
        }
        let signed = &token[..header.len() + 1 + payload.len()];
        if !cluster.signed(&header_of, signed, &decoded(signature)?) {
            return Err(Denial::WrongSignature);
        }
    }
    says(principal, &claims, wall)
}

fn decoded(part: &str) -> Result<Vec<u8>, Denial> {
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| Denial::MalformedAssertion)
}

fn json(part: &str) -> Result<Value, Denial> {
    serde_json::from_slice(&decoded(part)?).map_err(|_| Denial::MalformedAssertion)
}

/// Whether it is for Entra ID, of whom it should be, and still good.
fn says(principal: &PrincipalSeed, claims: &Value, wall: Timestamp) -> Result<(), Denial> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use serde_json::json;

    const ISSUER: &str = "https://kubernetes.default.svc";

    fn claims() -> Value {
        json!({"iss": ISSUER, "aud": [EXCHANGE_AUDIENCE], "sub": "system:serviceaccount:demo:asr", "exp": 2000})
    }

    fn encoded(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn checked(federation: Option<&Federation>, token: &str) -> Option<Denial> {
        check(federation, &PrincipalSeed::default(), token, Timestamp::from_second(1000).unwrap()).err()
    }

    #[test]
    fn an_assertion_must_have_audience_subject_and_time() {
        let unsigned = |claims: &Value| checked(None, &format!("e30.{}.c2ln", encoded(claims)));
        assert!(unsigned(&claims()).is_none());
        let with = |key: &str, value: Value| {
            let mut claims = claims();
            claims[key] = value;
            unsigned(&claims)
        };
        assert!(matches!(with("aud", "https://kubernetes".into()), Some(Denial::WrongAudience)));
        assert!(matches!(with("sub", "system:serviceaccount:other:asr".into()), Some(Denial::WrongSubject(_))));
        assert!(matches!(with("exp", 999.into()), Some(Denial::AssertionExpired)));
        assert!(matches!(checked(None, "e30.e30"), Some(Denial::MalformedAssertion)));
    }

    #[test]
    fn an_assertion_must_be_signed_by_the_cluster_that_it_names() {
        let pair = rcgen::KeyPair::generate().unwrap();
        let seed = FederationSeed { issuer: ISSUER.into(), public_key: pair.public_key_pem() };
        let cluster = Federation::read(&seed).unwrap();
        let random = SystemRandom::new();
        let sign = |pair: &rcgen::KeyPair, claims: &Value, algorithm: &str| {
            let der = pair.serialize_der();
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).unwrap();
            let signed = format!("{}.{}", encoded(&json!({"alg": algorithm})), encoded(claims));
            let signature = key.sign(&random, signed.as_bytes()).unwrap();
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        };
        let good = sign(&pair, &claims(), "ES256");
        assert!(checked(Some(&cluster), &good).is_none());
        let other = sign(&rcgen::KeyPair::generate().unwrap(), &claims(), "ES256");
        assert!(matches!(checked(Some(&cluster), &other), Some(Denial::WrongSignature)));
        assert!(matches!(checked(Some(&cluster), &sign(&pair, &claims(), "none")), Some(Denial::WrongSignature)));
        let mut elsewhere = claims();
        elsewhere["iss"] = "https://elsewhere".into();
        assert!(matches!(checked(Some(&cluster), &sign(&pair, &elsewhere, "ES256")), Some(Denial::WrongIssuer(_))));
        let (signed, signature) = good.rsplit_once('.').unwrap();
        let forged =
            format!("{}.{}.{signature}", signed.split('.').next().unwrap(), encoded(&elsewhere).replace('x', "y"));
        assert!(checked(Some(&cluster), &forged).is_some());
        let unread = FederationSeed { issuer: ISSUER.into(), public_key: "nonsense".into() };
        assert!(matches!(Federation::read(&unread), Err(SeedError::FederationKey)));
    }
}
