//! Who reads and who acts: an identity of its own for each, a vault that nobody acts on, and one whose credential is broken.

use crate::harness::eventually;
use crate::world::{DEADLINE, FAILOVER, Setup, World, failover, message, reads, sample};
use serde_json::{Value, json};

/// The application that acts; the one of the samples only reads.
const ACTS: &str = "33333333-3333-3333-3333-333333333333";

const TENANT: &str = "11111111-1111-1111-1111-111111111111";

const CALLS: &str = include_str!("../../deploy/azure/call.json");
const READS: &str = include_str!("../../deploy/azure/read.json");

fn actions(role: &str) -> Value {
    serde_json::from_str::<Value>(role).unwrap()["Actions"].clone()
}

/// One identity with the role *read*, and one with the role *call*.
fn two(seed: &str) -> String {
    let subject = seed.lines().find_map(|line| line.trim().strip_prefix("federatedSubject: ")).unwrap();
    let usual = "    role: operator\n";
    assert!(seed.contains(usual));
    let read = format!("    role: none\n    allowedActions: {}\n", actions(READS));
    let acts = format!(
        "  - name: actor\n    clientId: {ACTS}\n    clientSecret: a-secret-to-act\n    federatedSubject: {subject}-act\n    role: none\n    allowedActions: {}\n",
        actions(CALLS)
    );
    seed.replace(usual, &format!("{read}{acts}"))
}

fn by_account() -> String {
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: asr-act, namespace: demo }\n";
    format!(
        "{account}---\n{}  actIdentity: {{type: WorkloadIdentity, tenantId: {TENANT}, clientId: {ACTS}, serviceAccountName: asr-act}}\n",
        sample("vault")
    )
}

fn by_secret(vault: &str) -> String {
    let acts = format!(
        "  actIdentity: {{type: ServicePrincipal, tenantId: {TENANT}, clientId: {ACTS}, secretRef: {{name: {vault}}}}}\n"
    );
    format!(
        "{}{acts}",
        sample("vault").replace("  name: vault-dr\n  namespace", &format!("  name: {vault}\n  namespace"))
    )
}

fn secret(name: &str, holds: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: demo }}\nstringData: {{clientSecret: {holds}}}\n"
    )
}

/// Who made the calls that reached Azure, in order.
async fn callers(world: &World) -> Vec<String> {
    let calls = world.sent().await;
    calls.iter().map(|call| call["principal"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identity_that_acts_makes_every_call_and_the_one_that_reads_can_make_none() {
    let world = World::with(Setup { seed: two, ..Setup::default() }).await;
    world.apply(failover("by-the-reader", "")).await;
    let refused = world.wait("FailoverRequest", "by-the-reader", ("Stalled", "True", Some("AzureRefused"))).await;
    let said = message(&refused, "Stalled");
    assert!(said.contains("unplannedFailover/action") && said.contains("/vaults/vault-dr"), "{said}");
    world.apply(by_account()).await;
    world.round_trip().await;
    let mut expected = vec!["operator"];
    expected.resize(1 + crate::harness::ROUND.len(), "actor");
    assert_eq!(callers(&world).await, expected, "the first one was refused");
    assert_eq!(world.accepted().await, crate::harness::ROUND);
    let done = world.sim.get("actions").await;
    let all = |who: &str, wanted: &dyn Fn(&str) -> bool| {
        let texts = done[who].as_array().unwrap();
        !texts.is_empty() && texts.iter().all(|action| wanted(action.as_str().unwrap()))
    };
    assert!(
        all("operator", &|action| action.ends_with("/read") || action.ends_with("unplannedFailover/action")),
        "{done:#}"
    );
    assert!(all("actor", &|action| action.ends_with("/action")), "{done:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_vault_is_observed_and_nothing_is_sent_until_it_is_not() {
    let world = World::with(Setup { with_vm: false, ..Setup::default() }).await;
    world.apply(format!("{}  readOnly: true\n", sample("vault"))).await;
    world.apply(sample("vm")).await;
    let vault = world.wait("RecoveryVault", "vault-dr", ("Ready", "True", Some("ReadOnly"))).await;
    assert!(message(&vault, "Ready").contains("until readOnly is false"), "{vault:#}");
    assert_eq!(vault["status"]["protectedItems"], 2, "{vault:#}");
    let vm = world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    assert_eq!(reads(&vm, "FailoverReady").0, "True", "{vm:#}");
    world.apply(sample("failover")).await;
    let held = world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("ReadOnly"))).await;
    assert!(message(&held, "Reconciling").contains("vault-dr is read-only, so nothing is sent"), "{held:#}");
    assert!(message(&held, "Reconciling").contains("set its readOnly to false"), "{held:#}");
    let held = r#"open_requests{kind="FailoverRequest",reason="ReadOnly"}"#;
    eventually(DEADLINE, "a metric of what waits", async || match world.operator.gauge(held).await? {
        1 => Ok(()),
        other => Err(other.to_string()),
    })
    .await;
    assert!(world.record().await["spec"]["intent"].is_null());
    assert!(world.sent().await.is_empty());
    world.apply(format!("{}  readOnly: false\n", sample("vault"))).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_becomes_read_only_in_mid_run_keeps_the_commit_back() {
    let world = World::with(Setup { clock_rate: 1, ..Setup::default() }).await;
    world.apply(failover(FAILOVER, "  commitPolicy: Automatic\n")).await;
    world.running(FAILOVER).await;
    world.apply(format!("{}  readOnly: true\n", sample("vault"))).await;
    world.wait("RecoveryVault", "vault-dr", ("Ready", "True", Some("ReadOnly"))).await;
    world.job_ends().await;
    let held = world.wait("FailoverRequest", FAILOVER, ("Reconciling", "True", Some("ReadOnly"))).await;
    assert!(message(&held, "Reconciling").starts_with("The failover stands; the next step waits."), "{held:#}");
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
    world.apply(format!("{}  readOnly: false\n", sample("vault"))).await;
    world.accepts("failoverCommit").await;
    world.job_ends().await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_credential_to_act_stalls_that_vault_alone_and_a_new_secret_needs_no_restart() {
    let world = World::with(Setup { seed: two, with_vm: false, ..Setup::default() }).await;
    world.apply(secret("vault-dr", "an-old-one")).await;
    for manifest in [&by_secret("vault-dr"), &by_secret("without"), sample("vm")] {
        world.apply(manifest).await;
    }
    world.apply(sample("vault").replace("  name: vault-dr\n  namespace", "  name: neighbour\n  namespace")).await;
    let vault = world.wait("RecoveryVault", "vault-dr", ("Stalled", "True", Some("CredentialsFailed"))).await;
    let said = message(&vault, "Stalled");
    for part in ["AADSTS7000215", "spec.actIdentity", "2 protected item(s)", "Requests on its VMs wait"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let without = world.wait("RecoveryVault", "without", ("Stalled", "True", Some("CredentialsFailed"))).await;
    assert!(message(&without, "Stalled").contains("the Secret without has no key clientSecret"), "{without:#}");
    world.wait("RecoveryVault", "neighbour", ("Ready", "True", Some("Reachable"))).await;
    world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
    world.apply(sample("failover")).await;
    eventually(DEADLINE, "a failover that waits and says why", async || {
        let held = world.get("FailoverRequest", FAILOVER).await;
        let said = message(&held, "Reconciling").to_owned();
        let waits = reads(&held, "Reconciling") == ("True", "CredentialsFailed");
        if waits && said.contains("AADSTS7000215") { Ok(()) } else { Err(said) }
    })
    .await;
    assert!(world.record().await["spec"]["intent"].is_null());
    assert!(world.sent().await.is_empty());
    world.sim.set_item(json!({"name": "app01", "overrides": {"replicationHealth": "Critical"}})).await;
    world.wait("ReplicatedVm", "app01", ("ReplicationHealthy", "False", Some("Unhealthy"))).await;
    world.apply(secret("vault-dr", "a-secret-to-act")).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    world.wait("RecoveryVault", "vault-dr", ("Ready", "True", Some("Reachable"))).await;
    assert_eq!(callers(&world).await, ["actor"]);
}
