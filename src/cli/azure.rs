//! Which Azure the programs speak to, as options.

use crate::asr::{Cloud, DEFAULT_API_VERSION, Endpoint, EndpointError};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// A cloud by name.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum CloudName {
    /// The public cloud.
    AzurePublic,
    /// US Government.
    AzureGovernment,
    /// Operated by 21Vianet.
    AzureChina,
}

/// Options that name ARM and Entra ID. They are the installer's choice and never a field of a resource: a tenant could
/// otherwise have another tenant's token sent to its own host.
#[derive(Clone, Debug, Args)]
pub struct AzureArgs {
    /// The Azure cloud.
    #[arg(long, value_enum, default_value = "AzurePublic", env = "ASR_CLOUD")]
    pub cloud: CloudName,
    /// Another Resource Manager, by its `https://` address; needs --authority-host.
    #[arg(long, requires = "authority_host")]
    pub arm_endpoint: Option<String>,
    /// Another Entra ID; needs --arm-endpoint.
    #[arg(long, requires = "arm_endpoint")]
    pub authority_host: Option<String>,
    /// PEM file of certificates to trust instead of the system's.
    #[arg(long)]
    pub ca_bundle: Option<PathBuf>,
    /// The api-version of Site Recovery calls.
    #[arg(long, default_value = DEFAULT_API_VERSION)]
    pub api_version: String,
}

/// Why these options name no Azure.
#[derive(Debug, thiserror::Error)]
pub enum AzureArgsError {
    /// An endpoint that cannot be used.
    #[error("{0}; check --cloud, --arm-endpoint, --authority-host and --ca-bundle")]
    Endpoint(#[from] EndpointError),
    /// The CA file cannot be read.
    #[error("--ca-bundle {}: {source}", path.display())]
    CaBundle {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl AzureArgs {
    /// The Azure that they name.
    ///
    /// # Errors
    /// When an address or the CA file cannot be used.
    pub fn endpoint(&self) -> Result<Endpoint, AzureArgsError> {
        let endpoint = match (&self.arm_endpoint, &self.authority_host) {
            (Some(arm), Some(authority)) => Endpoint::custom(arm, authority)?,
            _ => Endpoint::cloud(match self.cloud {
                CloudName::AzurePublic => Cloud::AzurePublic,
                CloudName::AzureGovernment => Cloud::AzureGovernment,
                CloudName::AzureChina => Cloud::AzureChina,
            }),
        };
        let endpoint = endpoint.with_api_version(&self.api_version)?;
        let Some(path) = &self.ca_bundle else { return Ok(endpoint) };
        let pem = std::fs::read(path).map_err(|source| AzureArgsError::CaBundle { path: path.clone(), source })?;
        Ok(endpoint.with_ca_pem(&pem)?)
    }
}
