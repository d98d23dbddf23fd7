//! The loop around every reconcile: bounded concurrency, panics caught, backoff per object, graceful end.

use super::context::Context;
use super::events::kind_label;
use super::passes::{Reported, news, wait};
use super::request::PassError;
use super::stores::Listed;
use super::wake::{Sleeper, Wake};
use crate::domain::backoff::{Class, delay};
use crate::domain::request::Next;
use crate::telemetry::PassOutcome;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config as ControllerConfig, Controller};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{PredicateConfig, WatchStreamExt};
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// One pass, by namespace and name.
pub type Pass = Arc<dyn Fn(Context, String, String) -> BoxFuture<'static, Result<Next, PassError>> + Send + Sync>;

/// A kind's watch: its API and the writer of its cache.
pub struct Watched<K: Resource<DynamicType = ()> + Clone + 'static>
where
    DeserializeGuard<K>: kube::runtime::reflector::Lookup<DynamicType = ()>,
{
    api: Api<DeserializeGuard<K>>,
    writer: Writer<DeserializeGuard<K>>,
    store: Store<DeserializeGuard<K>>,
    filled: watch::Sender<Listed>,
}

impl<K> Watched<K>
where
    K: Resource<DynamicType = ()> + Reported + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// A watch over `api` with an empty cache.
    pub fn new(api: Api<DeserializeGuard<K>>) -> Self {
        let (store, writer) = reflector::store();
        Self { api, writer, store, filled: watch::Sender::new(Listed::NotYet(None)) }
    }

    /// Its cache.
    pub fn store(&self) -> Store<DeserializeGuard<K>> {
        self.store.clone()
    }

    /// Whether its cache has seen all there is.
    pub fn filled(&self) -> watch::Receiver<Listed> {
        self.filled.subscribe()
    }

    /// Runs `pass` for every object that appears, changes, is due or is woken, until `stop`; then lets what runs finish.
    pub async fn run(
        self,
        ctx: Context,
        pick: impl Fn(&Sleeper) -> Option<(String, String)> + Send + 'static,
        pass: Pass,
        stop: CancellationToken,
    ) {
        let kind = kind_label(K::kind(&()).as_ref());
        let woken = Wake::stream::<DeserializeGuard<K>>(&ctx.wake, pick);
        // managedFields are three quarters of an object, and nothing reads them.
        let events =
            watcher(self.api, watcher::Config::default()).default_backoff().modify(|o| o.managed_fields_mut().clear());
        let filled = self.filled;
        let stream = events
            .reflect(self.writer)
            .inspect(move |event| match event {
                Ok(watcher::Event::InitDone) => {
                    filled.send_replace(Listed::All);
                }
                Ok(_) => {}
                Err(error) => {
                    filled.send_if_modified(|listed| still_missing(listed, error));
                }
            })
            .touched_objects()
            .predicate_filter(news, PredicateConfig::default());
        let config = ControllerConfig::default().concurrency(ctx.settings.concurrency);
        let runner = Arc::new(Runner { ctx, kind, pass, failures: Mutex::default() });
        Controller::for_stream(stream, self.store)
            .with_config(config)
            .reconcile_on(woken)
            .graceful_shutdown_on(stop.cancelled_owned())
            .run(
                |object: Arc<DeserializeGuard<K>>, runner: Arc<Runner>| async move {
                    Ok::<_, std::convert::Infallible>(runner.once(&ObjectRef::from_obj(object.as_ref())).await)
                },
                |_, never: &std::convert::Infallible, _| match *never {},
                runner,
            )
            .for_each(|outcome| async move {
                if let Err(error) = outcome {
                    tracing::debug!(kind, %error, "controller");
                }
            })
            .await;
    }
}

/// Notes why the first list fails, where it was not had yet.
fn still_missing(listed: &mut Listed, error: &watcher::Error) -> bool {
    let missing = *listed != Listed::All;
    if missing {
        *listed = Listed::NotYet(Some(error.to_string()));
    }
    missing
}

/// The watches of one kind, one per watched namespace.
pub fn watch<K>(kube: &Client, spaces: &[Option<String>]) -> Vec<Watched<K>>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Reported
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let api = |space: &Option<String>| match space {
        Some(namespace) => Api::<DeserializeGuard<K>>::namespaced(kube.clone(), namespace),
        None => Api::all(kube.clone()),
    };
    spaces.iter().map(|space| Watched::new(api(space))).collect()
}

struct Runner {
    ctx: Context,
    kind: &'static str,
    pass: Pass,
    failures: Mutex<HashMap<(String, String), u32>>,
}

impl Runner {
    async fn once<K: kube::runtime::reflector::Lookup>(&self, object: &ObjectRef<K>) -> Action {
        let key = (object.namespace.clone().unwrap_or_default(), object.name.clone());
        let pass = (self.pass)(self.ctx.clone(), key.0.clone(), key.1.clone());
        match AssertUnwindSafe(pass).catch_unwind().await {
            Ok(Ok(next)) => {
                self.count(PassOutcome::Done);
                self.forget(&key);
                action(next)
            }
            Ok(Err(error)) => {
                self.count(PassOutcome::Failed);
                let attempt = self.failed(key.clone());
                let wait = delay(Class::Transient, attempt, self.ctx.machine.chance());
                tracing::warn!(kind = self.kind, namespace = %key.0, name = %key.1, %error, attempt, retry_in = ?wait, "a pass did not come to its end");
                Action::requeue(wait)
            }
            Err(_) => {
                self.count(PassOutcome::Panicked);
                tracing::error!(kind = self.kind, namespace = %key.0, name = %key.1, reason = "InternalError", "a pass panicked; this is a bug, please report it");
                Action::requeue(Duration::from_secs(600))
            }
        }
    }

    fn count(&self, outcome: PassOutcome) {
        self.ctx.metrics.pass(self.kind, outcome);
    }

    fn failed(&self, key: (String, String)) -> u32 {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = failures.entry(key).or_default();
        *attempt = attempt.saturating_add(1);
        *attempt
    }

    fn forget(&self, key: &(String, String)) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

fn action(next: Next) -> Action {
    wait(next).map_or_else(Action::await_change, Action::requeue)
}
