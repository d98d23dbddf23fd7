//! A person's word on a request: in time, too late, about this call and about another.

use super::super::super::Reason;
use super::super::super::condition::Standing;
use super::super::super::decision::{PersonDecision, Word};
use super::super::super::ids::{Kind, Step};
use super::super::super::item::Obstacle;
use super::super::super::job::{Job, JobId, Phase};
use super::super::super::observed::{Adoption, Azure, Facts, Reading};
use super::super::super::record::{End, Outcome};
use super::super::{Decision, Effect, decide};
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
    let seen = |change: &dyn Fn(&mut Job)| {
        let mut named = job("j9", "UnplannedFailover", Phase::Running, None);
        named.started = Some(now());
        change(&mut named);
        Azure { named: Some(Reading::Known(named)), ..azure(item()) }
    };
    let Effect::Write(record) = decide(&with(word(), facts.clone()), &seen(&|_| ())).effect else {
        panic!("not adopted")
    };
    assert_eq!(record.intent.unwrap().outcome, Some(Outcome::Accepted { job: JobId("j9".into()) }));
    let wrong = [
        seen(&|job| job.scenario = Some("CommitFailover".into())),
        seen(&|job| job.scenario = None),
        seen(&|job| job.target = Some("db01".into())),
        seen(&|job| job.target = None),
        seen(&|job| job.started = Some(at("2026-05-25T08:00:00Z"))),
        seen(&|job| job.started = None),
        Azure { named: Some(Reading::Absent), ..azure(item()) },
    ];
    for azure in wrong {
        let decision = decide(&with(word(), facts.clone()), &azure);
        assert_eq!((effect(&decision), standing(&decision)), ("none", Some(Standing::Reconciling)), "{azure:?}");
        assert!(message(&decision).contains("names job j9"), "{}", message(&decision));
    }
    let unread = Azure { named: None, ..azure(item()) };
    assert_eq!(told(&with(word(), facts.clone()), &unread).2, Some(Reason::Resolving), "not compared yet");
    let unnamed = Facts { vm: Err(Obstacle::new(Reason::Pending, "not listed")), ..facts };
    let unseen = Azure { item: None, ..seen(&|_| ()) };
    assert_eq!(told(&with(word(), unnamed), &unseen).2, Some(Reason::Resolving), "not compared yet");
}

#[test]
fn given_a_job_of_another_vm_when_a_person_says_what_the_call_became_then_that_is_believed() {
    let anothers = Job {
        target: Some("db01".into()),
        client_request_id: Some("6efffda2-64f5-478f-a250-b3a651d04f9c".into()),
        ..failover_job(Phase::Succeeded)
    };
    let silent = Job { client_request_id: None, ..anothers.clone() };
    let named = Job { started: Some(now()), ..job("j9", "UnplannedFailover", Phase::Running, None) };
    let facts = Facts { record: Some(held(Kind::FailoverRequest, accepted())), ..facts(failover()) };
    let happened = |id: &str| Word::Happened { client_request_id: own_id(), job: JobId(id.into()) };
    let did_not = Word::DidNotHappen { client_request_id: own_id() };
    let becomes = |decision: Decision| match decision.effect {
        Effect::Write(record) => record.intent.and_then(|intent| intent.outcome),
        _ => None,
    };
    for job in [anothers, silent] {
        let azure =
            Azure { job: Some(Reading::Known(job)), named: Some(Reading::Known(named.clone())), ..azure(item()) };
        assert_eq!(effect(&decide(&facts, &azure)), "none", "{azure:?}");
        let found = becomes(decide(&with(happened("j9"), facts.clone()), &azure));
        assert_eq!(found, Some(Outcome::Accepted { job: JobId("j9".into()) }), "{azure:?}");
        assert_eq!(effect(&decide(&with(happened("j1"), facts.clone()), &azure)), "none", "what is followed already");
        let ended = end(&with(did_not.clone(), facts.clone()), &azure);
        assert_eq!((ended.end, ended.reason), (End::Failed, Reason::OutcomeDecided), "{azure:?}");
        let early = Azure { now: Some(at("2026-06-01T07:53:19Z")), ..azure.clone() };
        assert_eq!(effect(&decide(&with(did_not.clone(), facts.clone()), &early)), "none", "too early to be known");
        let unlisted = Azure { jobs: None, ..azure.clone() };
        assert_eq!(effect(&decide(&with(did_not.clone(), facts.clone()), &unlisted)), "none", "not without the list");
        let own = Job { id: JobId("j5".into()), ..failover_job(Phase::Running) };
        let listed = Azure { jobs: Some(Reading::Known(vec![own])), ..azure };
        for facts in [facts.clone(), with(did_not.clone(), facts.clone())] {
            let found = becomes(decide(&facts, &listed));
            assert_eq!(found, Some(Outcome::Accepted { job: JobId("j5".into()) }), "its own job is believed");
        }
    }
}

#[test]
fn given_a_job_that_may_be_its_own_when_a_person_says_otherwise_then_azures_word_goes_first() {
    let facts = Facts { record: Some(held(Kind::FailoverRequest, accepted())), ..facts(failover()) };
    let later = at("2026-06-01T09:00:00Z");
    let foreign = Some("6efffda2-64f5-478f-a250-b3a651d04f9c".into());
    let unresolved = Facts { vm: Err(Obstacle::new(Reason::Pending, "not listed")), ..facts.clone() };
    let seen = |job| Azure { job, now: Some(later), ..azure(item()) };
    let alive = [
        (&facts, seen(Some(Reading::Known(failover_job(Phase::Running))))),
        (
            &facts,
            seen(Some(Reading::Known(Job { client_request_id: foreign.clone(), ..failover_job(Phase::Running) }))),
        ),
        (&facts, seen(None)),
        (
            &unresolved,
            Azure {
                item: None,
                ..seen(Some(Reading::Known(Job { client_request_id: None, ..failover_job(Phase::Succeeded) })))
            },
        ),
        (
            &unresolved,
            Azure {
                item: None,
                ..seen(Some(Reading::Known(Job { client_request_id: foreign, ..failover_job(Phase::Succeeded) })))
            },
        ),
    ];
    for (facts, azure) in alive {
        for word in [
            Word::DidNotHappen { client_request_id: own_id() },
            Word::Happened { client_request_id: own_id(), job: JobId("j9".into()) },
        ] {
            assert_eq!(effect(&decide(&with(word, facts.clone()), &azure)), "none", "{azure:?}");
        }
    }
}

#[test]
fn given_a_job_that_tells_nothing_more_when_a_person_says_what_became_of_the_call_then_that_is_believed() {
    let odd = Job { ended: Some(now()), state_text: "Finalized".into(), ..failover_job(Phase::Running) };
    let named = Job { started: Some(now()), ..job("j9", "UnplannedFailover", Phase::Running, None) };
    let facts = Facts { record: Some(held(Kind::FailoverRequest, accepted())), ..facts(failover()) };
    let happened = |id: &str| Word::Happened { client_request_id: own_id(), job: JobId(id.into()) };
    let did_not = Word::DidNotHappen { client_request_id: own_id() };
    for gone in [Reading::Absent, Reading::Known(odd.clone())] {
        let seen = Azure { job: Some(gone), named: Some(Reading::Known(named.clone())), ..azure(item()) };
        let azure = Azure { now: Some(at("2026-06-01T09:00:00Z")), ..seen };
        assert_eq!(effect(&decide(&facts, &azure)), "none", "nobody says anything: {azure:?}");
        let ended = end(&with(did_not.clone(), facts.clone()), &azure);
        assert_eq!((ended.end, ended.reason), (End::Failed, Reason::OutcomeDecided), "{azure:?}");
        let Effect::Write(record) = decide(&with(happened("j9"), facts.clone()), &azure).effect else {
            panic!("{azure:?}")
        };
        let found = record.intent.and_then(|intent| intent.outcome);
        assert_eq!(found, Some(Outcome::Accepted { job: JobId("j9".into()) }), "{azure:?}");
        let early = Azure { now: Some(at("2026-06-01T07:53:19Z")), ..azure.clone() };
        let unlisted = Azure { jobs: None, ..azure.clone() };
        for unsure in [early, unlisted] {
            assert_eq!(effect(&decide(&with(did_not.clone(), facts.clone()), &unsure)), "none", "{unsure:?}");
        }
    }
    let later = Azure { now: Some(at("2026-06-01T09:00:00Z")), ..azure(item()) };
    let ended = Azure { job: Some(Reading::Known(odd.clone())), ..later.clone() };
    let over = end(&with(happened("j1"), facts.clone()), &ended);
    assert_eq!((over.end, over.reason), (End::Failed, Reason::OutcomeDecided), "never Succeeded by a person's word");
    assert!(over.message.contains("Finalized") && over.message.contains("ops"), "{}", over.message);
    let running = Job { ended: None, ..odd };
    let shown = Azure { job: Some(Reading::Absent), jobs: Some(Reading::Known(vec![running])), ..later };
    assert_eq!(effect(&decide(&with(did_not, facts), &shown)), "none", "the list has it");
}

#[test]
fn given_a_call_that_came_to_nothing_when_a_person_says_so_too_then_it_is_not_made_again() {
    let facts = Facts {
        record: Some(held(Kind::FailoverRequest, Some(Outcome::Absent { detail: "nothing".into() }))),
        ..facts(failover())
    };
    assert_eq!(effect(&decide(&facts, &azure(item()))), "send", "without a word it is");
    let ended = end(&with(Word::DidNotHappen { client_request_id: own_id() }, facts), &azure(item()));
    assert_eq!((ended.end, ended.reason), (End::Failed, Reason::OutcomeDecided));
}

#[test]
fn given_a_cancel_when_the_vm_does_not_resolve_then_the_request_is_taken_back_all_the_same() {
    let unresolved = || Err(Obstacle::new(Reason::SidesDisagree, "the sides disagree"));
    let claimed = Facts { vm: unresolved(), ..facts(failover()) };
    let ended = end(&with(Word::Cancel, claimed.clone()), &azure(item()));
    assert_eq!((ended.end, ended.reason), (End::Cancelled, Reason::Cancelled));
    let unread = Azure { jobs: None, ..azure(item()) };
    let waits = decide(&with(Word::Cancel, claimed), &unread);
    assert!(message(&waits).contains("no RecoveryVault of this namespace reads"), "{}", message(&waits));
    let unclaimed = Facts { claim: None, vm: unresolved(), ..facts(failover()) };
    assert_eq!(told(&with(Word::Cancel, unclaimed), &azure(item())).2, Some(Reason::SidesDisagree));
}

#[test]
fn given_a_throttled_call_when_its_request_is_to_end_then_it_waits_until_a_job_would_be_listed() {
    let held = |retry_after| Facts {
        record: Some(held(Kind::FailoverRequest, Some(Outcome::Throttled { retry_after }))),
        ..facts(failover())
    };
    let (early, late) = (at("2026-06-01T07:53:19Z"), at("2026-06-01T07:53:20Z"));
    let seen = |now| Azure { now: Some(now), ..azure(item()) };
    let cancelled = with(Word::Cancel, held(1));
    assert_eq!(told(&cancelled, &seen(early)).2, Some(Reason::LookingBack));
    assert_eq!(end(&cancelled, &seen(late)).end, End::Cancelled);
    let orphan = Facts { request: None, ..held(1) };
    assert_eq!(effect(&decide(&orphan, &seen(early))), "none");
    assert_eq!(effect(&decide(&orphan, &Azure { now: None, ..azure(item()) })), "none");
    assert_eq!(effect(&decide(&orphan, &Azure { jobs: None, ..seen(late) })), "none");
    assert_ne!(effect(&decide(&orphan, &seen(late))), "none", "the key is dropped");
    let taken_back = with(Word::Cancel, orphan.clone());
    assert_eq!(effect(&decide(&taken_back, &seen(early))), "none");
    assert_ne!(effect(&decide(&taken_back, &seen(late))), "none", "and of one that was taken back before");
    let executed = Azure { jobs: Some(Reading::Known(vec![failover_job(Phase::Running)])), ..seen(early) };
    for facts in [&orphan, &taken_back, &cancelled] {
        let Effect::Write(record) = decide(facts, &executed).effect else { panic!("its job is not followed") };
        assert!(matches!(record.intent.unwrap().outcome, Some(Outcome::Accepted { .. })));
    }
    let unclaimed = Facts { claim: None, ..cancelled.clone() };
    assert_eq!(effect(&decide(&unclaimed, &seen(late))), "claim");
    let unresolved = Facts { vm: Err(Obstacle::new(Reason::SidesDisagree, "they disagree")), ..held(1) };
    let expired = |now: &str| seen(at(now));
    assert_eq!(end(&unresolved, &expired("2026-06-02T08:00:01Z")).end, End::Expired);
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
    assert_eq!(
        reason(&decided_for_good(&with(word("another-id"), facts.clone()), &late)),
        Some(Reason::OutcomeUnknown)
    );
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
