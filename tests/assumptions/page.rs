//! The page of the assumptions names every switch and every test, and nothing that is not there.

use asr_operator::simulator::otherwise::Otherwise;
use asr_operator::simulator::settings::Behaviour;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/azure-assumptions.md");
const ROWS: [&str; 3] = [include_str!("items.rs"), include_str!("jobs.rs"), include_str!("answers.rs")];

/// What stands in backticks.
fn names(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of all tables, cell by cell, without their heads.
fn rows() -> Vec<Vec<&'static str>> {
    let lines = PAGE.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Not known |"));
    lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

fn column(index: usize) -> BTreeSet<String> {
    rows().iter().flat_map(|cells| names(cells[index])).collect()
}

fn fields(of: &impl Serialize) -> BTreeSet<String> {
    serde_json::to_value(of).unwrap().as_object().unwrap().keys().cloned().collect()
}

/// The tests of this program: one for each line of a table that begins with a name.
fn tests() -> BTreeSet<String> {
    let tables = ROWS.map(|text| text.split_once("\notherwise! {\n").unwrap().1);
    let named = |line: &str| {
        let (name, _) = line.strip_prefix("    ")?.split_once(':')?;
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        plain.then(|| name.to_owned())
    };
    tables.iter().flat_map(|table| table.lines().filter_map(named)).collect()
}

/// Every file below `tests/rules` and `tests/model`.
fn others() -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    ["rules", "model"].map(|part| below(&tests.join(part))).concat()
}

fn below(path: &Path) -> String {
    if path.is_file() {
        return std::fs::read_to_string(path).unwrap();
    }
    std::fs::read_dir(path).unwrap().map(|entry| below(&entry.unwrap().path())).collect()
}

#[test]
fn every_switch_has_its_row_or_is_listed_as_no_assumption_and_no_other_is_named() {
    let mut switches = fields(&Behaviour::default());
    assert!(switches.remove("otherwise"));
    switches.extend(fields(&Otherwise::default()).iter().map(|name| format!("otherwise.{name}")));
    let plain = names(PAGE.split_once("\n## Switches that are no assumption\n").unwrap().1);
    let told = column(3);
    assert!(told.is_disjoint(&plain), "{:?}", told.intersection(&plain));
    assert_eq!(told.union(&plain).cloned().collect::<BTreeSet<_>>(), switches);
}

#[test]
fn every_test_has_its_row_and_every_test_of_a_row_exists() {
    let (tests, told, others) = (tests(), column(4), others());
    assert!(tests.len() > 50, "{tests:?}");
    assert_eq!(tests.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "tests without a row");
    for name in told.difference(&tests) {
        assert!(others.contains(&format!("fn {name}() {{")), "{name} is no test");
    }
}

#[test]
fn every_row_is_full_and_has_a_test() {
    for cells in rows() {
        assert_eq!(cells.len(), 6, "{cells:?}");
        assert!(cells.iter().all(|cell| !cell.is_empty()) && !names(cells[4]).is_empty(), "{cells:?}");
    }
}
