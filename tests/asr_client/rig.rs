//! A client that is set up against the server, and the things it is asked to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use asr_operator::asr::{
    AsrClient, ClientRequestId, Endpoint, Identity, ItemPath, JobId, Limits, Mutation, SendWindow, TokenSource, VaultId,
};
use secrecy::SecretString;

use crate::server::{Reply, Request, Server};

/// The client secret; nothing that is shown may hold it.
pub(crate) const SECRET: &str = "CANARY-SECRET";
/// The signature of a signed polling URL; nothing that is shown may hold it.
pub(crate) const SIGNATURE: &str = "CANARY-SIGNATURE";
pub(crate) const JOB: &str = "bcc070e1-0012-4350-89a0-c2d99fe3e361";
pub(crate) const REQUEST_ID: &str = "6efffda2-64f5-478f-a250-b3a651d04f9c";
pub(crate) const DATE: (&str, &str) = ("Date", "Mon, 16 Jan 2023 09:28:50 GMT");
pub(crate) const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v";

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) client: AsrClient,
}

/// Limits short enough for a test and long enough for a busy machine.
pub(crate) fn limits() -> Limits {
    Limits { read_pause: Duration::from_millis(1), send: Duration::from_secs(30), ..Limits::default() }
}

pub(crate) async fn rig(handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Rig {
    rig_with(limits(), handler).await
}

pub(crate) async fn rig_with(
    limits: Limits,
    handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
) -> Rig {
    let server = Server::start(handler).await;
    let client = client_of(&server, secret_identity(), limits);
    Rig { server, client }
}

pub(crate) fn client_of(server: &Server, identity: Identity, limits: Limits) -> AsrClient {
    let endpoint = Endpoint::custom(&server.url, &server.url).unwrap();
    let endpoint = endpoint.with_ca_pem(server.ca_pem.as_bytes()).unwrap();
    let tokens = TokenSource::new(&endpoint, identity).unwrap();
    AsrClient::with_limits(endpoint, tokens, limits).unwrap()
}

pub(crate) fn secret_identity() -> Identity {
    Identity::ClientSecret {
        tenant: "tenant".to_owned(),
        client_id: "client".to_owned(),
        secret: SecretString::from(SECRET),
    }
}

pub(crate) fn vault() -> VaultId {
    VaultId::parse(VAULT).unwrap()
}

pub(crate) fn item() -> ItemPath {
    ItemPath::new(vault(), "fabric", "container", "item").unwrap()
}

pub(crate) fn job() -> JobId {
    JobId::parse(JOB).unwrap()
}

pub(crate) fn failover() -> Mutation {
    Mutation::UnplannedFailover { item: item(), recovery_point_id: None, shutdown_source: true }
}

pub(crate) fn request_id() -> ClientRequestId {
    ClientRequestId::parse(REQUEST_ID).unwrap()
}

/// A window that a test closes.
#[derive(Debug)]
pub(crate) struct Window {
    open: AtomicBool,
    left: Duration,
}

impl Window {
    pub(crate) fn open() -> Self {
        Self::of(Duration::from_secs(20))
    }

    pub(crate) fn of(left: Duration) -> Self {
        let open = AtomicBool::new(true);
        Self { open, left }
    }

    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
    }
}

impl SendWindow for Window {
    fn remaining(&self) -> Option<Duration> {
        self.open.load(Ordering::SeqCst).then_some(self.left)
    }
}

/// The headers of a recorded 202, signed URLs of 3 KB and all (recorded: ps-A2AReprotectTest seq 2).
pub(crate) fn accepted_headers() -> Vec<(String, String)> {
    let job = format!(
        "/Subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v/replicationJobs/{JOB}"
    );
    let signed = |kind: &str| {
        let certificate = "c".repeat(2900);
        format!(
            "https://management.azure.com{VAULT}/{kind}/{JOB}?api-version=2025-08-01&t=638797853604975808&c={certificate}&s={SIGNATURE}&h=h"
        )
    };
    [
        ("Date", DATE.1.to_owned()),
        ("Retry-After", "30".to_owned()),
        ("x-ms-request-id", job.clone()),
        ("x-ms-request-id", job),
        ("Azure-AsyncOperation", signed("replicationOperationStatus")),
        ("Location", signed("replicationFabrics/fabric/operationresults")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

pub(crate) fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
