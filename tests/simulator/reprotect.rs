//! Reprotect: the move of the item, the child job, what it fails with, and the way back.

use serde_json::{Value, json};

use super::harness::{
    Azure, SEED, assert_committed, assert_repeatable, body_of, codes, commit, committed, failover_body, group_path,
    item_path, job_of, reprotect, reprotect_path, subnet_path, tasks, vault_path,
};

/// The job of the group task of a reprotect.
fn child_of(job: &Value) -> String {
    let child = &job["tasks"][4]["groupTaskCustomDetails"]["childTasks"][0];
    child["customDetails"]["jobTask"]["jobId"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_reprotect_moves_the_item_to_the_other_fabric_under_its_name() {
    let azure = Azure::new().await;
    let lifecycle = azure.properties(&item_path("app01")).await["providerSpecificDetails"]["lifecycleId"].clone();
    commit(&azure, &item_path("app01")).await;
    let reply = azure.call("POST", &reprotect_path(), Some(body_of(&azure).await)).await;
    let job = job_of(&reply);
    assert!(reply.header("location").contains("-container/operationresults/"), "the result is the container's");
    assert!(azure.settled_job(&job).await["customDetails"]["newReplicationProtectedItemId"].is_null());
    azure.advance(110.0).await;
    let new_id = azure.job(&job).await["customDetails"]["newReplicationProtectedItemId"].as_str().unwrap().to_owned();
    assert!(new_id.starts_with("/subscriptions/"), "this id alone has a small s: {new_id}");
    azure.advance(396.0).await;
    assert_eq!(azure.get(&item_path("app01")).await.detail_code(), "ArmResourceDoesNotExist");
    let copying = azure.properties(&new_id).await;
    assert_eq!(
        (copying["protectionState"].as_str(), copying["activeLocation"].as_str()),
        (Some("InitialReplicationInProgress"), Some("Primary"))
    );
    let details = &copying["providerSpecificDetails"];
    assert!(details["lifecycleId"].is_null() && details["rpoInSeconds"].is_null());
    assert!(details.get("agentCertificateExpiryDate").is_none());
    azure.advance(2700.0).await;
    let item = azure.properties(&new_id).await;
    let details = &item["providerSpecificDetails"];
    assert_eq!((&item["protectionState"], &details["lifecycleId"]), (&json!("Protected"), &lifecycle));
    assert_eq!(
        (details["primaryFabricLocation"].as_str(), details["initialPrimaryFabricLocation"].as_str()),
        (Some("northeurope"), Some("westeurope"))
    );
    assert!(details["fabricObjectId"].as_str().unwrap().contains("/rg-app-dr/"));
    let failback = azure.call("POST", &format!("{new_id}/unplannedFailover"), Some(failover_body(None, true))).await;
    assert_eq!(failback.status, 202, "failback is PrimaryToRecovery on the new path");
}

#[tokio::test]
async fn a_reprotect_before_commit_is_refused() {
    let azure = Azure::new().await;
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    assert_eq!(azure.call("POST", &reprotect_path(), Some(body_of(&azure).await)).await.status, 409);
}

#[tokio::test]
async fn the_last_task_becomes_a_group_once_its_child_job_is_there() {
    let azure = committed(", recoveryVmName: APP01-DR").await;
    let job = reprotect(&azure).await;
    azure.advance(100.0).await;
    let waiting = azure.settled_job(&job).await["tasks"][4].clone();
    assert_eq!(
        (waiting["name"].as_str(), waiting["taskType"].as_str()),
        (Some("ProtectReplicaTask"), Some("TaskDetails"))
    );
    assert_eq!(
        (waiting["friendlyName"].as_str(), &waiting["groupTaskCustomDetails"]),
        (Some("Reprotecting virtual machine"), &Value::Null)
    );
    let jobs = async || azure.get(&format!("{}/replicationJobs", vault_path())).await.body["value"].clone();
    assert_eq!(jobs().await.as_array().unwrap().len(), 3, "no child yet");

    azure.advance(60.0).await;
    let group = azure.job(&job).await["tasks"][4].clone();
    assert_eq!(
        (group["friendlyName"].as_str(), group["taskType"].as_str()),
        (Some("Reprotecting virtual machine (1)"), Some("GroupTaskDetails"))
    );
    assert!(group["customDetails"].is_null());
    let task = &group["groupTaskCustomDetails"]["childTasks"][0];
    for (field, text) in [
        ("taskId", "EnableDr"),
        ("name", "APP01-DR"),
        ("friendlyName", "APP01-DR"),
        ("taskType", "JobTaskDetails"),
        ("state", "InProgress"),
    ] {
        assert_eq!(task[field], text, "{field}");
    }
    let entity = azure.job(&job).await["targetObjectId"].clone();
    let named = &task["customDetails"]["jobTask"];
    assert_eq!(
        (named["jobScenarioName"].as_str(), named["jobFriendlyName"].as_str()),
        (Some("EnableDr"), Some("Enable replication"))
    );
    assert_eq!(
        (named["targetInstanceType"].as_str(), named["targetObjectName"].as_str()),
        (Some("Vm"), Some("app01-dr"))
    );
    assert_ne!(named["targetObjectId"], entity, "the VM has another internal id on this side");
    assert_eq!(azure.properties(named["jobId"].as_str().unwrap()).await["targetObjectId"], named["targetObjectId"]);
    let listed = jobs().await[0].clone();
    assert_eq!(
        (listed["name"].as_str(), listed["properties"]["scenarioName"].as_str()),
        (Some(&*child_of(&azure.job(&job).await)), Some("EnableDr"))
    );
    assert_eq!(
        (&listed["properties"]["tasks"], listed["properties"]["targetInstanceType"].as_str()),
        (&json!([]), Some("Vm"))
    );
    let item = azure.properties(&item_path("app01")).await;
    assert!(item["currentScenario"]["jobId"].as_str().unwrap().ends_with(&job), "the item names the parent");
}

#[tokio::test]
async fn the_parent_lags_behind_the_end_of_its_child() {
    let azure = committed("").await;
    let job = reprotect(&azure).await;
    azure.advance(470.0).await;
    let parent = azure.settled_job(&job).await;
    let child = azure.job(&child_of(&parent)).await;
    assert_eq!((parent["state"].as_str(), child["state"].as_str()), (Some("InProgress"), Some("Succeeded")));
    assert_eq!(
        (child["scenarioName"].as_str(), child["friendlyName"].as_str()),
        (Some("EnableDr"), Some("Enable replication"))
    );
    let names: Vec<_> = tasks(&child).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "EnableProtectionPrerequisitesCheck",
            "CreateProtectionTarget",
            "EnableProtection",
            "VmStartInitialReplication",
            "UpdateDraState"
        ]
    );
    assert!(child["activityId"].as_str().unwrap().starts_with("request-1 ActivityId: "));
    azure.advance(36.0).await;
    assert_eq!(azure.job(&job).await["state"], "Succeeded");
}

#[tokio::test]
async fn a_child_can_have_a_request_id_of_its_own() {
    let azure = committed("").await;
    azure.set_behaviour(json!({ "childSharesActivity": false })).await;
    let job = reprotect(&azure).await;
    azure.advance(200.0).await;
    let parent = azure.settled_job(&job).await;
    let child = azure.job(&child_of(&parent)).await;
    assert!(parent["activityId"].as_str().unwrap().starts_with("request-1 ActivityId: "));
    let own = child["activityId"].as_str().unwrap();
    assert!(own.contains(" ActivityId: ") && !own.starts_with("request-1"), "{own}");
}

#[tokio::test]
async fn a_guest_without_a_way_out_fails_in_the_child_and_only_there_says_why() {
    let azure = committed("").await;
    azure.set_item(json!({ "name": "app01", "failNext": "egress" })).await;
    let job = reprotect(&azure).await;
    azure.advance(506.0).await;
    let parent = azure.settled_job(&job).await;
    assert_eq!((parent["state"].as_str(), codes(&parent)), (Some("Failed"), vec!["539"]));
    assert_eq!(tasks(&parent)[4], ("ProtectReplicaTask".to_owned(), "Failed/Failed".to_owned()));
    let task = &parent["tasks"][4]["groupTaskCustomDetails"]["childTasks"][0];
    assert_eq!((task["state"].as_str(), &task["errors"]), (Some("Failed"), &json!([])));
    let child = azure.job(&child_of(&parent)).await;
    assert_eq!((child["state"].as_str(), codes(&child)), (Some("Failed"), vec!["539", "151196"]));
    assert_eq!(child["errors"][1]["taskId"], "CreateProtectionTarget");
    assert!(child["endTime"].as_str().unwrap() < parent["endTime"].as_str().unwrap(), "the parent sees it later");
    assert_repeatable(&azure).await;
}

#[tokio::test]
async fn a_lack_of_quota_shows_in_the_child_as_no_size() {
    let azure = committed("").await;
    azure.set_item(json!({ "name": "app01", "failNext": "quota" })).await;
    let job = reprotect(&azure).await;
    azure.advance(506.0).await;
    let parent = azure.settled_job(&job).await;
    let child = azure.job(&child_of(&parent)).await;
    assert_eq!((codes(&parent), codes(&child)), (vec!["539"], vec!["539", "150097"]));
    assert_repeatable(&azure).await;
}

#[tokio::test]
async fn a_lock_is_named_in_the_job_whether_scripted_or_there() {
    for scripted in [true, false] {
        let azure = committed("").await;
        if scripted {
            azure.set_item(json!({ "name": "app01", "failNext": "lock" })).await;
        } else {
            let lock = json!({ "group": group_path("RG-APP"), "name": "keep", "level": "CanNotDelete" });
            azure.set_resources(json!({ "lock": lock })).await;
        }
        let job = reprotect(&azure).await;
        azure.advance(506.0).await;
        let job = azure.settled_job(&job).await;
        let text = job["errors"][1]["serviceErrorDetails"]["message"].as_str().unwrap();
        assert!(text.contains("Arm error code: ScopeLocked"), "{text}");
        assert!(text.contains(&format!("scope(s) are locked: '{}'", group_path("rg-app"))), "{text}");
        assert_eq!(
            (job["state"].as_str(), job["errors"][1]["taskId"].as_str()),
            (Some("Failed"), Some("ProtectReplicaTask"))
        );
        assert_eq!(job["tasks"][4]["taskType"], "TaskDetails", "no child was started");
        if !scripted {
            azure.set_resources(json!({ "unlock": "keep" })).await;
        }
        assert_repeatable(&azure).await;
    }
}

#[tokio::test]
async fn a_subnet_without_a_way_out_fails_the_reprotect_until_it_has_one() {
    let azure = committed("").await;
    let subnet = async |nat: bool, default: bool| {
        let change = json!({ "id": subnet_path("rg-app-dr"), "natGateway": nat, "defaultOutboundAccess": default });
        azure.set_resources(json!({ "subnet": change })).await;
    };
    subnet(false, false).await;
    let job = reprotect(&azure).await;
    azure.advance(506.0).await;
    let child = azure.job(&child_of(&azure.settled_job(&job).await)).await;
    assert_eq!(codes(&child), ["539", "151196"]);
    subnet(false, true).await;
    assert_repeatable(&azure).await;
}

#[tokio::test]
async fn a_missing_old_vm_makes_the_copy_longer_and_a_missing_new_one_makes_it_fail() {
    let azure = committed("").await;
    let vm = |group: &str| format!("{}/providers/Microsoft.Compute/virtualMachines/APP01", group_path(group));
    azure.set_resources(json!({ "remove": vm("rg-app") })).await;
    reprotect(&azure).await;
    let path = item_path("app01").replace("westeurope", "northeurope");
    let state = async || azure.properties(&path).await["protectionState"].clone();
    azure.advance(506.0 + 2400.0 + 300.0 + 1.0).await;
    assert_eq!(state().await, "InitialReplicationInProgress", "a full copy is not over by then");
    azure.advance(2400.0).await;
    assert_eq!(state().await, "Protected");

    let azure = committed("").await;
    let body = body_of(&azure).await;
    azure.set_resources(json!({ "remove": vm("rg-app-dr") })).await;
    let job = job_of(&azure.call("POST", &reprotect_path(), Some(body)).await);
    azure.advance(506.0).await;
    let job = azure.settled_job(&job).await;
    assert!(job["errors"][0]["serviceErrorDetails"]["message"].as_str().unwrap().contains("might have been deleted"));
    assert_committed(&azure).await;
}

/// The verb through the portal, then `seconds`.
async fn portal(azure: &Azure, verb: &str, seconds: f64) {
    let done = azure.control("POST", "actor", json!({ "verb": verb, "item": "app01" })).await.body;
    assert_eq!(done["accepted"], true, "{verb}: {done}");
    azure.advance(seconds).await;
    assert_eq!(azure.job(done["jobId"].as_str().unwrap()).await["state"], "Succeeded", "{verb}");
}

#[tokio::test]
async fn the_portal_goes_the_whole_way_there_and_back() {
    let azure =
        Azure::with(&SEED.replace("vmName: APP01", "vmName: APP01, dataDisks: 1, recoveryVmName: APP01-DR")).await;
    for region in ["northeurope", "westeurope"] {
        let early = azure.control("POST", "actor", json!({ "verb": "switchprotection", "item": "app01" })).await.body;
        assert_eq!(early["accepted"], false, "not before the commit");
        portal(&azure, "unplannedFailover", 140.0).await;
        portal(&azure, "failoverCommit", 8.0).await;
        portal(&azure, "switchprotection", 506.0).await;
        azure.advance(2700.0).await;
        let path = item_path("app01").replace("westeurope", region);
        let item = azure.properties(&path).await;
        assert_eq!(
            (&item["protectionState"], &item["providerSpecificDetails"]["primaryFabricLocation"]),
            (&json!("Protected"), &json!(region))
        );
        assert_eq!(item["providerSpecificDetails"]["initialPrimaryFabricLocation"], "westeurope");
    }
    let nobody = azure.control("POST", "actor", json!({ "verb": "enableDr", "item": "app01" })).await;
    assert_eq!(nobody.status, 400, "no verb that one can ask for");
}
