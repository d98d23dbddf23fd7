//! Names that decide: the request key, the item key, and the client request id that is derived from them.
//!
//! The recipes here are frozen by golden vectors. A new recipe is a new version, and look-back must then try all.

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Name space of every client request id. One constant for all time: another one would make old calls unrecognisable.
const CLIENT_REQUEST_NAMESPACE: Uuid = Uuid::from_u128(0x5f0c_2f3e_7d4b_5a86_9c1e_a53f_0e8d_41b7);

/// A kind of request, in the order in which requests of one age and priority are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A failover or failback.
    FailoverRequest,
    /// Another recovery point before the commit.
    ChangeRecoveryPointRequest,
    /// Makes a failover final.
    CommitRequest,
    /// Reverses replication.
    ReprotectRequest,
}

impl Kind {
    /// Every request kind.
    pub const ALL: [Kind; 4] =
        [Kind::FailoverRequest, Kind::ChangeRecoveryPointRequest, Kind::CommitRequest, Kind::ReprotectRequest];

    /// The kind as Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailoverRequest => "FailoverRequest",
            Self::ChangeRecoveryPointRequest => "ChangeRecoveryPointRequest",
            Self::CommitRequest => "CommitRequest",
            Self::ReprotectRequest => "ReprotectRequest",
        }
    }

    /// The kind of that spelling, if it is a request kind.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What identifies a request for ever: kind, namespace and name. Not the uid, which a re-created object does not keep.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// Which kind of request.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl RequestKey {
    /// The name of this key's RequestClaim.
    pub fn claim_name(&self) -> String {
        let text = format!("{}/{}/{}", self.kind.as_str(), self.namespace, self.name);
        format!("request-{}", &hex_sha256(text.as_bytes())[..40])
    }

    /// The request in words for somebody in `namespace`: one of another namespace is not named there.
    pub fn told_in(&self, namespace: &str) -> String {
        if self.namespace == namespace {
            return self.to_string();
        }
        format!("a {} of another namespace", self.kind.as_str())
    }
}

impl std::fmt::Display for RequestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind.as_str(), self.namespace, self.name)
    }
}

/// What identifies a protected item for ever: its vault and its name. Not its path, which a reprotect changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    vault: String,
    name: String,
}

impl ItemKey {
    /// The item `name` of the vault with that ARM id; case does not matter to either.
    pub fn new(vault_id: &str, name: &str) -> Self {
        Self { vault: vault_id.to_lowercase(), name: name.to_lowercase() }
    }

    /// The vault's ARM id, lower-cased.
    pub fn vault(&self) -> &str {
        &self.vault
    }

    /// The item's name, lower-cased.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of this item's ItemRecord.
    pub fn record_name(&self) -> String {
        format!("item-{}", &hex_sha256(format!("{}/{}", self.vault, self.name).as_bytes())[..40])
    }
}

/// A mutating step of a request; a request may have more than one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// `unplannedFailover`.
    Failover,
    /// `applyRecoveryPoint`.
    ChangeRecoveryPoint,
    /// `failoverCommit`.
    Commit,
    /// `switchprotection`.
    Reprotect,
}

impl Step {
    /// Every step.
    pub const ALL: [Step; 4] = [Step::Failover, Step::ChangeRecoveryPoint, Step::Commit, Step::Reprotect];

    /// The word used in records, status and the client request id.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "Failover",
            Self::ChangeRecoveryPoint => "ChangeRecoveryPoint",
            Self::Commit => "Commit",
            Self::Reprotect => "Reprotect",
        }
    }

    /// The step of that word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}

/// One attempt at one step of one request: what makes its call recognisable among Azure's jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallId<'a> {
    /// The item acted on.
    pub item: &'a ItemKey,
    /// The request.
    pub key: &'a RequestKey,
    /// `validUntil` as text, exactly as the spec has it.
    pub valid_until: &'a str,
    /// The step.
    pub step: Step,
    /// How many times this step was used before within the request.
    pub ordinal: u32,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl CallId<'_> {
    /// The client request id, version 1 of the recipe.
    pub fn client_request_id(&self) -> String {
        let text = format!(
            "v1|{}|{}|{}|{}/{}|{}|{}|{}|{}",
            self.item.vault,
            self.item.name,
            self.key.kind.as_str(),
            self.key.namespace,
            self.key.name,
            self.valid_until,
            self.step.as_str(),
            self.ordinal,
            self.attempt
        );
        Uuid::new_v5(&CLIENT_REQUEST_NAMESPACE, text.as_bytes()).to_string()
    }
}

/// The most attempts that look-back must recognise for one step.
pub const MAX_ATTEMPTS: u32 = 2;

/// SHA-256 as lower-case hex; the hash of bodies, specs and names.
pub fn hex_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two ARM ids, regions or names are the same to Azure, which ignores case.
pub fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VAULT: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-dr/providers/Microsoft.RecoveryServices/vaults/vault-dr";

    fn key() -> RequestKey {
        RequestKey { kind: Kind::FailoverRequest, namespace: "demo".into(), name: "app01-out".into() }
    }

    fn id(step: Step, ordinal: u32, attempt: u32) -> String {
        let item = ItemKey::new(VAULT, "App01-Item");
        let key = key();
        CallId { item: &item, key: &key, valid_until: "2026-06-01T10:00:00Z", step, ordinal, attempt }
            .client_request_id()
    }

    #[test]
    fn client_request_id_recipe_is_frozen() {
        assert_eq!(id(Step::Failover, 0, 1), "d3862b8d-15e4-50e5-986b-8a1be0c813eb");
        assert_eq!(id(Step::Commit, 0, 1), "c4140b39-1c63-5bc8-858f-a26612566303");
        assert_eq!(id(Step::Failover, 0, 2), "2512e75f-be78-5ad0-8469-1a23e0aac7ba");
    }

    #[test]
    fn object_names_are_frozen() {
        assert_eq!(ItemKey::new(VAULT, "App01-Item").record_name(), "item-35838614d74d2fd2cc82d35123d3e1bddb0560d1");
        assert_eq!(key().claim_name(), "request-7f4b217a31a164c2e1e66e6c8c5b1a7561f20498");
    }

    #[test]
    fn case_of_vault_and_item_makes_no_other_record() {
        let upper = ItemKey::new(&VAULT.to_uppercase(), "APP01-ITEM");
        assert_eq!(upper.record_name(), ItemKey::new(VAULT, "app01-item").record_name());
    }
}
