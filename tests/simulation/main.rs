//! The simulation tier: every crash, pause, lost answer and race, each replayed from its seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;
mod world;

#[path = "../../examples/chaos/control.rs"]
mod control;
#[path = "../../examples/chaos/operator.rs"]
mod operator;
#[path = "../../examples/chaos/tally.rs"]
mod tally;
#[path = "../../examples/chaos/worlds.rs"]
mod worlds;

mod cells;
mod chaos;
mod ends;
mod gates;
mod grounds;
mod guards;
mod store_test;
mod storms;
mod two_clusters;
mod weather;
