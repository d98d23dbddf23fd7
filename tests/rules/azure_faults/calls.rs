//! Faults of calls and of tokens: whatever becomes of the answer, the call is made once.

use crate::harness::eventually;
use crate::world::{COMMIT, DEADLINE, FAILOVER, ITEM, OTHER_ITEM, Setup, World, failover, message, reads, sample};
use futures::FutureExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

const DB: &str = "  replicatedVmRef: {name: db01}\n";

fn slow() -> Setup {
    Setup { clock_rate: 1, ..Setup::default() }
}

/// Waits until a condition of the failover named says one of these reasons.
async fn held(world: &World, name: &str, reasons: &[&str]) -> Value {
    eventually(DEADLINE, &format!("{name} held by {reasons:?}"), async || {
        let object = world.get("FailoverRequest", name).await;
        let seen = reasons.contains(&reads(&object, "Ready").1) && reads(&object, "Ready").0 == "False";
        if seen { Ok(object) } else { Err(format!("{:#}", object["status"])) }
    })
    .await
}

/// Waits until the newest fault has met a call.
async fn met(world: &World) {
    eventually(DEADLINE, "a fault that met a call", async || {
        let faults = world.sim.get("faults").await;
        let last = faults.as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
        if last["seen"].as_u64() > Some(0) { Ok(()) } else { Err(faults.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_connection_cut_before_a_byte_is_no_call() {
    let world = World::with(slow()).await;
    world.sim.faults(json!({"operation": "connection", "effect": "resetBefore", "times": 0})).await;
    world.apply(sample("failover")).await;
    met(&world).await;
    held(&world, FAILOVER, &["NotSent", "VaultUnreachable"]).await;
    assert!(world.sent().await.is_empty());
    world.sim.clear_faults().await;
    world.running(FAILOVER).await;
    world.job_ends().await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_call_delivered_after_its_operator_died_is_found_and_followed() {
    let mut world = World::new().await;
    world.sim.faults(json!({"operation": "unplannedFailover", "effect": "holdBack"})).await;
    world.apply(sample("failover")).await;
    met(&world).await;
    world.operator.kill();
    world.operator.restart().await.unwrap();
    world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("Resolving"))).await;
    assert!(world.sent().await.is_empty(), "it is on its way, and not there");
    world.sim.clear_faults().await;
    let done = world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(done["status"]["operations"][0]["attempt"], 1, "{done:#}");
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_call_of_unknown_outcome_is_found_while_its_vault_is_suspended() {
    let mut world = World::with(slow()).await;
    world.sim.faults(json!({"operation": "unplannedFailover", "effect": "holdBack"})).await;
    world.apply(sample("failover")).await;
    met(&world).await;
    world.operator.kill();
    world.apply(format!("{}  suspend: true\n", sample("vault"))).await;
    world.sim.clear_faults().await;
    world.accepts("unplannedFailover").await;
    world.operator.restart().await.unwrap();
    let running = world.running(FAILOVER).await;
    assert_eq!(running["status"]["operations"][0]["attempt"], 1, "{running:#}");
    world.apply(sample("vault")).await;
    world.job_ends().await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_202_without_headers_or_that_leads_elsewhere_is_followed() {
    let world = World::new().await;
    let visits = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere =
        format!("https://{}/operationresults/bcc070e1-0012-4350-89a0-c2d99fe3e361", visits.local_addr().unwrap());
    world
        .sim
        .faults(json!([
            {"operation": "unplannedFailover", "effect": "alter", "headers":
                {"location": null, "azure-asyncoperation": null, "x-ms-request-id": null, "retry-after": null, "date": null}},
            {"operation": "failoverCommit", "effect": "alter", "headers":
                {"location": elsewhere, "azure-asyncoperation": elsewhere}},
        ]))
        .await;
    world.fail_over().await;
    world.act("commit").await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover", "failoverCommit"]);
    // A connection that was tried stands in the queue of the listener, whoever ended it.
    assert!(visits.accept().now_or_never().is_none(), "the token was nearly shown elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_every_status_that_says_nothing_hides_a_call_that_was_made() {
    let world = World::with(Setup { clock_rate: 200, ..Setup::default() }).await;
    let hides = |operation: &str, status: u16, text: &str| json!({"operation": operation, "effect": "executeThenAnswer", "status": status, "text": text, "retryAfter": 1});
    world
        .sim
        .faults(json!([
            hides("unplannedFailover", 408, ""),
            hides("applyRecoveryPoint", 500, ""),
            hides("failoverCommit", 502, "<html>bad gateway</html>"),
            hides("switchprotection", 503, ""),
        ]))
        .await;
    world.fail_over().await;
    let point = sample("change-point").replace("maxDataLoss: 15m", "maxDataLoss: 12h");
    world.succeed(&point).await;
    world.act("commit").await;
    world.act("reprotect").await;
    let made = ["unplannedFailover", "applyRecoveryPoint", "failoverCommit", "switchprotection"];
    assert_eq!(world.accepted().await, made);
    assert_eq!(world.sent().await.len(), made.len(), "none was sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_status_of_a_call_that_was_not_made_is_found_out_and_not_tried_again() {
    let world = World::new().await;
    world.apply(sample("vm").replace("app01", "db01")).await;
    world
        .sim
        .faults(json!([
            {"operation": "unplannedFailover", "item": "app01", "effect": "refuse", "status": 503, "retryAfter": 1},
            {"operation": "unplannedFailover", "item": "db01", "effect": "refuse", "status": 408},
        ]))
        .await;
    world.apply(format!("{}---\n{}", failover("one", ""), failover("two", DB))).await;
    for (name, status) in [("one", "503"), ("two", "408")] {
        let seen = world.wait("FailoverRequest", name, ("Reconciling", "True", Some("Resolving"))).await;
        let said = message(&seen, "Reconciling");
        assert!(said.contains(status) && said.contains("No job since the call carries its id"), "{said}");
    }
    for item in [ITEM, OTHER_ITEM] {
        assert_eq!(world.sent_on(item).await, ["unplannedFailover"]);
    }
}

/// Real instants at which calls of an item arrived.
async fn arrivals(world: &World, item: &str) -> Vec<Timestamp> {
    let calls = world.sent().await;
    let own = calls.iter().filter(|call| call["item"] == item || call["path"].to_string().contains(item));
    own.map(|call| call["wallTime"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn i17_fault_a_429_is_left_alone_for_as_long_as_it_says_in_whatever_form() {
    let world = World::with(slow()).await;
    world.apply(sample("vm").replace("app01", "db01")).await;
    let asks = |item: &str, nth: u32, wait: Value| json!({"operation": "unplannedFailover", "item": item, "nth": nth, "effect": "refuse", "status": 429, "retryAfter": wait});
    world
        .sim
        .faults(json!([
            asks("app01", 1, json!(0)),
            asks("app01", 2, json!(1)),
            asks("app01", 3, json!({"dateIn": 3})),
            asks("app01", 4, json!({"dateIn": -60})),
            asks("db01", 1, json!(600)),
        ]))
        .await;
    world.apply(failover("one", "")).await;
    world.running("one").await;
    let at = arrivals(&world, ITEM).await;
    let gaps: Vec<Duration> =
        at.windows(2).map(|two| Duration::try_from(two[1].duration_since(two[0])).unwrap()).collect();
    assert_eq!(gaps.len(), 4, "{gaps:?}");
    // A date has whole seconds, so a wait by it may be shorter by almost one. One that is past is a second, like 0.
    for (gap, least) in gaps.iter().zip([1.0, 1.0, 2.0, 1.0]) {
        assert!(gap.as_secs_f64() >= least, "{gaps:?}");
    }
    // It holds every call of the identity on the vault, so it comes last.
    world.apply(failover("two", DB)).await;
    eventually(DEADLINE, "db01's call, answered 429", async || {
        let patient = world.get("FailoverRequest", "two").await;
        let told = reads(&patient, "Reconciling") == ("True", "Throttled")
            && ["left alone", "made all the calls"]
                .iter()
                .any(|words| message(&patient, "Reconciling").contains(words));
        let called = arrivals(&world, OTHER_ITEM).await.len() == 1;
        if told && called { Ok(()) } else { Err(format!("{patient:#}")) }
    })
    .await;
    assert_eq!(arrivals(&world, OTHER_ITEM).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_no_token_is_waited_for_and_its_cause_is_told() {
    let world = World::new().await;
    let token = async |fault: Value| {
        world.sim.clear_faults().await;
        world.sim.faults(fault).await;
        world.sim.post("tokens/expire", json!({})).await;
    };
    token(json!({"operation": "token", "effect": "refuse", "status": 503, "times": 0, "retryAfter": 1})).await;
    world.apply(sample("failover")).await;
    let down = held(&world, FAILOVER, &["CredentialsFailed"]).await;
    assert!(message(&down, "Ready").contains("503"), "{down:#}");
    let body = json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret."});
    token(json!({"operation": "token", "effect": "refuse", "status": 401, "times": 0, "body": body})).await;
    eventually(DEADLINE, "Entra ID's own words", async || {
        let object = world.get("FailoverRequest", FAILOVER).await;
        let said = message(&object, "Ready").to_owned();
        if said.contains("AADSTS7000215") { Ok(()) } else { Err(said) }
    })
    .await;
    token(json!({"operation": "token", "effect": "alter", "times": 0, "merge": {"access_token": null}})).await;
    eventually(DEADLINE, "an answer that is no token", async || {
        let object = world.get("FailoverRequest", FAILOVER).await;
        let (told, said) = (reads(&object, "Ready").1.to_owned(), message(&object, "Ready").to_owned());
        if told == "CredentialsFailed" && !said.contains("AADSTS") { Ok(()) } else { Err(format!("{told}: {said}")) }
    })
    .await;
    assert!(world.sent().await.is_empty());
    token(json!({"operation": "token", "effect": "delayAnswer", "millis": 2000})).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_role_that_is_taken_away_is_named_with_action_and_scope() {
    let world = World::with(slow()).await;
    let role = async |role: &str| world.sim.post("principals", json!({"name": "operator", "role": role})).await;
    role("reader").await;
    world.apply(failover("reader", "")).await;
    let refused = world.wait("FailoverRequest", "reader", ("Stalled", "True", Some("AzureRefused"))).await;
    let said = message(&refused, "Stalled");
    assert!(said.contains("unplannedFailover/action") && said.contains("/vaults/vault-dr"), "{said}");
    role("operator").await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    role("none").await;
    let blind = world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("JobUnreadable"))).await;
    assert!(message(&blind, "Reconciling").contains("replicationJobs/read"), "{blind:#}");
    role("operator").await;
    world.job_ends().await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_token_that_expires_between_reading_and_sending_is_renewed_and_the_call_made_once() {
    let world = World::new().await;
    let expired =
        json!({"operation": "writes", "effect": "refuse", "status": 401, "code": "ExpiredAuthenticationToken"});
    world.sim.faults(expired).await;
    world.fail_over().await;
    world.act("commit").await;
    let done = world.get("CommitRequest", COMMIT).await;
    assert_eq!(reads(&done, "Ready"), ("True", "Succeeded"));
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
    assert_eq!(world.sent().await.len(), 3, "a 401, and two calls");
}
