//! Metrics of Azure and of what was achieved, as somebody who scrapes them sees them.

use crate::harness::eventually;
use crate::world::{DEADLINE, FAILOVER, Setup, World, sample};
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
