//! Rules 5, 6 and 8: what goes out, what a job does, and what is shown of it.

use crate::world::{FAILOVER, World, failover, message, reads, sample};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn rule_05_shutdown_source_goes_out_as_required_or_not_required() {
    let world = World::new().await;
    let done = world.fail_over().await;
    assert_eq!(reads(&done, "SourceShutdown"), ("True", "SourceShutDown"));
    world.apply(sample("vm").replace("app01", "db01")).await;
    world.apply(failover("db01-out", "  replicatedVmRef: {name: db01}\n  shutdownSource: false\n")).await;
    let left = world.wait("FailoverRequest", "db01-out", ("Ready", "True", None)).await;
    assert_eq!(reads(&left, "SourceShutdown"), ("False", "NotRequested"));
    let sent: Vec<_> =
        world.sent().await.iter().map(|c| c["body"]["properties"]["sourceSiteOperations"].clone()).collect();
    assert_eq!(sent, ["Required", "NotRequired"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_05_a_shutdown_that_fails_does_not_fail_the_failover() {
    let world = World::new().await;
    world.sim.set_item(json!({"name": "app01", "sourceShutdownFails": true})).await;
    let done = world.fail_over_with_warning().await;
    assert_eq!(reads(&done, "FailedOver").0, "True");
    assert_eq!(reads(&done, "SourceShutdown"), ("False", "ShutdownFailed"));
    assert!(message(&done, "SourceShutdown").contains("Make sure that it does not run beside"), "{done:#}");
    world.event("Warning", "ShutdownFailed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_06_a_failed_job_says_why_and_what_azure_advises_and_a_new_request_may_try_again() {
    let world = World::new().await;
    world.sim.set_item(json!({"name": "app01", "failNext": "capacity"})).await;
    world.apply(sample("failover")).await;
    let failed = world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("JobFailed"))).await;
    assert_eq!(reads(&failed, "FailedOver"), ("False", "JobFailed"));
    let operation = &failed["status"]["operations"][0];
    assert_eq!(operation["state"], "Failed");
    let errors = operation["errors"].as_array().unwrap();
    let cause = errors.last().unwrap();
    assert_eq!(cause["code"], "28031", "the cause comes last: {errors:#?}");
    for field in ["code", "message", "recommendedAction"] {
        let text = cause[field].as_str().unwrap();
        assert!(message(&failed, "Stalled").contains(text), "{field} {text}: {failed:#}");
    }
    assert!(message(&failed, "Stalled").contains(operation["jobId"].as_str().unwrap()), "{failed:#}");
    world.event("Warning", "JobFailed").await;
    world.apply(failover("again", "")).await;
    world.wait("FailoverRequest", "again", ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_08_commit_policy_automatic_goes_on_to_commit() {
    let world = World::new().await;
    world.apply(failover(FAILOVER, "  commitPolicy: Automatic\n")).await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(reads(&done, "FailedOver").0, "True");
    assert_eq!(reads(&done, "Committed"), ("True", "Committed"));
    assert!(done["status"]["recoveryPointUsed"]["time"].is_string(), "the point outlives its deletion: {done:#}");
    assert_eq!(done["status"]["operations"].as_array().unwrap().len(), 2);
    world.wait("ReplicatedVm", "app01", ("NeedsReprotect", "True", None)).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_08_a_commit_that_fails_leaves_the_failover_standing() {
    let world = World::new().await;
    let recipe = json!({"verb": "failoverCommit", "task": "VmCommit", "code": "4711", "message": "The commit cannot be made.", "recommendedAction": "Try later."});
    world.sim.set_item(json!({"name": "app01", "failNext": recipe})).await;
    world.apply(failover(FAILOVER, "  commitPolicy: Automatic\n")).await;
    let ended = world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("CommitFailed"))).await;
    assert_eq!(reads(&ended, "FailedOver").0, "True");
    assert_eq!(reads(&ended, "Committed").0, "False");
    assert!(message(&ended, "Stalled").contains("The failover stands"), "{ended:#}");
    world.wait("ReplicatedVm", "app01", ("PendingCommit", "True", None)).await;
    world.event("Warning", "CommitFailed").await;
    world.apply(sample("commit")).await;
    world.wait("CommitRequest", crate::world::COMMIT, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit", "failoverCommit"]);
}
