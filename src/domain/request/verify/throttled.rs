//! A call that was answered 429: Azure says that it was not processed, and nothing ends on that word alone. It never sends.

use super::super::super::item::Obstacle;
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::record::{Intent, Outcome};
use super::super::super::{Reason, resolve};
use super::super::{Decision, Next, wait};
use super::SOON;
use jiff::{SignedDuration, Timestamp};

/// How long after a call its job may be missing from the list of jobs.
pub(in crate::domain::request) const LISTED: SignedDuration = SignedDuration::from_secs(200);

/// Why a request does not end right after its call was answered 429.
pub(super) const WAITS: &str = "The call was throttled, and the request is about to end without it. Whether the call was executed nevertheless is looked for in the vault's jobs for some minutes.";

/// What comes before letting go of a call that was answered 429, whose object is gone: a job of it, were it executed
/// nevertheless, is followed, and waited for until it would be listed.
pub(in crate::domain::request) fn after_throttled(facts: &Facts, azure: &Azure) -> Option<Decision> {
    let record = facts.record.as_ref()?;
    let intent = record.intent.as_ref().filter(|i| was(i))?;
    let jobs = azure.jobs.as_ref().and_then(Reading::known);
    if let Some(job) = jobs.and_then(|jobs| resolve::own_job(jobs, intent)) {
        return Some(resolve::adopt(facts, record, job));
    }
    let over = jobs.is_some() && azure.now.is_some_and(|now| !lately(Some(intent), now));
    (!over).then(|| wait(facts, &Obstacle::new(Reason::LookingBack, WAITS), Next::After(SOON)))
}

/// Whether the call was answered 429.
pub(super) fn was(intent: &Intent) -> bool {
    matches!(intent.outcome, Some(Outcome::Throttled { .. }))
}

/// Whether it was answered so lately that a job of it, were it executed nevertheless, need not be listed.
pub(super) fn lately(before: Option<&Intent>, now: Timestamp) -> bool {
    let sent = before.filter(|i| was(i)).and_then(|i| i.t0);
    sent.is_some_and(|t0| now.duration_since(t0) < LISTED)
}
