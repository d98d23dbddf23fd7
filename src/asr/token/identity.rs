//! Who asks for tokens, and one fetch of one token through azure_identity.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::http::{ClientMethodOptions, ClientOptions, RetryOptions, Transport};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use secrecy::{ExposeSecret, SecretString};

use super::failure::{TokenError, refused_or_unavailable, unavailable};
use crate::asr::endpoint::Endpoint;
use crate::asr::redact::redact;

/// Where a federated token comes from, for an identity that holds no secret.
#[async_trait]
pub trait AssertionSource: Send + Sync + fmt::Debug {
    /// A fresh assertion, or in words why there is none. The words are shown to people.
    async fn assertion(&self) -> Result<SecretString, String>;
}

/// Who asks for tokens.
#[derive(Clone, Debug)]
pub enum Identity {
    /// An application that trusts another issuer's tokens.
    WorkloadIdentity {
        /// The directory.
        tenant: String,
        /// The application's client id.
        client_id: String,
        /// Where its assertions come from.
        assertion: Arc<dyn AssertionSource>,
    },
    /// An application with a secret.
    ClientSecret {
        /// The directory.
        tenant: String,
        /// The application's client id.
        client_id: String,
        /// Its secret.
        secret: SecretString,
    },
    /// The identity of the machine or pod this runs on.
    ManagedIdentity {
        /// A user-assigned identity; `None` is the system-assigned one.
        client_id: Option<String>,
    },
}

impl Identity {
    /// Asks once. The credential is made for this fetch alone, so that its own cache, which blocks every caller while a
    /// refresh fails, never matters.
    pub(super) async fn fetch(&self, endpoint: &Endpoint, transport: &Transport) -> Result<AccessToken, TokenError> {
        let credential = self.credential(options(endpoint, transport)).await?;
        let access =
            credential.get_token(&[endpoint.scope()], None).await.map_err(|error| refused_or_unavailable(&error))?;
        if access.token.secret().is_empty() {
            return Err(unavailable("the answer held no token"));
        }
        Ok(access)
    }

    async fn credential(&self, client_options: ClientOptions) -> Result<Arc<dyn TokenCredential>, TokenError> {
        let made: azure_core::Result<Arc<dyn TokenCredential>> = match self {
            Self::WorkloadIdentity { tenant, client_id, assertion } => {
                let given = assertion.assertion().await.map_err(|why| TokenError::Assertion { why: redact(&why) })?;
                let options = ClientAssertionCredentialOptions { client_options };
                ClientAssertionCredential::new(tenant.clone(), client_id.clone(), Given(given), Some(options))
                    .map(|made| made as Arc<dyn TokenCredential>)
            }
            Self::ClientSecret { tenant, client_id, secret } => {
                let secret = Secret::from(secret.expose_secret().to_owned());
                let options = ClientSecretCredentialOptions { client_options };
                ClientSecretCredential::new(tenant, client_id.clone(), secret, Some(options))
                    .map(|made| made as Arc<dyn TokenCredential>)
            }
            Self::ManagedIdentity { client_id } => {
                let options = ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options,
                };
                ManagedIdentityCredential::new(Some(options)).map(|made| made as Arc<dyn TokenCredential>)
            }
        };
        made.map_err(|error| TokenError::Identity { why: redact(&error.to_string()) })
    }
}

fn options(endpoint: &Endpoint, transport: &Transport) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = endpoint.authority();
    ClientOptions {
        transport: Some(transport.clone()),
        retry: RetryOptions::none(),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    }
}

/// An assertion already fetched, in the form that azure_identity wants.
#[derive(Debug)]
struct Given(SecretString);

#[async_trait]
impl ClientAssertion for Given {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.expose_secret().to_owned())
    }
}
