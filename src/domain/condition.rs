//! Conditions as values: type, truth, reason, message. Times and generations belong to the shell that writes them.

use super::Reason;

/// The condition types of all kinds; each kind shows its own, in a fixed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionType {
    /// The object did, or is, what it declares.
    Ready,
    /// Work goes on, or waits for something or somebody that the message names, and then goes on.
    Reconciling,
    /// It ended otherwise than declared, or cannot go on until the message's remedy is applied.
    Stalled,
    /// The request's target is frozen.
    Accepted,
    /// The source VM was shut down before the failover.
    SourceShutdown,
    /// The failover job succeeded.
    FailedOver,
    /// The failover was made final.
    Committed,
    /// The request's own verb is done.
    Done,
    /// Replication runs the other way.
    Reversed,
    /// All data has been copied since replication was reversed.
    Synchronized,
    /// The service calls the VM protected.
    Protected,
    /// The service calls its replication healthy.
    ReplicationHealthy,
    /// A failover would be accepted now.
    FailoverReady,
    /// A failover waits for its commit.
    PendingCommit,
    /// The VM failed over, was committed, and is not replicated back.
    NeedsReprotect,
    /// The last successful drill is recent enough.
    DrillCurrent,
}

impl ConditionType {
    /// The type as it is written in `status.conditions[].type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Accepted => "Accepted",
            Self::SourceShutdown => "SourceShutdown",
            Self::FailedOver => "FailedOver",
            Self::Committed => "Committed",
            Self::Done => "Done",
            Self::Reversed => "Reversed",
            Self::Synchronized => "Synchronized",
            Self::Protected => "Protected",
            Self::ReplicationHealthy => "ReplicationHealthy",
            Self::FailoverReady => "FailoverReady",
            Self::PendingCommit => "PendingCommit",
            Self::NeedsReprotect => "NeedsReprotect",
            Self::DrillCurrent => "DrillCurrent",
        }
    }
}

/// The three values of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// It is not known.
    Unknown,
}

impl Truth {
    /// As written in `status.conditions[].status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    /// What a known fact is as a condition value.
    pub const fn of(fact: bool) -> Self {
        if fact { Self::True } else { Self::False }
    }
}

/// One condition, still without time and generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Which question it answers.
    pub kind: ConditionType,
    /// The answer.
    pub truth: Truth,
    /// Why, as one word.
    pub reason: Reason,
    /// Why, and what to do, for a person.
    pub message: String,
}

impl Condition {
    /// A condition from its four parts.
    pub fn new(kind: ConditionType, truth: Truth, reason: Reason, message: impl Into<String>) -> Self {
        Self { kind, truth, reason, message: message.into() }
    }
}

/// Where an object stands, in the words of kstatus: exactly one of the three holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Done, or as declared.
    Ready,
    /// Work goes on or waits, for a person's word too: tools that wait must not call it failed.
    Reconciling,
    /// Ended otherwise, or something is wrong that must be mended first.
    Stalled,
}

/// The trio that every kind carries: `Ready`, `Reconciling`, `Stalled`, in this order and consistent by construction.
pub fn trio(standing: Standing, reason: Reason, message: &str) -> [Condition; 3] {
    let truth = |s: Standing| Truth::of(s == standing);
    let one = |kind, truth| Condition::new(kind, truth, reason, message);
    [
        one(ConditionType::Ready, truth(Standing::Ready)),
        one(ConditionType::Reconciling, truth(Standing::Reconciling)),
        one(ConditionType::Stalled, truth(Standing::Stalled)),
    ]
}
