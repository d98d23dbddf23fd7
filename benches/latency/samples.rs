//! What was measured: one sample per request, joined of what the client saw, the operator logged and the simulator received.
//!
//! All clocks are one machine's.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Failure, Result, target_dir};

/// Now, in microseconds.
pub fn now_us() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(now.as_micros()).expect("a clock before the year 292277")
}

/// When a request was sent to the API server, and when that had accepted it.
pub struct Accepted {
    pub name: String,
    pub sent_us: i64,
    pub accepted_us: i64,
}

/// The parts of the way, in their order; they add up to the whole.
const PARTS: [&str; 6] = [
    "accepted by the API server -> seen, a pass begins",
    "the target is frozen (claim, status), the next pass begins",
    "fresh reads from the API server",
    "fresh reads from Azure (item, jobs)",
    "decision, intent written to the item record",
    "new TLS connection, request received in full",
];

/// One request's way.
struct Sample {
    name: String,
    whole_us: i64,
    parts_us: Option<[i64; 6]>,
    create_us: i64,
}

/// All of them, and how often each item was called.
pub struct Samples {
    all: Vec<Sample>,
    calls: BTreeMap<String, usize>,
}

/// The operator's line about one pass: when it began, and how long its reads took.
struct Pass {
    began_us: i64,
    ended_us: i64,
    cluster_us: i64,
    azure_us: i64,
}

impl Samples {
    /// Joins what three sides saw.
    pub fn gather(accepted: &[Accepted], ledger: &[Value], log: &str) -> Self {
        let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut calls = BTreeMap::new();
        for call in ledger {
            *calls.entry(item_of(call)).or_default() += 1;
        }
        let all = accepted.iter().filter_map(|request| {
            let call = ledger.iter().find(|call| call["accepted"] == true && item_of(call) == request.name)?;
            let received_us = micros(&call["wallTime"])?;
            Some(Sample {
                name: request.name.clone(),
                whole_us: received_us - request.accepted_us,
                parts_us: parts(request, received_us, &lines),
                create_us: request.accepted_us - request.sent_us,
            })
        });
        Self { all: all.collect(), calls }
    }

    /// Without those that warmed up.
    pub fn without_first(&self, warm_up: usize) -> Self {
        let copy = |s: &Sample| Sample { name: s.name.clone(), ..*s };
        Self { all: self.all.iter().skip(warm_up).map(copy).collect(), calls: self.calls.clone() }
    }

    /// Why this is no measurement.
    pub fn invalid(&self, wanted: usize) -> Option<String> {
        if self.all.len() < wanted {
            return Some(format!("{} accepted calls of {wanted}", self.all.len()));
        }
        let twice: Vec<&String> = self.calls.iter().filter(|(_, n)| **n > 1).map(|(item, _)| item).collect();
        (!twice.is_empty()).then(|| format!("called more than once: {twice:?}"))
    }

    /// Keeps the samples in a file of their own.
    pub fn keep(&self) -> Result<PathBuf> {
        let folder = target_dir()?.join("latency");
        let file = folder.join(format!("{}.json", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
        let one = |s: &Sample| json!({"request": s.name, "wholeUs": s.whole_us, "partsUs": s.parts_us, "createUs": s.create_us});
        let all = json!({"parts": PARTS, "samples": self.all.iter().map(one).collect::<Vec<_>>()});
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, format!("{all:#}\n")));
        written.map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
        Ok(file)
    }

    /// The figures as a table.
    pub fn markdown(&self) -> String {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        // What else the machine was doing: on a busy one the tail is its own.
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let mut text = format!("{} requests, {cores} cores, loopback, load {load}; milliseconds\n\n", self.all.len());
        text.push_str("| | p50 | p95 | p99 | max |\n|---|---|---|---|---|\n");
        let whole: Vec<i64> = self.all.iter().map(|s| s.whole_us).collect();
        row(&mut text, "**accepted by the API server -> call received by Azure**", whole);
        for (at, part) in PARTS.iter().enumerate() {
            row(&mut text, part, self.all.iter().filter_map(|s| Some(s.parts_us?[at])).collect());
        }
        row(&mut text, "(before: the create itself)", self.all.iter().map(|s| s.create_us).collect());
        text
    }
}

fn row(text: &mut String, what: &str, mut values: Vec<i64>) {
    values.sort_unstable();
    // Nearest rank.
    let at =
        |percent: usize| values.get((values.len() * percent).div_ceil(100).max(1) - 1).copied().unwrap_or_default();
    #[allow(clippy::cast_precision_loss, reason = "microseconds of a measurement")]
    let ms = |us: i64| us as f64 / 1000.0;
    let cells = [50, 95, 99, 100].map(|percent| format!("{:.1}", ms(at(percent))));
    writeln!(text, "| {what} | {} |", cells.join(" | ")).expect("a String takes all");
}

fn item_of(call: &Value) -> String {
    call["item"].as_str().unwrap_or_default().to_owned()
}

fn micros(text: &Value) -> Option<i64> {
    Some(text.as_str()?.parse::<Timestamp>().ok()?.as_microsecond())
}

/// Where the time went, by the operator's log.
fn parts(request: &Accepted, received_us: i64, lines: &[Value]) -> Option<[i64; 6]> {
    let key = format!("/{}", request.name);
    let mut passes = lines.iter().filter_map(|line| pass(line, &key)).peekable();
    let first_us = passes.peek()?.began_us;
    let called =
        lines.iter().find(|line| line["message"] == "called Azure" && line["item"] == request.name.as_str())?;
    let calling_us = micros(&called["timestamp"])? - called["call_us"].as_i64()?;
    let last = passes.find(|pass| pass.ended_us >= calling_us)?;
    let read_us = last.began_us + last.cluster_us + last.azure_us;
    Some([
        first_us - request.accepted_us,
        last.began_us - first_us,
        last.cluster_us,
        last.azure_us,
        calling_us - read_us,
        received_us - calling_us,
    ])
}

fn pass(line: &Value, key: &str) -> Option<Pass> {
    if line["message"] != "observed, decided and acted" || !line["request"].as_str()?.ends_with(key) {
        return None;
    }
    let field = |name: &str| line[name].as_i64();
    let (ended_us, cluster_us, azure_us) = (micros(&line["timestamp"])?, field("cluster_us")?, field("azure_us")?);
    Some(Pass { began_us: ended_us - cluster_us - azure_us - field("act_us")?, ended_us, cluster_us, azure_us })
}
