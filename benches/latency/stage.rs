//! The stage of the measurement: control plane, simulator, operator, and a vault of VMs that are all Ready.

use std::fmt::Write as _;
use std::time::Duration;

use kube::api::{Api, DynamicObject, ListParams, PostParams};
use serde_json::{Value, json};

use crate::harness::{
    ControlPlane, Operator, OperatorOptions, Options, Result, Simulator, asr_resource, condition, eventually,
};
use crate::samples::{Accepted, now_us};

const NAMESPACE: &str = "bench";
const RBAC: &str = include_str!("../../deploy/operator/rbac.yaml");
const VAULT: &str = include_str!("../../deploy/samples/10-recovery-vault.yaml");
const DEADLINE: Duration = Duration::from_secs(300);

/// What is logged: the operator's own lines with their durations.
const FILTER: &str = "info,kube=warn,hyper=warn,asr_operator::controller=debug";

/// Service time against ours: a failover of 140 s ends while the next requests are made.
const CLOCK_RATE: u32 = 100;

/// Name of the item, the VM and the request with this number.
pub fn name_of(number: usize) -> String {
    format!("vm-{number:04}")
}

/// Everything that runs.
pub struct Stage {
    simulator: Simulator,
    operator: Operator,
    client: kube::Client,
    _plane: ControlPlane,
}

impl Stage {
    /// Starts everything with this many VMs, and waits until all are Ready.
    pub async fn set(vms: usize) -> Result<Self> {
        let plane = ControlPlane::start(Options { controller_manager: false, ..Options::default() }).await?;
        plane.install_crds().await;
        plane.apply(RBAC).await;
        plane.kubectl(&["create", "namespace", NAMESPACE], None).await.expect_success();
        let simulator = Simulator::start(&seed(vms), CLOCK_RATE).await?;
        let options = OperatorOptions {
            kubeconfig: plane.service_account_kubeconfig("asr-operator", "asr-operator").await,
            sim: simulator.endpoints(),
            namespaces: vec![],
            operator_namespace: "asr-operator".into(),
            extra_args: ["--new-record-quarantine", "0"].map(String::from).to_vec(),
        };
        let operator = Operator::start_logging(options, FILTER).await?;
        let client = plane.client().await;
        plane.apply(&VAULT.replace("namespace: demo", &format!("namespace: {NAMESPACE}"))).await;
        let stage = Self { simulator, operator, client, _plane: plane };
        for number in 0..vms {
            stage.create("ReplicatedVm", &vm(number)).await;
        }
        stage.all_ready(vms).await;
        Ok(stage)
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), NAMESPACE, &asr_resource(kind))
    }

    async fn create(&self, kind: &str, manifest: &Value) {
        let object: DynamicObject = serde_json::from_value(manifest.clone()).expect("a manifest");
        self.api(kind).create(&PostParams::default(), &object).await.expect("the API server accepts it");
    }

    async fn all_ready(&self, vms: usize) {
        eventually(DEADLINE, "all VMs Ready", async || {
            let list = self.api("ReplicatedVm").list(&ListParams::default()).await.map_err(|e| e.to_string())?;
            let is_ready = |vm: &&DynamicObject| {
                let vm = serde_json::to_value(vm).unwrap_or_default();
                condition(&vm, "Ready").is_some_and(|c| c["status"] == "True")
            };
            let ready = list.items.iter().filter(is_ready).count();
            if ready == vms { Ok(()) } else { Err(format!("{ready} of {vms}")) }
        })
        .await;
    }

    /// Creates the request with this number; gives when it was sent and when the API server had accepted it.
    pub async fn request(&self, number: usize) -> Accepted {
        let manifest = failover(number);
        let sent_us = now_us();
        self.create("FailoverRequest", &manifest).await;
        Accepted { name: name_of(number), sent_us, accepted_us: now_us() }
    }

    /// Waits until Azure has been called this many times. It is asked rarely, so as not to disturb what is measured.
    pub async fn called(&self, times: usize) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        eventually(DEADLINE, "the call", async || {
            let calls = self.ledger().await.len();
            if calls >= times { Ok(()) } else { Err(format!("{calls} of {times} calls; {}", self.log())) }
        })
        .await;
    }

    /// Every mutating call.
    pub async fn ledger(&self) -> Vec<Value> {
        self.simulator.ledger().await
    }

    /// All that the operator has logged.
    pub fn log(&self) -> String {
        self.operator.log()
    }
}

/// Three failovers per second, for a minute, are more than Azure's limit of reads allows one identity: a throttled operator
/// waits, as it should, and would measure that limit. So it is lifted here.
fn seed(vms: usize) -> String {
    let mut seed = String::from(
        "date: 2026-06-01T08:00:00Z\ntenant: 11111111-1111-1111-1111-111111111111\n\
         subscription: 00000000-0000-0000-0000-000000000001\n\
         rateLimits: {reads: {capacity: 100000, refillPerSecond: 10000.0}}\nprincipals:\n  - name: operator\n    \
         clientId: 22222222-2222-2222-2222-222222222222\n    federatedSubject: system:serviceaccount:bench:asr\n    \
         role: operator\nvaults:\n  - name: vault-dr\n    resourceGroup: rg-dr\n    primaryRegion: westeurope\n    \
         recoveryRegion: northeurope\n    items:\n",
    );
    for number in 0..vms {
        let name = name_of(number);
        let address = format!("10.1.{}.{}", number / 250, number % 250 + 4);
        writeln!(seed, "      - {{name: {name}, vmName: {name}, address: {address}}}").expect("a String takes all");
    }
    seed
}

fn vm(number: usize) -> Value {
    json!({
        "apiVersion": "asr-operator.io/v1alpha1",
        "kind": "ReplicatedVm",
        "metadata": {"name": name_of(number), "namespace": NAMESPACE},
        "spec": {
            "vaultRef": {"name": "vault-dr"},
            "protectedItemName": name_of(number),
            "primary": {"region": "westeurope"},
            "recovery": {"region": "northeurope"},
        },
    })
}

fn failover(number: usize) -> Value {
    json!({
        "apiVersion": "asr-operator.io/v1alpha1",
        "kind": "FailoverRequest",
        "metadata": {"name": name_of(number), "namespace": NAMESPACE},
        "spec": {
            "replicatedVmRef": {"name": name_of(number)},
            "direction": "PrimaryToRecovery",
            "validUntil": "2026-06-07T08:00:00Z",
            "reason": "latency is measured",
        },
    })
}
