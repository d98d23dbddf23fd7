//! The chaos example, small.

use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::worlds;

#[test]
fn a_hundred_and_twenty_requests_in_a_storm_are_neither_doubled_nor_lost_and_the_control_doubles_some() {
    let run = |threads| worlds::run(120, 5, threads, &AtomicBool::new(false));
    let tally = run(2);
    let told = tally.json(5, 120, 0.0);
    assert_eq!(told, run(1).json(5, 120, 0.0), "the same seed tells another story");
    assert!(
        tally.holds() && tally.text(5, 120, 0.0).contains("\naccepted duplicates  0\n"),
        "{}",
        tally.text(5, 120, 0.0)
    );
    assert_eq!((&told["requests"], &told["seed"]), (&120.into(), &5.into()), "{told:#}");
    assert_eq!((&told["acceptedDuplicates"], &told["lostRequests"]), (&0.into(), &0.into()), "{told:#}");
    assert_eq!(told["violations"], Value::Array(vec![]), "{told:#}");
    assert!(told["control"]["acceptedDuplicates"].as_u64() > Some(0), "the storm is no storm: {told:#}");
    let ends = ["succeeded", "failed"].map(|end| told[end].as_u64().unwrap());
    let unknown = ["total", "waitingBehind"].map(|of| told["outcomeUnknown"][of].as_u64().unwrap());
    assert_eq!(ends[0] + ends[1] + unknown[0] + unknown[1], 120, "{told:#}");
    assert!(ends[0] > 90, "most requests come through: {told:#}");
    let faults = told["faults"].as_object().unwrap();
    for class in ["crash before", "crash after", "pause before", "answer lost", "arrives late"] {
        assert!(faults[class].as_u64() > Some(0), "{class}: {told:#}");
    }
}

#[test]
fn a_run_that_is_to_end_says_how_much_of_it_was_run() {
    let tally = worlds::run(120, 5, 1, &AtomicBool::new(true));
    let told = tally.json(5, 120, 0.0);
    assert_eq!((&told["requests"], &told["requestsAsked"]), (&0.into(), &120.into()), "{told:#}");
    assert!(tally.text(5, 120, 0.0).starts_with("0 of 120 requests from seed 5"), "{}", tally.text(5, 120, 0.0));
}
