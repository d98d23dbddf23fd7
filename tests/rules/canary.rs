//! No token, secret or signed URL is in anything that the operator writes. The log of every test's operator is searched too, when
//! it ends, and for Azure's tokens and signatures all that its API server was asked to keep (`harness::canary`).

use crate::harness::canary::leaks;
use crate::world::{FAILOVER, Setup, World, failover, sample};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn i19_no_token_secret_or_signed_url_is_in_any_output() {
    let world = World::with(Setup::default()).await;
    world.sim.set_item(json!({"name": "app01", "failNext": "capacity"})).await;
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("JobFailed"))).await;
    world.sim.post("tokens/expire", json!({})).await;
    world.apply(failover("again", "  commitPolicy: Automatic\n")).await;
    world.wait("FailoverRequest", "again", ("Ready", "True", Some("Succeeded"))).await;
    let log = world.operator.log();
    assert!(log.contains("called Azure"), "{log}");
    assert_eq!(leaks(&log), [""; 0], "log");
    for kind in ["events", "recoveryvaults", "replicatedvms", "failoverrequests", "commitrequests"] {
        let text = world.kubectl(&["get", kind, "--output=yaml"]).await.expect_success();
        assert_eq!(leaks(&text), [""; 0], "{kind}");
    }
    for kind in ["itemrecords", "requestclaims"] {
        let list = ["get", kind, "--namespace", &world.operator_namespace, "--output=yaml"];
        let text = world.plane.kubectl(&list, None).await.expect_success();
        assert!(text.contains("YtSLUmr1siwOhCNihjyTaOjo3bXTQoCCN96TnEVq5fM"), "{kind}: {text}");
        assert_eq!(leaks(&text), [""; 0], "{kind}");
    }
    let metrics =
        reqwest::get(format!("http://{}/metrics", world.operator.metrics)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("asr_operator_mutating_calls_total"), "{metrics}");
    assert_eq!(leaks(&metrics), [""; 0], "metrics");
}
