//! ARM ids, parsed once: vault, protected item, job. Nothing here talks to anything.
//!
//! Ids in answers begin `/Subscriptions/` and foreign ids are often lower-cased (recorded: cli-A2A_scenarios), so
//! keywords are read without regard to case, and two ids are the same when their lower-cased texts are.

use std::fmt;

use serde::Deserialize;

const VAULT_SHAPE: [&str; 8] =
    ["subscriptions", "*", "resourceGroups", "*", "providers", "Microsoft.RecoveryServices", "vaults", "*"];
const FABRIC: &str = "replicationFabrics";
const CONTAINER: &str = "replicationProtectionContainers";
const ITEM: &str = "replicationProtectedItems";

/// A text that is not the id it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} is not valid: {why}")]
pub struct InvalidId {
    what: &'static str,
    value: String,
    why: String,
}

impl InvalidId {
    pub(crate) fn new(what: &'static str, value: &str, why: impl Into<String>) -> Self {
        let value = super::redact::redact(value);
        Self { what, value, why: why.into() }
    }
}

/// A Recovery Services vault. Equality is exact; use [`VaultId::lower`] as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct VaultId {
    subscription: String,
    resource_group: String,
    name: String,
}

impl VaultId {
    /// A vault by its parts. The subscription is a GUID, the group at most 90 characters and the vault at most 50
    /// (ARM's naming rules).
    ///
    /// # Errors
    /// When a part is empty, too long, or could change the path it is put into.
    pub fn new(subscription: &str, resource_group: &str, name: &str) -> Result<Self, InvalidId> {
        if !is_guid(subscription) {
            return Err(InvalidId::new("subscription", subscription, "it is not a GUID"));
        }
        check_segment("resource group", resource_group, 90)?;
        check_segment("vault name", name, 50)?;
        Ok(Self {
            subscription: subscription.to_owned(),
            resource_group: resource_group.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Reads `/subscriptions/{guid}/resourceGroups/{rg}/providers/Microsoft.RecoveryServices/vaults/{name}`.
    ///
    /// # Errors
    /// When the text has another shape or a part that [`VaultId::new`] refuses.
    pub fn parse(id: &str) -> Result<Self, InvalidId> {
        match captures(id, &VAULT_SHAPE).as_deref() {
            Some([subscription, group, name]) => Self::new(subscription, group, name),
            _ => Err(InvalidId::new("vault id", id, "it is not the ARM id of a vault")),
        }
    }

    /// The subscription's GUID, as it was given.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// The resource group's name, as it was given.
    pub fn resource_group(&self) -> &str {
        &self.resource_group
    }

    /// The vault's name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole id in lower case: the key by which two spellings of one vault are equal.
    pub fn lower(&self) -> String {
        self.to_string().to_lowercase()
    }
}

impl fmt::Display for VaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, name } = self;
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/Microsoft.RecoveryServices/vaults/{name}"
        )
    }
}

impl TryFrom<String> for VaultId {
    type Error = InvalidId;

    fn try_from(id: String) -> Result<Self, InvalidId> {
        Self::parse(&id)
    }
}

/// Where one protected item is found: it moves to another fabric and container when it is reprotected, and keeps its
/// name (recorded: cli-A2A_scenarios seq 93 to 111).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ItemPath {
    vault: VaultId,
    fabric: String,
    container: String,
    name: String,
}

impl ItemPath {
    /// A path by its parts.
    ///
    /// # Errors
    /// When a part is empty, longer than 150 characters, or could change the path it is put into.
    pub fn new(vault: VaultId, fabric: &str, container: &str, name: &str) -> Result<Self, InvalidId> {
        check_segment("fabric", fabric, 150)?;
        check_segment("protection container", container, 150)?;
        check_segment("protected item", name, 150)?;
        Ok(Self { vault, fabric: fabric.to_owned(), container: container.to_owned(), name: name.to_owned() })
    }

    /// Reads the ARM id of a protected item, keywords in any case.
    ///
    /// # Errors
    /// When the text is not the ARM id of a protected item.
    pub fn parse(id: &str) -> Result<Self, InvalidId> {
        let shape = [VAULT_SHAPE.as_slice(), &[FABRIC, "*", CONTAINER, "*", ITEM, "*"]].concat();
        match captures(id, &shape).as_deref() {
            Some([subscription, group, vault, fabric, container, name]) => {
                Self::new(VaultId::new(subscription, group, vault)?, fabric, container, name)
            }
            _ => Err(InvalidId::new("item id", id, "it is not the ARM id of a protected item")),
        }
    }

    /// The vault the item is in.
    pub fn vault(&self) -> &VaultId {
        &self.vault
    }

    /// The fabric's name: one region of the vault.
    pub fn fabric(&self) -> &str {
        &self.fabric
    }

    /// The protection container's name.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// The item's name, the only part of the path that a reprotect keeps.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The container the item is in.
    pub fn container_id(&self) -> String {
        let Self { vault, fabric, container, .. } = self;
        format!("{vault}/{FABRIC}/{fabric}/{CONTAINER}/{container}")
    }

    /// The list the item is a member of.
    pub fn collection(&self) -> String {
        format!("{}/{ITEM}", self.container_id())
    }

    /// The whole id in lower case: the key by which two spellings of one path are equal.
    pub fn lower(&self) -> String {
        self.to_string().to_lowercase()
    }
}

impl fmt::Display for ItemPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection(), self.name)
    }
}

impl TryFrom<String> for ItemPath {
    type Error = InvalidId;

    fn try_from(id: String) -> Result<Self, InvalidId> {
        Self::parse(&id)
    }
}

/// A Site Recovery job: its GUID, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct JobId(String);

impl JobId {
    /// Reads a bare GUID of 36 characters.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(guid: &str) -> Result<Self, InvalidId> {
        if is_guid(guid) {
            Ok(Self(guid.to_ascii_lowercase()))
        } else {
            Err(InvalidId::new("job id", guid, "it is not a GUID"))
        }
    }

    /// The job that a URL or an ARM id ends in: `.../replicationJobs/{guid}`, `.../replicationOperationStatus/{guid}`,
    /// `.../operationresults/{guid}`; a query is left out. `None` where the last segment is no GUID, as in the fake
    /// `replicationJobs/None` of an idle item (recorded: cli-A2A_scenarios seq 73).
    pub fn from_path(path: &str) -> Option<Self> {
        let path = path.split(['?', '#']).next()?;
        Self::parse(path.rsplit('/').next()?).ok()
    }

    /// The GUID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for JobId {
    type Error = InvalidId;

    fn try_from(guid: String) -> Result<Self, InvalidId> {
        Self::parse(&guid)
    }
}

/// Checks that an ARM id is one of `{namespace}/{kind}` in a resource group, and can be used as a request path.
pub(crate) fn check_resource(id: &str, namespace: &str, kind: &'static str) -> Result<(), InvalidId> {
    let shape = ["subscriptions", "*", "resourceGroups", "*", "providers", namespace, kind, "*"];
    match captures(id, &shape).as_deref() {
        Some([subscription, group, name]) if is_guid(subscription) => {
            check_segment("resource group", group, 90)?;
            check_segment(kind, name, 260)
        }
        _ => Err(InvalidId::new(kind, id, format!("it is not an ARM id of {namespace}/{kind}"))),
    }
}

/// Checks that an ARM id is a resource group's, and can be used as a request path.
pub(crate) fn check_resource_group(id: &str) -> Result<(), InvalidId> {
    match captures(id, &["subscriptions", "*", "resourceGroups", "*"]).as_deref() {
        Some([subscription, group]) if is_guid(subscription) => check_segment("resource group", group, 90),
        _ => Err(InvalidId::new("resource group", id, "it is not an ARM id of a resource group")),
    }
}

/// Checks that an ARM id is a subnet's, and can be used as a request path.
pub(crate) fn check_subnet(id: &str) -> Result<(), InvalidId> {
    let network = id.rsplitn(3, '/').nth(2).unwrap_or_default();
    let below = id.get(network.len()..).unwrap_or_default();
    check_resource(network, "Microsoft.Network", "virtualNetworks")?;
    match captures(below, &["subnets", "*"]).as_deref() {
        Some([name]) => check_segment("subnet", name, 80),
        _ => Err(InvalidId::new("subnet", id, "it is not an ARM id of a subnet")),
    }
}

/// Checks that an ARM id is a protection container's, and can be used as a request path.
pub(crate) fn check_container(id: &str) -> Result<(), InvalidId> {
    ItemPath::parse(&format!("{id}/{ITEM}/any")).map(|_| ())
}

pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A path segment that stays one: nothing that a URL parser would split, resolve, decode or drop.
pub(crate) fn check_segment(what: &'static str, value: &str, longest: usize) -> Result<(), InvalidId> {
    let why = if value.trim().is_empty() {
        "it is empty".to_owned()
    } else if value.chars().count() > longest {
        format!("it is longer than {longest} characters")
    } else if value == "." || value == ".." {
        "it names another folder".to_owned()
    } else if value.contains(['/', '\\', '?', '#', '%']) || value.contains(char::is_control) {
        "it contains a character that a path segment cannot hold".to_owned()
    } else {
        return Ok(());
    };
    Err(InvalidId::new(what, value, why))
}

fn captures<'a>(id: &'a str, shape: &[&str]) -> Option<Vec<&'a str>> {
    let segments: Vec<&str> = id.strip_prefix('/')?.split('/').collect();
    if segments.len() != shape.len() {
        return None;
    }
    let mut found = Vec::new();
    for (segment, expected) in segments.into_iter().zip(shape) {
        if *expected == "*" {
            found.push(segment);
        } else if !segment.eq_ignore_ascii_case(expected) {
            return None;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests;
