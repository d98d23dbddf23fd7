//! What becomes of a job beside what its timetable says: it stalls, waits, is stopped, or is lost to sight.

use serde::{Deserialize, Serialize};

/// What becomes of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// It runs and does not end.
    Stalls,
    /// It was taken and does not begin.
    NeverStarts,
    /// It waits for a person.
    Suspended,
    /// Somebody stops it. No recording shows the item afterwards: it is as after a failure.
    Cancelled,
    /// It does its work, and neither the list nor its own path shows it.
    Vanishes,
}

impl Fate {
    /// Every fate, for documents and tests.
    pub const ALL: [Self; 5] = [Self::Stalls, Self::NeverStarts, Self::Suspended, Self::Cancelled, Self::Vanishes];

    /// Its name in seeds and control calls.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stalls => "stalls",
            Self::NeverStarts => "neverStarts",
            Self::Suspended => "suspended",
            Self::Cancelled => "cancelled",
            Self::Vanishes => "vanishes",
        }
    }

    /// Whether the job has no end while this lasts.
    pub(crate) fn holds(self) -> bool {
        matches!(self, Self::Stalls | Self::NeverStarts | Self::Suspended)
    }
}
