//! What happened in a world, in order: a digest that is the same for the same seed, and the last lines for a report.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::crossing::{Crossing, Fate};
use super::machine::Time;

/// How many lines are kept for a report.
const KEPT: usize = 400;

/// The record of one world.
pub struct Trace {
    time: Time,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    digest: u64,
    lines: VecDeque<String>,
    crossings: Vec<Crossing>,
    faults: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
    keeps_crossings: bool,
}

impl Trace {
    /// An empty one. One that keeps crossings can be asked for all of them.
    pub fn new(time: Time, keeps_crossings: bool) -> Self {
        Self { time, told: Mutex::new(Told { keeps_crossings, ..Told::default() }) }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, told: &mut Told, line: impl FnOnce() -> String, hashed: impl Hash) {
        let at = self.time.elapsed();
        let mut hasher = DefaultHasher::new();
        (told.digest, at, hashed).hash(&mut hasher);
        told.digest = hasher.finish();
        if told.keeps_crossings {
            if told.lines.len() == KEPT {
                told.lines.pop_front();
            }
            told.lines.push_back(format!("{:>12.3} {}", at.as_secs_f64(), line()));
        }
    }

    /// A call came to the border.
    pub fn crossed(&self, crossing: &Crossing, fate: Fate) {
        let mut told = self.told();
        if fate != Fate::Passes {
            *told.faults.entry(fate.class()).or_default() += 1;
        }
        if told.keeps_crossings {
            told.crossings.push(crossing.clone());
        }
        let line = || {
            let Crossing { process, target, method, path, .. } = crossing;
            let fate = if fate == Fate::Passes { String::new() } else { format!(" ! {fate:?}") };
            format!("#{process} {target:?} {method} {path}{fate}")
        };
        self.line(&mut told, line, (crossing.process, known(&crossing.path), fate.class()));
    }

    /// A call was answered.
    pub fn answered(&self, crossing: &Crossing, status: u16) {
        let mut told = self.told();
        let line = || format!("#{} {:?} {} -> {status}", crossing.process, crossing.target, crossing.path);
        self.line(&mut told, line, (crossing.process, status));
    }

    /// Something happened that is no call.
    pub fn note(&self, text: &str) {
        let mut told = self.told();
        self.line(&mut told, || text.to_owned(), text);
    }

    /// An invariant does not hold.
    pub fn wrong(&self, what: String) {
        let mut told = self.told();
        self.line(&mut told, || format!("VIOLATION {what}"), 0);
        told.wrong.push(what);
    }

    /// The violations.
    pub fn violations(&self) -> Vec<String> {
        self.told().wrong.clone()
    }

    /// Faults met, by class.
    pub fn faults(&self) -> BTreeMap<&'static str, u64> {
        self.told().faults.clone()
    }

    /// Every crossing, in order.
    pub fn crossings(&self) -> Vec<Crossing> {
        self.told().crossings.clone()
    }

    /// What two runs of one seed have in common, if they are the same.
    pub fn digest(&self) -> u64 {
        self.told().digest
    }

    /// The last lines.
    pub fn tail(&self, lines: usize) -> String {
        let told = self.told();
        let skip = told.lines.len().saturating_sub(lines);
        told.lines.iter().skip(skip).map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// The part of a path that a seed decides: names of events hold the machine's time.
fn known(path: &str) -> &str {
    path.split("/events/").next().unwrap_or(path)
}
