//! Values at all bounds of their schema.

use serde_json::{Map, Value, json};

/// The largest value that `schema` takes: each text and each list as long as may be.
pub(crate) fn largest(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            Value::Object(properties.map(|(name, property)| (name.clone(), largest(property))).collect::<Map<_, _>>())
        }
        Some("array") => largest_list(schema),
        Some("string") => Value::String(longest(schema)),
        Some("boolean") => json!(false),
        Some("integer") => json!(schema["maximum"].as_f64().map_or(1_000_000, |max| max as i64)),
        other => panic!("no largest {other:?}"),
    }
}

/// Cuts every text in `value` to `max` bytes.
pub(crate) fn cut_texts(value: &mut Value, max: usize) {
    match value {
        Value::String(text) => text.truncate(max),
        Value::Array(items) => items.iter_mut().for_each(|item| cut_texts(item, max)),
        Value::Object(fields) => fields.values_mut().for_each(|field| cut_texts(field, max)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn largest_list(schema: &Value) -> Value {
    let max = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
    let item = largest(&schema["items"]);
    let Some(key) = schema["x-kubernetes-list-map-keys"][0].as_str() else {
        return Value::Array(vec![item; max]);
    };
    let named = |key_value: Value| {
        let mut item = item.clone();
        item[key] = key_value;
        item
    };
    let words = schema["items"]["properties"][key]["enum"].as_array();
    let keys: Vec<Value> = match words {
        Some(words) => words.clone(),
        None => (0..max).map(|n| json!(format!("{}{n:02}", "A".repeat(62)))).collect(),
    };
    Value::Array(keys.into_iter().take(max).map(named).collect())
}

fn longest(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).max_by_key(|word| word.len()).unwrap().to_owned();
    }
    let says = |text: &Value, what: &str| text.as_str().is_some_and(|text| text.contains(what));
    if says(&schema["x-kubernetes-validations"][0]["rule"], "timestamp(self)") || says(&schema["pattern"], "T[0-9]{2}:")
    {
        return "2026-03-01T04:00:00.123456789+00:00".to_owned();
    }
    let max = usize::try_from(schema["maxLength"].as_u64().unwrap()).unwrap();
    match schema["pattern"].as_str() {
        Some(pattern) if pattern.contains("{8}-") => "01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        Some("^[A-Z][A-Za-z0-9]*$") => "A".repeat(max),
        Some(_) => "a".repeat(max),
        None => "x".repeat(max),
    }
}
