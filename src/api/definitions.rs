//! The CustomResourceDefinitions as they are installed: what the derives give, made strict.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::v1alpha1::{
    ChangeRecoveryPointRequest, CommitRequest, FailoverRequest, ItemRecord, RecoveryVault, ReplicatedVm,
    ReprotectRequest, RequestClaim, RequestDecision,
};

/// Why the definitions cannot be written. Always a mistake in the types, never of a user.
#[derive(Debug, Error)]
pub enum DefinitionError {
    /// What the derive gives is no definition any more after it was made strict.
    #[error("the definition of {name} is malformed: {source}")]
    Malformed {
        /// Name of the definition.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A definition cannot be written as YAML.
    #[error("the definition of {name} cannot be written as YAML: {reason}")]
    Yaml {
        /// Name of the definition.
        name: String,
        /// What the writer said.
        reason: String,
    },
}

/// The definitions of all kinds, people's first.
///
/// # Errors
/// [`DefinitionError::Malformed`] when a derived schema cannot be made strict.
pub fn all_crds() -> Result<Vec<CustomResourceDefinition>, DefinitionError> {
    [
        RecoveryVault::crd(),
        ReplicatedVm::crd(),
        FailoverRequest::crd(),
        ChangeRecoveryPointRequest::crd(),
        CommitRequest::crd(),
        ReprotectRequest::crd(),
        RequestDecision::crd(),
        ItemRecord::crd(),
        RequestClaim::crd(),
    ]
    .into_iter()
    .map(strict)
    .collect()
}

/// The schema of a whole object of kind `K`, as installed. Made anew at each call: keep it.
///
/// # Errors
/// [`DefinitionError::Malformed`] when the derived schema cannot be made strict.
pub fn schema_of<K: CustomResourceExt>() -> Result<Option<JSONSchemaProps>, DefinitionError> {
    let versions = strict(K::crd())?.spec.versions;
    Ok(versions.into_iter().find_map(|version| version.schema?.open_api_v3_schema))
}

/// One definition as a YAML document, without a `---`. The same definition always gives the same bytes.
///
/// # Errors
/// [`DefinitionError`] when it cannot be written.
pub fn yaml_of(crd: &CustomResourceDefinition) -> Result<String, DefinitionError> {
    let name = || crd.metadata.name.clone().unwrap_or_default();
    let value = serde_json::to_value(crd).map_err(|source| DefinitionError::Malformed { name: name(), source })?;
    serde_yaml::to_string(&value).map_err(|e| DefinitionError::Yaml { name: name(), reason: e.to_string() })
}

fn strict(crd: CustomResourceDefinition) -> Result<CustomResourceDefinition, DefinitionError> {
    let name = crd.metadata.name.clone().unwrap_or_default();
    let malformed = |source| DefinitionError::Malformed { name: name.clone(), source };
    let mut value = serde_json::to_value(crd).map_err(malformed)?;
    for version in value.pointer_mut("/spec/versions").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(root) = version.pointer_mut("/schema/openAPIV3Schema").and_then(Value::as_object_mut) {
            tidy(root);
            // A default on the field alone does nothing: the API server fills an absent object only from its own.
            if let Some(status) = root.get_mut("properties").and_then(|p| p.get_mut("status")) {
                status["default"] = json!({"observedGeneration": -1});
            }
        }
    }
    serde_json::from_value(value).map_err(malformed)
}

/// Takes away what the derive adds and nobody means. An optional field is left out, never null: CEL's `has()` is true
/// of a null.
fn tidy(schema: &mut Map<String, Value>) {
    schema.remove("nullable");
    schema.remove("title");
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = unwrapped(description);
    }
    if let Some(Value::Object(items)) = schema.get_mut("items") {
        tidy(items);
    }
    for property in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        if let Value::Object(property) = property {
            tidy(property);
        }
    }
}

/// A doc comment's lines as paragraphs: where the source breaks a line means nothing to `kubectl explain`.
fn unwrapped(doc: &str) -> String {
    let paragraphs: Vec<String> =
        doc.split("\n\n").map(|paragraph| paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ")).collect();
    paragraphs.join("\n\n")
}
