//! `asr-operator run`: the installer's choices, checked, and the process around the operator.

use super::azure::{AzureArgs, AzureArgsError};
use crate::controller::{Operator, RunError, Settings};
use crate::domain::budget::Allowance;
use crate::domain::observed::Limits;
use crate::telemetry;
use clap::Args;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Options of `asr-operator run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Which Azure.
    #[command(flatten)]
    pub azure: AzureArgs,
    /// Serve this namespace; may be repeated. None: all namespaces.
    #[arg(long = "namespace")]
    pub namespaces: Vec<String>,
    /// Where item records and claims are kept.
    #[arg(long, env = "POD_NAMESPACE", default_value = "asr-operator")]
    pub operator_namespace: String,
    /// This replica's name among the others, in its Lease; no two may have the same. Usually the pod's; if there is none,
    /// a random one.
    #[arg(long, env = "POD_NAME", value_parser = replica_name)]
    pub replica_name: Option<String>,
    /// Address of /metrics.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub metrics_addr: SocketAddr,
    /// Address of /healthz and /readyz.
    #[arg(long, default_value = "0.0.0.0:8081")]
    pub health_addr: SocketAddr,
    /// OpenTelemetry collector that is sent a trace of each request, by OTLP over HTTP: http://HOST:4318. None: no traces.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
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
    /// Seconds for which a request that comes too early (a commit before its failover) is not refused yet: what it waits for
    /// may be applied right behind it, as tools apply files in their own order.
    #[arg(long, default_value_t = 60)]
    pub early_grace: u64,
    /// Mutating calls in a minute that one identity makes on one vault at most, further ones wait; 0 is without limit.
    #[arg(long, default_value_t = 200)]
    pub provider_writes_per_minute: u32,
    /// Reads in an hour that one identity makes of one vault. Near it, lists and details are read less often; what a verb
    /// has to know is read all the same. 0 is without limit.
    #[arg(long, default_value_t = 10_000)]
    pub provider_reads_per_hour: u32,
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
    /// Which Azure it is, cannot be told.
    #[error(transparent)]
    Azure(#[from] AzureArgsError),
    /// The process cannot be set up.
    #[error("the process cannot be set up: {0}")]
    Process(#[from] std::io::Error),
    /// The operator could not start.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// A name that a Lease can bear behind the operator's own.
fn replica_name(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = text.len() <= 200 && text.chars().all(fits) && text.starts_with(ends) && text.ends_with(ends);
    if valid { Ok(text.to_owned()) } else { Err("a name is at most 200 of a-z, 0-9, - and .".to_owned()) }
}

impl RunArgs {
    fn settings(&self) -> Settings {
        Settings {
            namespaces: self.namespaces.clone(),
            operator_namespace: self.operator_namespace.clone(),
            limits: Limits {
                quarantine: Duration::from_secs(self.new_record_quarantine),
                max_validity: Duration::from_secs(self.max_validity),
                retry_unknown: self.retry_unknown,
                early_grace: Duration::from_secs(self.early_grace),
            },
            allowance: Allowance {
                writes_per_minute: self.provider_writes_per_minute,
                reads_per_hour: self.provider_reads_per_hour,
            },
            task_detail_every: Duration::from_secs(self.task_detail_every),
            managed_identity_namespaces: self.managed_identity_namespaces.clone(),
            replica_name: self.replica_name.clone().unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string()),
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
        endpoint: args.azure.endpoint()?,
        health: args.health_addr,
        metrics: args.metrics_addr,
        collector: args.otlp_endpoint.clone().filter(|endpoint| !endpoint.is_empty()),
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
