//! What the test stands on: a cluster with the product and Flux in it, a simulated Azure, a repository, an operator.

use crate::controller::{Flux, REQUESTS};
use crate::harness::{
    ControlPlane, KstatusWatch, Operator, OperatorOptions, Options, Simulator, eventually, get, wait_condition,
};
use crate::repository::Repository;
use serde_json::{Value, json};
use std::time::Duration;

/// Long enough for a slow machine; a test that waits this long has failed.
pub const DEADLINE: Duration = Duration::from_secs(120);

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const SEED: &str = include_str!("../../deploy/demo/seed.yaml");
/// Longer than any job, shorter than validUntil.
const JOB_ENDS: u32 = 900;

/// Everything that runs.
pub struct Stage {
    /// Judges each state of each object of the product, from the first on.
    pub kstatus: KstatusWatch,
    pub flux: Flux,
    pub git: Repository,
    pub sim: Simulator,
    pub client: kube::Client,
    pub operator: Operator,
    _plane: ControlPlane,
}

impl Stage {
    /// Nothing is in Git yet. Azure's clock runs as fast as ours: a job ends when the test says so.
    pub async fn set() -> Self {
        let plane = ControlPlane::start(Options::default()).await.unwrap();
        let install = format!("{ROOT}/deploy/install.yaml");
        plane.kubectl(&["apply", "--server-side", "-f", &install], None).await.expect_success();
        plane.create_namespace("demo").await;
        let sim = Simulator::start(SEED, 1).await.unwrap();
        let client = plane.client().await;
        let kstatus = KstatusWatch::everywhere(&client);
        let options = OperatorOptions::installed(&plane, &sim).await;
        let operator = Operator::start(options).await.unwrap();
        let flux = Flux::start(&plane).await;
        let git = Repository::serve(&client).await;
        Self { kstatus, flux, git, sim, client, operator, _plane: plane }
    }

    /// A file of `deploy`.
    pub fn file(path: &str) -> String {
        std::fs::read_to_string(format!("{ROOT}/deploy/{path}")).unwrap()
    }

    /// Waits for a condition (type, status, reason) in the namespace `demo` and returns the object.
    pub async fn wait(&self, kind: &str, name: &str, wanted: (&str, &str, Option<&str>)) -> Value {
        wait_condition(&self.client, kind, "demo", name, wanted, DEADLINE).await
    }

    /// Waits until the request's last call is a running job, and returns the object that shows it.
    pub async fn running(&self, kind: &str, name: &str) -> Value {
        eventually(DEADLINE, &format!("a running job of {name}"), async || {
            let object = get(&self.client, kind, "demo", name).await?;
            let last = object["status"]["operations"].as_array().and_then(|all| all.last().cloned());
            let runs = last.is_some_and(|last| last["jobId"].is_string() && last["endedAt"].is_null());
            if runs { Ok(object) } else { Err(format!("{:#}", object["status"])) }
        })
        .await
    }

    /// Waits until the object is gone.
    pub async fn gone(&self, kind: &str, name: &str) {
        eventually(DEADLINE, &format!("{kind} {name} gone"), async || {
            match get(&self.client, kind, "demo", name).await {
                Err(error) if error.contains("NotFound") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    /// Commits, and waits until the requests are as they are in Git now.
    pub async fn commit(&self) {
        let revision = self.git.commit().await;
        self.flux.at(REQUESTS, &revision).await;
    }

    /// Lets Azure's time go on until what runs has ended.
    pub async fn job_ends(&self) {
        self.sim.clock(json!({"advanceSeconds": JOB_ENDS})).await;
    }

    /// The same until `app01` is protected again.
    pub async fn protected_again(&self) {
        self.sim.clock(json!({"advanceSeconds": 3600})).await;
        self.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await;
    }

    /// The operations that Azure accepted, in order.
    pub async fn accepted(&self) -> Vec<String> {
        let calls = self.sim.accepted().await;
        calls.iter().map(|call| call["operation"].as_str().unwrap_or_default().to_owned()).collect()
    }
}
