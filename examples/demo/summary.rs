//! What came of it: a row per act, the count of calls from the simulator's ledger, and what tools that wait were told.

use crate::ACTS;
use crate::harness::{Judgement, KstatusWatch, condition, eventually};
use crate::live::text;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

/// One act, after its end.
pub struct Act {
    /// Kind of its request.
    pub kind: &'static str,
    /// Name of its request.
    pub name: &'static str,
    /// The call that it should have made, once.
    pub operation: &'static str,
    /// The request, as the API server shows it.
    pub object: Value,
    /// Real time from the apply to the end.
    pub seconds: f64,
}

impl Act {
    fn status(&self) -> &Value {
        &self.object["status"]
    }

    fn job(&self) -> String {
        text(&self.status()["operations"][0]["jobId"])
    }

    fn json(&self) -> Value {
        let status = self.status();
        json!({
            "kind": self.kind,
            "name": self.name,
            "phase": status["phase"],
            "jobId": self.job(),
            "recoveryPoint": status["recoveryPointUsed"],
            "achievedRpo": status["achievedRpo"],
            "achievedRto": status["achievedRto"],
            "seconds": round(self.seconds),
        })
    }
}

/// Whether a request ended as it should.
pub fn succeeded(object: &Value) -> bool {
    condition(object, "Ready").is_some_and(|c| c["status"] == "True" && c["reason"] == "Succeeded")
}

/// What a tool that waits for objects by the rules of kstatus was told: kubectl, Flux, Argo CD.
#[derive(Debug)]
pub struct Judged {
    /// How many states of all objects were seen.
    states: usize,
    /// How each object was judged last, by its kind and name.
    last: BTreeMap<String, Judgement>,
    /// What would have misled the tool, in words.
    broken: Vec<String>,
}

impl Judged {
    /// What was seen until the tool knew that each of these acts had ended; with that the watch ends.
    pub async fn to_the_end_of(acts: &[Act], watch: KstatusWatch) -> Self {
        eventually(DEADLINE, "the end of each act, as it is watched", async || {
            let judge = watch.judge();
            let last = |act: &Act| judge.seen().get(&format!("{} {}", act.kind, act.name)).map(|(_, last)| *last);
            let ended = |act: &Act| last(act).is_some_and(|last| last != Judgement::InProgress);
            if acts.iter().all(ended) { Ok(()) } else { Err(format!("{:#?}", judge.seen())) }
        })
        .await;
        let judge = watch.into_judge();
        Self {
            states: judge.seen().values().map(|(times, _)| times).sum(),
            last: judge.seen().iter().map(|(name, (_, last))| (name.clone(), *last)).collect(),
            broken: judge.broken().to_vec(),
        }
    }

    fn json(&self) -> Value {
        let last: BTreeMap<_, _> = self.last.iter().map(|(name, last)| (name, format!("{last:?}"))).collect();
        json!({"states": self.states, "last": last, "broken": self.broken})
    }

    fn print(&self) {
        let well = if self.broken.is_empty() { "none of them misleads" } else { "NOT all as they should be" };
        println!("\n{} states of {} objects, by the rules of kstatus: {well}", self.states, self.last.len());
        for broken in &self.broken {
            println!("  {broken}");
        }
    }
}

/// The whole run.
pub struct Summary {
    acts: Vec<Act>,
    ledger: Vec<Value>,
    judged: Judged,
    wall_seconds: f64,
}

impl Summary {
    /// From the acts, the ledger after them, and what was seen of all objects.
    pub fn new(acts: Vec<Act>, ledger: Vec<Value>, judged: Judged, wall_seconds: f64) -> Self {
        Self { acts, ledger, judged, wall_seconds }
    }

    /// Calls beyond the one accepted call that each act is allowed: whoever made them, accepted or not.
    fn duplicates(&self) -> usize {
        let belongs = |call: &Value, act: &Act| {
            call["accepted"] == true
                && call["operation"] == act.operation
                && call["jobId"].as_str() == Some(act.job().as_str())
        };
        let mut left: Vec<&Value> = self.ledger.iter().collect();
        for act in &self.acts {
            if let Some(found) = left.iter().position(|call| belongs(call, act)) {
                left.remove(found);
            }
        }
        left.len()
    }

    /// Every act succeeded, with exactly one call each, and no tool that waits was misled.
    pub fn ok(&self) -> bool {
        self.acts.len() == ACTS.len()
            && self.acts.iter().all(|act| succeeded(&act.object))
            && self.duplicates() == 0
            && self.ledger.len() == self.acts.len()
            && self.judged.broken.is_empty()
    }

    /// For machines.
    pub fn json(&self) -> Value {
        json!({
            "ok": self.ok(),
            "steps": self.acts.iter().map(Act::json).collect::<Vec<_>>(),
            "mutatingCalls": self.ledger.len(),
            "duplicates": self.duplicates(),
            "kstatus": self.judged.json(),
            "wallSeconds": round(self.wall_seconds),
        })
    }

    /// For people.
    pub fn print_table(&self, set_up: Duration) {
        println!(
            "\n{:<27} {:<32} {:<10} {:<37} {:<8} {:<8} {:>6}",
            "KIND", "NAME", "PHASE", "JOB", "RPO", "RTO", "TOOK"
        );
        for act in &self.acts {
            let status = act.status();
            let or_dash = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            println!(
                "{:<27} {:<32} {:<10} {:<37} {:<8} {:<8} {:>5.1}s",
                act.kind,
                act.name,
                text(&status["phase"]),
                act.job(),
                or_dash(&status["achievedRpo"]),
                or_dash(&status["achievedRto"]),
                act.seconds
            );
        }
        println!("\nThe simulator's ledger of mutating calls:");
        for call in &self.ledger {
            println!(
                "  {} {:<20} {} accepted={} client request id {}",
                text(&call["time"]),
                text(&call["operation"]),
                call["status"],
                call["accepted"],
                text(&call["clientRequestId"])
            );
        }
        self.judged.print();
        println!(
            "\n{} acts, {} mutating calls, {} duplicates; {:.1} s, of which {:.1} s to set up: {}",
            self.acts.len(),
            self.ledger.len(),
            self.duplicates(),
            self.wall_seconds,
            set_up.as_secs_f64(),
            if self.ok() { "ok" } else { "NOT ok" }
        );
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
