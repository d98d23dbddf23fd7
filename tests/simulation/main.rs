//! The simulation tier: every crash, pause, lost answer and race, each replayed from its seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;
mod world;

mod cells;
mod chaos;
mod ends;
mod guards;
mod store_test;
mod storms;
