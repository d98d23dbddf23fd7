//! One run over a folder: everything that is asked of a recording.

use std::collections::BTreeMap;
use std::path::Path;

use asr_operator::domain::ids::Step;

use super::decoding::Decoding;
use super::folder::{self, Exchange};
use super::report::{MISSING, REBUILT, Report, SKIPPED, UNSENT};
use super::states::Seen;
use super::{decisions, jobs, requests, states};

/// Runs over `folder`, which must hold at least `least` exchanges.
pub(crate) fn run(folder: &Path, least: usize) -> Report {
    run_with(folder, least, Decoding::default())
}

/// The same without a look for the fields that the model ignores, which takes most of the time.
pub(crate) fn run_quickly(folder: &Path, least: usize) -> Report {
    run_with(folder, least, Decoding { quick: true, ..Decoding::default() })
}

fn run_with(folder: &Path, least: usize, mut decoding: Decoding) -> Report {
    let mut report = Report::default();
    match folder::read(folder) {
        Ok(files) => {
            report.files = files.len();
            for exchanges in &files {
                report.exchanges += exchanges.len();
                recording(exchanges, &mut decoding, &mut report);
            }
        }
        Err(odd) => report.problems.extend(odd),
    }
    if report.exchanges < least {
        let found = report.exchanges;
        report.problems.push(format!("the folder holds {found} exchanges, and at least {least} are expected"));
    }
    missing(&mut report);
    report
}

fn recording(exchanges: &[Exchange], decoding: &mut Decoding, report: &mut Report) {
    let all = states::seen(exchanges);
    let providers = providers(exchanges, &all);
    states::check(exchanges, &all, report);
    for (at, exchange) in exchanges.iter().enumerate() {
        decoding.answer(exchange, report);
        let asked = sendable(exchange, &providers, report).and_then(|step| {
            requests::check(exchange, step, report);
            decisions::verb(exchanges, &all, at, step, report)
        });
        if exchange.status == 202 && exchange.method != "GET" {
            jobs::follow(exchanges, at, asked, report);
        }
    }
    for seen in &all {
        decisions::on_state(&exchanges[seen.at], seen, report);
    }
}

/// The step of a request that the client can send; counts the others.
fn sendable(exchange: &Exchange, providers: &BTreeMap<String, String>, report: &mut Report) -> Option<Step> {
    if exchange.method == "GET" {
        return None;
    }
    let operation = exchange.operation();
    let Some(step) = requests::step_of(exchange) else {
        report.count(UNSENT, operation);
        return None;
    };
    let item = requests::item_id(exchange, step).unwrap_or_default().to_ascii_lowercase();
    match requests::provider(exchange).or(providers.get(&item).map(String::as_str)) {
        Some("A2A") if (200..300).contains(&exchange.status) => Some(step),
        Some("A2A") => {
            report.count(SKIPPED, format!("{operation}: answered {}", exchange.status));
            None
        }
        Some(_) => {
            report.count(UNSENT, format!("{operation} of another provider"));
            None
        }
        None => {
            report.count(UNSENT, format!("{operation} of a provider that the recording does not name"));
            None
        }
    }
}

/// The provider of each item: by what was read of it, else by what was asked of it.
fn providers(exchanges: &[Exchange], all: &[Seen]) -> BTreeMap<String, String> {
    let read = all.iter().map(|seen| (seen.item.id.to_ascii_lowercase(), seen.detail("instanceType").to_owned()));
    let asked = exchanges.iter().filter_map(|exchange| {
        let step = requests::step_of(exchange)?;
        let id = requests::item_id(exchange, step)?.to_ascii_lowercase();
        Some((id, requests::provider(exchange)?.to_owned()))
    });
    let mut providers: BTreeMap<String, String> = asked.collect();
    providers.extend(read.filter(|(_, provider)| !provider.is_empty()));
    providers
}

/// What nobody should believe to have been shown.
fn missing(report: &mut Report) {
    for (verb, on) in [
        ("unplannedFailover", "replicationProtectedItems"),
        ("applyRecoveryPoint", "replicationProtectedItems"),
        ("failoverCommit", "replicationProtectedItems"),
        ("switchprotection", "replicationProtectionContainers"),
    ] {
        if report.of(REBUILT, &format!("POST {on}/*/{verb}")) == 0 {
            report.count(MISSING, format!("no A2A {verb} of a single item"));
        }
    }
}
