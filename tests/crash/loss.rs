//! The cluster's own memory is lost: API server and etcd die in mid-verb, and etcd is restored to an older snapshot.

use crate::act::{Act, COMMIT, FAILOVER};
use crate::harness::{ControlPlane, Supervised, eventually};
use crate::proxy::{Fate, Side};
use crate::run::{End, Patience, job, judge, play, reads, succeed};
use crate::stage::{DEADLINE, Ground, Stage};
use std::path::Path;
use std::process::Command;

/// Lets all servers die while this request is held, and brings them back when the operator has noticed.
async fn lose_servers(stage: &Stage<'_>, act: &Act, boundary: &str, fate: Fate, noticed: &str) -> Supervised {
    stage.remember_adoption().await;
    let operator = stage.launch();
    stage.vm_ready(&operator).await;
    let held = stage.proxy.hold(boundary, Side::After);
    stage.create(act.manifest).await;
    tokio::time::timeout(DEADLINE, held.reached).await.unwrap_or_else(|_| panic!("no {boundary}")).unwrap();
    stage.ground.plane.kill_servers();
    held.fate.send(fate).ok();
    eventually(DEADLINE, noticed, async || {
        let log = operator.log();
        if log.contains(noticed) { Ok(()) } else { Err(log) }
    })
    .await;
    stage.ground.plane.restart_servers().await.unwrap();
    operator
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_api_server_and_etcd_die_in_mid_verb_and_nothing_is_sent_blindly() {
    let ground = Ground::lasting().await;
    // Azure has accepted, and the outcome cannot be written: the job is adopted.
    let stage = Stage::set(&ground, &FAILOVER).await;
    let noticed = "the outcome of a call was not written";
    let operator = lose_servers(&stage, &FAILOVER, "A POST unplannedFailover", Fate::Delivered, noticed).await;
    let end = play(&stage, &FAILOVER, Patience::Named).await;
    assert_eq!(end, End::Succeeded);
    judge(&stage, &FAILOVER, end).await;
    drop(operator);
    // The intent is written, and nobody says so: it counts as sent.
    let stage = Stage::set(&ground, &COMMIT).await;
    let noticed = "a pass did not come to its end";
    let _operator = lose_servers(&stage, &COMMIT, "K REPLACE itemrecords intent", Fate::Dropped, noticed).await;
    let end = play(&stage, &COMMIT, Patience::Named).await;
    assert_eq!(end, End::Resolving);
    judge(&stage, &COMMIT, end).await;
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "cp {} {}: {status}", from.display(), to.display());
}

/// Takes a copy of etcd's data while nothing runs.
async fn snapshot(plane: &ControlPlane, name: &str) -> std::path::PathBuf {
    let copied = plane.dir().join(name);
    plane.kill_servers();
    copy(&plane.etcd_data(), &copied);
    plane.restart_servers().await.unwrap();
    copied
}

/// Puts a copy in place of etcd's data, with the operator stopped around it, as the runbook says.
async fn restore(plane: &ControlPlane, snapshot: &Path) {
    plane.kill_servers();
    std::fs::remove_dir_all(plane.etcd_data()).unwrap();
    copy(snapshot, &plane.etcd_data());
    plane.restart_servers().await.unwrap();
}

async fn stop(mut operator: Supervised) {
    operator.terminate();
    operator.wait_exit(DEADLINE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn i7_a_restored_etcd_sends_nothing_again_and_shows_the_jobs_that_there_are() {
    let ground = Ground::lasting().await;
    to_before_the_requests(&ground).await;
    to_an_intent_without_its_outcome(&ground).await;
}

async fn to_before_the_requests(ground: &Ground) {
    let stage = Stage::set(ground, &FAILOVER).await;
    let operator = stage.launch();
    stage.vm_ready(&operator).await;
    let before = snapshot(&ground.plane, "before").await;
    let failover = succeed(&stage, &FAILOVER).await;
    let commit = succeed(&stage, &COMMIT).await;
    let sent = stage.sent().await;
    stop(operator).await;
    restore(&ground.plane, &before).await;
    let record = stage.record().await.unwrap();
    assert!(record["spec"]["itemName"].is_string() && record["spec"]["consumed"].is_null(), "{record:#}");
    let _operator = stage.launch();
    // What is in Git comes back.
    for (act, ran) in [(&FAILOVER, &failover), (&COMMIT, &commit)] {
        let again = succeed(&stage, act).await;
        assert_eq!(job(&again), job(ran), "it shows its own job: {:#}", again["status"]);
    }
    assert_eq!(stage.sent().await, sent, "nothing was sent again");
}

async fn to_an_intent_without_its_outcome(ground: &Ground) {
    let stage = Stage::set(ground, &FAILOVER).await;
    let mut operator = stage.launch();
    stage.vm_ready(&operator).await;
    let held = stage.proxy.hold("A POST unplannedFailover", Side::After);
    stage.create(FAILOVER.manifest).await;
    tokio::time::timeout(DEADLINE, held.reached).await.unwrap().unwrap();
    operator.kill();
    let open = snapshot(&ground.plane, "open").await;
    operator = stage.launch();
    assert_eq!(play(&stage, &FAILOVER, Patience::Named).await, End::Succeeded);
    stop(operator).await;
    restore(&ground.plane, &open).await;
    let record = stage.record().await.unwrap();
    let intent = &record["spec"]["intent"];
    assert!(intent["clientRequestId"].is_string() && intent["outcome"].is_null(), "{record:#}");
    let shown = stage.get(FAILOVER.request.0, FAILOVER.request.1).await.unwrap();
    assert_ne!(reads(&shown, "Ready").0, "True", "{shown:#}");
    let _operator = stage.launch();
    let end = play(&stage, &FAILOVER, Patience::Named).await;
    assert_eq!(end, End::Succeeded);
    judge(&stage, &FAILOVER, end).await;
}
