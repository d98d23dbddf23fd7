//! A person's word on a request: in time, too late, about this call and about another.

use super::super::super::Reason;
use super::super::super::condition::Standing;
use super::super::super::decision::{PersonDecision, Word};
use super::super::super::ids::{Kind, Step};
use super::super::super::job::{JobId, Phase};
use super::super::super::observed::{Adoption, Azure, Facts, Reading};
use super::super::super::record::{End, Outcome};
use super::super::{Effect, decide};
use super::fixture::*;
use super::told::*;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(180);

fn said(word: Word) -> PersonDecision {
    PersonDecision {
        name: "word".into(),
        word,
        by: "ops@example.com".into(),
        comment: "wrong VM".into(),
        at: Some(now()),
    }
}

fn own_id() -> String {
    call_id(Kind::FailoverRequest, Step::Failover, 1).to_uppercase()
}

fn with(word: Word, facts: Facts) -> Facts {
    Facts { decisions: vec![said(word)], ..facts }
}

#[test]
fn given_a_cancel_when_no_call_was_begun_then_the_request_ends_unsent_with_who_when_and_why() {
    let suspended = {
        let mut facts = facts(failover());
        facts.vm.as_mut().unwrap().suspended = Some("suspend is true.".into());
        facts
    };
    let behind = Facts { ahead: Some(key(Kind::FailoverRequest, "other")), ..facts(failover()) };
    let not_sent = Facts { record: Some(held(Kind::FailoverRequest, not_sent())), ..facts(failover()) };
    for facts in [facts(failover()), suspended, behind, not_sent] {
        let end = end(&with(Word::Cancel, facts), &azure(item()));
        assert_eq!((end.end, end.reason), (End::Cancelled, Reason::Cancelled));
        for part in ["nothing was sent", "ops@example.com", "wrong VM", "2026-06-01T08:00:00Z"] {
            assert!(end.message.contains(part), "{part}: {}", end.message);
        }
    }
}

#[test]
fn given_a_cancel_when_the_call_was_begun_then_it_changes_nothing() {
    let running = Azure { job: Some(Reading::Known(failover_job(Phase::Running))), ..azure(item()) };
    for record in
        [held(Kind::FailoverRequest, None), held(Kind::FailoverRequest, accepted()), between(), committing(not_sent())]
    {
        let facts = Facts { record: Some(record), ..facts(automatic()) };
        assert_eq!(decide(&with(Word::Cancel, facts.clone()), &running), decide(&facts, &running), "{facts:?}");
    }
}

#[test]
fn given_a_word_that_it_happened_when_azure_shows_that_job_then_it_is_followed() {
    let word = || Word::Happened { client_request_id: own_id(), job: JobId("j9".into()) };
    let facts = Facts { record: Some(held(Kind::FailoverRequest, unknown_outcome())), ..facts(failover()) };
    let seen = |scenario: &str| Azure {
        job: Some(Reading::Known(job("j9", scenario, Phase::Running, None))),
        ..azure(item())
    };
    let Effect::Write(record) = decide(&with(word(), facts.clone()), &seen("UnplannedFailover")).effect else {
        panic!("not adopted")
    };
    assert_eq!(record.intent.unwrap().outcome, Some(Outcome::Accepted { job: JobId("j9".into()) }));
    for azure in [seen("CommitFailover"), Azure { job: Some(Reading::Absent), ..azure(item()) }] {
        let decision = decide(&with(word(), facts.clone()), &azure);
        assert_eq!((effect(&decision), standing(&decision)), ("none", Some(Standing::Stalled)));
        assert!(message(&decision).contains("names job j9"), "{}", message(&decision));
    }
}

#[test]
fn given_a_word_that_it_did_not_happen_when_azure_had_its_time_then_the_request_ends_and_nothing_is_sent() {
    let word = |id: &str| Word::DidNotHappen { client_request_id: id.into() };
    let facts = Facts {
        record: Some(held(Kind::FailoverRequest, unknown_outcome())),
        adoption: Adoption::Unknown,
        ..facts(failover())
    };
    let late = Azure { since_intent: LONG, ..azure(item()) };
    let ended = end(&with(word(&own_id()), facts.clone()), &late);
    assert_eq!((ended.end, ended.reason), (End::Failed, Reason::OutcomeDecided));
    assert!(ended.message.contains("create a new request") && ended.message.contains("wrong VM"), "{}", ended.message);
    let early = Azure { since_intent: LONG - Duration::from_millis(1), ..azure(item()) };
    assert_eq!(told(&with(word(&own_id()), facts.clone()), &early).2, Some(Reason::Resolving), "too early to be known");
    assert_eq!(told(&with(word("another-id"), facts.clone()), &late).2, Some(Reason::OutcomeUnknown));
    let orphan = Facts { request: None, ..with(word(&own_id()), facts) };
    assert_eq!(effect(&decide(&orphan, &late)), "end", "the request's object may be gone");
}

#[test]
fn given_its_own_job_appears_when_a_person_said_otherwise_then_the_job_is_believed() {
    let job = job("j5", "UnplannedFailover", Phase::Running, Some(&own_id()));
    let seen = Azure { since_intent: LONG, jobs: Some(Reading::Known(vec![job])), ..azure(item()) };
    let facts = Facts { record: Some(held(Kind::FailoverRequest, unknown_outcome())), ..facts(failover()) };
    let word = Word::DidNotHappen { client_request_id: own_id() };
    assert_eq!(effect(&decide(&with(word, facts), &seen)), "adopt");
}
