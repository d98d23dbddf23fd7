//! The guards of the protocol, each taken out of a copy of the product's own source: a test of the product must miss it.
//!
//! `guards.txt` is the table. The simulation tier takes guards away from outside, and the model from its own text of the
//! protocol; here it is the code that is shipped. A few are taken out in every run of the tests. Building the product once for each
//! of them takes a quarter of an hour: run it with `cargo test --test mutants -- --ignored --nocapture`. `ASR_GUARD` runs only
//! those whose title has that text.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what cannot be set up fails the test")]

mod guard;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use guard::Guard;
use tree::{Part, Tree};

#[test]
fn every_guard_of_the_table_stands_in_the_source_and_its_test_exists() {
    let tests = guard::tests_of_the_product();
    let guards = guard::table();
    let wrong: Vec<String> = guards
        .iter()
        .flat_map(|guard| {
            let missing = (!tests.contains(&guard.missed_by)).then(|| format!("{guard}: no test {}", guard.missed_by));
            guard.removed().err().into_iter().chain(missing)
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let names: BTreeSet<&str> = guards.iter().map(|guard| guard.name.as_str()).collect();
    assert_eq!(names.len(), guards.len(), "a guard stands in the table twice");
}

/// What holds a request, which VM it is, a job that is there already, and a call of which nobody knows.
const CLAUSES: [&str; 4] = ["1", "2", "3", "7"];

#[test]
fn a_guard_of_each_clause_that_lets_calls_through_taken_out_of_the_source_is_missed_by_its_test() {
    let first = |clause| guard::table().into_iter().find(|guard| guard.clause == clause && is_of(Part::Domain, guard));
    let guards: Vec<_> = CLAUSES.into_iter().filter_map(first).collect();
    assert_eq!(guards.len(), CLAUSES.len());
    take_out(guards);
}

#[test]
#[ignore = "builds the product once for each guard, for a quarter of an hour"]
fn every_guard_taken_out_of_the_source_is_missed_by_its_test() {
    let wanted = std::env::var("ASR_GUARD").unwrap_or_default();
    let guards: Vec<_> = guard::table().into_iter().filter(|guard| guard.to_string().contains(&wanted)).collect();
    assert!(!guards.is_empty(), "no guard has {wanted:?} in its title");
    take_out(guards);
}

fn is_of(part: Part, guard: &Guard) -> bool {
    Part::of(guard.file()) == part
}

/// The copies of the source are made once for all who take something out of them.
static COPIES: Mutex<()> = Mutex::new(());

fn take_out(guards: Vec<Guard>) {
    let _one_at_a_time = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
    let all = guards.len();
    let (pure, client): (Vec<Guard>, Vec<Guard>) = guards.into_iter().partition(|guard| is_of(Part::Domain, guard));
    let results = Mutex::new(BTreeMap::new());
    let half = pure.len() / 2;
    std::thread::scope(|scope| {
        scope.spawn(|| remove_each(&Tree::lay_out(Part::Domain, "first"), &pure[..half], &results));
        scope.spawn(|| {
            remove_each(&Tree::lay_out(Part::Domain, "second"), &pure[half..], &results);
            remove_each(&Tree::lay_out(Part::Client, "client"), &client, &results);
        });
    });
    let results = results.into_inner().unwrap();
    let wrong: Vec<&String> = results.values().filter_map(|result| result.as_ref().err()).collect();
    let missed = results.len() - wrong.len();
    writeln!(std::io::stderr(), "{all} guards taken out of the source, {missed} missed by their tests").ok();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(results.len(), all);
}

/// For each guard, the number of other tests that missed it too, or what is wrong.
type Results = Mutex<BTreeMap<String, Result<usize, String>>>;

fn remove_each(tree: &Tree, guards: &[Guard], results: &Results) {
    if guards.is_empty() {
        return;
    }
    let whole = tree.failing().unwrap();
    assert!(whole.is_empty(), "these tests fail with every guard in its place: {whole:?}");
    for guard in guards {
        let result = remove(tree, guard);
        match &result {
            Ok(others) => println!("{guard}: missed by {}, and by {others} more", guard.missed_by),
            Err(wrong) => println!("{wrong}"),
        }
        results.lock().unwrap().insert(guard.name.clone(), result);
    }
}

fn remove(tree: &Tree, guard: &Guard) -> Result<usize, String> {
    let failing = tree.failing_without(guard).map_err(|why| format!("{guard}: does not build without it: {why}"))?;
    if failing.contains(&guard.missed_by) {
        return Ok(failing.len() - 1);
    }
    let some: Vec<&String> = failing.iter().take(5).collect();
    Err(format!("{guard}: {} does not miss it; {} do: {some:?}", guard.missed_by, failing.len()))
}
