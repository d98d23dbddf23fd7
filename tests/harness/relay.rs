//! Somebody who stands between a program and a server that it speaks TLS to, as the network does: each request passes through
//! their hands, and so does its answer.
//!
//! HTTP/1.1 on both sides; each connection of the program goes on as a connection of its own. What becomes of a request is
//! decided by whoever stands there, see [`Between`].

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::pki::Pki;

/// Why a connection of the program is cut.
#[derive(Debug, thiserror::Error)]
pub enum Cut {
    #[error("the test dropped it")]
    Dropped,
    #[error("the server: {0}")]
    Server(String),
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Whoever stands between.
pub trait Between: Clone + Send + Sync + 'static {
    /// The body of what the program gets.
    type Answer: Body<Data = Bytes, Error: Into<Cause>> + Send + 'static;

    /// Lets a request pass, which was read whole. It runs in a task of its own: what has left is delivered, though its sender
    /// dies.
    fn pass(
        self,
        request: Request<Bytes>,
        onward: Onward,
    ) -> impl Future<Output = Result<Response<Self::Answer>, Cut>> + Send + 'static;
}

/// A relay that listens. With it end its connections.
pub struct Relay {
    /// Where the program finds it: `https://127.0.0.1:PORT`.
    pub url: String,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// Stands in front of the server of this URL, whose authority is in the file `ca`. The program has to trust `pki`.
    pub async fn start(pki: &Pki, server: &str, ca: &Path, between: impl Between) -> Self {
        let acceptor = acceptor(pki);
        let server = Server::new(server, ca);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let url = format!("https://{}", listener.local_addr().expect("it is bound"));
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let onward = Onward { server: server.clone(), kept: Arc::default() };
                connections.spawn(serve(stream, acceptor.clone(), onward, between.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, accepting }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The way on to the server, for one connection of the program.
#[derive(Clone)]
pub struct Onward {
    server: Server,
    kept: Arc<Mutex<Option<SendRequest<Full<Bytes>>>>>,
}

impl Onward {
    /// Sends a request on, and brings the server's answer.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Incoming>, Cut> {
        let mut kept = self.kept.lock().await;
        let mut connection = kept.take();
        if let Some(sender) = &mut connection
            && sender.ready().await.is_err()
        {
            connection = None;
        }
        let mut sender = match connection {
            Some(sender) => sender,
            None => self.server.connect().await.map_err(of_the_server)?,
        };
        let answer = sender.send_request(request.map(Full::new)).await.map_err(of_the_server)?;
        *kept = Some(sender);
        Ok(answer)
    }
}

fn of_the_server(error: impl std::fmt::Display) -> Cut {
    Cut::Server(error.to_string())
}

/// A server, as it is reached.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    trusted: TlsConnector,
}

impl Server {
    fn new(url: &str, ca: &Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).expect("a certificate")).expect("an authority");
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let address = url.trim_start_matches("https://").trim_end_matches('/').parse();
        Self { address: address.expect("a server on loopback"), trusted: Arc::new(config).into() }
    }

    async fn connect(&self) -> std::io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let stream = self.trusted.connect(ServerName::from(self.address.ip()), stream).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        sender.ready().await.map_err(std::io::Error::other)?;
        Ok(sender)
    }
}

fn acceptor(pki: &Pki) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(pki.server_certificate.as_bytes()).expect("made as PEM")];
    let key = PrivateKeyDer::from_pem_slice(pki.server_key.as_bytes()).expect("made as PEM");
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
    TlsAcceptor::from(Arc::new(config.expect("a key and its certificate")))
}

async fn serve<B: Between>(stream: TcpStream, acceptor: TlsAcceptor, onward: Onward, between: B) {
    stream.set_nodelay(true).ok();
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| take(request, onward.clone(), between.clone()));
    // A cut connection ends with an error, which is what was wanted.
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

async fn take<B: Between>(request: Request<Incoming>, onward: Onward, between: B) -> Result<Response<B::Answer>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(of_the_server)?.to_bytes();
    tokio::spawn(between.pass(Request::from_parts(head, body), onward)).await.map_err(of_the_server)?
}
