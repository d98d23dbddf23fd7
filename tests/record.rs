//! `asr-operator record` as a process against the simulator: what it writes, what it asks for, and what it must not show.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]
#![allow(dead_code, reason = "the recordings' runner is used in part")]

#[path = "recordings/decisions.rs"]
mod decisions;
#[path = "recordings/decoding.rs"]
mod decoding;
#[path = "recordings/folder.rs"]
mod folder;
mod harness;
#[path = "recordings/jobs.rs"]
mod jobs;
#[path = "recordings/report.rs"]
mod report;
#[path = "recordings/requests.rs"]
mod requests;
#[path = "recordings/run.rs"]
mod run;
#[path = "recordings/states.rs"]
mod states;

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use harness::{RunDir, Simulator, eventually, product_binary};
use serde_json::{Value, json};

const TENANT: &str = "7e9a9700-aaaa-4bbb-8ccc-0123456789ab";
const CLIENT: &str = "c11e9700-aaaa-4bbb-8ccc-0123456789ab";
const SUBSCRIPTION: &str = "5b5c9700-aaaa-4bbb-8ccc-0123456789ab";
const SECRET: &str = "CANARY-CLIENT-SECRET";
/// The seed's secret, what the simulator puts into tokens and signatures, and whose ids these are.
const CANARIES: [&str; 7] = [SECRET, "TOKCANARY", "SIGCANARY", "eyJ", TENANT, CLIENT, SUBSCRIPTION];
const DEADLINE: Duration = Duration::from_secs(60);

struct Azure {
    sim: Simulator,
    out: PathBuf,
}

impl Azure {
    async fn new() -> Self {
        let seed = format!(
            "tenant: {TENANT}\nsubscription: {SUBSCRIPTION}\nprincipals:\n  - {{name: recorder, clientId: {CLIENT}, clientSecret: {SECRET}}}\n\
             vaults:\n  - name: vault-dr\n    resourceGroup: rg-dr\n    items:\n      - {{name: item-a, vmName: app01, resourceGroup: rg-app, recoveryResourceGroup: rg-app-dr}}\n\
             \x20     - {{name: item-b, vmName: db01, address: 10.1.0.5}}\n"
        );
        let sim = Simulator::start(&seed, 60).await.unwrap();
        Self { sim, out: RunDir::create("record").unwrap().join("out") }
    }

    fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(product_binary("asr-operator").unwrap());
        let vault = format!(
            "/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-dr/providers/Microsoft.RecoveryServices/vaults/vault-dr"
        );
        command
            .args(["record", "--vault", &vault, "--arm-endpoint", &self.sim.arm, "--authority-host"])
            .arg(&self.sim.authority)
            .arg("--ca-bundle")
            .arg(&self.sim.ca_path)
            .arg("--out")
            .arg(&self.out)
            .args(args)
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", CLIENT)
            .env("AZURE_CLIENT_SECRET", SECRET)
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn record(&self, args: &[&str]) -> Output {
        self.command(args).output().await.unwrap()
    }

    /// All that was written, as text.
    fn text(&self) -> String {
        let files = std::fs::read_dir(&self.out).into_iter().flatten().flatten();
        files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
    }

    /// The exchanges of the one file.
    fn exchanges(&self) -> Vec<Value> {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// The recordings' runner takes the folder.
    fn holds(&self, least: usize) -> report::Report {
        let report = run::run_quickly(&self.out, least);
        assert!(report.problems.is_empty(), "{}\n{report}", report.problems.join("\n"));
        report
    }

    fn shows_no_canary(&self, output: &Output) {
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        for canary in CANARIES {
            assert!(!said.contains(canary), "{canary} in the output: {said}");
            assert!(!self.text().contains(canary), "{canary} in what was written");
        }
    }
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The paths of the exchanges, without names: keyword of a list, or keyword/* of one resource.
fn kinds(exchanges: &[Value]) -> Vec<String> {
    let kind = |exchange: &Value| {
        let path = exchange["url"].as_str().unwrap().split('?').next().unwrap().to_owned();
        let below: Vec<&str> = match path.rsplit_once("/providers/") {
            Some((_, below)) => below.split('/').skip(1).collect(),
            None => path.split('/').skip(5).collect(),
        };
        match below.len() % 2 {
            0 => format!("{}/*", below[below.len() - 2]),
            _ => below[below.len() - 1].to_owned(),
        }
    };
    exchanges.iter().map(kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_the_operator_reads_is_recorded_and_nothing_is_called() {
    let azure = Azure::new().await;
    let output = azure.record(&[]).await;
    succeeded(&output);
    assert_eq!(azure.sim.ledger().await, Vec::<Value>::new());
    azure.shows_no_canary(&output);
    azure.holds(25);
    let exchanges = azure.exchanges();
    let kinds = kinds(&exchanges);
    for kind in [
        "vaults/*",
        "replicationPolicies",
        "replicationFabrics",
        "replicationProtectionContainers",
        "replicationProtectionContainerMappings",
        "replicationProtectedItems",
        "replicationProtectedItems/*",
        "recoveryPoints",
        "replicationJobs",
        "virtualMachines/*",
        "networkInterfaces/*",
        "subnets/*",
        "virtualNetworks/*",
        "storageAccounts/*",
        "locks",
        "resourceGroups/*",
    ] {
        assert!(kinds.iter().any(|k| k.eq_ignore_ascii_case(kind)), "no {kind}: {kinds:#?}");
    }
    for exchange in &exchanges {
        let headers: Vec<&String> = exchange["headers"].as_object().unwrap().keys().collect();
        assert!(headers.iter().any(|name| *name == "date"), "{exchange:#}");
        let fine = |name: &str| {
            ["date", "content-type", "location", "azure-asyncoperation", "retry-after", "x-ms-failure-cause"]
                .contains(&name)
                || name.starts_with("x-ms-ratelimit-")
                || (name.starts_with("x-ms-") && name.ends_with("request-id"))
        };
        assert!(headers.iter().all(|name| fine(name)), "{headers:?}");
        assert_eq!(exchange["method"], "GET");
    }
    let text = azure.text();
    assert!(text.contains("app01") && text.contains("/resourceGroups/rg-app/"), "names stay");
    assert!(text.contains("/subscriptions/00000000-0000-0000-0000-000000000001/"), "{text:.2000}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_go_too_when_asked() {
    let azure = Azure::new().await;
    let output = azure.record(&["--anonymize", "--item", "app01"]).await;
    succeeded(&output);
    azure.shows_no_canary(&output);
    azure.holds(15);
    let text = azure.text();
    for name in ["app01", "db01", "rg-app", "vault-dr", "item-a", "rg-dr"] {
        assert!(!text.to_ascii_lowercase().contains(name), "{name} is still there");
    }
    assert!(text.contains("/virtualMachines/vm-"), "{text:.2000}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_does_meanwhile_is_recorded_and_what_does_not_change_is_folded() {
    let azure = Azure::new().await;
    let recording = azure.command(&["--follow", "--every", "1", "--item", "item-a"]).spawn().unwrap();
    eventually(DEADLINE, "a first recording", async || {
        if azure.text().contains("replicationJobs") { Ok(()) } else { Err("nothing yet") }
    })
    .await;
    azure.sim.actor(json!({"verb": "unplannedFailover", "item": "app01"})).await;
    eventually(DEADLINE, "the failover's end", async || {
        let text = azure.text();
        let ended = text.contains("UnplannedFailoverCommitPending") || text.contains("FailoverCommitPending");
        if ended && text.contains("\"repeats\"") { Ok(()) } else { Err(format!("{text:.3000}")) }
    })
    .await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(recording.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = recording.wait_with_output().await.unwrap();
    succeeded(&output);
    azure.shows_no_canary(&output);
    azure.holds(20);
    let exchanges = azure.exchanges();
    let folded = exchanges.iter().find(|e| e["repeats"].as_u64() > Some(1)).unwrap();
    assert!(folded["last_date"].is_string(), "{folded:#}");
    let jobs = exchanges.iter().filter(|e| e["url"].as_str().unwrap().contains("/replicationJobs/")).count();
    assert!(jobs >= 2, "a running job and an ended one: {jobs}");
    let ours = azure.sim.ledger().await.into_iter().filter(|call| call["principal"] != "portal").count();
    assert_eq!(ours, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verb_is_performed_once_followed_to_its_end_and_its_signed_urls_are_not_written() {
    let azure = Azure::new().await;
    let perform = ["--perform", "unplannedFailover", "--item", "app01", "--every", "1"];
    let refused = azure.record(&perform).await;
    assert!(!refused.status.success() && azure.sim.ledger().await.is_empty());
    let output = azure.record(&[&perform[..], &["--i-understand-this-acts-on-a-real-vm"]].concat()).await;
    succeeded(&output);
    azure.shows_no_canary(&output);
    let calls = azure.sim.ledger().await;
    assert_eq!(calls.len(), 1, "{calls:#?}");
    assert_eq!((&calls[0]["operation"], &calls[0]["accepted"]), (&json!("unplannedFailover"), &json!(true)));
    let report = azure.holds(25);
    assert_eq!(report.of(report::REBUILT, "POST"), 1, "{report}");
    assert_eq!(report.of(report::DECIDED, "POST"), 1, "{report}");
    assert_eq!(report.of(report::FOLLOWED, "to Succeeded"), 1, "{report}");
    let exchanges = azure.exchanges();
    let posted = exchanges.iter().find(|e| e["method"] == "POST").unwrap();
    assert_eq!(posted["status"], 202);
    assert_eq!(posted["request_body"], calls[0]["body"]);
    let location = posted["headers"]["azure-asyncoperation"].as_str().unwrap();
    for parameter in ["t=REDACTED", "c=REDACTED", "s=REDACTED", "h=REDACTED"] {
        assert!(location.contains(parameter), "{location}");
    }
    let kinds = kinds(&exchanges);
    assert!(kinds.iter().any(|kind| kind == "replicationOperationStatus/*"), "{kinds:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_identity_says_so_without_its_secret() {
    let azure = Azure::new().await;
    let output = azure.command(&[]).env("AZURE_CLIENT_SECRET", "CANARY-WRONG-SECRET").output().await.unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("CANARY") && said.contains("not read:"), "{said}");
}
