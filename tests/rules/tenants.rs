//! What a tenant tries that is not theirs, seen from Azure's side: nothing is done, and nothing is learned.

use crate::harness::{ControlPlane, condition, eventually, get, wait_condition};
use crate::world::{DEADLINE, FAILOVER, ITEM, OTHER_ITEM, Setup, World, commit, message, sample, vault_by_secret};
use serde_json::json;

/// The seed's subscription, in which the tenant's identity may do nothing.
const FOREIGN: &str = "00000000-0000-0000-0000-000000000001";

/// The tenant's identity has its role in a subscription of its own alone.
fn elsewhere(seed: &str) -> String {
    let usual = "    role: operator\n";
    assert!(seed.contains(usual) && seed.contains(FOREIGN), "{seed}");
    seed.replace(usual, "    role: operator\n    scopes: [/subscriptions/00000000-0000-0000-0000-000000000009]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_in_a_foreign_subscription_is_refused_and_nothing_of_it_is_learned() {
    let world = World::with(Setup { seed: elsewhere, with_vm: false, ..Setup::default() }).await;
    for name in ["vault", "vm", "failover"] {
        world.apply(sample(name)).await;
    }
    let vault = world.wait("RecoveryVault", "vault-dr", ("Stalled", "True", Some("AccessDenied"))).await;
    let said = message(&vault, "Stalled");
    assert!(said.contains("AuthorizationFailed") && said.contains(FOREIGN), "{said}");
    let held = world.wait("FailoverRequest", FAILOVER, ("Ready", "False", None)).await;
    assert!(held["status"]["target"].is_null(), "{held:#}");
    for kind in ["events", "recoveryvaults", "replicatedvms", "failoverrequests"] {
        let text = world.kubectl(&["get", kind, "--output=yaml"]).await.expect_success();
        for of_others in [ITEM, OTHER_ITEM, "db01", "10.1.0.4", "24-hour-retention-policy", "northeurope-"] {
            assert!(!text.contains(of_others), "{of_others} is in {kind}: {text}");
        }
    }
    assert!(world.sent().await.is_empty());
    let done = world.sim.get("actions").await;
    assert!(done["operator"].as_array().is_none_or(Vec::is_empty), "Azure let it do something: {done:#}");
}

/// A second tenant's identity, which may do as much in the same vault.
fn with_neighbour(seed: &str) -> String {
    let usual = "    role: operator\n";
    let neighbour = "  - {name: neighbour, clientId: 44444444-4444-4444-4444-444444444444, clientSecret: the-neighbours, role: operator}\n";
    assert!(seed.contains(usual), "{seed}");
    seed.replace(usual, &format!("{usual}{neighbour}"))
}

/// A world whose operator serves two tenants, and the second one's namespace: a RecoveryVault of the same vault is Ready in it.
async fn beside_a_neighbour() -> (World, String) {
    let neighbours = ControlPlane::shared().await.namespace("neighbour").await;
    let mut setup = Setup { clock_rate: 1, seed: with_neighbour, ..Setup::default() };
    setup.operator_args.extend(["--namespace".into(), neighbours.clone()]);
    let world = World::with(setup).await;
    let vault = vault_by_secret(&neighbours)
        .replace("22222222-2222-2222-2222-222222222222", "44444444-4444-4444-4444-444444444444");
    world.plane.apply(&vault.replace("demo-only-client-secret", "the-neighbours")).await;
    let ready = ("Ready", "True", None);
    wait_condition(&world.client, "RecoveryVault", &neighbours, "vault-dr", ready, DEADLINE).await;
    (world, neighbours)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_who_takes_a_vm_over_learns_no_name_of_the_one_before() {
    let (world, neighbours) = beside_a_neighbour().await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    world.kubectl(&["delete", "replicatedvm", "app01", "--timeout=60s"]).await.expect_success();
    let own = |yaml: &str| yaml.replace("namespace: demo", &format!("namespace: {neighbours}"));
    world.plane.apply(&own(sample("vm"))).await;
    world.plane.apply(&own(&commit("theirs", ""))).await;
    let waits = ("Ready", "False", Some("ItemHeld"));
    let held = wait_condition(&world.client, "CommitRequest", &neighbours, "theirs", waits, DEADLINE).await;
    assert!(message(&held, "Ready").contains("a FailoverRequest of another namespace is running"), "{held:#}");
    eventually(DEADLINE, "both requests to end", async || {
        world.sim.clock(json!({"advanceSeconds": 60})).await;
        let commit = get(&world.client, "CommitRequest", &neighbours, "theirs").await?;
        if condition(&commit, "Ready").is_some_and(|ready| ready["status"] == "True") {
            Ok(())
        } else {
            Err(format!("{commit:#}"))
        }
    })
    .await;
    let vm = get(&world.client, "ReplicatedVm", &neighbours, "app01").await.unwrap();
    let last = &vm["status"]["lastFailover"];
    assert!(last["jobId"].is_string() && last["request"].is_null(), "{vm:#}");
    for kind in ["events", "recoveryvaults", "replicatedvms", "commitrequests"] {
        let list = ["get", kind, "--output=yaml", "--namespace", &neighbours];
        let text = world.plane.kubectl(&list, None).await.expect_success();
        assert!(!text.contains(&world.namespace), "{kind} in {neighbours}: {text}");
        assert!(!text.contains(FAILOVER), "{kind} in {neighbours}: {text}");
    }
    no_metric_names_a_tenant(&world, &neighbours).await;
}

/// Who may read the metrics may be neither of the two.
async fn no_metric_names_a_tenant(world: &World, neighbours: &str) {
    let metrics = world.operator.scrape().await.unwrap();
    assert!(metrics.contains("\nasr_operator_mutating_calls_total{"), "nothing of what ran is counted: {metrics}");
    for name in [&world.namespace, neighbours, "app01", "vault-dr", FAILOVER, "theirs"] {
        assert!(!metrics.contains(name), "{name} is in the metrics: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_a_running_request_whose_vault_is_gone_is_not_followed_with_another_tenants_identity() {
    let (world, _) = beside_a_neighbour().await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    world.kubectl(&["delete", "recoveryvault", "vault-dr", "--timeout=60s"]).await.expect_success();
    eventually(DEADLINE, "the neighbour's vault alone", async || {
        match world.operator.gauge("observed_vaults").await? {
            1 => Ok(()),
            other => Err(other.to_string()),
        }
    })
    .await;
    world.sim.clock(json!({"advanceSeconds": 3600})).await;
    eventually(DEADLINE, "a word about the missing vault", async || {
        let held = get(&world.client, "FailoverRequest", &world.namespace, FAILOVER).await?;
        let said = message(&held, "Reconciling");
        if said.contains("No RecoveryVault of this namespace") { Ok(()) } else { Err(format!("{held:#}")) }
    })
    .await;
    let done = world.sim.get("actions").await;
    let neighbour = done["neighbour"].to_string();
    assert!(neighbour.contains("replicationProtectedItems/read"), "the neighbour's vault is observed: {done:#}");
    assert!(!neighbour.contains("replicationJobs/read"), "a job of another tenant was read: {done:#}");
    world.apply(sample("vault")).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}
