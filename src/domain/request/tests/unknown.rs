//! The resolver: an outcome that is not known is looked for, adopted or left open, and never sent again.

use super::super::super::Reason;
use super::super::super::backoff::Class;
use super::super::super::condition::Standing;
use super::super::super::decision::{PersonDecision, Word};
use super::super::super::failover::Failover;
use super::super::super::ids::{Kind, Step};
use super::super::super::item::{Item, Obstacle, Scenario};
use super::super::super::job::{Job, Phase};
use super::super::super::observed::{Adoption, Azure, Facts, Reading};
use super::super::super::record::{End, Outcome, Record};
use super::super::{Effect, decide};
use super::fixture::*;
use super::told::*;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(180);

fn unresolved(outcome: Option<Outcome>) -> Facts {
    Facts { record: Some(held(Kind::FailoverRequest, outcome)), ..facts(failover()) }
}

/// The same where nothing may be sent a second time.
fn never_again(outcome: Option<Outcome>) -> Facts {
    let mut facts = unresolved(outcome);
    facts.limits.retry_unknown = false;
    facts
}

fn seen(since_intent: Duration, jobs: Option<Reading<Vec<Job>>>) -> Azure {
    Azure { since_intent, jobs, ..azure(item()) }
}

#[test]
fn given_an_unknown_outcome_when_time_passes_then_it_is_named_unknown_and_never_sent_again() {
    let listed = |jobs| Some(Reading::Known(jobs));
    let foreign = job("x", "UnplannedFailover", Phase::Running, Some("somebody"));
    let silent = job("x", "UnplannedFailover", Phase::Running, None);
    let stub = Job { detailed: false, scenario: None, target: None, started: None, ..silent.clone() };
    let resolving = (Standing::Reconciling, Reason::Resolving);
    let unknown = (Standing::Reconciling, Reason::OutcomeUnknown);
    let table = [
        (Duration::ZERO, listed(vec![]), resolving),
        (LONG - Duration::from_millis(1), listed(vec![]), resolving),
        (LONG, listed(vec![]), unknown),
        (Duration::MAX, listed(vec![]), unknown),
        (LONG, listed(vec![foreign.clone()]), unknown),
        (LONG, listed(vec![silent.clone()]), unknown),
        (LONG, listed(vec![stub.clone()]), resolving),
        (LONG, listed(vec![foreign, stub]), resolving),
        (LONG, Some(unreadable(Class::Transient)), resolving),
        (LONG, Some(unreadable(Class::Access)), resolving),
        (LONG, None, resolving),
    ];
    for outcome in [None, unknown_outcome()] {
        for (since, jobs, (stands, why)) in &table {
            let azure = seen(*since, jobs.clone());
            let decision = decided_for_good(&never_again(outcome.clone()), &azure);
            let told = (effect(&decision), standing(&decision), reason(&decision));
            assert_eq!(told, ("none", Some(*stands), Some(*why)), "{azure:?}");
        }
    }
}

#[test]
fn given_its_job_appears_when_resolved_then_it_is_adopted_however_late() {
    let id = call_id(Kind::FailoverRequest, Step::Failover, 1);
    for outcome in [None, unknown_outcome()] {
        for since in [Duration::ZERO, LONG, Duration::from_secs(86_400)] {
            for phase in [Phase::Running, Phase::Succeeded, Phase::Failed] {
                let job = Job { target: None, ..job("j5", "UnplannedFailover", phase, Some(&id.to_uppercase())) };
                let azure = seen(since, Some(Reading::Known(vec![job])));
                let decision = decide(&unresolved(outcome.clone()), &azure);
                assert_eq!(effect(&decision), "adopt", "{azure:?}");
            }
        }
    }
}

#[test]
fn given_the_job_of_another_attempt_when_resolved_then_it_is_not_this_intent_s() {
    let second = call_id(Kind::FailoverRequest, Step::Failover, 2);
    let azure = seen(LONG, Some(Reading::Known(vec![job("j5", "UnplannedFailover", Phase::Running, Some(&second))])));
    assert_eq!(effect(&decided_for_good(&unresolved(None), &azure)), "none");
}

#[test]
fn given_the_outcome_stays_unknown_when_told_then_the_words_name_the_id_and_what_to_do() {
    let said = message(&decided_for_good(&never_again(unknown_outcome()), &seen(LONG, Some(Reading::Known(vec![])))));
    let id = call_id(Kind::FailoverRequest, Step::Failover, 1);
    for part in [id.as_str(), "503", "not sent again", "portal", "locked"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn given_the_object_or_the_vm_is_gone_when_an_intent_is_open_then_it_is_still_resolved() {
    let id = call_id(Kind::FailoverRequest, Step::Failover, 1);
    let azure = seen(LONG, Some(Reading::Known(vec![job("j5", "UnplannedFailover", Phase::Running, Some(&id))])));
    let orphan = Facts { request: None, ..unresolved(None) };
    let homeless = Facts { vm: Err(Obstacle::new(Reason::VmNotFound, "gone")), claim: None, ..unresolved(None) };
    for facts in [orphan, homeless] {
        assert_eq!(effect(&decide(&facts, &azure)), "adopt", "{facts:?}");
    }
}

#[test]
fn given_a_certain_outcome_when_a_later_guess_comes_then_it_stays() {
    let certain = [
        Outcome::Accepted { job: super::super::super::job::JobId("j".into()) },
        Outcome::Refused { detail: "no".into() },
    ];
    for outcome in certain {
        let record = held(Kind::FailoverRequest, Some(outcome.clone()));
        let later = record.with_outcome(Outcome::Unknown { detail: "timeout".into() });
        assert_eq!(later.intent.unwrap().outcome, Some(outcome));
    }
}

#[test]
fn given_an_open_intent_when_its_spec_asks_for_anything_then_it_is_never_sent_again() {
    let verbs = [failover(), automatic(), Failover { shutdown_source: false, ..failover() }];
    for verb in verbs {
        for outcome in [None, unknown_outcome()] {
            for item in [item(), pending(), committed()] {
                let facts = Facts { record: Some(held(Kind::FailoverRequest, outcome.clone())), ..facts(verb.clone()) };
                let azure = Azure { since_intent: LONG, ..azure(item) };
                assert!(!matches!(decide(&facts, &azure).effect, Effect::Send(..)), "{facts:?}");
            }
        }
    }
}

/// A look that shows nothing of the call, and how long all looks have shown that.
fn nothing(absent_for: Option<u64>) -> Azure {
    Azure { absent_for: absent_for.map(Duration::from_secs), ..seen(LONG, Some(Reading::Known(vec![]))) }
}

#[test]
fn given_nothing_came_of_a_call_when_two_looks_agree_then_it_is_made_once_more_and_not_a_third_time() {
    let facts = unresolved(unknown_outcome());
    for early in [None, Some(0), Some(29)] {
        assert_eq!(told(&facts, &nothing(early)).2, Some(Reason::Resolving), "{early:?}");
        assert_eq!(told(&facts, &nothing(early)).0, "none", "{early:?}");
    }
    let Effect::Write(record) = decide(&facts, &nothing(Some(30))).effect else { panic!("not proven") };
    let again = Facts { record: Some(record), ..facts };
    let Effect::Send(record, _) = decide(&again, &nothing(None)).effect else { panic!("not sent again") };
    let intent = record.intent.as_ref().unwrap();
    assert_eq!(
        (intent.attempt, intent.client_request_id.as_str()),
        (2, call_id(Kind::FailoverRequest, Step::Failover, 2).as_str())
    );
    let record = record.with_outcome(Outcome::Unknown { detail: "504".into() });
    let third = decided_for_good(&Facts { record: Some(record), ..again }, &nothing(Some(86_400)));
    assert_eq!((effect(&third), reason(&third)), ("none", Some(Reason::OutcomeUnknown)));
    assert!(message(&third).contains("sent twice already"), "{}", message(&third));
}

#[test]
fn given_anything_speaks_against_it_when_absence_is_judged_then_nothing_is_sent_again() {
    let started = |scenario: &str, id| Job {
        started: Some(at("2026-06-01T07:51:00Z")),
        ..job("x", scenario, Phase::Succeeded, id)
    };
    let with = |job| Azure { jobs: Some(Reading::Known(vec![job])), ..nothing(Some(600)) };
    let with_item = |item| Azure { item: Some(Reading::Known(item)), ..nothing(Some(600)) };
    let busy = Item { scenario: Some(Scenario { name: "UnplannedFailover".into(), job: None }), ..item() };
    let failed_over = Item { last_failover: Some(at("2026-06-01T07:55:00Z")), ..item() };
    let just_before = Job { started: Some(at("2026-06-01T07:49:30Z")), ..started("UnplannedFailover", None) };
    let table = [
        with(started("UnplannedFailover", Some("somebody"))),
        with(just_before),
        with(started("UnplannedFailover", None)),
        with(started("CommitFailover", Some("somebody"))),
        with_item(pending()),
        with_item(busy),
        with_item(failed_over),
        with_item(Item { allowed: vec![], ..item() }),
        Azure { item: Some(Reading::Absent), ..nothing(Some(600)) },
        Azure { jobs: Some(unreadable(Class::Transient)), ..nothing(Some(600)) },
        Azure { since_intent: LONG - Duration::from_millis(1), ..nothing(Some(600)) },
    ];
    for azure in table {
        assert!(!super::super::super::resolve::absent(&unresolved(None), &azure), "{azure:?}");
        assert_eq!(effect(&decided_for_good(&unresolved(None), &azure)), "none", "{azure:?}");
    }
    let anothers = Job { started: Some(at("2026-06-01T07:49:30Z")), ..started("UnplannedFailover", Some("somebody")) };
    assert!(super::super::super::resolve::absent(&unresolved(None), &with(anothers)), "another one's, before the call");
    for adoption in [Adoption::Contradicted, Adoption::Unknown] {
        let facts = Facts { adoption, ..unresolved(None) };
        let decision = decided_for_good(&facts, &nothing(Some(600)));
        assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::OutcomeUnknown)), "{adoption:?}");
        assert!(message(&decision).contains("no job proves nothing"), "{}", message(&decision));
    }
}

#[test]
fn given_the_vm_changed_after_the_proof_when_the_second_attempt_is_due_then_nothing_is_sent_and_a_person_must_look() {
    let absent = Some(Outcome::Absent { detail: "nothing".into() });
    for item in [pending(), committed(), reversed()] {
        let told = closed(&unresolved(absent.clone()), &azure(item.clone()));
        // What was said holds, though the VM is as it was again.
        for item in [item, super::fixture::item()] {
            let decision = decide(&told, &azure(item));
            assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::OutcomeUnknown)));
            assert_eq!(standing(&decision), Some(Standing::Reconciling));
            assert!(message(&decision).contains("Nothing is sent again"), "{}", message(&decision));
        }
    }
}

#[test]
fn given_a_call_that_came_to_nothing_when_its_object_is_deleted_then_its_name_is_used_up() {
    let absent = Some(Outcome::Absent { detail: "nothing".into() });
    let gone = Facts { request: None, ..unresolved(absent) };
    let ended = end(&gone, &azure(item()));
    assert_eq!((ended.end, ended.reason), (End::Failed, Reason::Withdrawn));
    let Effect::Write(record) = decide(&gone, &azure(item())).effect else { panic!("{gone:?}") };
    let again = Facts { record: Some(record), ..facts(failover()) };
    let decision = decide(&again, &azure(item()));
    assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::Withdrawn)));
}

#[test]
fn given_the_vm_s_name_is_not_known_when_jobs_are_looked_at_then_any_of_the_verb_may_be_its() {
    let nameless = Item { friendly_name: String::new(), ..item() };
    let started = |target: &str, id| Job {
        started: Some(at("2026-06-01T07:51:00Z")),
        target: Some(target.into()),
        ..job("x", "UnplannedFailover", Phase::Succeeded, id)
    };
    let unnamed = |mut facts: Facts| {
        facts.vm = Err(Obstacle::new(Reason::Suspended, "suspended"));
        facts
    };
    for (item, id) in [(Some(nameless), Some("somebody")), (None, Some("somebody")), (None, None)] {
        let azure = Azure {
            item: item.map(Reading::Known),
            jobs: Some(Reading::Known(vec![started("db01", id)])),
            ..nothing(Some(600))
        };
        let facts = unnamed(never_again(unknown_outcome()));
        assert!(!super::super::super::resolve::absent(&facts, &azure), "{azure:?}");
        let said = message(&decided_for_good(&facts, &azure));
        assert!(said.contains("Job x of this vault, and perhaps of this VM,"), "{said}");
    }
    let none = Azure { item: None, ..nothing(Some(600)) };
    let said = message(&decided_for_good(&unnamed(never_again(unknown_outcome())), &none));
    assert!(said.contains("every job of the verb was looked at"), "{said}");
}

fn absent() -> Option<Outcome> {
    Some(Outcome::Absent { detail: "nothing".into() })
}

/// A person's word that the open call of these facts was not executed.
fn did_not_happen(facts: &Facts) -> PersonDecision {
    let intent = facts.record.as_ref().and_then(|record| record.intent.as_ref()).unwrap();
    PersonDecision {
        name: "word".into(),
        word: Word::DidNotHappen { client_request_id: intent.client_request_id.clone() },
        by: "ops".into(),
        comment: "Looked.".into(),
        at: None,
    }
}

fn throttled() -> Option<Outcome> {
    Some(Outcome::Throttled { retry_after: 30 })
}

/// The record after one pass over a call that nobody will know more of.
fn closed(facts: &Facts, azure: &Azure) -> Facts {
    let Effect::Write(record) = decide(facts, azure).effect else { panic!("not closed: {azure:?}") };
    assert!(record.intent.as_ref().is_some_and(|intent| intent.last), "{record:?}");
    Facts { record: Some(record), ..facts.clone() }
}

#[test]
fn given_a_call_said_to_be_unknown_when_it_could_be_proven_to_have_come_to_nothing_later_then_it_is_not_made_again() {
    let began = Job {
        started: Some(at("2026-06-01T07:51:00Z")),
        ..job("x", "CommitFailover", Phase::Failed, Some("somebody"))
    };
    let acted = Azure { jobs: Some(Reading::Known(vec![began])), ..nothing(None) };
    let unread =
        Azure { item: Some(unreadable(Class::Transient)), since_intent: Duration::from_secs(900), ..nothing(None) };
    for (adoption, azure) in
        [(Adoption::Unknown, nothing(Some(30))), (Adoption::Confirmed, acted), (Adoption::Confirmed, unread)]
    {
        let facts = closed(&Facts { adoption, ..unresolved(unknown_outcome()) }, &azure);
        let facts = Facts { adoption: Adoption::Confirmed, ..facts };
        let decision = decide(&facts, &nothing(Some(600)));
        assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::OutcomeUnknown)), "{azure:?}");
        assert_eq!(standing(&decision), Some(Standing::Reconciling));
    }
}

#[test]
fn given_a_call_said_to_be_unknown_when_it_comes_out_that_it_did_not_leave_then_it_is_not_made_again() {
    let unread =
        Azure { jobs: Some(unreadable(Class::Transient)), now: Some(at("2026-06-03T00:00:00Z")), ..azure(item()) };
    for (outcome, attempt, seen) in [
        (not_sent(), 1, azure(item())),
        (throttled(), 1, azure(item())),
        (not_sent(), 2, azure(item())),
        (throttled(), 2, azure(item())),
        (not_sent(), 1, unread.clone()),
        (absent(), 1, unread.clone()),
        (absent(), 2, unread),
    ] {
        let mut facts = unresolved(outcome.clone());
        let intent = facts.record.as_mut().unwrap().intent.as_mut().unwrap();
        (intent.attempt, intent.last) = (attempt, true);
        let decision = decide(&facts, &seen);
        assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::OutcomeUnknown)), "{outcome:?}");
        assert!(message(&decision).contains("Nothing is sent again"), "{}", message(&decision));
        let released = Facts { decisions: vec![did_not_happen(&facts)], ..facts };
        assert_eq!(end(&released, &seen).reason, Reason::OutcomeDecided, "{outcome:?}");
    }
}

#[test]
fn given_a_commit_said_to_be_unknown_when_it_comes_out_that_it_did_not_leave_then_it_is_not_made_again() {
    let facts = Facts { record: Some(committing(not_sent()).without_further_attempt()), ..facts(automatic()) };
    let decision = decide(&facts, &azure(pending()));
    assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::OutcomeUnknown)));
    let said = message(&decision);
    assert!(said.contains("The failover stands") && said.contains("Nothing is sent again"), "{said}");
}

#[test]
fn given_the_vm_changed_after_the_proof_when_the_object_is_deleted_then_the_vm_stays_locked_until_a_person_speaks() {
    let facts = unresolved(absent());
    let record = facts.record.as_ref().map(Record::without_further_attempt);
    let deleted = Facts { record, request: None, ..facts };
    assert_eq!(effect(&decide(&deleted, &nothing(Some(600)))), "none");
    let released = Facts { decisions: vec![did_not_happen(&deleted)], ..deleted };
    assert_eq!(end(&released, &nothing(Some(600))).reason, Reason::OutcomeDecided);
}

#[test]
fn given_a_409_when_nothing_came_of_it_then_it_is_not_made_again() {
    let facts = unresolved(unknown_outcome());
    let record = facts.record.as_ref().map(Record::without_further_attempt);
    let decision = decide(&Facts { record, ..facts }, &nothing(Some(600)));
    assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::OutcomeUnknown)));
    assert!(message(&decision).contains("After a 409"), "{}", message(&decision));
}

#[test]
fn given_what_passes_by_itself_when_absence_cannot_be_shown_yet_then_it_is_found_out_and_said_how_long() {
    let drill = Item { scenario: Some(Scenario { name: "TestFailover".into(), job: None }), ..item() };
    for item in [Reading::Known(drill), unreadable(Class::Transient)] {
        let early = Azure { item: Some(item.clone()), ..nothing(None) };
        let decision = decide(&unresolved(unknown_outcome()), &early);
        assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::Resolving)), "{item:?}");
        assert!(message(&decision).contains("within a quarter of an hour"), "{}", message(&decision));
    }
}

#[test]
fn given_a_call_that_came_to_nothing_when_valid_until_and_a_quarter_of_an_hour_passed_then_it_ends_and_sends_nothing() {
    let late = Some(at("2026-06-03T00:00:00Z"));
    let resolving = Azure { now: late, ..nothing(Some(600)) };
    let decision = decided_for_good(&unresolved(unknown_outcome()), &resolving);
    assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::OutcomeUnknown)));
    for (attempt, outcome) in [(1, absent()), (2, not_sent()), (2, throttled())] {
        let mut facts = unresolved(outcome.clone());
        facts.record.as_mut().unwrap().intent.as_mut().unwrap().attempt = attempt;
        let just = Azure { now: Some(at("2026-06-01T12:00:00Z")), ..azure(item()) };
        assert_ne!(effect(&decide(&facts, &just)), "end", "{outcome:?}");
        let gone = Facts { vm: Err(Obstacle::new(Reason::VmNotFound, "gone")), ..facts.clone() };
        for facts in [facts, gone] {
            let ended = end(&facts, &Azure { now: late, ..azure(item()) });
            assert_eq!((ended.end, ended.reason), (End::Failed, Reason::Expired), "{outcome:?}");
            assert!(
                ended.message.contains("came to nothing") && ended.message.contains("new request"),
                "{}",
                ended.message
            );
        }
    }
}

#[test]
fn given_a_second_attempt_that_did_not_leave_when_its_object_is_deleted_or_the_vm_changed_then_its_name_is_used_up() {
    for outcome in [not_sent(), throttled()] {
        let mut facts = unresolved(outcome.clone());
        facts.record.as_mut().unwrap().intent.as_mut().unwrap().attempt = 2;
        let deleted = end(&Facts { request: None, ..facts.clone() }, &azure(item()));
        assert_eq!((deleted.end, deleted.reason), (End::Failed, Reason::Withdrawn), "{outcome:?}");
        let changed = decide(&closed(&facts, &azure(pending())), &azure(pending()));
        assert_eq!((effect(&changed), reason(&changed)), ("none", Some(Reason::OutcomeUnknown)), "{outcome:?}");
        let id = facts.record.as_ref().unwrap().intent.as_ref().unwrap().client_request_id.clone();
        let word =
            |word| PersonDecision { name: "d".into(), word, by: "ops".into(), comment: "looked".into(), at: None };
        let said = |word_| Facts { decisions: vec![word(word_)], ..facts.clone() };
        let ended = end(&said(Word::DidNotHappen { client_request_id: id }), &azure(pending()));
        assert_eq!(ended.reason, Reason::OutcomeDecided);
        let cancelled = end(&said(Word::Cancel), &azure(item()));
        assert!(!cancelled.message.contains("nothing was sent"), "{}", cancelled.message);
    }
}
