//! The Pods under Pod Security *restricted*, judged by the API server itself.

use crate::harness::ControlPlane;
use crate::helm::{Helm, find, objects};
use serde_json::{Value, json};

#[tokio::test]
async fn the_pods_are_admitted_under_restricted() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.namespace("restricted").await;
    let label = ["label", "namespace", &namespace, "pod-security.kubernetes.io/enforce=restricted"];
    plane.kubectl(&label, None).await.expect_success();
    let account = ["create", "serviceaccount", "asr-operator", "--namespace", &namespace];
    plane.kubectl(&account, None).await.expect_success();
    let rendered = objects(&Helm::offline().await.template(&[]).await);
    let deployment = find(&rendered, "Deployment", "asr-operator");
    let spec = &deployment["spec"]["template"]["spec"];
    let test = &find(&rendered, "Pod", "asr-operator-program")["spec"];
    for (name, spec) in [("operator", spec), ("test", test)] {
        dry_create(plane, &namespace, name, spec).await.expect_success();
    }
    let mut open = spec.clone();
    open["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = true.into();
    let refused = dry_create(plane, &namespace, "open", &open).await;
    assert!(refused.stderr.contains("violates PodSecurity"), "{}", refused.stderr);
    assert_eq!(spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
    assert!(spec["terminationGracePeriodSeconds"].as_u64().unwrap() > 90, "a call has 90 s");
    assert_eq!(deployment["spec"]["replicas"], 2);
}

async fn dry_create(plane: &ControlPlane, namespace: &str, name: &str, spec: &Value) -> crate::harness::KubectlOutput {
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec});
    plane.kubectl(&["create", "--dry-run=server", "-f", "-"], Some(&pod.to_string())).await
}
