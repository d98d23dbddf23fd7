//! The live view: what an object says now, redrawn on a terminal, one line per change elsewhere.

use crate::harness::{Failure, Result, condition};
use crate::stage::Stage;
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(200);
const DEADLINE: Duration = Duration::from_secs(300);

/// Follows objects on a stage.
pub struct Live<'a> {
    stage: &'a Stage,
    terminal: bool,
}

impl<'a> Live<'a> {
    /// A view that suits standard output.
    pub fn new(stage: &'a Stage) -> Self {
        Self { stage, terminal: std::io::stdout().is_terminal() }
    }

    /// Shows a request until it ended, and returns it. An end that is not success is returned too.
    pub async fn follow(&self, kind: &str, name: &str) -> Result<Value> {
        let started = Instant::now();
        let mut shown = String::new();
        loop {
            let object = self.stage.object(kind, name).await.map_err(Failure::new)?;
            let line = line(&object);
            if line != shown {
                self.draw(&line, shown.is_empty());
                shown = line;
            }
            if ended(&object) {
                self.finish(&object);
                return Ok(object);
            }
            if started.elapsed() > DEADLINE {
                return Err(Failure::new(format!("{kind} {name} has not ended: {:#}", object["status"])));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Shows how a reprotect's data is copied, until it all is and the VM says so too.
    pub async fn synchronized(&self, name: &str) -> Result<()> {
        let mut shown = String::new();
        let started = Instant::now();
        loop {
            let request = self.stage.object("ReprotectRequest", name).await.map_err(Failure::new)?;
            let told = condition(&request, "Synchronized").cloned().unwrap_or_default();
            let line = format!("Synchronized {:<8} {}", text(&told["status"]), text(&told["message"]));
            if line != shown {
                self.draw(&line, shown.is_empty());
                shown = line;
            }
            if told["status"] == "True" {
                self.stage.wait("ReplicatedVm", "app01", |vm| is(vm, "Protected").then_some(())).await;
                return Ok(());
            }
            if started.elapsed() > DEADLINE {
                return Err(Failure::new(format!("{name} is not synchronized: {:#}", request["status"])));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Shows the VM as it stands.
    pub async fn vm(&self) {
        let vm = self.stage.object("ReplicatedVm", "app01").await.unwrap_or_default();
        let status = &vm["status"];
        println!(
            "\nReplicatedVm app01 runs on its {} side ({})",
            text(&status["activeSide"]),
            text(&status["activeRegion"])
        );
        print_conditions(&vm);
    }

    fn draw(&self, line: &str, first: bool) {
        if self.terminal && !first {
            print!("\x1b[1A\x1b[2K");
        }
        println!("  {line}");
        std::io::stdout().flush().ok();
    }

    fn finish(&self, object: &Value) {
        print_conditions(object);
    }
}

/// Phase, task, point and why, in one line.
fn line(object: &Value) -> String {
    let status = &object["status"];
    let operation = status["operations"].as_array().and_then(|all| all.last()).cloned().unwrap_or_default();
    let task = operation["tasks"]
        .as_array()
        .and_then(|tasks| tasks.iter().find(|t| t["state"] == "InProgress"))
        .map(|t| text(&t["name"]));
    let point = status["recoveryPointUsed"]["time"].as_str().map(|time| format!("point of {time}"));
    let reason = condition(object, "Ready").map(|c| text(&c["reason"]));
    let phase = status["phase"].as_str().unwrap_or("Applied");
    let parts = [Some(format!("{phase:<10}")), reason, task, point];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
}

fn ended(object: &Value) -> bool {
    is(object, "Ready") || is(object, "Stalled")
}

fn is(object: &Value, condition_type: &str) -> bool {
    condition(object, condition_type).is_some_and(|c| c["status"] == "True")
}

fn print_conditions(object: &Value) {
    for condition in object["status"]["conditions"].as_array().into_iter().flatten() {
        if ["Reconciling", "Stalled"].iter().any(|hidden| condition["type"] == *hidden) && condition["status"] != "True"
        {
            continue;
        }
        println!(
            "    {:<20} {:<8} {:<20} {}",
            text(&condition["type"]),
            text(&condition["status"]),
            text(&condition["reason"]),
            text(&condition["message"])
        );
    }
}

/// A JSON string without its quotes; nothing for what is absent.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
