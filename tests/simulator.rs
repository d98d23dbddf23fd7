//! Contract of the simulator: what a client of Azure Site Recovery would notice, held against recorded traffic.
//!
//! Most tests call the router in process under a clock that stands, so that every instant is chosen; the last ones
//! start the program and speak TLS to it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, also in the functions it calls")]

#[path = "simulator/harness.rs"]
mod harness;

#[path = "simulator/access.rs"]
mod access;
#[path = "simulator/altered.rs"]
mod altered;
#[path = "simulator/control.rs"]
mod control;
#[path = "simulator/failover.rs"]
mod failover;
#[path = "simulator/fates.rs"]
mod fates;
#[path = "simulator/faults.rs"]
mod faults;
#[path = "simulator/otherwise.rs"]
mod otherwise;
#[path = "simulator/page.rs"]
mod page;
#[path = "simulator/process.rs"]
mod process;
#[path = "simulator/reads.rs"]
mod reads;
#[path = "simulator/reprotect.rs"]
mod reprotect;
#[path = "simulator/reprotect_input.rs"]
mod reprotect_input;
#[path = "simulator/surroundings.rs"]
mod surroundings;
#[path = "simulator/verbs.rs"]
mod verbs;
