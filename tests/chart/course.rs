//! All that the operator's roles are for, in one course: the whole loop, a vault by client secret, and a person's word.

use crate::harness::ROUND;
use crate::stage::Stage;
use crate::walk::LOOP;
use serde_json::json;

/// A vault with a client secret, which a Secret of its namespace holds.
const SECOND_VAULT: &str = r"
apiVersion: v1
kind: Secret
metadata: {name: asr-client, namespace: demo}
stringData: {clientSecret: demo-only-client-secret}
---
apiVersion: asr-operator.io/v1alpha1
kind: RecoveryVault
metadata: {name: vault-by-secret, namespace: demo}
spec:
  subscriptionId: 00000000-0000-0000-0000-000000000001
  resourceGroup: rg-dr
  name: vault-dr
  identity:
    type: ServicePrincipal
    tenantId: 11111111-1111-1111-1111-111111111111
    clientId: 22222222-2222-2222-2222-222222222222
    secretRef: {name: asr-client, key: clientSecret}
";

/// In a namespace that gave the operator nothing.
pub const FOREIGN_VAULT: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: {name: asr, namespace: other}
---
apiVersion: asr-operator.io/v1alpha1
kind: RecoveryVault
metadata: {name: vault-dr, namespace: other}
spec:
  subscriptionId: 00000000-0000-0000-0000-000000000001
  resourceGroup: rg-dr
  name: vault-dr
  identity:
    type: WorkloadIdentity
    tenantId: 11111111-1111-1111-1111-111111111111
    clientId: 22222222-2222-2222-2222-222222222222
    serviceAccountName: asr
";

const TOO_LATE: &str = r"
apiVersion: asr-operator.io/v1alpha1
kind: RequestDecision
metadata: {name: too-late, namespace: demo}
spec:
  requestRef: {kind: FailoverRequest, name: app01-out-2026-06-01}
  decision: Cancel
  requestedBy: admin
  comment: it ran already
";

/// The vault and the VM of the samples, and that both are seen.
pub async fn declare(stage: &Stage) {
    stage.apply("10-recovery-vault").await;
    stage.apply("20-replicated-vm").await;
    stage.wait("RecoveryVault", "vault-dr", ("Ready", "True", None)).await;
    stage.wait("ReplicatedVm", "app01", ("Ready", "True", None)).await;
}

const SECOND_VM: &str = "
apiVersion: asr-operator.io/v1alpha1
kind: ReplicatedVm
metadata: {name: vanishes, namespace: demo}
spec:
  vaultRef: {name: vault-dr}
  protectedItemName: 9dQ_wJ3k-PqZ7cA0m2LxU5tRbE8yHnV1sGfKoI4jWzT
  primary: {region: westeurope}
  recovery: {region: northeurope}
";

/// The replication of a second VM, declared, is disabled by somebody: that it is gone takes a look at the item itself.
pub async fn one_vanishes(stage: &Stage) {
    stage.plane.apply(SECOND_VM).await;
    stage.wait("ReplicatedVm", "vanishes", ("Ready", "True", None)).await;
    stage.sim.post("items", json!({"name": "db01", "remove": true})).await;
    stage.wait("ReplicatedVm", "vanishes", ("Stalled", "True", Some("ItemNotFound"))).await;
    stage.plane.kubectl(&["delete", "replicatedvm", "vanishes", "--namespace", "demo"], None).await.expect_success();
}

/// The whole loop by its samples; what ran before stays as it is.
pub async fn whole_loop(stage: &Stage) {
    for (sample, kind, name) in LOOP {
        stage.apply(sample).await;
        stage.wait(kind, name, ("Ready", "True", None)).await;
        if kind == "ReprotectRequest" {
            stage.sim.clock(json!({"advanceSeconds": 3600})).await;
            stage.wait("ReplicatedVm", "app01", ("Protected", "True", None)).await;
        }
    }
    assert_eq!(stage.accepted().await, ROUND);
}

/// What the loop leaves out: a Secret that is read, and what a person says of a request.
pub async fn secret_and_decision(stage: &Stage) {
    stage.plane.apply(SECOND_VAULT).await;
    stage.wait("RecoveryVault", "vault-by-secret", ("Ready", "True", None)).await;
    stage.plane.apply(TOO_LATE).await;
    stage.wait("RequestDecision", "too-late", ("Stalled", "True", Some("TooLate"))).await;
}
