//! The simulator behind a real socket, under a clock that stands until a test moves it.

use std::sync::Arc;

use asr_operator::simulator::router::{Simulator, router};
use asr_operator::simulator::seed::Seed;
use serde_json::{Value, json};

pub(crate) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const CLIENT: &str = "22222222-2222-2222-2222-222222222222";

/// Two VMs, and one that a group of several fails over with.
const SEED: &str = "
rateLimits: {reads: {capacity: 1000000, refillPerSecond: 1.0}, writes: {capacity: 1000000, refillPerSecond: 1.0}}
principals:
  - {name: operator, clientId: 22222222-2222-2222-2222-222222222222, clientSecret: s3cret}
vaults:
  - items:
      - {name: app01, vmName: APP01}
      - {name: db01, vmName: DB01, address: 10.1.0.5}
";

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u64,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The job that a 202 names.
    pub(crate) fn job(&self) -> String {
        assert_eq!(self.status, 202, "{}", self.body);
        self.header("x-ms-request-id").rsplit('/').next().unwrap().to_owned()
    }
}

/// A running simulator and a signed-in client of it.
pub(crate) struct Service {
    base: String,
    client: reqwest::Client,
    token: String,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::of(SEED).await
    }

    /// The world of a seed, which has a client with this file's id and secret.
    pub(crate) async fn of(seed: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let simulator = Simulator::new(Seed::from_yaml(seed).unwrap(), &base, 0.0, Vec::new()).unwrap();
        let serving = router(Arc::clone(&simulator));
        tokio::spawn(async move { axum::serve(listener, serving).await.unwrap() });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut service = Self { base, client, token: String::new() };
        let form = format!("grant_type=client_credentials&client_id={CLIENT}&client_secret=s3cret&scope=x/.default");
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", service.base);
        let reply = service.client.post(url).body(form).send().await.unwrap().bytes().await.unwrap();
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        service.token = reply["access_token"].as_str().unwrap().to_owned();
        service
    }

    /// A call of ARM; a path may be a whole URL of the simulator, with its query.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let path = path.strip_prefix(&self.base).unwrap_or(path);
        let version = if path.contains('?') { "" } else { "?api-version=2025-08-01" };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}{version}", self.base));
        request = request.bearer_auth(&self.token).header("x-ms-client-request-id", uuid::Uuid::max().to_string());
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        } else {
            request = request.header("content-length", 0);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (u64::from(answer.status().as_u16()), answer.headers().clone());
        let bytes = answer.bytes().await.unwrap();
        Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    /// The simulator's own controls.
    pub(crate) async fn control(&self, path: &str, body: Value) {
        let request = self.client.post(format!("{}/_sim/{path}", self.base)).body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    /// The items as the simulator's controls show them.
    pub(crate) async fn items(&self) -> Vec<Value> {
        let bytes = self.client.get(format!("{}/_sim/items", self.base)).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    pub(crate) async fn advance(&self, seconds: f64) {
        self.control("clock", json!({ "advanceSeconds": seconds })).await;
    }
}

/// ARM id of the vault.
pub(crate) fn vault() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dr/providers/Microsoft.RecoveryServices/vaults/vault-dr")
}

/// ARM id of a fabric.
pub(crate) fn fabric(region: &str) -> String {
    format!("{}/replicationFabrics/asr-a2a-default-{region}", vault())
}

/// ARM id of a container.
pub(crate) fn container(region: &str) -> String {
    format!("{}/replicationProtectionContainers/asr-a2a-default-{region}-container", fabric(region))
}

/// ARM id of an item in a region's container.
pub(crate) fn item(region: &str, name: &str) -> String {
    format!("{}/replicationProtectedItems/{name}", container(region))
}
