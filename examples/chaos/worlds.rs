//! All worlds of a run, over some threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::tally::Tally;
use crate::world::store::Shapes;
use crate::{control, operator};

/// How often a long run says how far it is.
const TOLD: Duration = Duration::from_secs(60);

/// Runs as many worlds as that many requests need, from this seed on, each once with the operator and once with the control;
/// or fewer, once it is to end.
pub fn run(requests: u64, seed: u64, threads: usize, end: &AtomicBool) -> Tally {
    let worlds = requests.div_ceil(operator::REQUESTS);
    let shapes = Arc::new(Shapes::installed());
    let (next, shapes) = (&AtomicU64::new(0), &shapes);
    let thread = move || {
        let mut tally = Tally::default();
        let mut told = Instant::now();
        loop {
            if told.elapsed() > TOLD {
                told = Instant::now();
                eprintln!("{}", tally.so_far());
            }
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= worlds || end.load(Ordering::Relaxed) {
                return tally;
            }
            let some = operator::REQUESTS.min(requests - number * operator::REQUESTS);
            operator::run(seed + number, some, shapes, &mut tally);
            control::run(seed + number, some, shapes, &mut tally);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(thread)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(Tally::default(), Tally::with)
    })
}
