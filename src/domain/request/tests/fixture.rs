//! One VM, one request, one record, and what Azure says of them: what a row of a table differs from.

use super::super::super::Reason;
use super::super::super::around::{Around, Egress, Machine, Mapping, Resource, SideSettings};
use super::super::super::backoff::Class;
use super::super::super::change_point::ChangePoint;
use super::super::super::commit::Commit;
use super::super::super::failover::Failover;
use super::super::super::ids::{CallId, ItemKey, Kind, RequestKey, Step};
use super::super::super::item::{Active, Direction, Item, Naming, Obstacle, Sides};
use super::super::super::job::{Job, JobError, JobId, Phase, Task};
use super::super::super::observed::{Adoption, Azure, Claim, Facts, Limits, Reading, Request, Unreadable, Vm};
use super::super::super::point::{Point, PointChoice, PointKind, PointType};
use super::super::super::record::{End, Finished, Intent, Outcome, Owner, Record, RunResult};
use super::super::super::reprotect::{Overrides, Reprotect};
use super::super::super::verb::Verb;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

pub(super) const VAULT: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v";
pub(super) const VALID_UNTIL: &str = "2026-06-01T12:00:00Z";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Azure's time in every row that does not say another.
pub(super) fn now() -> Timestamp {
    at("2026-06-01T08:00:00Z")
}

pub(super) fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

pub(super) fn key(kind: Kind, name: &str) -> RequestKey {
    RequestKey { kind, namespace: "apps".into(), name: name.into() }
}

pub(super) fn owner(kind: Kind) -> Owner {
    Owner { key: key(kind, "it"), spec_hash: "spec".into(), valid_until: VALID_UNTIL.into() }
}

pub(super) fn failover() -> Failover {
    Failover {
        direction: Direction::PrimaryToRecovery,
        point: PointChoice::LATEST,
        shutdown_source: true,
        commit: false,
    }
}

pub(super) fn automatic() -> Failover {
    Failover { commit: true, ..failover() }
}

pub(super) fn request(verb: impl Verb + 'static) -> Request {
    Request {
        owner: owner(verb.kind()),
        verb: Arc::new(verb),
        valid_until: at(VALID_UNTIL),
        unreported: false,
        says_already_run: false,
        says_ended: false,
        requested_by: None,
    }
}

/// A protected VM that runs on its primary side.
pub(super) fn item() -> Item {
    Item {
        id: format!("{}/replicationProtectedItems/app01-item", CONTAINERS[0]),
        recovery_container_id: Some(CONTAINERS[1].into()),
        primary_fabric: Some("West Europe".into()),
        name: "app01-item".into(),
        friendly_name: "app01".into(),
        source_vm_id: "/subscriptions/s/resourcegroups/rg-app/providers/microsoft.compute/virtualmachines/app01".into(),
        recovery_resource_group_id: Some("/subscriptions/s/resourceGroups/rg-app-dr".into()),
        recovery_vm_name: Some("app01".into()),
        active: Some(Active::Primary),
        primary_region: "westeurope".into(),
        recovery_region: "northeurope".into(),
        initial_primary_region: "westeurope".into(),
        initial_recovery_region: "northeurope".into(),
        allowed: words(&["UnplannedFailover", "DisableProtection", "TestFailover"]),
        protection_state: "Protected".into(),
        protection_description: "Protected".into(),
        lifecycle_id: Some("life-1".into()),
        rpo_seconds: Some(60),
        rpo_at: Some(now()),
        ..Item::default()
    }
}

/// Failed over, not committed.
pub(super) fn pending() -> Item {
    Item {
        active: Some(Active::Recovery),
        allowed: words(&["CompleteMigration", "Commit", "DisableProtection", "ChangePit"]),
        protection_state: "UnplannedFailoverCommitPendingStatesBegin".into(),
        protection_description: "Failover completed".into(),
        failover_point: Some("p2".into()),
        recovered_vm_id: Some("/subscriptions/s/vms/app01-dr".into()),
        last_failover: Some(at("2026-06-01T07:50:00Z")),
        ..item()
    }
}

/// Failed over and committed.
pub(super) fn committed() -> Item {
    Item {
        allowed: words(&["CompleteMigration", "DisableProtection", "SwitchProtection"]),
        protection_state: "UnplannedFailoverCommitted".into(),
        protection_description: "Failover committed".into(),
        ..pending()
    }
}

/// Reprotected: the regions stand swapped and `activeLocation` reads Primary again.
pub(super) fn reversed() -> Item {
    Item {
        id: format!("{}/replicationProtectedItems/app01-item", CONTAINERS[1]),
        recovery_container_id: Some(CONTAINERS[0].into()),
        primary_fabric: Some("North Europe".into()),
        primary_region: "northeurope".into(),
        recovery_region: "westeurope".into(),
        source_vm_id: "/subscriptions/s/vms/app01-dr".into(),
        recovery_resource_group_id: Some("/subscriptions/s/resourcegroups/rg-app".into()),
        ..item()
    }
}

/// Failed back to its primary side, not committed.
pub(super) fn failed_back() -> Item {
    let pending = pending();
    Item {
        active: pending.active,
        allowed: pending.allowed,
        protection_state: pending.protection_state,
        last_failover: Some(at("2026-06-01T07:59:00Z")),
        ..reversed()
    }
}

pub(super) fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|w| (*w).to_owned()).collect()
}

pub(super) fn vm() -> Vm {
    Vm {
        uid: Some("uid-1".into()),
        suspended: None,
        nobody_acts: None,
        sides: Sides { primary_region: "westeurope".into(), recovery_region: "northeurope".into() },
        naming: Naming::SourceVm(item().source_vm_id),
        vault_id: VAULT.into(),
        item: item(),
        primary: side("rg-app", "cachewesteurope"),
        recovery: side("rg-app-dr", "cachenortheurope"),
    }
}

/// A side that declares all that a reprotect needs.
fn side(group: &str, cache: &str) -> SideSettings {
    let group = format!("/subscriptions/s/resourceGroups/{group}");
    SideSettings {
        cache_account_id: Some(format!("{group}/providers/Microsoft.Storage/storageAccounts/{cache}")),
        resource_group_id: Some(group),
        ..SideSettings::default()
    }
}

pub(super) fn claim(owner: &Owner) -> Claim {
    Claim {
        owner: owner.clone(),
        vault_id: VAULT.into(),
        item_name: "app01-item".into(),
        lifecycle_id: Some("life-1".into()),
        vm_uid: Some("uid-1".into()),
    }
}

pub(super) fn points() -> Vec<Point> {
    let point = |name: &str, time: &str, kind| Point { id: format!("/points/{name}"), time: at(time), kind };
    vec![
        point("p1", "2026-06-01T07:00:00Z", PointKind::AppConsistent),
        point("p3", "2026-06-01T07:55:00Z", PointKind::CrashConsistent),
        point("p2", "2026-06-01T07:45:00Z", PointKind::CrashConsistent),
    ]
}

/// A request whose turn it is, on an idle VM with a settled record.
pub(super) fn facts(verb: impl Verb + 'static) -> Facts {
    let request = request(verb);
    let owner = request.owner.clone();
    Facts {
        key: owner.key.clone(),
        claim: Some(claim(&owner)),
        request: Some(request),
        vm: Ok(vm()),
        record: Some(Record::empty(VAULT, "app01-item")),
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
            early_grace: Duration::from_secs(60),
        },
        adoption: Adoption::Confirmed,
    }
}

/// The same for the usual request of each kind.
pub(super) fn facts_of(kind: Kind) -> Facts {
    match kind {
        Kind::FailoverRequest => facts(automatic()),
        Kind::ChangeRecoveryPointRequest => facts(change_point()),
        Kind::CommitRequest => facts(commit()),
        Kind::ReprotectRequest => facts(reprotect()),
    }
}

pub(super) fn commit() -> Commit {
    Commit { recovery_point: None }
}

pub(super) fn change_point() -> ChangePoint {
    ChangePoint { point: PointChoice { point_type: PointType::LatestProcessed, ..PointChoice::LATEST } }
}

pub(super) fn reprotect() -> Reprotect {
    Reprotect { direction: Direction::RecoveryToPrimary, settings: Overrides::default() }
}

const CONTAINERS: [&str; 2] = [
    "/v/replicationFabrics/a/replicationProtectionContainers/ca",
    "/v/replicationFabrics/b/replicationProtectionContainers/cb",
];

/// All that a reprotect needs, there and in order.
pub(super) fn around() -> Around {
    let resource =
        |id: &str, region: &str| Some(Reading::Known(Resource { id: id.into(), location: Some(region.into()) }));
    let mapping = |from: usize, region: &str| Mapping {
        id: format!("{}/replicationProtectionContainerMappings/m{from}", CONTAINERS[from]),
        target_container_id: CONTAINERS[1 - from].into(),
        target_fabric: region.into(),
        policy_id: "/v/replicationPolicies/day".into(),
    };
    Around {
        running_vm: Some(Reading::Known(Machine {
            id: "/vms/app01-dr".into(),
            disks: words(&["/disks/os", "/disks/data"]),
        })),
        old_vm: resource("/vms/app01", "westeurope"),
        mappings: Some(Reading::Known(vec![mapping(0, "North Europe"), mapping(1, "West Europe")])),
        policies: Some(Reading::Known(words(&["/V/replicationPolicies/DAY"]))),
        resource_group: resource("/rg", "westeurope"),
        locks: Some(Reading::Known(vec![])),
        cache_account: resource("/cache", "northeurope"),
        network: None,
        egress: Some(Reading::Known(Egress { subnet_id: "/subnet".into(), way_out: true })),
        usual_cache_account: None,
    }
}

pub(super) fn azure(item: Item) -> Azure {
    Azure {
        now: Some(now()),
        item: Some(Reading::Known(item)),
        points: Some(Reading::Known(points())),
        jobs: Some(Reading::Known(vec![])),
        job: None,
        named: None,
        around: Some(around()),
        since_intent: Duration::ZERO,
        absent_for: None,
        writes_wait: Duration::ZERO,
        no_token: None,
    }
}

pub(super) fn call_id(kind: Kind, step: Step, attempt: u32) -> String {
    let (item, owner) = (ItemKey::new(VAULT, "app01-item"), owner(kind));
    CallId { item: &item, key: &owner.key, valid_until: VALID_UNTIL, step, ordinal: 0, attempt }.client_request_id()
}

pub(super) fn intent(kind: Kind, step: Step, outcome: Option<Outcome>) -> Intent {
    Intent {
        nonce: "old".into(),
        step,
        ordinal: 0,
        attempt: 1,
        client_request_id: call_id(kind, step, 1),
        body_hash: "hash".into(),
        point: None,
        t0: Some(at("2026-06-01T07:50:00Z")),
        last: false,
        outcome,
    }
}

pub(super) fn accepted() -> Option<Outcome> {
    Some(Outcome::Accepted { job: JobId("j1".into()) })
}

pub(super) fn not_sent() -> Option<Outcome> {
    Some(Outcome::NotSent { detail: "no connection".into() })
}

pub(super) fn unknown_outcome() -> Option<Outcome> {
    Some(Outcome::Unknown { detail: "503".into() })
}

/// The record while `kind`'s first call is open with that outcome.
pub(super) fn held(kind: Kind, outcome: Option<Outcome>) -> Record {
    Record::empty(VAULT, "app01-item").open(&owner(kind), intent(kind, first_step(kind), outcome), now()).unwrap()
}

pub(super) const fn first_step(kind: Kind) -> Step {
    match kind {
        Kind::FailoverRequest => Step::Failover,
        Kind::ChangeRecoveryPointRequest => Step::ChangeRecoveryPoint,
        Kind::CommitRequest => Step::Commit,
        Kind::ReprotectRequest => Step::Reprotect,
    }
}

pub(super) fn finished_failover() -> Finished {
    Finished {
        step: Step::Failover,
        ordinal: 0,
        attempt: 1,
        client_request_id: call_id(Kind::FailoverRequest, Step::Failover, 1),
        job: Some(JobId("j1".into())),
        phase: Phase::Succeeded,
        started: Some(at("2026-06-01T07:50:00Z")),
        ended: Some(at("2026-06-01T07:58:00Z")),
        point: None,
        achieved_rpo: None,
        achieved_rto: None,
        recovered_vm_id: None,
        moved_to: None,
        shutdown: None,
        warning: None,
    }
}

/// The record of an automatic failover whose first step is done.
pub(super) fn between() -> Record {
    held(Kind::FailoverRequest, accepted()).after_step(finished_failover())
}

/// The record of an automatic failover whose commit is open with that outcome.
pub(super) fn committing(outcome: Option<Outcome>) -> Record {
    let owner = owner(Kind::FailoverRequest);
    between().open(&owner, intent(Kind::FailoverRequest, Step::Commit, outcome), now()).unwrap()
}

pub(super) fn result(end: End, reason: Reason) -> RunResult {
    RunResult { end, reason, message: "It was so.".into(), at: Some(now()), steps: vec![] }
}

pub(super) fn ended(kind: Kind, end: End, reason: Reason) -> Record {
    Record::empty(VAULT, "app01-item").end(&owner(kind), result(end, reason), now()).unwrap()
}

pub(super) fn job(id: &str, scenario: &str, phase: Phase, client_request_id: Option<&str>) -> Job {
    Job {
        id: JobId(id.into()),
        scenario: Some(scenario.into()),
        target: Some("app01".into()),
        phase,
        state_text: phase.as_str().into(),
        client_request_id: client_request_id.map(Into::into),
        detailed: true,
        started: Some(at("2026-06-01T07:50:03Z")),
        ended: phase.is_terminal().then(|| at("2026-06-01T07:58:00Z")),
        tasks: vec![],
        errors: vec![],
        children: vec![],
        moved_to: None,
    }
}

pub(super) fn failover_job(phase: Phase) -> Job {
    job("j1", "UnplannedFailover", phase, Some(&call_id(Kind::FailoverRequest, Step::Failover, 1)))
}

pub(super) fn error(code: &str) -> JobError {
    JobError {
        code: code.into(),
        message: "it broke.".into(),
        possible_causes: "a cause".into(),
        recommended_action: "mend it".into(),
    }
}

pub(super) fn task(name: &str, state: &str, errors: Vec<JobError>) -> Task {
    Task {
        name: name.into(),
        friendly_name: format!("the {name}"),
        state: state.into(),
        started: None,
        ended: None,
        errors,
    }
}

/// Why the identity that acts has no token.
pub(super) fn refused_token() -> Unreadable {
    let obstacle = Obstacle::new(Reason::CredentialsFailed, "Nothing can be sent: AADSTS7000215.");
    Unreadable { class: Class::Access, obstacle, retry_after: None }
}

pub(super) fn unreadable<T>(class: Class) -> Reading<T> {
    let obstacle = Obstacle::new(Reason::VaultUnreachable, "Azure did not answer.");
    Reading::Unreadable(Unreadable { class, obstacle, retry_after: None })
}
