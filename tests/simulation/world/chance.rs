//! Chance from a seed: one stream per purpose, so that another draw for one does not change the others.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A stream of chance; clones share it.
#[derive(Clone, Debug)]
pub struct Chance(Arc<Mutex<StdRng>>);

impl Chance {
    /// The stream of that purpose in the world of that seed.
    pub fn of(seed: u64, purpose: &str) -> Self {
        let mixed = purpose
            .bytes()
            .fold(seed ^ 0x9e37_79b9_7f4a_7c15, |mixed, byte| (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(mixed))))
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut StdRng) -> T) -> T {
        draw(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// 128 bits.
    pub fn bits(&self) -> u128 {
        self.draw(|rng| rng.random())
    }

    /// A number from 0 to 1.
    pub fn fraction(&self) -> f64 {
        self.draw(|rng| rng.random())
    }

    /// Whether something of that probability happens.
    pub fn hit(&self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.draw(|rng| rng.random_range(0..bound))
    }

    /// A number of whole milliseconds from `least` to `most`.
    pub fn millis(&self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.draw(|rng| rng.random_range(least..=most)))
    }

    /// A number of whole seconds from `least` to `most`.
    pub fn seconds(&self, least: u64, most: u64) -> Duration {
        Duration::from_secs(self.draw(|rng| rng.random_range(least..=most)))
    }

    /// One of these.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.draw(|rng| rng.random_range(0..of.len()))]
    }
}
