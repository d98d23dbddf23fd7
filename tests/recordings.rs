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

#[path = "recordings/decisions.rs"]
mod decisions;
#[path = "recordings/decoding.rs"]
mod decoding;
#[path = "recordings/folder.rs"]
mod folder;
#[path = "recordings/jobs.rs"]
mod jobs;
#[path = "recordings/report.rs"]
mod report;
#[path = "recordings/requests.rs"]
mod requests;
#[path = "recordings/run.rs"]
mod run;
#[path = "recordings/self_check.rs"]
mod self_check;
#[path = "recordings/states.rs"]
mod states;

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

#[test]
fn a_folder_of_recordings_holds() {
    let named = std::env::var_os("ASR_RECORDINGS").map(PathBuf::from);
    let folder = match named {
        Some(folder) => folder,
        None if default_folder().is_dir() => default_folder(),
        None => {
            // Past the capture of a test's output: a run without recordings must not look like one with them.
            let text = "NOT RUN: no folder of recordings; ASR_RECORDINGS names none and ../shared/recordings does not \
                        exist. Only the committed fixtures (tests/fixtures) were checked.";
            writeln!(std::io::stderr(), "{text}").unwrap();
            return;
        }
    };
    holds(&folder, least(&folder));
}

#[test]
fn the_committed_fixtures_hold() {
    holds(&fixtures(), stated(&fixtures()).unwrap());
}
