//! One release's life: installed, upgraded in mid-failover, rolled back, and gone; the whole loop under its permissions, and
//! these compared with what was used.

use crate::audit::{Grant, grants, uses};
use crate::azure;
use crate::harness::{Judgement, KstatusWatch, ROUND, condition, eventually, get, wait_condition};
use crate::helm::{Helm, objects};
use crate::stage::{DEADLINE, NAME, Stage};
use crate::walk::{LOOP, values};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A vault with a client secret, which a Secret of its namespace holds.
const SECOND_VAULT: &str = r"
apiVersion: v1
kind: Secret
metadata: {name: asr-client, namespace: demo}
stringData: {clientSecret: demo-only-client-secret}
---
apiVersion: asr-operator.io/v1alpha1
kind: RecoveryVault
metadata: {name: vault-by-secret, namespace: demo}
spec:
  subscriptionId: 00000000-0000-0000-0000-000000000001
  resourceGroup: rg-dr
  name: vault-dr
  identity:
    type: ServicePrincipal
    tenantId: 11111111-1111-1111-1111-111111111111
    clientId: 22222222-2222-2222-2222-222222222222
    secretRef: {name: asr-client, key: clientSecret}
";

/// In a namespace that gave the operator nothing.
const FOREIGN_VAULT: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: {name: asr, namespace: other}
---
apiVersion: asr-operator.io/v1alpha1
kind: RecoveryVault
metadata: {name: vault-dr, namespace: other}
spec:
  subscriptionId: 00000000-0000-0000-0000-000000000001
  resourceGroup: rg-dr
  name: vault-dr
  identity:
    type: WorkloadIdentity
    tenantId: 11111111-1111-1111-1111-111111111111
    clientId: 22222222-2222-2222-2222-222222222222
    serviceAccountName: asr
";

const TOO_LATE: &str = r"
apiVersion: asr-operator.io/v1alpha1
kind: RequestDecision
metadata: {name: too-late, namespace: demo}
spec:
  requestRef: {kind: FailoverRequest, name: app01-out-2026-06-01}
  decision: Cancel
  requestedBy: admin
  comment: it ran already
";

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_upgraded_rolled_back_and_gone_and_loses_nothing() {
    let mut stage = Stage::set().await;
    let watch = KstatusWatch::everywhere(&stage.client);
    stage.apply("10-recovery-vault").await;
    stage.apply("20-replicated-vm").await;
    stage.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    azure::observes(&stage.sim).await;
    upgrade_in_mid_failover(&mut stage).await;
    rollback(&mut stage).await;
    whole_loop(&stage).await;
    all_were_seen_to_end_well(&watch).await;
    stage.plane.apply(SECOND_VAULT).await;
    stage.wait("RecoveryVault", "vault-by-secret", ("Ready", "True", None)).await;
    stage.plane.apply(TOO_LATE).await;
    stage.wait("RequestDecision", "too-late", ("Stalled", "True", Some("TooLate"))).await;
    azure::acts(&stage.sim).await;
    grants_are_what_is_used(&stage).await;
    no_role_no_token(&stage).await;
    uninstall(&stage).await;
}

async fn upgrade_in_mid_failover(stage: &mut Stage) {
    stage.sim.clock(json!({"rate": 1})).await;
    let (sample, kind, name) = LOOP[0];
    stage.apply(sample).await;
    eventually(DEADLINE, "a failover whose job runs", async || {
        let object = get(&stage.client, kind, "demo", name).await?;
        let running = object["status"]["operations"][0]["jobId"].is_string();
        if running { Ok(()) } else { Err(format!("{:#}", object["status"])) }
    })
    .await;
    let upgrade =
        ["upgrade", NAME, crate::helm::CHART, "--namespace", NAME, "--reuse-values", "--set", "concurrency=8"];
    stage.helm.run(&upgrade).await.expect_success();
    assert!(arguments(stage).await.contains("--concurrency=8"));
    stage.replace_operators().await;
    stage.sim.clock(json!({"rate": 400})).await;
    stage.wait(kind, name, ("Ready", "True", None)).await;
    assert_eq!(stage.accepted().await, ["unplannedFailover"]);
}

async fn rollback(stage: &mut Stage) {
    let before = memory(stage).await;
    assert!(before.len() >= 5, "{before:?}");
    stage.helm.run(&["rollback", NAME, "1", "--namespace", NAME]).await.expect_success();
    assert!(arguments(stage).await.contains("--concurrency=16"));
    assert_eq!(memory(stage).await, before);
    stage.lose_operators().await;
}

async fn whole_loop(stage: &Stage) {
    for (sample, kind, name) in LOOP {
        stage.apply(sample).await;
        stage.wait(kind, name, ("Ready", "True", None)).await;
        if kind == "ReprotectRequest" {
            stage.sim.clock(json!({"advanceSeconds": 3600})).await;
            stage.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await;
        }
    }
    assert_eq!(stage.accepted().await, ROUND);
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

/// What the roles give and the run did not need, with the reason why they give it.
fn unused_for_a_reason(grant: &Grant) -> Option<&'static str> {
    match (grant.resource.as_str(), grant.verb.as_str()) {
        ("events", "patch") => Some("an event that happens again within minutes is counted, not repeated"),
        _ => None,
    }
}

async fn grants_are_what_is_used(stage: &Stage) {
    let values = crate::harness::RunDir::create("values").unwrap();
    let values = values.write("values.yaml", &self::values(&stage.sim).to_string()).unwrap();
    let rendered = Helm::offline().await.template(&["-f", values.to_str().unwrap()]).await;
    let grants = grants(&objects(&rendered), NAME, NAME);
    let used = uses(&stage.plane.audit(), NAME, NAME);
    assert!(grants.len() > 30 && used.len() > 30, "{grants:#?} {used:#?}");
    let denied: Vec<_> = used.iter().filter(|used| !used.allowed).collect();
    assert!(denied.is_empty(), "the chart's roles lack: {denied:#?}");
    let foreign: Vec<_> = used.iter().filter(|used| !grants.iter().any(|grant| grant.covers(used))).collect();
    assert!(foreign.is_empty(), "done by other rights than the chart's: {foreign:#?}");
    let idle = grants.iter().filter(|grant| !used.iter().any(|used| grant.covers(used)));
    let idle: Vec<_> = idle.filter(|grant| unused_for_a_reason(grant).is_none()).collect();
    assert!(idle.is_empty(), "granted and never used: {idle:#?}");
}

async fn no_role_no_token(stage: &Stage) {
    stage.plane.create_namespace("other").await;
    stage.plane.apply(FOREIGN_VAULT).await;
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
    for kind in
        ["recoveryvaults", "replicatedvms", "failoverrequests", "commitrequests", "itemrecords", "requestclaims"]
    {
        let of = |object: &Value| format!("{kind} {} {}", object["metadata"]["uid"], object["spec"]);
        all.extend(stage.all(kind).await.iter().map(of));
    }
    all
}

async fn arguments(stage: &Stage) -> String {
    let deployment = stage.plane.get(NAME, "deployment", NAME).await;
    deployment["spec"]["template"]["spec"]["containers"][0]["args"].to_string()
}
