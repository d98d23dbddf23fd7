//! One attempt at one call, and what came of it. It is written down before the call is made.

use super::PointRef;
use crate::domain::ids::Step;
use crate::domain::job::JobId;
use jiff::Timestamp;

/// What is known of a call after it was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Azure accepted it and made this job.
    Accepted {
        /// The job.
        job: JobId,
    },
    /// Azure refused it; nothing was done.
    Refused {
        /// Azure's words.
        detail: String,
    },
    /// No byte left this program.
    NotSent {
        /// Why.
        detail: String,
    },
    /// Azure did not process it.
    Throttled {
        /// How long Azure wants to be left alone, in seconds from the intent's time.
        retry_after: u32,
    },
    /// It may have been executed.
    Unknown {
        /// What was seen.
        detail: String,
    },
    /// It was not executed: long enough after it nothing came of it, by the proof of the protocol's step 7.
    Absent {
        /// What was seen.
        detail: String,
    },
}

/// One attempt at one call, written down before the call is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Random, new with every write: tells one's own write from another's after a lost answer.
    pub nonce: String,
    /// The step.
    pub step: Step,
    /// How often the step was used before in this request.
    pub ordinal: u32,
    /// The attempt, from 1.
    pub attempt: u32,
    /// What Azure's job will carry.
    pub client_request_id: String,
    /// SHA-256 of the body's bytes.
    pub body_hash: String,
    /// The point that the call names; `None` lets Azure take the latest.
    pub point: Option<PointRef>,
    /// Azure's time when the intent was written.
    pub t0: Option<Timestamp>,
    /// Whether no further attempt follows: Azure answered that something was in the way (409), a person was told that the
    /// call is not made again, or said which job it became.
    pub last: bool,
    /// What came of it; `None` while unknown even to the writer.
    pub outcome: Option<Outcome>,
}

impl Intent {
    /// Whether a call of this step was certainly sent, were it one that came to nothing: its request is used up.
    pub fn was_made(&self) -> bool {
        self.attempt > 1 || matches!(self.outcome, Some(Outcome::Absent { .. }))
    }

    /// Whether a person may say what became of the call.
    pub fn may_be_decided(&self) -> bool {
        match self.outcome {
            None | Some(Outcome::Unknown { .. } | Outcome::Absent { .. }) => true,
            Some(Outcome::NotSent { .. } | Outcome::Throttled { .. }) => self.was_made() || self.last,
            Some(Outcome::Accepted { .. } | Outcome::Refused { .. }) => false,
        }
    }
}
