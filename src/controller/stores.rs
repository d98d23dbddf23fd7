//! Caches of what is watched: enough to find who waits for whom. Nothing irreversible is decided by them.

use super::convert::record::step_object;
use crate::api::v1alpha1::{AdoptionState, RecoveryVault, ReplicatedVm, Request};
use crate::asr::VaultId;
use crate::domain::Reason;
use crate::domain::ids::{Kind, RequestKey, Step};
use crate::domain::observed::Adoption;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, Store};
use std::sync::Arc;
use tokio::sync::watch;

/// One kind's cache per watched namespace.
pub type Caches<K> = Vec<Store<DeserializeGuard<K>>>;

/// One kind's requests, as the queue of a VM sees them.
pub type RequestCache = Box<dyn Fn() -> Vec<Waiting> + Send + Sync>;

/// One request of a kind by its namespace and name.
pub type RequestFinder = Arc<dyn Fn(&str, &str) -> Option<Waiting> + Send + Sync>;

/// The requests in one kind's caches.
pub fn waiting_of<K: Request>(kind: Kind, caches: Caches<K>) -> RequestCache
where
    DeserializeGuard<K>: kube::runtime::reflector::Lookup<DynamicType = ()>,
{
    Box::new(move || each(&caches, |request| waiting(request, kind)))
}

/// One of the requests in one kind's caches.
pub fn finder_of<K: Request>(kind: Kind, caches: Caches<K>) -> RequestFinder
where
    DeserializeGuard<K>: kube::runtime::reflector::Lookup<DynamicType = ()>,
{
    Arc::new(move |namespace, name| one(&caches, namespace, name, |request| waiting(request, kind)))
}

/// What a watch has seen of what was there before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Not all of it yet, and why, where the API server said so.
    NotYet(Option<String>),
    /// All of it.
    All,
}

/// All caches.
#[derive(Default)]
pub struct Stores {
    /// Requests, one cache per kind.
    pub requests: Vec<RequestCache>,
    /// The same, by name.
    pub finders: Vec<(Kind, RequestFinder)>,
    /// ReplicatedVms.
    pub vms: Caches<ReplicatedVm>,
    /// RecoveryVaults.
    pub vaults: Caches<RecoveryVault>,
    /// Whether each of the caches has seen all there is.
    pub filled: Vec<watch::Receiver<Listed>>,
}

/// What the queue of a VM needs to know of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The request.
    pub key: RequestKey,
    /// The ReplicatedVm that it names.
    pub vm: String,
    /// Its priority.
    pub priority: i32,
    /// Its age.
    pub created: Option<Timestamp>,
    /// ARM id of the vault that it was accepted for, as its status shows it.
    pub vault: Option<String>,
    /// Its status says that it ended.
    pub ended: bool,
    /// It is being deleted.
    pub deleted: bool,
    /// What it waits for, by its status.
    pub waits_for: Option<Reason>,
    /// What its status says of it.
    pub reason: Option<Reason>,
    /// Its status says that the source VM was not shut down.
    pub source_left: bool,
    /// Its status says that data is still being copied after its end.
    pub copying: bool,
}

/// What `made` makes of every readable object of the caches, without copies of the objects.
pub fn each<K, T>(caches: &Caches<K>, made: impl Fn(&K) -> T) -> Vec<T>
where
    K: Clone + 'static,
    DeserializeGuard<K>: kube::runtime::reflector::Lookup<DynamicType = ()>,
{
    let objects = caches.iter().flat_map(Store::state);
    objects.filter_map(|guard: Arc<DeserializeGuard<K>>| guard.0.as_ref().ok().map(&made)).collect()
}

/// What `made` makes of the readable object of that name.
pub fn one<K, T>(caches: &Caches<K>, namespace: &str, name: &str, made: impl Fn(&K) -> T) -> Option<T>
where
    K: Clone + 'static,
    DeserializeGuard<K>: kube::runtime::reflector::Lookup<DynamicType = ()>,
{
    let named = ObjectRef::<DeserializeGuard<K>>::new(name).within(namespace);
    caches.iter().find_map(|cache| cache.get(&named)).and_then(|guard| guard.0.as_ref().ok().map(made))
}

/// Whether any readable object of the caches is so.
pub fn any<K: Clone + 'static>(caches: &Caches<K>, is_so: impl Fn(&K) -> bool) -> bool
where
    DeserializeGuard<K>: kube::runtime::reflector::Lookup<DynamicType = ()>,
{
    caches.iter().flat_map(Store::state).any(|guard| guard.0.as_ref().is_ok_and(&is_so))
}

impl Stores {
    /// Waits until every cache has seen all there is: before that, who else claims an item cannot be known.
    pub async fn ready(&self) {
        for filled in &self.filled {
            // An error means that the watch has ended with the process.
            filled.clone().wait_for(|listed| *listed == Listed::All).await.ok();
        }
    }

    /// What keeps the caches from being ready, in words; `None` once they are.
    pub fn not_listed(&self) -> Option<String> {
        let states = self.filled.iter().map(|filled| filled.borrow().clone());
        let missing: Vec<Option<String>> = states
            .filter_map(|state| match state {
                Listed::NotYet(why) => Some(why),
                Listed::All => None,
            })
            .collect();
        let count = missing.len();
        let why = missing.into_iter().flatten().next();
        (count > 0).then(|| match why {
            Some(why) => format!("the API server has not listed all that is served ({count} lists are missing): {why}"),
            None => format!("the API server is listing what is served ({count} lists are missing)"),
        })
    }

    /// ARM id of the vault that a RecoveryVault stands for, lower-cased.
    pub fn vault_id(&self, namespace: &str, name: &str) -> Option<String> {
        let id = |v: &RecoveryVault| VaultId::new(&v.spec.subscription_id, &v.spec.resource_group, &v.spec.name).ok();
        one(&self.vaults, namespace, name, id).flatten().map(|id| id.lower())
    }

    /// The ReplicatedVm of that name.
    pub fn vm(&self, namespace: &str, name: &str) -> Option<ReplicatedVm> {
        one(&self.vms, namespace, name, ReplicatedVm::clone)
    }

    /// The request of that key.
    pub fn request(&self, key: &RequestKey) -> Option<Waiting> {
        let (_, find) = self.finders.iter().find(|(kind, _)| *kind == key.kind)?;
        find(&key.namespace, &key.name)
    }

    /// Every request that has not ended.
    pub fn unfinished(&self) -> Vec<Waiting> {
        self.requests.iter().flat_map(|cache| cache()).filter(|request| !request.ended).collect()
    }

    /// Every request that has not ended, or of which something is still to be seen.
    pub fn watched(&self) -> Vec<Waiting> {
        self.requests.iter().flat_map(|cache| cache()).filter(|request| !request.ended || request.copying).collect()
    }

    /// What the RecoveryVault's status keeps of its jobs for a step.
    pub fn adoption(&self, key: &(String, String), step: Step) -> Adoption {
        let kept = |v: &RecoveryVault| {
            let is_it = v.namespace().as_ref() == Some(&key.0) && v.name_any() == key.1;
            let known = v.status.as_ref().filter(|_| is_it)?.adoption.iter().find(|a| a.step == step_object(step))?;
            Some(known.state)
        };
        match each(&self.vaults, kept).into_iter().flatten().next() {
            Some(AdoptionState::Confirmed) => Adoption::Confirmed,
            Some(AdoptionState::Contradicted) => Adoption::Contradicted,
            Some(AdoptionState::Unknown) | None => Adoption::Unknown,
        }
    }

    /// The requests that name this ReplicatedVm.
    pub fn requests_of(&self, namespace: &str, vm: &str) -> Vec<Waiting> {
        let everyone = self.requests.iter().flat_map(|cache| cache());
        everyone.filter(|w| w.key.namespace == namespace && w.vm == vm).collect()
    }
}

fn waiting<K: Request>(request: &K, kind: Kind) -> Waiting {
    let spec = request.request_spec();
    let conditions = request.request_status().map(|s| s.conditions.as_slice()).unwrap_or_default();
    let ended = conditions
        .iter()
        .any(|c| (c.type_ == "Ready" || c.type_ == "Stalled") && c.status == "True" && c.reason != "OutcomeUnknown");
    let waits = conditions.iter().find(|c| c.type_ == "Reconciling" && c.status == "True");
    let ready = conditions.iter().find(|c| c.type_ == "Ready");
    let copying = conditions.iter().any(|c| c.type_ == "Synchronized" && c.status != "True");
    let source_left = conditions.iter().any(|c| c.type_ == "SourceShutdown" && c.status == "False");
    Waiting {
        key: RequestKey { kind, namespace: request.namespace().unwrap_or_default(), name: request.name_any() },
        vm: spec.replicated_vm.to_owned(),
        priority: spec.priority,
        created: request.meta().creation_timestamp.as_ref().map(|t| t.0),
        vault: request.request_status().and_then(|s| s.target.as_ref()?.vault_id.clone()),
        ended,
        deleted: request.meta().deletion_timestamp.is_some(),
        waits_for: waits.and_then(|c| Reason::parse(&c.reason)),
        reason: ready.and_then(|c| Reason::parse(&c.reason)),
        source_left,
        copying: ready.is_some_and(|c| c.status == "True") && copying,
    }
}
