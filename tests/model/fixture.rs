//! The product's own values for the small numbers of `code`, and back.
//!
//! All times are fixed: what matters of a time is only on which side of the intent's t0, or of validUntil, it lies.

use super::code;
use super::world::{Asked, JOBS, LONG};
use asr_operator::domain::Reason;
use asr_operator::domain::around::{Around, Egress, Machine, Mapping, Resource, SideSettings};
use asr_operator::domain::change_point::ChangePoint;
use asr_operator::domain::commit::Commit;
use asr_operator::domain::decision::{PersonDecision, Word};
use asr_operator::domain::failover::Failover;
use asr_operator::domain::ids::{CallId, ItemKey, Kind, RequestKey, Step};
use asr_operator::domain::item::{Active, Direction, Item, Naming, Obstacle, Scenario, Sides};
use asr_operator::domain::job::{Job, JobId, Phase};
use asr_operator::domain::observed::{Adoption, Azure, Claim, Facts, Limits, Reading, Request, Vm};
use asr_operator::domain::point::{Point, PointChoice, PointKind, PointType};
use asr_operator::domain::record::{Finished, Intent, Outcome, Owner, PointRef, Record, RunResult};
use asr_operator::domain::reprotect::{Overrides, Reprotect};
use asr_operator::domain::verb::{Verb, row};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const VAULT: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v";
const VALID_UNTIL: &str = "2026-06-02T08:00:00Z";
/// The time of every intent.
const T0: &str = "2026-06-01T08:00:00Z";
/// The start of a job that began before the intent, and the end of the step that the holder has finished.
const BEFORE: &str = "2026-06-01T07:00:00Z";
const FINISHED: &str = "2026-06-01T07:20:00Z";
/// A failover that was made between the holder's finished step and the intent.
const BETWEEN: &str = "2026-06-01T07:40:00Z";
const AFTER: &str = "2026-06-01T08:00:05Z";
const ENDED: &str = "2026-06-01T08:02:00Z";
const NOW: &str = "2026-06-01T08:30:00Z";
const LATE: &str = "2026-06-03T08:00:00Z";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const CONTAINERS: [&str; 2] = [
    "/v/replicationFabrics/a/replicationProtectionContainers/ca",
    "/v/replicationFabrics/b/replicationProtectionContainers/cb",
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|w| (*w).to_owned()).collect()
}

fn item_name(which: u8) -> String {
    format!("item{which}")
}

pub fn empty_record(item: u8) -> Record {
    Record::empty(VAULT, item_name(item))
}

pub fn job_id(n: u8) -> JobId {
    JobId(format!("j{n}"))
}

pub fn job_number(id: &JobId) -> u8 {
    id.0[1..].parse().unwrap()
}

pub fn request_number(key: &RequestKey) -> u8 {
    key.name[1..].parse().unwrap()
}

pub fn step_number(step: Step) -> u8 {
    u8::try_from(Step::ALL.into_iter().position(|s| s == step).unwrap()).unwrap()
}

fn verb_of(asked: Asked, r: u8) -> Arc<dyn Verb> {
    let failover = |commit| Failover {
        direction: Direction::PrimaryToRecovery,
        point: PointChoice::LATEST,
        shutdown_source: true,
        commit,
    };
    match asked {
        Asked::Failover => Arc::new(failover(false)),
        Asked::Automatic => Arc::new(failover(true)),
        Asked::ChangePoint => {
            let id = Some(format!("p{}", r + 1));
            Arc::new(ChangePoint { point: PointChoice { point_type: PointType::Custom, id, ..PointChoice::LATEST } })
        }
        Asked::Commit => Arc::new(Commit { recovery_point: None }),
        Asked::Reprotect => {
            Arc::new(Reprotect { direction: Direction::RecoveryToPrimary, settings: Overrides::default() })
        }
    }
}

/// The calls of a request, by number, in order.
pub fn steps(asked: Asked) -> Vec<u8> {
    verb_of(asked, 0).steps().iter().map(|s| step_number(*s)).collect()
}

fn owner(asked: [Asked; 2], r: u8, object: u8) -> Owner {
    let kind = verb_of(asked[usize::from(r)], r).kind();
    Owner { key: key(kind, r), spec_hash: format!("spec{object}"), valid_until: VALID_UNTIL.into() }
}

/// The two requests and their ReplicatedVms live in two namespaces.
fn key(kind: Kind, r: u8) -> RequestKey {
    RequestKey { kind, namespace: format!("ns{r}"), name: format!("r{r}") }
}

pub fn claim_code(claim: &Claim) -> u8 {
    let item = claim.item_name.strip_prefix("item").unwrap().parse().unwrap();
    let life = claim.lifecycle_id.as_ref().map_or(0, |l| l.strip_prefix("life").unwrap().parse().unwrap());
    let object = claim.owner.spec_hash.strip_prefix("spec").unwrap().parse().unwrap();
    code::claim(item, life, object)
}

fn life(n: u8) -> Option<String> {
    (n > 0).then(|| format!("life{n}"))
}

fn vm(which: u8, listed: u8) -> Vm {
    let side = |group: &str, cache: &str| {
        let group = format!("/subscriptions/s/resourceGroups/{group}");
        SideSettings {
            cache_account_id: Some(format!("{group}/providers/Microsoft.Storage/storageAccounts/{cache}")),
            resource_group_id: Some(group),
            ..SideSettings::default()
        }
    };
    Vm {
        uid: None,
        suspended: None,
        nobody_acts: None,
        sides: Sides { primary_region: "westeurope".into(), recovery_region: "northeurope".into() },
        naming: Naming::ItemName(item_name(which)),
        vault_id: VAULT.into(),
        item: Item { lifecycle_id: life(listed), ..protected(which) },
        primary: side("rg-app", "cachewest"),
        recovery: side("rg-app-dr", "cachenorth"),
    }
}

/// All that the cluster says.
pub fn facts(code: &code::Facts, record: &Record) -> Facts {
    let own = owner(code.asked, code.r, code.object.max(1));
    let request = (code.object > 0).then(|| Request {
        verb: verb_of(code.asked[usize::from(code.r)], code.r),
        owner: own.clone(),
        valid_until: at(VALID_UNTIL),
        unreported: false,
        says_already_run: false,
        says_ended: code.ended,
        requested_by: None,
    });
    let claim = (code.claim > 0).then(|| {
        let (item, of, object) = code::claimed(code.claim);
        Claim {
            owner: owner(code.asked, code.r, object),
            vault_id: VAULT.into(),
            item_name: item_name(item),
            lifecycle_id: life(of),
            vm_uid: None,
        }
    });
    let record = (code.rec > 0).then(|| masked(code, record.clone()));
    let no_vm = Obstacle::new(Reason::VmNotFound, "There is no ReplicatedVm.");
    Facts {
        key: own.key,
        claim,
        request: request.clone(),
        vm: if code.vm > 0 && request.is_some() { Ok(vm(code.vm - 1, code.life)) } else { Err(no_vm) },
        decisions: decisions(code, record.as_ref()),
        record,
        record_age: Some(if code.young { Duration::ZERO } else { WEEK }),
        ahead: None,
        pending: vec![],
        request_age: None,
        nonce: "new".into(),
        limits: Limits {
            quarantine: Duration::from_secs(300),
            max_validity: WEEK,
            retry_unknown: true,
            early_grace: Duration::ZERO,
        },
        adoption: [Adoption::Unknown, Adoption::Contradicted, Adoption::Confirmed][usize::from(code.adoption)],
    }
}

/// The record as the guards that were removed would let it through.
fn masked(code: &code::Facts, mut record: Record) -> Record {
    let key = owner(code.asked, code.r, 1).key;
    let held = record.held_by(&key);
    if code.masks.forget && !held {
        record.consumed.retain(|c| c.key != key);
    }
    if code.masks.free && !held {
        (record.holder, record.intent) = (None, None);
        record.finished.clear();
    }
    if let Some(intent) = record.intent.as_mut().filter(|_| held) {
        if code.masks.first {
            intent.attempt = 1;
        }
        if code.masks.never_left && matches!(intent.outcome, None | Some(Outcome::Unknown { .. })) {
            intent.outcome = Some(Outcome::NotSent { detail: String::new() });
        }
    }
    record
}

fn decisions(code: &code::Facts, record: Option<&Record>) -> Vec<PersonDecision> {
    let said = |word| PersonDecision { name: "d".into(), word, by: "ops".into(), comment: String::new(), at: None };
    let mut all = Vec::new();
    if code.cancel {
        all.push(said(Word::Cancel));
    }
    let id = record.and_then(|r| r.intent.as_ref()).map(|i| i.client_request_id.clone());
    if let Some(client_request_id) = id {
        match code.word {
            0 => {}
            1 => all.push(said(Word::DidNotHappen { client_request_id })),
            n => all.push(said(Word::Happened { client_request_id, job: job_id(n - 2) })),
        }
    }
    all
}

/// A protected VM that runs on its primary side.
fn protected(which: u8) -> Item {
    Item {
        id: format!("{}/replicationProtectedItems/{}", CONTAINERS[0], item_name(which)),
        name: item_name(which),
        friendly_name: format!("app{which}"),
        source_vm_id: format!("/vms/app{which}"),
        recovery_resource_group_id: Some("/subscriptions/s/resourceGroups/rg-app-dr".into()),
        recovery_vm_name: Some(format!("app{which}")),
        recovery_container_id: Some(CONTAINERS[1].into()),
        primary_fabric: Some("West Europe".into()),
        active: Some(Active::Primary),
        primary_region: "westeurope".into(),
        recovery_region: "northeurope".into(),
        initial_primary_region: "westeurope".into(),
        initial_recovery_region: "northeurope".into(),
        allowed: words(&["UnplannedFailover", "TestFailover"]),
        ..Item::default()
    }
}

/// The item in one of its states, both ways round.
fn in_state(which: u8, state: u8) -> Item {
    let mut item = protected(which);
    if (3..6).contains(&state) {
        item.id = format!("{}/replicationProtectedItems/{}", CONTAINERS[1], item_name(which));
        item.recovery_container_id = Some(CONTAINERS[0].into());
        item.primary_fabric = Some("North Europe".into());
        (item.primary_region, item.recovery_region) = (item.recovery_region, item.primary_region);
    }
    match state {
        LONG => item.allowed = vec![],
        0 | 3 => {}
        _ => {
            item.active = Some(Active::Recovery);
            item.recovered_vm_id = Some("/vms/recovered".into());
            item.allowed = words(if state % 3 == 1 { &["Commit", "ChangePit"] } else { &["SwitchProtection"] });
        }
    }
    item
}

fn item(code: u32) -> Item {
    let bits = |shift: u32, mask: u32| u8::try_from(code >> shift & mask).unwrap();
    let mut item = in_state(bits(14, 1), bits(1, 15));
    item.scenario = match bits(5, 7) {
        0 => None,
        7 => Some(Scenario { name: "EnableDr".into(), job: None }),
        n => Some(Scenario { name: "Something".into(), job: Some(job_id(n - 1)) }),
    };
    item.lifecycle_id = life(bits(8, 3));
    item.failover_point = item.recovered_vm_id.as_ref().map(|_| format!("p{}", bits(10, 3)));
    item.last_failover = [None, Some(BEFORE), Some(BETWEEN), Some(AFTER)][usize::from(bits(12, 3))].map(at);
    item
}

fn job(asked: [Asked; 2], which: u8, n: usize, code: u64) -> Option<Job> {
    let bits = |shift: u32, mask: u64| u8::try_from(code >> shift & mask).unwrap();
    let phase = [Phase::Running, Phase::Running, Phase::Succeeded, Phase::Failed][usize::from(bits(0, 3))];
    let (told, after) = (bits(4, 1) == 1, bits(8, 1) == 1);
    let step = Step::ALL[usize::from(bits(2, 3))];
    let who = bits(5, 3);
    (code != 0).then(|| Job {
        id: job_id(u8::try_from(n).unwrap()),
        scenario: told.then(|| row(step).scenario.into()),
        target: told.then(|| format!("app{which}")),
        phase,
        state_text: phase.as_str().into(),
        client_request_id: told.then(|| call_id(asked, which, who, step, 1 + u32::from(bits(7, 1)))),
        detailed: told,
        started: Some(at(if after { AFTER } else { BEFORE })),
        ended: phase.is_terminal().then(|| at(if after { ENDED } else { FINISHED })),
        tasks: vec![],
        errors: vec![],
        children: vec![],
        moved_to: None,
    })
}

fn call_id(asked: [Asked; 2], which: u8, who: u8, step: Step, attempt: u32) -> String {
    if who > 1 {
        return "somebody-else".into();
    }
    let item = ItemKey::new(VAULT, &item_name(which));
    let key = owner(asked, who, 1).key;
    CallId { item: &item, key: &key, valid_until: VALID_UNTIL, step, ordinal: 0, attempt }.client_request_id()
}

/// All that Azure says.
pub fn azure(facts: &code::Facts, code: &code::Azure) -> Azure {
    let now = Some(at(if code.expired { LATE } else { NOW }));
    if !code.read {
        return Azure { now, ..Azure::default() };
    }
    let which = u8::try_from(code.item >> 14 & 1).unwrap();
    let bits = |n: usize| code.jobs >> (9 * n) & 511;
    let jobs: Vec<Job> = (0..JOBS).filter_map(|n| job(facts.asked, which, n, bits(n))).collect();
    let point = |n: u8| Point { id: format!("/points/p{n}"), time: at(BEFORE), kind: PointKind::CrashConsistent };
    let named = |job: &&Job| code.named > 0 && job_number(&job.id) == code.named - 1;
    let named = jobs.iter().find(named).cloned().map(Reading::Known);
    Azure {
        now,
        item: Some(Reading::Known(item(code.item))),
        points: Some(Reading::Known((0..3).map(point).collect())),
        job: named.clone(),
        named,
        jobs: Some(Reading::Known(jobs)),
        around: Some(around()),
        since_intent: match (code.long, code.waited) {
            (true, _) => Duration::from_secs(900),
            (false, true) => Duration::from_secs(180),
            (false, false) => Duration::ZERO,
        },
        writes_wait: Duration::ZERO,
        no_token: None,
        absent_for: code.looked.then(|| Duration::from_secs(30)),
    }
}

/// All that a reprotect needs, there and in order.
fn around() -> Around {
    let resource =
        |id: &str, region: &str| Some(Reading::Known(Resource { id: id.into(), location: Some(region.into()) }));
    let mapping = |from: usize, region: &str| Mapping {
        id: format!("{}/replicationProtectionContainerMappings/m{from}", CONTAINERS[from]),
        target_container_id: CONTAINERS[1 - from].into(),
        target_fabric: region.into(),
        policy_id: "/v/replicationPolicies/day".into(),
    };
    Around {
        running_vm: Some(Reading::Known(Machine { id: "/vms/recovered".into(), disks: words(&["/disks/os"]) })),
        old_vm: resource("/vms/app", "westeurope"),
        mappings: Some(Reading::Known(vec![mapping(0, "North Europe"), mapping(1, "West Europe")])),
        policies: Some(Reading::Known(words(&["/v/replicationPolicies/day"]))),
        resource_group: resource("/rg", "westeurope"),
        locks: Some(Reading::Known(vec![])),
        cache_account: resource("/cache", "northeurope"),
        network: None,
        egress: Some(Reading::Known(Egress { subnet_id: "/subnet".into(), way_out: true })),
        usual_cache_account: None,
    }
}

/// The record without what no decision looks at, and with the fixed times.
pub fn bare(record: &Record) -> Record {
    let mut bare = record.clone();
    bare.intent = bare.intent.as_ref().map(bare_intent);
    bare.finished = bare.finished.iter().map(bare_step).collect();
    bare.consumed.sort_by(|a, b| a.key.cmp(&b.key));
    for consumed in &mut bare.consumed {
        if let Some(result) = &mut consumed.result {
            let steps = result.steps.iter().map(bare_step).collect();
            *result = RunResult { end: result.end, reason: result.reason, message: String::new(), at: None, steps };
        }
    }
    bare
}

fn bare_intent(intent: &Intent) -> Intent {
    let detail = String::new();
    let outcome = intent.outcome.as_ref().map(|outcome| match outcome {
        Outcome::Accepted { job } => Outcome::Accepted { job: job.clone() },
        Outcome::Refused { .. } => Outcome::Refused { detail },
        Outcome::NotSent { .. } => Outcome::NotSent { detail },
        Outcome::Throttled { .. } => Outcome::Throttled { retry_after: 0 },
        Outcome::Unknown { .. } => Outcome::Unknown { detail },
        Outcome::Absent { .. } => Outcome::Absent { detail },
    });
    let point = intent.point.as_ref().map(|p| PointRef { id: p.id.clone(), time: None, kind: None });
    Intent { nonce: String::new(), body_hash: String::new(), t0: Some(at(T0)), point, outcome, ..intent.clone() }
}

fn bare_step(done: &Finished) -> Finished {
    Finished {
        started: None,
        ended: Some(at(FINISHED)),
        point: None,
        achieved_rpo: None,
        achieved_rto: None,
        recovered_vm_id: None,
        moved_to: None,
        shutdown: None,
        warning: None,
        ..done.clone()
    }
}
