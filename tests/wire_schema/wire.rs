//! What really leaves the client: every read and every verb of it, as a server saw them.

use asr_operator::asr::{AsrClient, ItemPath, Sent};
use serde_json::Value;

use super::requests;
use super::rig::{self, Window, accepted_headers, borrowed};
use super::schema::Schema;
use super::server::{Request, answer};

/// Reads that go to ARM, Compute, Network and Storage: by the end of the path without its last name.
const ELSEWHERE: [&str; 7] = [
    "/providers/Microsoft.RecoveryServices/vaults",
    "/providers/Microsoft.Compute/virtualMachines",
    "/providers/Microsoft.Network/networkInterfaces",
    "/providers/Microsoft.Network/virtualNetworks",
    "/providers/Microsoft.Network/virtualNetworks/v/subnets",
    "/providers/Microsoft.Storage/storageAccounts",
    "/resourceGroups",
];

/// Everything that the client can read, of a server that answers an empty list to all of it.
async fn read_all(client: &AsrClient, item: &ItemPath) {
    let (vault, group) = (item.vault(), "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g");
    let of = |kind: &str| format!("{group}/providers/{kind}");
    let network = of("Microsoft.Network/virtualNetworks/v");
    let _ = client.vault(vault).await;
    let _ = client.items(vault).await;
    let _ = client.item(item).await;
    let _ = client.recovery_points(item).await;
    let _ = client.jobs(vault).await;
    let _ = client.job(vault, &rig::job()).await;
    let _ = client.fabrics(vault).await;
    let _ = client.containers(vault, "f").await;
    let _ = client.container_mappings(&item.container_id()).await;
    let _ = client.policies(vault).await;
    let _ = client.resource_group(group).await;
    let _ = client.locks(group).await;
    let _ = client.virtual_machine(&of("Microsoft.Compute/virtualMachines/m")).await;
    let _ = client.network_interface(&of("Microsoft.Network/networkInterfaces/n")).await;
    let _ = client.storage_account(&of("Microsoft.Storage/storageAccounts/s")).await;
    let _ = client.virtual_network(&network).await;
    let _ = client.subnet(&format!("{network}/subnets/s")).await;
}

fn is_elsewhere(path: &str) -> bool {
    let collection = path.rsplit_once('/').map_or(path, |(collection, _)| collection);
    path.ends_with("/Microsoft.Authorization/locks") || ELSEWHERE.iter().any(|end| collection.ends_with(end))
}

/// The operation of the service that a request is, checked; `None` for a read of another service.
fn operation(schema: &mut Schema, request: &Request) -> Option<String> {
    let (path, query) = request.target.split_once('?').unwrap();
    let Some(operation) = schema.operation(&request.method, path) else {
        assert!(request.method == "GET" && is_elsewhere(path), "{} {path} is no operation of Azure", request.method);
        return None;
    };
    assert_eq!(query, "api-version=2025-08-01", "{}", operation.name);
    match &operation.request {
        None => assert!(request.body.is_empty(), "{} has no body", operation.name),
        Some(reference) => {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let differences = schema.differences(reference, &body);
            assert!(differences.is_empty(), "{} {body}: {differences:#?}", operation.name);
            assert_eq!(request.header("content-type"), Some("application/json"), "{}", operation.name);
        }
    }
    Some(operation.name)
}

#[tokio::test]
async fn every_request_that_leaves_the_client_is_an_operation_of_azure() {
    let headers = accepted_headers();
    let rig = rig::rig(move |request, _| match request.method.as_str() {
        "GET" => answer(200, &[], r#"{"value":[],"nextLink":null}"#),
        _ => answer(202, &borrowed(&headers), ""),
    })
    .await;
    read_all(&rig.client, &rig::item()).await;
    for mutation in requests::all() {
        let sent = rig.client.send(&mutation, &rig::request_id(), &Window::open()).await;
        assert!(matches!(sent, Sent::Accepted { .. }), "{sent:?}");
    }
    let mut schema = Schema::narrow();
    let seen = rig.server.requests();
    let known: Vec<String> = seen.iter().filter_map(|request| operation(&mut schema, request)).collect();
    println!("{} requests, {} of them of Site Recovery: {}", seen.len(), known.len(), known.join(", "));
    assert_eq!((seen.len(), known.len()), (17 + requests::all().len(), 9 + requests::all().len()));
}
