//! What keeps a status acceptable: the API server refuses a whole write for one text that is too long.
//!
//! Only cuts, and only what is beyond a bound of the schema; which facts a status holds is not decided here.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};
use serde_json::Value;

use super::v1alpha1::RequestStatus;

/// No status is larger than this, in bytes of JSON.
pub const STATUS_MAX_BYTES: usize = 64 * 1024;

/// Cuts the strings and lists of `value` to the bounds of `schema`. A cut string ends in `…`; a cut list keeps its
/// beginning.
pub fn fit_to_schema(value: &mut Value, schema: &JSONSchemaProps) {
    match value {
        Value::String(text) => {
            if let Some(max) = schema.max_length.and_then(|max| usize::try_from(max).ok()) {
                cut(text, max);
            }
        }
        Value::Array(list) => {
            if let Some(max) = schema.max_items.and_then(|max| usize::try_from(max).ok()) {
                list.truncate(max);
            }
            if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
                list.iter_mut().for_each(|item| fit_to_schema(item, items));
            }
        }
        Value::Object(object) => {
            for (name, property) in schema.properties.iter().flatten() {
                if let Some(value) = object.get_mut(name) {
                    fit_to_schema(value, property);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Drops the tasks, then the errors, of one operation after the other, the oldest first, until the status is no larger
/// than [`STATUS_MAX_BYTES`]. Only a request that was tried over and over comes to this; Azure keeps what is dropped.
pub fn shorten(status: &mut RequestStatus) {
    for index in 0..status.operations.len() {
        if size_of(status) <= STATUS_MAX_BYTES {
            return;
        }
        status.operations[index].tasks.clear();
        if size_of(status) <= STATUS_MAX_BYTES {
            return;
        }
        status.operations[index].errors.clear();
    }
}

fn size_of(status: &RequestStatus) -> usize {
    serde_json::to_vec(status).map_or(usize::MAX, |bytes| bytes.len())
}

/// The API server counts characters, not bytes.
fn cut(text: &mut String, max: usize) {
    if text.chars().count() > max {
        let kept: String = text.chars().take(max.saturating_sub(1)).collect();
        *text = kept.trim_end().to_owned() + "…";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::schema_of;
    use crate::api::v1alpha1::{FailoverRequest, Operation, OperationError, Step, Task};

    fn status_schema() -> JSONSchemaProps {
        schema_of::<FailoverRequest>().unwrap().unwrap().properties.unwrap().remove("status").unwrap()
    }

    fn operation(text: &str) -> Operation {
        let long = || Some(text.to_owned());
        Operation {
            step: Step::Failover,
            attempt: 1,
            client_request_id: None,
            job_id: long(),
            state: long(),
            tasks: vec![Task { name: text.to_owned(), message: long(), ..Task::default() }; 30],
            errors: vec![OperationError { code: text.to_owned(), message: long(), ..OperationError::default() }; 9],
            started_at: None,
            ended_at: None,
        }
    }

    #[test]
    fn long_texts_and_lists_are_cut_to_the_schema() {
        let status = RequestStatus { operations: vec![operation(&"ä".repeat(5000)); 40], ..RequestStatus::default() };
        let mut value = serde_json::to_value(status).unwrap();
        fit_to_schema(&mut value, &status_schema());
        let fitted: RequestStatus = serde_json::from_value(value).unwrap();
        assert_eq!(fitted.operations.len(), 32);
        assert_eq!((fitted.operations[0].tasks.len(), fitted.operations[0].errors.len()), (20, 5));
        let name = &fitted.operations[0].tasks[0].name;
        assert_eq!(name.chars().count(), 128);
        assert!(name.ends_with("ä…"), "{name}");
    }

    #[test]
    fn what_fits_is_left_alone() {
        let status = RequestStatus { operations: vec![operation("short")], ..RequestStatus::default() };
        let before = serde_json::to_value(&status).unwrap();
        let mut after = before.clone();
        after["operations"][0]["tasks"].as_array_mut().unwrap().truncate(20);
        after["operations"][0]["errors"].as_array_mut().unwrap().truncate(5);
        let expected = after.clone();
        fit_to_schema(&mut after, &status_schema());
        assert_eq!(after, expected);
        let mut small = status.clone();
        shorten(&mut small);
        assert_eq!(small, status);
    }

    #[test]
    fn a_status_that_is_too_large_keeps_the_newest_operation_whole() {
        let mut status =
            RequestStatus { operations: vec![operation(&"x".repeat(250)); 32], ..RequestStatus::default() };
        shorten(&mut status);
        assert!(size_of(&status) <= STATUS_MAX_BYTES);
        assert_eq!(status.operations.len(), 32);
        assert!(status.operations[0].tasks.is_empty());
        assert_eq!(status.operations[31], operation(&"x".repeat(250)));
    }
}
