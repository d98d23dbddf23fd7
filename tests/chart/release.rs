//! One release's life: installed, upgraded and rolled back in mid-failover, and gone; the whole loop under its permissions, and
//! these compared with what was used.

use crate::audit::{grants_are_what_is_used, uses};
use crate::harness::{Judgement, KstatusWatch, condition, eventually, get, wait_condition};
use crate::helm::CHART;
use crate::stage::{DEADLINE, NAME, Stage};
use crate::walk::LOOP;
use crate::{azure, course};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write;

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_upgraded_rolled_back_and_gone_and_loses_nothing() {
    let mut stage = Stage::set().await;
    let watch = KstatusWatch::everywhere(&stage.client);
    course::declare(&stage).await;
    course::one_vanishes(&stage).await;
    azure::observes(&stage.sim).await;
    let job = begin_failover(&stage).await;
    upgrade_and_rollback(&mut stage, &job).await;
    end_failover(&stage, &job).await;
    course::whole_loop(&stage).await;
    all_were_seen_to_end_well(&watch).await;
    what_is_asked_for_is_enough(&stage).await;
    course::secret_and_decision(&stage).await;
    azure::acts(&stage.sim).await;
    grants_are_what_is_used(&stage).await;
    no_role_no_token(&stage).await;
    uninstall(&stage).await;
}

/// A failover that outlasts what follows, and the id of its job.
async fn begin_failover(stage: &Stage) -> String {
    stage.sim.clock(json!({"rate": 0.1})).await;
    let (sample, kind, name) = LOOP[0];
    stage.apply(sample).await;
    eventually(DEADLINE, "a failover whose job runs", async || {
        let object = get(&stage.client, kind, "demo", name).await?;
        let job = object["status"]["operations"][0]["jobId"].as_str().map(str::to_owned);
        job.ok_or_else(|| format!("{:#}", object["status"]))
    })
    .await
}

/// Upgraded twice, the second time to a release that leaves the definitions out, and rolled back to the first one. Each time
/// Helm is done, the cluster remembers what it did, and the job runs.
async fn upgrade_and_rollback(stage: &mut Stage, job: &str) {
    let before = memory(stage).await;
    assert!(before.len() >= 5, "{before:?}");
    let upgrade = ["upgrade", NAME, CHART, "--namespace", NAME, "--reuse-values", "--set"];
    stage.helm.run(&[&upgrade[..], &["concurrency=8"]].concat()).await.expect_success();
    assert!(arguments(stage).await.contains("--concurrency=8"));
    nothing_is_lost_in_mid_run(stage, &before, job).await;
    stage.replace_operators().await;
    stage.helm.run(&[&upgrade[..], &["crds.install=false"]].concat()).await.expect_success();
    nothing_is_lost_in_mid_run(stage, &before, job).await;
    stage.helm.run(&["rollback", NAME, "1", "--namespace", NAME]).await.expect_success();
    assert!(arguments(stage).await.contains("--concurrency=16"));
    nothing_is_lost_in_mid_run(stage, &before, job).await;
    stage.lose_operators().await;
}

async fn nothing_is_lost_in_mid_run(stage: &Stage, before: &BTreeSet<String>, job: &str) {
    assert_eq!(memory(stage).await, *before);
    let jobs = stage.sim.get("jobs").await;
    let running = jobs.as_array().unwrap().iter().filter(|job| job["properties"]["endTime"].is_null());
    assert_eq!(running.map(|job| job["name"].as_str().unwrap()).collect::<Vec<_>>(), [job], "{jobs:#}");
}

/// The operator that the rollback left goes on with the request: by the same job, and one call.
async fn end_failover(stage: &Stage, job: &str) {
    stage.sim.clock(json!({"rate": 400})).await;
    let (_, kind, name) = LOOP[0];
    let done = stage.wait(kind, name, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(done["status"]["operations"][0]["jobId"], job, "{done:#}");
    assert_eq!(stage.accepted().await, ["unplannedFailover"]);
}

/// The watch is not blind: it saw each request several times, and its end.
async fn all_were_seen_to_end_well(watch: &KstatusWatch) {
    eventually(DEADLINE, "every request watched to its end", async || {
        let judge = watch.judge();
        let seen = judge.seen();
        let well = |(_, kind, name): &(&str, &str, &str)| {
            seen.get(&format!("{kind} {name}")).is_some_and(|(times, last)| *times > 3 && *last == Judgement::Current)
        };
        if LOOP.iter().all(well) { Ok(()) } else { Err(format!("{seen:#?}")) }
    })
    .await;
}

/// The memory that the chart asks for holds what a replica takes after the whole loop.
async fn what_is_asked_for_is_enough(stage: &Stage) {
    let deployment = stage.plane.get(NAME, "deployment", NAME).await;
    let asked = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"].clone();
    let asked: u64 = asked.as_str().unwrap().trim_end_matches("Mi").parse().unwrap();
    let resident = stage.resident();
    writeln!(std::io::stderr(), "resident after the loop: {resident:?} MiB of {asked} asked for").ok();
    assert!(resident.iter().all(|mib| (1..=asked).contains(mib)), "{resident:?} MiB of {asked}");
}

async fn no_role_no_token(stage: &Stage) {
    stage.plane.create_namespace("other").await;
    stage.plane.apply(course::FOREIGN_VAULT).await;
    let wanted = ("Ready", "False", Some("CredentialsFailed"));
    let vault = wait_condition(&stage.client, "RecoveryVault", "other", "vault-dr", wanted, DEADLINE).await;
    let told = condition(&vault, "Ready").unwrap()["message"].as_str().unwrap().to_owned();
    assert!(told.contains("other/asr") && told.contains("forbidden"), "{told}");
    for foreign in ["demo", "app01", "db01"] {
        assert!(!vault["status"].to_string().contains(foreign), "{foreign} is shown to another tenant: {vault:#}");
    }
    let used = uses(&stage.plane.audit(), NAME, NAME);
    let denied: Vec<_> = used.iter().filter(|used| !used.allowed).collect();
    assert!(!denied.is_empty() && denied.iter().all(|used| used.resource == "serviceaccounts/token"), "{denied:#?}");
}

async fn uninstall(stage: &Stage) {
    let before = memory(stage).await;
    stage.helm.run(&["uninstall", NAME, "--namespace", NAME]).await.expect_success();
    assert_eq!(memory(stage).await, before);
    let gone = ["get", "clusterrole", NAME, "--ignore-not-found"];
    assert_eq!(stage.plane.kubectl(&gone, None).await.expect_success(), "");
}

/// Who and what: every object of the product, by uid, and its spec.
async fn memory(stage: &Stage) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for kind in [
        "recoveryvaults",
        "replicatedvms",
        "failoverrequests",
        "changerecoverypointrequests",
        "commitrequests",
        "reprotectrequests",
        "requestdecisions",
        "itemrecords",
        "requestclaims",
    ] {
        let of = |object: &Value| format!("{kind} {} {}", object["metadata"]["uid"], object["spec"]);
        all.extend(stage.all(kind).await.iter().map(of));
    }
    all
}

async fn arguments(stage: &Stage) -> String {
    let deployment = stage.plane.get(NAME, "deployment", NAME).await;
    deployment["spec"]["template"]["spec"]["containers"][0]["args"].to_string()
}
