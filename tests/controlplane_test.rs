//! The harness itself: the control plane is a real one, and nothing of it outlives the process that started it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

mod harness;

use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use harness::{
    ControlPlane, Judge, Judgement, Operator, OperatorOptions, Options, Program, RunDir, Simulator, canary, eventually,
    wait_condition,
};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(60);
const SEED: &str = include_str!("../deploy/demo/seed.yaml");
/// Tells the test that starts a control plane and waits to be killed where to write its servers' ids.
const VICTIM: &str = "ASR_TEST_VICTIM_PIDS";

#[tokio::test]
async fn kubectl_and_the_api_server_are_the_pinned_release() {
    let plane = ControlPlane::shared().await;
    let output = plane.kubectl(&["version", "--output=json"], None).await;
    let version: Value = serde_json::from_str(&output.expect_success()).unwrap();
    let go_mod = include_str!("controlplane/go.mod");
    for side in ["clientVersion", "serverVersion"] {
        let release = version[side]["gitVersion"].as_str().unwrap();
        // Assets that the developer brought may be of another release.
        if std::env::var_os("KUBEBUILDER_ASSETS").is_none() {
            assert!(go_mod.contains(&format!("k8s.io/kubernetes {release}")), "{side} is {release}");
        }
    }
}

#[tokio::test]
async fn a_service_account_token_names_its_bearer_and_its_audience() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("tokens").await;
    let account = ["create", "serviceaccount", "dr", "--namespace", &namespace];
    plane.kubectl(&account, None).await.expect_success();
    let command = ["create", "token", "dr", "--namespace", &namespace, "--audience=api://AzureADTokenExchange"];
    let token = plane.kubectl(&command, None).await.expect_success();
    let payload = token.trim().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!(claims["sub"], format!("system:serviceaccount:{namespace}:dr"));
    assert_eq!(claims["aud"], json!(["api://AzureADTokenExchange"]));
}

#[tokio::test]
async fn rbac_holds_for_everybody_but_the_administrator() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("rbac").await;
    let account = ["create", "serviceaccount", "nobody", "--namespace", &namespace];
    plane.kubectl(&account, None).await.expect_success();
    let kubeconfig = plane.service_account_kubeconfig(&namespace, "nobody").await;
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let output = plane.kubectl(&[&kubeconfig, "get", "secrets", "--namespace", &namespace], None).await;
    assert!(!output.succeeded(), "it may read secrets: {}", output.stdout);
    assert!(output.stderr.contains("Forbidden"), "{}", output.stderr);
}

#[tokio::test]
async fn the_controller_manager_makes_namespaces_usable_and_takes_them_away() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("gone").await;
    eventually(DEADLINE, "a default ServiceAccount", async || {
        let get = ["get", "serviceaccount", "default", "--namespace", &namespace];
        let output = plane.kubectl(&get, None).await;
        if output.succeeded() { Ok(()) } else { Err(output.stderr) }
    })
    .await;
    let map = ["create", "configmap", "left", "--namespace", &namespace];
    plane.kubectl(&map, None).await.expect_success();
    let delete = ["delete", "namespace", &namespace, "--timeout=60s"];
    plane.kubectl(&delete, None).await.expect_success();
    let get = ["get", "namespace", &namespace, "--ignore-not-found"];
    assert_eq!(plane.kubectl(&get, None).await.expect_success(), "");
}

#[tokio::test]
async fn a_kube_client_reaches_it_from_each_tests_own_runtime() {
    let plane = ControlPlane::shared().await;
    let version = plane.client().await.apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
}

/// Not a test of its own: the process that the next one kills.
#[tokio::test]
async fn victim() {
    let Some(report) = std::env::var_os(VICTIM) else {
        return;
    };
    let options = Options { controller_manager: false, ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    let partial = std::path::Path::new(&report).with_extension("partial");
    std::fs::write(&partial, json!(plane.pids()).to_string()).unwrap();
    std::fs::rename(&partial, &report).unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_outlives_a_killed_test_process() {
    let dir = RunDir::create("victim").unwrap();
    let report = dir.join("pids.json");
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--nocapture"])
        .env(VICTIM, &report)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pids: Vec<i32> = eventually(DEADLINE * 10, "the victim's servers", async || match std::fs::read(&report) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        Err(error) => Err(format!("{error}; the victim: {:?}", victim.try_wait())),
    })
    .await;
    assert_eq!(pids.len(), 2, "etcd and kube-apiserver");
    assert!(pids.iter().all(|pid| harness::is_alive(*pid)), "{pids:?}");

    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually(DEADLINE, "the end of its servers", async || {
        let left: Vec<&i32> = pids.iter().filter(|pid| harness::is_alive(**pid)).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?} still run")) }
    })
    .await;
}

#[tokio::test]
async fn a_stopped_control_plane_leaves_no_server() {
    let options = Options { controller_manager: true, ..Options::default() };
    let plane = ControlPlane::start(options).await.unwrap();
    let pids = plane.pids();
    assert_eq!(pids.len(), 3);
    plane.stop();
    assert!(!pids.iter().any(|pid| harness::is_alive(*pid)), "{pids:?}");
}

#[tokio::test]
async fn a_program_that_ends_early_is_reported_with_its_status_and_its_words() {
    let dir = RunDir::create("early").unwrap();
    let shell = std::path::Path::new("/bin/sh");
    let mut program =
        Program::new("early", shell, dir.join("log")).args(["-c", "echo no such seed >&2; exit 3"]).start().unwrap();
    let never = program.wait_for_line(DEADLINE, "address", |_| None::<()>).await;
    let message = never.unwrap_err().to_string();
    assert!(message.contains("ended with status 3") && message.contains("no such seed"), "{message}");
}

#[tokio::test]
async fn a_frozen_program_is_still_killed() {
    let dir = RunDir::create("frozen").unwrap();
    let shell = std::path::Path::new("/bin/sh");
    let mut program =
        Program::new("frozen", shell, dir.join("log")).args(["-c", "echo here; sleep 600"]).start().unwrap();
    program.wait_for_line(DEADLINE, "word", |line| (line == "here").then_some(())).await.unwrap();
    program.freeze();
    program.kill();
    assert_eq!(program.exit_status(), Some(128 + 9));
}

#[tokio::test]
async fn the_simulator_is_reached_over_tls_and_its_clock_can_be_moved() {
    let simulator = Simulator::start(SEED, 0).await.unwrap();
    assert_eq!(simulator.ledger().await, Vec::<Value>::new());
    assert!(!simulator.items().await.as_array().unwrap().is_empty());
    let before = simulator.get("clock").await;
    assert_ne!(simulator.clock(json!({"advanceSeconds": 3600})).await, before);
}

#[tokio::test]
async fn an_operator_works_again_after_it_was_killed_and_ends_when_asked() {
    let plane = ControlPlane::shared().await;
    plane.install_crds().await;
    let simulator = Simulator::start(SEED, 1).await.unwrap();
    let namespace = plane.namespace("operator").await;
    let mut operator = Operator::start(OperatorOptions {
        kubeconfig: plane.kubeconfig_path().to_owned(),
        sim: simulator.endpoints(),
        namespaces: vec![namespace.clone()],
        operator_namespace: namespace.clone(),
        extra_args: Vec::new(),
    })
    .await
    .unwrap();
    let first = operator.process().pid();
    reports_on(plane, &namespace, "before").await;
    operator.kill();
    assert!(!harness::is_alive(first));
    operator.restart().await.unwrap();
    reports_on(plane, &namespace, "after").await;
    operator.terminate();
    assert_eq!(operator.process().wait_exit(DEADLINE).await.unwrap(), 0, "{}", operator.log());
}

/// Applies a VM of a vault that does not exist, and waits until an operator says so.
async fn reports_on(plane: &ControlPlane, namespace: &str, name: &str) {
    let vm = include_str!("../deploy/samples/20-replicated-vm.yaml")
        .replace("name: app01", &format!("name: {name}"))
        .replace("namespace: demo", &format!("namespace: {namespace}"));
    plane.apply(&vm).await;
    let client = plane.client().await;
    let wanted = ("Ready", "False", None);
    wait_condition(&client, "ReplicatedVm", namespace, name, wanted, DEADLINE).await;
}

#[test]
fn a_canary_is_found_wherever_it_lies() {
    assert_eq!(canary::leaks("Bearer xTOKCANARYx"), ["TOKCANARY"]);
    assert!(canary::leaks("nothing").is_empty());
    let dir = RunDir::create("canary").unwrap();
    let mut bytes = vec![b'x'; canary::CHUNK - 4];
    bytes.extend(b"SIGCANARY");
    bytes.resize(3 * canary::CHUNK, 0);
    let file = dir.join("0.wal");
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(canary::kept(&file).map(|(canary, _)| canary), Some("SIGCANARY"));
    let later = dir.join("1.wal");
    std::fs::write(&later, [b"said before".as_slice(), &[0; 64]].concat()).unwrap();
    assert_eq!(canary::kept(&later), None);
    std::fs::write(&later, b"said before TOKCANARY and after").unwrap();
    assert!(canary::kept(&later).is_some_and(|(_, around)| around.contains("TOKCANARY")));
}

/// A request as its object may look: phase, which of the trio is True, its reason, and whether its last call's job ended.
fn request(phase: &str, holds: &str, reason: &str, ended: Option<bool>) -> Value {
    let one = |kind| json!({"type": kind, "status": if kind == holds { "True" } else { "False" }, "reason": reason});
    let conditions: Vec<Value> = ["Ready", "Reconciling", "Stalled"].map(one).into();
    let operation = |ended: bool| json!({"jobId": "j", "endedAt": ended.then_some("2026-06-01T08:00:00Z")});
    let operations: Vec<Value> = ended.map(operation).into_iter().collect();
    let status = json!({"observedGeneration": 1, "phase": phase, "operations": operations, "conditions": conditions});
    json!({"metadata": {"name": "r", "uid": "1", "generation": 1}, "status": status})
}

fn judged(states: &[Value]) -> Judge {
    judged_as("FailoverRequest", states)
}

fn judged_as(kind: &str, states: &[Value]) -> Judge {
    let mut judge = Judge::default();
    states.iter().for_each(|state| judge.see(kind, state));
    judge
}

#[test]
fn the_judge_takes_no_vault_or_vm_for_failed_that_waits_for_a_person() {
    for kind in ["RecoveryVault", "ReplicatedVm"] {
        let of = |holds, reason| judged_as(kind, &[request("", holds, reason, None)]).broken().len();
        assert_eq!(
            (of("Stalled", "Suspended"), of("Reconciling", "Suspended"), of("Stalled", "AccessDenied")),
            (1, 0, 0)
        );
    }
}

#[test]
fn the_judge_takes_a_loop_as_it_is() {
    let unseen = json!({"metadata": {"name": "r", "uid": "1", "generation": 1}, "status": {"observedGeneration": -1}});
    let runs = request("Running", "Reconciling", "JobRunning", Some(false));
    let done = request("Succeeded", "Ready", "Succeeded", Some(true));
    let unknown = request("Unknown", "Reconciling", "OutcomeUnknown", Some(false));
    let restored = request("Succeeded", "Ready", "AlreadyRun", None);
    let failed = request("Failed", "Stalled", "JobFailed", Some(true));
    let waits = request("Waiting", "Reconciling", "ItemBusy", None);
    let well = judged(&[unseen.clone(), waits.clone(), runs, unknown, done.clone(), done, unseen, restored]);
    assert!(well.broken().is_empty(), "{:?}", well.broken());
    assert_eq!(well.seen()["FailoverRequest r"], (8, Judgement::Current));
    assert!(judged(&[waits, failed.clone(), failed]).broken().is_empty());
}

#[test]
fn the_judge_misses_no_state_that_would_mislead_a_tool() {
    let done = request("Succeeded", "Ready", "Succeeded", Some(true));
    let runs = request("Running", "Reconciling", "JobRunning", Some(false));
    let mut ahead = done.clone();
    ahead["status"]["observedGeneration"] = json!(2);
    let mut both = done.clone();
    both["status"]["conditions"][2]["status"] = json!("True");
    let misleading = [
        (vec![request("Running", "Ready", "Succeeded", Some(false))], "is Current and runs"),
        (vec![request("Succeeded", "Ready", "Succeeded", None)], "never ran"),
        (vec![request("Waiting", "Stalled", "ItemBusy", None)], "Failed and has not ended"),
        (vec![request("Unknown", "Stalled", "OutcomeUnknown", Some(false))], "Failed and has not ended"),
        (vec![done, runs], "it had ended, and goes on"),
        (vec![request("Running", "Nothing", "JobRunning", None)], "0 of"),
        (vec![both], "2 of"),
        (vec![ahead], "not there yet"),
    ];
    for (states, says) in misleading {
        let judge = judged(&states);
        assert!(judge.broken().iter().any(|broken| broken.contains(says)), "{says}: {:?}", judge.broken());
    }
}
