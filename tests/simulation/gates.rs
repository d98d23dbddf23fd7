//! What a person does to the cluster while a pass looks at it: the pass must not see the past of one object beside the
//! present of another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::crossing::{Crossing, Fate, Script, Side};
use crate::world::judge::accepted;
use crate::world::manifest::{Verb, item, request};
use crate::world::replica::condition;
use crate::world::store::Shapes;
use crate::world::{NAMESPACE, Setup, World, in_virtual_time};

const NAME: &str = "once";

/// Stops the process between its look at the request and its look at the VM, once, after it was told to.
#[derive(Default)]
struct Between(AtomicU8);

const IDLE: u8 = 0;
const TOLD: u8 = 1;
const REQUEST_SEEN: u8 = 2;
const OVER: u8 = 3;

impl Script for Between {
    fn fate(&self, crossing: &Crossing) -> Fate {
        let moves = |from, to| self.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        let of = |end: &str| crossing.method == "GET" && crossing.path.ends_with(end);
        if of("/failoverrequests/once") {
            moves(TOLD, REQUEST_SEEN);
        }
        let stops = of("/replicatedvms/vm0") && moves(REQUEST_SEEN, OVER);
        if stops { Fate::Pause(Side::Before, Duration::from_secs(6)) } else { Fate::Passes }
    }
}

fn suspend(world: &World, suspended: bool) {
    let vm = ("replicatedvms", NAMESPACE, "vm0");
    let (status, said) = world.call(0, "PATCH", vm, false, json!({"spec": {"suspend": suspended}}));
    assert_eq!(status, 200, "{said:#}");
}

#[test]
fn a_request_deleted_before_the_vm_was_let_go_on_is_not_sent_by_a_pass_that_saw_it_before() {
    let shapes = Arc::new(Shapes::installed());
    in_virtual_time(async {
        let setup = Setup { items: vec![item(0, "Protected")], second_while_stopped: false, ..Setup::default() };
        let between = Arc::new(Between::default());
        let script: Arc<dyn Script> = Arc::<Between>::clone(&between);
        let world = World::new(setup, &shapes, |_| script);
        suspend(&world, true);
        world.start_replica(0);
        let plural = Verb::Failover.plural();
        world.create(0, plural, request(Verb::Failover, NAME, 0));
        let says = |world: &World, reason: &str| {
            world.get(0, plural, NAME).is_some_and(|object| condition(&object, "Reconciling") == ("True", reason))
        };
        let held = world.eventually(Duration::from_secs(300), |world| says(world, "Suspended")).await;
        assert!(held, "{:#}", world.get(0, plural, NAME).unwrap());
        assert!(between.0.compare_exchange(IDLE, TOLD, Ordering::SeqCst, Ordering::SeqCst).is_ok());
        let stands = world.eventually(Duration::from_secs(300), World::somebody_stands).await;
        assert!(stands, "no pass looked at both: {}", world.trace.tail(60));
        let (status, _) = world.call(0, "DELETE", (plural, NAMESPACE, NAME), false, Value::Null);
        assert_eq!(status, 200);
        suspend(&world, false);
        world.eventually(Duration::from_secs(300), |_| false).await;
        let made = accepted(&world.azure.told("ledger").await);
        assert!(made.is_empty(), "a deleted request was sent: {made:?}\n{}", world.trace.tail(60));
    });
}
