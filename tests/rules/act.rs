//! Rules 4, 5, 6, 7 and 8: what a failover and a commit show, while they run and afterwards.

use crate::harness::eventually;
use crate::world::{COMMIT, DEADLINE, FAILOVER, World, commit, message, reads, sample};
use jiff::{SignedDuration, Timestamp};

#[tokio::test(flavor = "multi_thread")]
async fn rule_04_point_used_achieved_rpo_and_rto_are_in_status() {
    let world = World::new().await;
    let done = world.fail_over().await;
    let status = &done["status"];
    let call = &world.sent().await[0];
    let sent = call["body"]["properties"]["providerSpecificDetails"]["recoveryPointId"].as_str().unwrap();
    let used = status["recoveryPointUsed"]["id"].as_str().unwrap();
    assert!(sent.ends_with(&format!("/{used}")), "used {used}, sent {sent}");
    assert!(
        status["recoveryPointUsed"]["time"].is_string() && status["recoveryPointUsed"]["type"].is_string(),
        "{status:#}"
    );
    let took: SignedDuration = status["achievedRto"].as_str().unwrap().parse().unwrap();
    let time = |key: &str| status["operations"][0][key].as_str().unwrap().parse::<Timestamp>().unwrap();
    let call_to_end = time("endedAt").duration_since(time("startedAt"));
    assert_eq!(took.as_secs(), call_to_end.as_secs(), "{status:#}");
    assert!(took.as_secs() >= 139, "shorter than the job itself: {status:#}");
    assert!(status["achievedRpo"].is_string(), "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_07_manual_commit_policy_commits_nothing_and_names_the_vm_to_validate() {
    let world = World::new().await;
    let done = world.fail_over().await;
    assert_eq!(reads(&done, "FailedOver"), ("True", "FailedOver"));
    assert_eq!(reads(&done, "Committed"), ("False", "NotRequested"));
    let vm = world.wait("ReplicatedVm", "app01", ("PendingCommit", "True", None)).await;
    let recovered = done["status"]["recoveredVmId"].as_str().unwrap();
    assert!(recovered.contains("rg-app-dr"), "{recovered}");
    assert!(message(&vm, "PendingCommit").contains(recovered), "{vm:#}");
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_08_a_commit_request_makes_it_final() {
    let world = World::new().await;
    world.fail_over().await;
    world.kubectl_apply(sample("commit")).await;
    let done = world.wait("CommitRequest", COMMIT, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(reads(&done, "Done"), ("True", "Committed"));
    let vm = world.wait("ReplicatedVm", "app01", ("NeedsReprotect", "True", None)).await;
    assert_eq!(vm["status"]["recoveryPoints"]["count"], 0, "{vm:#}");
    assert_eq!(reads(&vm, "PendingCommit").0, "False");
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_08_a_commit_of_another_recovery_point_is_refused() {
    let world = World::new().await;
    world.fail_over().await;
    world.apply(commit("wrong", "  recoveryPointId: 00000000-0000-0000-0000-00000000dead")).await;
    let refused = world.wait("CommitRequest", "wrong", ("Stalled", "True", Some("RecoveryPointMismatch"))).await;
    assert!(message(&refused, "Stalled").contains("create a new CommitRequest"), "{refused:#}");
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_06_job_id_and_tasks_are_visible_while_it_runs() {
    let world = World::with(crate::world::Setup { clock_rate: 10, ..Default::default() }).await;
    world.apply(sample("failover")).await;
    let running = eventually(DEADLINE, "a running task in status", async || {
        let object = world.get("FailoverRequest", FAILOVER).await;
        let operation = &object["status"]["operations"][0];
        let tasks = operation["tasks"].as_array().cloned().unwrap_or_default();
        let seen = operation["jobId"].is_string() && tasks.iter().any(|t| t["state"] == "InProgress");
        if seen && object["status"]["phase"] == "Running" { Ok(object) } else { Err(format!("{:#}", object["status"])) }
    })
    .await;
    assert_eq!(reads(&running, "Reconciling"), ("True", "JobRunning"));
    assert_eq!(running["status"]["operations"][0]["jobId"], world.sent().await[0]["jobId"]);
}
