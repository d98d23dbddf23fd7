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

/// Runs a client of the simulator to its end and gives what it printed; fails with it when the client does.
async fn client(name: &str, program: &Path, script: Option<&str>, environment: &[(&str, &str)]) -> String {
    let sim = simulator().await;
    let dir = RunDir::create(name).unwrap();
    let mut client = Program::new(name, program, dir.join("client.log"));
    for (variable, value) in environment {
        client = client.env(variable, value);
    }
    let mut client = client
        .args(script)
        .args(["--arm", &sim.arm, "--authority", &sim.authority, "--ca"])
        .arg(&sim.ca_path)
        .start()
        .unwrap();
    let status = client.wait_exit(DEADLINE).await.unwrap();
    let printed = client.log();
    println!("{printed}");
    assert_eq!(status, 0, "{}", client.log_tail());
    printed
}

/// The operations that the client must have been through, in order.
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
    let packages = python.packages.to_string_lossy();
    let environment = [("PYTHONPATH", packages.as_ref()), ("PYTHONDONTWRITEBYTECODE", "1")];
    let printed = client("python-sdk", &python.program, Some(&script), &environment).await;
    let steps =
        ["failover: Succeeded", "change of the point: ", "commit: ", "reprotect: ", "copy: ", "test failover: "];
    assert_printed(&printed, &steps);
    let back = ["cleanup: ", "failback: ", "commit: ", "reprotect: ", "copy: ", "failed failover: Failed", "504 "];
    assert_printed(&printed, &back);
    assert_printed(&printed, &["429 on a GET", "429 on a POST", "UnplannedFailover: Succeeded", "EnableDr: Succeeded"]);
}

#[tokio::test]
#[ignore = "needs the Go module proxy; run by .ci/run"]
async fn the_go_pipeline_follows_operations_by_both_headers() {
    let program = install::azcore().unwrap();
    let printed = client("azcore", &program, None, &[]).await;
    let steps = ["failover by Azure-AsyncOperation: Succeeded", "commit by Location: Succeeded"];
    assert_printed(&printed, &steps);
    assert_printed(&printed, &["reprotect by Azure-AsyncOperation: Succeeded", "failover that fails: error 25080"]);
}
