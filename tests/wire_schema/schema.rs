//! Microsoft's models as a schema, in the two tightened forms that `tests/schema/README.md` describes.

use std::collections::HashMap;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

const DOCUMENT: &str = include_str!("../schema/asr-2025-08-01.schema.json");

/// One difference between a body and its schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    /// Where, without positions in lists.
    pub(crate) at: String,
    /// What.
    pub(crate) what: String,
}

/// One operation of the service.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) name: String,
    method: String,
    template: Vec<String>,
    pub(crate) request: Option<String>,
    pub(crate) response: Option<String>,
    pub(crate) codes: Vec<u64>,
}

/// The document in one form, with the validators that were asked for.
pub(crate) struct Schema {
    document: Value,
    operations: Vec<Operation>,
    compiled: HashMap<String, Validator>,
}

impl Schema {
    /// What the client sends must be valid by this.
    pub(crate) fn narrow() -> Self {
        Self::tightened(|name, definition| {
            let Some(discriminator) = definition.get("x-discriminator").filter(|_| name.starts_with("Req.")).cloned()
            else {
                return;
            };
            let variants: Vec<&String> = discriminator["variants"].as_object().unwrap().keys().collect();
            let property = discriminator["property"].as_str().unwrap();
            definition["properties"][property]["enum"] = json!(variants);
        })
    }

    /// What the simulator answers must be valid by this.
    pub(crate) fn closed() -> Self {
        Self::tightened(|name, definition| {
            if let Some(known) = definition.get("x-known-properties").and_then(Value::as_array).cloned() {
                let recorded =
                    definition.get("x-wire-properties").and_then(Value::as_object).cloned().unwrap_or_default();
                let recorded = recorded.into_iter().map(|(name, _)| json!(name));
                let names: Vec<Value> = known.into_iter().chain(recorded).collect();
                definition["propertyNames"] = json!({ "enum": names });
            }
            if let Some(discriminator) = definition.get("x-discriminator").filter(|_| name.starts_with("Res.")).cloned()
            {
                definition["required"] = json!([discriminator["property"]]);
            }
        })
    }

    fn tightened(change: impl Fn(&str, &mut Value)) -> Self {
        let mut document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let definitions = document["$defs"].as_object_mut().unwrap();
        definitions.iter_mut().for_each(|(name, definition)| change(name, definition));
        let operations = operations(document["x-operations"].as_object().unwrap());
        Self { document, operations, compiled: HashMap::new() }
    }

    /// The operation that a request is, by method and path in any casing.
    pub(crate) fn operation(&self, method: &str, path: &str) -> Option<Operation> {
        let segments: Vec<String> = path.split('?').next()?.split('/').map(str::to_ascii_lowercase).collect();
        let fits = |operation: &&Operation| {
            let named = |(segment, wanted): (&String, &String)| wanted.starts_with('{') || segment == wanted;
            operation.method.eq_ignore_ascii_case(method)
                && operation.template.len() == segments.len()
                && segments.iter().zip(&operation.template).all(named)
        };
        // A fixed name goes before a placeholder.
        let free = |operation: &&Operation| operation.template.iter().filter(|s| s.starts_with('{')).count();
        self.operations.iter().filter(fits).min_by_key(free).cloned()
    }

    /// The definition of an error body.
    pub(crate) fn error_reference(&self) -> String {
        self.document["x-error-schema"].as_str().unwrap().to_owned()
    }

    /// The names that recordings have beyond the documented ones, anywhere.
    pub(crate) fn recorded_names(&self) -> Vec<String> {
        let definitions = self.document["$defs"].as_object().unwrap().values();
        let names = definitions.filter_map(|definition| definition["x-wire-properties"].as_object());
        names.flat_map(|names: &Map<String, Value>| names.keys().cloned()).collect()
    }

    /// How a body differs from a definition.
    pub(crate) fn differences(&mut self, reference: &str, body: &Value) -> Vec<Difference> {
        self.validator(reference).iter_errors(body).map(|error| difference(&error)).collect()
    }

    /// Whether a body fits a definition.
    pub(crate) fn fits(&mut self, reference: &str, body: &Value) -> bool {
        self.validator(reference).is_valid(body)
    }

    fn validator(&mut self, reference: &str) -> &Validator {
        let document = &self.document;
        self.compiled.entry(reference.to_owned()).or_insert_with(|| {
            let mut document = document.clone();
            document["$ref"] = json!(reference);
            jsonschema::validator_for(&document).unwrap()
        })
    }
}

fn operations(all: &Map<String, Value>) -> Vec<Operation> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let one = |(name, operation): (&String, &Value)| Operation {
        name: name.clone(),
        method: text(&operation["method"]).unwrap(),
        template: text(&operation["pathTemplate"]).unwrap().split('/').map(as_segment).collect(),
        request: text(&operation["requestSchemaRef"]),
        response: text(&operation["responseSchemaRef"]),
        codes: operation["successCodes"].as_array().unwrap().iter().filter_map(Value::as_u64).collect(),
    };
    all.iter().map(one).collect()
}

/// A placeholder keeps its braces; a keyword is compared in lower case.
fn as_segment(segment: &str) -> String {
    if segment.starts_with('{') { segment.to_owned() } else { segment.to_ascii_lowercase() }
}

fn difference(error: &jsonschema::ValidationError<'_>) -> Difference {
    let path = error.instance_path().to_string();
    let segments =
        path.split('/').map(|s| if s.bytes().all(|b| b.is_ascii_digit()) && !s.is_empty() { "*" } else { s });
    let text = error.to_string();
    let mut what: String = text.chars().take(160).collect();
    if let Some((head, _)) = what.split_once(" is not one of ") {
        what = format!("{head} is not one of the known names or words");
    }
    Difference { at: segments.collect::<Vec<_>>().join("/"), what }
}
