//! Every target over every seed and bounded changes of it: no panic.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::corpus::{self, Seed};
use super::{mutate, targets};

/// Random cases of each test; fixed, so that a run takes as long as the last one.
const CASES: u32 = 300;

fn target(name: &str) -> targets::Target {
    targets::ALL.iter().find(|(own, _)| *own == name).unwrap_or_else(|| panic!("no target {name}")).1
}

fn runner() -> TestRunner {
    TestRunner::new(Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() })
}

#[test]
fn every_target_has_a_recorded_seed_and_takes_it() {
    let mut counts: BTreeMap<&str, usize> = targets::ALL.iter().map(|(name, _)| (*name, 0)).collect();
    for seed in corpus::seeds() {
        target(seed.target)(&seed.bytes);
        *counts.get_mut(seed.target).unwrap() += 1;
    }
    println!("seeds: {counts:?}");
    assert!(counts.values().all(|count| *count > 0), "{counts:?}");
    assert!(counts.values().sum::<usize>() > 60, "{counts:?}");
}

#[test]
fn each_field_taken_away_or_made_strange_panics_nowhere() {
    let (mut tried, mut seen) = (0, BTreeSet::new());
    // What is listed has the same fields as what is read alone.
    let alone = |seed: &&Seed| !seed.body.is_string() && seed.target != "lists";
    for seed in corpus::seeds().iter().filter(alone) {
        for place in mutate::places(&seed.body) {
            let name = place.trim_start_matches(|c: char| c == '/' || c.is_ascii_digit()).to_owned();
            // One field is the same wherever it was recorded.
            if !seen.insert((seed.target, name)) {
                continue;
            }
            let strange = mutate::odd().into_iter().map(|other| mutate::with(&seed.body, &place, &other));
            for body in strange.chain([mutate::without(&seed.body, &place)]) {
                target(seed.target)(body.to_string().as_bytes());
                tried += 1;
            }
        }
    }
    println!("{tried} bodies with one odd field");
    assert!(tried > 1500, "{tried}");
}

#[test]
fn bodies_with_some_odd_fields_panic_nowhere() {
    let seeds: Vec<Seed> = corpus::seeds().into_iter().filter(|seed| !seed.body.is_string()).collect();
    let odd = select(seeds).prop_flat_map(|seed| (Just(seed.target), mutate::changes(seed.body)));
    let run = runner().run(&odd, |(name, body): (&str, Value)| {
        target(name)(body.to_string().as_bytes());
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    println!("{CASES} bodies with some odd fields");
}

#[test]
fn torn_bytes_panic_nowhere() {
    let torn = select(corpus::seeds()).prop_flat_map(|seed| (Just(seed.target), mutate::torn(seed.bytes)));
    let run = runner().run(&torn, |(name, bytes): (&str, Vec<u8>)| {
        target(name)(&bytes);
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    println!("{CASES} torn bodies and headers");
}

#[test]
fn any_bytes_panic_nowhere() {
    let bytes = proptest::collection::vec(any::<u8>(), 0..400);
    let run = runner().run(&bytes, |bytes| {
        targets::ALL.iter().for_each(|(_, target)| target(&bytes));
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    println!("{CASES} times any bytes, to each of {} targets", targets::ALL.len());
}

/// Each target has its file for `cargo fuzz`, which calls that function and no other.
#[test]
fn every_target_is_a_fuzz_target_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in targets::ALL {
        let file = format!("fuzz_targets/{name}.rs");
        let text = std::fs::read_to_string(folder.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!("targets::{name}(data)")), "{file}");
        assert!(
            manifest.contains(&format!("name = \"{name}\"")) && manifest.contains(&file),
            "{file} is not in Cargo.toml"
        );
    }
    let files = std::fs::read_dir(folder.join("fuzz_targets")).unwrap().count();
    assert_eq!(files, targets::ALL.len());
}

/// `cargo test --test input -- --ignored writes_the_seeds`, before `cargo fuzz run TARGET`.
#[test]
#[ignore = "writes fuzz/corpus, which is not kept"]
fn writes_the_seeds_of_the_fuzz_targets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (number, seed) in corpus::seeds().iter().enumerate() {
        let folder = folder.join(seed.target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{number:03}")), &seed.bytes).unwrap();
    }
}
