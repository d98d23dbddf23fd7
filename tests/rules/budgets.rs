//! Few calls: verbs go first, what Azure asks to be left alone is left alone, and a list that fails holds nobody up.

use crate::harness::eventually;
use crate::world::{DEADLINE, FAILOVER, ITEM, OTHER_ITEM, Setup, World, failover, message, reads, sample};
use jiff::Timestamp;
use serde_json::{Value, json};

/// When a call arrived, by the simulator's real clock.
fn arrived(call: &Value) -> Timestamp {
    call["wallTime"].as_str().unwrap().parse().unwrap()
}

async fn tokens_asked_for(world: &World) -> u64 {
    world.sim.get("requests").await["token"].as_u64().unwrap_or_default()
}

async fn with_db01(world: &World) {
    world.apply(sample("vm").replace("app01", "db01")).await;
    world.wait("ReplicatedVm", "db01", ("Ready", "True", None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_few_reads_left_a_failover_goes_out_while_lists_are_put_off() {
    let seed = |seed: &str| format!("{seed}\nrateLimits: {{reads: {{capacity: 19, refillPerSecond: 1.0}}}}\n");
    let world = World::with(Setup { seed, ..Setup::default() }).await;
    with_db01(&world).await;
    // What ends has the items listed anew; there are too few calls left for that.
    world.apply(sample("failover").replace("app01", "db01")).await;
    world.wait("FailoverRequest", "db01-out-2026-06-01", ("Ready", "True", None)).await;
    eventually(DEADLINE, "a list of items that is put off", async || {
        let log = world.operator.log();
        if log.contains("the list of items is put off") { Ok(()) } else { Err(log) }
    })
    .await;
    world.fail_over().await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
    assert!(!world.operator.log().contains("cannot be listed"), "no 429 was run into: {}", world.operator.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_429_of_a_call_holds_every_call_of_that_identity_for_as_long_as_azure_asked() {
    let world = World::with(Setup { clock_rate: 1, ..Setup::default() }).await;
    with_db01(&world).await;
    let fault = json!({"operation": "unplannedFailover", "effect": "refuse", "status": 429, "retryAfter": 9});
    world.sim.faults(fault).await;
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("Throttled"))).await;
    world.apply(failover("other", "  replicatedVmRef: {name: db01}\n")).await;
    world.wait("FailoverRequest", "other", ("Reconciling", "True", Some("Throttled"))).await;
    for item in [ITEM, OTHER_ITEM] {
        eventually(DEADLINE, "an accepted call", async || {
            let calls = world.sim.accepted().await;
            if calls.iter().any(|call| call["item"] == item) { Ok(()) } else { Err(format!("{calls:#?}")) }
        })
        .await;
    }
    let calls = world.sent().await;
    let refused = arrived(&calls[0]);
    assert_eq!(calls.iter().map(|call| call["accepted"] == true).collect::<Vec<_>>(), [false, true, true]);
    for call in &calls[1..] {
        let waited = arrived(call).duration_since(refused);
        assert!(waited.as_secs() >= 9, "{waited:#} after the refusal: {calls:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_items_that_is_throttled_shows_on_the_vault_and_holds_no_request() {
    let world = World::new().await;
    with_db01(&world).await;
    let fault =
        json!({"operation": "protectedItems.list", "effect": "refuse", "status": 429, "retryAfter": 600, "times": 0});
    world.sim.faults(fault).await;
    // Its end has the items listed anew.
    world.apply(sample("failover").replace("app01", "db01")).await;
    world.wait("FailoverRequest", "db01-out-2026-06-01", ("Ready", "True", None)).await;
    let vault = world.wait("RecoveryVault", "vault-dr", ("Reconciling", "True", Some("Throttled"))).await;
    assert!(message(&vault, "Reconciling").contains("protected items"), "{vault:#}");
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    world.fail_over().await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced_once_and_the_same_call_goes_out_with_the_new_one() {
    let world = World::new().await;
    let fault =
        |times: u32| json!({"operation": "unplannedFailover", "effect": "refuse", "status": 401, "times": times});
    world.sim.faults(fault(1)).await;
    let tokens = tokens_asked_for(&world).await;
    world.fail_over().await;
    assert_eq!(tokens_asked_for(&world).await, tokens + 1, "one new token");
    let passes = |log: String| log.lines().filter(|line| line.contains("called Azure")).count();
    assert_eq!(passes(world.operator.log()), 1, "within one intent: {}", world.operator.log());
    let calls = world.sent().await;
    assert_eq!(calls.iter().map(|call| call["status"].clone()).collect::<Vec<_>>(), [json!(401), json!(202)]);
    assert_eq!(calls[0]["clientRequestId"], calls[1]["clientRequestId"]);
    with_db01(&world).await;
    // Twice in a row is not the token's fault: the call counts as not sent, and is made anew with its number kept.
    world.sim.faults(fault(2)).await;
    world.apply(failover("other", "  replicatedVmRef: {name: db01}\n")).await;
    world.wait("FailoverRequest", "other", ("Ready", "True", None)).await;
    let calls = world.sent_on(OTHER_ITEM).await;
    assert_eq!(calls.len(), 3, "{calls:#?}");
    let object = world.get("FailoverRequest", "other").await;
    assert_eq!(object["status"]["operations"][0]["attempt"], 1, "{object:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_installers_figure_of_calls_in_a_minute_holds_the_next_one() {
    let mut setup = Setup::default();
    setup.operator_args.extend(["--provider-writes-per-minute", "1"].map(String::from));
    let world = World::with(setup).await;
    with_db01(&world).await;
    world.apply(format!("{}---\n{}", failover("one", ""), failover("two", "  replicatedVmRef: {name: db01}\n"))).await;
    let held = eventually(DEADLINE, "one of two that waits", async || {
        let both = [world.get("FailoverRequest", "one").await, world.get("FailoverRequest", "two").await];
        let waits = both.iter().find(|object| reads(object, "Reconciling") == ("True", "Throttled"));
        waits.cloned().ok_or_else(|| format!("{both:#?}"))
    })
    .await;
    assert!(message(&held, "Reconciling").contains("all the calls that the vault takes for now"), "{held:#}");
    assert_eq!(world.sent().await.len(), 1, "{:#?}", world.sent().await);
}
