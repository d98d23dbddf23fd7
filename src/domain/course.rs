//! The course of a VM: where it can stand, and which act leads from there to where. The README draws it.
//!
//! Decisions are the verbs' own; this table is what they come to, and a test walks both over every state of the service.

use super::ids::Kind;
use super::item::{Active, Item};

/// Where a VM stands, on whichever side it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Station {
    /// Replicated, with points to fail over to.
    Protected,
    /// Failed over; the point can be changed.
    CommitPending,
    /// The failover is final; nothing is replicated.
    Committed,
    /// Replication is reversed, and data is being copied.
    Copying,
}

impl Station {
    /// Every station.
    pub const ALL: [Station; 4] = [Self::Protected, Self::CommitPending, Self::Committed, Self::Copying];

    /// The word in the README's diagram.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Protected => "Protected",
            Self::CommitPending => "CommitPending",
            Self::Committed => "Committed",
            Self::Copying => "Copying",
        }
    }

    /// Where the VM of an item stands; `None` for a state that this table does not have, as with a drill that is up.
    pub fn of(item: &Item) -> Option<Self> {
        if item.pending_commit() {
            return Some(Self::CommitPending);
        }
        if item.committed() {
            return Some(Self::Committed);
        }
        match item.active? {
            Active::Primary if item.may_fail_over() => Some(Self::Protected),
            Active::Primary if item.allowed.iter().all(|o| o == "DisableProtection") => Some(Self::Copying),
            _ => None,
        }
    }
}

/// One arrow of the course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Where it begins.
    pub from: Station,
    /// The request that leads on; `None` where time does.
    pub act: Option<Kind>,
    /// Where it ends.
    pub to: Station,
    /// Whether the VM runs on the other side afterwards.
    pub crosses: bool,
}

const fn arrow(from: Station, act: Option<Kind>, to: Station, crosses: bool) -> Transition {
    Transition { from, act, to, crosses }
}

/// Every arrow. Whatever has none is refused, or there is nothing to do.
pub const TRANSITIONS: [Transition; 5] = [
    arrow(Station::Protected, Some(Kind::FailoverRequest), Station::CommitPending, true),
    arrow(Station::CommitPending, Some(Kind::ChangeRecoveryPointRequest), Station::CommitPending, false),
    arrow(Station::CommitPending, Some(Kind::CommitRequest), Station::Committed, false),
    arrow(Station::Committed, Some(Kind::ReprotectRequest), Station::Copying, false),
    arrow(Station::Copying, None, Station::Protected, false),
];
