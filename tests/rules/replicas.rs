//! Replicas share the vaults and take over from one another; whatever becomes of their Leases, one call.

use crate::harness::{Operator, Signal, eventually};
use crate::world::{COMMIT, DEADLINE, FAILOVER, ITEM, Setup, World, failover, sample};
use asr_operator::domain::membership::{Members, owner};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use std::time::Instant;

const WEB_ITEM: &str = "web01-is-an-item-of-the-other-vault";

/// A second vault with one VM, `web01`, beside the usual one.
fn two_vaults(seed: &str) -> String {
    format!(
        "{seed}  - name: vault-two\n    resourceGroup: rg-dr\n    primaryRegion: westeurope\n    recoveryRegion: northeurope\n    items:\n      - vmName: web01\n        name: {WEB_ITEM}\n        resourceGroup: rg-app\n        recoveryResourceGroup: rg-app-dr\n        address: 10.1.0.6\n"
    )
}

fn web(sample_name: &str) -> String {
    sample(sample_name).replace("app01", "web01").replace("name: vault-dr", "name: vault-two")
}

fn args(name: &str) -> Vec<String> {
    ["--new-record-quarantine", "0", "--task-detail-every", "1", "--replica-name", name].map(String::from).to_vec()
}

fn vault_id(name: &str) -> String {
    format!(
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/rg-dr/providers/microsoft.recoveryservices/vaults/{name}"
    )
}

/// Two names of replicas of which each gets one of the two vaults.
fn names_that_share() -> (String, String) {
    let owns = |names: &Members| ["vault-dr", "vault-two"].map(|vault| owner(names, &vault_id(vault)).unwrap().clone());
    let name = |n: u32| format!("replica-{n}");
    let second = (1..100).find(|n| {
        let [one, two] = owns(&Members::from([0, *n].map(|n| format!("asr-operator-{}", name(n)))));
        one != two
    });
    (name(0), name(second.unwrap()))
}

/// Waits until an operator works on so many vaults, among so many replicas.
async fn shares(operator: &Operator, replicas: u32, vaults: u32) {
    eventually(DEADLINE, &format!("{vaults} vault(s) of {replicas} replica(s)"), async || {
        let seen = (operator.gauge("live_replicas").await?, operator.gauge("owned_vaults").await?);
        if seen == (replicas, vaults) { Ok(()) } else { Err(format!("{seen:?}\n{}", operator.log())) }
    })
    .await;
}

/// Whether an operator took note of this request.
fn served(operator: &Operator, request: &str) -> bool {
    operator.log().lines().any(|line| line.contains("\"request\":") && line.contains(request))
}

/// Calls that left from an operator, by its log.
fn calls(operator: &Operator) -> usize {
    operator.log().lines().filter(|line| line.contains("called Azure")).count()
}

/// A world with two replicas, of which the world's own works on the vault, and an Azure that accepts whatever comes.
async fn pair(clock_rate: u32) -> (World, Operator) {
    let seed = |seed: &str| format!("{seed}\nbehaviour: {{acceptConcurrent: true}}\n");
    let setup = Setup { seed, clock_rate, operator_args: args("replica-0"), ..Setup::default() };
    let mut world = World::with(setup).await;
    let mut other = world.another_operator(args("replica-1")).await;
    let own = eventually(DEADLINE, "one vault, shared by two", async || {
        let mut owned = Vec::new();
        for operator in [&world.operator, &other] {
            if operator.gauge("live_replicas").await? != 2 {
                return Err(operator.log());
            }
            owned.push(operator.gauge("owned_vaults").await?);
        }
        match owned.as_slice() {
            [1, 0] => Ok(true),
            [0, 1] => Ok(false),
            both => Err(format!("{both:?}")),
        }
    })
    .await;
    if !own {
        std::mem::swap(&mut world.operator, &mut other);
    }
    (world, other)
}

fn leases(world: &World) -> Api<Lease> {
    Api::namespaced(world.client.clone(), &world.operator_namespace)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_share_two_vaults_and_each_calls_once() {
    let (first, second) = names_that_share();
    let setup = Setup { seed: two_vaults, operator_args: args(&first), ..Setup::default() };
    let world = World::with(setup).await;
    world.apply(sample("vault").replace("name: vault-dr", "name: vault-two")).await;
    world.apply(web("vm")).await;
    world.wait("ReplicatedVm", "web01", ("Ready", "True", None)).await;
    shares(&world.operator, 1, 2).await;
    let other = world.another_operator(args(&second)).await;
    shares(&world.operator, 2, 1).await;
    shares(&other, 2, 1).await;
    world.apply(web("failover")).await;
    world.fail_over().await;
    world.wait("FailoverRequest", "web01-out-2026-06-01", ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.sent_on(ITEM).await, ["unplannedFailover"]);
    assert_eq!(world.sent_on(WEB_ITEM).await, ["unplannedFailover"]);
    assert_eq!((calls(&world.operator), calls(&other)), (1, 1), "each called for its own vault");
    // What belongs to no vault is one replica's to tell, too.
    world.apply(failover("astray", "  replicatedVmRef: {name: nobody}\n")).await;
    world.wait("FailoverRequest", "astray", ("Reconciling", "True", Some("VmNotFound"))).await;
    let told = || [&world.operator, &other].map(|operator| served(operator, "astray"));
    eventually(DEADLINE, "one of the two that tells it", async || {
        if told().contains(&true) { Ok(()) } else { Err(String::new()) }
    })
    .await;
    assert_ne!(told()[0], told()[1], "one of the two tells it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replicas_vault_is_taken_over_and_its_job_followed_to_the_end() {
    let (mut world, other) = pair(1).await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    world.operator.kill();
    let killed = Instant::now();
    shares(&other, 1, 1).await;
    eprintln!("a dead replica's vault moved after {:.1} s", killed.elapsed().as_secs_f64());
    world.job_ends().await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert!(served(&other, FAILOVER), "{}", other.log());
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_name_was_used_anew_is_finished_by_whoever_takes_over() {
    let (mut world, other) = pair(1).await;
    world.apply(sample("failover")).await;
    world.running(FAILOVER).await;
    world.delete("FailoverRequest", FAILOVER).await;
    world.apply(failover(FAILOVER, "  shutdownSource: false\n")).await;
    world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("NameReused"))).await;
    world.operator.kill();
    shares(&other, 1, 1).await;
    world.job_ends().await;
    let record = world.released().await;
    assert_eq!(record["spec"]["consumed"][0]["result"]["outcome"], "Succeeded", "{record:#}");
    world.wait("FailoverRequest", FAILOVER, ("Stalled", "True", Some("NameReused"))).await;
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_replica_hands_its_vault_over_in_mid_call_and_its_call_stays_the_only_one() {
    let (mut world, other) = pair(40).await;
    world.sim.faults(json!({"operation": "unplannedFailover", "effect": "delayAnswer", "millis": 5000})).await;
    world.apply(sample("failover")).await;
    world.accepts("unplannedFailover").await;
    world.operator.terminate();
    let stopped = Instant::now();
    shares(&other, 1, 1).await;
    eprintln!("a stopping replica's vault moved after {:.1} s", stopped.elapsed().as_secs_f64());
    assert_eq!(world.operator.process().wait_exit(DEADLINE).await.unwrap(), 0, "{}", world.operator.log());
    let left: Vec<_> = leases(&world).list(&ListParams::default()).await.unwrap().items;
    assert_eq!(left.len(), 1, "the Lease is given up: {left:#?}");
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert!(served(&other, FAILOVER), "{}", other.log());
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_frozen_for_dead_and_goes_on_sends_nothing_again() {
    let (mut world, other) = pair(40).await;
    world.sim.faults(json!({"operation": "unplannedFailover", "effect": "hold"})).await;
    world.apply(sample("failover")).await;
    world.accepts("unplannedFailover").await;
    world.operator.process().signal(Signal::STOP);
    shares(&other, 1, 1).await;
    world.sim.clear_faults().await;
    world.operator.process().signal(Signal::CONT);
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    shares(&other, 2, 0).await;
    shares(&world.operator, 2, 1).await;
    assert_eq!(world.sent().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_deleted_and_stolen_in_a_loop_make_two_believers_and_one_call() {
    let (world, other) = pair(10).await;
    let all = leases(&world);
    let thief = tokio::spawn(async move {
        for turn in 0_u64.. {
            for lease in all.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
                let name = lease.metadata.name.unwrap_or_default();
                let holder = if turn % 8 == 1 { "" } else { "somebody-else" };
                let stolen = Patch::Merge(json!({"spec": {"holderIdentity": holder}}));
                // Each of them may be gone again by then.
                match turn % 4 {
                    1 => drop(all.patch(&name, &PatchParams::default(), &stolen).await),
                    _ => drop(all.delete(&name, &DeleteParams::default()).await),
                }
            }
        }
    });
    for operator in [&world.operator, &other] {
        eventually(DEADLINE, "a replica that believes to be alone", async || {
            let owned = operator.gauge("owned_vaults").await?;
            if owned == 1 { Ok(()) } else { Err(operator.log()) }
        })
        .await;
    }
    world.fail_over().await;
    world.act("commit").await;
    thief.abort();
    assert_eq!(world.accepted().await, ["unplannedFailover", "failoverCommit"]);
    for operator in [&world.operator, &other] {
        assert!(served(operator, FAILOVER) || served(operator, COMMIT), "took part: {}", operator.log());
    }
    shares(&world.operator, 2, 1).await;
    shares(&other, 2, 0).await;
}
