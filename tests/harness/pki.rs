//! Keys, certificates and tokens of one control plane, made anew for each: a server that answers under its CA is its own.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::{Failure, Result};

/// All secrets of a control plane, in PEM where that applies. Test keys: they live as long as the process.
pub struct Pki {
    pub ca: String,
    pub server_certificate: String,
    pub server_key: String,
    pub service_account_private_key: String,
    pub service_account_public_key: String,
    pub admin_token: String,
}

impl Pki {
    /// Makes them all.
    pub fn create() -> Result<Self> {
        Self::generate().map_err(|error| Failure::new(format!("cannot make the test certificates: {error}")))
    }

    fn generate() -> std::result::Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "asr-operator test control plane");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
        let mut params = CertificateParams::new(names.map(String::from))?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;
        let server = params.signed_by(&server_key, &ca)?;

        let service_accounts = KeyPair::generate()?;
        Ok(Self {
            ca: ca.pem(),
            server_certificate: server.pem(),
            server_key: server_key.serialize_pem(),
            service_account_private_key: service_accounts.serialize_pem(),
            service_account_public_key: service_accounts.public_key_pem(),
            admin_token: uuid::Uuid::new_v4().simple().to_string(),
        })
    }
}
