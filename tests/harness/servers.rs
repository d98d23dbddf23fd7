//! How each server of the control plane is started, and when it counts as up.
//!
//! etcd chooses its own ports. kube-apiserver cannot, so a port that somebody else took meanwhile is tried again.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::binaries::Binaries;
use super::pki::Pki;
use super::process::{Program, Supervised};
use super::run_dir::RunDir;
use super::{Failure, Result, https_client};

const START_DEADLINE: Duration = Duration::from_secs(120);
const PORT_ATTEMPTS: usize = 5;
/// Requests of ServiceAccounts, without bodies; a watch is written down when it begins and when it ends.
const AUDIT_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}]}"#;
const POLL: Duration = Duration::from_millis(100);
/// There is memory enough: the servers of Go need not collect theirs so often.
const GC: (&str, &str) = ("GOGC", "500");
/// Short: whoever else took the port may never answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The files that the servers read.
pub struct Files {
    pub ca: PathBuf,
    server_certificate: PathBuf,
    server_key: PathBuf,
    service_account_private_key: PathBuf,
    service_account_public_key: PathBuf,
    tokens: PathBuf,
}

impl Files {
    /// Writes them.
    pub fn write(dir: &RunDir, pki: &Pki) -> Result<Self> {
        let tokens = format!("{},admin,admin,system:masters\n", pki.admin_token);
        Ok(Self {
            ca: dir.write("ca.pem", &pki.ca)?,
            server_certificate: dir.write("server.pem", &pki.server_certificate)?,
            server_key: dir.write("server-key.pem", &pki.server_key)?,
            service_account_private_key: dir.write("sa-key.pem", &pki.service_account_private_key)?,
            service_account_public_key: dir.write("sa.pem", &pki.service_account_public_key)?,
            tokens: dir.write("tokens.csv", &tokens)?,
        })
    }
}

/// A running etcd and its client URL. Its data ends with it, unless it is to be `lasting`.
pub async fn start_etcd(binaries: &Binaries, dir: &RunDir, lasting: bool) -> Result<(Supervised, String)> {
    let data = dir.join("etcd");
    let etcd = Program::new("etcd", &binaries.etcd, new_log(dir, "etcd"));
    let mut etcd = if lasting { etcd } else { etcd.scratch(data.clone()) }
        .arg("--data-dir")
        .arg(&data)
        .env(GC.0, GC.1)
        .args(["--unsafe-no-fsync", "--enable-grpc-gateway=false"])
        .args(["--listen-client-urls", "http://127.0.0.1:0"])
        .args(["--advertise-client-urls", "http://127.0.0.1:0"])
        .args(["--listen-peer-urls", "http://127.0.0.1:0"])
        // Its only member never calls itself, so any address does.
        .args(["--initial-advertise-peer-urls", "http://127.0.0.1:1"])
        .args(["--initial-cluster", "default=http://127.0.0.1:1"])
        .start()?;
    let address = etcd
        .wait_for_line(START_DEADLINE, "client address", |line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            let serves = entry["msg"].as_str()?.starts_with("serving client traffic");
            serves.then(|| entry["address"].as_str().map(String::from))?
        })
        .await?;
    Ok((etcd, format!("http://{address}")))
}

/// The log of the next start: what an earlier one said is not taken for news.
fn new_log(dir: &RunDir, name: &str) -> PathBuf {
    let logs = (1..).map(|number| dir.join(&format!("{name}-{number}.log")));
    logs.into_iter().find(|log| !log.exists()).unwrap_or_else(|| dir.join(name))
}

/// How a kube-apiserver is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// At this port; at a free one otherwise.
    pub port: Option<u16>,
    /// With an audit log.
    pub audit: bool,
}

/// A running and ready kube-apiserver and its URL.
pub async fn start_api_server(
    binaries: &Binaries,
    dir: &RunDir,
    files: &Files,
    pki: &Pki,
    etcd: &str,
    wanted: Wanted,
) -> Result<(Supervised, String)> {
    let policy = dir.write("audit.yaml", AUDIT_POLICY)?;
    let mut last = None;
    for _ in 1..=PORT_ATTEMPTS {
        let port = wanted.port.map_or_else(free_port, Ok)?;
        let log = new_log(dir, "kube-apiserver");
        let mut command = api_server(binaries, dir, files, etcd, port, log);
        if wanted.audit {
            let path = |option: &str, path: &PathBuf| format!("--audit-{option}={}", path.display());
            command = command.arg(path("policy-file", &policy)).arg(path("log-path", &dir.join("audit.log")));
        }
        let mut server = command.start()?;
        let url = format!("https://127.0.0.1:{port}");
        match wait_ready(&mut server, &url, pki).await {
            Ok(()) => return Ok((server, url)),
            Err(failure) if server.log().contains("address already in use") => last = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(last.unwrap_or_else(|| Failure::new("no port for kube-apiserver")))
}

fn api_server<'a>(
    binaries: &Binaries,
    dir: &RunDir,
    files: &Files,
    etcd: &str,
    port: u16,
    log: PathBuf,
) -> Program<'a> {
    let option = |name: &str, path: &PathBuf| format!("--{name}={}", path.display());
    Program::new("kube-apiserver", &binaries.kube_apiserver, log)
        .env(GC.0, GC.1)
        .arg(format!("--etcd-servers={etcd}"))
        .arg(format!("--secure-port={port}"))
        .arg(option("cert-dir", &dir.join("certificates")))
        .arg(option("tls-cert-file", &files.server_certificate))
        .arg(option("tls-private-key-file", &files.server_key))
        .arg(option("token-auth-file", &files.tokens))
        .arg(option("service-account-key-file", &files.service_account_public_key))
        .arg(option("service-account-signing-key-file", &files.service_account_private_key))
        .args([
            "--service-account-issuer=https://kubernetes.default.svc",
            "--bind-address=127.0.0.1",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            // A loopback address is no endpoint: without this it complains about it for ever.
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            "--enable-priority-and-fairness=false",
        ])
}

/// A running kube-controller-manager with the controllers that make namespaces usable and take them away, and collect by owner.
pub fn start_controller_manager(
    binaries: &Binaries,
    dir: &RunDir,
    files: &Files,
    kubeconfig: &str,
) -> Result<Supervised> {
    let log = dir.join("kube-controller-manager.log");
    Program::new("kube-controller-manager", &binaries.kube_controller_manager, log)
        .arg(format!("--kubeconfig={kubeconfig}"))
        .arg(format!(
            "--service-account-private-key-file={}",
            files.service_account_private_key.display()
        ))
        .arg(format!("--root-ca-file={}", files.ca.display()))
        .args([
            "--controllers=namespace-controller,serviceaccount-controller,serviceaccount-token-controller,garbage-collector-controller,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller",
            "--leader-elect=false",
            "--secure-port=0",
        ])
        .start()
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Failure::new(format!("no free port on loopback: {error}")))
}

async fn wait_ready(server: &mut Supervised, url: &str, pki: &Pki) -> Result<()> {
    let client = https_client(&pki.ca)?;
    let start = Instant::now();
    loop {
        let answer =
            client.get(format!("{url}/readyz")).bearer_auth(&pki.admin_token).timeout(PROBE_TIMEOUT).send().await;
        let seen = match answer {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => format!("/readyz answers {}", answer.status()),
            Err(error) => format!("/readyz: {error}"),
        };
        let why = match server.exit_status() {
            Some(status) => format!("ended with status {status}"),
            None if start.elapsed() > START_DEADLINE => {
                format!("is not ready after {START_DEADLINE:?} ({seen})")
            }
            None => {
                tokio::time::sleep(POLL).await;
                continue;
            }
        };
        return Err(Failure::new(format!("kube-apiserver {why}; {}", server.log_tail())));
    }
}
