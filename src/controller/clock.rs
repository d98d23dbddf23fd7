//! Clocks of the shell: the send window by a clock that counts suspension, and Azure's time by its own `Date`.
//!
//! No decision compares a local clock with a remote one; a local clock only measures how long ago something was seen.

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A point on CLOCK_BOOTTIME, which goes on while the machine sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Self(Duration::new(seconds, nanos))
    }

    /// How long ago it was.
    pub fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

/// The first byte of a mutating call leaves within this time of the moment before its intent was written.
pub const SEND_WINDOW: Duration = Duration::from_secs(10);

/// An answer of Azure older than this says nothing of Azure's time.
const FRESH: Duration = Duration::from_secs(60);

/// Azure's time, as its newest answer gave it.
#[derive(Debug, Default)]
pub struct AzureTime(Mutex<Option<(Timestamp, Moment)>>);

impl AzureTime {
    /// Takes note of an answer's `Date`. An older date than was seen does not turn the clock back.
    pub fn saw(&self, date: Option<Timestamp>) {
        let Some(date) = date else { return };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_none_or(|(last, _)| last <= date) {
            *seen = Some((date, Moment::now()));
        }
    }

    /// Azure's time now: the newest `Date` and the time that passed here since. `None` when no answer is younger than 60 s.
    pub fn now(&self) -> Option<Timestamp> {
        let (date, at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let passed = at.elapsed();
        let passed = SignedDuration::try_from(passed).ok().filter(|_| passed < FRESH)?;
        date.checked_add(passed).ok()
    }
}
