//! A real Kubernetes control plane on loopback: etcd, kube-apiserver and, when asked for, kube-controller-manager.
//!
//! Nothing schedules or runs pods. Its administrator is a member of `system:masters`; anybody else needs RBAC, as in any cluster.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::binaries::Binaries;
use super::canary;
use super::kubectl::{KubectlOutput, kubectl};
use super::objects;
use super::pki::Pki;
use super::process::Supervised;
use super::run_dir::RunDir;
use super::servers::{Files, Wanted, start_api_server, start_controller_manager, start_etcd};
use super::wait::eventually;
use super::{Failure, Result, choose_tls_provider};

const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
const DEADLINE: Duration = Duration::from_secs(60);

/// What a control plane is started with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Without one the `default` ServiceAccounts are not made, and namespaces and owned objects are not collected.
    pub controller_manager: bool,
    /// Whether every request of a ServiceAccount is written down, see [`ControlPlane::audit`].
    pub audit: bool,
    /// Gets a line for each slow step.
    pub progress: fn(&str),
}

impl Default for Options {
    fn default() -> Self {
        Self { controller_manager: true, audit: false, progress: say }
    }
}

/// Writes a line of progress to standard error, where the test runner does not hold it back.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "control plane: {line}").ok();
}

/// A running control plane. It ends with this process, when it is stopped, or when it is dropped.
pub struct ControlPlane {
    binaries: Binaries,
    dir: RunDir,
    url: String,
    kubeconfig: PathBuf,
    namespaces: AtomicU32,
    crds: OnceCell<()>,
    pki: Pki,
    files: Files,
    /// In the order in which they are stopped.
    servers: Mutex<Vec<Supervised>>,
    /// Goes after the servers have.
    _data: Option<KeptData>,
}

/// etcd's data that outlives etcd.
struct KeptData(PathBuf);

impl Drop for KeptData {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Drop for ControlPlane {
    /// Whatever a test was about, nobody had its API server keep a secret.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            canary::assert_none("", Some(self.dir()));
        }
    }
}

static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();

impl ControlPlane {
    /// Starts one, and returns when it is ready to serve. On failure the message holds the ends of the logs.
    pub async fn start(options: Options) -> Result<Self> {
        Self::begin(options, false).await
    }

    /// Starts one without a controller manager whose servers can be killed and started again on the same data.
    pub async fn start_lasting() -> Result<Self> {
        Self::begin(Options { controller_manager: false, ..Options::default() }, true).await
    }

    async fn begin(options: Options, lasting: bool) -> Result<Self> {
        choose_tls_provider();
        let binaries = tokio::task::spawn_blocking(move || Binaries::locate_or_build(options.progress))
            .await
            .map_err(|error| Failure::new(format!("the search for programs broke off: {error}")))??;
        let dir = RunDir::create("control-plane")?;
        let pki = Pki::create()?;
        let files = Files::write(&dir, &pki)?;
        let data = lasting.then(|| KeptData(dir.join("etcd")));
        let (etcd, etcd_url) = start_etcd(&binaries, &dir, lasting).await?;
        let wanted = Wanted { audit: options.audit, ..Wanted::default() };
        let (api_server, url) = start_api_server(&binaries, &dir, &files, &pki, &etcd_url, wanted).await?;
        let kubeconfig = write_kubeconfig(&dir, "admin", &url, &pki.admin_token)?;
        let (namespaces, servers) = (AtomicU32::new(0), Mutex::new(vec![api_server, etcd]));
        let crds = OnceCell::new();
        let plane = Self { binaries, dir, url, kubeconfig, namespaces, crds, pki, files, servers, _data: data };
        if options.controller_manager {
            plane.start_controller_manager().await?;
        }
        Ok(plane)
    }

    /// The one control plane, with a controller manager, that all tests of this binary share. It ends with the process.
    pub async fn shared() -> &'static Self {
        SHARED
            .get_or_init(async || {
                Self::start(Options::default()).await.unwrap_or_else(|failure| panic!("no control plane: {failure}"))
            })
            .await
    }

    fn servers(&self) -> MutexGuard<'_, Vec<Supervised>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills all servers at once, as a machine's death would. What etcd holds by then is searched, for it may be put back to
    /// an older state.
    pub fn kill_servers(&self) {
        canary::assert_none("", Some(self.dir()));
        self.servers().iter_mut().for_each(Supervised::kill);
    }

    /// Starts etcd and the API server again, on the data that is there and at the same address. Only for a lasting one.
    pub async fn restart_servers(&self) -> Result<()> {
        let (etcd, etcd_url) = start_etcd(&self.binaries, &self.dir, true).await?;
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok());
        let wanted = Wanted { port, ..Wanted::default() };
        let (api_server, _) =
            start_api_server(&self.binaries, &self.dir, &self.files, &self.pki, &etcd_url, wanted).await?;
        *self.servers() = vec![api_server, etcd];
        Ok(())
    }

    /// The part of a seed by which the simulated Entra ID trusts this cluster's ServiceAccounts, and no other's.
    pub fn federation(&self) -> String {
        super::federation(&self.pki.service_account_public_key)
    }

    /// Where etcd keeps its data.
    pub fn etcd_data(&self) -> PathBuf {
        self.dir.join("etcd")
    }

    async fn start_controller_manager(&self) -> Result<()> {
        let kubeconfig = self.kubeconfig.display().to_string();
        let server = start_controller_manager(&self.binaries, &self.dir, &self.files, &kubeconfig)?;
        self.servers().insert(0, server);
        // Its first visible work.
        let start = std::time::Instant::now();
        loop {
            let account = ["get", "serviceaccount", "default", "--namespace=default"];
            let output = self.kubectl(&account, None).await;
            if output.succeeded() {
                return Ok(());
            }
            if let Some(manager) = self.servers().first_mut()
                && (manager.exit_status().is_some() || start.elapsed() > DEADLINE)
            {
                return Err(Failure::new(format!(
                    "kube-controller-manager makes no ServiceAccounts ({}); {}",
                    output.stderr.trim(),
                    manager.log_tail()
                )));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Address of the API server: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kubeconfig of the administrator.
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// What the API server has written down about requests of ServiceAccounts, where it was started with `audit`.
    pub fn audit(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.dir.join("audit.log")).unwrap_or_default();
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Folder of its logs and files.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Process ids of its servers.
    pub fn pids(&self) -> Vec<i32> {
        self.servers().iter().map(Supervised::pid).collect()
    }

    /// The administrator's client configuration.
    pub async fn kube_config(&self) -> kube::Config {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).expect("written at start");
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("written at start")
    }

    /// A client of the administrator, for the runtime that asks: each test makes its own.
    pub async fn client(&self) -> kube::Client {
        kube::Client::try_from(self.kube_config().await).expect("a valid configuration")
    }

    /// A kubeconfig of a ServiceAccount, with a token of a day, to run a program under that account's own rights.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> PathBuf {
        let token = self.service_account_token(namespace, name).await;
        let file = format!("{namespace}-{name}");
        write_kubeconfig(&self.dir, &file, &self.url, &token).expect("a writable folder")
    }

    /// A token of a ServiceAccount, of a day.
    pub async fn service_account_token(&self, namespace: &str, name: &str) -> String {
        let request = serde_json::from_value(json!({"spec": {"audiences": [], "expirationSeconds": 86_400}}));
        let request: TokenRequest = request.expect("a request");
        let accounts = kube::Api::<ServiceAccount>::namespaced(self.client().await, namespace);
        let made = accounts.create_token_request(name, &Default::default(), &request).await;
        made.unwrap_or_else(|error| panic!("a token of {namespace}/{name}: {error}")).status.expect("a token").token
    }

    /// Runs kubectl as the administrator.
    pub async fn kubectl(&self, arguments: &[&str], stdin: Option<&str>) -> KubectlOutput {
        let cache = self.dir.join("kubectl-cache");
        kubectl(&self.binaries.kubectl, &self.kubeconfig, &cache, arguments, stdin).await
    }

    /// Applies this YAML; panics when it is refused.
    pub async fn apply(&self, yaml: &str) {
        objects::apply(&self.client().await, yaml).await;
    }

    /// `kubectl apply` of this YAML; panics when it is refused.
    pub async fn kubectl_apply(&self, yaml: &str) {
        self.kubectl(&["apply", "-f", "-"], Some(yaml)).await.expect_success();
    }

    /// `kubectl get` of one object, as JSON; panics when there is none.
    pub async fn get(&self, namespace: &str, resource: &str, name: &str) -> Value {
        let command = ["get", resource, name, "--namespace", namespace, "--output=json"];
        let text = self.kubectl(&command, None).await.expect_success();
        serde_json::from_str(&text).expect("kubectl prints JSON")
    }

    /// The folder that kubectl is in.
    pub fn kubectl_folder(&self) -> &Path {
        self.binaries.kubectl.parent().unwrap_or(Path::new("."))
    }

    /// Makes a namespace of its own for a test, and returns its name, which begins with `prefix`.
    pub async fn namespace(&self, prefix: &str) -> String {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{number}");
        self.create_namespace(&name).await;
        name
    }

    /// Makes the namespace of this name.
    pub async fn create_namespace(&self, name: &str) {
        self.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")).await;
    }

    /// Installs the product's CRDs, as a user would, and waits until they are served; the first time that it is asked.
    pub async fn install_crds(&self) {
        self.crds.get_or_init(|| self.apply_crds()).await;
    }

    async fn apply_crds(&self) {
        let apply = ["apply", "--server-side", "-f", CRDS];
        self.kubectl(&apply, None).await.expect_success();
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS];
        self.kubectl(&wait, None).await.expect_success();
        // Established comes a moment before the API server's discovery knows the kind.
        eventually(DEADLINE, "the CRDs in discovery", async || {
            let list = ["api-resources", "--api-group=asr-operator.io", "--output=name"];
            let output = self.kubectl(&list, None).await;
            let expected = std::fs::read_dir(CRDS).expect("a folder crds").flatten();
            let expected = expected.filter(|file| file.path().extension().is_some_and(|end| end == "yaml")).count();
            if output.stdout.lines().count() >= expected {
                Ok(())
            } else {
                Err(format!("{}{}", output.stdout, output.stderr))
            }
        })
        .await;
    }

    /// Stops it now, and waits until all of it is gone.
    pub fn stop(self) {
        self.kill_servers();
    }
}

fn write_kubeconfig(dir: &RunDir, user: &str, url: &str, token: &str) -> Result<PathBuf> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": dir.join("ca.pem")}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
    });
    dir.write(&format!("{user}.kubeconfig"), &format!("{config:#}\n"))
}
