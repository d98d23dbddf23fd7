//! A TLS server that plays ARM and Entra ID byte by byte, so that a test can say what happened to each one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// The token that Entra ID gives out here; nothing that is shown may hold it.
pub(crate) const TOKEN: &str = "CANARY-TOKEN";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(own, _)| own == name);
        named.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What the server does with a request it has read.
pub(crate) enum Reply {
    /// Writes these bytes and stays.
    Bytes(Vec<u8>),
    /// Writes these bytes and cuts the connection.
    BytesThenCut(Vec<u8>),
    /// Says nothing, for ever.
    Silence,
}

/// An answer of HTTP/1.1.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut text = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body);
    Reply::Bytes(text.into_bytes())
}

/// What happens to a connection before a request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// TLS, as usual.
    Welcome,
    /// TCP stands and TLS does not begin, until told otherwise.
    Hold,
    /// TCP is cut at once.
    CutBeforeTls,
    /// TLS stands and the connection is cut before a byte of the request is read.
    CutAfterTls,
}

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    greeting: watch::Sender<Greeting>,
    shared: Arc<Shared>,
}

type Handler = Box<dyn Fn(&Request, usize) -> Reply + Send + Sync>;

struct Shared {
    handler: Handler,
    entra: Handler,
    requests: Mutex<Vec<Request>>,
    tokens: Mutex<Vec<Request>>,
    opened: AtomicUsize,
    closed: AtomicUsize,
    bytes: AtomicUsize,
}

impl Server {
    /// Serves Entra ID itself and asks `handler` for everything else, with the number of such requests before.
    pub(crate) async fn start(handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let token = |_: &Request, _| {
            let body = format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{TOKEN}"}}"#);
            answer(200, &[], &body)
        };
        Self::start_as(token, handler).await
    }

    /// The same, with another Entra ID.
    pub(crate) async fn start_as(
        entra: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
        handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let (config, ca_pem) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (greeting, greetings) = watch::channel(Greeting::Welcome);
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            entra: Box::new(entra),
            requests: Mutex::default(),
            tokens: Mutex::default(),
            opened: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        });
        tokio::spawn(accept(listener, TlsAcceptor::from(config), shared.clone(), greetings));
        Self { url: format!("https://{address}"), ca_pem, greeting, shared }
    }

    pub(crate) fn greet(&self, greeting: Greeting) {
        self.greeting.send_replace(greeting);
    }

    /// Requests that were read whole, but for those to Entra ID.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Requests to Entra ID.
    pub(crate) fn tokens(&self) -> Vec<Request> {
        self.shared.tokens.lock().unwrap().clone()
    }

    /// TCP connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.shared.opened.load(Ordering::SeqCst)
    }

    /// Bytes of plain text that arrived inside TLS.
    pub(crate) fn bytes(&self) -> usize {
        self.shared.bytes.load(Ordering::SeqCst)
    }

    /// Waits until every connection has ended, so that nothing more can arrive.
    pub(crate) async fn all_closed(&self) {
        let state = || (self.connections(), self.shared.closed.load(Ordering::SeqCst));
        until("every connection is closed", || {
            let (opened, closed) = state();
            opened == closed
        })
        .await;
    }
}

/// Waits for a condition, and fails after 20 s.
pub(crate) async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn certificates() -> (Arc<ServerConfig>, String) {
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    (Arc::new(config), ca.pem())
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>, greetings: watch::Receiver<Greeting>) {
    while let Ok((stream, _)) = listener.accept().await {
        shared.opened.fetch_add(1, Ordering::SeqCst);
        let (tls, shared, greetings) = (tls.clone(), shared.clone(), greetings.clone());
        tokio::spawn(async move {
            serve(stream, tls, &shared, greetings).await;
            shared.closed.fetch_add(1, Ordering::SeqCst);
        });
    }
}

async fn serve(
    stream: TcpStream,
    tls: TlsAcceptor,
    shared: &Shared,
    mut greetings: watch::Receiver<Greeting>,
) -> Option<()> {
    let greeting = *greetings.wait_for(|greeting| *greeting != Greeting::Hold).await.ok()?;
    if greeting == Greeting::CutBeforeTls {
        return None;
    }
    let mut stream = tls.accept(stream).await.ok()?;
    if greeting == Greeting::CutAfterTls {
        return None;
    }
    while let Some(request) = read(&mut stream, shared).await {
        let reply = if request.path().ends_with("/oauth2/v2.0/token") {
            let before = {
                let mut tokens = shared.tokens.lock().unwrap();
                tokens.push(request.clone());
                tokens.len() - 1
            };
            (shared.entra)(&request, before)
        } else {
            let before = {
                let mut requests = shared.requests.lock().unwrap();
                requests.push(request.clone());
                requests.len() - 1
            };
            (shared.handler)(&request, before)
        };
        match reply {
            Reply::Bytes(bytes) => write(&mut stream, &bytes).await?,
            Reply::BytesThenCut(bytes) => return write(&mut stream, &bytes).await,
            Reply::Silence => stay(&mut stream).await,
        }
    }
    Some(())
}

async fn write(stream: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()
}

async fn stay(stream: &mut (impl AsyncRead + Unpin)) {
    while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
}

async fn read(stream: &mut (impl AsyncRead + Unpin), shared: &Shared) -> Option<Request> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, &mut bytes, shared).await?;
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while bytes.len() < head_end + length {
        more(stream, &mut bytes, shared).await?;
    }
    let body = bytes[head_end..].to_vec();
    Some(Request { method, target, headers, body })
}

async fn more(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>, shared: &Shared) -> Option<()> {
    let read = stream.read_buf(bytes).await.ok()?;
    shared.bytes.fetch_add(read, Ordering::SeqCst);
    (read > 0).then_some(())
}
