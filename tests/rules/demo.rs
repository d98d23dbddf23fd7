//! The demo, as a user runs it: what it reports is recomputed from the simulator's ledger and from kubectl, and a call
//! that somebody duplicates makes it fail. It judges each state of each object by the rules of kstatus, and none breaks one.

use crate::harness::{Binaries, Judge, PROGRAMS, Program, RunDir, Signal, Supervised, product_binary};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(240);

/// Five times the pace at which a person watches.
const PACE: [&str; 2] = ["--clock-rate", "300"];

/// Somebody who sends the failover again, behind the operator's back.
const DUPLICATE: &str = r#"#!/bin/sh
echo '{"verb": "unplannedFailover", "item": "app01"}' |
  "$KUBECTL" --token none --kubeconfig /dev/null --server "$ASR_DEMO_ARM" --certificate-authority "$ASR_DEMO_CA" create --raw /_sim/actor -f - || true
"#;

fn demo(arguments: &[&str]) -> (RunDir, Supervised) {
    let operator = product_binary("asr-operator").unwrap();
    let programs = operator.parent().unwrap();
    let example = programs.join("examples/demo");
    let dir = RunDir::create("demo").unwrap();
    let process = Program::new("demo", &example, dir.join("demo.log"))
        .env(PROGRAMS, programs)
        .args(arguments)
        .args(PACE)
        .start()
        .unwrap();
    (dir, process)
}

fn json_line(line: &str) -> Option<Value> {
    serde_json::from_str::<Value>(line).ok().filter(|v| v["steps"].is_array())
}

fn run(program: &PathBuf, arguments: &[&str]) -> Value {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|e| panic!("{arguments:?}: {e}: {text} {}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test]
async fn its_json_agrees_with_the_ledger_and_with_the_cluster() {
    let (_dir, mut demo) = demo(&["--keep", "--output", "json"]);
    let told = demo.wait_for_line(DEADLINE, "JSON", json_line).await.unwrap();
    let log = demo.log();
    let line = |start: &str| {
        log.lines().find_map(|l| l.strip_prefix(start)).unwrap_or_else(|| panic!("no {start}: {log}")).to_owned()
    };
    let kubeconfig = line("export KUBECONFIG=");
    let curl = line("curl --cacert ");
    let (ca, ledger) = curl.split_once(' ').unwrap();
    let (server, path) = ledger.split_at(ledger.find("/_sim/").unwrap());
    let kubectl = Binaries::locate_or_build(|_| ()).unwrap().kubectl;
    let calls = run(
        &kubectl,
        &[
            "--token",
            "none",
            "--kubeconfig",
            "/dev/null",
            "--server",
            server,
            "--certificate-authority",
            ca,
            "get",
            "--raw",
            path,
        ],
    );
    let calls = calls.as_array().unwrap();
    assert_eq!(told["mutatingCalls"], calls.len());
    let steps = told["steps"].as_array().unwrap();
    let mut extra = calls.clone();
    let mut judge = Judge::default();
    for step in steps {
        let name = step["name"].as_str().unwrap();
        let kind = step["kind"].as_str().unwrap();
        let resource = kind.to_lowercase();
        let object = run(&kubectl, &["--kubeconfig", &kubeconfig, "get", &resource, name, "-n", "demo", "-o", "json"]);
        judge.see(kind, &object);
        let status = &object["status"];
        assert_eq!(step["jobId"], status["operations"][0]["jobId"], "{object:#}");
        for field in ["phase", "achievedRpo", "achievedRto"] {
            assert_eq!(step[field], status[field], "{field}: {object:#}");
        }
        assert_eq!(step["recoveryPoint"], status["recoveryPointUsed"]);
        let own = extra.iter().position(|call| call["jobId"] == step["jobId"] && call["accepted"] == true);
        extra.remove(own.unwrap_or_else(|| panic!("no call of {name} in {calls:?}")));
    }
    assert_eq!(told["duplicates"], extra.len());
    for (object, (_, judgement)) in judge.seen() {
        assert_eq!(told["kstatus"]["last"][object], format!("{judgement:?}"), "{told:#}");
    }
    assert_eq!(told["kstatus"]["broken"], serde_json::json!([]), "{told:#}");
    let states = told["kstatus"]["states"].as_u64().unwrap();
    assert!(states > 3 * steps.len() as u64, "each act was seen on its way: {told:#}");
    assert_eq!((steps.len(), calls.len(), &told["ok"]), (7, 7, &Value::Bool(true)), "{told:#}");
    demo.signal(Signal::INT);
    assert_eq!(demo.wait_exit(DEADLINE).await.unwrap(), 0);
}

#[tokio::test]
async fn a_duplicated_call_makes_it_fail() {
    let dir = RunDir::create("duplicate").unwrap();
    let script = dir.write("duplicate.sh", DUPLICATE).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (_dir, mut demo) = demo(&["--output", "json", "--script", script.to_str().unwrap()]);
    let told = demo.wait_for_line(DEADLINE, "JSON", json_line).await.unwrap();
    assert_eq!(told["ok"], false, "{told:#}");
    assert!(told["duplicates"].as_u64().unwrap() >= 1, "{told:#}");
    assert_eq!(demo.wait_exit(DEADLINE).await.unwrap(), 1);
}
