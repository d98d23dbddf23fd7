//! The seed: a YAML file that says what the simulated world holds at the start.
//!
//! Every field has a default, so an empty file is a vault with two protected VMs. Parsing only; `world` builds from it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::fate::Fate;
use super::recipe::RecipeSpec;
use super::settings::{Behaviour, RateLimits, Timings};

/// A seed that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The text is not the YAML of a seed.
    #[error("the seed is not valid: {0}; compare it with deploy/demo/seed.yaml")]
    Invalid(String),
    /// The key of the trusted cluster cannot be read.
    #[error("federation.publicKey is not the PEM of a public key on the curve P-256")]
    FederationKey,
    /// An item names a recipe that does not exist.
    #[error(
        "item '{item}': failNext '{recipe}' is not a known recipe; use capacity, quota, nic, policy, stalePoint, egress, lock or spell one out"
    )]
    UnknownRecipe {
        /// The VM of the item.
        item: String,
        /// The name that was not found.
        recipe: String,
    },
}

/// The whole seed.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Seed {
    /// Virtual instant at which the world starts; `Date` answers it.
    pub date: Timestamp,
    /// Entra ID tenant that issues tokens.
    pub tenant: String,
    /// Subscription of everything that does not name another.
    pub subscription: String,
    /// Who may ask for tokens, and what they may do.
    pub principals: Vec<PrincipalSeed>,
    /// The cluster whose ServiceAccounts are trusted; without one, who signed a token is not looked at.
    pub federation: Option<FederationSeed>,
    /// The vaults.
    pub vaults: Vec<VaultSeed>,
    /// How the service answers.
    pub behaviour: Behaviour,
    /// How long its work takes.
    pub timings: Timings,
    /// How much it lets through.
    pub rate_limits: RateLimits,
}

impl Seed {
    /// Reads a seed from YAML.
    ///
    /// # Errors
    /// [`SeedError::Invalid`] when the text is no seed.
    pub fn from_yaml(text: &str) -> Result<Self, SeedError> {
        serde_yaml::from_str(text).map_err(|error| SeedError::Invalid(error.to_string()))
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self {
            date: Timestamp::constant(1_780_300_800, 0),
            tenant: "11111111-1111-1111-1111-111111111111".to_owned(),
            subscription: "00000000-0000-0000-0000-000000000001".to_owned(),
            principals: vec![PrincipalSeed::default()],
            federation: None,
            vaults: vec![VaultSeed::default()],
            behaviour: Behaviour::default(),
            timings: Timings::default(),
            rate_limits: RateLimits::default(),
        }
    }
}

/// A cluster that Entra ID trusts, as by its OpenID configuration.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederationSeed {
    /// Who its tokens say that they are from.
    pub issuer: String,
    /// Its public key on the curve P-256, as PEM: what the API server signs the tokens of ServiceAccounts with.
    pub public_key: String,
}

/// What a principal may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Nothing.
    None,
    /// Everything that ends in `/read`.
    Reader,
    /// Everything.
    Operator,
}

/// An application in Entra ID and its rights in ARM. Holds secrets, so it has no `Debug`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PrincipalSeed {
    /// Name in the ledger.
    pub name: String,
    /// Application id.
    pub client_id: String,
    /// Client secret; none refuses that grant.
    pub client_secret: Option<String>,
    /// Subjects of federated credentials, such as `system:serviceaccount:demo:asr`.
    pub federated_subjects: Vec<String>,
    /// One more subject, for seeds that have only one.
    pub federated_subject: Option<String>,
    /// Whether it is the identity of the machine itself, which needs no proof.
    pub managed_identity: bool,
    /// Rights.
    pub role: Role,
    /// Further ARM actions, `*` matching any text.
    pub allowed_actions: Vec<String>,
    /// ARM ids below which the rights hold; none is everywhere.
    pub scopes: Vec<String>,
}

impl Default for PrincipalSeed {
    fn default() -> Self {
        Self {
            name: "operator".to_owned(),
            client_id: "22222222-2222-2222-2222-222222222222".to_owned(),
            client_secret: None,
            federated_subjects: vec!["system:serviceaccount:demo:asr".to_owned()],
            federated_subject: None,
            managed_identity: false,
            role: Role::Operator,
            allowed_actions: Vec::new(),
            scopes: Vec::new(),
        }
    }
}

/// One Recovery Services vault with its two fabrics and its items.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VaultSeed {
    /// Name.
    pub name: String,
    /// Resource group.
    pub resource_group: String,
    /// Subscription; none is the seed's.
    pub subscription: Option<String>,
    /// Region where the items run at first.
    pub primary_region: String,
    /// Region they fail over to.
    pub recovery_region: String,
    /// Replication policy.
    pub policy: PolicySeed,
    /// Replicated items.
    pub items: Vec<ItemSeed>,
}

impl Default for VaultSeed {
    fn default() -> Self {
        let item = |vm: &str, address: &str| ItemSeed {
            vm_name: vm.to_owned(),
            address: address.to_owned(),
            ..ItemSeed::default()
        };
        Self {
            name: "vault-dr".to_owned(),
            resource_group: "rg-dr".to_owned(),
            subscription: None,
            primary_region: "westeurope".to_owned(),
            recovery_region: "northeurope".to_owned(),
            policy: PolicySeed::default(),
            items: vec![item("app01", "10.1.0.4"), item("db01", "10.1.0.5")],
        }
    }
}

/// The replication policy of a vault.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicySeed {
    /// Name.
    pub name: String,
    /// Minutes that recovery points are kept.
    pub history_minutes: u32,
    /// Minutes between application-consistent points; 0 is off.
    pub app_consistent_minutes: u32,
}

impl Default for PolicySeed {
    fn default() -> Self {
        Self { name: "24-hour-retention-policy".to_owned(), history_minutes: 1440, app_consistent_minutes: 60 }
    }
}

/// Where an item stands when the world starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SeedState {
    /// Protected.
    Protected,
    /// Initial replication began just now.
    Copying,
    /// Failed over, not committed.
    CommitPending,
    /// Failed over and committed.
    Committed,
    /// A failover failed.
    FailoverFailed,
}

/// One replicated VM.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ItemSeed {
    /// Name of the protected item; none makes one as the portal does (43 characters of base64url).
    pub name: Option<String>,
    /// Name of the VM.
    pub vm_name: String,
    /// Name of the VM in the recovery region; none is the same.
    pub recovery_vm_name: Option<String>,
    /// Resource group of the VM.
    pub resource_group: String,
    /// Resource group it fails over to.
    pub recovery_resource_group: String,
    /// VM size.
    pub vm_size: String,
    /// `Windows` or `Linux`.
    pub os_type: String,
    /// How many data disks it has beside the OS disk.
    pub data_disks: usize,
    /// Private address of the VM; the recovered one keeps it.
    pub address: String,
    /// Availability zone of the source, for zone to zone items.
    pub primary_zone: Option<String>,
    /// Availability zone of the target.
    pub recovery_zone: Option<String>,
    /// Where it stands.
    pub state: SeedState,
    /// Replication was reversed once: it runs from the recovery region back.
    pub reversed: bool,
    /// Virtual instant since when it has been Protected; none is 30 days before the start.
    pub protected_since: Option<Timestamp>,
    /// Virtual instant of the last successful test failover.
    pub last_test_failover: Option<Timestamp>,
    /// What can be changed later through the control interface.
    #[serde(flatten)]
    pub flags: Flags,
}

impl Default for ItemSeed {
    fn default() -> Self {
        Self {
            name: None,
            vm_name: "app01".to_owned(),
            recovery_vm_name: None,
            resource_group: "rg-app".to_owned(),
            recovery_resource_group: "rg-app-dr".to_owned(),
            vm_size: "Standard_D2s_v5".to_owned(),
            os_type: "Linux".to_owned(),
            data_disks: 0,
            address: "10.1.0.4".to_owned(),
            primary_zone: None,
            recovery_zone: None,
            state: SeedState::Protected,
            reversed: false,
            protected_since: None,
            last_test_failover: None,
            flags: Flags::default(),
        }
    }
}

/// Properties of an item that the control interface can change.
#[derive(Debug, Clone, serde::Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flags {
    /// The source VM will not shut down.
    pub source_shutdown_fails: bool,
    /// The next job fails this way.
    pub fail_next: Option<RecipeSpec>,
    /// What becomes of the next job.
    pub fate_next: Option<Fate>,
    /// The recovered VM gets another private address than declared.
    pub ip_drift: bool,
    /// Seconds that `rpoInSeconds` shows; also how old the data of a failover to Latest is.
    pub rpo_seconds: u32,
    /// Name of a multi-VM group that a user made; none is a group of its own.
    pub multi_vm_group_name: Option<String>,
    /// ARM id of the shared-disk cluster it belongs to.
    pub protection_cluster_id: Option<String>,
    /// Further health errors, as on the wire; missing fields are filled in.
    pub health_errors: Vec<Map<String, Value>>,
    /// Merged into `properties` of every answer about the item (JSON merge patch): odd worlds for tests.
    pub overrides: Value,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            source_shutdown_fails: false,
            fail_next: None,
            fate_next: None,
            ip_drift: false,
            rpo_seconds: 46,
            multi_vm_group_name: None,
            protection_cluster_id: None,
            health_errors: Vec::new(),
            overrides: Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_seed_is_a_vault_with_two_protected_vms() {
        let seed = Seed::from_yaml("{}").unwrap();
        assert_eq!(seed.date.to_string(), "2026-06-01T08:00:00Z");
        let vms: Vec<_> = seed.vaults[0].items.iter().map(|i| i.vm_name.as_str()).collect();
        assert_eq!(vms, ["app01", "db01"]);
    }

    #[test]
    fn the_demo_seed_is_valid() {
        let seed = Seed::from_yaml(include_str!("../../deploy/demo/seed.yaml"));
        let seed = seed.map_err(|error| error.to_string()).unwrap();
        assert_eq!(seed.vaults[0].name, "vault-dr");
        assert!(seed.principals[0].client_secret.is_some());
    }

    #[test]
    fn a_misspelt_field_is_an_error_that_says_where_to_look() {
        let error = Seed::from_yaml("tenantt: x").err().unwrap().to_string();
        assert!(error.contains("tenantt") && error.contains("seed.yaml"), "{error}");
        assert!(Seed::from_yaml("vaults: [{items: [{vmNam: x}]}]").is_err());
    }
}
