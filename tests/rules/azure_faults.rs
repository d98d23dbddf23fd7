//! What the operator does when Azure's answers are lost, late, altered or misleading: each fault of the simulator in the
//! whole loop, judged by what a user sees and by the ledger. `docs/what-happens-when.md` has a row for each.

mod calls;
mod jobs;
mod reads;
