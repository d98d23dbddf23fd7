//! `EnableDr`: the child job of a reprotect, which enables replication from the recovered VM.
//!
//! Its five tasks are recorded of an enable (asr-recorded-facts 5); nobody can ask for it by itself, for the simulator
//! has no call that enables replication.

use super::super::job::Step;
use super::{Context, Malformed, Plan, Row, Verb, begin_nothing, change_nothing, step};

pub(super) const ROW: Row = Row {
    verb: Verb::EnableDr,
    operation: "enableDr",
    allowed: "",
    scenario: "EnableDr",
    friendly: "Enable replication",
    details: "AsrJobDetails",
    plan,
    begin: begin_nothing,
    finish: change_nothing,
    fail: change_nothing,
};

fn plan(_: &Context<'_>) -> Result<Plan, Malformed> {
    Err(Malformed("Replication can't be enabled here.".to_owned()))
}

/// Its tasks.
pub(super) fn steps() -> Vec<Step> {
    let named = |name, friendly, share| step(name, name, friendly, share);
    vec![
        named("EnableProtectionPrerequisitesCheck", "Prerequisites check for enabling protection", 5.0),
        named("CreateProtectionTarget", "Installing Mobility Service and preparing target", 260.0),
        named("EnableProtection", "Enable replication", 40.0),
        named("VmStartInitialReplication", "Starting initial replication", 25.0),
        named("UpdateDraState", "Updating the provider states", 5.0),
    ]
}
