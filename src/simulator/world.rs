//! The world: vaults and VMs, how verbs change them, and what the control interface may change behind Azure's back.
//!
//! Pure: the instant comes in with every call, and nothing here knows HTTP. Before anything is read, [`World::settle`]
//! applies what the jobs that ended since have done.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::clock::later;
use super::ids::guid;
use super::item::{Item, PROTECTED};
use super::job::{Job, timetable};
use super::machine::Machines;
use super::recipe::{Recipe, out_of_turn, stale_point};
use super::resources::Resources;
use super::seed::{Seed, SeedError};
use super::settings::{Behaviour, Timings};
use super::vault::Vault;
use super::verb::{Context, Ending, Plan, Verb};

/// Everything that the simulated Azure holds.
pub(crate) struct World {
    pub(crate) vaults: Vec<Vault>,
    pub(crate) machines: Machines,
    pub(crate) resources: Resources,
    pub(crate) behaviour: Behaviour,
    pub(crate) timings: Timings,
    made: u64,
}

/// A verb as it arrives.
pub(crate) struct Call<'a> {
    pub(crate) vault: usize,
    pub(crate) item: u64,
    pub(crate) verb: Verb,
    pub(crate) body: &'a Value,
    pub(crate) client_request_id: &'a str,
    pub(crate) correlation_id: Uuid,
}

/// Why a verb is not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The item does not allow it now.
    OutOfTurn(String),
    /// The body is wrong.
    Malformed(String),
    /// The item is gone.
    NoItem,
}

impl World {
    /// The world of `seed` at its date.
    pub(crate) fn from_seed(seed: &Seed) -> Result<Self, SeedError> {
        let mut world = Self {
            vaults: Vec::new(),
            machines: Machines::default(),
            resources: Resources::default(),
            behaviour: seed.behaviour.clone(),
            timings: seed.timings.clone(),
            made: 0,
        };
        for vault in &seed.vaults {
            world.plant(vault, seed)?;
        }
        Ok(world)
    }

    /// A number that no other thing of this world has.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.made += 1;
        self.made
    }

    /// Applies every job that ended by `now`, in the order of their ends.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        let now = later(now, -self.behaviour.otherwise.item_lag_seconds);
        for index in 0..self.vaults.len() {
            while let Some(job) = self.vaults[index].due(now) {
                self.end_job(index, job);
            }
        }
    }

    /// Takes a verb and starts its job, or says why not.
    pub(crate) fn submit(&mut self, call: &Call<'_>, now: Timestamp) -> Result<Uuid, Refusal> {
        let number = self.next_number();
        let vault = &self.vaults[call.vault];
        let item = vault.items.iter().find(|item| item.uid == call.item).ok_or(Refusal::NoItem)?;
        let refused = self.refusal(item, call.verb, now)?;
        let context = self.context(call, vault, item, now);
        let plan = (call.verb.row().plan)(&context).map_err(|malformed| Refusal::Malformed(malformed.0))?;
        let inert = refused.is_some();
        if !inert && self.behaviour.otherwise.gone_point_refused && self.point_is_gone(call, &plan) {
            return Err(Refusal::Malformed("The recovery point couldn't be found.".to_owned()));
        }
        let recipe = refused.or_else(|| plan.recipe.clone());
        let (job, child) = self.start(call, plan, recipe, number, now);
        let id = job.id;
        let mut fate = None;
        let vault = &mut self.vaults[call.vault];
        if let Some(item) = vault.items.iter_mut().find(|item| item.uid == call.item) {
            fate = item.flags.fate_next.take();
            item.course.running.push(id);
            if !inert {
                (call.verb.row().begin)(item, now);
            }
        }
        vault.jobs.push(Job { inert, fate, ..job });
        vault.jobs.extend(child);
        Ok(id)
    }

    /// What the verb of `call` is planned from.
    fn context<'a>(&'a self, call: &Call<'a>, vault: &'a Vault, item: &'a Item, now: Timestamp) -> Context<'a> {
        Context {
            vault,
            item,
            body: call.body,
            timings: &self.timings,
            behaviour: &self.behaviour,
            machines: &self.machines,
            resources: &self.resources,
            now,
        }
    }

    /// Whether the verb is out of turn: an error, or the recipe of a job that says so, as the behaviour wants it.
    fn refusal(&self, item: &Item, verb: Verb, now: Timestamp) -> Result<Option<Recipe>, Refusal> {
        let row = verb.row();
        let busy = !item.course.running.is_empty() && !self.behaviour.accept_concurrent;
        if !busy && self.offered(item, now).contains(&row.allowed) {
            return Ok(None);
        }
        let form = &self.behaviour.refusal;
        if form.as_failed_job {
            return Ok(Some(out_of_turn(&form.code, row.operation)));
        }
        let because = if busy { "another operation is in progress on it" } else { "its state doesn't allow it" };
        let (vm, operation) = (&item.primary().vm_name, row.operation);
        Err(Refusal::OutOfTurn(format!("The operation '{operation}' can't be started on '{vm}': {because}.")))
    }

    /// Whether the point that the verb names is gone, or is to be; a failure that was to come is used up by this.
    fn point_is_gone(&mut self, call: &Call<'_>, plan: &Plan) -> bool {
        let gone = |recipe: &Recipe| recipe.code == stale_point().code;
        if plan.recipe.as_ref().is_some_and(gone) {
            return true;
        }
        let item = self.vaults[call.vault].items.iter().find(|item| item.uid == call.item);
        let to_come = item.and_then(|item| item.flags.fail_next.as_ref()?.resolve());
        to_come.as_ref().is_some_and(gone) && self.planned_failure(call).is_some()
    }

    /// What the item's state allows; a drill may leave more than is assumed.
    fn offered(&self, item: &Item, now: Timestamp) -> &'static [&'static str] {
        let left = self.behaviour.otherwise.drill_leaves_failover && item.drill_is_up();
        if left { PROTECTED.operations } else { item.stage(now).operations }
    }

    /// The job of an accepted verb and the one it starts, with the failure that awaits the item if one does.
    fn start(
        &mut self,
        call: &Call<'_>,
        mut plan: Plan,
        recipe: Option<Recipe>,
        number: u64,
        now: Timestamp,
    ) -> (Job, Option<Job>) {
        let recipe = recipe.or_else(|| self.planned_failure(call));
        let child = plan.child.take();
        let (childs, own) = match recipe {
            Some(recipe) if recipe.child && child.is_some() => (Some(recipe), None),
            other => (None, other),
        };
        let mut job = self.job(call, plan, own.as_ref(), number, now);
        let id = guid(&["child", &job.id.to_string()]);
        let child = child.and_then(|child| child.job(id, &mut job, childs.as_ref()));
        let request_id = |job: &Job| match self.behaviour.child_shares_activity {
            true => job.client_request_id.clone(),
            false => guid(&["request", &job.id.to_string()]).to_string(),
        };
        let child = child.map(|child| Job { client_request_id: request_id(&child), ..child });
        (job, child)
    }

    /// The job itself, laid into its time; with `recipe` it fails.
    fn job(&self, call: &Call<'_>, plan: Plan, recipe: Option<&Recipe>, number: u64, now: Timestamp) -> Job {
        let vault_id = self.vaults[call.vault].id();
        let item = self.vaults[call.vault].items.iter().find(|item| item.uid == call.item);
        let vm_name = item.map(|item| item.primary().vm_name.clone()).unwrap_or_default();
        let table = timetable(now, plan.seconds, plan.steps, recipe, &vm_name);
        Job {
            id: guid(&["job", &vault_id, &number.to_string()]),
            verb: call.verb,
            item: call.item,
            entity: item.map(Item::entity).unwrap_or_default(),
            vm_name,
            client_request_id: call.client_request_id.to_owned(),
            correlation_id: call.correlation_id,
            started: now,
            ends: table.ends,
            tasks: table.tasks,
            failure: table.failure,
            point: plan.point,
            details: plan.details,
            reads: 0,
            polls: 0,
            open: true,
            inert: false,
            fate: None,
        }
    }

    /// The recipe that awaits the item's next job of this verb; it is used up.
    fn planned_failure(&mut self, call: &Call<'_>) -> Option<Recipe> {
        let items = &mut self.vaults[call.vault].items;
        let item = items.iter_mut().find(|item| item.uid == call.item)?;
        let operation = call.verb.row().operation;
        let old_group = item.primary().group_id.clone();
        let flags = &mut item.flags;
        let mut recipe = flags.fail_next.as_ref()?.resolve_for(operation)?;
        if recipe.verb.as_ref().is_some_and(|verb| !verb.eq_ignore_ascii_case(operation)) {
            return None;
        }
        recipe.times = recipe.times.saturating_sub(1);
        flags.fail_next = (recipe.times > 0).then(|| super::recipe::RecipeSpec::Custom(recipe.clone()));
        Some(recipe.about_group(&old_group))
    }

    fn end_job(&mut self, vault: usize, job: usize) {
        let vault = &mut self.vaults[vault];
        vault.jobs[job].open = false;
        let job = vault.jobs[job].clone();
        let Some(item) = vault.items.iter_mut().find(|item| item.uid == job.item) else {
            return;
        };
        item.course.running.retain(|running| *running != job.id);
        if job.inert {
            return;
        }
        let row = job.verb.row();
        let moves = job.verb == Verb::SwitchProtection && !job.fails();
        let before = moves.then(|| item.clone());
        let old_vm = item.primary().vm_id();
        let apply = if job.fails() { row.fail } else { row.finish };
        apply(&mut Ending {
            item,
            job: &job,
            locations: vault.fabrics.each_ref().map(|fabric| fabric.location.as_str()),
            machines: &mut self.machines,
            timings: &self.timings,
            at: job.ends,
        });
        if let Some(before) = before {
            vault.left.retain(|left| left.uid != before.uid);
            vault.left.push(before);
            if self.behaviour.otherwise.old_vm_removed {
                self.machines.remove(&old_vm);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::item::State;
    use super::*;

    fn fail_over(world: &mut World, index: usize, now: Timestamp) -> Uuid {
        let item = world.vaults[0].items[index].uid;
        let body = json!({ "properties": {
            "failoverDirection": "PrimaryToRecovery",
            "sourceSiteOperations": "NotRequired",
            "providerSpecificDetails": { "instanceType": "A2A" },
        } });
        let call = Call {
            vault: 0,
            item,
            verb: Verb::UnplannedFailover,
            body: &body,
            client_request_id: "request-1",
            correlation_id: Uuid::nil(),
        };
        world.submit(&call, now).unwrap()
    }

    #[test]
    fn one_settling_ends_every_job_that_is_due_and_no_other() {
        let seed = Seed::default();
        let mut world = World::from_seed(&seed).unwrap();
        fail_over(&mut world, 0, seed.date);
        fail_over(&mut world, 1, later(seed.date, 1.0));
        world.settle(later(seed.date, 139.9));
        let states = |world: &World| [world.vaults[0].items[0].course.state, world.vaults[0].items[1].course.state];
        assert_eq!(states(&world), [State::Replicating; 2]);
        world.settle(later(seed.date, 3600.0));
        assert_eq!(states(&world), [State::CommitPending; 2]);
    }

    #[test]
    fn the_same_seed_makes_the_same_world() {
        let jobs = [(); 2].map(|()| {
            let seed = Seed::default();
            let mut world = World::from_seed(&seed).unwrap();
            let item = world.vaults[0].items[0].clone();
            (fail_over(&mut world, 0, seed.date), item.lifecycle, item.points(seed.date))
        });
        assert_eq!(jobs[0], jobs[1]);
    }
}
