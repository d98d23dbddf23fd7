//! Each invariant of the promise (`docs/invariants.md`) has a test whose name begins with its number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

use std::collections::BTreeSet;
use std::path::Path;

/// Drills (I21) and schedules (I22) do not exist yet.
const TO_COME: [u32; 2] = [21, 22];

fn sources(path: &Path, into: &mut String) {
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| sources(&entry.unwrap().path(), into));
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        into.push_str(&std::fs::read_to_string(path).unwrap());
    }
}

/// The invariants that the name of a test begins with: `i01_i07_...` are two.
fn invariants(name: &str) -> impl Iterator<Item = u32> {
    name.split('_').map_while(|part| part.strip_prefix('i')?.parse().ok())
}

#[test]
fn each_invariant_has_a_test_of_its_number() {
    let mut text = String::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["src", "tests"].iter().for_each(|folder| sources(&root.join(folder), &mut text));
    let mut lines = text.lines().map(str::trim).peekable();
    let mut tested = BTreeSet::new();
    let (mut is_test, mut ignored) = (false, false);
    for line in &mut lines {
        let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ").and_then(|l| l.split('(').next());
        match name {
            Some(name) if is_test && !ignored => tested.extend(invariants(name)),
            None if line.starts_with("#[") => {
                is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
                ignored |= line.starts_with("#[ignore");
                continue;
            }
            _ => {}
        }
        (is_test, ignored) = (false, false);
    }
    let wanted = (1..=25).filter(|number| !TO_COME.contains(number));
    let missing: Vec<u32> = wanted.filter(|number| !tested.contains(number)).collect();
    println!("invariants with a test of their number: {tested:?}");
    assert!(missing.is_empty(), "no test that always runs begins with the number of {missing:?}");
}
