//! The canaries: what must never be read in anything that the operator writes. The simulator plants them in every token
//! and every signed URL. Every operator of every test is searched for them when it ends: its log, its metrics, and all that the
//! API server was ever asked to keep, by the write-ahead log of its etcd.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What the simulator puts into every token and signature, the secrets of the tests' seeds, and how a ServiceAccount's token begins.
pub const CANARIES: [&str; 7] = [
    "TOKCANARY",
    "SIGCANARY",
    "demo-only-client-secret",
    "a-secret-to-act",
    "an-old-one",
    "the-neighbours",
    "eyJhbGciOi",
];

/// Those that nobody but the operator could have brought into the cluster.
const AZURES: [&str; 2] = ["TOKCANARY", "SIGCANARY"];

/// How much is read at once, in bytes.
pub const CHUNK: usize = 1 << 20;

/// The canaries in a text.
pub fn leaks(text: &str) -> Vec<&'static str> {
    CANARIES.into_iter().filter(|canary| text.contains(canary)).collect()
}

/// Panics when an operator's log, or what the cluster was asked to keep, holds one. `cluster` is the folder of a control
/// plane; one that is on no disk of ours is not searched.
pub fn assert_none(log: &str, cluster: Option<&Path>) {
    assert_eq!(leaks(log), [""; 0], "the operator's log holds a secret");
    let Some(files) = cluster.and_then(|cluster| cluster.join("etcd/member/wal").read_dir().ok()) else { return };
    for file in files.flatten().filter(|file| file.path().extension().is_some_and(|ending| ending == "wal")) {
        if let Some((canary, around)) = kept(&file.path()) {
            panic!("the API server was asked to keep {canary}: {around}");
        }
    }
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
