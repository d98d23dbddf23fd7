//! One odd value in one place of an object, and what the API server makes of it: it is taken, and then the operator's own
//! type takes it too, or it is refused in words that name the field.

use std::collections::BTreeMap;
use std::io::Write;

use asr_operator::api::all_crds;
use futures::StreamExt;
use kube::api::{Api, DynamicObject, PostParams};
use serde_json::{Value, json};

use super::objects::{Field, fields, odd, put};
use crate::harness::asr_resource;

/// Requests to the API server at a time.
pub const AT_ONCE: usize = 8;

/// Runs `$body` with `$K` as the operator's type of the kind of that name.
macro_rules! of_kind {
    (@ $own:ident, $K:ident => $body:expr) => {{
        type $K = asr_operator::api::v1alpha1::$own;
        $body
    }};
    ($kind:expr, $K:ident => $body:expr) => {
        match $kind {
            "RecoveryVault" => of_kind!(@ RecoveryVault, $K => $body),
            "ReplicatedVm" => of_kind!(@ ReplicatedVm, $K => $body),
            "FailoverRequest" => of_kind!(@ FailoverRequest, $K => $body),
            "ChangeRecoveryPointRequest" => of_kind!(@ ChangeRecoveryPointRequest, $K => $body),
            "CommitRequest" => of_kind!(@ CommitRequest, $K => $body),
            "ReprotectRequest" => of_kind!(@ ReprotectRequest, $K => $body),
            "RequestDecision" => of_kind!(@ RequestDecision, $K => $body),
            "ItemRecord" => of_kind!(@ ItemRecord, $K => $body),
            "RequestClaim" => of_kind!(@ RequestClaim, $K => $body),
            other => panic!("no type of {other}"),
        }
    };
}
pub(crate) use of_kind;

/// The schema of a part of a kind's objects.
pub fn schema(kind: &str, part: &str) -> Value {
    let crds = all_crds().unwrap();
    let crd = crds.iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    serde_json::to_value(schema).unwrap()["properties"][part].clone()
}

/// Whether the operator's own type takes what the API server took: what it does not take, it cannot see.
pub fn decodes(kind: &str, object: &Value) -> Result<(), String> {
    of_kind!(kind, K => serde_json::from_value::<K>(object.clone()).map(drop).map_err(|error| error.to_string()))
}

/// The objects of a kind in a namespace, whatever they are.
pub fn objects(client: &kube::Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &asr_resource(kind))
}

/// One value in one place.
pub struct Try {
    /// The kind of the object.
    pub kind: &'static str,
    /// The place, from the root of the part that it is in.
    pub path: Vec<String>,
    /// Place and value, in words.
    pub what: String,
    /// The object with it.
    pub object: Value,
}

/// `base` with every odd value in the place of every field of `part`, as far as it is `kept`.
pub fn tries(
    kind: &'static str,
    part: &'static str,
    base: &Value,
    kept: impl Fn(&Field, &Option<Value>) -> bool,
) -> Vec<Try> {
    let mut all = Vec::new();
    for field in fields(&schema(kind, part)) {
        let given = base[part].pointer(&format!("/{}", field.path.join("/"))).cloned().unwrap_or_default();
        let values = odd(&field.schema, &given).into_iter().map(Some).chain([None]);
        for value in values.filter(|value| kept(&field, value)) {
            let mut object = base.clone();
            put(&mut object[part], &field.path, value.clone());
            let shown = value.as_ref().map_or("absent".to_owned(), Value::to_string);
            let shown: String = shown.chars().take(60).collect();
            let what = format!("{kind} {part}.{} = {shown}", field.path.join("."));
            all.push(Try { kind, path: field.path.clone(), what, object });
        }
    }
    all
}

/// Whether a refusal names the field or one that it is a part of, as a word: what a part lacks is said of the whole.
fn names(message: &str, path: &[String]) -> bool {
    let words: Vec<&str> = message.split(|c: char| !c.is_alphanumeric()).collect();
    path.iter().any(|name| name != "0" && words.contains(&name.as_str()))
}

/// The object that was taken, or the message of the refusal.
pub fn judged(what: &str, answer: kube::Result<DynamicObject>) -> Result<Value, String> {
    match answer {
        Ok(object) => Ok(serde_json::to_value(object).unwrap()),
        Err(kube::Error::Api(status)) if (400..500).contains(&status.code) && !status.message.is_empty() => {
            Err(status.message)
        }
        Err(other) => panic!("{what}: neither taken nor refused with a message: {other:?}"),
    }
}

async fn create(client: kube::Client, namespace: String, number: usize, try_: Try) -> (Try, Result<Value, String>) {
    let mut object = try_.object.clone();
    object["metadata"] = json!({"name": format!("odd-{number}")});
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let answer = objects(&client, &namespace, try_.kind).create(&PostParams::default(), &object).await;
    let judged = judged(&try_.what, answer);
    (try_, judged)
}

/// What became of the values of one kind.
#[derive(Debug, Default, Clone)]
pub struct Count {
    /// Those that the API server took.
    pub accepted: usize,
    /// Those that it refused.
    pub refused: usize,
}

/// What became of many values.
#[derive(Debug, Default)]
pub struct Tally {
    /// By kind.
    pub counts: BTreeMap<&'static str, Count>,
    wrong: Vec<String>,
}

impl Tally {
    /// Notes what became of one value; `words` is what a refusal may say of the object as a whole instead of the field.
    pub fn note(&mut self, try_: &Try, answer: &Result<Value, String>, words: Option<&str>) {
        let count = self.counts.entry(try_.kind).or_default();
        match answer {
            Ok(object) => {
                count.accepted += 1;
                if let Err(error) = decodes(try_.kind, object) {
                    self.wrong(format!("{}: taken by the API server, not by the operator: {error}", try_.what));
                }
            }
            Err(message) => {
                count.refused += 1;
                let told = names(message, &try_.path) || words.is_some_and(|words| message.contains(words));
                if !told {
                    self.wrong(format!("{}: the refusal does not name the field: {message}", try_.what));
                }
            }
        }
    }

    /// Something is not as it should be.
    pub fn wrong(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// Creates each object under a name of its own, and notes what became of it.
    pub async fn create(&mut self, client: &kube::Client, namespace: &str, all: Vec<Try>) {
        let made = all.into_iter().enumerate().map(|(n, try_)| create(client.clone(), namespace.to_owned(), n, try_));
        let mut answers = futures::stream::iter(made).buffer_unordered(AT_ONCE);
        while let Some((try_, answer)) = answers.next().await {
            self.note(&try_, &answer, None);
        }
    }

    /// Says how many there were, and fails where one of them was wrong.
    pub fn holds(&self) {
        for (kind, count) in &self.counts {
            let Count { accepted, refused } = count;
            writeln!(std::io::stderr(), "{kind}: {accepted} values taken, {refused} refused").ok();
        }
        let some = self.wrong[..self.wrong.len().min(20)].join("\n");
        assert!(self.wrong.is_empty(), "{} values:\n{some}", self.wrong.len());
    }
}
