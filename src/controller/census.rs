//! Counts what there is, for /metrics: how many VMs are in which state, and how many requests wait for what. By the caches, so
//! that every replica counts the same; no name is ever told.

use super::context::Context;
use super::stores::each;
use crate::api::v1alpha1::ReplicatedVm;
use crate::domain::Reason;
use crate::domain::condition::{ConditionType, Truth};
use crate::domain::vm::SHOWN;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
