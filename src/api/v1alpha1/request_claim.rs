//! RequestClaim: which item a request is for, for good. A ReplicatedVm that comes to mean another machine cannot carry
//! an old request along.
//!
//! Internal, in the operator's namespace, created once and never written again.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::schema::{Name, Sha256, Text};
use super::shared::RequestKey;

/// Which item a request is for.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "asr-operator.io",
    version = "v1alpha1",
    kind = "RequestClaim",
    namespaced,
    shortname = "rclaim",
    derive = "PartialEq",
    doc = "Internal: which protected item a request is for. Do not edit or delete it: it is what keeps a request from acting on another machine.",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.key.kind"),
    printcolumn(name = "In", type_ = "string", json_path = ".spec.key.namespace"),
    printcolumn(name = "Request", type_ = "string", json_path = ".spec.key.name"),
    printcolumn(name = "Item", type_ = "string", json_path = ".spec.itemName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("self == oldSelf").message("a claim is never changed"))]
#[serde(rename_all = "camelCase")]
pub struct RequestClaimSpec {
    /// Which request.
    pub key: RequestKey,
    /// sha256 of its spec, lower-case hex.
    #[schemars(with = "Sha256")]
    pub spec_hash: String,
    /// ARM id of the vault.
    #[schemars(with = "Name<1024>")]
    pub vault_id: String,
    /// Name of the replication protected item.
    #[schemars(with = "Name<260>")]
    pub item_name: String,
    /// Azure's id of the protection when the request was accepted. Absent where Azure did not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub lifecycle_id: Option<String>,
    /// Uid of the ReplicatedVm when the request was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Text<64>>")]
    pub replicated_vm_uid: Option<String>,
    /// Until when the request can begin, as it says it.
    #[schemars(with = "Name<40>")]
    pub valid_until: String,
}
