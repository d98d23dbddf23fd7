//! Whether validation notices anything: every property of every A2A body, renamed and of another type.

use serde_json::{Value, json};

use super::answers::findings;
use super::requests;
use super::schema::Schema;

/// Where a property stands and its name.
struct Property {
    parent: String,
    name: String,
}

fn properties(value: &Value, pointer: &str, into: &mut Vec<Property>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                into.push(Property { parent: pointer.to_owned(), name: name.clone() });
                let escaped = name.replace('~', "~0").replace('/', "~1");
                properties(inner, &format!("{pointer}/{escaped}"), into);
            }
        }
        Value::Array(all) => {
            // One element speaks for its like; the last has what only a later one has.
            let ends = [0, all.len().saturating_sub(1)];
            for (at, inner) in all.iter().enumerate().filter(|(at, _)| ends.contains(at)) {
                properties(inner, &format!("{pointer}/{at}"), into);
            }
        }
        _ => {}
    }
}

fn renamed(body: &Value, property: &Property) -> Value {
    let mut body = body.clone();
    let fields = body.pointer_mut(&property.parent).and_then(Value::as_object_mut).unwrap();
    let value = fields.remove(&property.name).unwrap();
    fields.insert(format!("{}X", property.name), value);
    body
}

fn retyped(body: &Value, property: &Property) -> Value {
    let mut body = body.clone();
    let fields = body.pointer_mut(&property.parent).and_then(Value::as_object_mut).unwrap();
    let value = &mut fields[&property.name];
    *value = match value {
        Value::String(_) | Value::Null => json!([[7]]),
        Value::Number(_) | Value::Bool(_) => json!("text"),
        Value::Array(_) => json!("text"),
        Value::Object(_) => json!("text"),
    };
    body
}

/// How many changes there were, and those that went unnoticed.
#[derive(Default)]
struct Tally {
    made: usize,
    unnoticed: Vec<String>,
}

impl Tally {
    fn body(&mut self, schema: &mut Schema, reference: &str, body: &Value) {
        let mut all = Vec::new();
        properties(body, "", &mut all);
        for property in &all {
            for (how, changed) in [("renamed", renamed(body, property)), ("retyped", retyped(body, property))] {
                self.made += 1;
                if schema.fits(reference, &changed) {
                    self.unnoticed.push(format!("{how} {}/{} of {reference}", property.parent, property.name));
                }
            }
        }
    }

    fn print(&self, what: &str) {
        let noticed = self.made - self.unnoticed.len();
        println!("{what}: {noticed} of {} changes noticed", self.made);
    }
}

#[test]
fn every_change_of_a_request_is_noticed() {
    let mut schema = Schema::narrow();
    let mut tally = Tally::default();
    for mutation in requests::all() {
        let operation = schema.operation("POST", &mutation.path()).unwrap();
        if let Some(reference) = operation.request {
            tally.body(&mut schema, &reference, &requests::body(&mutation));
        }
    }
    tally.print("requests");
    assert!(tally.made > 100, "{}", tally.made);
    assert_eq!(tally.unnoticed, Vec::<String>::new());
}

/// Names of a free map are anybody's, and of what is recorded beyond the models only the name is known.
fn is_beyond(change: &str, recorded: &[String]) -> bool {
    let known_by_name =
        change.starts_with("retyped") && recorded.iter().any(|name| change.contains(&format!("/{name} of ")));
    in_free_map(change) || known_by_name
}

fn in_free_map(change: &str) -> bool {
    ["/affectedObjectDetails/", "/tags/"].iter().any(|map| change.contains(map))
}

#[test]
fn every_change_of_an_answer_is_noticed() {
    let mut schema = Schema::closed();
    let recorded = schema.recorded_names();
    let mut tally = Tally::default();
    for (reference, body) in findings().bodies.values() {
        // A body with an exception of its own is not valid to begin with.
        if schema.fits(reference, body) {
            tally.body(&mut schema, reference, body);
        }
    }
    tally.print("answers");
    let (beyond, surprising): (Vec<_>, Vec<_>) =
        tally.unnoticed.iter().partition(|change| is_beyond(change, &recorded));
    let free = beyond.iter().filter(|change| in_free_map(change)).count();
    println!("  beyond the models: {free} keys of free maps, {} fields known by their name only", beyond.len() - free);
    assert!(tally.made > 3000, "{}", tally.made);
    assert!(surprising.is_empty(), "{surprising:#?}");
}
