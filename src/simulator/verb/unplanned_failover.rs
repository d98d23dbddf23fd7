//! `unplannedFailover`: the VM of an item starts in the other region.
//!
//! Task names and ids are recorded (net-UnplannedFailover), the duration too (cli-A2A_scenarios: 139 to 145 s).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::clock::later;
use super::super::ids::guid;
use super::super::item::{Item, State};
use super::super::job::{Step, TaskEnd};
use super::super::machine::machine;
use super::super::points::{Consistency, Point};
use super::super::recipe::{invalid_parameter, shutdown_warning, stale_point};
use super::super::settings::ShutdownFailure;
use super::{Context, Ending, Malformed, Plan, Row, Verb, step};

pub(super) const ROW: Row = Row {
    verb: Verb::UnplannedFailover,
    operation: "unplannedFailover",
    allowed: "UnplannedFailover",
    scenario: "UnplannedFailover",
    friendly: "Failover",
    details: "AsrJobDetails",
    plan,
    begin,
    finish,
    fail,
};

fn plan(context: &Context<'_>) -> Result<Plan, Malformed> {
    context.require_properties()?;
    let shutdown = context.property("sourceSiteOperations") == "Required";
    let asked = &context.property("providerSpecificDetails")["recoveryPointId"];
    let point = match asked {
        Value::Null => Some(latest(context)),
        Value::String(id) => context.item.point_named(id, context.now),
        _ => return Err(Malformed("'recoveryPointId' is not a string.".to_owned())),
    };
    let direction = context.property("failoverDirection");
    let wrong_direction = (direction != "PrimaryToRecovery").then(|| invalid_parameter("failoverDirection"));
    let gone = point.is_none().then(stale_point);
    Ok(Plan {
        seconds: context.timings.failover_seconds,
        steps: steps(context, shutdown),
        point,
        details: json!({ "shutdown": shutdown, "made": asked.is_null() }),
        recipe: context.wrong_provider().or(wrong_direction).or(gone),
        child: None,
    })
}

/// The point that a failover to Latest makes from the data already sent.
fn latest(context: &Context<'_>) -> Point {
    let time = later(context.now, -f64::from(context.item.flags.rpo_seconds));
    let key = format!("{}/{}", context.item.uid, context.now);
    Point { id: guid(&["latest", &key]), time, consistency: Consistency::Crash }
}

fn steps(context: &Context<'_>, shutdown: bool) -> Vec<Step> {
    let item = context.item;
    let fails = shutdown && item.flags.source_shutdown_fails;
    let shutdown_end = match (shutdown, fails, context.behaviour.shutdown_failure) {
        (false, ..) => TaskEnd::Skipped,
        (true, false, _) => TaskEnd::Done,
        (true, true, ShutdownFailure::Failed) => TaskEnd::Warned(shutdown_warning(&item.primary().vm_name)),
        (true, true, ShutdownFailure::Information) => TaskEnd::Informed(shutdown_warning(&item.primary().vm_name)),
    };
    let sync_end = if shutdown && !fails { TaskEnd::Done } else { TaskEnd::Skipped };
    vec![
        step(
            "UnplannedFailoverPreflightChecksTask",
            "VmUfoPrerequisitesCheck",
            "Prerequisites check for failover",
            3.0,
        ),
        Step {
            end: shutdown_end,
            ..step("ShutdownVmOnPrimaryForUFO", "VmShutdownVmOnPrimary", "Shut down the virtual machine", 40.0)
        },
        Step {
            end: sync_end,
            ..step(
                "PrepareForUnPlannedFailoverTask",
                "VmPrepareForUnPlannedFailover",
                "Synchronizing the latest changes",
                7.0,
            )
        },
        step("FailoverTask", "VmFailover", "Start failover", 60.0),
        step("StartVmOnSecondary", "VmFoStartVmOnSecondary", "Start the replica virtual machine", 30.0),
    ]
}

/// Replication stops as soon as the failover is accepted.
fn begin(item: &mut Item, now: Timestamp) {
    item.course.stopped = Some(now);
}

fn finish(ending: &mut Ending<'_>) {
    let Ending { item, job, locations, machines, at, .. } = ending;
    if let (Some(point), true) = (&job.point, job.details["made"] == true) {
        item.course.made_points.push(point.clone());
    }
    item.course.state = State::CommitPending;
    item.course.failover_point = job.point.as_ref().map(|point| point.id);
    item.course.last_failover = Some(job.started);
    item.course.drifted = item.flags.ip_drift.then(|| next_address(&item.recovery().address));
    let place = item.recovery().clone();
    let mut recovered = machine(item, &place, locations[place.fabric], *at, "");
    recovered.address = item.course.drifted.clone().unwrap_or(recovered.address);
    machines.insert(recovered);
    if job.details["shutdown"] == true && !item.flags.source_shutdown_fails {
        machines.set_running(&item.primary().vm_id(), false);
    }
}

/// The item can be failed over again; replication goes on (what becomes of it is not public, asr-errors 1.4).
fn fail(ending: &mut Ending<'_>) {
    ending.item.course.state = State::FailoverFailed;
    ending.item.course.stopped = None;
}

/// What ASR gives when the declared address is taken: the next free one (asr-errors 3).
fn next_address(address: &str) -> String {
    let next = |ip: std::net::Ipv4Addr| std::net::Ipv4Addr::from(u32::from(ip).wrapping_add(1)).to_string();
    address.parse().map_or_else(|_| address.to_owned(), next)
}
