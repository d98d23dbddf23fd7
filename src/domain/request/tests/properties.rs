//! What holds for every observation, the odd ones included. The guards of a call are spelt out here a second time, from the
//! protocol's own words, and not by calling what is tested.

use super::super::super::Reason;
use super::super::super::condition::{Standing, Truth};
use super::super::super::ids::{Kind, Step};
use super::super::super::item::{Active, Item};
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::record::{Outcome, Record};
use super::super::super::verb::Call;
use super::super::{Decision, Effect, decide};
use super::fixture::call_id;
use super::generate::world;
use super::told::standing;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::time::Duration;

fn many() -> ProptestConfig {
    ProptestConfig { cases: 4000, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

fn holds_own(facts: &Facts, record: &Record) -> bool {
    record.holder.as_ref() == Some(&facts.key)
}

/// Every guard of protocol steps 1 to 4, by itself and by name.
fn guards(facts: &Facts, azure: &Azure, next: &Record, call: &Call) -> Vec<(&'static str, bool)> {
    let record = facts.record.as_ref().unwrap();
    let request = facts.request.as_ref().unwrap();
    let vm = facts.vm.as_ref().unwrap();
    let claim = facts.claim.as_ref().unwrap();
    let item = azure.item.as_ref().and_then(Reading::known).unwrap();
    let jobs = azure.jobs.as_ref().and_then(Reading::known).unwrap();
    let now = azure.now.unwrap();
    let own = holds_own(facts, record);
    let first = !own || record.finished.is_empty();
    let intent = next.intent.as_ref().unwrap();
    let consumed = record.consumed.iter().find(|c| c.key == facts.key);
    let before = record.intent.as_ref().map(|i| &i.outcome);
    let ids: Vec<String> = (1..=2).map(|n| call_id(facts.key.kind, intent.step, n)).collect();
    let ended = |job: &_| jobs.iter().any(|j| j.id == *job && j.phase.is_terminal());
    let absent = own && matches!(before, Some(Some(Outcome::Absent { .. })));
    let ahead = Duration::try_from(request.valid_until.duration_since(now));
    vec![
        ("the protocol is known", record.protocol == 1),
        ("the holder is empty or own", record.holder.is_none() || own),
        ("the key has no end", consumed.is_none_or(|c| c.result.is_none())),
        ("the key is not used, unless it holds", own || consumed.is_none()),
        ("the record is old enough", own || facts.record_age.unwrap_or_default() >= facts.limits.quarantine),
        ("it is its turn", own || facts.ahead.is_none()),
        ("nothing is suspended", vm.suspended.is_none()),
        ("somebody acts, and has a token", vm.nobody_acts.is_none() && azure.no_token.is_none()),
        (
            "validUntil holds for the first call",
            !first || absent || ahead.is_ok_and(|a| a <= facts.limits.max_validity),
        ),
        ("the spec is the claimed one", claim.owner.spec_hash == request.owner.spec_hash),
        ("the item is the claimed one", claim.item_name.to_lowercase() == item.name.to_lowercase()),
        ("the life cycle is the claimed one", agrees(claim.lifecycle_id.as_deref(), item.lifecycle_id.as_deref())),
        (
            "no job carries an id of this call",
            !jobs.iter().any(|j| j.client_request_id.as_ref().is_some_and(|id| ids.contains(id))),
        ),
        (
            "the call before never left, or provably came to nothing",
            !own || matches!(
                before,
                None | Some(Some(Outcome::NotSent { .. } | Outcome::Throttled { .. } | Outcome::Absent { .. }))
            ),
        ),
        ("no call has to wait", azure.writes_wait.is_zero()),
        ("it is in no group", item.group.is_none() && item.cluster.is_none()),
        ("nothing runs on it", item.scenario.as_ref().is_none_or(|s| s.job.as_ref().is_some_and(ended))),
        ("Azure offers the verb where the VM runs", offered(facts, item, call)),
        (
            "the intent is new and open",
            intent.nonce == facts.nonce && intent.outcome.is_none() && intent.t0 == Some(now),
        ),
        ("the intent has the attempt's id", ids.get(usize::from(absent)) == Some(&intent.client_request_id)),
        ("the intent has the call's step", intent.step == step_of(call)),
        ("what a reprotect rests on is there", rests(azure, call)),
        (
            "the record holds the key",
            holds_own(facts, next) && next.consumed.iter().any(|c| c.key == facts.key && c.result.is_none()),
        ),
        ("the earlier steps are kept", !own || next.finished == record.finished),
    ]
}

fn agrees(then: Option<&str>, now: Option<&str>) -> bool {
    then.zip(now).is_none_or(|(a, b)| a.eq_ignore_ascii_case(b))
}

fn squeezed(region: &str) -> String {
    region.to_lowercase().split_whitespace().collect()
}

/// Side and offer, by the item's own words: westeurope is the primary side.
fn offered(facts: &Facts, item: &Item, call: &Call) -> bool {
    let spec = format!("{:?}", facts.request.as_ref().unwrap().verb);
    let back = spec.contains("RecoveryToPrimary");
    let there = |region: &str| squeezed(region) == "westeurope";
    let (from, to) = (there(&item.primary_region), there(&item.recovery_region));
    match call {
        // It leaves the item's present primary, which must be the start of the direction.
        Call::UnplannedFailover { .. } => {
            item.active == Some(Active::Primary) && item.allows("UnplannedFailover") && from != back && to == back
        }
        Call::ApplyRecoveryPoint { point } => {
            item.active == Some(Active::Recovery)
                && item.allows("ChangePit")
                && item.allows("Commit")
                && !point.is_empty()
        }
        // The VM runs at the item's present recovery, which must be where replication is to start.
        Call::SwitchProtection(_) => {
            let committed = item.allows("SwitchProtection") && !item.allows("Commit");
            item.active == Some(Active::Recovery) && committed && to != back
        }
        Call::FailoverCommit => {
            let own_end = facts.key.kind == Kind::CommitRequest || to == back;
            item.active == Some(Active::Recovery) && item.allows("Commit") && own_end
        }
    }
}

const fn step_of(call: &Call) -> Step {
    match call {
        Call::UnplannedFailover { .. } => Step::Failover,
        Call::ApplyRecoveryPoint { .. } => Step::ChangeRecoveryPoint,
        Call::FailoverCommit => Step::Commit,
        Call::SwitchProtection(_) => Step::Reprotect,
    }
}

/// Everything that a reprotect names was seen, and nothing is locked.
fn rests(azure: &Azure, call: &Call) -> bool {
    let Call::SwitchProtection(input) = call else { return true };
    let around = azure.around.as_ref().unwrap();
    let there = |reading: &Option<Reading<_>>| matches!(reading, Some(Reading::Known(_)));
    let no_lock = !matches!(&around.locks, Some(Reading::Known(locks)) if !locks.is_empty());
    let mapped = matches!(&around.mappings, Some(Reading::Known(all)) if all.iter().any(|m| m.target_container_id == input.container_id && m.policy_id == input.policy_id));
    there(&around.resource_group) && there(&around.cache_account) && no_lock && mapped && !input.disks.is_empty()
}

fn written(decision: &Decision) -> Option<&Record> {
    match &decision.effect {
        Effect::Send(record, _) | Effect::Write(record) => Some(record),
        Effect::None | Effect::Claim(_) => None,
    }
}

proptest! {
    #![proptest_config(many())]

    #[test]
    fn a_call_passes_every_guard((facts, azure) in world()) {
        if let Effect::Send(record, call) = decide(&facts, &azure).effect {
            for (guard, held) in guards(&facts, &azure, &record, &call) {
                prop_assert!(held, "{guard}");
            }
        }
    }

    #[test]
    fn whatever_is_written_remembers_the_key((facts, azure) in world()) {
        let decision = decide(&facts, &azure);
        if let Some(record) = written(&decision) {
            let withdrawn = facts.request.is_none() || decision.view.as_ref().is_some_and(|v| v.conditions[0].reason == Reason::NameReused);
            prop_assert!(withdrawn || record.consumed.iter().any(|c| c.key == facts.key));
        }
    }

    #[test]
    fn decide_is_one_function_of_what_it_is_given((facts, azure) in world()) {
        prop_assert_eq!(decide(&facts, &azure), decide(&facts.clone(), &azure.clone()));
    }

    #[test]
    fn an_end_is_final_whatever_else_is_seen((facts, azure) in world(), (_, later) in world()) {
        let end = facts.record.as_ref().filter(|r| r.protocol == 1).and_then(|r| r.consumed(&facts.key)).and_then(|c| c.result.clone());
        let same = facts.request.as_ref().is_some_and(|r| r.owner.spec_hash == "spec");
        if let Some(end) = end.filter(|_| same) {
            for azure in [azure, later] {
                let decision = decide(&facts, &azure);
                prop_assert_eq!(&decision.effect, &Effect::None);
                prop_assert_eq!(standing(&decision), Some(end.end.standing()));
            }
        }
    }

    #[test]
    fn an_end_that_is_written_is_the_one_that_stays((facts, azure) in world(), (_, later) in world()) {
        let before = decide(&facts, &azure);
        if let Some(record) = written(&before)
            && let Some(end) = record.consumed(&facts.key).and_then(|c| c.result.clone())
        {
            if facts.request.as_ref().is_some_and(|r| r.owner.spec_hash == "spec") {
                prop_assert_eq!(standing(&before), Some(Standing::Reconciling), "no end is shown before its record");
            }
            let after = decide(&Facts { record: Some(record.clone()), ..facts.clone() }, &later);
            prop_assert_eq!(&after.effect, &Effect::None);
            if let Some(shown) = standing(&after).filter(|_| facts.request.as_ref().is_some_and(|r| r.owner.spec_hash == "spec")) {
                prop_assert_eq!(shown, end.end.standing());
            }
        }
    }

    #[test]
    fn an_unknown_outcome_is_never_sent_again((facts, azure) in world()) {
        let open = facts.record.as_ref().filter(|r| holds_own(&facts, r)).and_then(|r| r.intent.as_ref());
        if open.is_some_and(|i| matches!(i.outcome, None | Some(Outcome::Unknown { .. } | Outcome::Accepted { .. } | Outcome::Refused { .. }))) {
            prop_assert!(!matches!(decide(&facts, &azure).effect, Effect::Send(..)));
        }
    }

    #[test]
    fn what_was_said_not_to_be_sent_again_is_not_sent_again((facts, azure) in world()) {
        let open = facts.record.as_ref().filter(|r| holds_own(&facts, r)).and_then(|r| r.intent.as_ref());
        if open.is_some_and(|intent| intent.last) {
            prop_assert!(!matches!(decide(&facts, &azure).effect, Effect::Send(..)));
        }
    }

    #[test]
    fn one_of_the_trio_holds_and_every_condition_is_there((facts, azure) in world()) {
        let decision = decide(&facts, &azure);
        prop_assert_eq!(decision.view.is_some(), facts.request.is_some());
        if let Some(view) = &decision.view {
            let kinds: Vec<_> = view.conditions.iter().map(|c| c.kind.as_str()).collect();
            let own: &[_] = match facts.key.kind {
                Kind::FailoverRequest => &["SourceShutdown", "FailedOver", "Committed"],
                Kind::ChangeRecoveryPointRequest | Kind::CommitRequest => &["Done"],
                Kind::ReprotectRequest => &["Reversed", "Synchronized"],
            };
            let all: Vec<_> = ["Ready", "Reconciling", "Stalled", "Accepted"].iter().chain(own).copied().collect();
            prop_assert_eq!(kinds, all);
            prop_assert_eq!(view.conditions[..3].iter().filter(|c| c.truth == Truth::True).count(), 1);
            let failed = view.conditions[2].truth == Truth::True;
            let ended_ill = ["Failed", "Refused", "Expired", "Cancelled", "TargetChanged"].contains(&view.phase);
            prop_assert_eq!(failed, ended_ill, "failed is what ended ill, never what waits for a person");
            prop_assert!(view.conditions.iter().all(|c| !c.message.is_empty() || facts.vm.as_ref().is_ok_and(|vm| vm.suspended.is_some())));
        }
    }

    #[test]
    fn what_is_written_is_a_change((facts, azure) in world()) {
        if let Effect::Write(record) = decide(&facts, &azure).effect {
            prop_assert_ne!(Some(record), facts.record);
        }
    }

    #[test]
    fn another_request_s_part_of_the_record_is_not_touched((facts, azure) in world()) {
        let Some(before) = &facts.record else { return Ok(()) };
        let decision = decide(&facts, &azure);
        if let Some(after) = written(&decision) {
            let others = |r: &Record| r.consumed.iter().filter(|c| c.key != facts.key).cloned().collect::<Vec<_>>();
            prop_assert_eq!(others(before), others(after));
            prop_assert_eq!((before.protocol, &before.vault_id, &before.item_name), (1, &after.vault_id, &after.item_name));
            if before.holder.is_some() && !holds_own(&facts, before) {
                prop_assert_eq!((&before.holder, &before.intent, &before.finished), (&after.holder, &after.intent, &after.finished));
            }
        }
    }

    #[test]
    fn without_an_object_of_this_spec_nothing_is_ever_sent((mut facts, azure) in world(), gone in any::<bool>()) {
        match facts.request.as_mut().filter(|_| !gone) {
            Some(request) => request.owner.spec_hash = "another".into(),
            None => facts.request = None,
        }
        let known = facts.claim.is_some() || facts.record.as_ref().is_some_and(|r| r.consumed(&facts.key).is_some());
        if gone || known {
            prop_assert!(!matches!(decide(&facts, &azure).effect, Effect::Send(..) | Effect::Claim(_)));
        }
    }
}

/// The properties above would hold of an empty set: calls, adoptions and ends must really come about.
#[test]
fn the_generator_reaches_every_effect() {
    let mut runner = TestRunner::deterministic();
    let (mut sends, mut commits, mut claims, mut writes, mut ends) = (0, 0, 0, 0, 0);
    let (mut changes, mut reprotects) = (0, 0);
    for _ in 0..12_000 {
        let (facts, azure) = world().new_tree(&mut runner).unwrap().current();
        match decide(&facts, &azure).effect {
            Effect::Send(_, Call::FailoverCommit) => commits += 1,
            Effect::Send(_, Call::ApplyRecoveryPoint { .. }) => changes += 1,
            Effect::Send(_, Call::SwitchProtection(_)) => reprotects += 1,
            Effect::Send(..) => sends += 1,
            Effect::Claim(_) => claims += 1,
            Effect::Write(record) if record.consumed(&facts.key).is_some_and(|c| c.result.is_some()) => ends += 1,
            Effect::Write(_) => writes += 1,
            Effect::None => {}
        }
    }
    let seen = (sends, commits, changes, reprotects, claims, writes, ends);
    assert!(changes > 5 && reprotects > 5, "{seen:?}");
    assert!(sends > 10 && commits > 30 && claims > 100 && writes > 50 && ends > 300, "{seen:?}");
}
