//! The chaos example, small, as a user runs it.

use std::process::Command;

use serde_json::Value;

use crate::harness::product_binary;

#[test]
fn forty_eight_requests_in_a_storm_are_neither_doubled_nor_lost_and_the_control_doubles_some() {
    let example = product_binary("asr-operator").unwrap().parent().unwrap().join("examples/chaos");
    let run = |threads: &str| {
        let arguments = ["--requests", "48", "--seed", "5", "--output", "json", "--threads", threads];
        let output = Command::new(&example).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let mut told: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text} {output:?}"));
        assert!(output.status.success(), "{told:#}");
        told["wallSeconds"].take();
        told
    };
    let told = run("2");
    assert_eq!(told, run("1"), "the same seed tells another story");
    assert_eq!((&told["requests"], &told["seed"]), (&48.into(), &5.into()), "{told:#}");
    assert_eq!((&told["acceptedDuplicates"], &told["lostRequests"]), (&0.into(), &0.into()), "{told:#}");
    assert_eq!(told["violations"], Value::Array(vec![]), "{told:#}");
    assert!(told["control"]["acceptedDuplicates"].as_u64() > Some(0), "the storm is no storm: {told:#}");
    let ends = ["succeeded", "failed"].map(|end| told[end].as_u64().unwrap());
    let unknown = told["outcomeUnknown"]["total"].as_u64().unwrap();
    assert_eq!(ends[0] + ends[1] + unknown, 48, "{told:#}");
    assert!(ends[0] > 30, "most requests come through: {told:#}");
    let faults = told["faults"].as_object().unwrap();
    for class in ["crash before", "crash after", "pause before", "answer lost", "arrives late"] {
        assert!(faults[class].as_u64() > Some(0), "{class}: {told:#}");
    }
}
