//! One incident from its first file in Git to its last: each act is merged when the one before it is done, and Flux applies
//! all of them all the time.

use crate::again;
use crate::controller::{DECLARED, REQUESTS};
use crate::harness::{Judgement, eventually, get};
use crate::stage::{DEADLINE, Stage};
use serde_json::{Value, json};

/// A request: its sample, and what it makes.
pub struct Act {
    pub sample: &'static str,
    pub kind: &'static str,
    pub name: &'static str,
    pub call: &'static str,
}

const fn act(sample: &'static str, kind: &'static str, name: &'static str, call: &'static str) -> Act {
    Act { sample, kind, name, call }
}

/// The loop, away and home.
pub const ACTS: [Act; 7] = [
    act("30-failover", "FailoverRequest", "app01-out-2026-06-01", "unplannedFailover"),
    act("35-change-recovery-point", "ChangeRecoveryPointRequest", "app01-point-2026-06-01", "applyRecoveryPoint"),
    act("40-commit", "CommitRequest", "app01-commit-2026-06-01", "failoverCommit"),
    act("50-reprotect", "ReprotectRequest", "app01-reprotect-2026-06-01", "switchprotection"),
    act("60-failback", "FailoverRequest", "app01-home-2026-06-01", "unplannedFailover"),
    act("70-commit-home", "CommitRequest", "app01-commit-home-2026-06-01", "failoverCommit"),
    act("80-reprotect-home", "ReprotectRequest", "app01-reprotect-home-2026-06-01", "switchprotection"),
];

impl Act {
    /// Its file in the repository.
    pub fn path(&self) -> String {
        format!("requests/incident-4711/{}.yaml", self.sample)
    }

    /// The sample.
    pub fn text(&self) -> String {
        Stage::file(&format!("samples/{}.yaml", self.sample))
    }
}

#[ignore = "builds kustomize-controller, which takes minutes once; .ci/run runs it"]
#[tokio::test(flavor = "multi_thread")]
async fn i01_i07_flux_applies_the_loop_all_the_time_and_each_act_is_one_call() {
    let stage = Stage::set().await;
    a_request_does_not_wait_for_what_is_declared_to_be_well(&stage).await;
    for (number, act) in ACTS.iter().enumerate() {
        if number > 0 {
            stage.git.write(&act.path(), &act.text());
            stage.commit().await;
        }
        let before = stage.running(act.kind, act.name).await;
        meanwhile(&stage, number, act).await;
        let now = stage.running(act.kind, act.name).await;
        assert_eq!(ran(&before), ran(&now), "{now:#}");
        stage.job_ends().await;
        stage.wait(act.kind, act.name, ("Ready", "True", None)).await;
        stage.flux.told(REQUESTS, "True", "Applied revision").await;
        if act.kind == "ReprotectRequest" {
            stage.protected_again().await;
        }
        let calls: Vec<&str> = ACTS[..=number].iter().map(|act| act.call).collect();
        assert_eq!(stage.accepted().await, calls);
    }
    all_were_seen_to_end_well(&stage).await;
    again::nothing_runs_again(&stage).await;
}

/// What is the same as long as it is one run.
fn ran(request: &Value) -> (Value, Value, Value) {
    let operations = &request["status"]["operations"];
    (operations[0]["jobId"].clone(), operations[1].clone(), request["status"]["recoveryPointUsed"].clone())
}

/// Without its Role a vault cannot be read, and Flux says that what is declared has failed; a request that names it is
/// applied all the same, and goes on by itself when the Role is there.
async fn a_request_does_not_wait_for_what_is_declared_to_be_well(stage: &Stage) {
    for (path, file) in [("vault", "10-recovery-vault"), ("app01", "20-replicated-vm")] {
        stage.git.write(&format!("declared/{path}.yaml"), &Stage::file(&format!("samples/{file}.yaml")));
    }
    stage.git.write(&ACTS[0].path(), &ACTS[0].text());
    stage.flux.kustomizations().await;
    let revision = stage.git.commit().await;
    stage.flux.told(DECLARED, "False", "RecoveryVault/demo/vault-dr").await;
    stage.flux.at(REQUESTS, &revision).await;
    stage.wait(ACTS[0].kind, ACTS[0].name, ("Reconciling", "True", None)).await;
    stage.git.write("declared/role.yaml", &Stage::file("tenant/role.yaml"));
    let revision = stage.git.commit().await;
    stage.flux.at(DECLARED, &revision).await;
    for (kind, name) in [("RecoveryVault", "vault-dr"), ("ReplicatedVm", "app01")] {
        stage.wait(kind, name, ("Ready", "True", None)).await;
    }
}

/// What Flux does while the act runs.
async fn meanwhile(stage: &Stage, number: usize, act: &Act) {
    match number {
        0 => stage.flux.interval(REQUESTS).await,
        4 => again::pruned_and_back(stage, act).await,
        5 => again::edited(stage, act).await,
        6 => waited_for(stage, act).await,
        _ => stage.flux.again(REQUESTS).await,
    }
}

/// With `wait`, which the sample does not have, Flux waits as long as the act takes, by the expressions of the sample.
async fn waited_for(stage: &Stage, act: &Act) {
    stage.flux.set(REQUESTS, json!({"wait": true})).await;
    stage.flux.tells(REQUESTS, "Healthy", "Unknown", "Running health checks").await;
    let request = get(&stage.client, act.kind, "demo", act.name).await.unwrap();
    assert!(request["status"]["operations"][0]["endedAt"].is_null(), "{request:#}");
}

/// The watch is not blind: it saw each request several times, and its end.
async fn all_were_seen_to_end_well(stage: &Stage) {
    eventually(DEADLINE, "every request watched to its end", async || {
        let judge = stage.kstatus.judge();
        let seen = judge.seen();
        let well = |act: &Act| {
            let found = seen.get(&format!("{} {}", act.kind, act.name));
            found.is_some_and(|(times, last)| *times > 1 && *last == Judgement::Current)
        };
        if ACTS.iter().all(well) { Ok(()) } else { Err(format!("{seen:#?}")) }
    })
    .await;
}
