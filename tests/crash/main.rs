//! The proof by processes: real API server, etcd, simulator and operator, with a proxy between the operator and both. The
//! operator is killed and stopped at every request that it makes, doubled, and its API server is lost and restored; what
//! counts is the simulator's ledger and what a user sees. Nothing in the operator knows of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;

mod act;
mod boundary;
mod definitions;
mod loss;
mod proxy;
mod replicas;
mod run;
mod searched;
mod stage;
mod sweep;
