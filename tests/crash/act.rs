//! The acts whose every boundary is tried: each verb once, from the state in which it is due, and the operator's own start.

/// One act.
#[derive(Debug)]
pub struct Act {
    /// What the output calls it.
    pub name: &'static str,
    /// What somebody did in the portal before, so that it is due.
    pub before: &'static [&'static str],
    /// The request.
    pub manifest: &'static str,
    /// Its kind and name.
    pub request: (&'static str, &'static str),
    /// The call that it may make once.
    pub operation: &'static str,
    /// Whether the request is there before the operator is, and the boundaries are those of the operator's start.
    pub at_start: bool,
}

pub const FAILOVER: Act = Act {
    name: "failover",
    before: &[],
    manifest: include_str!("../../deploy/samples/30-failover.yaml"),
    request: ("FailoverRequest", "app01-out-2026-06-01"),
    operation: "unplannedFailover",
    at_start: false,
};

/// The operator's start with a failover that is due.
pub const START: Act = Act { name: "start", at_start: true, ..FAILOVER };

pub const CHANGE_POINT: Act = Act {
    name: "change point",
    before: &["unplannedFailover"],
    manifest: include_str!("../../deploy/samples/35-change-recovery-point.yaml"),
    request: ("ChangeRecoveryPointRequest", "app01-point-2026-06-01"),
    operation: "applyRecoveryPoint",
    at_start: false,
};

pub const COMMIT: Act = Act {
    name: "commit",
    before: &["unplannedFailover"],
    manifest: include_str!("../../deploy/samples/40-commit.yaml"),
    request: ("CommitRequest", "app01-commit-2026-06-01"),
    operation: "failoverCommit",
    at_start: false,
};

pub const REPROTECT: Act = Act {
    name: "reprotect",
    before: &["unplannedFailover", "failoverCommit"],
    manifest: include_str!("../../deploy/samples/50-reprotect.yaml"),
    request: ("ReprotectRequest", "app01-reprotect-2026-06-01"),
    operation: "switchprotection",
    at_start: false,
};

/// All of them.
pub static ACTS: [Act; 5] = [START, FAILOVER, CHANGE_POINT, COMMIT, REPROTECT];
