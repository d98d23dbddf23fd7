//! The manifests of a simulated world: what people apply, and what the simulated Azure holds at the start.

use serde_json::{Value, json};

use super::{NAMESPACE, Setup};

const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-000000000001";

/// Until when every request is valid.
pub const VALID_UNTIL: &str = "2026-06-04T08:00:00Z";

/// A verb as a request asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Failover, to be committed by another request.
    Failover,
    /// Failover with its commit.
    FailoverAndCommit,
    /// Another point.
    ChangePoint,
    /// Commit.
    Commit,
    /// Reprotect.
    Reprotect,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Failover, Self::FailoverAndCommit, Self::ChangePoint, Self::Commit, Self::Reprotect];

    /// The resource of its requests.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Failover | Self::FailoverAndCommit => "failoverrequests",
            Self::ChangePoint => "changerecoverypointrequests",
            Self::Commit => "commitrequests",
            Self::Reprotect => "reprotectrequests",
        }
    }

    /// The kind of its requests.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Failover | Self::FailoverAndCommit => "FailoverRequest",
            Self::ChangePoint => "ChangeRecoveryPointRequest",
            Self::Commit => "CommitRequest",
            Self::Reprotect => "ReprotectRequest",
        }
    }

    /// In which state of its item it can be carried out, as the simulator's seed names it.
    pub const fn starting_state(self) -> &'static str {
        match self {
            Self::Failover | Self::FailoverAndCommit => "Protected",
            Self::ChangePoint | Self::Commit => "CommitPending",
            Self::Reprotect => "Committed",
        }
    }

    /// Its steps, as the ids of its calls spell them.
    pub const fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Failover => &["Failover"],
            Self::FailoverAndCommit => &["Failover", "Commit"],
            Self::ChangePoint => &["ChangeRecoveryPoint"],
            Self::Commit => &["Commit"],
            Self::Reprotect => &["Reprotect"],
        }
    }

    /// The calls of Azure that one such request makes, each once.
    pub const fn operations(self) -> &'static [&'static str] {
        match self {
            Self::Failover => &["unplannedFailover"],
            Self::FailoverAndCommit => &["unplannedFailover", "failoverCommit"],
            Self::ChangePoint => &["applyRecoveryPoint"],
            Self::Commit => &["failoverCommit"],
            Self::Reprotect => &["switchprotection"],
        }
    }
}

/// The `number`-th item of the vault.
pub fn item(number: usize, state: &str) -> String {
    format!(
        "{{vmName: vm{number}, name: item-{number}, address: 10.1.{}.{}, state: {state}}}",
        number / 200,
        number % 200 + 4
    )
}

/// The seed of the simulated Azure. Mostly it takes a second verb while one runs, the worst service that one can imagine:
/// what keeps a call from being made twice is the operator alone.
pub fn seed(setup: &Setup) -> String {
    let items: Vec<String> = setup.items.iter().map(|item| format!("      - {item}\n")).collect();
    let Setup { job_seconds: seconds, copy_seconds: copy, job_list_lag: lag, takes_a_second: takes, .. } = setup;
    let many = "{capacity: 100000, refillPerSecond: 1000}";
    format!(
        "principals:
  - {{name: operator, clientSecret: simulated, role: operator}}
rateLimits: {{reads: {many}, writes: {many}, deletes: {many}}}
behaviour: {{acceptConcurrent: {takes}, jobListLagSeconds: {lag}, tokenLifetimeSeconds: 86400}}
timings: {{failoverSeconds: {seconds}, commitSeconds: {seconds}, changePointSeconds: {seconds}, reprotectSeconds: {seconds}, reverseCopySeconds: {copy}, firstPointSeconds: 60}}
vaults:
  - name: vault-dr
    policy: {{historyMinutes: 120, appConsistentMinutes: 30}}
    items:
{}",
        items.concat()
    )
}

/// The vault.
pub fn vault() -> Value {
    json!({
        "metadata": {"name": "vault-dr", "namespace": NAMESPACE},
        "spec": {
            "subscriptionId": "00000000-0000-0000-0000-000000000001",
            "resourceGroup": "rg-dr",
            "name": "vault-dr",
            "identity": {
                "type": "WorkloadIdentity",
                "tenantId": "11111111-1111-1111-1111-111111111111",
                "clientId": "22222222-2222-2222-2222-222222222222",
                "serviceAccountName": "asr",
            },
            "poll": {"idle": "60s", "active": "10s"},
        },
    })
}

/// The VM of the `number`-th item.
pub fn vm(number: usize) -> Value {
    let side = |region: &str, group: &str| {
        let group = format!("{SUBSCRIPTION}/resourceGroups/{group}");
        json!({
            "region": region,
            "resourceGroupId": group,
            "cacheStorageAccountId": format!("{SUBSCRIPTION}/resourceGroups/rg-app{}/providers/Microsoft.Storage/storageAccounts/cache{region}", if region == "westeurope" { "" } else { "-dr" }),
            "networkId": format!("{group}/providers/Microsoft.Network/virtualNetworks/{}-vnet", group.rsplit('/').next().unwrap_or_default()),
        })
    };
    json!({
        "metadata": {"name": format!("vm{number}"), "namespace": NAMESPACE},
        "spec": {
            "vaultRef": {"name": "vault-dr"},
            "protectedItemName": format!("item-{number}"),
            "primary": side("westeurope", "rg-app"),
            "recovery": side("northeurope", "rg-app-dr"),
        },
    })
}

/// A request of that name about the `number`-th item.
pub fn request(verb: Verb, name: &str, number: usize) -> Value {
    let mut spec = json!({
        "replicatedVmRef": {"name": format!("vm{number}")},
        "validUntil": VALID_UNTIL,
        "reason": "simulated",
    });
    let more = match verb {
        Verb::Failover => json!({"direction": "PrimaryToRecovery", "recoveryPoint": {"type": "LatestProcessed"}}),
        Verb::FailoverAndCommit => json!({
            "direction": "PrimaryToRecovery",
            "recoveryPoint": {"type": "LatestProcessed"},
            "commitPolicy": "Automatic",
        }),
        // Not the newest one: that is where the failover has put it.
        Verb::ChangePoint => json!({"recoveryPoint": {"type": "LatestAppConsistent"}}),
        Verb::Commit => json!({}),
        Verb::Reprotect => json!({"direction": "RecoveryToPrimary", "acknowledge": ["OldSideIsOverwritten"]}),
    };
    if let (Some(spec), Value::Object(more)) = (spec.as_object_mut(), more) {
        spec.extend(more);
    }
    json!({
        "apiVersion": "asr-operator.io/v1alpha1",
        "kind": verb.kind(),
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    })
}
