//! The loop kept in Git and applied by Flux itself: the real kustomize-controller, with the files of `deploy/gitops/flux`,
//! on a real API server with `deploy/install.yaml` in it. Judged by the simulator's ledger, by what `docs/gitops.md`
//! promises, and by kstatus at every change of every object.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;

mod again;
mod controller;
mod incident;
mod repository;
mod stage;
