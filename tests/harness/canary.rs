//! The canaries: what must never be read in anything that the operator writes. The simulator plants them in every token
//! and every signed URL, and `super::planter` in all the rest of an answer. The log of every operator that a test starts as a process is
//! searched for them when it ends, however it ends, and its last metrics, where it could still show any; in the tests on a node, the
//! logs of its Pods. All that the API server was ever asked to keep is searched too, by the write-ahead log of its etcd, where a
//! `super::Operator` or a `super::ControlPlane` ends and at the end of a test on a node, for `TOKCANARY` and `SIGCANARY` alone: the
//! others the tests themselves brought there.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// What the simulator puts into every token and signature, the secrets of the tests' seeds, how a ServiceAccount's token begins, and
/// what opens the identity of the operator's machine.
pub const CANARIES: [&str; 8] = [
    "TOKCANARY",
    "SIGCANARY",
    "demo-only-client-secret",
    "a-secret-to-act",
    "an-old-one",
    "the-neighbours",
    "eyJhbGciOi",
    "of-this-machine",
];

/// Those that nobody but the operator could have brought into the cluster.
const AZURES: [&str; 2] = ["TOKCANARY", "SIGCANARY"];

/// How much is read at once, in bytes.
pub const CHUNK: usize = 1 << 20;

/// The canaries in a text.
pub fn leaks(text: &str) -> Vec<&'static str> {
    CANARIES.into_iter().filter(|canary| text.contains(canary)).collect()
}

/// Each line of a text that holds one, as far as it stands around it.
pub fn lines(text: &str) -> Vec<String> {
    let around = |line: &str, canary: &str| {
        let at = line.find(canary)?;
        let begin = line.floor_char_boundary(at.saturating_sub(300));
        let end = line.ceil_char_boundary((at + 100).min(line.len()));
        Some(line[begin..end].to_owned())
    };
    let first = |line| CANARIES.into_iter().find_map(|canary| around(line, canary));
    text.lines().filter_map(first).collect()
}

/// Each text of a JSON value that holds one, by its path: `status.operations.0.errors.0.message: ...`.
pub fn places(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    search(value, "", &mut found);
    found
}

fn search(value: &Value, path: &str, found: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::String(text) => found.extend(lines(text).into_iter().map(|line| format!("{path}: {line}"))),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(at, element)| search(element, &below(&at.to_string()), found));
        }
        Value::Object(members) => {
            for (name, member) in members {
                found.extend(lines(name).into_iter().map(|line| format!("{path}: a member {line}")));
                search(member, &below(name), found);
            }
        }
        _ => {}
    }
}

/// Panics when an operator's log, or what the cluster was asked to keep, holds one. `cluster` is the folder of a control
/// plane; one that is on no disk of ours is not searched.
pub fn assert_none(log: &str, cluster: Option<&Path>) {
    assert_eq!(leaks(log), [""; 0], "the operator's log holds a secret: {:#?}", lines(log));
    if let Some((canary, around)) = cluster.and_then(in_etcd) {
        panic!("the API server was asked to keep {canary}: {around}");
    }
}

/// The first canary that a control plane was asked to keep and that was not searched for before, with what stands around it.
pub fn in_etcd(cluster: &Path) -> Option<(&'static str, String)> {
    let files = cluster.join("etcd/member/wal").read_dir().ok()?;
    let logs = files.flatten().map(|file| file.path()).filter(|file| file.extension().is_some_and(|end| end == "wal"));
    logs.into_iter().find_map(|log| kept(&log))
}

/// The first canary in the part of a write-ahead log that was not searched before, with what stands around it.
pub fn kept(file: &Path) -> Option<(&'static str, String)> {
    static SEARCHED: Mutex<Option<HashMap<PathBuf, u64>>> = Mutex::new(None);
    let mut searched = SEARCHED.lock().unwrap_or_else(PoisonError::into_inner);
    let from = searched.get_or_insert_default().entry(file.to_owned()).or_default();
    let mut opened = File::open(file).ok()?;
    opened.seek(SeekFrom::Start(*from)).ok()?;
    let mut bytes = vec![0; CHUNK];
    loop {
        let read = fill(&mut opened, &mut bytes);
        let found = AZURES.into_iter().find_map(|canary| Some((canary, position(&bytes[..read], canary.as_bytes())?)));
        if let Some((canary, at)) = found {
            let around = &bytes[at.saturating_sub(300)..(at + 100).min(read)];
            return Some((canary, String::from_utf8_lossy(around).into_owned()));
        }
        // What is not written yet is zeros; the last bytes are read again, since a canary may lie across two reads.
        let written = bytes[..read].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        if written < CHUNK {
            *from += written.saturating_sub(AZURES[0].len()) as u64;
            return None;
        }
        *from += (CHUNK - AZURES[0].len()) as u64;
        opened.seek(SeekFrom::Start(*from)).ok()?;
    }
}

fn fill(file: &mut File, bytes: &mut [u8]) -> usize {
    let mut read = 0;
    while let Ok(more @ 1..) = file.read(&mut bytes[read..]) {
        read += more;
    }
    read
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|here| here == wanted)
}
