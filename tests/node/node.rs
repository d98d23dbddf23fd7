//! One node: a kubelet, containerd and the control plane, in namespaces of their own, that end with the process that started
//! them. Its network is its own too, and a test goes in there to use it.

use crate::harness::{
    Binaries, Failure, KubectlOutput, Program, Result, RunDir, Supervised, eventually, federation, kubectl,
    node_programs, say,
};
use crate::{identities, images};
use kube::config::{KubeConfigOptions, Kubeconfig};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Of the node, where its API server and whatever else a test starts in there listen.
pub const ADDRESS: &str = "10.10.0.1";
/// Of the node, and of the cluster in kubeconfigs.
pub const NAME: &str = "node1";
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node");
const DEADLINE: Duration = Duration::from_secs(180);

/// A running node. It ends with this process, or when it is dropped.
pub struct Node {
    binaries: Binaries,
    dir: RunDir,
    groups: String,
    process: Supervised,
}

impl Node {
    /// Builds what is missing, and starts one with the operator's image in it.
    pub async fn start() -> Result<Self> {
        let binaries = Binaries::locate_or_build(say)?;
        let programs = node_programs(say)?;
        let dir = RunDir::create("node")?;
        say(&images::write(&dir)?);
        Self::start_with(binaries, &programs, dir).await
    }

    /// Starts one without any image.
    pub async fn start_empty() -> Result<Self> {
        let (binaries, programs, dir) = (Binaries::locate_or_build(say)?, node_programs(say)?, RunDir::create("node")?);
        Self::start_with(binaries, &programs, dir).await
    }

    async fn start_with(binaries: Binaries, programs: &Path, dir: RunDir) -> Result<Self> {
        identities::write(&dir)?;
        let groups = format!("asr-operator-node-{}", std::process::id());
        let mut process = Program::new("node", Path::new(&format!("{SCRIPTS}/start.sh")), dir.join("node.log"))
            .env("NODE_FILES", dir.path())
            .env("NODE_SCRIPTS", SCRIPTS)
            .env("NODE_PROGRAMS", programs)
            .env("NODE_CGROUP", &groups)
            .env("ETCD", &binaries.etcd)
            .env("KUBE_APISERVER", &binaries.kube_apiserver)
            .env("KUBE_CONTROLLER_MANAGER", &binaries.kube_controller_manager)
            .env("KUBECTL", &binaries.kubectl)
            .start()?;
        let runs = |line: &str| (line == "the node's servers run").then_some(());
        process.wait_for_line(DEADLINE, "line that says that all servers run", runs).await?;
        Ok(Self { binaries, dir, groups, process })
    }

    /// Moves the calling thread, and what it starts from now on, into the node's network.
    pub fn enter(&self) -> Result<()> {
        let path = format!("/proc/{}/ns/net", self.process.pid());
        let failed =
            |error: std::io::Error| Failure::new(format!("cannot enter the node's network at {path}: {error}"));
        let network = std::fs::File::open(&path).map_err(failed)?;
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| failed(error.into()))
    }

    /// Waits until it takes Pods: the kubelet has set up what it wants to set up by then.
    pub async fn ready(&self) {
        let wait = ["wait", "--for=condition=Ready", &format!("node/{NAME}"), "--timeout=2m"];
        eventually(DEADLINE, "a Ready node", async || {
            let output = self.kubectl(&wait, None).await;
            if output.succeeded() { Ok(()) } else { Err(output.stderr) }
        })
        .await;
    }

    /// The part of a seed by which the simulated Entra ID trusts this cluster's ServiceAccounts, and no other's.
    pub fn federation(&self) -> String {
        federation(&std::fs::read_to_string(self.dir.join("sa.pem")).expect("written at start"))
    }

    /// The folder that etcd's data is in, seen from outside of the node.
    pub fn state(&self) -> PathBuf {
        format!("/proc/{}/root/run/state", first_process(self.pid())).into()
    }

    /// The process that holds it all.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.join("admin.kubeconfig")
    }

    /// Runs kubectl as the administrator, from within the node's network.
    pub async fn kubectl(&self, arguments: &[&str], stdin: Option<&str>) -> KubectlOutput {
        let cache = self.dir.join("kubectl-cache");
        kubectl(&self.binaries.kubectl, &self.kubeconfig(), &cache, arguments, stdin).await
    }

    /// What `kubectl get` shows, as JSON; panics when there is none.
    pub async fn get(&self, arguments: &[&str]) -> Value {
        let all: Vec<&str> = ["get", "--output=json"].iter().chain(arguments).copied().collect();
        let text = self.kubectl(&all, None).await.expect_success();
        serde_json::from_str(&text).expect("kubectl prints JSON")
    }

    /// The administrator's client.
    pub async fn client(&self) -> kube::Client {
        rustls::crypto::ring::default_provider().install_default().ok();
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig()).expect("written at start");
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
        kube::Client::try_from(config.expect("written at start")).expect("a valid configuration")
    }

    /// What a person would look at first when something is wrong on it.
    pub async fn report(&self) -> String {
        let mut report = self.process.log_tail();
        let pods = ["get", "pods", "--all-namespaces", "--output=wide"];
        let events = ["get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"];
        let logs = ["logs", "--namespace=asr-operator", "--selector=app.kubernetes.io/name=asr-operator", "--tail=40"];
        for command in [&pods[..], &events, &logs, &["get", "asr", "--all-namespaces"]] {
            let output = self.kubectl(command, None).await;
            report.push_str(&format!("\n$ kubectl {}\n{}{}", output.command, output.stdout, output.stderr));
        }
        report.push_str(&format!("\nlogs of its servers: {}\n", self.dir.join("log").display()));
        report
    }

    /// Where the node's control groups would be.
    pub fn groups(&self) -> Vec<PathBuf> {
        groups(&self.groups)
    }
}

/// The first process of a node. Beside it the process that holds the node's namespaces has one more child, which tidies up
/// after it and is in the machine's own.
pub fn first_process(node: i32) -> i32 {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let children = std::fs::read_to_string(format!("/proc/{node}/task/{node}/children")).unwrap();
    let inside =
        children.split_whitespace().find(|pid| namespace(pid).is_some_and(|its| Some(its) != namespace("self")));
    inside
        .and_then(|pid| pid.parse().ok())
        .unwrap_or_else(|| panic!("none of {node}'s children is in a node: {children}"))
}

/// The groups of this name that there are, one for each controller.
pub fn groups(name: &str) -> Vec<PathBuf> {
    let controllers = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    controllers.map(|controller| controller.path().join(name)).filter(|group| group.exists()).collect()
}
