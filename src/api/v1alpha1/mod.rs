//! Version `v1alpha1`: one file per kind. Doc comments on fields are what `kubectl explain` shows.
//!
//! Nothing here behaves: CEL rules sit on the types that they guard, and the API server is the one who enforces them.

// `KubeSchema` copies each struct, with its visibility, into a function body.
#![allow(unreachable_pub)]

mod change_recovery_point_request;
mod commit_request;
mod condition;
mod duration;
mod failover_request;
mod item_record;
mod recovery_point;
mod recovery_vault;
mod replicated_vm;
mod reprotect_request;
mod request;
mod request_claim;
mod request_decision;
mod schema;
mod shared;

pub use change_recovery_point_request::{ChangeRecoveryPointRequest, ChangeRecoveryPointRequestSpec};
pub use commit_request::{CommitRequest, CommitRequestSpec};
pub use duration::{DurationError, format_duration, parse_duration};
pub use failover_request::{CommitPolicy, FailoverRequest, FailoverRequestSpec};
pub use item_record::{
    Consumed, FinishedStep, FrozenPoint, Intent, IntentOutcome, ItemRecord, ItemRecordSpec, RequestResult,
    ResultOutcome, ShutdownResult,
};
pub use recovery_point::{ListedPointSelector, ListedPointType, RecoveryPointSelector, RecoveryPointType};
pub use recovery_vault::{
    Adoption, AdoptionState, Identity, IdentityType, Poll, RecoveryVault, RecoveryVaultSpec, RecoveryVaultStatus,
    SecretRef,
};
pub use replicated_vm::{
    HealthError, LastOperation, Objectives, RecoveryPointSummary, ReplicatedVm, ReplicatedVmSpec, ReplicatedVmStatus,
    SideSpec,
};
pub use reprotect_request::{Acknowledgement, ReprotectRequest, ReprotectRequestSpec, ReprotectSettings};
pub use request::{
    Operation, OperationError, PlanEffect, PlannedResource, Precondition, Request, RequestSpecView, RequestStatus,
    RequestTarget, Task,
};
pub use request_claim::{RequestClaim, RequestClaimSpec};
pub use request_decision::{
    DecidedKind, DecidedOutcome, DecidedRequest, DecisionKind, RequestDecision, RequestDecisionSpec,
    RequestDecisionStatus,
};
pub use shared::{Direction, LocalRef, ObservedPoint, RecoveryPointUsed, RequestKey, RequestRef, Side, Step, Truth};

/// A `metav1.Condition`. Lists of it are merged by `type`.
pub type Condition = k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
