//! A running `asr-simulator`, and the hand behind its scenes (`/_sim/`), reached over the same TLS as ARM is.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::binaries::product_binary;
use super::process::{Program, Supervised};
use super::run_dir::RunDir;
use super::{Failure, Result, https_client};

const START_DEADLINE: Duration = Duration::from_secs(60);

/// Where Azure is, for a program that is to use it.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub arm: String,
    pub authority: String,
    pub ca_path: PathBuf,
}

/// A simulator of its own for one test. Calls panic when it does not answer or refuses: it is the test that is wrong then.
pub struct Simulator {
    pub arm: String,
    pub authority: String,
    pub ca_path: PathBuf,
    client: reqwest::Client,
    process: Supervised,
}

/// What the whole loop by the samples asks of Azure, in order, as the ledger names it.
pub const ROUND: [&str; 7] = [
    "unplannedFailover",
    "applyRecoveryPoint",
    "failoverCommit",
    "switchprotection",
    "unplannedFailover",
    "failoverCommit",
    "switchprotection",
];

/// The part of a seed by which the simulated Entra ID trusts the ServiceAccounts of the cluster with this public key (PEM), and
/// no other's.
pub fn federation(public_key: &str) -> String {
    format!("federation: {{issuer: \"https://kubernetes.default.svc\", publicKey: {}}}\n", Value::from(public_key))
}

impl Simulator {
    /// Starts one with this seed; its service time runs `clock_rate` times as fast as ours.
    pub async fn start(seed_yaml: &str, clock_rate: u32) -> Result<Self> {
        Self::start_at("127.0.0.1:0", seed_yaml, clock_rate).await
    }

    /// The same at this address.
    pub async fn start_at(listen: &str, seed_yaml: &str, clock_rate: u32) -> Result<Self> {
        let dir = RunDir::create("simulator")?;
        let seed = dir.write("seed.yaml", seed_yaml)?;
        let mut process = Program::new("asr-simulator", &product_binary("asr-simulator")?, dir.join("simulator.log"))
            .args(["serve", "--listen", listen, "--seed"])
            .arg(&seed)
            .arg("--ca-out")
            .arg(dir.path())
            .args(["--clock-rate", &clock_rate.to_string()])
            .start()?;
        let ready: Value = process
            .wait_for_line(START_DEADLINE, "line of JSON", |line| {
                let ready: Value = serde_json::from_str(line).ok()?;
                ready["arm"].is_string().then_some(ready)
            })
            .await?;
        let field = |name: &str| {
            ready[name]
                .as_str()
                .map(String::from)
                .ok_or_else(|| Failure::new(format!("asr-simulator's line of JSON has no {name}: {ready}")))
        };
        let ca_path = PathBuf::from(field("ca")?);
        let ca = std::fs::read_to_string(&ca_path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", ca_path.display())))?;
        Ok(Self { arm: field("arm")?, authority: field("authority")?, ca_path, client: https_client(&ca)?, process })
    }

    /// Where it is, for an operator.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints { arm: self.arm.clone(), authority: self.authority.clone(), ca_path: self.ca_path.clone() }
    }

    /// Every mutating call that it has seen, in order: what the tests judge by.
    pub async fn ledger(&self) -> Vec<Value> {
        match self.get("ledger").await {
            Value::Array(calls) => calls,
            other => panic!("the ledger is no list: {other}"),
        }
    }

    /// The calls of the ledger that were accepted.
    pub async fn accepted(&self) -> Vec<Value> {
        let mut calls = self.ledger().await;
        calls.retain(|call| call["accepted"] == true);
        calls
    }

    /// Adds a fault, or a list of them.
    pub async fn faults(&self, faults: Value) -> Value {
        self.post("faults", faults).await
    }

    /// Takes all faults away, and lets held answers go.
    pub async fn clear_faults(&self) -> Value {
        self.send(self.client.delete(self.control("faults"))).await
    }

    /// Changes the clock: `{"rate"}` or `{"advanceSeconds"}`.
    pub async fn clock(&self, change: Value) -> Value {
        self.post("clock", change).await
    }

    /// All protected items, as they are.
    pub async fn items(&self) -> Value {
        self.get("items").await
    }

    /// Changes an item.
    pub async fn set_item(&self, change: Value) -> Value {
        self.post("items", change).await
    }

    /// Does a verb as somebody else, in the portal.
    pub async fn actor(&self, act: Value) -> Value {
        self.post("actor", act).await
    }

    /// Reads another of its control paths.
    pub async fn get(&self, path: &str) -> Value {
        self.send(self.client.get(self.control(path))).await
    }

    /// Writes to another of its control paths.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        self.send(self.client.post(self.control(path)).json(&body)).await
    }

    /// The process, to freeze it or read its log.
    pub fn process(&mut self) -> &mut Supervised {
        &mut self.process
    }

    fn control(&self, path: &str) -> String {
        format!("{}/_sim/{path}", self.arm.trim_end_matches('/'))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = request
            .send()
            .await
            .unwrap_or_else(|error| panic!("the simulator does not answer: {error:?}; {}", self.process.log_tail()));
        let (status, url) = (answer.status(), answer.url().clone());
        let body = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{url} answers {status}: {body}");
        serde_json::from_str(&body).unwrap_or(Value::Null)
    }
}
