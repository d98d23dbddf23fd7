//! The body of a reprotect: what is left out and what does not fit.

use serde_json::json;

use super::harness::{
    assert_committed, body_of, cache_path, codes, committed, container_path, group_path, job_of, reprotect,
    reprotect_path,
};

#[tokio::test]
async fn every_disk_has_to_be_named() {
    let azure = committed(", dataDisks: 2").await;
    let full = body_of(&azure).await;
    for kept in [0, 2] {
        let mut body = full.clone();
        body["properties"]["providerSpecificDetails"]["vmManagedDisks"].as_array_mut().unwrap().truncate(kept);
        let job = job_of(&azure.call("POST", &reprotect_path(), Some(body)).await);
        azure.advance(506.0).await;
        let job = azure.settled_job(&job).await;
        let error = &job["errors"][0];
        assert!(
            error["serviceErrorDetails"]["message"].as_str().unwrap().starts_with("Managed disk details not provided")
        );
        assert_eq!((job["state"].as_str(), error["taskId"].as_str()), (Some("Failed"), Some("ProtectReplicaTask")));
        assert_committed(&azure).await;
    }
    let mut lower = full;
    for disk in lower["properties"]["providerSpecificDetails"]["vmManagedDisks"].as_array_mut().unwrap() {
        disk["diskId"] = json!(disk["diskId"].as_str().unwrap().to_lowercase());
    }
    let job = job_of(&azure.call("POST", &reprotect_path(), Some(lower)).await);
    azure.advance(506.0).await;
    assert_eq!(azure.settled_job(&job).await["state"], "Succeeded", "ids are compared without case");
}

#[tokio::test]
async fn input_that_does_not_fit_is_taken_and_fails_at_once() {
    let azure = committed("").await;
    azure
        .set_resources(json!({ "add": { "id": cache_path("rg-app-dr", "elsewhere"), "location": "westeurope" } }))
        .await;
    let details = "/properties/providerSpecificDetails";
    let disk = format!("{details}/vmManagedDisks/0");
    let cases = [
        (format!("{details}/instanceType"), json!("HyperVReplicaAzure"), "instanceType"),
        (format!("{details}/recoveryContainerId"), json!(container_path("northeurope")), "recoveryContainerId"),
        (format!("{details}/policyId"), json!(null), "policyId"),
        (format!("{details}/recoveryResourceGroupId"), json!(group_path("rg-none")), "recoveryResourceGroupId"),
        (format!("{disk}/recoveryResourceGroupId"), json!(group_path("rg-none")), "recoveryResourceGroupId"),
        (
            format!("{disk}/primaryStagingAzureStorageAccountId"),
            json!(cache_path("rg-app", "westeurope")),
            "primaryStagingAzureStorageAccountId",
        ),
        (
            format!("{disk}/primaryStagingAzureStorageAccountId"),
            json!(cache_path("rg-app-dr", "elsewhere")),
            "primaryStagingAzureStorageAccountId",
        ),
        (
            format!("{disk}/primaryStagingAzureStorageAccountId"),
            json!(cache_path("rg-app-dr", "none")),
            "primaryStagingAzureStorageAccountId",
        ),
    ];
    for (pointer, wrong, name) in cases {
        let mut body = body_of(&azure).await;
        *body.pointer_mut(&pointer).unwrap() = wrong;
        let job = job_of(&azure.call("POST", &reprotect_path(), Some(body)).await);
        azure.advance(10.0).await;
        let job = azure.settled_job(&job).await;
        assert_eq!((job["state"].as_str(), codes(&job)), (Some("Failed"), vec!["506"]), "{pointer}");
        let text = job["errors"][0]["serviceErrorDetails"]["message"].as_str().unwrap();
        assert!(text.contains(&format!("'{name}'")), "{text}");
        assert_committed(&azure).await;
    }
    let mut foreign = body_of(&azure).await;
    let more = json!({ "diskId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/other" });
    foreign["properties"]["providerSpecificDetails"]["vmManagedDisks"].as_array_mut().unwrap().push(more);
    let job = job_of(&azure.call("POST", &reprotect_path(), Some(foreign)).await);
    azure.advance(10.0).await;
    assert_eq!(codes(&azure.settled_job(&job).await), ["506"], "a disk of another VM");
    azure.set_resources(json!({ "mapping": { "from": "northeurope", "present": false } })).await;
    let job = reprotect(&azure).await;
    azure.advance(10.0).await;
    assert_eq!(codes(&azure.settled_job(&job).await), ["506"], "there is no mapping back");
    assert_eq!(azure.call("POST", &reprotect_path(), Some(json!({}))).await.status, 404, "no item is named");
}
