//! The loop's rule 1: the recovery point is changed between failover and commit, and at no other time.

use crate::world::{COMMIT, POINT, Setup, World, commit, message, reads, request, sample};
use serde_json::{Value, json};

fn change(name: &str, choice: &str) -> String {
    request("ChangeRecoveryPointRequest", name, &format!("  recoveryPoint: {choice}"))
}

/// The point that Azure says the VM runs from.
async fn stands_at(world: &World) -> Value {
    world.item().await["failoverRecoveryPoint"].clone()
}

/// The newest listed point of the item: its name.
async fn newest(world: &World) -> String {
    let id = world.item().await["latestRecoveryPoint"]["id"].as_str().unwrap().to_owned();
    id.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_01_the_point_is_changed_any_number_of_times_before_the_commit() {
    let world = World::new().await;
    let failed_over = world.fail_over().await;
    let done = world.act("change-point").await;
    assert_eq!(reads(&done, "Done"), ("True", "RecoveryPointChanged"));
    let used = &done["status"]["recoveryPointUsed"];
    assert!(used["time"].as_str().unwrap() <= "2026-06-01T07:30:00Z", "{done:#}");
    assert_ne!(used["id"], failed_over["status"]["recoveryPointUsed"]["id"], "{done:#}");
    assert_eq!(used["id"], stands_at(&world).await, "{done:#}");
    assert!(done["status"]["achievedRpo"].is_string() && done["status"]["recoveredVmId"].is_string(), "{done:#}");
    let back = newest(&world).await;
    world.succeed(&change("and-back", &format!("{{type: Custom, id: {back}}}"))).await;
    assert_eq!(stands_at(&world).await, back.as_str());
    let vm = world.wait("ReplicatedVm", "app01", ("PendingCommit", "True", None)).await;
    assert!(message(&vm, "PendingCommit").contains("ChangeRecoveryPointRequest"), "{vm:#}");
    assert_eq!(world.accepted().await, ["unplannedFailover", "applyRecoveryPoint", "applyRecoveryPoint"]);
    let sent = &world.sent().await[2]["body"]["properties"]["recoveryPointId"];
    assert!(sent.as_str().unwrap().ends_with(&format!("/recoveryPoints/{back}")), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_01_at_any_other_time_it_is_refused_and_says_why() {
    let world = World::new().await;
    world.apply(change("early", "{type: LatestProcessed}")).await;
    let kind = "ChangeRecoveryPointRequest";
    let early = world.wait(kind, "early", ("Stalled", "True", Some("NoPendingFailover"))).await;
    assert!(message(&early, "Stalled").contains("Fail over first"), "{early:#}");
    world.fail_over().await;
    world.act("commit").await;
    world.apply(change("late", "{type: LatestProcessed}")).await;
    let late = world.wait(kind, "late", ("Stalled", "True", Some("NoPendingFailover"))).await;
    assert!(message(&late, "Stalled").contains("a commit deletes all recovery points"), "{late:#}");
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_01_a_failover_of_the_portal_can_be_changed_too_and_a_stale_commit_is_refused() {
    let world = World::new().await;
    world.portal("unplannedFailover").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    let before = stands_at(&world).await.as_str().unwrap().to_owned();
    world.act("change-point").await;
    world.apply(commit("validated-before", &format!("  recoveryPointId: {before}"))).await;
    world.wait("CommitRequest", "validated-before", ("Stalled", "True", Some("RecoveryPointMismatch"))).await;
    assert_eq!(world.accepted().await, ["applyRecoveryPoint"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_01_it_and_a_commit_never_race() {
    let world = World::new().await;
    world.fail_over().await;
    world.sim.clock(json!({"rate": 1})).await;
    let kind = "ChangeRecoveryPointRequest";
    world.apply(sample("change-point")).await;
    world.wait(kind, POINT, ("Reconciling", "True", Some("JobRunning"))).await;
    world.apply(sample("commit")).await;
    let waits = world.wait("CommitRequest", COMMIT, ("Reconciling", "True", Some("ItemHeld"))).await;
    assert!(message(&waits, "Reconciling").contains(POINT), "{waits:#}");
    world.job_ends().await;
    world.wait(kind, POINT, ("Ready", "True", Some("Succeeded"))).await;
    // The next change stands behind the commit, and comes too late.
    world.apply(change("too-late", "{type: LatestProcessed}")).await;
    world.wait("CommitRequest", COMMIT, ("Reconciling", "True", Some("JobRunning"))).await;
    world.job_ends().await;
    world.wait("CommitRequest", COMMIT, ("Ready", "True", Some("Succeeded"))).await;
    world.wait(kind, "too-late", ("Stalled", "True", Some("NoPendingFailover"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "applyRecoveryPoint", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_01_killed_after_azure_accepted_the_change_it_is_adopted() {
    let mut world = World::with(Setup { clock_rate: 10, ..Setup::default() }).await;
    world.fail_over().await;
    world.sim.faults(json!({"operation": "applyRecoveryPoint", "effect": "hold"})).await;
    world.apply(sample("change-point")).await;
    world.accepts("applyRecoveryPoint").await;
    world.operator.kill();
    world.sim.clear_faults().await;
    world.operator.restart().await.unwrap();
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.wait("ChangeRecoveryPointRequest", POINT, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "applyRecoveryPoint"]);
}
