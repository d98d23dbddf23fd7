//! The loop's rule 7: again and again.

use crate::harness::ROUND;
use crate::world::{Setup, World, identity, sample};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const REQUESTS: [&str; 7] =
    ["failover", "change-point", "commit", "reprotect", "failback", "commit-home", "reprotect-home"];

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_07_three_rounds_are_three_times_seven_calls_and_old_manifests_send_nothing() {
    let world = World::with(Setup { clock_rate: 200, ..Setup::default() }).await;
    world.round_trip().await;
    assert_eq!(world.accepted().await, ROUND);
    let mut used = None;
    for round in ["second", "third"] {
        for (index, name) in REQUESTS.iter().enumerate() {
            if round == "third" && index == 4 {
                old_manifests_send_nothing(&world).await;
            }
            let done = world.succeed(&later(name, round, used)).await;
            used = done["status"]["recoveryPointUsed"]["time"].as_str().and_then(|time| time.parse().ok());
            if name.starts_with("reprotect") {
                world.protected_again().await;
            }
        }
    }
    assert_eq!(world.accepted().await, [ROUND, ROUND, ROUND].concat());
    let vm = world.get("ReplicatedVm", "app01").await;
    assert_eq!(
        (&vm["status"]["activeSide"], &vm["status"]["nextDirection"]),
        (&json!("Primary"), &json!("PrimaryToRecovery"))
    );
}

/// The sample under a new name. The points of the first round are gone: another one is the one before that was used.
fn later(name: &str, round: &str, used: Option<Timestamp>) -> String {
    let before = used.map(|time| time - SignedDuration::from_secs(1)).unwrap_or_default();
    sample(name)
        .replacen("name: app01-", &format!("name: {round}-"), 1)
        .replace("notAfter: \"2026-06-01T07:30:00Z\"", &format!("notAfter: \"{before}\""))
}

/// Away and protected again, as in the first round: the failback's direction fits, and only its name says that it ran.
async fn old_manifests_send_nothing(world: &World) {
    let before = world.accepted().await;
    for name in REQUESTS {
        let (kind, object) = identity(sample(name));
        world.delete(&kind, &object).await;
        world.apply(sample(name)).await;
    }
    for (kind, name) in
        [("FailoverRequest", "app01-home-2026-06-01"), ("ReprotectRequest", "app01-reprotect-home-2026-06-01")]
    {
        world.wait(kind, name, ("Ready", "True", Some("AlreadyRun"))).await;
    }
    assert_eq!(world.accepted().await, before);
}
