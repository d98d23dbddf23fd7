//! The imperative shell: it observes, lets `domain` decide, acts and reports. It decides nothing itself.

mod around;
mod clock;
pub mod context;
mod convert;
mod credentials;
mod events;
mod item_record;
mod kinds;
mod meter;
mod observer;
mod records;
mod recovery_vault;
mod replicas;
mod replicated_vm;
mod request;
mod request_decision;
mod run;
mod runner;
mod send;
mod share;
mod stores;
pub mod translate;
mod vaults;
mod wake;

pub use context::Settings;
pub use run::{Operator, RunError};
