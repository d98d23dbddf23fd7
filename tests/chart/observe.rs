//! An Azure identity that has the role *observe* of `deploy/azure` and no other: all is seen with it, and nothing is moved.

use crate::azure;
use crate::course::{self, declare};
use crate::harness::{condition, get};
use crate::stage::Stage;
use crate::walk::LOOP;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_with_the_role_observe_sees_all_and_moves_nothing() {
    let stage = Stage::with(&azure::seed_with("observe"), json!({})).await;
    declare(&stage).await;
    all_is_seen(&stage).await;
    a_failover_waits_for_the_right_to_look(&stage).await;
    // Whoever assigns what the message names, and no more: all of it can be read, and still nothing done.
    stage.sim.post("principals", json!({"name": "operator", "role": "reader"})).await;
    a_failover_is_refused(&stage).await;
}

async fn all_is_seen(stage: &Stage) {
    let vault = stage.wait("RecoveryVault", "vault-dr", ("Ready", "True", Some("Reachable"))).await;
    assert_eq!(vault["status"]["protectedItems"], 2, "{vault:#}");
    let vm = stage.wait("ReplicatedVm", "app01", ("FailoverReady", "True", None)).await;
    for seen in ["protectedItemId", "recoveryPoints", "activeSide"] {
        assert!(!vm["status"][seen].is_null(), "{seen} is not seen: {vm:#}");
    }
    course::one_vanishes(stage).await;
    azure::performs_all(&stage.sim, "observe").await;
    assert_eq!(stage.answers(403).await, 0, "observing needs more than the role observe");
    assert!(stage.answers(200).await > 0);
}

/// What other jobs run is looked up before any call: without the right to, no intent is written.
async fn a_failover_waits_for_the_right_to_look(stage: &Stage) {
    let (sample, kind, name) = LOOP[0];
    stage.apply(sample).await;
    let held = stage.wait(kind, name, ("Reconciling", "True", Some("AccessDenied"))).await;
    names(&held, "Reconciling", ["Microsoft.RecoveryServices/vaults/replicationJobs/read", "/vaults/vault-dr/"]);
    let records = stage.all("itemrecords").await;
    assert!(!records.is_empty() && records.iter().all(|record| record["spec"]["intent"].is_null()), "{records:#?}");
    let calls = stage.sim.ledger().await;
    assert!(calls.is_empty(), "something was sent: {calls:#?}");
    assert!(stage.answers(403).await > 0, "the metric does not count what was refused");
    for (kind, name) in [("RecoveryVault", "vault-dr"), ("ReplicatedVm", "app01")] {
        let object = get(&stage.client, kind, "demo", name).await.unwrap();
        assert_eq!(condition(&object, "Ready").unwrap()["status"], "True", "no longer observed: {object:#}");
    }
}

async fn a_failover_is_refused(stage: &Stage) {
    let (_, kind, name) = LOOP[0];
    let refused = stage.wait(kind, name, ("Stalled", "True", Some("AzureRefused"))).await;
    names(&refused, "Stalled", ["/replicationProtectedItems/unplannedFailover/action", "/vaults/vault-dr/"]);
    let calls = stage.sim.ledger().await;
    assert!(calls.len() == 1 && calls[0]["status"] == 403 && calls[0]["accepted"] == false, "{calls:#?}");
}

/// The message says which action is missing, and on what.
fn names(object: &Value, condition_type: &str, [action, scope]: [&str; 2]) {
    let said = condition(object, condition_type).unwrap()["message"].as_str().unwrap();
    assert!(said.contains(action) && said.contains("/subscriptions/") && said.contains(scope), "{said}");
}
