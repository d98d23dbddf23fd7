//! An ASR job as decisions see it: whose it is, and whether it ended, well or badly.

use jiff::Timestamp;

/// A job's GUID, lower-cased.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub String);

impl JobId {
    /// Whether it stands in place of an id that could not be read.
    pub fn is_nobodys(&self) -> bool {
        self.0.chars().all(|c| matches!(c, '0' | '-'))
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a job is. A word that this program does not know counts as running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not ended.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended well, with something to read.
    SucceededWithWarning,
    /// Ended badly.
    Failed,
    /// Ended by somebody.
    Cancelled,
}

impl Phase {
    /// Whether nothing more will happen.
    pub const fn is_terminal(self) -> bool {
        !matches!(self, Self::Running)
    }

    /// The word shown to people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::SucceededWithWarning => "SucceededWithWarning",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// One task of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The task's stable name, such as `VmShutdownVmOnPrimary`.
    pub name: String,
    /// What people call it.
    pub friendly_name: String,
    /// Azure's state word.
    pub state: String,
    /// Its start.
    pub started: Option<Timestamp>,
    /// Its end.
    pub ended: Option<Timestamp>,
    /// What went wrong in it.
    pub errors: Vec<JobError>,
}

/// One error of a job or task, with Azure's own advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// Azure's code.
    pub code: String,
    /// Azure's words.
    pub message: String,
    /// Azure's guess at the cause.
    pub possible_causes: String,
    /// Azure's advice.
    pub recommended_action: String,
}

/// A job, as a list shows it (no activity, no tasks) or as a GET shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its GUID.
    pub id: JobId,
    /// `scenarioName`; `None` in a stub.
    pub scenario: Option<String>,
    /// `targetObjectName`; `None` in a stub.
    pub target: Option<String>,
    /// How far it is.
    pub phase: Phase,
    /// Azure's own state words.
    pub state_text: String,
    /// The client request id of the call that made it; `None` in lists and where Azure does not say.
    pub client_request_id: Option<String>,
    /// Whether this came from a GET with all detail, rather than from a list or an early stub.
    pub detailed: bool,
    /// Its start.
    pub started: Option<Timestamp>,
    /// Its end.
    pub ended: Option<Timestamp>,
    /// Its tasks.
    pub tasks: Vec<Task>,
    /// Its errors, the most specific last.
    pub errors: Vec<JobError>,
    /// The jobs that do its work; their errors say why it failed.
    pub children: Vec<JobId>,
    /// Where a reprotected item is found, an ARM id; unknown in the first seconds.
    pub moved_to: Option<String>,
}

impl Job {
    /// Whether the job may be one of `scenario` on the VM `target`; a stub may be anything, and any job may be of a VM whose
    /// name is not known, an empty one.
    pub fn may_be(&self, scenario: &str, target: &str) -> bool {
        let fits =
            |field: &Option<String>, want: &str| field.as_ref().is_none_or(|have| have.eq_ignore_ascii_case(want));
        fits(&self.scenario, scenario) && (target.is_empty() || fits(&self.target, target))
    }

    /// Whether nothing more will happen: it has an end, be it one in a word that nobody knows.
    pub const fn is_over(&self) -> bool {
        self.phase.is_terminal() || self.ended.is_some()
    }

    /// Whether it waits for a person, in Azure's own word.
    pub fn is_suspended(&self) -> bool {
        self.state_text.split('/').any(|word| word.eq_ignore_ascii_case("Suspended"))
    }

    /// The task that runs now, or the last that ran: what a live view shows.
    pub fn current_task(&self) -> Option<&Task> {
        let running = self.tasks.iter().find(|task| task.state.eq_ignore_ascii_case("InProgress"));
        running.or_else(|| self.tasks.iter().rev().find(|task| task.started.is_some()))
    }

    /// The task of that name.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// The error that says most, from the job or else from its tasks.
    pub fn cause(&self) -> Option<&JobError> {
        self.errors.last().or_else(|| self.tasks.iter().rev().find_map(|task| task.errors.last()))
    }
}
