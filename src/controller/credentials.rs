//! The identity of a RecoveryVault: from its own namespace only, and never shown.

use super::context::Context;
use crate::api::v1alpha1::{IdentityType, RecoveryVault};
use crate::asr::{AsrClient, AssertionSource, EndpointError, Identity, TokenSource};
use async_trait::async_trait;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Api, PostParams};
use kube::{Client, ResourceExt};
use secrecy::SecretString;
use std::sync::Arc;

/// The audience that Entra ID expects in a federated token.
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A field that the type needs is missing.
    #[error("spec.identity.{0} is missing")]
    Missing(&'static str),
    /// ManagedIdentity where the installer did not allow it.
    #[error(
        "ManagedIdentity is the operator's own identity and is not allowed for this namespace; the installer allows it with --allow-managed-identity-namespace"
    )]
    NotAllowed,
    /// The Secret is not there or lacks its key.
    #[error("the Secret {name} has no key {key}; create it in the RecoveryVault's namespace")]
    Secret {
        /// Its name.
        name: String,
        /// The key.
        key: String,
    },
    /// The API server's.
    #[error("the API server: {0}")]
    Kube(#[from] kube::Error),
    /// The TLS set-up of the client.
    #[error("the Azure client cannot be made: {0}")]
    Endpoint(#[from] EndpointError),
}

/// Asks the API server for tokens of one ServiceAccount.
struct FederatedAssertion {
    client: Client,
    namespace: String,
    service_account: String,
}

impl std::fmt::Debug for FederatedAssertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServiceAccount {}/{}", self.namespace, self.service_account)
    }
}

#[async_trait]
impl AssertionSource for FederatedAssertion {
    async fn assertion(&self) -> Result<SecretString, String> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.namespace);
        let spec = TokenRequestSpec {
            audiences: vec![AUDIENCE.into()],
            expiration_seconds: Some(3600),
            ..TokenRequestSpec::default()
        };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer = accounts.create_token_request(&self.service_account, &PostParams::default(), &request).await;
        let token = answer.map_err(|error| format!("no token of the {self:?}: {error}"))?.status.map(|s| s.token);
        token.map(SecretString::from).ok_or_else(|| format!("the API server answered without a token of the {self:?}"))
    }
}

/// A client with the RecoveryVault's identity, and the fingerprint of what it was made from: another one needs another client.
///
/// # Errors
/// Why the identity cannot be used, in words for the person on call.
pub async fn client(ctx: &Context, vault: &RecoveryVault) -> Result<(AsrClient, String), CredentialsError> {
    let namespace = vault.namespace().unwrap_or_default();
    let spec = &vault.spec.identity;
    let need = |field: &Option<String>, name| field.clone().ok_or(CredentialsError::Missing(name));
    let mut version = String::new();
    let identity = match spec.identity_type {
        IdentityType::WorkloadIdentity => {
            let service_account = need(&spec.service_account_name, "serviceAccountName")?;
            let assertion = FederatedAssertion { client: ctx.kube.clone(), namespace, service_account };
            Identity::WorkloadIdentity {
                tenant: need(&spec.tenant_id, "tenantId")?,
                client_id: need(&spec.client_id, "clientId")?,
                assertion: Arc::new(assertion),
            }
        }
        IdentityType::ServicePrincipal => {
            let (secret, seen) = secret(ctx, &namespace, vault).await?;
            version = seen;
            Identity::ClientSecret {
                tenant: need(&spec.tenant_id, "tenantId")?,
                client_id: need(&spec.client_id, "clientId")?,
                secret,
            }
        }
        IdentityType::ManagedIdentity if ctx.settings.managed_identity_namespaces.contains(&namespace) => {
            Identity::ManagedIdentity { client_id: spec.client_id.clone() }
        }
        IdentityType::ManagedIdentity => return Err(CredentialsError::NotAllowed),
    };
    let tokens = TokenSource::new(&ctx.endpoint, identity)?;
    let fingerprint = format!("{:?}|{version}", vault.spec);
    Ok((AsrClient::new(ctx.endpoint.as_ref().clone(), tokens)?, fingerprint))
}

async fn secret(
    ctx: &Context,
    namespace: &str,
    vault: &RecoveryVault,
) -> Result<(SecretString, String), CredentialsError> {
    let named = vault.spec.identity.secret_ref.as_ref().ok_or(CredentialsError::Missing("secretRef"))?;
    let missing = || CredentialsError::Secret { name: named.name.clone(), key: named.key.clone() };
    let secrets: Api<Secret> = Api::namespaced(ctx.kube.clone(), namespace);
    let object = secrets.get_opt(&named.name).await?.ok_or_else(missing)?;
    let bytes = object.data.as_ref().and_then(|d| d.get(&named.key)).ok_or_else(missing)?;
    let text = String::from_utf8(bytes.0.clone()).map_err(|_| missing())?;
    Ok((SecretString::from(text.trim().to_owned()), object.resource_version().unwrap_or_default()))
}
