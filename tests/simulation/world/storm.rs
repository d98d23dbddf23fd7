//! A storm: random fates for a time, then peace. What it does follows from its own stream of chance, so that two worlds
//! of one seed are met by the same kind of weather.

use std::time::Duration;

use super::chance::Chance;
use super::crossing::{Crossing, Fate, Script, Side, Target};
use super::machine::Time;

/// A storm over one world.
pub struct Storm {
    /// What it draws from.
    pub chance: Chance,
    /// True time.
    pub time: Time,
    /// When it is over.
    pub until: Duration,
    /// How likely a call to the API server meets something.
    pub api: f64,
    /// How likely a read of Azure does.
    pub reads: f64,
    /// How likely a mutating call of Azure does.
    pub calls: f64,
    /// Whether processes die and stop, too.
    pub lives: bool,
}

impl Storm {
    fn stop(&self) -> Fate {
        let side = if self.chance.hit(0.5) { Side::Before } else { Side::After };
        match self.chance.below(4) {
            0 | 1 => Fate::Crash(side),
            2 => Fate::Pause(side, self.chance.millis(500, 15_000)),
            _ => Fate::Pause(side, self.chance.seconds(15, 400)),
        }
    }

    fn failure(&self, crossing: &Crossing) -> Fate {
        let executed = self.chance.hit(0.5);
        match (self.chance.below(10), crossing.mutating) {
            (0..=2, _) => Fate::AnswerLost,
            (3, _) => Fate::NeverArrives,
            (4, true) => Fate::ArrivesLate(self.chance.millis(100, 75_000)),
            (4, false) => Fate::Garbled,
            (5, true) if crossing.target == Target::Arm => Fate::Garbled,
            (5, _) => Fate::Answered { status: 429, executed: false },
            (6, true) if crossing.target == Target::Api => Fate::Answered { status: 409, executed: false },
            (6, _) => Fate::Answered { status: 408, executed: crossing.mutating && executed },
            (7 | 8, _) => Fate::Answered { status: 504, executed: crossing.mutating && executed },
            _ => Fate::Answered { status: 500, executed: crossing.mutating && executed },
        }
    }
}

impl Script for Storm {
    fn fate(&self, crossing: &Crossing) -> Fate {
        if self.time.elapsed() > self.until {
            return Fate::Passes;
        }
        let likely = match crossing.target {
            Target::Arm if crossing.mutating => self.calls,
            Target::Arm => self.reads,
            Target::Api | Target::Entra => self.api,
        };
        if !self.chance.hit(likely) {
            return Fate::Passes;
        }
        if self.lives && self.chance.hit(0.35) { self.stop() } else { self.failure(crossing) }
    }
}
