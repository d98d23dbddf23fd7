//! Rule 9: what cannot be done is not sent, and the condition says what to do.

use crate::harness::{Pki, federation, wait_condition};
use crate::world::{DEADLINE, FAILOVER, Setup, World, failover, message, operator, reads, sample, vault_by_secret};
use serde_json::{Value, json};

/// Applies a failover, waits for this reason, and makes sure that nothing was sent and that the message says this.
async fn held(world: &World, name: &str, spec: &str, wanted: (&str, &str, Option<&str>), says: &str) -> Value {
    world.apply(failover(name, spec)).await;
    let object = world.wait("FailoverRequest", name, wanted).await;
    assert!(message(&object, wanted.0).contains(says), "{says}: {object:#}");
    assert!(world.sent().await.is_empty(), "{:#?}", world.sent().await);
    object
}

const fn waits(reason: &'static str) -> (&'static str, &'static str, Option<&'static str>) {
    ("Reconciling", "True", Some(reason))
}

const fn stalls(reason: &'static str) -> (&'static str, &'static str, Option<&'static str>) {
    ("Stalled", "True", Some(reason))
}

#[tokio::test(flavor = "multi_thread")]
async fn i13_rule_09_wrong_direction_expired_too_far_and_reused_names_send_nothing() {
    let world = World::new().await;
    let back = "  direction: RecoveryToPrimary\n";
    let there = held(&world, "back", back, ("Ready", "True", Some("AlreadyThere")), "this request sent nothing").await;
    assert_eq!(reads(&there, "FailedOver"), ("False", "AlreadyThere"));
    let past = "  validUntil: \"2026-06-01T07:59:00Z\"\n";
    held(&world, "past", past, stalls("Expired"), "Create a new request").await;
    let far = "  validUntil: \"2026-07-01T08:00:00Z\"\n";
    held(&world, "far", far, stalls("ValidUntilTooFar"), "Create a new request with a nearer validUntil").await;
    world.delete("failoverrequest", "past").await;
    held(&world, "past", "  shutdownSource: false\n", stalls("NameReused"), "give the new request a new name").await;
    let edit = ["patch", "failoverrequest", "far", "--type=merge", "--patch", r#"{"spec":{"shutdownSource":false}}"#];
    let refused = world.kubectl(&edit).await;
    assert!(!refused.succeeded() && refused.stderr.contains("cannot be edited"), "{}", refused.stderr);
    assert!(world.sent().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_an_unknown_vm_and_one_of_another_namespace_are_waited_for() {
    let world = World::with(Setup { with_vm: false, ..Setup::default() }).await;
    world.apply(sample("vault")).await;
    let elsewhere = world.plane.namespace("elsewhere").await;
    world.plane.apply(&sample("vm").replace("namespace: demo", &format!("namespace: {elsewhere}"))).await;
    held(&world, FAILOVER, "", waits("VmNotFound"), "There is no ReplicatedVm app01").await;
    world.apply(sample("vm")).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_an_unreachable_vault_is_waited_for_and_then_served() {
    let world = World::new().await;
    let down = json!({"operation": "reads", "effect": "refuse", "status": 503, "times": 0});
    world.sim.faults(down).await;
    held(&world, FAILOVER, "", waits("VaultUnreachable"), "tried again").await;
    world.sim.clear_faults().await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_an_identity_without_rights_is_told_which_right_it_lacks() {
    let none = |seed: &str| seed.replace("role: operator", "role: none");
    let world = World::with(Setup { seed: none, with_vm: false, ..Setup::default() }).await;
    world.apply(sample("vault")).await;
    world.apply(sample("vm")).await;
    let vault = world.wait("RecoveryVault", "vault-dr", stalls("AccessDenied")).await;
    let text = message(&vault, "Stalled");
    assert!(text.contains("Microsoft.RecoveryServices/") && text.contains("assign a role"), "{text}");
    held(&world, FAILOVER, "", waits("AccessDenied"), "assign a role").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_an_identity_that_entra_id_does_not_know_is_named() {
    let foreign = |seed: &str| seed.replace("serviceaccount:", "serviceaccount:another-");
    let world = World::with(Setup { seed: foreign, with_vm: false, ..Setup::default() }).await;
    world.apply(sample("vault")).await;
    let vault = world.wait("RecoveryVault", "vault-dr", ("Ready", "False", Some("CredentialsFailed"))).await;
    assert!(message(&vault, "Ready").contains("AADSTS"), "{vault:#}");
    let managed = "  identity: {type: ManagedIdentity}\n  poll:";
    let (head, tail) = sample("vault").split_once("  identity:").unwrap();
    let tail = tail.split_once("  poll:").unwrap().1;
    world
        .apply(format!("{head}{managed}{tail}").replace("  name: vault-dr\n  namespace", "  name: own\n  namespace"))
        .await;
    let own = world.wait("RecoveryVault", "own", stalls("CredentialsFailed")).await;
    assert!(message(&own, "Stalled").contains("--allow-managed-identity-namespace"), "{own:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_a_group_member_is_refused() {
    let world = World::new().await;
    world.sim.set_item(json!({"name": "app01", "multiVmGroupName": "web"})).await;
    held(&world, FAILOVER, "", stalls("GroupMember"), "Fail the group over in the portal").await;
    world.sim.set_item(json!({"name": "app01", "multiVmGroupName": null, "protectionClusterId": "/x/cluster1"})).await;
    held(&world, "cluster", "", stalls("GroupMember"), "shared-disk cluster").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_an_item_claimed_twice_is_served_for_neither() {
    let world = World::new().await;
    let twin = sample("vm").replace("name: app01\n", "name: twin\n");
    world.apply(&twin).await;
    for name in ["app01", "twin"] {
        let vm = world.wait("ReplicatedVm", name, stalls("ItemClaimedTwice")).await;
        assert!(message(&vm, "Stalled").contains("Delete one of them"), "{vm:#}");
    }
    held(&world, FAILOVER, "", waits("ItemClaimedTwice"), "Delete one of them").await;
    world.delete("replicatedvm", "twin").await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_sides_that_disagree_and_items_that_are_not_there_are_named() {
    let world = World::new().await;
    world.delete("replicatedvm", "app01").await;
    world.apply(sample("vm").replace("westeurope", "westus").replace("northeurope", "eastus")).await;
    let vm = world.wait("ReplicatedVm", "app01", stalls("SidesDisagree")).await;
    assert!(message(&vm, "Stalled").contains("Create a new ReplicatedVm"), "{vm:#}");
    held(&world, FAILOVER, "", waits("SidesDisagree"), "Create a new ReplicatedVm").await;
    world
        .apply(
            sample("vm")
                .replace("name: app01\n", "name: ghost\n")
                .replace("virtualMachines/app01", "virtualMachines/ghost"),
        )
        .await;
    let ghost = world.wait("ReplicatedVm", "ghost", stalls("ItemNotFound")).await;
    assert!(message(&ghost, "Stalled").contains("Check the spelling"), "{ghost:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_suspension_holds_until_it_ends() {
    let world = World::new().await;
    world.apply(format!("{}  suspend: true\n", sample("vm"))).await;
    world.wait("ReplicatedVm", "app01", waits("Suspended")).await;
    held(&world, FAILOVER, "", waits("Suspended"), "suspend is true").await;
    world.apply(sample("vm")).await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_a_new_record_is_held_back_by_the_quarantine() {
    let args = ["--new-record-quarantine", "6", "--task-detail-every", "1"].map(String::from).to_vec();
    let world = World::with(Setup { operator_args: args, ..Setup::default() }).await;
    held(&world, FAILOVER, "", waits("RecordQuarantine"), "the first one is held back for").await;
    world.wait("FailoverRequest", FAILOVER, ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_what_azure_refuses_ends_the_request_with_azures_words() {
    let world = World::new().await;
    let no = json!({"operation": "unplannedFailover", "effect": "refuse", "status": 400, "code": "BadRequest", "message": "The VM is too old."});
    world.sim.faults(no).await;
    world.apply(failover(FAILOVER, "")).await;
    let refused = world.wait("FailoverRequest", FAILOVER, stalls("AzureRefused")).await;
    assert!(message(&refused, "Stalled").contains("The VM is too old."), "{refused:#}");
    assert_eq!(reads(&refused, "FailedOver").0, "False");
    let busy = json!({"operation": "unplannedFailover", "effect": "refuse", "status": 429, "code": "TooManyRequests", "retryAfter": 3});
    world.sim.faults(busy).await;
    world.apply(failover("throttled", "")).await;
    world.wait("FailoverRequest", "throttled", ("Ready", "True", Some("Succeeded"))).await;
    assert_eq!(world.accepted().await, ["unplannedFailover"]);
    assert_eq!(world.sent().await.len(), 3, "400, 429, accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_09_two_namespaces_that_claim_one_item_do_not_learn_each_others_name() {
    let world = World::new().await;
    let other = world.plane.namespace("tenant").await;
    // The second tenant's identity is a Secret of its own namespace.
    let _second = operator(
        world.plane,
        &other,
        &format!("{other}-op"),
        &world.sim,
        vec!["--new-record-quarantine".into(), "0".into(), "--namespace".into(), world.namespace.clone()],
    )
    .await;
    for manifest in [vault_by_secret(&other), sample("vm").to_owned(), failover(FAILOVER, "")] {
        world.plane.apply(&manifest.replace("namespace: demo", &format!("namespace: {other}"))).await;
    }
    let client = world.plane.client().await;
    let twice = wait_condition(&client, "ReplicatedVm", &other, "app01", stalls("ItemClaimedTwice"), DEADLINE).await;
    assert!(!message(&twice, "Stalled").contains(&world.namespace), "{twice:#}");
    let held = waits("ItemClaimedTwice");
    let held = wait_condition(&client, "FailoverRequest", &other, FAILOVER, held, DEADLINE).await;
    assert!(!message(&held, "Reconciling").contains(&world.namespace), "{held:#}");
    assert!(world.sent().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_a_secret_of_another_namespace_is_not_used() {
    let world = World::with(Setup { with_vm: false, ..Setup::default() }).await;
    let elsewhere = world.operator_namespace.clone();
    let secret =
        ["create", "secret", "generic", "azure", "--from-literal=clientSecret=theirs", "--namespace", &elsewhere];
    world.plane.kubectl(&secret, None).await.expect_success();
    let by_secret = "type: ServicePrincipal\n    secretRef: {name: azure, key: clientSecret}";
    let vault =
        sample("vault").replace("type: WorkloadIdentity", by_secret).replace("    serviceAccountName: asr\n", "");
    world.apply(vault).await;
    let vault = world.wait("RecoveryVault", "vault-dr", ("Ready", "False", Some("CredentialsFailed"))).await;
    let said = message(&vault, "Ready");
    assert!(said.contains("the Secret azure has no key clientSecret"), "{vault:#}");
    assert!(said.contains("create it in the RecoveryVault's namespace"), "{vault:#}");
    let asked = world.sim.get("requests").await;
    assert!(!asked.to_string().contains("token"), "nothing was asked of Entra ID: {asked:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_a_service_account_of_another_namespace_is_not_used() {
    let world = World::with(Setup { with_vm: false, ..Setup::default() }).await;
    let elsewhere = world.operator_namespace.clone();
    world
        .plane
        .kubectl(&["create", "serviceaccount", "theirs", "--namespace", &elsewhere], None)
        .await
        .expect_success();
    world.apply(sample("vault").replace("serviceAccountName: asr", "serviceAccountName: theirs")).await;
    let vault = world.wait("RecoveryVault", "vault-dr", ("Ready", "False", Some("CredentialsFailed"))).await;
    let said = message(&vault, "Ready");
    assert!(said.contains(&format!("{}/theirs", world.namespace)), "it is looked for here: {vault:#}");
    let asked = world.sim.get("requests").await;
    assert!(!asked.to_string().contains("token"), "nothing was asked of Entra ID: {asked:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn i18_a_service_account_token_that_another_cluster_signed_is_worth_nothing() {
    // The same issuer, namespace and name, and another key.
    let others = |seed: &str| format!("{seed}\n{}", federation(&Pki::create().unwrap().service_account_public_key));
    let world = World::with(Setup { seed: others, with_vm: false, ..Setup::default() }).await;
    world.apply(sample("vault")).await;
    let vault = world.wait("RecoveryVault", "vault-dr", ("Ready", "False", Some("CredentialsFailed"))).await;
    assert!(message(&vault, "Ready").contains("AADSTS700027"), "{vault:#}");
}
