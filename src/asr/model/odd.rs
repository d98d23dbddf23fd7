//! Fields that may be of another type than known: what cannot be read is absent, and the rest of the resource stays.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::asr::redact::hidden;

/// A text, and nothing else: a number in its place is no word that anything could be compared with.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// A text for people; a number is one too.
pub(crate) fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// How many elements a list has, whatever they are.
pub(crate) fn how_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_array().map_or(0, Vec::len))
}

/// A text that people are shown: Azure may quote a signed URL in it.
pub(crate) fn told<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(word(deserializer)?.map(|text| hidden(&text)))
}

/// The elements of a list that can be read.
pub(crate) fn each<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let Value::Array(all) = Value::deserialize(deserializer)? else { return Ok(Vec::new()) };
    Ok(all.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect())
}

/// Whatever is without it where it cannot be read.
pub(crate) fn or_none<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}
