//! The real decision, asked for every verb on an item as it was read: is anything sent, and does anything succeed?
//! Nothing but the item, the points or the job can keep a verb from being sent.

use std::sync::Arc;
use std::time::Duration;

use asr_operator::asr::ItemPath;
use asr_operator::domain::around::{Around, Machine, Mapping, Resource, SideSettings, container_of};
use asr_operator::domain::change_point::ChangePoint;
use asr_operator::domain::commit::Commit;
use asr_operator::domain::failover::Failover;
use asr_operator::domain::ids::{RequestKey, Step};
use asr_operator::domain::item::{Direction, Item, Naming, Sides};
use asr_operator::domain::job::Job;
use asr_operator::domain::observed::{Adoption, Azure, Claim, Facts, Limits, Reading, Request, Vm};
use asr_operator::domain::point::{Point, PointChoice, PointKind, PointType};
use asr_operator::domain::record::{Intent, Outcome, Owner, Record};
use asr_operator::domain::reprotect::{Overrides, Reprotect};
use asr_operator::domain::request::{Effect, decide};
use asr_operator::domain::verb::Verb;
use jiff::{SignedDuration, Timestamp};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/any";
/// The client request id of the call whose job is followed.
pub const CALL: &str = "6efffda2-64f5-478f-a250-b3a651d04f9c";

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

fn verbs() -> Vec<Arc<dyn Verb>> {
    use Direction::{PrimaryToRecovery, RecoveryToPrimary};
    let newest = PointChoice { point_type: PointType::LatestProcessed, ..PointChoice::LATEST };
    let failover = |direction, point: &PointChoice| -> Arc<dyn Verb> {
        Arc::new(Failover { direction, point: point.clone(), shutdown_source: true, commit: false })
    };
    let reprotect = |direction| -> Arc<dyn Verb> { Arc::new(Reprotect { direction, settings: Overrides::default() }) };
    vec![
        failover(PrimaryToRecovery, &PointChoice::LATEST),
        failover(PrimaryToRecovery, &newest),
        failover(RecoveryToPrimary, &PointChoice::LATEST),
        Arc::new(ChangePoint { point: newest }),
        Arc::new(Commit { recovery_point: None }),
        reprotect(PrimaryToRecovery),
        reprotect(RecoveryToPrimary),
    ]
}

fn side() -> SideSettings {
    SideSettings {
        resource_group_id: Some(GROUP.to_owned()),
        cache_account_id: Some(format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/cache")),
        ..SideSettings::default()
    }
}

/// All that a reprotect of `item` looks at, there and in order.
fn around(item: &Item) -> Around {
    let there = |id: String| Some(Reading::Known(Resource { id, location: None }));
    let container = item.recovery_container_id.clone().unwrap_or_default();
    let mapping = Mapping {
        id: format!("{container}/replicationProtectionContainerMappings/back"),
        target_container_id: container_of(&item.id).unwrap_or_default().to_owned(),
        target_fabric: item.primary_fabric.clone().unwrap_or_default(),
        policy_id: format!("{GROUP}/policy"),
    };
    let disks = vec![format!("{GROUP}/providers/Microsoft.Compute/disks/os")];
    Around {
        running_vm: Some(Reading::Known(Machine { id: item.recovered_vm_id.clone().unwrap_or_default(), disks })),
        old_vm: there(item.source_vm_id.clone()),
        mappings: Some(Reading::Known(vec![mapping])),
        policies: Some(Reading::Known(vec![format!("{GROUP}/policy")])),
        resource_group: there(GROUP.to_owned()),
        locks: Some(Reading::Known(vec![])),
        cache_account: there(format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/cache")),
        ..Around::default()
    }
}

fn facts(item: &Item, verb: Arc<dyn Verb>) -> Facts {
    let vault = ItemPath::parse(&item.id).map_or_else(|_| "/vault".to_owned(), |path| path.vault().to_string());
    let key = RequestKey { kind: verb.kind(), namespace: "input".into(), name: "request".into() };
    let until = now() + SignedDuration::from_hours(1);
    let owner = Owner { key: key.clone(), spec_hash: "spec".into(), valid_until: until.to_string() };
    let declared = |initial: &String, present: &String| if initial.is_empty() { present } else { initial }.clone();
    let vm = Vm {
        uid: Some("uid".into()),
        suspended: None,
        nobody_acts: None,
        sides: Sides {
            primary_region: declared(&item.initial_primary_region, &item.primary_region),
            recovery_region: declared(&item.initial_recovery_region, &item.recovery_region),
        },
        naming: Naming::ItemName(item.name.clone()),
        vault_id: vault.clone(),
        item: item.clone(),
        primary: side(),
        recovery: side(),
    };
    let claim = Claim {
        owner: owner.clone(),
        vault_id: vault.clone(),
        item_name: item.name.clone(),
        lifecycle_id: item.lifecycle_id.clone(),
        vm_uid: None,
    };
    Facts {
        key,
        request: Some(Request {
            verb,
            owner,
            valid_until: until,
            requested_by: None,
            unreported: false,
            says_already_run: false,
            says_ended: false,
        }),
        claim: Some(claim),
        vm: Ok(vm),
        record: Some(Record::empty(vault, item.name.clone())),
        record_age: Some(WEEK),
        ahead: None,
        pending: vec![],
        request_age: Some(WEEK),
        decisions: vec![],
        nonce: "nonce".into(),
        limits: Limits {
            quarantine: Duration::from_secs(300),
            max_validity: WEEK,
            retry_unknown: true,
            early_grace: Duration::ZERO,
        },
        adoption: Adoption::Unknown,
    }
}

/// A point of `item`, five minutes old.
pub fn usual_point(item: &Item) -> Point {
    Point {
        id: format!("{}/recoveryPoints/{}", item.id, uuid::Uuid::max()),
        time: now() - SignedDuration::from_mins(5),
        kind: PointKind::CrashConsistent,
    }
}

/// Which verbs are sent when `item` was known and `fresh` is read now, in a vault where nothing else runs.
pub fn sent(item: &Item, fresh: &Reading<Item>, points: &[Point], jobs: &[Job]) -> Vec<bool> {
    let ask = |verb: Arc<dyn Verb>| {
        let azure = Azure {
            now: Some(now()),
            item: Some(fresh.clone()),
            points: Some(Reading::Known(points.to_vec())),
            jobs: Some(Reading::Known(jobs.to_vec())),
            around: Some(around(item)),
            ..Azure::default()
        };
        matches!(decide(&facts(item, verb), &azure).effect, Effect::Send(..))
    };
    verbs().into_iter().map(ask).collect()
}

/// Whether a failover of `item` whose call was accepted ends as a success, when `job` is what its job reads as.
pub fn succeeds(item: &Item, job: &Reading<Job>) -> bool {
    let verb: Arc<dyn Verb> = Arc::new(Failover {
        direction: Direction::PrimaryToRecovery,
        point: PointChoice::LATEST,
        shutdown_source: true,
        commit: false,
    });
    let mut facts = facts(item, verb);
    let id = job.known().map(|job| job.id.clone());
    let intent = Intent {
        nonce: "nonce".into(),
        step: Step::Failover,
        ordinal: 1,
        attempt: 1,
        client_request_id: CALL.into(),
        body_hash: String::new(),
        point: None,
        t0: Some(now() - SignedDuration::from_hours(1)),
        last: false,
        outcome: id.map(|job| Outcome::Accepted { job }),
    };
    let owner = facts.request.as_ref().map(|request| request.owner.clone());
    facts.record = owner.and_then(|owner| facts.record.as_ref()?.open(&owner, intent, now()).ok());
    let azure = Azure {
        now: Some(now()),
        item: Some(Reading::Known(item.clone())),
        points: Some(Reading::Known(vec![])),
        job: Some(job.clone()),
        ..Azure::default()
    };
    match decide(&facts, &azure).effect {
        Effect::Write(record) => {
            use asr_operator::domain::record::End;
            record.consumed.iter().any(|one| one.result.as_ref().is_some_and(|result| result.end == End::Succeeded))
        }
        _ => false,
    }
}
