//! The operator's own identity: only in the namespaces that its installer names.

use crate::credentials::survives;
use crate::harness::Operator;
use crate::world::{FAILOVER, Setup, World, message, sample};

/// The usual vault, with the identity of whatever the operator runs on.
fn vault() -> String {
    let (head, tail) = sample("vault").split_once("  identity:").unwrap();
    format!("{head}  identity: {{type: ManagedIdentity}}\n  poll:{}", tail.split_once("  poll:").unwrap().1)
}

/// A world whose machine has the identity that the seed says, and an operator that may use it here.
async fn world(seed: fn(&str) -> String, clock_rate: u32) -> (World, Operator) {
    let mut world = World::with(Setup { seed, clock_rate, with_vm: false, ..Setup::default() }).await;
    world.operator.kill();
    let mut args = Setup::default().operator_args;
    args.extend(["--allow-managed-identity-namespace".to_owned(), world.namespace.clone()]);
    let allowed = world.another_operator(args).await;
    world.apply(vault()).await;
    world.apply(sample("vm")).await;
    (world, allowed)
}

fn with_identity(seed: &str) -> String {
    seed.replace("    role: operator", "    managedIdentity: true\n    role: operator")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_identity_taken_away_in_mid_failover_loses_nothing_and_calls_once() {
    let (world, _operator) = world(with_identity, 1).await;
    let body = serde_json::json!({"error": "invalid_request", "error_description": "Identity not found"});
    survives(&world, (400, body, "Identity not found")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_a_managed_identity_serves_the_namespace_that_the_installer_names() {
    let (world, _operator) = world(with_identity, 40).await;
    world.apply(sample("failover")).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
    // Every token is void from now on: the commit is called with a new one of the machine, and nothing is called twice.
    world.sim.post("tokens/expire", serde_json::json!({})).await;
    world.apply(sample("commit")).await;
    world.wait("CommitRequest", crate::world::COMMIT, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_a_machine_without_an_identity_is_told_and_nothing_is_sent() {
    let (world, _operator) = world(str::to_owned, 40).await;
    world.apply(sample("failover")).await;
    let vault = world.wait("RecoveryVault", "vault-dr", ("Ready", "False", Some("CredentialsFailed"))).await;
    assert!(message(&vault, "Ready").contains("Identity not found"), "{vault:#}");
    assert!(world.sent().await.is_empty());
}
