//! From a seed to a world: what every item and VM looks like at the start, and items made or removed later.
//!
//! Pure. The only place that knows how defaults become ARM ids.

use jiff::Timestamp;

use super::clock::later;
use super::ids::{guid, resource_group};
use super::item::{Course, Item, Placement, State};
use super::machine::{disk_names, machine};
use super::points::{Consistency, Point};
use super::recipe::RecipeSpec;
use super::seed::{ItemSeed, Seed, SeedError, SeedState, VaultSeed};
use super::settings::Timings;
use super::vault::{Fabric, Policy, Vault};
use super::world::World;

/// How long a seeded item has been Protected unless it says otherwise, in seconds.
const MATURE: f64 = 30.0 * 86_400.0;
/// How long ago a seeded failover happened, in seconds.
const FAILED_OVER_AGO: f64 = 3600.0;

impl World {
    /// Adds a vault of the seed with its items and VMs.
    pub(crate) fn plant(&mut self, vault: &VaultSeed, seed: &Seed) -> Result<(), SeedError> {
        let subscription = vault.subscription.clone().unwrap_or_else(|| seed.subscription.clone());
        let key = format!("{subscription}/{}/{}", vault.resource_group, vault.name).to_ascii_lowercase();
        let suffix = if vault.primary_region == vault.recovery_region { "-t" } else { "" };
        self.vaults.push(Vault {
            fabrics: [Fabric::new(&key, &vault.primary_region, ""), Fabric::new(&key, &vault.recovery_region, suffix)],
            subscription,
            resource_group: vault.resource_group.clone(),
            name: vault.name.clone(),
            policy: Policy {
                name: vault.policy.name.clone(),
                history_minutes: vault.policy.history_minutes,
                app_minutes: vault.policy.app_consistent_minutes,
            },
            mapped: [true; 2],
            items: Vec::new(),
            jobs: Vec::new(),
            left: Vec::new(),
        });
        let index = self.vaults.len() - 1;
        let group = resource_group(&self.vaults[index].subscription, &vault.resource_group);
        self.resources.add_group(&group, &vault.recovery_region);
        for item in &vault.items {
            known_recipe(item)?;
            self.add_item(index, item, seed.date);
        }
        Ok(())
    }

    /// Adds an item to a vault with the VMs that its state implies.
    pub(crate) fn add_item(&mut self, vault: usize, seed: &ItemSeed, now: Timestamp) {
        let uid = self.next_number();
        let Vault { subscription, policy, .. } = &self.vaults[vault];
        let protected = seed.protected_since.unwrap_or_else(|| later(now, -MATURE));
        let course = Course { last_test: seed.last_test_failover, ..Course::protected_since(protected, seed.reversed) };
        let lifecycle = guid(&["lifecycle", &seed.resource_group, &seed.vm_name, &uid.to_string()]);
        let (os_disk, data_disks) = disk_names(&seed.vm_name, lifecycle, seed.data_disks);
        let mut item = Item {
            uid,
            name: seed.name.clone().unwrap_or_else(|| portal_name(&seed.vm_name)),
            vm_size: seed.vm_size.clone(),
            os_type: seed.os_type.clone(),
            placements: placements(subscription, seed),
            os_disk,
            data_disks,
            lifecycle,
            history_minutes: policy.history_minutes,
            app_minutes: policy.app_minutes,
            course,
            flags: seed.flags.clone(),
        };
        set_state(&mut item, seed.state, now, &self.timings);
        self.plant_machines(vault, &item, now);
        for place in &item.placements {
            let location = &self.vaults[vault].fabrics[place.fabric].location;
            self.resources.furnish(place, location);
        }
        self.vaults[vault].items.push(item);
    }

    /// Disables an item and enables it anew under its name: another lifecycle, no history, from the first side of its
    /// vault or, `from_recovery`, from the other one.
    pub(crate) fn recreate_item(
        &mut self,
        vault: usize,
        index: usize,
        state: SeedState,
        from_recovery: bool,
        now: Timestamp,
    ) {
        let uid = self.next_number();
        let item = &mut self.vaults[vault].items[index];
        item.uid = uid;
        item.lifecycle = guid(&["lifecycle", &item.name, &uid.to_string()]);
        item.placements.sort_by_key(|place| place.fabric);
        if from_recovery {
            item.placements.reverse();
        }
        item.course = Course::protected_since(later(now, -MATURE), false);
        set_state(item, state, now, &self.timings);
        let item = item.clone();
        self.start_machine(vault, &item, now);
    }

    /// Sees to it that the VM of an item runs where its state says, and nowhere else.
    fn start_machine(&mut self, vault: usize, item: &Item, now: Timestamp) {
        let (runs, stands) =
            if item.failed_over() { (item.recovery(), item.primary()) } else { (item.primary(), item.recovery()) };
        if self.machines.get(&runs.vm_id()).is_none() {
            let location = &self.vaults[vault].fabrics[runs.fabric].location;
            self.machines.insert(machine(item, runs, location, now, ""));
        }
        self.machines.set_running(&runs.vm_id(), true);
        self.machines.set_running(&stands.vm_id(), false);
    }

    fn plant_machines(&mut self, vault: usize, item: &Item, now: Timestamp) {
        let location = |place: &Placement| self.vaults[vault].fabrics[place.fabric].location.clone();
        let (source, target) = (item.primary(), item.recovery());
        let mut vm = machine(item, source, &location(source), later(now, -2.0 * MATURE), "");
        vm.attached = item.course.reversed;
        vm.running = !item.failed_over();
        let recovered = machine(item, target, &location(target), later(now, -FAILED_OVER_AGO), "");
        self.machines.insert(vm);
        if item.failed_over() {
            self.machines.insert(recovered);
        }
    }
}

fn placements(subscription: &str, seed: &ItemSeed) -> [Placement; 2] {
    let place = |fabric: usize, group: &str, vm: &str, zone: &Option<String>| Placement {
        fabric,
        group_id: resource_group(subscription, group),
        vm_name: vm.to_owned(),
        address: seed.address.clone(),
        zone: zone.clone(),
    };
    let recovery_vm = seed.recovery_vm_name.as_deref().unwrap_or(&seed.vm_name);
    [
        place(0, &seed.resource_group, &seed.vm_name, &seed.primary_zone),
        place(1, &seed.recovery_resource_group, recovery_vm, &seed.recovery_zone),
    ]
}

fn set_state(item: &mut Item, state: SeedState, now: Timestamp, timings: &Timings) {
    let course = &mut item.course;
    match state {
        SeedState::Protected => {}
        SeedState::Copying => course.copy_from(now, timings),
        SeedState::FailoverFailed => course.state = State::FailoverFailed,
        SeedState::CommitPending | SeedState::Committed => {
            let failed_over = later(now, -FAILED_OVER_AGO);
            let id = guid(&["latest", &item.uid.to_string()]);
            course.state = if state == SeedState::Committed { State::Committed } else { State::CommitPending };
            course.stopped = Some(failed_over);
            course.last_failover = Some(failed_over);
            course.failover_point = Some(id);
            course.made_points = vec![Point { id, time: failed_over, consistency: Consistency::Crash }];
        }
    }
}

/// A name as the portal makes it: 43 characters of base64url, with `-` and `_` (asr-api 0).
fn portal_name(vm: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use sha2::{Digest, Sha256};
    let text = URL_SAFE_NO_PAD.encode(Sha256::digest(vm.as_bytes()));
    format!("{}-_{}", &text[..20], &text[22..])
}

fn known_recipe(item: &ItemSeed) -> Result<(), SeedError> {
    match &item.flags.fail_next {
        Some(RecipeSpec::Named(recipe)) if RecipeSpec::Named(recipe.clone()).resolve().is_none() => {
            Err(SeedError::UnknownRecipe { item: item.vm_name.clone(), recipe: recipe.clone() })
        }
        _ => Ok(()),
    }
}
