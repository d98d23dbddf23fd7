//! What a tenant tries that is not theirs, seen from Azure's side: nothing is done, and nothing is learned.

use crate::world::{FAILOVER, ITEM, OTHER_ITEM, Setup, World, message, sample};

/// The seed's subscription, in which the tenant's identity may do nothing.
const FOREIGN: &str = "00000000-0000-0000-0000-000000000001";

/// The tenant's identity has its role in a subscription of its own alone.
fn elsewhere(seed: &str) -> String {
    let usual = "    role: operator\n";
    assert!(seed.contains(usual) && seed.contains(FOREIGN), "{seed}");
    seed.replace(usual, "    role: operator\n    scopes: [/subscriptions/00000000-0000-0000-0000-000000000009]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_in_a_foreign_subscription_is_refused_and_nothing_of_it_is_learned() {
    let world = World::with(Setup { seed: elsewhere, with_vm: false, ..Setup::default() }).await;
    for name in ["vault", "vm", "failover"] {
        world.apply(sample(name)).await;
    }
    let vault = world.wait("RecoveryVault", "vault-dr", ("Stalled", "True", Some("AccessDenied"))).await;
    let said = message(&vault, "Stalled");
    assert!(said.contains("AuthorizationFailed") && said.contains(FOREIGN), "{said}");
    let held = world.wait("FailoverRequest", FAILOVER, ("Ready", "False", None)).await;
    assert!(held["status"]["target"].is_null(), "{held:#}");
    for kind in ["events", "recoveryvaults", "replicatedvms", "failoverrequests"] {
        let text = world.kubectl(&["get", kind, "--output=yaml"]).await.expect_success();
        for of_others in [ITEM, OTHER_ITEM, "db01", "10.1.0.4", "24-hour-retention-policy", "northeurope-"] {
            assert!(!text.contains(of_others), "{of_others} is in {kind}: {text}");
        }
    }
    assert!(world.sent().await.is_empty());
    let done = world.sim.get("actions").await;
    assert!(done["operator"].as_array().is_none_or(Vec::is_empty), "Azure let it do something: {done:#}");
}
