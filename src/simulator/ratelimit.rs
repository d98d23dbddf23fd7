//! Token buckets of ARM: one per principal and kind of call, in real time.
//!
//! Pure: real time comes in as the time since the process started.

use std::collections::HashMap;
use std::time::Duration;

use super::settings::{Bucket, RateLimits};

/// The kinds of call that ARM counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Reads,
    Writes,
    Deletes,
}

impl Kind {
    /// The kind of an HTTP method.
    pub(crate) fn of(method: &str) -> Self {
        match method {
            "GET" | "HEAD" => Self::Reads,
            "DELETE" => Self::Deletes,
            _ => Self::Writes,
        }
    }

    /// The word in the header's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Deletes => "deletes",
        }
    }
}

/// What is left after a call, or how long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Tokens left in the bucket.
    Passed(u32),
    /// Whole seconds until one token is back, at least 1.
    Throttled(u32),
}

#[derive(Debug, Clone, Copy)]
struct Level {
    tokens: f64,
    seen: Duration,
}

/// All buckets.
pub(crate) struct RateLimiter {
    limits: RateLimits,
    levels: HashMap<(String, Kind), Level>,
}

impl RateLimiter {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self { limits, levels: HashMap::new() }
    }

    /// Takes a token of `principal` at `uptime`, if there is one.
    pub(crate) fn take(&mut self, principal: &str, kind: Kind, uptime: Duration) -> Verdict {
        let bucket = self.bucket(kind);
        let full = Level { tokens: f64::from(bucket.capacity), seen: uptime };
        let level = self.levels.entry((principal.to_owned(), kind)).or_insert(full);
        let elapsed = uptime.saturating_sub(level.seen).as_secs_f64();
        level.tokens = (level.tokens + elapsed * bucket.refill_per_second).min(f64::from(bucket.capacity));
        level.seen = uptime;
        if level.tokens < 1.0 {
            let wait = (1.0 - level.tokens) / bucket.refill_per_second.max(0.001);
            return Verdict::Throttled(whole(wait.ceil().max(1.0)));
        }
        level.tokens -= 1.0;
        Verdict::Passed(whole(level.tokens))
    }

    fn bucket(&self, kind: Kind) -> Bucket {
        match kind {
            Kind::Reads => self.limits.reads,
            Kind::Writes => self.limits.writes,
            Kind::Deletes => self.limits.deletes,
        }
    }
}

/// The whole part of a number that is never negative; far too large becomes the largest.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates, which is what is wanted"
)]
fn whole(value: f64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_bucket_says_when_the_next_token_comes() {
        let bucket = Bucket { capacity: 2, refill_per_second: 0.5 };
        let mut limiter = RateLimiter::new(RateLimits { writes: bucket, ..RateLimits::default() });
        let mut take = |at| limiter.take("p", Kind::Writes, Duration::from_secs(at));
        assert_eq!(take(0), Verdict::Passed(1));
        assert_eq!(take(0), Verdict::Passed(0));
        assert_eq!(take(0), Verdict::Throttled(2));
        assert_eq!(take(2), Verdict::Passed(0));
    }

    #[test]
    fn principals_and_kinds_do_not_share_a_bucket() {
        let bucket = Bucket { capacity: 1, refill_per_second: 1.0 };
        let mut limiter = RateLimiter::new(RateLimits { reads: bucket, writes: bucket, deletes: bucket });
        for (who, kind) in [("a", Kind::Reads), ("a", Kind::Writes), ("b", Kind::Writes)] {
            assert_eq!(limiter.take(who, kind, Duration::ZERO), Verdict::Passed(0));
        }
    }
}
