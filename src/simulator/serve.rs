//! The server: TLS and HTTP/1.1 over the router, one line of JSON when ready, an orderly end.
//!
//! The only part that knows sockets. A response marked [`Dropped`] is never written: its connection is reset instead.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::faults::Fault;
use super::router::{Dropped, Simulator, router};
use super::seed::{Seed, SeedError};
use super::tls::{self, TlsError};

/// How long open requests may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// What to serve, and where.
#[derive(Debug, Clone, clap::Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// YAML seed; none is a vault with two protected VMs.
    #[arg(long)]
    pub seed: Option<PathBuf>,
    /// Directory that ca.pem is written to.
    #[arg(long)]
    pub ca_out: PathBuf,
    /// Virtual seconds per real second; 0 is a clock that stands.
    #[arg(long, default_value_t = 1.0)]
    pub clock_rate: f64,
    /// JSON list of faults that are installed from the start.
    #[arg(long)]
    pub faults: Option<PathBuf>,
    /// Ends when standard input reaches its end: no orphan outlives its parent.
    #[arg(long)]
    pub exit_with_stdin: bool,
}

/// Why the simulator does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file could not be read.
    #[error("{path} could not be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The seed is wrong.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The faults are wrong.
    #[error("the faults are no JSON list of faults: {0}")]
    Faults(#[from] serde_json::Error),
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address cannot be listened on.
    #[error("the simulator cannot listen: {0}; choose another --listen")]
    Listen(#[from] std::io::Error),
}

/// Serves until a signal, or the end of standard input when asked. Prints
/// `{"arm": URL, "authority": URL, "ca": PATH}` on standard output when ready.
///
/// # Errors
/// When a file, the seed, TLS or the address is not usable.
pub async fn serve(args: ServeArgs) -> Result<(), ServeError> {
    let seed = match &args.seed {
        Some(path) => Seed::from_yaml(&read(path)?)?,
        None => Seed::default(),
    };
    let faults: Vec<Fault> = match &args.faults {
        Some(path) => serde_json::from_str(&read(path)?)?,
        None => Vec::new(),
    };
    let listener = TcpListener::bind(args.listen).await?;
    let address = listener.local_addr()?;
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned(), "::1".to_owned(), address.ip().to_string()];
    let (config, ca) = tls::set_up(names, &args.ca_out)?;
    let base = format!("https://{address}");
    let simulator = Simulator::new(seed, &base, args.clock_rate, faults)?;
    announce(&base, &ca)?;
    let (stop, stopped) = watch::channel(false);
    let accepting = accept(listener, TlsAcceptor::from(config), simulator, stopped);
    tokio::select! {
        () = accepting => {}
        () = told_to_end(args.exit_with_stdin) => {
            stop.send_replace(true);
            let quiet = tokio::time::timeout(GRACE, stop.closed()).await;
            quiet.ok();
        }
    }
    Ok(())
}

fn read(path: &PathBuf) -> Result<String, ServeError> {
    std::fs::read_to_string(path).map_err(|source| ServeError::Read { path: path.clone(), source })
}

fn announce(base: &str, ca: &std::path::Path) -> std::io::Result<()> {
    let line = serde_json::json!({ "arm": base, "authority": base, "ca": ca });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Ends on SIGINT, on SIGTERM, and at the end of standard input when that is asked for.
async fn told_to_end(exit_with_stdin: bool) {
    let orphaned = async {
        if !exit_with_stdin {
            std::future::pending::<()>().await;
        }
        let (ended, end) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).ok();
            ended.send(()).ok();
        });
        end.await.ok();
    };
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = orphaned => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    simulator: Arc<Simulator>,
    stopped: watch::Receiver<bool>,
) {
    let router = router(Arc::clone(&simulator));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        if simulator.cuts_connection() {
            stream.set_zero_linger().ok();
            continue;
        }
        let (acceptor, router, stopped) = (acceptor.clone(), router.clone(), stopped.clone());
        tokio::spawn(async move {
            stream.set_nodelay(true).ok();
            if let Ok(stream) = acceptor.accept(stream).await {
                connection(stream, router, stopped).await;
            }
        });
    }
}

/// The reason for which a connection is cut without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped by an injected fault")]
struct Cut;

async fn connection(stream: TlsStream<TcpStream>, router: Router, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request: Request<Incoming>| Box::pin(respond(router.clone(), request)));
    let mut connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        end = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(end),
        _ = stopped.wait_for(|stopped| *stopped) => None,
    };
    let end = match ended {
        Some(end) => end,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let mut stream = connection.into_parts().io.into_inner();
    let is_cut = |error: &hyper::Error| std::error::Error::source(error).is_some_and(|cause| cause.is::<Cut>());
    if end.as_ref().is_err_and(is_cut) {
        stream.get_ref().0.set_zero_linger().ok();
    } else {
        tokio::io::AsyncWriteExt::shutdown(&mut stream).await.ok();
    }
}

async fn respond(router: Router, request: Request<Incoming>) -> Result<Response<Body>, Cut> {
    let answered: Result<Response<Body>, Infallible> = router.oneshot(request.map(Body::new)).await;
    match answered {
        Ok(response) if response.extensions().get::<Dropped>().is_none() => Ok(response),
        _ => Err(Cut),
    }
}
