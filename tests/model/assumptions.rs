//! The four assumptions of design 5, each broken alone: what is documented happens, and nothing else.

use super::run::{self, Row};
use super::search::explore;
use super::switch::{Guards, without};
use super::world::{Config, Faults, I1, I3, I9, I15, TARGET, Times, UNTRUE, World, names};

fn violations(row: Row, check_is_sending: bool) -> (u16, usize) {
    let config = Config { check_is_sending, ..row.config(Guards::ALL, run::mind()) };
    let found = explore(&config, 20_000_000, false, 0);
    println!("{}: {:?}, {} states", row.name, names(found.violations()), found.states);
    assert!(found.complete, "{}: a bound was hit", row.name);
    (found.violations(), found.states)
}

/// Two calls of one request: a call that need not have been made, accepted beside the other, after its end, or unknown
/// to an end that says that nothing was executed.
const TWICE: u16 = I1 | I3 | I9 | I15 | UNTRUE;

const FAILING: World = World { jobs_fail: true, ..World::ONE };

#[test]
fn assumption_a_a_call_executed_later_is_made_twice() {
    let row = Row {
        name: "(a) executed too late",
        world: FAILING,
        faults: Faults::CRASHES,
        times: Times { late: 4, ..Times::REAL },
    };
    assert_eq!(names(violations(row, true).0), names(TWICE));
}

#[test]
fn assumption_b_a_pause_between_check_and_first_byte_makes_two_calls() {
    let row = Row { name: "(b) a pause after the check", world: FAILING, faults: Faults::CRASHES, times: Times::REAL };
    assert_eq!(names(violations(row, false).0), names(TWICE));
}

#[test]
fn assumption_c_a_list_that_lags_more_makes_two_calls() {
    let row = Row {
        name: "(c) the list lags too long",
        world: FAILING,
        faults: Faults::CRASHES,
        times: Times { lag: 3, ..Times::REAL },
    };
    assert_eq!(names(violations(row, true).0), names(I1 | I3));
}

#[test]
fn assumption_d_two_clusters_or_a_restore_in_flight_make_two_calls() {
    let clusters = World { two_clusters: true, ..FAILING };
    let row = Row { name: "(d) two clusters", world: clusters, faults: Faults::CRASHES, times: Times::REAL };
    assert_eq!(names(violations(row, true).0), names(TWICE));
    let faults = Faults { restores: 1, ..Faults::CRASHES };
    let row = Row { name: "(d) a record restored in flight", world: FAILING, faults, times: Times::REAL };
    assert_eq!(names(violations(row, true).0), names(TWICE));
}

#[test]
fn a_life_cycle_is_told_by_the_time_that_a_verb_is_allowed_or_the_wrong_one_is_acted_on() {
    let world = World { anew: true, silent_life: true, ..World::ONE };
    let row = Row {
        name: "lifecycleId null though protected",
        world,
        faults: Faults { long: 1, ..Faults::CRASHES },
        times: Times::REAL,
    };
    assert_eq!(names(violations(row, true).0), ["target"]);
}

/// Wait and second look, less the window, are 200 s: not for the list's lag behind a 202 alone, but for that and the time
/// from the first byte to the execution together.
#[test]
fn the_lag_of_the_list_and_the_time_to_execution_share_the_wait() {
    let t = Times::REAL;
    for late in 0..3 {
        let lag = t.wait + t.gap - t.window - late;
        let of = |name, lag| Row { name, world: FAILING, faults: Faults::CRASHES, times: Times { late, lag, ..t } };
        assert_eq!(violations(of("the list lags as much as it may", lag), true).0, 0, "late {late}");
        assert!(violations(of("it lags one tick more", lag + 1), true).0 & I1 != 0, "late {late}");
    }
}

/// What Azure has no job for is known from the record, the claim and what the object itself shows, and what has one by its id
/// alone.
#[test]
fn what_is_stored_is_needed() {
    let lost = |name, world, faults| Row { name, world, faults: Faults { losses: 1, ..faults }, times: Times::REAL };
    let none = Faults::CRASHES;
    let denied = World { denies: true, calm_restore: true, ..FAILING };
    let said = World { people: true, calm_restore: true, ..FAILING };
    for (name, world) in
        [("a record lost that knew of a refusal", denied), ("a record lost that knew a person's word", said)]
    {
        let row = lost(name, world, none);
        assert_eq!(names(violations(row, true).0), Vec::<&str>::new(), "{name}");
        let unseen = row.explore(without(&["own_end"]), false, 0, run::mind());
        assert_eq!(names(unseen.violations()), ["I15"], "{name}");
    }
    let silent = World { ids: false, calm_restore: true, ..FAILING };
    assert_eq!(
        names(violations(lost("a record lost, and jobs carry no ids", silent, none), true).0),
        names(I1 | I3 | UNTRUE)
    );
    let faults = Faults { claims_lost: 1, rebinds: 1, crashes: 0, ..none };
    let row = Row {
        name: "a claim lost, and another item bound",
        world: World { refuses: true, ..FAILING },
        faults,
        times: Times::REAL,
    };
    let broken = violations(row, true).0;
    assert!(broken & I1 != 0 && broken & TARGET != 0, "{:?}", names(broken));
}
