//! The identity of a RecoveryVault: from its own namespace only, and never shown.

use super::context::Context;
use crate::api::v1alpha1::{Identity as Named, IdentityType};
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
    #[error("spec.{0}.{1} is missing")]
    Missing(&'static str, &'static str),
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
    /// No Role lets the operator read the Secret.
    #[error(
        "the operator may not read the Secret {name}; a Role in the RecoveryVault's namespace has to name it, as in deploy/tenant/role.yaml"
    )]
    Forbidden {
        /// Its name.
        name: String,
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

/// A client with the identity that `field` of a RecoveryVault in `namespace` names, and the version of its Secret: another one
/// needs another client.
///
/// # Errors
/// Why the identity cannot be used, in words for the person on call.
pub async fn client(
    ctx: &Context,
    namespace: &str,
    spec: &Named,
    field: &'static str,
) -> Result<(AsrClient, String), CredentialsError> {
    let need = |value: &Option<String>, name| value.clone().ok_or(CredentialsError::Missing(field, name));
    let mut version = String::new();
    let identity = match spec.identity_type {
        IdentityType::WorkloadIdentity => {
            let service_account = need(&spec.service_account_name, "serviceAccountName")?;
            let assertion =
                FederatedAssertion { client: ctx.kube.clone(), namespace: namespace.to_owned(), service_account };
            Identity::WorkloadIdentity {
                tenant: need(&spec.tenant_id, "tenantId")?,
                client_id: need(&spec.client_id, "clientId")?,
                assertion: Arc::new(assertion),
            }
        }
        IdentityType::ServicePrincipal => {
            let (secret, seen) = secret(ctx, namespace, spec, field).await?;
            version = seen;
            Identity::ClientSecret {
                tenant: need(&spec.tenant_id, "tenantId")?,
                client_id: need(&spec.client_id, "clientId")?,
                secret,
            }
        }
        IdentityType::ManagedIdentity if ctx.settings.managed_identity_namespaces.iter().any(|n| n == namespace) => {
            Identity::ManagedIdentity { client_id: spec.client_id.clone() }
        }
        IdentityType::ManagedIdentity => return Err(CredentialsError::NotAllowed),
    };
    let tokens = TokenSource::new(&ctx.endpoint, identity)?;
    Ok((AsrClient::new(ctx.endpoint.as_ref().clone(), tokens)?, version))
}

/// Who an identity is to Azure.
pub fn who(identity: &Named) -> String {
    format!("{:?}/{:?}/{:?}", identity.identity_type, identity.tenant_id, identity.client_id)
}

async fn secret(
    ctx: &Context,
    namespace: &str,
    spec: &Named,
    field: &'static str,
) -> Result<(SecretString, String), CredentialsError> {
    let named = spec.secret_ref.as_ref().ok_or(CredentialsError::Missing(field, "secretRef"))?;
    let missing = || CredentialsError::Secret { name: named.name.clone(), key: named.key.clone() };
    let secrets: Api<Secret> = Api::namespaced(ctx.kube.clone(), namespace);
    let object = secrets.get_opt(&named.name).await.map_err(|error| match error {
        kube::Error::Api(said) if said.code == 403 => CredentialsError::Forbidden { name: named.name.clone() },
        other => other.into(),
    })?;
    let object = object.ok_or_else(missing)?;
    let bytes = object.data.as_ref().and_then(|d| d.get(&named.key)).ok_or_else(missing)?;
    let text = String::from_utf8(bytes.0.clone()).map_err(|_| missing())?;
    Ok((SecretString::from(text.trim().to_owned()), object.resource_version().unwrap_or_default()))
}
