//! Every way to touch a kind that no part can be edited of: each field changed, each optional one added and removed.

use serde_json::{Value, json};

use crate::manifests::{SUBSCRIPTION, whole, with};

/// Kinds of which no part of the spec can be edited, with the words of the refusal.
pub(crate) const IMMUTABLE: [(&str, &str); 6] = [
    ("FailoverRequest", "a request cannot be edited: create another one under a new name"),
    ("CommitRequest", "a request cannot be edited: create another one under a new name"),
    ("ChangeRecoveryPointRequest", "a request cannot be edited: create another one under a new name"),
    ("ReprotectRequest", "a request cannot be edited: create another one under a new name"),
    ("RequestDecision", "a decision cannot be edited: create another one"),
    ("RequestClaim", "a claim is never changed"),
];

/// An edit: what is done, the object before and after.
pub(crate) struct Touch {
    pub what: String,
    pub before: Value,
    pub after: Value,
}

/// All edits of `kind`, from the schema of its spec, so that a new field is in them from its first day.
pub(crate) fn touches(kind: &str, spec_schema: &Value) -> Vec<Touch> {
    let mut touches = Vec::new();
    walk(spec_schema, &mut Vec::new(), &mut |path, optional| {
        let pointer = format!("/{}", path.join("/"));
        let whole = whole(kind);
        let value = whole["spec"].pointer(&pointer).unwrap_or_else(|| panic!("give {kind} a sample of {pointer}"));
        if !value.is_object() {
            let after = with(whole.clone(), &at(path, other_than(value)));
            touches.push(Touch { what: format!("{kind}: change {pointer}"), before: whole.clone(), after });
        }
        // Without its type a recovery point is Latest, which takes none of the other fields; a decision's optional fields
        // come together: no such object exists.
        if optional && pointer != "/recoveryPoint/type" && kind != "RequestDecision" {
            let lacking = with(whole.clone(), &at(path, Value::Null));
            let (add, remove) = (format!("{kind}: add {pointer}"), format!("{kind}: remove {pointer}"));
            touches.push(Touch { what: add, before: lacking.clone(), after: whole.clone() });
            touches.push(Touch { what: remove, before: whole, after: lacking });
        }
    });
    touches
}

fn walk(schema: &Value, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], bool)) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        visit(path, !required.contains(&json!(name)));
        walk(property, path, visit);
        path.pop();
    }
}

fn at(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, name| json!({name.as_str(): inner}))
}

/// Another value that the schema takes. Of a date and of a duration: another spelling of the same.
fn other_than(value: &Value) -> Value {
    match value {
        Value::Bool(value) => json!(!value),
        Value::Number(value) => json!(value.as_i64().unwrap() + 1),
        Value::String(text) => json!(match text.as_str() {
            "2026-03-01T04:00:00Z" => "2026-03-01T05:00:00+01:00".to_owned(),
            "2026-03-01T03:00:00Z" => "2026-03-01T03:00:00.0Z".to_owned(),
            "15m" => "900s".to_owned(),
            "Custom" => "LatestProcessed".to_owned(),
            "Automatic" => "Manual".to_owned(),
            "PrimaryToRecovery" => "RecoveryToPrimary".to_owned(),
            "RecoveryToPrimary" => "PrimaryToRecovery".to_owned(),
            "3" => "2".to_owned(),
            "FailoverRequest" => "CommitRequest".to_owned(),
            "Release" => "Cancel".to_owned(),
            "Happened" => "DidNotHappen".to_owned(),
            SUBSCRIPTION => SUBSCRIPTION.replace('1', "9"),
            hash if hash.len() == 64 => hash.chars().rev().collect(),
            other => format!("{other}x"),
        }),
        Value::Array(list) => Value::Array([list.clone(), list.clone()].concat()),
        other => panic!("no other value than {other}"),
    }
}
