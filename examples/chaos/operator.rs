//! One world with the operator: six items, four requests each, under a storm.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::tally::Tally;
use crate::world::chance::Chance;
use crate::world::crossing::Script;
use crate::world::judge::{Asked, Standing, duplicates, standing, uses, watch_ends};
use crate::world::machine::Time;
use crate::world::manifest::{Verb, item, request};
use crate::world::store::Shapes;
use crate::world::storm::Storm;
use crate::world::{Setup, World, in_virtual_time};

/// Requests of one world.
pub const REQUESTS: u64 = 24;

const CHAIN: [Verb; 4] = [Verb::Failover, Verb::ChangePoint, Verb::Commit, Verb::Reprotect];

/// How long the storm lasts.
const STORM: Duration = Duration::from_secs(900);

/// How a world of that seed is set up, with the operator or the control.
pub fn setup(seed: u64, requests: u64) -> Setup {
    let items = requests.div_ceil(CHAIN.len() as u64);
    let item = |number| item(usize::try_from(number).unwrap(), "Protected");
    Setup {
        seed,
        items: (0..items).map(item).collect(),
        job_seconds: 5,
        copy_seconds: 10,
        keeps_crossings: false,
        ..Setup::default()
    }
}

/// The requests of a world, an item's one behind the other.
pub fn asked(requests: u64) -> Vec<Asked> {
    let one = |number: u64| {
        let (item, verb) = (number / CHAIN.len() as u64, CHAIN[usize::try_from(number).unwrap() % CHAIN.len()]);
        Asked::new(verb, &format!("request-{number}"), usize::try_from(item).unwrap())
    };
    (0..requests).map(one).collect()
}

/// The storm of that seed.
pub fn storm(seed: u64, time: Time) -> Arc<dyn Script> {
    let chance = Chance::of(seed, "storm");
    Arc::new(Storm { chance, time, until: STORM, api: 0.002, reads: 0.005, calls: 0.12, lives: true })
}

/// Runs one world and counts.
pub fn run(seed: u64, requests: u64, shapes: &Arc<Shapes>, tally: &mut Tally) {
    in_virtual_time(async {
        let world = World::new(setup(seed, requests), shapes, |time| storm(seed, time));
        watch_ends(&world, 0);
        world.start_replica(0);
        let all = asked(requests);
        let chains = all.chunk_by(|a, b| a.item == b.item).map(|chain| apply(&world, chain));
        futures::future::join_all(chains).await;
        let open = |world: &World| all.iter().any(|asked| is_open(world, &all, asked));
        world.eventually(Duration::from_secs(4 * 3600), |world| !open(world)).await;
        let ledger = world.azure.told("ledger").await;
        let doubled = duplicates(&all, &ledger).len().max(uses(&all, &ledger).len());
        tally.duplicates += doubled as u64;
        tally.violations.extend(world.trace.violations().into_iter().map(|what| format!("seed {seed}: {what}")));
        for asked in &all {
            let object = world.get(0, asked.verb.plural(), &asked.name);
            let standing = stands(&world, asked);
            if is_behind(&world, &all, asked) {
                tally.requests += 1;
                tally.behind += 1;
                continue;
            }
            if matches!(standing, Standing::Open | Standing::Gone) {
                let ready = object.as_ref().map(|object| object["status"]["conditions"][0].clone());
                tally.violations.push(format!("seed {seed}: {} never ends: {}", asked.name, ready.unwrap_or_default()));
            }
            tally.request(standing, object.as_deref());
        }
        tally.faults(&world.trace.faults());
    });
}

fn stands(world: &World, asked: &Asked) -> Standing {
    standing(world.get(0, asked.verb.plural(), &asked.name).as_deref())
}

/// Whether a request waits behind one of its VM whose call nobody knows the outcome of: a person releases that one first.
fn is_behind(world: &World, all: &[Asked], asked: &Asked) -> bool {
    let earlier = all.iter().take_while(|one| one.name != asked.name).filter(|one| one.item == asked.item);
    stands(world, asked) == Standing::Open && earlier.into_iter().any(|one| stands(world, one) == Standing::Unknown)
}

fn is_open(world: &World, all: &[Asked], asked: &Asked) -> bool {
    stands(world, asked) == Standing::Open && !is_behind(world, all, asked)
}

/// Applies the requests of an item, each a while after the one before, whether or not that one has ended.
async fn apply(world: &Arc<World>, chain: &[Asked]) {
    for asked in chain {
        sleep(world.chance.seconds(1, 20)).await;
        world.create(0, asked.verb.plural(), request(asked.verb, &asked.name, asked.item));
        let ended = |world: &World| !is_open(world, chain, asked);
        world.eventually(Duration::from_secs(3600), ended).await;
    }
}
