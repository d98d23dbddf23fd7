//! Microsoft's own clients against the simulator: what they cannot sign in to, follow or parse is the simulator's fault.
//!
//! Not part of `cargo test`, for the first test needs Python; `.ci/run` runs them:
//! `cargo test --test sdk -- --ignored --nocapture` shows what the clients print.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

mod harness;

#[path = "sdk/install.rs"]
mod install;

use harness::{Program, RunDir, Simulator};
use std::path::Path;
use std::time::Duration;

const SEED: &str = include_str!("../deploy/demo/seed.yaml");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sdk");
const DEADLINE: Duration = Duration::from_secs(120);

/// The demo's world with two data disks on its first VM, under a clock that stands until the client moves it.
async fn simulator() -> Simulator {
    let address = "address: 10.1.0.4";
    let seed = SEED.replacen(address, &format!("{address}\n        dataDisks: 2"), 1);
    assert_ne!(seed, SEED, "the demo's seed has no {address}");
    Simulator::start(&seed, 0).await.unwrap()
}

/// Runs a client against a simulator of its own, to its end; gives what it printed and the simulator, which knows what it
/// sent. Fails with what it printed when the client does.
async fn client(name: &str, program: &Path, script: Option<&str>, packages: &Path) -> (String, Simulator) {
    let sim = simulator().await;
    let dir = RunDir::create(name).unwrap();
    let mut client = Program::new(name, program, dir.join("client.log"))
        .env("PYTHONPATH", packages)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(script)
        .args(["--arm", &sim.arm, "--authority", &sim.authority, "--ca"])
        .arg(&sim.ca_path)
        .start()
        .unwrap();
    let status = client.wait_exit(DEADLINE).await.unwrap();
    println!("{}", client.log());
    assert_eq!(status, 0, "{}", client.log_tail());
    (client.log(), sim)
}

/// The operations that the simulator took, in order.
async fn taken(sim: &Simulator) -> Vec<String> {
    let name = |call: &serde_json::Value| call["operation"].as_str().unwrap().to_owned();
    sim.accepted().await.iter().map(name).collect()
}

/// The client must have printed lines that begin like this, in this order.
fn assert_printed(printed: &str, lines: &[&str]) {
    let mut rest = printed.lines();
    for line in lines {
        assert!(rest.any(|found| found.starts_with(line)), "no line '{line}' at its place in:\n{printed}");
    }
}

#[tokio::test]
#[ignore = "needs Python and its package registry; run by .ci/run"]
async fn the_python_sdk_goes_there_and_back() {
    let python = install::python().unwrap();
    let script = format!("{PYTHON}/loop.py");
    let (printed, sim) = client("python-sdk", &python.program, Some(&script), &python.packages).await;
    let there = ["unplannedFailover", "applyRecoveryPoint", "failoverCommit", "switchprotection"];
    let back = ["testFailover", "testFailoverCleanup", "unplannedFailover", "failoverCommit", "switchprotection"];
    let failed_lost_throttled = ["unplannedFailover", "unplannedFailover", "failoverCommit"];
    assert_eq!(taken(&sim).await, [&there[..], &back, &failed_lost_throttled].concat());
    assert_printed(&printed, &["failover: Succeeded", "failed failover: Failed, 25080", "504 ", "429 on a POST: "]);
    assert_printed(&printed, &["UnplannedFailover: Succeeded", "SwitchReplicationGroupProtection: ", "EnableDr: "]);
}

#[tokio::test]
#[ignore = "needs the Go module proxy; run by .ci/run"]
async fn the_go_pipeline_follows_operations_by_both_headers() {
    let program = install::azcore().unwrap();
    let (printed, sim) = client("azcore", &program, None, Path::new("")).await;
    let there = ["unplannedFailover", "failoverCommit", "switchprotection"];
    let failed_lost = ["unplannedFailover", "unplannedFailover"];
    assert_eq!(taken(&sim).await, [&there[..], &failed_lost].concat());
    assert_printed(&printed, &["failover by Azure-AsyncOperation: Succeeded", "commit by Location: Succeeded"]);
    assert_printed(&printed, &["reprotect by Azure-AsyncOperation: Succeeded", "failover that fails: error 25080"]);
}
