//! Changes of JSON: what Azure might one day say, and what a broken answer might say.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

/// The pointer of every value in `value`, itself left out.
pub fn places(value: &Value) -> Vec<String> {
    let mut all = Vec::new();
    walk(value, "", &mut all);
    all
}

fn walk(value: &Value, at: &str, into: &mut Vec<String>) {
    let mut visit = |name: &str, inner: &Value| {
        let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        into.push(place.clone());
        walk(inner, &place, into);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| visit(name, inner)),
        Value::Array(elements) => elements.iter().enumerate().for_each(|(n, inner)| visit(&n.to_string(), inner)),
        _ => {}
    }
}

/// What may stand in the place of any value: other types, words that nobody knows, dates that are none, much of it.
pub fn strange() -> Vec<Value> {
    vec![
        Value::Null,
        json!(""),
        json!("Pondering"),
        json!("31-31-31T99:99:99Z"),
        json!("9999-12-31T23:59:59.9999999Z"),
        json!("-262144-01-01T00:00:00Z"),
        json!(7),
        json!(-1),
        json!(i64::MAX),
        json!(1e300),
        json!(true),
        json!([]),
        json!({}),
        json!([null, 7, {"properties": null}]),
        json!("../%2f/\u{0}\u{202e}☃/"),
        json!("x".repeat(10_000)),
    ]
}

/// The shorter list, for every field of everything.
pub fn odd() -> Vec<Value> {
    vec![Value::Null, json!("Pondering"), json!("31-31-31T99:99:99Z"), json!(7), json!([])]
}

/// `value` with the place taken away.
pub fn without(value: &Value, place: &str) -> Value {
    let mut changed = value.clone();
    let (parent, name) = place.rsplit_once('/').unwrap_or_default();
    match changed.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(elements)) => {
            name.parse().ok().filter(|at| *at < elements.len()).map(|at: usize| elements.remove(at));
        }
        _ => {}
    }
    changed
}

/// `value` with something else in the place.
pub fn with(value: &Value, place: &str, other: &Value) -> Value {
    let mut changed = value.clone();
    if let Some(at) = changed.pointer_mut(place) {
        *at = other.clone();
    }
    changed
}

/// One to four changes of `value`.
pub fn changes(value: Value) -> impl Strategy<Value = Value> {
    let change = (any::<Index>(), proptest::option::of(select(strange())));
    proptest::collection::vec(change, 1..5).prop_map(move |changes| {
        changes.into_iter().fold(value.clone(), |value, (at, other)| {
            let places = places(&value);
            if places.is_empty() {
                return value;
            }
            match other {
                Some(other) => with(&value, &places[at.index(places.len())], &other),
                None => without(&value, &places[at.index(places.len())]),
            }
        })
    })
}

/// Bytes of `bytes` overwritten, cut off or doubled.
pub fn torn(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let writes = proptest::collection::vec((any::<Index>(), any::<u8>()), 0..8);
    (writes, any::<Index>(), any::<Index>(), 0..4_u8).prop_map(move |(writes, from, to, how)| {
        let mut all = bytes.clone();
        for (at, byte) in writes {
            let at = at.index(all.len().max(1));
            if let Some(old) = all.get_mut(at) {
                *old = byte;
            }
        }
        let (from, to) = (from.index(all.len() + 1), to.index(all.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        match how {
            0 => all.truncate(to),
            1 => {
                all.drain(from..to);
            }
            2 => all.extend_from_within(from..to.min(from + 5000)),
            _ => {}
        }
        all
    })
}
