//! Change of the recovery point: the failed-over VM is made anew from another point, before the commit.

use super::Reason;
use super::condition::{Condition, ConditionType};
use super::ids::{Kind, Step};
use super::item::{Active, Item};
use super::point::PointChoice;
use super::record::{End, PointRef};
use super::request::Run;
use super::verb::{Call, Check, Scene, Verb};
use jiff::Timestamp;

/// What a ChangeRecoveryPointRequest asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePoint {
    /// Which point; never Latest, since the call takes the id of a point.
    pub point: PointChoice,
}

impl Verb for ChangePoint {
    fn kind(&self) -> Kind {
        Kind::ChangeRecoveryPointRequest
    }

    fn steps(&self) -> &'static [Step] {
        &[Step::ChangeRecoveryPoint]
    }

    fn check(&self, _: Step, scene: &Scene<'_>) -> Check {
        let item = scene.item;
        if item.pending_commit() && item.allows("ChangePit") {
            return Check::Go;
        }
        if item.pending_commit() {
            let offers = item.allowed.join(", ");
            return Check::wait(
                Reason::NotAllowedNow,
                format!(
                    "Azure does not offer a change of the recovery point of {} now; it offers {offers}.",
                    item.friendly_name
                ),
            );
        }
        if item.committed() {
            let text = format!(
                "The failover of {} is committed, and a commit deletes all recovery points: nothing was sent.",
                item.friendly_name
            );
            return Check::end(End::Refused, Reason::NoPendingFailover, text);
        }
        if item.active == Some(Active::Primary) {
            let text = format!(
                "No failover of {} waits for its commit, so there is no point to change. Fail over first.",
                item.friendly_name
            );
            return Check::too_early(Reason::NoPendingFailover, text, &[Kind::FailoverRequest]);
        }
        Check::wait(
            Reason::NotAllowedNow,
            format!(
                "Azure does not offer a change of the recovery point of {} in the state {} ({}).",
                item.friendly_name, item.protection_state, item.protection_description
            ),
        )
    }

    fn point_choice(&self, _: Step) -> Option<&PointChoice> {
        Some(&self.point)
    }

    /// Data is lost from the point to the failover; what was written since is no part of the question.
    fn lost_until(&self, item: &Item, now: Timestamp) -> Timestamp {
        item.last_failover.unwrap_or(now)
    }

    fn stands_at(&self, item: &Item, point: &PointRef) -> bool {
        item.stands_at(&point.id)
    }

    fn call(&self, _: Step, point: Option<&PointRef>, _: &Scene<'_>) -> Option<Call> {
        Some(Call::ApplyRecoveryPoint { point: point?.id.clone() })
    }

    fn conditions(&self, run: &Run<'_>) -> Vec<Condition> {
        vec![run.step_condition(ConditionType::Done, Step::ChangeRecoveryPoint, Reason::RecoveryPointChanged)]
    }
}
