//! The rules of the job, each a test by name, on a real API server, with the operator as a process of its own and the
//! simulator over real HTTP and TLS. Judged by what a user sees and by the simulator's ledger. Beside them, since they wait
//! most of the time, what a newcomer sees first: the demo and the README.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;

mod act;
mod again;
mod away_and_home;
mod azure_faults;
mod budgets;
mod canary;
mod change_point;
mod contention;
mod counted;
mod crash;
mod credentials;
mod decisions;
mod deletion;
mod demo;
mod identities;
mod jobs;
mod managed_identity;
mod planted;
mod points;
mod portal;
mod readme;
mod refusals;
mod replay;
mod replicas;
mod reprotect;
mod tenants;
mod traces;
mod world;
