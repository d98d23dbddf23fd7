//! Decisions, and nothing else: what an observed state means and what may be done next.
//!
//! Pure: no await, no I/O, no clock, no Kubernetes, no HTTP. Every function is total and takes the time it needs as an
//! argument. The shell in `controller` observes, calls in here, acts and reports.

pub mod around;
pub mod backoff;
pub mod budget;
pub mod change_point;
pub mod commit;
pub mod condition;
pub mod course;
pub mod decision;
pub mod failover;
pub mod ids;
pub mod item;
pub mod job;
pub mod membership;
pub mod observed;
pub mod point;
pub mod reason;
pub mod record;
pub mod reprotect;
pub mod request;
pub mod resolve;
pub mod vault;
pub mod verb;
pub mod view;
pub mod vm;

pub use condition::{Condition, ConditionType, Truth};
pub use reason::Reason;
