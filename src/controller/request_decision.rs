//! The controller of RequestDecision: wakes the request that a person's word is about, and shows what came of it.

use super::context::Context;
use super::events::Shown;
use super::request::PassError;
use super::share;
use super::wake::Sleeper;
use crate::api::v1alpha1::{DecidedKind, DecidedOutcome, DecisionKind, RequestDecision, RequestDecisionStatus};
use crate::domain::Reason;
use crate::domain::condition::{Condition, ConditionType, Truth};
use crate::domain::decision::{PersonDecision, Word, conditions};
use crate::domain::ids::{Kind, RequestKey};
use crate::domain::job::JobId;
use crate::domain::observed::Claim;
use crate::domain::request::Next;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use std::time::Duration;

/// While it has not taken effect, it is looked at again after this time.
const AGAIN: Duration = Duration::from_secs(2);

/// The same, while Azure's job goes before it.
const FOLLOWING: Duration = Duration::from_secs(30);

/// One whose request is another replica's work is looked at again after this time.
const ANOTHERS: Duration = Duration::from_secs(5);

/// Every word on this request, by a fresh list: a request is not sent past one that was said before.
///
/// # Errors
/// The API server's.
pub(super) async fn on(ctx: &Context, key: &RequestKey) -> Result<Vec<PersonDecision>, kube::Error> {
    let api: Api<RequestDecision> = Api::namespaced(ctx.kube.clone(), &key.namespace);
    let named = ListParams::default().fields(&format!("spec.requestRef.name={}", key.name));
    let found = api.list(&named).await?;
    let of_kind = found.items.iter().filter(|d| kind(d.spec.request_ref.kind) == key.kind);
    Ok(of_kind.filter_map(said).collect())
}

/// One pass over one RequestDecision.
///
/// # Errors
/// When the cluster could not be read or written.
pub(super) async fn reconcile(ctx: &Context, namespace: &str, name: &str) -> Result<Next, PassError> {
    let api: Api<RequestDecision> = Api::namespaced(ctx.kube.clone(), namespace);
    let Some(object) = api.get_opt(name).await? else { return Ok(Next::OnChange) };
    let Some(decision) = said(&object) else { return Ok(Next::OnChange) };
    let about = &object.spec.request_ref;
    let key = RequestKey { kind: kind(about.kind), namespace: namespace.to_owned(), name: about.name.clone() };
    ctx.stores.ready().await;
    ctx.replicas.joined().await;
    if !ctx.replicas.owns(&share::of_key(&ctx.stores, &key)) {
        return Ok(if has_ended(&object) { Next::OnChange } else { Next::After(ANOTHERS) });
    }
    let claim = ctx.records.claim(&key).await?;
    let held = match claim.as_ref().map(Claim::item) {
        Some(item) => ctx.records.read(&item).await?,
        None => None,
    };
    let shown = conditions(&decision, &key, held.as_ref().map(|h| &h.record));
    if report(ctx, &object, &shown).await? == Shown::Outdated {
        return Ok(Next::Now);
    }
    if !waits(&shown) {
        return Ok(Next::OnChange);
    }
    ctx.wake.up(Sleeper::Request(key));
    let follows = shown.iter().any(|c| matches!(c.reason, Reason::JobRunning | Reason::Resolving));
    Ok(Next::After(if follows { FOLLOWING } else { AGAIN }))
}

fn has_ended(object: &RequestDecision) -> bool {
    let conditions = object.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    conditions.iter().any(|c| (c.type_ == "Ready" || c.type_ == "Stalled") && c.status == "True")
}

fn waits(shown: &[Condition]) -> bool {
    shown.iter().any(|c| c.kind == ConditionType::Reconciling && c.truth == Truth::True)
}

async fn report(ctx: &Context, object: &RequestDecision, shown: &[Condition]) -> Result<Shown, PassError> {
    let old = object.status.as_ref();
    let before = old.map(|o| o.conditions.as_slice()).unwrap_or_default();
    let generation = object.metadata.generation;
    let status = RequestDecisionStatus {
        observed_generation: generation,
        conditions: super::convert::status::conditions(shown, before, generation, ctx.machine.time_of_day()),
    };
    let written = ctx.reporter.status(object, old, &status).await?;
    if let Shown::Written(_) = &written {
        ctx.reporter.transitions(object, before, shown).await;
    }
    Ok(written)
}

/// What an object says; `None` where the API server let something pass that makes no sense.
fn said(object: &RequestDecision) -> Option<PersonDecision> {
    let spec = &object.spec;
    let word = match (spec.decision, spec.outcome, spec.client_request_id.clone()) {
        (DecisionKind::Cancel, ..) => Word::Cancel,
        (DecisionKind::Release, Some(DecidedOutcome::DidNotHappen), Some(id)) => {
            Word::DidNotHappen { client_request_id: id }
        }
        (DecisionKind::Release, Some(DecidedOutcome::Happened), Some(id)) => {
            Word::Happened { client_request_id: id, job: JobId(spec.job_id.clone()?.to_lowercase()) }
        }
        (DecisionKind::Release, ..) => return None,
    };
    Some(PersonDecision {
        name: object.name_any(),
        word,
        by: spec.requested_by.clone(),
        comment: spec.comment.clone(),
        at: object.metadata.creation_timestamp.as_ref().map(|t| t.0),
    })
}

const fn kind(decided: DecidedKind) -> Kind {
    match decided {
        DecidedKind::FailoverRequest => Kind::FailoverRequest,
        DecidedKind::ChangeRecoveryPointRequest => Kind::ChangeRecoveryPointRequest,
        DecidedKind::CommitRequest => Kind::CommitRequest,
        DecidedKind::ReprotectRequest => Kind::ReprotectRequest,
    }
}
