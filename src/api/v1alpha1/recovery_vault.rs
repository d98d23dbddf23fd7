//! RecoveryVault: a Recovery Services vault, and the identity that this namespace may act on it with.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;
use super::schema::{GoDuration, Guid, ObjectName, SecretKey, Segment, Text};
use super::shared::Step;

/// A vault and who may act on it. Which vault it is cannot be edited; how to reach it can.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "asr-operator.io",
    version = "v1alpha1",
    kind = "RecoveryVault",
    namespaced,
    shortname = "rv",
    category = "asr",
    status = "RecoveryVaultStatus",
    derive = "PartialEq",
    doc = "A Recovery Services vault and the identity that may act on it, for this namespace only. It is read, never changed; deleting this object changes nothing in Azure.",
    printcolumn(name = "Vault", type_ = "string", json_path = ".spec.name"),
    printcolumn(name = "Items", type_ = "integer", json_path = ".status.protectedItems"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Location", type_ = "string", json_path = ".status.location", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("self.subscriptionId.lowerAscii() == oldSelf.subscriptionId.lowerAscii()")
        .message("subscriptionId cannot be changed: create another RecoveryVault"),
    validation = Rule::new("self.resourceGroup.lowerAscii() == oldSelf.resourceGroup.lowerAscii()")
        .message("resourceGroup cannot be changed: create another RecoveryVault"),
    validation = Rule::new("self.name.lowerAscii() == oldSelf.name.lowerAscii()")
        .message("name cannot be changed: create another RecoveryVault")
)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryVaultSpec {
    /// The vault's subscription, a GUID. Cannot be changed.
    #[schemars(with = "Guid")]
    pub subscription_id: String,
    /// The vault's resource group. Cannot be changed.
    #[schemars(with = "Segment<90>")]
    pub resource_group: String,
    /// The vault's name in Azure. Cannot be changed.
    #[schemars(with = "Segment<50>")]
    pub name: String,
    /// Who the operator is in Azure when it works for this namespace: it reads with this identity, and acts with it too
    /// unless actIdentity is given.
    pub identity: Identity,
    /// An identity of its own to act with: each call that changes something in Azure is made with this one and with no other,
    /// and identity only reads. While it has no token this object is Stalled with Entra ID's own code (AADSTS...), requests
    /// wait, nothing is sent, and the vault is observed all the same. Default: identity acts too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act_identity: Option<Identity>,
    /// true: the vault is observed and nothing is ever sent to it. Requests wait with the reason ReadOnly until this is
    /// false or their validUntil passes; what was called before is followed to its end. No credential to act is looked at.
    /// Default: false.
    #[serde(default)]
    pub read_only: bool,
    /// How often Azure is asked. The defaults suit most vaults.
    #[serde(default)]
    pub poll: Poll,
    /// true: Azure is not asked about this vault and no request on it begins anything. What runs in Azure goes on.
    /// Default: false.
    #[serde(default)]
    pub suspend: bool,
}

/// An identity in Entra ID. To read and to act it needs the actions of deploy/azure/act.json, or the role Site Recovery
/// Operator and the rights on both sides that a failover needs. Where actIdentity acts, identity needs the actions that end in
/// /read, and actIdentity the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.type == 'ManagedIdentity' || (has(self.tenantId) && has(self.clientId))")
        .message("tenantId and clientId are required for WorkloadIdentity and ServicePrincipal"),
    validation = Rule::new("(self.type == 'WorkloadIdentity') == has(self.serviceAccountName)")
        .message("serviceAccountName is required for WorkloadIdentity, and only for it"),
    validation = Rule::new("(self.type == 'ServicePrincipal') == has(self.secretRef)")
        .message("secretRef is required for ServicePrincipal, and only for it")
)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// WorkloadIdentity: a ServiceAccount of this namespace that is federated with an application in Entra ID; no
    /// secret anywhere, the one to choose. ServicePrincipal: an application with a client secret. ManagedIdentity:
    /// the identity of the operator's own pod, only in namespaces that the installer has allowed.
    #[serde(rename = "type")]
    pub identity_type: IdentityType,
    /// The Entra ID tenant, a GUID. Required but for ManagedIdentity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Guid>")]
    pub tenant_id: Option<String>,
    /// The application's client id, a GUID. Required but for ManagedIdentity, where it chooses a user-assigned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Guid>")]
    pub client_id: Option<String>,
    /// WorkloadIdentity: the ServiceAccount, in this namespace. In Entra ID the application needs a federated
    /// credential with subject `system:serviceaccount:NAMESPACE:NAME` and audience `api://AzureADTokenExchange`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ObjectName>")]
    pub service_account_name: Option<String>,
    /// ServicePrincipal: the Secret, in this namespace, that holds the client secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret, in this namespace.
    #[schemars(with = "ObjectName")]
    pub name: String,
    /// The key of its data that holds the client secret. Default: clientSecret.
    #[serde(default = "client_secret")]
    #[schemars(with = "SecretKey")]
    pub key: String,
}

/// Where the operator's token for Azure comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum IdentityType {
    /// A token of a ServiceAccount, exchanged at Entra ID.
    WorkloadIdentity,
    /// A client secret.
    ServicePrincipal,
    /// The identity of the operator's own pod.
    ManagedIdentity,
}

/// How often Azure is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    /// Time between two lists of the vault's protected items, 30s or more. Default: 60s.
    #[serde(default = "sixty_seconds")]
    #[schemars(with = "GoDuration<30>")]
    pub idle: String,
    /// Time between two lists of its jobs while something runs, 5s or more. Default: 10s.
    #[serde(default = "ten_seconds")]
    #[schemars(with = "GoDuration<5>")]
    pub active: String,
}

impl Default for Poll {
    fn default() -> Self {
        Self { idle: sixty_seconds(), active: ten_seconds() }
    }
}

/// What the operator knows of the vault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryVaultStatus {
    /// The generation of the spec that this status speaks of. -1: the operator has not seen the object yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// ARM id of the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<1024>>")]
    pub vault_id: Option<String>,
    /// The vault's region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub location: Option<String>,
    /// Number of Azure-to-Azure protected items that this identity sees in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub protected_items: Option<i32>,
    /// Whether Azure's jobs carry the id of the call that started them, per step. Only where that is Confirmed may a
    /// call that was proven never to have arrived be made a second time. Losing this makes the operator more careful.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["step".into()]))]
    pub adoption: Vec<Adoption>,
    /// Ready: the vault answers and is being followed; reason ReadOnly where nothing is sent to it. Reconciling: the first
    /// answer is awaited, or it is suspended. Stalled: somebody has to mend what the message names; nothing is begun meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<super::condition::ConditionSchema>", length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Whether the jobs of one step carry our call's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// The step.
    pub step: Step,
    /// Confirmed: the last job that was compared carried it. Contradicted: one did not. Unknown: none was compared.
    pub state: AdoptionState,
}

/// What the comparison of a job with its call said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AdoptionState {
    /// The job carried the call's id.
    Confirmed,
    /// A job did not carry the id of the call that started it.
    Contradicted,
    /// No job was compared yet.
    #[default]
    Unknown,
}

fn client_secret() -> String {
    "clientSecret".to_owned()
}

fn sixty_seconds() -> String {
    "60s".to_owned()
}

fn ten_seconds() -> String {
    "10s".to_owned()
}
