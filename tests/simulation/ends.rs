//! Without faults every verb comes to its end, the same way each time.

use std::sync::Arc;
use std::time::Duration;

use crate::world::crossing::{Crossing, Fate, Script};
use crate::world::judge::{Asked, Standing, accepted, judge, standing};
use crate::world::manifest::{Verb, item, request};
use crate::world::store::Shapes;
use crate::world::{Setup, World, in_virtual_time};

/// Nothing ever fails.
pub struct Peace;

impl Script for Peace {
    fn fate(&self, _: &Crossing) -> Fate {
        Fate::Passes
    }
}

fn run(verb: Verb, seed: u64, shapes: &Arc<Shapes>) -> (u64, Vec<String>, Standing, String) {
    in_virtual_time(async {
        let setup = Setup { seed, job_seconds: 60, items: vec![item(0, verb.starting_state())], ..Setup::default() };
        let world = World::new(setup, shapes, |_| Arc::new(Peace));
        world.start_replica(0);
        world.create(0, verb.plural(), request(verb, "once", 0));
        let asked = [Asked::new(verb, "once", 0)];
        let ended = |world: &World| standing(world.get(0, verb.plural(), "once").as_deref()) != Standing::Open;
        world.eventually(Duration::from_secs(4 * 3600), ended).await;
        let mut wrong = judge(&world, &asked).await;
        let made = accepted(&world.azure.told("ledger").await);
        if made.iter().map(|(_, operation)| operation.as_str()).ne(verb.operations().iter().copied()) {
            wrong.push(format!("Azure accepted {made:?}"));
        }
        let object = world.get(0, verb.plural(), "once");
        (world.trace.digest(), wrong, standing(object.as_deref()), world.trace.tail(400))
    })
}

#[test]
fn every_verb_ends_well_and_a_seed_says_all_that_happens() {
    let shapes = Arc::new(Shapes::installed());
    for verb in Verb::ALL {
        let (digest, wrong, standing, tail) = run(verb, 7, &shapes);
        assert!(wrong.is_empty() && standing == Standing::Succeeded, "{verb:?}: {wrong:#?} {standing:?}\n{tail}");
        let again = run(verb, 7, &shapes);
        assert_eq!(digest, again.0, "{verb:?}: the second run differs\n{tail}\n=====\n{}", again.3);
        assert_ne!(digest, run(verb, 8, &shapes).0, "{verb:?}: another seed changes nothing");
    }
}
