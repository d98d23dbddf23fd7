//! Proof layer 1: the protocol of at most once (design 5), explored exhaustively within bounds.
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
