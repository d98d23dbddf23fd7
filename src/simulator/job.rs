//! Jobs and their tasks: a timetable fixed when the verb is accepted, read off at any later instant.
//!
//! Pure. A job's state is a function of the instant; only its effect on the item is applied once, by `world`.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::clock::later;
use super::fate::Fate;
use super::points::Point;
use super::recipe::{JobError, Recipe};
use super::verb::Verb;

/// How a task ends.
#[derive(Debug, Clone)]
pub(crate) enum TaskEnd {
    /// `Succeeded` / `Completed`.
    Done,
    /// `Other` / `Skipped`: it never runs.
    Skipped,
    /// Ends badly, the job goes on (a source that will not shut down).
    Warned(JobError),
    /// As `Warned`, told as `Succeeded` / `CompletedWithInformation`.
    Informed(JobError),
    /// `Failed`: the job ends with it.
    Failed(JobError),
    /// Never reached, because an earlier task failed.
    Unreached,
}

/// One task of a job with its times.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) friendly: &'static str,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) end: TaskEnd,
    /// The job that it starts and waits for.
    pub(crate) child: Option<Uuid>,
}

/// One task before it has times.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) friendly: &'static str,
    /// Share of the job's duration, relative to the other steps.
    pub(crate) share: f64,
    pub(crate) end: TaskEnd,
}

/// Where a job or task stands, in the words of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    NotStarted,
    InProgress,
    Succeeded,
    Partial,
    Informed,
    Skipped,
    Suspended,
    Failed,
    Cancelled,
}

impl Phase {
    /// `state` and `stateDescription` on the wire (asr-api 3.4).
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NotStarted => ("NotStarted", "NotStarted"),
            Self::InProgress => ("InProgress", "InProgress"),
            Self::Succeeded => ("Succeeded", "Completed"),
            Self::Partial => ("Succeeded", "PartiallySucceeded"),
            Self::Informed => ("Succeeded", "CompletedWithInformation"),
            Self::Skipped => ("Other", "Skipped"),
            Self::Suspended => ("Suspended", "Suspended"),
            Self::Failed => ("Failed", "Failed"),
            Self::Cancelled => ("Cancelled", "Cancelled"),
        }
    }
}

/// One ASR job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: Uuid,
    pub(crate) verb: Verb,
    /// The item it works on.
    pub(crate) item: u64,
    pub(crate) vm_name: String,
    /// Internal GUID of the item when the job began.
    pub(crate) entity: Uuid,
    pub(crate) client_request_id: String,
    pub(crate) correlation_id: Uuid,
    pub(crate) started: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) tasks: Vec<Task>,
    /// Set when it ends badly: code and line of the operation status, and the errors of the job.
    pub(crate) failure: Option<Failure>,
    /// The point it works with.
    pub(crate) point: Option<Point>,
    /// What the verb wants to find again when the job ends.
    pub(crate) details: Value,
    /// GETs of the job so far; the first may answer a stub.
    pub(crate) reads: u32,
    /// GETs of the operation status so far.
    pub(crate) polls: u32,
    /// Its end has not been applied to the item yet.
    pub(crate) open: bool,
    /// Its end changes nothing: it only says that the verb was out of turn.
    pub(crate) inert: bool,
    /// What becomes of it beside its timetable.
    pub(crate) fate: Option<Fate>,
}

/// Why a job ends badly.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) errors: Vec<JobError>,
    /// Name of the task that failed.
    pub(crate) task: &'static str,
}

impl Task {
    /// Where the task stands at `now`.
    pub(crate) fn phase(&self, now: Timestamp) -> Phase {
        match &self.end {
            _ if now < self.starts => Phase::NotStarted,
            TaskEnd::Unreached => Phase::NotStarted,
            TaskEnd::Skipped => Phase::Skipped,
            _ if now < self.ends => Phase::InProgress,
            TaskEnd::Done => Phase::Succeeded,
            TaskEnd::Informed(_) => Phase::Informed,
            TaskEnd::Warned(_) | TaskEnd::Failed(_) => Phase::Failed,
        }
    }

    /// The error it ended with, once it has.
    pub(crate) fn error(&self, now: Timestamp) -> Option<&JobError> {
        match &self.end {
            TaskEnd::Warned(error) | TaskEnd::Informed(error) | TaskEnd::Failed(error) if now >= self.ends => {
                Some(error)
            }
            _ => None,
        }
    }
}

impl Job {
    /// Where the job stands at `now`.
    pub(crate) fn phase(&self, now: Timestamp) -> Phase {
        if !self.over(now) {
            match self.fate {
                Some(Fate::NeverStarts) => Phase::NotStarted,
                Some(Fate::Suspended) => Phase::Suspended,
                _ => Phase::InProgress,
            }
        } else if self.fate == Some(Fate::Cancelled) {
            Phase::Cancelled
        } else if self.failure.is_some() {
            Phase::Failed
        } else if self.tasks.iter().any(|task| task.error(now).is_some()) {
            Phase::Partial
        } else {
            Phase::Succeeded
        }
    }

    /// Whether it is over at `now`.
    pub(crate) fn over(&self, now: Timestamp) -> bool {
        now >= self.ends && !self.fate.is_some_and(Fate::holds)
    }

    /// Whether it does not, or did not, do what it was to do.
    pub(crate) fn fails(&self) -> bool {
        self.failure.is_some() || self.fate == Some(Fate::Cancelled)
    }

    /// The instant that its tasks are told of: one that is held does not get beyond its last task.
    pub(crate) fn told_at(&self, now: Timestamp) -> Timestamp {
        if self.over(now) { now } else { now.min(later(self.ends, -0.001)) }
    }

    /// Gives it another fate at `now`: one that is let go or stopped ends now, if it was held beyond its time or is stopped.
    pub(crate) fn meets(&mut self, fate: Option<Fate>, now: Timestamp) {
        self.fate = fate;
        let stopped = fate == Some(Fate::Cancelled);
        if self.open && (stopped || self.ends < now) {
            self.ends = now;
        }
    }

    /// Errors of the whole job at `now`, each with the task it belongs to: warnings of tasks as they end, and the
    /// wrapper and the cause once the job has failed.
    pub(crate) fn errors(&self, now: Timestamp) -> Vec<(&'static str, &JobError)> {
        let warnings = self.tasks.iter().filter_map(|task| match &task.end {
            TaskEnd::Warned(error) | TaskEnd::Informed(error) if now >= task.ends => Some((task.name, error)),
            _ => None,
        });
        let failure = self.failure.iter().filter(|_| self.over(now));
        warnings.chain(failure.flat_map(|f| f.errors.iter().map(|error| (f.task, error)))).collect()
    }
}

/// A timetable: tasks with times, the end of the job, and its failure if it has one.
pub(crate) struct Timetable {
    pub(crate) tasks: Vec<Task>,
    pub(crate) ends: Timestamp,
    pub(crate) failure: Option<Failure>,
}

/// Lays `steps` over `seconds` from `started`. A skipped step takes no time. With `recipe` the step it names (else the
/// longest one) fails at its end, and so does the job; the steps after it are never reached.
pub(crate) fn timetable(
    started: Timestamp,
    seconds: f64,
    steps: Vec<Step>,
    recipe: Option<&Recipe>,
    vm: &str,
) -> Timetable {
    let failing = recipe.and_then(|recipe| failing_step(&steps, recipe.task.as_deref()));
    let total: f64 = steps.iter().map(Step::weight).sum();
    let mut tasks = Vec::with_capacity(steps.len());
    let mut cursor = started;
    let mut failure = None;
    for (index, step) in steps.into_iter().enumerate() {
        let starts = cursor;
        cursor = later(cursor, seconds * step.weight() / total.max(f64::MIN_POSITIVE));
        let end = match (failing, recipe) {
            (Some(at), Some(recipe)) if index == at => {
                let (code, message) = recipe.headline(vm);
                failure = Some(Failure { code, message, errors: recipe.errors(vm), task: step.name });
                TaskEnd::Failed(recipe.cause(vm))
            }
            (Some(at), _) if index > at => TaskEnd::Unreached,
            _ => step.end,
        };
        let ends = if matches!(end, TaskEnd::Unreached) { starts } else { cursor };
        tasks.push(Task { id: step.id, name: step.name, friendly: step.friendly, starts, ends, end, child: None });
        if matches!(failing, Some(at) if index >= at) {
            cursor = tasks.last().map_or(cursor, |task| task.ends);
        }
    }
    Timetable { tasks, ends: cursor, failure }
}

impl Step {
    fn weight(&self) -> f64 {
        if matches!(self.end, TaskEnd::Skipped) { 0.0 } else { self.share }
    }
}

fn failing_step(steps: &[Step], wanted: Option<&str>) -> Option<usize> {
    let named = wanted.and_then(|name| steps.iter().position(|step| step.name.eq_ignore_ascii_case(name)));
    let longest = || {
        let order = |a: &(usize, &Step), b: &(usize, &Step)| a.1.weight().total_cmp(&b.1.weight());
        steps.iter().enumerate().max_by(order).map(|(index, _)| index)
    };
    named.or_else(longest)
}

#[cfg(test)]
mod tests {
    use super::super::clock::seconds_between;
    use super::super::recipe::stale_point;
    use super::*;

    fn start() -> Timestamp {
        "2026-06-01T08:00:00Z".parse().unwrap()
    }

    fn steps() -> Vec<Step> {
        let step = |name, share, end| Step { id: name, name, friendly: name, share, end };
        vec![
            step("Check", 1.0, TaskEnd::Done),
            step("Shut", 4.0, TaskEnd::Skipped),
            step("Move", 3.0, TaskEnd::Done),
            step("Boot", 1.0, TaskEnd::Done),
        ]
    }

    #[test]
    fn tasks_follow_each_other_and_a_skipped_one_takes_no_time() {
        let table = timetable(start(), 100.0, steps(), None, "vm");
        assert_eq!(seconds_between(start(), table.ends), 100.0);
        let at = later(start(), 21.0);
        let phases: Vec<_> = table.tasks.iter().map(|task| task.phase(at)).collect();
        assert_eq!(phases, [Phase::Succeeded, Phase::Skipped, Phase::InProgress, Phase::NotStarted]);
    }

    #[test]
    fn a_recipe_fails_the_longest_task_and_what_follows_is_never_reached() {
        let table = timetable(start(), 100.0, steps(), Some(&stale_point()), "vm");
        assert_eq!(seconds_between(start(), table.ends), 80.0);
        assert_eq!(table.failure.as_ref().unwrap().task, "Move");
        assert_eq!(table.tasks[3].phase(later(start(), 1000.0)), Phase::NotStarted);
        assert_eq!(table.tasks[2].phase(later(start(), 79.0)), Phase::InProgress);
        assert_eq!(table.tasks[2].phase(table.ends), Phase::Failed);
    }
}
