//! Logs, metrics and probes. Knows the closed list of reasons and nothing else of ours.

mod logs;
mod metrics;
mod probes;

pub use logs::init;
pub use metrics::{CallOutcome, Metrics, PassOutcome};
pub use probes::{Probes, Readiness};
