//! What is shown: the order of conditions, the phase, and words a person can act on.

use super::super::super::Reason;
use super::super::super::condition::{ConditionType, Standing, Truth};
use super::super::super::ids::{Kind, Step};
use super::super::super::job::Phase;
use super::super::super::observed::{Adoption, Azure, Facts, Reading};
use super::super::super::record::{End, Outcome};
use super::super::decide;
use super::fixture::*;
use super::told::*;
use std::time::Duration;

#[test]
fn given_each_kind_when_shown_then_its_conditions_stand_in_their_fixed_order() {
    use ConditionType::{Accepted, Committed, Done, FailedOver, Ready, Reconciling, SourceShutdown, Stalled};
    let table = [
        (facts(failover()), vec![Ready, Reconciling, Stalled, Accepted, SourceShutdown, FailedOver, Committed]),
        (facts(automatic()), vec![Ready, Reconciling, Stalled, Accepted, SourceShutdown, FailedOver, Committed]),
        (facts(commit()), vec![Ready, Reconciling, Stalled, Accepted, Done]),
    ];
    for (facts, order) in table {
        for item in [item(), pending(), committed()] {
            let shown = decide(&facts, &azure(item)).view.unwrap().conditions;
            assert_eq!(shown.iter().map(|c| c.kind).collect::<Vec<_>>(), order);
        }
    }
}

#[test]
fn given_each_state_of_a_run_when_shown_then_the_phase_is_one_word_for_it() {
    let with = |record| Facts { record: Some(record), ..facts(automatic()) };
    let unknown = Azure { since_intent: Duration::from_secs(180), ..azure(item()) };
    let running = Azure { job: Some(Reading::Known(failover_job(Phase::Running))), ..azure(item()) };
    let failed = Azure { job: Some(Reading::Known(failover_job(Phase::Failed))), ..azure(item()) };
    let unsure = Facts { adoption: Adoption::Unknown, ..with(held(Kind::FailoverRequest, unknown_outcome())) };
    let mut reused = facts(failover());
    reused.request.as_mut().unwrap().owner.spec_hash = "another".into();
    let table = [
        (facts(failover()), azure(item()), "Submitting"),
        (facts(failover()), azure(failed_back()), "Waiting"),
        (facts(failover()), azure(pending()), "Ending"),
        (with(held(Kind::FailoverRequest, None)), azure(item()), "Submitting"),
        (unsure, unknown, "Unknown"),
        (with(held(Kind::FailoverRequest, accepted())), azure(item()), "Running"),
        (with(held(Kind::FailoverRequest, accepted())), running, "Running"),
        (with(held(Kind::FailoverRequest, accepted())), failed, "Ending"),
        (reused, azure(item()), "Refused"),
    ];
    for (facts, azure, phase) in table {
        assert_eq!(decided_for_good(&facts, &azure).view.unwrap().phase, phase, "{facts:?}");
    }
}

#[test]
fn given_somebody_who_asked_when_shown_then_the_request_names_them_before_and_at_its_call() {
    let mut asked = facts(failover());
    asked.request.as_mut().unwrap().requested_by = Some("alice@example.com".into());
    let accepted = |facts: &Facts| {
        let view = decide(facts, &azure(item())).view.unwrap();
        view.conditions.iter().find(|c| c.kind == ConditionType::Accepted).unwrap().message.clone()
    };
    assert_eq!(accepted(&asked), "The target is frozen. Requested by alice@example.com.");
    let called = message(&decide(&asked, &azure(item())));
    assert!(called.contains("is being called") && called.ends_with("Requested by alice@example.com."), "{called}");
    assert!(!accepted(&facts(failover())).contains("Requested by"));
}

#[test]
fn given_a_request_when_its_target_is_frozen_or_refused_then_accepted_says_so() {
    let fresh = Facts { claim: None, ..facts(failover()) };
    let ended = |end| Facts { record: Some(ended(Kind::FailoverRequest, end, Reason::Expired)), ..facts(failover()) };
    let table = [
        (fresh, Truth::Unknown),
        (facts(failover()), Truth::True),
        (ended(End::Succeeded), Truth::True),
        (ended(End::AlreadyThere), Truth::True),
        (ended(End::Refused), Truth::False),
        (ended(End::Expired), Truth::False),
        (ended(End::TargetChanged), Truth::False),
    ];
    for (facts, truth) in table {
        let decision = decide(&facts, &azure(item()));
        assert_eq!(condition(&decision, ConditionType::Accepted).0, truth, "{facts:?}");
    }
}

#[test]
fn given_a_manual_request_when_it_succeeded_then_committed_is_false_and_says_what_to_do() {
    let facts = Facts { record: Some(held(Kind::FailoverRequest, accepted())), ..facts(failover()) };
    let azure = Azure { job: Some(Reading::Known(failover_job(Phase::Succeeded))), ..azure(pending()) };
    let said = after(&facts, &azure);
    assert_eq!(condition(&said, ConditionType::Committed), (Truth::False, Reason::NotRequested));
    assert_eq!(standing(&said), Some(Standing::Ready));
    assert!(message(&said).contains("Validate it, then commit"), "{}", message(&said));
}

#[test]
fn given_each_outcome_of_an_open_call_when_shown_then_its_operation_names_it() {
    let table = [
        (None, "Unknown", None),
        (unknown_outcome(), "Unknown", None),
        (accepted(), "InProgress", Some("j1")),
        (Some(Outcome::Refused { detail: "no".into() }), "Refused", None),
        (not_sent(), "NotSent", None),
        (Some(Outcome::Throttled { retry_after: 9999 }), "Throttled", None),
    ];
    for (outcome, state, job) in table {
        let facts = Facts { record: Some(held(Kind::FailoverRequest, outcome.clone())), ..facts(failover()) };
        let operation = decide(&facts, &azure(failed_back())).view.unwrap().operations.remove(0);
        assert_eq!((operation.state.as_str(), operation.job.as_deref()), (state, job), "{outcome:?}");
        assert_eq!(operation.client_request_id, call_id(Kind::FailoverRequest, Step::Failover, 1));
    }
}

#[test]
fn given_an_automatic_request_when_both_steps_are_made_then_both_operations_are_shown_in_order() {
    let facts = Facts { record: Some(committing(accepted())), ..facts(automatic()) };
    let shown = decide(&facts, &azure(pending())).view.unwrap();
    assert_eq!(shown.operations.iter().map(|o| o.step).collect::<Vec<_>>(), [Step::Failover, Step::Commit]);
}

#[test]
fn given_a_request_when_its_target_is_claimed_then_the_target_is_shown() {
    let shown = decide(&facts(failover()), &azure(item())).view.unwrap().target.unwrap();
    assert_eq!((shown.vault_id.as_str(), shown.item_name.as_str()), (VAULT, "app01-item"));
    let fresh = Facts { claim: None, ..facts(failover()) };
    assert_eq!(decide(&fresh, &azure(item())).view.unwrap().target, None);
}
