//! The job that a job starts and waits for: a reprotect's own `EnableDr`.
//!
//! Recorded in ps-A2AReprotectTest: the parent's last task becomes a group that names the child, and ends up to a minute
//! after it. A child that fails is not recorded: that the parent then has only a generic error of its own, and the cause
//! stands in the child alone, follows asr-errors 1.1 (layer 5). Pure.

use uuid::Uuid;

use super::clock::{later, seconds_between};
use super::job::{Failure, Job, Step, TaskEnd, timetable};
use super::recipe::{Recipe, child_failed};
use super::verb::Verb;

/// The longest that a parent takes to start its child, in seconds; a tenth of its task when that is less.
const LEAD: f64 = 10.0;
/// The longest that a parent takes to see that its child has ended, in seconds; a fifth of its task when that is less.
const LAG: f64 = 60.0;

/// A job that another one will start.
pub(crate) struct Child {
    /// Name of the parent's task that starts it and waits for it.
    pub(crate) task: &'static str,
    pub(crate) verb: Verb,
    /// The VM that it is about.
    pub(crate) vm_name: String,
    /// Internal GUID of that VM.
    pub(crate) entity: Uuid,
    pub(crate) steps: Vec<Step>,
}

impl Child {
    /// The job with this `id`, laid into the time of its parent's task. With `recipe` it fails, and the parent with it.
    /// None when the parent has no such task, or does not come to its end.
    pub(crate) fn job(self, id: Uuid, parent: &mut Job, recipe: Option<&Recipe>) -> Option<Job> {
        let position = parent.tasks.iter().position(|task| task.name == self.task)?;
        let task = parent.tasks.get_mut(position).filter(|_| parent.failure.is_none())?;
        let seconds = seconds_between(task.starts, task.ends);
        let (lead, lag) = (LEAD.min(seconds / 10.0), LAG.min(seconds / 5.0));
        let started = later(task.starts, lead);
        let table = timetable(started, seconds - lead - lag, self.steps, recipe, &self.vm_name);
        task.child = Some(id);
        let child = Job {
            id,
            verb: self.verb,
            vm_name: self.vm_name,
            entity: self.entity,
            started,
            ends: table.ends,
            tasks: table.tasks,
            failure: table.failure,
            // Nobody has recorded a stub of a child: a client first learns of it long after it began.
            reads: 1,
            fate: None,
            ..parent.clone()
        };
        if child.failure.is_some() {
            fail_with_child(parent, position, &child, lag);
        }
        Some(child)
    }
}

/// Ends the parent in the task that waits for the child, once it has seen that the child failed.
fn fail_with_child(parent: &mut Job, position: usize, child: &Job, lag: f64) {
    let generic = child_failed();
    let noticed = later(child.ends, lag);
    for task in parent.tasks.iter_mut().skip(position + 1) {
        (task.starts, task.ends, task.end) = (noticed, noticed, TaskEnd::Unreached);
    }
    let vm = parent.vm_name.clone();
    if let Some(task) = parent.tasks.get_mut(position) {
        (task.ends, task.end) = (noticed, TaskEnd::Failed(generic.cause(&vm)));
        let (code, message) = generic.headline(&vm);
        parent.failure = Some(Failure { code, message, errors: generic.errors(&vm), task: task.name });
    }
    parent.ends = noticed;
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::super::job::Phase;
    use super::super::recipe::{egress, stale_point};
    use super::*;

    fn start() -> Timestamp {
        "2026-06-01T08:00:00Z".parse().unwrap()
    }

    fn steps(names: &[&'static str]) -> Vec<Step> {
        let step = |name: &&'static str| Step { id: name, name, friendly: name, share: 1.0, end: TaskEnd::Done };
        names.iter().map(step).collect()
    }

    /// A parent of `seconds` that waits in the second of its three tasks; with `own` it fails by itself.
    fn family(seconds: f64, own: Option<&Recipe>, childs: Option<&Recipe>) -> (Job, Option<Job>) {
        let table = timetable(start(), seconds, steps(&["Prepare", "Wait", "Finish"]), own, "app01");
        let mut parent = Job {
            id: Uuid::from_u128(1),
            verb: Verb::SwitchProtection,
            item: 1,
            vm_name: "app01".to_owned(),
            entity: Uuid::nil(),
            client_request_id: "request-1".to_owned(),
            correlation_id: Uuid::nil(),
            started: start(),
            ends: table.ends,
            tasks: table.tasks,
            failure: table.failure,
            point: None,
            details: Value::Null,
            reads: 0,
            polls: 0,
            open: true,
            inert: false,
            fate: None,
        };
        let child = Child {
            task: "Wait",
            verb: Verb::EnableDr,
            vm_name: "app01-dr".to_owned(),
            entity: Uuid::nil(),
            steps: steps(&["Check", "CreateProtectionTarget"]),
        };
        let child = child.job(Uuid::from_u128(2), &mut parent, childs);
        (parent, child)
    }

    #[test]
    fn a_child_lives_inside_the_task_that_waits_for_it_however_short_that_is() {
        for (seconds, lead, lag) in [(1200.0, 10.0, 60.0), (3.0, 0.1, 0.2)] {
            let (parent, child) = family(seconds, None, None);
            let (wait, child) = (&parent.tasks[1], child.unwrap());
            assert_eq!(seconds_between(wait.starts, child.started), lead);
            assert_eq!(seconds_between(child.ends, wait.ends), lag);
            assert_eq!((wait.child, child.client_request_id.as_str()), (Some(child.id), "request-1"));
            assert_eq!(
                seconds_between(start(), parent.ends),
                seconds,
                "a child that succeeds costs its parent nothing"
            );
        }
    }

    #[test]
    fn a_child_that_fails_ends_its_parent_early_and_keeps_the_cause() {
        let (parent, child) = family(1200.0, None, Some(&egress()));
        let child = child.unwrap();
        assert_eq!(seconds_between(child.ends, parent.ends), 60.0);
        assert_eq!(child.failure.as_ref().unwrap().task, "CreateProtectionTarget");
        let codes = |job: &Job| job.failure.iter().flat_map(|f| &f.errors).map(|e| e.code.clone()).collect::<Vec<_>>();
        assert_eq!(
            (codes(&child), codes(&parent)),
            (vec!["539".to_owned(), "151196".to_owned()], vec!["539".to_owned()])
        );
        assert_eq!((parent.phase(parent.ends), parent.failure.as_ref().unwrap().task), (Phase::Failed, "Wait"));
        assert_eq!(parent.tasks[2].phase(later(parent.ends, 1000.0)), Phase::NotStarted);
    }

    #[test]
    fn a_parent_that_fails_by_itself_starts_no_child() {
        let (parent, child) = family(1200.0, Some(&stale_point()), None);
        assert!(child.is_none() && parent.tasks.iter().all(|task| task.child.is_none()));
    }
}
