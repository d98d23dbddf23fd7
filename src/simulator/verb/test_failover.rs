//! `testFailover`: a copy of the VM, named `<vm>-test`, starts in a network of its own.
//!
//! Recorded for Hyper-V (net-TestFailover); the item keeps its state and allows only the clean-up afterwards.

use serde_json::{Value, json};

use super::super::ids::last_segment;
use super::super::item::Drill;
use super::super::machine::machine;
use super::super::recipe::stale_point;
use super::{Context, Ending, Malformed, Plan, Row, Verb, begin_nothing, change_nothing, step};

pub(super) const ROW: Row = Row {
    verb: Verb::TestFailover,
    operation: "testFailover",
    allowed: "TestFailover",
    scenario: "TestFailover",
    friendly: "Test failover",
    details: "TestFailoverJobDetails",
    plan,
    begin: begin_nothing,
    finish,
    fail: change_nothing,
};

fn plan(context: &Context<'_>) -> Result<Plan, Malformed> {
    context.require_properties()?;
    let asked = &context.property("providerSpecificDetails")["recoveryPointId"];
    let point = match asked {
        Value::String(id) => context.item.point_named(id, context.now),
        _ => context.item.latest_point(context.now),
    };
    let gone = point.is_none().then(stale_point);
    let network = context.property("networkId").as_str().map(last_segment);
    Ok(Plan {
        seconds: context.timings.test_failover_seconds,
        steps: vec![
            step(
                "TestFailoverPreflightChecksTask",
                "VmTfoPrerequisitesCheck",
                "Prerequisites check for test failover",
                1.0,
            ),
            step("BeginTestFailoverTask", "VmTfoInitiateFailover", "Create test virtual machine", 70.0),
            step("PrepareTestProtectedEntitiesTask", "VmTfoPrepareTestVm", "Preparing the virtual machine", 60.0),
            step("BootTestProtectedEntitiesTask", "VmTfoBootTestVm", "Start the virtual machine", 14.0),
        ],
        point,
        details: json!({ "networkName": network, "networkType": context.property("networkType") }),
        recipe: context.wrong_provider().or(gone),
        child: None,
    })
}

fn finish(ending: &mut Ending<'_>) {
    let Ending { item, job, locations, machines, at, .. } = ending;
    item.course.drill = Drill::Waiting { job: job.id, since: job.started };
    item.course.last_test = Some(job.started);
    let place = item.recovery().clone();
    machines.insert(machine(item, &place, locations[place.fabric], *at, "-test"));
}
