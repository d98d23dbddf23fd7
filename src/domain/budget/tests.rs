//! Who waits for how long, as tables; that verbs go first and nobody waits for ever, as properties.

use super::*;
use proptest::prelude::*;

const NO_LIMIT: Allowance = Allowance { writes_per_minute: 0, reads_per_hour: 0 };

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn waits(budget: &Budget, kind: Kind, now: u64) -> Vec<u64> {
    Purpose::ALL.iter().map(|purpose| budget.wait(*purpose, kind, seconds(now)).as_secs()).collect()
}

#[test]
fn nothing_waits_while_nothing_is_short() {
    let mut budget = Budget::new(Allowance { writes_per_minute: 200, reads_per_hour: 10_000 });
    budget.told(Kind::Read, 200, seconds(1));
    budget.spent(Kind::Read, 100, seconds(1));
    assert_eq!(waits(&budget, Kind::Read, 1), [0; 5]);
    assert_eq!(waits(&budget, Kind::Write, 1), [0; 5]);
}

#[test]
fn the_fewer_calls_arm_has_left_the_more_wait_and_a_verb_never() {
    for (left, expected) in [
        (41, [0, 0, 0, 0, 0]),
        (40, [0, 0, 0, 0, 1]),
        (20, [0, 0, 0, 1, 21]),
        (10, [0, 0, 1, 11, 31]),
        (5, [0, 1, 6, 16, 36]),
        (0, [0, 6, 11, 21, 41]),
    ] {
        let mut budget = Budget::new(NO_LIMIT);
        budget.told(Kind::Read, left, seconds(100));
        assert_eq!(waits(&budget, Kind::Read, 100), expected, "{left} left");
        assert_eq!(waits(&budget, Kind::Read, 141), [0; 5], "{left} left, 41 s ago");
        assert_eq!(waits(&budget, Kind::Write, 100), [0; 5], "reads are not writes");
    }
}

#[test]
fn what_arm_said_is_told_until_it_is_old() {
    let mut budget = Budget::new(NO_LIMIT);
    assert_eq!(budget.left(Kind::Read, seconds(100)), None);
    budget.told(Kind::Read, 17, seconds(100));
    assert_eq!(budget.left(Kind::Read, seconds(399)), Some(17));
    assert_eq!(budget.left(Kind::Write, seconds(399)), None);
    assert_eq!(budget.left(Kind::Read, seconds(400)), None);
}

#[test]
fn azures_own_word_holds_the_refused_and_those_behind_it_for_exactly_as_long() {
    let mut budget = Budget::new(NO_LIMIT);
    budget.refused(Purpose::Verb, Kind::Write, seconds(17), seconds(100));
    budget.refused(Purpose::Verb, Kind::Write, seconds(3), seconds(101));
    assert_eq!(waits(&budget, Kind::Write, 100), [17; 5]);
    assert_eq!(waits(&budget, Kind::Write, 116), [1; 5]);
    assert_eq!(waits(&budget, Kind::Write, 117), [0; 5]);
    assert_eq!(waits(&budget, Kind::Read, 100), [0; 5]);
    budget.refused(Purpose::ItemList, Kind::Read, seconds(600), seconds(100));
    assert_eq!(waits(&budget, Kind::Read, 100), [0, 0, 0, 600, 600]);
    budget.refused(Purpose::Resolver, Kind::Read, seconds(30), seconds(100));
    assert_eq!(waits(&budget, Kind::Read, 100), [0, 30, 30, 600, 600]);
}

#[test]
fn the_providers_reads_are_kept_for_those_who_come_first() {
    let spent = |calls| {
        let mut budget = Budget::new(Allowance { writes_per_minute: 0, reads_per_hour: 1000 });
        budget.spent(Kind::Read, calls, seconds(0));
        waits(&budget, Kind::Read, 0)
    };
    // A call counts for an hour and the minute it was made in.
    assert_eq!(spent(599), [0; 5]);
    assert_eq!(spent(600), [0, 0, 0, 0, 3660]);
    assert_eq!(spent(800), [0, 0, 0, 3660, 3660]);
    assert_eq!(spent(900), [0, 0, 3660, 3660, 3660]);
    assert_eq!(spent(950), [0, 3660, 3660, 3660, 3660]);
    assert_eq!(spent(5000), [0, 3660, 3660, 3660, 3660], "a verb's reads are not held by a figure nobody confirms");
}

#[test]
fn no_more_writes_in_a_minute_than_allowed() {
    let mut budget = Budget::new(Allowance { writes_per_minute: 3, reads_per_hour: 0 });
    for at in [0, 10, 20] {
        assert_eq!(budget.wait(Purpose::Verb, Kind::Write, seconds(at)), Duration::ZERO);
        budget.spent(Kind::Write, 1, seconds(at));
    }
    assert_eq!(budget.wait(Purpose::Verb, Kind::Write, seconds(20)), seconds(41), "until the first is a minute old");
    assert_eq!(budget.wait(Purpose::Verb, Kind::Write, seconds(61)), Duration::ZERO);
}

#[derive(Clone, Debug)]
enum Event {
    Spent(u32),
    Told(u32),
    Refused(usize, u64),
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let event = prop_oneof![
        any::<u32>().prop_map(Event::Spent),
        any::<u32>().prop_map(Event::Told),
        (0_usize..5, 0_u64..600).prop_map(|(purpose, after)| Event::Refused(purpose, after)),
        (0_u32..50).prop_map(Event::Told),
    ];
    proptest::collection::vec((0_u64..10_000, event), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_comes_first_never_waits_longer_and_nobody_waits_for_ever(
        events in events(), limit in any::<u32>(), now in 0_u64..20_000, write in any::<bool>(),
    ) {
        let kind = if write { Kind::Write } else { Kind::Read };
        let mut budget = Budget::new(Allowance { writes_per_minute: limit, reads_per_hour: limit });
        for (at, event) in events {
            match event {
                Event::Spent(calls) => budget.spent(kind, calls, seconds(at)),
                Event::Told(left) => budget.told(kind, left, seconds(at)),
                Event::Refused(purpose, after) => budget.refused(Purpose::ALL[purpose], kind, seconds(after), seconds(at)),
            }
        }
        let waits: Vec<Duration> = Purpose::ALL.iter().map(|p| budget.wait(*p, kind, seconds(now))).collect();
        prop_assert!(waits.is_sorted(), "{:?}", waits);
        // All of it was at 10,000 s at the latest, and the longest time that anything counts is an hour and a minute.
        prop_assert!(waits.iter().all(|wait| *wait + seconds(now) <= seconds(10_000 + 3660).max(seconds(now))));
        let later = Purpose::ALL.iter().map(|p| budget.wait(*p, kind, seconds(10_000 + 3660)));
        prop_assert!(later.into_iter().all(|wait| wait.is_zero()));
    }
}
