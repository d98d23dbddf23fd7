//! The chart, by the real Helm on a real API server: what it renders, installs, upgrades and rolls back, and that its
//! permissions are what the operator needs and nothing more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;

mod admission;
mod alerts;
mod audit;
mod azure;
mod course;
mod gitops;
mod helm;
mod image;
mod manifests;
mod namespaced;
mod observe;
mod pods;
mod release;
mod stage;
mod supply;
mod threats;
mod walk;
