//! The portal: somebody else who does a verb on an item. Same machine, and a line in the ledger under `portal`.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::super::item::Item;
use super::super::ledger::Entry;
use super::super::machine::{Disk, Machine};
use super::super::vault::Vault;
use super::super::verb::Verb;
use super::super::world::{Call, Refusal};
use super::Core;
use super::control::{Reply, find_item};

/// What the portal is asked to do.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Act {
    /// The operation, such as `unplannedFailover`.
    verb: String,
    /// Name of the item or its VM.
    item: String,
    vault: Option<String>,
    recovery_point_id: Option<String>,
    /// Request id it goes out with; none makes one.
    client_request_id: Option<String>,
    /// Try to shut the source down.
    #[serde(default)]
    shutdown_source: bool,
}

/// Does it, and says what became of it: `{accepted, jobId}` or `{accepted, error}`.
pub(super) fn act(core: &mut Core, act: &Act, correlation_id: Uuid, now: Timestamp) -> Reply {
    let verb = Verb::named(&act.verb).ok_or_else(|| (400, format!("'{}' is no verb", act.verb)))?;
    let (vault, index) = find_item(core, act.vault.as_deref(), &act.item)?;
    let item = &core.world.vaults[vault].items[index];
    let (uid, name) = (item.uid, item.name.clone());
    let body = body(core, vault, index, verb, act);
    let path = path(core, vault, index, verb);
    let request_id = act.client_request_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let call = Call { vault, item: uid, verb, body: &body, client_request_id: &request_id, correlation_id };
    let result = core.world.submit(&call, now);
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    core.ledger.count(verb.row().operation);
    core.ledger.record(Entry {
        seq: 0,
        time: now,
        wall_time: Timestamp::now(),
        method: "POST".to_owned(),
        path,
        operation: verb.row().operation.to_owned(),
        item: Some(name),
        client_request_id: Some(request_id.clone()),
        status: Some(if result.is_ok() { 202 } else { core.world.behaviour.refusal.status }),
        accepted: result.is_ok(),
        principal: Some("portal".to_owned()),
        body_sha256: Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        body,
        job_id: result.as_ref().ok().map(Uuid::to_string),
        fault: None,
    });
    Ok(match result {
        Ok(job) => json!({ "accepted": true, "jobId": job, "clientRequestId": request_id }),
        Err(Refusal::OutOfTurn(text) | Refusal::Malformed(text)) => {
            json!({ "accepted": false, "error": text })
        }
        Err(Refusal::NoItem) => json!({ "accepted": false, "error": "the item is gone" }),
    })
}

/// The body that the portal would send.
fn body(core: &Core, vault: usize, index: usize, verb: Verb, act: &Act) -> Value {
    let vault = &core.world.vaults[vault];
    let item = &vault.items[index];
    let provider = json!({ "instanceType": "A2A", "recoveryPointId": act.recovery_point_id });
    let properties = match verb {
        Verb::FailoverCommit => return Value::Null,
        Verb::UnplannedFailover => json!({
            "failoverDirection": "PrimaryToRecovery",
            "sourceSiteOperations": if act.shutdown_source { "Required" } else { "NotRequired" },
            "providerSpecificDetails": provider,
        }),
        Verb::ApplyRecoveryPoint => json!({
            "recoveryPointId": act.recovery_point_id,
            "providerSpecificDetails": { "instanceType": "A2A" },
        }),
        Verb::TestFailover => json!({
            "failoverDirection": "PrimaryToRecovery",
            "networkType": "VmNetworkAsInput",
            "networkId": item.recovery().network_id(),
            "providerSpecificDetails": provider,
        }),
        Verb::TestFailoverCleanup => json!({ "comments": "cleaned up in the portal" }),
        Verb::SwitchProtection => reprotect(core, vault, item),
        Verb::EnableDr => return Value::Null,
    };
    json!({ "properties": properties })
}

/// Every disk of the recovered VM, a cache account where it runs now, and the group that it came from.
fn reprotect(core: &Core, vault: &Vault, item: &Item) -> Value {
    let world = &core.world;
    let (old, new) = (item.primary(), item.recovery());
    let region = &vault.fabrics[new.fabric].location;
    let cache = world.resources.account_in(region, &new.group_id);
    let cache = cache.map_or_else(|| new.cache_account(region), |account| account.id.clone());
    let disks = world.machines.get(&new.vm_id()).into_iter().flat_map(Machine::disks);
    let disk = |disk: &Disk| {
        json!({
            "diskId": disk.id,
            "primaryStagingAzureStorageAccountId": cache,
            "recoveryResourceGroupId": old.group_id,
        })
    };
    json!({
        "replicationProtectedItemName": item.name,
        "providerSpecificDetails": {
            "instanceType": "A2A",
            "recoveryContainerId": vault.container_id(old.fabric),
            "policyId": vault.policy_id(),
            "recoveryResourceGroupId": old.group_id,
            "vmManagedDisks": disks.map(disk).collect::<Vec<_>>(),
        },
    })
}

fn path(core: &Core, vault: usize, index: usize, verb: Verb) -> String {
    let vault = &core.world.vaults[vault];
    let item = &vault.items[index];
    let resource = match verb {
        Verb::SwitchProtection => vault.container_id(item.primary().fabric),
        _ => vault.item_id(item),
    };
    format!("{resource}/{}", verb.row().operation)
}
