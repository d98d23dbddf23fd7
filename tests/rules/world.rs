//! One test's world: a namespace, a simulated Azure and an operator, all its own, on the shared API server.

use crate::harness::{
    ControlPlane, KstatusWatch, KubectlOutput, Operator, OperatorOptions, Simulator, asr_resource, condition,
    eventually, get, objects, wait_condition,
};
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use std::time::Duration;

/// Long enough for a slow machine; a test that waits this long has failed.
pub const DEADLINE: Duration = Duration::from_secs(90);

const SAMPLES: [(&str, &str); 9] = [
    ("vault", include_str!("../../deploy/samples/10-recovery-vault.yaml")),
    ("vm", include_str!("../../deploy/samples/20-replicated-vm.yaml")),
    ("failover", include_str!("../../deploy/samples/30-failover.yaml")),
    ("change-point", include_str!("../../deploy/samples/35-change-recovery-point.yaml")),
    ("commit", include_str!("../../deploy/samples/40-commit.yaml")),
    ("reprotect", include_str!("../../deploy/samples/50-reprotect.yaml")),
    ("failback", include_str!("../../deploy/samples/60-failback.yaml")),
    ("commit-home", include_str!("../../deploy/samples/70-commit-home.yaml")),
    ("reprotect-home", include_str!("../../deploy/samples/80-reprotect-home.yaml")),
];

const SEED: &str = include_str!("../../deploy/demo/seed.yaml");
const RBAC: &str = include_str!("../../deploy/operator/rbac.yaml");

/// Names of the samples' requests.
pub const FAILOVER: &str = "app01-out-2026-06-01";
pub const COMMIT: &str = "app01-commit-2026-06-01";

pub const POINT: &str = "app01-point-2026-06-01";
pub const REPROTECT: &str = "app01-reprotect-2026-06-01";

/// The protected item of `app01` in the seed.
pub const ITEM: &str = "YtSLUmr1siwOhCNihjyTaOjo3bXTQoCCN96TnEVq5fM";

/// The protected item of `db01` in the seed.
pub const OTHER_ITEM: &str = "9dQ_wJ3k-PqZ7cA0m2LxU5tRbE8yHnV1sGfKoI4jWzT";

/// How a world differs from the usual one.
pub struct Setup {
    /// How fast the service's time runs: at 40, a failover of 140 s takes 3.5 s.
    pub clock_rate: u32,
    /// Edits the seed.
    pub seed: fn(&str) -> String,
    /// Options of the operator; the usual ones switch the quarantine and the grace of early requests off and read tasks
    /// often.
    pub operator_args: Vec<String>,
    /// Whether the vault and the VM are applied and awaited.
    pub with_vm: bool,
}

impl Default for Setup {
    fn default() -> Self {
        let args = ["--new-record-quarantine", "0", "--task-detail-every", "1", "--early-grace", "0"];
        Self { clock_rate: 40, seed: str::to_owned, operator_args: args.map(String::from).to_vec(), with_vm: true }
    }
}

/// The vault by the seed's client secret, with that Secret, for a namespace whose ServiceAccounts Azure does not trust.
pub fn vault_by_secret(namespace: &str) -> String {
    let (head, tail) = sample("vault").split_once("    type: WorkloadIdentity").unwrap();
    let tail = tail.replace("serviceAccountName: asr", "secretRef: {name: sp}");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: sp, namespace: demo}\nstringData: {clientSecret: demo-only-client-secret}";
    let both = format!("{secret}\n---\n{head}    type: ServicePrincipal{tail}");
    both.replace("namespace: demo", &format!("namespace: {namespace}"))
}

/// The world.
pub struct World {
    pub plane: &'static ControlPlane,
    pub namespace: String,
    pub operator_namespace: String,
    pub sim: Simulator,
    pub operator: Operator,
    pub client: kube::Client,
    /// Judges each state of each object in this namespace, while the test goes its way.
    _kstatus: KstatusWatch,
}

impl World {
    /// The usual world: the vault and `app01` are there and Ready.
    pub async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// A world of its own kind.
    pub async fn with(setup: Setup) -> Self {
        let plane = ControlPlane::shared().await;
        plane.install_crds().await;
        let namespace = plane.namespace("rule").await;
        let mut seed = (setup.seed)(&SEED.replace("serviceaccount:demo:", &format!("serviceaccount:{namespace}:")));
        if !seed.contains("\nfederation:") {
            seed = format!("{seed}\n{}", plane.federation());
        }
        let sim = Simulator::start(&seed, setup.clock_rate).await.unwrap();
        let operator_namespace = format!("{namespace}-op");
        let operator = operator(plane, &namespace, &operator_namespace, &sim, setup.operator_args).await;
        let client = plane.client().await;
        let kstatus = KstatusWatch::of(&client, &namespace);
        let world = Self { plane, namespace, operator_namespace, sim, operator, client, _kstatus: kstatus };
        if setup.with_vm {
            world.apply(sample("vault")).await;
            world.apply(sample("vm")).await;
            world.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
        }
        world
    }

    /// One more operator with the rights of the first, whatever these are by now.
    pub async fn another_operator(&self, extra_args: Vec<String>) -> Operator {
        start(self.plane, &self.namespace, &self.operator_namespace, &self.sim, extra_args).await
    }

    /// Takes the operator's rights to Leases away.
    pub async fn forbid_leases(&self) {
        let name = format!("{}-records", self.operator_namespace);
        let rules = ["--type=json", "--patch", "[{\"op\": \"remove\", \"path\": \"/rules/2\"}]"];
        let patch = [&["patch", "role", &name, "--namespace", &self.operator_namespace][..], &rules].concat();
        self.plane.kubectl(&patch, None).await.expect_success();
    }

    /// A manifest with this world's namespace in place of `demo`.
    pub fn localized(&self, yaml: &str) -> String {
        yaml.replace("namespace: demo", &format!("namespace: {}", self.namespace))
    }

    /// Applies a manifest written for the namespace `demo`, as a user does.
    pub async fn apply(&self, yaml: impl AsRef<str>) {
        objects::apply(&self.client, &self.localized(yaml.as_ref())).await;
    }

    /// The same with kubectl.
    pub async fn kubectl_apply(&self, yaml: impl AsRef<str>) {
        self.plane.kubectl_apply(&self.localized(yaml.as_ref())).await;
    }

    /// Runs kubectl in this world's namespace.
    pub async fn kubectl(&self, arguments: &[&str]) -> KubectlOutput {
        let mut all = vec!["--namespace", self.namespace.as_str()];
        all.extend(arguments);
        self.plane.kubectl(&all, None).await
    }

    /// Waits for a condition (type, status, reason) and returns the object.
    pub async fn wait(&self, kind: &str, name: &str, wanted: (&str, &str, Option<&str>)) -> Value {
        wait_condition(&self.client, kind, &self.namespace, name, wanted, DEADLINE).await
    }

    /// Applies the usual failover and waits until it succeeded.
    pub async fn fail_over(&self) -> Value {
        self.act("failover").await
    }

    /// Applies the request of a sample and waits until it succeeded.
    pub async fn act(&self, name: &str) -> Value {
        self.succeed(sample(name)).await
    }

    /// Applies a request and waits until it succeeded.
    pub async fn succeed(&self, yaml: &str) -> Value {
        self.apply(yaml).await;
        let (kind, name) = identity(yaml);
        self.wait(&kind, &name, ("Ready", "True", Some("Succeeded"))).await
    }

    /// Lets the service's time go on until `app01` is protected again, and waits until its object says so.
    pub async fn protected_again(&self) -> Value {
        self.sim.clock(json!({"advanceSeconds": 3600})).await;
        self.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await
    }

    /// The whole loop by its samples, `app01` at home and protected afterwards.
    pub async fn round_trip(&self) {
        for name in ["failover", "change-point", "commit", "reprotect"] {
            self.act(name).await;
        }
        self.protected_again().await;
        for name in ["failback", "commit-home", "reprotect-home"] {
            self.act(name).await;
        }
        self.protected_again().await;
    }

    /// The object as it is now.
    pub async fn get(&self, kind: &str, name: &str) -> Value {
        get(&self.client, kind, &self.namespace, name).await.unwrap()
    }

    /// The accepted calls of the operator, by operation, in order.
    pub async fn accepted(&self) -> Vec<String> {
        let calls = self.sim.accepted().await;
        let ours = calls.iter().filter(|call| call["principal"] != "portal");
        ours.map(|call| call["operation"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// All calls of the operator that reached the simulator, whatever became of them.
    pub async fn sent(&self) -> Vec<Value> {
        let mut calls = self.sim.ledger().await;
        calls.retain(|call| call["principal"] != "portal");
        calls
    }

    /// The operation of each call of the operator about this item that reached the simulator, whatever became of it.
    pub async fn sent_on(&self, item: &str) -> Vec<String> {
        let calls = self.sent().await;
        let about = calls.iter().filter(|call| call["item"] == item || call["path"].to_string().contains(item));
        about.map(|call| call["operation"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Fails `db01` over too and waits until Azure accepted that: the operator works, so what it did not send by now it
    /// did not mean to send.
    pub async fn operator_acts_elsewhere(&self) {
        self.apply(sample("vm").replace("app01", "db01")).await;
        self.apply(sample("failover").replace("app01", "db01")).await;
        eventually(DEADLINE, "a failover of db01", async || {
            if self.sent_on(OTHER_ITEM).await == ["unplannedFailover"] { Ok(()) } else { Err(self.operator.log()) }
        })
        .await;
    }

    /// Waits until the failover's job runs, and returns the object that shows it.
    pub async fn running(&self, name: &str) -> Value {
        eventually(DEADLINE, "a running job in status", async || {
            let object = get(&self.client, "FailoverRequest", &self.namespace, name).await?;
            let seen = reads(&object, "Reconciling") == ("True", "JobRunning") && job(&object).is_string();
            if seen { Ok(object) } else { Err(format!("{:#}", object["status"])) }
        })
        .await
    }

    /// Applies the usual failover and waits until it succeeded, with a warning.
    pub async fn fail_over_with_warning(&self) -> Value {
        self.apply(sample("failover")).await;
        self.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("SucceededWithWarning"))).await
    }

    /// Waits for an event of this type and reason in the namespace.
    pub async fn event(&self, event_type: &str, reason: &str) -> Value {
        let selector = format!("type={event_type},reason={reason}");
        eventually(DEADLINE, &format!("an event {selector}"), async || {
            let events = ApiResource::erase::<Event>(&());
            let found = objects::list(&self.client, &events, &self.namespace, &selector).await;
            found.into_iter().next().ok_or_else(|| "none".to_owned())
        })
        .await
    }

    /// Does a verb on `app01` as somebody in the portal; Azure must take it.
    pub async fn portal(&self, verb: &str) {
        let answer = self.sim.actor(json!({"verb": verb, "item": "app01"})).await;
        assert_eq!(answer["accepted"], true, "{verb}: {answer}");
    }

    /// `app01`'s item as the simulator has it.
    pub async fn item(&self) -> Value {
        let items = self.sim.items().await;
        let found = items.as_array().unwrap().iter().find(|item| item["vmName"] == "app01").cloned();
        found.unwrap_or_else(|| panic!("no app01: {items:#}"))
    }

    /// Waits until `app01` is shown in that protection state.
    pub async fn vm_in(&self, state: &Value) -> Value {
        eventually(DEADLINE, &format!("app01 in {state}"), async || {
            let vm = get(&self.client, "ReplicatedVm", &self.namespace, "app01").await?;
            let told = condition(&vm, "Ready").is_some_and(|c| c["status"] == "True");
            if told && vm["status"]["protectionState"] == *state { Ok(vm) } else { Err(format!("{:#}", vm["status"])) }
        })
        .await
    }

    /// Waits until Azure accepted a call of the operator of this name.
    pub async fn accepts(&self, operation: &str) {
        eventually(DEADLINE, operation, async || {
            if self.accepted().await.iter().any(|name| name == operation) { Ok(()) } else { Err(self.operator.log()) }
        })
        .await;
    }

    /// Takes the status of an object away, as a restore does.
    pub async fn wipe_status(&self, kind: &str, name: &str) {
        let before = self.get(kind, name).await;
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &asr_resource(kind));
        let none = Patch::Merge(json!({"status": null}));
        let wiped = api.patch_status(name, &PatchParams::default(), &none).await.unwrap();
        assert_ne!(
            wiped.metadata.resource_version.unwrap(),
            before["metadata"]["resourceVersion"],
            "nothing was wiped"
        );
    }

    /// Waits until nobody holds the record of `app01`'s item, and returns it.
    pub async fn released(&self) -> Value {
        eventually(DEADLINE, "a free item record", async || {
            let record = self.record().await;
            let free = record["spec"]["holder"].is_null() && record["spec"]["intent"].is_null();
            if free { Ok(record) } else { Err(format!("{:#}", record["spec"])) }
        })
        .await
    }

    /// Lets the service's time go on, so that what runs ends.
    pub async fn job_ends(&self) {
        self.sim.clock(json!({"advanceSeconds": 900})).await;
    }

    /// Deletes an object, and waits until it is gone.
    pub async fn delete(&self, kind: &str, name: &str) {
        objects::delete(&self.client, kind, &self.namespace, name).await;
    }

    /// The record of `app01`'s item, with its name.
    pub async fn record(&self) -> Value {
        let records = objects::list(&self.client, &asr_resource("ItemRecord"), &self.operator_namespace, "").await;
        records.into_iter().find(|record| record["spec"]["itemName"] == ITEM).unwrap_or(Value::Null)
    }
}

/// The job of a request's first operation.
pub fn job(object: &Value) -> &Value {
    &object["status"]["operations"][0]["jobId"]
}

/// A sample manifest, as it is in `deploy/samples`.
pub fn sample(name: &str) -> &'static str {
    SAMPLES.iter().find(|(n, _)| *n == name).unwrap().1
}

/// Kind and name of a manifest.
pub fn identity(yaml: &str) -> (String, String) {
    let field = |key: &str| {
        let line = yaml.lines().find_map(|line| line.trim_start().strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key} in {yaml}")).trim().to_owned()
    };
    let name = yaml.split("name: ").nth(1).unwrap().split([',', '\n', '}']).next().unwrap();
    (field("kind:"), name.trim().to_owned())
}

/// A FailoverRequest on `app01` with these further lines of spec.
pub fn failover(name: &str, spec: &str) -> String {
    let usual = if spec.contains("direction:") { "" } else { "  direction: PrimaryToRecovery\n" };
    request("FailoverRequest", name, &format!("{usual}{spec}"))
}

/// A CommitRequest on `app01` with these further lines of spec.
pub fn commit(name: &str, spec: &str) -> String {
    request("CommitRequest", name, spec)
}

/// A request on `app01`; a line of `spec` replaces the usual one.
pub fn request(kind: &str, name: &str, spec: &str) -> String {
    let usual = [
        ("replicatedVmRef:", "{name: app01}"),
        ("validUntil:", "\"2026-06-02T08:00:00Z\""),
        ("reason:", "a rule is tested"),
    ];
    let given = |key: &str| spec.lines().any(|line| line.trim_start().starts_with(key));
    let defaults: String =
        usual.iter().filter(|(key, _)| !given(key)).map(|(key, value)| format!("  {key} {value}\n")).collect();
    format!(
        "apiVersion: asr-operator.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: demo}}\nspec:\n{defaults}{spec}\n"
    )
    .replace("namespace: demo}", "namespace: demo }")
}

/// The message of a condition.
pub fn message<'a>(object: &'a Value, condition_type: &str) -> &'a str {
    condition(object, condition_type).and_then(|c| c["message"].as_str()).unwrap_or_default()
}

/// Status and reason of a condition.
pub fn reads<'a>(object: &'a Value, condition_type: &str) -> (&'a str, &'a str) {
    let found = condition(object, condition_type);
    let text = |key: &str| found.and_then(|c| c[key].as_str()).unwrap_or("absent");
    (text("status"), text("reason"))
}

/// Starts an operator with the permissions of `deploy/operator/rbac.yaml` and no others.
pub async fn operator(
    plane: &ControlPlane,
    namespace: &str,
    own: &str,
    sim: &Simulator,
    extra_args: Vec<String>,
) -> Operator {
    let group = "asr-operator.io";
    let rbac = RBAC.replace(group, "GROUP").replace("asr-operator", own).replace("GROUP", group);
    plane.apply(&rbac).await;
    start(plane, namespace, own, sim, extra_args).await
}

async fn start(plane: &ControlPlane, namespace: &str, own: &str, sim: &Simulator, extra_args: Vec<String>) -> Operator {
    let kubeconfig = plane.service_account_kubeconfig(own, own).await;
    let options = OperatorOptions {
        kubeconfig,
        sim: sim.endpoints(),
        namespaces: vec![namespace.to_owned()],
        operator_namespace: own.to_owned(),
        extra_args,
    };
    Operator::start(options).await.unwrap()
}
