//! Change of the recovery point: when it may be called, which point it takes, what it leaves.

use super::super::super::Reason;
use super::super::super::change_point::ChangePoint;
use super::super::super::condition::{ConditionType, Standing, Truth};
use super::super::super::ids::{Kind, Step};
use super::super::super::item::Item;
use super::super::super::job::Phase;
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::point::{PointChoice, PointType};
use super::super::super::record::{End, PointRef};
use super::super::super::verb::Call;
use super::super::{Effect, decide};
use super::fixture::*;
use super::told::*;

fn to(name: &str) -> ChangePoint {
    ChangePoint { point: PointChoice { point_type: PointType::Custom, id: Some(name.into()), ..PointChoice::LATEST } }
}

#[test]
fn given_each_state_of_the_item_when_a_change_of_the_point_is_asked_then_the_verb_table_decides() {
    let without_offer = Item { allowed: words(&["Commit"]), ..pending() };
    let odd = Item { allowed: vec![], ..pending() };
    let refused = Some((End::Refused, Reason::NoPendingFailover));
    let table = [
        (pending(), "send", None),
        (failed_back(), "send", None),
        (without_offer, "none", None),
        (odd, "none", None),
        (item(), "end", refused),
        (committed(), "end", refused),
        (reversed(), "end", refused),
    ];
    for (item, effect, how) in table {
        let (facts, azure) = (facts(change_point()), azure(item));
        assert_eq!(told(&facts, &azure).0, effect, "{azure:?}");
        if let Some(how) = how {
            let end = end(&facts, &azure);
            assert_eq!((end.end, end.reason), how, "{azure:?}");
            assert!(end.message.to_lowercase().contains("nothing was sent"), "{}", end.message);
        }
    }
}

#[test]
fn given_a_point_when_it_is_changed_to_then_the_call_names_it_and_the_intent_froze_it() {
    let decision = decide(&facts(to("p1")), &azure(pending()));
    let Effect::Send(record, call) = decision.effect else { panic!("{decision:?}") };
    assert_eq!(call, Call::ApplyRecoveryPoint { point: "/points/p1".into() });
    assert_eq!(record.intent.unwrap().point.unwrap().id, "/points/p1");
}

#[test]
fn given_the_vm_stands_at_the_point_when_it_is_asked_for_then_nothing_is_sent() {
    let (facts, azure) = (facts(to("P2")), azure(pending()));
    let end = end(&facts, &azure);
    assert_eq!((end.end, end.reason), (End::NothingToDo, Reason::NothingToDo));
    assert_eq!(standing(&after(&facts, &azure)), Some(Standing::Ready));
}

#[test]
fn given_a_limit_of_data_loss_when_judged_then_it_counts_to_the_failover_and_not_to_now() {
    let within = |minutes_lost| {
        let limit = Some(minutes(minutes_lost));
        let mut verb = to("p1");
        verb.point.max_data_loss = limit;
        // The failover was at 07:50, the point is of 07:00, and it is evening now.
        let evening = Azure { now: Some(at("2026-06-01T11:00:00Z")), ..azure(pending()) };
        told(&facts(verb), &evening).0
    };
    assert_eq!((within(50), within(49)), ("send", "end"));
}

#[test]
fn given_the_job_succeeded_when_the_item_shows_the_point_then_the_request_is_done_with_its_new_loss() {
    let mut record = held(Kind::ChangeRecoveryPointRequest, accepted());
    let point = PointRef { id: "/points/p1".into(), time: Some(at("2026-06-01T07:00:00Z")), kind: None };
    record.intent.as_mut().unwrap().point = Some(point);
    let facts = Facts { record: Some(record), ..facts(to("p1")) };
    let id = call_id(Kind::ChangeRecoveryPointRequest, Step::ChangeRecoveryPoint, 1);
    let job = job("j1", "ChangePit", Phase::Succeeded, Some(&id));
    let seen = |at: &str| Azure {
        job: Some(Reading::Known(job.clone())),
        ..azure(Item { failover_point: Some(at.into()), ..pending() })
    };
    assert_eq!(told(&facts, &seen("p2")).0, "none", "the item lags: it still shows the point before");
    let said = after(&facts, &seen("p1"));
    assert_eq!(condition(&said, ConditionType::Done), (Truth::True, Reason::RecoveryPointChanged));
    let view = said.view.unwrap();
    assert_eq!(view.achieved_rpo, Some(minutes(50)), "from the point to the start of the failover");
    assert_eq!((view.achieved_rto, view.point_used.unwrap().id.as_str()), (None, "p1"));
}
