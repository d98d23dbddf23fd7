//! Input of every kind: bodies and headers of Azure, answers of Entra ID, fields of the custom resources. Recorded or good
//! ones are changed in every way that is known to go wrong; nothing panics, nothing is sent on what is not understood
//! (I23), and no object stops the operator from seeing the next one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[allow(dead_code, reason = "the tests of recordings use more of it")]
#[path = "../recordings/folder.rs"]
mod folder;
#[path = "../harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "the definitions' own tests use more of it")]
#[path = "../crds_cel/immutability.rs"]
mod immutability;
#[allow(dead_code, reason = "the definitions' own tests use more of it")]
#[path = "../crds_cel/manifests.rs"]
mod manifests;
#[allow(dead_code, reason = "the client's own tests use more of it")]
#[path = "../asr_client/rig.rs"]
mod rig;
#[allow(dead_code, reason = "the client's own tests use more of it")]
#[path = "../asr_client/server.rs"]
mod server;
#[allow(dead_code, reason = "a part of it is what the rules' tests need")]
#[path = "../rules/world.rs"]
mod world;

mod bodies;
mod corpus;
mod decisions;
mod fields;
mod mutate;
mod objects;
mod records;
mod scene;
mod targets;
mod tries;
mod updates;
mod wire;
