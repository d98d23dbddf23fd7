//! One act on a stage, driven to its end, and the judgement: by the simulator's ledger and by what the objects show.

use crate::act::Act;
use crate::harness::{condition, eventually};
use crate::stage::Stage;
use serde_json::Value;
use std::time::{Duration, Instant};

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The request succeeded.
    Succeeded,
    /// It waits by name for the proof that a call which never arrived came to nothing, and sends nothing meanwhile.
    Resolving,
}

/// How long one waits for an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A named wait is an end.
    Named,
    /// The proof of absence takes 210 s of real time, and is waited for.
    Proof,
}

impl Patience {
    const fn deadline(self) -> Duration {
        match self {
            Self::Named => crate::stage::DEADLINE,
            Self::Proof => Duration::from_secs(420),
        }
    }
}

/// Status and reason of a condition.
pub fn reads<'a>(object: &'a Value, condition_type: &str) -> (&'a str, &'a str) {
    let found = condition(object, condition_type);
    let text = |key: &str| found.and_then(|c| c[key].as_str()).unwrap_or("absent");
    (text("status"), text("reason"))
}

/// A request as it is shown, asked for when the operator has written it: a poll of many cells would keep the machine busy.
struct Shown {
    object: Value,
    writes: usize,
    at: Option<Instant>,
}

impl Shown {
    async fn look(&mut self, stage: &Stage<'_>, act: &Act) -> Result<&Value, String> {
        let writes = stage.proxy.answered("K PATCH request/status");
        if self.writes != writes || self.at.is_none_or(|at| at.elapsed() > Duration::from_secs(2)) {
            self.object = stage.get(act.request.0, act.request.1).await?;
            (self.writes, self.at) = (writes, Some(Instant::now()));
        }
        Ok(&self.object)
    }
}

/// Lets the act go on until it ends: a job that is shown to run is let end.
pub async fn play(stage: &Stage<'_>, act: &Act, patience: Patience) -> End {
    let mut let_end: Option<Instant> = None;
    let mut shown = Shown { object: Value::Null, writes: 0, at: None };
    eventually(patience.deadline(), &format!("{} in {}", act.request.1, stage.namespace), async || {
        let object = shown.look(stage, act).await?;
        if reads(object, "Ready") == ("True", "Succeeded") {
            return Ok(End::Succeeded);
        }
        let goes_on = reads(object, "Reconciling");
        if goes_on == ("True", "JobRunning") && let_end.is_none_or(|at| at.elapsed() > Duration::from_secs(3)) {
            stage.job_ends().await;
            let_end = Some(Instant::now());
        }
        let nothing_left = stage.proxy.calls().iter().all(|call| !call.forwarded);
        if patience == Patience::Named && goes_on == ("True", "Resolving") && nothing_left {
            return Ok(End::Resolving);
        }
        Err(format!("{:#}", object["status"]))
    })
    .await
}

/// Plays an act that must succeed, and returns its request's object.
pub async fn succeed(stage: &Stage<'_>, act: &Act) -> Value {
    stage.create(act.manifest).await;
    assert_eq!(play(stage, act, Patience::Named).await, End::Succeeded);
    stage.get(act.request.0, act.request.1).await.unwrap()
}

/// The job of a request's first operation.
pub fn job(object: &Value) -> &Value {
    &object["status"]["operations"][0]["jobId"]
}

/// Whether what happened is what may: one call and its job, or none and an open intent.
pub async fn judge(stage: &Stage<'_>, act: &Act, end: End) {
    let (kind, name) = act.request;
    let sent = stage.sent().await;
    let calls: Vec<_> = stage.proxy.calls().into_iter().map(|call| call.client_request_id).collect();
    let ids: std::collections::BTreeSet<_> = calls.iter().collect();
    assert!(calls.len() <= 2 && ids.len() == calls.len(), "{calls:?}");
    let record = stage.record().await.unwrap();
    let object = stage.get(kind, name).await.unwrap();
    match end {
        End::Succeeded => {
            let accepted: Vec<_> = sent.iter().map(|call| (call["operation"].as_str(), &call["accepted"])).collect();
            assert_eq!(accepted, [(Some(act.operation), &Value::Bool(true))], "{sent:#?}");
            assert_eq!(*job(&object), sent[0]["jobId"], "{:#}", object["status"]);
            assert!(record["spec"]["holder"].is_null() && record["spec"]["intent"].is_null(), "{record:#}");
        }
        End::Resolving => {
            assert!(sent.is_empty(), "{sent:#?}");
            let intent = &record["spec"]["intent"];
            assert!(matches!(intent["outcome"].as_str(), None | Some("Unknown")), "{record:#}");
            let id = intent["clientRequestId"].as_str().unwrap_or_default();
            let told = condition(&object, "Reconciling").and_then(|c| c["message"].as_str()).unwrap_or_default();
            assert!(!id.is_empty() && told.contains(id), "{told}");
        }
    }
}
