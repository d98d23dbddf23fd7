//! What HTTP answers are otherwise than assumed: lost, refused, throttled, in pages, compressed.

use crate::driver::{Ends, Otherwise, here, otherwise, stalls, waits, well};
use serde_json::{Value, json};

fn switch(field: &str, value: Value) -> Value {
    json!({"otherwise": {field: value}})
}

/// Somebody's failover runs that neither the item nor the job list shows, so that a second one is sent, and refused so.
fn second_verb(refusal: Value, ends: Ends) -> Otherwise {
    let switch = json!({
        "refusal": refusal,
        "jobListLagSeconds": 500_000.0,
        "otherwise": {"whileRunning": "Unchanged"},
    });
    let unseen = Otherwise { switch, before: vec![], ends };
    unseen
        .after("timings", json!({"failoverSeconds": 500_000.0}))
        .after("actor", json!({"verb": "unplannedFailover", "item": "app01"}))
        .after("timings", json!({"failoverSeconds": 140.0}))
}

otherwise! {
    a_504_was_executed: well(switch("firstAnswer", json!({"status": 504, "executes": true}))),
    every_answer_is_lost: well(switch("firstAnswer", json!({"executes": true}))),
    a_429_was_executed: well(switch("firstAnswer", json!({"status": 429, "retryAfter": 2, "executes": true}))),
    a_429_was_not_executed: well(switch("firstAnswer", json!({"status": 429, "retryAfter": 2}))),
    a_429_says_no_time:
        well(switch("firstAnswer", json!({"status": 429, "operations": ["unplannedFailover"]}))),
    a_429_that_says_no_time_was_executed:
        well(switch("firstAnswer", json!({"status": 429, "executes": true, "operations": ["unplannedFailover"]}))),
    // Each is waited for as long as it asks; without a time that would be 30 s six times over.
    reads_are_throttled: well(json!({})).after(
        "faults",
        json!({"operation": "reads", "effect": "refuse", "status": 429, "retryAfter": 2, "nth": 8, "times": 6}),
    ),
    reads_answer_in_no_known_form: well(json!({}))
        .after("faults", json!({"operation": "reads", "effect": "garbage", "text": "<html>busy</html>", "nth": 8, "times": 6})),
    a_second_verb_is_a_409: second_verb(json!({"status": 409}), Ends::Here(waits("failover", "Resolving", "409"))),
    a_second_verb_is_a_400:
        second_verb(json!({"status": 400}), Ends::Here(stalls("failover", "AzureRefused", "in progress"))),
    a_second_verb_is_a_failed_job: second_verb(
        json!({"asFailedJob": true}),
        Ends::Here(stalls("failover", "JobFailed", "OperationNotAllowed").called()),
    ),
    a_gone_point_is_refused_at_once: Otherwise {
        switch: switch("gonePointRefused", json!(true)),
        before: vec![("items", json!({"name": "app01", "failNext": "stalePoint"}))],
        ends: Ends::AtTheSecondAsking(stalls("failover", "AzureRefused", "recovery point")),
    },
    a_right_on_a_linked_resource_is_missing: here(
        switch("linkedAccess", json!("Refused")),
        stalls("failover", "AzureRefused", "LinkedAuthorizationFailed"),
    ),
    a_403_says_nothing: here(switch("linkedAccess", json!("RefusedWithoutWords")), waits("failover", "Resolving", "403")),
    lists_come_in_small_pages: well(json!({"pageSize": 1})),
    a_region_that_is_down_answers_nothing:
        here(json!({"downRegions": ["westeurope"]}), waits("reprotect", "PreconditionsUnmet", "cannot be read")),
    bodies_are_compressed_unasked:
        here(switch("compressUnasked", json!(true)), waits("failover", "VaultUnreachable", "not understood")),
}
