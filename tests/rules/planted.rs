//! Azure says too much: a canary is in every header and every body of every answer, and a signed URL with a token in every text
//! that is meant for people (`harness::planter`). The whole loop is run through that, with what goes wrong on its way, and then all
//! that came out of the operator is searched: log, events, objects, metrics, traces, and what the API server was ever asked to keep.
//!
//! The cluster is this test's own, so that all of it can be searched, and a leak fails no other test.

use crate::harness::planter::{SHOWN, TEXTS};
use crate::harness::{
    ControlPlane, KstatusWatch, Operator, OperatorOptions, Options, Planter, ROUND, Simulator, canary, objects,
    wait_condition,
};
use crate::world::{DEADLINE, FAILOVER, failover, identity, message, sample};
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const SEED: &str = include_str!("../../deploy/demo/seed.yaml");
const RBAC: &str = include_str!("../../deploy/operator/rbac.yaml");

/// Everything that the operator may have written something into.
pub const KINDS: &str = "recoveryvaults,replicatedvms,failoverrequests,changerecoverypointrequests,commitrequests,\
                     reprotectrequests,requestdecisions,itemrecords,requestclaims,events,leases,configmaps";

/// A cluster, an Azure that says too much, an operator, and a collector that keeps what it is sent, as it came.
struct Stage {
    plane: ControlPlane,
    sim: Simulator,
    planter: Planter,
    operator: Operator,
    client: kube::Client,
    traces: Arc<Mutex<Vec<Bytes>>>,
    _kstatus: KstatusWatch,
}

impl Stage {
    async fn set() -> Self {
        let plane = ControlPlane::start(Options { controller_manager: false, ..Options::default() }).await.unwrap();
        plane.install_crds().await;
        plane.apply(RBAC).await;
        plane.create_namespace("demo").await;
        let sim = Simulator::start(&format!("{SEED}\n{}", plane.federation()), 40).await.unwrap();
        let planter = Planter::start(&sim).await;
        let (collector, traces) = collector().await;
        let mut options = OperatorOptions::installed(&plane, &sim).await;
        options.sim = planter.endpoints();
        options.extra_args.extend(["--early-grace", "0", "--otlp-endpoint", &collector].map(String::from));
        let operator = Operator::start(options).await.unwrap();
        let client = plane.client().await;
        let kstatus = KstatusWatch::everywhere(&client);
        Self { plane, sim, planter, operator, client, traces, _kstatus: kstatus }
    }

    async fn apply(&self, yaml: &str) {
        objects::apply(&self.client, yaml).await;
    }

    async fn wait(&self, kind: &str, name: &str, wanted: (&str, &str, Option<&str>)) -> Value {
        wait_condition(&self.client, kind, "demo", name, wanted, DEADLINE).await
    }

    /// Applies a request of the samples, lets it end well and returns it.
    async fn act(&self, name: &str) -> Value {
        self.apply(sample(name)).await;
        let (kind, name) = identity(sample(name));
        self.wait(&kind, &name, ("Ready", "True", None)).await
    }

    /// Lets the data be copied after a reprotect.
    async fn protected_again(&self) {
        self.sim.clock(json!({"advanceSeconds": 3600})).await;
        self.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await;
    }
}

async fn collector() -> (String, Arc<Mutex<Vec<Bytes>>>) {
    let traces = Arc::<Mutex<Vec<Bytes>>>::default();
    let kept = Arc::clone(&traces);
    let keep = move |body: Bytes| {
        kept.lock().unwrap().push(body);
        std::future::ready(())
    };
    let router = Router::new().route("/v1/traces", post(keep));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, traces)
}

/// Azure's words are told, with what was planted in them before: all of it but what is secret.
fn tells(text: &str, words: &str) {
    assert!(text.contains(SHOWN) && text.contains(words), "{words}, after {SHOWN}: {text}");
}

/// No token, then a VM whose replication is unwell.
async fn nobody_is_let_in_at_first(stage: &Stage) {
    let text = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 7";
    let body = json!({"error": "invalid_client", "error_description": text});
    stage.sim.faults(json!({"operation": "token", "effect": "refuse", "status": 401, "times": 0, "body": body})).await;
    let unwell = json!([
        {"errorCode": "153077", "errorLevel": "Error", "errorCategory": "Replication", "errorMessage": "The agent is silent.",
         "possibleCauses": "It is off.", "recommendedAction": "Start it."},
        {"errorCode": "153078", "errorCategory": "Replication", "errorMessage": "", "summaryMessage": "It lags."},
    ]);
    stage.sim.set_item(json!({"name": "app01", "healthErrors": unwell})).await;
    stage.apply(sample("vault")).await;
    let vault = stage.wait("RecoveryVault", "vault-dr", ("Ready", "False", Some("CredentialsFailed"))).await;
    tells(message(&vault, "Ready"), "AADSTS7000215");
    stage.sim.clear_faults().await;
    stage.apply(sample("vm")).await;
    let vm = stage.wait("ReplicatedVm", "app01", ("ReplicationHealthy", "False", Some("Unhealthy"))).await;
    let health = vm["status"]["healthErrors"].to_string();
    for words in ["The agent is silent.", "Start it.", "It lags."] {
        tells(&health, words);
    }
    tells(vm["status"]["protectionStateDescription"].as_str().unwrap_or_default(), "");
    stage.sim.set_item(json!({"name": "app01", "healthErrors": []})).await;
    stage.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
}

/// A 500 to every read, a job that fails, a 403 to a call, and a token that has expired.
async fn calls_go_wrong(stage: &Stage) {
    stage.sim.set_item(json!({"name": "app01", "failNext": "capacity"})).await;
    stage.sim.faults(json!({"operation": "protectedItems.get", "effect": "refuse", "status": 500, "times": 0})).await;
    stage.apply(&failover("unlucky", "")).await;
    let blind = stage.wait("FailoverRequest", "unlucky", ("Reconciling", "True", Some("VaultUnreachable"))).await;
    tells(message(&blind, "Reconciling"), "Azure answered 500");
    stage.sim.clear_faults().await;
    let failed = stage.wait("FailoverRequest", "unlucky", ("Stalled", "True", Some("JobFailed"))).await;
    tells(message(&failed, "Stalled"), "Allocation failed");
    let operation = &failed["status"]["operations"][0];
    for field in ["message", "possibleCauses", "recommendedAction"] {
        tells(operation["errors"].as_array().and_then(|all| all.last()).unwrap()[field].as_str().unwrap(), "");
    }
    tells(&operation["tasks"].to_string(), "");
    let role = async |role: &str| stage.sim.post("principals", json!({"name": "operator", "role": role})).await;
    role("reader").await;
    stage.apply(&failover("forbidden", "")).await;
    let refused = stage.wait("FailoverRequest", "forbidden", ("Stalled", "True", Some("AzureRefused"))).await;
    tells(message(&refused, "Stalled"), "unplannedFailover/action");
    role("operator").await;
    stage.sim.post("tokens/expire", json!({})).await;
}

/// Away and home again by the samples, with a warning, and with two answers that hide a call which was made.
async fn whole_loop(stage: &Stage) {
    let hidden = |operation: &str, status: u16, text: &str| json!({"operation": operation, "effect": "executeThenAnswer", "status": status, "text": text});
    let hiding = [hidden("applyRecoveryPoint", 502, "<html>bad gateway</html>"), hidden("failoverCommit", 500, "")];
    stage.sim.faults(json!(hiding)).await;
    stage.sim.set_item(json!({"name": "app01", "sourceShutdownFails": true})).await;
    stage.apply(sample("failover")).await;
    let warned = stage.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("SucceededWithWarning"))).await;
    tells(message(&warned, "Ready"), "couldn't be shut down");
    stage.sim.set_item(json!({"name": "app01", "sourceShutdownFails": false})).await;
    for name in ["change-point", "commit", "reprotect"] {
        stage.act(name).await;
    }
    stage.protected_again().await;
    for name in ["failback", "commit-home", "reprotect-home"] {
        stage.act(name).await;
    }
    stage.protected_again().await;
}

/// Every object of the cluster that an operator may write, as anybody reads it who may.
async fn all_objects(stage: &Stage) -> Vec<Value> {
    let list = ["get", KINDS, "--all-namespaces", "--output=json"];
    let text = stage.plane.kubectl(&list, None).await.expect_success();
    let list: Value = serde_json::from_str(&text).unwrap();
    let objects = list["items"].as_array().unwrap().clone();
    for kind in ["RecoveryVault", "ReplicatedVm", "FailoverRequest", "ItemRecord", "RequestClaim", "Event", "Lease"] {
        assert!(objects.iter().any(|object| object["kind"] == kind), "no {kind} to be searched");
    }
    objects
}

/// Ends the operator, and says where a canary is in all that came out of it.
async fn leaks(stage: &mut Stage) -> Vec<String> {
    let of_object = |object: &Value| {
        let name = format!("{} {}", object["kind"].as_str().unwrap_or_default(), object["metadata"]["name"]);
        canary::places(object).into_iter().map(move |place| format!("{name}: {place}")).collect::<Vec<_>>()
    };
    let mut found: Vec<String> = all_objects(stage).await.iter().flat_map(of_object).collect();
    let metrics = stage.operator.scrape().await.unwrap();
    assert!(metrics.contains("asr_operator_mutating_calls_total"), "{metrics}");
    // Asked to end, it sends the spans that it still has.
    stage.operator.terminate();
    stage.operator.process().wait_exit(DEADLINE).await.unwrap();
    let traces =
        stage.traces.lock().unwrap().iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect::<String>();
    assert!(traces.contains("POST unplannedFailover") && traces.contains("JobFailed"), "{} bytes", traces.len());
    let log = stage.operator.log();
    assert!(log.contains("called Azure") && !log.contains("panicked"), "{log}");
    for (what, text) in [("metrics", metrics), ("traces", traces), ("log", log)] {
        found.extend(canary::lines(&text).into_iter().map(|line| format!("{what}: {line}")));
    }
    found.extend(canary::in_etcd(stage.plane.dir()).map(|(canary, around)| format!("etcd: {canary}: {around}")));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_i19_whatever_azure_says_no_token_secret_or_signed_url_comes_out_of_the_operator() {
    let mut stage = Stage::set().await;
    nobody_is_let_in_at_first(&stage).await;
    calls_go_wrong(&stage).await;
    whole_loop(&stage).await;
    let calls = stage.sim.accepted().await;
    let operations: Vec<&str> = calls.iter().filter_map(|call| call["operation"].as_str()).collect();
    assert_eq!(operations, [&["unplannedFailover"][..], &ROUND[..]].concat(), "what is planted is decided by");
    let planted = stage.planter.planted();
    for place in TEXTS.iter().chain(&["a header", "a member", "a page"]) {
        assert!(planted.contains_key(*place), "nothing was planted in {place}: {planted:?}");
    }
    let found = leaks(&mut stage).await;
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}
