//! The ledger: every mutating call that reached the server, whatever became of it. Invariants are judged by it.
//!
//! Holds request bodies, which carry no credential; never headers. Reads are only counted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// One mutating call.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Position, from 1.
    pub seq: u64,
    /// Virtual instant of arrival.
    pub time: Timestamp,
    /// Real instant of arrival.
    pub wall_time: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path as it arrived, without query.
    pub path: String,
    /// Name of the operation, such as `unplannedFailover`.
    pub operation: String,
    /// Name of the protected item, if the call is about one.
    pub item: Option<String>,
    /// `x-ms-client-request-id` as it arrived.
    pub client_request_id: Option<String>,
    /// Status that was answered; none when the connection was dropped or the answer is still held.
    pub status: Option<u16>,
    /// Whether the call was executed.
    pub accepted: bool,
    /// Name of the principal; `portal` for the control interface's actor, none when unknown.
    pub principal: Option<String>,
    /// SHA-256 of the body, lower-case hex.
    pub body_sha256: String,
    /// The body, if it is JSON.
    pub body: Value,
    /// The job that it started.
    pub job_id: Option<String>,
    /// Kind of the injected fault, if one met the call.
    pub fault: Option<String>,
}

/// All mutating calls, and how often each operation was called.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    counts: BTreeMap<String, u64>,
    actions: BTreeMap<String, BTreeSet<String>>,
}

impl Ledger {
    /// Adds an entry and gives its position; the position in `entry` is ignored.
    pub(crate) fn record(&mut self, entry: Entry) -> u64 {
        let seq = self.entries.len() as u64 + 1;
        self.entries.push(Entry { seq, ..entry });
        seq
    }

    /// Says what was answered in the end.
    pub(crate) fn answered(&mut self, seq: u64, status: Option<u16>) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.seq == seq) {
            entry.status = status;
        }
    }

    /// All entries, oldest first.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Counts a call of any kind.
    pub(crate) fn count(&mut self, operation: &str) {
        *self.counts.entry(operation.to_owned()).or_default() += 1;
    }

    /// Remembers that this principal was allowed this ARM action.
    pub(crate) fn allowed(&mut self, principal: &str, action: &str) {
        let actions = self.actions.entry(principal.to_owned()).or_default();
        // Paths are spelled in any casing; an action is one whatever its casing.
        if !actions.iter().any(|known| known.eq_ignore_ascii_case(action)) {
            actions.insert(action.to_owned());
        }
    }

    /// The ARM actions that each principal was allowed so far, by its name.
    pub(crate) fn actions(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.actions
    }

    /// Calls by operation.
    pub(crate) fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }
}
