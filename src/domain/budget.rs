//! How many calls a vault and identity have left, and who goes first when they are few: verbs never wait for polls.
//!
//! Two budgets. ARM's is told by its answers: what is left, and how long to wait after a 429. The provider's is counted
//! here, against figures of the installer's, since nothing tells it. Times count from any fixed moment on.

use std::collections::VecDeque;
use std::time::Duration;

/// What a call is for. The earlier, the less it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A verb, and the reads that decide on it.
    Verb,
    /// To find out what became of a call.
    Resolver,
    /// The list of jobs, and how one ended.
    JobList,
    /// The list of items.
    ItemList,
    /// What is nice to know: tasks of a running job, points for a status.
    Detail,
}

impl Purpose {
    /// All, in their order.
    pub const ALL: [Self; 5] = [Self::Verb, Self::Resolver, Self::JobList, Self::ItemList, Self::Detail];

    /// What of ARM's calls is left to those before it.
    const fn kept_calls(self) -> u32 {
        match self {
            Self::Verb => 0,
            Self::Resolver => 5,
            Self::JobList => 10,
            Self::ItemList => 20,
            Self::Detail => 40,
        }
    }

    /// What of the provider's calls is left to those before it, in hundredths.
    const fn kept_share(self) -> u64 {
        match self {
            Self::Verb => 0,
            Self::Resolver => 5,
            Self::JobList => 10,
            Self::ItemList => 20,
            Self::Detail => 40,
        }
    }
}

/// Which of the two kinds that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Changes nothing.
    Read,
    /// A verb's own call.
    Write,
}

/// What ARM said is of interest for this long.
const LATELY: Duration = Duration::from_secs(300);

/// What the provider is taken to allow; 0 is without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Writes in any minute.
    pub writes_per_minute: u32,
    /// Reads in any hour.
    pub reads_per_hour: u32,
}

/// What one identity has left on one vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    reads: Account,
    writes: Account,
}

impl Budget {
    /// Of which nothing was spent yet.
    pub fn new(allowance: Allowance) -> Self {
        Self {
            reads: Account::new(allowance.reads_per_hour, Duration::from_secs(3600)),
            writes: Account::new(allowance.writes_per_minute, Duration::from_secs(60)),
        }
    }

    /// How long a call must wait; zero when it may go.
    pub fn wait(&self, purpose: Purpose, kind: Kind, now: Duration) -> Duration {
        let account = self.of(kind);
        let asked = account.held[purpose as usize].saturating_sub(now);
        let counted = match (purpose, kind) {
            // A figure that nobody confirms holds no decision up: only Azure's own word does.
            (Purpose::Verb, Kind::Read) => Duration::ZERO,
            _ => account.spent.wait(purpose, now),
        };
        asked.max(account.told.wait(purpose, now)).max(counted)
    }

    /// What ARM said was left, if it said so in the last few minutes: its buckets fill up again.
    pub fn left(&self, kind: Kind, now: Duration) -> Option<u32> {
        let (left, at) = self.of(kind).told.0?;
        (now.saturating_sub(at) < LATELY).then_some(left)
    }

    /// So many calls were made.
    pub fn spent(&mut self, kind: Kind, calls: u32, now: Duration) {
        self.account(kind).spent.add(calls, now);
    }

    /// ARM said how many are left.
    pub fn told(&mut self, kind: Kind, left: u32, now: Duration) {
        self.account(kind).told = Told(Some((left, now)));
    }

    /// A call for this purpose was answered that Azure wants to be left alone for a time. It holds up that purpose and
    /// those behind it: a poll that was refused is no reason for a verb to wait. A shorter time does not take back a
    /// longer one.
    pub fn refused(&mut self, purpose: Purpose, kind: Kind, retry_after: Duration, now: Duration) {
        let until = now.saturating_add(retry_after);
        for held in &mut self.account(kind).held[purpose as usize..] {
            *held = until.max(*held);
        }
    }

    const fn of(&self, kind: Kind) -> &Account {
        match kind {
            Kind::Read => &self.reads,
            Kind::Write => &self.writes,
        }
    }

    fn account(&mut self, kind: Kind) -> &mut Account {
        match kind {
            Kind::Read => &mut self.reads,
            Kind::Write => &mut self.writes,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    /// Until when each purpose waits because Azure asked for it.
    held: [Duration; Purpose::ALL.len()],
    told: Told,
    spent: Window,
}

impl Account {
    fn new(limit: u32, per: Duration) -> Self {
        Self {
            held: <[Duration; Purpose::ALL.len()]>::default(),
            told: Told(None),
            spent: Window { limit, per, slots: VecDeque::new() },
        }
    }
}

/// What ARM said is left, and when. It refills at a rate that it does not say; one call a second is far below any that is
/// documented, and whoever waited by it learns the truth by the next answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told(Option<(u32, Duration)>);

impl Told {
    fn wait(self, purpose: Purpose, now: Duration) -> Duration {
        let kept = purpose.kept_calls();
        match self.0 {
            Some((left, at)) if left <= kept && kept > 0 => {
                let enough = Duration::from_secs(u64::from(kept - left) + 1);
                at.saturating_add(enough).saturating_sub(now)
            }
            _ => Duration::ZERO,
        }
    }
}

/// Into so many parts a window is divided; a call counts until the last part that it may be in is over.
const PARTS: u64 = 60;

/// Calls of a sliding window, as counts of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    limit: u32,
    per: Duration,
    slots: VecDeque<(u64, u32)>,
}

impl Window {
    fn slot(&self, now: Duration) -> u64 {
        u64::try_from(now.as_millis() / self.part().as_millis().max(1)).unwrap_or(u64::MAX)
    }

    fn part(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.per.as_millis()).unwrap_or(u64::MAX) / PARTS)
    }

    /// When a slot's calls count no more.
    fn over(&self, slot: u64) -> Duration {
        let part = u64::try_from(self.part().as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(slot.saturating_add(PARTS + 1).saturating_mul(part))
    }

    fn add(&mut self, calls: u32, now: Duration) {
        if self.limit == 0 || calls == 0 {
            return;
        }
        while self.slots.front().is_some_and(|(slot, _)| self.over(*slot) <= now) {
            self.slots.pop_front();
        }
        let slot = self.slot(now);
        match self.slots.back_mut() {
            // A clock that stands still or goes back adds to what is there.
            Some((last, count)) if *last >= slot => *count = count.saturating_add(calls),
            _ => self.slots.push_back((slot, calls)),
        }
    }

    /// How long until a call of this purpose leaves enough to those before it.
    fn wait(&self, purpose: Purpose, now: Duration) -> Duration {
        if self.limit == 0 {
            return Duration::ZERO;
        }
        let limit = u64::from(self.limit);
        let kept = limit * purpose.kept_share() / 100;
        let live = || self.slots.iter().filter(|(slot, _)| self.over(*slot) > now);
        let mut spent: u64 = live().map(|(_, count)| u64::from(*count)).sum();
        let may = |spent: u64| spent + kept < limit;
        if may(spent) {
            return Duration::ZERO;
        }
        for (slot, count) in live() {
            spent = spent.saturating_sub(u64::from(*count));
            if may(spent) {
                return self.over(*slot).saturating_sub(now);
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests;
