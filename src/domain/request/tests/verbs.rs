//! The verb table: every verb on every state of the item.

use super::super::super::Reason;
use super::super::super::commit::Commit;
use super::super::super::condition::{ConditionType, Standing, Truth};
use super::super::super::failover::Failover;
use super::super::super::ids::{Kind, Step};
use super::super::super::item::{Active, Direction, Item, Naming};
use super::super::super::observed::Facts;
use super::super::super::record::{End, Outcome, Record};
use super::super::super::verb::Call;
use super::super::{Effect, decide};
use super::fixture::*;
use super::told::*;
use jiff::SignedDuration;

fn failback() -> Failover {
    Failover { direction: Direction::RecoveryToPrimary, ..failover() }
}

fn drill() -> Item {
    Item { allowed: words(&["TestFailoverCleanup"]), ..item() }
}

fn failed_failover() -> Item {
    Item { protection_state: "UnplannedFailoverFailed".into(), ..item() }
}

/// What the service never offers: a failover while the VM runs at the item's recovery side.
fn nonsense() -> Item {
    Item { allowed: words(&["UnplannedFailover", "Commit"]), ..pending() }
}

#[test]
fn given_each_state_of_the_item_when_a_failover_is_asked_then_the_verb_table_decides() {
    let table = [
        (failover(), item(), "send", Reason::Submitting),
        (failover(), failed_failover(), "send", Reason::Submitting),
        (failover(), drill(), "none", Reason::NotAllowedNow),
        (failover(), pending(), "end", Reason::AlreadyThere),
        (failover(), committed(), "end", Reason::AlreadyThere),
        (failover(), nonsense(), "end", Reason::AlreadyThere),
        (failover(), reversed(), "end", Reason::AlreadyThere),
        (failover(), failed_back(), "none", Reason::NotAllowedNow),
        (failback(), item(), "end", Reason::AlreadyThere),
        (failback(), drill(), "end", Reason::AlreadyThere),
        (failback(), pending(), "none", Reason::NotAllowedNow),
        (failback(), nonsense(), "none", Reason::NotAllowedNow),
        (failback(), committed(), "none", Reason::NotAllowedNow),
        (failback(), reversed(), "send", Reason::Submitting),
        (failback(), failed_back(), "end", Reason::AlreadyThere),
    ];
    for (verb, item, effect, reason) in table {
        let (facts, azure) = (facts(verb), azure(item));
        let want = if effect == "end" { Reason::Ending } else { reason };
        assert_eq!(told(&facts, &azure), (effect, Some(Standing::Reconciling), Some(want)), "{facts:?} {azure:?}");
        if effect == "end" {
            assert_eq!(end(&facts, &azure).reason, reason, "{facts:?} {azure:?}");
        }
    }
}

#[test]
fn given_each_state_of_the_item_when_a_commit_is_asked_then_the_verb_table_decides() {
    let odd = Item { allowed: words(&["DisableProtection"]), ..pending() };
    let nameless = Item { failover_point: None, ..pending() };
    let at_point = |name: &str| Commit { recovery_point: Some(name.into()) };
    let go = ("send", None);
    let table = [
        (commit(), pending(), go),
        (commit(), failed_back(), go),
        (commit(), nameless.clone(), go),
        (commit(), committed(), ("end", Some((End::NothingToDo, Reason::NothingToDo)))),
        (commit(), item(), ("end", Some((End::Refused, Reason::NoPendingFailover)))),
        (commit(), drill(), ("end", Some((End::Refused, Reason::NoPendingFailover)))),
        (commit(), reversed(), ("end", Some((End::Refused, Reason::NoPendingFailover)))),
        (commit(), odd, ("none", None)),
        (at_point("p2"), pending(), go),
        (at_point("/any/container/recoveryPoints/P2"), pending(), go),
        (at_point("p1"), pending(), ("end", Some((End::Refused, Reason::RecoveryPointMismatch)))),
        (at_point("p2"), nameless, ("none", None)),
        (at_point("p1"), committed(), ("end", Some((End::NothingToDo, Reason::NothingToDo)))),
    ];
    for (verb, item, (effect, how)) in table {
        let (facts, azure) = (facts(verb), azure(item));
        assert_eq!(told(&facts, &azure).0, effect, "{facts:?} {azure:?}");
        if let Some(how) = how {
            let end = end(&facts, &azure);
            assert_eq!((end.end, end.reason), how, "{facts:?} {azure:?}");
        }
    }
}

#[test]
fn given_a_call_when_it_is_prepared_then_its_intent_and_body_say_the_same() {
    let quiet = Failover { shutdown_source: false, ..failover() };
    let call = |shutdown_source| Call::UnplannedFailover { point: None, shutdown_source };
    let table = [
        (facts(failover()), item(), call(true), Step::Failover, Kind::FailoverRequest),
        (facts(quiet), item(), call(false), Step::Failover, Kind::FailoverRequest),
        (facts(failback()), reversed(), call(true), Step::Failover, Kind::FailoverRequest),
        (facts(commit()), pending(), Call::FailoverCommit, Step::Commit, Kind::CommitRequest),
        (
            Facts { record: Some(between()), ..facts(automatic()) },
            pending(),
            Call::FailoverCommit,
            Step::Commit,
            Kind::FailoverRequest,
        ),
    ];
    for (facts, item, call, step, kind) in table {
        let decision = decide(&facts, &azure(item));
        let Effect::Send(record, sent) = &decision.effect else { panic!("{decision:?}") };
        let intent = record.intent.as_ref().unwrap();
        assert_eq!((sent, intent.step, &intent.client_request_id), (&call, step, &call_id(kind, step, 1)));
        assert_eq!((intent.nonce.as_str(), intent.t0, intent.outcome.clone()), ("nonce", Some(now()), None));
        assert!(record.held_by(&facts.key) && record.consumed(&facts.key).is_some_and(|c| c.result.is_none()));
    }
}

#[test]
fn given_the_request_was_there_already_when_it_ended_then_it_is_ready_and_not_failed_over() {
    let said = after(&facts(failover()), &azure(pending()));
    assert_eq!(standing(&said), Some(Standing::Ready));
    assert_eq!(condition(&said, ConditionType::FailedOver), (Truth::False, Reason::AlreadyThere));
    assert!(message(&said).contains("this request sent nothing"), "{}", message(&said));
}

#[test]
fn given_the_item_is_not_the_one_that_was_meant_when_decided_then_the_request_ends_unsent() {
    let other = Item { name: "other-item".into(), ..item() };
    let renewed = Item { lifecycle_id: Some("life-2".into()), ..item() };
    let unknown_life = Item { lifecycle_id: None, ..item() };
    let same_life = Item { lifecycle_id: Some("LIFE-1".into()), ..item() };
    let other_vm = Item { source_vm_id: "/subscriptions/s/vms/app02".into(), ..item() };
    let changed = Some((End::TargetChanged, Reason::TargetChanged));
    let refused = Some((End::Refused, Reason::GroupMember));
    let table = [
        (other, changed),
        (renewed, Some((End::TargetChanged, Reason::ItemReplaced))),
        (unknown_life, None),
        (same_life, None),
        (other_vm, changed),
        (Item { group: Some("shop".into()), ..item() }, refused),
        (Item { cluster: Some("sql".into()), ..item() }, refused),
    ];
    for (item, how) in table {
        let (facts, azure) = (facts(failover()), azure(item));
        match how {
            None => assert_eq!(told(&facts, &azure).0, "send", "{azure:?}"),
            Some(how) => {
                let end = end(&facts, &azure);
                assert_eq!((end.end, end.reason), how, "{azure:?}");
            }
        }
    }
}

#[test]
fn given_the_replicated_vm_was_bound_anew_when_decided_then_the_old_request_does_not_follow() {
    let rebound = |change: &dyn Fn(&mut super::super::super::observed::Vm)| {
        let mut facts = facts(failover());
        change(facts.vm.as_mut().unwrap());
        facts
    };
    let table = [
        (rebound(&|vm| vm.item.name = "other".into()), Reason::TargetChanged),
        (rebound(&|vm| vm.vault_id = "/other/vault".into()), Reason::TargetChanged),
        (rebound(&|vm| vm.item.lifecycle_id = Some("life-2".into())), Reason::ItemReplaced),
        (rebound(&|vm| vm.naming = Naming::ItemName("other".into())), Reason::TargetChanged),
    ];
    for (facts, reason) in table {
        let end = end(&facts, &azure(item()));
        assert_eq!((end.end, end.reason), (End::TargetChanged, reason), "{facts:?}");
    }
}

#[test]
fn given_the_replicated_vm_is_bound_anew_during_the_run_when_decided_then_the_old_item_s_call_is_followed() {
    for outcome in [accepted(), unknown_outcome(), None] {
        let mut facts = Facts { record: Some(held(Kind::FailoverRequest, outcome)), ..facts(failover()) };
        let vm = facts.vm.as_mut().unwrap();
        vm.item.name = "other".into();
        vm.naming = Naming::ItemName("other".into());
        let decision = decide(&facts, &azure(item()));
        assert_eq!(effect(&decision), "none", "{decision:?}");
        assert_eq!(standing(&decision), Some(Standing::Reconciling), "{decision:?}");
    }
}

#[test]
fn given_the_failover_step_is_done_when_the_commit_is_due_then_only_its_own_failover_is_committed() {
    let facts = Facts { record: Some(between()), ..facts(automatic()) };
    let newer = Item { last_failover: Some(at("2026-06-01T07:59:00Z")), ..pending() };
    let told_as_its_end = Item {
        last_failover: finished_failover().ended.map(|end| end + SignedDuration::from_millis(900)),
        ..pending()
    };
    let later = |item| super::super::super::observed::Azure { now: Some(at("2026-06-01T09:00:00Z")), ..azure(item) };
    let failed = Some((End::Failed, Reason::CommitFailed));
    let table = [
        (azure(pending()), "send", None),
        (azure(committed()), "end", Some((End::Succeeded, Reason::Committed))),
        (azure(reversed()), "end", Some((End::Succeeded, Reason::Committed))),
        (azure(item()), "none", None),
        (later(item()), "end", failed),
        (later(failed_back()), "end", failed),
        (later(newer), "end", failed),
        (later(told_as_its_end), "send", None),
        (later(Item { group: Some("shop".into()), ..pending() }), "end", failed),
        (later(Item { allowed: vec![], ..pending() }), "none", None),
        (later(pending()), "send", None),
    ];
    for (azure, effect, how) in table {
        assert_eq!(told(&facts, &azure).0, effect, "{azure:?}");
        if let Some(how) = how {
            let end = end(&facts, &azure);
            assert_eq!((end.end, end.reason, end.steps.len()), (how.0, how.1, 1), "{azure:?}");
        }
    }
}

#[test]
fn given_the_commit_waits_after_its_failover_when_valid_until_passed_then_it_is_still_finished() {
    let facts = Facts { record: Some(between()), ..facts(automatic()) };
    let late = super::super::super::observed::Azure { now: Some(at("2026-06-03T00:00:00Z")), ..azure(pending()) };
    assert_eq!(told(&facts, &late).0, "send");
}

#[test]
fn given_a_later_step_waits_when_shown_then_the_words_name_the_way_out() {
    let mut gone = Facts { record: Some(between()), ..facts(automatic()) };
    gone.vm = Err(super::super::super::item::Obstacle::new(Reason::VmNotFound, "There is no ReplicatedVm app01."));
    let mut suspended = Facts { record: Some(between()), ..facts(automatic()) };
    suspended.vm.as_mut().unwrap().suspended = Some("suspend is true.".into());
    let busy = Item { allowed: vec![], ..pending() };
    let waiting = Facts { record: Some(between()), ..facts(automatic()) };
    for (facts, item) in [(gone, pending()), (suspended, pending()), (waiting, busy)] {
        let said = message(&decide(&facts, &azure(item)));
        assert!(said.starts_with("The failover stands"), "{said}");
        assert!(said.contains("delete this request"), "{said}");
    }
}

#[test]
fn given_the_commit_was_made_by_somebody_else_when_ended_then_committed_is_true() {
    let facts = Facts { record: Some(between()), ..facts(automatic()) };
    let said = after(&facts, &azure(committed()));
    assert_eq!(standing(&said), Some(Standing::Ready));
    assert_eq!(condition(&said, ConditionType::FailedOver), (Truth::True, Reason::FailedOver));
    assert_eq!(condition(&said, ConditionType::Committed), (Truth::True, Reason::Committed));
}

#[test]
fn given_the_claim_was_lost_during_the_run_when_the_next_call_is_due_then_it_is_made_again_first() {
    for record in [between(), held(Kind::FailoverRequest, not_sent())] {
        let facts = Facts { claim: None, record: Some(record), ..facts(automatic()) };
        let decision = decide(&facts, &azure(pending()));
        let Effect::Claim(claim) = &decision.effect else { panic!("{decision:?}") };
        assert_eq!((claim.item(), &claim.owner), (vm().item_key(), &facts.request.as_ref().unwrap().owner));
    }
}

#[test]
fn given_the_calls_that_never_left_when_decided_again_then_the_same_attempt_goes_out() {
    let throttled = |secs| Some(Outcome::Throttled { retry_after: secs });
    let table = [
        (not_sent(), "send"),
        (throttled(0), "send"),
        (throttled(600), "send"),
        (throttled(601), "none"),
        (throttled(u32::MAX), "none"),
    ];
    for (outcome, effect) in table {
        let record: Record = held(Kind::FailoverRequest, outcome.clone());
        let facts = Facts { record: Some(record), ..facts(failover()) };
        let decision = decide(&facts, &azure(item()));
        assert_eq!(super::told::effect(&decision), effect, "{outcome:?}");
        if let Effect::Send(record, _) = &decision.effect {
            let intent = record.intent.as_ref().unwrap();
            assert_eq!((intent.attempt, intent.nonce.as_str()), (1, "nonce"), "{outcome:?}");
            assert_eq!(intent.client_request_id, call_id(Kind::FailoverRequest, Step::Failover, 1));
        }
    }
}

#[test]
fn given_a_call_that_did_not_leave_just_now_when_decided_again_then_its_cause_is_told_before_the_next_try() {
    let mut record = held(Kind::FailoverRequest, not_sent());
    record.intent.as_mut().unwrap().t0 = Some(now());
    let facts = Facts { record: Some(record), ..facts(failover()) };
    let decision = decide(&facts, &azure(item()));
    assert_eq!((super::told::effect(&decision), reason(&decision)), ("none", Some(Reason::NotSent)));
    assert!(message(&decision).contains("did not leave"), "{}", message(&decision));
    let next = decision.next;
    assert!(matches!(next, super::super::Next::After(after) if after.as_secs() <= 5), "{next:?}");
}

#[test]
fn given_a_word_of_azure_in_another_case_when_decided_then_it_is_the_same_word() {
    let shouting = Item { allowed: words(&["UNPLANNEDFAILOVER"]), active: Some(Active::Primary), ..item() };
    assert_eq!(told(&facts(failover()), &azure(shouting)).0, "send");
}

#[test]
fn given_a_throttled_call_when_the_vm_is_as_it_was_to_become_then_its_job_is_looked_for_before_that_is_said() {
    let throttled = |t0: &str| {
        let mut record = held(Kind::FailoverRequest, Some(Outcome::Throttled { retry_after: 30 }));
        record.intent.as_mut().unwrap().t0 = Some(at(t0));
        Facts { record: Some(record), ..facts(failover()) }
    };
    let lately = throttled("2026-06-01T07:56:41Z");
    assert_eq!(told(&lately, &azure(pending())), ("none", Some(Standing::Reconciling), Some(Reason::LookingBack)));
    let long_ago = throttled("2026-06-01T07:56:40Z");
    assert_eq!(end(&long_ago, &azure(pending())).reason, Reason::AlreadyThere);
    let mut never_left = lately;
    never_left.record.as_mut().unwrap().intent.as_mut().unwrap().outcome = not_sent();
    assert_eq!(end(&never_left, &azure(pending())).reason, Reason::AlreadyThere);
}
