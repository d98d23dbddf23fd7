//! Rules 8 and 13: what somebody does in the portal is followed, not fought.

use crate::world::{COMMIT, FAILOVER, Setup, World, commit, failover, message, reads, sample};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn rule_13_a_failover_that_runs_in_the_portal_is_waited_for() {
    let world = World::with(Setup { clock_rate: 1, ..Setup::default() }).await;
    world.portal("unplannedFailover").await;
    world.apply(sample("failover")).await;
    let busy = world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("ItemBusy"))).await;
    assert!(message(&busy, "Reconciling").contains("checked again when it has ended"), "{busy:#}");
    world.job_ends().await;
    let there = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("AlreadyThere"))).await;
    assert_eq!(reads(&there, "FailedOver"), ("False", "AlreadyThere"));
    assert!(message(&there, "Ready").contains("this request sent nothing"), "{there:#}");
    assert!(world.sent().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_08_a_failover_of_the_portal_is_committed_by_a_request() {
    let world = World::new().await;
    world.portal("unplannedFailover").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.apply(sample("commit")).await;
    world.wait("CommitRequest", COMMIT, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i11_rule_13_a_commit_of_the_portal_leaves_nothing_to_do() {
    let world = World::new().await;
    world.fail_over().await;
    world.wait("ReplicatedVm", "app01", ("PendingCommit", "True", None)).await;
    world.portal("failoverCommit").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.apply(sample("commit")).await;
    let done = world.wait("CommitRequest", COMMIT, ("Ready", "True", Some("NothingToDo"))).await;
    assert_eq!(reads(&done, "Done").0, "False", "this request committed nothing: {done:#}");
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_08_nothing_pending_is_refused_and_does_not_lie_in_wait() {
    let world = World::new().await;
    world.apply(commit("early", "")).await;
    let refused = world.wait("CommitRequest", "early", ("Stalled", "True", Some("NoPendingFailover"))).await;
    assert!(message(&refused, "Stalled").contains("Fail over first"), "{refused:#}");
    world.fail_over().await;
    world.wait("ReplicatedVm", "app01", ("PendingCommit", "True", None)).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
    world.apply(failover("back-too-early", "  direction: RecoveryToPrimary\n")).await;
    let waits = world.wait("FailoverRequest", "back-too-early", ("Reconciling", "True", Some("NotAllowedNow"))).await;
    assert!(message(&waits, "Reconciling").contains("create a CommitRequest"), "{waits:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_13_a_failover_of_the_portal_days_ago_is_told_from_a_request_that_may_be_valid_for_a_day() {
    let mut setup = Setup::default();
    setup.operator_args.extend(["--max-validity".into(), "86400".into()]);
    let world = World::with(setup).await;
    for verb in ["unplannedFailover", "failoverCommit", "switchprotection"] {
        world.portal(verb).await;
        world.sim.clock(json!({"advanceSeconds": 900})).await;
    }
    world.sim.clock(json!({"advanceSeconds": 3 * 24 * 3600})).await;
    world.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await;
    let spec = "  direction: RecoveryToPrimary\n  validUntil: \"2026-06-05T00:00:00Z\"\n";
    world.apply(failover("home", spec)).await;
    world.wait("FailoverRequest", "home", ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}
