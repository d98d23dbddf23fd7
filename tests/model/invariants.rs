//! The protocol as it is: no invariant breaks anywhere, and an end can be reached from everywhere (I14).
//!
//! Every run looks for every violation; a test is named after those that its worlds are made for.

use super::run::{self, Row};
use super::switch::Guards;
use super::world::{Asked, Faults, Times, World};
use stateright::{Checker, Model};

const ALL_OUTCOMES: World =
    World { stubs: true, lies: true, jobs_fail: true, throttles: true, denies: true, expires: true, ..World::ONE };
const TWO_ALL: World = World { two: true, expires: false, ..ALL_OUTCOMES };
const FAILING: World = World { jobs_fail: true, ..World::ONE };
const CRASHES: Faults = Faults::CRASHES;

const fn row(name: &'static str, world: World, faults: Faults) -> Row {
    Row { name, world, faults, times: Times::REAL }
}

const fn one(asked: Asked, state: u8, world: World) -> World {
    World { asked: [asked, Asked::Failover], state, ..world }
}

const fn two(first: Asked, second: Asked, state: u8, world: World) -> World {
    World { asked: [first, second], state, two: true, ..world }
}

fn hold(rows: &[Row]) {
    let mind = run::mind();
    let states: usize = rows.iter().map(|row| row.holds(mind)).sum();
    let asked = mind.lock().unwrap().asked;
    println!("{} configurations, {states} states, {asked} decisions of the product", rows.len());
}

#[test]
fn i01_i02_i03_i16_one_call_for_every_outcome_crash_and_pause() {
    hold(&[
        row("a failover, every outcome", ALL_OUTCOMES, CRASHES),
        row("a change point, every outcome", one(Asked::ChangePoint, 1, ALL_OUTCOMES), CRASHES),
        row("a commit, every outcome", one(Asked::Commit, 1, ALL_OUTCOMES), CRASHES),
        row("a reprotect, every outcome", one(Asked::Reprotect, 2, ALL_OUTCOMES), CRASHES),
        row("a failover, where ASR refuses a second call", World { refuses: true, ..ALL_OUTCOMES }, CRASHES),
        row("a failover, pauses between all reads", World { fine: true, ..ALL_OUTCOMES }, CRASHES),
    ]);
}

#[test]
fn i04_i05_no_commit_and_no_reprotect_out_of_turn() {
    let again = World { again: true, ..one(Asked::Automatic, 0, FAILING) };
    hold(&[
        row("a failover with its commit, every outcome", one(Asked::Automatic, 0, ALL_OUTCOMES), CRASHES),
        row("its commit, and another failover by somebody else", again, Faults { long: 1, ..CRASHES }),
        row("a failover, and a commit", two(Asked::Failover, Asked::Commit, 0, World::ONE), CRASHES),
        row(
            "a failover with its commit, and a reprotect",
            two(Asked::Automatic, Asked::Reprotect, 0, World::ONE),
            CRASHES,
        ),
        row("a commit, and a reprotect", two(Asked::Commit, Asked::Reprotect, 1, World::ONE), CRASHES),
    ]);
}

#[test]
fn i08_no_call_in_the_wrong_direction_or_for_another_life_of_the_item() {
    let half = World { half: true, whole: true, ..FAILING };
    let anew = World { anew: true, ..FAILING };
    let long = Faults { long: 1, ..CRASHES };
    hold(&[
        row("a failover, and a loop or half of one by somebody else", half, long),
        row("a reprotect, and a loop or half of one by somebody else", one(Asked::Reprotect, 2, half), long),
        row("a failover, and a verb begun by somebody else", FAILING, Faults { portal: 1, ..CRASHES }),
        row("an item disabled and enabled anew", anew, long),
        row("the same, between a failover and its commit", one(Asked::Automatic, 0, anew), long),
    ]);
}

#[test]
fn i09_i12_two_requests_of_one_item_and_two_owners_make_one_call_at_a_time() {
    let lagging = Times { item_lag: 1, ..Times::REAL };
    let lies = World { lies: true, ..World::ONE };
    hold(&[
        row("two failovers, every outcome", TWO_ALL, CRASHES),
        row("a failover and a change point", two(Asked::Failover, Asked::ChangePoint, 0, FAILING), CRASHES),
        Row {
            times: lagging,
            ..row("two change points, the item lags", two(Asked::ChangePoint, Asked::ChangePoint, 1, lies), CRASHES)
        },
    ]);
}

#[test]
fn i09_i12_two_change_points_of_one_item_and_two_owners_make_one_call_at_a_time() {
    hold(&[row("two change points, every outcome", two(Asked::ChangePoint, Asked::ChangePoint, 1, TWO_ALL), CRASHES)]);
}

#[test]
fn i07_i15_what_ended_stays_ended_whatever_is_deleted_and_created_again() {
    let denied = World { denies: true, ..FAILING };
    let calm = World { calm_restore: true, ..FAILING };
    hold(&[
        row("three deletions or creations of any object", denied, Faults { objects: 3, ..CRASHES }),
        row("a ReplicatedVm bound to another item", denied, Faults { rebinds: 1, objects: 1, ..CRASHES }),
        row("a record lost", FAILING, Faults { losses: 1, ..CRASHES }),
        row("a record put back while nothing is in flight", calm, Faults { restores: 1, ..CRASHES }),
        row("a claim lost", FAILING, Faults { claims_lost: 1, ..CRASHES }),
    ]);
}

#[test]
fn i14_people_release_what_nobody_can_know() {
    let silent = World { ids: false, people: true, cancels: true, expires: true, ..FAILING };
    hold(&[
        row("jobs without ids, seen before", silent, CRASHES),
        row("jobs without ids, never seen", World { adoption: 0, ..silent }, CRASHES),
        row("people, with ids", World { ids: true, stubs: true, ..silent }, CRASHES),
    ]);
}

/// The search of this test and stateright's own see the same states.
#[test]
fn stateright_s_own_search_finds_as_many_states_and_no_violation() {
    for row in [row("a failover", FAILING, CRASHES), row("two failovers", World::TWO, CRASHES)] {
        let mine = row.explore(Guards::ALL, false, 0, run::mind());
        let checker = row.config(Guards::ALL, run::mind()).checker().spawn_bfs().join();
        println!("{}: {} states by stateright", row.name, checker.unique_state_count());
        checker.assert_properties();
        assert_eq!(checker.unique_state_count(), mine.states, "{}", row.name);
    }
}

#[test]
#[ignore = "minutes: the same with more of everything at once"]
fn all_invariants_in_larger_worlds() {
    let half = World { half: true, whole: true, expires: true, ..ALL_OUTCOMES };
    hold(&[
        row("two failovers, pauses between all reads", World { fine: true, two: true, ..FAILING }, CRASHES),
        row("two failovers, every outcome, two deletions or creations", TWO_ALL, Faults { objects: 2, ..CRASHES }),
        row("a failover, a verb and a loop by somebody else", half, Faults { long: 1, portal: 1, ..CRASHES }),
        row(
            "a failover with its commit, and a reprotect, every outcome",
            two(Asked::Automatic, Asked::Reprotect, 0, TWO_ALL),
            CRASHES,
        ),
        row("five deletions or creations", FAILING, Faults { objects: 5, ..CRASHES }),
        row(
            "two requests, people, and jobs without ids",
            World { ids: false, people: true, cancels: true, ..TWO_ALL },
            CRASHES,
        ),
    ]);
}
