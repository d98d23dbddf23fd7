//! The arrows between modules, held by reading the sources. Every rule is also shown a text that breaks it.
#![allow(clippy::unwrap_used, reason = "a source that cannot be read fails the test")]

use std::collections::BTreeSet;
use std::path::Path;

/// What each part may use of ours, besides itself. What is not listed here does not exist.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli", "controller", "api", "asr", "telemetry", "domain"]),
    ("cli", &["controller", "api", "asr", "telemetry", "domain"]),
    ("controller", &["domain", "api", "asr", "telemetry"]),
    // Reasons are its labels; `telemetry_knows_reasons_alone` holds it to them.
    ("telemetry", &["domain"]),
    ("domain", &[]),
    ("api", &[]),
    ("asr", &[]),
    ("simulator", &[]),
    ("bin/asr-simulator", &["simulator"]),
    ("lib", &[]),
];

/// The crates that `domain` may use: values and hashes, nothing that waits, reads or sends.
const DOMAIN_CRATES: &[&str] = &["std", "jiff", "sha2", "uuid"];

/// Words that have no place in `domain`: it does not wait, and is told the time.
const DOMAIN_WORDS: &[&str] = &[
    "async",
    "await",
    "tokio",
    "kube",
    "k8s_openapi",
    "reqwest",
    "hyper",
    "http",
    "tracing",
    "serde_json",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "thread::sleep",
];

/// Names that say nothing of what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "misc", "shared_utils"];

/// One file: its path below `src`, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The part of the product that the file belongs to.
    fn part(&self) -> String {
        let stem = self.path.trim_end_matches(".rs");
        match stem.split_once('/') {
            Some(("bin", name)) => format!("bin/{}", name.split('/').next().unwrap_or(name)),
            Some((part, _)) => part.to_owned(),
            None => stem.to_owned(),
        }
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The words of the code: identifiers and signs, without comments and literals.
    fn tokens(&self) -> Vec<String> {
        tokens(&self.text)
    }
}

fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let (mut out, mut i) = (Vec::new(), 0);
    while i < chars.len() {
        let c = at(i);
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == 'r' && (at(i + 1) == '"' || (at(i + 1) == '#' && matches!(at(i + 2), '"' | '#'))) {
            i = skip_raw_string(&chars, i + 1);
        } else if c == '"' {
            i = skip_string(&chars, i);
        } else if c == '\'' && (at(i + 2) == '\'' || at(i + 1) == '\\') {
            i += if at(i + 1) == '\\' { 2 } else { 1 };
            while i < chars.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
        } else if c.is_alphabetic() || c == '_' {
            let start = i;
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            out.push(chars[start..i].iter().collect());
        } else if c == ':' && at(i + 1) == ':' {
            out.push("::".to_owned());
            i += 2;
        } else {
            if !c.is_whitespace() {
                out.push(c.to_string());
            }
            i += 1;
        }
    }
    out
}

fn skip_string(chars: &[char], open: usize) -> usize {
    let mut i = open + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn skip_raw_string(chars: &[char], hashes_at: usize) -> usize {
    let hashes = chars[hashes_at..].iter().take_while(|c| **c == '#').count();
    let mut i = hashes_at + hashes + 1;
    while i < chars.len() {
        let closes = chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
        i += 1;
        if closes {
            return i + hashes;
        }
    }
    i
}

/// The first segments after each path that starts at `root`; a group `{a, b::c}` gives each of its heads.
fn heads_after(tokens: &[String], root: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for i in 0..tokens.len() {
        let next = |n: usize| tokens.get(i + n).map_or("", String::as_str);
        if !root.contains(&tokens[i].as_str()) || next(1) != "::" {
            continue;
        }
        if next(2) != "{" {
            found.insert(next(2).to_owned());
            continue;
        }
        let (mut depth, mut head, mut n) = (1, true, 3);
        while depth > 0 && i + n < tokens.len() {
            match next(n) {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," if depth == 1 => head = true,
                word if depth == 1 && head => {
                    found.insert(word.to_owned());
                    head = false;
                }
                _ => {}
            }
            n += 1;
        }
    }
    found
}

fn parts() -> BTreeSet<&'static str> {
    ARROWS.iter().map(|(part, _)| *part).collect()
}

/// Edges that the picture does not have.
fn wrong_arrows(source: &Source) -> Vec<String> {
    let part = source.part();
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == part) else {
        return vec![format!("{}: the part {part} is not in the picture", source.path)];
    };
    let tokens = source.tokens();
    // `super` may climb to the root as well: one of our parts right behind it is an edge, like any other.
    let used = heads_after(&tokens, &["crate", "asr_operator", "super"]);
    let wrong = used.iter().filter(|u| parts().contains(u.as_str()) && **u != part && !allowed.contains(&u.as_str()));
    wrong.map(|used| format!("{}: {part} -> {used}", source.path)).collect()
}

/// `telemetry` knows of `domain` its reasons alone.
fn telemetry_beyond_reasons(source: &Source) -> Vec<String> {
    if source.part() != "telemetry" {
        return vec![];
    }
    let tokens = source.tokens();
    let heads = heads_after(&tokens, &["domain"]);
    let whole = heads_after(&tokens, &["crate"]).contains("domain") && heads.is_empty();
    let wrong = heads.into_iter().filter(|h| h != "Reason" && h != "reason").chain(whole.then(|| "all".to_owned()));
    wrong.map(|what| format!("{}: telemetry uses {what} of domain", source.path)).collect()
}

/// Crates that `domain` uses and may not.
fn foreign_crates(source: &Source) -> Vec<String> {
    if source.part() != "domain" {
        return vec![];
    }
    let tokens = source.tokens();
    let own: BTreeSet<&str> = tokens.windows(2).filter(|w| w[0] == "mod").map(|w| w[1].as_str()).collect();
    let is_path_start = |i: usize| {
        tokens[i + 1] == "::" && tokens.get(i + 2).is_some_and(|t| t != "<") && (i == 0 || tokens[i - 1] != "::")
    };
    let starts = (0..tokens.len().saturating_sub(1)).filter(|i| is_path_start(*i)).map(|i| tokens[i].as_str());
    // Imported modules, such as `verb::row`, are paths of ours already.
    let imported: BTreeSet<String> = imported(&tokens);
    let fine = |name: &&str| {
        DOMAIN_CRATES.contains(name)
            || ["crate", "super", "self", ">"].contains(name)
            || own.contains(name)
            || imported.contains(*name)
            || name.starts_with(char::is_uppercase)
            || PRIMITIVES.contains(name)
            || (source.is_test() && *name == "proptest")
    };
    let wrong: BTreeSet<&str> = starts.filter(|name| !fine(name)).collect();
    wrong.into_iter().map(|name| format!("{}: domain uses {name}", source.path)).collect()
}

const PRIMITIVES: &[&str] = &["char", "str", "u16", "u32", "u64", "u128", "usize", "i32", "i64", "i128", "f64", "bool"];

/// Lower-case names that `use` brings in from `super`, `self` or `crate`.
fn imported(tokens: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (i, _) in tokens.iter().enumerate().filter(|(_, t)| *t == "use") {
        let path: Vec<&String> = tokens[i + 1..].iter().take_while(|t| *t != ";").collect();
        let ours = path.first().is_some_and(|p| ["super", "self", "crate"].contains(&p.as_str()));
        let std = path.first().is_some_and(|p| *p == "std");
        if ours || std {
            found.extend(path.into_iter().filter(|t| t.starts_with(char::is_lowercase)).cloned());
        }
    }
    found
}

/// Words that `domain` may not say.
fn forbidden_words(source: &Source) -> Vec<String> {
    if source.part() != "domain" {
        return vec![];
    }
    let tokens = source.tokens();
    let says = |word: &&&str| {
        let wanted = self::tokens(word);
        tokens.windows(wanted.len()).any(|w| w == wanted)
    };
    DOMAIN_WORDS.iter().filter(says).map(|word| format!("{}: domain says {word}", source.path)).collect()
}

/// Every module says its place in the first line.
fn unexplained_modules(source: &Source) -> Vec<String> {
    let explained = source.is_test() || source.text.starts_with("//!");
    if explained { vec![] } else { vec![format!("{}: does not begin with //!", source.path)] }
}

fn empty_names(source: &Source) -> Vec<String> {
    let tokens = source.tokens();
    let inline = tokens.windows(2).filter(|w| w[0] == "mod").map(|w| w[1].as_str());
    let segments = source.path.trim_end_matches(".rs").split('/');
    let wrong: BTreeSet<&str> = segments.chain(inline).filter(|name| EMPTY_NAMES.contains(name)).collect();
    wrong.into_iter().map(|name| format!("{}: {name} says nothing of what is inside", source.path)).collect()
}

fn sources() -> Vec<Source> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let below = path.strip_prefix(root).unwrap();
                let below: Vec<_> = below.iter().map(|s| s.to_string_lossy()).collect();
                found.push(Source { path: below.join("/"), text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 30, "the sources were not found: {} files", found.len());
    found
}

fn hold(rule: fn(&Source) -> Vec<String>) {
    let broken: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// `rule` finds fault with each text, and with nothing of the same file when it is empty.
fn sees(rule: fn(&Source) -> Vec<String>, path: &str, texts: &[&str]) {
    for text in texts {
        let source = Source { path: path.into(), text: (*text).into() };
        assert!(!rule(&source).is_empty(), "{path} is not found fault with: {text}");
    }
}

/// `rule` finds no fault with the texts.
fn accepts(rule: fn(&Source) -> Vec<String>, path: &str, texts: &[&str]) {
    for text in texts {
        let source = Source { path: path.into(), text: (*text).into() };
        assert_eq!(rule(&source), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn modules_use_only_what_the_picture_allows() {
    hold(wrong_arrows);
    sees(
        wrong_arrows,
        "domain/request/stage.rs",
        &[
            "use crate::api::v1alpha1::X;",
            "use crate::{api, asr::Y};",
            "use super::super::super::asr;",
            "fn f() { crate::telemetry::x() }",
        ],
    );
    sees(wrong_arrows, "api/mod.rs", &["use crate::domain::Reason;", "use crate::{schema, domain::Reason};"]);
    sees(wrong_arrows, "asr/transport.rs", &["use crate::domain::Reason;", "use crate::simulator::X;"]);
    sees(wrong_arrows, "simulator/mod.rs", &["use crate::asr::model::Item;"]);
    sees(wrong_arrows, "controller/mod.rs", &["use crate::simulator::X;", "use crate::cli::X;"]);
    sees(wrong_arrows, "telemetry/mod.rs", &["use crate::controller::X;"]);
    sees(wrong_arrows, "cli/run.rs", &["use crate::simulator::X;"]);
    sees(wrong_arrows, "main.rs", &["use asr_operator::simulator::X;"]);
    sees(wrong_arrows, "bin/asr-simulator.rs", &["use asr_operator::asr::X;"]);
    sees(wrong_arrows, "gadgets/mod.rs", &["//! A part that nobody drew."]);
    accepts(wrong_arrows, "controller/mod.rs", &["use crate::{domain, api::X, asr, telemetry};"]);
    accepts(
        wrong_arrows,
        "domain/a.rs",
        &["//! See crate::api.", "const S: &str = \"crate::api\";", "use crate::domain::b;"],
    );
    accepts(
        wrong_arrows,
        "domain/a.rs",
        &["const S: &str = r#\"\" crate::api\"#;", "const C: char = '\"'; // crate::api"],
    );
}

#[test]
fn telemetry_knows_reasons_alone() {
    hold(telemetry_beyond_reasons);
    sees(
        telemetry_beyond_reasons,
        "telemetry/metrics.rs",
        &["use crate::domain::record::Record;", "use crate::domain::{Reason, Condition};", "use crate::domain;"],
    );
    accepts(telemetry_beyond_reasons, "telemetry/metrics.rs", &["use crate::domain::Reason;"]);
}

#[test]
fn domain_uses_no_foreign_crate() {
    hold(foreign_crates);
    sees(
        foreign_crates,
        "domain/item.rs",
        &["use serde::Deserialize;", "use rand::random;", "fn f() { chrono::now() }", "use proptest::prelude::*;"],
    );
    accepts(
        foreign_crates,
        "domain/item.rs",
        &[
            "use std::sync::Arc; use jiff::Timestamp; use sha2::Sha256; use uuid::Uuid;",
            "use super::verb; fn f() { verb::row() }",
        ],
    );
}

#[test]
fn domain_neither_waits_nor_asks_for_the_time() {
    hold(forbidden_words);
    sees(
        forbidden_words,
        "domain/item.rs",
        &[
            "async fn f() {}",
            "fn f() { g().await }",
            "use tokio::time;",
            "use kube::Client;",
            "use reqwest::Client;",
            "let t = Instant::now();",
            "let t = std::time::SystemTime::now();",
            "let t = Timestamp::now();",
            "let t = jiff::Timestamp :: now();",
        ],
    );
    accepts(forbidden_words, "domain/item.rs", &["//! No await, no kube.", "fn now_of(t: Timestamp) {}"]);
    accepts(forbidden_words, "controller/item.rs", &["async fn f() {}"]);
}

#[test]
fn every_module_says_its_place() {
    hold(unexplained_modules);
    sees(unexplained_modules, "domain/item.rs", &["use std::fmt;", "", "/// An item.\nstruct Item;"]);
}

#[test]
fn no_module_has_an_empty_name() {
    hold(empty_names);
    for path in ["domain/utils.rs", "controller/helpers/mod.rs", "asr/common.rs", "controller/manager.rs"] {
        sees(empty_names, path, &["//! Something."]);
    }
    sees(empty_names, "domain/item.rs", &["mod helpers { }", "mod common;"]);
}
