//! `testFailoverCleanup`: the test VM is deleted.
//!
//! Recorded for Hyper-V (net-TestFailoverCleanup): the item says MarkedForDeletion long after the job is over.

use serde_json::json;

use super::super::clock::later;
use super::super::item::Drill;
use super::{Context, Ending, Malformed, Plan, Row, Verb, begin_nothing, change_nothing, step};

pub(super) const ROW: Row = Row {
    verb: Verb::TestFailoverCleanup,
    operation: "testFailoverCleanup",
    allowed: "TestFailoverCleanup",
    scenario: "TestFailoverCleanup",
    friendly: "Test failover cleanup",
    details: "TestFailoverJobDetails",
    plan,
    begin: begin_nothing,
    finish,
    fail: change_nothing,
};

fn plan(context: &Context<'_>) -> Result<Plan, Malformed> {
    context.require_properties()?;
    Ok(Plan {
        seconds: context.timings.cleanup_seconds,
        steps: vec![
            step(
                "TestFailoverCleanupPreflightChecksTask",
                "VmTfoCleanupPreflightsCheck",
                "Prerequisites check for test failover cleanup",
                1.0,
            ),
            step("EndTestFailoverTask", "VmTfoEndFailover", "Ending test failover", 1.0),
            step("CleanupTestProtectedEntitiesTask", "VmTfoDeleteTestVm", "Clean up the test virtual machine", 138.0),
        ],
        point: None,
        details: json!({ "comments": context.property("comments") }),
        recipe: None,
        child: None,
    })
}

fn finish(ending: &mut Ending<'_>) {
    let Ending { item, machines, timings, at, .. } = ending;
    item.course.drill = Drill::MarkedForDeletion { until: later(*at, timings.marked_for_deletion_seconds) };
    let test_vm = format!("{}-test", item.recovery().vm_id());
    machines.remove(&test_vm);
}
