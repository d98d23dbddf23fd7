//! Random worlds: storms of faults over a chain of requests, with two owners, two clusters, people who delete, apply
//! again and wipe, and somebody in the portal. `ASR_SEED=n` replays one of them and says all that happened.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::cells::on_two_threads;
use crate::world::chance::Chance;
use crate::world::judge::{Asked, Standing, judge, standing, watch_ends};
use crate::world::manifest::{Verb, item, request};
use crate::world::store::Shapes;
use crate::world::storm::Storm;
use crate::world::{NAMESPACE, Setup, World, in_virtual_time};

/// How many seeds `cargo test` runs.
const SEEDS: u64 = 12;

/// What happens beside the requests and the storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
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

fn act(chance: &Chance, requests: usize) -> Act {
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
fn chain(chance: &Chance) -> Vec<Asked> {
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
    let named = |(number, verb): (usize, Verb)| Asked::new(verb, &format!("request-{number}"), 0);
    verbs.into_iter().enumerate().map(named).collect()
}

struct Weather {
    world: Arc<World>,
    asked: Vec<Asked>,
    cluster: usize,
}

impl Weather {
    fn apply(&self, one: usize) {
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

    async fn act(&mut self, act: Act, applied: usize) {
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
                self.world.create(self.cluster, "replicatedvms", crate::world::manifest::vm(0));
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

struct Outcome {
    wrong: Vec<String>,
    digest: u64,
    tail: String,
    standings: Vec<Standing>,
}

fn run(seed: u64, shapes: &Arc<Shapes>, keeps_crossings: bool) -> Outcome {
    in_virtual_time(async {
        let chance = Chance::of(seed, "plan");
        let skew = || SignedDuration::from_secs(i64::try_from(chance.below(1200)).unwrap_or_default() - 600);
        let setup = Setup {
            seed,
            items: vec![item(0, "Protected")],
            clusters: vec![skew(), skew()],
            quarantine: Duration::from_secs(300),
            retry_unknown: chance.hit(0.8),
            adoption: chance.hit(0.8),
            job_list_lag: chance.below(3) * 40,
            job_seconds: 30 + chance.below(4) * 60,
            keeps_crossings,
            ..Setup::default()
        };
        let until = chance.seconds(300, 2400);
        let storm = |time| {
            let storm = Storm {
                chance: Chance::of(seed, "storm"),
                time,
                until,
                api: 0.02 * chance.fraction(),
                reads: 0.03 * chance.fraction(),
                calls: 0.8 * chance.fraction(),
                lives: true,
            };
            Arc::new(storm) as Arc<dyn crate::world::crossing::Script>
        };
        let world = World::new(setup, shapes, storm);
        (0..world.stores.len()).for_each(|cluster| watch_ends(&world, cluster));
        world.start_replica(0);
        let mut weather = Weather { world: Arc::clone(&world), asked: chain(&chance), cluster: 0 };
        let requests = weather.asked.len();
        let mut applied = 0;
        while applied < requests || world.time.elapsed() < until {
            sleep(chance.seconds(1, 400)).await;
            if applied < requests && chance.hit(0.6) {
                weather.apply(applied);
                applied += 1;
            } else {
                let act = act(&chance, requests);
                weather.act(act, applied).await;
            }
        }
        calm(&world, &weather).await;
        let asked = weather.asked;
        let look = |asked: &Asked| standing(world.get(weather.cluster, asked.verb.plural(), &asked.name).as_deref());
        Outcome {
            wrong: judge(&world, &asked).await,
            digest: world.trace.digest(),
            tail: world.trace.tail(400),
            standings: asked.iter().map(look).collect(),
        }
    })
}

/// The storm is over: somebody works for the cluster, and every request ends or waits for a person.
async fn calm(world: &Arc<World>, weather: &Weather) {
    sleep(Duration::from_secs(420)).await;
    if world.replicas(weather.cluster).is_empty() {
        world.start_replica(weather.cluster);
    }
    let open = |world: &World| {
        let mut standings = weather
            .asked
            .iter()
            .map(|asked| standing(world.get(weather.cluster, asked.verb.plural(), &asked.name).as_deref()));
        standings.any(|standing| standing == Standing::Open)
    };
    for round in 0..=weather.asked.len() {
        world.eventually(Duration::from_secs(6 * 3600), |world| !open(world)).await;
        if !open(world) {
            break;
        }
        release(world, weather, round).await;
    }
    // What waits for a state that nobody brings about waits until its validUntil.
    world.eventually(Duration::from_secs(73 * 3600), |world| !open(world)).await;
    sleep(Duration::from_secs(60)).await;
}

/// What others wait for behind a call that nobody knows the outcome of is a person, who looks at Azure and says it.
async fn release(world: &Arc<World>, weather: &Weather, round: usize) {
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

fn seed_from_the_environment() -> Option<u64> {
    std::env::var("ASR_SEED").ok().and_then(|seed| seed.parse().ok())
}

#[test]
fn i1_to_i16_hold_in_random_storms() {
    let shapes = Arc::new(Shapes::installed());
    if let Some(seed) = seed_from_the_environment() {
        let outcome = run(seed, &shapes, true);
        println!("{}\n{:?}", outcome.tail, outcome.standings);
        assert!(outcome.wrong.is_empty(), "{:#?}", outcome.wrong);
        return;
    }
    let count = std::env::var("ASR_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS);
    let seeds: Vec<u64> = (0..count).collect();
    let ends = std::sync::Mutex::new(std::collections::BTreeMap::<Standing, u64>::new());
    let wrong = on_two_threads(&seeds, |seed| {
        let outcome = run(*seed, &shapes, false);
        let mut ends = ends.lock().unwrap();
        outcome.standings.iter().for_each(|standing| *ends.entry(*standing).or_default() += 1);
        (!outcome.wrong.is_empty()).then(|| format!("ASR_SEED={seed}: {:#?}", outcome.wrong))
    });
    writeln!(std::io::stderr(), "{} seeds, requests by their end: {:?}", seeds.len(), ends.lock().unwrap()).ok();
    assert!(wrong.is_empty(), "{} of {} seeds:\n{}", wrong.len(), seeds.len(), wrong.join("\n"));
}

#[test]
fn a_storm_replays_from_its_seed() {
    let shapes = Arc::new(Shapes::installed());
    for seed in 0..2 {
        let (one, two) = (run(seed, &shapes, true), run(seed, &shapes, true));
        assert_eq!(one.digest, two.digest, "seed {seed}:\n{}\n=====\n{}", one.tail, two.tail);
    }
}
