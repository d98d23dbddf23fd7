//! `failoverCommit`: the failover becomes final and all recovery points are deleted.
//!
//! Takes no body. Task names are recorded (net-CommitFailover), the duration too (cli-A2A_scenarios: 8 s).

use serde_json::Value;

use super::super::item::State;
use super::{Context, Ending, Malformed, Plan, Row, Verb, begin_nothing, change_nothing, step};

pub(super) const ROW: Row = Row {
    verb: Verb::FailoverCommit,
    operation: "failoverCommit",
    allowed: "Commit",
    scenario: "CommitFailover",
    friendly: "Commit",
    details: "AsrJobDetails",
    plan,
    begin: begin_nothing,
    finish,
    fail: change_nothing,
};

#[expect(clippy::unnecessary_wraps, reason = "every verb plans by the same signature")]
fn plan(context: &Context<'_>) -> Result<Plan, Malformed> {
    Ok(Plan {
        seconds: context.timings.commit_seconds,
        steps: vec![
            step("06502bda-e0cc-4db7-a152-5ee557b10e70", "VmCommitPrerequisitesCheck", "Prerequisite check", 1.0),
            step("4082dd51-7098-422d-bfaa-ba50e6b21cfb", "VmCommit", "Commit", 7.0),
        ],
        point: None,
        details: Value::Null,
        recipe: None,
        child: None,
    })
}

fn finish(ending: &mut Ending<'_>) {
    ending.item.course.state = State::Committed;
    ending.item.course.made_points.clear();
}
