//! Every guard of the protocol, removed: what then goes wrong. A guard that another one covers is removed together with it.

use super::run::{self, Row};
use super::switch::{GUARDS, without};
use super::world::{Asked, Faults, I1, I2, I4, I5, I8, I9, I15, I16, TARGET, THIRD, Times, UNTRUE, World, names};
use std::io::Write;

/// A removal, the world that needs the guard, and the invariant that breaks.
struct Removal {
    off: &'static str,
    /// Guards that cover it: without them alone nothing breaks in that world.
    covers: &'static [&'static str],
    row: Row,
    breaks: u16,
}

const fn removal(off: &'static str, breaks: u16, world: World, faults: Faults, times: Times) -> Removal {
    Removal { off, covers: &[], row: Row { name: off, world, faults, times }, breaks }
}

impl Removal {
    const fn covered(self, covers: &'static [&'static str]) -> Self {
        Self { covers, ..self }
    }
}

const ONE: World = World { replicas: 1, ..World::ONE };
const PAIR: World = World::ONE;
const CALM: Faults = Faults { crashes: 0, ..Faults::CRASHES };
const ONCE: Faults = Faults { crashes: 1, ..Faults::CRASHES };
const FAST: Times = Times { lag: 0, ..Times::REAL };

/// What a world needs is named by what is not `ONE`.
fn removals() -> Vec<Removal> {
    let failing = |w: World| World { jobs_fail: true, ..w };
    let asks = |asked: Asked, state: u8, w: World| World { asked: [asked, Asked::Failover], state, ..w };
    let lost = Faults { losses: 1, ..CALM };
    let long = Faults { long: 1, ..CALM };
    let calm = World { calm_restore: true, ..failing(ONE) };
    vec![
        removal("cas", I1, PAIR, CALM, FAST),
        removal("consumed", I15, World { denies: true, ..ONE }, CALM, FAST),
        removal("holder", I9, World { replicas: 1, ..World::TWO }, ONCE, FAST),
        removal("quarantine", I1, PAIR, lost, Times::REAL),
        removal("item", I8, World { half: true, ..ONE }, long, FAST),
        removal("table", I8, World { half: true, ..ONE }, long, FAST),
        removal("table", I5, asks(Asked::Reprotect, 1, ONE), CALM, FAST),
        removal("busy", I9, ONE, Faults { portal: 1, ..CALM }, FAST),
        removal("look_back", I1, calm, lost, FAST),
        removal("own_list", I1, calm, lost, FAST),
        removal("stubs", I1, World { stubs: true, ..calm }, lost, FAST),
        removal("age", I8, World { half: true, ..ONE }, long, FAST),
    ]
}

/// The same for the call, what comes of it, and what is remembered.
fn later_removals() -> Vec<Removal> {
    let failing = |w: World| World { jobs_fail: true, ..w };
    let long = Faults { long: 1, ..CALM };
    let rebind = Faults { rebinds: 1, ..CALM };
    let bare = World { jobs_fail: true, ids: false, ..ONE };
    let again = World { asked: [Asked::Automatic, Asked::Failover], again: true, ..ONE };
    let objects = Faults { objects: 2, ..CALM };
    vec![
        removal("intent_first", I2, ONE, CALM, FAST),
        removal("window", I1, PAIR, CALM, FAST),
        removal("from_write", I1, PAIR, CALM, FAST),
        removal("nonce", I1, PAIR, ONCE, FAST),
        removal("conflict", UNTRUE, World { lies: true, ..ONE }, CALM, FAST),
        removal("wait", I1, ONE, CALM, FAST),
        removal("second_look", I1, failing(ONE), CALM, Times::REAL),
        removal("look_at_jobs", I1, failing(ONE), CALM, FAST).covered(&["look_back"]),
        removal("look_at_item", I1, ONE, CALM, FAST).covered(&["look_at_jobs", "look_back", "busy"]),
        removal("foreign", I1, bare, CALM, FAST),
        removal("confirmed", I1, World { adoption: 0, ..bare }, CALM, FAST).covered(&["foreign"]),
        removal("no_third", THIRD, ONE, CALM, FAST),
        removal("release_waits", I15, World { people: true, ..ONE }, CALM, FAST),
        removal("terminal", I16, ONE, CALM, FAST),
        removal("never_left", I1, ONE, objects, FAST),
        removal("never_left", I15, World { cancels: true, ..ONE }, CALM, FAST),
        removal("superseded", I4, again, long, FAST),
        removal("claim", TARGET, ONE, rebind, FAST),
        removal("claim", I1, failing(ONE), rebind, FAST),
        removal("life", TARGET, World { anew: true, ..ONE }, long, FAST),
        removal("own_end", I15, failing(ONE), Faults { losses: 1, objects: 2, ..CALM }, Times::REAL),
        removal("record_first", I15, World { cancels: true, ..PAIR }, CALM, FAST),
    ]
}

#[test]
fn every_guard_is_needed_or_covered_by_one_that_is_named() {
    let mind = run::mind();
    let all: Vec<_> = removals().into_iter().chain(later_removals()).collect();
    let alone = |name: &str| all.iter().any(|r| r.off == name && r.covers.is_empty());
    let covered = |name: &str| all.iter().any(|r| r.off == name && !r.covers.is_empty());
    let missing: Vec<_> = GUARDS.iter().map(|g| g.0).filter(|n| !alone(n) && !covered(n)).collect();
    assert!(missing.is_empty(), "never removed: {missing:?}");
    let (mut states, mut wrong) = (0, Vec::new());
    for Removal { off, covers, row, breaks } in &all {
        let with = row.explore(without(covers), false, 0, mind);
        let off: Vec<&str> = covers.iter().chain([off]).copied().collect();
        let found = row.explore(without(&off), false, *breaks, mind);
        states += found.states + with.states;
        let broke = names(found.violations());
        match found.bad.iter().find(|(bit, _)| bit & breaks != 0) {
            Some((_, way)) => println!("without {off:?}: {broke:?} in {} steps, {} states", way.len(), found.states),
            None => wrong.push(format!("without {off:?}: {broke:?} of {} states", found.states)),
        }
        if !with.complete || !with.bad.is_empty() {
            wrong.push(format!("in the world of {off:?}, without {covers:?}: {:?}", with.bad));
        }
    }
    let caught = GUARDS.iter().filter(|g| alone(g.0)).count();
    writeln!(
        std::io::stderr(),
        "{} guards: {caught} removed and caught, {} caught once what covers them is removed too",
        GUARDS.len(),
        GUARDS.len() - caught
    )
    .ok();
    writeln!(std::io::stderr(), "{} removals, {states} states", all.len()).ok();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
