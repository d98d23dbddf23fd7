//! `/healthz`, `/readyz` and `/metrics`, over plain HTTP inside the pod.

use super::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Whether the operator can do its work, and if not, why.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<Result<(), String>>>);

impl Readiness {
    /// Not ready, for this reason.
    pub fn not_yet(why: &str) -> Self {
        Self(Arc::new(Mutex::new(Err(why.to_owned()))))
    }

    /// Says how it stands now.
    pub fn set(&self, state: Result<(), String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// How it stands.
    pub fn get(&self) -> Result<(), String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The two small servers: probes and metrics.
#[derive(Debug)]
pub struct Probes {
    health: TcpListener,
    metrics: TcpListener,
}

impl Probes {
    /// Binds both addresses; port 0 takes a free one.
    ///
    /// # Errors
    /// The address that could not be bound.
    pub async fn bind(health: SocketAddr, metrics: SocketAddr) -> std::io::Result<Self> {
        Ok(Self { health: TcpListener::bind(health).await?, metrics: TcpListener::bind(metrics).await? })
    }

    /// The addresses that were bound: health, metrics.
    ///
    /// # Errors
    /// The system's, when a socket has no address.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.health.local_addr()?, self.metrics.local_addr()?))
    }

    /// Serves until `stop`.
    pub async fn serve(self, readiness: Readiness, metrics: Arc<Metrics>, stop: CancellationToken) {
        let health = Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready).with_state(readiness.clone()));
        let metrics = Router::new()
            .route("/metrics", get(|State((metrics, readiness))| async move { counted(&metrics, &readiness) }))
            .with_state((metrics, readiness));
        let one = axum::serve(self.health, health).with_graceful_shutdown(stop.clone().cancelled_owned());
        let two = axum::serve(self.metrics, metrics).with_graceful_shutdown(stop.cancelled_owned());
        let ends = tokio::join!(one.into_future(), two.into_future());
        if let (Err(error), _) | (_, Err(error)) = ends {
            tracing::error!(%error, "a probe server ended");
        }
    }
}

fn counted(metrics: &Arc<Metrics>, readiness: &Readiness) -> String {
    metrics.ready(readiness.get().is_ok());
    metrics.text()
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, String) {
    match readiness.get() {
        Ok(()) => (StatusCode::OK, "ok".into()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}
