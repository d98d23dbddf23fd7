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

#[test]
fn i25_an_item_that_a_list_lacks_counts_as_gone_only_when_that_is_certain() {
    let lacking =
        |gone| VmFacts { items: Ok(Reading::Known(Default::default())), gone, ..facts(Some(("item", Some("life")))) };
    let table = [
        (lacking(Gone::Unsure), Reason::ItemMissing),
        (lacking(Gone::Certain), Reason::ItemNotFound),
        (VmFacts { items: Ok(Reading::Absent), ..lacking(Gone::Unsure) }, Reason::Pending),
    ];
    for (facts, wanted) in table {
        assert_eq!(resolve(&facts).map(|_| ()).unwrap_err().reason, wanted, "{facts:?}");
    }
}

#[test]
fn a_suspended_vault_that_was_not_listed_says_that_it_is_suspended() {
    let facts = VmFacts { suspended: Some("suspend is true on the RecoveryVault.".into()), ..facts(None) };
    let obstacle = resolve(&facts).map(|_| ()).unwrap_err();
    assert_eq!(obstacle.reason, Reason::Suspended);
    assert!(obstacle.message.contains("suspend is true"), "{}", obstacle.message);
}
