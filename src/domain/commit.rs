//! Commit: makes the pending failover final, whoever started it. Deletes every recovery point.

use super::Reason;
use super::condition::{Condition, ConditionType};
use super::ids::{Kind, Step};
use super::item::{Active, Item};
use super::point::last_segment;
use super::record::{End, PointRef};
use super::request::Run;
use super::verb::{Call, Check, Scene, Verb};

/// What a CommitRequest asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The point that was validated; refused when the item stands at another.
    pub recovery_point: Option<String>,
}

impl Verb for Commit {
    fn kind(&self) -> Kind {
        Kind::CommitRequest
    }

    fn steps(&self) -> &'static [Step] {
        &[Step::Commit]
    }

    fn check(&self, _: Step, scene: &Scene<'_>) -> Check {
        let item = scene.item;
        match (check(item), &self.recovery_point) {
            (Check::Go, Some(_)) if item.failover_point.is_none() => Check::wait(
                Reason::Pending,
                "Azure does not say at which recovery point the VM stands, so recoveryPointId cannot be compared.",
            ),
            (Check::Go, Some(wanted)) if !item.stands_at(wanted) => Check::end(
                End::Refused,
                Reason::RecoveryPointMismatch,
                format!(
                    "recoveryPointId names {}, but the VM stands at {}. Validate what runs now, then create a new CommitRequest that names it.",
                    last_segment(wanted),
                    item.failover_point.as_deref().unwrap_or("a point that Azure does not name")
                ),
            ),
            (check, _) => check,
        }
    }

    fn call(&self, _: Step, _: Option<&PointRef>, _: &Scene<'_>) -> Option<Call> {
        Some(Call::FailoverCommit)
    }

    fn conditions(&self, run: &Run<'_>) -> Vec<Condition> {
        vec![run.step_condition(ConditionType::Done, Step::Commit, Reason::Committed)]
    }
}

/// Whether the pending failover of `item` can be committed.
pub(super) fn check(item: &Item) -> Check {
    if item.pending_commit() {
        return Check::Go;
    }
    if item.committed() {
        return Check::end(
            End::NothingToDo,
            Reason::NothingToDo,
            "The failover is already committed: this request sent nothing.",
        );
    }
    if item.active == Some(Active::Primary) {
        return Check::too_early(
            Reason::NoPendingFailover,
            format!("No failover of {} waits for a commit. Fail over first.", item.friendly_name),
            &[Kind::FailoverRequest],
        );
    }
    Check::wait(
        Reason::NotAllowedNow,
        format!(
            "Azure does not offer a commit of {} in the state {} ({}).",
            item.friendly_name, item.protection_state, item.protection_description
        ),
    )
}
