//! What the definitions say of a resource: which fields there are, their defaults, whether status is a part of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The resources that are kept.
pub struct Shapes(BTreeMap<String, Shape>);

/// One resource.
pub struct Shape {
    /// `group/version`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Whether its status is written apart from the rest.
    pub has_status: bool,
    schema: Value,
}

impl Shapes {
    /// Those of the operator's own definitions.
    pub fn installed() -> Self {
        let definitions = asr_operator::api::all_crds().expect("the definitions are well-formed");
        let shapes = definitions.into_iter().map(|definition| {
            let version = &definition.spec.versions[0];
            let schema = version.schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref());
            let shape = Shape {
                api_version: format!("{}/{}", definition.spec.group, version.name),
                kind: definition.spec.names.kind.clone(),
                has_status: version.subresources.as_ref().is_some_and(|s| s.status.is_some()),
                schema: serde_json::to_value(schema).unwrap_or_default(),
            };
            (definition.spec.names.plural.clone(), shape)
        });
        Self(shapes.collect())
    }

    /// The resource of that plural, if it is kept.
    pub fn of(&self, plural: &str) -> Option<&Shape> {
        self.0.get(plural)
    }
}

impl Shape {
    /// Drops what the schema does not know and fills in what it has a default for.
    pub fn settle(&self, object: &mut Value) {
        object["apiVersion"] = self.api_version.clone().into();
        object["kind"] = self.kind.clone().into();
        let Some(fields) = object.as_object_mut() else { return };
        fields.retain(|name, value| {
            !value.is_null() && matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "spec" | "status")
        });
        for part in ["spec", "status"] {
            settle_field(fields, part, &self.schema["properties"][part]);
        }
    }

    /// The new object: of `new` the part that may be written by such a call, of `old` the rest.
    pub fn merged(&self, old: &Value, new: Value, status: bool) -> Value {
        let mut object = new;
        let part = if status { "spec" } else { "status" };
        if status || self.has_status {
            set(&mut object, part, old.get(part).cloned());
        }
        let mut meta = old["metadata"].as_object().cloned().unwrap_or_default();
        if !status {
            for field in ["labels", "annotations"] {
                let said = object["metadata"].get(field).cloned();
                set_field(&mut meta, field, said);
            }
            if object["spec"] != old["spec"] {
                let generation = meta.get("generation").and_then(Value::as_i64).unwrap_or_default();
                meta.insert("generation".into(), (generation + 1).into());
            }
        }
        object["metadata"] = Value::Object(meta);
        object
    }
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(fields) = object.as_object_mut() {
        set_field(fields, field, value);
    }
}

fn set_field(fields: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(fields.insert(field.to_owned(), value)),
        None => drop(fields.remove(field)),
    }
}

fn settle_field(fields: &mut Map<String, Value>, name: &str, schema: &Value) {
    if !fields.contains_key(name)
        && let Some(default) = schema.get("default")
    {
        fields.insert(name.to_owned(), default.clone());
    }
    if let Some(value) = fields.get_mut(name) {
        settle(value, schema);
    }
}

fn settle(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(fields) => {
            if let Some(known) = schema["properties"].as_object() {
                fields.retain(|name, value| {
                    known.get(name).is_some_and(|field| !value.is_null() || field["nullable"] == true)
                });
                for (name, field) in known {
                    settle_field(fields, name, field);
                }
            } else if let Some(each) = schema.get("additionalProperties") {
                fields.values_mut().for_each(|value| settle(value, each));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| settle(item, &schema["items"])),
        _ => {}
    }
}
