//! JSON as Site Recovery, Compute, Network and Entra ID write it. Field names and nulls follow the recordings.
//!
//! Builders only: they read the world and change nothing. Not shared with the client, so that both cannot be wrong together.

use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) mod compute;
pub(crate) mod error;
pub(crate) mod health;
pub(crate) mod item;
pub(crate) mod job;
pub(crate) mod otherwise;
pub(crate) mod plumbing;
pub(crate) mod resources;

/// The time of a task that has not begun or not ended: no zone, as recorded.
pub(crate) const NEVER: &str = "0001-01-01T00:00:00";

/// `2026-06-01T08:00:00.1234567Z`: seven digits, as .NET writes them.
pub(crate) fn precise(instant: Timestamp) -> String {
    let ticks = instant.subsec_nanosecond().max(0) / 100;
    format!("{}.{ticks:07}Z", instant.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// `2026-06-01T08:00:00Z`: whole seconds, as the end of a job is written.
pub(crate) fn whole(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-06-01T08:00:00.0000000Z`: whole seconds with seven digits, as the end of an operation is written.
pub(crate) fn whole_padded(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S.0000000Z").to_string()
}

/// A list: `{value, nextLink}`, both always there.
pub(crate) fn list(value: Vec<Value>, next_link: Option<String>) -> Value {
    json!({ "value": value, "nextLink": next_link })
}

/// JSON merge patch: objects are merged, null removes, anything else replaces.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        if !patch.is_null() {
            *target = patch.clone();
        }
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(fields) = target.as_object_mut() else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_digits_of_the_recordings() {
        let at: Timestamp = "2026-06-01T08:00:00.12345678Z".parse().unwrap();
        assert_eq!(precise(at), "2026-06-01T08:00:00.1234567Z");
        assert_eq!(whole(at), "2026-06-01T08:00:00Z");
        assert_eq!(whole_padded(at), "2026-06-01T08:00:00.0000000Z");
    }

    #[test]
    fn merging_replaces_adds_and_removes() {
        let mut target = json!({"a": 1, "b": {"c": 2, "d": 3}});
        merge(&mut target, &json!({"a": null, "b": {"c": 4}, "e": [5]}));
        assert_eq!(target, json!({"b": {"c": 4, "d": 3}, "e": [5]}));
    }
}
