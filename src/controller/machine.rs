//! What a replica takes from the machine it runs on: a clock that counts suspension, the time of day, and chance.
//!
//! The seam under every look at the clock and every draw of the shell: the simulation tier puts a machine in its place
//! whose time and chance come from a seed.

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// A machine.
pub trait Machine: Send + Sync + fmt::Debug {
    /// How long it has been up, suspension included.
    fn uptime(&self) -> Duration;

    /// The time of day, to be shown to people. Nothing is decided by it.
    fn time_of_day(&self) -> Timestamp;

    /// Bits that nobody can foresee.
    fn random(&self) -> u128;
}

/// A point on a machine's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// How long after `earlier` this was.
    pub fn after(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl dyn Machine {
    /// Now.
    pub fn now(&self) -> Moment {
        Moment(self.uptime())
    }

    /// How long ago `moment` was.
    pub fn since(&self, moment: Moment) -> Duration {
        self.uptime().saturating_sub(moment.0)
    }

    /// A number from 0 to 1, which spreads pauses.
    pub fn chance(&self) -> f64 {
        // Of 128 bits, the 32 lowest are plenty for a pause.
        f64::from((self.random() & u128::from(u32::MAX)) as u32) / f64::from(u32::MAX)
    }

    /// A text that was never used before.
    pub fn nonce(&self) -> String {
        uuid::Builder::from_random_bytes(self.random().to_be_bytes()).into_uuid().to_string()
    }
}

/// The machine that this process runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn uptime(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
        Duration::new(seconds, nanos)
    }

    fn time_of_day(&self) -> Timestamp {
        Timestamp::now()
    }

    fn random(&self) -> u128 {
        Uuid::new_v4().as_u128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_lies_between_nothing_and_one_and_nonces_differ() {
        let machine: &dyn Machine = &ThisMachine;
        let draws: Vec<f64> = (0..1000).map(|_| machine.chance()).collect();
        assert!(draws.iter().all(|chance| (0.0..=1.0).contains(chance)));
        assert!(draws.iter().any(|chance| *chance < 0.5) && draws.iter().any(|chance| *chance > 0.5), "{draws:?}");
        assert_ne!(machine.nonce(), machine.nonce());
    }

    #[test]
    fn the_clock_goes_on() {
        let machine: &dyn Machine = &ThisMachine;
        let moment = machine.now();
        while machine.since(moment) < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert!(machine.now() > moment);
    }
}
