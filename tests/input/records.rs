//! Every field of the kinds that the operator writes for itself, in its own namespace: a record or claim that somebody
//! edited or restored keeps no request from its end.

use serde_json::{Value, json};

use super::manifests::{bare, object};
use super::objects::example;
use super::tries::{Tally, schema, tries};
use crate::world::{FAILOVER, World, sample};

/// The kinds that the operator writes for itself.
pub const KINDS: [&str; 2] = ["ItemRecord", "RequestClaim"];

/// An object of one of these with every field that there is: a record in mid-run, with steps and ends behind it.
pub fn complete(kind: &str) -> Value {
    let mut spec = example(&schema(kind, "spec"));
    // Only of a request that can be is there anything to finish.
    for place in ["/holder/kind", "/consumed/0/key/kind", "/key/kind"] {
        if let Some(kind) = spec.pointer_mut(place) {
            *kind = json!("FailoverRequest");
        }
    }
    object(kind, spec)
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_records_and_claims_keep_no_request_from_its_end() {
    let world = World::new().await;
    let mut tally = Tally::default();
    for kind in KINDS {
        let mut all = tries(kind, "spec", &complete(kind), |_, _| true);
        // Without what stands around it, a field within another says nothing.
        all.extend(tries(kind, "spec", &bare(kind), |field, _| field.path.len() == 1));
        tally.create(&world.client, &world.operator_namespace, all).await;
    }
    tally.holds();
    for (kind, count) in &tally.counts {
        assert!(count.accepted > 0 && count.refused > 0, "{kind}: {count:?}");
    }
    // Only one who still sees every record finishes what a request began whose object is gone.
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    world.delete("FailoverRequest", FAILOVER).await;
    world.job_ends().await;
    let record = world.released().await;
    assert_eq!(record["spec"]["consumed"][0]["result"]["outcome"], "Succeeded", "{record:#}");
    assert_eq!(world.accepted().await, ["unplannedFailover"], "a good request acts, no odd record does");
    let log = world.operator.log();
    assert!(!log.contains("panicked"), "{log}");
}
