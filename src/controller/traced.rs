//! What a request's trace shows: each pass, below it each call to Azure, then each job and the request as a whole.
//!
//! It watches, and changes nothing: a call goes through as it came, once, and its answer likewise.

use super::PassError;
use super::convert::request::VerbOf;
use crate::asr::{Carrier, Lost, SendWindow};
use crate::domain::condition::Standing;
use crate::domain::ids::RequestKey;
use crate::domain::job::Phase;
use crate::domain::observed::Azure;
use crate::domain::record::{Finished, RunResult};
use crate::domain::request::{Decision, Effect};
use crate::telemetry::{Attribute, Span, Trace, Traces};
use async_trait::async_trait;
use jiff::Timestamp;
use kube::ResourceExt;
use reqwest::{Request, Response};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;

/// A carrier whose calls are spans of the pass that makes them; a call outside of a pass is none.
#[derive(Debug)]
pub struct Traced {
    /// The way.
    pub way: Arc<dyn Carrier>,
    /// Where spans go.
    pub traces: Traces,
}

impl Traced {
    /// By method and path alone: a query may hold a signature.
    fn begin(&self, request: &Request) -> Option<Span> {
        let (method, url) = (request.method().as_str(), request.url());
        let mut span = self.traces.below_current(format!("{method} {}", what(url.path())))?;
        span.says("http.request.method", method.to_owned());
        span.says("server.address", url.host_str().unwrap_or_default().to_owned());
        span.says("url.path", url.path().to_owned());
        if let Some(id) = request.headers().get("x-ms-client-request-id").and_then(|id| id.to_str().ok()) {
            span.says("az.client_request_id", id.to_owned());
        }
        Some(span)
    }
}

/// The type or verb that a path of ARM ends with, without the name behind it; of another path, its end.
fn what(path: &str) -> &str {
    let typed = path.rsplit_once("/providers/").and_then(|(_, below)| below.split_once('/')).map(|(_, typed)| typed);
    let typed = typed.or_else(|| path.starts_with("/subscriptions/").then(|| path.trim_start_matches('/')));
    let segments: Vec<&str> = typed.unwrap_or(path).split('/').collect();
    let behind = usize::from(typed.is_some() && segments.len().is_multiple_of(2)) + 1;
    segments.len().checked_sub(behind).and_then(|last| segments.get(last)).copied().unwrap_or(path)
}

fn answered(span: Option<Span>, answer: &Result<Response, Lost>) {
    let Some(mut span) = span else { return };
    match answer {
        Ok(response) => {
            let status = response.status();
            span.says("http.response.status_code", i64::from(status.as_u16()));
            span.ends((!status.is_success()).then(|| status.to_string()));
        }
        Err(lost) => {
            span.says("asr.may_have_left", lost.may_have_left);
            span.ends(Some(lost.why.clone()));
        }
    }
}

#[async_trait]
impl Carrier for Traced {
    async fn carry(&self, request: Request) -> Result<Response, Lost> {
        let span = self.begin(&request);
        let answer = self.way.carry(request).await;
        answered(span, &answer);
        answer
    }

    async fn carry_once(&self, request: Request, window: &dyn SendWindow, deadline: Instant) -> Result<Response, Lost> {
        let span = self.begin(&request);
        let answer = self.way.carry_once(request, window, deadline).await;
        answered(span, &answer);
        answer
    }

    fn chance(&self) -> f64 {
        self.way.chance()
    }
}

/// Says of a pass what it came to. One that neither asked Azure nor did anything is not told: a request that waits for a
/// person is looked at for days.
pub fn passed(mut span: Span, pass: Result<(&Decision, &Azure), &PassError>) {
    match pass {
        Ok((decision, azure)) => {
            let asked = azure.item.is_some() || azure.jobs.is_some() || azure.job.is_some();
            if !asked && decision.effect == Effect::None {
                return span.is_nothing();
            }
            span.says("asr.effect", effect(&decision.effect));
            if let Some(ready) = decision.view.as_ref().and_then(|view| view.conditions.first()) {
                span.says("asr.reason", ready.reason.as_str());
            }
            span.ends(None);
        }
        Err(error) => span.ends(Some(error.to_string())),
    }
}

const fn effect(effect: &Effect) -> &'static str {
    match effect {
        Effect::None => "none",
        Effect::Claim(_) => "claim",
        Effect::Write(_) => "write",
        Effect::Send(..) => "send",
    }
}

/// Tells the jobs of a request that has just ended, and the request as a whole.
pub fn ended<K: VerbOf>(traces: &Traces, object: &K, key: &RequestKey, item: &str, result: &RunResult, now: Timestamp) {
    let Some(trace) = traces.of(object.meta().uid.as_deref()) else { return };
    for step in &result.steps {
        job(&trace, step);
    }
    let created = object.creation_timestamp().map_or(now, |time| time.0);
    let RunResult { end, reason, .. } = result;
    let attributes: Vec<Attribute> = vec![
        ("k8s.namespace.name", key.namespace.clone().into()),
        ("asr.request", key.to_string().into()),
        ("asr.item", item.to_owned().into()),
        ("asr.end", end.as_str().into()),
        ("asr.reason", reason.as_str().into()),
    ];
    let time = (created.into(), result.at.unwrap_or(now).max(created).into());
    trace.whole(&format!("{} {}", key.kind.as_str(), key.name), time, attributes, end.standing() == Standing::Stalled);
}

/// A job of Azure, by Azure's own times; one whose times are not known is not shown.
fn job(trace: &Trace, step: &Finished) {
    let Some((began, ended)) = step.started.zip(step.ended) else { return };
    let attributes: Vec<Attribute> = vec![
        ("asr.step", step.step.as_str().into()),
        ("asr.attempt", i64::from(step.attempt).into()),
        ("asr.phase", step.phase.as_str().into()),
        ("az.job", step.job.as_ref().map(|job| job.0.clone()).unwrap_or_default().into()),
        ("az.client_request_id", step.client_request_id.clone().into()),
    ];
    let time: (SystemTime, SystemTime) = (began.into(), ended.into());
    trace.past(
        &format!("job {}", step.step.as_str()),
        time,
        attributes,
        matches!(step.phase, Phase::Failed | Phase::Cancelled),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_by_its_type_or_verb_and_never_by_a_name() {
        let vault = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v";
        let item =
            format!("{vault}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/i");
        let rows = [
            (vault.to_owned(), "vaults"),
            (format!("{vault}/replicationJobs"), "replicationJobs"),
            (format!("{vault}/replicationJobs/j"), "replicationJobs"),
            (item.clone(), "replicationProtectedItems"),
            (format!("{item}/recoveryPoints"), "recoveryPoints"),
            (format!("{item}/unplannedFailover"), "unplannedFailover"),
            ("/subscriptions/s/resourceGroups/rg".into(), "resourceGroups"),
            ("/subscriptions/s/resourceGroups/rg/providers/Microsoft.Authorization/locks".into(), "locks"),
            ("/tenant/oauth2/v2.0/token".into(), "token"),
            ("/".into(), ""),
        ];
        for (path, expected) in rows {
            assert_eq!(what(&path), expected, "{path}");
        }
    }
}
