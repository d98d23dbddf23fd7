//! `applyRecoveryPoint`: the failed-over VM is made anew from another point, before commit.
//!
//! Task names are recorded for Hyper-V only (net-ApplyRecoveryPoint); the item stays in its state with a new
//! `failoverRecoveryPointId` (inferred, asr-api 4.1 row 10).

use serde_json::{Value, json};

use super::super::machine::machine;
use super::super::recipe::stale_point;
use super::{Context, Ending, Malformed, Plan, Row, Verb, begin_nothing, change_nothing, step};

pub(super) const ROW: Row = Row {
    verb: Verb::ApplyRecoveryPoint,
    operation: "applyRecoveryPoint",
    allowed: "ChangePit",
    scenario: "ChangePit",
    friendly: "Change the recovery point",
    details: "AsrJobDetails",
    plan,
    begin: begin_nothing,
    finish,
    fail: change_nothing,
};

fn plan(context: &Context<'_>) -> Result<Plan, Malformed> {
    context.require_properties()?;
    let Value::String(id) = context.property("recoveryPointId") else {
        return Err(Malformed("'recoveryPointId' is required.".to_owned()));
    };
    let point = context.item.point_named(id, context.now);
    let gone = point.is_none().then(stale_point);
    Ok(Plan {
        seconds: context.timings.change_point_seconds,
        steps: vec![
            step(
                "51e9c29c-a180-4ac0-959d-a15b625f28a0",
                "ChangePitPreflightCheck",
                "Change the prerequisites check",
                3.0,
            ),
            step(
                "5559af91-1aff-480e-ac42-23420dbd5a15",
                "ShutdownVmRecovery",
                "Shutdown the virtual machine on recovery",
                60.0,
            ),
            step("ea6e7936-1231-4045-aba3-ca648bb9a4ce", "CancelFailoverRecovery", "Cancel failover recovery", 30.0),
            step("d1f33c41-4e13-48a3-99b2-b7edbee72508", "VmFailover", "Start failover", 80.0),
            step(
                "d59b1784-a246-4042-89fd-fe04196b0b01",
                "VmFoStartVmOnSecondary",
                "Start the replica virtual machine",
                30.0,
            ),
        ],
        point,
        details: json!({}),
        recipe: context.wrong_provider().or(gone),
        child: None,
    })
}

fn finish(ending: &mut Ending<'_>) {
    let Ending { item, job, locations, machines, at, .. } = ending;
    item.course.failover_point = job.point.as_ref().map(|point| point.id);
    let place = item.recovery().clone();
    let mut recovered = machine(item, &place, locations[place.fabric], *at, "");
    recovered.address = item.course.drifted.clone().unwrap_or(recovered.address);
    machines.insert(recovered);
}
