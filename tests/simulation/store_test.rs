//! The API server in memory against the real one: the same random operations, the same answers, conflicts included.
//! `ASR_SEEDS=n` compares by that many seeds, `ASR_SEED=n` by that one.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use jiff::Timestamp;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use crate::harness::ControlPlane;
use crate::storms::seed_from_the_environment;
use crate::world::api::plain_client;
use crate::world::chance::Chance;
use crate::world::manifest::{self, Verb};
use crate::world::store::{Shapes, Store};

/// How many operations are compared, of each seed.
const OPERATIONS: usize = 400;

/// How many seeds `cargo test` compares by.
const SEEDS: u64 = 8;

/// How many of them at a time.
const AT_ONCE: usize = 4;

/// What is done, to which of a few names.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Create,
    Get,
    /// With the version that is there, with one that was there before, with none, or with the uid of another object.
    Replace(Version),
    /// A status by server-side apply; with the uid that is there, or another one.
    ApplyStatus {
        fits: bool,
    },
    WipeStatus,
    Merge,
    Delete,
    List,
}

#[derive(Clone, Copy, Debug)]
enum Version {
    Current,
    Old,
    None,
    Anothers,
}

fn operation(chance: &Chance) -> Operation {
    match chance.below(12) {
        0 | 1 => Operation::Create,
        2 => Operation::Get,
        3 => Operation::Replace(Version::Current),
        4 => Operation::Replace(Version::Old),
        5 => Operation::Replace(if chance.hit(0.5) { Version::None } else { Version::Anothers }),
        6 | 7 => Operation::ApplyStatus { fits: chance.hit(0.8) },
        8 => Operation::WipeStatus,
        9 => Operation::Merge,
        10 => Operation::Delete,
        _ => Operation::List,
    }
}

/// One server, and what was seen of each object there.
struct Server {
    client: Client,
    namespace: String,
    seen: BTreeMap<String, Vec<DynamicObject>>,
}

/// What an operation came to, without what no two servers share.
type Told = Result<Value, (u16, String)>;

impl Server {
    fn new(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned(), seen: BTreeMap::new() }
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let group = kube::core::GroupVersionKind::gvk("asr-operator.io", "v1alpha1", kind);
        let resource = ApiResource::from_gvk(&group);
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    async fn does(&mut self, operation: Operation, kind: &str, name: &str, draw: u64) -> Told {
        let api = self.api(kind);
        let key = format!("{kind}/{name}");
        let seen = self.seen.get(&key).cloned().unwrap_or_default();
        let (write, apply) = (PostParams::default(), PatchParams::apply("asr-operator").force());
        let answer = match operation {
            Operation::Create => api.create(&write, &object(kind, name, draw)).await,
            Operation::Get => api.get(name).await,
            Operation::Replace(version) => api.replace(name, &write, &replaced(kind, name, draw, version, &seen)).await,
            Operation::ApplyStatus { fits } => {
                let uid = if fits { seen.last().and_then(ResourceExt::uid) } else { Some("another".to_owned()) };
                let patch = json!({
                    "apiVersion": "asr-operator.io/v1alpha1", "kind": kind,
                    "metadata": {"name": name, "uid": uid}, "status": status(draw),
                });
                api.patch_status(name, &apply, &Patch::Apply(&patch)).await
            }
            Operation::WipeStatus => {
                api.patch_status(name, &PatchParams::default(), &Patch::Merge(json!({"status": null}))).await
            }
            Operation::Merge => api.patch(name, &PatchParams::default(), &Patch::Merge(merged(kind, draw))).await,
            Operation::Delete => {
                self.seen.remove(&key);
                return api.delete(name, &DeleteParams::default()).await.map(|_| Value::Null).map_err(refused);
            }
            Operation::List => {
                let list = api.list(&ListParams::default()).await.map_err(refused)?;
                return Ok(json!({"object": list.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>()}));
            }
        };
        let answer = answer.map_err(refused)?;
        let news = seen.last().is_none_or(|last| last.resource_version() != answer.resource_version());
        // A version counts as an old one when what it said has changed since: a server may count a write that says nothing new.
        let seen = self.seen.entry(key).or_default();
        if seen.last().is_some_and(|last| comparable(last) == comparable(&answer)) {
            seen.pop();
        }
        seen.push(answer.clone());
        Ok(json!({"object": comparable(&answer), "changed": news}))
    }
}

/// Whether two answers are the same. A write that changes nothing gets no new version in memory; on the real server it may,
/// when it is the first one of its writer.
fn same(is: &Told, told: &Told) -> bool {
    match (is, told) {
        (Ok(is), Ok(told)) => {
            is["object"] == told["object"] && (is["changed"] == told["changed"] || is["changed"] == false)
        }
        (is, told) => is == told,
    }
}

fn refused(error: kube::Error) -> (u16, String) {
    match error {
        kube::Error::Api(status) => (status.code, status.reason.clone()),
        other => panic!("no answer: {other}"),
    }
}

/// An object without what differs between servers, and without nulls.
fn comparable(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap();
    let meta = value["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace"] {
        meta.remove(field);
    }
    value
}

fn object(kind: &str, name: &str, draw: u64) -> DynamicObject {
    let mut value = match kind {
        "FailoverRequest" => manifest::request(Verb::FailoverAndCommit, name, 0),
        "ReplicatedVm" => manifest::vm(0),
        "RequestDecision" => json!({
            "spec": {"requestRef": {"kind": "FailoverRequest", "name": name}, "decision": "Cancel", "requestedBy": "p", "comment": "why"},
        }),
        _ => json!({
            "spec": {
                "protocol": 1, "vaultId": "/v", "itemName": name,
                "holder": {"kind": "FailoverRequest", "namespace": "demo", "name": format!("h{draw}")},
            },
        }),
    };
    value["apiVersion"] = "asr-operator.io/v1alpha1".into();
    value["kind"] = kind.into();
    value["metadata"] = json!({"name": name});
    serde_json::from_value(value).unwrap()
}

/// A whole object to put in the place of the one that is there: what may change of it is another.
fn replaced(kind: &str, name: &str, draw: u64, version: Version, seen: &[DynamicObject]) -> DynamicObject {
    let mut new = object(kind, name, draw);
    let from = match version {
        Version::Current | Version::Anothers => seen.last(),
        Version::Old => seen.iter().rev().nth(1).or(seen.last()),
        Version::None => None,
    };
    new.metadata.resource_version = from.and_then(ResourceExt::resource_version);
    new.metadata.uid = matches!(version, Version::Anothers).then(|| "another".to_owned());
    if kind != "ItemRecord" {
        new.labels_mut().insert("draw".into(), draw.to_string());
    }
    if kind == "ReplicatedVm" {
        new.data["spec"]["suspend"] = (draw == 1).into();
    }
    new
}

fn merged(kind: &str, draw: u64) -> Value {
    match kind {
        "ReplicatedVm" => json!({"spec": {"suspend": draw == 0}}),
        _ => json!({"metadata": {"annotations": {"draw": draw.to_string()}}}),
    }
}

fn status(draw: u64) -> Value {
    let condition = json!({
        "type": "Ready", "status": if draw == 0 { "True" } else { "False" }, "reason": "Succeeded", "message": "m",
        "lastTransitionTime": "2026-06-01T08:00:00Z",
    });
    match draw {
        2 => json!({"observedGeneration": 2}),
        _ => json!({"observedGeneration": 1, "conditions": [condition]}),
    }
}

/// What was refused, how often, in the real server's words.
type Refusals = BTreeMap<(u16, String), usize>;

/// The operations of a seed, each on both servers, in a namespace of their own: what differs, and what was refused.
async fn compared(plane: &ControlPlane, shapes: &Arc<Shapes>, seed: u64) -> (Vec<String>, Refusals) {
    let namespace = plane.namespace("store").await;
    let mut real = Server::new(plane.client().await, &namespace);
    let store = Arc::new(Store::new(Arc::clone(shapes), 1, Timestamp::now));
    let mut ours = Server::new(plain_client(store), &namespace);
    let chance = Chance::of(seed, "operations");
    let (mut differ, mut refusals) = (Vec::new(), Refusals::new());
    for number in 0..OPERATIONS {
        let kind = chance.pick(&["FailoverRequest", "ReplicatedVm", "ItemRecord", "RequestDecision"]);
        let name = chance.pick(&["a", "b"]);
        let (operation, draw) = (operation(&chance), chance.below(3));
        let (is, told) = (ours.does(operation, kind, name, draw).await, real.does(operation, kind, name, draw).await);
        if let Err(refusal) = &told {
            *refusals.entry(refusal.clone()).or_default() += 1;
        }
        if !same(&is, &told) {
            let what = format!("ASR_SEED={seed}, {number}: {operation:?} {kind} {name} {draw}");
            differ.push(format!("{what}:\nin memory {is:#?}\nreal      {told:#?}"));
        }
    }
    (differ, refusals)
}

fn seeds() -> Vec<u64> {
    let count = std::env::var("ASR_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS);
    seed_from_the_environment().map_or_else(|| (0..count).collect(), |seed| vec![seed])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_in_memory_answers_as_the_real_one() {
    let plane = ControlPlane::shared().await;
    plane.install_crds().await;
    let shapes = Arc::new(Shapes::installed());
    let (seeds, mut differ, mut refusals) = (seeds(), Vec::new(), Refusals::new());
    let each = seeds.iter().map(|seed| compared(plane, &shapes, *seed));
    let mut all = futures::stream::iter(each).buffer_unordered(AT_ONCE);
    while let Some((others, refused)) = all.next().await {
        differ.extend(others);
        refused.into_iter().for_each(|(refusal, count)| *refusals.entry(refusal).or_default() += count);
    }
    println!("{} seeds of {OPERATIONS} operations, refused: {refusals:?}", seeds.len());
    let conflicts = refusals.get(&(409, "Conflict".to_owned())).copied().unwrap_or_default();
    assert!(conflicts > 5 * seeds.len(), "too few conflicts were met: {refusals:?}");
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ[..differ.len().min(4)].join("\n"));
}
