//! Clocks of the shell: the send window by a clock that counts suspension, and Azure's time by its own `Date`.
//!
//! No decision compares a local clock with a remote one; a local clock only measures how long ago something was seen.

use super::machine::{Machine, Moment};
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The first byte of a mutating call leaves within this time of the moment before its intent was written.
pub const SEND_WINDOW: Duration = Duration::from_secs(10);

/// An answer of Azure older than this says nothing of Azure's time.
const FRESH: Duration = Duration::from_secs(60);

/// Azure's time, as its newest answer gave it.
#[derive(Debug)]
pub struct AzureTime {
    machine: Arc<dyn Machine>,
    seen: Mutex<Option<(Timestamp, Moment)>>,
}

impl AzureTime {
    /// Not known yet; its age is measured by the clock of `machine`.
    pub fn new(machine: Arc<dyn Machine>) -> Self {
        Self { machine, seen: Mutex::default() }
    }

    /// Takes note of an answer's `Date`. An older date than was seen does not turn the clock back, unless what was seen is of no
    /// use any more: one answer with a date of the future must not outlive itself.
    pub fn saw(&self, date: Option<Timestamp>) {
        let Some(date) = date else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_none_or(|(last, at)| last <= date || self.machine.since(at) >= FRESH) {
            *seen = Some((date, self.machine.now()));
        }
    }

    /// Azure's time now: the newest `Date` and the time that passed here since. `None` when no answer is younger than 60 s.
    pub fn now(&self) -> Option<Timestamp> {
        let (date, at) = (*self.seen.lock().unwrap_or_else(PoisonError::into_inner))?;
        let passed = self.machine.since(at);
        let passed = SignedDuration::try_from(passed).ok().filter(|_| passed < FRESH)?;
        date.checked_add(passed).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A machine that was switched on so many seconds ago.
    #[derive(Debug)]
    struct Up(AtomicU64);

    impl Machine for Up {
        fn uptime(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }

        fn time_of_day(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn random(&self) -> u128 {
            0
        }
    }

    #[test]
    fn a_date_of_the_future_counts_no_longer_than_any_other() {
        let up = Arc::new(Up(AtomicU64::new(100)));
        let time = AzureTime::new(Arc::clone(&up) as Arc<dyn Machine>);
        let at = |text: &str| text.parse::<Timestamp>().ok();
        time.saw(at("2026-06-01T08:00:00Z"));
        time.saw(at("2026-06-01T07:59:00Z"));
        assert_eq!(time.now(), at("2026-06-01T08:00:00Z"), "not turned back");
        time.saw(at("2027-06-01T08:00:00Z"));
        up.0.store(159, Ordering::Relaxed);
        time.saw(at("2026-06-01T08:00:59Z"));
        assert_eq!(time.now(), at("2027-06-01T08:00:59Z"));
        up.0.store(160, Ordering::Relaxed);
        assert_eq!(time.now(), None);
        time.saw(at("2026-06-01T08:01:00Z"));
        assert_eq!(time.now(), at("2026-06-01T08:01:00Z"));
    }
}
