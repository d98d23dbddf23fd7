//! Alerts and dashboard against the program: they name only metrics, labels and values that exist, and every alert has its
//! runbook.

use crate::harness::RunDir;
use asr_operator::domain::Reason;
use asr_operator::domain::condition::Truth;
use asr_operator::domain::vm::SHOWN;
use asr_operator::telemetry::{CallOutcome, Metrics, PassOutcome, Service};
use jiff::SignedDuration;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const ALERTS: &str = include_str!("../../charts/asr-operator/files/alerts.yaml");
const DASHBOARD: &str = include_str!("../../charts/asr-operator/files/dashboard.json");
const CASES: &str = include_str!("alerts.test.yaml");
const RUNBOOKS: &str = include_str!("../../docs/runbooks.md");

/// Labels that Prometheus itself adds.
const SCRAPED: [&str; 3] = ["pod", "namespace", "instance"];

/// Every metric with its labels, as /metrics shows them once each of them was counted.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let metrics = Metrics::default();
    metrics.pass("ReplicatedVm", PassOutcome::Failed);
    metrics.call("Failover", CallOutcome::Accepted);
    metrics.transition("ReplicatedVm", Reason::Ready);
    metrics.vms(BTreeMap::from([(("Protected", "True"), 1)]));
    metrics.open_requests(BTreeMap::from([(("FailoverRequest", Reason::ReadOnly), 1)]));
    metrics.answer(Service::Arm, Some(429));
    metrics.calls_left(BTreeMap::from([("Read", 100)]));
    metrics.achieved("Failover", Some(SignedDuration::from_mins(4)), Some(SignedDuration::from_mins(9)));
    let text = metrics.text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines {
        let (name, rest) = line.split_once(['{', ' ']).unwrap();
        let labels = rest.split('}').next().filter(|_| line.contains('{')).unwrap_or_default();
        let labels = labels.split(',').filter_map(|label| label.split_once('=')).map(|(key, _)| key.to_owned());
        all.entry(one(name).to_owned()).or_default().extend(labels);
    }
    all
}

/// A histogram is one metric under three names.
fn one(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].into_iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name)
}

/// The expressions of alerts and panels.
fn expressions() -> Vec<String> {
    let alerts: Value = serde_yaml::from_str(ALERTS).unwrap();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let rules = alerts["groups"][0]["rules"].as_array().unwrap().iter().map(|rule| &rule["expr"]);
    let panels = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let all: Vec<&Value> = rules.chain(panels.map(|target| &target["expr"])).collect();
    all.into_iter().map(|expression| expression.as_str().unwrap().to_owned()).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[test]
fn they_name_only_metrics_and_labels_that_exist() {
    let metrics = metrics();
    assert_eq!(metrics.len(), 20, "{metrics:?}");
    let labels: BTreeSet<&str> = metrics.values().flatten().map(String::as_str).chain(SCRAPED).collect();
    let mut named = BTreeSet::new();
    for expression in expressions() {
        for word in words(&expression).filter(|word| word.starts_with("asr_")) {
            assert!(metrics.contains_key(one(word)), "{word} is no metric: {expression}");
            named.insert(one(word).to_owned());
        }
        for by in expression.split(" by (").skip(1) {
            for label in words(by.split(')').next().unwrap()) {
                assert!(labels.contains(label), "{label} is no label: {expression}");
            }
        }
        let chosen = expression.split('{').skip(1).map(|rest| rest.split('}').next().unwrap());
        for chosen in chosen.flat_map(|all| all.split(',')) {
            let (label, values) = chosen.split_once('=').unwrap();
            let label = label.trim_end_matches('!');
            assert!(labels.contains(label), "{label} is no label: {expression}");
            values_exist(label, values, &expression);
        }
    }
    assert_eq!(named.len(), metrics.len(), "a metric that nobody is shown: {named:?}");
}

fn values_exist(label: &str, values: &str, expression: &str) {
    let outcomes = ["Done", "Failed", "Panicked", "Accepted", "Refused", "NotSent", "Throttled", "Unknown"];
    for value in words(values) {
        let there = match label {
            "reason" => Reason::ALL.iter().any(|reason| reason.as_str() == value),
            "outcome" => outcomes.contains(&value),
            "condition" => SHOWN.iter().any(|condition| condition.as_str() == value),
            "status" => [Truth::True, Truth::False, Truth::Unknown].iter().any(|truth| truth.as_str() == value),
            "code" => value == "none" || value.parse().is_ok_and(|code: u16| (100..600).contains(&code)),
            _ => false,
        };
        assert!(there, "{label} is never {value}: {expression}");
    }
}

#[test]
fn every_alert_says_what_to_do() {
    let alerts: Value = serde_yaml::from_str(ALERTS).unwrap();
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    let headings: BTreeSet<&str> = RUNBOOKS.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut named = BTreeSet::new();
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        let anchor = format!("docs/runbooks.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook_url"], anchor.as_str());
        assert!(headings.contains(name), "docs/runbooks.md has no {name}");
        assert!(rule["labels"]["severity"].is_string() && rule["annotations"]["summary"].is_string(), "{name}");
        named.insert(name);
    }
    assert_eq!(headings, named, "a runbook without its alert");
}

/// `.ci/run` runs it: promtool is a program of Debian's package prometheus.
#[test]
#[ignore = "needs promtool in PATH"]
fn promtool_sees_each_alert_fire_and_stay_silent() {
    let dir = RunDir::create("promtool").unwrap();
    dir.write("alerts.yaml", ALERTS).unwrap();
    let cases = dir.write("alerts.test.yaml", CASES).unwrap();
    let output = std::process::Command::new("promtool").args(["test", "rules"]).arg(cases).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let cases: Value = serde_yaml::from_str(CASES).unwrap();
    let all = cases["tests"].as_array().unwrap().iter().map(|case| &case["alert_rule_test"][0]);
    let all: BTreeSet<(&str, bool)> =
        all.map(|t| (t["alertname"].as_str().unwrap(), t["exp_alerts"].as_array().unwrap().is_empty())).collect();
    let alerts: Value = serde_yaml::from_str(ALERTS).unwrap();
    for rule in alerts["groups"][0]["rules"].as_array().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        assert!(all.contains(&(name, false)) && all.contains(&(name, true)), "{name} has no firing or no silent case");
    }
}
