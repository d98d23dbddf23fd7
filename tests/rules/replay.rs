//! Rule 10: a request that ran never runs again, however its object comes back, and its object says that it ran.

use crate::harness::{ControlPlane, Options, eventually, objects, wait_condition};
use crate::world::{
    DEADLINE, FAILOVER, ITEM, OTHER_ITEM, Setup, World, commit, failover, job, message, operator, reads, sample,
    vault_by_secret,
};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const ONCE: [&str; 1] = ["unplannedFailover"];

/// Slow enough that a run lasts until the test ends it.
fn slow() -> Setup {
    Setup { clock_rate: 1, ..Setup::default() }
}

fn quarantine(seconds: &str) -> Vec<String> {
    ["--new-record-quarantine", seconds, "--task-detail-every", "1"].map(String::from).to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_10_the_same_manifest_applied_every_second_is_one_call() {
    let world = World::new().await;
    let manifest = world.localized(sample("failover"));
    let applied = AtomicU32::new(0);
    let again = async {
        let force = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            world.plane.kubectl(&force, Some(&manifest)).await.expect_success();
            applied.fetch_add(1, Ordering::Relaxed);
        }
    };
    let run = async {
        world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
        let during = applied.load(Ordering::Relaxed);
        world.operator_acts_elsewhere().await;
        eventually(DEADLINE, "an apply after the end", async || {
            if applied.load(Ordering::Relaxed) > during + 1 { Ok(()) } else { Err(during) }
        })
        .await;
    };
    tokio::select! { () = again => {}, () = run => {} }
    let object = world.get("FailoverRequest", FAILOVER).await;
    assert_eq!(object["metadata"]["generation"], 1, "{object:#}");
    assert_eq!(reads(&object, "Ready"), ("True", "Succeeded"));
    assert_eq!(world.sent_on(ITEM).await, ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_10_deleted_and_created_again_during_its_run_it_shows_the_run() {
    let world = World::with(slow()).await;
    world.apply(sample("failover")).await;
    let before = world.running(FAILOVER).await;
    world.delete("failoverrequest", FAILOVER).await;
    world.apply(sample("failover")).await;
    let after = world.running(FAILOVER).await;
    assert_ne!(before["metadata"]["uid"], after["metadata"]["uid"]);
    assert_eq!(job(&before), job(&after));
    world.job_ends().await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert!(done["status"]["recoveryPointUsed"]["id"].is_string(), "{done:#}");
    assert_eq!(world.sent_on(ITEM).await, ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_10_deleted_and_created_again_after_its_run_it_says_that_it_ran() {
    let world = World::new().await;
    let before = world.fail_over().await;
    world.delete("failoverrequest", FAILOVER).await;
    world.kubectl_apply(sample("failover")).await;
    let after = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("AlreadyRun"))).await;
    assert_eq!(reads(&after, "FailedOver"), ("True", "FailedOver"));
    assert_eq!(job(&before), job(&after));
    for shown in ["recoveryPointUsed", "achievedRpo", "achievedRto", "recoveredVmId"] {
        assert_eq!(before["status"][shown], after["status"][shown], "{shown}");
    }
    assert!(message(&after, "Ready").contains("never runs again, and nothing was sent now"), "{after:#}");
    world.operator_acts_elsewhere().await;
    assert_eq!(world.sent_on(ITEM).await, ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_10_a_failed_request_created_again_stays_failed() {
    let world = World::new().await;
    world.sim.set_item(json!({"name": "app01", "failNext": "capacity"})).await;
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("JobFailed"))).await;
    world.delete("failoverrequest", FAILOVER).await;
    world.apply(sample("failover")).await;
    let after = world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("AlreadyRun"))).await;
    assert_eq!(reads(&after, "Ready").0, "False");
    assert!(message(&after, "Stalled").contains("sufficient capacity"), "{after:#}");
    world.operator_acts_elsewhere().await;
    assert_eq!(world.sent_on(ITEM).await, ONCE);
    // The person's way out: a new name.
    world.apply(failover("second-try", "")).await;
    world.wait("FailoverRequest", "second-try", ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover", "unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_10_a_wiped_status_comes_back_during_and_after_the_run() {
    let world = World::with(slow()).await;
    world.apply(sample("failover")).await;
    let before = world.running(FAILOVER).await;
    world.wipe_status("failoverrequest", FAILOVER).await;
    assert_eq!(job(&world.running(FAILOVER).await), job(&before));
    world.job_ends().await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    world.wipe_status("failoverrequest", FAILOVER).await;
    let again = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("AlreadyRun"))).await;
    assert_eq!(job(&again), job(&before));
    assert_eq!(again["status"]["recoveryPointUsed"], done["status"]["recoveryPointUsed"]);
    world.operator_acts_elsewhere().await;
    assert_eq!(world.sent_on(ITEM).await, ONCE);
}

/// As a restore from a backup without statuses leaves it.
#[tokio::test(flavor = "multi_thread")]
async fn rule_10_a_second_cluster_on_the_same_vault_finds_the_run_and_repeats_nothing() {
    let world = World::new().await;
    let first = world.fail_over().await;
    let plane = ControlPlane::start(Options { controller_manager: false, ..Options::default() }).await.unwrap();
    plane.install_crds().await;
    let namespace = &world.namespace;
    plane.create_namespace(namespace).await;
    let _second = operator(&plane, namespace, "second", &world.sim, quarantine("4")).await;
    // Azure trusts the first cluster's ServiceAccounts only.
    plane.apply(&vault_by_secret(namespace)).await;
    for manifest in ["vm", "failover"] {
        plane.apply(&world.localized(sample(manifest))).await;
    }
    let client = plane.client().await;
    let wait = |wanted| wait_condition(&client, "FailoverRequest", namespace, FAILOVER, wanted, DEADLINE);
    let held = wait(("Reconciling", "True", Some("RecordQuarantine"))).await;
    assert!(message(&held, "Reconciling").contains("Another cluster"), "{held:#}");
    let found = wait(("Ready", "True", None)).await;
    assert_eq!(job(&found), job(&first));
    assert_eq!(reads(&found, "FailedOver"), ("True", "FailedOver"));
    assert_eq!(found["status"]["recoveryPointUsed"]["id"], first["status"]["recoveryPointUsed"]["id"]);
    assert_eq!(world.sent_on(ITEM).await, ONCE);
    // It is able to act: what was never done is done, and by it.
    plane.apply(&world.localized(&commit("from-the-second", ""))).await;
    let wanted = ("Ready", "True", Some("Succeeded"));
    wait_condition(&client, "CommitRequest", namespace, "from-the-second", wanted, DEADLINE).await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_10_a_lost_item_record_is_made_again_and_the_old_job_found() {
    let mut world = World::with(Setup { operator_args: quarantine("3"), ..Setup::default() }).await;
    let first = world.fail_over().await;
    let record = world.record().await;
    let name = record["metadata"]["name"].as_str().unwrap();
    objects::delete(&world.client, "ItemRecord", &world.operator_namespace, name).await;
    world.delete("failoverrequest", FAILOVER).await;
    // A restarted operator sees the item for the first time, and makes its record.
    world.operator.restart().await.unwrap();
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("RecordQuarantine"))).await;
    let found = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", None)).await;
    assert_eq!(job(&found), job(&first));
    assert_eq!(reads(&found, "FailedOver"), ("True", "FailedOver"));
    assert_ne!(world.record().await["metadata"]["uid"], record["metadata"]["uid"]);
    assert_eq!(world.sent_on(ITEM).await, ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_10_a_request_that_ran_does_not_follow_its_name_to_another_vm() {
    let world = World::new().await;
    world.fail_over().await;
    rebind(&world).await;
    world.delete("failoverrequest", FAILOVER).await;
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("AlreadyRun"))).await;
    assert_eq!(world.sent_on(OTHER_ITEM).await, [""; 0]);
    the_new_vm_takes_a_new_request(&world).await;
    assert_eq!(world.sent_on(ITEM).await, ONCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_10_a_waiting_request_does_not_follow_its_name_to_another_vm() {
    let world = World::new().await;
    world.apply(format!("{}  suspend: true\n", sample("vm"))).await;
    world.wait("ReplicatedVm", "app01", ("Reconciling", "True", Some("Suspended"))).await;
    world.apply(sample("failover")).await;
    let waiting = world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("Suspended"))).await;
    assert_eq!(reads(&waiting, "Accepted").0, "True");
    rebind(&world).await;
    let ended = world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("TargetChanged"))).await;
    assert!(message(&ended, "Stalled").contains("Create a new request for the VM that is meant"), "{ended:#}");
    world.delete("failoverrequest", FAILOVER).await;
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("AlreadyRun"))).await;
    assert_eq!(world.sent_on(OTHER_ITEM).await, [""; 0]);
    the_new_vm_takes_a_new_request(&world).await;
    assert_eq!(world.sent_on(ITEM).await, [""; 0]);
}

/// Deletes the ReplicatedVm `app01` and creates one of the same name that stands for `db01`.
async fn rebind(world: &World) {
    world.delete("replicatedvm", "app01").await;
    world.apply(sample("vm").replace("virtualMachines/app01", "virtualMachines/db01")).await;
    let rebound = world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    assert_eq!(rebound["status"]["protectedItemName"], OTHER_ITEM);
}

async fn the_new_vm_takes_a_new_request(world: &World) {
    world.apply(failover("meant-for-db01", "")).await;
    world.wait("FailoverRequest", "meant-for-db01", ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.sent_on(OTHER_ITEM).await, ONCE);
}
