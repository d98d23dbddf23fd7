//! A running `asr-operator run`, as a process of its own, so that it can be killed like one.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::binaries::product_binary;
use super::canary;
use super::control_plane::ControlPlane;
use super::process::{Program, Supervised};
use super::run_dir::RunDir;
use super::simulator::{Endpoints, Simulator};
use super::{Failure, Result};

const START_DEADLINE: Duration = Duration::from_secs(60);

/// What an operator is started with.
#[derive(Clone, Debug)]
pub struct OperatorOptions {
    /// Whose rights it has.
    pub kubeconfig: PathBuf,
    /// Which Azure it uses.
    pub sim: Endpoints,
    /// Which namespaces it serves; none means all.
    pub namespaces: Vec<String>,
    /// Where it keeps its records.
    pub operator_namespace: String,
    /// Further arguments of `run`.
    pub extra_args: Vec<String>,
}

impl OperatorOptions {
    /// As a Pod of a fresh installation, for all namespaces; but a VM is served as soon as it is seen, and tasks are read often.
    pub async fn installed(plane: &ControlPlane, sim: &Simulator) -> Self {
        Self {
            kubeconfig: plane.service_account_kubeconfig("asr-operator", "asr-operator").await,
            sim: sim.endpoints(),
            namespaces: vec![],
            operator_namespace: "asr-operator".into(),
            extra_args: ["--new-record-quarantine", "0", "--task-detail-every", "1"].map(String::from).to_vec(),
        }
    }
}

/// A started and ready operator. Dropping it kills it.
pub struct Operator {
    options: OperatorOptions,
    process: Supervised,
    /// Address of `/healthz` and `/readyz`: `127.0.0.1:PORT`.
    pub health: String,
    /// Address of `/metrics`: `127.0.0.1:PORT`.
    pub metrics: String,
}

impl Operator {
    /// Starts one, and returns when it says that it is ready.
    pub async fn start(mut options: OperatorOptions) -> Result<Self> {
        name(&mut options);
        let program = command(&options)?;
        Self::ready(options, program).await
    }

    /// The same with another filter of its log, in the form of `RUST_LOG`. A restart goes back to the usual one.
    pub async fn start_logging(mut options: OperatorOptions, filter: &str) -> Result<Self> {
        name(&mut options);
        let program = command(&options)?.env("RUST_LOG", filter);
        Self::ready(options, program).await
    }

    async fn ready(options: OperatorOptions, program: Program<'static>) -> Result<Self> {
        let mut process = program.start()?;
        let ready = process.wait_for_line(START_DEADLINE, "line of JSON with message \"ready\"", ready_line).await?;
        let field = |name: &str| {
            ready[name]
                .as_str()
                .map(String::from)
                .ok_or_else(|| Failure::new(format!("the operator's ready line has no {name}: {ready}")))
        };
        Ok(Self { health: field("health")?, metrics: field("metrics")?, options, process })
    }

    /// Kills it if it still runs, and starts another one like it.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill();
        *self = Self::start(self.options.clone()).await?;
        Ok(())
    }

    /// Kills it at once, without a chance to finish anything.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to end; it finishes what it must.
    pub fn terminate(&mut self) {
        self.process.terminate();
    }

    /// The process, to freeze it or wait for its end.
    pub fn process(&mut self) -> &mut Supervised {
        &mut self.process
    }

    /// What it answers at a path of its health address.
    pub async fn probe(&self, path: &str) -> std::result::Result<String, String> {
        read(&self.health, path).await
    }

    /// Its metrics.
    pub async fn scrape(&self) -> std::result::Result<String, String> {
        read(&self.metrics, "/metrics").await
    }

    /// The value of one of its gauges.
    pub async fn gauge(&self, name: &str) -> std::result::Result<u32, String> {
        let text = self.scrape().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("asr_operator_{name} ")));
        line.and_then(|value| value.parse().ok()).ok_or(text)
    }

    /// All that it has logged since this start.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

impl Drop for Operator {
    /// Whatever a test was about, its operator had the API server keep no secret. Its log and metrics are searched where its process
    /// ends.
    fn drop(&mut self) {
        self.process.kill();
        if !std::thread::panicking() {
            canary::assert_none("", self.options.kubeconfig.parent());
        }
    }
}

async fn read(address: &str, path: &str) -> std::result::Result<String, String> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
    let answer = client.map_err(|e| e.to_string())?.get(format!("http://{address}{path}")).send().await;
    answer.map_err(|e| e.to_string())?.text().await.map_err(|e| e.to_string())
}

/// A pod keeps its name when its program is started again; so does an operator of a test that names none.
fn name(options: &mut OperatorOptions) {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    if !options.extra_args.iter().any(|arg| arg == "--replica-name") {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        options.extra_args.extend(["--replica-name".to_owned(), format!("replica-{number}")]);
    }
}

fn command(options: &OperatorOptions) -> Result<Program<'static>> {
    let dir = RunDir::create("operator")?;
    let log = dir.join("operator.log");
    let mut program = Program::new("asr-operator", &product_binary("asr-operator")?, log)
        .env("KUBECONFIG", &options.kubeconfig)
        // Where its machine would find an identity of its own.
        .env("IDENTITY_ENDPOINT", format!("{}/metadata/identity/oauth2/token", options.sim.arm))
        .env("IDENTITY_HEADER", "of-this-machine")
        .args(["run", "--arm-endpoint", &options.sim.arm])
        .args(["--authority-host", &options.sim.authority])
        .arg("--ca-bundle")
        .arg(&options.sim.ca_path)
        .args(["--operator-namespace", &options.operator_namespace])
        .args(["--metrics-addr", "127.0.0.1:0"])
        .args(["--health-addr", "127.0.0.1:0"]);
    for namespace in &options.namespaces {
        program = program.args(["--namespace", namespace]);
    }
    Ok(program.args(&options.extra_args))
}

/// The fields of the line that says it is ready, whether the log nests them or not.
pub(super) fn ready_line(line: &str) -> Option<Value> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let fields = match entry.get("fields") {
        Some(fields) => fields.clone(),
        None => entry,
    };
    (fields["message"] == "ready").then_some(fields)
}
