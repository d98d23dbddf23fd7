//! The programs that the harness runs: those of Kubernetes, taken or built once, and those of this package.
//!
//! `KUBEBUILDER_ASSETS` names a folder that holds them; what it lacks is built from the Go modules under `tests/controlplane`
//! into `<target>/controlplane/`, and those of a node from `tests/node` into `<target>/node/`. Nothing here starts a server.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::run_dir::target_dir;
use super::{Failure, Result};

const MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
const HEARTBEAT: Duration = Duration::from_secs(20);
const VERSION_VARIABLES: &str = "k8s.io/component-base/version";

/// Name of the program, the Go package that it is built from, and the folder of `tests` whose module pins it. The first
/// part of that folder's path is also the name of the folder of `<target>` that the program is built into.
type Source = (&'static str, &'static str, &'static str);
const ETCD: Source = ("etcd", "go.etcd.io/etcd/server/v3", "controlplane");
const API_SERVER: Source = ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", "controlplane");
const KUBECTL: Source = ("kubectl", "k8s.io/kubernetes/cmd/kubectl", "controlplane");
const CONTROLLER_MANAGER: Source =
    ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", "controlplane");
const HELM: Source = ("helm", "helm.sh/helm/v4/cmd/helm", "controlplane/helm");
const LUA: Source = ("glua", "github.com/yuin/gopher-lua/cmd/glua", "controlplane/lua");
const FLUX: Source = ("kustomize-controller", "github.com/fluxcd/kustomize-controller", "controlplane/flux");
const KUBERNETES_OF_A_NODE: [Source; 3] = [
    ("kubelet", "k8s.io/kubernetes/cmd/kubelet", "node/kubernetes"),
    ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy", "node/kubernetes"),
    ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler", "node/kubernetes"),
];
const CONTAINERD: [Source; 3] = [
    ("containerd", "github.com/containerd/containerd/v2/cmd/containerd", "node/containerd"),
    ("containerd-shim-runc-v2", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", "node/containerd"),
    ("ctr", "github.com/containerd/containerd/v2/cmd/ctr", "node/containerd"),
];

/// Paths of the control plane's programs.
#[derive(Clone, Debug)]
pub struct Binaries {
    pub etcd: PathBuf,
    pub kube_apiserver: PathBuf,
    pub kubectl: PathBuf,
    pub kube_controller_manager: PathBuf,
}

impl Binaries {
    /// Finds them, or builds what is missing, which takes minutes the first time; `progress` gets a line for each step. Several processes
    /// may ask at once: one builds, the others wait for it.
    pub fn locate_or_build(progress: impl Fn(&str)) -> Result<Self> {
        let Some(assets) = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from) else {
            let all = [ETCD, API_SERVER, KUBECTL, CONTROLLER_MANAGER];
            let folder = build(&all, progress)?;
            return Ok(Self::in_folders(&folder, &folder));
        };
        for (name, ..) in [ETCD, API_SERVER, KUBECTL] {
            if !assets.join(name).is_file() {
                return Err(Failure::new(format!(
                    "KUBEBUILDER_ASSETS is {}, which has no {name}: correct it, or unset it to have the programs built",
                    assets.display()
                )));
            }
        }
        // Distributions of these assets carry no controller manager.
        if assets.join(CONTROLLER_MANAGER.0).is_file() {
            return Ok(Self::in_folders(&assets, &assets));
        }
        let built = build(&[CONTROLLER_MANAGER], progress)?;
        Ok(Self::in_folders(&assets, &built))
    }

    fn in_folders(assets: &Path, controller_manager: &Path) -> Self {
        Self {
            etcd: assets.join(ETCD.0),
            kube_apiserver: assets.join(API_SERVER.0),
            kubectl: assets.join(KUBECTL.0),
            kube_controller_manager: controller_manager.join(CONTROLLER_MANAGER.0),
        }
    }
}

/// Helm, taken from `KUBEBUILDER_ASSETS` when it is there, else built once.
pub fn helm(progress: impl Fn(&str)) -> Result<PathBuf> {
    one(HELM, progress)
}

/// The Lua interpreter that Argo CD runs health checks with, as a program; taken or built likewise.
pub fn lua(progress: impl Fn(&str)) -> Result<PathBuf> {
    one(LUA, progress)
}

/// The controller of Flux that applies what is in Git; taken or built likewise.
pub fn kustomize_controller(progress: impl Fn(&str)) -> Result<PathBuf> {
    one(FLUX, progress)
}

/// The folders with the definitions of Flux's kinds: those of its sources, and Kustomization.
pub fn flux_definitions() -> Result<[PathBuf; 2]> {
    let of = |module, pinned_in| Ok(module_folder(module, pinned_in)?.join("config/crd/bases"));
    Ok([of("github.com/fluxcd/source-controller", "controlplane/flux/sources")?, of(FLUX.1, FLUX.2)?])
}

/// Where Go keeps the sources of a module that a folder of `tests` pins.
fn module_folder(module: &str, pinned_in: &str) -> Result<PathBuf> {
    let mut go = Command::new("go");
    go.current_dir(Path::new(MODULES).join(pinned_in)).args(["mod", "download", "-json", module]).env("GOWORK", "off");
    let output =
        go.output().map_err(|error| Failure::new(format!("cannot run go ({error}): install Go 1.26 or newer")))?;
    let told: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
    told.as_ref().and_then(|told| told["Dir"].as_str()).map(PathBuf::from).ok_or_else(|| {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Failure::new(format!("go mod download {module} gives no folder: {out}{err}"))
    })
}

/// The folder of what a node runs besides the control plane's programs: kubelet, kube-proxy, kube-scheduler and containerd with
/// its shim and `ctr`, built once.
pub fn node_programs(progress: impl Fn(&str)) -> Result<PathBuf> {
    build(&KUBERNETES_OF_A_NODE, &progress)?;
    build(&CONTAINERD, &progress)
}

fn one(source: Source, progress: impl Fn(&str)) -> Result<PathBuf> {
    let taken = std::env::var_os("KUBEBUILDER_ASSETS").map(|assets| Path::new(&assets).join(source.0));
    match taken {
        Some(program) if program.is_file() => Ok(program),
        _ => Ok(build(&[source], progress)?.join(source.0)),
    }
}

/// Builds what is not up to date; all of `sources` are of one module.
fn build(sources: &[Source], progress: impl Fn(&str)) -> Result<PathBuf> {
    let module = sources[0].2;
    let folder = target_dir()?.join(module.split('/').next().unwrap_or(module));
    let recipe = Recipe::read(&folder, module)?;
    if sources.iter().all(|source| recipe.is_built(source)) {
        return Ok(folder);
    }
    let _lock = lock(&folder, &progress)?;
    let missing: Vec<&Source> = sources.iter().filter(|source| !recipe.is_built(source)).collect();
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|source| source.0).collect();
        progress(&format!("{} is built once, from source: some minutes on a small machine", names.join(", ")));
    }
    for (index, source) in missing.iter().enumerate() {
        let step = format!("{} ({} of {})", source.0, index + 1, missing.len());
        recipe.build(source, &step, &progress)?;
    }
    Ok(folder)
}

fn lock(folder: &Path, progress: &impl Fn(&str)) -> Result<File> {
    let path = folder.join("lock");
    let failed = |error: std::io::Error| Failure::new(format!("cannot lock {}: {error}", path.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    if file.try_lock().is_err() {
        progress("another process builds the same programs: waiting for it");
        file.lock().map_err(failed)?;
    }
    Ok(file)
}

/// What the programs are built from, and where to.
struct Recipe {
    folder: PathBuf,
    module: PathBuf,
    link_flags: String,
    /// Changes whenever a built program would.
    stamp: String,
}

impl Recipe {
    fn read(folder: &Path, module: &str) -> Result<Self> {
        let module = Path::new(MODULES).join(module);
        let read = |name: &str| {
            let path = module.join(name);
            std::fs::read_to_string(&path)
                .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
        };
        let (requirements, sums) = (read("go.mod")?, read("go.sum")?);
        let pinned = requirements.lines().find_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "));
        // What only tools need is marked so behind its version.
        let version = pinned.and_then(|rest| rest.split_whitespace().next());
        let flags = version.map_or_else(|| "-s -w".to_owned(), link_flags);
        let digest = Sha256::digest(format!("{requirements}\n{sums}\n{flags}"));
        Ok(Self {
            folder: folder.to_owned(),
            module,
            link_flags: flags,
            stamp: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    fn stamp_file(&self, (name, ..): &Source) -> PathBuf {
        self.folder.join(format!("{name}.stamp"))
    }

    fn is_built(&self, source: &Source) -> bool {
        self.folder.join(source.0).is_file()
            && std::fs::read_to_string(self.stamp_file(source)).is_ok_and(|stamp| stamp == self.stamp)
    }

    fn build(&self, source: &Source, step: &str, progress: &impl Fn(&str)) -> Result<()> {
        let partial = self.folder.join(format!("{}.partial", source.0));
        let log = self.folder.join(format!("{}.log", source.0));
        progress(&format!("building {step}"));
        let start = Instant::now();
        run_go(&mut self.go(source, &partial), &log, |seconds| {
            progress(&format!("still building {step}: {seconds} s"));
        })?;
        let written = std::fs::rename(&partial, self.folder.join(source.0))
            .and_then(|()| std::fs::write(self.stamp_file(source), &self.stamp));
        written.map_err(|error| Failure::new(format!("cannot keep the built {}: {error}", source.0)))?;
        progress(&format!("built {step} in {} s", start.elapsed().as_secs()));
        Ok(())
    }

    fn go(&self, (_, package, _): &Source, output: &Path) -> Command {
        let mut go = Command::new("go");
        go.current_dir(&self.module)
            .args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath"])
            .args(["-ldflags", &self.link_flags, "-o"])
            .arg(output)
            .arg(package)
            .env("CGO_ENABLED", "0")
            .env("GOWORK", "off");
        go
    }
}

/// Without a version in it, kubectl's `version` and `create token` refuse to work.
fn link_flags(version: &str) -> String {
    let mut numbers = version.trim_start_matches('v').split('.');
    let major = numbers.next().unwrap_or_default();
    let minor = numbers.next().unwrap_or_default();
    format!(
        "-s -w -X {VERSION_VARIABLES}.gitVersion={version} -X {VERSION_VARIABLES}.gitMajor={major} -X {VERSION_VARIABLES}.gitMinor={minor}"
    )
}

fn run_go(go: &mut Command, log: &Path, heartbeat: impl Fn(u64)) -> Result<()> {
    let output = File::create(log).map_err(|error| Failure::new(format!("cannot write {}: {error}", log.display())))?;
    let mut child = go
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output)
        .spawn()
        .map_err(|error| {
            Failure::new(format!(
                "cannot run go ({error}): install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl"
            ))
        })?;
    let start = Instant::now();
    let mut next = HEARTBEAT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(Failure::new(format!("lost sight of go: {error}"))),
        }
        if start.elapsed() > next {
            heartbeat(next.as_secs());
            next += HEARTBEAT;
        }
    };
    if status.success() {
        return Ok(());
    }
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let tail: Vec<&str> = text.lines().rev().take(20).collect();
    let tail = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
    Err(Failure::new(format!("go build failed ({status}):\n{tail}")))
}

/// Names, for an example that a test starts, the folder of the programs that Cargo built for that test.
pub const PROGRAMS: &str = "ASR_PROGRAMS";

/// A program of this package: the one that Cargo built for this test, or, for an example, the one beside it, brought up to date first.
pub fn product_binary(name: &str) -> Result<PathBuf> {
    let for_tests = match name {
        "asr-operator" => option_env!("CARGO_BIN_EXE_asr-operator"),
        "asr-simulator" => option_env!("CARGO_BIN_EXE_asr-simulator"),
        _ => None,
    };
    match (for_tests, std::env::var_os(PROGRAMS)) {
        (Some(path), _) => Ok(path.into()),
        (None, Some(folder)) => Ok(Path::new(&folder).join(name)),
        (None, None) => built_beside_this_example(name),
    }
}

fn built_beside_this_example(name: &str) -> Result<PathBuf> {
    // Once: Cargo may put a new file in this program's place, and its path is then no longer to be had.
    static FOLDER: std::sync::OnceLock<std::result::Result<PathBuf, String>> = std::sync::OnceLock::new();
    let folder = FOLDER.get_or_init(|| build_beside_this_example(name).map_err(|failure| failure.to_string()));
    folder.clone().map(|folder| folder.join(name)).map_err(Failure::new)
}

fn build_beside_this_example(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()
        .map_err(|error| Failure::new(format!("this program's own path is not to be had: {error}")))?;
    let example = this.file_stem().and_then(|stem| stem.to_str());
    let profile_folder = this.parent().and_then(Path::parent);
    let (Some(example), Some(profile_folder)) = (example, profile_folder) else {
        return Err(Failure::new(format!("{} is not where Cargo puts examples", this.display())));
    };
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => "dev",
        Some(profile) => profile,
    };
    // The example is named too, so that Cargo unites features as it did for it and compiles nothing twice.
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_this_package(&mut cargo);
    let status = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--bins", "--example", example])
        .args(["--profile", profile])
        .status();
    if !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
        return Err(Failure::new(format!("cargo build --bins for {name} failed: {status:?}")));
    }
    Ok(profile_folder.to_owned())
}

/// Takes from a command what Cargo told this program of its package: a Cargo that it runs would take everything for changed. A
/// person's own settings of Cargo (its home, the target directory) stay, or the programs would be built elsewhere, or all
/// over again.
pub fn forget_this_package(command: &mut Command) {
    let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    for (variable, _) in std::env::vars_os() {
        if of_package.iter().any(|prefix| variable.to_string_lossy().starts_with(prefix)) {
            command.env_remove(variable);
        }
    }
}
