//! The guards of the protocol, each removed from outside: what it kept from happening then happens, and the judge says so
//! by the name of the invariant. With the guard in its place, the same world is in order.
//!
//! Guards without a switch here, because they lie within the shipped code, and where they are held instead: the fresh
//! connection and the client that never retries (`asr_client`), a 409 that makes no second attempt, the unexplained job
//! that stops the resolver, the order of one item's requests and `validUntil` (unit tests of `domain`), and the age
//! of the grounds of a call, judged in `controller/request.rs` and again in `controller/send.rs` (`grounds`, which fails without
//! both), and that each call has a list of jobs of its own (`grounds` too).

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ends::Peace;
use crate::world::crossing::{Crossing, Fate, Script, Side, Target};
use crate::world::guard::Guard;
use crate::world::judge::{Asked, Standing, judge, standing};
use crate::world::manifest::{self, Verb, item, request};
use crate::world::store::Shapes;
use crate::world::{NAMESPACE, Setup, World, in_virtual_time};

/// The first call of the first process that fits meets one fate.
struct First {
    fits: fn(&Crossing) -> bool,
    fate: Fate,
    met: AtomicBool,
}

impl First {
    fn of(fits: fn(&Crossing) -> bool, fate: Fate) -> Arc<dyn Script> {
        Arc::new(Self { fits, fate, met: AtomicBool::new(false) })
    }
}

impl Script for First {
    fn fate(&self, crossing: &Crossing) -> Fate {
        let fits = crossing.process == 0 && (self.fits)(crossing) && !self.met.swap(true, Ordering::SeqCst);
        if fits { self.fate } else { Fate::Passes }
    }
}

fn is_call(crossing: &Crossing) -> bool {
    crossing.target == Target::Arm && crossing.mutating
}

fn is_record_write(crossing: &Crossing) -> bool {
    crossing.method == "PUT" && crossing.path.contains("itemrecords")
}

/// An item whose next job fails: Azure then allows the verb again.
fn failing(verb: Verb) -> String {
    item(0, verb.starting_state()).replace("state:", "failNext: capacity, state:")
}

const NAME: &str = "once";

fn stands(world: &World, cluster: usize, verb: Verb) -> Standing {
    standing(world.get(cluster, verb.plural(), NAME).as_deref())
}

async fn ends(world: &World, cluster: usize, verb: Verb) {
    let ended = |world: &World| stands(world, cluster, verb) != Standing::Open;
    world.eventually(Duration::from_secs(2400), ended).await;
    world.eventually(Duration::from_secs(600), |world| !world.somebody_stands()).await;
    sleep(Duration::from_secs(120)).await;
}

/// A guard's story: what makes it needed.
type Story = fn(Setup, &Arc<Shapes>) -> Vec<String>;

fn told(setup: Setup, shapes: &Arc<Shapes>, script: Arc<dyn Script>, owners: usize) -> Vec<String> {
    let verb = Verb::ChangePoint;
    in_virtual_time(async {
        let setup =
            Setup { items: vec![item(0, verb.starting_state())], job_seconds: 120, keeps_crossings: false, ..setup };
        let world = World::new(setup, shapes, |_| script);
        (0..owners).for_each(|_| drop(world.start_replica(0)));
        world.create(0, verb.plural(), request(verb, NAME, 0));
        ends(&world, 0, verb).await;
        let mut wrong = judge(&world, &[Asked::new(verb, NAME, 0)]).await;
        let object = world.get(0, verb.plural(), NAME);
        let ready = object.map(|object| object["status"]["conditions"][0].clone()).unwrap_or_default();
        if world.setup.without.is_empty() && stands(&world, 0, verb) != Standing::Succeeded {
            wrong.push(format!("the story did not happen: {ready}"));
        }
        wrong
    })
}

/// Two processes believe that they own the vault.
fn two_owners(setup: Setup, shapes: &Arc<Shapes>) -> Vec<String> {
    told(setup, shapes, Arc::new(Peace), 2)
}

/// Two owners, and the first one's intent goes nowhere: it must see that the one that stands is not its own.
fn two_owners_one_unheard(setup: Setup, shapes: &Arc<Shapes>) -> Vec<String> {
    told(setup, shapes, First::of(is_record_write, Fate::NeverArrives), 2)
}

/// A process is stopped just before its call, for longer than it takes another one to believe that nothing came of it.
fn stopped_before_the_call(setup: Setup, shapes: &Arc<Shapes>) -> Vec<String> {
    told(setup, shapes, First::of(is_call, Fate::Pause(Side::Before, Duration::from_secs(600))), 1)
}

/// A call arrives as late as the network and ARM allow.
fn late_call(setup: Setup, shapes: &Arc<Shapes>) -> Vec<String> {
    told(setup, shapes, First::of(is_call, Fate::ArrivesLate(Duration::from_secs(75))), 1)
}

fn peace(setup: Setup, shapes: &Arc<Shapes>) -> Vec<String> {
    told(setup, shapes, Arc::new(Peace), 1)
}

/// A cluster dies with a call under way, and another one takes its place.
fn another_cluster(setup: Setup, shapes: &Arc<Shapes>, fate: Fate) -> Vec<String> {
    let verb = Verb::ChangePoint;
    in_virtual_time(async {
        let clusters = vec![jiff::SignedDuration::ZERO; 2];
        let setup = Setup { items: vec![failing(verb)], clusters, job_seconds: 120, keeps_crossings: false, ..setup };
        let world = World::new(Setup { revives: false, ..setup }, shapes, |_| First::of(is_call, fate));
        let first = world.start_replica(0);
        world.create(0, verb.plural(), request(verb, NAME, 0));
        world.eventually(Duration::from_secs(3600), |_| first.is_dead()).await;
        world.create(1, verb.plural(), request(verb, NAME, 0));
        world.start_replica(1);
        ends(&world, 1, verb).await;
        let asked = Asked { clusters: vec![1], ..Asked::new(verb, NAME, 0) };
        judge(&world, &[asked]).await
    })
}

/// The call was made; nothing but Azure's jobs knows.
fn another_cluster_after_the_call(setup: Setup, shapes: &Arc<Shapes>) -> Vec<String> {
    another_cluster(setup, shapes, Fate::Crash(Side::After))
}

/// The request ran; its VM is bound to another item, and it is applied again. With `claim_lost`, nothing remembers for
/// which item it was.
fn rebound(setup: Setup, shapes: &Arc<Shapes>, claim_lost: bool) -> Vec<String> {
    let verb = Verb::ChangePoint;
    in_virtual_time(async {
        let items = vec![item(0, verb.starting_state()), item(1, verb.starting_state())];
        let world =
            World::new(Setup { items, job_seconds: 25, keeps_crossings: false, ..setup }, shapes, |_| Arc::new(Peace));
        world.call(0, "DELETE", ("replicatedvms", NAMESPACE, "vm1"), false, Value::Null);
        world.start_replica(0);
        world.create(0, verb.plural(), request(verb, NAME, 0));
        ends(&world, 0, verb).await;
        world.call(0, "DELETE", (verb.plural(), NAMESPACE, NAME), false, Value::Null);
        world.call(0, "DELETE", ("replicatedvms", NAMESPACE, "vm0"), false, Value::Null);
        if claim_lost {
            for claim in world.stores[0].all("requestclaims") {
                let name = claim["metadata"]["name"].as_str().unwrap_or_default();
                world.call(0, "DELETE", ("requestclaims", "asr-operator", name), false, Value::Null);
            }
        }
        let mut vm = manifest::vm(1);
        vm["metadata"]["name"] = json!("vm0");
        world.create(0, "replicatedvms", vm);
        sleep(Duration::from_secs(120)).await;
        world.create(0, verb.plural(), request(verb, NAME, 0));
        ends(&world, 0, verb).await;
        judge(&world, &[Asked::new(verb, NAME, 0)]).await
    })
}

/// Guards, the story that needs them, and the invariant that tells of their absence.
const TABLE: [(&str, &[Guard], Story, &str); 6] = [
    ("compare-and-swap of the record", &[Guard::CompareAndSwap], two_owners, "I1"),
    ("the nonce of a write", &[Guard::Nonce], two_owners_one_unheard, "I1"),
    ("the window to send in", &[Guard::SendWindow], stopped_before_the_call, "I1"),
    ("the wait before absence is believed", &[Guard::AbsenceWait], late_call, "I1"),
    ("look-back", &[Guard::LookBack], another_cluster_after_the_call, "I1"),
    ("the durable intent", &[Guard::Durability], peace, "I2"),
];

/// What a story comes to over some seeds, the first few.
fn over_seeds(guards: &[Guard], story: Story, shapes: &Arc<Shapes>) -> Vec<String> {
    let quarantine = Duration::from_secs(300);
    let of = |seed| story(Setup { seed, quarantine, without: guards.to_vec(), ..Setup::default() }, shapes);
    (0..2).flat_map(of).collect()
}

fn check(name: &str, kept: &[String], removed: &[String], invariant: &str) -> Option<String> {
    if !kept.is_empty() {
        return Some(format!("{name}: wrong with the guard in its place: {kept:#?}"));
    }
    // With the colon: "I1" also begins I14, I15 and I16.
    let caught = removed.iter().any(|wrong| wrong.starts_with(&format!("{invariant}:")));
    (!caught).then(|| format!("{name}: removed, and {invariant:?} does not tell: {removed:#?}"))
}

#[test]
fn every_guard_that_is_removed_is_missed_by_its_invariant() {
    let shapes = Arc::new(Shapes::installed());
    let mut wrong = crate::cells::on_two_threads(&TABLE, |(name, guards, story, invariant)| {
        let (kept, removed) = (over_seeds(&[], *story, &shapes), over_seeds(guards, *story, &shapes));
        println!("{name}: kept {:?}, removed, {} violations, {:?}", kept.first(), removed.len(), removed.first());
        check(name, &kept, &removed, invariant)
    });
    let usual = || Setup { quarantine: Duration::from_secs(300), ..Setup::default() };
    let (kept, removed) = (rebound(usual(), &shapes, false), rebound(usual(), &shapes, true));
    wrong.extend(check("the claim", &kept, &removed, "I2"));
    let late = Fate::ArrivesLate(Duration::from_secs(75));
    let hasty = Setup { quarantine: Duration::ZERO, ..Setup::default() };
    let (kept, removed) = (late_and_dead(usual(), &shapes, late), late_and_dead(hasty, &shapes, late));
    wrong.extend(check("the quarantine of a new record", &kept, &removed, "I1"));
    let all = TABLE.len() + 2;
    writeln!(std::io::stderr(), "{} of {all} guards removed and caught", all - wrong.len()).ok();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A cluster dies while its call is still on its way.
fn late_and_dead(setup: Setup, shapes: &Arc<Shapes>, late: Fate) -> Vec<String> {
    let verb = Verb::ChangePoint;
    in_virtual_time(async {
        let clusters = vec![jiff::SignedDuration::ZERO; 2];
        let setup = Setup {
            items: vec![item(0, verb.starting_state())],
            clusters,
            job_seconds: 120,
            keeps_crossings: false,
            ..setup
        };
        // The first cluster is an old one: its records are past their quarantine.
        let world = World::new(Setup { revives: false, ..setup }, shapes, |_| First::of(is_call, late));
        let first = world.start_replica(0);
        world.create(0, verb.plural(), request(verb, NAME, 0));
        let called = |world: &World| world.trace.faults().contains_key(late.class());
        world.eventually(Duration::from_secs(3600), called).await;
        first.kill();
        world.create(1, verb.plural(), request(verb, NAME, 0));
        world.start_replica(1);
        ends(&world, 1, verb).await;
        judge(&world, &[Asked { clusters: vec![1], ..Asked::new(verb, NAME, 0) }]).await
    })
}
