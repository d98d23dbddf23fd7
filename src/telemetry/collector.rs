//! The way to an OpenTelemetry collector: OTLP in protobuf over HTTP, by the client that all else uses.

use async_trait::async_trait;
use http::{Request, Response};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long the collector may take for a batch.
const LONGEST: Duration = Duration::from_secs(10);

/// Why no spans can be sent.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// It is no address of a collector.
    #[error("--otlp-endpoint {0}: not the address of a collector; give http://HOST:PORT or https://HOST:PORT")]
    Address(String),
    /// TLS or the exporter could not be set up.
    #[error("traces cannot be sent to {endpoint}: {why}")]
    Setup {
        /// The collector.
        endpoint: String,
        /// Why.
        why: String,
    },
}

/// A collector, as the exporter's thread reaches it: on the runtime.
#[derive(Debug)]
pub struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    lost: AtomicBool,
}

impl Collector {
    /// What sends batches of spans to `endpoint`.
    ///
    /// # Errors
    /// When the endpoint is no address, or TLS cannot be set up.
    pub fn exporter(endpoint: &str) -> Result<SpanExporter, CollectorError> {
        let address = url::Url::parse(endpoint).ok().filter(|url| url.has_host() && is_web(url));
        let address = address.ok_or_else(|| CollectorError::Address(endpoint.to_owned()))?;
        let setup = |why: String| CollectorError::Setup { endpoint: endpoint.to_owned(), why };
        let client = client(&address).map_err(setup)?;
        let collector = Self { client, runtime: Handle::current(), lost: AtomicBool::new(false) };
        let builder = SpanExporter::builder().with_http().with_http_client(collector).with_timeout(LONGEST);
        let traces = format!("{}/v1/traces", address.as_str().trim_end_matches('/'));
        builder.with_endpoint(traces).build().map_err(|error| setup(error.to_string()))
    }

    /// Says once that spans are lost, and once that they are taken again.
    fn noted(&self, trouble: Option<&str>) {
        match trouble {
            Some(why) if !self.lost.swap(true, Ordering::Relaxed) => {
                tracing::warn!(why, "the collector does not take traces; they are dropped, and all else goes on");
            }
            None if self.lost.swap(false, Ordering::Relaxed) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
    }
}

fn is_web(url: &url::Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
}

fn client(address: &url::Url) -> Result<reqwest::Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    if address.scheme() == "https" {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls).timeout(LONGEST).http1_only();
    builder.build().map_err(|error| error.to_string())
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request.map(reqwest::Body::from))?;
        let client = self.client.clone();
        let exchange = async move {
            let answer = client.execute(request).await.map_err(reqwest::Error::without_url)?;
            let status = answer.status();
            let body = answer.bytes().await.map_err(reqwest::Error::without_url)?;
            Ok::<_, reqwest::Error>((status, body))
        };
        // The exporter's thread is not the runtime's.
        let answer = self.runtime.spawn(exchange).await?;
        self.noted(match &answer {
            Ok((status, _)) if status.is_success() => None,
            Ok((status, _)) => Some(status.as_str()),
            Err(_) => Some("it cannot be reached"),
        });
        let (status, body) = answer?;
        Ok(Response::builder().status(status).body(body)?)
    }
}
