//! What Argo CD and Flux make of the objects: the health script run by the interpreter that Argo CD uses, the expressions
//! of Flux by the API server's CEL.

use crate::harness::{Binaries, ControlPlane, RunDir, eventually, judgement, lua, say};
use crate::helm::objects;
use crate::stage::DEADLINE;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const HEALTH: &str = include_str!("../../deploy/gitops/argocd/health.lua");
const FLUX: &str = include_str!("../../deploy/gitops/flux/kustomizations.yaml");

/// A kind for the API server to look at any status; its policy tells what Flux's expressions come to.
const PROBE: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: probes.flux.test}
spec:
  group: flux.test
  scope: Cluster
  names: {kind: Probe, listKind: ProbeList, plural: probes, singular: probe}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {seen: {type: object, x-kubernetes-preserve-unknown-fields: true}}}}}]
";

/// An object as it may look, and what Argo CD and Flux should say of it.
fn cases() -> Vec<(Value, &'static str, &'static str)> {
    let object = |generation: i64, trio: &[(&str, &str, &str)]| {
        let one = |(kind, status, reason): &(&str, &str, &str)| json!({"type": kind, "status": status, "reason": reason, "message": "told"});
        let conditions: Vec<Value> = trio.iter().map(one).collect();
        json!({"metadata": {"generation": 1}, "status": {"observedGeneration": generation, "conditions": conditions}})
    };
    let trio = |which: &str, reason: &'static str| {
        let all = ["Ready", "Reconciling", "Stalled"];
        object(1, &all.map(|kind| (kind, if kind == which { "True" } else { "False" }, reason)))
    };
    let unseen = json!({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}});
    vec![
        (unseen, "Progressing", "InProgress"),
        (object(0, &[("Ready", "True", "Succeeded")]), "Progressing", "InProgress"),
        (trio("Reconciling", "JobRunning"), "Progressing", "InProgress"),
        (trio("Reconciling", "Suspended"), "Suspended", "InProgress"),
        (trio("Reconciling", "ReadOnly"), "Suspended", "InProgress"),
        (trio("Ready", "ReadOnly"), "Healthy", "Current"),
        (trio("Ready", "Succeeded"), "Healthy", "Current"),
        (trio("Ready", "AlreadyThere"), "Healthy", "Current"),
        (trio("Stalled", "JobFailed"), "Degraded", "Failed"),
        (trio("Stalled", "Expired"), "Degraded", "Failed"),
        (trio("Reconciling", "OutcomeUnknown"), "Suspended", "InProgress"),
    ]
}

#[tokio::test]
async fn argo_cd_tells_work_from_waiting_and_from_failure() {
    let lua = tokio::task::spawn_blocking(|| lua(say)).await.unwrap().unwrap();
    let dir = RunDir::create("lua").unwrap();
    for (number, (object, expected, _)) in cases().into_iter().enumerate() {
        let script = format!(
            "local function health(obj)\n{HEALTH}\nend\nlocal found = health({})\nprint(found.status .. '|' .. found.message)",
            table(&object)
        );
        let file = dir.write(&format!("{number}.lua"), &script).unwrap();
        let output = std::process::Command::new(&lua).arg(file).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        let (status, message) = told.trim().split_once('|').unwrap_or_else(|| panic!("{output:?}"));
        assert_eq!(status, expected, "{object}");
        assert!(!message.is_empty(), "{object}");
    }
}

/// JSON as a Lua table.
fn table(value: &Value) -> String {
    match value {
        Value::Array(all) => format!("{{{}}}", all.iter().map(table).collect::<Vec<_>>().join(", ")),
        Value::Object(all) => {
            let fields: Vec<String> = all.iter().map(|(key, value)| format!("[{key:?}] = {}", table(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

#[tokio::test]
async fn flux_waits_while_it_runs_and_fails_only_what_failed() {
    let plane = ControlPlane::shared().await;
    plane.apply(PROBE).await;
    let checks: Vec<Value> = objects(FLUX)
        .iter()
        .flat_map(|kustomization| kustomization["spec"]["healthCheckExprs"].as_array().cloned().unwrap())
        .collect();
    let mut kinds: Vec<&str> = checks.iter().map(|check| check["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    let all = [
        "ChangeRecoveryPointRequest",
        "CommitRequest",
        "FailoverRequest",
        "RecoveryVault",
        "ReplicatedVm",
        "ReprotectRequest",
        "RequestDecision",
    ];
    assert_eq!(kinds, all);
    let same = |check: &Value| ["inProgress", "failed", "current"].map(|field| check[field].clone());
    assert!(checks.iter().all(|check| same(check) == same(&checks[0])), "the kinds are judged alike");
    plane.kubectl_apply(&policy(&checks[0])).await;
    for (number, (object, _, expected)) in cases().into_iter().enumerate() {
        let probe = json!({"apiVersion": "flux.test/v1", "kind": "Probe", "metadata": {"name": format!("p{number}")}, "seen": object});
        let told = eventually(DEADLINE, "the policy's answer", async || {
            let create = ["create", "--dry-run=server", "--validate=false", "-f", "-"];
            let output = plane.kubectl(&create, Some(&probe.to_string())).await;
            let answer = output.stderr.split("told: ").nth(1).map(|rest| rest.trim().to_owned());
            answer.ok_or(format!("{}{}", output.stdout, output.stderr))
        })
        .await;
        assert_eq!(told, expected, "{object}");
        assert_eq!(format!("{:?}", judgement(&object)), expected, "kstatus alone, of {object}");
    }
}

/// A policy that refuses each probe and says what kustomize-controller would make of it, in the order in which it asks.
fn policy(check: &Value) -> String {
    let expression = |field: &str| {
        let text = check[field].as_str().unwrap();
        let text = text.replace("status.observed", "object.seen.status.observed");
        text.replace("status.conditions", "object.seen.status.conditions").replace("metadata.", "object.seen.metadata.")
    };
    let message = format!(
        "'told: ' + (({}) ? 'InProgress' : ({}) ? 'Failed' : ({}) ? 'Current' : 'InProgress')",
        expression("inProgress"),
        expression("failed"),
        expression("current")
    );
    let rules =
        json!([{"apiGroups": ["flux.test"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["probes"]}]);
    let of = |kind: &str, spec: Value| json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": "flux-test"}, "spec": spec});
    let policy = of(
        "ValidatingAdmissionPolicy",
        json!({"matchConstraints": {"resourceRules": rules}, "validations": [{"expression": "false", "messageExpression": message}]}),
    );
    let binding =
        of("ValidatingAdmissionPolicyBinding", json!({"policyName": "flux-test", "validationActions": ["Deny"]}));
    json!({"apiVersion": "v1", "kind": "List", "items": [policy, binding]}).to_string()
}

#[tokio::test]
async fn the_component_puts_the_script_into_argo_cds_configuration() {
    let dir = RunDir::create("argocd").unwrap();
    let component = std::path::Path::new(ROOT).join("deploy/gitops/argocd");
    std::fs::create_dir_all(dir.join("component")).unwrap();
    for file in ["kustomization.yaml", "health.lua"] {
        std::fs::copy(component.join(file), dir.join("component").join(file)).unwrap();
    }
    dir.write(
        "cm.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata: {admin.enabled: \"false\"}\n",
    )
    .unwrap();
    dir.write("kustomization.yaml", "resources: [cm.yaml]\ncomponents: [component]\n").unwrap();
    let kubectl = tokio::task::spawn_blocking(|| Binaries::locate_or_build(say)).await.unwrap().unwrap().kubectl;
    let output = std::process::Command::new(kubectl).args(["kustomize"]).arg(dir.path()).output().unwrap();
    let built = objects(&String::from_utf8_lossy(&output.stdout));
    let data = &built.first().unwrap_or_else(|| panic!("{output:?}"))["data"];
    assert_eq!(data["admin.enabled"], "false");
    for kind in ["RecoveryVault", "ReplicatedVm", "FailoverRequest", "RequestDecision", "ReprotectRequest"] {
        assert_eq!(data[format!("resource.customizations.health.asr-operator.io_{kind}")], HEALTH, "{kind}");
    }
}
