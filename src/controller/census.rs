//! Counts what there is, for /metrics: how many VMs are in which state, and how many requests wait for what. By the caches, so
//! that every replica counts the same; no name is ever told.

use super::context::Context;
use super::stores::each;
use crate::api::v1alpha1::ReplicatedVm;
use crate::domain::Reason;
use crate::domain::condition::{ConditionType, Truth};
use crate::domain::ids::{Kind, RequestKey};
use crate::domain::vm::SHOWN;
use crate::telemetry::Fleet;
use jiff::Timestamp;
use kube::ResourceExt;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often. Prometheus scrapes no oftener, as a rule.
const EVERY: Duration = Duration::from_secs(15);

/// Counts until `stop`.
pub async fn run(ctx: Context, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => return,
        () = ctx.stores.ready() => {}
    }
    while !stop.is_cancelled() {
        count(&ctx);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

fn count(ctx: &Context) {
    ctx.metrics.vms(tally(each(&ctx.stores.vms, states).into_iter().flatten()));
    let now = ctx.machine.time_of_day();
    let left = |key: &RequestKey| ctx.stores.request(key).is_some_and(|request| request.source_left);
    let fleet = each(&ctx.stores.vms, |vm| alone(vm, now, left)).into_iter().fold(Fleet::default(), together);
    ctx.metrics.fleet(fleet);
    ctx.metrics.calls_left(ctx.meters.left());
    let open = ctx.stores.unfinished();
    let said = open.iter().map(|request| (request.key.kind.as_str(), request.reason.unwrap_or(Reason::Pending)));
    ctx.metrics.open_requests(tally(said));
}

fn tally<T: Ord>(all: impl Iterator<Item = T>) -> BTreeMap<T, i64> {
    let mut counted = BTreeMap::new();
    for one in all {
        *counted.entry(one).or_insert(0) += 1;
    }
    counted
}

/// What a VM's conditions say; of one that nobody has looked at yet, nothing is known.
fn states(vm: &ReplicatedVm) -> Vec<(&'static str, &'static str)> {
    let told = vm.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    let truth = |kind: &str| {
        let status = told.iter().find(|c| c.type_ == kind).map(|c| c.status.as_str());
        [Truth::True, Truth::False].into_iter().find(|t| Some(t.as_str()) == status).unwrap_or(Truth::Unknown)
    };
    SHOWN.map(ConditionType::as_str).map(|kind| (kind, truth(kind).as_str())).to_vec()
}

/// What one VM comes to; `source_left` says whether a request's source VM was not shut down.
fn alone(vm: &ReplicatedVm, now: Timestamp, source_left: impl Fn(&RequestKey) -> bool) -> Fleet {
    let status = vm.status.as_ref();
    let expires = status.and_then(|s| s.agent_expires_at.as_ref()?.parse::<Timestamp>().ok());
    Fleet {
        oldest_point: point_age(vm, now).unwrap_or_default(),
        longest_commit: pending_commit(vm, now).unwrap_or_default(),
        rpo_missed: i64::from(rpo_missed(vm)),
        unprotected_disks: status.and_then(|s| s.unprotected_disks).map_or(0, i64::from),
        agent_expiry: expires.map_or(0, Timestamp::as_second),
        split_brain: i64::from(last_failover(vm).is_some_and(|key| source_left(&key))),
    }
}

/// What two of them come to.
fn together(one: Fleet, other: Fleet) -> Fleet {
    let soonest = [one.agent_expiry, other.agent_expiry].into_iter().filter(|at| *at > 0).min();
    Fleet {
        oldest_point: one.oldest_point.max(other.oldest_point),
        longest_commit: one.longest_commit.max(other.longest_commit),
        rpo_missed: one.rpo_missed + other.rpo_missed,
        unprotected_disks: one.unprotected_disks + other.unprotected_disks,
        agent_expiry: soonest.unwrap_or_default(),
        split_brain: one.split_brain + other.split_brain,
    }
}

fn rpo_missed(vm: &ReplicatedVm) -> bool {
    let told = vm.status.iter().flat_map(|status| &status.conditions);
    told.filter(|c| c.status == Truth::False.as_str()).any(|c| c.reason == Reason::RpoExceeded.as_str())
}

/// The request that failed a VM over, while nothing was reversed since.
fn last_failover(vm: &ReplicatedVm) -> Option<RequestKey> {
    since(vm, ConditionType::PendingCommit).or_else(|| since(vm, ConditionType::NeedsReprotect))?;
    let request = vm.status.as_ref()?.last_failover.as_ref()?.request.as_ref()?;
    let (kind, namespace) = (Kind::parse(&request.kind)?, vm.namespace()?);
    Some(RequestKey { kind, namespace, name: request.name.clone() })
}

/// How old the latest point of a protected VM is, in seconds; a clock of this machine that is wrong makes this wrong.
fn point_age(vm: &ReplicatedVm, now: Timestamp) -> Option<i64> {
    since(vm, ConditionType::Protected)?;
    let latest = vm.status.as_ref()?.recovery_points.as_ref()?.latest.as_ref()?;
    Some(seconds(latest.time.parse().ok()?, now))
}

/// How long a VM has waited for its commit, in seconds.
fn pending_commit(vm: &ReplicatedVm, now: Timestamp) -> Option<i64> {
    since(vm, ConditionType::PendingCommit).map(|since| seconds(since, now))
}

/// Since when a condition is true.
fn since(vm: &ReplicatedVm, kind: ConditionType) -> Option<Timestamp> {
    let told = &vm.status.as_ref()?.conditions;
    let condition = told.iter().find(|c| c.type_ == kind.as_str() && c.status == Truth::True.as_str())?;
    Some(condition.last_transition_time.0)
}

fn seconds(since: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(since).as_secs().max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::{LastOperation, ObservedPoint, RecoveryPointSummary, RequestRef};

    fn vm(conditions: &str) -> ReplicatedVm {
        let text = format!(
            "apiVersion: asr-operator.io/v1alpha1\nkind: ReplicatedVm\nmetadata: {{name: a, namespace: n}}\nspec: {{vaultRef: {{name: v}}, protectedItemName: i, primary: {{region: a1}}, recovery: {{region: b1}}}}\nstatus: {{conditions: [{conditions}]}}\n"
        );
        serde_yaml::from_str(&text).unwrap()
    }

    fn condition(kind: &str, status: &str) -> String {
        format!(
            "{{type: {kind}, status: {status:?}, reason: R, message: m, lastTransitionTime: \"2026-06-01T08:00:00Z\"}}"
        )
    }

    #[test]
    fn each_vm_counts_once_under_each_condition_whatever_its_status_holds() {
        let odd = format!("{}, {}", condition("Protected", "Perhaps"), condition("NoSuchThing", "True"));
        let vms = [vm(&condition("Protected", "True")), vm(&condition("Protected", "True")), vm(""), vm(&odd)];
        let counted = tally(vms.iter().flat_map(states));
        assert_eq!(counted.values().sum::<i64>(), 4 * i64::try_from(SHOWN.len()).unwrap());
        assert_eq!(counted[&("Protected", "True")], 2);
        assert_eq!(counted[&("Protected", "Unknown")], 2);
        assert_eq!(counted[&("Ready", "Unknown")], 4);
    }

    #[test]
    fn a_point_ages_while_the_vm_is_protected_and_a_commit_while_it_is_due() {
        let now: Timestamp = "2026-06-01T09:00:00Z".parse().unwrap();
        let with_point = |conditions: &str, time: &str| {
            let mut vm = vm(conditions);
            let latest = ObservedPoint { id: "p".into(), time: time.into() };
            let summary =
                RecoveryPointSummary { count: 1, oldest: None, latest: Some(latest), latest_app_consistent: None };
            vm.status.as_mut().unwrap().recovery_points = Some(summary);
            vm
        };
        let protected = condition("Protected", "True");
        assert_eq!(point_age(&with_point(&protected, "2026-06-01T08:50:00Z"), now), Some(600));
        assert_eq!(point_age(&with_point(&protected, "2026-06-01T09:50:00Z"), now), Some(0), "this clock is behind");
        assert_eq!(point_age(&with_point(&protected, "soon"), now), None);
        assert_eq!(point_age(&with_point(&condition("Protected", "False"), "2026-06-01T08:50:00Z"), now), None);
        assert_eq!(point_age(&vm(&protected), now), None);
        assert_eq!(pending_commit(&vm(&condition("PendingCommit", "True")), now), Some(3600));
        assert_eq!(pending_commit(&vm(&condition("PendingCommit", "False")), now), None);
    }

    #[test]
    fn what_is_missing_somewhere_is_counted_and_what_expires_first_is_told() {
        let now: Timestamp = "2026-06-01T09:00:00Z".parse().unwrap();
        let with = |conditions: &str, disks: Option<i32>, expires: Option<&str>| {
            let mut vm = vm(conditions);
            let status = vm.status.as_mut().unwrap();
            (status.unprotected_disks, status.agent_expires_at) = (disks, expires.map(str::to_owned));
            let request = Some(RequestRef { kind: "FailoverRequest".into(), name: "away".into() });
            status.last_failover = Some(LastOperation { request, ..LastOperation::default() });
            vm
        };
        let behind = condition("ReplicationHealthy", "False").replace("reason: R", "reason: RpoExceeded");
        let away = condition("PendingCommit", "True");
        let home = condition("PendingCommit", "False");
        let fleet = [
            with(&behind, Some(2), Some("2026-07-01T00:00:00Z")),
            with(&away, Some(1), Some("2026-06-15T00:00:00Z")),
            with(&home, None, Some("soon")),
            vm(""),
        ];
        let left = |key: &RequestKey| key.to_string() == "FailoverRequest n/away";
        let sum = fleet.iter().map(|vm| alone(vm, now, left)).fold(Fleet::default(), together);
        let expiry: Timestamp = "2026-06-15T00:00:00Z".parse().unwrap();
        let want = Fleet {
            oldest_point: 0,
            longest_commit: 3600,
            rpo_missed: 1,
            unprotected_disks: 3,
            agent_expiry: expiry.as_second(),
            split_brain: 1,
        };
        assert_eq!(sum, want);
        let shut = fleet.iter().map(|vm| alone(vm, now, |_| false)).fold(Fleet::default(), together);
        assert_eq!(shut, Fleet { split_brain: 0, ..want });
    }
}
