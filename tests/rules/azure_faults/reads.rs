//! Faults of what is read: bodies that break, lists that mislead, items that say something odd. Nothing is sent on them.

use crate::harness::eventually;
use crate::world::{DEADLINE, FAILOVER, ITEM, Setup, World, failover, message, reads, sample};
use serde_json::{Value, json};

/// Waits until the request is held for this reason and says this.
async fn waits(world: &World, kind: &str, name: &str, reason: &str, says: &str) {
    let held = world.wait(kind, name, ("Reconciling", "True", Some(reason))).await;
    assert!(message(&held, "Reconciling").contains(says), "{says}: {held:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_body_that_breaks_off_or_never_ends_is_read_again_and_nothing_is_sent_on_it() {
    let world = World::new().await;
    world.apply(sample("vm").replace("app01", "db01")).await;
    world.wait("ReplicatedVm", "db01", ("Ready", "True", None)).await;
    world
        .sim
        .faults(json!([
            {"operation": "protectedItems.get", "item": "app01", "effect": "truncate", "times": 0},
            {"operation": "protectedItems.get", "item": "db01", "effect": "oversize", "times": 0},
        ]))
        .await;
    let other = failover("other", "  replicatedVmRef: {name: db01}\n");
    world.apply(format!("{}---\n{other}", sample("failover"))).await;
    waits(&world, "FailoverRequest", FAILOVER, "VaultUnreachable", "before message length reached").await;
    waits(&world, "FailoverRequest", "other", "VaultUnreachable", "larger than").await;
    assert!(world.sent().await.is_empty());
    world.sim.clear_faults().await;
    for name in [FAILOVER, "other"] {
        world.wait("FailoverRequest", name, ("Ready", "True", Some("Succeeded"))).await;
    }
    assert_eq!(world.sent().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_body_that_swells_when_unpacked_is_read_again_and_nothing_is_sent_on_it() {
    let world = World::new().await;
    world.fail_over().await;
    world.sim.faults(json!({"operation": "jobs.list", "effect": "gzipBomb", "times": 0, "bytes": 200_000_000})).await;
    world.apply(sample("commit")).await;
    waits(&world, "CommitRequest", crate::world::COMMIT, "VaultUnreachable", "not understood").await;
    assert_eq!(world.sent().await.len(), 1);
    world.sim.clear_faults().await;
    world.wait("CommitRequest", crate::world::COMMIT, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_pages_that_lead_round_hold_and_doubled_ones_do_not() {
    let seed = |seed: &str| format!("{seed}\nbehaviour: {{pageSize: 1}}\n");
    let world = World::with(Setup { seed, ..Setup::default() }).await;
    world.portal("testFailover").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.portal("testFailoverCleanup").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.sim.faults(json!({"operation": "jobs.list", "effect": "loopPages", "times": 0})).await;
    world.apply(sample("failover")).await;
    waits(&world, "FailoverRequest", FAILOVER, "VaultUnreachable", "lead back").await;
    assert!(world.sent().await.is_empty());
    world.sim.clear_faults().await;
    let doubled = |operation: &str| json!({"operation": operation, "effect": "repeatPage", "times": 0});
    world
        .sim
        .faults(json!([doubled("jobs.list"), doubled("recoveryPoints.list"), doubled("protectedItems.list")]))
        .await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    world.vm_in(&world.item().await["protectionState"]).await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_page_that_is_lost_does_not_lose_the_vm() {
    let seed = |seed: &str| format!("{seed}\nbehaviour: {{pageSize: 1}}\n");
    let world = World::with(Setup { seed, ..Setup::default() }).await;
    world.sim.faults(json!({"operation": "protectedItems.list", "effect": "losePage"})).await;
    world.fail_over().await;
    // The list that follows the end of the job has lost the page; the object goes on naming its item.
    eventually(DEADLINE, "a lost page", async || {
        let faults = world.sim.get("faults").await;
        if faults[0]["seen"].as_u64() > Some(0) { Ok(()) } else { Err(faults.to_string()) }
    })
    .await;
    let vm = world.get("ReplicatedVm", "app01").await;
    assert_eq!(vm["status"]["protectedItemName"], ITEM, "{vm:#}");
    assert_ne!(reads(&vm, "Stalled").1, "ItemNotFound", "{vm:#}");
    world.act("commit").await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

/// Lets the item show this, and nothing of what it showed before: at once, since a request that was deleted may be on its
/// way still, and an item that is well for a moment would let it go.
async fn shown_as(world: &World, shows: Value) {
    let mut overrides = json!({"allowedOperations": null, "activeLocation": null, "currentScenario": null,
        "providerSpecificDetails": null});
    for (field, value) in shows.as_object().unwrap() {
        overrides[field] = value.clone();
    }
    world.sim.set_item(json!({"name": "app01", "overrides": overrides})).await;
}

/// An item that shows this is not failed over, for that reason.
async fn held_by(world: &World, number: usize, shows: Value, reasons: &[&str]) {
    let name = format!("odd-{number}");
    shown_as(world, shows.clone()).await;
    world.apply(failover(&name, "")).await;
    eventually(DEADLINE, &format!("{shows} held by {reasons:?}"), async || {
        let object = world.get("FailoverRequest", &name).await;
        let (status, reason) = reads(&object, "Ready");
        if status == "False" && reasons.contains(&reason) { Ok(()) } else { Err(format!("{:#}", object["status"])) }
    })
    .await;
    world.delete("failoverrequest", &name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_an_item_that_says_something_odd_is_not_failed_over() {
    let world = World::new().await;
    let elsewhere = json!({"providerSpecificDetails": {"primaryFabricLocation": "atlantis"}});
    let odd = [
        (json!({"allowedOperations": []}), &["NotAllowedNow"][..]),
        (json!({"allowedOperations": ["Teleport"]}), &["NotAllowedNow"]),
        (json!({"allowedOperations": 7}), &["VaultUnreachable", "ItemMissing"]),
        (json!({"activeLocation": "Moon"}), &["Pending"]),
        (json!({"activeLocation": ""}), &["Pending"]),
        (json!({"currentScenario": {"scenarioName": "Pondering", "jobId": "none"}}), &["ItemBusy"]),
        (elsewhere, &["SidesDisagree"]),
    ];
    let count = odd.len();
    for (number, (shows, reasons)) in odd.into_iter().enumerate() {
        held_by(&world, number, shows, reasons).await;
    }
    println!("{count} odd answers, nothing sent");
    assert!(world.sent().await.is_empty());
    let harmless = json!({"protectionState": "Pondering", "replicationHealth": "Purple", "lastSuccessfulFailoverTime": "yesterday",
        "healthErrors": [{"errorLevel": "Purple", "creationTimeUtc": "31-31-31"}], "currentScenario": {"startTime": 7}});
    shown_as(&world, harmless).await;
    world.apply(failover("harmless", "")).await;
    world.wait("FailoverRequest", "harmless", ("Ready", "True", None)).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}
