//! The Azure roles in `deploy/azure`: exactly the actions that the operator performs, and the simulated Azure allows no others.

use crate::harness::{Simulator, eventually};
use crate::stage::DEADLINE;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const SEED: &str = include_str!("../../deploy/demo/seed.yaml");
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/azure");

/// The principal of the seed.
const PRINCIPAL: &str = "operator";

/// The demo's Azure, where the operator's identity has the role *act* and no other.
pub fn seed() -> String {
    if blessing() { SEED.to_owned() } else { seed_with("act") }
}

/// The demo's Azure, where the operator's identity has this one of the roles and no other.
pub fn seed_with(role: &str) -> String {
    let usual = "role: operator";
    assert!(SEED.contains(usual));
    SEED.replace(usual, &format!("role: none\n    allowedActions: {}", json!(actions(role))))
}

/// Two identities share what one that acts alone may do: one reads, the other calls.
#[test]
fn the_roles_read_and_call_are_the_two_halves_of_act() {
    let (read, call): (BTreeSet<_>, BTreeSet<_>) = actions("act").into_iter().partition(|action| reads(action));
    assert_eq!((actions("read"), actions("call")), (read.clone(), call));
    assert!(actions("observe").is_subset(&read));
}

fn reads(action: &str) -> bool {
    action.ends_with("/read")
}

/// Waits until all that *observe* allows was done, and that nothing else was.
pub async fn observes(sim: &Simulator) {
    if !blessing() {
        performs_all(sim, "observe").await;
    }
    agrees("observe", &performed(sim).await);
}

/// Waits until all that the role allows was done.
pub async fn performs_all(sim: &Simulator, role: &str) {
    let allowed = lower(&actions(role));
    eventually(DEADLINE, &format!("every action of the role {role}"), async || {
        let seen = performed(sim).await;
        if allowed.is_subset(&lower(&seen)) { Ok(()) } else { Err(format!("{seen:#?}")) }
    })
    .await;
}

/// That all that *act* allows was done, and nothing else.
pub async fn acts(sim: &Simulator) {
    agrees("act", &performed(sim).await);
}

async fn performed(sim: &Simulator) -> BTreeSet<String> {
    let seen = sim.get("actions").await;
    texts(&seen[PRINCIPAL])
}

fn agrees(role: &str, seen: &BTreeSet<String>) {
    if blessing() {
        return bless(role, seen);
    }
    assert_eq!(
        lower(seen),
        lower(&actions(role)),
        "deploy/azure/{role}.json: left what was done, right what it allows"
    );
}

/// Paths are spelled in any casing; an action is one whatever its casing.
fn lower(actions: &BTreeSet<String>) -> BTreeSet<String> {
    actions.iter().map(|action| action.to_lowercase()).collect()
}

fn actions(role: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(format!("{FOLDER}/{role}.json")).unwrap();
    let role: Value = serde_json::from_str(&text).unwrap();
    assert!(role["NotActions"] == json!([]) && role["DataActions"] == json!([]), "{role:#}");
    texts(&role["Actions"])
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

fn blessing() -> bool {
    std::env::var_os("BLESS").is_some()
}

fn bless(role: &str, seen: &BTreeSet<String>) {
    if role == "act" {
        let (read, call) = seen.iter().cloned().partition(|action| reads(action));
        bless("read", &read);
        bless("call", &call);
    }
    let description = match role {
        "observe" => "Reads a Recovery Services vault for asr-operator: enough for RecoveryVaults and ReplicatedVms.",
        "read" => {
            "Reads all that asr-operator needs to decide about a call: for identity of a RecoveryVault whose actIdentity acts."
        }
        "call" => {
            "Performs failover, change of the recovery point, commit and reprotect for asr-operator, and reads nothing: for actIdentity of a RecoveryVault."
        }
        _ => {
            "Reads a Recovery Services vault and performs failover, change of the recovery point, commit and reprotect for asr-operator."
        }
    };
    // Azure's own answers spell this one in lower case; a role is read by people.
    let spelled =
        |action: &String| action.replace("microsoft.compute/virtualmachines", "Microsoft.Compute/virtualMachines");
    let seen: BTreeSet<String> = seen.iter().map(spelled).collect();
    let definition = json!({
        "Name": format!("asr-operator {role}"), "IsCustom": true, "Description": description,
        "Actions": seen, "NotActions": [], "DataActions": [], "NotDataActions": [],
        "AssignableScopes": ["/subscriptions/00000000-0000-0000-0000-000000000000"],
    });
    std::fs::write(format!("{FOLDER}/{role}.json"), format!("{definition:#}\n")).unwrap();
}
