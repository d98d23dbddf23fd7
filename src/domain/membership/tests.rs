//! Who is alive, as a table of looks; who owns, as properties.

use super::*;
use proptest::prelude::*;

fn lease(member: &str, version: u32) -> SeenLease {
    SeenLease { member: member.into(), version: version.to_string(), released: false }
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// When a look was had, in milliseconds, and the Leases that were there.
type Look<'a> = (u64, &'a [SeenLease]);

/// The members that `me` counts after these looks.
fn after(looks: &[Look<'_>]) -> Vec<String> {
    let mut membership = Membership::new("me");
    for (at, leases) in looks {
        membership.look(leases, millis(*at));
    }
    membership.live().into_iter().collect()
}

#[test]
fn a_member_lives_while_its_lease_is_seen_to_change() {
    let (a, b, c) = ([lease("a", 1)], [lease("a", 2)], [lease("a", 3)]);
    let released = [SeenLease { released: true, ..lease("a", 2) }];
    let steady: Vec<Look<'_>> = (0..=8).map(|n| (n * 500, a.as_slice())).collect();
    let renewed: Vec<Look<'_>> = (0..=20).map(|n| (n * 500, if n < 7 { a.as_slice() } else { b.as_slice() })).collect();
    let table: [(&str, &[Look<'_>], &[&str]); 10] = [
        ("alone", &[(0, &[])], &["me"]),
        ("seen for the first time", &[(0, &a)], &["a", "me"]),
        ("seen for the first time, late", &[(900_000, &a)], &["a", "me"]),
        ("unchanged for less than 4 s", &steady[..8], &["a", "me"]),
        ("unchanged for 4 s", &steady, &["me"]),
        ("changed within 4 s", &renewed[..15], &["a", "me"]),
        ("changed, then unchanged for 4 s", &renewed, &["me"]),
        ("given up", &[(0, &a), (500, &released)], &["me"]),
        ("deleted", &[(0, &a), (500, &[])], &["me"]),
        ("made again", &[(0, &a), (500, &[]), (1000, &c)], &["a", "me"]),
    ];
    for (what, looks, live) in table {
        assert_eq!(after(looks), live, "{what}");
    }
}

#[test]
fn a_dead_member_that_writes_again_is_alive() {
    let a = [lease("a", 1)];
    let mut looks: Vec<Look<'_>> = (0..=8).map(|n| (n * 500, a.as_slice())).collect();
    let again = [lease("a", 2)];
    looks.push((4500, &again));
    assert_eq!(after(&looks), ["a", "me"]);
}

#[test]
fn time_in_which_nobody_looked_is_held_against_nobody() {
    let a = [lease("a", 1)];
    // Frozen, or without an API server, for an hour: the others could not be seen, and may not have been able to write.
    assert_eq!(after(&[(0, &a), (500, &a), (3_600_000, &a)]), ["a", "me"]);
    let late: Vec<Look<'_>> =
        [0, 500].into_iter().chain((0..=8).map(|n| 3_600_000 + n * 500)).map(|at| (at, a.as_slice())).collect();
    assert_eq!(after(&late), ["me"], "looked at for 4 s in all");
}

#[test]
fn what_becomes_of_ones_own_lease_changes_nothing() {
    let own: Vec<(u64, Vec<SeenLease>)> = (0..=20).map(|n| (n * 500, vec![lease("me", 1), lease("a", 1)])).collect();
    let looks: Vec<Look<'_>> = own.iter().map(|(at, leases)| (*at, leases.as_slice())).collect();
    assert_eq!(after(&looks), ["me"]);
    let mut membership = Membership::new("me");
    for n in 0..=1200 {
        membership.look(&[lease("me", 1), lease("a", 1), lease("b", n)], millis(u64::from(n) * 500));
    }
    assert_eq!(membership.forgotten().into_iter().collect::<Vec<_>>(), ["a"], "not one's own, nor one that changes");
}

/// Vaults are shared out by these values for ever: replicas of two versions must agree.
#[test]
fn the_shares_are_frozen() {
    let members = Members::from(["asr-operator-a", "asr-operator-b", "asr-operator-c"].map(String::from));
    let of = |n: u32| owner(&members, &format!("/subscriptions/s/resourcegroups/g/vaults/{n}")).unwrap().clone();
    let shares: String = (0..12).map(|n| of(n).chars().next_back().unwrap()).collect();
    assert_eq!(shares, "baacbcacbccb");
    assert_eq!(owner(&Members::new(), "v"), None);
}

#[test]
fn nobody_is_left_without_work() {
    for count in 2_usize..6 {
        let all: Members = (0..count).map(|n| format!("asr-operator-{n}")).collect();
        let mut shares = BTreeMap::<&String, usize>::new();
        for n in 0..600 {
            *shares.entry(owner(&all, &format!("/vaults/{n}")).unwrap()).or_default() += 1;
        }
        // An even share is 600 / count; half of it is far outside of chance.
        assert!(all.iter().all(|member| shares.get(member).is_some_and(|n| *n > 300 / count)), "{shares:?}");
    }
}

fn members() -> impl Strategy<Value = Members> {
    proptest::collection::btree_set("[a-z0-9-]{1,8}", 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_that_goes_moves_its_own_share_and_one_that_comes_takes_only_for_itself(
        all in members(), of in ".{0,20}", gone in any::<proptest::sample::Index>(),
    ) {
        let before = owner(&all, &of).unwrap().clone();
        prop_assert!(all.contains(&before));
        let leaver = all.iter().nth(gone.index(all.len())).unwrap().clone();
        let mut rest = all.clone();
        rest.remove(&leaver);
        match owner(&rest, &of) {
            Some(after) if before == leaver => prop_assert_ne!(after, &leaver),
            Some(after) => prop_assert_eq!(after, &before),
            None => prop_assert!(rest.is_empty()),
        }
    }

    #[test]
    fn any_history_of_looks_keeps_oneself_and_counts_nobody_who_is_not_there(
        looks in proptest::collection::vec((0_u64..20_000, proptest::collection::vec(("[a-c]", 0_u32..3, any::<bool>()), 0..4)), 0..12),
    ) {
        let mut membership = Membership::new("me");
        for (at, leases) in looks {
            let leases: Vec<SeenLease> = leases
                .into_iter()
                .map(|(member, version, released)| SeenLease { released, ..lease(&member, version) })
                .collect();
            membership.look(&leases, millis(at));
            let live = membership.live();
            prop_assert!(live.contains("me"));
            prop_assert!(live.iter().all(|m| m == "me" || leases.iter().any(|l| &l.member == m)));
        }
    }
}
