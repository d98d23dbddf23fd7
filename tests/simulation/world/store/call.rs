//! A call to an API server, read from its path, query and body.

use http::Request;
use serde_json::Value;

use super::Key;

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The resource.
    pub plural: String,
    /// The namespace; empty: all.
    pub namespace: String,
    /// The name; empty: the collection.
    pub name: String,
    /// Whether it is about the status alone.
    pub status: bool,
    /// Whether it asks for a token of a ServiceAccount.
    pub token: bool,
    /// Whether a patch is a server-side apply.
    pub apply: bool,
    /// Whether only the metadata is wanted.
    pub metadata_only: bool,
    /// Field and value that listed objects must have.
    pub selector: Option<(String, String)>,
    /// The body; null when there is none.
    pub body: Value,
}

impl Call {
    /// Reads a call.
    pub fn read(request: &Request<()>, body: &[u8]) -> Self {
        let path = request.uri().path().to_owned();
        let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        // /api/v1/... and /apis/{group}/{version}/...
        let rest = if segments.first() == Some(&"api") { segments.get(2..) } else { segments.get(3..) };
        let rest = rest.unwrap_or_default();
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let at = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        Self {
            method: request.method().to_string(),
            plural: at(0),
            namespace: namespace.to_owned(),
            name: at(1),
            status: at(2) == "status",
            token: at(2) == "token",
            apply: header("content-type").contains("apply-patch"),
            metadata_only: header("accept").contains("PartialObjectMetadata"),
            selector: selector(request.uri().query().unwrap_or_default()),
            body: serde_json::from_slice(body).unwrap_or_default(),
            path,
        }
    }

    /// The object that it names.
    pub fn key(&self) -> Key {
        (self.plural.clone(), self.namespace.clone(), self.name.clone())
    }

    /// Whether it may change anything.
    pub fn mutating(&self) -> bool {
        self.method != "GET" && !self.token
    }

    /// Whether a listed object is wanted.
    pub fn selects(&self, object: &Value) -> bool {
        let Some((field, wanted)) = &self.selector else { return true };
        let found = field.split('.').fold(object, |value, name| &value[name]);
        found.as_str() == Some(wanted)
    }
}

fn selector(query: &str) -> Option<(String, String)> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, text) = pairs.find(|(name, _)| name == "fieldSelector")?;
    let (field, value) = text.split_once('=')?;
    Some((field.trim_end_matches('=').to_owned(), value.trim_start_matches('=').to_owned()))
}
