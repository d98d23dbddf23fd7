//! TLS of the simulator: a certificate authority made at start, and one certificate for the loopback names.
//!
//! The authority's key never leaves the process; only its certificate is written, for clients to trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be made.
    #[error("the simulator's certificates could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// rustls does not take the certificate.
    #[error("the simulator's TLS set-up was refused: {0}")]
    Config(#[from] rustls::Error),
    /// The authority's certificate could not be written.
    #[error("the simulator's CA could not be written to {path}: {source}; choose another --ca-out")]
    Write {
        /// Where it was to go.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
}

/// A server configuration for `names`, and where the certificate of its authority was written: `DIR/ca.pem`.
pub(crate) fn set_up(names: Vec<String>, ca_out: &Path) -> Result<(Arc<ServerConfig>, PathBuf), TlsError> {
    let authority_key = KeyPair::generate()?;
    let mut authority = dated(CertificateParams::new(Vec::new())?);
    authority.distinguished_name.push(DnType::CommonName, "asr-simulator CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key)?;

    let server_key = KeyPair::generate()?;
    let mut server = dated(CertificateParams::new(names)?);
    server.distinguished_name.push(DnType::CommonName, "asr-simulator");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let certificate = server.signed_by(&server_key, &Issuer::from_params(&authority, &authority_key))?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), write_ca(ca_out, &authority_certificate.pem())?))
}

/// A life from the start of last year, so that no clock of a client is too early, to the start of the year after next.
fn dated(mut params: CertificateParams) -> CertificateParams {
    let year = Timestamp::now().strftime("%Y").to_string().parse().unwrap_or(2026);
    params.not_before = date_time_ymd(year - 1, 1, 1);
    params.not_after = date_time_ymd(year + 2, 1, 1);
    params
}

fn write_ca(directory: &Path, pem: &str) -> Result<PathBuf, TlsError> {
    let path = directory.join("ca.pem");
    let written = std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&path, pem));
    written.map_err(|source| TlsError::Write { path: path.clone(), source })?;
    Ok(path)
}
