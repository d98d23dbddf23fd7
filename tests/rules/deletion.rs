//! Rule 12: deleting any object in any phase makes no call and leaves nothing stuck.

use crate::world::{FAILOVER, ITEM, Setup, World, failover, sample};

fn slow() -> Setup {
    Setup { clock_rate: 1, ..Setup::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_12_a_request_deleted_in_mid_run_is_closed_and_its_commit_does_not_follow() {
    let world = World::with(slow()).await;
    world.apply(failover(FAILOVER, "  commitPolicy: Automatic\n")).await;
    world.running(FAILOVER).await;
    world.delete("failoverrequest", FAILOVER).await;
    world.job_ends().await;
    let record = world.released().await;
    assert_eq!(record["spec"]["consumed"][0]["result"]["outcome"], "Succeeded", "{record:#}");
    world.wait("ReplicatedVm", "app01", ("PendingCommit", "True", None)).await;
    world.operator_acts_elsewhere().await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

/// The manifest with a finalizer of somebody else's: after its deletion it is there until that one lets go.
fn kept(yaml: &str) -> String {
    yaml.replacen("metadata: {", "metadata: {finalizers: [example.com/kept], ", 1)
}

/// Deletes a request that is kept, and makes sure that it is.
async fn delete_kept(world: &World, name: &str) {
    world.kubectl(&["delete", "failoverrequest", name, "--wait=false"]).await.expect_success();
    let object = world.get("FailoverRequest", name).await;
    assert!(object["metadata"]["deletionTimestamp"].is_string(), "{object:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_12_a_request_that_a_finalizer_keeps_after_its_deletion_is_not_sent_and_holds_up_nobody() {
    let world = World::new().await;
    world.apply(format!("{}  suspend: true\n", sample("vm"))).await;
    world.wait("ReplicatedVm", "app01", ("Reconciling", "True", Some("Suspended"))).await;
    world.apply(kept(&failover("kept", ""))).await;
    world.wait("FailoverRequest", "kept", ("Reconciling", "True", Some("Suspended"))).await;
    delete_kept(&world, "kept").await;
    world.apply(sample("vm")).await;
    // The one that is kept was applied first.
    world.fail_over().await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
    let record = world.record().await;
    let ran: Vec<_> = record["spec"]["consumed"].as_array().into_iter().flatten().collect();
    assert!(ran.len() == 1 && ran[0]["key"]["name"] == FAILOVER, "{record:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_12_a_request_that_a_finalizer_keeps_in_mid_run_is_closed_and_its_commit_does_not_follow() {
    let world = World::with(slow()).await;
    world.apply(kept(&failover(FAILOVER, "  commitPolicy: Automatic\n"))).await;
    world.running(FAILOVER).await;
    delete_kept(&world, FAILOVER).await;
    world.job_ends().await;
    world.released().await;
    world.operator_acts_elsewhere().await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_12_a_vm_that_a_finalizer_keeps_after_its_deletion_is_not_failed_over() {
    let world = World::new().await;
    world.delete("replicatedvm", "app01").await;
    let vm = sample("vm").replacen("metadata:\n", "metadata:\n  finalizers: [example.com/kept]\n", 1);
    world.apply(vm).await;
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    world.kubectl(&["delete", "replicatedvm", "app01", "--wait=false"]).await.expect_success();
    world.apply(failover(FAILOVER, "")).await;
    world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("VmNotFound"))).await;
    assert!(world.sent().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn i06_rule_12_every_object_deleted_in_mid_run_and_made_again_leaves_one_call() {
    let world = World::with(slow()).await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    for (kind, name) in [("recoveryvault", "vault-dr"), ("replicatedvm", "app01"), ("failoverrequest", FAILOVER)] {
        world.delete(kind, name).await;
    }
    world.kubectl(&["delete", "serviceaccount", "asr"]).await.expect_success();
    world.job_ends().await;
    // Without a RecoveryVault for the vault nobody can look: the record is held until there is one again.
    world.apply(sample("vault")).await;
    world.released().await;
    world.apply(sample("vm")).await;
    world.wait("ReplicatedVm", "app01", ("PendingCommit", "True", None)).await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_12_waiting_and_finished_requests_are_deleted_without_a_trace_in_azure() {
    let world = World::new().await;
    world.apply(format!("{}  suspend: true\n", sample("vm"))).await;
    world.wait("ReplicatedVm", "app01", ("Reconciling", "True", Some("Suspended"))).await;
    world.apply(failover("waiting", "")).await;
    world.wait("FailoverRequest", "waiting", ("Reconciling", "True", Some("Suspended"))).await;
    world.delete("failoverrequest", "waiting").await;
    world.apply(sample("vm")).await;
    world.fail_over().await;
    world.delete("failoverrequest", FAILOVER).await;
    world.delete("replicatedvm", "app01").await;
    world.operator_acts_elsewhere().await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_12_a_namespace_deleted_in_mid_run_goes_away_and_the_item_is_free_afterwards() {
    let world = World::with(slow()).await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    let gone = ["delete", "namespace", &world.namespace, "--timeout=80s"];
    world.plane.kubectl(&gone, None).await.expect_success();
    world.job_ends().await;
    // The vault comes back under the same name of namespace, and the run is closed from the record alone.
    world.plane.create_namespace(&world.namespace).await;
    world.apply(sample("vault")).await;
    world.released().await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}
