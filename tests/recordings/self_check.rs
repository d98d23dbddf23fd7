//! Whether the run notices anything: the committed fixtures, copied and changed.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::report::{DECIDED, FOLLOWED, JUDGED, REBUILT, STATES};
use super::{fixtures, run, stated};

const LIFE: &str = "cli-A2A_scenarios";

/// A copy of the fixtures that vanishes with the test.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recordings-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for entry in std::fs::read_dir(fixtures()).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
        }
        Self(folder)
    }

    fn text(&self, from: &str, to: &str) -> &Self {
        for entry in std::fs::read_dir(&self.0).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text.replace(from, to)).unwrap();
        }
        self
    }

    /// Changes one exchange of a recording.
    fn exchange(&self, file: &str, seq: u64, change: impl FnOnce(&mut Value)) -> &Self {
        self.recording(file, |exchanges| change(exchanges.iter_mut().find(|e| e["seq"] == seq).unwrap()))
    }

    fn recording(&self, file: &str, change: impl FnOnce(&mut Vec<Value>)) -> &Self {
        let path = self.0.join(format!("{file}.json"));
        let mut exchanges: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut exchanges);
        std::fs::write(&path, json!(exchanges).to_string()).unwrap();
        self
    }

    fn problems(&self) -> Vec<String> {
        run::run_quickly(&self.0, stated(&self.0).unwrap()).problems
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_fixtures_put_every_question() {
    let report = run::run(&fixtures(), stated(&fixtures()).unwrap());
    assert_eq!(report.of(REBUILT, "POST"), 4, "{report}");
    assert_eq!(report.of(DECIDED, "POST"), 2, "{report}");
    assert!(report.of(STATES, "A2A: UnplannedFailoverCommitted") == 1 && report.of(STATES, "A2A: Protected") == 2);
    assert!(report.of(STATES, "another provider") >= 3 && report.of(JUDGED, "allowed: is sent") >= 3, "{report}");
    assert!(report.of(FOLLOWED, "to Succeeded, with the decision that sent it") == 2, "{report}");
    assert!(report.ignored["replicationProtectedItems"].contains("eventCorrelationId"), "{report}");
    assert!(!report.ignored["replicationProtectedItems"].contains("activeLocation"), "{report}");
}

#[test]
fn what_is_not_needed_may_be_renamed_and_new_words_may_come() {
    let copy = Copy::new("tolerant");
    copy.text("eventCorrelationId", "correlationOfEvents")
        .text("\"replicationHealth\":\"Normal\"", "\"replicationHealth\":\"Splendid\"")
        .text("\"InitialReplicationInProgress\"", "\"InitialReplicationStrolling\"")
        .text("\"allowedOperations\":[", "\"allowedOperations\":[\"Levitate\",")
        .text("HyperVReplicaAzure", "Teleporter")
        .text("\"testFailoverState\":\"None\",", "")
        .exchange(LIFE, 85, |e| e["response_body"]["status"] = json!("Pondering"))
        .exchange(LIFE, 92, |e| e["response_body"] = json!({"id": "/subscriptions/s/x", "name": "CliVM2"}));
    assert_eq!(copy.problems(), Vec::<String>::new());
}

/// A change of one thing that must be noticed, and where.
fn noticed(name: &str, place: &str, change: impl FnOnce(&Copy)) {
    let copy = Copy::new(name);
    change(&copy);
    let problems = copy.problems();
    assert!(problems.iter().any(|problem| problem.contains(place)), "{name}: {problems:#?}");
}

fn properties(exchange: &mut Value) -> &mut Value {
    &mut exchange["response_body"]["properties"]
}

#[test]
fn a_swapped_state_is_noticed() {
    noticed("nothing-offered", "seq 84", |copy| {
        copy.exchange(LIFE, 73, |e| properties(e)["allowedOperations"] = json!(["DisableProtection"]));
    });
    noticed("another-verb-offered", "seq 84", |copy| {
        copy.exchange(LIFE, 73, |e| properties(e)["allowedOperations"] = json!(["Commit", "ChangePit"]));
    });
    noticed("another-side", "seq 122", |copy| {
        copy.exchange(LIFE, 121, |e| properties(e)["activeLocation"] = json!("Recovery"));
    });
    noticed("two-bodies", "seq 84", |copy| {
        copy.recording(LIFE, |all| {
            let at = |seq: u64, all: &[Value]| all.iter().position(|e| e["seq"] == seq).unwrap();
            let (one, other) = (at(72, all), at(73, all));
            let body = all[one]["response_body"].take();
            let other_body = std::mem::replace(&mut all[other]["response_body"], body);
            all[one]["response_body"] = other_body;
        });
    });
    noticed("regions", "seq 121", |copy| {
        copy.exchange(LIFE, 121, |e| {
            properties(e)["providerSpecificDetails"]["primaryFabricLocation"] = json!("eastus");
            properties(e)["providerSpecificDetails"]["recoveryFabricLocation"] = json!("eastus2");
        });
    });
    noticed("contradiction", "seq 68", |copy| {
        copy.exchange(LIFE, 68, |e| properties(e)["allowedOperations"] = json!(["UnplannedFailover"]));
    });
}

#[test]
fn a_changed_request_is_noticed() {
    let details = |exchange: &mut Value, field: &str, value: Value| {
        exchange["request_body"]["properties"]["providerSpecificDetails"][field] = value;
    };
    noticed("new-field", "seq 84", |copy| {
        copy.exchange(LIFE, 84, |e| details(e, "sendPostcard", json!(true)));
    });
    noticed("lost-field", "seq 93", |copy| {
        copy.exchange(LIFE, 93, |e| details(e, "policyId", Value::Null));
    });
    noticed("other-word", "seq 122", |copy| {
        copy.exchange(LIFE, 122, |e| e["request_body"]["properties"]["failoverDirection"] = json!("RecoveryToPrimary"));
    });
    noticed("body-of-a-commit", "seq 90", |copy| {
        copy.exchange(LIFE, 90, |e| e["request_body"] = json!({"properties": {}}));
    });
}

#[test]
fn a_changed_job_is_noticed() {
    noticed("other-job-polled", "seq 89", |copy| {
        copy.exchange(LIFE, 89, |e| {
            e["response_body"]["name"] = json!("00000000-0000-0000-0000-00000000dead");
        });
    });
    noticed("headers-disagree", "seq 84", |copy| {
        copy.exchange(LIFE, 84, |e| {
            e["headers"]["location"] = json!("https://h/x/operationresults/00000000-0000-0000-0000-00000000dead");
        });
    });
    noticed("back-from-the-end", "seq 89", |copy| {
        copy.exchange(LIFE, 85, |e| e["response_body"]["status"] = json!("Failed"));
    });
    noticed("undecodable", "seq 9", |copy| {
        copy.exchange("net-UnplannedFailover", 9, |e| e["response_body"]["name"] = json!(7));
    });
}

#[test]
fn a_folder_that_lost_exchanges_is_noticed() {
    noticed("short", "at least 41", |copy| {
        copy.recording(LIFE, |all| {
            all.pop();
        });
    });
    noticed("no-recording", "not.json", |copy| {
        std::fs::write(copy.0.join("not.json"), "{}").unwrap();
    });
}

#[tokio::test]
async fn a_simulator_that_lives_otherwise_is_noticed() {
    let copy = Copy::new("replay");
    copy.exchange(LIFE, 120, |e| properties(e)["allowedOperations"] = json!(["DisableProtection", "Commit"]))
        .exchange(LIFE, 121, |e| properties(e)["providerSpecificDetails"]["halfLife"] = json!(7))
        .exchange(LIFE, 123, |e| e["response_body"]["status"] = json!("Succeeded"))
        .exchange(LIFE, 93, |e| e["status"] = json!(200))
        .exchange(LIFE, 90, |e| e["headers"]["x-ms-new"] = json!("1"));
    let (_, found) = super::replay::all(&copy.0).await.pop().unwrap();
    let all: Vec<&String> = found.words.iter().chain(&found.forms).collect();
    for part in [
        "RecoveryCompletionPending: /allowedOperations recorded",
        "field properties.providerSpecificDetails.halfLife only recorded",
        "operation status: recorded \"Succeeded\", simulated \"InProgress\"",
        "202 of switchprotection: recorded 200",
        "header x-ms-new only recorded",
    ] {
        assert!(all.iter().any(|text| text.contains(part)), "{part}: {all:#?}");
    }
}
