//! `switchprotection`: replication turns round, and the item moves to the other fabric under the same name.
//!
//! Tasks are recorded (ps-A2AReprotectTest). The job publishes the new id while it runs; copying goes on after it.

use serde_json::json;

use super::super::child::Child;
use super::super::item::Item;
use super::super::job::{Step, TaskEnd};
use super::{
    Context, Ending, Malformed, Plan, Row, Verb, begin_nothing, change_nothing, enable_dr, step, switch_input,
};

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
            step("ProtectReplicaTask", "ProtectReplicaTask", "Reprotecting virtual machine", 400.0),
        ],
        point: None,
        details: json!({ "newId": new_id(context) }),
        recipe: switch_input::failure(context),
        child: Some(child(context.item)),
    })
}

/// The job that enables replication from the recovered VM; its target has another internal id than the parent's (recorded).
fn child(item: &Item) -> Child {
    Child {
        task: "ProtectReplicaTask",
        verb: Verb::EnableDr,
        vm_name: item.recovery().vm_name.clone(),
        entity: item.entity_reversed(),
        steps: enable_dr::steps(),
    }
}

/// The id after the move; it alone begins with a small `/subscriptions/` (recorded).
fn new_id(context: &Context<'_>) -> String {
    let container = context.vault.container_id(context.item.recovery().fabric);
    let id = format!("{container}/replicationProtectedItems/{}", context.item.name);
    id.replacen("/Subscriptions/", "/subscriptions/", 1)
}

/// An old VM that is gone makes a full copy of what would have been a difference: it works, and takes longer (a doc of
/// Microsoft, asr-errors 8). How much longer is a guess.
fn finish(ending: &mut Ending<'_>) {
    let old_vm = ending.machines.get(&ending.item.primary().vm_id());
    let copies = if old_vm.is_some() { 1.0 } else { 2.0 };
    ending.item.reverse(ending.at, ending.timings, copies);
}
