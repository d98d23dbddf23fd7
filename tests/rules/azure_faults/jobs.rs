//! Faults of jobs: they fail for each known cause, stall, wait, are stopped, are lost to sight, or are somebody else's.

use crate::harness::eventually;
use crate::world::{DEADLINE, FAILOVER, ITEM, Setup, World, failover, message, reads, sample};
use serde_json::{Value, json};

fn slow() -> Setup {
    Setup { clock_rate: 1, ..Setup::default() }
}

async fn says(world: &World, reason: &str, text: &str) {
    eventually(DEADLINE, &format!("{reason}: {text}"), async || {
        let object = world.get("FailoverRequest", FAILOVER).await;
        let said = message(&object, "Reconciling").to_owned();
        if reads(&object, "Reconciling") == ("True", reason) && said.contains(text) { Ok(()) } else { Err(said) }
    })
    .await;
}

async fn fate(world: &World, fate: Value) {
    world.sim.post("jobs", json!({"item": "app01", "fate": fate})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_job_that_stalls_waits_or_vanishes_is_followed_until_it_ends() {
    let world = World::with(slow()).await;
    world.sim.set_item(json!({"name": "app01", "fateNext": "neverStarts"})).await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    world.apply(failover("other", "")).await;
    world.job_ends().await;
    fate(&world, json!("suspended")).await;
    says(&world, "JobRunning", "waits for a person").await;
    fate(&world, json!("vanishes")).await;
    says(&world, "JobUnreadable", "which Azure does not show").await;
    fate(&world, json!("stalls")).await;
    says(&world, "JobRunning", "is running").await;
    world.wait("FailoverRequest", "other", ("Reconciling", "True", Some("ItemHeld"))).await;
    fate(&world, Value::Null).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    world.wait("FailoverRequest", "other", ("Ready", "True", Some("AlreadyThere"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_job_that_somebody_cancels_ends_the_request_and_a_new_one_may_try_again() {
    let world = World::with(slow()).await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    fate(&world, json!("cancelled")).await;
    let ended = world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("JobCancelled"))).await;
    assert!(message(&ended, "Stalled").contains("takes a new request"), "{ended:#}");
    world.apply(failover("again", "")).await;
    world.running("again").await;
    world.job_ends().await;
    world.wait("FailoverRequest", "again", ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "unplannedFailover"]);
}

/// The failovers' recipes of `src/simulator/recipe.rs`, with what must be told of each.
const RECIPES: [(&str, &str); 5] = [
    ("capacity", "28031"),
    ("quota", "Current in use: 10"),
    ("policy", "disallowed by policy"),
    ("nic", "28092"),
    ("stalePoint", "BookmarkNotFound"),
];

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_failover_that_fails_tells_its_cause_whichever_it_is() {
    let world = World::with(Setup { clock_rate: 200, ..Setup::default() }).await;
    for (recipe, tells) in RECIPES {
        world.sim.set_item(json!({"name": "app01", "failNext": recipe})).await;
        let name = recipe.to_ascii_lowercase();
        world.apply(failover(&name, "")).await;
        let failed = world.wait("FailoverRequest", &name, ("Stalled", "True", Some("JobFailed"))).await;
        let said = message(&failed, "Stalled");
        assert!(said.contains(tells) && said.contains("takes a new request"), "{recipe}: {said}");
    }
    world.apply(failover("at-last", "")).await;
    world.wait("FailoverRequest", "at-last", ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await.len(), RECIPES.len() + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_job_with_a_foreign_activity_is_followed_by_its_own_id_and_distrusted_for_the_rest() {
    let world = World::new().await;
    let foreign = json!({"properties": {"activityId": "6efffda2-64f5-478f-a250-b3a651d04f9c ActivityId: somebody"}});
    world.sim.faults(json!({"operation": "jobs.get", "effect": "alter", "times": 0, "merge": foreign})).await;
    world.fail_over().await;
    eventually(DEADLINE, "adoption Contradicted", async || {
        let vault = world.get("RecoveryVault", "vault-dr").await;
        let told = vault["status"]["adoption"].to_string();
        if told.contains("Contradicted") { Ok(()) } else { Err(told) }
    })
    .await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_words_and_dates_of_a_job_that_nobody_knows_do_not_end_a_request() {
    let world = World::with(slow()).await;
    let odd =
        json!({"properties": {"state": "Pondering", "startTime": "once", "endTime": null, "tasks": [{"state": 7}]}});
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    world
        .sim
        .faults(json!([
            {"operation": "jobs.get", "effect": "alter", "times": 0, "merge": {"name": 7}},
            {"operation": "jobs.list", "effect": "alter", "times": 0, "elements": odd},
        ]))
        .await;
    world.job_ends().await;
    says(&world, "JobUnreadable", "not understood").await;
    assert_eq!(reads(&world.get("FailoverRequest", FAILOVER).await, "Ready").0, "False");
    world.sim.clear_faults().await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

/// A job of another VM, named by the answer to this one's call, is nobody's success: the call's own is found by its id.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_202_that_names_the_job_of_another_vm_is_not_taken_for_success() {
    let world = World::with(slow()).await;
    let other = world.sim.actor(json!({"verb": "unplannedFailover", "item": "db01"})).await;
    let path = format!("/Subscriptions/s/vaults/v/replicationJobs/{}", other["jobId"].as_str().unwrap());
    let headers = json!({"x-ms-request-id": path, "location": null, "azure-asyncoperation": null});
    world.sim.set_item(json!({"name": "app01", "fateNext": "stalls"})).await;
    world.sim.faults(json!({"operation": "unplannedFailover", "effect": "alter", "headers": headers})).await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    world.job_ends().await;
    let own = world.sim.accepted().await.iter().find(|call| call["item"] == ITEM).unwrap()["jobId"].clone();
    eventually(DEADLINE, "its own job", async || {
        let request = world.get("FailoverRequest", FAILOVER).await;
        let followed = &request["status"]["operations"][0]["jobId"];
        if *followed == own { Ok(()) } else { Err(format!("{request:#}")) }
    })
    .await;
    assert_eq!(reads(&world.get("FailoverRequest", FAILOVER).await, "Ready").0, "False");
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}
