//! What the API server takes and what it refuses, with the words that tell the user why.

use serde_json::{Value, json};

use crate::manifests::{SUBSCRIPTION, VM_ID};

/// A change of the bare manifest, and a part of the refusal; `None` where it is accepted.
type Row = (&'static str, Value, Option<&'static str>);

/// One table for all kinds: each rule is refused once and accepted once.
pub(crate) fn rows() -> Vec<Row> {
    [vaults(), acting(), machines(), points(), requests(), decisions(), records(), paths()].concat()
}

fn vaults() -> Vec<Row> {
    let identity = |identity: Value| json!({"identity": identity});
    let ids = |mut extra: Value, kind: &str| {
        extra["type"] = kind.into();
        extra
    };
    let no_account = json!({"serviceAccountName": null});
    let secret = json!({"serviceAccountName": null, "secretRef": {"name": "dr"}});
    let managed = json!({"serviceAccountName": null, "tenantId": null, "clientId": null});
    let mut rows = vec![
        ("RecoveryVault", json!({}), None),
        ("RecoveryVault", identity(no_account.clone()), Some("serviceAccountName is required for WorkloadIdentity")),
        (
            "RecoveryVault",
            identity(json!({"secretRef": {"name": "dr"}})),
            Some("secretRef is required for ServicePrincipal, and only for it"),
        ),
        ("RecoveryVault", identity(json!({"tenantId": null})), Some("tenantId and clientId are required")),
        ("RecoveryVault", identity(json!({"clientId": null})), Some("tenantId and clientId are required")),
        ("RecoveryVault", identity(json!({"tenantId": "contoso.com"})), Some("spec.identity.tenantId")),
        ("RecoveryVault", identity(ids(secret.clone(), "ServicePrincipal")), None),
        (
            "RecoveryVault",
            identity(ids(no_account, "ServicePrincipal")),
            Some("secretRef is required for ServicePrincipal"),
        ),
        (
            "RecoveryVault",
            identity(ids(json!({"secretRef": {"name": "dr"}}), "ServicePrincipal")),
            Some("and only for it"),
        ),
        ("RecoveryVault", identity(ids(managed, "ManagedIdentity")), None),
        (
            "RecoveryVault",
            identity(ids(secret, "ManagedIdentity")),
            Some("secretRef is required for ServicePrincipal, and only"),
        ),
        (
            "RecoveryVault",
            identity(ids(json!({}), "ManagedIdentity")),
            Some("serviceAccountName is required for WorkloadIdentity, and only"),
        ),
        ("RecoveryVault", identity(ids(json!({}), "Password")), Some("Unsupported value: \"Password\"")),
        ("RecoveryVault", json!({"subscriptionId": "production"}), Some("spec.subscriptionId")),
        ("RecoveryVault", json!({"resourceGroup": "rg/../other"}), Some("spec.resourceGroup")),
        ("RecoveryVault", json!({"name": ".."}), Some("spec.name")),
        ("RecoveryVault", json!({"name": "dr%2f"}), Some("spec.name")),
        ("RecoveryVault", json!({"name": "v".repeat(51)}), Some("spec.name")),
        ("RecoveryVault", json!({"poll": {"idle": "30s", "active": "5s"}}), None),
        ("RecoveryVault", json!({"poll": {"idle": "29s"}}), Some("at least 30s")),
        ("RecoveryVault", json!({"poll": {"active": "4.9s"}}), Some("at least 5s")),
    ];
    for malformed in ["60", "1 m", "-60s", "1d", ""] {
        rows.push(("RecoveryVault", json!({"poll": {"idle": malformed}}), Some("must be a duration of at least 30s")));
    }
    rows
}

/// Who acts on a vault: by the rules of the identity that reads it.
fn acting() -> Vec<Row> {
    let ids = |mut extra: Value, kind: &str| {
        extra["type"] = kind.into();
        extra
    };
    let act = json!({"type": "ServicePrincipal", "tenantId": SUBSCRIPTION, "clientId": SUBSCRIPTION, "secretRef": {"name": "act"}});
    vec![
        ("RecoveryVault", json!({"actIdentity": act.clone()}), None),
        ("RecoveryVault", json!({"actIdentity": act.clone(), "readOnly": true}), None),
        (
            "RecoveryVault",
            json!({"actIdentity": ids(act.clone(), "WorkloadIdentity")}),
            Some("secretRef is required for"),
        ),
        ("RecoveryVault", json!({"actIdentity": {"type": "ManagedIdentity"}}), None),
        (
            "RecoveryVault",
            json!({"actIdentity": ids(json!({}), "ServicePrincipal")}),
            Some("tenantId and clientId are"),
        ),
        ("RecoveryVault", json!({"actIdentity": {}}), Some("spec.actIdentity.type: Required value")),
        ("RecoveryVault", json!({"readOnly": "yes"}), Some("spec.readOnly")),
    ]
}

fn machines() -> Vec<Row> {
    let one_region = |primary: Value, recovery: Value| json!({"primary": primary, "recovery": recovery});
    let here = json!({"region": "westeurope"});
    let zone = |zone: &str| json!({"region": "westeurope", "zone": zone});
    let different = Some("different regions, or different zones");
    vec![
        ("ReplicatedVm", json!({}), None),
        ("ReplicatedVm", json!({"sourceVmId": VM_ID.to_uppercase()}), None),
        ("ReplicatedVm", json!({"sourceVmId": null, "protectedItemName": "app01"}), None),
        (
            "ReplicatedVm",
            json!({"protectedItemName": "app01"}),
            Some("exactly one of sourceVmId and protectedItemName"),
        ),
        ("ReplicatedVm", json!({"sourceVmId": null}), Some("exactly one of sourceVmId and protectedItemName")),
        ("ReplicatedVm", json!({"sourceVmId": format!("{VM_ID}/extensions/x")}), Some("spec.sourceVmId")),
        ("ReplicatedVm", json!({"sourceVmId": VM_ID.replace("app01", "..")}), Some("spec.sourceVmId")),
        ("ReplicatedVm", json!({"sourceVmId": VM_ID.replace("virtualMachines", "disks")}), Some("spec.sourceVmId")),
        ("ReplicatedVm", json!({"sourceVmId": null, "protectedItemName": "a/b"}), Some("spec.protectedItemName")),
        ("ReplicatedVm", json!({"primary": {"region": "West Europe"}}), Some("spec.primary.region")),
        ("ReplicatedVm", json!({"recovery": {"region": null}}), Some("spec.recovery.region: Required value")),
        ("ReplicatedVm", json!({"recovery": {"zone": "12"}}), Some("spec.recovery.zone")),
        ("ReplicatedVm", one_region(here.clone(), here.clone()), different),
        ("ReplicatedVm", one_region(zone("1"), here.clone()), different),
        ("ReplicatedVm", one_region(here, zone("2")), different),
        ("ReplicatedVm", one_region(zone("1"), zone("1")), different),
        ("ReplicatedVm", one_region(zone("1"), zone("2")), None),
        (
            "ReplicatedVm",
            json!({"primary": {"resourceGroupId": VM_ID.split("/providers").next().unwrap().to_uppercase()}}),
            None,
        ),
        ("ReplicatedVm", json!({"primary": {"resourceGroupId": VM_ID}}), Some("spec.primary.resourceGroupId")),
        ("ReplicatedVm", json!({"recovery": {"cacheStorageAccountId": VM_ID}}), None),
        (
            "ReplicatedVm",
            json!({"recovery": {"cacheStorageAccountId": "cache"}}),
            Some("spec.recovery.cacheStorageAccountId"),
        ),
        (
            "ReplicatedVm",
            json!({"recovery": {"networkId": format!("{VM_ID}/subnets/..")}}),
            Some("spec.recovery.networkId"),
        ),
        ("ReplicatedVm", json!({"objectives": {"rpo": "90d", "rto": "1h30m", "drillMaxAge": "0.5h"}}), None),
        ("ReplicatedVm", json!({"objectives": {"rpo": "0s"}}), Some("more than zero")),
        ("ReplicatedVm", json!({"objectives": {"rto": "0d"}}), Some("more than zero")),
        ("ReplicatedVm", json!({"objectives": {"drillMaxAge": "3 months"}}), Some("such as 15m, 1h30m or 90d")),
        ("ReplicatedVm", json!({"objectives": {"pendingCommitMax": "1d12h"}}), Some("more than zero")),
    ]
}

/// A kind, a field of it, and the change that puts an attack into it.
type Field = (&'static str, &'static str, fn(&str) -> Value);

/// Everything of which a path to Azure is made, with what would lead the path elsewhere or add a header to it.
fn paths() -> Vec<Row> {
    let attacks =
        ["/x", "/../x", "/./x", "%2e%2e", "%2f", "\\", "?x=1", "#x", "\r\nx-ms-evil: 1", "\n", "%0d%0a", "\0"];
    let fields: [Field; 8] = [
        ("RecoveryVault", "spec.subscriptionId", |attack| json!({"subscriptionId": format!("{SUBSCRIPTION}{attack}")})),
        ("RecoveryVault", "spec.resourceGroup", |attack| json!({"resourceGroup": format!("rg{attack}x")})),
        ("RecoveryVault", "spec.name", |attack| json!({"name": format!("dr{attack}x")})),
        (
            "RecoveryVault",
            "spec.identity.tenantId",
            |attack| json!({"identity": {"tenantId": format!("{SUBSCRIPTION}{attack}")}}),
        ),
        (
            "ReplicatedVm",
            "spec.protectedItemName",
            |attack| json!({"sourceVmId": null, "protectedItemName": format!("item{attack}x")}),
        ),
        (
            "FailoverRequest",
            "spec.recoveryPoint.id",
            |attack| json!({"recoveryPoint": {"type": "Custom", "id": format!("p{attack}1")}}),
        ),
        ("CommitRequest", "spec.recoveryPointId", |attack| json!({"recoveryPointId": format!("p{attack}1")})),
        (
            "ReprotectRequest",
            "spec.settings.resourceGroupId",
            |attack| json!({"settings": {"resourceGroupId": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/rg{attack}x")}}),
        ),
    ];
    let all = fields.iter().flat_map(|(kind, path, field)| attacks.map(|attack| (*kind, field(attack), Some(*path))));
    all.collect()
}

fn points() -> Vec<Row> {
    let row = |point: Value, refusal| ("FailoverRequest", json!({"recoveryPoint": point}), refusal);
    let listed = |point: Value, refusal| ("ChangeRecoveryPointRequest", json!({"recoveryPoint": point}), refusal);
    let date = "2026-03-01T03:00:00+01:00";
    vec![
        row(json!({"type": "Custom", "id": "p1"}), None),
        row(json!({"type": "Custom", "notAfter": date}), None),
        row(json!({"type": "Custom", "id": "p1", "notAfter": date}), None),
        row(json!({"type": "Custom"}), Some("needs id or notAfter")),
        row(json!({"type": "LatestProcessed", "notAfter": date}), None),
        row(json!({"type": "LatestAppConsistent", "notAfter": date}), None),
        row(json!({"type": "LatestCrashConsistent", "notAfter": date, "maxDataLoss": "15m"}), None),
        row(json!({"type": "Latest", "maxDataLoss": "15m"}), None),
        row(json!({"notAfter": date}), Some("notAfter is for any type but Latest")),
        row(json!({"type": "Latest", "id": "p1"}), Some("id is for a recovery point of type Custom only")),
        row(json!({"type": "LatestProcessed", "id": "p1"}), Some("id is for a recovery point of type Custom only")),
        row(json!({"type": "Custom", "id": "/subscriptions/x"}), Some("spec.recoveryPoint.id")),
        row(json!({"type": "Newest"}), Some("Unsupported value: \"Newest\"")),
        row(json!({"type": "LatestProcessed", "notAfter": "yesterday"}), Some("must be a date and time with a zone")),
        row(json!({"maxDataLoss": "0s"}), Some("at least 1s")),
        row(json!({"maxDataLoss": "a while"}), Some("must be a duration")),
        listed(json!({"type": "Custom", "id": "p1"}), None),
        listed(json!({"type": "Custom", "notAfter": date}), None),
        listed(json!({"type": "LatestAppConsistent", "notAfter": date, "maxDataLoss": "15m"}), None),
        listed(json!({"type": "Latest"}), Some("Unsupported value: \"Latest\"")),
        listed(json!({"type": null}), Some("spec.recoveryPoint.type: Required value")),
        listed(json!({"type": "Custom"}), Some("needs id or notAfter")),
        listed(json!({"id": "p1"}), Some("id is for a recovery point of type Custom only")),
    ]
}

fn requests() -> Vec<Row> {
    let mut rows = vec![
        ("FailoverRequest", json!({}), None),
        ("FailoverRequest", json!({"direction": "RecoveryToPrimary"}), None),
        ("FailoverRequest", json!({"direction": null}), Some("spec.direction: Required value")),
        ("FailoverRequest", json!({"direction": "Failback"}), Some("Unsupported value: \"Failback\"")),
        ("FailoverRequest", json!({"commitPolicy": "Never"}), Some("Unsupported value: \"Never\"")),
        ("CommitRequest", json!({}), None),
        ("CommitRequest", json!({"recoveryPointId": "a b"}), Some("spec.recoveryPointId")),
        ("ReprotectRequest", json!({}), None),
        ("ReprotectRequest", json!({"direction": null}), Some("spec.direction: Required value")),
        ("ReprotectRequest", json!({"acknowledge": null}), Some("spec.acknowledge: Required value")),
        ("ReprotectRequest", json!({"acknowledge": []}), Some("spec.acknowledge")),
        ("ReprotectRequest", json!({"acknowledge": ["Yes"]}), Some("Unsupported value: \"Yes\"")),
        ("ReprotectRequest", json!({"settings": {"zone": "3"}}), None),
        ("ReprotectRequest", json!({"settings": {"resourceGroupId": "rg-app"}}), Some("spec.settings.resourceGroupId")),
        (
            "ReprotectRequest",
            json!({"settings": {"cacheStorageAccountId": format!("{VM_ID}/../x")}}),
            Some("spec.settings.cacheStorageAccountId"),
        ),
    ];
    for kind in ["FailoverRequest", "ChangeRecoveryPointRequest", "CommitRequest", "ReprotectRequest"] {
        for date in ["2026-03-01T04:00:00.5+05:30", "2026-03-01T04:00:00Z"] {
            rows.push((kind, json!({"validUntil": date}), None));
        }
        for date in ["tomorrow", "2026-03-01", "2026-03-01T04:00:00", "2026-03-01 04:00:00Z", "2026-02-30T04:00:00Z"] {
            rows.push((kind, json!({"validUntil": date}), Some("must be a date and time with a zone")));
        }
        rows.extend([
            (kind, json!({"validUntil": null}), Some("spec.validUntil: Required value")),
            (kind, json!({"reason": null}), Some("spec.reason: Required value")),
            (kind, json!({"reason": "ok"}), Some("spec.reason")),
            (kind, json!({"reason": "x".repeat(257)}), Some("spec.reason")),
            (kind, json!({"reason": "x".repeat(256)}), None),
            (kind, json!({"requestedBy": "system:serviceaccount:flux-system:kustomize-controller"}), None),
            (kind, json!({"requestedBy": ""}), Some("spec.requestedBy")),
            (kind, json!({"requestedBy": "x".repeat(129)}), Some("spec.requestedBy")),
            (kind, json!({"priority": -100}), None),
            (kind, json!({"priority": -101}), Some("spec.priority")),
            (kind, json!({"priority": 101}), Some("spec.priority")),
            (kind, json!({"replicatedVmRef": null}), Some("spec.replicatedVmRef: Required value")),
            (kind, json!({"replicatedVmRef": {"name": "App_01"}}), Some("spec.replicatedVmRef.name")),
        ]);
    }
    rows
}

fn decisions() -> Vec<Row> {
    let row = |change: Value, refusal| ("RequestDecision", change, refusal);
    let release = |outcome: &str, job: Value| json!({"decision": "Release", "clientRequestId": SUBSCRIPTION, "outcome": outcome, "jobId": job});
    let needs = Some("clientRequestId and outcome are required for Release, and only for it");
    let job = Some("jobId is required for a call that Happened, and only for it");
    vec![
        row(json!({}), None),
        row(release("DidNotHappen", Value::Null), None),
        row(release("Happened", SUBSCRIPTION.into()), None),
        row(release("Happened", Value::Null), job),
        row(release("DidNotHappen", SUBSCRIPTION.into()), job),
        row(json!({"decision": "Release"}), needs),
        row(json!({"decision": "Release", "clientRequestId": SUBSCRIPTION}), needs),
        row(json!({"clientRequestId": SUBSCRIPTION}), needs),
        row(json!({"outcome": "DidNotHappen"}), needs),
        row(json!({"decision": "Approve"}), Some("Unsupported value: \"Approve\"")),
        row(json!({"requestRef": {"kind": "Pod"}}), Some("Unsupported value: \"Pod\"")),
        row(json!({"requestedBy": null}), Some("spec.requestedBy: Required value")),
        row(json!({"comment": "ok"}), Some("spec.comment")),
    ]
}

fn records() -> Vec<Row> {
    vec![
        ("ItemRecord", json!({}), None),
        ("ItemRecord", json!({"itemName": ""}), Some("spec.itemName")),
        ("ItemRecord", json!({"holder": {"kind": "FailoverRequest"}}), Some("spec.holder.name: Required value")),
        ("RequestClaim", json!({}), None),
        ("RequestClaim", json!({"specHash": "short"}), Some("spec.specHash")),
    ]
}

/// A change of the whole manifest of an existing object, and a part of the refusal; `None` where it is accepted.
pub(crate) fn edits() -> Vec<Row> {
    let other = SUBSCRIPTION.replace('0', "9");
    vec![
        ("RecoveryVault", json!({"name": "other"}), Some("name cannot be changed: create another RecoveryVault")),
        ("RecoveryVault", json!({"name": "DR"}), None),
        ("RecoveryVault", json!({"resourceGroup": "rg-other"}), Some("resourceGroup cannot be changed")),
        ("RecoveryVault", json!({"subscriptionId": other}), Some("subscriptionId cannot be changed")),
        ("RecoveryVault", json!({"identity": {"clientId": other}, "poll": {"idle": "5m"}, "suspend": false}), None),
        ("RecoveryVault", json!({"actIdentity": null, "readOnly": false}), None),
        ("RecoveryVault", json!({"actIdentity": {"clientId": other}}), None),
        ("ReplicatedVm", json!({"vaultRef": {"name": "other"}}), Some("vaultRef cannot be changed")),
        ("ReplicatedVm", json!({"sourceVmId": VM_ID.to_lowercase()}), None),
        ("ReplicatedVm", json!({"sourceVmId": VM_ID.replace("app01", "app02")}), Some("sourceVmId cannot be changed")),
        (
            "ReplicatedVm",
            json!({"sourceVmId": null, "protectedItemName": "app01"}),
            Some("sourceVmId cannot be changed"),
        ),
        ("ReplicatedVm", json!({"primary": {"region": "eastus"}}), Some("region cannot be changed")),
        ("ReplicatedVm", json!({"recovery": {"region": "eastus"}}), Some("region cannot be changed")),
        ("ReplicatedVm", json!({"primary": {"zone": "3"}, "recovery": {"zone": null}}), None),
        ("ReplicatedVm", json!({"objectives": {"rpo": "5m", "rto": null}, "suspend": false}), None),
        ("ItemRecord", json!({"protocol": 2}), None),
        ("ItemRecord", json!({"itemName": "other"}), Some("a record stays with its item")),
    ]
}
