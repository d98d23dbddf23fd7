//! Random observations: mostly plausible ones, so that calls really come about, spoilt here and there in every field.

use super::super::super::Reason;
use super::super::super::around::{Around, Lock, Resource};
use super::super::super::backoff::Class;
use super::super::super::change_point::ChangePoint;
use super::super::super::commit::Commit;
use super::super::super::failover::Failover;
use super::super::super::ids::{Kind, RequestKey, Step};
use super::super::super::item::{Active, Direction, Item, Naming, Obstacle, Scenario};
use super::super::super::job::{Job, JobId, Phase};
use super::super::super::observed::{Adoption, Azure, Facts, Limits, Reading, Request};
use super::super::super::point::{Point, PointChoice, PointKind, PointType};
use super::super::super::record::{End, Intent, Outcome, Owner, PointRef, Record};
use super::super::super::reprotect::{Overrides, Reprotect};
use super::fixture::*;
use jiff::{SignedDuration, Timestamp};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;

/// Facts and what Azure says, together.
pub(super) fn world() -> BoxedStrategy<(Facts, Azure)> {
    (verb(), azure_says()).prop_flat_map(|(request, azure)| (facts_of(request), Just(azure))).boxed()
}

/// Any text, and those that mean something.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        3 => select(vec!["", "app01", "app01-item", "APP01-ITEM", "westeurope", "West Europe", "life-1", "/", "None"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
    .boxed()
}

/// `usual` mostly, any text now and then.
fn or_text(usual: &'static str) -> BoxedStrategy<String> {
    prop_oneof![12 => Just(usual.to_owned()), 1 => text()].boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    prop_oneof![
        20 => Just(now()),
        4 => (-400_000_i64..400_000).prop_map(|s| now() + SignedDuration::from_secs(s)),
        1 => select(vec![Timestamp::MIN, Timestamp::MAX, at("1753-01-01T01:01:01Z"), at("0001-01-01T00:00:00Z")]),
    ]
    .boxed()
}

fn duration() -> BoxedStrategy<Duration> {
    prop_oneof![
        4 => Just(Duration::from_secs(600)),
        1 => (0_u64..400).prop_map(Duration::from_secs),
        1 => select(vec![Duration::ZERO, Duration::MAX]),
    ]
    .boxed()
}

fn choice() -> BoxedStrategy<PointChoice> {
    let types = vec![
        PointType::Latest,
        PointType::LatestProcessed,
        PointType::LatestAppConsistent,
        PointType::LatestCrashConsistent,
        PointType::Custom,
    ];
    let bounds = vec![SignedDuration::ZERO, minutes(5), minutes(600), SignedDuration::MAX, SignedDuration::MIN];
    let id = select(vec!["p1", "p2", "p9", ""]).prop_map(str::to_owned);
    (select(types), weighted(0.2, id), weighted(0.2, time()), weighted(0.2, select(bounds)))
        .prop_map(|(point_type, id, not_after, max_data_loss)| PointChoice { point_type, id, not_after, max_data_loss })
        .boxed()
}

fn direction() -> BoxedStrategy<Direction> {
    select(vec![Direction::PrimaryToRecovery, Direction::RecoveryToPrimary]).boxed()
}

fn verb() -> BoxedStrategy<Request> {
    let failover =
        (direction(), choice(), any::<bool>(), any::<bool>()).prop_map(|(direction, point, source, commit)| {
            request(Failover { direction, point, shutdown_source: source, commit })
        });
    let commit = weighted(0.3, text()).prop_map(|recovery_point| request(Commit { recovery_point }));
    let listed = choice().prop_map(|point| request(ChangePoint { point }));
    let settings = weighted(0.2, text()).prop_map(|policy_id| Overrides { policy_id, ..Overrides::default() });
    let reprotect =
        (direction(), settings).prop_map(|(direction, settings)| request(Reprotect { direction, settings }));
    (prop_oneof![4 => failover, 2 => commit, 2 => listed, 2 => reprotect], time(), any::<(bool, bool)>())
        .prop_map(|(request, valid_until, (unreported, says_already_run))| {
            let usual = valid_until == now();
            let valid_until = if usual { request.valid_until } else { valid_until };
            Request { valid_until, unreported, says_already_run, ..request }
        })
        .boxed()
}

fn point_ref() -> BoxedStrategy<PointRef> {
    (text(), weighted(0.5, time())).prop_map(|(id, time)| PointRef { id, time, kind: Some(PointKind::Other) }).boxed()
}

pub(super) fn outcome() -> BoxedStrategy<Option<Outcome>> {
    prop_oneof![
        Just(None),
        Just(accepted()),
        text().prop_map(|detail| Some(Outcome::Refused { detail })),
        text().prop_map(|detail| Some(Outcome::NotSent { detail })),
        select(vec![0_u32, 30, 900, u32::MAX]).prop_map(|retry_after| Some(Outcome::Throttled { retry_after })),
        text().prop_map(|detail| Some(Outcome::Unknown { detail })),
        text().prop_map(|detail| Some(Outcome::Absent { detail })),
    ]
    .boxed()
}

fn owner_of(key: RequestKey) -> Owner {
    Owner { key, spec_hash: "spec".into(), valid_until: VALID_UNTIL.into() }
}

fn other_key() -> BoxedStrategy<RequestKey> {
    (select(Kind::ALL.to_vec()), select(vec!["apps", "elsewhere"]))
        .prop_map(|(kind, namespace)| RequestKey { namespace: namespace.into(), ..key(kind, "other") })
        .boxed()
}

/// A record in any lawful state, and in one that is not, as `me` meets it.
fn record(me: RequestKey) -> BoxedStrategy<Record> {
    let step = first_step(me.kind);
    let kind = me.kind;
    let mine = owner_of(me);
    let held = {
        let mine = mine.clone();
        (outcome(), weighted(0.3, point_ref()), weighted(0.9, time())).prop_map(move |(outcome, point, t0)| {
            let intent = Intent { point, t0, ..intent(kind, step, outcome) };
            Record::empty(VAULT, "app01-item").open(&mine, intent, now()).unwrap()
        })
    };
    let foreign = (other_key(), outcome()).prop_map(move |(key, outcome)| {
        Record::empty(VAULT, "app01-item").open(&owner_of(key), intent(kind, step, outcome), now()).unwrap()
    });
    let over = {
        let mine = mine.clone();
        (select(End::ALL.to_vec()), select(Reason::ALL.to_vec())).prop_map(move |(end, reason)| {
            Record::empty(VAULT, "app01-item").end(&mine, result(end, reason), now()).unwrap()
        })
    };
    let forgotten = over.clone().prop_map(|mut record| {
        record.consumed[0].result = None;
        record
    });
    let automatic = (kind == Kind::FailoverRequest).then_some(());
    let between = outcome().prop_map(move |outcome| match (automatic, outcome) {
        (None, _) => Record::empty(VAULT, "app01-item"),
        (Some(()), None) => between(),
        (Some(()), outcome) => committing(outcome),
    });
    let protocol = prop_oneof![19 => Just(1_u32), 1 => any::<u32>()];
    let any = prop_oneof![
        6 => Just(Record::empty(VAULT, "app01-item")),
        4 => held,
        2 => foreign,
        2 => over,
        1 => forgotten,
        3 => between,
    ];
    (any, protocol, weighted(0.2, Just(())))
        .prop_map(|(record, protocol, last)| {
            let intent = record.intent.clone().map(|intent| Intent { last: last.is_some(), ..intent });
            Record { protocol, intent, ..record }
        })
        .boxed()
}

fn facts_of(request: Request) -> BoxedStrategy<Facts> {
    let me = request.owner.key.clone();
    let missing = Obstacle::new(Reason::VmNotFound, "There is no such ReplicatedVm.");
    let naming = prop_oneof![
        2 => Just(Naming::ItemName("app01-item".into())),
        6 => Just(Naming::SourceVm(item().source_vm_id)),
        1 => text().prop_map(Naming::SourceVm),
        1 => text().prop_map(Naming::ItemName),
    ];
    let nobody = || Obstacle::new(Reason::ReadOnly, "It is read-only.");
    let holds = (weighted(0.08, text()), weighted(0.1, Just(())).prop_map(move |luck| luck.map(|()| nobody())));
    let vm = (weighted(0.95, Just(())), holds, naming, or_text("app01-item"), life()).prop_map(
        move |(there, (suspended, nobody_acts), naming, name, lifecycle_id)| {
            there.map(|()| {
                let item = Item { name, lifecycle_id, ..item() };
                super::super::super::observed::Vm { suspended, nobody_acts, naming, item, ..vm() }
            })
        },
    );
    let cluster = (
        weighted(0.9, Just(())),
        weighted(0.9, life()),
        weighted(0.95, record(me.clone())),
        weighted(0.95, duration()),
        weighted(0.08, other_key()),
        select(vec![Adoption::Confirmed, Adoption::Contradicted, Adoption::Unknown]),
    );
    let hash = prop_oneof![15 => Just("spec"), 1 => Just("another")];
    (vm, cluster, hash, duration())
        .prop_map(move |(vm, (object, claimed, record, record_age, ahead, adoption), hash, quarantine)| {
            let mut request = request.clone();
            request.owner.spec_hash = hash.into();
            Facts {
                key: me.clone(),
                claim: claimed.map(|lifecycle_id| super::super::super::observed::Claim {
                    lifecycle_id,
                    ..claim(&owner_of(me.clone()))
                }),
                request: object.map(|()| request),
                vm: vm.ok_or_else(|| missing.clone()),
                record,
                record_age,
                ahead,
                pending: vec![],
                request_age: record_age,
                decisions: vec![],
                nonce: "nonce".into(),
                limits: Limits {
                    quarantine: quarantine.min(Duration::from_secs(u64::MAX)),
                    max_validity: Duration::from_secs(7 * 24 * 3600),
                    retry_unknown: true,
                    early_grace: Duration::from_secs(60),
                },
                adoption,
            }
        })
        .boxed()
}

fn life() -> BoxedStrategy<Option<String>> {
    weighted(0.8, or_text("life-1")).boxed()
}

fn item_says() -> BoxedStrategy<Item> {
    let base = select(vec![item(), item(), pending(), pending(), committed(), committed(), reversed(), failed_back()]);
    let active = select(vec![None, Some(Active::Primary), Some(Active::Recovery), Some(Active::Other)]);
    let operations = select(vec!["UnplannedFailover", "Commit", "SwitchProtection", "New", ""]);
    let scenario = (text(), weighted(0.7, select(vec!["j1", "x"])))
        .prop_map(|(name, job)| Scenario { name, job: job.map(|j| JobId(j.into())) });
    (
        base,
        weighted(0.08, active),
        weighted(0.15, proptest::collection::vec(operations, 0..4)),
        weighted(0.1, scenario),
        (or_text("app01-item"), or_text("app01"), life()),
        (weighted(0.03, text()), weighted(0.03, text()), weighted(0.05, text()), weighted(0.05, text())),
        (weighted(0.1, time()), weighted(0.2, weighted(0.5, text())), weighted(0.9, any::<u64>())),
    )
        .prop_map(|(item, active, allowed, scenario, names, odd, more)| Item {
            active: active.unwrap_or(item.active),
            allowed: allowed.map_or(item.allowed.clone(), |a| words(&a)),
            scenario,
            name: names.0,
            friendly_name: names.1,
            lifecycle_id: names.2,
            group: odd.0,
            cluster: odd.1,
            primary_region: odd.2.unwrap_or_else(|| item.primary_region.clone()),
            source_vm_id: odd.3.unwrap_or_else(|| item.source_vm_id.clone()),
            last_failover: more.0.or(item.last_failover),
            failover_point: more.1.unwrap_or_else(|| item.failover_point.clone()),
            rpo_seconds: more.2.or(item.rpo_seconds),
            ..item
        })
        .boxed()
}

fn phase() -> BoxedStrategy<Phase> {
    select(vec![Phase::Running, Phase::Succeeded, Phase::SucceededWithWarning, Phase::Failed, Phase::Cancelled]).boxed()
}

fn job_says() -> BoxedStrategy<Job> {
    let ids = vec![
        call_id(Kind::FailoverRequest, Step::Failover, 1),
        call_id(Kind::FailoverRequest, Step::Failover, 2),
        call_id(Kind::FailoverRequest, Step::Commit, 1),
        call_id(Kind::CommitRequest, Step::Commit, 1),
    ];
    let id = prop_oneof![1 => select(ids), 6 => text()];
    (
        select(vec!["j1", "j2", "x"]),
        weighted(0.95, select(vec!["UnplannedFailover", "CommitFailover", "TestFailover", ""])),
        weighted(0.95, or_text("app01")),
        phase(),
        weighted(0.8, id),
        any::<bool>(),
        (weighted(0.9, time()), weighted(0.9, time())),
        weighted(0.2, (text(), text())),
    )
        .prop_map(|(name, scenario, target, phase, id, detailed, (started, ended), task_of)| Job {
            scenario: scenario.map(Into::into),
            target,
            detailed,
            started,
            ended,
            tasks: task_of
                .map(|(name, state)| {
                    vec![task(&name, &state, vec![error("1")]), task("VmShutdownVmOnPrimary", &state, vec![])]
                })
                .unwrap_or_default(),
            ..job(name, "", phase, id.as_deref())
        })
        .boxed()
}

fn read<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<Reading<T>>> {
    let class =
        select(vec![Class::Waiting, Class::Transient, Class::Access, Class::UserFix, Class::Terminal, Class::Bug]);
    (value, class, 0_u8..60)
        .prop_map(|(value, class, luck)| match luck {
            0 => None,
            1 => Some(Reading::Absent),
            2 => Some(unreadable(class)),
            _ => Some(Reading::Known(value)),
        })
        .boxed()
}

/// All in order, but for one thing now and then.
fn around_says() -> BoxedStrategy<Around> {
    let spoilt = (0_u8..30, read(Just(Resource::default()))).prop_map(|(which, other)| {
        let all = around();
        match which {
            0 => Around { running_vm: None, ..all },
            1 => Around { old_vm: other, ..all },
            2 => Around { mappings: Some(Reading::Known(vec![])), ..all },
            3 => Around { policies: Some(Reading::Known(vec![])), ..all },
            4 => Around { resource_group: other, ..all },
            5 => Around { cache_account: other, ..all },
            6 => Around { locks: None, ..all },
            7 => Around { locks: Some(Reading::Known(vec![Lock::default()])), ..all },
            8 => Around { egress: None, ..all },
            _ => all,
        }
    });
    spoilt.boxed()
}

fn azure_says() -> BoxedStrategy<Azure> {
    let some_points = proptest::collection::vec(
        (text(), time(), select(vec![PointKind::AppConsistent, PointKind::CrashConsistent, PointKind::Other]))
            .prop_map(|(id, time, kind)| Point { id, time, kind }),
        0..4,
    );
    let points = prop_oneof![3 => Just(points()), 1 => some_points];
    let jobs = prop_oneof![2 => Just(vec![]), 1 => proptest::collection::vec(job_says(), 0..4)];
    let read_all = (read(item_says()), read(points), read(jobs), read(job_says()), weighted(0.95, around_says()));
    let writes_wait = prop_oneof![9 => Just(Duration::ZERO), 1 => duration()];
    let no_token = weighted(0.1, Just(refused_token()));
    let calls = (writes_wait, no_token, read(job_says()));
    (weighted(0.95, time()), read_all, duration(), weighted(0.6, duration()), calls)
        .prop_map(
            |(now, (item, points, jobs, job, around), since_intent, absent_for, (writes_wait, no_token, named))| {
                Azure { now, item, points, jobs, job, named, around, since_intent, absent_for, writes_wait, no_token }
            },
        )
        .boxed()
}
