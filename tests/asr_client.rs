//! The Azure client from outside: what a caller sees of a send, of a read, and of recorded answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "what goes wrong in setting a test up fails the test"
)]

#[path = "asr_client/canary.rs"]
mod canary;
#[path = "asr_client/identities.rs"]
mod identities;
#[path = "asr_client/reads.rs"]
mod reads;
#[path = "asr_client/recorded.rs"]
mod recorded;
#[path = "asr_client/rig.rs"]
mod rig;
#[path = "asr_client/sends.rs"]
mod sends;
#[path = "asr_client/server.rs"]
mod server;
