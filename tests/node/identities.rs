//! Who is who on the node: its certificates, and a token and a kubeconfig for each of its programs, made anew for each run.

use crate::harness::{Failure, Result, RunDir};
use crate::node::{ADDRESS, NAME};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde_json::json;

/// The first address of the range of Services, by which Pods know the API server.
const API_SERVICE: &str = "10.96.0.1";
const ADMINISTRATORS: &str = "system:masters";

/// File, user and group.
const USERS: [(&str, &str, &str); 5] = [
    ("admin", "admin", ADMINISTRATORS),
    ("kubelet", "system:node:node1", "system:nodes"),
    ("kube-controller-manager", "system:kube-controller-manager", ""),
    ("kube-scheduler", "system:kube-scheduler", ""),
    ("kube-proxy", "system:kube-proxy", ""),
];

/// Writes all of them.
pub fn write(dir: &RunDir) -> Result<()> {
    let ca = certificates(dir)?;
    let mut tokens = String::new();
    for (file, user, group) in USERS {
        let token = uuid::Uuid::new_v4().simple().to_string();
        dir.write(&format!("{file}.kubeconfig"), &kubeconfig(&ca, user, &token))?;
        tokens.push_str(&format!("{token},{user},{user},\"{group}\"\n"));
    }
    dir.write("tokens.csv", &tokens)?;
    Ok(())
}

fn kubeconfig(ca: &str, user: &str, token: &str) -> String {
    let cluster =
        json!({"server": format!("https://{ADDRESS}:6443"), "certificate-authority-data": STANDARD.encode(ca)});
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": user}}],
    });
    format!("{config:#}\n")
}

/// Writes the certificates and keys, and returns the authority's certificate.
fn certificates(dir: &RunDir) -> Result<String> {
    let failed = |error: rcgen::Error| Failure::new(format!("cannot make the node's certificates: {error}"));
    let authority = authority().map_err(failed)?;
    let server = [ADDRESS, API_SERVICE, "kubernetes.default.svc"];
    let of: [(&str, &str, &str, &[&str], ExtendedKeyUsagePurpose); 3] = [
        ("server", "kube-apiserver", "", &server, ExtendedKeyUsagePurpose::ServerAuth),
        ("kubelet", NAME, "", &[ADDRESS], ExtendedKeyUsagePurpose::ServerAuth),
        ("kubelet-client", "kube-apiserver", ADMINISTRATORS, &[], ExtendedKeyUsagePurpose::ClientAuth),
    ];
    for (file, name, group, addresses, usage) in of {
        let (certificate, key) = signed(&authority, name, group, addresses, usage).map_err(failed)?;
        dir.write(&format!("{file}.pem"), &certificate)?;
        dir.write(&format!("{file}-key.pem"), &key)?;
    }
    let service_accounts = KeyPair::generate().map_err(failed)?;
    dir.write("sa.pem", &service_accounts.public_key_pem())?;
    dir.write("sa-key.pem", &service_accounts.serialize_pem())?;
    dir.write("ca.pem", &authority.pem())?;
    Ok(authority.pem())
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> std::result::Result<Authority, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "asr-operator test node");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn signed(
    authority: &Authority,
    name: &str,
    group: &str,
    addresses: &[&str],
    usage: ExtendedKeyUsagePurpose,
) -> std::result::Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(addresses.iter().map(|address| (*address).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, name);
    if !group.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate()?;
    Ok((params.signed_by(&key, authority)?.pem(), key.serialize_pem()))
}
