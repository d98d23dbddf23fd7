//! Two clusters at work at once: each with an API store, operators, people and a clock of its own, over one vault and one
//! item. Each is given requests of its own at any moment, and the other's too, by the same name and spec, once these are out
//! of the window that the design leaves open: two clusters that send one request before the first one's job can be listed.
//! `ASR_SEED=n` replays one of these worlds and says all that happened.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use crate::cells::on_two_threads;
use crate::storms::seed_from_the_environment;
use crate::weather::{Act, Weather, act, calm, chain, release, skew, storm};
use crate::world::chance::Chance;
use crate::world::guard::Guard;
use crate::world::judge::{Asked, Standing, ids, judge_at_once, standing, watch_ends};
use crate::world::manifest::item;
use crate::world::store::Shapes;
use crate::world::{Setup, World, in_virtual_time};

/// How many seeds `cargo test` runs.
const SEEDS: u64 = 12;

/// The longest from a look at the item to the arrival of the call that rests on it: 10 s until the intent is written, 10 s
/// until the first byte leaves, and as late as a storm lets a call arrive.
const UNSEEN: SignedDuration = SignedDuration::from_secs(100);

/// How long after a job is listed the other cluster may be given its request.
const LISTED: SignedDuration = SignedDuration::from_secs(5);

/// The people of one cluster.
struct People {
    chance: Chance,
    weather: Weather,
    /// Requests of their own that they have not applied yet.
    to_come: VecDeque<Asked>,
    /// Those of the other cluster that they have not applied yet.
    others: Vec<Asked>,
    released: usize,
}

impl People {
    fn new(world: &Arc<World>, cluster: usize, chains: &[Vec<Asked>; 2]) -> Self {
        Self {
            chance: Chance::of(world.setup.seed, &format!("people of {cluster}")),
            weather: Weather { world: Arc::clone(world), asked: Vec::new(), cluster },
            to_come: chains[cluster].iter().cloned().collect(),
            others: chains[1 - cluster].clone(),
            // The decisions of the calm are counted from 0.
            released: 100,
        }
    }

    fn apply(&mut self, asked: Asked) {
        self.weather.asked.push(Asked { clusters: vec![self.weather.cluster], ..asked });
        self.weather.apply(self.weather.asked.len() - 1);
    }

    /// Applies a request of the other cluster here too, where one is out of the window; whether there was one.
    async fn follow(&mut self) -> bool {
        for number in 0..self.others.len() {
            if is_out_of_the_window(&self.weather.world, &self.others[number]).await {
                let other = self.others.remove(number);
                let (name, cluster) = (&other.name, self.weather.cluster);
                self.weather.world.trace.note(&format!("a person: {name} in cluster {cluster} too"));
                self.apply(other);
                return true;
            }
        }
        false
    }

    /// What happens next. Neither cluster takes the other's place, and none is put back to what it was.
    fn act(&self) -> Act {
        loop {
            let act = act(&self.chance, self.weather.asked.len().max(1));
            if !matches!(act, Act::Move | Act::Restore) {
                return act;
            }
        }
    }

    async fn live(&mut self, until: Duration) {
        while !self.to_come.is_empty() || self.weather.world.time.elapsed() < until {
            sleep(self.chance.seconds(1, 400)).await;
            if self.chance.hit(0.3) {
                self.released += 1;
                release(&self.weather.world, &self.weather, self.released).await;
            }
            if self.chance.hit(0.5) && self.follow().await {
                continue;
            }
            let next = if self.chance.hit(0.6) { self.to_come.pop_front() } else { None };
            match next {
                Some(own) => self.apply(own),
                None => {
                    let (act, applied) = (self.act(), self.weather.asked.len());
                    self.weather.act(act, applied).await;
                }
            }
        }
    }
}

/// Whether the other cluster may be given the request: it has ended where it was applied first, or its one call was
/// accepted; and Azure lists the job of each of its calls.
async fn is_out_of_the_window(world: &World, asked: &Asked) -> bool {
    let own = ids(asked);
    let ledger = world.azure.told("ledger").await;
    let calls =
        ledger.as_array().into_iter().flatten().filter(|entry| {
            entry["accepted"] == true && own.iter().any(|(id, _)| entry["clientRequestId"] == id.as_str())
        });
    let times: Vec<Timestamp> = calls.filter_map(|entry| entry["time"].as_str()?.parse().ok()).collect();
    let object = world.get(asked.clusters[0], asked.verb.plural(), &asked.name);
    let ended = matches!(standing(object.as_deref()), Standing::Succeeded | Standing::Failed);
    let begun = asked.verb.steps().len() == 1 && !times.is_empty();
    let lag = SignedDuration::from_secs(i64::try_from(world.setup.job_list_lag).unwrap_or_default()) + LISTED;
    let now = world.time.shown(SignedDuration::ZERO);
    (ended || begun) && times.iter().all(|time| now.duration_since(*time) > lag)
}

/// What came of one world.
struct Outcome {
    wrong: Vec<String>,
    digest: u64,
    tail: String,
    /// How the requests stand, each in each of its clusters.
    standings: Vec<Standing>,
    /// How many requests were applied in both clusters.
    in_both: usize,
    /// Accepted calls of each cluster.
    calls: [usize; 2],
}

fn setup(seed: u64, chance: &Chance) -> Setup {
    // Where the first job fails, Azure allows the verb again: what is given to the other cluster then is not run again.
    let fails = if chance.hit(0.6) { "failNext: capacity, state:" } else { "state:" };
    Setup {
        seed,
        items: vec![item(0, "Protected").replace("state:", fails)],
        clusters: vec![skew(chance), skew(chance)],
        quarantine: Duration::from_secs(if chance.hit(0.5) { 300 } else { 0 }),
        takes_a_second: chance.hit(0.5),
        retry_unknown: chance.hit(0.8),
        adoption: chance.hit(0.8),
        job_list_lag: chance.below(4) * 40,
        job_seconds: 30 + chance.below(4) * 60,
        ..Setup::default()
    }
}

fn run(seed: u64, shapes: &Arc<Shapes>, keeps_crossings: bool, without: &[Guard]) -> Outcome {
    in_virtual_time(async {
        let chance = Chance::of(seed, "plan of two");
        let setup = Setup { keeps_crossings, without: without.to_vec(), ..setup(seed, &chance) };
        let until = chance.seconds(300, 2400);
        let world = World::new(setup, shapes, storm(seed, &chance, until));
        let chains = [chain(&chance, 0, "first"), chain(&chance, 1, "second")];
        let mut both = [0, 1].map(|cluster| People::new(&world, cluster, &chains));
        for cluster in [0, 1] {
            watch_ends(&world, cluster);
            world.start_replica(cluster);
        }
        let [one, other] = &mut both;
        tokio::join!(one.live(until), other.live(until));
        ends(&world, &both).await;
        // Whoever moves from one cluster to another applies in the end all that there was.
        for people in &mut both {
            while people.follow().await {}
        }
        ends(&world, &both).await;
        told(&world, &both).await
    })
}

/// The calm after the storm. Without a guard nothing need ever end, and what goes wrong does so soon.
async fn ends(world: &Arc<World>, both: &[People; 2]) {
    if world.setup.without.is_empty() {
        calm(world, &[&both[0].weather, &both[1].weather]).await;
    } else {
        sleep(Duration::from_secs(1200)).await;
    }
}

async fn told(world: &World, both: &[People; 2]) -> Outcome {
    let mut asked: Vec<Asked> = Vec::new();
    let everywhere = || both.iter().flat_map(|people| people.weather.asked.iter().map(move |asked| (people, asked)));
    for (_, one) in everywhere() {
        match asked.iter_mut().find(|known| known.name == one.name) {
            Some(known) => known.clusters.extend(&one.clusters),
            None => asked.push(one.clone()),
        }
    }
    let callers = world.azure.callers();
    Outcome {
        wrong: judge_at_once(world, &asked, UNSEEN).await,
        digest: world.trace.digest(),
        tail: world.trace.tail(400),
        standings: everywhere().map(|(people, asked)| people.weather.stands(asked)).collect(),
        in_both: asked.iter().filter(|asked| asked.clusters.len() > 1).count(),
        calls: [0, 1].map(|cluster| callers.values().filter(|caller| **caller == cluster).count()),
    }
}

/// What came of many worlds.
#[derive(Debug, Default)]
struct Many {
    standings: BTreeMap<Standing, u64>,
    requests_in_both: usize,
    worlds_where_both_called: usize,
}

impl Many {
    fn with(&mut self, outcome: &Outcome) {
        outcome.standings.iter().for_each(|standing| *self.standings.entry(*standing).or_default() += 1);
        self.requests_in_both += outcome.in_both;
        self.worlds_where_both_called += usize::from(outcome.calls.iter().all(|calls| *calls > 0));
    }
}

#[test]
fn i1_i2_i9_i14_i15_i16_hold_over_two_clusters_at_work_at_once() {
    let shapes = Arc::new(Shapes::installed());
    if let Some(seed) = seed_from_the_environment() {
        let outcome = run(seed, &shapes, true, &[]);
        println!("{}\n{:?}", outcome.tail, outcome.standings);
        assert!(outcome.wrong.is_empty(), "{:#?}", outcome.wrong);
        return;
    }
    let count = std::env::var("ASR_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS);
    let seeds: Vec<u64> = (0..count).collect();
    let many = Mutex::new(Many::default());
    let wrong = on_two_threads(&seeds, |seed| {
        let outcome = run(*seed, &shapes, false, &[]);
        many.lock().unwrap().with(&outcome);
        (!outcome.wrong.is_empty()).then(|| format!("ASR_SEED={seed}: {:#?}", outcome.wrong))
    });
    let many = many.into_inner().unwrap();
    writeln!(std::io::stderr(), "{} seeds of two clusters: {many:?}", seeds.len()).ok();
    assert!(wrong.is_empty(), "{} of {} seeds:\n{}", wrong.len(), seeds.len(), wrong.join("\n"));
    assert!(many.requests_in_both > 0 && many.worlds_where_both_called > 0, "they never meet: {many:?}");
    let well = many.standings.get(&Standing::Succeeded).copied().unwrap_or_default();
    assert!(well * 5 > many.standings.values().sum(), "where nothing works, nothing is proven: {many:?}");
}

#[test]
fn without_look_back_the_second_cluster_makes_the_call_again() {
    let shapes = Arc::new(Shapes::installed());
    let doubles =
        |seed| run(seed, &shapes, false, &[Guard::LookBack]).wrong.iter().any(|wrong| wrong.starts_with("I1:"));
    assert!((0..SEEDS).any(doubles), "two clusters at once are no storm that needs look-back");
}

#[test]
fn two_clusters_replay_from_their_seed() {
    let shapes = Arc::new(Shapes::installed());
    let (one, two) = (run(1, &shapes, true, &[]), run(1, &shapes, true, &[]));
    assert_eq!(one.digest, two.digest, "{}\n=====\n{}", one.tail, two.tail);
}
