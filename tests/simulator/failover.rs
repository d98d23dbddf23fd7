//! Failover and commit: the 202, the job as it runs, the item before, during and after, failures.

use serde_json::{Value, json};

use super::harness::{Azure, BASE, failover_body, item_path, job_of, tasks, vault_path};

#[tokio::test]
async fn the_202_is_empty_and_carries_two_signed_urls_and_the_job_twice() {
    let azure = Azure::new().await;
    let reply = azure.fail_over("app01", failover_body(None, true)).await;
    let job = job_of(&reply);
    assert_eq!((reply.text.as_str(), reply.header("content-length")), ("", "0"));
    assert_eq!(reply.header("retry-after"), "30");
    let ids: Vec<_> = reply.headers.get_all("x-ms-request-id").iter().map(|id| id.to_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|id| id.starts_with("/Subscriptions/") && id.ends_with(&format!("/replicationJobs/{job}"))));
    let (status, result) = (reply.header("azure-asyncoperation"), reply.header("location"));
    assert!(status.contains(&format!("/vaults/vault-dr/replicationOperationStatus/{job}?")), "{status}");
    assert!(result.contains(&format!("/replicationProtectedItems/app01/operationresults/{job}?")), "{result}");
    for url in [status, result] {
        assert!(url.starts_with(BASE) && url.contains("&s=SIGCANARY"), "{url}");
        assert!((2500..3500).contains(&url.len()), "{} characters", url.len());
    }
    let signature = |url: &str| url.split("&s=").nth(1).map(str::to_owned);
    assert_ne!(signature(status), signature(result));
    assert_eq!(reply.header("x-ms-client-request-id"), "request-1");
    for header in
        ["x-ms-correlation-request-id", "x-ms-routing-request-id", "x-ms-ratelimit-remaining-subscription-writes"]
    {
        assert!(!reply.header(header).is_empty(), "{header}");
    }
}

#[tokio::test]
async fn the_first_get_of_a_job_is_a_stub_that_names_its_request() {
    let azure = Azure::new().await;
    let job = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    let stub = azure.job(&job).await;
    assert_eq!(stub["state"], "NotStarted");
    for field in ["scenarioName", "friendlyName", "targetObjectId", "targetObjectName"] {
        assert!(stub[field].is_null(), "{field}");
    }
    assert!(stub.get("startTime").is_none());
    assert!(stub["activityId"].as_str().unwrap().starts_with("request-1 ActivityId: "));
    let job = azure.job(&job).await;
    assert_eq!((job["state"].as_str(), job["scenarioName"].as_str()), (Some("InProgress"), Some("UnplannedFailover")));
}

#[tokio::test]
async fn stubs_and_activities_can_be_switched_off() {
    let azure = Azure::new().await;
    azure.set_behaviour(json!({ "stubActivityId": false })).await;
    let job = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    assert!(azure.job(&job).await["activityId"].is_null());
    azure.set_behaviour(json!({ "stubJobs": false, "jobActivityId": false })).await;
    let job = job_of(&azure.fail_over("db01", failover_body(None, true)).await);
    let first = azure.job(&job).await;
    assert_eq!(first["scenarioName"], "UnplannedFailover");
    assert!(first["activityId"].is_null());
}

#[tokio::test]
async fn tasks_evolve_with_the_clock() {
    let azure = Azure::new().await;
    let job = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    azure.advance(30.0).await;
    let running = azure.settled_job(&job).await;
    assert_eq!(
        tasks(&running)[..3].iter().map(|(_, state)| state.as_str()).collect::<Vec<_>>(),
        ["Succeeded/Completed", "InProgress/InProgress", "NotStarted/NotStarted"]
    );
    assert_eq!(running["tasks"][2]["startTime"], "0001-01-01T00:00:00");
    assert_eq!(running["tasks"][1]["endTime"], "0001-01-01T00:00:00");
    assert!(running.get("endTime").is_none());
    azure.advance(110.0).await;
    let done = azure.job(&job).await;
    assert_eq!(
        tasks(&done).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        [
            "VmUfoPrerequisitesCheck",
            "VmShutdownVmOnPrimary",
            "VmPrepareForUnPlannedFailover",
            "VmFailover",
            "VmFoStartVmOnSecondary"
        ]
    );
    assert!(tasks(&done).iter().all(|(_, state)| state == "Succeeded/Completed"), "{:?}", tasks(&done));
    assert_eq!((done["state"].as_str(), done["endTime"].as_str()), (Some("Succeeded"), Some("2026-06-01T08:02:20Z")));
}

#[tokio::test]
async fn without_shutdown_its_task_and_the_synchronisation_are_skipped() {
    let azure = Azure::new().await;
    let job = job_of(&azure.fail_over("app01", failover_body(None, false)).await);
    azure.advance(140.0).await;
    let states: Vec<_> = tasks(&azure.job(&job).await).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states[1..3], ["Other/Skipped", "Other/Skipped"]);
}

#[tokio::test]
async fn the_item_keeps_its_state_while_the_job_runs_and_allows_nothing() {
    let azure = Azure::new().await;
    let job = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    azure.advance(60.0).await;
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(
        (item["protectionState"].as_str(), item["activeLocation"].as_str()),
        (Some("Protected"), Some("Primary"))
    );
    assert_eq!(item["allowedOperations"], json!([]));
    assert_eq!(item["currentScenario"]["scenarioName"], "UnplannedFailover");
    assert!(item["currentScenario"]["jobId"].as_str().unwrap().ends_with(&job));
}

#[tokio::test]
async fn after_the_failover_the_item_waits_for_its_commit() {
    let azure = Azure::new().await;
    let before = azure.properties(&item_path("app01")).await;
    assert!(before.get("lastSuccessfulFailoverTime").is_none() && before["failoverRecoveryPointId"].is_null());
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(3600.0).await;
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(item["protectionState"], "UnplannedFailoverCommitPendingStatesBegin");
    assert_eq!(item["protectionStateDescription"], "Failover completed");
    assert_eq!(item["activeLocation"], "Recovery");
    assert_eq!(item["allowedOperations"], json!(["CompleteMigration", "Commit", "DisableProtection", "ChangePit"]));
    assert_eq!(item["currentScenario"]["scenarioName"], "None");
    assert_eq!(item["currentScenario"]["startTime"], "1753-01-01T01:01:01Z");
    assert_eq!(item["lastSuccessfulFailoverTime"], "2026-06-01T08:00:00.0000000Z");
    let vm = item["providerSpecificDetails"]["recoveryFabricObjectId"].as_str().unwrap().to_owned();
    assert!(vm.ends_with("/resourcegroups/rg-app-dr/providers/microsoft.compute/virtualmachines/app01"), "{vm}");
    assert_eq!(azure.get(&vm).await.body["location"], "northeurope");
}

#[tokio::test]
async fn a_failover_to_latest_makes_the_point_that_it_used() {
    let azure = Azure::new().await;
    azure.set_item(json!({ "name": "app01", "rpoSeconds": 60 })).await;
    let points = format!("{}/recoveryPoints", item_path("app01"));
    let before = azure.get(&points).await.body["value"].as_array().unwrap().len();
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let used = azure.properties(&item_path("app01")).await["failoverRecoveryPointId"].as_str().unwrap().to_owned();
    assert!(!used.contains("-container/"), "the container is named by its GUID: {used}");
    let point = azure.properties(&used).await;
    assert_eq!(point["recoveryPointTime"], "2026-06-01T07:59:00.0000000Z");
    assert_eq!(azure.get(&points).await.body["value"].as_array().unwrap().len(), before + 1);
}

#[tokio::test]
async fn replication_stops_with_the_failover_and_goes_on_after_a_failed_one() {
    let azure = Azure::new().await;
    let newest = async |item: &str| {
        let list = azure.get(&format!("{}/recoveryPoints", item_path(item))).await.body;
        let times = list["value"].as_array().unwrap().iter().map(|p| p["properties"]["recoveryPointTime"].to_string());
        times.max().unwrap()
    };
    azure.set_item(json!({ "name": "db01", "failNext": "nic" })).await;
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.fail_over("db01", failover_body(None, true)).await;
    azure.advance(7200.0).await;
    assert!(newest("app01").await.as_str() < "\"2026-06-01T08:00:00", "no point is younger than the failover");
    assert!(newest("db01").await.as_str() > "\"2026-06-01T09:50:00", "its failover failed, points are made again");
}

#[tokio::test]
async fn a_chosen_point_is_used_and_its_id_may_name_the_container_by_guid() {
    let azure = Azure::new().await;
    let list = azure.get(&format!("{}/recoveryPoints", item_path("app01"))).await.body;
    let chosen = list["value"][7]["id"].as_str().unwrap().to_owned();
    let guid = chosen.rsplit('/').next().unwrap().to_owned();
    let fabric = azure.properties(item_path("app01").split("/replicationProtectionContainers").next().unwrap()).await;
    let alias = fabric["customDetails"]["containerIds"][0].as_str().unwrap();
    let by_guid = format!("{alias}/replicationProtectedItems/app01/recoveryPoints/{guid}");
    azure.fail_over("app01", failover_body(Some(&by_guid), true)).await;
    azure.advance(140.0).await;
    let used = azure.properties(&item_path("app01")).await["failoverRecoveryPointId"].clone();
    assert_eq!(used.as_str().unwrap(), by_guid);
}

#[tokio::test]
async fn a_point_that_is_gone_is_accepted_and_fails_the_job() {
    let azure = Azure::new().await;
    let stale = format!("{}/recoveryPoints/{}", item_path("app01"), uuid::Uuid::nil());
    let job = job_of(&azure.fail_over("app01", failover_body(Some(&stale), true)).await);
    azure.advance(140.0).await;
    let job = azure.job(&job).await;
    assert_eq!(job["state"], "Failed");
    assert_eq!(job["errors"][1]["serviceErrorDetails"]["code"], "BookmarkNotFound");
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(item["protectionState"], "UnplannedFailoverFailed");
}

#[tokio::test]
async fn a_failed_failover_says_its_cause_in_the_job_only_and_can_be_repeated() {
    let azure = Azure::new().await;
    azure.set_item(json!({ "name": "app01", "failNext": "capacity" })).await;
    let reply = azure.fail_over("app01", failover_body(None, true)).await;
    let id = job_of(&reply);
    azure.advance(140.0).await;
    let status = azure.get(reply.header("azure-asyncoperation")).await;
    assert_eq!((status.status, status.body["status"].as_str()), (200, Some("Failed")));
    assert_eq!(status.body["error"]["code"], "25080");
    assert!(status.body["error"]["details"].is_null() && status.body["properties"].is_null());
    let job = azure.job(&id).await;
    let codes: Vec<_> =
        job["errors"].as_array().unwrap().iter().map(|e| e["serviceErrorDetails"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["539", "28031"], "the wrapper comes first");
    assert!(
        job["errors"][1]["serviceErrorDetails"]["message"]
            .as_str()
            .unwrap()
            .contains("Azure error message: 'Allocation failed")
    );
    assert_eq!(
        tasks(&job)[3..].iter().map(|(_, state)| state.as_str()).collect::<Vec<_>>(),
        ["Failed/Failed", "NotStarted/NotStarted"]
    );
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(
        (item["protectionState"].as_str(), item["activeLocation"].as_str()),
        (Some("UnplannedFailoverFailed"), Some("Primary"))
    );
    assert_eq!(item["allowedOperations"], json!(["UnplannedFailover", "DisableProtection", "TestFailover"]));
    assert!(item["providerSpecificDetails"]["recoveryFabricObjectId"].is_null());
    job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    azure.advance(140.0).await;
    assert_eq!(azure.properties(&item_path("app01")).await["activeLocation"], "Recovery");
}

#[tokio::test]
async fn a_source_that_will_not_shut_down_does_not_fail_the_failover() {
    let azure = Azure::new().await;
    azure.set_item(json!({ "name": "app01", "sourceShutdownFails": true })).await;
    let reply = azure.fail_over("app01", failover_body(None, true)).await;
    let id = job_of(&reply);
    azure.advance(140.0).await;
    let job = azure.job(&id).await;
    assert_eq!(
        (job["state"].as_str(), job["stateDescription"].as_str()),
        (Some("Succeeded"), Some("PartiallySucceeded"))
    );
    assert_eq!(tasks(&job)[1].1, "Failed/Failed");
    assert_eq!(job["tasks"][1]["errors"][0]["errorLevel"], "Warning");
    assert_eq!(azure.get(reply.header("azure-asyncoperation")).await.body["status"], "Succeeded");
    assert_eq!(azure.properties(&item_path("app01")).await["activeLocation"], "Recovery");
}

#[tokio::test]
async fn operation_status_goes_from_running_to_done() {
    let azure = Azure::new().await;
    azure.set_behaviour(json!({ "notStartedPolls": 1 })).await;
    let reply = azure.fail_over("app01", failover_body(None, true)).await;
    let poll = async || azure.get(reply.header("azure-asyncoperation")).await.body;
    let first = poll().await;
    assert_eq!((first["status"].as_str(), first["startTime"].is_null()), (Some("NotStarted"), true));
    let second = poll().await;
    assert_eq!((second["status"].as_str(), second["endTime"].is_null()), (Some("InProgress"), true));
    azure.advance(140.0).await;
    let last = poll().await;
    assert_eq!(
        (last["status"].as_str(), last["endTime"].as_str()),
        (Some("Succeeded"), Some("2026-06-01T08:02:20.0000000Z"))
    );
    let expected = ["endTime", "error", "id", "name", "percentComplete", "properties", "startTime", "status"];
    let mut keys: Vec<_> = last.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn commit_takes_no_body_and_deletes_all_points() {
    let azure = Azure::new().await;
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let job = job_of(&azure.commit("app01").await);
    azure.advance(8.0).await;
    let job = azure.job(&job).await;
    assert_eq!((job["scenarioName"].as_str(), job["state"].as_str()), (Some("CommitFailover"), Some("Succeeded")));
    let item = azure.properties(&item_path("app01")).await;
    assert_eq!(
        (item["protectionState"].as_str(), item["activeLocation"].as_str()),
        (Some("UnplannedFailoverCommitted"), Some("Recovery"))
    );
    assert_eq!(item["allowedOperations"], json!(["CompleteMigration", "DisableProtection", "SwitchProtection"]));
    let disk = &item["providerSpecificDetails"]["protectedManagedDisks"][0];
    assert_eq!(disk["recoveryReplicaDiskId"], "");
    assert!(disk["recoveryTargetDiskId"].as_str().unwrap().contains("/rg-app-dr/"));
    assert_eq!(azure.get(&format!("{}/recoveryPoints", item_path("app01"))).await.body["value"], json!([]));
}

#[tokio::test]
async fn a_verb_out_of_turn_is_refused_and_starts_no_job() {
    let azure = Azure::new().await;
    let early = azure.commit("app01").await;
    assert_eq!((early.status, early.detail_code()), (409, "OperationNotAllowed"));
    azure.fail_over("app01", failover_body(None, true)).await;
    let twice = azure.fail_over("app01", failover_body(None, true)).await;
    assert_eq!(twice.status, 409, "a job runs");
    azure.set_behaviour(json!({ "refusal": { "status": 400, "code": "SomethingElse" } })).await;
    let other = azure.commit("app01").await;
    assert_eq!((other.status, other.detail_code()), (400, "SomethingElse"));
    let jobs = azure.get(&format!("{}/replicationJobs", vault_path())).await.body;
    assert_eq!(jobs["value"].as_array().unwrap().len(), 1);
    let accepted: Vec<_> = azure.ledger().await.iter().map(|entry| entry["accepted"].clone()).collect();
    assert_eq!(accepted, [Value::Bool(false), Value::Bool(true), Value::Bool(false), Value::Bool(false)]);
}

#[tokio::test]
async fn a_refusal_can_come_as_a_failed_job_that_changes_nothing() {
    let azure = Azure::new().await;
    azure.set_behaviour(json!({ "refusal": { "asFailedJob": true } })).await;
    let job = job_of(&azure.commit("app01").await);
    azure.advance(60.0).await;
    assert_eq!(azure.job(&job).await["state"], "Failed");
    assert_eq!(azure.properties(&item_path("app01")).await["protectionState"], "Protected");
}

#[tokio::test]
async fn the_worst_service_takes_a_second_verb_while_the_first_runs() {
    let azure = Azure::new().await;
    azure.set_behaviour(json!({ "acceptConcurrent": true })).await;
    let first = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    let second = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    assert_ne!(first, second);
    assert_eq!(azure.ledger().await.iter().filter(|entry| entry["accepted"] == true).count(), 2);
}

#[tokio::test]
async fn inputs_of_another_provider_or_direction_are_accepted_and_fail_at_once() {
    let azure = Azure::new().await;
    let mut body = failover_body(None, false);
    body["properties"]["providerSpecificDetails"]["instanceType"] = json!("HyperVReplicaAzure");
    let job = job_of(&azure.fail_over("app01", body).await);
    azure.advance(140.0).await;
    assert_eq!(azure.job(&job).await["errors"][0]["serviceErrorDetails"]["code"], "506");
    let mut body = failover_body(None, false);
    body["properties"]["failoverDirection"] = json!("RecoveryToPrimary");
    let job = job_of(&azure.fail_over("db01", body).await);
    azure.advance(140.0).await;
    assert_eq!(azure.job(&job).await["state"], "Failed");
}

#[tokio::test]
async fn a_body_without_properties_is_refused() {
    let azure = Azure::new().await;
    let reply = azure.fail_over("app01", json!({})).await;
    assert_eq!((reply.status, reply.code()), (400, "BadRequest"));
    let broken = azure.call("POST", &format!("{}/unplannedFailover", item_path("app01")), Some(json!("x"))).await;
    assert_eq!(broken.status, 400);
}
