//! The protected item as Azure shows it, and what it means: which side the VM runs on, and which item is meant.
//!
//! `activeLocation` alone is never a direction: it reads Primary again after a reprotect, with the regions swapped.

use super::Reason;
use super::ids::same;
use super::job::JobId;
use super::point::last_segment;
use jiff::Timestamp;

/// A side as the ReplicatedVm declares it; never "where it runs now".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side declared under `spec.primary`.
    Primary,
    /// The side declared under `spec.recovery`.
    Recovery,
}

impl Side {
    /// The word used in status and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "Primary",
            Self::Recovery => "Recovery",
        }
    }

    /// The other side.
    pub const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Recovery,
            Self::Recovery => Self::Primary,
        }
    }
}

/// A direction between the declared sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Failover.
    PrimaryToRecovery,
    /// Failback.
    RecoveryToPrimary,
}

impl Direction {
    /// Where it starts.
    pub const fn start(self) -> Side {
        match self {
            Self::PrimaryToRecovery => Side::Primary,
            Self::RecoveryToPrimary => Side::Recovery,
        }
    }

    /// Where it ends.
    pub const fn end(self) -> Side {
        self.start().other()
    }

    /// The direction that starts at `side`.
    pub const fn from_side(side: Side) -> Self {
        match side {
            Side::Primary => Self::PrimaryToRecovery,
            Side::Recovery => Self::RecoveryToPrimary,
        }
    }

    /// The word used in specs and status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PrimaryToRecovery => "PrimaryToRecovery",
            Self::RecoveryToPrimary => "RecoveryToPrimary",
        }
    }
}

/// The two declared sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sides {
    /// Region of `spec.primary`.
    pub primary_region: String,
    /// Region of `spec.recovery`.
    pub recovery_region: String,
}

/// `activeLocation`, which is relative to the item's present primary and recovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Active {
    /// At the item's present primary fabric.
    Primary,
    /// At the item's present recovery fabric: failed over, committed or not.
    Recovery,
    /// A word this program does not know.
    Other,
}

/// `currentScenario`: what runs on the item. A drill that waits for its cleanup keeps its finished job here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The scenario's name, such as `UnplannedFailover`.
    pub name: String,
    /// Its job, when it names a real one.
    pub job: Option<JobId>,
}

/// One line of an item's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthError {
    /// Azure's code.
    pub code: String,
    /// Error or Warning.
    pub level: String,
    /// Azure's category, such as Replication.
    pub category: String,
    /// Azure's words.
    pub message: String,
    /// Azure's advice.
    pub recommended_action: String,
}

/// A protected item, decoded; only what decisions and people need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// ARM id: changes with a reprotect.
    pub id: String,
    /// Name: kept for life.
    pub name: String,
    /// The VM's name; empty where Azure does not give it, and then whose a job is cannot be told.
    pub friendly_name: String,
    /// The VM that is being replicated, an ARM id.
    pub source_vm_id: String,
    /// The VM that a failover made, an ARM id.
    pub recovered_vm_id: Option<String>,
    /// Resource group where a failover puts the VM, an ARM id.
    pub recovery_resource_group_id: Option<String>,
    /// Name that a failover gives the VM.
    pub recovery_vm_name: Option<String>,
    /// Where the VM runs, relative to the present direction; `None` when absent.
    pub active: Option<Active>,
    /// Region of the present primary fabric.
    pub primary_region: String,
    /// Region of the present recovery fabric.
    pub recovery_region: String,
    /// Region of the primary fabric when replication was enabled.
    pub initial_primary_region: String,
    /// Region of the recovery fabric when replication was enabled.
    pub initial_recovery_region: String,
    /// What Azure would accept now.
    pub allowed: Vec<String>,
    /// What runs; `None` when nothing does.
    pub scenario: Option<Scenario>,
    /// `protectionState`.
    pub protection_state: String,
    /// `protectionStateDescription`.
    pub protection_description: String,
    /// `replicationHealth`.
    pub replication_health: String,
    /// `failoverHealth`.
    pub failover_health: String,
    /// Health in detail.
    pub health_errors: Vec<HealthError>,
    /// Name (last segment) of the point used by the last failover.
    pub failover_point: Option<String>,
    /// `testFailoverState`.
    pub test_failover_state: String,
    /// Start of the last successful failover's job.
    pub last_failover: Option<Timestamp>,
    /// Start of the last successful drill's job.
    pub last_test_failover: Option<Timestamp>,
    /// The life cycle of the replication; unknown while it is being set up.
    pub lifecycle_id: Option<String>,
    /// Name of the user-made multi-VM group it belongs to.
    pub group: Option<String>,
    /// Id of the shared-disk cluster it belongs to.
    pub cluster: Option<String>,
    /// Replication lag in seconds when last measured.
    pub rpo_seconds: Option<u64>,
    /// When it was measured.
    pub rpo_at: Option<Timestamp>,
    /// Size wanted for the recovered VM.
    pub recovery_vm_size: Option<String>,
    /// Container that it replicates to, an ARM id.
    pub recovery_container_id: Option<String>,
    /// Display name of the region that it replicates from.
    pub primary_fabric: Option<String>,
    /// Cache account of its disks, an ARM id.
    pub cache_account_id: Option<String>,
    /// How many disks of the VM are not replicated.
    pub unprotected_disks: usize,
    /// When the agent in the VM, or its certificate, expires, whichever comes first.
    pub agent_expires: Option<Timestamp>,
}

impl Item {
    /// Whether Azure offers the operation now.
    pub fn allows(&self, operation: &str) -> bool {
        self.allowed.iter().any(|o| same(o, operation))
    }

    /// Whether Azure would take a failover now. The call goes from the item's present primary to its present recovery, so
    /// that it is in nobody's direction while the VM runs at the latter.
    pub fn may_fail_over(&self) -> bool {
        self.active == Some(Active::Primary) && self.allows("UnplannedFailover")
    }

    /// Whether a failover waits for its commit: failed over, and Azure offers Commit.
    pub fn pending_commit(&self) -> bool {
        self.active == Some(Active::Recovery) && self.allows("Commit")
    }

    /// Whether the failover is final and replication not yet reversed.
    pub fn committed(&self) -> bool {
        self.active == Some(Active::Recovery) && !self.allows("Commit") && self.allows("SwitchProtection")
    }

    /// Whether the VM runs from this recovery point. Only the last segment of a point's id is the same everywhere.
    pub fn stands_at(&self, point: &str) -> bool {
        self.failover_point.as_deref().is_some_and(|at| same(last_segment(at), last_segment(point)))
    }

    /// Whether the item only fails over together with others, and with whom.
    pub fn group_member(&self) -> Option<String> {
        let group = self.group.as_ref().map(|g| format!("multi-VM group {g}"));
        group.or_else(|| self.cluster.as_ref().map(|c| format!("shared-disk cluster {c}")))
    }

    /// The region the VM runs in; `None` when Azure does not say.
    pub fn active_region(&self) -> Option<&str> {
        match self.active? {
            Active::Primary => Some(&self.primary_region),
            Active::Recovery => Some(&self.recovery_region),
            Active::Other => None,
        }
    }
}

/// Why an observation cannot be used: a reason, and words that say the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The word.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
}

impl Obstacle {
    /// An obstacle from its two parts.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// A region in one spelling: Azure writes `westeurope`, `West Europe` and `WestEurope` for the same place.
pub fn region(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// The declared side on which the VM of `item` runs.
///
/// # Errors
/// `SidesDisagree` when the item's regions are not the declared ones, or replication was first enabled from the other side,
/// or both sides are one region; `Pending` when Azure gives no usable active location.
pub fn active_side(item: &Item, sides: &Sides) -> Result<Side, Obstacle> {
    let (p, r) = (region(&sides.primary_region), region(&sides.recovery_region));
    let disagree = |what: String| {
        Err(Obstacle::new(
            Reason::SidesDisagree,
            format!(
                "{what}. This ReplicatedVm declares primary {p} and recovery {r}. Create a new ReplicatedVm that declares the sides as Azure has them; no verb is carried out until then."
            ),
        ))
    };
    if p == r {
        return disagree("Both declared sides are one region, which leaves the side ambiguous".into());
    }
    let (ip, ir) = (region(&item.initial_primary_region), region(&item.initial_recovery_region));
    if !ip.is_empty() && !ir.is_empty() && (ip.as_str(), ir.as_str()) != (p.as_str(), r.as_str()) {
        return disagree(format!("Azure says that replication was enabled from {ip} to {ir}"));
    }
    let (np, nr) = (region(&item.primary_region), region(&item.recovery_region));
    let stands = (np == p && nr == r) || (np == r && nr == p);
    if np.is_empty() || nr.is_empty() {
        return Err(Obstacle::new(Reason::Pending, "Azure does not name the item's regions now; waiting for them."));
    }
    if !stands {
        return disagree(format!("Azure replicates from {np} to {nr}"));
    }
    match item.active_region().map(region) {
        Some(active) if active == p => Ok(Side::Primary),
        Some(active) if active == r => Ok(Side::Recovery),
        _ => Err(Obstacle::new(Reason::Pending, "Azure does not say where the VM runs now; waiting for it.")),
    }
}

/// How a ReplicatedVm names its item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// By `spec.protectedItemName`.
    ItemName(String),
    /// By `spec.sourceVmId`: the VM as it was when replication was enabled.
    SourceVm(String),
}

/// Whether Azure says enough of `item` to tell which VM it stands for: parts are missing while replication is being set up.
pub fn says_its_vm(item: &Item, naming: &Naming, sides: &Sides) -> bool {
    match naming {
        Naming::ItemName(_) => !item.name.is_empty(),
        Naming::SourceVm(_) if region(&item.primary_region) == region(&sides.primary_region) => {
            !item.source_vm_id.is_empty()
        }
        Naming::SourceVm(_) => item.recovery_resource_group_id.is_some() && item.recovery_vm_name.is_some(),
    }
}

/// Whether `item` is the one that `naming` means.
pub fn is_named(item: &Item, naming: &Naming, sides: &Sides) -> bool {
    match naming {
        Naming::ItemName(name) => same(&item.name, name),
        Naming::SourceVm(vm) => {
            let stands = region(&item.primary_region) == region(&sides.primary_region);
            if stands {
                return same(&item.source_vm_id, vm);
            }
            let spelled = item.recovery_resource_group_id.as_ref().zip(item.recovery_vm_name.as_ref());
            spelled.is_some_and(|(group, name)| {
                same(&format!("{group}/providers/Microsoft.Compute/virtualMachines/{name}"), vm)
            })
        }
    }
}

/// The one item of a complete list that is meant.
///
/// # Errors
/// `ItemNotFound` when none answers, `AmbiguousItem` when two do.
pub fn identify<'a>(items: &'a [Item], naming: &Naming, sides: &Sides) -> Result<&'a Item, Obstacle> {
    let mut found = items.iter().filter(|item| is_named(item, naming, sides));
    let first = found.next();
    // Pages that are read one after the other may show one item twice: that is one item.
    let second =
        first.and_then(|first| found.find(|item| !(same(&item.id, &first.id) && same(&item.name, &first.name))));
    match (first, second) {
        (Some(item), None) => Ok(item),
        (Some(a), Some(b)) if same(&a.name, &b.name) => Err(Obstacle::new(
            Reason::AmbiguousItem,
            format!(
                "Azure lists the protected item {} at two places, as it may while a reprotect moves it. No verb is carried out until it is at one; look at the vault's replicated items in the portal if that lasts.",
                a.name
            ),
        )),
        (Some(a), Some(b)) => Err(Obstacle::new(
            Reason::AmbiguousItem,
            format!(
                "Both protected items {} and {} answer to sourceVmId. Create a ReplicatedVm that names one by protectedItemName.",
                a.name, b.name
            ),
        )),
        (None, _) => {
            if let Some(elsewhere) = replicated_elsewhere(items, naming, sides) {
                return Err(elsewhere);
            }
            let what = match naming {
                Naming::ItemName(name) => format!("no protected item named {name}"),
                Naming::SourceVm(vm) => format!("no protected item of the VM {vm}"),
            };
            Err(Obstacle::new(
                Reason::ItemNotFound,
                format!("The vault has {what}. Check the spelling, the vault, and that replication is enabled."),
            ))
        }
    }
}

/// Why an item that replicates the named VM is not the one that is meant: its regions are not the declared ones.
fn replicated_elsewhere(items: &[Item], naming: &Naming, sides: &Sides) -> Option<Obstacle> {
    let Naming::SourceVm(vm) = naming else { return None };
    let item = items.iter().find(|item| same(&item.source_vm_id, vm))?;
    active_side(item, sides).err().filter(|obstacle| obstacle.reason == Reason::SidesDisagree)
}

#[cfg(test)]
mod tests;
