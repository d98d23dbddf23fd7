//! A simulated Azure in process, with a clock that stands until a test moves it, and a signed-in client.

use std::sync::Arc;

use asr_operator::simulator::router::{Dropped, Simulator, router};
use asr_operator::simulator::seed::Seed;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
pub(crate) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const BASE: &str = "https://arm.test";

/// A world to test against: `seed` merged into one vault with `app01` and `db01` under plain names.
pub(crate) struct Azure {
    router: Router,
    pub(crate) token: String,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
    /// The connection would have been dropped instead.
    pub(crate) dropped: bool,
    /// The body came to no end.
    pub(crate) cut: bool,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn detail_code(&self) -> &str {
        self.body["error"]["details"][0]["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }
}

pub(crate) const SEED: &str = "
principals:
  - {name: operator, clientId: 22222222-2222-2222-2222-222222222222, clientSecret: s3cret, federatedSubject: 'system:serviceaccount:demo:asr'}
vaults:
  - items:
      - {name: app01, vmName: APP01}
      - {name: db01, vmName: DB01, address: 10.1.0.5}
";

impl Azure {
    pub(crate) async fn new() -> Self {
        Self::with(SEED).await
    }

    /// The world of a seed, signed in as the first client.
    pub(crate) async fn with(seed: &str) -> Self {
        let simulator = Simulator::new(Seed::from_yaml(seed).unwrap(), BASE, 0.0, Vec::new()).unwrap();
        let mut azure = Self { router: router(Arc::clone(&simulator)), token: String::new() };
        azure.token = azure.sign_in(CLIENT, "s3cret").await;
        azure
    }

    pub(crate) async fn sign_in(&self, client: &str, secret: &str) -> String {
        let reply = self.ask_token(&[("client_id", client), ("client_secret", secret)]).await;
        reply.body["access_token"].as_str().unwrap_or_default().to_owned()
    }

    /// A token request with the usual fields and `fields`.
    pub(crate) async fn ask_token(&self, fields: &[(&str, &str)]) -> Reply {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "client_credentials"), ("scope", "https://management.azure.com/.default")])
            .extend_pairs(fields)
            .finish();
        self.send(Request::post(format!("/{TENANT}/oauth2/v2.0/token")).body(Body::from(form)).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let dropped = response.extensions().get::<Dropped>().is_some();
        let (parts, body) = response.into_parts();
        let read = to_bytes(body, 1 << 26).await;
        let (cut, bytes) = (read.is_err(), read.unwrap_or_default());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Reply {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
            dropped,
            cut,
        }
    }

    /// A call with the client's token; `path` may have a query already.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.call_as(&self.token, method, path, body).await
    }

    pub(crate) async fn call_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Reply {
        let path = path.strip_prefix(BASE).unwrap_or(path);
        let separator = if path.contains('?') { "" } else { "?api-version=2025-08-01" };
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}{separator}"))
            .header("authorization", format!("Bearer {token}"))
            .header("x-ms-client-request-id", "request-1")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .unwrap();
        self.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    /// The `properties` of a resource.
    pub(crate) async fn properties(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.text);
        reply.body["properties"].clone()
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Reply {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(Request::builder().method(method).uri(format!("/_sim/{path}")).body(body).unwrap()).await
    }

    pub(crate) async fn advance(&self, seconds: f64) {
        let reply = self.control("POST", "clock", json!({ "advanceSeconds": seconds })).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    pub(crate) async fn ledger(&self) -> Vec<Value> {
        self.control("GET", "ledger", Value::Null).await.body.as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn set_item(&self, patch: Value) -> Reply {
        let reply = self.control("POST", "items", patch).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply
    }

    pub(crate) async fn set_resources(&self, change: Value) -> Value {
        let reply = self.control("POST", "resources", change).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.body
    }

    pub(crate) async fn set_behaviour(&self, patch: Value) {
        let reply = self.control("POST", "behaviour", patch).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    pub(crate) async fn fault(&self, fault: Value) {
        let reply = self.control("POST", "faults", fault).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    pub(crate) async fn fail_over(&self, item: &str, body: Value) -> Reply {
        self.call("POST", &format!("{}/unplannedFailover", item_path(item)), Some(body)).await
    }

    pub(crate) async fn commit(&self, item: &str) -> Reply {
        self.call("POST", &format!("{}/failoverCommit", item_path(item)), None).await
    }

    pub(crate) async fn job(&self, id: &str) -> Value {
        self.properties(&format!("{}/replicationJobs/{id}", vault_path())).await
    }

    /// The job with its stub read away.
    pub(crate) async fn settled_job(&self, id: &str) -> Value {
        self.job(id).await;
        self.job(id).await
    }
}

pub(crate) fn vault_path() -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dr/providers/Microsoft.RecoveryServices/vaults/vault-dr")
}

/// ARM id of a resource group of the subscription.
pub(crate) fn group_path(name: &str) -> String {
    format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}")
}

/// ARM id of the only subnet of the network that a group of the seed has.
pub(crate) fn subnet_path(group: &str) -> String {
    format!("{}/providers/Microsoft.Network/virtualNetworks/{group}-vnet/subnets/default", group_path(group))
}

pub(crate) fn container_path(region: &str) -> String {
    let fabric = format!("asr-a2a-default-{region}");
    format!("{}/replicationFabrics/{fabric}/replicationProtectionContainers/{fabric}-container", vault_path())
}

pub(crate) fn item_path(item: &str) -> String {
    format!("{}/replicationProtectedItems/{item}", container_path("westeurope"))
}

pub(crate) fn failover_body(point: Option<&str>, shutdown: bool) -> Value {
    json!({ "properties": {
        "failoverDirection": "PrimaryToRecovery",
        "sourceSiteOperations": if shutdown { "Required" } else { "NotRequired" },
        "providerSpecificDetails": { "instanceType": "A2A", "recoveryPointId": point },
    } })
}

/// The job GUID of a 202.
pub(crate) fn job_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 202, "{}", reply.text);
    reply.header("x-ms-request-id").rsplit('/').next().unwrap().to_owned()
}

pub(crate) fn tasks(job: &Value) -> Vec<(String, String)> {
    let word = |task: &Value, field: &str| task[field].as_str().unwrap().to_owned();
    let tasks = job["tasks"].as_array().unwrap();
    tasks
        .iter()
        .map(|task| (word(task, "name"), format!("{}/{}", word(task, "state"), word(task, "stateDescription"))))
        .collect()
}

/// Fails when `object` lacks one of the space-separated `keys`.
pub(crate) fn assert_keys(object: &Value, keys: &str) {
    let missing: Vec<_> = keys.split_whitespace().filter(|key| object.get(key).is_none()).collect();
    assert!(missing.is_empty(), "missing {missing:?} in {object:#}");
}

/// Waits until `condition` holds; fails after ten seconds and says what was waited for.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !condition().await {
        assert!(std::time::Instant::now() < deadline, "waited in vain until {what}");
        tokio::task::yield_now().await;
    }
}

/// Fails over and commits the item at `path`.
pub(crate) async fn commit(azure: &Azure, path: &str) {
    job_of(&azure.call("POST", &format!("{path}/unplannedFailover"), Some(failover_body(None, true))).await);
    azure.advance(140.0).await;
    job_of(&azure.call("POST", &format!("{path}/failoverCommit"), None).await);
    azure.advance(8.0).await;
}

pub(crate) fn reprotect_path() -> String {
    format!("{}/switchprotection", container_path("westeurope"))
}

pub(crate) fn cache_path(group: &str, region: &str) -> String {
    format!("{}/providers/Microsoft.Storage/storageAccounts/cache{region}", group_path(group))
}

/// The body that a careful client sends for `app01`: the disks as Compute names them, a cache where the VM runs now.
pub(crate) async fn body_of(azure: &Azure) -> Value {
    let item = azure.properties(&item_path("app01")).await;
    let vm = item["providerSpecificDetails"]["recoveryFabricObjectId"].as_str().unwrap();
    let storage = azure.properties(vm).await["storageProfile"].clone();
    let disks = std::iter::once(&storage["osDisk"]).chain(storage["dataDisks"].as_array().unwrap());
    let disk = |disk: &Value| {
        json!({
            "diskId": disk["managedDisk"]["id"],
            "primaryStagingAzureStorageAccountId": cache_path("rg-app-dr", "northeurope"),
            "recoveryResourceGroupId": group_path("rg-app"),
        })
    };
    json!({ "properties": {
        "replicationProtectedItemName": "app01",
        "providerSpecificDetails": {
            "instanceType": "A2A",
            "recoveryContainerId": container_path("westeurope"),
            "policyId": format!("{}/replicationPolicies/24-hour-retention-policy", vault_path()),
            "recoveryResourceGroupId": group_path("rg-app"),
            "vmManagedDisks": disks.map(disk).collect::<Vec<_>>(),
        },
    } })
}

/// Begins a reprotect of a committed `app01` and gives its job.
pub(crate) async fn reprotect(azure: &Azure) -> String {
    job_of(&azure.call("POST", &reprotect_path(), Some(body_of(azure).await)).await)
}

/// A world where `app01` is committed; `app01` has what `fields` adds to its seed.
pub(crate) async fn committed(fields: &str) -> Azure {
    let azure = Azure::with(&SEED.replace("vmName: APP01", &format!("vmName: APP01{fields}"))).await;
    commit(&azure, &item_path("app01")).await;
    azure
}

pub(crate) fn codes(job: &Value) -> Vec<&str> {
    job["errors"].as_array().unwrap().iter().map(|e| e["serviceErrorDetails"]["code"].as_str().unwrap()).collect()
}

/// After a failed reprotect nothing has changed, and the verb is allowed again.
pub(crate) async fn assert_committed(azure: &Azure) {
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(item["protectionState"], "UnplannedFailoverCommitted");
    assert_eq!(item["allowedOperations"], json!(["CompleteMigration", "DisableProtection", "SwitchProtection"]));
    assert_eq!(item["currentScenario"]["scenarioName"], "None");
}

/// The job of a second try, which succeeds.
pub(crate) async fn assert_repeatable(azure: &Azure) {
    assert_committed(azure).await;
    let job = reprotect(azure).await;
    azure.advance(506.0).await;
    assert_eq!(azure.job(&job).await["state"], "Succeeded");
}
