//! One run of a configuration: what is explored, and what is said of it.

use super::mind::Mind;
use super::search::{Found, explore};
use super::switch::Guards;
use super::world::{Config, Faults, Times, World, names};
use std::io::Write;
use std::sync::Mutex;
use std::time::Instant;

/// What a test says of a configuration.
#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    pub world: World,
    pub faults: Faults,
    pub times: Times,
}

/// More states than any configuration has; a run that stops here proves nothing, and fails.
const MOST: usize = 20_000_000;

/// A memory of the product's decisions, for the runs of one test.
pub fn mind() -> &'static Mutex<Mind> {
    Box::leak(Box::new(Mutex::new(Mind::new())))
}

impl Row {
    pub const fn config(&self, guards: Guards, mind: &'static Mutex<Mind>) -> Config {
        let Row { world, faults, times, .. } = *self;
        Config { world, faults, times, guards, check_is_sending: true, mind }
    }

    pub fn explore(&self, guards: Guards, ends: bool, wanted: u16, mind: &'static Mutex<Mind>) -> Found {
        explore(&self.config(guards, mind), MOST, ends, wanted)
    }

    /// Explores all, and fails at any violation, and at any state without a way to an end.
    pub fn holds(&self, mind: &'static Mutex<Mind>) -> usize {
        let began = Instant::now();
        let found = self.explore(Guards::ALL, true, 0, mind);
        let (lock, took) = (mind.lock().unwrap().asked, began.elapsed());
        let Row { name, world, faults, times } = self;
        let bounds = format!("{world:?}, {faults:?}, {times:?}");
        writeln!(
            std::io::stderr(),
            "{name}: {} states, all of them within {bounds}; {lock} decisions of the product; {took:.1?}",
            found.states
        )
        .ok();
        let bad: Vec<_> = found.bad.iter().map(|(bit, way)| (names(*bit), way)).collect();
        assert!(bad.is_empty(), "{} breaks {bad:?}", self.name);
        assert!(found.complete, "{}: more than {MOST} states", self.name);
        assert_eq!(found.stuck, 0, "{}: no end is reachable after {:?}", self.name, found.stuck_at);
        found.states
    }
}
