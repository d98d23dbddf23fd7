//! Which Azure is spoken to: ARM host, Entra ID host, token scope, api-version and trusted roots.
//!
//! This is the installer's choice for the whole process, never a field of a resource. Nothing here opens a connection.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::carrier::{Carrier, Lens};
use super::redact::redact;

/// The Site Recovery api-version spoken unless another is chosen: the default of Microsoft's SDK 2.0.0.
pub const DEFAULT_API_VERSION: &str = "2025-08-01";

/// A cloud that Microsoft, or its partner in China, operates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// `management.azure.com`
    AzurePublic,
    /// `management.usgovcloudapi.net`
    AzureGovernment,
    /// `management.chinacloudapi.cn`
    AzureChina,
}

/// Why an endpoint cannot be used. Each is mended by the installer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A URL is no plain https origin.
    #[error("{what} {value:?} cannot be used: {why}; give an https URL with a host and nothing behind it")]
    Url {
        /// Which of the two URLs.
        what: &'static str,
        /// The URL, without its query.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A text that would be put into a request is not fit for it.
    #[error("{what} {value:?} cannot be used: only letters, digits and '{allowed}' may stand in it")]
    Text {
        /// Which text.
        what: &'static str,
        /// The text itself.
        value: String,
        /// What may stand in it besides letters and digits.
        allowed: &'static str,
    },
    /// No trusted root certificate could be read.
    #[error("no trusted root certificate: {0}; give a CA bundle in PEM form, or install the system's")]
    Roots(String),
    /// The TLS or HTTP stack did not accept its own configuration.
    #[error("the HTTPS client could not be built: {0}")]
    Tls(String),
}

/// The ARM and Entra ID that every call of one process goes to.
#[derive(Clone)]
pub struct Endpoint {
    arm: Origin,
    authority: Origin,
    scope: String,
    api_version: String,
    ca_pem: Option<Arc<[u8]>>,
    tls: Arc<OnceLock<ClientConfig>>,
    carrier: Option<Arc<dyn Carrier>>,
    lens: Option<Lens>,
}

impl Endpoint {
    /// A cloud known by name.
    pub fn cloud(cloud: Cloud) -> Self {
        let (arm, authority) = match cloud {
            Cloud::AzurePublic => ("management.azure.com", "login.microsoftonline.com"),
            Cloud::AzureGovernment => ("management.usgovcloudapi.net", "login.microsoftonline.us"),
            Cloud::AzureChina => ("management.chinacloudapi.cn", "login.chinacloudapi.cn"),
        };
        Self::at(Origin::of(arm, 443), Origin::of(authority, 443))
    }

    /// Any other ARM and Entra ID. The token scope is `{arm}/.default` unless [`Endpoint::with_scope`] says otherwise.
    ///
    /// # Errors
    /// When one of the two is not a plain `https://host[:port]`; a path would be dropped by the credential library, so it
    /// is refused.
    pub fn custom(arm: &str, authority: &str) -> Result<Self, EndpointError> {
        Ok(Self::at(Origin::parse("ARM endpoint", arm)?, Origin::parse("authority host", authority)?))
    }

    fn at(arm: Origin, authority: Origin) -> Self {
        Self {
            scope: format!("{arm}/.default"),
            arm,
            authority,
            api_version: DEFAULT_API_VERSION.to_owned(),
            ca_pem: None,
            tls: Arc::default(),
            carrier: None,
            lens: None,
        }
    }

    /// Trusts these PEM certificates **instead of** the system's roots, for ARM and for Entra ID.
    ///
    /// # Errors
    /// When the text holds no certificate.
    pub fn with_ca_pem(mut self, pem: &[u8]) -> Result<Self, EndpointError> {
        roots_from_pem(pem)?;
        self.ca_pem = Some(pem.into());
        self.tls = Arc::default();
        Ok(self)
    }

    /// Speaks another Site Recovery api-version.
    ///
    /// # Errors
    /// When it is not made of letters, digits and hyphens.
    pub fn with_api_version(mut self, version: &str) -> Result<Self, EndpointError> {
        self.api_version = checked("api-version", version, "-")?;
        Ok(self)
    }

    /// Asks for tokens of another scope, as a private cloud may need.
    ///
    /// # Errors
    /// When the scope holds a character that a scope cannot have.
    pub fn with_scope(mut self, scope: &str) -> Result<Self, EndpointError> {
        self.scope = checked("token scope", scope, ":/.-_")?;
        Ok(self)
    }

    /// Is reached through `carrier` **instead of** the network: a simulated Azure in the same process.
    #[must_use]
    pub fn carried_by(mut self, carrier: Arc<dyn Carrier>) -> Self {
        self.carrier = Some(carrier);
        self
    }

    /// Is seen through `lens`, whatever it is reached through.
    #[must_use]
    pub fn seen_through(mut self, lens: Lens) -> Self {
        self.lens = Some(lens);
        self
    }

    /// The way to it: what it is reached through, or else `network`; seen through its lens.
    ///
    /// # Errors
    /// Why there is no network.
    pub(crate) fn way<N: Carrier + 'static>(
        &self,
        network: impl FnOnce() -> Result<N, EndpointError>,
    ) -> Result<Arc<dyn Carrier>, EndpointError> {
        let way: Arc<dyn Carrier> = match &self.carrier {
            Some(carrier) => Arc::clone(carrier),
            None => Arc::new(network()?),
        };
        Ok(self.lens.as_ref().map_or(Arc::clone(&way), |lens| lens(Arc::clone(&way))))
    }

    /// The api-version of Site Recovery calls.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// The scope that tokens are asked for.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Entra ID's base URL.
    pub(crate) fn authority(&self) -> String {
        self.authority.to_string()
    }

    /// True when ARM is on this machine, where no proxy stands between.
    pub(crate) fn is_local(&self) -> bool {
        self.arm.is_loopback() && self.authority.is_loopback()
    }

    /// The URL of an ARM path under an api-version.
    pub(crate) fn url(&self, path: &str, api_version: &str) -> Result<Url, url::ParseError> {
        let mut url = Url::parse(&format!("{}{path}", self.arm))?;
        url.query_pairs_mut().append_pair("api-version", api_version);
        Ok(url)
    }

    /// True for a URL on the ARM host itself: the only place a token may be sent to.
    pub(crate) fn owns(&self, url: &Url) -> bool {
        url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&self.arm.host))
            && url.port_or_known_default() == Some(self.arm.port)
    }

    /// The TLS settings, made once and shared by every connection of this endpoint and its clones.
    pub(crate) fn tls(&self) -> Result<ClientConfig, EndpointError> {
        if let Some(made) = self.tls.get() {
            return Ok(made.clone());
        }
        let roots = match &self.ca_pem {
            Some(pem) => roots_from_pem(pem)?,
            None => system_roots()?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| EndpointError::Tls(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(self.tls.get_or_init(|| config).clone())
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("arm", &self.arm.to_string())
            .field("authority", &self.authority.to_string())
            .field("scope", &self.scope)
            .field("api_version", &self.api_version)
            .field("own_ca", &self.ca_pem.is_some())
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Origin {
    host: String,
    port: u16,
}

impl Origin {
    fn of(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    fn parse(what: &'static str, text: &str) -> Result<Self, EndpointError> {
        let refuse = |why| EndpointError::Url { what, value: redact(text), why };
        let url = Url::parse(text).map_err(|_| refuse("it is not a URL"))?;
        if url.scheme() != "https" {
            return Err(refuse("its scheme is not https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::Url {
                what,
                value: "[hidden]".to_owned(),
                why: "it carries a user name or password",
            });
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has a path or a query"));
        }
        let host = url.host_str().ok_or_else(|| refuse("it has no host"))?;
        Ok(Self::of(host, url.port().unwrap_or(443)))
    }

    fn is_loopback(&self) -> bool {
        let bare = self.host.trim_matches(['[', ']']);
        bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            443 => write!(f, "https://{}", self.host),
            port => write!(f, "https://{}:{port}", self.host),
        }
    }
}

fn checked(what: &'static str, value: &str, allowed: &'static str) -> Result<String, EndpointError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || allowed.contains(c);
    if value.is_empty() || !value.chars().all(fits) {
        return Err(EndpointError::Text { what, value: redact(value), allowed });
    }
    Ok(value.to_owned())
}

fn roots_from_pem(pem: &[u8]) -> Result<RootCertStore, EndpointError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| EndpointError::Roots(error.to_string()))?;
        roots.add(certificate).map_err(|error| EndpointError::Roots(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(EndpointError::Roots("the CA bundle holds no certificate".to_owned()));
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, EndpointError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(ToString::to_string);
        return Err(EndpointError::Roots(why.unwrap_or_else(|| "the system has none".to_owned())));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_its_own_hosts_and_scope() {
        let scopes = [Cloud::AzurePublic, Cloud::AzureGovernment, Cloud::AzureChina]
            .map(|cloud| Endpoint::cloud(cloud).scope().to_owned());
        assert_eq!(
            scopes,
            [
                "https://management.azure.com/.default",
                "https://management.usgovcloudapi.net/.default",
                "https://management.chinacloudapi.cn/.default"
            ]
        );
    }

    #[test]
    fn an_endpoint_that_is_not_a_plain_https_origin_is_refused() {
        let fine = "https://127.0.0.1:8443";
        assert!(Endpoint::custom(fine, fine).is_ok());
        for bad in ["http://127.0.0.1", "https://h/path", "https://h?x=1", "ftp://h", "h", "https://"] {
            assert!(Endpoint::custom(bad, fine).is_err(), "{bad}");
            assert!(Endpoint::custom(fine, bad).is_err(), "{bad}");
        }
        let refused = Endpoint::custom("https://user:hunter2@h", fine).unwrap_err();
        assert!(!format!("{refused} {refused:?}").contains("hunter2"));
    }

    #[test]
    fn only_the_arm_host_over_https_may_be_followed() {
        let endpoint = Endpoint::cloud(Cloud::AzurePublic);
        let owns = |url: &str| endpoint.owns(&Url::parse(url).unwrap());
        assert!(owns("https://management.azure.com/x?skipToken=1"));
        assert!(owns("https://MANAGEMENT.azure.com:443/x"));
        for foreign in [
            "http://management.azure.com/x",
            "https://management.azure.com:8443/x",
            "https://management.azure.com.evil.example/x",
            "https://u:p@management.azure.com/x",
        ] {
            assert!(!owns(foreign), "{foreign}");
        }
    }

    #[test]
    fn a_path_with_blanks_is_encoded_and_cannot_add_a_query() {
        let url = Endpoint::cloud(Cloud::AzurePublic).url("/a/rg (1)/b", "2025-08-01").unwrap();
        assert_eq!(url.as_str(), "https://management.azure.com/a/rg%20(1)/b?api-version=2025-08-01");
    }

    #[test]
    fn a_bundle_without_a_certificate_is_refused() {
        let refused = Endpoint::cloud(Cloud::AzurePublic).with_ca_pem(b"nothing");
        assert!(matches!(refused, Err(EndpointError::Roots(_))));
    }
}
