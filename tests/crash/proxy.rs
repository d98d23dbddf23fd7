//! The network between one operator and the rest: a proxy in front of the API server and of Azure, outside the operator.
//!
//! It notes every request, and can hold one: before it is forwarded, or after it was forwarded and answered. It changes nothing
//! that passes.

use crate::boundary::{Server, boundary};
use crate::harness::{Between, ControlPlane, Cut, Onward, Pki, Relay, RunDir, Simulator, eventually};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Where a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// It has left the operator, and has not reached the server.
    Before,
    /// The server has answered, and the answer has not reached the operator.
    After,
}

/// What becomes of what is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes on its way.
    Delivered,
    /// It is lost with its connection.
    Dropped,
}

/// One request as it passed.
#[derive(Clone, Debug)]
pub struct Passed {
    /// Its boundary.
    pub boundary: String,
    /// The client request id that it bore, if any.
    pub client_request_id: Option<String>,
    /// Whether it was forwarded.
    pub forwarded: bool,
    /// Status of the server's answer, once that is there.
    pub status: Option<u16>,
}

/// A request that is to be held: whether it came, and the hand that lets it go. Dropping the hand loses the request.
pub struct Held {
    /// Completes when the request is held.
    pub reached: oneshot::Receiver<()>,
    /// Decides what becomes of it.
    pub fate: oneshot::Sender<Fate>,
}

struct Order {
    boundary: String,
    side: Side,
    reached: oneshot::Sender<()>,
    fate: oneshot::Receiver<Fate>,
}

/// What the proxy has seen, and what it is to hold.
#[derive(Default)]
struct Tap {
    passed: Mutex<Vec<Passed>>,
    last: Mutex<Option<Instant>>,
    order: Mutex<Option<Order>>,
}

impl Tap {
    fn note(&self, boundary: &str, client_request_id: Option<String>) -> usize {
        if !is_periodic(boundary) {
            *self.last.lock().unwrap() = Some(Instant::now());
        }
        let mut passed = self.passed.lock().unwrap();
        passed.push(Passed { boundary: boundary.to_owned(), client_request_id, forwarded: false, status: None });
        passed.len() - 1
    }

    fn update(&self, index: usize, change: impl FnOnce(&mut Passed)) {
        change(&mut self.passed.lock().unwrap()[index]);
    }

    /// Holds the request if it is the one that was ordered, and says what becomes of it. Only the first one is.
    async fn meet(&self, boundary: &str, side: Side) -> Fate {
        let order = {
            let mut order = self.order.lock().unwrap();
            order.take_if(|o| o.boundary == boundary && o.side == side)
        };
        let Some(order) = order else { return Fate::Delivered };
        order.reached.send(()).ok();
        order.fate.await.unwrap_or(Fate::Dropped)
    }
}

/// Whether a request is made by time alone, by a replica that does nothing else.
pub fn is_periodic(boundary: &str) -> bool {
    boundary.contains("leases")
}

/// Addresses that the operator is given, and the hand on the network.
pub struct Proxy {
    /// Azure, and its Entra ID.
    pub azure: String,
    /// The API server.
    pub kube: String,
    /// The authority that the operator has to trust.
    pub ca: PathBuf,
    tap: Arc<Tap>,
    _relays: [Relay; 2],
}

impl Proxy {
    /// Stands in front of this API server and this Azure.
    pub async fn start(plane: &ControlPlane, sim: &Simulator) -> Self {
        let pki = Pki::create().unwrap();
        let dir = RunDir::create("proxy").unwrap();
        let tap = Arc::new(Tap::default());
        let line = |server| Line { server, tap: Arc::clone(&tap) };
        let kube = Relay::start(&pki, plane.url(), &plane.dir().join("ca.pem"), line(Server::Kube)).await;
        let azure = Relay::start(&pki, &sim.arm, &sim.ca_path, line(Server::Azure)).await;
        let ca = dir.write("ca.pem", &pki.ca).unwrap();
        Self { azure: azure.url.clone(), kube: kube.url.clone(), ca, tap, _relays: [kube, azure] }
    }

    /// Holds the next request of this boundary, at this side of the server.
    pub fn hold(&self, boundary: &str, side: Side) -> Held {
        let ((told, reached), (fate, decided)) = (oneshot::channel(), oneshot::channel());
        let order = Order { boundary: boundary.to_owned(), side, reached: told, fate: decided };
        *self.tap.order.lock().unwrap() = Some(order);
        Held { reached, fate }
    }

    /// Every request so far, in the order of arrival.
    pub fn passed(&self) -> Vec<Passed> {
        self.tap.passed.lock().unwrap().clone()
    }

    /// The mutating calls to Azure so far, whatever became of them.
    pub fn calls(&self) -> Vec<Passed> {
        let mut all = self.passed();
        all.retain(|p| p.boundary.starts_with("A POST "));
        all
    }

    /// How many requests whose boundary begins like this the server has answered.
    pub fn answered(&self, boundary: &str) -> usize {
        let passed = self.tap.passed.lock().unwrap();
        passed.iter().filter(|p| p.status.is_some() && p.boundary.starts_with(boundary)).count()
    }

    /// Waits until the server has answered every request of this boundary.
    pub async fn arrived(&self, boundary: &str) {
        eventually(Duration::from_secs(60), &format!("an answer to {boundary}"), async || {
            let mut open = self.passed();
            open.retain(|passed| passed.boundary == boundary && passed.status.is_none());
            if open.is_empty() { Ok(()) } else { Err(format!("{open:?}")) }
        })
        .await;
    }

    /// Waits until nothing new has come for so long.
    pub async fn quiet(&self, time: Duration) {
        eventually(Duration::from_secs(60), "silence", async || {
            let last = *self.tap.last.lock().unwrap();
            if last.is_some_and(|at| at.elapsed() >= time) { Ok(()) } else { Err("it still asks") }
        })
        .await;
    }
}

/// The way to one of the two servers.
#[derive(Clone)]
struct Line {
    server: Server,
    tap: Arc<Tap>,
}

impl Between for Line {
    type Answer = Incoming;

    async fn pass(self, request: Request<Bytes>, onward: Onward) -> Result<Response<Incoming>, Cut> {
        let boundary = boundary(self.server, request.method(), request.uri(), request.body());
        let id = request.headers().get("x-ms-client-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let index = self.tap.note(&boundary, id);
        if self.tap.meet(&boundary, Side::Before).await == Fate::Dropped {
            return Err(Cut::Dropped);
        }
        self.tap.update(index, |passed| passed.forwarded = true);
        let answer = onward.send(request).await?;
        self.tap.update(index, |passed| passed.status = Some(answer.status().as_u16()));
        if self.tap.meet(&boundary, Side::After).await == Fate::Dropped {
            return Err(Cut::Dropped);
        }
        Ok(answer)
    }
}
