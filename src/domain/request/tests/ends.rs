//! Ends: written before they are shown, final, and shown again to whoever comes back under the same name.

use super::super::super::Reason;
use super::super::super::condition::{ConditionType, Standing, Truth};
use super::super::super::ids::{Kind, Step};
use super::super::super::job::Phase;
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::record::{End, Outcome, Record};
use super::super::{Effect, Stage, decide, stage};
use super::fixture::*;
use super::told::*;

fn refused() -> Option<Outcome> {
    Some(Outcome::Refused { detail: "400 Bad: no.".into() })
}

#[test]
fn given_azure_refused_the_call_when_decided_then_the_request_ends_with_azure_s_words() {
    let table = [
        (held(Kind::FailoverRequest, refused()), End::Refused, Reason::AzureRefused, 0),
        (committing(refused()), End::Failed, Reason::CommitFailed, 1),
    ];
    for (record, how, why, steps) in table {
        let facts = Facts { record: Some(record), ..facts(automatic()) };
        let result = end(&facts, &azure(item()));
        assert_eq!((result.end, result.reason, result.steps.len()), (how, why, steps));
        assert!(result.message.contains("400 Bad: no."), "{}", result.message);
    }
}

#[test]
fn given_azure_s_time_is_not_known_when_a_request_ends_then_the_item_is_freed_all_the_same() {
    let azure = Azure { now: None, ..Azure::default() };
    let failed = Azure { job: Some(Reading::Known(failover_job(Phase::Failed))), ..azure.clone() };
    let table = [
        (Facts { record: Some(held(Kind::FailoverRequest, refused())), ..facts(failover()) }, azure.clone()),
        (Facts { record: Some(between()), request: None, ..facts(automatic()) }, azure.clone()),
        (Facts { record: Some(held(Kind::FailoverRequest, accepted())), ..facts(failover()) }, failed),
    ];
    for (facts, azure) in table {
        let decision = decide(&facts, &azure);
        let Effect::Write(record) = &decision.effect else { panic!("{decision:?}") };
        assert_eq!(record.holder, None);
        assert!(record.consumed(&facts.key).is_some_and(|c| c.result.is_some()));
    }
}

#[test]
fn given_every_end_when_written_then_it_is_final_and_shown_as_it_is() {
    for end in End::ALL {
        for kind in Kind::ALL {
            let record = ended(kind, end, Reason::Succeeded);
            let base = facts_of(kind);
            let facts = Facts { record: Some(record), ..base };
            for item in [item(), pending(), committed(), reversed()] {
                let decision = decide(&facts, &azure(item));
                assert_eq!(decision.effect, Effect::None, "{end:?}");
                assert_eq!(standing(&decision), Some(end.standing()), "{end:?}");
                assert_eq!(decision.view.unwrap().phase, end.as_str());
            }
        }
    }
}

#[test]
fn given_an_end_when_anything_else_is_missing_or_in_the_way_then_it_is_still_shown() {
    let facts =
        Facts { record: Some(ended(Kind::FailoverRequest, End::Failed, Reason::JobFailed)), ..facts(failover()) };
    let missing = super::super::super::item::Obstacle::new(Reason::VmNotFound, "gone");
    let table = [
        Facts { vm: Err(missing), ..facts.clone() },
        Facts { claim: None, ..facts.clone() },
        Facts { ahead: Some(key(Kind::CommitRequest, "x")), ..facts.clone() },
        Facts { record_age: None, ..facts },
    ];
    for facts in table {
        let said = told(&facts, &Azure::default());
        assert_eq!(said, ("none", Some(Standing::Stalled), Some(Reason::JobFailed)), "{facts:?}");
    }
}

#[test]
fn given_an_object_that_never_reported_its_run_when_the_key_ended_then_it_says_already_run() {
    let table = [
        (End::Succeeded, Standing::Ready, false, true),
        (End::Succeeded, Standing::Ready, true, false),
        (End::AlreadyThere, Standing::Ready, true, false),
        (End::Failed, Standing::Stalled, true, false),
        (End::Expired, Standing::Stalled, false, true),
    ];
    for (end, stands, unreported, says) in table {
        let mut facts =
            Facts { record: Some(ended(Kind::FailoverRequest, end, Reason::Succeeded)), ..facts(failover()) };
        let request = facts.request.as_mut().unwrap();
        (request.unreported, request.says_already_run) = (unreported, says);
        let decision = decide(&facts, &azure(item()));
        assert_eq!((standing(&decision), reason(&decision)), (Some(stands), Some(Reason::AlreadyRun)), "{end:?}");
        assert!(message(&decision).contains("It was so."), "{}", message(&decision));
    }
}

#[test]
fn given_an_end_that_is_forgotten_when_its_object_still_shows_it_then_nothing_happens_and_it_stays() {
    let own = call_id(Kind::FailoverRequest, Step::Failover, 1);
    let ran = Azure {
        jobs: Some(Reading::Known(vec![job("j1", "UnplannedFailover", Phase::Succeeded, Some(&own))])),
        ..azure(pending())
    };
    for record in [Some(Record::empty(VAULT, "app01-item")), None] {
        for azure in [azure(item()), ran.clone(), Azure { now: Some(at("2026-06-02T08:00:00Z")), ..azure(item()) }] {
            let mut facts = Facts { record: record.clone(), ..facts(automatic()) };
            facts.request.as_mut().unwrap().says_ended = true;
            let decision = decide(&facts, &azure);
            assert_eq!((effect(&decision), decision.view.is_none()), ("none", true), "{azure:?}");
        }
    }
}

#[test]
fn given_an_end_when_another_is_written_for_the_same_key_then_the_first_stays() {
    let record = ended(Kind::FailoverRequest, End::Succeeded, Reason::Succeeded);
    let again = record.end(&owner(Kind::FailoverRequest), result(End::Expired, Reason::Expired), now()).unwrap();
    assert_eq!(again, record);
}

#[test]
fn given_another_spec_under_a_used_name_when_decided_then_it_is_refused_and_changes_nothing() {
    let other_spec = |record: Option<Record>, claimed: bool| {
        let mut facts = Facts { record, ..facts(automatic()) };
        facts.request.as_mut().unwrap().owner.spec_hash = "another".into();
        if !claimed {
            facts.claim = None;
        }
        facts
    };
    let table = [
        (other_spec(Some(Record::empty(VAULT, "app01-item")), true), "none"),
        (other_spec(Some(ended(Kind::FailoverRequest, End::Succeeded, Reason::Succeeded)), true), "none"),
        (other_spec(Some(ended(Kind::FailoverRequest, End::Succeeded, Reason::Succeeded)), false), "none"),
        (other_spec(Some(held(Kind::FailoverRequest, None)), true), "none"),
        (other_spec(Some(held(Kind::FailoverRequest, accepted())), false), "none"),
        (other_spec(Some(held(Kind::FailoverRequest, refused())), true), "end"),
        (other_spec(Some(held(Kind::FailoverRequest, not_sent())), true), "withdraw"),
        (other_spec(Some(between()), true), "end"),
        (other_spec(None, true), "none"),
    ];
    for (facts, effect) in table {
        let decision = decide(&facts, &azure(pending()));
        assert_eq!(super::told::effect(&decision), effect, "{facts:?}");
        assert_eq!((standing(&decision), reason(&decision)), (Some(Standing::Stalled), Some(Reason::NameReused)));
        assert_eq!(condition(&decision, ConditionType::Accepted).0, Truth::False);
    }
}

#[test]
fn given_another_spec_under_a_running_name_when_the_old_job_ended_then_the_old_run_is_closed_and_not_continued() {
    let mut facts = Facts { record: Some(held(Kind::FailoverRequest, accepted())), ..facts(automatic()) };
    facts.request.as_mut().unwrap().owner.spec_hash = "another".into();
    let azure = Azure { job: Some(Reading::Known(failover_job(Phase::Succeeded))), ..azure(pending()) };
    let decision = decide(&facts, &azure);
    let Effect::Write(record) = &decision.effect else { panic!("{decision:?}") };
    let kept = record.consumed(&facts.key).unwrap();
    assert_eq!((kept.spec_hash.as_str(), kept.result.as_ref().map(|r| r.end)), ("spec", Some(End::Succeeded)));
    assert_eq!(record.holder, None);
    assert_eq!(reason(&decision), Some(Reason::NameReused));
}

#[test]
fn given_the_object_is_gone_when_each_state_of_its_run_is_met_then_the_bookkeeping_is_finished() {
    let table = [
        (None, "none", Stage::Gone),
        (Some(Record::empty(VAULT, "app01-item")), "none", Stage::Gone),
        (Some(ended(Kind::FailoverRequest, End::Failed, Reason::JobFailed)), "none", Stage::Gone),
        (Some(held(Kind::FailoverRequest, None)), "none", Stage::Resolve),
        (Some(held(Kind::FailoverRequest, unknown_outcome())), "none", Stage::Resolve),
        (Some(held(Kind::FailoverRequest, not_sent())), "withdraw", Stage::Withdraw),
        (Some(held(Kind::FailoverRequest, Some(Outcome::Throttled { retry_after: 9 }))), "withdraw", Stage::Withdraw),
        (Some(committing(unknown_outcome())), "none", Stage::Resolve),
    ];
    for (record, effect, want) in table {
        let facts = Facts { request: None, record, ..facts(automatic()) };
        let decision = decide(&facts, &azure(item()));
        assert_eq!(super::told::effect(&decision), effect, "{facts:?}");
        assert_eq!((stage(&facts), decision.view), (want, None), "{facts:?}");
    }
    for record in [between(), committing(not_sent()), committing(refused())] {
        let facts = Facts { request: None, record: Some(record), ..facts(automatic()) };
        assert_eq!(
            effect(&decide(&facts, &azure(pending()))),
            "end",
            "an automatic commit does not outlive its object"
        );
    }
}

#[test]
fn given_a_withdrawn_request_when_it_comes_back_then_it_runs_as_if_it_had_never_been() {
    let orphan = Facts { request: None, record: Some(held(Kind::FailoverRequest, not_sent())), ..facts(failover()) };
    let Effect::Write(record) = decide(&orphan, &azure(item())).effect else { panic!() };
    assert_eq!(record, Record::empty(VAULT, "app01-item"));
    let back = Facts { record: Some(record), ..facts(failover()) };
    assert_eq!(told(&back, &azure(item())).0, "send");
}

#[test]
fn given_a_key_that_was_begun_and_neither_runs_nor_ended_when_decided_then_nothing_is_sent() {
    let mut record = held(Kind::FailoverRequest, accepted());
    (record.holder, record.intent) = (None, None);
    let facts = Facts { record: Some(record), ..facts(failover()) };
    assert_eq!(told(&facts, &azure(item())), ("none", Some(Standing::Reconciling), Some(Reason::InternalError)));
}

#[test]
fn given_a_full_record_when_a_request_would_be_remembered_then_it_waits_and_nothing_is_dropped() {
    let mut record = Record::empty(VAULT, "app01-item");
    for n in 0..super::super::super::record::MAX_CONSUMED {
        let mut owner = owner(Kind::CommitRequest);
        owner.key.name = format!("r{n}");
        record = record.end(&owner, result(End::Succeeded, Reason::Succeeded), now()).unwrap();
    }
    let facts = Facts { record: Some(record), ..facts(failover()) };
    for item in [item(), pending()] {
        assert_eq!(told(&facts, &azure(item)), ("none", Some(Standing::Reconciling), Some(Reason::RecordFull)));
    }
}

#[test]
fn given_a_record_of_another_request_when_this_one_ends_then_only_its_own_entry_changes() {
    let mut other = owner(Kind::CommitRequest);
    other.key.name = "other".into();
    let held = Record::empty(VAULT, "app01-item")
        .open(&other, intent(Kind::CommitRequest, Step::Commit, None), now())
        .unwrap();
    let facts = Facts { record: Some(held.clone()), ..facts(failover()) };
    let late = Azure { now: Some(at("2026-06-02T00:00:00Z")), ..azure(item()) };
    let Effect::Write(mut record) = decide(&facts, &late).effect else { panic!() };
    assert!(record.consumed.pop().is_some_and(|c| c.key == facts.key));
    assert_eq!(record, held);
}
