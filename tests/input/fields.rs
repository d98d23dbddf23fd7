//! Every field of every public kind, on the real API server, with an operator that watches: each odd value is taken, or
//! refused with a message; each object that was taken is reported on; and a good object is served afterwards.

use std::io::Write;
use std::time::Duration;

use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use super::manifests::{bare, whole};
use super::tries::{Tally, objects, tries};
use crate::harness::eventually;
use crate::world::{Setup, World, failover, sample};

/// The kinds that people use.
pub const KINDS: [&str; 7] = [
    "RecoveryVault",
    "ReplicatedVm",
    "FailoverRequest",
    "ChangeRecoveryPointRequest",
    "CommitRequest",
    "ReprotectRequest",
    "RequestDecision",
];

/// An object about nobody's VM, vault or request: what is taken must not act on the one of the samples.
pub fn of_nobody(mut object: Value) -> Value {
    for place in ["replicatedVmRef", "vaultRef", "requestRef"] {
        if object["spec"][place].is_object() {
            object["spec"][place]["name"] = json!("nobody");
        }
    }
    object
}

/// Waits until each object of the kind that was taken has a status of its own generation.
async fn reported(world: &World, kind: &str) -> usize {
    eventually(Duration::from_secs(90), &format!("a report on every {kind}"), async || {
        let list = objects(&world.client, &world.namespace, kind).list(&ListParams::default()).await;
        let list = list.map_err(|error| error.to_string())?;
        let silent = |object: &&DynamicObject| {
            object.data["status"]["observedGeneration"].as_i64() != object.metadata.generation
        };
        match list.items.iter().find(silent) {
            None => Ok(list.items.len()),
            Some(silent) => Err(format!("{:?}: {}", silent.metadata.name, silent.data)),
        }
    })
    .await
}

/// Every kind of object is still seen: a vault, a VM, a decision and each request.
async fn still_serves(world: &World) {
    world.apply(sample("vm").replace("app01", "db01")).await;
    world.wait("ReplicatedVm", "db01", ("Ready", "True", None)).await;
    world.fail_over().await;
    world.succeed(&sample("change-point").replace("maxDataLoss: 15m", "maxDataLoss: 12h")).await;
    for name in ["commit", "reprotect"] {
        world.act(name).await;
    }
    world.apply(failover("last", "")).await;
    world.wait("FailoverRequest", "last", ("Ready", "True", Some("AlreadyThere"))).await;
    let calls = ["unplannedFailover", "applyRecoveryPoint", "failoverCommit", "switchprotection"];
    assert_eq!(world.accepted().await, calls, "the good objects act, no odd one does");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_odd_field_is_taken_or_refused_and_stops_nobody() {
    let world = World::with(Setup { clock_rate: 200, ..Setup::default() }).await;
    let every = |kind| [whole(kind), bare(kind)].into_iter().map(of_nobody).map(move |base| (kind, base));
    let bases = KINDS.into_iter().flat_map(every);
    let all = bases.flat_map(|(kind, base)| tries(kind, "spec", &base, |_, _| true)).collect();
    let mut tally = Tally::default();
    tally.create(&world.client, &world.namespace, all).await;
    tally.holds();
    for (kind, count) in &tally.counts {
        assert!(count.accepted > 0 && count.refused > count.accepted, "{kind}: {count:?}");
    }
    still_serves(&world).await;
    let mut shown = 0;
    for kind in KINDS {
        shown += reported(&world, kind).await;
    }
    let log = world.operator.log();
    assert!(!log.contains("panicked"), "{log}");
    writeln!(std::io::stderr(), "{shown} objects in one namespace, each with a status").ok();
}
