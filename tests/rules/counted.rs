//! Metrics of Azure and of what was achieved, as somebody who scrapes them sees them.

use crate::harness::eventually;
use crate::world::{DEADLINE, FAILOVER, Setup, World, message, sample};
use serde_json::json;

/// The value of a series, by its name with its labels.
fn series(text: &str, name: &str) -> Option<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("asr_operator_{name} ")))?;
    value.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_azure_answers_and_what_a_failover_cost_is_counted() {
    let world = World::with(Setup::default()).await;
    let fault = json!({"operation": "unplannedFailover", "effect": "refuse", "status": 429, "retryAfter": 1});
    world.sim.faults(fault).await;
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    eventually(DEADLINE, "the metrics of a failover", async || {
        let text = world.operator.scrape().await?;
        let counted = [
            series(&text, r#"azure_answers_total{service="Arm",code="202"}"#) == Some(1.0),
            series(&text, r#"azure_answers_total{service="Arm",code="429"}"#) >= Some(1.0),
            series(&text, r#"azure_answers_total{service="Identity",code="200"}"#) >= Some(1.0),
            series(&text, r#"azure_calls_left{calls="Read"}"#).is_some_and(|left| left > 0.0),
            series(&text, r#"achieved_rpo_seconds_count{step="Failover"}"#) == Some(1.0),
            series(&text, r#"achieved_rto_seconds_count{step="Failover"}"#) == Some(1.0),
            series(&text, r#"achieved_rto_seconds_sum{step="Failover"}"#) > Some(0.0),
        ];
        if counted == [true; 7] { Ok(()) } else { Err(format!("{counted:?}\n{text}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failover_would_leave_behind_is_told_and_counted() {
    let world = World::with(Setup::default()).await;
    let details = json!({
        "unprotectedDisks": [{"diskLunId": 2, "diskAutoProtectionStatus": "Disabled"}],
        "agentExpiryDate": "2027-02-01T00:00:00Z",
    });
    let item = json!({"name": "app01", "sourceShutdownFails": true, "overrides": {"providerSpecificDetails": details}});
    world.sim.set_item(item).await;
    eventually(DEADLINE, "a ReplicatedVm that tells of a disk left behind", async || {
        let status = world.get("ReplicatedVm", "app01").await["status"].clone();
        let told = (&status["unprotectedDisks"], &status["agentExpiresAt"]);
        if told == (&json!(1), &json!("2027-02-01T00:00:00Z")) { Ok(()) } else { Err(format!("{status:#}")) }
    })
    .await;
    let ready = world.wait("ReplicatedVm", "app01", ("FailoverReady", "True", None)).await;
    assert!(message(&ready, "FailoverReady").contains("leaves it behind"), "{ready:#}");
    world.fail_over_with_warning().await;
    let expiry = 1_801_440_000.0;
    eventually(DEADLINE, "the metrics of what is missing", async || {
        let text = world.operator.scrape().await?;
        let counted = ["unprotected_disks", "split_brain_suspected", "agent_expiry_timestamp_seconds"];
        let told = counted.map(|name| series(&text, name));
        if told == [Some(1.0), Some(1.0), Some(expiry)] { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
}

/// How often `app01` came to be shown so.
async fn came_to_be(world: &World, reason: &str) -> Result<f64, String> {
    let name = format!(r#"transitions_total{{kind="ReplicatedVm",reason="{reason}"}}"#);
    Ok(series(&world.operator.scrape().await?, &name).unwrap_or_default())
}

/// A world whose lists come page by page, with one item on each.
async fn in_pages() -> World {
    let seed = |seed: &str| format!("{seed}\nbehaviour: {{pageSize: 1}}\n");
    let world = World::with(Setup { seed, ..Setup::default() }).await;
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    world
}

/// Waits until `app01` was shown as missing, and makes sure that it was never shown as gone.
async fn is_missing_and_not_gone(world: &World) {
    eventually(DEADLINE, "an item that is missing", async || {
        let times = came_to_be(world, "ItemMissing").await?;
        if times > 0.0 { Ok(()) } else { Err(format!("{:#}", world.get("ReplicatedVm", "app01").await["status"])) }
    })
    .await;
    assert_eq!(came_to_be(world, "ItemNotFound").await, Ok(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn i25_an_item_that_every_list_lacks_is_not_gone_while_azure_answers_for_it() {
    let world = in_pages().await;
    world.sim.faults(json!({"operation": "protectedItems.list", "effect": "losePage", "times": 0})).await;
    is_missing_and_not_gone(&world).await;
    world.sim.clear_faults().await;
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i25_an_item_that_azure_does_not_answer_for_is_not_gone_while_the_next_list_has_it() {
    let world = in_pages().await;
    world
        .sim
        .faults(json!([
            {"operation": "protectedItems.get", "effect": "refuse", "status": 404, "times": 0},
            {"operation": "protectedItems.list", "effect": "losePage"},
        ]))
        .await;
    is_missing_and_not_gone(&world).await;
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i25_an_item_that_is_gone_for_certain_is_not_asked_for_at_every_pass() {
    let world = World::with(Setup::default()).await;
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    world.sim.set_item(json!({"name": "app01", "remove": true})).await;
    world.wait("ReplicatedVm", "app01", ("Stalled", "True", Some("ItemNotFound"))).await;
    let not_found = async || {
        let text = world.operator.scrape().await.unwrap_or_default();
        series(&text, r#"azure_answers_total{service="Arm",code="404"}"#)
    };
    let asked = not_found().await;
    assert!(asked >= Some(1.0), "it was never asked for: {asked:?}");
    for minutes in 1..4 {
        let patch = json!({"spec": {"objectives": {"rpo": format!("{minutes}m")}}}).to_string();
        let patched = world.kubectl(&["patch", "replicatedvm", "app01", "--type=merge", "--patch", &patch]).await;
        assert!(patched.succeeded(), "{}", patched.stderr);
        eventually(DEADLINE, "a pass over the change", async || {
            let vm = world.get("ReplicatedVm", "app01").await;
            let seen = vm["status"]["observedGeneration"] == vm["metadata"]["generation"];
            if seen { Ok(()) } else { Err(format!("{:#}", vm["status"])) }
        })
        .await;
    }
    assert_eq!(not_found().await, asked);
}
