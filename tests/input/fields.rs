//! Every field of every public kind, on the real API server, with an operator that watches: each odd value is taken, or
//! refused with a message; each object that was taken is reported on; and a good object is served afterwards.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use asr_operator::api::all_crds;
use asr_operator::api::v1alpha1 as api;
use futures::StreamExt;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::manifests::{bare, whole};
use super::objects::{Field, fields, odd, put};
use crate::harness::{ControlPlane, asr_resource, eventually};
use crate::world::{Setup, World, failover, sample};

const KINDS: [&str; 7] = [
    "RecoveryVault",
    "ReplicatedVm",
    "FailoverRequest",
    "ChangeRecoveryPointRequest",
    "CommitRequest",
    "ReprotectRequest",
    "RequestDecision",
];

/// Requests to the API server at a time.
const AT_ONCE: usize = 8;

fn schema(kind: &str, part: &str) -> Value {
    let crds = all_crds().unwrap();
    let crd = crds.iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
    serde_json::to_value(schema).unwrap()["properties"][part].clone()
}

/// Whether the operator's own type takes what the API server took: what it does not take, it cannot see.
fn decodes(kind: &str, object: &Value) -> Result<(), String> {
    fn of<T: serde::de::DeserializeOwned>(object: &Value) -> Result<(), String> {
        serde_json::from_value::<T>(object.clone()).map(drop).map_err(|error| error.to_string())
    }
    match kind {
        "RecoveryVault" => of::<api::RecoveryVault>(object),
        "ReplicatedVm" => of::<api::ReplicatedVm>(object),
        "FailoverRequest" => of::<api::FailoverRequest>(object),
        "ChangeRecoveryPointRequest" => of::<api::ChangeRecoveryPointRequest>(object),
        "CommitRequest" => of::<api::CommitRequest>(object),
        "ReprotectRequest" => of::<api::ReprotectRequest>(object),
        _ => of::<api::RequestDecision>(object),
    }
}

/// What became of the values of one kind.
#[derive(Debug, Default, Clone)]
struct Count {
    fields: usize,
    accepted: usize,
    refused: usize,
}

/// One value in one place.
struct Try {
    kind: &'static str,
    what: String,
    object: Value,
}

/// Every field of the kind's spec, in its whole manifest and in its bare one, by every odd value.
fn tries(kind: &'static str) -> Vec<Try> {
    let mut all = Vec::new();
    for mut base in [whole(kind), bare(kind)] {
        // Nobody's VM, vault or request: what is taken must not act on the one of the samples.
        for place in ["replicatedVmRef", "vaultRef", "requestRef"] {
            if base["spec"][place].is_object() {
                base["spec"][place]["name"] = json!("nobody");
            }
        }
        for Field { path, schema } in fields(&schema(kind, "spec")) {
            let given = base["spec"].pointer(&format!("/{}", path.join("/"))).cloned().unwrap_or_default();
            let values = odd(&schema, &given).into_iter().map(Some).chain([None]);
            for value in values {
                let mut object = base.clone();
                put(&mut object["spec"], &path, value.clone());
                let shown: String = value.map_or("absent".to_owned(), |v| v.to_string()).chars().take(60).collect();
                all.push(Try { kind, what: format!("{kind} {} = {shown}", path.join(".")), object });
            }
        }
    }
    all
}

fn api(client: &kube::Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &asr_resource(kind))
}

/// The object that was taken, or the message of the refusal.
fn judged(what: &str, answer: kube::Result<DynamicObject>) -> Result<Value, String> {
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
    let answer = api(&client, &namespace, try_.kind).create(&PostParams::default(), &object).await;
    let judged = judged(&try_.what, answer);
    (try_, judged)
}

/// Waits until each object of the kind that was taken has a status of its own generation.
async fn reported(world: &World, kind: &str) -> usize {
    eventually(Duration::from_secs(90), &format!("a report on every {kind}"), async || {
        let list = api(&world.client, &world.namespace, kind).list(&ListParams::default()).await;
        let list = list.map_err(|error| error.to_string())?;
        let silent = |object: &&DynamicObject| {
            object.data["status"]["observedGeneration"].as_i64() != object.metadata.generation
        };
        match list.items.iter().find(silent) {
            None => Ok(list.items.len()),
            Some(silent) => Err(format!("{:?}: {}", silent.metadata.name, silent.data)),
        }
    })
    .await
}

/// Every kind of object is still seen: a vault, a VM, a decision and each request.
async fn still_serves(world: &World) {
    world.apply(sample("vm").replace("app01", "db01")).await;
    world.wait("ReplicatedVm", "db01", ("Ready", "True", None)).await;
    world.fail_over().await;
    world.succeed(&sample("change-point").replace("maxDataLoss: 15m", "maxDataLoss: 12h")).await;
    for name in ["commit", "reprotect"] {
        world.act(name).await;
    }
    world.apply(failover("last", "")).await;
    world.wait("FailoverRequest", "last", ("Ready", "True", Some("AlreadyThere"))).await;
    let calls = ["unplannedFailover", "applyRecoveryPoint", "failoverCommit", "switchprotection"];
    assert_eq!(world.accepted().await, calls, "the good objects act, no odd one does");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_odd_field_is_taken_or_refused_and_stops_nobody() {
    let world = World::with(Setup { clock_rate: 200, ..Setup::default() }).await;
    let all: Vec<Try> = KINDS.into_iter().flat_map(tries).collect();
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for kind in KINDS {
        counts.entry(kind).or_default().fields = fields(&schema(kind, "spec")).len();
    }
    let (client, namespace) = (world.client.clone(), world.namespace.clone());
    let made = all.into_iter().enumerate().map(|(n, try_)| create(client.clone(), namespace.clone(), n, try_));
    let mut answers = futures::stream::iter(made).buffer_unordered(AT_ONCE);
    let mut unseen = Vec::new();
    while let Some((try_, answer)) = answers.next().await {
        let count = counts.entry(try_.kind).or_default();
        match answer {
            Ok(object) => {
                count.accepted += 1;
                unseen.extend(decodes(try_.kind, &object).err().map(|error| format!("{}: {error}", try_.what)));
            }
            Err(_) => count.refused += 1,
        }
    }
    for (kind, count) in &counts {
        writeln!(
            std::io::stderr(),
            "{kind}: {} fields, {} values taken, {} refused",
            count.fields,
            count.accepted,
            count.refused
        )
        .ok();
        assert!(count.accepted > 0 && count.refused > count.accepted, "{kind}: {count:?}");
    }
    assert!(unseen.is_empty(), "taken by the API server, not by the operator:\n{}", unseen.join("\n"));
    still_serves(&world).await;
    let mut objects = 0;
    for kind in KINDS {
        objects += reported(&world, kind).await;
    }
    let log = world.operator.log();
    assert!(!log.contains("panicked"), "{log}");
    writeln!(std::io::stderr(), "{objects} objects in one namespace, each with a status").ok();
}

/// Every field of a status by odd values, tried without being kept.
async fn of_status(client: &kube::Client, namespace: &str, kind: &'static str) -> (Count, Vec<String>) {
    let own = api(client, namespace, kind);
    let fields = fields(&schema(kind, "status"));
    let mut count = Count { fields: fields.len(), ..Count::default() };
    let dry = PatchParams { dry_run: true, ..PatchParams::default() };
    let tried = fields.iter().flat_map(|Field { path, schema }| {
        let values = odd(schema, &json!("1s")).into_iter();
        let short = values.filter(|value| value.as_str().is_none_or(|text| text.len() < 100));
        short.map(|value| {
            let mut status = json!({});
            put(&mut status, path, Some(value));
            (path.join("."), status)
        })
    });
    let tried: Vec<_> = tried.collect();
    let mut answers = futures::stream::iter(tried.into_iter().map(|(path, status)| {
        let (own, dry) = (own.clone(), dry.clone());
        async move {
            let patch = Patch::Merge(json!({"status": status}));
            let what = format!("{kind} status.{path}: {}", patch_text(&status));
            (judged(&what, own.patch_status("sample", &dry, &patch).await), what)
        }
    }))
    .buffer_unordered(AT_ONCE);
    let mut unseen = Vec::new();
    while let Some((answer, what)) = answers.next().await {
        match answer {
            Ok(object) => {
                count.accepted += 1;
                unseen.extend(decodes(kind, &object).err().map(|error| format!("{what}: {error}")));
            }
            Err(_) => count.refused += 1,
        }
    }
    (count, unseen)
}

fn patch_text(status: &Value) -> String {
    status.to_string().chars().take(100).collect()
}

/// A restore may bring any status back that the API server takes.
#[tokio::test(flavor = "multi_thread")]
async fn every_odd_field_of_a_status_that_is_taken_can_be_read() {
    let plane = ControlPlane::shared().await;
    plane.install_crds().await;
    let (client, namespace) = (plane.client().await, plane.namespace("statuses").await);
    let mut unseen = Vec::new();
    // The kinds of requests have one status between them.
    for kind in ["RecoveryVault", "ReplicatedVm", "FailoverRequest", "RequestDecision"] {
        let object: DynamicObject = serde_json::from_value(bare(kind)).unwrap();
        api(&client, &namespace, kind).create(&PostParams::default(), &object).await.unwrap();
        let (count, wrong) = of_status(&client, &namespace, kind).await;
        writeln!(
            std::io::stderr(),
            "{kind}: {} fields of status, {} values taken, {} refused",
            count.fields,
            count.accepted,
            count.refused
        )
        .ok();
        assert!(count.accepted > 0 && count.refused > 0, "{kind}: {count:?}");
        unseen.extend(wrong);
    }
    assert!(unseen.is_empty(), "taken by the API server, not by the operator:\n{}", unseen.join("\n"));
}
