//! What becomes of a failover under way while its identity gets no token: for each kind of identity the same.

use crate::harness::canary::places;
use crate::harness::eventually;
use crate::planted::KINDS;
use crate::world::{DEADLINE, FAILOVER, Setup, World, failover, message, sample, vault_by_secret};
use serde_json::{Value, json};

fn slow(with_vm: bool) -> Setup {
    Setup { clock_rate: 1, with_vm, ..Setup::default() }
}

/// Takes every token away and meets the next requests for one with this fault.
async fn trouble(world: &World, fault: Value) {
    world.sim.clear_faults().await;
    world.sim.faults(fault).await;
    world.sim.post("tokens/expire", json!({})).await;
}

async fn says(world: &World, words: &str) {
    eventually(DEADLINE, words, async || {
        let object = world.get("FailoverRequest", FAILOVER).await;
        let said = message(&object, "Reconciling").to_owned();
        if said.contains(words) { Ok(()) } else { Err(said) }
    })
    .await;
}

/// A failover that commits by itself: the token endpoint fails, refuses for good, and is slow, while the job runs. `revoked` is
/// what it refuses with, and what of that is told.
pub async fn survives(world: &World, (status, body, told): (u16, Value, &str)) {
    world.apply(failover(FAILOVER, "  commitPolicy: Automatic\n")).await;
    world.running(FAILOVER).await;
    trouble(world, json!({"operation": "token", "effect": "refuse", "status": 503, "times": 0, "retryAfter": 1})).await;
    says(world, "503").await;
    trouble(world, json!({"operation": "token", "effect": "refuse", "status": status, "times": 0, "body": body})).await;
    says(world, told).await;
    world.job_ends().await;
    assert_eq!(world.accepted().await, ["unplannedFailover"], "nothing is called without a token");
    trouble(world, json!({"operation": "token", "effect": "delayAnswer", "millis": 2000})).await;
    world.accepts("failoverCommit").await;
    world.job_ends().await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

fn revoked() -> (u16, Value, &'static str) {
    let text = "AADSTS7000215: Invalid client secret.";
    (401, json!({"error": "invalid_client", "error_description": text}), "AADSTS7000215")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_identity_without_tokens_in_mid_failover_loses_nothing_and_calls_once() {
    survives(&World::with(slow(true)).await, revoked()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_that_is_revoked_in_mid_failover_loses_nothing_and_calls_once() {
    let world = World::with(slow(false)).await;
    world.plane.apply(&vault_by_secret(&world.namespace)).await;
    world.apply(sample("vm")).await;
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    survives(&world, revoked()).await;
    no_object_holds_a_secret(&world).await;
}

/// All that the operator writes, and not the Secrets, which are to hold one. In etcd these hide what else would hold it.
async fn no_object_holds_a_secret(world: &World) {
    let mut searched = Vec::new();
    for namespace in [&world.namespace, &world.operator_namespace] {
        let list = ["get", KINDS, "--namespace", namespace, "--output=json"];
        let text = world.plane.kubectl(&list, None).await.expect_success();
        let list: Value = serde_json::from_str(&text).unwrap();
        for object in list["items"].as_array().unwrap() {
            assert_eq!(places(object), [""; 0], "{object:#}");
            searched.push(object["kind"].as_str().unwrap().to_owned());
        }
    }
    for kind in ["RecoveryVault", "ReplicatedVm", "FailoverRequest", "ItemRecord", "RequestClaim", "Event", "Lease"] {
        assert!(searched.iter().any(|one| one == kind), "no {kind} to be searched: {searched:?}");
    }
}
