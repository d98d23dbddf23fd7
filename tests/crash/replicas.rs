//! Two operators at once, with whatever tells them apart taken away all the time.

use crate::act::{CHANGE_POINT, COMMIT, FAILOVER, REPROTECT};
use crate::run::{job, succeed};
use crate::stage::{Ground, Stage};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams, ListParams};
use serde_json::Value;
use std::time::Duration;

/// Deletes every Lease of a namespace, again and again.
async fn delete_leases(client: kube::Client, namespace: String) {
    let leases: Api<Lease> = Api::namespaced(client, &namespace);
    loop {
        leases.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i12_two_operators_with_their_leases_deleted_in_a_loop_make_one_call_each_act() {
    let stage = Stage::set(Ground::shared().await, &FAILOVER).await;
    let mut operators = [stage.launch(), stage.launch()];
    for operator in &mut operators {
        let ready = |line: &str| line.contains("\"ready\"").then_some(());
        operator.wait_for_line(crate::stage::DEADLINE, "line that says ready", ready).await.unwrap();
    }
    let thief = tokio::spawn(delete_leases(stage.client.clone(), stage.own.clone()));
    stage.vm_ready(&operators[0]).await;
    let mut jobs: Vec<Value> = Vec::new();
    for (act, next) in [(&FAILOVER, 0), (&CHANGE_POINT, 1), (&COMMIT, 0), (&REPROTECT, 1)] {
        jobs.push(job(&succeed(&stage, act).await).clone());
        // Whoever acted, one of the two is another process for the next act.
        operators[next].kill();
        operators[next] = stage.launch();
    }
    assert!(!thief.is_finished(), "the Leases were deleted to the end");
    thief.abort();
    let sent = stage.sent().await;
    let operations: Vec<_> = sent.iter().map(|call| call["operation"].as_str().unwrap_or_default()).collect();
    assert_eq!(operations, ["unplannedFailover", "applyRecoveryPoint", "failoverCommit", "switchprotection"]);
    assert_eq!(sent.iter().map(|call| call["jobId"].clone()).collect::<Vec<_>>(), jobs, "{sent:#?}");
}
