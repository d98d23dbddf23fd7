//! The simulator: Azure Site Recovery, the part of ARM around it, and Entra ID, over real HTTP and TLS.
//!
//! ```text
//! serve -> router -> world (vault, item, job, points, verb) -> wire
//! ```
//!
//! The world is a pure state machine under a virtual clock: every call settles what has happened since and answers from
//! it. Faults, ledger, clock and the portal's hand are under `/_sim/`. Imports nothing else of this package, so that the
//! operator's client and its counterpart cannot share a mistake.

mod child;
pub mod clock;
pub mod fate;
pub mod faults;
mod federation;
mod ids;
mod item;
mod job;
pub mod ledger;
mod machine;
pub mod otherwise;
mod planting;
mod points;
mod principal;
mod ratelimit;
pub mod recipe;
mod resources;
pub mod router;
pub mod seed;
pub mod serve;
pub mod settings;
mod tls;
mod vault;
mod verb;
mod wire;
mod world;
