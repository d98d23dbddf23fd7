//! RequestDecision: a person's word on a running request.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Condition;
use super::schema::{Guid, ObjectName};

/// One word of a person on one request. It cannot be edited: to say something else, create another one.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "asr-operator.io",
    version = "v1alpha1",
    kind = "RequestDecision",
    namespaced,
    shortname = "rd",
    category = "asr",
    status = "RequestDecisionStatus",
    derive = "PartialEq",
    selectable = ".spec.requestRef.name",
    doc = "A person's word on one request of this namespace: takes it back before its call, or says what became of a call whose outcome nobody knows. It never makes a call itself.",
    printcolumn(name = "Request", type_ = "string", json_path = ".spec.requestRef.name"),
    printcolumn(name = "Decision", type_ = "string", json_path = ".spec.decision"),
    printcolumn(name = "Outcome", type_ = "string", json_path = ".spec.outcome"),
    printcolumn(name = "By", type_ = "string", json_path = ".spec.requestedBy"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(
    validation = Rule::new("self == oldSelf").message("a decision cannot be edited: create another one"),
    validation = Rule::new(
        "has(self.clientRequestId) == (self.decision == 'Release') && has(self.outcome) == (self.decision == 'Release')"
    )
    .message("clientRequestId and outcome are required for Release, and only for it"),
    validation = Rule::new("has(self.jobId) == (has(self.outcome) && self.outcome == 'Happened')")
        .message("jobId is required for a call that Happened, and only for it")
)]
#[serde(rename_all = "camelCase")]
pub struct RequestDecisionSpec {
    /// The request that this is about. Its object may be gone.
    pub request_ref: DecidedRequest,
    /// Cancel: the request ends without a call, if its call was not begun. Release: the outcome of its call, which nobody
    /// knows, is what you say.
    pub decision: DecisionKind,
    /// Release only: the x-ms-client-request-id of the call, as the condition OutcomeUnknown shows it. It makes sure that
    /// this is about that call and no later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Guid>")]
    pub client_request_id: Option<String>,
    /// Release only. Happened: Azure executed the call as the job in jobId, which is followed from then on; of a job that ended in
    /// a word that nobody knows it says that it is over, and the request ends. DidNotHappen: the request ends, and the machine
    /// is free for other requests; nothing is sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<DecidedOutcome>,
    /// Name of the Site Recovery job that the call started, as the portal shows it under Site Recovery jobs. Happened only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Guid>")]
    pub job_id: Option<String>,
    /// Who says so: shown with the request. 1 to 128 characters.
    #[schemars(length(min = 1, max = 128))]
    pub requested_by: String,
    /// Why, for whoever reads this afterwards. 3 to 256 characters.
    #[schemars(length(min = 3, max = 256))]
    pub comment: String,
}

/// A request of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecidedRequest {
    /// Its kind.
    pub kind: DecidedKind,
    /// Its name.
    #[schemars(with = "ObjectName")]
    pub name: String,
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DecidedKind {
    /// A failover or failback.
    FailoverRequest,
    /// A change of the recovery point.
    ChangeRecoveryPointRequest,
    /// A commit.
    CommitRequest,
    /// A reprotect.
    ReprotectRequest,
}

/// What a person can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DecisionKind {
    /// The request is taken back.
    Cancel,
    /// The outcome of its call is known to a person.
    Release,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DecidedOutcome {
    /// Azure executed it.
    Happened,
    /// Azure did not.
    DidNotHappen,
}

/// What came of the decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestDecisionStatus {
    /// The generation of the spec that this status speaks of. -1: the operator has not seen the decision yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready: it took effect. Reconciling: it is waited for. Stalled: it came too late, or fits nothing; the message says
    /// what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<super::condition::ConditionSchema>", length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
