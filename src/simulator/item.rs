//! A replicated item: the two places its VM can live in, where replication stands, and what ASR allows next.
//!
//! States and their operations are those of asr-api 4.1. Pure; what changes with time alone (copying, points) is
//! computed from the instant asked about.

use jiff::Timestamp;
use uuid::Uuid;

use super::clock::later;
use super::ids::guid;
use super::points::{Point, Series};
use super::seed::Flags;
use super::settings::Timings;

/// One of the two places an item's VM can live in.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    /// Index of the fabric in the vault.
    pub(crate) fabric: usize,
    /// ARM id of the resource group.
    pub(crate) group_id: String,
    /// Name of the VM there.
    pub(crate) vm_name: String,
    /// Private address of the VM there.
    pub(crate) address: String,
    /// Availability zone, for zone to zone items.
    pub(crate) zone: Option<String>,
}

impl Placement {
    /// ARM id of the VM here, in the casing of its creator.
    pub(crate) fn vm_id(&self) -> String {
        self.resource("Microsoft.Compute/virtualMachines", &self.vm_name)
    }

    /// ARM id of a resource in this place's group.
    pub(crate) fn resource(&self, kind: &str, name: &str) -> String {
        format!("{}/providers/{kind}/{name}", self.group_id)
    }

    /// ARM id of the cache storage account here, for a source in `location`.
    pub(crate) fn cache_account(&self, location: &str) -> String {
        self.resource("Microsoft.Storage/storageAccounts", &format!("cache{location}"))
    }

    /// ARM id of the virtual network here.
    pub(crate) fn network_id(&self) -> String {
        let group = super::ids::last_segment(&self.group_id);
        self.resource("Microsoft.Network/virtualNetworks", &format!("{group}-vnet"))
    }
}

/// Where replication of an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Copying, or Protected once [`Item::protected`] has come.
    Replicating,
    /// A failover failed; the verb is allowed again (asr-errors 1.4).
    FailoverFailed,
    /// Failed over; the point can still be changed.
    CommitPending,
    /// The failover is final; the points are gone.
    Committed,
}

/// Where a test failover of an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drill {
    /// There is none.
    None,
    /// A test VM runs and waits for its clean-up; the job made it, and began then.
    Waiting { job: Uuid, since: Timestamp },
    /// The clean-up job is over; the service says so for a while longer.
    MarkedForDeletion { until: Timestamp },
}

/// One replicated item.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Identity inside the simulator; a re-created item has another.
    pub(crate) uid: u64,
    pub(crate) name: String,
    pub(crate) vm_size: String,
    pub(crate) os_type: String,
    /// Name of the OS disk, the same on both sides.
    pub(crate) os_disk: String,
    /// Names of the data disks, the same on both sides.
    pub(crate) data_disks: Vec<String>,
    /// The place it was enabled from, and the other one. Never swapped.
    pub(crate) placements: [Placement; 2],
    /// Survives a change of direction (recorded: cli-A2A_scenarios).
    pub(crate) lifecycle: Uuid,
    pub(crate) history_minutes: u32,
    pub(crate) app_minutes: u32,
    pub(crate) course: Course,
    pub(crate) flags: Flags,
}

/// How far an item has come: everything that verbs change.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    /// Replication runs from the second place to the first.
    pub(crate) reversed: bool,
    pub(crate) state: State,
    pub(crate) drill: Drill,
    /// When the copy begins to say how far it is.
    pub(crate) monitored: Timestamp,
    /// When copying ends.
    pub(crate) copied: Timestamp,
    /// When the first recovery point is there.
    pub(crate) protected: Timestamp,
    /// When a failover stopped replication.
    pub(crate) stopped: Option<Timestamp>,
    /// Points that failovers to Latest made.
    pub(crate) made_points: Vec<Point>,
    /// The point that the VM runs from since its last failover.
    pub(crate) failover_point: Option<Uuid>,
    pub(crate) last_failover: Option<Timestamp>,
    pub(crate) last_test: Option<Timestamp>,
    /// Address that the recovered VM got, when it is not the declared one.
    pub(crate) drifted: Option<String>,
    /// Jobs in flight.
    pub(crate) running: Vec<Uuid>,
}

/// Seconds into a copy at which the service begins to say how far it is: at 23 s it did not, at 327 s it did (recorded:
/// cli-A2A_scenarios seq 111, 112).
const MONITORING_BEGINS: f64 = 120.0;

impl Course {
    /// Replicating in this direction, Protected since `protected`, and nothing else has happened.
    pub(crate) fn protected_since(protected: Timestamp, reversed: bool) -> Self {
        Self {
            reversed,
            state: State::Replicating,
            drill: Drill::None,
            monitored: protected,
            copied: protected,
            protected,
            stopped: None,
            made_points: Vec::new(),
            failover_point: None,
            last_failover: None,
            last_test: None,
            drifted: None,
            running: Vec::new(),
        }
    }

    /// Begins to copy at `at`; Protected when the data is over and the first point made.
    pub(crate) fn copy_from(&mut self, at: Timestamp, timings: &Timings) {
        self.monitored = later(at, MONITORING_BEGINS);
        self.copied = later(at, timings.reverse_copy_seconds);
        self.protected = later(self.copied, timings.first_point_seconds);
    }
}

/// What ASR says of an item at an instant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) protection: &'static str,
    pub(crate) description: &'static str,
    pub(crate) vm_protection: &'static str,
    pub(crate) vm_description: &'static str,
    pub(crate) active: &'static str,
    /// Operations of the state alone, as if no job ran.
    pub(crate) operations: &'static [&'static str],
    /// Whether it is Protected or beyond: details that exist only then are filled.
    pub(crate) settled: bool,
}

impl Item {
    /// The place replication runs from.
    pub(crate) fn primary(&self) -> &Placement {
        &self.placements[usize::from(self.course.reversed)]
    }

    /// The place replication runs to.
    pub(crate) fn recovery(&self) -> &Placement {
        &self.placements[usize::from(!self.course.reversed)]
    }

    /// The internal GUID that jobs and health errors name; another one after a change of direction (recorded).
    pub(crate) fn entity(&self) -> Uuid {
        guid(&["entity", &self.lifecycle.to_string(), self.direction()])
    }

    /// The same once replication has turned round.
    pub(crate) fn entity_reversed(&self) -> Uuid {
        let other = Self::word(!self.course.reversed);
        guid(&["entity", &self.lifecycle.to_string(), other])
    }

    /// A word that differs between the two directions of replication.
    pub(crate) fn direction(&self) -> &'static str {
        Self::word(self.course.reversed)
    }

    fn word(reversed: bool) -> &'static str {
        if reversed { "reverse" } else { "forward" }
    }

    /// Whether the VM runs in the recovery place of the pair.
    pub(crate) fn failed_over(&self) -> bool {
        matches!(self.course.state, State::CommitPending | State::Committed)
    }

    /// Whether a test VM waits for its clean-up beside a VM that has not failed over.
    pub(crate) fn drill_is_up(&self) -> bool {
        self.course.state == State::Replicating && matches!(self.course.drill, Drill::Waiting { .. })
    }

    /// The rows of asr-api 4.1 and asr-errors 1.4.
    pub(crate) fn stage(&self, now: Timestamp) -> Stage {
        match self.course.state {
            State::Replicating if now < self.course.copied => COPYING,
            State::Replicating if now < self.course.protected => FIRST_POINT,
            State::Replicating if self.drill_is_up() => Stage { operations: &["TestFailoverCleanup"], ..PROTECTED },
            State::Replicating => PROTECTED,
            State::FailoverFailed => FAILOVER_FAILED,
            State::CommitPending => COMMIT_PENDING,
            State::Committed => COMMITTED,
        }
    }

    /// The `allowedOperations` on the wire: none while a job runs (asr-api 4.1 row 8, unverified for A2A).
    pub(crate) fn allowed_operations(&self, now: Timestamp) -> &'static [&'static str] {
        if self.course.running.is_empty() { self.stage(now).operations } else { &[] }
    }

    /// Recovery points in the order of the list; none once committed.
    pub(crate) fn points(&self, now: Timestamp) -> Vec<Point> {
        if self.course.state == State::Committed { Vec::new() } else { self.kept_points(now) }
    }

    /// The points as they are before a commit deletes them.
    pub(crate) fn kept_points(&self, now: Timestamp) -> Vec<Point> {
        let mut points = self.series().at(now);
        points.extend(self.course.made_points.iter().cloned());
        points
    }

    /// The point that an ARM id or a bare GUID names: only the last segment counts, the container may be an alias.
    pub(crate) fn point_named(&self, id: &str, now: Timestamp) -> Option<Point> {
        let wanted = Uuid::parse_str(super::ids::last_segment(id)).ok()?;
        self.points(now).into_iter().find(|point| point.id == wanted)
    }

    /// The newest listed point.
    pub(crate) fn latest_point(&self, now: Timestamp) -> Option<Point> {
        self.points(now).into_iter().max_by_key(|point| point.time)
    }

    /// Begins to copy in the other direction, `copies` times as long as usual: what a reprotect leaves behind.
    pub(crate) fn reverse(&mut self, at: Timestamp, timings: &Timings, copies: f64) {
        self.course = Course::protected_since(at, !self.course.reversed);
        self.course.copy_from(later(at, timings.reverse_copy_seconds * (copies - 1.0)), timings);
    }

    fn series(&self) -> Series {
        Series {
            key: format!("{}/{}", self.lifecycle, self.direction()),
            since: self.course.protected,
            stopped: self.course.stopped,
            history_minutes: self.history_minutes,
            app_minutes: self.app_minutes,
        }
    }
}

const COPYING: Stage = Stage {
    protection: "InitialReplicationInProgress",
    description: "Initial replication is in progress",
    vm_protection: "UnprotectedStatesBegin",
    vm_description: "Enabling protection",
    active: "Primary",
    operations: &["DisableProtection"],
    settled: false,
};

const FIRST_POINT: Stage = Stage {
    protection: "InitialReplicationRecoveryCompletionPending",
    description: "Waiting for first recovery point",
    ..COPYING
};

pub(crate) const PROTECTED: Stage = Stage {
    protection: "Protected",
    description: "Protected",
    vm_protection: "Protected",
    vm_description: "Protected",
    active: "Primary",
    operations: &["UnplannedFailover", "DisableProtection", "TestFailover"],
    settled: true,
};

const FAILOVER_FAILED: Stage = Stage {
    protection: "UnplannedFailoverFailed",
    description: "Failover failed",
    vm_protection: "UnplannedFailoverFailed",
    vm_description: "Failover failed",
    ..PROTECTED
};

pub(crate) const COMMIT_PENDING: Stage = Stage {
    protection: "UnplannedFailoverCommitPendingStatesBegin",
    description: "Failover completed",
    vm_protection: "UnplannedFailoverCommitPendingStatesBegin",
    vm_description: "Failover completed",
    active: "Recovery",
    operations: &["CompleteMigration", "Commit", "DisableProtection", "ChangePit"],
    settled: true,
};

pub(crate) const COMMITTED: Stage = Stage {
    protection: "UnplannedFailoverCommitted",
    description: "Failover committed",
    vm_protection: "UnplannedFailoverCommitted",
    vm_description: "Failover committed",
    active: "Recovery",
    operations: &["CompleteMigration", "DisableProtection", "SwitchProtection"],
    settled: true,
};
