//! Reads: shapes held against recorded key sets, lists that know less, points, paging, both layers of 404.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::harness::{Azure, SEED, assert_keys, container_path, failover_body, item_path, job_of, vault_path};

/// Keys of cli-A2A_scenarios 73, a Protected item.
const ITEM: &str = "activeLocation allowedOperations currentScenario eventCorrelationId failoverHealth \
    failoverRecoveryPointId friendlyName healthErrors policyFriendlyName policyId primaryFabricFriendlyName \
    primaryFabricProvider primaryProtectionContainerFriendlyName protectableItemId protectedItemType protectionState \
    protectionStateDescription providerSpecificDetails recoveryContainerId recoveryFabricFriendlyName recoveryFabricId \
    recoveryProtectionContainerFriendlyName recoveryServicesProviderId replicationHealth switchProviderState \
    switchProviderStateDescription testFailoverState testFailoverStateDescription";
const DETAILS: &str = "agentCertificateExpiryDate agentExpiryDate agentVersion autoProtectionOfDataDisk fabricObjectId \
    initialPrimaryExtendedLocation initialPrimaryFabricLocation initialPrimaryZone initialRecoveryExtendedLocation \
    initialRecoveryFabricLocation initialRecoveryZone instanceType isReplicationAgentCertificateUpdateRequired \
    isReplicationAgentUpdateRequired lastHeartbeat lastRpoCalculatedTime lifecycleId managementId monitoringJobType \
    monitoringPercentageCompletion multiVmGroupCreateOption multiVmGroupId multiVmGroupName osType \
    primaryAvailabilityZone primaryExtendedLocation primaryFabricLocation protectedDisks protectedManagedDisks \
    recoveryAvailabilitySet recoveryAvailabilityZone recoveryAzureGeneration recoveryAzureResourceGroupId \
    recoveryAzureVMName recoveryAzureVMSize recoveryBootDiagStorageAccountId recoveryCapacityReservationGroupId \
    recoveryCloudService recoveryExtendedLocation recoveryFabricLocation recoveryFabricObjectId \
    recoveryProximityPlacementGroupId recoveryVirtualMachineScaleSetId rpoInSeconds selectedRecoveryAzureNetworkId \
    selectedTfoAzureNetworkId testFailoverRecoveryFabricObjectId tfoAzureVMName unprotectedDisks vmEncryptionType vmNics \
    vmProtectionState vmProtectionStateDescription vmSyncedConfigDetails";
const DISK: &str = "allowedDiskLevelOperation dataPendingAtSourceAgentInMB dataPendingInStagingStorageAccountInMB \
    dekKeyVaultArmId diskCapacityInBytes diskId diskName diskState diskType failoverDiskName isDiskEncrypted \
    isDiskKeyEncrypted kekKeyVaultArmId keyIdentifier monitoringJobType monitoringPercentageCompletion \
    primaryDiskEncryptionSetId primaryStagingAzureStorageAccountId recoveryDiskEncryptionSetId \
    recoveryOrignalTargetDiskId recoveryReplicaDiskAccountType recoveryReplicaDiskId recoveryResourceGroupId \
    recoveryTargetDiskAccountType recoveryTargetDiskId resyncRequired secretIdentifier tfoDiskName";
const HEALTH: &str = "creationTimeUtc customerResolvability entityId errorCategory errorCode errorId errorLevel \
    errorMessage errorSource errorType innerHealthErrors possibleCauses recommendedAction recoveryProviderErrorMessage \
    summaryMessage";
/// Keys of a task in net-UnplannedFailover 4.
const TASK: &str = "taskId name startTime endTime allowedActions friendlyName state stateDescription taskType \
    customDetails groupTaskCustomDetails errors";

#[tokio::test]
async fn a_protected_item_has_every_recorded_field() {
    let azure = Azure::new().await;
    let reply = azure.get(&item_path("app01")).await;
    let item = &reply.body["properties"];
    assert_keys(item, ITEM);
    assert_keys(&item["providerSpecificDetails"], DETAILS);
    assert_keys(&item["providerSpecificDetails"]["protectedManagedDisks"][0], DISK);
    assert_keys(&item["healthErrors"][0], HEALTH);
    assert_eq!(item["allowedOperations"], json!(["UnplannedFailover", "DisableProtection", "TestFailover"]));
    assert_eq!(
        (item["healthErrors"][0]["errorCode"].as_str(), item["failoverHealth"].as_str()),
        (Some("161011"), Some("Warning"))
    );
    assert_eq!(item["replicationHealth"], "Normal");
    assert!(reply.body["id"].as_str().unwrap().starts_with("/Subscriptions/"));
    let source = item["providerSpecificDetails"]["fabricObjectId"].as_str().unwrap();
    assert_eq!(source, source.to_lowercase(), "foreign ids are lower-cased");
}

#[tokio::test]
async fn the_list_knows_less_than_the_get() {
    let azure = Azure::new().await;
    let list = azure.get(&format!("{}/replicationProtectedItems", vault_path())).await.body;
    let listed = &list["value"][0]["properties"]["providerSpecificDetails"];
    assert_eq!(listed["vmSyncedConfigDetails"], json!({ "tags": null, "inputEndpoints": null }));
    let disk = &listed["protectedManagedDisks"][0];
    assert!(disk["diskState"].is_null() && disk["allowedDiskLevelOperation"].is_null());
    assert_eq!(disk["dataPendingAtSourceAgentInMB"], 0.0);
    let got = azure.properties(&item_path("app01")).await;
    assert_eq!(got["providerSpecificDetails"]["protectedManagedDisks"][0]["diskState"], "Protected");
    assert_eq!(list["nextLink"], Value::Null);
}

#[tokio::test]
async fn the_job_list_has_the_newest_first_and_no_details() {
    let azure = Azure::new().await;
    let first = job_of(&azure.fail_over("app01", failover_body(None, true)).await);
    azure.advance(1.0).await;
    let second = job_of(&azure.fail_over("db01", failover_body(None, true)).await);
    let list =
        azure.get(&format!("{}/replicationJobs?api-version=1&$filter=jobStatus%20eq%20'x'", vault_path())).await.body;
    let names: Vec<_> = list["value"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(names, [second.as_str(), first.as_str()]);
    let job = &list["value"][0]["properties"];
    assert_eq!((&job["tasks"], &job["activityId"], &job["customDetails"]), (&json!([]), &Value::Null, &Value::Null));
    assert_eq!(job["targetObjectName"], "db01", "the VM's name, lower-cased");
    assert_keys(&azure.settled_job(&first).await["tasks"][0], TASK);
}

#[tokio::test]
async fn a_job_can_show_up_in_the_list_late() {
    let azure = Azure::new().await;
    azure.set_behaviour(json!({ "jobListLagSeconds": 100.0 })).await;
    azure.fail_over("app01", failover_body(None, true)).await;
    let count =
        async || azure.get(&format!("{}/replicationJobs", vault_path())).await.body["value"].as_array().unwrap().len();
    azure.advance(99.0).await;
    assert_eq!(count().await, 0);
    azure.advance(1.0).await;
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn pages_are_followed_by_their_links() {
    let items = (0..5).map(|n| format!("      - {{name: item{n}, vmName: VM{n}}}\n")).collect::<String>();
    let seed = SEED.replace("      - {name: app01, vmName: APP01}\n", &items);
    let azure = Azure::with(&format!("{seed}behaviour: {{pageSize: 2}}\n")).await;
    let mut names = BTreeSet::new();
    let mut next = Some(format!("{}/replicationProtectedItems", vault_path()));
    let mut pages = 0;
    while let Some(link) = next {
        let page = azure.get(&link).await.body;
        names.extend(page["value"].as_array().unwrap().iter().map(|item| item["name"].to_string()));
        next = page["nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((pages, names.len()), (3, 6));
}

#[tokio::test]
async fn points_come_in_no_promised_order_and_follow_the_policy() {
    let azure = Azure::new().await;
    let list = azure.get(&format!("{}/recoveryPoints", item_path("app01"))).await.body;
    let times: Vec<String> = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["properties"]["recoveryPointTime"].as_str().unwrap().to_owned())
        .collect();
    assert!(!times.is_sorted(), "the list is not chronological");
    let recent = times.iter().filter(|time| time.as_str() > "2026-06-01T06:00:00").count();
    assert!((23..=24).contains(&recent) && (44..=48).contains(&times.len()), "{recent} of {}", times.len());
    assert!(times.iter().all(|time| time.as_str() > "2026-05-31T08:00:00"));
    let point = azure.get(list["value"][0]["id"].as_str().unwrap()).await;
    assert_eq!(point.body, list["value"][0]);
}

#[tokio::test]
async fn paths_match_in_any_casing_and_containers_by_their_guid() {
    let azure = Azure::new().await;
    assert_eq!(azure.get(&item_path("app01").to_uppercase()).await.status, 200);
    let fabric = azure.properties(&format!("{}/replicationFabrics/asr-a2a-default-westeurope", vault_path())).await;
    let alias = fabric["customDetails"]["containerIds"][0].as_str().unwrap();
    assert_eq!(azure.get(&format!("{alias}/replicationProtectedItems/app01")).await.status, 200);
}

#[tokio::test]
async fn plumbing_is_there_in_both_directions() {
    let azure = Azure::new().await;
    let list = async |path: &str| {
        azure.get(&format!("{}/{path}", vault_path())).await.body["value"].as_array().unwrap().clone()
    };
    assert_eq!(list("replicationFabrics").await.len(), 2);
    assert_eq!(list("replicationProtectionContainers").await.len(), 2);
    assert_eq!(list("replicationPolicies").await.len(), 1);
    assert_eq!(list("replicationRecoveryPlans").await.len(), 0);
    let mappings =
        azure.get(&format!("{}/replicationProtectionContainerMappings", container_path("westeurope"))).await.body;
    let targets: Vec<_> = mappings["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["properties"]["targetFabricFriendlyName"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["North Europe", "West Europe"], "the list of one container holds both directions");
    for mapping in mappings["value"].as_array().unwrap() {
        assert_eq!(azure.get(mapping["id"].as_str().unwrap()).await.body, *mapping);
    }
    assert_eq!(azure.get(&vault_path()).await.body["sku"]["name"], "RS0");
}

#[tokio::test]
async fn arm_and_site_recovery_have_their_own_404() {
    let azure = Azure::new().await;
    let cases = [
        (vault_path().replace("0001", "0009"), "SubscriptionNotFound", ""),
        (vault_path().replace("rg-dr", "rg-none"), "ResourceGroupNotFound", ""),
        (vault_path().replace("vault-dr", "vault-none"), "ResourceNotFound", ""),
        (item_path("app01").replace("westeurope", "nowhere"), "NotFound", "FabricArmEntityMissing"),
        (item_path("none"), "NotFound", "ArmResourceDoesNotExist"),
        (item_path("app01").replace("westeurope", "northeurope"), "NotFound", "ArmResourceDoesNotExist"),
        (format!("{}/replicationJobs/{}", vault_path(), uuid::Uuid::nil()), "NotFound", "ArmResourceDoesNotExist"),
    ];
    for (path, code, detail) in cases {
        let reply = azure.get(&path).await;
        assert_eq!((reply.status, reply.code(), reply.detail_code()), (404, code, detail), "{path}");
        assert_eq!(reply.header("x-ms-failure-cause") == "gateway", detail.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn the_recovered_vm_has_the_old_names_and_a_new_id() {
    let azure = Azure::new().await;
    let vm = |group: &str| {
        format!(
            "{}/providers/Microsoft.Compute/virtualMachines/APP01",
            vault_path().split("/providers").next().unwrap().replace("rg-dr", group)
        )
    };
    let source = azure.get(&vm("rg-app")).await.body;
    assert_eq!(azure.get(&vm("rg-app-dr")).await.code(), "ResourceNotFound", "nothing lives there before the failover");
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let recovered = azure.get(&vm("rg-app-dr")).await.body;
    assert_eq!(recovered["name"], source["name"]);
    assert_eq!(
        recovered["properties"]["storageProfile"]["osDisk"]["name"],
        source["properties"]["storageProfile"]["osDisk"]["name"]
    );
    assert_ne!(recovered["properties"]["vmId"], source["properties"]["vmId"]);
    assert_eq!(recovered["properties"]["storageProfile"]["osDisk"]["createOption"], "Attach");
    let nic = recovered["properties"]["networkProfile"]["networkInterfaces"][0]["id"].as_str().unwrap();
    let address = azure.properties(nic).await["ipConfigurations"][0]["properties"]["privateIPAddress"].clone();
    assert_eq!(address, "10.1.0.4");
    let power = azure.get(&format!("{}?api-version=1&$expand=instanceView", vm("rg-app"))).await.body;
    assert_eq!(power["properties"]["instanceView"]["statuses"][1]["code"], "PowerState/deallocated");
}

#[tokio::test]
async fn a_taken_address_is_silently_replaced() {
    let azure = Azure::new().await;
    azure.set_item(json!({ "name": "app01", "ipDrift": true })).await;
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let nic = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-app-dr/providers/Microsoft.Network/networkInterfaces/APP01-nic";
    let address = azure.properties(nic).await["ipConfigurations"][0]["properties"]["privateIPAddress"].clone();
    assert_eq!(address, "10.1.0.5");
}

#[tokio::test]
async fn every_answer_has_the_virtual_date_and_the_mark() {
    let azure = Azure::new().await;
    azure.advance(3661.0).await;
    for path in [vault_path(), item_path("none"), "/_sim/ledger".to_owned()] {
        let reply = azure.get(&path).await;
        assert_eq!(
            (reply.header("date"), reply.header("x-asr-simulator")),
            ("Mon, 01 Jun 2026 09:01:01 GMT", "1"),
            "{path}"
        );
    }
    let reply = azure.get(&vault_path()).await;
    assert_eq!(reply.header("x-ms-request-id"), "request-1 6/1/2026 9:01:01 AM");
}
