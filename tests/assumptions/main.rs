//! What no source settles about Azure, switched to what it is not assumed to be: the whole loop runs to its end
//! nevertheless, or holds with a named reason, and never calls twice for one act. `docs/azure-assumptions.md` has a row
//! for each of these tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "a part of it is what the rules' tests need")]
#[path = "../rules/world.rs"]
mod world;

mod answers;
mod driver;
mod items;
mod jobs;
mod page;
