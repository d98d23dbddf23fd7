//! Health of an item: its errors and the two colours that follow from them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::ids::guid;
use super::super::item::Item;
use super::super::settings::HealthAfterFailover;
use super::precise;

/// The health fields of an item.
pub(crate) struct Health {
    pub(crate) replication: &'static str,
    pub(crate) failover: &'static str,
    pub(crate) errors: Vec<Value>,
}

/// The health of `item` at `now`.
pub(crate) fn of(item: &Item, now: Timestamp, after_failover: HealthAfterFailover) -> Health {
    let mut errors: Vec<Value> = Vec::new();
    if item.failed_over() {
        if after_failover == HealthAfterFailover::Critical {
            errors.push(silent_source(item, now));
        }
    } else if item.stage(now).settled && item.course.last_test.is_none() {
        errors.push(never_tested(item, now));
    }
    errors.extend(item.flags.health_errors.iter().map(|given| filled(given, item, now)));
    let worst = |of_replication: bool| {
        let levels = errors.iter().filter(|e| (e["errorCategory"] == "Replication") == of_replication);
        levels.fold("Normal", |worst, error| match (worst, error["errorLevel"].as_str()) {
            (_, Some("Error")) | ("Critical", _) => "Critical",
            _ => "Warning",
        })
    };
    Health { replication: worst(true), failover: worst(false), errors }
}

/// 161011, which every item has that was never tested (recorded: cli-A2A_scenarios).
fn never_tested(item: &Item, now: Timestamp) -> Value {
    let vm = &item.primary().vm_name;
    let given = json!({
        "errorSource": "ReplicationUnitFailoverValidatorError",
        "errorType": "8010",
        "errorLevel": "Warning",
        "errorCategory": "TestFailover",
        "errorCode": "161011",
        "errorMessage": format!("No successful test failover has been done on the virtual machine '{vm}'."),
        "possibleCauses": "No successful test failover has been done on the virtual machine after it was replicated.",
        "recommendedAction": "Do a test failover on the virtual machine.",
        "errorId": "6:8010",
    });
    filled_value(given, item, now)
}

/// 153077, which a failed-over item may have because its source is silent (recorded on a cluster).
fn silent_source(item: &Item, now: Timestamp) -> Value {
    let given = json!({
        "errorSource": "ProtectionClusterProviderErrorOnReplica",
        "errorType": "8057",
        "errorLevel": "Error",
        "errorCategory": "Replication",
        "errorCode": "153077",
        "errorMessage": "Recovery Points are not being generated as the Mobility Agent cannot be reached.",
        "possibleCauses": "The source virtual machine might be shut down.",
        "recommendedAction": "Check that the source virtual machine is up and running.",
        "errorId": "6:8057",
    });
    filled_value(given, item, now)
}

fn filled(given: &Map<String, Value>, item: &Item, now: Timestamp) -> Value {
    filled_value(Value::Object(given.clone()), item, now)
}

/// A health error with every field of the wire.
fn filled_value(given: Value, item: &Item, now: Timestamp) -> Value {
    let mut error = json!({
        "innerHealthErrors": [],
        "errorSource": "ReplicationUnitFailoverValidatorError",
        "errorType": "0",
        "errorLevel": "Warning",
        "errorCategory": "Replication",
        "errorCode": "",
        "summaryMessage": "",
        "errorMessage": "",
        "possibleCauses": "",
        "recommendedAction": "",
        "creationTimeUtc": precise(item.course.protected.min(now)),
        "recoveryProviderErrorMessage": null,
        "entityId": guid(&["health", &item.entity().to_string()]),
        "errorId": "6:0",
        "customerResolvability": "NotAllowed",
    });
    super::merge(&mut error, &given);
    error
}
