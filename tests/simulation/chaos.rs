//! The chaos example, small.

use std::sync::atomic::AtomicBool;

use serde_json::Value;

use crate::tally::{self, Tally};
use crate::world::judge::{Asked, duplicates};
use crate::world::manifest::Verb;
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
fn why_an_outcome_is_not_known_is_counted_by_the_words_of_the_request() {
    let message = "Whether Azure executed the failover (client request id 1234-5678) cannot be known, and it is not sent again. The list of jobs was read and no job since the call carries its id. It was sent twice already. Look at the VM.";
    let ready = serde_json::json!({"type": "Ready", "status": "False", "reason": "OutcomeUnknown", "message": message});
    let cause = tally::cause(&serde_json::json!({"status": {"conditions": [ready]}}));
    assert_eq!(cause, "The list of jobs was read and no job since the call carries its id. It was sent twice already.");
}

#[test]
fn a_run_that_is_to_end_says_how_much_of_it_was_run() {
    let tally = worlds::run(120, 5, 1, &AtomicBool::new(true));
    let told = tally.json(5, 120, 0.0);
    assert_eq!((&told["requests"], &told["requestsAsked"]), (&0.into(), &120.into()), "{told:#}");
    assert!(tally.text(5, 120, 0.0).starts_with("0 of 120 requests from seed 5"), "{}", tally.text(5, 120, 0.0));
}

#[test]
fn a_storm_in_which_the_control_doubles_nothing_proves_nothing_once_it_was_long() {
    let of = |requests, control_duplicates| Tally { requests, control_duplicates, ..Tally::default() };
    let told = of(1000, 0).json(5, 1000, 0.0);
    assert!(!of(1000, 0).holds() && of(1000, 1).holds() && of(999, 0).holds(), "{told:#}");
    assert!(told["violations"][0].as_str().unwrap().starts_with("the control doubled no call in 1000"), "{told:#}");
}

#[test]
fn each_call_beyond_what_was_asked_for_is_counted() {
    let call = |principal| serde_json::json!({"accepted": true, "principal": principal, "item": "Item-0", "operation": "applyRecoveryPoint"});
    let ledger = Value::Array(["one", "one", "one", "portal"].map(call).to_vec());
    let asked = [Asked::new(Verb::ChangePoint, "once", 0)];
    assert_eq!(duplicates(&asked, &ledger).len(), 2, "{:?}", duplicates(&asked, &ledger));
}
