//! The verbs of a replicated item: one row and one file each.
//!
//! A verb plans its job when it is accepted (`plan`), may touch the item at once (`begin`), and changes it when the job
//! ends (`finish`, or `fail`). Pure; who calls and how it is answered is decided elsewhere.

use jiff::Timestamp;
use serde_json::Value;

use super::child::Child;
use super::item::Item;
use super::job::{Job, Step, TaskEnd};
use super::machine::Machines;
use super::points::Point;
use super::recipe::Recipe;
use super::resources::Resources;
use super::settings::{Behaviour, Timings};
use super::vault::Vault;

mod apply_recovery_point;
mod enable_dr;
mod failover_commit;
mod switch_input;
mod switch_protection;
mod test_failover;
mod test_failover_cleanup;
mod unplanned_failover;

/// A verb of a replicated item; the last one is done by another, never asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    UnplannedFailover,
    FailoverCommit,
    ApplyRecoveryPoint,
    TestFailover,
    TestFailoverCleanup,
    SwitchProtection,
    EnableDr,
}

/// What a verb is and does.
pub(crate) struct Row {
    pub(crate) verb: Verb,
    /// Last segment of the path, and the name of the operation in ledger and faults.
    pub(crate) operation: &'static str,
    /// The word in `allowedOperations` that allows it.
    pub(crate) allowed: &'static str,
    pub(crate) scenario: &'static str,
    pub(crate) friendly: &'static str,
    /// `customDetails.instanceType` of its job.
    pub(crate) details: &'static str,
    pub(crate) plan: fn(&Context<'_>) -> Result<Plan, Malformed>,
    pub(crate) begin: fn(&mut Item, Timestamp),
    pub(crate) finish: fn(&mut Ending<'_>),
    pub(crate) fail: fn(&mut Ending<'_>),
}

/// What a plan is made from.
pub(crate) struct Context<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) item: &'a Item,
    pub(crate) body: &'a Value,
    pub(crate) timings: &'a Timings,
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) machines: &'a Machines,
    pub(crate) resources: &'a Resources,
    pub(crate) now: Timestamp,
}

impl Context<'_> {
    /// A field of the body's `properties`.
    fn property(&self, name: &str) -> &Value {
        &self.body["properties"][name]
    }

    /// Refuses a body without `properties`.
    fn require_properties(&self) -> Result<(), Malformed> {
        if self.body["properties"].is_object() {
            return Ok(());
        }
        Err(Malformed("The request body has no 'properties'.".to_owned()))
    }

    /// The failure of an input for another provider: accepted, then a job that fails at once (asr-errors 1.5).
    fn wrong_provider(&self) -> Option<Recipe> {
        let provider = &self.property("providerSpecificDetails")["instanceType"];
        (provider != "A2A").then(|| super::recipe::invalid_parameter("instanceType"))
    }
}

/// The job that a verb will be.
pub(crate) struct Plan {
    pub(crate) seconds: f64,
    pub(crate) steps: Vec<Step>,
    pub(crate) point: Option<Point>,
    pub(crate) details: Value,
    /// It will fail, by its input.
    pub(crate) recipe: Option<Recipe>,
    /// The job that it starts itself.
    pub(crate) child: Option<Child>,
}

/// A body that is refused with 400; says what is wrong.
#[derive(Debug)]
pub(crate) struct Malformed(pub(crate) String);

/// A job that ends, and what it may change.
pub(crate) struct Ending<'a> {
    pub(crate) item: &'a mut Item,
    pub(crate) job: &'a Job,
    /// Regions of the vault's two fabrics.
    pub(crate) locations: [&'a str; 2],
    pub(crate) machines: &'a mut Machines,
    pub(crate) timings: &'a Timings,
    pub(crate) at: Timestamp,
}

static ROWS: [Row; 7] = [
    unplanned_failover::ROW,
    failover_commit::ROW,
    apply_recovery_point::ROW,
    test_failover::ROW,
    test_failover_cleanup::ROW,
    switch_protection::ROW,
    enable_dr::ROW,
];

impl Verb {
    /// The verb whose path segment or name is `operation`, in any casing.
    pub(crate) fn named(operation: &str) -> Option<Self> {
        let mut asked = ROWS.iter().filter(|row| row.verb != Self::EnableDr);
        asked.find(|row| row.operation.eq_ignore_ascii_case(operation)).map(|row| row.verb)
    }

    /// Its row.
    pub(crate) fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.verb == self).unwrap_or(&ROWS[0])
    }
}

/// A step that succeeds.
fn step(id: &'static str, name: &'static str, friendly: &'static str, share: f64) -> Step {
    Step { id, name, friendly, share, end: TaskEnd::Done }
}

fn begin_nothing(_: &mut Item, _: Timestamp) {}

fn change_nothing(_: &mut Ending<'_>) {}
