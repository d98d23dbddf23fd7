//! What lies around the vault: resource groups, storage accounts, networks, locks, mappings, data disks.

use serde_json::{Value, json};

use super::harness::{
    Azure, SEED, container_path, failover_body, group_path, item_path, job_of, subnet_path, vault_path,
};

fn account_path(group: &str, region: &str) -> String {
    format!("{}/providers/Microsoft.Storage/storageAccounts/cache{region}", group_path(group))
}

fn vm_path(group: &str) -> String {
    format!("{}/providers/Microsoft.Compute/virtualMachines/APP01", group_path(group))
}

#[tokio::test]
async fn both_sides_have_a_group_a_network_with_a_way_out_and_a_cache_account() {
    let azure = Azure::new().await;
    for (group, region) in [("rg-app", "westeurope"), ("rg-app-dr", "northeurope")] {
        let found = azure.get(&group_path(group)).await.body;
        assert_eq!(
            found,
            json!({
                "id": group_path(group),
                "name": group,
                "type": "Microsoft.Resources/resourceGroups",
                "location": region,
                "properties": { "provisioningState": "Succeeded" },
            })
        );
        let account = azure.get(&account_path(group, region).to_uppercase()).await.body;
        assert_eq!((account["location"].as_str(), account["kind"].as_str()), (Some(region), Some("StorageV2")));
        assert_eq!(account["type"], "Microsoft.Storage/storageAccounts");
        let network = azure.get(subnet_path(group).split("/subnets/").next().unwrap()).await.body;
        assert_eq!(
            (network["location"].as_str(), network["name"].as_str()),
            (Some(region), Some(&*format!("{group}-vnet")))
        );
        let subnet = azure.properties(&subnet_path(group)).await;
        assert_eq!(network["properties"]["subnets"][0]["properties"], subnet);
        assert!(subnet["natGateway"]["id"].as_str().unwrap().contains("/natGateways/"));
        assert_eq!((&subnet["defaultOutboundAccess"], subnet["addressPrefix"].is_string()), (&json!(false), true));
        assert!(subnet.get("routeTable").is_none() && subnet.get("networkSecurityGroup").is_none());
        let locks = azure.get(&format!("{}/providers/Microsoft.Authorization/locks", group_path(group))).await;
        assert_eq!(locks.body, json!({ "value": [] }));
    }
    let disk = &azure.properties(&item_path("app01")).await["providerSpecificDetails"]["protectedManagedDisks"][0];
    assert_eq!(azure.get(disk["primaryStagingAzureStorageAccountId"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_told_by_arm() {
    let azure = Azure::new().await;
    let nowhere = group_path("rg-none");
    let cases = [
        (nowhere.clone(), "ResourceGroupNotFound"),
        (format!("{nowhere}/providers/Microsoft.Authorization/locks"), "ResourceGroupNotFound"),
        (group_path("rg-app").replace("0001", "0009"), "SubscriptionNotFound"),
        (account_path("rg-app", "nowhere"), "ResourceNotFound"),
        (subnet_path("rg-app").replace("/default", "/none"), "ResourceNotFound"),
    ];
    for (path, code) in cases {
        let reply = azure.get(&path).await;
        assert_eq!((reply.status, reply.code()), (404, code), "{path}");
        assert_eq!(reply.header("x-ms-failure-cause"), "gateway", "{path}");
    }
}

#[tokio::test]
async fn reads_around_the_vault_meet_faults_and_rights_like_others() {
    let reads = [
        (group_path("rg-app"), "resourceGroups.get", "Microsoft.Resources/subscriptions/resourceGroups/read"),
        (account_path("rg-app", "westeurope"), "storageAccounts.get", "Microsoft.Storage/storageAccounts/read"),
        (
            subnet_path("rg-app").replace("/subnets/default", ""),
            "virtualNetworks.get",
            "Microsoft.Network/virtualNetworks/read",
        ),
        (subnet_path("rg-app"), "subnets.get", "Microsoft.Network/virtualNetworks/subnets/read"),
        (
            format!("{}/providers/Microsoft.Authorization/locks", group_path("rg-app")),
            "locks.list",
            "Microsoft.Authorization/locks/read",
        ),
    ];
    for (path, operation, action) in reads {
        let azure = Azure::new().await;
        azure.fault(json!({ "operation": operation, "effect": "refuse", "status": 500 })).await;
        assert_eq!(azure.get(&path).await.status, 500, "{operation}");
        assert_eq!(azure.get(&path).await.status, 200, "{operation}");
        azure.control("POST", "principals", json!({ "name": "operator", "role": "none" })).await;
        let denied = azure.get(&path).await;
        assert_eq!((denied.status, denied.code()), (403, "AuthorizationFailed"));
        assert!(denied.text.contains(&format!("'{action}' over scope '{path}'")), "{}", denied.text);
        let azure = Azure::with(
            &SEED.replace("clientSecret", &format!("role: none, allowedActions: [{action}], clientSecret")),
        )
        .await;
        assert_eq!(azure.get(&path).await.status, 200, "{action} is enough");
    }
}

#[tokio::test]
async fn the_world_can_be_changed_and_shows_it() {
    let azure = Azure::new().await;
    azure
        .set_resources(json!({ "lock": { "group": group_path("rg-app"), "name": "keep", "level": "CanNotDelete" } }))
        .await;
    let locks = format!("{}/providers/Microsoft.Authorization/locks", group_path("rg-app"));
    let lock = azure.get(&locks).await.body["value"][0].clone();
    assert_eq!((lock["name"].as_str(), lock["properties"]["level"].as_str()), (Some("keep"), Some("CanNotDelete")));
    assert_eq!(lock["id"], format!("{locks}/keep"));
    azure.set_resources(json!({ "unlock": "keep" })).await;
    assert_eq!(azure.get(&locks).await.body["value"], json!([]));

    let route_table = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/routeTables/r";
    let change = json!({ "id": subnet_path("rg-app"), "natGateway": false, "defaultOutboundAccess": true, "routeTable": route_table });
    azure.set_resources(json!({ "subnet": change })).await;
    let subnet = azure.properties(&subnet_path("rg-app")).await;
    assert!(subnet.get("natGateway").is_none());
    assert_eq!((&subnet["defaultOutboundAccess"], &subnet["routeTable"]["id"]), (&json!(true), &json!(route_table)));

    let account = account_path("rg-app", "westeurope");
    azure.set_resources(json!({ "remove": account })).await;
    assert_eq!(azure.get(&account).await.code(), "ResourceNotFound");
    azure.set_resources(json!({ "add": { "id": account, "location": "westeurope" } })).await;
    assert_eq!(azure.get(&account).await.status, 200);
    azure.set_resources(json!({ "remove": vm_path("rg-app") })).await;
    assert_eq!(azure.get(&vm_path("rg-app")).await.code(), "ResourceNotFound");
    let all = azure.set_resources(json!({ "remove": group_path("rg-app") })).await;
    assert_eq!(azure.get(&group_path("rg-app")).await.code(), "ResourceGroupNotFound");
    assert_eq!(azure.control("GET", "resources", Value::Null).await.body, all);
    assert_eq!(all["virtualMachines"], json!([]), "a group takes its VMs along");
}

#[tokio::test]
async fn a_change_of_nothing_is_a_mistake() {
    let azure = Azure::new().await;
    let cases = [
        (json!({ "remove": group_path("rg-none") }), 404),
        (json!({ "unlock": "nothing" }), 404),
        (json!({ "subnet": { "id": subnet_path("rg-none"), "natGateway": true } }), 404),
        (json!({ "lock": { "group": group_path("rg-none"), "name": "keep", "level": "ReadOnly" } }), 404),
        (json!({ "mapping": { "from": "nowhere", "present": false } }), 404),
        (json!({ "add": { "id": vm_path("rg-app"), "location": "westeurope" } }), 400),
        (json!({ "add": { "id": group_path("rg-new") } }), 400),
        (json!({ "lock": { "group": group_path("rg-app"), "name": "keep", "level": "Some" } }), 400),
        (json!({ "burn": true }), 400),
    ];
    for (body, status) in cases {
        assert_eq!(azure.control("POST", "resources", body.clone()).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn the_mapping_back_can_be_missing() {
    let azure = Azure::new().await;
    let path = format!("{}/replicationProtectionContainerMappings", container_path("northeurope"));
    let back = azure.get(&path).await.body["value"][1]["id"].as_str().unwrap().to_owned();
    azure.set_resources(json!({ "mapping": { "from": "northeurope", "present": false } })).await;
    let left = azure.get(&path).await.body["value"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(left[0]["properties"]["targetFabricFriendlyName"], "North Europe");
    assert_eq!(azure.get(&back).await.status, 404);
    azure.set_resources(json!({ "mapping": { "from": "northeurope", "present": true } })).await;
    assert_eq!(azure.get(&back).await.status, 200);
}

#[tokio::test]
async fn a_region_that_is_down_answers_only_through_site_recovery() {
    let azure = Azure::new().await;
    azure.set_behaviour(json!({ "downRegions": ["WestEurope"] })).await;
    let nic = format!("{}/providers/Microsoft.Network/networkInterfaces/APP01-nic", group_path("rg-app"));
    for path in [
        vm_path("rg-app"),
        nic,
        group_path("rg-app"),
        account_path("rg-app", "westeurope"),
        subnet_path("rg-app"),
        subnet_path("rg-app").replace("/subnets/default", ""),
    ] {
        let reply = azure.get(&path).await;
        assert_eq!((reply.status, reply.code()), (503, "ServiceUnavailable"), "{path}");
    }
    for path in [group_path("rg-app-dr"), subnet_path("rg-app-dr"), item_path("app01"), vault_path()] {
        assert_eq!(azure.get(&path).await.status, 200, "{path}");
    }
    job_of(&azure.fail_over("app01", failover_body(None, false)).await);
    azure.advance(140.0).await;
    assert_eq!(azure.get(&vm_path("rg-app-dr")).await.status, 200);
}

#[tokio::test]
async fn data_disks_go_along_under_their_names() {
    let azure = Azure::with(&SEED.replace("vmName: APP01", "vmName: APP01, dataDisks: 2")).await;
    let item = async || {
        azure.properties(&item_path("app01")).await["providerSpecificDetails"]["protectedManagedDisks"].clone()
    };
    let before = item().await;
    let kinds: Vec<_> = before.as_array().unwrap().iter().map(|disk| disk["diskType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["OperatingSystem", "Data", "Data"]);
    azure.fail_over("app01", failover_body(None, true)).await;
    azure.advance(140.0).await;
    let disks = item().await;
    for group in ["rg-app", "rg-app-dr"] {
        let storage = azure.properties(&vm_path(group)).await["storageProfile"].clone();
        for (lun, disk) in storage["dataDisks"].as_array().unwrap().iter().enumerate() {
            assert_eq!((disk["lun"].as_u64(), &disk["name"]), (Some(lun as u64), &disks[lun + 1]["diskName"]));
            let id = disk["managedDisk"]["id"].as_str().unwrap();
            let field = if group == "rg-app" { "diskId" } else { "recoveryTargetDiskId" };
            assert!(id.eq_ignore_ascii_case(disks[lun + 1][field].as_str().unwrap()), "{id}");
        }
        assert_eq!(storage["dataDisks"].as_array().unwrap().len(), 2);
    }
    let other = azure.properties(&item_path("db01")).await["providerSpecificDetails"]["protectedManagedDisks"].clone();
    assert_eq!(other.as_array().unwrap().len(), 1, "none unless the seed says so");
}
