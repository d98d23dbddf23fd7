//! The guards of the protocol that can be removed from outside, without a hook in the shipped code.

/// A guard, and how it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The API server takes a write whatever version it names.
    CompareAndSwap,
    /// The clock of the first process stands: its window to send in never closes.
    SendWindow,
    /// The operator's clock is twenty times too fast: the wait before absence is believed is over too soon.
    AbsenceWait,
    /// The job list is always empty.
    LookBack,
    /// The write of an open intent is acknowledged and not kept.
    Durability,
    /// Every nonce is the same.
    Nonce,
}
