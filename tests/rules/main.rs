//! The rules of the job, each a test by name, on a real API server, with the operator as a process of its own and the
//! simulator over real HTTP and TLS. Judged by what a user sees and by the simulator's ledger.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;

mod act;
mod again;
mod budgets;
mod canary;
mod change_point;
mod contention;
mod crash;
mod decisions;
mod deletion;
mod faults;
mod jobs;
mod points;
mod portal;
mod refusals;
mod replay;
mod replicas;
mod reprotect;
mod round_trip;
mod world;
