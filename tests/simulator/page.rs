//! The page "What happens when" has a row for everything that the simulator can do wrong, and each row's tests exist.

use std::collections::BTreeSet;
use std::path::Path;

use asr_operator::simulator::fate::Fate;
use asr_operator::simulator::faults::Effect;
use asr_operator::simulator::otherwise::Otherwise;
use asr_operator::simulator::recipe::RecipeSpec;
use asr_operator::simulator::seed::Flags;
use asr_operator::simulator::settings::Behaviour;
use serde::Serialize;

const PAGE: &str = include_str!("../../docs/what-happens-when.md");
const REST: &str = "\n## Switches without a row\n";

/// What stands in backticks.
fn names(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of all tables, cell by cell, without their heads.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| What happens |"));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

fn column(index: usize) -> BTreeSet<String> {
    rows(PAGE).iter().flat_map(|cells| names(cells[index])).collect()
}

fn fields(of: &impl Serialize) -> BTreeSet<String> {
    serde_json::to_value(of).unwrap().as_object().unwrap().keys().cloned().collect()
}

/// Everything that the simulator can do wrong, by name.
fn wrongs() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = Effect::ALL.map(|effect| effect.name().to_owned()).into();
    all.extend(Fate::ALL.map(|fate| fate.name().to_owned()));
    all.extend(RecipeSpec::NAMES.map(str::to_owned));
    all.extend(fields(&Behaviour::default()));
    all.extend(fields(&Flags::default()));
    all.extend(fields(&Otherwise::default()).iter().map(|name| format!("otherwise.{name}")));
    all
}

/// The text of every source of tests, the units of `src` among them.
fn sources() -> String {
    fn walk(folder: &Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let (root, mut all) = (Path::new(env!("CARGO_MANIFEST_DIR")), String::new());
    walk(&root.join("tests"), &mut all);
    walk(&root.join("src"), &mut all);
    all
}

/// Whether `sources` has a test of that name: a function, or a line of the table of assumptions.
fn is_test(sources: &str, name: &str) -> bool {
    let is = |mark: String| sources.match_indices(&mark).any(|(at, _)| tested(sources, at));
    is(format!("fn {name}()")) || sources.contains(&format!("\n    {name}:"))
}

/// Whether the function at `at` has an attribute of a test before it.
fn tested(sources: &str, at: usize) -> bool {
    let before = &sources[..at];
    let head = before.rfind("\n}\n").or_else(|| before.rfind("\n    }\n")).unwrap_or_default();
    let head = head.max(before.rfind("\n    }\n").unwrap_or_default());
    before[head..].contains("#[test]") || before[head..].contains("#[tokio::test")
}

#[test]
fn everything_that_the_simulator_does_wrong_has_its_row() {
    let (rest, told, wrongs) = (names(PAGE.split_once(REST).unwrap().1), column(3), wrongs());
    let missing: Vec<_> = wrongs.iter().filter(|name| !told.contains(*name) && !rest.contains(*name)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "without a row");
    assert!(rest.is_disjoint(&told) && rest.is_subset(&wrongs), "{rest:?}");
    let operations = ["connection", "token", "reads", "writes", "recreate"].map(str::to_owned);
    let unknown: Vec<_> = told.iter().filter(|name| !wrongs.contains(*name) && !operations.contains(name)).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "told, and nothing that the simulator does");
}

#[test]
fn every_row_is_full_and_its_tests_exist() {
    let (sources, rows) = (sources(), rows(PAGE));
    assert!(rows.len() > 60, "{}", rows.len());
    let mut missing = Vec::new();
    for cells in &rows {
        assert_eq!(cells.len(), 5, "{cells:?}");
        assert!(cells.iter().all(|cell| !cell.is_empty()) && !names(cells[4]).is_empty(), "{cells:?}");
        missing.extend(names(cells[4]).into_iter().filter(|name| !is_test(&sources, name)));
    }
    assert_eq!(missing, Vec::<String>::new(), "tests that do not exist");
}

#[test]
fn every_reason_of_a_row_exists() {
    let reasons: BTreeSet<&str> = asr_operator::domain::Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let shown = rows(PAGE).iter().flat_map(|cells| names(cells[1])).collect::<BTreeSet<_>>();
    let other = ["ReplicationHealthy", "SourceShutdown", "adoption", "Retry-After"];
    let unknown: Vec<_> =
        shown.iter().filter(|name| !reasons.contains(name.as_str()) && !other.contains(&name.as_str())).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "no reason of a condition");
}

#[test]
fn what_waits_for_a_person_is_not_said_to_be_stalled() {
    let waiting = ["`OutcomeUnknown`", "`Suspended`", "`ReadOnly`"];
    let wrong: Vec<&str> = rows(PAGE)
        .iter()
        .map(|cells| cells[1])
        .filter(|shown| waiting.iter().any(|reason| shown.contains(&format!("{reason}, Stalled"))))
        .collect();
    assert_eq!(wrong, Vec::<&str>::new());
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    let sources = sources();
    assert!(is_test(&sources, "a_test_that_does_not_exist_is_noticed"));
    assert!(!is_test(&sources, "sources") && !is_test(&sources, "rule_99_nothing"), "a helper is no test");
}
