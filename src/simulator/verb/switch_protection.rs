//! `switchprotection`: replication turns round, and the item moves to the other fabric under the same name.
//!
//! Tasks are recorded (ps-A2AReprotectTest). The job publishes the new id while it runs; copying goes on after it.

use serde_json::{Value, json};

use super::super::job::{Step, TaskEnd};
use super::super::recipe::invalid_parameter;
use super::{Context, Ending, Malformed, Plan, Row, Verb, begin_nothing, change_nothing, step};

pub(super) const ROW: Row = Row {
    verb: Verb::SwitchProtection,
    operation: "switchprotection",
    allowed: "SwitchProtection",
    scenario: "SwitchReplicationGroupProtection",
    friendly: "Reprotect",
    details: "SwitchProtectionJobDetails",
    plan,
    begin: begin_nothing,
    finish,
    fail: change_nothing,
};

fn plan(context: &Context<'_>) -> Result<Plan, Malformed> {
    context.require_properties()?;
    let item = context.item;
    let target = context.vault.container_id(item.primary().fabric);
    let asked = &context.property("providerSpecificDetails")["recoveryContainerId"];
    let elsewhere = !matches!(asked, Value::String(id) if id.eq_ignore_ascii_case(&target));
    let skipped =
        Step { end: TaskEnd::Skipped, ..step("CommitFailoverTask", "VmCommitFailover", "Committing failover", 1.0) };
    Ok(Plan {
        seconds: context.timings.reprotect_seconds,
        steps: vec![
            step(
                "SwitchReplicationGroupProtectionPreflightTask",
                "SwitchReplicationGroupProtectionPreflightTask",
                "Prerequisite check",
                5.0,
            ),
            skipped,
            step("DiscoverReplicaTask", "DiscoverReplicaTask", "Discovering replica virtual machine", 60.0),
            step(
                "GetSwitchProtectionRequirementsTask",
                "GetSwitchProtectionRequirementsTask",
                "Getting reprotection requirements",
                30.0,
            ),
            step("ProtectReplicaTask", "ProtectReplicaTask", "Reprotecting virtual machine (1)", 400.0),
        ],
        point: None,
        details: json!({ "newId": new_id(context) }),
        recipe: context.wrong_provider().or(elsewhere.then(|| invalid_parameter("recoveryContainerId"))),
    })
}

/// The id after the move; it alone begins with a small `/subscriptions/` (recorded).
fn new_id(context: &Context<'_>) -> String {
    let container = context.vault.container_id(context.item.recovery().fabric);
    let id = format!("{container}/replicationProtectedItems/{}", context.item.name);
    id.replacen("/Subscriptions/", "/subscriptions/", 1)
}

fn finish(ending: &mut Ending<'_>) {
    ending.item.reverse(ending.at, ending.timings);
}
