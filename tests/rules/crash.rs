//! Rule 14: an operator that dies, sleeps or is told to stop at the worst moment.

use crate::harness::{Signal, eventually};
use crate::world::{DEADLINE, FAILOVER, Setup, World, failover, reads, sample};
use serde_json::json;

const ONCE: [&str; 1] = ["unplannedFailover"];

async fn accepted_once(world: &World) {
    eventually(DEADLINE, "an accepted call", async || {
        if world.accepted().await == ONCE { Ok(()) } else { Err(world.operator.log()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_14_killed_after_azure_accepted_and_before_it_answered_the_job_is_adopted() {
    let mut world = World::new().await;
    world.sim.faults(json!({"operation": "unplannedFailover", "effect": "hold"})).await;
    world.apply(sample("failover")).await;
    accepted_once(&world).await;
    world.operator.kill();
    world.sim.clear_faults().await;
    world.operator.restart().await.unwrap();
    world.event("Normal", "Resolving").await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(done["status"]["operations"][0]["jobId"], world.sim.accepted().await[0]["jobId"]);
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_14_killed_while_the_job_runs_it_goes_on_following() {
    let mut world = World::with(Setup { clock_rate: 1, ..Setup::default() }).await;
    world.apply(failover(FAILOVER, "  commitPolicy: Automatic\n")).await;
    world.running(FAILOVER).await;
    world.operator.kill();
    world.job_ends().await;
    world.operator.restart().await.unwrap();
    eventually(DEADLINE, "the commit", async || {
        let calls = world.accepted().await;
        if calls == ["unplannedFailover", "failoverCommit"] { Ok(()) } else { Err(format!("{calls:?}")) }
    })
    .await;
    world.operator.kill();
    world.operator.restart().await.unwrap();
    world.job_ends().await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(reads(&done, "Committed").0, "True");
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_14_a_call_in_flight_is_finished_before_it_stops() {
    let mut world = World::new().await;
    world.sim.faults(json!({"operation": "unplannedFailover", "effect": "delayAnswer", "millis": 3000})).await;
    world.apply(sample("failover")).await;
    accepted_once(&world).await;
    world.operator.terminate();
    let exit = world.operator.process().wait_exit(DEADLINE).await.unwrap();
    assert_eq!(exit, 0, "{}", world.operator.log());
    let record = world.record().await;
    assert_eq!(record["spec"]["intent"]["outcome"], "Accepted", "{record:#}");
    world.operator.restart().await.unwrap();
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_14_stopped_in_mid_call_and_continued_it_sends_nothing_again() {
    let mut world = World::new().await;
    world.sim.faults(json!({"operation": "unplannedFailover", "effect": "hold"})).await;
    world.apply(sample("failover")).await;
    accepted_once(&world).await;
    world.operator.process().signal(Signal::STOP);
    world.sim.clear_faults().await;
    world.operator.process().signal(Signal::CONT);
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.sent().await.len(), 1);
}
