//! The image and the chart on a real node: containerd and the kubelet run the operator as Pods, with the tokens that the kubelet
//! projects; nothing is played but Azure.
//!
//! Not part of `cargo test`, for it needs root: `cargo test --test node -- --ignored --nocapture` shows what took how long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "the chart's own tests use all of it")]
#[path = "../chart/helm.rs"]
mod helm;
#[path = "../chart/walk.rs"]
mod walk;

mod identities;
mod images;
mod lifetime;
mod node;
mod release;
mod stage;
