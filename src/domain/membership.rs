//! Who of the operator's replicas is alive, and which of them works on a vault.
//!
//! A Lease only says who works; what may be sent is the item record's business. So being wrong here costs reads, or a
//! few seconds, and never a second call.

use super::ids::hex_sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The replicas that share the work, by the names of their Leases.
pub type Members = BTreeSet<String>;

/// Each replica writes its Lease this often.
pub const RENEWED_EVERY: Duration = Duration::from_secs(1);

/// Each replica looks at all Leases this often.
pub const LOOKED_EVERY: Duration = Duration::from_millis(500);

/// A member whose Lease was not seen to change for this long is dead.
pub const EXPIRES_AFTER: Duration = Duration::from_secs(4);

/// A Lease that did not change for this long is of no use to anybody.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// Between two looks that are further apart than this, nobody watched: that time is held against no member.
const LONGEST_BLINK: Duration = Duration::from_secs(2);

/// One Lease, as a look showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLease {
    /// Its name, which is the member's.
    pub member: String,
    /// Another one after every write.
    pub version: String,
    /// Its holder gave it up.
    pub released: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    version: String,
    /// When it was first seen as it is, less the time in which nobody watched.
    changed: Duration,
    released: bool,
}

/// What one replica knows of all. It measures with its own clock alone, which counts from any fixed moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    own: String,
    known: BTreeMap<String, Known>,
    looked: Duration,
}

impl Membership {
    /// Of a replica that has seen no other yet.
    pub fn new(own: &str) -> Self {
        Self { own: own.to_owned(), known: BTreeMap::new(), looked: Duration::ZERO }
    }

    /// Takes note of all Leases, as a list showed them that was asked for at `now`.
    pub fn look(&mut self, leases: &[SeenLease], now: Duration) {
        let passed = now.saturating_sub(self.looked);
        let unwatched = if passed > LONGEST_BLINK { passed } else { Duration::ZERO };
        let of = |lease: &SeenLease| {
            let same = self.known.get(&lease.member).filter(|known| known.version == lease.version);
            // One that is seen for the first time is given the time to show that it lives.
            let changed = same.map_or(now, |known| known.changed.saturating_add(unwatched).min(now));
            (lease.member.clone(), Known { version: lease.version.clone(), changed, released: lease.released })
        };
        self.known = leases.iter().map(of).collect();
        self.looked = now;
    }

    /// Who shares the work, by the last look. Oneself does, whatever became of one's Lease.
    pub fn live(&self) -> Members {
        let alive = |known: &Known| !known.released && self.unchanged(known) < EXPIRES_AFTER;
        let others = self.known.iter().filter(|(_, known)| alive(known)).map(|(member, _)| member.clone());
        others.chain([self.own.clone()]).collect()
    }

    /// The Leases that nobody will come back to.
    pub fn forgotten(&self) -> Members {
        let useless = |known: &Known| self.unchanged(known) >= FORGOTTEN_AFTER;
        let all = self.known.iter().filter(|(member, known)| **member != self.own && useless(known));
        all.map(|(member, _)| member.clone()).collect()
    }

    fn unchanged(&self, known: &Known) -> Duration {
        self.looked.saturating_sub(known.changed)
    }
}

/// Who works on it: the member with the greatest hash of both (rendezvous hashing), so that all who know the same members
/// agree, and a member that comes or goes moves nothing but its own share. `None` when there are no members.
pub fn owner<'a>(members: &'a Members, of: &str) -> Option<&'a String> {
    members.iter().max_by_key(|member| (hex_sha256(format!("{member}\n{of}").as_bytes()), *member))
}

#[cfg(test)]
mod tests;
