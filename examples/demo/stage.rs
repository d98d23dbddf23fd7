//! The stage: control plane, simulator and operator, and kubectl to act on it.

use crate::harness::{
    ControlPlane, Failure, KstatusWatch, Operator, OperatorOptions, Options, Result, Simulator, eventually, get,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DEADLINE: Duration = Duration::from_secs(120);

/// A kept demo ends by itself after this time.
const KEPT: Duration = Duration::from_secs(8 * 3600);

/// Everything that runs.
pub struct Stage {
    plane: ControlPlane,
    /// The simulated Azure.
    pub simulator: Simulator,
    /// Held so that it ends with the demo.
    _operator: Operator,
    client: kube::Client,
}

impl Stage {
    /// Starts everything, a watch of all that is shown from now on, and applies what the acts need.
    pub async fn set(clock_rate: u32) -> Result<(Self, KstatusWatch)> {
        println!("Starting a real kube-apiserver with etcd and a controller manager");
        let plane =
            ControlPlane::start(Options { progress: |line| println!("  {line}"), ..Options::default() }).await?;
        plane.install_crds().await;
        let rbac = read("deploy/operator/rbac.yaml")?;
        plane.apply(&rbac).await;
        plane.create_namespace("demo").await;
        println!("Starting a simulated Azure, {clock_rate} times as fast as the real one");
        let simulator =
            Simulator::start(&format!("{}\n{}", read("deploy/demo/seed.yaml")?, plane.federation()), clock_rate)
                .await?;
        println!("Starting the operator, with the permissions of deploy/operator/rbac.yaml");
        println!(
            "  --new-record-quarantine 0: a real installation holds the first act on a newly seen VM back for 5 minutes"
        );
        let operator = Operator::start(OperatorOptions::installed(&plane, &simulator).await).await?;
        let client = plane.client().await;
        let kstatus = KstatusWatch::of(&client, "demo");
        let stage = Self { plane, simulator, _operator: operator, client };
        stage.apply_sample("10-recovery-vault.yaml").await?;
        stage.apply_sample("20-replicated-vm.yaml").await?;
        Ok((stage, kstatus))
    }

    /// `kubectl apply -f` of a sample, as it is.
    pub async fn apply_sample(&self, file: &str) -> Result<()> {
        println!("\n$ kubectl apply -f deploy/samples/{file}");
        let path = format!("{ROOT}/deploy/samples/{file}");
        let output = self.plane.kubectl(&["apply", "-f", &path], None).await;
        for line in output.stdout.lines().chain(output.stderr.lines()) {
            println!("  {line}");
        }
        if output.succeeded() { Ok(()) } else { Err(Failure::new(format!("kubectl refused {file}"))) }
    }

    /// An object of the namespace `demo`, as it is now.
    pub async fn object(&self, kind: &str, name: &str) -> std::result::Result<Value, String> {
        get(&self.client, kind, "demo", name).await
    }

    /// Waits until `seen` finds what it looks for in an object.
    pub async fn wait<T>(&self, kind: &str, name: &str, mut seen: impl FnMut(&Value) -> Option<T>) -> T {
        eventually(DEADLINE, &format!("{kind} {name}"), async || {
            let object = self.object(kind, name).await?;
            seen(&object).ok_or_else(|| format!("{:#}", object["status"]))
        })
        .await
    }

    /// Changes how fast the simulated Azure works.
    pub async fn pace(&self, rate: u32) {
        self.simulator.clock(json!({ "rate": rate })).await;
    }

    /// Runs a program that may interfere, as somebody else would.
    pub async fn interfere(&self, script: &Path, act: &str) -> Result<()> {
        let status = tokio::process::Command::new(script)
            .env("KUBECONFIG", self.plane.kubeconfig_path())
            .env("KUBECTL", self.plane.kubectl_folder().join("kubectl"))
            .env("ASR_DEMO_ACT", act)
            .env("ASR_DEMO_ARM", &self.simulator.arm)
            .env("ASR_DEMO_CA", &self.simulator.ca_path)
            .status()
            .await;
        match status {
            Ok(status) if status.success() => Ok(()),
            other => Err(Failure::new(format!("{} ended with {other:?}", script.display()))),
        }
    }

    /// What to try while all is running.
    pub fn print_hints(&self) {
        let arm = &self.simulator.arm;
        println!("\nAll is running; Ctrl-C ends it.\n");
        println!("export KUBECONFIG={}", self.plane.kubeconfig_path().display());
        println!("export PATH={}:$PATH", self.plane.kubectl_folder().display());
        println!("kubectl get asr --namespace demo");
        println!("kubectl describe fo --namespace demo");
        println!(
            "kubectl delete fo --all --namespace demo && kubectl apply -f deploy/samples/30-failover.yaml    # it ran: nothing is sent"
        );
        println!("kubectl explain fo.spec.recoveryPoint");
        println!("curl --cacert {} {arm}/_sim/ledger", ca(&self.simulator.ca_path));
    }
}

fn ca(path: &Path) -> String {
    path.display().to_string()
}

fn read(file: &str) -> Result<String> {
    let path = PathBuf::from(ROOT).join(file);
    std::fs::read_to_string(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

/// Returns at Ctrl-C, at SIGTERM, or when a demo has been kept long enough.
pub async fn until_interrupted() {
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
        () = tokio::time::sleep(KEPT) => {}
    }
}
