//! Waiting for a state of the world, never for a time: each wait has a deadline and shows the state when that passes.

use std::fmt::Display;
use std::time::{Duration, Instant};

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;

const POLL: Duration = Duration::from_millis(100);

/// Asks `probe` every 100 ms until it is Ok, and returns that. At the deadline it panics with `what` was awaited and the last Err, which
/// should be the state that was seen.
pub async fn eventually<T, E: Display>(
    deadline: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> std::result::Result<T, E>,
) -> T {
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(found) => return found,
            Err(state) if start.elapsed() > deadline => {
                panic!("{what}: not within {deadline:?}; last seen: {state}")
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
    }
}

/// The condition of this type in an object's status.
pub fn condition<'a>(object: &'a Value, condition_type: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == condition_type)
}

/// How to ask for one of the product's kinds, by its kind (`FailoverRequest`).
pub fn asr_resource(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("asr-operator.io", "v1alpha1", kind))
}

/// One object of the product as the API server shows it now.
pub async fn get(client: &kube::Client, kind: &str, namespace: &str, name: &str) -> std::result::Result<Value, String> {
    Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &asr_resource(kind))
        .get(name)
        .await
        .map_err(|error| format!("{kind} {namespace}/{name}: {error}"))
        .and_then(|object| serde_json::to_value(object).map_err(|error| error.to_string()))
}

/// Waits until an object's condition `wanted.0` has status `wanted.1` and, when given, reason `wanted.2`, and returns the object. At the
/// deadline it panics with the object's whole status.
pub async fn wait_condition(
    client: &kube::Client,
    kind: &str,
    namespace: &str,
    name: &str,
    wanted: (&str, &str, Option<&str>),
    deadline: Duration,
) -> Value {
    let (condition_type, status, reason) = wanted;
    let what = format!("{kind} {namespace}/{name}: condition {condition_type}={status} {}", reason.unwrap_or_default());
    eventually(deadline, what.trim_end(), async || {
        let object = get(client, kind, namespace, name).await?;
        let met = condition(&object, condition_type)
            .is_some_and(|found| found["status"] == status && reason.is_none_or(|reason| found["reason"] == reason));
        if met { Ok(object) } else { Err(format!("status {:#}", object["status"])) }
    })
    .await
}
