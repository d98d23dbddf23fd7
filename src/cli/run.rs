//! `asr-operator run`: the installer's choices, checked, and the process around the operator.

use crate::asr::{Cloud, DEFAULT_API_VERSION, Endpoint, EndpointError};
use crate::controller::{Operator, RunError, Settings};
use crate::domain::observed::Limits;
use crate::telemetry;
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

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

/// Options of `asr-operator run`. Endpoints are the installer's choice and never a field of a resource: a tenant could
/// otherwise have another tenant's token sent to its own host.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
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
    /// Serve this namespace; may be repeated. None: all namespaces.
    #[arg(long = "namespace")]
    pub namespaces: Vec<String>,
    /// Where item records and claims are kept.
    #[arg(long, env = "POD_NAMESPACE", default_value = "asr-operator")]
    pub operator_namespace: String,
    /// Address of /metrics.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub metrics_addr: SocketAddr,
    /// Address of /healthz and /readyz.
    #[arg(long, default_value = "0.0.0.0:8081")]
    pub health_addr: SocketAddr,
    /// Namespace whose RecoveryVaults may use the pod's own managed identity; may be repeated.
    #[arg(long = "allow-managed-identity-namespace")]
    pub managed_identity_namespaces: Vec<String>,
    /// Seconds for which a new item record makes no call: another cluster may have just sent one. 0 is for demos and tests.
    #[arg(long, default_value_t = 300)]
    pub new_record_quarantine: u64,
    /// Seconds that validUntil may lie ahead.
    #[arg(long, default_value_t = 7 * 24 * 3600)]
    pub max_validity: u64,
    /// Whether a call of which provably nothing came (no job, idle item, 210 s later) is made a second and last time. Only
    /// where the vault's jobs were seen to carry the ids of their calls; false leaves every lost answer to a person.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub retry_unknown: bool,
    /// Seconds between two reads of a running job's tasks.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub task_detail_every: u64,
    /// Objects of one kind that are worked on at once.
    #[arg(long, default_value_t = 16)]
    pub concurrency: u16,
}

/// Why the operator ended.
#[derive(Debug, thiserror::Error)]
pub enum RunFailure {
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
    /// The process cannot be set up.
    #[error("the process cannot be set up: {0}")]
    Process(#[from] std::io::Error),
    /// The operator could not start.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl RunArgs {
    fn endpoint(&self) -> Result<Endpoint, RunFailure> {
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
        let pem = std::fs::read(path).map_err(|source| RunFailure::CaBundle { path: path.clone(), source })?;
        Ok(endpoint.with_ca_pem(&pem)?)
    }

    fn settings(&self) -> Settings {
        Settings {
            namespaces: self.namespaces.clone(),
            operator_namespace: self.operator_namespace.clone(),
            limits: Limits {
                quarantine: Duration::from_secs(self.new_record_quarantine),
                max_validity: Duration::from_secs(self.max_validity),
                retry_unknown: self.retry_unknown,
            },
            task_detail_every: Duration::from_secs(self.task_detail_every),
            managed_identity_namespaces: self.managed_identity_namespaces.clone(),
            concurrency: self.concurrency,
        }
    }
}

/// Runs the operator until SIGTERM or SIGINT; then lets what runs finish.
///
/// # Errors
/// Why it could not start.
pub fn run(args: &RunArgs) -> Result<(), RunFailure> {
    telemetry::init();
    let operator = Operator {
        settings: args.settings(),
        endpoint: args.endpoint()?,
        health: args.health_addr,
        metrics: args.metrics_addr,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stopping = stop.clone();
        tokio::spawn(async move {
            tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            tracing::info!("stopping: passes in flight are finished");
            stopping.cancel();
        });
        Ok(operator.run(stop).await?)
    })
}
