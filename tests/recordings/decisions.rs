//! The real decision, asked for every recorded verb and for every verb on every recorded state.

use std::sync::Arc;
use std::time::Duration;

use asr_operator::asr::ItemPath;
use asr_operator::controller::translate::request_of;
use asr_operator::domain::around::{Around, Machine, Mapping, Resource, SideSettings, container_of};
use asr_operator::domain::change_point::ChangePoint;
use asr_operator::domain::commit::Commit;
use asr_operator::domain::failover::Failover;
use asr_operator::domain::ids::{RequestKey, Step};
use asr_operator::domain::item::{Direction, Naming, Sides};
use asr_operator::domain::observed::{Adoption, Azure, Claim, Facts, Limits, Reading, Request, Vm};
use asr_operator::domain::point::{Point, PointChoice, PointKind, PointType};
use asr_operator::domain::record::{Owner, Record};
use asr_operator::domain::reprotect::{Overrides, Reprotect};
use asr_operator::domain::request::{Decision, Effect, decide};
use asr_operator::domain::verb::{Call, Verb};
use jiff::{SignedDuration, Timestamp};

use super::folder::Exchange;
use super::report::{DECIDED, JUDGED, Report, SKIPPED};
use super::requests::{self, Switched};
use super::states::Seen;

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// A decision with what it was made from, to be followed on.
pub(crate) struct Asked {
    pub(crate) facts: Facts,
    pub(crate) azure: Azure,
    pub(crate) decision: Decision,
}

/// What surrounds a request beside the item's state: values of the recorded call where there is one.
struct Scene<'a> {
    seen: &'a Seen,
    now: Timestamp,
    points: Vec<Point>,
    switched: Switched,
}

impl<'a> Scene<'a> {
    /// A scene in which nothing but the item's state can keep a verb from being sent.
    fn kind(seen: &'a Seen, now: Timestamp) -> Self {
        let point = Point {
            id: format!("{}/recoveryPoints/{}", seen.item.id, uuid::Uuid::max()),
            time: now - SignedDuration::from_mins(5),
            kind: PointKind::CrashConsistent,
        };
        let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/any";
        let switched = Switched {
            container: container_of(&seen.item.id).unwrap_or_default().to_owned(),
            policy: format!("{group}/policy"),
            resource_group: group.to_owned(),
            cache_account: format!("{group}/providers/Microsoft.Storage/storageAccounts/cache"),
            disks: vec![format!("{group}/providers/Microsoft.Compute/disks/os")],
        };
        Scene { seen, now, points: vec![point], switched }
    }

    fn side(&self) -> SideSettings {
        SideSettings {
            resource_group_id: Some(self.switched.resource_group.clone()),
            cache_account_id: Some(self.switched.cache_account.clone()),
            ..SideSettings::default()
        }
    }

    /// All that a reprotect looks at, there and in order. The mapping leads from the item's recovery container back.
    fn around(&self) -> Around {
        let item = &self.seen.item;
        let there = |id: &str, location| Some(Reading::Known(Resource { id: id.to_owned(), location }));
        let container = item.recovery_container_id.clone().unwrap_or_default();
        let mapping = Mapping {
            id: format!("{container}/replicationProtectionContainerMappings/back"),
            target_container_id: self.switched.container.clone(),
            target_fabric: item.primary_fabric.clone().unwrap_or_default(),
            policy_id: self.switched.policy.clone(),
        };
        let running = item.recovered_vm_id.clone().unwrap_or_default();
        Around {
            running_vm: Some(Reading::Known(Machine { id: running, disks: self.switched.disks.clone() })),
            old_vm: there(&item.source_vm_id, None),
            mappings: Some(Reading::Known(vec![mapping])),
            policies: Some(Reading::Known(vec![self.switched.policy.clone()])),
            resource_group: there(&self.switched.resource_group, None),
            locks: Some(Reading::Known(vec![])),
            cache_account: there(&self.switched.cache_account, None),
            ..Around::default()
        }
    }

    fn vault(&self) -> String {
        ItemPath::parse(&self.seen.item.id).map_or_else(|_| "/vault".to_owned(), |path| path.vault().to_string())
    }

    fn vm(&self) -> Vm {
        let (item, (primary, recovery)) = (&self.seen.item, self.seen.declared());
        Vm {
            uid: Some("uid".into()),
            suspended: None,
            nobody_acts: None,
            sides: Sides { primary_region: primary.to_owned(), recovery_region: recovery.to_owned() },
            naming: Naming::ItemName(item.name.clone()),
            vault_id: self.vault(),
            item: item.clone(),
            primary: self.side(),
            recovery: self.side(),
        }
    }

    /// A request whose turn it is, with a settled record.
    fn facts(&self, verb: Arc<dyn Verb>) -> Facts {
        let (item, vault) = (&self.seen.item, self.vault());
        let until = self.now + SignedDuration::from_hours(1);
        let key = RequestKey { kind: verb.kind(), namespace: "recorded".into(), name: "request".into() };
        let owner = Owner { key: key.clone(), spec_hash: "spec".into(), valid_until: until.to_string() };
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
            vm: Ok(self.vm()),
            record: Some(Record::empty(vault, item.name.clone())),
            record_age: Some(WEEK),
            ahead: None,
            pending: vec![],
            request_age: None,
            decisions: vec![],
            nonce: "nonce".into(),
            limits: Limits {
                quarantine: Duration::from_secs(300),
                max_validity: WEEK,
                retry_unknown: true,
                early_grace: Duration::from_secs(60),
            },
            adoption: Adoption::Unknown,
        }
    }

    /// The decision about such a request, in a vault where nothing else runs.
    fn ask(&self, verb: Arc<dyn Verb>) -> Asked {
        let facts = self.facts(verb);
        let azure = Azure {
            now: Some(self.now),
            item: Some(Reading::Known(self.seen.item.clone())),
            points: Some(Reading::Known(self.points.clone())),
            jobs: Some(Reading::Known(vec![])),
            job: None,
            named: None,
            around: Some(self.around()),
            since_intent: Duration::ZERO,
            absent_for: None,
            writes_wait: Duration::ZERO,
            no_token: None,
        };
        let decision = decide(&facts, &azure);
        Asked { facts, azure, decision }
    }
}

fn custom(point: Option<&str>) -> PointChoice {
    match point {
        Some(id) => PointChoice { point_type: PointType::Custom, id: Some(id.to_owned()), ..PointChoice::LATEST },
        None => PointChoice::LATEST,
    }
}

fn failover(direction: Direction, point: PointChoice, shutdown_source: bool) -> Arc<dyn Verb> {
    Arc::new(Failover { direction, point, shutdown_source, commit: false })
}

fn reprotect(direction: Direction) -> Arc<dyn Verb> {
    Arc::new(Reprotect { direction, settings: Overrides::default() })
}

/// The item as it was last read before a verb: not older than an earlier verb on it, nor than that verb's end.
fn before<'a>(exchanges: &[Exchange], all: &'a [Seen], at: usize, id: &str) -> Result<&'a Seen, &'static str> {
    let own = |other: &Exchange| {
        let step = requests::step_of(other);
        step.and_then(|step| requests::item_id(other, step)).is_some_and(|other| other.eq_ignore_ascii_case(id))
    };
    let later = |seen: &Seen| exchanges[seen.at].at.zip(exchanges[at].at).is_some_and(|(seen, verb)| seen > verb);
    let mut reads = all.iter().filter(|s| s.at < at && s.item.id.eq_ignore_ascii_case(id) && !later(s));
    let Some(last) = reads.next_back() else {
        return Err("the recording does not read the item before it");
    };
    let since = exchanges[..at].iter().rposition(own).map(|earlier| super::jobs::end_of(exchanges, earlier));
    match since {
        Some(end) if last.at < end => Err("the recording does not read the item since the verb before it"),
        _ => Ok(last),
    }
}

/// Asks for a recorded verb; gives what was asked when the decision is to send that very request.
pub(crate) fn verb(exchanges: &[Exchange], all: &[Seen], at: usize, step: Step, report: &mut Report) -> Option<Asked> {
    let exchange = &exchanges[at];
    let id = requests::item_id(exchange, step)?;
    let seen = match before(exchanges, all, at, &id) {
        Ok(seen)
            if step == Step::Reprotect && exchanges[seen.at].excerpt && seen.text("recoveryContainerId").is_empty() =>
        {
            Err("the excerpt of the item has no recoveryContainerId")
        }
        other => other,
    };
    let skip = |report: &mut Report, why: &str| report.count(SKIPPED, format!("{}: {why}", exchange.operation()));
    let seen = match seen {
        Ok(seen) => seen,
        Err(why) => {
            skip(report, why);
            return None;
        }
    };
    let asked = ask_for(exchange, seen, step);
    match (&asked.decision.effect, seen.out_of_bounds()) {
        (Effect::Send(_, call), None) => return sent(exchange, seen, call, report).then_some(asked),
        (Effect::Send(..), Some(why)) => report.fail(exchange, format!("the decision sends for {why}")),
        (_, Some(why)) => skip(report, &format!("{why}; nothing is sent, by design")),
        (_, None) => {
            let read = exchanges[seen.at].place();
            let said = said(&asked.decision);
            report.fail(exchange, format!("recorded, but not decided: {said} ({read}: {})", seen.state()));
        }
    }
    None
}

fn ask_for(exchange: &Exchange, seen: &Seen, step: Step) -> Asked {
    let now = exchange.at.unwrap_or(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50));
    let mut scene = Scene::kind(seen, now);
    let properties = &exchange.request["properties"];
    let details = &properties["providerSpecificDetails"];
    let point = details["recoveryPointId"].as_str().or(properties["recoveryPointId"].as_str());
    if let Some(id) = point {
        let time = now - SignedDuration::from_mins(10);
        scene.points.push(Point { id: id.to_owned(), time, kind: PointKind::CrashConsistent });
    }
    let direction = seen.direction();
    let back = Direction::from_side(direction.end());
    if let Ok(switched) = Switched::read(details) {
        scene.switched = switched;
    }
    scene.ask(match step {
        Step::Failover => failover(direction, custom(point), properties["sourceSiteOperations"] == "Required"),
        Step::Commit => Arc::new(Commit { recovery_point: None }),
        Step::ChangeRecoveryPoint => Arc::new(ChangePoint { point: custom(point) }),
        Step::Reprotect => reprotect(back),
    })
}

/// Whether the decided call, made into a request by the operator, is the recorded one.
fn sent(exchange: &Exchange, seen: &Seen, call: &Call, report: &mut Report) -> bool {
    let Ok(path) = ItemPath::parse(&seen.item.id) else {
        report.fail(exchange, "the item's id cannot be called");
        return false;
    };
    let differences = requests::differences(exchange, &request_of(call, path), report);
    if differences.is_empty() {
        let way = seen.direction().as_str();
        report.count(DECIDED, format!("{} (the item replicates {way})", exchange.operation()));
    }
    differences.iter().for_each(|text| report.fail(exchange, format!("decided otherwise: {text}")));
    differences.is_empty()
}

fn said(decision: &Decision) -> String {
    let ready = decision.view.as_ref().and_then(|view| view.conditions.first());
    ready.map_or_else(|| "nothing".to_owned(), |c| format!("{:?}: {}", c.reason, c.message))
}

/// Asks for every verb in both directions on one state: what the state does not allow may wait or end, and is never sent.
pub(crate) fn on_state(exchange: &Exchange, seen: &Seen, report: &mut Report) {
    use Direction::{PrimaryToRecovery, RecoveryToPrimary};
    let now = exchange.at.unwrap_or(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 50));
    let scene = Scene::kind(seen, now);
    let newest = PointChoice { point_type: PointType::LatestProcessed, ..PointChoice::LATEST };
    let asked: [(Arc<dyn Verb>, Direction); 6] = [
        (failover(PrimaryToRecovery, PointChoice::LATEST, true), PrimaryToRecovery),
        (failover(RecoveryToPrimary, PointChoice::LATEST, true), RecoveryToPrimary),
        (Arc::new(ChangePoint { point: newest }), PrimaryToRecovery),
        (Arc::new(Commit { recovery_point: None }), PrimaryToRecovery),
        (reprotect(PrimaryToRecovery), PrimaryToRecovery),
        (reprotect(RecoveryToPrimary), RecoveryToPrimary),
    ];
    for (verb, direction) in asked {
        let kind = verb.kind();
        let any = any_call(kind.as_str());
        let allowed = seen.allows(&any, direction);
        let decision = scene.ask(verb).decision;
        let what = outcome(&decision);
        let fits = match (&decision.effect, allowed) {
            (Effect::Send(_, call), true) => std::mem::discriminant(call) == std::mem::discriminant(&any),
            (_, true) => false,
            (_, false) => ["waits", "ends"].contains(&what),
        };
        let name = format!("{} {}", kind.as_str(), direction.as_str());
        if fits {
            report.count(JUDGED, format!("{} {what}", if allowed { "allowed:" } else { "not allowed:" }));
        } else {
            let must = if allowed { "allows" } else { "does not allow" };
            report.fail(exchange, format!("the state {must} {name}, and it {what}: {}", said(&decision)));
        }
    }
}

/// A call of that kind of request, with nothing in it.
fn any_call(kind: &str) -> Call {
    match kind {
        "FailoverRequest" => Call::UnplannedFailover { point: None, shutdown_source: true },
        "ChangeRecoveryPointRequest" => Call::ApplyRecoveryPoint { point: String::new() },
        "CommitRequest" => Call::FailoverCommit,
        _ => Call::SwitchProtection(Box::new(asr_operator::domain::reprotect::SwitchInput {
            container_id: String::new(),
            policy_id: String::new(),
            resource_group_id: String::new(),
            cache_account_id: String::new(),
            disks: Vec::new(),
            zone: None,
            availability_set_id: None,
            proximity_placement_group_id: None,
            disk_encryption_set_id: None,
        })),
    }
}

/// What a decision does, in a word.
fn outcome(decision: &Decision) -> &'static str {
    match &decision.effect {
        Effect::Send(..) => "is sent",
        Effect::None => "waits",
        Effect::Write(record) if record.intent.is_none() && record.consumed.iter().any(|c| c.result.is_some()) => {
            "ends"
        }
        Effect::Write(_) => "writes an intent",
        Effect::Claim(_) => "claims",
    }
}
