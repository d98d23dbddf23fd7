//! What happens to a cluster beside a storm: requests come, people delete them, apply them again and wipe them, somebody
//! is in the portal, processes and clusters die; and the peace after it, in which a person says what nobody else can know.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::world::chance::Chance;
use crate::world::crossing::Script;
use crate::world::judge::{Asked, Standing, standing};
use crate::world::machine::Time;
use crate::world::manifest::{self, Verb, request};
use crate::world::storm::Storm;
use crate::world::{NAMESPACE, World};

/// By how much a cluster's clock is wrong.
pub fn skew(chance: &Chance) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(chance.below(1200)).unwrap_or_default() - 600)
}

/// The storm of that seed, as hard as chance has it.
pub fn storm(seed: u64, chance: &Chance, until: Duration) -> impl FnOnce(Time) -> Arc<dyn Script> {
    let chance = chance.clone();
    move |time| -> Arc<dyn Script> {
        Arc::new(Storm {
            chance: Chance::of(seed, "storm"),
            time,
            until,
            api: 0.02 * chance.fraction(),
            reads: 0.03 * chance.fraction(),
            calls: 0.8 * chance.fraction(),
            lives: true,
        })
    }
}

/// What happens beside the requests and the storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A request is deleted and applied again.
    Again(usize),
    /// A request loses its status.
    Wipe(usize),
    /// A request is deleted and stays away for a while.
    Delete(usize),
    /// The ReplicatedVm is deleted and made anew.
    Rebind,
    /// Somebody in the portal does a verb.
    Portal(&'static str),
    /// A second process begins to work for the cluster.
    SecondOwner,
    /// Every process dies; one comes back.
    PowerCut,
    /// The cluster dies, and another one takes its place, with the same objects and no memory.
    Move,
    /// The API server's state of a while ago is restored, by the runbook: with the operator stopped for 10 minutes.
    Restore,
}

/// What happens next, of what may happen to that many requests.
pub fn act(chance: &Chance, requests: usize) -> Act {
    let one = usize::try_from(chance.below(requests as u64)).unwrap_or_default();
    match chance.below(16) {
        0..=2 => Act::Again(one),
        3 | 4 => Act::Wipe(one),
        5 | 6 => Act::Delete(one),
        7 => Act::Rebind,
        8 => Act::Portal("unplannedFailover"),
        9 => Act::Portal("failoverCommit"),
        10..=12 => Act::SecondOwner,
        13 => Act::PowerCut,
        14 => Act::Move,
        _ => Act::Restore,
    }
}

/// The requests of one item, in the order in which people apply them; a second one of a verb now and then.
pub fn chain(chance: &Chance, cluster: usize, name: &str) -> Vec<Asked> {
    let mut verbs = vec![if chance.hit(0.3) { Verb::FailoverAndCommit } else { Verb::Failover }];
    if chance.hit(0.3) {
        verbs.push(Verb::Failover);
    }
    if chance.hit(0.3) {
        verbs.push(Verb::ChangePoint);
    }
    if chance.hit(0.7) {
        verbs.push(Verb::Commit);
    }
    if chance.hit(0.6) {
        verbs.push(Verb::Reprotect);
    }
    let named = |(number, verb): (usize, Verb)| Asked {
        clusters: vec![cluster],
        ..Asked::new(verb, &format!("{name}-{number}"), 0)
    };
    verbs.into_iter().enumerate().map(named).collect()
}

/// A cluster in the storm, or one after the other.
pub struct Weather {
    /// Its world.
    pub world: Arc<World>,
    /// What people ask of it, in the order in which they apply it.
    pub asked: Vec<Asked>,
    /// Which one.
    pub cluster: usize,
}

impl Weather {
    /// Applies a request.
    pub fn apply(&self, one: usize) {
        let Asked { verb, name, item, .. } = &self.asked[one];
        self.world.create(self.cluster, verb.plural(), request(*verb, name, *item));
    }

    fn does(&self, method: &str, one: usize, body: Value) {
        let Asked { verb, name, .. } = &self.asked[one];
        let status = method == "PATCH";
        let answer = self.world.call(self.cluster, method, (verb.plural(), NAMESPACE, name), status, body);
        self.world.trace.note(&format!("a person: {method} {name} -> {}", answer.0));
    }

    fn kill_all(&self) {
        self.world.replicas(self.cluster).iter().for_each(|life| life.kill());
    }

    /// How a request stands.
    pub fn stands(&self, asked: &Asked) -> Standing {
        standing(self.world.get(self.cluster, asked.verb.plural(), &asked.name).as_deref())
    }

    fn is_open(&self) -> bool {
        self.asked.iter().any(|asked| self.stands(asked) == Standing::Open)
    }

    /// Does this, when that many requests were applied.
    pub async fn act(&mut self, act: Act, applied: usize) {
        self.world.trace.note(&format!("{act:?}"));
        let chance = self.world.chance.clone();
        match act {
            Act::Again(one) | Act::Wipe(one) | Act::Delete(one) if one >= applied => {}
            Act::Again(one) => {
                self.does("DELETE", one, Value::Null);
                self.apply(one);
            }
            Act::Wipe(one) => self.does("PATCH", one, json!({"status": null})),
            Act::Delete(one) => {
                self.does("DELETE", one, Value::Null);
                sleep(chance.seconds(1, 900)).await;
                self.apply(one);
            }
            Act::Rebind => {
                let vm = ("replicatedvms", NAMESPACE, "vm0");
                self.world.call(self.cluster, "DELETE", vm, false, Value::Null);
                sleep(chance.seconds(0, 120)).await;
                self.world.create(self.cluster, "replicatedvms", manifest::vm(0));
            }
            Act::Portal(verb) => drop(self.world.azure.does("actor", &json!({"verb": verb, "item": "item-0"})).await),
            Act::SecondOwner if self.world.replicas(self.cluster).len() > 1 => {}
            Act::SecondOwner => drop(self.world.start_replica(self.cluster)),
            Act::PowerCut => {
                self.kill_all();
                sleep(chance.seconds(0, 300)).await;
                self.world.start_replica(self.cluster);
            }
            Act::Move if self.cluster + 1 < self.world.stores.len() => {
                self.kill_all();
                self.cluster += 1;
                for one in 0..applied {
                    self.apply(one);
                }
                self.asked.iter_mut().for_each(|asked| asked.clusters = vec![self.cluster]);
                self.world.start_replica(self.cluster);
            }
            Act::Move => {}
            Act::Restore => {
                let (then, _) = self.world.stores[self.cluster].watch();
                sleep(chance.seconds(1, 1200)).await;
                self.kill_all();
                sleep(Duration::from_secs(600)).await;
                self.world.stores[self.cluster].restore(&then);
                // What people applied since is not lost: it is in Git.
                (0..applied).for_each(|one| self.apply(one));
                self.world.start_replica(self.cluster);
            }
        }
    }
}

/// The storm is over: somebody works for each cluster, and every request ends or waits for a person.
pub async fn calm(world: &Arc<World>, clusters: &[&Weather]) {
    sleep(Duration::from_secs(420)).await;
    for weather in clusters {
        if world.replicas(weather.cluster).is_empty() {
            world.start_replica(weather.cluster);
        }
    }
    let open = || clusters.iter().any(|weather| weather.is_open());
    for round in 0..=clusters.iter().map(|weather| weather.asked.len()).sum::<usize>() {
        world.eventually(Duration::from_secs(6 * 3600), |_| !open()).await;
        if !open() {
            break;
        }
        for weather in clusters {
            release(world, weather, round).await;
        }
    }
    // What waits for a state that nobody brings about waits until its validUntil.
    world.eventually(Duration::from_secs(73 * 3600), |_| !open()).await;
    sleep(Duration::from_secs(60)).await;
}

/// What others wait for behind a call that nobody knows the outcome of is a person, who looks at Azure and says it.
pub async fn release(world: &Arc<World>, weather: &Weather, round: usize) {
    let ledger = world.azure.told("ledger").await;
    for asked in &weather.asked {
        let Some(object) = world.get(weather.cluster, asked.verb.plural(), &asked.name) else { continue };
        if standing(Some(&object)) != Standing::Unknown {
            continue;
        }
        let operations = object["status"]["operations"].as_array();
        let id = operations.and_then(|all| all.last()).map(|call| call["clientRequestId"].clone()).unwrap_or_default();
        let made = ledger.as_array().into_iter().flatten();
        let made = made.filter(|entry| entry["accepted"] == true).find(|entry| entry["clientRequestId"] == id);
        let mut spec = json!({
            "requestRef": {"kind": asked.verb.kind(), "name": asked.name}, "decision": "Release", "clientRequestId": id,
            "outcome": if made.is_some() { "Happened" } else { "DidNotHappen" },
            "requestedBy": "a person", "comment": "seen in the portal",
        });
        if let Some(made) = made {
            spec["jobId"] = made["jobId"].clone();
        }
        let name = format!("release-{}-{round}", asked.name);
        let decision = json!({"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec});
        world.trace.note(&format!("a person: {decision}"));
        world.create(weather.cluster, "requestdecisions", decision);
    }
}
