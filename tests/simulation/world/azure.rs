//! The simulated Azure, called in process: what carries the operator's requests there, and the hand behind the scenes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asr_operator::asr::{Carrier, Lost, SendWindow};
use asr_operator::simulator::router::{Dropped, Simulator, router};
use asr_operator::simulator::seed::Seed;
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use futures::FutureExt;
use http::{Request, Response};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};
use tower::ServiceExt;

use super::chance::Chance;
use super::crossing::{Border, Broken, Delivery, Target, far};
use super::store::Store;
use super::trace::Trace;

/// Where ARM is.
pub const ARM: &str = "https://arm.simulated";
/// Where Entra ID is.
pub const ENTRA: &str = "https://login.simulated";

/// One Azure.
pub struct Azure {
    router: Router,
    clusters: Mutex<Vec<Arc<Store>>>,
    callers: Mutex<BTreeMap<String, usize>>,
    trace: Arc<Trace>,
    lists_no_jobs: bool,
}

impl Azure {
    /// The Azure of that seed, in real seconds; one that lists no jobs lacks what look-back needs.
    pub fn new(seed: Seed, trace: Arc<Trace>, lists_no_jobs: bool) -> Arc<Self> {
        let simulator = Simulator::new(seed, ARM, 1.0, Vec::new());
        let router = router(simulator.unwrap_or_else(|error| panic!("{error}")));
        Arc::new(Self { router, clusters: Mutex::default(), callers: Mutex::default(), trace, lists_no_jobs })
    }

    /// The cluster whose call was accepted, by the call's id.
    pub fn callers(&self) -> BTreeMap<String, usize> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A cluster whose records may hold intents, the next one.
    pub fn knows(&self, cluster: Arc<Store>) {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner).push(cluster);
    }

    /// I2: whether the cluster holds the intent of its call with this id.
    fn intended(&self, cluster: usize, id: &str) -> bool {
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = clusters[cluster].all("itemrecords").into_iter();
        records.any(|record| record["spec"]["intent"]["clientRequestId"] == id)
    }

    async fn answer(&self, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let response = self.router.clone().oneshot(request.map(Body::from)).await.ok()?;
        if response.extensions().get::<Dropped>().is_some() {
            return None;
        }
        let (parts, body) = response.into_parts();
        Some(Response::from_parts(parts, to_bytes(body, usize::MAX).await.ok()?))
    }

    fn deliver(self: &Arc<Self>, request: Request<Bytes>, cluster: usize, judged: bool) -> Delivery {
        let azure = Arc::clone(self);
        let id = request.headers().get("x-ms-client-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        async move {
            let intended = !judged || id.as_deref().is_some_and(|id| azure.intended(cluster, id));
            let path = request.uri().path().to_owned();
            let answer = azure.answer(request).await;
            if azure.lists_no_jobs && path.ends_with("/replicationJobs") {
                return answer.map(|answer| answer.map(|_| Bytes::from_static(br#"{"value":[]}"#)));
            }
            let accepted = judged && answer.as_ref().is_some_and(|answer| answer.status() == 202);
            if accepted && !intended {
                azure.trace.wrong(format!("I2: {path} was accepted without an intent in its cluster (id {id:?})"));
            }
            if let (true, Some(id)) = (accepted, id) {
                azure.callers.lock().unwrap_or_else(PoisonError::into_inner).entry(id).or_insert(cluster);
            }
            answer
        }
        .boxed()
    }

    /// What the control interface says.
    pub async fn told(&self, path: &str) -> Value {
        self.control("GET", path, &Value::Null).await
    }

    /// Does something by the control interface.
    pub async fn does(&self, path: &str, body: &Value) -> Value {
        self.control("POST", path, body).await
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::builder().method(method).uri(format!("/_sim/{path}"));
        let request = request.body(Bytes::from(body.to_string())).expect("a request");
        let answer = self.answer(request).await.expect("the control interface answers");
        assert!(answer.status().is_success(), "{path}: {:?}", answer.body());
        serde_json::from_slice(answer.body()).expect("JSON")
    }
}

/// The way of one process to Azure.
#[derive(Clone)]
pub struct Way {
    /// The process.
    pub border: Border,
    /// Where it leads.
    pub azure: Arc<Azure>,
    /// What spreads the tries of its reads.
    pub chance: Chance,
    /// Whether each accepted call must have an intent; not those of the control without one.
    pub judged: bool,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Way")
    }
}

impl Way {
    async fn go(
        &self,
        request: reqwest::Request,
        may_leave: impl Fn() -> bool,
        deadline: Instant,
    ) -> Result<Response<Bytes>, Broken> {
        let url = request.url().clone();
        let target = if url.as_str().starts_with(ENTRA) { Target::Entra } else { Target::Arm };
        let method = request.method().clone();
        let uri = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let body = request.body().and_then(reqwest::Body::as_bytes).map(Bytes::copy_from_slice).unwrap_or_default();
        let mut inner = Request::builder().method(method.clone()).uri(uri).body(body).expect("a request");
        *inner.headers_mut() = request.headers().clone();
        let mutating = target == Target::Arm && method != http::Method::GET;
        let delivery = self.azure.deliver(inner, self.border.cluster, mutating && self.judged);
        let call = (target, method.as_str(), url.path(), mutating);
        // A stopped process looks at no clock; when it goes on, it looks at what came first.
        let late = async {
            sleep_until(deadline).await;
            self.border.life.goes_on().await;
            sleep(Duration::from_secs(1)).await;
        };
        tokio::select! {
            biased;
            answer = self.border.cross(call, may_leave, delivery) => answer,
            () = late => Err(Broken { why: "no answer in time", may_have_left: true }),
        }
    }
}

#[async_trait]
impl Carrier for Way {
    async fn carry(&self, request: reqwest::Request) -> Result<reqwest::Response, Lost> {
        let answer = self.go(request, || true, far()).await;
        answer.map(Into::into).map_err(lost)
    }

    async fn carry_once(
        &self,
        request: reqwest::Request,
        window: &dyn SendWindow,
        deadline: Instant,
    ) -> Result<reqwest::Response, Lost> {
        let answer = self.go(request, || window.remaining().is_some(), deadline).await;
        answer.map(Into::into).map_err(lost)
    }

    fn chance(&self) -> f64 {
        self.chance.fraction()
    }
}

fn lost(broken: Broken) -> Lost {
    Lost { why: broken.why.to_owned(), may_have_left: broken.may_have_left }
}
