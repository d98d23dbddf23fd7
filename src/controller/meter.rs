//! The budget of one identity on one vault: what the shell spends of it, and who has to wait.

use super::machine::{Machine, Moment};
use crate::asr::Counted;
use crate::domain::Reason;
use crate::domain::backoff::Class;
use crate::domain::budget::{Allowance, Budget, Kind, Purpose};
use crate::domain::item::Obstacle;
use crate::domain::observed::{Reading, Unreadable};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One budget, by this process's own clock.
#[derive(Debug)]
pub struct Meter {
    machine: Arc<dyn Machine>,
    born: Moment,
    budget: Mutex<Budget>,
}

impl Meter {
    fn new(allowance: Allowance, machine: Arc<dyn Machine>) -> Self {
        Self { born: machine.now(), machine, budget: Mutex::new(Budget::new(allowance)) }
    }

    /// How long a call for this purpose has to wait; `None` when it may be made.
    pub fn wait(&self, purpose: Purpose, kind: Kind) -> Option<Duration> {
        Some(self.with(|budget, now| budget.wait(purpose, kind, now))).filter(|wait| !wait.is_zero())
    }

    /// Takes a mutating call off the budget, if one may be made now.
    pub fn take_write(&self) -> bool {
        self.with(|budget, now| {
            let may = budget.wait(Purpose::Verb, Kind::Write, now).is_zero();
            budget.spent(Kind::Write, u32::from(may), now);
            may
        })
    }

    /// Takes note of what was answered.
    pub fn counted(&self, counted: Counted) {
        self.with(|budget, now| {
            budget.spent(Kind::Read, counted.reads, now);
            if let Some(left) = counted.reads_left {
                budget.told(Kind::Read, left, now);
            }
            if let Some(left) = counted.writes_left {
                budget.told(Kind::Write, left, now);
            }
        });
    }

    /// Takes note of a 429.
    pub fn refused(&self, purpose: Purpose, kind: Kind, retry_after: Duration) {
        self.with(|budget, now| budget.refused(purpose, kind, retry_after, now));
    }

    /// How many calls of a kind Azure last said were left, if it said so lately.
    pub fn left(&self, kind: Kind) -> Option<u32> {
        self.with(|budget, now| budget.left(kind, now))
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Budget, Duration) -> T) -> T {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut budget, self.machine.since(self.born))
    }
}

/// A read that is not made yet.
pub fn put_off<T>(wait: Duration, what: &str) -> Reading<T> {
    let text = format!(
        "Few calls are left to this identity, or Azure asked to be left alone for a while: {what} will be read a little later."
    );
    let obstacle = Obstacle::new(Reason::Throttled, text);
    Reading::Unreadable(Unreadable { class: Class::Waiting, obstacle, retry_after: Some(wait) })
}

/// The budgets of all identities and vaults. They outlive the views through which they are spent: what Azure asked for
/// holds for a rotated Secret too.
#[derive(Debug)]
pub struct Meters {
    allowance: Allowance,
    machine: Arc<dyn Machine>,
    known: Mutex<HashMap<(String, String), Arc<Meter>>>,
}

impl Meters {
    /// None yet, by the clock of `machine`.
    pub fn new(allowance: Allowance, machine: Arc<dyn Machine>) -> Self {
        Self { allowance, machine, known: Mutex::default() }
    }

    /// How many calls of each kind are left to the identity with the fewest; of what Azure has not spoken lately, nothing.
    pub fn left(&self) -> BTreeMap<&'static str, u32> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fewest = |kind| known.values().filter_map(|meter| meter.left(kind)).min();
        let kinds = [("Read", Kind::Read), ("Write", Kind::Write)];
        kinds.into_iter().filter_map(|(name, kind)| Some((name, fewest(kind)?))).collect()
    }

    /// The budget of an identity on a vault, both in any case.
    pub fn of(&self, vault: &str, identity: &str) -> Arc<Meter> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = known.entry((vault.to_ascii_lowercase(), identity.to_ascii_lowercase()));
        Arc::clone(meter.or_insert_with(|| Arc::new(Meter::new(self.allowance, Arc::clone(&self.machine)))))
    }
}
