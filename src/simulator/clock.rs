//! The virtual clock: starts at the seed's date, runs at a rate, can be pushed forward.
//!
//! Pure: real time comes in as the time since the process started. Only service time (jobs, recovery points, copying)
//! is virtual; what belongs to HTTP (Retry-After, token life, rate limits, delays of faults) is real and lives elsewhere.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Virtual time as a straight line over real time.
#[derive(Debug, Clone)]
pub struct Clock {
    virtual_origin: Timestamp,
    real_origin: Duration,
    rate: f64,
}

/// What the control interface shows of the clock.
#[derive(Debug, Clone, Serialize)]
pub struct Reading {
    /// The virtual instant, which is also the `Date` of every answer.
    pub now: Timestamp,
    /// Virtual seconds per real second; 0 is a clock that stands.
    pub rate: f64,
}

impl Clock {
    /// A clock that shows `date` when the process starts and runs at `rate` virtual seconds per real second.
    #[must_use]
    pub fn starting_at(date: Timestamp, rate: f64) -> Self {
        Self { virtual_origin: date, real_origin: Duration::ZERO, rate: rate.max(0.0) }
    }

    /// The virtual instant at `uptime`, the real time since the process started.
    #[must_use]
    pub fn now(&self, uptime: Duration) -> Timestamp {
        let real = uptime.saturating_sub(self.real_origin);
        later(self.virtual_origin, real.as_secs_f64() * self.rate)
    }

    /// Changes the rate from now on; the instant shown does not jump.
    pub fn set_rate(&mut self, rate: f64, uptime: Duration) {
        self.virtual_origin = self.now(uptime);
        self.real_origin = uptime;
        self.rate = rate.max(0.0);
    }

    /// Jumps forward by `seconds` of virtual time; a negative jump does nothing, time never goes back.
    pub fn advance(&mut self, seconds: f64) {
        self.virtual_origin = later(self.virtual_origin, seconds.max(0.0));
    }

    /// What the control interface answers.
    #[must_use]
    pub fn reading(&self, uptime: Duration) -> Reading {
        Reading { now: self.now(uptime), rate: self.rate }
    }
}

/// `seconds` after `instant` (before it when negative), held inside the range that a timestamp can show.
pub(crate) fn later(instant: Timestamp, seconds: f64) -> Timestamp {
    let bound = if seconds < 0.0 { Timestamp::MIN } else { Timestamp::MAX };
    SignedDuration::try_from_secs_f64(seconds).ok().and_then(|by| instant.checked_add(by).ok()).unwrap_or(bound)
}

/// Seconds from `from` to `to`; negative when `to` is the earlier one.
pub(crate) fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-06-01T08:00:00Z".parse().unwrap()
    }

    #[test]
    fn runs_at_its_rate_below_the_second() {
        let clock = Clock::starting_at(start(), 60.0);
        assert_eq!(clock.now(Duration::from_millis(10)).to_string(), "2026-06-01T08:00:00.6Z");
    }

    #[test]
    fn a_new_rate_does_not_make_the_instant_jump() {
        let mut clock = Clock::starting_at(start(), 60.0);
        let uptime = Duration::from_secs(10);
        let before = clock.now(uptime);
        clock.set_rate(1.0, uptime);
        assert_eq!(clock.now(uptime), before);
        assert_eq!(seconds_between(before, clock.now(Duration::from_secs(15))), 5.0);
    }

    #[test]
    fn never_goes_back_and_never_overflows() {
        let mut clock = Clock::starting_at(start(), 1.0);
        clock.advance(-3600.0);
        assert_eq!(clock.now(Duration::ZERO), start());
        clock.advance(f64::MAX);
        assert_eq!(clock.now(Duration::ZERO), Timestamp::MAX);
    }
}
