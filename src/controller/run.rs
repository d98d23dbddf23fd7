//! Start and end of the operator: clients, caches, one controller per kind and watched namespace.

use super::census;
use super::context::{Context, Settings, Surroundings};
use super::kinds::RequestWatch;
use super::machine::ThisMachine;
use super::passes::over;
use super::replicas::{self, Replicas};
use super::runner::{Pass, Watched, watch};
use super::stores::Stores;
use super::wake::Sleeper;
use crate::api::v1alpha1::{ItemRecord, RecoveryVault, ReplicatedVm, RequestDecision};
use crate::asr::Endpoint;
use crate::telemetry::{CollectorError, Metrics, Probes, Readiness, Traces};
use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::Api;
use kube::{Client, Config};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Why the operator could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No cluster is configured.
    #[error("no cluster: {0}; set KUBECONFIG, or run inside a cluster")]
    Config(#[from] kube::config::InferConfigError),
    /// The API client could not be made.
    #[error("the API server: {0}")]
    Kube(#[from] kube::Error),
    /// No collector can be used.
    #[error(transparent)]
    Traces(#[from] CollectorError),
    /// An address is taken.
    #[error("the probes cannot be served: {0}; choose other addresses with --health-addr and --metrics-addr")]
    Probes(#[from] std::io::Error),
}

/// The operator, ready to run.
#[derive(Debug)]
pub struct Operator {
    /// The installer's choices.
    pub settings: Settings,
    /// Where Azure is.
    pub endpoint: Endpoint,
    /// Address of `/healthz` and `/readyz`.
    pub health: SocketAddr,
    /// Address of `/metrics`.
    pub metrics: SocketAddr,
    /// The collector of traces, if there is one.
    pub collector: Option<String>,
}

impl Operator {
    /// Runs until `stop`; then lets every pass finish, a call in flight included.
    ///
    /// # Errors
    /// Why it could not start.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let traces = match &self.collector {
            Some(endpoint) => Traces::to(endpoint, &self.settings.replica_name)?,
            None => Traces::default(),
        };
        let probes = Probes::bind(self.health, self.metrics).await?;
        let (health, metrics_addr) = probes.addresses()?;
        tracing::info!(health = %health, metrics = %metrics_addr, "serving probes");
        let readiness = Readiness::not_yet("starting");
        let metrics = Arc::new(Metrics::default());
        let serving = tokio::spawn(probes.serve(readiness.clone(), Arc::clone(&metrics), stop.clone()));
        let kube = Client::try_from(Config::infer().await?)?;
        await_definitions(&kube, &readiness, &stop).await;
        let (ctx, controllers) = self.controllers(kube, (metrics, traces), &readiness, &stop).await?;
        let begun = async {
            if await_caches(&ctx, &readiness, &stop).await {
                tracing::info!(health = %health, metrics = %metrics_addr, "ready");
            }
        };
        tokio::join!(futures::future::join_all(controllers), begun);
        for key in ctx.vaults.keys() {
            ctx.vaults.remove(&key);
        }
        stop.cancel();
        drop(serving.await);
        let traces = ctx.traces;
        drop(tokio::task::spawn_blocking(move || traces.end()).await);
        tracing::info!("stopped");
        Ok(())
    }

    async fn controllers(
        self,
        kube: Client,
        (metrics, traces): (Arc<Metrics>, Traces),
        readiness: &Readiness,
        stop: &CancellationToken,
    ) -> Result<(Context, Vec<BoxFuture<'static, ()>>), RunError> {
        let spaces = scopes(&self.settings.namespaces);
        let mut watched = Kinds::new(&kube, &spaces);
        let careful = careful_client().await?;
        let around = Surroundings {
            careful: careful.clone(),
            endpoint: self.endpoint,
            machine: Arc::new(ThisMachine),
            replicas: Replicas::new(&self.settings.replica_name),
            kube,
            metrics,
            traces,
        };
        let ctx = Context::new(self.settings, watched.stores(), around);
        let mut controllers = watched.run(&ctx, stop);
        controllers.push(census::run(ctx.clone(), stop.clone()).boxed());
        controllers.push(replicas::run(ctx.clone(), careful, readiness.clone(), stop.clone()).boxed());
        Ok((ctx, controllers))
    }
}

/// A client that repeats nothing and does not wait long: for compare-and-swap.
async fn careful_client() -> Result<Client, RunError> {
    let mut config = Config::infer().await?;
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(3));
    config.read_timeout = Some(Duration::from_secs(5));
    config.write_timeout = Some(Duration::from_secs(5));
    Ok(Client::try_from(config)?)
}

fn scopes(namespaces: &[String]) -> Vec<Option<String>> {
    if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() }
}

/// The watches of all kinds, one per kind and namespace.
struct Kinds {
    requests: Vec<RequestWatch>,
    vms: Vec<Watched<ReplicatedVm>>,
    vaults: Vec<Watched<RecoveryVault>>,
    decisions: Vec<Watched<RequestDecision>>,
    kube: Client,
}

impl Kinds {
    fn new(kube: &Client, spaces: &[Option<String>]) -> Self {
        Self {
            requests: RequestWatch::all(kube, spaces),
            vms: watch(kube, spaces),
            vaults: watch(kube, spaces),
            decisions: watch(kube, spaces),
            kube: kube.clone(),
        }
    }

    /// The caches, and the controllers of requests without theirs.
    fn stores(&mut self) -> Stores {
        let lasting = self.vms.iter().map(Watched::filled).chain(self.vaults.iter().map(Watched::filled));
        Stores {
            filled: self.requests.iter().flat_map(|kind| kind.filled.clone()).chain(lasting).collect(),
            finders: self.requests.iter().map(|kind| kind.finder.clone()).collect(),
            requests: self.requests.iter_mut().map(RequestWatch::take_cache).collect(),
            vms: self.vms.iter().map(Watched::store).collect(),
            vaults: self.vaults.iter().map(Watched::store).collect(),
        }
    }

    fn run(self, ctx: &Context, stop: &CancellationToken) -> Vec<BoxFuture<'static, ()>> {
        let vault: Pass = Arc::new(|ctx, namespace, name| over(ctx, Sleeper::Vault(namespace, name)));
        let vm: Pass = Arc::new(|ctx, namespace, name| over(ctx, Sleeper::Vm(namespace, name)));
        let decision: Pass = Arc::new(|ctx, namespace, name| over(ctx, Sleeper::Decision(namespace, name)));
        let record: Pass = Arc::new(|ctx, _, name| over(ctx, Sleeper::Record(name)));
        let records = Watched::<ItemRecord>::new(Api::namespaced(self.kube, &ctx.settings.operator_namespace));
        let mut all: Vec<BoxFuture<'static, ()>> = Vec::new();
        for watched in self.vaults {
            all.push(watched.run(ctx.clone(), pick_vault, Arc::clone(&vault), stop.clone()).boxed());
        }
        for watched in self.vms {
            all.push(watched.run(ctx.clone(), pick_vm, Arc::clone(&vm), stop.clone()).boxed());
        }
        for watched in self.decisions {
            all.push(watched.run(ctx.clone(), pick_decision, Arc::clone(&decision), stop.clone()).boxed());
        }
        all.extend(self.requests.into_iter().flat_map(|kind| kind.run(ctx, stop)));
        all.push(records.run(ctx.clone(), |_| None, record, stop.clone()).boxed());
        all
    }
}

fn pick_vault(sleeper: &Sleeper) -> Option<(String, String)> {
    match sleeper {
        Sleeper::Vault(namespace, name) => Some((namespace.clone(), name.clone())),
        _ => None,
    }
}

fn pick_vm(sleeper: &Sleeper) -> Option<(String, String)> {
    match sleeper {
        Sleeper::Vm(namespace, name) => Some((namespace.clone(), name.clone())),
        _ => None,
    }
}

fn pick_decision(sleeper: &Sleeper) -> Option<(String, String)> {
    match sleeper {
        Sleeper::Decision(namespace, name) => Some((namespace.clone(), name.clone())),
        _ => None,
    }
}

/// Says what the caches lack until they are filled: before that no object is worked on, and an older replica must not give
/// way to this one. False when it is to stop before that.
async fn await_caches(ctx: &Context, readiness: &Readiness, stop: &CancellationToken) -> bool {
    let mut told = None;
    while let Some(missing) = ctx.stores.not_listed() {
        if told.as_ref() != Some(&missing) {
            tracing::warn!(%missing, "waiting for the first lists");
        }
        readiness.set(Err(missing.clone()));
        told = Some(missing);
        tokio::select! {
            () = stop.cancelled() => return false,
            () = ctx.stores.ready() => {}
            () = tokio::time::sleep(LISTS_TOLD_EVERY) => {}
        }
    }
    readiness.set(Ok(()));
    true
}

/// How often it is looked what the first lists wait for.
const LISTS_TOLD_EVERY: Duration = Duration::from_secs(2);

/// Waits until every definition is installed with all fields that this version writes; a status field that the cluster
/// does not know would be dropped without a word.
async fn await_definitions(kube: &Client, readiness: &Readiness, stop: &CancellationToken) {
    let api: Api<CustomResourceDefinition> = Api::all(kube.clone());
    while !stop.is_cancelled() {
        match missing_field(&api).await {
            Ok(None) => return,
            Ok(Some(missing)) => {
                tracing::warn!(%missing, "waiting for the custom resource definitions of this version");
                readiness.set(Err(format!(
                    "the installed custom resource definitions lack {missing}; apply those of this version"
                )));
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                tracing::warn!(
                    "the operator may not read custom resource definitions; it trusts that they are those of this version"
                );
                return;
            }
            Err(error) => {
                tracing::warn!(%error, "the custom resource definitions cannot be read");
                readiness.set(Err(format!("the API server: {error}")));
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
    }
}

async fn missing_field(api: &Api<CustomResourceDefinition>) -> Result<Option<String>, kube::Error> {
    let wanted = crate::api::all_crds().map_err(|error| kube::Error::Service(Box::new(error)))?;
    for crd in wanted {
        let name = crd.metadata.name.clone().unwrap_or_default();
        let Some(installed) = api.get_opt(&name).await? else { return Ok(Some(name)) };
        if let Some(path) = lacks(&schema(&crd), &schema(&installed), &name) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn schema(crd: &CustomResourceDefinition) -> serde_json::Value {
    let version = crd.spec.versions.iter().find(|v| v.name == crate::api::VERSION);
    let schema = version.and_then(|v| v.schema.as_ref()).and_then(|s| s.open_api_v3_schema.as_ref());
    schema.and_then(|s| serde_json::to_value(s).ok()).unwrap_or_default()
}

/// The first property of `wanted` that `installed` lacks.
fn lacks(wanted: &serde_json::Value, installed: &serde_json::Value, path: &str) -> Option<String> {
    if let Some(properties) = wanted.get("properties").and_then(|p| p.as_object()) {
        for (name, inner) in properties {
            let path = format!("{path}.{name}");
            let Some(there) = installed.get("properties").and_then(|p| p.get(name)) else { return Some(path) };
            if let Some(missing) = lacks(inner, there, &path) {
                return Some(missing);
            }
        }
    }
    let items = wanted.get("items")?;
    lacks(items, installed.get("items").unwrap_or(&serde_json::Value::Null), &format!("{path}[]"))
}
