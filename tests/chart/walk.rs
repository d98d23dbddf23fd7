//! The whole loop by its samples, and what a person writes down to install the chart for it.

use crate::harness::Simulator;
use serde_json::{Value, json};

/// Sample, kind and name of each act, in order.
pub const LOOP: [(&str, &str, &str); 7] = [
    ("30-failover", "FailoverRequest", "app01-out-2026-06-01"),
    ("35-change-recovery-point", "ChangeRecoveryPointRequest", "app01-point-2026-06-01"),
    ("40-commit", "CommitRequest", "app01-commit-2026-06-01"),
    ("50-reprotect", "ReprotectRequest", "app01-reprotect-2026-06-01"),
    ("60-failback", "FailoverRequest", "app01-home-2026-06-01"),
    ("70-commit-home", "CommitRequest", "app01-commit-home-2026-06-01"),
    ("80-reprotect-home", "ReprotectRequest", "app01-reprotect-home-2026-06-01"),
];

/// What a person would write down for this Azure and the namespace `demo`.
pub fn values(sim: &Simulator) -> Value {
    json!({
        "azure": {"armEndpoint": sim.arm, "authorityHost": sim.authority, "caBundle": {"configMap": "azure-ca"}},
        "tenants": [{"namespace": "demo", "serviceAccounts": ["asr"], "secrets": ["asr-client"]}],
        "safety": {"newRecordQuarantineSeconds": 0},
        "taskDetailEverySeconds": 1,
    })
}
