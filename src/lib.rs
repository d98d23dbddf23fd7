//! asr-operator: disaster recovery of Azure virtual machines as Kubernetes objects, each act at most once.
//!
//! ```text
//! main, cli ---> controller ---> { domain, api, asr, telemetry }        simulator ---> nothing of ours
//! ```
//!
//! `domain`, `api`, `asr` and `simulator` import nothing of ours; `tests/architecture.rs` holds the arrows. Every
//! reconcile has the same four verbs: observe (reads only), decide (pure), act (at most one mutating Azure call),
//! report (one status write, events, metrics).

pub mod api;
pub mod asr;
pub mod cli;
pub mod controller;
pub mod domain;
pub mod simulator;
pub mod telemetry;
