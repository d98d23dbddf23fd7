//! The custom resources on a real kube-apiserver: what it takes, what it refuses and with which words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on stops")]

#[path = "../harness/mod.rs"]
mod harness;

mod full;
mod immutability;
mod manifests;
mod rules;

use asr_operator::api::v1alpha1::{FailoverRequest, RequestStatus};
use asr_operator::api::{STATUS_MAX_BYTES, all_crds, shorten};
use harness::ControlPlane;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::discovery::ApiResource;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use std::sync::OnceLock;
use tokio::sync::OnceCell;

type Refusal = Option<String>;

#[tokio::test]
async fn manifests_are_taken_or_refused_by_the_rules() {
    let cluster = Cluster::start("rules").await;
    let mut wrong = Vec::new();
    for (kind, change, expected) in rules::rows() {
        let refusal = cluster.dry_create(&manifests::with(manifests::bare(kind), &change)).await;
        wrong.extend(mismatch(&format!("{kind} {change}"), &refusal, expected));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn edits_are_taken_or_refused_by_the_rules() {
    let cluster = Cluster::start("edits").await;
    let mut wrong = Vec::new();
    for kind in ["RecoveryVault", "ReplicatedVm", "ItemRecord"] {
        cluster.create(&manifests::whole(kind)).await;
    }
    for (kind, change, expected) in rules::edits() {
        let refusal = cluster.dry_replace(&manifests::with(manifests::whole(kind), &change)).await;
        wrong.extend(mismatch(&format!("{kind} {change}"), &refusal, expected));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn zones_tell_the_sides_of_one_region_apart_for_good() {
    let cluster = Cluster::start("zones").await;
    let region = |zone: &str| json!({"region": "westeurope", "zone": zone});
    let machine =
        manifests::with(manifests::whole("ReplicatedVm"), &json!({"primary": region("1"), "recovery": region("2")}));
    cluster.create(&machine).await;
    let swapped = manifests::with(machine.clone(), &json!({"primary": region("2"), "recovery": region("1")}));
    let refusal = cluster.dry_replace(&swapped).await;
    assert!(refusal.as_ref().is_some_and(|text| text.contains("zones cannot be changed")), "{refusal:?}");
    assert_eq!(cluster.dry_replace(&machine).await, None);
}

#[tokio::test]
async fn nothing_of_a_request_or_claim_can_be_edited() {
    let cluster = Cluster::start("immutable").await;
    let mut wrong = Vec::new();
    for (kind, words) in immutability::IMMUTABLE {
        let schema = spec_schema(kind);
        let touches = immutability::touches(kind, &schema);
        assert!(touches.len() >= 8, "{kind}: {} touches", touches.len());
        for touch in touches {
            cluster.create(&touch.before).await;
            let refusal = cluster.dry_replace(&touch.after).await;
            wrong.extend(mismatch(&touch.what, &refusal, Some(words)));
            let unchanged = cluster.dry_replace(&touch.before).await;
            wrong.extend(mismatch(&format!("{} not done", touch.what), &unchanged, None));
            cluster.delete(kind).await;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_new_object_shows_its_defaults_and_that_nobody_has_seen_it() {
    let cluster = Cluster::start("defaults").await;
    let mut request = manifests::bare("FailoverRequest");
    request["status"] = json!({"observedGeneration": 1, "phase": "Forged"});
    let created = cluster.create(&request).await;
    assert_eq!(created.data["status"], json!({"observedGeneration": -1}));
    let defaults =
        json!({"recoveryPoint": {"type": "Latest"}, "shutdownSource": true, "commitPolicy": "Manual", "priority": 0});
    assert_eq!(created.data["spec"], manifests::with(request, &defaults)["spec"]);
    for kind in ["RecoveryVault", "ReplicatedVm", "CommitRequest"] {
        let created = cluster.create(&manifests::bare(kind)).await;
        assert_eq!(created.data["status"], json!({"observedGeneration": -1}), "{kind}");
    }
    let vault = cluster.api("RecoveryVault").get("sample").await.unwrap();
    assert_eq!(vault.data["spec"]["poll"], json!({"idle": "60s", "active": "10s"}));
}

#[tokio::test]
async fn requests_are_selected_by_their_machine() {
    let cluster = Cluster::start("select").await;
    for kind in ["FailoverRequest", "ChangeRecoveryPointRequest", "CommitRequest", "ReprotectRequest"] {
        for (name, machine) in [("first", "app01"), ("second", "app02")] {
            let change = json!({"replicatedVmRef": {"name": machine}});
            let mut request = manifests::with(manifests::bare(kind), &change);
            request["metadata"]["name"] = name.into();
            cluster.create(&request).await;
        }
        let selector = ListParams::default().fields("spec.replicatedVmRef.name=app02");
        let found = cluster.api(kind).list(&selector).await.unwrap();
        assert_eq!(found.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["second"], "{kind}");
    }
}

#[tokio::test]
async fn a_status_at_all_its_bounds_is_taken_and_small_enough() {
    let cluster = Cluster::start("bounds").await;
    for kind in [
        "RecoveryVault",
        "ReplicatedVm",
        "FailoverRequest",
        "ChangeRecoveryPointRequest",
        "CommitRequest",
        "ReprotectRequest",
    ] {
        let object = cluster.create(&manifests::bare(kind)).await;
        let mut status = full::largest(&schema(kind)["properties"]["status"]);
        if kind.ends_with("Request") {
            cluster.replace_status(kind, &object, &status).await;
            let mut shortened: RequestStatus = serde_json::from_value(status).unwrap();
            shorten(&mut shortened);
            status = serde_json::to_value(shortened).unwrap();
        }
        let size = status.to_string().len();
        assert!(size <= STATUS_MAX_BYTES, "status of {kind}: {size} bytes");
        let written = cluster.replace_status(kind, &cluster.api(kind).get("sample").await.unwrap(), &status).await;
        assert_eq!(written.data["status"], status, "status of {kind}");
    }
}

#[tokio::test]
async fn a_claim_at_all_its_bounds_is_taken() {
    let cluster = Cluster::start("claims").await;
    cluster.create(&manifests::object("RequestClaim", full::largest(&spec_schema("RequestClaim")))).await;
}

/// A record that etcd refuses for its size could not be written any more to close an intent.
#[tokio::test]
async fn a_record_of_two_hundred_long_stories_is_taken() {
    let cluster = Cluster::start("records").await;
    let mut spec = full::largest(&spec_schema("ItemRecord"));
    for consumed in spec["consumed"].as_array_mut().unwrap() {
        consumed["result"]["steps"].as_array_mut().unwrap().truncate(2);
        full::cut_texts(consumed, 256);
    }
    spec["finished"].as_array_mut().unwrap().truncate(2);
    assert_eq!(spec["consumed"].as_array().unwrap().len(), 200);
    cluster.create(&manifests::object("ItemRecord", spec)).await;
}

#[tokio::test]
async fn one_text_too_long_refuses_the_whole_status() {
    let cluster = Cluster::start("overlong").await;
    let object = cluster.create(&manifests::bare("FailoverRequest")).await;
    let mut long = object.clone();
    long.data["status"] = json!({"observedGeneration": 1, "preconditions": [
        {"name": "ItemFound", "met": "True", "detail": "x".repeat(10_000)}
    ]});
    let api = cluster.api("FailoverRequest");
    assert!(api.replace_status("sample", &PostParams::default(), &long).await.is_err());
    let schema = asr_operator::api::schema_of::<FailoverRequest>().unwrap().unwrap();
    asr_operator::api::fit_to_schema(&mut long.data, &schema);
    api.replace_status("sample", &PostParams::default(), &long).await.unwrap();
}

/// What somebody sees who types `kubectl get KIND -o wide`.
#[tokio::test]
async fn columns_tell_how_it_stands() {
    let ready = json!([{
        "type": "Ready", "status": "False", "reason": "ReasonSeen", "message": "", "lastTransitionTime": "2026-03-01T04:00:00Z"
    }]);
    let of_machine = json!([
        {"type": "Ready", "status": "Unknown", "reason": "ReasonSeen", "message": "", "lastTransitionTime": "2026-03-01T04:00:00Z"},
        {"type": "Protected", "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-03-01T04:00:00Z"},
        {"type": "PendingCommit", "status": "False", "reason": "R", "message": "", "lastTransitionTime": "2026-03-01T04:00:00Z"}
    ]);
    let request = json!({"phase": "Running", "achievedRpo": "4m10s", "achievedRto": "12m40s", "conditions": ready});
    let machine = json!({
        "activeSide": "Primary", "activeRegion": "westeurope", "protectionStateDescription": "Protected",
        "replicationHealth": "Normal", "activeRequest": {"kind": "FailoverRequest", "name": "f1"}, "conditions": of_machine
    });
    let rows = [
        (
            "FailoverRequest",
            request.clone(),
            "sample app01 PrimaryToRecovery Custom Running False ReasonSeen alice@example.com 2026-03-01T04:00:00Z 4m10s 12m40s",
        ),
        (
            "ChangeRecoveryPointRequest",
            request.clone(),
            "sample app01 Custom Running False ReasonSeen alice@example.com 2026-03-01T04:00:00Z 4m10s",
        ),
        (
            "ReprotectRequest",
            request.clone(),
            "sample app01 RecoveryToPrimary Running False ReasonSeen alice@example.com 2026-03-01T04:00:00Z",
        ),
        ("CommitRequest", request, "sample app01 Running False ReasonSeen alice@example.com 2026-03-01T04:00:00Z"),
        ("ReplicatedVm", machine, "sample Primary westeurope True False Unknown ReasonSeen Protected Normal f1"),
        (
            "RecoveryVault",
            json!({"protectedItems": 7, "location": "westeurope", "conditions": ready}),
            "sample dr 7 False ReasonSeen westeurope",
        ),
    ];
    let cluster = Cluster::start("columns").await;
    for (kind, status, expected) in rows {
        let object = cluster.create(&manifests::whole(kind)).await;
        cluster.replace_status(kind, &object, &status).await;
        let arguments = ["get", kind, "-o", "wide", "--no-headers", "-n", &cluster.namespace];
        let shown = ControlPlane::shared().await.kubectl(&arguments, None).await.expect_success();
        let mut cells: Vec<&str> = shown.split_whitespace().collect();
        let age = cells.iter().position(|cell| cell.ends_with('s') && cell[..cell.len() - 1].parse::<u32>().is_ok());
        assert!(age.is_some(), "{kind} shows no age: {shown}");
        cells.remove(age.unwrap());
        assert_eq!(cells.join(" "), expected, "{kind}");
    }
}

/// kubectl warns everybody who uses a short name that two kinds share, and shows the other kind.
#[tokio::test]
async fn short_names_are_nobody_elses() {
    let cluster = Cluster::start("names").await;
    let mut taken = Vec::new();
    let groups = cluster.client.list_api_groups().await.unwrap().groups;
    for version in groups.iter().filter_map(|group| group.preferred_version.as_ref()) {
        let served = cluster.client.list_api_group_resources(&version.group_version).await.unwrap();
        taken.extend(served.resources.into_iter().map(|resource| (version.group_version.clone(), resource)));
    }
    let core = cluster.client.list_core_api_resources("v1").await.unwrap();
    taken.extend(core.resources.into_iter().map(|resource| ("v1".to_owned(), resource)));
    for crd in all_crds().unwrap() {
        for name in crd.spec.names.short_names.unwrap() {
            let owners: Vec<_> = taken
                .iter()
                .filter(|(_, resource)| {
                    resource.name == name || resource.short_names.as_ref().is_some_and(|s| s.contains(&name))
                })
                .map(|(group, resource)| format!("{group} {}", resource.kind))
                .collect();
            assert_eq!(owners, [format!("asr-operator.io/v1alpha1 {}", crd.spec.names.kind)], "short name {name}");
        }
    }
}

fn mismatch(what: &str, refusal: &Refusal, expected: Option<&str>) -> Option<String> {
    match (refusal, expected) {
        (None, None) => None,
        (Some(text), Some(words)) if text.contains(words) => None,
        (None, Some(words)) => Some(format!("{what}: accepted, expected a refusal with {words:?}")),
        (Some(text), None) => Some(format!("{what}: refused: {text}")),
        (Some(text), Some(words)) => Some(format!("{what}: refused without {words:?}: {text}")),
    }
}

/// The definition of a kind; all are made once, since that takes a while.
fn definition(kind: &str) -> &'static CustomResourceDefinition {
    static ALL: OnceLock<Vec<CustomResourceDefinition>> = OnceLock::new();
    let all = ALL.get_or_init(|| all_crds().unwrap());
    all.iter().find(|crd| crd.spec.names.kind == kind).unwrap()
}

fn schema(kind: &str) -> Value {
    let crd = definition(kind);
    serde_json::to_value(crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap()).unwrap()
}

fn spec_schema(kind: &str) -> Value {
    schema(kind)["properties"]["spec"].clone()
}

/// A namespace of its own on the API server that all tests of this file share.
struct Cluster {
    client: Client,
    namespace: String,
}

static INSTALLED: OnceCell<()> = OnceCell::const_new();

impl Cluster {
    async fn start(namespace: &str) -> Self {
        let plane = ControlPlane::shared().await;
        INSTALLED.get_or_init(|| plane.install_crds()).await;
        Self { client: plane.client().await, namespace: plane.namespace(namespace).await }
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let crd = definition(kind);
        let resource = ApiResource {
            group: crd.spec.group.clone(),
            version: "v1alpha1".to_owned(),
            api_version: format!("{}/v1alpha1", crd.spec.group),
            kind: kind.to_owned(),
            plural: crd.spec.names.plural.clone(),
        };
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    async fn create(&self, manifest: &Value) -> DynamicObject {
        let created = self.api(kind_of(manifest)).create(&PostParams::default(), &object(manifest)).await;
        created.unwrap_or_else(|error| panic!("{manifest}: {error}"))
    }

    async fn dry_create(&self, manifest: &Value) -> Refusal {
        refusal(self.api(kind_of(manifest)).create(&dry(), &object(manifest)).await)
    }

    async fn dry_replace(&self, manifest: &Value) -> Refusal {
        let api = self.api(kind_of(manifest));
        let mut object = object(manifest);
        object.metadata.resource_version = api.get("sample").await.unwrap().metadata.resource_version;
        refusal(api.replace("sample", &dry(), &object).await)
    }

    async fn replace_status(&self, kind: &str, object: &DynamicObject, status: &Value) -> DynamicObject {
        let mut object = object.clone();
        object.data["status"] = status.clone();
        self.api(kind).replace_status("sample", &PostParams::default(), &object).await.unwrap()
    }

    async fn delete(&self, kind: &str) {
        self.api(kind).delete("sample", &DeleteParams::default()).await.unwrap();
    }
}

fn kind_of(manifest: &Value) -> &str {
    manifest["kind"].as_str().unwrap()
}

fn object(manifest: &Value) -> DynamicObject {
    serde_json::from_value(manifest.clone()).unwrap()
}

fn dry() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

fn refusal(answer: kube::Result<DynamicObject>) -> Refusal {
    match answer {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(status.message),
        Err(other) => panic!("the API server did not answer: {other}"),
    }
}
