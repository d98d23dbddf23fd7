//! Which life cycle of the replication a request is bound to.

use super::*;

fn facts(before: Option<(&str, Option<&str>)>) -> VmFacts {
    VmFacts {
        suspended: None,
        sides: Sides { primary_region: "westeurope".into(), recovery_region: "northeurope".into() },
        naming: Naming::ItemName("item".into()),
        objectives: Objectives {
            rpo: None,
            rto: None,
            drill_max_age: SignedDuration::from_hours(1),
            pending_commit_max: SignedDuration::from_hours(1),
        },
        items: Ok(Reading::Absent),
        before: before.map(|(name, life)| (name.into(), life.map(Into::into))),
        gone: Gone::Unsure,
        claimed_twice: false,
        unknown_outcome: None,
        last_rto: None,
        now: None,
    }
}

#[test]
fn a_life_cycle_that_azure_does_not_tell_now_is_the_one_that_was_seen_before() {
    let table = [
        (Some("new"), Some(("item", Some("old"))), Some("new")),
        (None, Some(("ITEM", Some("old"))), Some("old")),
        (None, Some(("another", Some("old"))), None),
        (None, Some(("item", None)), None),
        (None, None, None),
    ];
    for (told, before, wanted) in table {
        let item = Item { name: "item".into(), lifecycle_id: told.map(Into::into), ..Item::default() };
        assert_eq!(life(&facts(before), &item).as_deref(), wanted, "{told:?} {before:?}");
    }
}
