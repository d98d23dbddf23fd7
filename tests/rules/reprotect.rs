//! The loop's rules 2 to 5, 10 and 11: what a reprotect waits for, what it refuses, what it leaves, and how it fails.

use crate::harness::{condition, eventually};
use crate::world::{DEADLINE, ITEM, REPROTECT, Setup, World, message, reads, request, sample};
use futures::future::join_all;
use serde_json::{Value, json};

const KIND: &str = "ReprotectRequest";
const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-app";

/// `app01` runs on its recovery side, committed.
async fn committed() -> World {
    let seed = |text: &str| text.replacen("address: 10.1.0.4", "address: 10.1.0.4\n        state: Committed", 1);
    World::with(Setup { seed, ..Setup::default() }).await
}

fn reprotect(name: &str, direction: &str) -> String {
    request(KIND, name, &format!("  direction: {direction}\n  acknowledge: [OldSideIsOverwritten]"))
}

fn precondition<'a>(object: &'a Value, name: &str) -> &'a Value {
    let all = object["status"]["preconditions"].as_array().unwrap_or_else(|| panic!("no preconditions: {object:#}"));
    all.iter().find(|p| p["name"] == name).unwrap_or_else(|| panic!("no {name}: {object:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_02_before_the_commit_it_is_refused_and_says_so() {
    let world = World::new().await;
    world.fail_over().await;
    world.apply(sample("reprotect")).await;
    let refused = world.wait(KIND, REPROTECT, ("Stalled", "True", Some("NotCommitted"))).await;
    assert!(message(&refused, "Stalled").contains("Azure would commit it without a word"), "{refused:#}");
    assert_eq!(precondition(&refused, "CommitObserved")["met"], "False");
    assert_eq!(precondition(&refused, "VerbAllowed")["met"], "False");
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_02_each_unmet_precondition_is_named_and_it_goes_on_when_all_are_met() {
    let world = committed().await;
    let cache = format!("{GROUP}-dr/providers/Microsoft.Storage/storageAccounts/cachenortheurope");
    world.sim.post("resources", json!({"remove": cache})).await;
    world.sim.post("resources", json!({"mapping": {"from": "northeurope", "present": false}})).await;
    world.sim.post("resources", json!({"lock": {"group": GROUP, "name": "keep", "level": "CanNotDelete"}})).await;
    world.apply(sample("reprotect")).await;
    let waits = world.wait(KIND, REPROTECT, ("Reconciling", "True", Some("PreconditionsUnmet"))).await;
    for (name, words) in [
        ("CacheAccount", "cachenortheurope does not exist"),
        ("ReverseMapping", "no container mapping from northeurope to westeurope"),
        ("NoDeleteLock", "keep (CanNotDelete)"),
    ] {
        assert_eq!(precondition(&waits, name)["met"], "False", "{name}");
        let said = message(&waits, "Reconciling");
        assert!(said.contains(&format!("{name}: ")) && said.contains(words), "{name}: {said}");
    }
    assert_eq!(precondition(&waits, "CommitObserved")["met"], "True");
    assert!(world.sent().await.is_empty());
    world.sim.post("resources", json!({"add": {"id": cache, "location": "northeurope"}})).await;
    world.sim.post("resources", json!({"mapping": {"from": "northeurope", "present": true}})).await;
    world.sim.post("resources", json!({"unlock": "keep"})).await;
    let done = world.wait(KIND, REPROTECT, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(precondition(&done, "NoDeleteLock")["met"], "True");
    assert_eq!(world.accepted().await, ["switchprotection"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_02_a_region_that_is_down_is_waited_for() {
    let world = committed().await;
    world.sim.post("behaviour", json!({"downRegions": ["westeurope"]})).await;
    world.apply(sample("reprotect")).await;
    let waits = world.wait(KIND, REPROTECT, ("Reconciling", "True", Some("PreconditionsUnmet"))).await;
    assert_eq!(precondition(&waits, "OtherSideReachable")["met"], "False", "{waits:#}");
    assert!(world.sent().await.is_empty());
    world.sim.post("behaviour", json!({"downRegions": []})).await;
    world.wait(KIND, REPROTECT, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["switchprotection"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_03_its_direction_is_what_is_observed_and_reversed_already_is_nothing_to_do() {
    let world = World::new().await;
    world.apply(reprotect("nothing-to-do", "PrimaryToRecovery")).await;
    let nothing = world.wait(KIND, "nothing-to-do", ("Ready", "True", Some("NothingToDo"))).await;
    assert_eq!((reads(&nothing, "Reversed").0, reads(&nothing, "Synchronized").0), ("False", "False"));
    world.apply(reprotect("never-failed-over", "RecoveryToPrimary")).await;
    world.wait(KIND, "never-failed-over", ("Stalled", "True", Some("NotFailedOver"))).await;
    world.portal("unplannedFailover").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.portal("failoverCommit").await;
    world.sim.clock(json!({"advanceSeconds": 900})).await;
    world.apply(reprotect("wrong-way", "PrimaryToRecovery")).await;
    let wrong = world.wait(KIND, "wrong-way", ("Stalled", "True", Some("DirectionDisagrees"))).await;
    assert!(message(&wrong, "Stalled").contains("with direction RecoveryToPrimary"), "{wrong:#}");
    assert!(world.sent().await.is_empty());
    world.act("reprotect").await;
    world.apply(reprotect("once-more", "RecoveryToPrimary")).await;
    world.wait(KIND, "once-more", ("Ready", "True", Some("NothingToDo"))).await;
    assert_eq!(world.accepted().await, ["switchprotection"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_04_missing_settings_are_named_field_by_field_with_what_azure_shows() {
    let world = committed().await;
    let bare: String = sample("vm")
        .lines()
        .filter(|line| !line.contains("Id: /") || line.contains("sourceVmId"))
        .fold(String::new(), |text, line| text + line + "\n");
    world.apply(bare).await;
    world.apply(sample("reprotect")).await;
    let waits = world.wait(KIND, REPROTECT, ("Reconciling", "True", Some("PreconditionsUnmet"))).await;
    let said = message(&waits, "Reconciling").to_lowercase();
    for words in [
        "spec.primary.resourcegroupid",
        &format!("azure shows the old vm in {}", GROUP.to_lowercase()),
        "spec.recovery.cachestorageaccountid",
        "create a storage account in northeurope",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(world.sent().await.is_empty());
    world.apply(sample("vm")).await;
    world.wait(KIND, REPROTECT, ("Ready", "True", Some("Succeeded"))).await;
    let sent = &world.sent().await[0]["body"]["properties"]["providerSpecificDetails"];
    assert_eq!(sent["recoveryResourceGroupId"], GROUP);
    assert_eq!(sent["vmManagedDisks"].as_array().unwrap().len(), 1, "{sent:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_05_reversed_and_synchronized_move_apart_and_nothing_is_lost_while_the_operator_is_down() {
    let mut world = committed().await;
    let done = world.act("reprotect").await;
    assert_eq!(reads(&done, "Reversed"), ("True", "Reversed"));
    assert_eq!(reads(&done, "Synchronized"), ("False", "Synchronizing"));
    let plan = done["status"]["plan"].as_array().unwrap();
    let effect = |name: &str| plan.iter().find(|p| p["name"] == name).map(|p| p["effect"].as_str().unwrap());
    assert_eq!((effect("OldVm"), effect("Disk")), (Some("Overwritten"), Some("Created")), "{done:#}");
    eventually(DEADLINE, "the reprotect on the VM", async || {
        let vm = world.get("ReplicatedVm", "app01").await;
        let told = (reads(&vm, "Protected").0, &vm["status"]["lastReprotect"]["state"]);
        if told == ("False", &json!("Succeeded")) { Ok(()) } else { Err(format!("{:#}", vm["status"])) }
    })
    .await;
    world.operator.kill();
    world.sim.clock(json!({"advanceSeconds": 3600})).await;
    world.operator.restart().await.unwrap();
    world.wait(KIND, REPROTECT, ("Synchronized", "True", Some("Synchronized"))).await;
    let vm = world.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await;
    assert_eq!(
        (&vm["status"]["activeSide"], &vm["status"]["nextDirection"]),
        (&json!("Recovery"), &json!("RecoveryToPrimary"))
    );
    assert_eq!(world.accepted().await, ["switchprotection"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_05_a_health_error_while_copying_is_shown_by_code_and_text() {
    let world = committed().await;
    world.act("reprotect").await;
    let error = json!({"errorCode": "153007", "errorLevel": "Error", "errorCategory": "Replication", "errorMessage": "No points for an hour.", "recommendedAction": "Look at the network."});
    world
        .sim
        .set_item(json!({"name": "app01", "overrides": {"healthErrors": [error], "replicationHealth": "Critical"}}))
        .await;
    let sick = world.wait(KIND, REPROTECT, ("Synchronized", "False", Some("SynchronizationUnhealthy"))).await;
    let said = message(&sick, "Synchronized");
    assert!(said.contains("153007") && said.contains("Look at the network"), "{said}");
    assert_eq!(reads(&sick, "Ready"), ("True", "Succeeded"), "the act is done: {sick:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_10_a_missing_old_vm_is_a_warning_with_a_longer_estimate() {
    let world = committed().await;
    world
        .sim
        .post("resources", json!({"remove": format!("{GROUP}/providers/Microsoft.Compute/virtualMachines/app01")}))
        .await;
    let done = world.act("reprotect").await;
    let old = precondition(&done, "OldVm");
    assert_eq!(old["met"], "False", "{done:#}");
    assert!(old["detail"].as_str().unwrap().contains("takes hours"), "{old}");
    assert_eq!(world.accepted().await, ["switchprotection"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_10_the_cause_of_a_failed_reprotect_and_its_fix_are_in_the_condition() {
    let recipes = [("egress", "151196", "NAT"), ("lock", "ScopeLocked", "lock"), ("quota", "150097", "quota")];
    let fails = async |(recipe, code, fix): (&str, &str, &str)| {
        let world = committed().await;
        world.sim.set_item(json!({"name": "app01", "failNext": recipe})).await;
        world.apply(sample("reprotect")).await;
        let failed = world.wait(KIND, REPROTECT, ("Stalled", "True", Some("JobFailed"))).await;
        let said = message(&failed, "Stalled");
        assert!(said.contains(code) && said.contains(fix), "{recipe}: {said}");
        assert_eq!((reads(&failed, "Reversed").0, reads(&failed, "Synchronized").0), ("False", "False"), "{recipe}");
        let vm = world.get("ReplicatedVm", "app01").await;
        assert!(condition(&vm, "NeedsReprotect").is_some_and(|c| c["status"] == "True"), "{vm:#}");
        // The person's way out: the cause is mended, and a new name.
        world.succeed(&reprotect("again", "RecoveryToPrimary")).await;
        assert_eq!(world.accepted().await, ["switchprotection", "switchprotection"], "{recipe}");
    };
    join_all(recipes.map(fails)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loop_rule_11_a_namespace_deleted_in_the_middle_makes_no_call_and_the_record_is_closed() {
    let world = committed().await;
    world.sim.clock(json!({"rate": 1})).await;
    world.apply(sample("reprotect")).await;
    world.wait(KIND, REPROTECT, ("Reconciling", "True", Some("JobRunning"))).await;
    let gone = ["delete", "namespace", &world.namespace, "--timeout=80s"];
    world.plane.kubectl(&gone, None).await.expect_success();
    world.job_ends().await;
    world.plane.create_namespace(&world.namespace).await;
    world.apply(sample("vault")).await;
    let record = world.released().await;
    let end = &record["spec"]["consumed"][0]["result"];
    assert_eq!(end["outcome"], "Succeeded", "{record:#}");
    assert!(end["steps"][0]["newProtectedItemId"].is_string(), "{record:#}");
    assert_eq!(world.sent_on(ITEM).await, ["switchprotection"]);
}
