//! Failover and failback: one verb in two directions, with the commit as an optional second step.

use super::condition::{Condition, ConditionType, Truth};
use super::ids::{Kind, Step};
use super::item::{Direction, Item, Side};
use super::job::Job;
use super::point::PointChoice;
use super::record::{End, PointRef, Shutdown};
use super::request::Run;
use super::verb::{Call, Check, Scene, Verb};
use super::{Reason, commit};

/// The task in which Azure shuts the source VM down.
const SHUTDOWN_TASK: &str = "VmShutdownVmOnPrimary";

const NOT_REQUESTED: &str = "shutdownSource is false: the source VM is left as it is.";

/// What a FailoverRequest asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    /// Between the declared sides; a precondition, never inverted.
    pub direction: Direction,
    /// Which point.
    pub point: PointChoice,
    /// Try to shut the source VM down first.
    pub shutdown_source: bool,
    /// Commit when the failover succeeded.
    pub commit: bool,
}

impl Verb for Failover {
    fn kind(&self) -> Kind {
        Kind::FailoverRequest
    }

    fn steps(&self) -> &'static [Step] {
        if self.commit { &[Step::Failover, Step::Commit] } else { &[Step::Failover] }
    }

    fn check(&self, step: Step, scene: &Scene<'_>) -> Check {
        let (item, side) = (scene.item, scene.side);
        match step {
            Step::Commit => self.check_commit(item, side),
            _ if side == self.direction.end() => Check::end(
                End::AlreadyThere,
                Reason::AlreadyThere,
                format!("The VM already runs on its {} side: this request sent nothing.", side.as_str()),
            ),
            _ if item.may_fail_over() => Check::Go,
            _ => Check::wait(Reason::NotAllowedNow, not_now(item)),
        }
    }

    fn point_choice(&self, step: Step) -> Option<&PointChoice> {
        (step == Step::Failover).then_some(&self.point)
    }

    fn call(&self, step: Step, point: Option<&PointRef>, _: &Scene<'_>) -> Option<Call> {
        Some(match step {
            Step::Commit => Call::FailoverCommit,
            _ => Call::UnplannedFailover { point: point.map(|p| p.id.clone()), shutdown_source: self.shutdown_source },
        })
    }

    fn shutdown(&self, step: Step, job: &Job) -> Option<Shutdown> {
        (step == Step::Failover).then(|| shutdown(self.shutdown_source, job))
    }

    fn conditions(&self, run: &Run<'_>) -> Vec<Condition> {
        vec![
            self.source_shutdown(run),
            run.step_condition(ConditionType::FailedOver, Step::Failover, Reason::FailedOver),
            self.committed(run),
        ]
    }
}

impl Failover {
    /// The commit of this request's own failover, and of no other.
    fn check_commit(&self, item: &Item, side: Side) -> Check {
        if side != self.direction.end() {
            let text = format!("The VM runs on its {} side again: somebody undid the failover.", side.as_str());
            return Check::end(End::Refused, Reason::NoPendingFailover, text);
        }
        match commit::check(item) {
            // At the end of the direction and not failed over: replication was reversed, which commits.
            Check::End(..) | Check::TooEarly(..) => {
                Check::end(End::NothingToDo, Reason::Committed, "Somebody else made the failover final.")
            }
            other => other,
        }
    }

    fn source_shutdown(&self, run: &Run<'_>) -> Condition {
        let kind = ConditionType::SourceShutdown;
        if let Some(s) = run.step(Step::Failover).and_then(|done| done.shutdown.as_ref()) {
            return Condition::new(kind, s.truth, s.reason, &s.message);
        }
        let live = run.job.filter(|_| run.current.is_some_and(|i| i.step == Step::Failover));
        match live.map(|job| shutdown(self.shutdown_source, job)) {
            Some(s) => Condition::new(kind, s.truth, s.reason, s.message),
            None if self.shutdown_source => run.open_condition(kind),
            None => Condition::new(kind, Truth::False, Reason::NotRequested, NOT_REQUESTED),
        }
    }

    fn committed(&self, run: &Run<'_>) -> Condition {
        let kind = ConditionType::Committed;
        if let Some(result) = run.result.filter(|r| r.end == End::Succeeded && r.reason == Reason::Committed) {
            return Condition::new(kind, Truth::True, Reason::Committed, &result.message);
        }
        if self.commit {
            return run.step_condition(kind, Step::Commit, Reason::Committed);
        }
        Condition::new(
            kind,
            Truth::False,
            Reason::NotRequested,
            "commitPolicy is Manual: validate the recovered VM, then create a CommitRequest.",
        )
    }
}

fn not_now(item: &Item) -> String {
    let way = if item.pending_commit() {
        "A failover waits for its commit: create a CommitRequest."
    } else if item.committed() {
        "The VM must be reprotected before it can fail over again: create a ReprotectRequest."
    } else if item.allows("TestFailoverCleanup") {
        "A drill is up: clean it up first."
    } else {
        ""
    };
    let text = format!(
        "Azure does not offer a failover of {} in the state {} ({}). {way}",
        item.friendly_name, item.protection_state, item.protection_description
    );
    text.trim_end().to_owned()
}

/// Reads the shutdown from the job's task. Azure goes on when the shutdown fails.
fn shutdown(requested: bool, job: &Job) -> Shutdown {
    let known = |truth, reason, message: String| Shutdown { truth, reason, message };
    if !requested {
        return known(Truth::False, Reason::NotRequested, NOT_REQUESTED.into());
    }
    let Some(task) = job.task(SHUTDOWN_TASK) else {
        return known(Truth::Unknown, Reason::Pending, "Azure's job shows no shutdown of the source VM.".into());
    };
    let error = task.errors.last().map(|e| format!(" Azure says: {} {} {}", e.code, e.message, e.recommended_action));
    match task.state.to_ascii_lowercase().as_str() {
        "succeeded" if task.errors.is_empty() => {
            known(Truth::True, Reason::SourceShutDown, "The source VM was shut down before the failover.".into())
        }
        "notstarted" | "inprogress" if job.phase.is_terminal() => known(
            Truth::Unknown,
            Reason::Pending,
            "Azure's job ended without saying whether the source VM was shut down.".into(),
        ),
        "notstarted" | "inprogress" => {
            known(Truth::Unknown, Reason::JobRunning, "The source VM is to be shut down.".into())
        }
        _ => known(
            Truth::False,
            Reason::ShutdownFailed,
            format!(
                "The source VM was not shut down (Azure's task ended {}); the failover goes on without it. Make sure that it does not run beside the recovered VM.{}",
                task.state,
                error.unwrap_or_default()
            ),
        ),
    }
}
