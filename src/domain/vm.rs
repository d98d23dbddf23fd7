//! What a ReplicatedVm shows: one protected item, observed. It never acts.

use super::Reason;
use super::backoff::Class;
use super::condition::{Condition, ConditionType, Standing, Truth, trio};
use super::item::{Direction, Item, Naming, Obstacle, Side, Sides, active_side, identify};
use super::observed::Reading;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// The goals of `spec.objectives` that conditions are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Objectives {
    /// How far replication may lag.
    pub rpo: Option<SignedDuration>,
    /// How long a failover may take.
    pub rto: Option<SignedDuration>,
    /// How old the last successful drill may be.
    pub drill_max_age: SignedDuration,
    /// How long a failover may wait for its commit.
    pub pending_commit_max: SignedDuration,
}

/// How certain it is that an item which was there is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Missing from too few full lists, or a GET still finds it.
    Unsure,
    /// Two full lists and a GET that answered 404 agree.
    Certain,
}

/// What was seen for one ReplicatedVm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmFacts {
    /// `suspend` here or on the RecoveryVault, in words.
    pub suspended: Option<String>,
    /// The declared sides.
    pub sides: Sides,
    /// How the item is named.
    pub naming: Naming,
    /// The goals.
    pub objectives: Objectives,
    /// The vault's items, by the observer's last full list.
    pub items: Result<Reading<Arc<Vec<Item>>>, Obstacle>,
    /// Name and life cycle of the item that was shown before.
    pub before: Option<(String, Option<String>)>,
    /// How certain a disappearance is.
    pub gone: Gone,
    /// Whether another ReplicatedVm stands for the same item.
    pub claimed_twice: bool,
    /// A request of this item whose outcome nobody knows, in words.
    pub unknown_outcome: Option<String>,
    /// How long the last failover took that ran here.
    pub last_rto: Option<SignedDuration>,
    /// Azure's time.
    pub now: Option<Timestamp>,
}

/// What it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmView {
    /// In their fixed order.
    pub conditions: Vec<Condition>,
    /// The item, where one is known.
    pub item: Option<Item>,
    /// The side on which the VM runs.
    pub side: Option<Side>,
    /// The direction of the next failover.
    pub next_direction: Option<Direction>,
}

/// The item that the ReplicatedVm stands for, and the side on which its VM runs; requests use the same answer.
///
/// # Errors
/// Why no verb can be carried out, in words for the person on call.
pub fn resolve(facts: &VmFacts) -> Result<(&Item, Side), Obstacle> {
    let items = match &facts.items {
        Err(obstacle) => return Err(obstacle.clone()),
        Ok(Reading::Unreadable(u)) => return Err(u.obstacle.clone()),
        Ok(Reading::Absent) => {
            let why = facts.suspended.as_ref().map(|why| Obstacle::new(Reason::Suspended, why));
            return Err(why.unwrap_or_else(|| Obstacle::new(Reason::Pending, "The vault has not been listed yet.")));
        }
        Ok(Reading::Known(items)) => items,
    };
    let item = identify(items, &facts.naming, &facts.sides).map_err(|obstacle| missing(facts, obstacle))?;
    if facts.claimed_twice {
        let text = format!(
            "Another ReplicatedVm stands for the protected item {} too; no verb is carried out until only one does. Delete one of them.",
            item.name
        );
        return Err(Obstacle::new(Reason::ItemClaimedTwice, text));
    }
    if replaced(facts, item) {
        let text = format!(
            "Replication of {} was disabled and enabled anew: this is another life cycle under the same name. Check the VM, then delete this ReplicatedVm and create it again.",
            item.name
        );
        return Err(Obstacle::new(Reason::ItemReplaced, text));
    }
    active_side(item, &facts.sides).map(|side| (item, side))
}

fn missing(facts: &VmFacts, obstacle: Obstacle) -> Obstacle {
    let vanished = facts.before.is_some() && obstacle.reason == Reason::ItemNotFound && facts.gone == Gone::Unsure;
    if !vanished {
        return obstacle;
    }
    let text = "The protected item is missing from the last list of the vault. It counts as gone when two full lists and a GET agree.";
    Obstacle::new(Reason::ItemMissing, text)
}

fn replaced(facts: &VmFacts, item: &Item) -> bool {
    before(facts, item).zip(item.lifecycle_id.as_ref()).is_some_and(|(then, now)| !super::ids::same(then, now))
}

fn before<'a>(facts: &'a VmFacts, item: &Item) -> Option<&'a String> {
    let same = facts.before.as_ref().filter(|(name, _)| super::ids::same(name, &item.name));
    same.and_then(|(_, life)| life.as_ref())
}

/// The life cycle that a request for `item` is bound to: the item's own, else the one it was last seen with. Azure does
/// not tell it while data is being copied, and the one it tells afterwards must be the one that is known.
pub fn life(facts: &VmFacts, item: &Item) -> Option<String> {
    item.lifecycle_id.clone().or_else(|| before(facts, item).cloned())
}

/// Everything that the status says.
pub fn view(facts: &VmFacts) -> VmView {
    match resolve(facts) {
        Ok((item, side)) => seen(facts, item, side),
        Err(obstacle) => unseen(facts, &obstacle),
    }
}

fn unseen(facts: &VmFacts, obstacle: &Obstacle) -> VmView {
    let standing = match (&facts.items, obstacle.reason) {
        (Ok(Reading::Unreadable(u)), _) if matches!(u.class, Class::Waiting | Class::Transient) => {
            Standing::Reconciling
        }
        (_, Reason::Pending | Reason::ItemMissing | Reason::Suspended | Reason::VaultNotFound) => Standing::Reconciling,
        _ => Standing::Stalled,
    };
    let mut conditions = trio(standing, obstacle.reason, &obstacle.message).to_vec();
    conditions.extend(OWN.map(|kind| Condition::new(kind, Truth::Unknown, obstacle.reason, &obstacle.message)));
    VmView { conditions, item: None, side: None, next_direction: None }
}

/// The conditions by which VMs are counted: each of them is either so, or not, or unknown.
pub const SHOWN: [ConditionType; 7] = {
    let [a, b, c, d, e, f] = OWN;
    [ConditionType::Ready, a, b, c, d, e, f]
};

/// The kind's own conditions, in order.
const OWN: [ConditionType; 6] = [
    ConditionType::Protected,
    ConditionType::ReplicationHealthy,
    ConditionType::FailoverReady,
    ConditionType::PendingCommit,
    ConditionType::NeedsReprotect,
    ConditionType::DrillCurrent,
];

fn seen(facts: &VmFacts, item: &Item, side: Side) -> VmView {
    let region = item.active_region().unwrap_or_default();
    let name = if item.friendly_name.is_empty() { &item.name } else { &item.friendly_name };
    let runs = format!("{name} runs on its {} side ({region}).", side.as_str());
    let (standing, reason, message) = match (&facts.suspended, &facts.unknown_outcome) {
        (Some(why), _) => (Standing::Reconciling, Reason::Suspended, format!("{why} {runs}")),
        (None, Some(unknown)) => (Standing::Reconciling, Reason::OutcomeUnknown, unknown.clone()),
        (None, None) => (Standing::Ready, Reason::Ready, runs),
    };
    let mut conditions = trio(standing, reason, &message).to_vec();
    conditions.extend([
        protected(item),
        healthy(facts, item),
        ready(item),
        pending_commit(facts, item),
        needs_reprotect(item),
        drill(facts, item),
    ]);
    VmView { conditions, item: Some(item.clone()), side: Some(side), next_direction: Some(Direction::from_side(side)) }
}

fn protected(item: &Item) -> Condition {
    let yes = item.protection_state == "Protected";
    let reason = if yes { Reason::Protected } else { Reason::NotProtected };
    let text = format!("Azure's state is {}: {}.", item.protection_state, item.protection_description);
    Condition::new(ConditionType::Protected, Truth::of(yes), reason, text)
}

/// Whether replication lags more than the objective allows; no number, or the condition would change every minute.
fn lagging(facts: &VmFacts, item: &Item) -> Option<Condition> {
    let limit = facts.objectives.rpo?;
    let lag = SignedDuration::from_secs(i64::try_from(item.rpo_seconds?).unwrap_or(i64::MAX));
    let protected = item.protection_state == "Protected";
    (protected && lag > limit).then(|| {
        let text =
            format!("Replication lags more than the objective rpo of {limit:#}. A failover now would lose that much.");
        Condition::new(ConditionType::ReplicationHealthy, Truth::False, Reason::RpoExceeded, text)
    })
}

fn healthy(facts: &VmFacts, item: &Item) -> Condition {
    if item.replication_health == "Normal"
        && let Some(lagging) = lagging(facts, item)
    {
        return lagging;
    }
    let worst = item
        .health_errors
        .first()
        .map(|e| format!(" {} {} {}", e.code, e.message, e.recommended_action))
        .unwrap_or_default();
    let (truth, reason) = match item.replication_health.as_str() {
        "Normal" => (Truth::True, Reason::Healthy),
        "Warning" | "Critical" => (Truth::False, Reason::Unhealthy),
        _ => (Truth::Unknown, Reason::HealthUnknown),
    };
    let detail = if truth == Truth::True { String::new() } else { worst };
    Condition::new(
        ConditionType::ReplicationHealthy,
        truth,
        reason,
        format!("Replication health is {}.{detail}", item.replication_health),
    )
}

fn ready(item: &Item) -> Condition {
    let kind = ConditionType::FailoverReady;
    if let Some(group) = item.group_member() {
        let text = format!(
            "The VM belongs to the {group}, which fails over only as a whole; this operator refuses verbs on it."
        );
        return Condition::new(kind, Truth::False, Reason::GroupMember, text);
    }
    if let Some(scenario) = &item.scenario {
        let text = format!("{} is at work on the VM.", scenario.name);
        return Condition::new(kind, Truth::False, Reason::ItemBusy, text);
    }
    let offers = item.allowed.join(", ");
    if item.may_fail_over() {
        let text = format!("Azure offers {offers}. Failover health is {}.{}", item.failover_health, left_behind(item));
        return Condition::new(kind, Truth::True, Reason::Ready, text);
    }
    Condition::new(
        kind,
        Truth::False,
        Reason::NotAllowedNow,
        format!("Azure does not offer a failover now; it offers {offers}."),
    )
}

/// What a failover does not take along.
fn left_behind(item: &Item) -> String {
    match item.unprotected_disks {
        0 => String::new(),
        1 => " One of its disks is not replicated, and a failover leaves it behind.".to_owned(),
        many => format!(" {many} of its disks are not replicated, and a failover leaves them behind."),
    }
}

fn pending_commit(facts: &VmFacts, item: &Item) -> Condition {
    let kind = ConditionType::PendingCommit;
    if !item.pending_commit() {
        return Condition::new(kind, Truth::False, Reason::NoPendingCommit, "No failover waits for a commit.");
    }
    let vm = item.recovered_vm_id.as_deref().unwrap_or("the recovered VM");
    let late = facts
        .now
        .zip(item.last_failover)
        .filter(|(now, start)| now.duration_since(*start) > facts.objectives.pending_commit_max);
    let overdue = late
        .map(|(_, start)| format!(" It has waited since {start}, longer than pendingCommitMax."))
        .unwrap_or_default();
    let slow = facts.objectives.rto.zip(facts.last_rto).filter(|(limit, took)| took > limit);
    let slow =
        slow.map(|(limit, took)| format!(" The failover took {took:#}, longer than the objective rto of {limit:#}."));
    let text = format!(
        "Validate {vm}, then create a CommitRequest, or a ChangeRecoveryPointRequest.{overdue}{}",
        slow.unwrap_or_default()
    );
    Condition::new(kind, Truth::True, Reason::PendingCommit, text)
}

fn needs_reprotect(item: &Item) -> Condition {
    let kind = ConditionType::NeedsReprotect;
    if item.committed() {
        let text = "The failover is committed and the VM has no protection: create a ReprotectRequest.";
        return Condition::new(kind, Truth::True, Reason::NeedsReprotect, text);
    }
    Condition::new(kind, Truth::False, Reason::ReprotectNotNeeded, "No committed failover waits for a reprotect.")
}

fn drill(facts: &VmFacts, item: &Item) -> Condition {
    let kind = ConditionType::DrillCurrent;
    let Some(last) = item.last_test_failover else {
        return Condition::new(kind, Truth::False, Reason::DrillOverdue, "No test failover has succeeded yet.");
    };
    let age = facts.now.map(|now| now.duration_since(last));
    match age {
        None => Condition::new(kind, Truth::Unknown, Reason::Pending, "Azure's time is not known."),
        Some(age) if age > facts.objectives.drill_max_age => Condition::new(
            kind,
            Truth::False,
            Reason::DrillOverdue,
            format!("The last successful test failover was at {last}, longer ago than drillMaxAge."),
        ),
        Some(_) => Condition::new(
            kind,
            Truth::True,
            Reason::DrillCurrent,
            format!("The last successful test failover was at {last}."),
        ),
    }
}

#[cfg(test)]
mod tests;
