//! Requests of the client and answers of the simulator against Microsoft's published models (`tests/schema`).

#![allow(clippy::unwrap_used, clippy::panic, reason = "what goes wrong in setting a test up fails the test")]

#[path = "wire_schema/answers.rs"]
mod answers;
#[path = "wire_schema/mutations.rs"]
mod mutations;
#[path = "wire_schema/requests.rs"]
mod requests;
#[allow(dead_code, reason = "the client's own tests use more of it")]
#[path = "asr_client/rig.rs"]
mod rig;
#[path = "wire_schema/schema.rs"]
mod schema;
#[allow(dead_code, reason = "the client's own tests use more of it")]
#[path = "asr_client/server.rs"]
mod server;
#[allow(dead_code, reason = "the replay of recordings uses more of it")]
#[path = "wire_schema/service.rs"]
mod service;
#[path = "wire_schema/walk.rs"]
mod walk;
#[path = "wire_schema/wire.rs"]
mod wire;
