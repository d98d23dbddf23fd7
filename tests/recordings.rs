//! The client, its translations and its decisions against recorded traffic of Azure.
//!
//! `ASR_RECORDINGS=DIR cargo test --test recordings -- --nocapture` runs over any folder of recordings in the format that
//! `tests/fixtures/README.md` describes; without the variable, over `../shared/recordings` beside the repository where it
//! exists. The committed fixtures are run over in any case.
//!
//! How many exchanges a folder must hold at least: `ASR_RECORDINGS_MIN`; else `exchanges` of its `expected.json`; else the
//! number in a line `exchanges: N` of its `README.md`; else, for the default folder, what it held when this was written;
//! else one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what goes wrong in setting a test up fails the test")]

#[path = "recordings/compare.rs"]
mod compare;
#[path = "recordings/decisions.rs"]
mod decisions;
#[path = "recordings/decoding.rs"]
mod decoding;
#[path = "recordings/folder.rs"]
mod folder;
#[path = "recordings/jobs.rs"]
mod jobs;
#[path = "recordings/replay.rs"]
mod replay;
#[path = "recordings/report.rs"]
mod report;
#[path = "recordings/requests.rs"]
mod requests;
#[path = "recordings/run.rs"]
mod run;
#[path = "recordings/self_check.rs"]
mod self_check;
#[allow(dead_code, reason = "the wire schema's tests use more of it")]
#[path = "wire_schema/service.rs"]
mod service;
#[path = "recordings/states.rs"]
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use report::Report;

/// What the default folder held when this was written.
const DEFAULT_HOLDS: usize = 194;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixtures() -> PathBuf {
    repository().join("tests/fixtures")
}

fn default_folder() -> PathBuf {
    repository().join("../shared/recordings")
}

/// The least number of exchanges that `folder` must hold.
fn least(folder: &Path) -> usize {
    let given = std::env::var("ASR_RECORDINGS_MIN").ok().map(|text| text.trim().parse().unwrap());
    given.or_else(|| stated(folder)).unwrap_or(if folder == default_folder() { DEFAULT_HOLDS } else { 1 })
}

/// What the folder says of itself.
fn stated(folder: &Path) -> Option<usize> {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let expected = read("expected.json").and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let in_readme = || {
        let line = read("README.md")?.lines().find_map(|line| {
            let (word, number) = line.split_once(':')?;
            word.trim().eq_ignore_ascii_case("exchanges").then(|| number.trim().parse().ok())?
        })?;
        Some(line)
    };
    expected.and_then(|e| usize::try_from(e["exchanges"].as_u64()?).ok()).or_else(in_readme)
}

fn holds(folder: &Path, least: usize) -> Report {
    let report = run::run(folder, least);
    println!("{}\n{report}", folder.display());
    assert!(report.problems.is_empty(), "{}:\n{}", folder.display(), report.problems.join("\n"));
    report
}

/// The folder that a run was asked for, or the default one where it exists; says so when there is none.
#[allow(clippy::explicit_write, reason = "eprintln! would be captured with the output of a test that passes")]
fn folder_to_run(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("ASR_RECORDINGS").map(PathBuf::from);
    let folder = named.or_else(|| Some(default_folder()).filter(|folder| folder.is_dir()));
    if folder.is_none() {
        // Past the capture of a test's output: a run without recordings must not look like one with them.
        let text = "no folder of recordings: ASR_RECORDINGS names none and ../shared/recordings does not exist. Only the \
                    committed fixtures (tests/fixtures) were checked.";
        writeln!(std::io::stderr(), "NOT RUN: {test}: {text}").unwrap();
    }
    folder
}

#[test]
fn a_folder_of_recordings_holds() {
    let Some(folder) = folder_to_run("a_folder_of_recordings_holds") else { return };
    holds(&folder, least(&folder));
}

/// What a client decides by is judged, in the words that the service is known to use; the rest of a folder is shown.
#[tokio::test]
async fn the_simulator_lives_what_the_folder_holds() {
    let Some(folder) = folder_to_run("the_simulator_lives_what_the_folder_holds") else { return };
    for (recording, found) in replay::all(&folder).await {
        println!("{recording} replayed: {:?} compared", found.compared);
        let listed = listed(&recording).unwrap_or_default();
        let unlisted = |all: &BTreeSet<String>| all.iter().filter(|t| !listed.contains_key(*t)).cloned().collect();
        let (words, forms): (Vec<String>, Vec<String>) = (unlisted(&found.words), unlisted(&found.forms));
        println!("{recording}: {} differences of form without a line: {forms:#?}", forms.len());
        assert!(words.is_empty(), "{recording}: not in simulator-differences.json: {words:#?}");
    }
}

#[test]
fn the_committed_fixtures_hold() {
    holds(&fixtures(), stated(&fixtures()).unwrap());
}

/// What the simulator answers otherwise than a recording, each with its reason; by recording.
const DIFFERENCES: &str = include_str!("fixtures/simulator-differences.json");

fn listed(recording: &str) -> Option<BTreeMap<String, String>> {
    let all: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(DIFFERENCES).unwrap();
    all.get(recording).cloned()
}

#[tokio::test]
async fn the_simulator_lives_the_recorded_life_but_for_what_is_listed() {
    let replayed = replay::all(&fixtures()).await;
    assert!(!replayed.is_empty(), "no fixture can be replayed");
    for (recording, found) in replayed {
        println!("{recording} replayed: {:?} compared", found.compared);
        let listed = listed(&recording).unwrap_or_default();
        let all: BTreeSet<&String> = found.words.iter().chain(&found.forms).collect();
        let unlisted: Vec<_> = all.iter().filter(|text| !listed.contains_key(**text)).collect();
        assert!(unlisted.is_empty(), "{recording}: not in simulator-differences.json: {unlisted:#?}");
        let gone: Vec<_> = listed.keys().filter(|text| !all.contains(text)).collect();
        assert!(gone.is_empty(), "{recording}: in simulator-differences.json, and no longer so: {gone:#?}");
        assert!(listed.values().all(|reason| reason.len() > 20), "every difference has its reason");
    }
}
