//! Custom resource definitions that are not those of the operator: one version behind it, one ahead, and put back while it runs.

use crate::act::{Act, COMMIT, FAILOVER, START};
use crate::harness::{Supervised, eventually};
use crate::run::{End, Patience, judge, play};
use crate::stage::{DEADLINE, Ground, Stage};
use serde_json::json;

const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");

async fn edit(ground: &Ground, definition: &str, operation: &str, path: &str, value: serde_json::Value) {
    let path = format!("/spec/versions/0/schema/openAPIV3Schema/properties/{path}");
    let patch = json!([{"op": operation, "path": path, "value": value}]).to_string();
    let name = format!("{definition}.asr-operator.io");
    let command = ["patch", "customresourcedefinition", &name, "--type=json", "--patch", &patch];
    ground.plane.kubectl(&command, None).await.expect_success();
}

/// Waits until the operator's probe answers like this, and returns the answer's words.
async fn readiness(address: &str, status: u16, operator: &Supervised) -> String {
    eventually(DEADLINE, &format!("readiness {status}"), async || {
        let answer = reqwest::get(format!("http://{address}/readyz")).await.map_err(|error| error.to_string())?;
        let (seen, text) = (answer.status().as_u16(), answer.text().await.unwrap_or_default());
        let settled = seen == status && text != "starting";
        if settled { Ok(text) } else { Err(format!("{seen} {text}; {}", operator.log_tail())) }
    })
    .await
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn i24_definitions_one_version_behind_keep_it_from_starting_and_those_ahead_do_not() {
    let ground = Ground::lasting().await;
    let stage = Stage::set(&ground, &START).await;
    let finished = "spec/properties/finished";
    edit(&ground, "itemrecords", "remove", finished, json!(null)).await;
    stage.create(FAILOVER.manifest).await;
    let address = free_address();
    let operator = stage.launch_with_probes_at(&address);
    let told = readiness(&address, 503, &operator).await;
    assert!(told.contains("itemrecords.asr-operator.io.spec.finished") && told.contains("apply"), "{told}");
    let asked = stage.proxy.passed();
    assert!(asked.iter().all(|passed| passed.boundary == "K GET customresourcedefinitions"), "{asked:?}");
    assert!(stage.sent().await.is_empty());

    let apply = ["apply", "--server-side", "--force-conflicts", "-f", CRDS];
    ground.plane.kubectl(&apply, None).await.expect_success();
    assert_eq!(readiness(&address, 200, &operator).await, "ok");
    let end = play(&stage, &FAILOVER, Patience::Named).await;
    assert_eq!(end, End::Succeeded);
    judge(&stage, &FAILOVER, end).await;
    drop(operator);

    let text = json!({"type": "string", "maxLength": 10});
    edit(&ground, "itemrecords", "add", "spec/properties/ahead", text.clone()).await;
    edit(&ground, "commitrequests", "add", "spec/properties/ahead", text.clone()).await;
    edit(&ground, "commitrequests", "add", "status/properties/ahead", text).await;
    let with_all_rights = Act { at_start: true, ..COMMIT };
    let stage = Stage::set(&ground, &with_all_rights).await;
    let _operator = stage.launch();
    stage.create(&COMMIT.manifest.replace("  reason:", "  ahead: of us\n  reason:")).await;
    let end = play(&stage, &COMMIT, Patience::Named).await;
    assert_eq!(end, End::Succeeded);
    judge(&stage, &COMMIT, end).await;
    let commit = stage.get(COMMIT.request.0, COMMIT.request.1).await.unwrap();
    assert_eq!(commit["spec"]["ahead"], "of us", "the cluster knows it: {commit:#}");
}

/// Waits until the API server drops an intent's outcome: a changed definition is not in force at once.
async fn outcomes_are_dropped(ground: &Ground) {
    let record = json!({
        "apiVersion": "asr-operator.io/v1alpha1",
        "kind": "ItemRecord",
        "metadata": {"name": "probe", "namespace": "default"},
        "spec": {"intent": {"outcome": "Accepted"}},
    });
    let create = ["create", "--dry-run=server", "--validate=false", "--output=json", "-f", "-"];
    eventually(DEADLINE, "a definition without an intent's outcome", async || {
        let told = ground.plane.kubectl(&create, Some(&record.to_string())).await;
        let said = format!("{}{}", told.stdout, told.stderr);
        if said.contains("outcome") { Err(said) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i24_definitions_put_back_under_a_running_operator_are_named_and_cost_no_second_call() {
    let ground = Ground::lasting().await;
    let stage = Stage::set(&ground, &FAILOVER).await;
    let mut operator = stage.launch();
    stage.vm_ready(&operator).await;
    edit(&ground, "itemrecords", "remove", "spec/properties/intent/properties/outcome", json!(null)).await;
    outcomes_are_dropped(&ground).await;
    stage.create(FAILOVER.manifest).await;
    let told = |line: &str| line.contains("kept nothing of what was written").then_some(());
    operator.wait_for_line(DEADLINE, "line that says what is not kept", told).await.unwrap();
    assert_eq!(stage.sent().await.len(), 1, "its job is found, and cannot be written down");
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", CRDS];
    ground.plane.kubectl(&apply, None).await.expect_success();
    let end = play(&stage, &FAILOVER, Patience::Proof).await;
    assert_eq!(end, End::Succeeded);
    judge(&stage, &FAILOVER, end).await;
}
