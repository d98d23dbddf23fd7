//! What validUntil bounds: the first call alone, by Azure's time. It sends nothing.

use super::super::super::Reason;
use super::super::super::item::Obstacle;
use super::super::super::observed::{Azure, Facts, Request};
use super::super::super::record::End;
use super::super::{Decision, Next, conclude, wait};
use super::{Case, Intent, SOON, end_unless_sent, has_finished, is_last, not_again, standing, throttled};
use jiff::{SignedDuration, Timestamp};

/// What is missing keeps the request waiting; if it holds the item with a call that never left, only until its validUntil.
pub(super) fn not_ready(facts: &Facts, azure: &Azure, obstacle: Obstacle, next: Next) -> Decision {
    let Some(record) = facts.record.as_ref().filter(|r| r.held_by(&facts.key)) else {
        return wait(facts, &overdue(facts, azure, obstacle), next);
    };
    if let Some(intent) = record.intent.as_ref().filter(|intent| is_last(intent)) {
        return not_again(facts, record, intent);
    }
    if has_finished(facts, record) {
        return wait(facts, &standing(record, obstacle), next);
    }
    if let Some(intent) = record.intent.as_ref().filter(|intent| intent.was_made()) {
        let late = facts.request.as_ref().zip(azure.now).and_then(|(request, now)| too_late(request, intent, now));
        return match late {
            Some(late) => throttled::after_throttled(facts, azure)
                .unwrap_or_else(|| conclude(facts, azure, End::Failed, late, None)),
            None => wait(facts, &obstacle, next),
        };
    }
    match facts.request.as_ref().zip(azure.now).and_then(|(request, now)| expiry(request, now)) {
        Some(expired) => match record.intent.as_ref().filter(|i| throttled::was(i)) {
            Some(intent) => end_unless_sent(facts, azure, intent.step, (End::Expired, expired)),
            None => conclude(facts, azure, End::Expired, expired, None),
        },
        None => wait(facts, &obstacle, next),
    }
}

/// The time after a call within which it may be made once more though validUntil has passed: the proof that nothing came of it
/// takes over three minutes of it.
const ONCE_MORE: SignedDuration = SignedDuration::from_mins(15);

/// Why a call that came to nothing is not made once more at this time.
pub(in crate::domain) fn too_late(request: &Request, intent: &Intent, now: Timestamp) -> Option<Obstacle> {
    let until = request.valid_until;
    let bound = intent.t0.and_then(|t0| t0.checked_add(ONCE_MORE).ok()).map_or(until, |once_more| once_more.max(until));
    (bound < now).then(|| {
        let text = format!(
            "A call of this request (client request id {}) came to nothing, and validUntil {until} has passed (Azure's time is {now}): nothing more is sent. Create a new request if it is still wanted.",
            intent.client_request_id
        );
        Obstacle::new(Reason::Expired, text)
    })
}

/// What keeps a request from its end, in words that say that it sends nothing any more.
fn overdue(facts: &Facts, azure: &Azure, obstacle: Obstacle) -> Obstacle {
    let passed = facts.request.as_ref().zip(azure.now).filter(|(request, now)| request.valid_until < *now);
    let Some((request, _)) = passed else { return obstacle };
    let text = format!(
        "validUntil {} has passed: nothing is sent any more. It ends once the vault's jobs show that it made no call: {}",
        request.valid_until, obstacle.message
    );
    Obstacle::new(obstacle.reason, text)
}

/// The end of a request whose validUntil passed.
pub fn expiry(request: &Request, now: Timestamp) -> Option<Obstacle> {
    let until = request.valid_until;
    (until < now).then(|| {
        let text = format!(
            "validUntil {until} has passed (Azure's time is {now}): nothing is sent. Create a new request if it is still wanted."
        );
        Obstacle::new(Reason::Expired, text)
    })
}

impl Case<'_> {
    /// Why a first step that came to nothing is not made once more at this time.
    pub(super) fn too_late(&self) -> Option<Obstacle> {
        let intent = self.before().filter(|_| !self.started())?;
        too_late(self.request, intent, self.now)
    }

    /// Ends the request that made a call of which nothing came.
    pub(super) fn give_up(&self, obstacle: Obstacle) -> Decision {
        if throttled::lately(self.before(), self.now) {
            return *self.wait(Reason::LookingBack, throttled::WAITS, SOON);
        }
        conclude(self.facts, self.azure, End::Failed, obstacle, None)
    }

    /// Why the request may make no first call at this time, and how it ends so.
    pub(super) fn validity(&self) -> Option<(End, Obstacle)> {
        if let Some(obstacle) = expiry(self.request, self.now) {
            return Some((End::Expired, obstacle));
        }
        let until = self.request.valid_until;
        let ahead = SignedDuration::try_from(self.facts.limits.max_validity).unwrap_or(SignedDuration::MAX);
        (until.duration_since(self.now) > ahead).then(|| {
            let text = format!(
                "validUntil {until} lies more than {ahead:#} ahead of Azure's time {}: nothing is sent. Create a new request with a nearer validUntil.",
                self.now
            );
            (End::Refused, Obstacle::new(Reason::ValidUntilTooFar, text))
        })
    }
}
