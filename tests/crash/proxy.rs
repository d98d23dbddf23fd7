//! The network between one operator and the rest: a proxy in front of the API server and of Azure, outside the operator.
//!
//! It speaks TLS to both sides and HTTP/1.1 in between, notes every request, and can hold one: before it is forwarded, or
//! after it was forwarded and answered. It changes nothing that passes.

use crate::boundary::{Server, boundary};
use crate::harness::{ControlPlane, Pki, RunDir, Simulator, eventually};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio_rustls::{TlsAcceptor, TlsConnector};

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
    listening: Vec<tokio::task::JoinHandle<()>>,
}

impl Proxy {
    /// Stands in front of this API server and this Azure.
    pub async fn start(plane: &ControlPlane, sim: &Simulator) -> Self {
        let pki = Pki::create().unwrap();
        let dir = RunDir::create("proxy").unwrap();
        let tap = Arc::new(Tap::default());
        let kube_side = Arc::new(Line::new(Server::Kube, plane.url(), &plane.dir().join("ca.pem"), &tap));
        let azure_side = Arc::new(Line::new(Server::Azure, &sim.arm, &sim.ca_path, &tap));
        let (kube, kube_task) = listen(kube_side, &pki).await;
        let (azure, azure_task) = listen(azure_side, &pki).await;
        let ca = dir.write("ca.pem", &pki.ca).unwrap();
        Self { azure, kube, ca, tap, listening: vec![kube_task, azure_task] }
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

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// One server, as it is reached.
struct Line {
    server: Server,
    upstream: SocketAddr,
    trusted: TlsConnector,
    tap: Arc<Tap>,
}

/// The connection on which one of the operator's connections goes on.
type Onward = Arc<AsyncMutex<Option<SendRequest<Full<Bytes>>>>>;

/// Why the operator's connection is cut.
#[derive(Debug, thiserror::Error)]
enum Cut {
    #[error("the test dropped it")]
    Dropped,
    #[error("the server: {0}")]
    Server(String),
}

impl Line {
    fn new(server: Server, url: &str, ca: &Path, tap: &Arc<Tap>) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { server, upstream: address(url), trusted: Arc::new(config).into(), tap: Arc::clone(tap) }
    }

    /// Takes a request in a task of its own: what has left is delivered, though its sender dies.
    async fn take(self: Arc<Self>, request: Request<Incoming>, onward: Onward) -> Result<Response<Incoming>, Cut> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| Cut::Server(error.to_string()))?.to_bytes();
        let passing = tokio::spawn(self.pass(Request::from_parts(head, body), onward));
        passing.await.map_err(|error| Cut::Server(error.to_string()))?
    }

    async fn pass(self: Arc<Self>, request: Request<Bytes>, onward: Onward) -> Result<Response<Incoming>, Cut> {
        let boundary = boundary(self.server, request.method(), request.uri(), request.body());
        let id = request.headers().get("x-ms-client-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let index = self.tap.note(&boundary, id);
        if self.tap.meet(&boundary, Side::Before).await == Fate::Dropped {
            return Err(Cut::Dropped);
        }
        self.tap.update(index, |passed| passed.forwarded = true);
        let answer = self.forward(request.map(Full::new), onward).await?;
        self.tap.update(index, |passed| passed.status = Some(answer.status().as_u16()));
        if self.tap.meet(&boundary, Side::After).await == Fate::Dropped {
            return Err(Cut::Dropped);
        }
        Ok(answer)
    }

    async fn forward(&self, request: Request<Full<Bytes>>, onward: Onward) -> Result<Response<Incoming>, Cut> {
        let mut onward = onward.lock().await;
        let mut kept = onward.take();
        if let Some(sender) = &mut kept
            && sender.ready().await.is_err()
        {
            kept = None;
        }
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.connect().await.map_err(|error| Cut::Server(error.to_string()))?,
        };
        let answer = sender.send_request(request).await.map_err(|error| Cut::Server(error.to_string()))?;
        *onward = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> std::io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(self.upstream.ip());
        let stream = self.trusted.connect(name, stream).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        sender.ready().await.map_err(std::io::Error::other)?;
        Ok(sender)
    }
}

async fn listen(line: Arc<Line>, pki: &Pki) -> (String, tokio::task::JoinHandle<()>) {
    let chain = vec![CertificateDer::from_pem_slice(pki.server_certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pki.server_key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        // With the proxy end its connections.
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&line)));
            while connections.try_join_next().is_some() {}
        }
    });
    (url, accepting)
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, line: Arc<Line>) {
    stream.set_nodelay(true).ok();
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let onward = Onward::default();
    let service = service_fn(move |request| Arc::clone(&line).take(request, Arc::clone(&onward)));
    // A cut connection ends with an error, which is what was wanted.
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("https://").trim_end_matches('/').parse().unwrap()
}
