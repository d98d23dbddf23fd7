//! Every answer of the simulator, over HTTP, through the whole loop and what can go wrong in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::service::{item, vault};
use super::walk::{Findings, Walk};

const EXCEPTIONS: &str = include_str!("../schema/simulator-exceptions.json");

fn failover(point: Option<&str>) -> Value {
    let mut details = json!({ "instanceType": "A2A" });
    if let Some(point) = point {
        details["recoveryPointId"] = json!(point);
    }
    json!({"properties": {
        "failoverDirection": "PrimaryToRecovery", "sourceSiteOperations": "Required", "providerSpecificDetails": details,
    }})
}

fn point(id: &str) -> Value {
    json!({"properties": {"recoveryPointId": id, "providerSpecificDetails": {"instanceType": "A2A"}}})
}

/// Failover, change of the point, commit, reprotect, copy, until Protected on the other side.
async fn half_loop(walk: &mut Walk, from: &str) {
    // Some points are made.
    walk.service.advance(7200.0).await;
    let id = item(from, "app01");
    walk.verb(&format!("{id}/unplannedFailover"), Some(&failover(None))).await;
    walk.follow(140.0).await;
    let points = walk.points(&id).await;
    walk.verb(&format!("{id}/applyRecoveryPoint"), Some(&point(&points[points.len() - 3]))).await;
    walk.follow(300.0).await;
    walk.verb(&format!("{id}/failoverCommit"), None).await;
    walk.follow(8.0).await;
    let body = walk.reprotect_body(from, "app01").await;
    let switch = format!("{}/switchprotection", super::service::container(from));
    walk.verb(&switch, Some(&body)).await;
    walk.follow(506.0).await;
    walk.follow(2400.0).await;
    walk.follow(300.0).await;
}

async fn drill(walk: &mut Walk) {
    let id = item("westeurope", "app01");
    let network = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-app-dr/providers/Microsoft.Network/virtualNetworks/rg-app-dr-vnet";
    let body = json!({"properties": {
        "failoverDirection": "PrimaryToRecovery", "networkType": "VmNetworkAsInput", "networkId": network,
        "providerSpecificDetails": {"instanceType": "A2A"},
    }});
    walk.verb(&format!("{id}/testFailover"), Some(&body)).await;
    walk.follow(145.0).await;
    walk.verb(&format!("{id}/testFailoverCleanup"), Some(&json!({"properties": {"comments": "seen"}}))).await;
    walk.follow(140.0).await;
    walk.follow(5400.0).await;
}

/// Jobs that fail, each in its own way, and jobs that warn.
async fn failures(walk: &mut Walk) {
    let id = item("westeurope", "db01");
    for recipe in ["capacity", "quota", "nic", "policy"] {
        walk.service.control("items", json!({"name": "db01", "failNext": recipe})).await;
        walk.verb(&format!("{id}/unplannedFailover"), Some(&failover(None))).await;
        walk.follow(140.0).await;
    }
    let stale = format!("{id}/recoveryPoints/{}", uuid::Uuid::nil());
    walk.verb(&format!("{id}/unplannedFailover"), Some(&failover(Some(&stale)))).await;
    walk.follow(140.0).await;
    walk.service.control("items", json!({"name": "db01", "sourceShutdownFails": true})).await;
    walk.service.control("behaviour", json!({"partialOperationStatus": true, "healthAfterFailover": "Critical"})).await;
    walk.verb(&format!("{id}/unplannedFailover"), Some(&failover(None))).await;
    walk.follow(140.0).await;
    walk.verb(&format!("{id}/failoverCommit"), None).await;
    walk.follow(8.0).await;
    let switch = format!("{}/switchprotection", super::service::container("westeurope"));
    for recipe in ["egress", "lock", "quota"] {
        walk.service.control("items", json!({"name": "db01", "failNext": recipe})).await;
        let body = walk.reprotect_body("westeurope", "db01").await;
        walk.verb(&switch, Some(&body)).await;
        walk.follow(506.0).await;
    }
}

/// What is refused at once.
async fn refusals(walk: &mut Walk) {
    let id = item("westeurope", "app01");
    let refused = [
        (format!("{id}/failoverCommit"), None),
        (format!("{id}/applyRecoveryPoint"), Some(json!({"properties": {}}))),
        (format!("{id}/unplannedFailover"), Some(json!({}))),
        (format!("{}/failoverCommit", item("westeurope", "none")), None),
        (format!("{}/replicationFabrics/none/replicationProtectionContainers/c/switchprotection", vault()), None),
    ];
    for (path, body) in refused {
        let answer = walk.call("POST", &path, body.as_ref()).await;
        assert!(answer.status >= 400, "{path} answered {}", answer.status);
    }
    walk.call("GET", &vault().replace("vault-dr", "none"), None).await;
    walk.call("GET", &format!("{}/replicationProtectedItems", vault().replace("rg-dr", "none")), None).await;
}

async fn walked() -> Findings {
    let mut walk = Walk::start().await;
    walk.look().await;
    refusals(&mut walk).await;
    drill(&mut walk).await;
    half_loop(&mut walk, "westeurope").await;
    walk.service.control("behaviour", json!({"pageSize": 5, "notStartedPolls": 2, "jobActivityId": false})).await;
    half_loop(&mut walk, "northeurope").await;
    failures(&mut walk).await;
    walk.findings
}

/// What the whole walk found; it is made once.
pub(crate) fn findings() -> &'static Findings {
    static FOUND: OnceLock<Findings> = OnceLock::new();
    FOUND.get_or_init(|| tokio::runtime::Runtime::new().unwrap().block_on(walked()))
}

#[test]
fn every_answer_of_the_simulator_is_one_that_azure_could_give() {
    let walk = findings();
    let answers: usize = walk.checked.values().sum();
    println!("{answers} answers of {} kinds, {} shapes", walk.checked.len(), walk.bodies.len());
    walk.checked.iter().for_each(|(what, count)| println!("  {count:>5}  {what}"));
    let exceptions: BTreeMap<String, String> = serde_json::from_str(EXCEPTIONS).unwrap();
    let named = |at: &str, what: &str| format!("{at}: {what}");
    let found: BTreeSet<String> = walk.found.iter().map(|(_, d)| named(&d.at, &d.what)).collect();
    let unlisted: Vec<_> =
        walk.found.iter().filter(|(_, d)| !exceptions.contains_key(&named(&d.at, &d.what))).collect();
    assert!(unlisted.is_empty(), "differences without a line in simulator-exceptions.json: {unlisted:#?}");
    let idle: Vec<_> = exceptions.keys().filter(|key| !found.contains(*key)).collect();
    assert!(idle.is_empty(), "lines of simulator-exceptions.json that nothing needs: {idle:#?}");
    assert!(exceptions.values().all(|reason| reason.len() > 20), "every exception has its reason");
}
