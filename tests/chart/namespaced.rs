//! The chart for one namespace: the whole loop by Roles there, every one of them needed, and nothing asked for elsewhere.

use crate::audit::{grants_are_what_is_used, uses};
use crate::harness::{KstatusWatch, eventually};
use crate::stage::{DEADLINE, NAME, Stage};
use crate::walk::LOOP;
use crate::{azure, course};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_for_one_namespace_needs_its_roles_there_and_reaches_nothing_else() {
    let mut stage = Stage::with(&azure::seed(), json!({"namespaces": ["demo"]})).await;
    let watch = KstatusWatch::everywhere(&stage.client);
    stage.plane.create_namespace("other").await;
    stage.plane.apply(course::FOREIGN_VAULT).await;
    course::declare(&stage).await;
    // A replica that ends takes its Lease along, and one that comes after a lost one finds its Lease there.
    stage.replace_operators().await;
    stage.lose_operators().await;
    course::whole_loop(&stage).await;
    watch.saw_end_well(LOOP.map(|(_, kind, name)| (kind, name))).await;
    course::secret_and_decision(&stage).await;
    grants_are_what_is_used(&stage).await;
    the_other_namespace_is_left_alone(&stage).await;
    a_pod_that_cannot_list_a_namespace_is_not_ready(&stage).await;
}

/// It would do nothing at all, and those that it is to replace still do.
async fn a_pod_that_cannot_list_a_namespace_is_not_ready(stage: &Stage) {
    let unbind = ["delete", "rolebinding", NAME, "--namespace", "demo"];
    stage.plane.kubectl(&unbind, None).await.expect_success();
    let (_process, health, metrics) = stage.one_that_is_not_ready().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    eventually(DEADLINE, "a probe that says what cannot be listed", async || {
        let answer = client.get(format!("http://{health}/readyz")).send().await.map_err(|e| e.to_string())?;
        let (status, why) = (answer.status(), answer.text().await.map_err(|e| e.to_string())?);
        let named = why.contains("cannot list resource") && why.contains("in the namespace \"demo\"");
        if status == 503 && named { Ok(()) } else { Err(format!("{status}: {why}")) }
    })
    .await;
    let text = client.get(format!("http://{metrics}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\nasr_operator_ready 0\n"), "{text}");
}

/// By what the operator asked of the API server, and by what the owner of the vault there sees.
async fn the_other_namespace_is_left_alone(stage: &Stage) {
    let own = |used: &crate::audit::Use| {
        ["demo", NAME].contains(&used.namespace.as_str()) || used.resource == "customresourcedefinitions"
    };
    let beyond: Vec<_> = uses(&stage.plane.audit(), NAME, NAME).into_iter().filter(|used| !own(used)).collect();
    assert!(beyond.is_empty(), "asked for beyond its namespaces: {beyond:#?}");
    let vault = stage.plane.get("other", "recoveryvault", "vault-dr").await;
    assert!(vault["status"]["conditions"].is_null(), "a vault that is not served was looked at: {vault:#}");
}
