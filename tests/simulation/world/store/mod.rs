//! An API server in memory: objects by resource, namespace and name, under one resourceVersion, with the answers of the
//! real one. What a schema refuses is not its business; `store_test` holds it against a real kube-apiserver.

mod answer;
mod call;
mod shape;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::guard::Guard;
use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

pub use answer::{Answer, failure};
pub use call::Call;
pub use shape::Shapes;

/// A plural, a namespace and a name.
pub type Key = (String, String, String);

/// What a subscriber is told: the object as it is now, or as it was when it went.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its plural.
    pub plural: String,
    /// The object.
    pub object: Arc<Value>,
    /// Whether it went.
    pub deleted: bool,
}

/// One cluster's objects.
pub struct Store {
    shapes: Arc<Shapes>,
    state: Mutex<State>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    without: Vec<Guard>,
    name: u64,
}

/// An object, and the bytes that every reader of it is answered with.
#[derive(Clone)]
struct Kept {
    object: Arc<Value>,
    body: Bytes,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<Key, Kept>,
    version: u64,
    made: u64,
    subscribers: Vec<UnboundedSender<Change>>,
}

impl Store {
    /// An empty cluster, the `name`-th of its world, by that clock.
    pub fn new(shapes: Arc<Shapes>, name: u64, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { shapes, state: Mutex::default(), clock: Box::new(clock), without: Vec::new(), name }
    }

    /// The same cluster without these guards.
    #[must_use]
    pub fn without(mut self, guards: &[Guard]) -> Self {
        self.without = guards.to_vec();
        self
    }

    fn lacks(&self, guard: Guard) -> bool {
        self.without.contains(&guard)
    }

    /// Its time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every object there is, and every change from now on.
    pub fn watch(&self) -> (Vec<Change>, UnboundedReceiver<Change>) {
        let mut state = self.state();
        let (sender, receiver) = unbounded_channel();
        state.subscribers.push(sender);
        let there = state.objects.iter();
        let all =
            there.map(|(key, kept)| Change { plural: key.0.clone(), object: Arc::clone(&kept.object), deleted: false });
        (all.collect(), receiver)
    }

    /// Puts the cluster back to what it was. Versions go on: nobody's cache mistakes the old for the new.
    pub fn restore(&self, then: &[Change]) {
        let mut state = self.state();
        let now: Vec<Key> = state.objects.keys().cloned().collect();
        for key in now {
            if let Some(kept) = state.objects.remove(&key) {
                state.tell(Change { plural: key.0, object: kept.object, deleted: true });
            }
        }
        for change in then {
            let meta = |field: &str| change.object["metadata"][field].as_str().unwrap_or_default().to_owned();
            state.put((change.plural.clone(), meta("namespace"), meta("name")), change.object.as_ref().clone());
        }
    }

    /// The object as it is.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let state = self.state();
        let kept = state.objects.get(&(plural.into(), namespace.into(), name.into()));
        kept.map(|kept| Arc::clone(&kept.object))
    }

    /// All objects of a resource.
    pub fn all(&self, plural: &str) -> Vec<Arc<Value>> {
        let state = self.state();
        let of_it = state.objects.iter().filter(|(key, _)| key.0 == plural);
        of_it.map(|(_, kept)| Arc::clone(&kept.object)).collect()
    }

    /// Answers one call.
    pub fn answer(&self, call: &Call) -> Answer {
        if call.token {
            return Answer::token(call);
        }
        let Some(shape) = self.shapes.of(&call.plural) else {
            // Events and whatever else nobody reads back: taken, and not kept.
            return Answer::taken(call.body.clone());
        };
        match call.method.as_str() {
            "GET" if call.name.is_empty() => self.list(call, shape),
            "GET" => match self.state().objects.get(&call.key()) {
                Some(kept) => Answer { status: 200, body: kept.body.clone() },
                None => Answer::not_found(call),
            },
            "PUT" if self.lacks(Guard::Durability) && opens_an_intent(&call.body) => Answer::ok(&call.body),
            "POST" => self.create(call, shape),
            "PUT" => self.replace(call, shape),
            "PATCH" => self.patch(call, shape),
            "DELETE" => self.delete(call),
            _ => failure(405, "MethodNotAllowed", "the server does not allow this method on the requested resource"),
        }
    }

    fn list(&self, call: &Call, shape: &shape::Shape) -> Answer {
        let state = self.state();
        let there = state.objects.iter().filter(|((plural, namespace, _), kept)| {
            *plural == call.plural
                && (call.namespace.is_empty() || *namespace == call.namespace)
                && call.selects(&kept.object)
        });
        let items: Vec<&Value> = there.map(|(_, kept)| kept.object.as_ref()).collect();
        Answer::ok(&json!({
            "apiVersion": shape.api_version,
            "kind": format!("{}List", shape.kind),
            "metadata": {"resourceVersion": state.version.to_string()},
            "items": items,
        }))
    }

    fn create(&self, call: &Call, shape: &shape::Shape) -> Answer {
        let mut object = call.body.clone();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if name.is_empty() {
            return failure(422, "Invalid", "name or generateName is required");
        }
        let key = (call.plural.clone(), call.namespace.clone(), name);
        let mut state = self.state();
        if state.objects.contains_key(&key) {
            return Answer::already_exists(call, &key.2);
        }
        state.made += 1;
        let uid = uuid::Uuid::from_u64_pair(self.name, state.made).to_string();
        if shape.has_status {
            object["status"] = Value::Null;
        }
        shape.settle(&mut object);
        let meta = object["metadata"].as_object_mut().map(std::mem::take).unwrap_or_default();
        let mut kept: Map<String, Value> = kept_meta(meta);
        kept.insert("namespace".into(), call.namespace.clone().into());
        kept.insert("uid".into(), uid.into());
        kept.insert("generation".into(), 1.into());
        kept.insert("creationTimestamp".into(), second(self.now()).into());
        object["metadata"] = Value::Object(kept);
        Answer { status: 201, body: state.put(key, object) }
    }

    fn replace(&self, call: &Call, shape: &shape::Shape) -> Answer {
        let mut state = self.state();
        let Some(Kept { object: old, .. }) = state.objects.get(&call.key()).cloned() else {
            return Answer::not_found(call);
        };
        let meta = &call.body["metadata"];
        if meta["resourceVersion"].as_str().is_none_or(str::is_empty) && !self.lacks(Guard::CompareAndSwap) {
            return failure(
                422,
                "Invalid",
                "metadata.resourceVersion: Invalid value: 0: must be specified for an update",
            );
        }
        if let Some(refusal) = self.precondition(call, &old) {
            return refusal;
        }
        let mut object = call.body.clone();
        shape.settle(&mut object);
        Answer { status: 200, body: state.put(call.key(), shape.merged(&old, object, call.status)) }
    }

    /// The uid and the version that the caller names must be those of the object.
    fn precondition(&self, call: &Call, old: &Value) -> Option<Answer> {
        let meta = &call.body["metadata"];
        let other = |field: &str| {
            meta[field].as_str().is_some_and(|named| !named.is_empty() && named != old["metadata"][field])
        };
        // The real server does not look at the uid of a status that is applied.
        if other("uid") && !call.status {
            return Some(Answer::conflict(call, "Precondition failed: UID in precondition is another one"));
        }
        if other("resourceVersion") && !self.lacks(Guard::CompareAndSwap) {
            return Some(Answer::conflict(
                call,
                "the object has been modified; please apply your changes to the latest version and try again",
            ));
        }
        None
    }

    fn patch(&self, call: &Call, shape: &shape::Shape) -> Answer {
        let mut state = self.state();
        let Some(Kept { object: old, .. }) = state.objects.get(&call.key()).cloned() else {
            return Answer::not_found(call);
        };
        if call.status && !shape.has_status {
            return Answer::not_found(call);
        }
        if let Some(refusal) = self.precondition(call, &old) {
            return refusal;
        }
        let mut object = old.as_ref().clone();
        if call.apply {
            // One manager owns the whole part that it applies: what it no longer says is gone.
            let part = if call.status { "status" } else { "spec" };
            object[part] = call.body[part].clone();
        } else {
            merge(&mut object, &call.body);
        }
        shape.settle(&mut object);
        Answer { status: 200, body: state.put(call.key(), shape.merged(&old, object, call.status)) }
    }

    fn delete(&self, call: &Call) -> Answer {
        let mut state = self.state();
        let Some(Kept { object: old, .. }) = state.objects.remove(&call.key()) else { return Answer::not_found(call) };
        state.version += 1;
        state.tell(Change { plural: call.plural.clone(), object: Arc::clone(&old), deleted: true });
        Answer::deleted(&old)
    }
}

impl State {
    /// Puts an object under the next version, and gives its bytes; one that says what the old one said keeps its version.
    fn put(&mut self, key: Key, mut object: Value) -> Bytes {
        if let Some(old) = self.objects.get(&key) {
            object["metadata"]["resourceVersion"] = old.object["metadata"]["resourceVersion"].clone();
            if object == *old.object {
                return old.body.clone();
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let body = Answer::ok(&object).body;
        let object = Arc::new(object);
        self.objects.insert(key.clone(), Kept { object: Arc::clone(&object), body: body.clone() });
        self.tell(Change { plural: key.0, object, deleted: false });
        body
    }

    fn tell(&mut self, change: Change) {
        self.subscribers.retain(|subscriber| subscriber.send(change.clone()).is_ok());
    }
}

/// Whether a record is written with an intent whose call is about to be made.
fn opens_an_intent(record: &Value) -> bool {
    let intent = &record["spec"]["intent"];
    intent.is_object() && intent["outcome"].is_null()
}

/// What a creator may say of an object's metadata.
fn kept_meta(meta: Map<String, Value>) -> Map<String, Value> {
    meta.into_iter().filter(|(name, _)| matches!(name.as_str(), "name" | "labels" | "annotations")).collect()
}

/// A time as metadata has it: whole seconds.
fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// JSON merge patch.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        match (value, target.as_object_mut()) {
            (Value::Null, Some(target)) => drop(target.remove(name)),
            (value, Some(_)) => merge(&mut target[name], value),
            (_, None) => {}
        }
    }
}
