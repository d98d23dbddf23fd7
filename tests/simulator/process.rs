//! The program itself: ready line, TLS by its own CA, a real reset, the end with its parent.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::harness::{CLIENT, TENANT, failover_body, item_path};

struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    ready: Value,
    client: reqwest::Client,
    directory: std::path::PathBuf,
}

impl Program {
    fn start(name: &str) -> Self {
        Self::with_faults(name, &json!([]))
    }

    /// With these faults from the start on, from a file.
    fn with_faults(name: &str, faults: &Value) -> Self {
        let directory = std::env::temp_dir().join(format!("asr-simulator-test-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let seed = directory.join("seed.yaml");
        std::fs::write(&seed, super::harness::SEED).unwrap();
        let file = directory.join("faults.json");
        std::fs::write(&file, faults.to_string()).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_asr-simulator"))
            .args(["serve", "--clock-rate", "60", "--exit-with-stdin", "--seed"])
            .arg(&seed)
            .arg("--faults")
            .arg(&file)
            .arg("--ca-out")
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        rustls::crypto::ring::default_provider().install_default().ok();
        let pem = std::fs::read(ready["ca"].as_str().unwrap()).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
            .no_proxy()
            .build()
            .unwrap();
        Self { stdin: child.stdin.take(), child, ready, client, directory }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.ready["arm"].as_str().unwrap())
    }

    async fn token(&self) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT}&client_secret=s3cret&scope=https%3A%2F%2Fmanagement.azure.com%2F.default"
        );
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", self.ready["authority"].as_str().unwrap());
        let reply: Value = self.client.post(url).body(form).send().await.unwrap().json().await.unwrap();
        reply["access_token"].as_str().unwrap().to_owned()
    }

    async fn fail_over(&self, item: &str) -> reqwest::Result<reqwest::Response> {
        let url = self.url(&format!("{}/unplannedFailover?api-version=2025-08-01", item_path(item)));
        self.client.post(url).bearer_auth(self.token().await).json(&failover_body(None, true)).send().await
    }

    /// Whether the program ends by itself within ten seconds.
    fn ended(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

#[tokio::test]
async fn speaks_tls_by_its_own_ca_and_ends_with_its_parent() {
    let mut program = Program::start("tls");
    let reply = program.fail_over("app01").await.unwrap();
    assert_eq!(reply.status().as_u16(), 202);
    assert_eq!(reply.headers().get_all("x-ms-request-id").iter().count(), 2);
    assert!(reply.headers()["location"].len() > 2500);
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(program.url("/_sim/ledger")).send().await.is_err(), "nobody else trusts the CA");
    drop(program.stdin.take());
    assert!(program.ended(), "the program outlived its standard input");
}

#[tokio::test]
async fn a_reset_is_a_lost_connection_and_the_call_was_accepted() {
    let program = Program::with_faults("reset", &json!([{ "operation": "unplannedFailover", "effect": "resetAfter" }]));
    let error = program.fail_over("app01").await.unwrap_err();
    assert!(error.is_request() && !error.is_connect(), "{error:?}");
    assert!(was_reset(&error), "{error:?}");
    let ledger: Value = program.client.get(program.url("/_sim/ledger")).send().await.unwrap().json().await.unwrap();
    assert_eq!((ledger.as_array().unwrap().len(), &ledger[0]["accepted"]), (1, &json!(true)), "{ledger}");
}

#[tokio::test]
async fn a_connection_can_be_cut_before_a_byte_of_a_request_is_read() {
    let program = Program::start("cut");
    let fault = json!({ "operation": "connection", "effect": "resetBefore", "times": 2 });
    // Read to its end, so that its connection serves the next question too.
    program.client.post(program.url("/_sim/faults")).json(&fault).send().await.unwrap().text().await.unwrap();
    let address: std::net::SocketAddr = program.url("").trim_start_matches("https://").parse().unwrap();
    for _ in 0..2 {
        let cut = async {
            let mut cut = tokio::net::TcpStream::connect(address).await?;
            tokio::io::AsyncReadExt::read(&mut cut, &mut [0; 8]).await
        };
        assert_eq!(cut.await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    }
    let counts: Value = program.client.get(program.url("/_sim/requests")).send().await.unwrap().json().await.unwrap();
    assert_eq!(counts, json!({}), "nothing was read of them");
    assert_eq!(program.fail_over("app01").await.unwrap().status().as_u16(), 202, "the third one stands");
}

/// Whether the peer answered with a reset, somewhere below `error`.
fn was_reset(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionReset) || error.source().is_some_and(was_reset)
}
