//! A person's word on a request: what it does to the request, and what it shows of itself. It never makes a call.

use super::Reason;
use super::condition::{Condition, ConditionType, Standing, Truth, trio};
use super::ids::{RequestKey, same};
use super::item::Obstacle;
use super::job::JobId;
use super::record::{End, Intent, Outcome, Record};
use super::verb;
use jiff::Timestamp;

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The request is taken back, if its call was not begun.
    Cancel,
    /// The call with this id was executed, as this job.
    Happened {
        /// The call's client request id.
        client_request_id: String,
        /// The job.
        job: JobId,
    },
    /// The call with this id was not executed.
    DidNotHappen {
        /// The call's client request id.
        client_request_id: String,
    },
}

/// One RequestDecision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonDecision {
    /// Its name.
    pub name: String,
    /// What it says.
    pub word: Word,
    /// Who says so.
    pub by: String,
    /// Why.
    pub comment: String,
    /// Since when, by the API server's clock.
    pub at: Option<Timestamp>,
}

impl PersonDecision {
    /// Who, when and why, for the request's condition and event.
    pub fn told(&self) -> String {
        let at = self.at.map_or_else(String::new, |at| format!(" at {at}"));
        format!("RequestDecision {} of {}{at}: {}", self.name, self.by, self.comment)
    }

    /// Whether it is a word on this very call.
    pub fn is_about(&self, intent: &Intent) -> bool {
        match &self.word {
            Word::Cancel => false,
            Word::Happened { client_request_id, .. } | Word::DidNotHappen { client_request_id } => {
                same(client_request_id, &intent.client_request_id)
            }
        }
    }
}

/// The decision that takes the request back, if there is one.
pub fn cancel(decisions: &[PersonDecision]) -> Option<&PersonDecision> {
    decisions.iter().find(|d| d.word == Word::Cancel)
}

/// The decision on the outcome of this call, if there is one; of several the oldest.
pub fn release<'a>(decisions: &'a [PersonDecision], intent: &Intent) -> Option<&'a PersonDecision> {
    decisions.iter().filter(|d| d.is_about(intent)).min_by_key(|d| (d.at, d.name.clone()))
}

/// The decision on the outcome of this call that says something else than that it is `job`, if there is one.
pub fn otherwise<'a>(decisions: &'a [PersonDecision], intent: &Intent, job: &JobId) -> Option<&'a PersonDecision> {
    let other = |d: &&PersonDecision| !matches!(&d.word, Word::Happened { job: named, .. } if named == job);
    decisions.iter().filter(|d| d.is_about(intent)).filter(other).min_by_key(|d| (d.at, d.name.clone()))
}

/// The end of a request that a person took back; `intent` is that of its call, where one was prepared.
pub fn cancelled(decision: &PersonDecision, intent: Option<&Intent>) -> (End, Obstacle) {
    let what = match intent.filter(|intent| intent.was_made()) {
        Some(intent) => format!(
            "The request was taken back after a call (client request id {}) of which nothing came; nothing more is sent.",
            intent.client_request_id
        ),
        None => "The request was taken back before its call; nothing was sent.".to_owned(),
    };
    let text = format!("{what} {}", decision.told());
    (End::Cancelled, Obstacle::new(Reason::Cancelled, text))
}

/// What a RequestDecision shows: whether it took effect, still may, or came too late.
pub fn conditions(decision: &PersonDecision, key: &RequestKey, record: Option<&Record>) -> Vec<Condition> {
    let (standing, reason, message) = effect(decision, key, record);
    let done = Truth::of(standing == Standing::Ready);
    let accepted = Truth::of(standing != Standing::Stalled);
    let mut all = trio(standing, reason, &message).to_vec();
    all.push(Condition::new(ConditionType::Accepted, accepted, reason, &message));
    all.push(Condition::new(ConditionType::Done, done, reason, &message));
    all
}

fn effect(decision: &PersonDecision, key: &RequestKey, record: Option<&Record>) -> (Standing, Reason, String) {
    let Some(record) = record else {
        let text = format!("{key} has not been accepted for a VM yet. If it need not run at all, delete it.");
        return (Standing::Reconciling, Reason::Pending, text);
    };
    match &decision.word {
        Word::Cancel => cancel_effect(key, record),
        Word::Happened { client_request_id, job } => release_effect(client_request_id, Some(job), key, record),
        Word::DidNotHappen { client_request_id } => release_effect(client_request_id, None, key, record),
    }
}

fn cancel_effect(key: &RequestKey, record: &Record) -> (Standing, Reason, String) {
    if let Some(result) = record.consumed(key).and_then(|c| c.result.as_ref()) {
        return match result.end {
            End::Cancelled => (Standing::Ready, Reason::Cancelled, format!("{key} was taken back: {}", result.message)),
            end => {
                let text = format!("{key} had ended {} before this was said; it stays as it ended.", end.as_str());
                (Standing::Stalled, Reason::TooLate, text)
            }
        };
    }
    if record.held_by(key) && may_come_to_nothing(record) {
        let text = format!(
            "Whether the call of {key} was executed is not known yet. If nothing came of it, {key} is taken back; a running operation is never cancelled. Where {key} says OutcomeUnknown, say in a RequestDecision what became of the call."
        );
        return (Standing::Reconciling, Reason::Resolving, text);
    }
    if record.held_by(key) && !never_left(record) {
        let text = format!(
            "The call of {key} was begun before this was said, and a running operation is never cancelled: replication has stopped already and could not be started again."
        );
        return (Standing::Stalled, Reason::TooLate, text);
    }
    (Standing::Reconciling, Reason::Pending, format!("{key} is being taken back."))
}

/// Whether the holder's first call is open: nothing may have come of it.
fn may_come_to_nothing(record: &Record) -> bool {
    let open = record.intent.as_ref().is_some_and(|i| matches!(i.outcome, None | Some(Outcome::Unknown { .. })));
    record.finished.is_empty() && open
}

/// Whether nothing of the holder's request was ever executed.
pub fn never_left(record: &Record) -> bool {
    let open = record.intent.as_ref().and_then(|i| i.outcome.as_ref());
    let came_to_nothing =
        matches!(open, Some(Outcome::NotSent { .. } | Outcome::Throttled { .. } | Outcome::Absent { .. }));
    record.finished.is_empty() && came_to_nothing
}

fn release_effect(id: &str, said: Option<&JobId>, key: &RequestKey, record: &Record) -> (Standing, Reason, String) {
    let own = record.held_by(key);
    let open = record.intent.as_ref().filter(|i| own && same(&i.client_request_id, id));
    match open.map(|i| (i, &i.outcome)) {
        Some((intent, _)) if intent.may_be_decided() => {
            let noun = verb::row(intent.step).noun;
            (
                Standing::Reconciling,
                Reason::Pending,
                format!("The outcome of the {noun} of {key} is being set as said."),
            )
        }
        Some((_, Some(Outcome::Accepted { job }))) if said == Some(job) => {
            (Standing::Ready, Reason::OutcomeDecided, format!("Job {job} is followed as the call of {key}."))
        }
        Some((_, Some(Outcome::Accepted { job }))) => {
            let text = format!(
                "Job {job} is followed as the call of {key}, and Azure's word goes before a person's. This decision counts only where that job is shown to be another VM's, or is gone, or ended in a word that nobody knows."
            );
            (Standing::Reconciling, Reason::JobRunning, text)
        }
        _ if record.consumed(key).is_some_and(|c| c.result.is_some()) => {
            (Standing::Ready, Reason::OutcomeDecided, format!("{key} has ended, and its VM is free."))
        }
        _ => {
            let text = format!(
                "{key} has no call with the client request id {id} whose outcome is not known. Compare the id with the one that the request's condition shows."
            );
            (Standing::Stalled, Reason::NothingToDecide, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{Kind, Step};
    use crate::domain::record::{Owner, RunResult};

    fn key() -> RequestKey {
        RequestKey { kind: Kind::FailoverRequest, namespace: "apps".into(), name: "it".into() }
    }

    fn owner() -> Owner {
        Owner { key: key(), spec_hash: "spec".into(), valid_until: "2026-06-01T12:00:00Z".into() }
    }

    fn decision(word: Word) -> PersonDecision {
        PersonDecision { name: "d".into(), word, by: "ops".into(), comment: "because".into(), at: None }
    }

    fn held(outcome: Option<Outcome>) -> Record {
        let intent = Intent {
            nonce: "n".into(),
            step: Step::Failover,
            ordinal: 0,
            attempt: 1,
            client_request_id: "ID-1".into(),
            body_hash: String::new(),
            point: None,
            t0: None,
            last: false,
            outcome,
        };
        Record::empty("v", "i").open(&owner(), intent, Timestamp::MIN).unwrap()
    }

    fn ended(end: End) -> Record {
        let result = RunResult { end, reason: Reason::Succeeded, message: String::new(), at: None, steps: vec![] };
        Record::empty("v", "i").end(&owner(), result, Timestamp::MIN).unwrap()
    }

    fn shown(word: Word, record: Option<&Record>) -> (Standing, Reason) {
        let (standing, reason, message) = effect(&decision(word), &key(), record);
        assert!(!message.is_empty());
        (standing, reason)
    }

    #[test]
    fn a_cancel_shows_whether_it_came_in_time() {
        let unknown = || Some(Outcome::Unknown { detail: String::new() });
        let not_sent = || Some(Outcome::NotSent { detail: String::new() });
        let table = [
            (None, (Standing::Reconciling, Reason::Pending)),
            (Some(Record::empty("v", "i")), (Standing::Reconciling, Reason::Pending)),
            (Some(held(not_sent())), (Standing::Reconciling, Reason::Pending)),
            (Some(held(None)), (Standing::Reconciling, Reason::Resolving)),
            (Some(held(unknown())), (Standing::Reconciling, Reason::Resolving)),
            (Some(held(Some(Outcome::Accepted { job: JobId("j".into()) }))), (Standing::Stalled, Reason::TooLate)),
            (Some(ended(End::Cancelled)), (Standing::Ready, Reason::Cancelled)),
            (Some(ended(End::Succeeded)), (Standing::Stalled, Reason::TooLate)),
        ];
        for (record, want) in table {
            assert_eq!(shown(Word::Cancel, record.as_ref()), want, "{record:?}");
        }
    }

    #[test]
    fn a_release_is_about_one_call_and_no_other() {
        let about = |id: &str| Word::DidNotHappen { client_request_id: id.into() };
        let accepted = Some(Outcome::Accepted { job: JobId("j".into()) });
        let table = [
            ("id-1", held(None), (Standing::Reconciling, Reason::Pending)),
            ("id-2", held(None), (Standing::Stalled, Reason::NothingToDecide)),
            ("id-1", held(accepted.clone()), (Standing::Reconciling, Reason::JobRunning)),
            ("id-1", held(Some(Outcome::Absent { detail: String::new() })), (Standing::Reconciling, Reason::Pending)),
            ("id-1", ended(End::Failed), (Standing::Ready, Reason::OutcomeDecided)),
            ("id-1", Record::empty("v", "i"), (Standing::Stalled, Reason::NothingToDecide)),
        ];
        for (id, record, want) in table {
            assert_eq!(shown(about(id), Some(&record)), want, "{id} {record:?}");
        }
        let happened = |job: &str| Word::Happened { client_request_id: "id-1".into(), job: JobId(job.into()) };
        for (job, want) in
            [("j", (Standing::Ready, Reason::OutcomeDecided)), ("k", (Standing::Reconciling, Reason::JobRunning))]
        {
            assert_eq!(shown(happened(job), Some(&held(accepted.clone()))), want, "{job}");
        }
    }
}
