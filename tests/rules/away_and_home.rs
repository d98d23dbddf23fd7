//! The loop's rules 6, 8 and 9: the way home, and what comes back from Azure alone.

use crate::harness::{condition, eventually};
use crate::world::{DEADLINE, FAILOVER, ITEM, REPROTECT, Setup, World, failover, message, reads, request, sample};
use futures::future::join_all;
use serde_json::{Value, json};

/// `app01` runs on its recovery side and is protected in the other direction.
fn away(seed: &str) -> String {
    seed.replacen("address: 10.1.0.4", "address: 10.1.0.4\n        reversed: true", 1)
}

fn conditions(object: &Value) -> Vec<String> {
    let all = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let told = all.iter().map(|c| format!("{}={} {}", c["type"], c["status"], c["reason"]));
    told.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_06_failback_takes_each_type_of_recovery_point() {
    let choices = [
        "{type: Latest}",
        "{type: LatestProcessed}",
        "{type: LatestAppConsistent}",
        "{type: LatestCrashConsistent}",
        "{type: Custom, notAfter: \"2026-06-01T07:30:00Z\"}",
    ];
    let fail_back = async |choice: &str| {
        let world = World::with(Setup { seed: away, ..Setup::default() }).await;
        let spec = format!("  direction: RecoveryToPrimary\n  recoveryPoint: {choice}\n  shutdownSource: false\n");
        let done = world.succeed(&failover("home", &spec)).await;
        assert_eq!(reads(&done, "FailedOver"), ("True", "FailedOver"), "{choice}");
        assert_eq!(reads(&done, "SourceShutdown"), ("False", "NotRequested"), "{choice}");
        let used = done["status"]["recoveryPointUsed"]["id"].as_str().unwrap();
        let call = world.sent().await.remove(0);
        let properties = &call["body"]["properties"];
        let sent = &properties["providerSpecificDetails"]["recoveryPointId"];
        if choice.contains("Latest}") {
            assert!(sent.is_null(), "{choice}: {sent}");
        } else {
            assert!(sent.as_str().unwrap().ends_with(&format!("/recoveryPoints/{used}")), "{choice}: {sent}");
        }
        assert_eq!(properties["failoverDirection"], "PrimaryToRecovery", "A2A knows no other: {call:#}");
        assert_eq!(properties["sourceSiteOperations"], "NotRequired");
        let vm = world.wait("ReplicatedVm", "app01", ("PendingCommit", "True", None)).await;
        assert_eq!(vm["status"]["activeSide"], "Primary", "{choice}");
    };
    join_all(choices.map(fail_back)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i20_loop_rule_08_at_every_state_the_same_conditions_come_back_from_azure_alone() {
    let mut world = World::with(Setup { clock_rate: 1, ..Setup::default() }).await;
    for (verb, seconds) in [
        (None, 0),
        (Some("unplannedFailover"), 900),
        (Some("failoverCommit"), 900),
        (Some("switchprotection"), 900),
        (None, 3600),
        (Some("unplannedFailover"), 900),
        (Some("failoverCommit"), 900),
        (Some("switchprotection"), 900),
        (None, 3600),
    ] {
        if let Some(verb) = verb {
            world.portal(verb).await;
        }
        world.sim.clock(json!({"advanceSeconds": seconds})).await;
        // A start lists the vault at once.
        world.operator.restart().await.unwrap();
        let state = world.item().await["protectionState"].clone();
        let before = world.vm_in(&state).await;
        world.operator.kill();
        world.delete("replicatedvm", "app01").await;
        world.apply(sample("vm")).await;
        world.operator.restart().await.unwrap();
        let after = world.vm_in(&state).await;
        assert_eq!(conditions(&before), conditions(&after), "{state}");
        for field in ["activeSide", "nextDirection", "protectedItemId", "recoveredVmId", "allowedOperations"] {
            assert_eq!(before["status"][field], after["status"][field], "{state}: {field}");
        }
        world.wipe_status("replicatedvm", "app01").await;
        let wiped = world.vm_in(&state).await;
        assert_eq!(conditions(&before), conditions(&wiped), "{state}");
    }
    assert!(world.sent().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_08_an_ended_reprotect_without_status_reads_synchronized_from_azure() {
    let world = World::with(Setup { clock_rate: 200, ..Setup::default() }).await;
    world.fail_over().await;
    world.act("commit").await;
    world.act("reprotect").await;
    world.protected_again().await;
    let before = world.wait("ReprotectRequest", REPROTECT, ("Synchronized", "True", None)).await;
    world.wipe_status("reprotectrequest", REPROTECT).await;
    let after = world.wait("ReprotectRequest", REPROTECT, ("Synchronized", "True", None)).await;
    assert_eq!(reads(&before, "Reversed"), reads(&after, "Reversed"));
    assert_eq!(world.accepted().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_09_what_is_done_in_the_portal_at_each_state_is_followed() {
    let world = World::new().await;
    world.fail_over().await;
    world.portal("failoverCommit").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    // The reprotect of a request after the commit of the portal; then a reprotect of the portal before a request's.
    world.act("reprotect").await;
    world.protected_again().await;
    world.act("failback").await;
    world.act("commit-home").await;
    world.portal("switchprotection").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.apply(sample("reprotect-home")).await;
    let name = "app01-reprotect-home-2026-06-01";
    world.wait("ReprotectRequest", name, ("Ready", "True", Some("NothingToDo"))).await;
    let calls = world.accepted().await;
    assert_eq!(calls, ["unplannedFailover", "switchprotection", "unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_09_replication_enabled_anew_stops_everything_and_says_the_way_out() {
    let mut world = World::new().await;
    world.sim.set_item(json!({"name": "app01", "recreate": "Protected"})).await;
    world.apply(sample("failover")).await;
    let replaced = world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("ItemReplaced"))).await;
    assert!(message(&replaced, "Stalled").contains("then create a new request"), "{replaced:#}");
    world.operator.restart().await.unwrap();
    let vm = world.wait("ReplicatedVm", "app01", ("Stalled", "True", Some("ItemReplaced"))).await;
    assert!(message(&vm, "Stalled").contains("delete this ReplicatedVm and create it again"), "{vm:#}");
    world.delete("replicatedvm", "app01").await;
    world.apply(sample("vm")).await;
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    world.sim.set_item(json!({"name": "app01", "recreate": "Protected", "fromRecovery": true})).await;
    world.operator.restart().await.unwrap();
    world.wait("ReplicatedVm", "app01", ("Stalled", "True", Some("ItemReplaced"))).await;
    world.delete("replicatedvm", "app01").await;
    world.apply(sample("vm")).await;
    let vm = world.wait("ReplicatedVm", "app01", ("Stalled", "True", Some("SidesDisagree"))).await;
    assert!(message(&vm, "Stalled").contains("declares the sides as Azure has them"), "{vm:#}");
    assert!(world.sent_on(ITEM).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_09_a_change_of_the_portal_during_a_failback_s_wait_is_seen() {
    let world = World::with(Setup { seed: away, ..Setup::default() }).await;
    world.portal("unplannedFailover").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.apply(sample("failback")).await;
    world.wait("FailoverRequest", "app01-home-2026-06-01", ("Ready", "True", Some("AlreadyThere"))).await;
    let outward = request("FailoverRequest", "out", "  direction: PrimaryToRecovery");
    world.apply(outward).await;
    world.wait("FailoverRequest", "out", ("Reconciling", "True", Some("NotAllowedNow"))).await;
    eventually(DEADLINE, "the pending commit on the VM", async || {
        let vm = world.get("ReplicatedVm", "app01").await;
        if condition(&vm, "PendingCommit").is_some_and(|c| c["status"] == "True") {
            Ok(())
        } else {
            Err(format!("{vm:#}"))
        }
    })
    .await;
    assert!(world.sent().await.is_empty());
}
