//! Reprotect: replication of a committed failover is reversed, and the item moves to the other fabric under its name.

use super::Reason;
use super::around::{self, Around, Wanted, exists, unseen};
use super::condition::{Condition, ConditionType, Truth};
use super::ids::{Kind, Step, same};
use super::item::{Active, Direction, Item};
use super::job::Phase;
use super::observed::Vm;
use super::record::{End, Finished, PointRef};
use super::request::Run;
use super::verb::{Call, Check, Scene, Verb};
use super::view::{PlannedResource, Precondition};
use jiff::SignedDuration;

mod plan;
mod preconditions;

/// What must end before a reprotect.
const BEFORE: [Kind; 2] = [Kind::FailoverRequest, Kind::CommitRequest];

/// What a ReprotectRequest asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reprotect {
    /// Of replication after the call, between the declared sides; a precondition, never inverted.
    pub direction: Direction,
    /// What it uses instead of what the sides declare.
    pub settings: Overrides,
}

/// What a request uses instead of what the sides declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// ARM id of the resource group that is replicated into.
    pub resource_group_id: Option<String>,
    /// ARM id of the cache account.
    pub cache_account_id: Option<String>,
    /// ARM id of the policy.
    pub policy_id: Option<String>,
    /// Zone of the side that is replicated to.
    pub zone: Option<String>,
}

/// What `switchprotection` takes, without its item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchInput {
    /// ARM id of the container that is replicated to.
    pub container_id: String,
    /// ARM id of the policy.
    pub policy_id: String,
    /// ARM id of the resource group that is replicated into.
    pub resource_group_id: String,
    /// ARM id of the cache account.
    pub cache_account_id: String,
    /// ARM ids of the running VM's disks.
    pub disks: Vec<String>,
    /// Zone of the VM after a failback.
    pub zone: Option<String>,
    /// ARM id of its availability set.
    pub availability_set_id: Option<String>,
    /// ARM id of its proximity placement group.
    pub proximity_placement_group_id: Option<String>,
    /// ARM id of the disk encryption set of its disks.
    pub disk_encryption_set_id: Option<String>,
}

impl Verb for Reprotect {
    fn kind(&self) -> Kind {
        Kind::ReprotectRequest
    }

    fn steps(&self) -> &'static [Step] {
        &[Step::Reprotect]
    }

    fn check(&self, _: Step, scene: &Scene<'_>) -> Check {
        let (item, side) = (scene.item, scene.side);
        let runs = side.as_str();
        let asked = self.direction.as_str();
        if item.active == Some(Active::Primary) && self.direction.start() == side {
            let text = format!("Replication already runs {asked}: this request sent nothing.");
            return Check::end(End::NothingToDo, Reason::NothingToDo, text);
        }
        if item.active == Some(Active::Primary) {
            let text = format!(
                "{} runs on its {runs} side and is replicated from there; it has not failed over, so nothing can be reversed. Fail over and commit first.",
                item.friendly_name
            );
            return Check::too_early(Reason::NotFailedOver, text, &BEFORE);
        }
        if self.direction.start() != side {
            let possible = Direction::from_side(side).as_str();
            let text = format!(
                "The VM runs on its {runs} side, so a reprotect replicates {possible}, and this request says {asked}: nothing was sent. If that is wanted, create a new request with direction {possible}."
            );
            return Check::end(End::Refused, Reason::DirectionDisagrees, text);
        }
        if item.pending_commit() {
            let text = format!(
                "The failover of {} is not committed, and Azure would commit it without a word. Validate the VM, then commit.",
                item.friendly_name
            );
            return Check::too_early(Reason::NotCommitted, text, &BEFORE);
        }
        if item.committed() {
            return Check::Go;
        }
        Check::wait(
            Reason::NotAllowedNow,
            format!(
                "Azure does not offer a reprotect of {} in the state {} ({}).",
                item.friendly_name, item.protection_state, item.protection_description
            ),
        )
    }

    fn wanted(&self, item: &Item, vm: &Vm) -> Option<Wanted> {
        item.committed().then(|| self.reads(item, vm))
    }

    fn preconditions(&self, scene: &Scene<'_>) -> Vec<Precondition> {
        preconditions::all(self, scene)
    }

    fn plan(&self, scene: &Scene<'_>) -> Vec<PlannedResource> {
        plan::plan(self, scene)
    }

    fn call(&self, _: Step, _: Option<&PointRef>, scene: &Scene<'_>) -> Option<Call> {
        Some(Call::SwitchProtection(Box::new(self.input(scene)?)))
    }

    fn conditions(&self, run: &Run<'_>) -> Vec<Condition> {
        vec![run.step_condition(ConditionType::Reversed, Step::Reprotect, Reason::Reversed), synchronized(run)]
    }
}

impl Reprotect {
    fn reads(&self, item: &Item, vm: &Vm) -> Wanted {
        let target = vm.settings_of(self.direction.end());
        Wanted {
            running_vm: item.recovered_vm_id.clone(),
            old_vm: Some(item.source_vm_id.clone()).filter(|id| !id.is_empty()),
            container: item.recovery_container_id.clone(),
            resource_group: self.resource_group(vm),
            cache_account: self.cache_account(vm),
            network: target.network_id.clone(),
        }
    }

    fn resource_group(&self, vm: &Vm) -> Option<String> {
        let declared = &vm.settings_of(self.direction.end()).resource_group_id;
        self.settings.resource_group_id.clone().or_else(|| declared.clone())
    }

    /// The cache is where the VM runs now.
    fn cache_account(&self, vm: &Vm) -> Option<String> {
        let declared = &vm.settings_of(self.direction.start()).cache_account_id;
        self.settings.cache_account_id.clone().or_else(|| declared.clone())
    }

    /// The policy that was asked for; else the mapping's.
    fn asked_policy(&self, vm: &Vm) -> Option<String> {
        let declared = &vm.settings_of(self.direction.end()).policy_id;
        self.settings.policy_id.clone().or_else(|| declared.clone())
    }

    fn input(&self, scene: &Scene<'_>) -> Option<SwitchInput> {
        let around = scene.around?;
        let mapping = around.reverse_mapping(scene.item)?;
        let target = scene.vm.settings_of(self.direction.end());
        let disks = around.running_vm.as_ref()?.known()?.disks.clone();
        Some(SwitchInput {
            container_id: mapping.target_container_id.clone(),
            policy_id: self.asked_policy(scene.vm).unwrap_or_else(|| mapping.policy_id.clone()),
            resource_group_id: self.resource_group(scene.vm)?,
            cache_account_id: self.cache_account(scene.vm)?,
            disks: Some(disks).filter(|disks| !disks.is_empty())?,
            zone: self.settings.zone.clone().or_else(|| target.zone.clone()),
            availability_set_id: target.availability_set_id.clone(),
            proximity_placement_group_id: target.proximity_placement_group_id.clone(),
            disk_encryption_set_id: target.disk_encryption_set_id.clone(),
        })
    }
}

/// Recorded copies took 40 to 51 minutes; one that takes this long deserves a look.
const LONG_COPY: SignedDuration = SignedDuration::from_hours(6);

/// Whether all data has been copied: read from the item alone, at whatever time, since the request let go of it.
fn synchronized(run: &Run<'_>) -> Condition {
    let kind = ConditionType::Synchronized;
    let reversed =
        run.step(Step::Reprotect).filter(|d| matches!(d.phase, Phase::Succeeded | Phase::SucceededWithWarning));
    let Some(done) = reversed else { return run.open_condition(kind) };
    let Some(item) = run.item else {
        let text =
            "Replication is reversed. Whether all data is copied cannot be seen: no ReplicatedVm shows the item now.";
        return Condition::new(kind, Truth::Unknown, Reason::Synchronizing, text);
    };
    if has_moved_on(done, item) {
        let text = "All data was copied: the VM has failed over or was reprotected again since, which takes that.";
        return Condition::new(kind, Truth::True, Reason::Synchronized, text);
    }
    if item.active == Some(Active::Primary) && same(&item.protection_state, "Protected") {
        let text = "All data is copied, and Azure calls the VM protected.";
        return Condition::new(kind, Truth::True, Reason::Synchronized, text);
    }
    copying(run, done, item)
}

/// Whether the item has left the state that this reprotect put it in: a failover needs a finished copy. A list that
/// still shows the state before the reprotect is told apart by the failover that it shows.
fn has_moved_on(done: &Finished, item: &Item) -> bool {
    let failed_over_since = done.ended.zip(item.last_failover).is_some_and(|(end, last)| last > end);
    let elsewhere = done.moved_to.as_ref().is_some_and(|path| !same(path, &item.id));
    failed_over_since || (elsewhere && item.active == Some(Active::Primary))
}

fn copying(run: &Run<'_>, done: &Finished, item: &Item) -> Condition {
    let kind = ConditionType::Synchronized;
    let state = format!("Azure's state is {} ({}).", item.protection_state, item.protection_description);
    let serious = |e: &&super::item::HealthError| !same(&e.level, "Warning") && !same(&e.level, "Information");
    if let Some(error) = item.health_errors.iter().find(serious) {
        let text = format!(
            "Data is being copied, and Azure reports {}: {} {} {state}",
            error.code, error.message, error.recommended_action
        );
        return Condition::new(kind, Truth::False, Reason::SynchronizationUnhealthy, text);
    }
    let overdue = run.now.zip(done.ended).is_some_and(|(now, end)| now.duration_since(end) > LONG_COPY);
    if overdue {
        let text = format!(
            "Data is still being copied, more than {LONG_COPY:#} after the reprotect; copies usually take 40 to 60 minutes, longer where the old disks were gone. Look at the item's replication and at the network of the VM that runs now. {state}"
        );
        return Condition::new(kind, Truth::False, Reason::SynchronizationOverdue, text);
    }
    let text = format!("Replication is reversed and data is being copied; a failback is possible once it is. {state}");
    Condition::new(kind, Truth::False, Reason::Synchronizing, text)
}
