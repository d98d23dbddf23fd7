//! What a newcomer sees first, run: the demo and the README.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;

mod demo;
mod readme;
