//! What a call is decided by must not be old: a process that is stopped between its last look at Azure and its intent, for
//! longer than the window to send in, looks again before it writes one. The age is judged twice, and either place is enough.
//! And a call has a list of jobs of its own, asked for by the pass that makes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::world::crossing::{Crossing, Fate, Script, Side, Target};
use crate::world::judge::{Asked, Standing, judge, standing};
use crate::world::manifest::{Verb, item, request};
use crate::world::store::Shapes;
use crate::world::{Setup, World, in_virtual_time};

const NAME: &str = "once";

/// Longer than the window to send in, and shorter than a read is waited for.
const STOPPED: Duration = Duration::from_secs(15);

/// Stops the process behind its list of jobs, the last that a pass reads of Azure: as often as it was told to.
#[derive(Default)]
struct BehindTheJobs {
    times: AtomicU32,
    /// Whether it was stopped behind the last list.
    is_old: AtomicBool,
}

impl Script for BehindTheJobs {
    fn fate(&self, crossing: &Crossing) -> Fate {
        let is_list = crossing.path.to_lowercase().ends_with("/replicationjobs");
        if crossing.target != Target::Arm || crossing.mutating || !is_list {
            return Fate::Passes;
        }
        let left = self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |times| times.checked_sub(1));
        self.is_old.store(left.is_ok(), Ordering::SeqCst);
        if left.is_ok() { Fate::Pause(Side::After, STOPPED) } else { Fate::Passes }
    }
}

/// Says so when an intent is written on a list that is old by then.
fn watch_intents(world: &World, script: &Arc<BehindTheJobs>) {
    let (_, mut changes) = world.stores[0].watch();
    let (trace, script) = (Arc::clone(&world.trace), Arc::clone(script));
    tokio::spawn(async move {
        while let Some(change) = changes.recv().await {
            let intent = &change.object["spec"]["intent"];
            let is_open = change.plural == "itemrecords" && !intent.is_null() && intent["outcome"].is_null();
            if is_open && script.is_old.load(Ordering::SeqCst) {
                trace.wrong(format!("an intent was written on old grounds: {intent}"));
            }
        }
    });
}

#[test]
fn an_intent_is_not_written_on_grounds_that_became_old_while_the_process_was_stopped() {
    let shapes = Arc::new(Shapes::installed());
    in_virtual_time(async {
        let setup = Setup {
            items: vec![item(0, "Protected")],
            second_while_stopped: false,
            job_seconds: 60,
            ..Setup::default()
        };
        let script = Arc::new(BehindTheJobs::default());
        let given: Arc<dyn Script> = Arc::<BehindTheJobs>::clone(&script);
        let world = World::new(setup, &shapes, |_| given);
        watch_intents(&world, &script);
        world.start_replica(0);
        tokio::time::sleep(Duration::from_secs(60)).await;
        script.times.store(4, Ordering::SeqCst);
        world.create(0, Verb::Failover.plural(), request(Verb::Failover, NAME, 0));
        let stands = |world: &World| standing(world.get(0, Verb::Failover.plural(), NAME).as_deref());
        world.eventually(Duration::from_secs(2400), |world| stands(world) != Standing::Open).await;
        let wrong = judge(&world, &[Asked::new(Verb::Failover, NAME, 0)]).await;
        assert!(wrong.is_empty(), "{wrong:#?}\n{}", world.trace.tail(60));
        assert_eq!(stands(&world), Standing::Succeeded, "{}", world.trace.tail(60));
        assert_eq!(script.times.load(Ordering::SeqCst), 0, "it was not stopped: {}", world.trace.tail(60));
    });
}

/// Says so when a call leaves whose pass, which begins with the request's claim, has not asked for the list of jobs.
#[derive(Default)]
struct ListedBefore {
    listed: AtomicBool,
    calls: AtomicU32,
    without: AtomicU32,
}

impl Script for ListedBefore {
    fn fate(&self, crossing: &Crossing) -> Fate {
        let path = crossing.path.to_lowercase();
        if crossing.target == Target::Arm && crossing.mutating {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.without.fetch_add(u32::from(!self.listed.load(Ordering::SeqCst)), Ordering::SeqCst);
        } else if crossing.target == Target::Arm && path.ends_with("/replicationjobs") {
            self.listed.store(true, Ordering::SeqCst);
        } else if crossing.target == Target::Api && crossing.method == "GET" && path.contains("/requestclaims/") {
            self.listed.store(false, Ordering::SeqCst);
        }
        Fate::Passes
    }
}

#[test]
fn each_call_is_decided_by_a_list_of_jobs_that_its_own_pass_asked_for() {
    let shapes = Arc::new(Shapes::installed());
    in_virtual_time(async {
        let items = vec![item(0, "Protected")];
        let setup = Setup { items, second_while_stopped: false, job_seconds: 60, ..Setup::default() };
        let script = Arc::new(ListedBefore::default());
        let given: Arc<dyn Script> = Arc::<ListedBefore>::clone(&script);
        let world = World::new(setup, &shapes, |_| given);
        world.start_replica(0);
        tokio::time::sleep(Duration::from_secs(60)).await;
        for (verb, name) in [(Verb::Failover, "over"), (Verb::Commit, "commit"), (Verb::Reprotect, "back")] {
            world.create(0, verb.plural(), request(verb, name, 0));
            let stands = |world: &World| standing(world.get(0, verb.plural(), name).as_deref());
            world.eventually(Duration::from_secs(2400), |world| stands(world) != Standing::Open).await;
            assert_eq!(stands(&world), Standing::Succeeded, "{}", world.trace.tail(60));
        }
        let counted = (script.calls.load(Ordering::SeqCst), script.without.load(Ordering::SeqCst));
        assert_eq!(counted, (3, 0), "calls, and those without a list of their own\n{}", world.trace.tail(60));
    });
}
