//! The chart installed on a control plane of its own, and the operator run as its Deployment says, under its
//! ServiceAccount.

use crate::azure;
use crate::harness::{ControlPlane, Options, Program, RunDir, Simulator, Supervised, product_binary, wait_condition};
use crate::helm::{CHART, Helm, objects};
use crate::walk::values;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Long enough for a slow machine; a test that waits this long has failed.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Release, namespace and ServiceAccount.
pub const NAME: &str = "asr-operator";

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Everything that runs.
pub struct Stage {
    pub plane: ControlPlane,
    pub helm: Helm,
    pub sim: Simulator,
    pub client: kube::Client,
    /// The file of values that the chart was installed with.
    values: PathBuf,
    replicas: Vec<Replica>,
}

/// One Pod's program, and where its metrics are.
struct Replica {
    process: Supervised,
    metrics: String,
}

impl Stage {
    /// A cluster with the chart in it, a simulated Azure that allows what the roles in `deploy/azure` say, and an operator.
    pub async fn set() -> Self {
        Self::with(&azure::seed(), json!({})).await
    }

    /// The same in this Azure, with these values beside the usual ones.
    pub async fn with(seed: &str, further: Value) -> Self {
        let plane = ControlPlane::start(Options { audit: true, ..Options::default() }).await.unwrap();
        plane.create_namespace("demo").await;
        // Helm may have to be built first, and meanwhile the simulated Azure's clock would run on, past every validUntil.
        let helm = Helm::on(plane.kubeconfig_path()).await;
        let sim = Simulator::start(&format!("{seed}\n{}", plane.federation()), 400).await.unwrap();
        let mut values = values(&sim);
        values.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        let values = RunDir::create("values").unwrap().write("values.yaml", &values.to_string()).unwrap();
        let install =
            ["install", NAME, CHART, "--namespace", NAME, "--create-namespace", "-f", values.to_str().unwrap()];
        let told = helm.run(&install).await.expect_success();
        assert!(told.contains("kubectl --namespace asr-operator rollout status"), "{told}");
        let client = plane.client().await;
        let replicas = start(&plane, &sim).await;
        Self { plane, helm, sim, client, values, replicas }
    }

    /// What the chart renders with the values that it was installed with.
    pub async fn rendered(&self) -> Vec<Value> {
        objects(&Helm::offline().await.template(&["-f", self.values.to_str().unwrap()]).await)
    }

    /// Ends the replicas as Pods are ended, and starts others as the Deployment says by now.
    pub async fn replace_operators(&mut self) {
        for Replica { process, .. } in &mut self.replicas {
            process.terminate();
            assert_eq!(process.wait_exit(DEADLINE).await.unwrap(), 0);
        }
        self.replicas = start(&self.plane, &self.sim).await;
    }

    /// Kills the replicas, and starts others as the Deployment says by now.
    pub async fn lose_operators(&mut self) {
        self.replicas.clear();
        self.replicas = start(&self.plane, &self.sim).await;
    }

    /// A Pod beside the others whose program is not ready: its process, and where its probes and metrics are.
    pub async fn one_that_is_not_ready(&self) -> (Supervised, String, String) {
        let program = programs(&self.plane, &self.sim).await.remove(0);
        let mut process = program.start().unwrap();
        let told = |line: &str| addresses(line, "serving probes");
        let (health, metrics) = process.wait_for_line(DEADLINE, "line that it serves probes", told).await.unwrap();
        (process, health, metrics)
    }

    /// How much memory each replica holds, in MiB.
    pub fn resident(&self) -> Vec<u64> {
        let kib = |process: &Supervised| {
            let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        self.replicas.iter().map(|replica| kib(&replica.process) / 1024).collect()
    }

    /// How often Azure has answered with this HTTP status, by the metrics of all replicas.
    pub async fn answers(&self, status: u16) -> u64 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let series = format!("asr_operator_azure_answers_total{{service=\"Arm\",code=\"{status}\"}} ");
        let mut sum = 0;
        for Replica { metrics, .. } in &self.replicas {
            let answer = client.get(format!("http://{metrics}/metrics")).send().await.unwrap();
            let text = answer.text().await.unwrap();
            sum += text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok()).unwrap_or_default();
        }
        sum
    }

    /// Applies a sample, as it is.
    pub async fn apply(&self, sample: &str) {
        let path = format!("{ROOT}/deploy/samples/{sample}.yaml");
        self.plane.kubectl(&["apply", "-f", &path], None).await.expect_success();
    }

    /// Waits for a condition (type, status, reason) in the namespace `demo` and returns the object.
    pub async fn wait(&self, kind: &str, name: &str, wanted: (&str, &str, Option<&str>)) -> Value {
        wait_condition(&self.client, kind, "demo", name, wanted, DEADLINE).await
    }

    /// The objects of this kind in all namespaces.
    pub async fn all(&self, kind: &str) -> Vec<Value> {
        let list = ["get", kind, "--all-namespaces", "--output=json"];
        let list: Value = serde_json::from_str(&self.plane.kubectl(&list, None).await.expect_success()).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// The operations of the operator that Azure accepted, in order.
    pub async fn accepted(&self) -> Vec<String> {
        let calls = self.sim.accepted().await;
        calls
            .iter()
            .filter(|call| call["principal"] != "portal")
            .map(|call| call["operation"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// The replicas of the installed Deployment.
async fn start(plane: &ControlPlane, sim: &Simulator) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for program in programs(plane, sim).await {
        let mut process = program.start().unwrap();
        let told = |line: &str| addresses(line, "ready");
        let (_, metrics) = process.wait_for_line(DEADLINE, "line that it is ready", told).await.unwrap();
        replicas.push(Replica { process, metrics });
    }
    replicas
}

/// The programs of the Pods of the installed Deployment, under its ServiceAccount.
async fn programs(plane: &ControlPlane, sim: &Simulator) -> Vec<Program<'static>> {
    let deployment = plane.get(NAME, "deployment", NAME).await;
    let pod = &deployment["spec"]["template"]["spec"];
    let account = pod["serviceAccountName"].as_str().unwrap();
    let kubeconfig = plane.service_account_kubeconfig(NAME, account).await;
    let named = |number| format!("asr-operator-{number}");
    let count = deployment["spec"]["replicas"].as_u64().unwrap();
    let of = |name: String| program(&pod["containers"][0], &name, sim).env("KUBECONFIG", &kubeconfig);
    (0..count).map(named).map(of).collect()
}

/// The addresses of probes and metrics in the line with this message.
fn addresses(line: &str, message: &str) -> Option<(String, String)> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let fields = entry.get("fields").unwrap_or(&entry);
    let address = |name: &str| fields[name].as_str().map(str::to_owned);
    (fields["message"] == message).then(|| Some((address("health")?, address("metrics")?)))?
}

/// The container as the kubelet would start it in the Pod of this name: its arguments and its environment.
fn program(container: &Value, pod: &str, sim: &Simulator) -> Program<'static> {
    let log = RunDir::create("operator").unwrap().join("operator.log");
    let mut program = Program::new(NAME, &product_binary(NAME).unwrap(), log);
    for argument in container["args"].as_array().unwrap() {
        program = program.arg(localized(argument.as_str().unwrap(), sim));
    }
    for variable in container["env"].as_array().unwrap() {
        let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some("metadata.namespace") => NAME,
            Some("metadata.name") => pod,
            Some(other) => panic!("{other} is not known here"),
            None => variable["value"].as_str().unwrap(),
        };
        program = program.env(variable["name"].as_str().unwrap(), value);
    }
    program.args(["--metrics-addr", "127.0.0.1:0", "--health-addr", "127.0.0.1:0"])
}

/// The argument, with the mounted certificates where they are on this machine.
fn localized(argument: &str, sim: &Simulator) -> PathBuf {
    match argument.strip_prefix("--ca-bundle=") {
        Some(mounted) => {
            assert_eq!(mounted, "/etc/asr-operator/ca/ca.pem");
            format!("--ca-bundle={}", sim.ca_path.display()).into()
        }
        None => argument.into(),
    }
}
