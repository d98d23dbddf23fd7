//! Every cell: each verb, each call over the process's border, before and after it, each class of fault.
//!
//! A run without faults discovers the calls. Then each is met by each fault, once, in a world of its own.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::world::crossing::{Crossing, Fate, Script, Side, Target};
use crate::world::judge::{Asked, Standing, judge, standing, watch_ends};
use crate::world::manifest::{Verb, item, request};
use crate::world::store::Shapes;
use crate::world::{Setup, World, in_virtual_time};

/// One call of the first process meets one fate.
pub struct Once {
    number: u64,
    fate: Fate,
    seen: AtomicU64,
}

impl Once {
    /// The `number`-th call, from 0.
    pub fn new(number: u64, fate: Fate) -> Self {
        Self { number, fate, seen: AtomicU64::new(0) }
    }
}

impl Script for Once {
    fn fate(&self, crossing: &Crossing) -> Fate {
        let mine = crossing.process == 0 && self.seen.fetch_add(1, Ordering::SeqCst) == self.number;
        if mine { self.fate } else { Fate::Passes }
    }
}

/// What came of one run.
pub struct Run {
    pub wrong: Vec<String>,
    pub standing: Standing,
    pub crossings: Vec<Crossing>,
    pub tail: String,
}

/// One verb on one item, in a world with that script.
pub fn run(verb: Verb, setup: Setup, shapes: &Arc<Shapes>, script: Arc<dyn Script>) -> Run {
    in_virtual_time(async {
        let setup = Setup { items: vec![item(0, verb.starting_state())], ..setup };
        let world = World::new(setup, shapes, |_| script);
        watch_ends(&world, 0);
        world.start_replica(0);
        world.create(0, verb.plural(), request(verb, "once", 0));
        let asked = [Asked::new(verb, "once", 0)];
        let stands = |world: &World| standing(world.get(0, verb.plural(), "once").as_deref());
        world.eventually(Duration::from_secs(4 * 3600), |world| stands(world) != Standing::Open).await;
        // Whoever was stopped meanwhile goes on, and may do harm.
        world.eventually(Duration::from_secs(600), |world| !world.somebody_stands()).await;
        tokio::time::sleep(Duration::from_secs(15)).await;
        Run {
            wrong: judge(&world, &asked).await,
            standing: stands(&world),
            crossings: world.trace.crossings(),
            tail: world.trace.tail(120),
        }
    })
}

/// A call to be met by faults: its number, and the call.
type Boundary = (u64, Crossing);

/// The distinct calls of a run: those that differ in target, method or path, or in what had been written before them.
fn boundaries(crossings: &[Crossing], by_phase: bool) -> Vec<Boundary> {
    let (mut seen, mut phase) = (BTreeSet::new(), 0);
    let mut found = Vec::new();
    for (number, crossing) in crossings.iter().enumerate() {
        // The name of an event holds a time.
        let path = crossing.path.split("/events").next().unwrap_or_default().to_owned();
        let key = (crossing.target, crossing.method.clone(), path, if by_phase { phase } else { 0 });
        let decides = crossing.path.contains("itemrecords") || crossing.target == Target::Arm;
        if seen.insert(key) || (crossing.mutating && decides) {
            found.push((number as u64, crossing.clone()));
        }
        if crossing.mutating && decides {
            phase += 1;
        }
    }
    found
}

/// The fates of a process at a call. A stop outlasts the window to send in, and the time after which another process
/// believes that nothing came of a call; near what decides, one that outlasts the window alone is tried as well.
fn stops(crossing: &Crossing) -> Vec<Fate> {
    let (brief, long) = (Duration::from_secs(15), Duration::from_secs(400));
    let mut all = vec![Fate::Crash(Side::Before), Fate::Crash(Side::After)];
    all.extend([Side::Before, Side::After].map(|side| Fate::Pause(side, long)));
    if crossing.mutating {
        all.extend([Side::Before, Side::After].map(|side| Fate::Pause(side, brief)));
    }
    all
}

/// The fates of a call that its target makes possible.
fn failures(crossing: &Crossing) -> Vec<Fate> {
    let said = |status, executed| Fate::Answered { status, executed };
    let mut all = vec![Fate::AnswerLost, Fate::NeverArrives, Fate::Garbled];
    all.extend([500, 504, 429].map(|status| said(status, false)));
    if crossing.mutating {
        // 429 says that nothing was done, and so does 409 of the API server: neither is said of what was.
        all.extend([said(409, false), said(500, true), said(504, true)]);
        all.push(Fate::ArrivesLate(Duration::from_secs(60)));
        if crossing.target == Target::Arm {
            all.extend([said(409, true), said(408, false), said(401, false), said(503, true)]);
        }
    }
    all
}

/// How a cell may end.
fn fits(standing: Standing, crossing: &Crossing, fate: Fate) -> bool {
    let refused = crossing.mutating && crossing.target == Target::Arm;
    match (standing, fate) {
        (Standing::Succeeded, _) => true,
        // A 409 never makes a second attempt.
        (Standing::Unknown, Fate::Answered { status: 409, executed: false }) => refused,
        _ => false,
    }
}

/// Azure's jobs are short, so that a run has few calls that only look.
fn setup() -> Setup {
    Setup { job_seconds: 25, keeps_crossings: false, ..Setup::default() }
}

/// The same, with all that happens.
fn told() -> Setup {
    Setup { keeps_crossings: true, ..setup() }
}

struct Cell {
    verb: Verb,
    number: u64,
    crossing: Crossing,
    fate: Fate,
}

fn cells(shapes: &Arc<Shapes>) -> Vec<Cell> {
    let mut all = Vec::new();
    for verb in Verb::ALL {
        let run = run(verb, told(), shapes, Arc::new(super::ends::Peace));
        assert_eq!(run.standing, Standing::Succeeded, "{verb:?}\n{}", run.tail);
        let (halts, calls) = (boundaries(&run.crossings, true), boundaries(&run.crossings, false));
        println!("{verb:?}: {} calls, {} to stop at, {} to fail", run.crossings.len(), halts.len(), calls.len());
        for (number, crossing) in &halts {
            all.extend(stops(crossing).into_iter().map(|fate| Cell {
                verb,
                number: *number,
                crossing: crossing.clone(),
                fate,
            }));
        }
        for (number, crossing) in &calls {
            let fates = failures(crossing).into_iter();
            all.extend(fates.map(|fate| Cell { verb, number: *number, crossing: crossing.clone(), fate }));
        }
    }
    all
}

fn fails(cell: &Cell, shapes: &Arc<Shapes>) -> Option<String> {
    let Cell { verb, number, crossing, fate } = cell;
    let script = Arc::new(Once::new(*number, *fate));
    let run = run(*verb, setup(), shapes, script.clone());
    let met = script.seen.load(Ordering::SeqCst) > *number;
    let fine = met && run.wrong.is_empty() && fits(run.standing, crossing, *fate);
    (!fine).then(|| {
        // The same again, to tell what happened.
        let again = self::run(*verb, told(), shapes, Arc::new(Once::new(*number, *fate)));
        let (target, method, path) = (crossing.target, &crossing.method, &crossing.path);
        format!(
            "{verb:?}, call {number} ({target:?} {method} {path}), {fate:?}: {:?}, met: {met}, {:#?}\n{}",
            run.standing, run.wrong, again.tail
        )
    })
}

/// Does `work` for each, on two threads, and collects what it finds.
pub fn on_two_threads<T: Sync>(all: &[T], work: impl Fn(&T) -> Option<String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut found = Vec::new();
        while let Some(one) = all.get(next.fetch_add(1, Ordering::SeqCst)) {
            found.extend(work(one));
        }
        found
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(take);
        let mut found = take();
        found.extend(other.join().unwrap());
        found
    })
}

/// There are 2542 of them; a boundary fewer is a change of the protocol, half of them a loss of the test's.
const FEWEST: usize = 2000;

/// Meets `some` of the cells, spread over all of them.
fn meet(some: usize) {
    let shapes = Arc::new(Shapes::installed());
    let cells = cells(&shapes);
    let all = cells.len();
    assert!(all >= FEWEST, "{all} cells: some are no longer made");
    let cells: Vec<Cell> = cells.into_iter().step_by(all.div_ceil(some.max(1))).collect();
    let crashes = cells.iter().filter(|cell| matches!(cell.fate, Fate::Crash(_))).count();
    let pauses = cells.iter().filter(|cell| matches!(cell.fate, Fate::Pause(..))).count();
    writeln!(std::io::stderr(), "{} of {all} cells: {crashes} crash points, {pauses} pause points", cells.len()).ok();
    let wrong = on_two_threads(&cells, |cell| fails(cell, &shapes));
    assert!(
        wrong.is_empty(),
        "{} of {} cells:\n{}",
        wrong.len(),
        cells.len(),
        wrong[..wrong.len().min(5)].join("\n\n")
    );
}

/// `ASR_CELLS=n` meets no more than that many of them.
#[test]
fn i1_every_cell_of_boundary_side_verb_and_fault_makes_its_call_once_and_ends() {
    meet(std::env::var("ASR_CELLS").ok().and_then(|some| some.parse().ok()).unwrap_or(usize::MAX));
}
