//! A whole manifest of each kind, with every field there is, and a bare one.

use serde_json::{Value, json};

pub(crate) const SUBSCRIPTION: &str = "00000000-1111-2222-3333-444444444444";
pub(crate) const VM_ID: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg-app/providers/Microsoft.Compute/virtualMachines/app01";
const VAULT_ID: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg-dr/providers/Microsoft.RecoveryServices/vaults/dr";
const SHA: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const GROUP_ID: &str = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg-app";

fn resource(kind: &str, name: &str) -> String {
    format!("{GROUP_ID}/providers/{kind}/{name}")
}

fn side(region: &str, zone: &str) -> Value {
    json!({
        "region": region, "zone": zone, "resourceGroupId": GROUP_ID,
        "cacheStorageAccountId": resource("Microsoft.Storage/storageAccounts", "cache"),
        "policyId": format!("{VAULT_ID}/replicationPolicies/day"),
        "networkId": resource("Microsoft.Network/virtualNetworks", "vnet"),
        "availabilitySetId": resource("Microsoft.Compute/availabilitySets", "set"),
        "proximityPlacementGroupId": resource("Microsoft.Compute/proximityPlacementGroups", "near"),
        "diskEncryptionSetId": resource("Microsoft.Compute/diskEncryptionSets", "keys")
    })
}

fn only_region() -> Value {
    let all = side("x", "1");
    let optional = all.as_object().unwrap().keys().filter(|name| *name != "region");
    Value::Object(optional.map(|name| (name.clone(), Value::Null)).collect())
}

/// Every field of the spec is given.
pub(crate) fn whole(kind: &str) -> Value {
    let spec = match kind {
        "RecoveryVault" => json!({
            "subscriptionId": SUBSCRIPTION, "resourceGroup": "rg-dr", "name": "dr",
            "identity": {"type": "WorkloadIdentity", "tenantId": SUBSCRIPTION, "clientId": SUBSCRIPTION, "serviceAccountName": "dr"},
            "actIdentity": {"type": "ServicePrincipal", "tenantId": SUBSCRIPTION, "clientId": SUBSCRIPTION, "secretRef": {"name": "act", "key": "k"}},
            "readOnly": true, "poll": {"idle": "2m", "active": "15s"}, "suspend": true
        }),
        "ReplicatedVm" => json!({
            "vaultRef": {"name": "dr"}, "sourceVmId": VM_ID,
            "primary": side("westeurope", "1"), "recovery": side("northeurope", "2"),
            "objectives": {"rpo": "15m", "rto": "1h", "drillMaxAge": "90d", "pendingCommitMax": "4h"}, "suspend": true
        }),
        "FailoverRequest" => json!({
            "replicatedVmRef": {"name": "app01"}, "validUntil": "2026-03-01T04:00:00Z", "reason": "INC-1",
            "requestedBy": "alice@example.com", "priority": 5,
            "direction": "PrimaryToRecovery",
            "recoveryPoint": {"type": "Custom", "id": "p1", "notAfter": "2026-03-01T03:00:00Z", "maxDataLoss": "15m"},
            "shutdownSource": false, "commitPolicy": "Automatic"
        }),
        "CommitRequest" => json!({
            "replicatedVmRef": {"name": "app01"}, "validUntil": "2026-03-01T04:00:00Z", "reason": "INC-1",
            "requestedBy": "alice@example.com", "priority": 5,
            "recoveryPointId": "p1"
        }),
        "ChangeRecoveryPointRequest" => json!({
            "replicatedVmRef": {"name": "app01"}, "validUntil": "2026-03-01T04:00:00Z", "reason": "INC-1",
            "requestedBy": "alice@example.com", "priority": 5,
            "recoveryPoint": {"type": "Custom", "id": "p1", "notAfter": "2026-03-01T03:00:00Z", "maxDataLoss": "15m"}
        }),
        "ReprotectRequest" => json!({
            "replicatedVmRef": {"name": "app01"}, "validUntil": "2026-03-01T04:00:00Z", "reason": "INC-1",
            "requestedBy": "alice@example.com", "priority": 5,
            "direction": "RecoveryToPrimary",
            "settings": {
                "resourceGroupId": GROUP_ID, "cacheStorageAccountId": resource("Microsoft.Storage/storageAccounts", "cache"),
                "policyId": format!("{VAULT_ID}/replicationPolicies/day"), "zone": "3"
            },
            "acknowledge": ["OldSideIsOverwritten"]
        }),
        "RequestDecision" => json!({
            "requestRef": {"kind": "FailoverRequest", "name": "f1"}, "decision": "Release", "clientRequestId": SUBSCRIPTION,
            "outcome": "Happened", "jobId": SUBSCRIPTION, "requestedBy": "ops", "comment": "seen in the portal"
        }),
        "ItemRecord" => json!({"protocol": 1, "vaultId": VAULT_ID, "itemName": "app01"}),
        "RequestClaim" => json!({
            "key": {"kind": "FailoverRequest", "namespace": "shop", "name": "f1"}, "specHash": SHA, "vaultId": VAULT_ID,
            "itemName": "app01", "lifecycleId": SUBSCRIPTION, "replicatedVmUid": SUBSCRIPTION, "validUntil": "2026-03-01T04:00:00Z"
        }),
        other => panic!("no manifest of {other}"),
    };
    object(kind, spec)
}

/// Only what is required is given.
pub(crate) fn bare(kind: &str) -> Value {
    let drop = match kind {
        "RecoveryVault" => json!({"actIdentity": null, "readOnly": null, "poll": null, "suspend": null}),
        "ReplicatedVm" => json!({
            "primary": only_region(), "recovery": only_region(), "objectives": null, "suspend": null
        }),
        "FailoverRequest" => {
            json!({"requestedBy": null, "priority": null, "recoveryPoint": null, "shutdownSource": null, "commitPolicy": null})
        }
        "CommitRequest" => json!({"requestedBy": null, "priority": null, "recoveryPointId": null}),
        "ChangeRecoveryPointRequest" => {
            json!({"requestedBy": null, "priority": null, "recoveryPoint": {"type": "LatestProcessed", "id": null, "notAfter": null, "maxDataLoss": null}})
        }
        "ReprotectRequest" => json!({"requestedBy": null, "priority": null, "settings": null}),
        "RequestDecision" => {
            json!({"decision": "Cancel", "clientRequestId": null, "outcome": null, "jobId": null})
        }
        "RequestClaim" => json!({"lifecycleId": null, "replicatedVmUid": null}),
        _ => json!({}),
    };
    with(whole(kind), &drop)
}

/// The manifest with its spec changed: a value replaces, an object is merged, null takes away (RFC 7386).
pub(crate) fn with(mut manifest: Value, change: &Value) -> Value {
    merge(&mut manifest["spec"], change);
    manifest
}

pub(crate) fn object(kind: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("{}/{}", asr_operator::api::GROUP, asr_operator::api::VERSION),
        "kind": kind, "metadata": {"name": "sample"}, "spec": spec
    })
}

fn merge(target: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let fields = target.as_object_mut().unwrap();
    for (name, value) in change {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), value);
        }
    }
}
