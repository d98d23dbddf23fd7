//! The imperative shell: it observes, lets `domain` decide, acts and reports. It decides nothing itself.

mod acting;
mod answers;
mod around;
mod census;
mod clock;
pub mod context;
mod convert;
mod credentials;
mod events;
mod item_record;
mod kinds;
pub mod machine;
mod meter;
mod observer;
pub mod passes;
mod records;
mod recovery_vault;
pub mod replicas;
mod replicated_vm;
mod request;
mod request_decision;
mod run;
mod runner;
mod send;
mod share;
pub mod stores;
mod traced;
pub mod translate;
mod vault;
mod vaults;
pub mod wake;

pub use context::Settings;
pub use request::PassError;
pub use run::{Operator, RunError};
