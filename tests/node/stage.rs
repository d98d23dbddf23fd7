//! A node with the chart on it and a simulated Azure beside it, and what a test does with these.

use crate::harness::{KstatusWatch, Simulator, canary, eventually, get, wait_condition};
use crate::helm::{CHART, Helm};
use crate::images::OPERATOR;
use crate::node::{ADDRESS, Node};
use crate::walk::{LOOP, values};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// Long enough for a slow machine; a test that waits this long has failed.
pub const DEADLINE: Duration = Duration::from_secs(180);
/// Release, namespace and ServiceAccount.
pub const NAME: &str = "asr-operator";
const SEED: &str = include_str!("../../deploy/demo/seed.yaml");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs a test in the network of a node of its own, and shows the node's state when it fails.
pub fn on_a_node(test: impl AsyncFnOnce(&Node) + Send + 'static) {
    // A thread of its own: which network it is in stays with it.
    let run = std::thread::spawn(move || {
        let node = runtime().block_on(Node::start()).unwrap();
        node.enter().unwrap();
        let runtime = runtime();
        let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(test(&node))));
        if let Err(failure) = outcome {
            println!("{}", runtime.block_on(node.report()));
            resume_unwind(failure);
        }
    });
    if let Err(failure) = run.join() {
        resume_unwind(failure);
    }
}

/// On this thread alone, so that all of it is in this thread's network.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Everything that runs.
pub struct Stage<'a> {
    pub node: &'a Node,
    pub helm: Helm,
    pub sim: Simulator,
    pub client: kube::Client,
    /// Judges each state of each object in the namespace `demo`, from the moment on at which there can be one.
    kstatus: Option<KstatusWatch>,
    since: Instant,
}

impl<'a> Stage<'a> {
    /// Waits for the node, and installs the chart with the image of its archive where Pod Security enforces *restricted*.
    pub async fn set(node: &'a Node) -> Self {
        let since = Instant::now();
        let client = node.client().await;
        let seed = format!("{SEED}\n{}", node.federation());
        let sim = Simulator::start_at(&format!("{ADDRESS}:0"), &seed, 400).await.unwrap();
        let helm = Helm::on(&node.kubeconfig()).await;
        let mut stage = Self { node, helm, sim, client, kstatus: None, since };
        node.ready().await;
        stage.took("the node is Ready");
        for namespace in ["demo", NAME] {
            node.kubectl(&["create", "namespace", namespace], None).await.expect_success();
        }
        let restricted = ["label", "namespace", NAME, "pod-security.kubernetes.io/enforce=restricted"];
        node.kubectl(&restricted, None).await.expect_success();
        stage.install().await;
        stage.kstatus = Some(KstatusWatch::of(&stage.client, "demo"));
        stage.took("helm install: all Pods are Ready");
        stage
    }

    async fn install(&self) {
        let ca = format!("--from-file=ca.pem={}", self.sim.ca_path.display());
        let map = ["create", "configmap", "azure-ca", "--namespace", NAME, &ca];
        self.node.kubectl(&map, None).await.expect_success();
        let mut values = values(&self.sim);
        // Nothing can be pulled here: what runs is what was in the archive.
        values["image"] = json!({"repository": OPERATOR, "pullPolicy": "Never"});
        let values =
            crate::harness::RunDir::create("values").unwrap().write("values.yaml", &values.to_string()).unwrap();
        let install = ["install", NAME, CHART, "--namespace", NAME, "-f", values.to_str().unwrap(), "--wait"];
        self.helm.run(&install).await.expect_success();
    }

    /// Says what came to pass, and when, since the last time.
    pub fn took(&self, what: &str) {
        println!("{:6.1} s  {what}", self.since.elapsed().as_secs_f64());
    }

    /// Applies a sample, as it is.
    pub async fn apply(&self, sample: &str) {
        let path = format!("{ROOT}/deploy/samples/{sample}.yaml");
        self.node.kubectl(&["apply", "-f", &path], None).await.expect_success();
    }

    /// Waits for a condition (type, status, reason) in the namespace `demo` and returns the object.
    pub async fn wait(&self, kind: &str, name: &str, wanted: (&str, &str, Option<&str>)) -> Value {
        wait_condition(&self.client, kind, "demo", name, wanted, DEADLINE).await
    }

    /// Waits until each act of the loop was judged to its end, as tools that wait for one would have.
    pub async fn judged_to_the_end(&self) {
        let watch = self.kstatus.as_ref().expect("the chart is installed");
        let seen = watch.saw_end_well(LOOP.map(|(_, kind, name)| (kind, name))).await;
        self.took(&format!("by the rules of kstatus: {seen} states of all objects, and no rule broken"));
    }

    /// Waits until the request has a job of Azure.
    pub async fn wait_for_job(&self, kind: &str, name: &str) {
        eventually(DEADLINE, &format!("a job of {name}"), async || {
            let object = get(&self.client, kind, "demo", name).await?;
            let runs = object["status"]["operations"][0]["jobId"].is_string();
            if runs { Ok(()) } else { Err(format!("{:#}", object["status"])) }
        })
        .await;
    }

    /// The operator's Pods.
    pub async fn pods(&self) -> Vec<Value> {
        let label = format!("--selector=app.kubernetes.io/name={NAME}");
        let list = self.node.get(&["pods", "--namespace", NAME, &label]).await;
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until two Pods are Ready, none is left of the others, and returns their names.
    pub async fn ready_pods(&self) -> BTreeSet<String> {
        eventually(DEADLINE, "two Ready Pods and no other", async || {
            let pods = self.pods().await;
            let ready: BTreeSet<String> = pods.iter().filter(|pod| is_ready(pod)).map(name).collect();
            if pods.len() == 2 && ready.len() == 2 { Ok(ready) } else { Err(format!("{pods:#?}")) }
        })
        .await
    }

    /// Panics when a Pod had to be started again, or when one's log, or what the API server was asked to keep, holds a secret.
    pub async fn assert_sound(&self) {
        for pod in self.pods().await {
            let status = &pod["status"]["containerStatuses"][0];
            assert_eq!(status["restartCount"], 0, "{status:#}");
            canary::assert_none(&self.log(&name(&pod)).await, None);
        }
        let state = self.node.state();
        assert!(state.join("etcd/member/wal").is_dir(), "{}", state.display());
        canary::assert_none("", Some(&state));
    }

    /// What a Pod has logged.
    async fn log(&self, pod: &str) -> String {
        let log = self.node.kubectl(&["logs", pod, "--namespace", NAME], None).await.expect_success();
        assert!(!log.is_empty(), "{pod} logs nothing");
        log
    }

    /// Deletes a Pod, whose log goes with it: asked to end as the kubelet asks, or killed at once.
    pub async fn delete_pod(&self, pod: &str, at_once: bool) {
        canary::assert_none(&self.log(pod).await, None);
        let mut delete = vec!["delete", "pod", pod, "--namespace", NAME, "--wait=false"];
        if at_once {
            delete.extend(["--grace-period=0", "--force"]);
        }
        self.node.kubectl(&delete, None).await.expect_success();
    }

    /// Every call that Azure was asked for, accepted or not, in order.
    pub async fn calls(&self) -> Vec<String> {
        let of = |call: &Value| {
            let refused = if call["accepted"] == true { "" } else { " refused" };
            format!("{}{refused}", call["operation"].as_str().unwrap_or_default())
        };
        self.sim.ledger().await.iter().map(of).collect()
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.filter(|condition| condition["type"] == "Ready").any(|ready| ready["status"] == "True");
    ready && pod["metadata"]["deletionTimestamp"].is_null()
}

/// Of a Pod.
pub fn name(pod: &Value) -> String {
    pod["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}
