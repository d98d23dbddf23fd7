//! What Azure answers, as types. Decoding only: no call is made and nothing is decided here.
//!
//! Every field of the wire may be null, `""` or absent, unknown fields and words pass, and dates have three ways to say
//! "never" (recorded: cli-A2A_scenarios seq 73). So a body is first settled - `properties` lifted into its envelope, null and `""`
//! dropped - and then read; enumerations stay text with questions asked of them.

mod around;
mod dates;
mod fabric;
mod item;
mod job;
mod odd;
mod point;
mod vault;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use around::{ContainerMapping, ManagementLock, PlacedResource, Policy, Subnet};
pub use fabric::{Container, Fabric};
pub use item::{A2aDetails, CurrentScenario, HealthError, IpConfig, ManagedDisk, Nic, ProtectedItem};
pub use job::{FailedOverItem, Job, JobDetails, JobError, JobPhase, Task, listed as jobs};
pub use point::RecoveryPoint;
pub use vault::{NetworkInterface, NicIpConfiguration, Vault, VirtualMachine};

/// Decodes one resource as a GET answers it.
///
/// # Errors
/// In words without the body's content, when it is not JSON or a needed field is missing or of another type.
pub fn resource<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| super::read::shape_of(&error))?;
    serde_json::from_value(settled(value)).map_err(|_| "a field is missing or of another type than known".to_owned())
}

/// Decodes the elements of a list one by one, and counts those that could not be.
pub fn elements<T: DeserializeOwned>(values: Vec<Value>) -> (Vec<T>, usize) {
    let all = values.len();
    let decoded: Vec<T> = values.into_iter().filter_map(|value| serde_json::from_value(settled(value)).ok()).collect();
    let undecodable = all - decoded.len();
    (decoded, undecodable)
}

fn settled(value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(lifted(object)),
        Value::Array(elements) => elements.into_iter().filter(says_something).map(settled).collect(),
        other => other,
    }
}

/// What the envelope names itself by stays; for the rest the inner value wins, as jobs of 2017 repeat theirs outside
/// (recorded: net-UnplannedFailover seq 9).
fn lifted(mut object: Map<String, Value>) -> Map<String, Value> {
    let mut merged = match object.remove("properties") {
        Some(Value::Object(inner)) => telling(inner),
        Some(other) => Map::from_iter([("properties".to_owned(), other)]),
        None => Map::new(),
    };
    for (name, value) in telling(object) {
        if ["id", "name", "type"].contains(&name.as_str()) || !merged.contains_key(&name) {
            merged.insert(name, value);
        }
    }
    merged.into_iter().map(|(name, value)| (name, settled(value))).collect()
}

fn telling(object: Map<String, Value>) -> Map<String, Value> {
    object.into_iter().filter(|(_, value)| says_something(value)).collect()
}

fn says_something(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

/// The last segment of a path, which is all that two spellings of one reference have in common.
pub(crate) fn last_segment(path: &str) -> Option<&str> {
    path.rsplit('/').next().filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn properties_are_lifted_and_empty_values_are_dropped() {
        let wire = json!({"id": "i", "name": "n", "properties": {"name": "inner", "a": "", "b": null, "c": [null, "", {"properties": {"d": 1}}]}});
        assert_eq!(settled(wire), json!({"id": "i", "name": "n", "c": [{"d": 1}]}));
    }

    #[test]
    fn the_envelope_keeps_its_name_and_the_inner_value_wins_elsewhere() {
        let wire = json!({"name": "outer", "end": null, "start": "outer", "properties": {"name": "inner", "end": "inner", "start": "inner"}});
        assert_eq!(settled(wire), json!({"name": "outer", "end": "inner", "start": "inner"}));
    }

    #[test]
    fn an_element_of_another_shape_is_counted_and_the_rest_stays() {
        let point = json!({"id": "/p/1", "name": "1", "properties": {"recoveryPointTime": "2023-01-16T09:27:19Z"}});
        let (points, undecodable) = elements::<RecoveryPoint>(vec![
            point.clone(),
            json!({"id": 7, "name": "2"}),
            json!("text"),
            json!({"id": "/p/3", "name": "3", "properties": {"recoveryPointType": ["odd"]}}),
            point,
        ]);
        assert_eq!((points.len(), undecodable), (2, 3));
    }

    #[test]
    fn a_failure_to_decode_does_not_repeat_the_body() {
        let failure = resource::<RecoveryPoint>(br#"{"id":"SECRET","name":["SECRET"]}"#).unwrap_err();
        assert!(!failure.contains("SECRET"), "{failure}");
        let failure = resource::<RecoveryPoint>(b"SECRET").unwrap_err();
        assert!(!failure.contains("SECRET"), "{failure}");
    }
}
