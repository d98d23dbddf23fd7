//! What Flux does to requests beside applying them: it takes them away, makes them anew, and begins from nothing.

use crate::controller::{DECLARED, REQUESTS};
use crate::harness::{asr_resource, eventually, get, objects};
use crate::incident::{ACTS, Act};
use crate::stage::{DEADLINE, Stage};
use serde_json::{Value, json};

/// Keeps the folder in Git when no request is left in it.
const FOLDER: &str = "requests/README.md";

/// Pruned in mid-run, and put back: the run goes on, and the object shows it again.
pub async fn pruned_and_back(stage: &Stage, act: &Act) {
    stage.flux.set(REQUESTS, json!({"prune": true})).await;
    stage.git.remove(&act.path());
    stage.commit().await;
    stage.gone(act.kind, act.name).await;
    stage.git.write(&act.path(), &act.text());
    stage.commit().await;
}

/// Edited under its name: refused, and with `force` made anew as a request that is refused. The run goes on, and is shown
/// again when the file is as it was.
pub async fn edited(stage: &Stage, act: &Act) {
    let before = uid(stage, act).await;
    stage.git.write(&act.path(), &act.text().replace("incident 4711", "incident 4712"));
    stage.git.commit().await;
    stage.flux.told(REQUESTS, "False", act.name).await;
    assert_eq!(uid(stage, act).await, before);
    stage.flux.set(REQUESTS, json!({"force": true})).await;
    stage.wait(act.kind, act.name, ("Stalled", "True", Some("NameReused"))).await;
    assert_ne!(uid(stage, act).await, before);
    stage.git.write(&act.path(), &act.text());
    stage.commit().await;
    stage.flux.set(REQUESTS, json!({"force": false})).await;
}

/// After the loop: applied, pruned, deleted by hand, and all of it applied from nothing, and the operator's records are
/// all that is left. Azure hears nothing of it.
pub async fn nothing_runs_again(stage: &Stage) {
    let jobs = jobs(stage).await;
    let calls = stage.accepted().await;
    stage.flux.set(REQUESTS, json!({"wait": false})).await;
    stage.flux.interval(REQUESTS).await;
    pruned(stage).await;
    for act in &ACTS {
        stage.git.write(&act.path(), &act.text());
    }
    stage.commit().await;
    say_that_they_ran(stage, &jobs).await;
    for act in &ACTS {
        objects::delete(&stage.client, act.kind, "demo", act.name).await;
    }
    say_that_they_ran(stage, &jobs).await;
    from_nothing(stage).await;
    say_that_they_ran(stage, &jobs).await;
    assert_eq!(stage.accepted().await, calls);
    the_operator_acts(stage, calls).await;
}

/// All requests leave Git. With the last one goes the folder, and Flux prunes nothing until there is one.
async fn pruned(stage: &Stage) {
    for act in &ACTS {
        stage.git.remove(&act.path());
    }
    stage.git.commit().await;
    stage.flux.told(REQUESTS, "False", "path not found").await;
    assert!(uid(stage, &ACTS[0]).await.is_string());
    stage.git.write(FOLDER, "What was asked for, by incident.\n");
    stage.commit().await;
    for act in &ACTS {
        stage.gone(act.kind, act.name).await;
    }
}

/// Both Kustomizations go, and all that they applied with them; then they come back.
async fn from_nothing(stage: &Stage) {
    stage.flux.set(DECLARED, json!({"prune": true})).await;
    for kustomization in [REQUESTS, DECLARED] {
        stage.flux.delete(kustomization).await;
    }
    for (kind, name) in
        ACTS.iter().map(|act| (act.kind, act.name)).chain([("ReplicatedVm", "app01"), ("RecoveryVault", "vault-dr")])
    {
        stage.gone(kind, name).await;
    }
    let records = objects::list(&stage.client, &asr_resource("ItemRecord"), "asr-operator", "").await;
    assert!(!records.is_empty(), "the operator's records went too");
    stage.flux.kustomizations().await;
    stage.commit().await;
}

/// Waits until each request is there, says that it ran, and shows the job that it had.
async fn say_that_they_ran(stage: &Stage, jobs: &[Value]) {
    for (act, job) in ACTS.iter().zip(jobs) {
        let object = stage.wait(act.kind, act.name, ("Ready", "True", Some("AlreadyRun"))).await;
        assert_eq!(object["status"]["operations"][0]["jobId"], *job, "{object:#}");
    }
}

/// The job of each request.
async fn jobs(stage: &Stage) -> Vec<Value> {
    let mut jobs = Vec::new();
    for act in &ACTS {
        let object = get(&stage.client, act.kind, "demo", act.name).await.unwrap();
        jobs.push(object["status"]["operations"][0]["jobId"].clone());
    }
    assert!(jobs.iter().all(Value::is_string), "{jobs:?}");
    jobs
}

/// A request for another VM is one more call: what was not sent was not meant to be sent.
async fn the_operator_acts(stage: &Stage, mut calls: Vec<String>) {
    stage.git.write("declared/db01.yaml", &Stage::file("samples/20-replicated-vm.yaml").replace("app01", "db01"));
    stage.git.write("requests/incident-4713/failover.yaml", &ACTS[0].text().replace("app01", "db01"));
    stage.commit().await;
    calls.push(ACTS[0].call.to_owned());
    eventually(DEADLINE, "a failover of db01", async || {
        let accepted = stage.accepted().await;
        if accepted == calls { Ok(()) } else { Err(format!("{accepted:?}; {}", stage.operator.log())) }
    })
    .await;
}

async fn uid(stage: &Stage, act: &Act) -> Value {
    get(&stage.client, act.kind, "demo", act.name).await.unwrap()["metadata"]["uid"].clone()
}
