//! Random worlds: storms of faults over a chain of requests, with two owners, two clusters, people who delete, apply
//! again and wipe, and somebody in the portal. `ASR_SEED=n` replays one of them and says all that happened.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::cells::on_two_threads;
use crate::weather::{Weather, act, calm, chain, skew, storm};
use crate::world::chance::Chance;
use crate::world::judge::{Standing, judge, watch_ends};
use crate::world::manifest::item;
use crate::world::store::Shapes;
use crate::world::{Setup, World, in_virtual_time};

/// How many seeds `cargo test` runs.
const SEEDS: u64 = 12;

struct Outcome {
    wrong: Vec<String>,
    digest: u64,
    tail: String,
    standings: Vec<Standing>,
    faults: u64,
}

fn run(seed: u64, shapes: &Arc<Shapes>, keeps_crossings: bool) -> Outcome {
    in_virtual_time(async {
        let chance = Chance::of(seed, "plan");
        let setup = Setup {
            seed,
            items: vec![item(0, "Protected")],
            clusters: vec![skew(&chance), skew(&chance)],
            quarantine: Duration::from_secs(300),
            retry_unknown: chance.hit(0.8),
            adoption: chance.hit(0.8),
            job_list_lag: chance.below(4) * 40,
            job_seconds: 30 + chance.below(4) * 60,
            keeps_crossings,
            ..Setup::default()
        };
        let until = chance.seconds(300, 2400);
        let world = World::new(setup, shapes, storm(seed, &chance, until));
        (0..world.stores.len()).for_each(|cluster| watch_ends(&world, cluster));
        world.start_replica(0);
        let mut weather = Weather { world: Arc::clone(&world), asked: chain(&chance, 0, "request"), cluster: 0 };
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
        calm(&world, &[&weather]).await;
        Outcome {
            wrong: judge(&world, &weather.asked).await,
            digest: world.trace.digest(),
            tail: world.trace.tail(400),
            standings: weather.asked.iter().map(|asked| weather.stands(asked)).collect(),
            faults: world.trace.faults().values().sum(),
        }
    })
}

/// The seed that is to be replayed.
pub fn seed_from_the_environment() -> Option<u64> {
    std::env::var("ASR_SEED").ok().and_then(|seed| seed.parse().ok())
}

#[test]
fn i1_i2_i9_i14_i15_i16_hold_in_random_storms() {
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
    let faults = std::sync::atomic::AtomicU64::new(0);
    let wrong = on_two_threads(&seeds, |seed| {
        let outcome = run(*seed, &shapes, false);
        faults.fetch_add(outcome.faults, std::sync::atomic::Ordering::Relaxed);
        let mut ends = ends.lock().unwrap();
        outcome.standings.iter().for_each(|standing| *ends.entry(*standing).or_default() += 1);
        (!outcome.wrong.is_empty()).then(|| format!("ASR_SEED={seed}: {:#?}", outcome.wrong))
    });
    let (ends, faults) = (ends.into_inner().unwrap(), faults.into_inner());
    writeln!(std::io::stderr(), "{} seeds, {faults} faults, requests by their end: {ends:?}", seeds.len()).ok();
    assert!(wrong.is_empty(), "{} of {} seeds:\n{}", wrong.len(), seeds.len(), wrong.join("\n"));
    let (all, well) = (ends.values().sum::<u64>(), ends.get(&Standing::Succeeded).copied().unwrap_or_default());
    assert!(
        faults >= count && well * 3 > all,
        "a storm of {faults} faults in which nothing works proves little: {ends:?}"
    );
}

#[test]
fn a_storm_replays_from_its_seed() {
    let shapes = Arc::new(Shapes::installed());
    for seed in 0..2 {
        let (one, two) = (run(seed, &shapes, true), run(seed, &shapes, true));
        assert_eq!(one.digest, two.digest, "seed {seed}:\n{}\n=====\n{}", one.tail, two.tail);
    }
}
