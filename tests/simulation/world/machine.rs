//! The machine below a simulated replica: its clock is the runtime's paused one, its chance comes from the seed.

use std::time::Duration;

use asr_operator::controller::machine::Machine;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::chance::Chance;

/// When every simulated world begins, by true time.
pub const BEGINNING: Timestamp = Timestamp::constant(1_780_300_800, 0);

/// True time, from the beginning of the world.
#[derive(Clone, Copy, Debug)]
pub struct Time(Instant);

impl Time {
    /// A world that begins now.
    pub fn begins() -> Self {
        Self(Instant::now())
    }

    /// How old the world is.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// What a clock shows that is wrong by `skew`.
    pub fn shown(self, skew: SignedDuration) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.elapsed()).unwrap_or_default();
        BEGINNING + elapsed + skew
    }
}

/// A machine whose time and chance are the world's.
#[derive(Clone, Debug)]
pub struct Virtual {
    /// True time.
    pub time: Time,
    /// By how much its time of day is wrong.
    pub skew: SignedDuration,
    /// What it draws from.
    pub chance: Chance,
    /// How fast its clock goes; 1 is right, and one that stands is 0.
    pub pace: f64,
    /// Whether everything that it draws is the same.
    pub constant: bool,
}

impl Machine for Virtual {
    fn uptime(&self) -> Duration {
        Duration::from_secs(1) + self.time.elapsed().mul_f64(self.pace)
    }

    fn time_of_day(&self) -> Timestamp {
        self.time.shown(self.skew)
    }

    fn random(&self) -> u128 {
        if self.constant { 0 } else { self.chance.bits() }
    }
}
