//! Reprotect: the verb table, each precondition by itself, the plan, and what is watched after its end.

use super::super::super::Reason;
use super::super::super::around::{Around, Egress, Lock, Machine, Mapping, Resource};
use super::super::super::backoff::Class;
use super::super::super::condition::{ConditionType, Standing, Truth};
use super::super::super::ids::{Kind, Step};
use super::super::super::item::{Direction, HealthError, Item, Obstacle};
use super::super::super::job::{Job, Phase};
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::record::End;
use super::super::super::reprotect::{Overrides, Reprotect};
use super::super::super::verb::Call;
use super::super::super::view::PlanEffect;
use super::super::{Effect, Next, decide};
use super::fixture::*;
use super::told::*;

fn outward() -> Reprotect {
    Reprotect { direction: Direction::PrimaryToRecovery, ..reprotect() }
}

/// Failed back and committed.
fn home() -> Item {
    let state = committed();
    Item { allowed: state.allowed, protection_state: state.protection_state, ..failed_back() }
}

#[test]
fn given_each_state_of_the_item_when_a_reprotect_is_asked_then_the_verb_table_decides() {
    let nothing = Some((End::NothingToDo, Reason::NothingToDo));
    let refused = |reason| Some((End::Refused, reason));
    let copying = Item { allowed: words(&["DisableProtection"]), lifecycle_id: None, ..reversed() };
    let odd = Item { allowed: vec![], ..committed() };
    let table = [
        (reprotect(), committed(), "send", None),
        (outward(), home(), "send", None),
        (reprotect(), odd, "none", None),
        (reprotect(), pending(), "end", refused(Reason::NotCommitted)),
        (outward(), failed_back(), "end", refused(Reason::NotCommitted)),
        (outward(), committed(), "end", refused(Reason::DirectionDisagrees)),
        (reprotect(), home(), "end", refused(Reason::DirectionDisagrees)),
        (reprotect(), item(), "end", refused(Reason::NotFailedOver)),
        (outward(), reversed(), "end", refused(Reason::NotFailedOver)),
        (outward(), item(), "end", nothing),
        (reprotect(), reversed(), "end", nothing),
        (reprotect(), copying, "end", nothing),
    ];
    for (verb, item, effect, how) in table {
        let mut azure = azure(item);
        if verb == outward() {
            azure.around = Some(mirrored());
        }
        let facts = facts(verb);
        assert_eq!(told(&facts, &azure).0, effect, "{facts:?} {azure:?}");
        if let Some(how) = how {
            let end = end(&facts, &azure);
            assert_eq!((end.end, end.reason), how, "{facts:?} {azure:?}");
        }
    }
}

/// The surroundings on the way out again: the cache is in the west now.
fn mirrored() -> Around {
    let west = Resource { id: "/cache".into(), location: Some("West Europe".into()) };
    Around { cache_account: Some(Reading::Known(west)), ..around() }
}

#[test]
fn given_a_reprotect_moved_the_item_since_when_its_old_place_still_answers_then_nothing_is_sent() {
    let moved = |phase, path: &str, started: &str| Job {
        moved_to: Some(path.into()),
        started: Some(at(started)),
        ..job("j0", "SwitchReplicationGroupProtection", phase, Some("somebody"))
    };
    let (after, before) = ("2026-06-01T07:55:00Z", "2026-06-01T07:45:00Z");
    let other = reversed().id.replace("app01-item", "app02-item");
    let table = [
        (moved(Phase::Succeeded, &reversed().id, after), "none"),
        (moved(Phase::Failed, &reversed().id, after), "send"),
        (moved(Phase::Succeeded, &reversed().id, before), "send"),
        (moved(Phase::Succeeded, &committed().id, after), "send"),
        (moved(Phase::Succeeded, &other, after), "send"),
    ];
    for (job, effect) in table {
        let azure = Azure { jobs: Some(Reading::Known(vec![job.clone()])), ..azure(committed()) };
        assert_eq!(told(&facts(reprotect()), &azure).0, effect, "{job:?}");
    }
}

#[test]
fn given_all_is_there_when_reprotected_then_the_call_has_the_running_vm_s_disks_and_each_side_s_settings() {
    let decision = decide(&facts(reprotect()), &azure(committed()));
    let Effect::Send(_, Call::SwitchProtection(input)) = &decision.effect else { panic!("{decision:?}") };
    assert_eq!(input.disks, words(&["/disks/os", "/disks/data"]));
    assert!(input.resource_group_id.ends_with("/rg-app"), "the group of the side replicated to: {input:?}");
    assert!(input.cache_account_id.ends_with("/cachenortheurope"), "the cache of the side that runs: {input:?}");
    assert!(input.container_id.ends_with("/ca") && input.policy_id.ends_with("/day"), "{input:?}");
    let view = decision.view.unwrap();
    let effect = |name| view.plan.iter().filter(|p| p.name == name).map(|p| p.effect).collect::<Vec<_>>();
    assert_eq!(effect("OldVm"), [PlanEffect::Overwritten]);
    assert_eq!(effect("Disk"), [PlanEffect::Created, PlanEffect::Created]);
    assert_eq!((effect("ResourceGroup"), effect("CacheAccount")), (vec![PlanEffect::Used], vec![PlanEffect::Used]));
    assert!(view.preconditions.iter().all(|p| p.met == Some(true)), "{:?}", view.preconditions);
}

#[test]
fn given_settings_of_the_request_when_reprotected_then_they_come_before_the_sides() {
    let settings = Overrides {
        resource_group_id: Some("/other/rg".into()),
        cache_account_id: Some("/other/cache".into()),
        policy_id: Some("/V/replicationpolicies/day".into()),
        zone: Some("2".into()),
    };
    let decision = decide(&facts(Reprotect { settings, ..reprotect() }), &azure(committed()));
    let Effect::Send(_, Call::SwitchProtection(input)) = &decision.effect else { panic!("{decision:?}") };
    let given = (input.resource_group_id.as_str(), input.cache_account_id.as_str(), input.zone.as_deref());
    assert_eq!(given, ("/other/rg", "/other/cache", Some("2")));
}

#[test]
fn given_one_precondition_does_not_hold_when_decided_then_it_is_named_and_nothing_is_sent() {
    let absent = || Some(Reading::Absent);
    let down = || Some(unreadable(Class::Transient));
    let elsewhere = Resource { id: "/cache".into(), location: Some("eastus".into()) };
    let lock = Lock { name: "keep".into(), level: "CanNotDelete".into() };
    let other_policy = Mapping { policy_id: "/v/replicationPolicies/gone".into(), ..mapping_back() };
    let table: Vec<(Around, &str, &str)> = vec![
        (Around { resource_group: absent(), ..around() }, "ResourceGroup", "does not exist"),
        (Around { resource_group: down(), ..around() }, "OtherSideReachable", "does not answer"),
        (Around { old_vm: down(), ..around() }, "OtherSideReachable", "does not answer"),
        (Around { running_vm: Some(Reading::Absent), ..around() }, "RunningVm", "enabled anew"),
        (Around { running_vm: Some(Reading::Known(Machine::default())), ..around() }, "RunningVm", "managed disks"),
        (Around { running_vm: None, ..around() }, "RunningVm", "does not say"),
        (Around { mappings: Some(Reading::Known(vec![])), ..around() }, "ReverseMapping", "northeurope to westeurope"),
        (Around { mappings: Some(Reading::Known(vec![other_policy])), ..around() }, "Policy", "does not exist"),
        (Around { cache_account: absent(), ..around() }, "CacheAccount", "does not exist"),
        (Around { cache_account: Some(Reading::Known(elsewhere)), ..around() }, "CacheAccount", "not in northeurope"),
        (Around { locks: Some(Reading::Known(vec![lock])), ..around() }, "NoDeleteLock", "keep (CanNotDelete)"),
    ];
    for (around, name, words) in table {
        let azure = Azure { around: Some(around), ..azure(committed()) };
        let decision = decide(&facts(reprotect()), &azure);
        assert_eq!((effect(&decision), reason(&decision)), ("none", Some(Reason::PreconditionsUnmet)), "{name}");
        let said = message(&decision);
        assert!(said.contains(&format!("{name}: ")) && said.contains(words), "{name}: {said}");
        let shown = decision.view.unwrap().preconditions.into_iter().find(|p| p.name == name).unwrap();
        assert!(shown.met != Some(true), "{shown:?}");
    }
}

fn mapping_back() -> Mapping {
    around().reverse_mapping(&committed()).unwrap().clone()
}

#[test]
fn given_settings_are_missing_when_decided_then_each_field_is_named_with_what_azure_shows_today() {
    let mut facts = facts(reprotect());
    let vm = facts.vm.as_mut().unwrap();
    (vm.primary.resource_group_id, vm.recovery.cache_account_id) = (None, None);
    let bare = Around { resource_group: None, cache_account: None, locks: None, ..around() };
    let usual = Around { usual_cache_account: Some("/usual/cache".into()), ..bare.clone() };
    for (around, cache) in [(bare, "Create a storage account in northeurope"), (usual, "use /usual/cache")] {
        let said = message(&decide(&facts, &Azure { around: Some(around), ..azure(committed()) }));
        for words in
            ["spec.primary.resourceGroupId", "/resourcegroups/rg-app.", "spec.recovery.cacheStorageAccountId", cache]
        {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}

#[test]
fn given_what_only_advises_when_decided_then_it_is_shown_and_the_call_is_made() {
    let no_way_out = Egress { subnet_id: "/subnet".into(), way_out: false };
    let table = [
        (Around { old_vm: Some(Reading::Absent), ..around() }, "OldVm", Some(false), "takes hours"),
        (Around { egress: Some(Reading::Known(no_way_out)), ..around() }, "Egress", Some(false), "NAT gateway"),
        (Around { egress: None, ..around() }, "Egress", None, "cannot be read"),
        (Around { locks: Some(unreadable(Class::Access)), ..around() }, "NoDeleteLock", None, "cannot be read"),
    ];
    for (around, name, met, words) in table {
        let decision = decide(&facts(reprotect()), &Azure { around: Some(around), ..azure(committed()) });
        assert_eq!(effect(&decision), "send", "{name}");
        let shown = decision.view.unwrap().preconditions.into_iter().find(|p| p.name == name).unwrap();
        assert!(shown.met == met && shown.detail.contains(words), "{shown:?}");
    }
}

fn following() -> Facts {
    Facts { record: Some(held(Kind::ReprotectRequest, accepted())), ..facts(reprotect()) }
}

fn ended_job(phase: Phase) -> Job {
    let id = call_id(Kind::ReprotectRequest, Step::Reprotect, 1);
    Job { moved_to: Some(reversed().id), ..job("j1", "SwitchReplicationGroupProtection", phase, Some(&id)) }
}

#[test]
fn given_the_job_succeeded_when_the_item_is_at_its_new_place_then_reversed_and_not_synchronized() {
    let with = |item: Option<Item>| Azure {
        job: Some(Reading::Known(ended_job(Phase::Succeeded))),
        item: item.map_or(Some(Reading::Absent), |i| Some(Reading::Known(i))),
        points: None,
        ..azure(committed())
    };
    assert_eq!(told(&following(), &with(None)).0, "none", "not to be found yet");
    assert_eq!(told(&following(), &with(Some(committed()))).0, "none", "still the old place");
    let end = end(&following(), &with(Some(copying())));
    assert_eq!((end.end, end.steps[0].moved_to.as_deref()), (End::Succeeded, Some(reversed().id.as_str())));
    let said = after(&following(), &with(Some(copying())));
    assert_eq!(standing(&said), Some(Standing::Ready));
    assert_eq!(condition(&said, ConditionType::Reversed), (Truth::True, Reason::Reversed));
}

fn copying() -> Item {
    Item {
        allowed: words(&["DisableProtection"]),
        protection_state: "InitialReplicationInProgress".into(),
        lifecycle_id: None,
        last_failover: None,
        ..reversed()
    }
}

#[test]
fn given_the_request_is_over_when_the_item_goes_on_then_synchronized_follows_it_from_azure_alone() {
    let record = match decide(
        &following(),
        &Azure { job: Some(Reading::Known(ended_job(Phase::Succeeded))), points: None, ..azure(copying()) },
    )
    .effect
    {
        Effect::Write(record) => record,
        other => panic!("{other:?}"),
    };
    let seen = |item: Item, now: &str| {
        let mut facts = Facts { record: Some(record.clone()), ..facts(reprotect()) };
        facts.vm.as_mut().unwrap().item = item;
        let azure = Azure { now: Some(at(now)), ..Azure::default() };
        let decision = decide(&facts, &azure);
        assert_eq!((standing(&decision), effect(&decision)), (Some(Standing::Ready), "none"));
        let (truth, reason) = condition(&decision, ConditionType::Synchronized);
        assert_eq!(decision.next == Next::OnChange, truth == Truth::True, "it is watched until it is so");
        (truth, reason)
    };
    let soon = "2026-06-01T08:10:00Z";
    let sick = HealthError { code: "153007".into(), level: "Error".into(), ..HealthError::default() };
    let warned = HealthError { code: "161011".into(), level: "Warning".into(), ..HealthError::default() };
    let failed_over = Item { last_failover: Some(at("2026-06-01T09:00:00Z")), ..failed_back() };
    let round_again = Item { last_failover: None, ..item() };
    let table = [
        (committed(), soon, Truth::False, Reason::Synchronizing),
        (copying(), soon, Truth::False, Reason::Synchronizing),
        (Item { health_errors: vec![warned], ..copying() }, soon, Truth::False, Reason::Synchronizing),
        (Item { health_errors: vec![sick], ..copying() }, soon, Truth::False, Reason::SynchronizationUnhealthy),
        (copying(), "2026-06-01T14:00:00Z", Truth::False, Reason::SynchronizationOverdue),
        (reversed(), soon, Truth::True, Reason::Synchronized),
        (failed_over, soon, Truth::True, Reason::Synchronized),
        (round_again, soon, Truth::True, Reason::Synchronized),
    ];
    for (item, now, truth, reason) in table {
        assert_eq!(seen(item.clone(), now), (truth, reason), "{item:?}");
    }
    let gone = Obstacle::new(Reason::VmNotFound, "There is no such ReplicatedVm.");
    let facts = Facts { record: Some(record), vm: Err(gone), ..facts(reprotect()) };
    let said = decide(&facts, &Azure::default());
    assert_eq!(condition(&said, ConditionType::Synchronized), (Truth::Unknown, Reason::Synchronizing));
}

#[test]
fn given_the_job_failed_when_it_ends_then_the_cause_is_told_and_nothing_is_synchronized() {
    let failed = Job { errors: vec![error("150000"), error("151196")], ..ended_job(Phase::Failed) };
    let said = after(&following(), &Azure { job: Some(Reading::Known(failed)), ..azure(committed()) });
    assert_eq!((standing(&said), reason(&said)), (Some(Standing::Stalled), Some(Reason::JobFailed)));
    assert!(message(&said).contains("151196"), "{}", message(&said));
    for kind in [ConditionType::Reversed, ConditionType::Synchronized] {
        assert_eq!(condition(&said, kind).0, Truth::False);
    }
    assert_eq!(said.next, Next::OnChange);
}
