//! What an operator of these runs has counted is searched for secrets like what it has logged, however it ends; so is what
//! their API server was asked to keep.

use crate::act::FAILOVER;
use crate::harness::{ControlPlane, Options, Program, RunDir, Supervised};
use crate::stage::{DEADLINE, Ground, Stage};
use axum::Router;
use axum::routing::get;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn i19_the_metrics_of_a_killed_operator_are_those_before_its_death() {
    let stage = Stage::set(Ground::shared().await, &FAILOVER).await;
    let mut operator = stage.launch();
    stage.vm_ready(&operator).await;
    operator.kill();
    let metrics = operator.last_metrics().unwrap_or_else(|| panic!("none; {}", operator.log_tail()));
    assert!(metrics.contains("asr_operator_reconciles_total{"), "{metrics}");
}

/// A program that passes for an operator, and has this for its metrics.
async fn impostor(metrics: &'static str) -> Supervised {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ready = serde_json::json!({"message": "ready", "metrics": listener.local_addr().unwrap()});
    let router = Router::new().route("/metrics", get(move || std::future::ready(metrics)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let log = RunDir::create("impostor").unwrap().join("operator.log");
    let script = format!("echo '{ready}'; exec sleep 600");
    let mut impostor = Program::new("asr-operator", Path::new("/bin/sh"), log).args(["-c", &script]).start().unwrap();
    let told = |line: &str| line.contains("ready").then_some(());
    impostor.wait_for_line(DEADLINE, "line that says ready", told).await.unwrap();
    impostor
}

/// What the search says when this operator or ground goes, if it says anything.
fn said_at_the_end<T>(ended: T) -> Option<String> {
    let end = catch_unwind(AssertUnwindSafe(|| drop(ended)));
    end.err().map(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn i19_a_secret_in_the_metrics_of_an_operator_is_found_when_it_was_killed_or_is_dropped() {
    assert_eq!(said_at_the_end(impostor("asr_operator_azure_answers_total{code=\"202\"} 1").await), None);
    let leaking = "asr_operator_azure_answers_total{code=\"eyJTOKCANARY\"} 1";
    let mut killed = impostor(leaking).await;
    killed.kill();
    for operator in [killed, impostor(leaking).await] {
        let said = said_at_the_end(operator).expect("a secret is said to be there");
        assert!(said.contains("hold a secret") && said.contains(leaking.split('"').nth(1).unwrap()), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i19_a_secret_that_the_api_server_was_asked_to_keep_is_found_when_a_stage_or_its_cluster_goes() {
    let options = Options { controller_manager: false, ..Options::default() };
    let ground = Ground::on(ControlPlane::start(options).await.unwrap()).await;
    let innocent = Stage::set(&ground, &FAILOVER).await;
    assert_eq!(said_at_the_end(innocent), None);
    let stage = Stage::set(&ground, &FAILOVER).await;
    let leaking = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: leak}\ndata: {said: eyJTOKCANARY}\n";
    ground.plane.apply(&leaking.replace("leak}", &format!("leak, namespace: {}}}", stage.namespace))).await;
    let said = said_at_the_end(stage).expect("a secret is said to be there");
    assert!(said.contains("asked to keep TOKCANARY") && said.contains("eyJTOKCANARY"), "{said}");
    // What was searched is not searched again, and the secret is still there to be found.
    let said = said_at_the_end(ground).expect("a secret is said to be there");
    assert!(said.contains("asked to keep TOKCANARY"), "{said}");
}
