//! What a test does with objects by the API server itself. A user's kubectl does the same and takes a fifth of a second of a
//! processor each time; the tests that are about kubectl call it by name.

use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use serde_json::Value;

use super::wait::{asr_resource, eventually};

/// Who owns the fields of what tests apply.
const MANAGER: &str = "test";
const DEADLINE: std::time::Duration = std::time::Duration::from_secs(60);

/// The documents of a YAML text.
pub fn documents(yaml: &str) -> Vec<DynamicObject> {
    let said = |doc: &&str| doc.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let parse = |doc| serde_yaml::from_str(doc).unwrap_or_else(|error| panic!("{error}: {doc}"));
    yaml.trim_start_matches("---\n").split("\n---\n").filter(said).map(parse).collect()
}

/// Where an object of that kind and namespace is found.
pub fn api_of(client: &kube::Client, object: &DynamicObject) -> Api<DynamicObject> {
    let types = object.types.clone().expect("a kind");
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types).expect("an apiVersion"));
    match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Applies each document; panics with the API server's words when one is refused.
pub async fn apply(client: &kube::Client, yaml: &str) {
    let how = PatchParams::apply(MANAGER).force().validation_strict();
    for object in documents(yaml) {
        let name = object.metadata.name.clone().expect("a name");
        let applied = api_of(client, &object).patch(&name, &how, &Patch::Apply(&object)).await;
        applied.unwrap_or_else(|error| panic!("{error}: {object:?}"));
    }
}

/// Deletes an object of the product, and waits until it is gone.
pub async fn delete(client: &kube::Client, kind: &str, namespace: &str, name: &str) {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &asr_resource(kind));
    let asked = api.delete(name, &DeleteParams::default()).await;
    let Some(object) = asked.unwrap_or_else(|error| panic!("{kind} {name}: {error}")).left() else { return };
    let uid = object.metadata.uid;
    eventually(DEADLINE, &format!("{kind} {name} gone"), async || match api.get_opt(name).await {
        Ok(None) => Ok(()),
        Ok(Some(there)) if there.metadata.uid != uid => Ok(()),
        Ok(Some(there)) => Err(format!("{:?}", there.metadata)),
        Err(error) => Err(error.to_string()),
    })
    .await;
}

/// All objects of a kind in a namespace that match this field selector, or all where it is empty.
pub async fn list(client: &kube::Client, resource: &ApiResource, namespace: &str, fields: &str) -> Vec<Value> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, resource);
    let found = api.list(&ListParams::default().fields(fields)).await.unwrap_or_else(|error| panic!("{error}"));
    found.items.into_iter().map(|object| serde_json::to_value(object).expect("an object is JSON")).collect()
}
