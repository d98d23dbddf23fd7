//! One cell's stage: a namespace, a simulated Azure, the proxy, and operators as processes, on an API server that many share.
//!
//! Azure's clock runs as fast as ours; a job ends when the stage says so, so a boundary is not missed on a slow machine.

use crate::act::Act;
use crate::harness::{
    ControlPlane, KstatusWatch, Options, Program, RunDir, Simulator, Supervised, canary, eventually, objects,
    product_binary,
};
use crate::proxy::Proxy;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

/// Long enough for a slow machine; a test that waits this long has failed.
pub const DEADLINE: Duration = Duration::from_secs(120);

const SEED: &str = include_str!("../../deploy/demo/seed.yaml");
const RBAC: &str = include_str!("../../deploy/operator/rbac.yaml");
const VAULT: &str = include_str!("../../deploy/samples/10-recovery-vault.yaml");
const VM: &str = include_str!("../../deploy/samples/20-replicated-vm.yaml");
/// Jobs last until the stage ends them.
const SLOW: &str =
    "timings: {failoverSeconds: 700, commitSeconds: 700, changePointSeconds: 700, reprotectSeconds: 700}\n";
/// Longer than any job, shorter than validUntil.
const JOB_ENDS: u32 = 900;

/// What an operator may be denied: then it trusts that the definitions are its own. In a debug build the comparison takes
/// half of its start, and only the tests of the start are about it.
const READS_DEFINITIONS: &str =
    "  - apiGroups: [apiextensions.k8s.io]\n    resources: [customresourcedefinitions]\n    verbs: [get]\n";

/// A control plane with the definitions, and the accounts that its operators run under.
pub struct Ground {
    pub plane: ControlPlane,
    /// With all rights of the product's own manifest.
    full: Account,
    /// Without the right to read definitions.
    trusting: Account,
}

/// An account, by its namespace and its token.
#[derive(Clone)]
struct Account {
    name: &'static str,
    token: String,
}

impl Account {
    /// Makes it, in the namespace of its own name.
    async fn create(plane: &ControlPlane, name: &'static str, rbac: &str) -> Self {
        plane.apply(&renamed(rbac, name)).await;
        let token = plane.service_account_token(name, name).await;
        Self { name, token }
    }
}

/// The product's manifest for an operator of another name.
fn renamed(rbac: &str, name: &str) -> String {
    let group = "asr-operator.io";
    rbac.replace(group, "GROUP").replace("asr-operator", name).replace("GROUP", group)
}

static SHARED: OnceCell<Ground> = OnceCell::const_new();

impl Ground {
    /// The one that the cells of this program share.
    pub async fn shared() -> &'static Self {
        let start = async || {
            let options = Options { controller_manager: false, ..Options::default() };
            Self::on(ControlPlane::start(options).await.unwrap()).await
        };
        SHARED.get_or_init(start).await
    }

    /// One of a test's own, which may lose its servers and their data.
    pub async fn lasting() -> Self {
        Self::on(ControlPlane::start_lasting().await.unwrap()).await
    }

    /// On this one.
    pub async fn on(plane: ControlPlane) -> Self {
        plane.install_crds().await;
        let less = RBAC.replace(READS_DEFINITIONS, "");
        assert_ne!(less, RBAC, "the manifest no longer has the rule that is left out");
        let full = Account::create(&plane, "full", RBAC).await;
        let trusting = Account::create(&plane, "trusting", &less).await;
        Self { plane, full, trusting }
    }
}

/// The stage.
pub struct Stage<'a> {
    pub ground: &'a Ground,
    pub namespace: String,
    pub own: String,
    pub sim: Simulator,
    pub proxy: Proxy,
    pub client: kube::Client,
    /// Judges each state of each object in this namespace, past the proxy.
    _kstatus: KstatusWatch,
    kubeconfig: PathBuf,
}

impl Drop for Stage<'_> {
    /// The ground that all share outlives its tests, so what it was asked to keep is searched after each of them.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            canary::assert_none("", Some(self.ground.plane.dir()));
        }
    }
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl<'a> Stage<'a> {
    /// A stage with the vault and `app01`, in the state in which `act` is due. No operator has seen it.
    pub async fn set(ground: &'a Ground, act: &Act) -> Self {
        let account = if act.at_start { &ground.full } else { &ground.trusting };
        let stage = Self::empty(ground, &act.name.replace(' ', "-"), account).await;
        for verb in act.before {
            let answer = stage.sim.actor(json!({"verb": verb, "item": "app01"})).await;
            assert_eq!(answer["accepted"], true, "{verb}: {answer}");
            stage.job_ends().await;
        }
        stage.create(VAULT).await;
        stage.create(VM).await;
        stage
    }

    async fn empty(ground: &'a Ground, name: &str, account: &Account) -> Self {
        let namespace = format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let own = format!("{namespace}-op");
        let seed = SEED.replace("serviceaccount:demo:", &format!("serviceaccount:{namespace}:"));
        let sim = Simulator::start(&format!("{seed}\n{SLOW}\n{}", ground.plane.federation()), 1).await.unwrap();
        let proxy = Proxy::start(&ground.plane, &sim).await;
        let kubeconfig = kubeconfig(&proxy, &account.token);
        let client = ground.plane.client().await;
        let kstatus = KstatusWatch::of(&client, &namespace);
        let stage = Self { ground, namespace, own, sim, proxy, client, _kstatus: kstatus, kubeconfig };
        for name in [&stage.namespace, &stage.own] {
            stage.create(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")).await;
        }
        // The account is shared; what it may do with records, in this stage's namespace alone.
        let bound = |doc: &&str| doc.contains("kind: Role\n") || doc.contains("kind: RoleBinding\n");
        let (here, there) = (format!("  namespace: {}\n", account.name), format!("  namespace: {}\n", stage.own));
        for doc in renamed(RBAC, account.name).split("\n---\n").filter(bound) {
            stage.create(&doc.replacen(&here, &there, 1)).await;
        }
        stage
    }

    /// Creates what was written for the namespace `demo`.
    pub async fn create(&self, yaml: &str) {
        let yaml = yaml.replace("namespace: demo", &format!("namespace: {}", self.namespace));
        for object in objects::documents(&yaml) {
            let created = objects::api_of(&self.client, &object).create(&PostParams::default(), &object).await;
            created.unwrap_or_else(|error| panic!("{error}: {object:?}"));
        }
    }

    /// The product's kind in one of the stage's namespaces.
    pub fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &crate::harness::asr_resource(kind))
    }

    /// What an earlier process has seen: that the jobs of this vault carry the ids of their calls.
    pub async fn remember_adoption(&self) {
        let steps = ["Failover", "ChangeRecoveryPoint", "Commit", "Reprotect"];
        let adoption: Vec<Value> = steps.iter().map(|step| json!({"step": step, "state": "Confirmed"})).collect();
        let status = json!({"status": {"adoption": adoption}});
        let api = self.api("RecoveryVault", &self.namespace);
        api.patch_status("vault-dr", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    }

    /// Starts an operator behind the proxy. It need not be ready.
    pub fn launch(&self) -> Supervised {
        self.launch_with_probes_at("127.0.0.1:0")
    }

    /// The same, with its probes at this address.
    pub fn launch_with_probes_at(&self, health: &str) -> Supervised {
        let log = RunDir::create("operator").unwrap().join("operator.log");
        Program::new("asr-operator", &product_binary("asr-operator").unwrap(), log)
            .env("KUBECONFIG", &self.kubeconfig)
            .args(["run", "--arm-endpoint", &self.proxy.azure, "--authority-host", &self.proxy.azure])
            .arg("--ca-bundle")
            .arg(&self.proxy.ca)
            .args(["--namespace", &self.namespace, "--operator-namespace", &self.own])
            .args(["--metrics-addr", "127.0.0.1:0", "--health-addr", health])
            .args(["--new-record-quarantine", "0", "--task-detail-every", "1"])
            .start()
            .unwrap()
    }

    /// Waits until `app01` is shown as it is, and the operator has no more questions.
    pub async fn vm_ready(&self, operator: &Supervised) {
        eventually(DEADLINE, "app01 Ready", async || {
            let shown = self.proxy.answered("K PATCH replicatedvms/status Ready") > 0;
            if shown { Ok(()) } else { Err(operator.log_tail()) }
        })
        .await;
        self.proxy.quiet(Duration::from_millis(400)).await;
    }

    /// One of the stage's objects, as it is now.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Value, String> {
        crate::harness::get(&self.client, kind, &self.namespace, name).await
    }

    /// The record of `app01`'s item, or null.
    pub async fn record(&self) -> Result<Value, String> {
        let all = self.api("ItemRecord", &self.own).list(&ListParams::default()).await;
        let all = all.map_err(|error| error.to_string())?;
        let record = all.items.into_iter().find(|record| record.data["spec"]["itemName"] == ITEM);
        Ok(record.map_or(Value::Null, |record| record.data))
    }

    /// Lets what runs in Azure end.
    pub async fn job_ends(&self) {
        self.sim.clock(json!({"advanceSeconds": JOB_ENDS})).await;
    }

    /// The calls of operators that reached Azure.
    pub async fn sent(&self) -> Vec<Value> {
        let mut calls = self.sim.ledger().await;
        calls.retain(|call| call["principal"] != "portal");
        calls
    }
}

/// The protected item of `app01` in the seed.
const ITEM: &str = "YtSLUmr1siwOhCNihjyTaOjo3bXTQoCCN96TnEVq5fM";

fn kubeconfig(proxy: &Proxy, token: &str) -> PathBuf {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": proxy.kube, "certificate-authority": proxy.ca}}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "operator"}}],
    });
    RunDir::create("kubeconfig").unwrap().write("kubeconfig", &format!("{config:#}\n")).unwrap()
}

/// Whether the kernel holds all of a process still.
pub async fn stopped(pid: i32) {
    eventually(DEADLINE, "a stopped process", async || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| error.to_string())?;
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start().to_owned();
        if state.starts_with('T') { Ok(()) } else { Err(state) }
    })
    .await;
}
