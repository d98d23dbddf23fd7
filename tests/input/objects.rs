//! Changes of a custom resource, from its schema: every field, by every kind of wrong and odd value that fits its type.

use serde_json::{Value, json};

/// A field of a schema, with an index `0` for what is in a list.
#[derive(Debug, Clone)]
pub struct Field {
    /// From the schema's own root.
    pub path: Vec<String>,
    /// Its schema.
    pub schema: Value,
}

/// Every field below `schema`.
pub fn fields(schema: &Value) -> Vec<Field> {
    let mut all = Vec::new();
    walk(schema, &mut Vec::new(), &mut all);
    all
}

fn walk(schema: &Value, path: &mut Vec<String>, into: &mut Vec<Field>) {
    let named = schema["properties"].as_object().into_iter().flatten();
    let listed = schema.get("items").map(|items| ("0".to_owned(), items));
    for (name, inner) in named.map(|(name, inner)| (name.clone(), inner)).chain(listed) {
        path.push(name);
        into.push(Field { path: path.clone(), schema: inner.clone() });
        walk(inner, path, into);
        path.pop();
    }
}

/// Texts that a field may not expect: paths, escapes, other scripts, control characters, much of it.
fn texts(schema: &Value) -> Vec<Value> {
    let most = usize::try_from(schema["maxLength"].as_u64().unwrap_or(300)).unwrap();
    let mut all: Vec<Value> =
        ["", " ", "Pondering", "../..", "a/b?c#d", "%2e%2e%2f", "☃\u{202e}", "\u{0}", "\n", "{{x}}", "-"]
            .map(Value::from)
            .to_vec();
    all.extend([most, most + 1, 300_000].map(|length| json!("a".repeat(length))));
    all.push(json!("☃".repeat(most)));
    all
}

const DATES: [&str; 10] = [
    "yesterday",
    "2026-02-30T00:00:00Z",
    "2026-06-01",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "10000-01-01T00:00:00Z",
    "2026-06-01T23:59:60Z",
    "2026-06-01T08:00:00+99:00",
    "2026-06-01T08:00:00.123456789123456789-00:01",
];

const SPANS: [&str; 9] = ["0s", "-5m", "1y", "1.5h", "9e99s", "99999999999999999999h", "15", "15 m", "1h1h"];

fn numbers(schema: &Value) -> Vec<Value> {
    let mut all =
        vec![json!(0), json!(-1), json!(1.5), json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(1e300)];
    let bound = |name: &str| schema[name].as_f64();
    all.extend(bound("minimum").into_iter().flat_map(|least| [json!(least as i64), json!(least as i64 - 1)]));
    all.extend(bound("maximum").into_iter().flat_map(|most| [json!(most as i64), json!(most as i64 + 1)]));
    all
}

fn lists(schema: &Value, given: &Value) -> Vec<Value> {
    let element = given.get(0).cloned().unwrap_or_else(|| json!("x"));
    let most = usize::try_from(schema["maxItems"].as_u64().unwrap_or(100)).unwrap();
    vec![json!([]), json!([null]), json!([element, element]), Value::Array(vec![element; most + 1])]
}

/// What is put in the place of a field, beside taking it away. `given` is what stands there.
pub fn odd(schema: &Value, given: &Value) -> Vec<Value> {
    let mut all =
        vec![Value::Null, json!({}), json!({"unknown": {"deep": 1}}), json!([[]]), json!(true), json!(7), json!("x")];
    all.extend(match schema["type"].as_str() {
        Some("string") => {
            let dates = is_date(schema);
            let spans = given.as_str().is_some_and(|text| text.len() < 5 && text.ends_with(['s', 'm', 'h', 'd']));
            let of = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
            [texts(schema), if dates { of(&DATES) } else { vec![] }, if spans { of(&SPANS) } else { vec![] }].concat()
        }
        Some("integer" | "number") => numbers(schema),
        Some("array") => lists(schema, given),
        _ => vec![],
    });
    all.dedup();
    all
}

/// `object` with `value` at `path`; objects and lists on the way are made. `None` takes the field away.
pub fn put(object: &mut Value, path: &[String], value: Option<Value>) {
    let Some((name, rest)) = path.split_first() else {
        *object = value.unwrap_or_default();
        return;
    };
    if name == "0" {
        let made = object.as_array().is_some_and(|list| !list.is_empty());
        if !made {
            *object = json!([null]);
        }
        return put(&mut object[0], rest, value);
    }
    if !object.is_object() {
        *object = json!({});
    }
    if rest.is_empty() && value.is_none() {
        object.as_object_mut().unwrap().remove(name);
        return;
    }
    put(object.as_object_mut().unwrap().entry(name).or_insert(Value::Null), rest, value);
}

/// A value that fits `schema`: every field is given, and each list has one element.
pub fn example(schema: &Value) -> Value {
    match schema["type"].as_str() {
        Some("object") => {
            let named = schema["properties"].as_object().into_iter().flatten();
            Value::Object(named.map(|(name, inner)| (name.clone(), example(inner))).collect())
        }
        Some("array") => json!([example(&schema["items"])]),
        Some("string") => fitting_text(schema),
        Some("boolean") => json!(true),
        Some("integer") => json!(schema["minimum"].as_f64().unwrap_or(1.0) as i64),
        other => panic!("no example of {other:?}"),
    }
}

/// Whether a date is wanted: a rule or a pattern of the field says so.
fn is_date(schema: &Value) -> bool {
    let says = |text: &Value, what: &str| text.as_str().is_some_and(|text| text.contains(what));
    says(&schema["x-kubernetes-validations"][0]["rule"], "timestamp(self)") || says(&schema["pattern"], "T[0-9]{2}:")
}

fn fitting_text(schema: &Value) -> Value {
    const GUID: &str = "00000000-1111-2222-3333-444444444444";
    const SHA: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    if let Some(word) = schema["enum"].get(0) {
        return word.clone();
    }
    if is_date(schema) {
        return json!("2026-06-01T08:00:00Z");
    }
    let validator = jsonschema::validator_for(schema).unwrap();
    // The first one is a duration too, for those texts that are one.
    let texts = ["5m", "Succeeded", GUID, SHA].map(Value::from);
    texts.into_iter().find(|text| validator.is_valid(text)).unwrap_or_else(|| panic!("no text fits {schema}"))
}
