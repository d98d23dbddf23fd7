//! The harness of the integration tests and of the demo: a real control plane, the simulator and the operator, each as
//! processes of their own that end with the process that started them.
//!
//! It starts, watches and stops programs, and reads what a user could read. It decides nothing about Azure or the
//! product, and imports nothing of the crate, so a fault of the product cannot hide in it.
//!
//! ```ignore
//! mod harness;                                       // in tests/*.rs
//! #[path = "../tests/harness/mod.rs"] mod harness;   // in examples/*.rs
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops with a message"
)]
#![allow(
    dead_code,
    unused_imports,
    missing_docs,
    reason = "compiled into every test binary, each of which uses a part of it"
)]

mod binaries;
pub mod canary;
mod control_plane;
mod kstatus;
mod kubectl;
pub mod objects;
mod operator;
mod pki;
pub mod planter;
mod process;
mod relay;
mod run_dir;
mod servers;
mod simulator;
mod wait;

pub use binaries::{
    Binaries, PROGRAMS, flux_definitions, forget_this_package, helm, kustomize_controller, lua, node_programs,
    product_binary,
};
pub use control_plane::{ControlPlane, Options, say};
pub use kstatus::{Judge, Judgement, KstatusWatch, judgement};
pub use kubectl::{KubectlOutput, kubectl};
pub use operator::{Operator, OperatorOptions};
pub use pki::Pki;
pub use planter::Planter;
pub use process::{Program, Signal, Supervised, is_alive};
pub use relay::{Between, Cut, Onward, Relay};
pub use run_dir::{RunDir, target_dir};
pub use simulator::{Endpoints, ROUND, Simulator, federation};
pub use wait::{asr_resource, condition, eventually, get, wait_condition};

/// Why something of the harness could not be had: what was tried, on what, and the end of the log that explains it.
pub struct Failure(String);

/// What the starting functions of the harness return.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

// `unwrap` prints this form: the log tails in it are unreadable when escaped.
impl std::fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for Failure {}

/// Chooses ring as the TLS provider of this process; a second choice is no harm.
fn choose_tls_provider() {
    rustls::crypto::ring::default_provider().install_default().ok();
}

/// An HTTPS client that trusts this one certificate authority and uses no proxy.
fn https_client(ca_pem: &str) -> Result<reqwest::Client> {
    choose_tls_provider();
    let ca = reqwest::Certificate::from_pem(ca_pem.as_bytes())
        .map_err(|error| Failure::new(format!("the CA of a local server is no PEM: {error}")))?;
    reqwest::Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        .timeout(std::time::Duration::from_secs(30))
        .build()
        .map_err(|error| Failure::new(format!("cannot make an HTTPS client: {error}")))
}
