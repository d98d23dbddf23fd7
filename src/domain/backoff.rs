//! How long to wait after an error, by its class. Arithmetic only: chance comes in as a number.

use std::time::Duration;

/// What kind of trouble an error is; decides who acts and how soon it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// No error: something is still under way.
    Waiting,
    /// It will pass by itself: 5xx, 429, timeouts, write conflicts.
    Transient,
    /// The identity may not do this, or not yet.
    Access,
    /// A person must change something in the cluster or in Azure.
    UserFix,
    /// It ended, and stays ended.
    Terminal,
    /// The operator contradicts itself.
    Bug,
}

impl Class {
    /// The word used in logs and metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Transient => "transient",
            Self::Access => "access",
            Self::UserFix => "user",
            Self::Terminal => "terminal",
            Self::Bug => "bug",
        }
    }

    /// First delay and longest delay of this class; both grow and jitter between.
    const fn bounds(self) -> (Duration, Duration) {
        match self {
            Self::Waiting => (Duration::from_secs(2), Duration::from_secs(60)),
            Self::Transient => (Duration::from_secs(1), Duration::from_secs(300)),
            Self::Access => (Duration::from_secs(10), Duration::from_secs(600)),
            Self::UserFix => (Duration::from_secs(15), Duration::from_secs(600)),
            Self::Terminal | Self::Bug => (Duration::from_secs(600), Duration::from_secs(600)),
        }
    }
}

/// The delay before attempt `attempt` (the first failure is 1): doubled each time up to the class's limit, then spread over
/// 50-100 % by `chance` (0.0 to 1.0; anything else is clamped) so that many objects do not come back at once.
pub fn delay(class: Class, attempt: u32, chance: f64) -> Duration {
    let (first, longest) = class.bounds();
    let doubled = first.saturating_mul(1_u32 << attempt.saturating_sub(1).min(16));
    doubled.min(longest).mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_limit_and_stays_there() {
        assert_eq!(delay(Class::Transient, 1, 1.0), Duration::from_secs(1));
        assert_eq!(delay(Class::Transient, 4, 1.0), Duration::from_secs(8));
        assert_eq!(delay(Class::Transient, u32::MAX, 1.0), Duration::from_secs(300));
        assert_eq!(delay(Class::Transient, 4, 0.0), Duration::from_secs(4));
    }
}
