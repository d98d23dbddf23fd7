//! Rules 1, 2 and 3: which recovery point a failover takes, and when it refuses to take one.

use crate::world::{FAILOVER, Setup, World, failover, message, reads};
use asr_operator::api::v1alpha1::parse_duration;
use serde_json::Value;
use std::time::Duration;

/// The point that the operator's call on `app01` named.
async fn sent_point(world: &World) -> Value {
    let calls = world.sent().await;
    assert_eq!(calls.len(), 1, "{calls:#?}");
    calls[0]["body"]["properties"]["providerSpecificDetails"]["recoveryPointId"].clone()
}

/// Runs one failover with this choice, and returns the object and what was sent.
async fn choose(choice: &str) -> (World, Value, String) {
    let world = World::new().await;
    world.apply(failover(FAILOVER, &format!("  recoveryPoint: {choice}\n"))).await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    let sent = sent_point(&world).await.as_str().unwrap().to_owned();
    let used = done["status"]["recoveryPointUsed"]["id"].as_str().unwrap();
    assert!(sent.ends_with(&format!("/recoveryPoints/{used}")), "sent {sent}, used {used}");
    (world, done, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_01_latest_is_the_default_and_goes_out_as_null() {
    let world = World::new().await;
    world.apply(failover(FAILOVER, "")).await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(sent_point(&world).await, Value::Null);
    let used = &done["status"]["recoveryPointUsed"];
    assert!(used["id"].is_string() && used["time"].is_string(), "the point that Azure took is shown: {used}");
    assert!(done["status"]["achievedRpo"].is_string(), "{:#}", done["status"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_02_latest_processed_is_the_newest_point() {
    // At the pace of real time the newest point does not change between the choice and the start of the job.
    let world = World::with(Setup { clock_rate: 1, ..Setup::default() }).await;
    world.apply(failover(FAILOVER, "  recoveryPoint: {type: LatestProcessed}\n")).await;
    world.running(FAILOVER).await;
    world.job_ends().await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    let rpo = parse_duration(done["status"]["achievedRpo"].as_str().unwrap()).unwrap();
    assert!(rpo < Duration::from_secs(330), "points come every 5 minutes: {rpo:?}");
    let used = done["status"]["recoveryPointUsed"]["id"].as_str().unwrap();
    assert!(sent_point(&world).await.as_str().unwrap().ends_with(used));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_02_latest_app_consistent_is_the_newest_of_its_kind() {
    let (_world, done, _) = choose("{type: LatestAppConsistent}").await;
    assert_eq!(done["status"]["recoveryPointUsed"]["type"], "AppConsistent");
    let rpo = done["status"]["achievedRpo"].as_str().unwrap();
    assert!(!rpo.starts_with("2h") && !rpo.contains("h1h"), "app-consistent points come hourly: {rpo}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_02_latest_crash_consistent_is_the_newest_of_its_kind() {
    let (_world, done, _) = choose("{type: LatestCrashConsistent}").await;
    assert_eq!(done["status"]["recoveryPointUsed"]["type"], "CrashConsistent");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_03_custom_by_id_takes_that_point() {
    // At the service's own pace: the oldest point must not be thinned out meanwhile.
    let world = World::with(Setup { clock_rate: 1, ..Setup::default() }).await;
    let vm = world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    let oldest = vm["status"]["recoveryPoints"]["oldest"]["id"].as_str().unwrap().to_owned();
    world.apply(failover(FAILOVER, &format!("  recoveryPoint: {{type: Custom, id: {oldest}}}\n"))).await;
    world.accepts("unplannedFailover").await;
    world.job_ends().await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(done["status"]["recoveryPointUsed"]["id"], oldest);
    assert!(sent_point(&world).await.as_str().unwrap().ends_with(&oldest));
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_03_custom_by_time_takes_the_newest_point_that_is_not_later() {
    let (_world, done, _) = choose("{type: Custom, notAfter: \"2026-06-01T07:02:00Z\"}").await;
    let time = done["status"]["recoveryPointUsed"]["time"].as_str().unwrap();
    assert!(time <= "2026-06-01T07:02:00Z" && time > "2026-06-01T06:56:00Z", "{time}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_03_too_much_data_loss_is_refused_and_the_nearest_points_are_shown() {
    let world = World::new().await;
    let choice = "  recoveryPoint: {type: Custom, notAfter: \"2026-06-01T05:02:00Z\", maxDataLoss: 1h}\n";
    world.apply(failover("too-old", choice)).await;
    let refused = world.wait("FailoverRequest", "too-old", ("Stalled", "True", Some("DataLossTooHigh"))).await;
    assert!(message(&refused, "Stalled").contains("The nearest are"), "{refused:#}");
    assert_eq!(reads(&refused, "FailedOver").0, "False");
    world.apply(failover("none", "  recoveryPoint: {type: Custom, notAfter: \"2020-01-01T00:00:00Z\"}\n")).await;
    let none = world.wait("FailoverRequest", "none", ("Stalled", "True", Some("RecoveryPointNotFound"))).await;
    assert!(message(&none, "Stalled").contains("The nearest are"), "{none:#}");
    world.apply(failover("unknown", "  recoveryPoint: {type: Custom, id: no-such-point}\n")).await;
    world.wait("FailoverRequest", "unknown", ("Stalled", "True", Some("RecoveryPointNotFound"))).await;
    assert!(world.sent().await.is_empty());
}
