//! What keeps a request waiting, sending nothing, and what ends the waiting.

use super::super::super::Reason;
use super::super::super::around::Around;
use super::super::super::backoff::Class;
use super::super::super::condition::Standing;
use super::super::super::ids::Kind;
use super::super::super::item::{Item, Obstacle, Scenario};
use super::super::super::job::{Job, JobId, Phase};
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::record::{End, Outcome, Owner, Record};
use super::super::super::vault;
use super::super::{InLine, Next, decide, first_in_line};
use super::fixture::*;
use super::told::*;
use std::time::Duration;

const WAITS: Option<Standing> = Some(Standing::Reconciling);

fn with(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = facts(failover());
    change(&mut facts);
    facts
}

fn vm_with(change: impl FnOnce(&mut super::super::super::observed::Vm)) -> Facts {
    with(|f| change(f.vm.as_mut().unwrap()))
}

#[test]
fn given_an_obstacle_in_the_cluster_when_decided_then_it_waits_and_sends_nothing() {
    let missing = Obstacle::new(Reason::VmNotFound, "There is no such ReplicatedVm.");
    let other = key(Kind::CommitRequest, "other");
    let held_by_other = |kind| {
        let owner = Owner { key: key(kind, "other"), ..owner(kind) };
        Some(Record::empty(VAULT, "app01-item").open(&owner, held(kind, None).intent.unwrap(), now()).unwrap())
    };
    let table = [
        (with(|f| f.vm = Err(missing.clone())), "none", Reason::VmNotFound),
        (with(|f| f.claim = None), "claim", Reason::Accepted),
        (with(|f| f.record = None), "none", Reason::RecordPending),
        (vm_with(|vm| vm.suspended = Some("suspended by hand".into())), "none", Reason::Suspended),
        (vm_with(|vm| vm.nobody_acts = Some(vault::read_only("v"))), "none", Reason::ReadOnly),
        (with(|f| f.record = held_by_other(Kind::FailoverRequest)), "none", Reason::ItemHeld),
        (with(|f| f.record = held_by_other(Kind::CommitRequest)), "none", Reason::ItemHeld),
        (with(|f| f.record_age = Some(Duration::from_secs(299))), "none", Reason::RecordQuarantine),
        (with(|f| f.record_age = None), "none", Reason::RecordQuarantine),
        (with(|f| f.ahead = Some(other.clone())), "none", Reason::NotItsTurn),
        (with(|f| f.record.as_mut().unwrap().protocol = 2), "none", Reason::UnknownProtocol),
        (with(|f| f.record.as_mut().unwrap().protocol = 0), "none", Reason::UnknownProtocol),
    ];
    for (facts, effect, reason) in table {
        assert_eq!(told(&facts, &azure(item())), (effect, WAITS, Some(reason)), "{facts:?}");
    }
}

#[test]
fn given_another_request_holds_the_vm_when_decided_then_its_unknown_call_is_told_from_a_run() {
    let job = Outcome::Accepted { job: JobId("j1".into()) };
    let unknown = Outcome::Unknown { detail: "reset".into() };
    for (outcome, says) in [(Some(job), "is running on this VM"), (Some(unknown), "a RequestDecision releases it")] {
        let owner = Owner { key: key(Kind::CommitRequest, "other"), ..owner(Kind::CommitRequest) };
        let intent = held(Kind::CommitRequest, outcome).intent.unwrap();
        let record = Record::empty(VAULT, "app01-item").open(&owner, intent, now()).unwrap();
        let decision = decide(&with(|f| f.record = Some(record)), &azure(item()));
        assert!(message(&decision).contains(says), "{}", message(&decision));
    }
}

#[test]
fn given_the_calls_are_used_up_when_decided_then_it_waits_for_exactly_as_long_and_sends_nothing() {
    let wait = Duration::from_secs(17);
    let azure = Azure { writes_wait: wait, ..azure(item()) };
    assert_eq!(told(&facts(failover()), &azure), ("none", WAITS, Some(Reason::Throttled)));
    assert_eq!(decide(&facts(failover()), &azure).next, Next::After(wait));
}

#[test]
fn given_nobody_acts_when_a_later_step_is_due_then_it_waits_and_the_failover_stands() {
    let between = |change: &dyn Fn(&mut Facts)| {
        let mut facts = Facts { record: Some(between()), ..facts(automatic()) };
        change(&mut facts);
        facts
    };
    let pending = azure(pending());
    assert_eq!(told(&between(&|_| ()), &pending).0, "send");
    let read_only = between(&|f| f.vm.as_mut().unwrap().nobody_acts = Some(vault::read_only("v")));
    let tokenless = Azure { no_token: Some(refused_token()), ..pending.clone() };
    for (facts, azure, reason) in
        [(read_only, &pending, Reason::ReadOnly), (between(&|_| ()), &tokenless, Reason::CredentialsFailed)]
    {
        assert_eq!(told(&facts, azure), ("none", WAITS, Some(reason)));
        assert!(message(&decide(&facts, azure)).starts_with("The failover stands; the next step waits."));
    }
}

#[test]
fn given_the_acting_identity_has_no_token_when_decided_then_no_intent_is_written() {
    let azure = Azure { no_token: Some(refused_token()), ..azure(item()) };
    for kind in Kind::ALL {
        let item = if kind == Kind::FailoverRequest { item() } else { pending() };
        let item = if kind == Kind::ReprotectRequest { committed() } else { item };
        let azure = Azure { item: Some(Reading::Known(item)), ..azure.clone() };
        assert_eq!(told(&facts_of(kind), &azure), ("none", WAITS, Some(Reason::CredentialsFailed)));
        assert!(message(&decide(&facts_of(kind), &azure)).contains("AADSTS7000215"));
        assert_eq!(told(&facts_of(kind), &Azure { no_token: None, ..azure }).0, "send");
    }
}

#[test]
fn given_azure_cannot_be_read_when_decided_then_it_waits_and_sends_nothing() {
    let with = |change: &dyn Fn(&mut Azure)| {
        let mut azure = azure(item());
        change(&mut azure);
        azure
    };
    let table = [
        (with(&|a| a.item = Some(unreadable(Class::Transient))), Reason::VaultUnreachable),
        (with(&|a| a.item = Some(unreadable(Class::Access))), Reason::VaultUnreachable),
        (with(&|a| a.item = Some(Reading::Absent)), Reason::ItemMissing),
        (with(&|a| a.item = None), Reason::VaultUnreachable),
        (with(&|a| a.jobs = Some(unreadable(Class::Transient))), Reason::VaultUnreachable),
        (with(&|a| a.jobs = Some(unreadable(Class::Access))), Reason::VaultUnreachable),
        (with(&|a| a.jobs = Some(Reading::Absent)), Reason::ItemMissing),
        (with(&|a| a.jobs = None), Reason::VaultUnreachable),
        (with(&|a| a.now = None), Reason::VaultUnreachable),
    ];
    for (azure, reason) in table {
        assert_eq!(told(&facts(failover()), &azure), ("none", WAITS, Some(reason)), "{azure:?}");
    }
}

#[test]
fn given_the_item_lacks_a_field_or_says_an_unknown_word_when_decided_then_it_waits() {
    use super::super::super::item::{Active, Item};
    let table = [
        (Item { name: String::new(), ..item() }, Reason::Pending),
        (Item { friendly_name: String::new(), ..item() }, Reason::Pending),
        (Item { active: None, ..item() }, Reason::Pending),
        (Item { active: Some(Active::Other), ..item() }, Reason::Pending),
        (Item { primary_region: String::new(), ..item() }, Reason::Pending),
        (Item { recovery_region: String::new(), ..item() }, Reason::Pending),
        (Item { source_vm_id: String::new(), ..item() }, Reason::Pending),
        (Item { recovery_vm_name: None, ..reversed() }, Reason::Pending),
        (Item { recovery_resource_group_id: None, ..reversed() }, Reason::Pending),
        (Item { allowed: vec![], ..item() }, Reason::NotAllowedNow),
        (Item { allowed: words(&["SomethingNew"]), ..item() }, Reason::NotAllowedNow),
        (Item { primary_region: "eastus".into(), ..item() }, Reason::SidesDisagree),
        (Item { initial_primary_region: "northeurope".into(), ..item() }, Reason::SidesDisagree),
    ];
    for (item, reason) in table {
        assert_eq!(told(&facts(failover()), &azure(item.clone())), ("none", WAITS, Some(reason)), "{item:?}");
    }
}

#[test]
fn given_something_runs_on_the_item_when_decided_then_it_waits_until_its_job_ended() {
    let running = |name: &str, job: Option<&str>| super::super::super::item::Item {
        scenario: Some(Scenario { name: name.into(), job: job.map(|id| JobId(id.into())) }),
        ..item()
    };
    let foreign = |id: &str, scenario, phase| job(id, scenario, phase, Some("somebody-else"));
    let table = [
        (running("TestFailover", Some("x")), vec![], "none"),
        (running("TestFailover", None), vec![], "none"),
        (running("ANewScenario", Some("x")), vec![], "none"),
        (running("TestFailover", Some("x")), vec![foreign("x", "TestFailover", Phase::Running)], "none"),
        (running("TestFailover", Some("x")), vec![foreign("x", "TestFailover", Phase::Succeeded)], "send"),
        (running("TestFailover", Some("x")), vec![foreign("x", "TestFailover", Phase::Failed)], "send"),
        (item(), vec![foreign("x", "UnplannedFailover", Phase::Running)], "none"),
        (item(), vec![foreign("x", "UnplannedFailover", Phase::Succeeded)], "send"),
        (item(), vec![foreign("x", "SaveRecoveryPlan", Phase::Running)], "send"),
    ];
    for (item, jobs, effect) in table {
        let azure = Azure { jobs: Some(Reading::Known(jobs)), ..azure(item) };
        let want = (effect, WAITS, Some(if effect == "send" { Reason::Submitting } else { Reason::ItemBusy }));
        assert_eq!(told(&facts(failover()), &azure), want, "{azure:?}");
    }
}

#[test]
fn given_valid_until_passed_and_the_jobs_cannot_be_read_when_decided_then_it_says_that_nothing_is_sent_any_more() {
    let shown = |now: &str| {
        let jobs = Some(unreadable(Class::Access));
        let azure = Azure { now: Some(at(now)), jobs, ..azure(item()) };
        let decision = decide(&facts(failover()), &azure);
        assert_eq!(told(&facts(failover()), &azure), ("none", WAITS, Some(Reason::VaultUnreachable)), "{azure:?}");
        message(&decision).to_owned()
    };
    let (before, after) = (shown("2026-06-01T11:59:59Z"), shown("2026-06-01T12:00:01Z"));
    assert!(!before.contains("validUntil"), "{before}");
    assert!(after.contains("nothing is sent any more") && after.ends_with(&before), "{after}");
}

#[test]
fn given_valid_until_passed_while_it_waited_when_decided_then_it_expires() {
    let late = |item| Azure { now: Some(at("2026-06-01T12:00:01Z")), ..azure(item) };
    let owner =
        super::super::super::record::Owner { key: key(Kind::CommitRequest, "other"), ..owner(Kind::CommitRequest) };
    let held = Record::empty(VAULT, "app01-item")
        .open(&owner, held(Kind::CommitRequest, None).intent.unwrap(), now())
        .unwrap();
    let missing = Obstacle::new(Reason::VmNotFound, "gone");
    let table = [
        (facts(failover()), late(item())),
        (facts(failover()), late(pending())),
        (facts(failover()), Azure { item: Some(Reading::Absent), ..late(item()) }),
        (facts(failover()), Azure { item: Some(unreadable(Class::Access)), ..late(item()) }),
        (with(|f| f.ahead = Some(key(Kind::CommitRequest, "other"))), late(item())),
        (with(|f| f.record = Some(held)), late(item())),
        (with(|f| f.vm = Err(missing.clone())), late(item())),
        (vm_with(|vm| vm.suspended = Some("suspended".into())), late(item())),
        (with(|f| f.record = Some(super::fixture::held(Kind::FailoverRequest, not_sent()))), late(item())),
        (
            with(|f| {
                f.record = Some(super::fixture::held(Kind::FailoverRequest, not_sent()));
                f.vm = Err(missing);
            }),
            late(item()),
        ),
    ];
    for (facts, azure) in table {
        assert_eq!(end(&facts, &azure).end, End::Expired, "{facts:?}");
        let said = after(&facts, &azure);
        assert_eq!((standing(&said), reason(&said)), (Some(Standing::Stalled), Some(Reason::Expired)), "{facts:?}");
    }
}

#[test]
fn given_a_record_in_quarantine_when_valid_until_passed_then_no_end_is_written_yet() {
    let facts = with(|f| f.record_age = Some(Duration::from_secs(10)));
    let late = Azure { now: Some(at("2026-06-02T00:00:00Z")), ..azure(item()) };
    assert_eq!(told(&facts, &late), ("none", WAITS, Some(Reason::RecordQuarantine)));
}

#[test]
fn given_an_unknown_protocol_when_valid_until_passed_then_the_record_is_not_touched() {
    let facts = with(|f| f.record.as_mut().unwrap().protocol = 9);
    let late = Azure { now: Some(at("2026-06-02T00:00:00Z")), ..azure(item()) };
    assert_eq!(told(&facts, &late), ("none", WAITS, Some(Reason::UnknownProtocol)));
}

#[test]
fn given_azure_s_time_when_it_is_at_the_edge_of_validity_then_only_a_later_one_expires() {
    let table = [
        ("2026-06-01T11:59:59Z", "send"),
        ("2026-06-01T12:00:00Z", "send"),
        ("2026-06-01T12:00:00.000000001Z", "end"),
        ("2026-05-25T12:00:00Z", "send"),
        ("2026-05-25T11:59:59Z", "end"),
    ];
    for (time, effect) in table {
        let azure = Azure { now: Some(at(time)), ..azure(item()) };
        assert_eq!(told(&facts(failover()), &azure).0, effect, "{time}");
    }
}

#[test]
fn given_valid_until_is_too_far_ahead_when_decided_then_it_is_refused() {
    let azure = Azure { now: Some(at("2026-05-20T00:00:00Z")), ..azure(item()) };
    let end = end(&facts(failover()), &azure);
    assert_eq!((end.end, end.reason), (End::Refused, Reason::ValidUntilTooFar));
}

#[test]
fn given_a_young_record_when_asked_again_within_its_quarantine_then_the_words_stay_the_same() {
    let at_age = |secs| with(|f| f.record_age = Some(Duration::from_secs(secs)));
    let said = |secs| message(&decide(&at_age(secs), &azure(item())));
    assert_eq!(said(31), said(59), "or every pass would write the status");
    let left = decide(&at_age(290), &azure(item())).next;
    assert_eq!(left, Next::After(Duration::from_millis(10_500)), "and it comes back when the quarantine is over");
}

#[test]
fn given_a_holder_of_another_namespace_when_it_waits_then_its_name_is_not_told() {
    let mut other = key(Kind::FailoverRequest, "secret-name");
    other.namespace = "secret-ns".into();
    let holder = super::super::super::record::Owner { key: other.clone(), ..owner(Kind::FailoverRequest) };
    let record =
        Record::empty(VAULT, "app01-item").open(&holder, held(Kind::FailoverRequest, None).intent.unwrap(), now());
    for facts in [with(|f| f.record = record.clone().ok()), with(|f| f.ahead = Some(other))] {
        let said = message(&decide(&facts, &azure(item())));
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn given_pending_requests_when_lined_up_then_priority_then_age_then_kind_then_name_decides() {
    let (a, b) = (key(Kind::FailoverRequest, "a"), key(Kind::FailoverRequest, "b"));
    let c = key(Kind::CommitRequest, "a");
    let (old, new) = (Some(at("2026-06-01T00:00:00Z")), Some(at("2026-06-01T01:00:00Z")));
    let table = [
        (vec![(&a, 0, new), (&b, 0, old)], &b),
        (vec![(&a, 0, old), (&b, 1, new)], &b),
        (vec![(&a, i32::MIN, old), (&b, i32::MAX, new)], &b),
        (vec![(&b, 0, old), (&a, 0, old)], &a),
        (vec![(&c, 0, old), (&b, 0, old)], &b),
    ];
    for (pending, first) in table {
        let line =
            || pending.iter().map(|&(key, priority, created)| InLine { key, priority, created, waits_for: None });
        for me in [&a, &b, &c] {
            let ahead = first_in_line(line(), me);
            assert_eq!(ahead, (me != first).then_some(first), "{pending:?} asked by {me}");
        }
    }
    assert_eq!(first_in_line(std::iter::empty(), &a), None);
}

#[test]
fn given_a_request_that_waits_for_the_vm_to_change_then_those_behind_it_pass() {
    let (a, b) = (key(Kind::CommitRequest, "a"), key(Kind::FailoverRequest, "b"));
    let (old, new) = (Some(at("2026-06-01T00:00:00Z")), Some(at("2026-06-01T01:00:00Z")));
    let table = [
        (Some(Reason::NoPendingFailover), None),
        (Some(Reason::NotCommitted), None),
        (Some(Reason::NotAllowedNow), None),
        (Some(Reason::PreconditionsUnmet), None),
        (Some(Reason::Suspended), Some(&a)),
        (Some(Reason::Accepted), Some(&a)),
        (None, Some(&a)),
    ];
    for (waits_for, ahead) in table {
        let line = || {
            [
                InLine { key: &a, priority: 1, created: old, waits_for },
                InLine { key: &b, priority: 0, created: new, waits_for: None },
            ]
            .into_iter()
        };
        assert_eq!(first_in_line(line(), &b), ahead, "{waits_for:?}");
        assert_eq!(first_in_line(line(), &a), None, "{waits_for:?}: who waits is still looked at");
    }
}

#[test]
fn given_a_request_that_comes_too_early_then_it_waits_for_what_may_still_come_and_is_refused_after_that() {
    let other = |kind| vec![key(kind, "other")];
    let young = Some(Duration::from_secs(59));
    let (failover, commits) = (other(Kind::FailoverRequest), other(Kind::CommitRequest));
    let settled = Some(Duration::from_secs(60));
    let waits = |reason| ("none", Some(Standing::Reconciling), Some(reason));
    let refused = ("end", Some(Standing::Reconciling), Some(Reason::Ending));
    let early = Reason::NoPendingFailover;
    let table = [
        (facts(commit()), item(), young, vec![], waits(early)),
        (facts(commit()), item(), settled, failover.clone(), waits(early)),
        (facts(commit()), item(), settled, commits.clone(), refused),
        (facts(commit()), item(), settled, vec![], refused),
        (facts(commit()), item(), None, vec![], refused),
        (facts(change_point()), item(), settled, failover.clone(), waits(early)),
        (facts(change_point()), item(), settled, commits.clone(), refused),
        (facts(change_point()), committed(), young, failover.clone(), refused),
        (facts(reprotect()), pending(), settled, commits.clone(), waits(Reason::NotCommitted)),
        (facts(reprotect()), item(), settled, failover, waits(Reason::NotFailedOver)),
        (facts(reprotect()), pending(), settled, vec![], refused),
    ];
    for (facts, item, request_age, pending, want) in table {
        let facts = Facts { request_age, pending, ..facts };
        assert_eq!(told(&facts, &azure(item)), want, "{:?} {:?} {:?}", facts.key, facts.pending, request_age);
    }
}

#[test]
fn given_grounds_that_are_too_old_when_a_call_was_decided_then_it_is_shown_and_nothing_sent() {
    let decision = super::super::too_slow(&facts(failover()), Duration::from_secs(27));
    assert_eq!(effect(&decision), "none");
    assert_eq!(reason(&decision), Some(Reason::VaultUnreachable));
    assert!(message(&decision).contains("27 s") && message(&decision).contains("It was not made"));
}

#[test]
fn given_unmet_preconditions_when_the_request_is_old_then_they_are_looked_at_more_seldom() {
    let unmet =
        Azure { around: Some(Around { cache_account: Some(Reading::Absent), ..around() }), ..azure(committed()) };
    for (age, seconds) in [(None, 15), (Some(100), 15), (Some(600), 60), (Some(90_000), 300)] {
        let facts = Facts { request_age: age.map(Duration::from_secs), ..facts(reprotect()) };
        let decision = decide(&facts, &unmet);
        assert_eq!(reason(&decision), Some(Reason::PreconditionsUnmet), "{}", message(&decision));
        assert_eq!(decision.next, Next::After(Duration::from_secs(seconds)), "{age:?}");
    }
}

#[test]
fn given_a_job_that_ended_in_a_word_that_nobody_knows_when_the_next_request_comes_then_it_is_not_held_up() {
    let odd = Job { state_text: "Finished".into(), ..job("x", "UnplannedFailover", Phase::Running, Some("somebody")) };
    let running = Job { ended: None, ..odd.clone() };
    let ended = Job { ended: Some(at("2026-06-01T07:58:00Z")), ..odd };
    let shown =
        Item { scenario: Some(Scenario { name: "UnplannedFailover".into(), job: Some(running.id.clone()) }), ..item() };
    let with = |item: &Item, job: &Job| {
        told(&facts(failover()), &Azure { jobs: Some(Reading::Known(vec![job.clone()])), ..azure(item.clone()) })
    };
    for (item, job) in [(&item(), &running), (&shown, &running), (&shown, &ended)] {
        assert_eq!(with(item, job).2, Some(Reason::ItemBusy), "what the item itself shows as running is believed");
    }
    assert_eq!(with(&item(), &ended).0, "send");
}
