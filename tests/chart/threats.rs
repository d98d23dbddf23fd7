//! The threat model against the tests: each control names tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const THREATS: &str = include_str!("../../docs/security.md");

/// Every function that is a test, in `tests` and in `src`.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![Path::new(ROOT).join("tests"), Path::new(ROOT).join("src")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.extend(tests_of(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

fn tests_of(text: &str) -> Vec<String> {
    let mut marked = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
            if marked {
                found.push(rest.split('(').next().unwrap_or_default().to_owned());
            }
            marked = false;
        }
    }
    found
}

#[test]
fn every_threat_has_a_control_and_a_test_that_exists() {
    let tests = tests();
    assert!(tests.len() > 100, "{}", tests.len());
    let table = THREATS.split("| threat | control | test |").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).collect();
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [threat, control, named] = cells[..] else { panic!("not three cells: {row}") };
        assert!(!threat.is_empty() && !control.is_empty() && named.contains('`'), "{row}");
        for name in named.split('`').skip(1).step_by(2) {
            assert!(tests.contains(name), "{threat}: there is no test {name}");
        }
    }
}
