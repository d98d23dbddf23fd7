//! Helm, as its user runs it, with a home of its own.

use crate::harness::{RunDir, helm, say};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// The chart.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/asr-operator");

/// What a run came to.
pub struct Output {
    pub succeeded: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Its standard output; panics with what it said when it failed.
    pub fn expect_success(self) -> String {
        assert!(self.succeeded, "helm failed: {}{}", self.stderr, self.stdout);
        self.stdout
    }
}

/// Helm for one cluster, or for none.
pub struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
    home: RunDir,
}

impl Helm {
    /// Helm without a cluster: it renders and lints.
    pub async fn offline() -> Self {
        let program = tokio::task::spawn_blocking(|| helm(say)).await.unwrap().unwrap();
        Self { program, kubeconfig: None, home: RunDir::create("helm").unwrap() }
    }

    /// Helm with this cluster's administrator.
    pub async fn on(kubeconfig: &Path) -> Self {
        Self { kubeconfig: Some(kubeconfig.to_owned()), ..Self::offline().await }
    }

    /// Runs it.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let nowhere = self.home.join("no-kubeconfig");
        let mut command = Command::new(&self.program);
        command.args(arguments).env("KUBECONFIG", self.kubeconfig.as_deref().unwrap_or(&nowhere)).kill_on_drop(true);
        for kind in ["CACHE", "CONFIG", "DATA"] {
            command.env(format!("HELM_{kind}_HOME"), self.home.join(kind));
        }
        let output = command.output().await.expect("helm starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Output { succeeded: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// What the release `asr-operator` in the namespace of that name consists of, as YAML, with these further arguments.
    pub async fn template(&self, further: &[&str]) -> String {
        let usual = ["template", "asr-operator", CHART, "--namespace", "asr-operator"];
        let all: Vec<&str> = usual.iter().chain(further).copied().collect();
        self.run(&all).await.expect_success()
    }
}

/// The objects of a YAML text.
pub fn objects(yaml: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_yaml::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"));
    all.into_iter().filter(|object| !object.is_null()).collect()
}

/// The object of this kind and name.
pub fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}
