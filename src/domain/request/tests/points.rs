//! Which recovery point goes out, and when none may.

use super::super::super::Reason;
use super::super::super::backoff::Class;
use super::super::super::failover::Failover;
use super::super::super::ids::Kind;
use super::super::super::item::Item;
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::point::{Point, PointChoice, PointKind, PointType};
use super::super::super::record::{End, PointRef};
use super::super::super::verb::Call;
use super::super::{Effect, decide};
use super::fixture::*;
use super::told::*;

fn choosing(point: PointChoice) -> Failover {
    Failover { point, ..failover() }
}

fn of(point_type: PointType) -> PointChoice {
    PointChoice { point_type, ..PointChoice::LATEST }
}

fn custom(id: Option<&str>, not_after: Option<&str>) -> PointChoice {
    PointChoice { id: id.map(Into::into), not_after: not_after.map(at), ..of(PointType::Custom) }
}

/// The point that would go out, and that the intent freezes.
fn sent(facts: &Facts, azure: &Azure) -> Option<String> {
    let decision = decide(facts, azure);
    let Effect::Send(record, Call::UnplannedFailover { point, .. }) = decision.effect else { panic!("{decision:?}") };
    assert_eq!(record.intent.unwrap().point.map(|p| p.id), point, "the intent freezes what goes out");
    point
}

#[test]
fn given_each_choice_when_sent_then_the_point_is_chosen_by_time_and_kind() {
    let table = [
        (PointChoice::LATEST, None),
        (of(PointType::LatestProcessed), Some("/points/p3")),
        (of(PointType::LatestAppConsistent), Some("/points/p1")),
        (of(PointType::LatestCrashConsistent), Some("/points/p3")),
        (custom(Some("P2"), None), Some("/points/p2")),
        (custom(Some("/other/container/p2"), None), Some("/points/p2")),
        (custom(None, Some("2026-06-01T07:50:00Z")), Some("/points/p2")),
        (custom(None, Some("2026-06-01T07:00:00Z")), Some("/points/p1")),
        (
            PointChoice { not_after: Some(at("2026-06-01T07:50:00Z")), ..of(PointType::LatestProcessed) },
            Some("/points/p2"),
        ),
        (PointChoice { max_data_loss: Some(minutes(5)), ..of(PointType::LatestProcessed) }, Some("/points/p3")),
        (PointChoice { max_data_loss: Some(minutes(1)), ..PointChoice::LATEST }, None),
    ];
    for (choice, want) in table {
        for turn in 0..3 {
            let mut list = points();
            list.rotate_left(turn);
            let azure = Azure { points: Some(Reading::Known(list)), ..azure(item()) };
            assert_eq!(sent(&facts(choosing(choice.clone())), &azure).as_deref(), want, "{choice:?}");
        }
    }
}

#[test]
fn given_points_of_one_time_when_chosen_then_the_order_of_the_list_does_not_matter() {
    let time = at("2026-06-01T07:55:00Z");
    let twin = |name: &str, kind| Point { id: format!("/points/{name}"), time, kind };
    let mut list =
        vec![twin("b", PointKind::CrashConsistent), twin("a", PointKind::AppConsistent), twin("c", PointKind::Other)];
    for _ in 0..3 {
        list.rotate_left(1);
        let azure = Azure { points: Some(Reading::Known(list.clone())), ..azure(item()) };
        assert_eq!(sent(&facts(choosing(of(PointType::LatestProcessed))), &azure).as_deref(), Some("/points/a"));
    }
}

#[test]
fn given_no_point_fits_when_decided_then_the_request_is_refused_and_the_nearest_are_named() {
    let not_found = Reason::RecoveryPointNotFound;
    let table = [
        (custom(Some("p9"), None), not_found),
        (custom(None, Some("2026-06-01T06:59:59Z")), not_found),
        (custom(None, None), not_found),
        (PointChoice { max_data_loss: Some(minutes(4)), ..of(PointType::LatestProcessed) }, Reason::DataLossTooHigh),
        (
            PointChoice { max_data_loss: Some(minutes(59)), ..of(PointType::LatestAppConsistent) },
            Reason::DataLossTooHigh,
        ),
    ];
    for (choice, reason) in table {
        let end = end(&facts(choosing(choice.clone())), &azure(item()));
        assert_eq!((end.end, end.reason), (End::Refused, reason), "{choice:?}");
        assert!(end.message.contains("p3 of 2026-06-01T07:55:00Z"), "{}", end.message);
    }
    let none = Azure { points: Some(Reading::Known(vec![])), ..azure(item()) };
    assert_eq!(end(&facts(choosing(of(PointType::LatestProcessed))), &none).reason, not_found);
}

#[test]
fn given_latest_with_a_bound_when_the_lag_is_large_or_unknown_then_it_is_refused() {
    let bound = choosing(PointChoice { max_data_loss: Some(minutes(5)), ..PointChoice::LATEST });
    let table = [
        (Item { rpo_seconds: None, ..item() }, "end"),
        (Item { rpo_at: None, ..item() }, "end"),
        (Item { rpo_seconds: Some(301), ..item() }, "end"),
        (Item { rpo_seconds: Some(300), ..item() }, "send"),
        (Item { rpo_seconds: Some(1), rpo_at: Some(at("2026-06-01T07:00:00Z")), ..item() }, "end"),
        (Item { rpo_seconds: Some(u64::MAX), ..item() }, "end"),
    ];
    for (item, effect) in table {
        assert_eq!(told(&facts(bound.clone()), &azure(item.clone())).0, effect, "{item:?}");
    }
}

#[test]
fn given_the_points_cannot_be_read_when_one_must_be_chosen_then_it_waits() {
    let table = [Some(unreadable(Class::Transient)), Some(Reading::Absent), None];
    for points in table {
        let azure = Azure { points, ..azure(item()) };
        assert_eq!(told(&facts(choosing(of(PointType::LatestProcessed))), &azure).0, "none", "{azure:?}");
        assert_eq!(told(&facts(failover()), &azure).0, "send", "Latest needs no list");
    }
}

#[test]
fn i10_given_a_call_that_never_left_when_sent_again_then_its_frozen_point_is_kept_while_it_fits() {
    let frozen = |name: &str| {
        let mut record = held(Kind::FailoverRequest, not_sent());
        let point = PointRef { id: format!("/points/{name}"), time: None, kind: None };
        record.intent.as_mut().unwrap().point = Some(point);
        record
    };
    let strict = PointChoice { max_data_loss: Some(minutes(10)), ..of(PointType::LatestProcessed) };
    let table = [
        (of(PointType::LatestProcessed), "p2", "/points/p2"),
        (of(PointType::LatestProcessed), "gone", "/points/p3"),
        (strict, "p2", "/points/p3"),
    ];
    for (choice, before, want) in table {
        let facts = Facts { record: Some(frozen(before)), ..facts(choosing(choice)) };
        assert_eq!(sent(&facts, &azure(item())).as_deref(), Some(want), "{before}");
    }
}
