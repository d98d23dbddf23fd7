//! The kinds of requests, one row each: all that the shell needs to serve one more.

use super::context::Context;
use super::convert::request::VerbOf;
use super::passes::over;
use super::request::{PassError, reconcile};
use super::runner::{Pass, Watched, watch};
use super::share;
use super::stores::{Listed, RequestCache, RequestFinder, finder_of, waiting_of};
use super::wake::{Sleeper, Wake};
use crate::api::v1alpha1::{ChangeRecoveryPointRequest, CommitRequest, FailoverRequest, ReprotectRequest};
use crate::domain::ids::{ItemKey, Kind, RequestKey};
use crate::domain::request::Next;
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use kube::api::Api;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;

/// Runs `$body` with `$K` as the type of `$kind`'s objects. The table.
macro_rules! by_kind {
    ($kind:expr, $K:ident => $body:expr) => {
        match $kind {
            Kind::FailoverRequest => {
                type $K = FailoverRequest;
                $body
            }
            Kind::ChangeRecoveryPointRequest => {
                type $K = ChangeRecoveryPointRequest;
                $body
            }
            Kind::CommitRequest => {
                type $K = CommitRequest;
                $body
            }
            Kind::ReprotectRequest => {
                type $K = ReprotectRequest;
                $body
            }
        }
    };
}

/// A pass over the request of `key`, whichever its kind, unless it is another replica's work; `item` is the one whose record
/// the request is known to hold, if that is known.
///
/// # Errors
/// As [`reconcile`].
pub(super) async fn reconcile_key(ctx: &Context, key: &RequestKey, item: Option<&ItemKey>) -> Result<Next, PassError> {
    match left_to_another(ctx, key).await {
        Some(next) => Ok(next),
        None => by_kind!(key.kind, K => reconcile::<K>(ctx, key, item).await),
    }
}

/// Whether the object of `key` is there.
pub(super) async fn exists(ctx: &Context, key: &RequestKey) -> Result<bool, kube::Error> {
    by_kind!(key.kind, K => {
        let api: Api<K> = Api::namespaced(ctx.kube.clone(), &key.namespace);
        Ok(api.get_metadata_opt(&key.name).await?.is_some())
    })
}

/// Starts the controllers of one kind.
type Start = Box<dyn FnOnce(&Context, &CancellationToken) -> Vec<BoxFuture<'static, ()>> + Send>;

/// The watch of one kind of requests, before it runs.
pub(super) struct RequestWatch {
    /// Whether its caches have seen all there is.
    pub(super) filled: Vec<Receiver<Listed>>,
    /// One of them by its name.
    pub(super) finder: (Kind, RequestFinder),
    cache: RequestCache,
    run: Start,
}

impl RequestWatch {
    /// The watches of all kinds in these namespaces.
    pub(super) fn all(kube: &Client, spaces: &[Option<String>]) -> Vec<Self> {
        Kind::ALL.into_iter().map(|kind| by_kind!(kind, K => Self::of::<K>(kind, kube, spaces))).collect()
    }

    fn of<K: VerbOf>(kind: Kind, kube: &Client, spaces: &[Option<String>]) -> Self {
        let watches: Vec<Watched<K>> = watch(kube, spaces);
        let stores: Vec<_> = watches.iter().map(Watched::store).collect();
        Self {
            filled: watches.iter().map(Watched::filled).collect(),
            finder: (kind, finder_of::<K>(kind, stores.clone())),
            cache: waiting_of::<K>(kind, stores),
            run: Box::new(move |ctx, stop| {
                watches.into_iter().map(|watched| serve(watched, kind, ctx, stop)).collect()
            }),
        }
    }

    /// Who waits; asked for once.
    pub(super) fn take_cache(&mut self) -> RequestCache {
        std::mem::replace(&mut self.cache, Box::new(Vec::new))
    }

    /// Its controllers.
    pub(super) fn run(self, ctx: &Context, stop: &CancellationToken) -> Vec<BoxFuture<'static, ()>> {
        (self.run)(ctx, stop)
    }
}

fn serve<K: VerbOf>(
    watched: Watched<K>,
    kind: Kind,
    ctx: &Context,
    stop: &CancellationToken,
) -> BoxFuture<'static, ()> {
    let pass: Pass =
        Arc::new(move |ctx, namespace, name| over(ctx, Sleeper::Request(RequestKey { kind, namespace, name })));
    watched.run(ctx.clone(), Wake::requests(kind), pass, stop.clone()).boxed()
}

/// A request that another replica works on is looked at again after this time: its vault may have come to be another.
const ANOTHERS: Duration = Duration::from_secs(60);

/// When to look again at a request that is another replica's; `None` for one's own.
async fn left_to_another(ctx: &Context, key: &RequestKey) -> Option<Next> {
    ctx.stores.ready().await;
    ctx.replicas.joined().await;
    let request = ctx.stores.request(key);
    let ours = request.as_ref().is_none_or(|request| ctx.replicas.owns(&share::of_request(&ctx.stores, request)));
    let ended = request.is_some_and(|request| request.ended);
    (!ours).then_some(if ended { Next::OnChange } else { Next::After(ANOTHERS) })
}
