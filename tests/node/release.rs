//! One release's life as Pods: installed from the archive, tested, upgraded and robbed of Pods in mid-failover, taken through the
//! whole loop, and gone. Azure's own ledger says how often it was called.

use crate::harness::{ROUND, condition, get};
use crate::helm::CHART;
use crate::stage::{NAME, Stage, on_a_node};
use crate::walk::LOOP;
use serde_json::{Value, json};

#[test]
#[ignore = "needs root and a node's packages; .ci/run runs it where tests/node/prepare.sh finds them"]
fn a_release_loses_nothing_on_a_real_node() {
    on_a_node(async |node| {
        let stage = Stage::set(node).await;
        pods_are_what_the_chart_says(&stage).await;
        stage.helm.run(&["test", NAME, "--namespace", NAME]).await.expect_success();
        stage.took("helm test passes");
        stage.apply("10-recovery-vault").await;
        stage.apply("20-replicated-vm").await;
        stage.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
        stage.took("the VM is seen, by a token that the API server gave a Pod");
        upgraded_in_mid_failover(&stage).await;
        whole_loop(&stage).await;
        gone(&stage).await;
    });
}

async fn pods_are_what_the_chart_says(stage: &Stage<'_>) {
    stage.ready_pods().await;
    stage.assert_sound().await;
    for pod in stage.pods().await {
        let volumes = pod["spec"]["volumes"].as_array().unwrap();
        let projected = |volume: &Value| volume["projected"]["sources"][0]["serviceAccountToken"].is_object();
        assert!(volumes.iter().any(projected), "no projected token: {volumes:#?}");
    }
    let mut open = stage.pods().await.remove(0);
    open["metadata"] = json!({"name": "open", "namespace": NAME});
    open["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = true.into();
    let refused = stage.node.kubectl(&["create", "-f", "-"], Some(&open.to_string())).await;
    assert!(refused.stderr.contains("violates PodSecurity \"restricted"), "{}", refused.stderr);
}

async fn upgraded_in_mid_failover(stage: &Stage<'_>) {
    stage.sim.clock(json!({"rate": 1})).await;
    let (sample, kind, name) = LOOP[0];
    let first = stage.ready_pods().await;
    stage.apply(sample).await;
    stage.wait_for_job(kind, name).await;
    let upgrade = ["upgrade", NAME, CHART, "--namespace", NAME, "--reuse-values", "--set", "concurrency=8", "--wait"];
    stage.helm.run(&upgrade).await.expect_success();
    let second = stage.ready_pods().await;
    assert!(first.is_disjoint(&second), "{first:?} {second:?}");
    stage.took("helm upgrade in mid-failover: all Pods are others, and Ready");
    for (pod, at_once) in second.iter().zip([false, true]) {
        stage.delete_pod(pod, at_once).await;
    }
    let third = stage.ready_pods().await;
    assert!(second.is_disjoint(&third), "{second:?} {third:?}");
    stage.took("one Pod deleted and one killed in mid-failover: two others are Ready");
    let request = get(&stage.client, kind, "demo", name).await.unwrap();
    assert_eq!(condition(&request, "Reconciling").unwrap()["status"], "True", "it did not last: {request:#}");
    stage.sim.clock(json!({"rate": 400})).await;
    stage.wait(kind, name, ("Ready", "True", None)).await;
    assert_eq!(stage.calls().await, ROUND[..1]);
    stage.took("the failover is done, by one call");
}

/// Each act as its sample says, and during each a Pod is lost.
async fn whole_loop(stage: &Stage<'_>) {
    for (number, (sample, kind, name)) in LOOP.into_iter().enumerate().skip(1) {
        let pods = stage.ready_pods().await;
        stage.apply(sample).await;
        stage.delete_pod(pods.first().unwrap(), number % 2 == 0).await;
        stage.wait(kind, name, ("Ready", "True", None)).await;
        if kind == "ReprotectRequest" {
            stage.sim.clock(json!({"advanceSeconds": 3600})).await;
            stage.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await;
        }
        stage.took(&format!("{sample} is done, and a Pod was lost meanwhile"));
    }
    assert_eq!(stage.calls().await, ROUND, "one call for each act, and none that was refused");
    stage.judged_to_the_end().await;
    stage.ready_pods().await;
    stage.assert_sound().await;
}

async fn gone(stage: &Stage<'_>) {
    let count = async |kind: &str| stage.node.get(&[kind, "--all-namespaces"]).await["items"].as_array().map(Vec::len);
    let before = (count("itemrecords").await, count("requestclaims").await);
    assert_eq!(before.1, Some(LOOP.len()));
    stage.helm.run(&["uninstall", NAME, "--namespace", NAME, "--wait"]).await.expect_success();
    let label = format!("--selector=app.kubernetes.io/name={NAME}");
    let wait = ["wait", "--for=delete", "pod", &label, "--namespace", NAME, "--timeout=150s"];
    stage.node.kubectl(&wait, None).await.expect_success();
    assert_eq!((count("itemrecords").await, count("requestclaims").await), before);
    stage.took("helm uninstall: no Pod is left, and every record is");
}
