//! Proof layer 1: the protocol of at most once (design 5), explored exhaustively within bounds.
//!
//! **Who decides.** A replica's pass asks the product's own `domain::request::stage` and `decide`, and writes what the
//! product's `Record` makes of it. `mind` asks once for every observation and remembers; `fixture` makes the observation.
//! What the shell does (`controller::send`, `controller::request::azure`) is written here anew, in `operator`: reading, the
//! compare-and-swap, the nonce, the windows, the two looks.
//!
//! **What happens** (`model`, `asr`, `act`). Two replicas that both own everything; one or two requests of one item through
//! two ReplicatedVms and two RecoveryVaults. Between any two steps a replica may crash, any number of times, or pause: it
//! does not move while time passes. A call may be accepted, accepted with its answer lost, answered 409 though executed,
//! refused, throttled, not sent, not executed, executed late. ASR does not refuse a second call, which is its worst. Jobs are
//! listed late, are stubs at first, fail; people cancel, decide, use the portal; objects are deleted and made again; records
//! are lost or put back; a ReplicatedVm is bound to another item, an item enabled anew.
//!
//! **Time** passes in ticks. `Times::REAL` has the least ticks that keep the inequalities of design 5; whatever happens
//! between two ticks happens in any order.
//!
//! **What is judged** (`judge`): I1 to I5, I8, I9, I15, I16, the frozen target, and no third attempt, by what Azure accepted
//! and when, in every state; I12 is that two replicas own all throughout; I14 (`search`) is that from every state an end, or
//! a wait for a person who is told so, can be reached without a fault.
//!
//! **What is left out.** The API server's reads of one step are one step, but for the worlds that are `fine`. A
//! resourceVersion never comes back. What was read for a compare-and-swap that must fail is dropped at once, and replicas are
//! interchangeable: both make states fewer and hide nothing. Each budget (`Faults`) is a bound; a run that does not see all of
//! its states fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small numbers")]

mod act;
mod asr;
mod assumptions;
mod code;
mod fixture;
mod guards;
mod invariants;
mod judge;
mod mind;
mod model;
mod operator;
mod run;
mod search;
mod settle;
mod switch;
mod world;
