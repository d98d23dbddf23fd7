//! Logs, metrics, traces and probes. Knows the closed list of reasons and nothing else of ours.

mod collector;
mod logs;
mod metrics;
mod probes;
mod traces;

pub use collector::CollectorError;
pub use logs::init;
pub use metrics::{CallOutcome, Fleet, Metrics, PassOutcome, Service};
pub use probes::{Probes, Readiness};
pub use traces::{Attribute, Span, Trace, Traces};
