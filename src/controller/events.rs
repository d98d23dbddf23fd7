//! Reporting: one status write where something changed, an event for each transition.

use crate::api::{fit_to_schema, schema_of};
use crate::domain::Reason;
use crate::domain::condition::{Condition, ConditionType, Truth};
use crate::domain::ids::Kind;
use crate::telemetry::Metrics;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as ApiCondition;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter as KubeReporter};
use kube::{Client, CustomResourceExt, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The one field manager of everything that the operator writes.
pub const FIELD_MANAGER: &str = "asr-operator";

/// What became of a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It was written; this is the object's version with it.
    Written(Option<String>),
    /// The object says it already, or is gone.
    Same,
    /// The object was written by somebody else since it was read: what was seen of it is old, and nothing was written.
    Outdated,
}

/// Writes statuses and events.
#[derive(Clone)]
pub struct Reporter {
    client: Client,
    recorder: Recorder,
    metrics: Arc<Metrics>,
}

/// The schema of each kind that was reported on: dear to make, and the same for everybody.
static SCHEMAS: LazyLock<Mutex<HashMap<String, Arc<Option<JSONSchemaProps>>>>> = LazyLock::new(Mutex::default);

impl Reporter {
    /// Through `client`.
    pub fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        let name = KubeReporter { controller: FIELD_MANAGER.into(), instance: None };
        Self { recorder: Recorder::new(client.clone(), name), client, metrics }
    }

    /// Writes `status` to `object` unless it says that already, and only over the version that was read: another replica
    /// may have shown the end of what this one saw the beginning of.
    ///
    /// # Errors
    /// The API server's; an object that is gone or was re-created is no error, and not written.
    pub async fn status<K, S>(&self, object: &K, old: Option<&S>, status: &S) -> Result<Shown, kube::Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + CustomResourceExt
            + Clone
            + Debug
            + DeserializeOwned,
        S: Serialize + PartialEq,
    {
        if old == Some(status) {
            return Ok(Shown::Same);
        }
        let namespace = object.namespace().unwrap_or_default();
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        let mut body = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            "metadata": {
                "name": object.name_any(),
                "uid": object.uid(),
                "resourceVersion": object.resource_version(),
            },
            "status": status,
        });
        // One text beyond its bound would lose the whole write.
        if let Some(schema) = schema::<K>().as_ref() {
            fit_to_schema(&mut body, schema);
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        match api.patch_status(&object.name_any(), &params, &Patch::Apply(&body)).await {
            Ok(written) => Ok(Shown::Written(written.resource_version())),
            Err(kube::Error::Api(s)) if s.is_not_found() => Ok(Shown::Same),
            Err(kube::Error::Api(s)) if s.is_conflict() => Ok(Shown::Outdated),
            Err(error) => Err(error),
        }
    }

    /// Publishes an event for each condition that says something new, and counts a change of Ready.
    pub async fn transitions<K>(&self, object: &K, old: &[ApiCondition], new: &[Condition])
    where
        K: Resource<DynamicType = ()>,
    {
        let kind = kind_label(K::kind(&()).as_ref());
        let waits = new.iter().any(|c| c.kind == ConditionType::Reconciling && c.truth == Truth::True);
        for condition in new {
            let before = old.iter().find(|o| o.type_ == condition.kind.as_str());
            let same =
                before.is_some_and(|o| o.reason == condition.reason.as_str() && o.status == condition.truth.as_str());
            if same || !is_news(condition) {
                continue;
            }
            if condition.kind.as_str() == "Ready" {
                self.metrics.transition(kind, condition.reason);
            }
            let event = Event {
                type_: if is_bad(condition) && !(waits && may_come_right(condition)) {
                    EventType::Warning
                } else {
                    EventType::Normal
                },
                reason: condition.reason.as_str().into(),
                note: Some(super::convert::status::cut(&condition.message, 1000)),
                action: condition.kind.as_str().into(),
                secondary: None,
            };
            if let Err(error) = self.recorder.publish(&event, &object.object_ref(&())).await {
                tracing::debug!(%error, "an event was not published");
            }
        }
    }
}

fn schema<K: Resource<DynamicType = ()> + CustomResourceExt>() -> Arc<Option<JSONSchemaProps>> {
    let mut schemas = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = schemas.entry(K::kind(&()).into_owned());
    Arc::clone(known.or_insert_with(|| Arc::new(schema_of::<K>().ok().flatten())))
}

/// What is worth an event: the standing of the object, by Ready, and verb conditions once they are decided.
fn is_news(condition: &Condition) -> bool {
    use ConditionType as T;
    match condition.kind {
        T::Ready => true,
        T::Reconciling | T::Stalled | T::Accepted => false,
        T::SourceShutdown => condition.reason == Reason::ShutdownFailed,
        T::FailedOver | T::Committed | T::Done | T::Reversed | T::PendingCommit | T::NeedsReprotect => {
            condition.truth == Truth::True
        }
        T::Synchronized => {
            condition.truth == Truth::True
                || matches!(condition.reason, Reason::SynchronizationUnhealthy | Reason::SynchronizationOverdue)
        }
        T::Protected | T::ReplicationHealthy | T::FailoverReady | T::DrillCurrent => condition.truth == Truth::False,
    }
}

/// What is no reason to look while the request waits: the request that must come first is expected.
fn may_come_right(condition: &Condition) -> bool {
    matches!(condition.reason, Reason::NoPendingFailover | Reason::NotCommitted | Reason::NotFailedOver)
}

fn is_bad(condition: &Condition) -> bool {
    use Reason as R;
    matches!(
        condition.reason,
        R::ShutdownFailed
            | R::JobFailed
            | R::JobCancelled
            | R::CommitFailed
            | R::OutcomeUnknown
            | R::AzureRefused
            | R::SucceededWithWarning
            | R::AccessDenied
            | R::CredentialsFailed
            | R::VaultUnreachable
            | R::SidesDisagree
            | R::ItemClaimedTwice
            | R::ItemReplaced
            | R::TargetChanged
            | R::GroupMember
            | R::Expired
            | R::ValidUntilTooFar
            | R::NameReused
            | R::DataLossTooHigh
            | R::RecoveryPointNotFound
            | R::RecoveryPointMismatch
            | R::NoPendingFailover
            | R::Cancelled
            | R::OutcomeDecided
            | R::TooLate
            | R::NothingToDecide
            | R::NotCommitted
            | R::NotFailedOver
            | R::DirectionDisagrees
            | R::PreconditionsUnmet
            | R::SynchronizationUnhealthy
            | R::SynchronizationOverdue
            | R::Unhealthy
            | R::InternalError
            | R::RecordFull
            | R::UnknownProtocol
            | R::InvalidSpec
    )
}

/// The kind as a metric label.
pub fn kind_label(kind: &str) -> &'static str {
    let requests = Kind::ALL.into_iter().map(Kind::as_str);
    ["RecoveryVault", "ReplicatedVm", "RequestDecision", "ItemRecord"]
        .into_iter()
        .chain(requests)
        .find(|k| *k == kind)
        .unwrap_or("other")
}
