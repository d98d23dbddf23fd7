//! Every long-running operation, followed as the client does: from the headers of its 202 to the job, and on to its end.

use std::collections::BTreeSet;

use asr_operator::asr::{Job, JobId, job_id, model};
use asr_operator::controller::translate::observed_job;
use asr_operator::domain::job::{self, Phase};
use asr_operator::domain::observed::Reading;
use asr_operator::domain::record::Outcome;
use asr_operator::domain::request::{Effect, decide};
use serde_json::json;

use super::decisions::Asked;
use super::folder::Exchange;
use super::report::{FOLLOWED, Report};

/// A poll of the job, in the two forms there are.
fn is_poll(exchange: &Exchange, id: &JobId) -> bool {
    let keyword = exchange.keyword().to_ascii_lowercase();
    let polled = ["replicationoperationstatus", "replicationjobs"].contains(&keyword.as_str());
    let own = JobId::from_path(&exchange.path).as_ref() == Some(id);
    exchange.method == "GET" && exchange.status == 200 && exchange.names_one() && polled && own
}

/// The position of the last poll of the operation that the exchange began: until then the item may show the state before.
pub(crate) fn end_of(exchanges: &[Exchange], began: usize) -> usize {
    let Some(id) = job_id(&exchanges[began].headers) else { return began };
    exchanges.iter().rposition(|exchange| is_poll(exchange, &id)).map_or(began, |last| last.max(began))
}

/// Follows the operation that the exchange at `began` started; `asked` is the decision that sends it, where there is one.
pub(crate) fn follow(exchanges: &[Exchange], began: usize, asked: Option<Asked>, report: &mut Report) {
    let exchange = &exchanges[began];
    let named = headers_name(exchange);
    if named.is_empty() {
        report.count(FOLLOWED, format!("not followed: no header names a job ({})", exchange.operation()));
        return;
    }
    let Some(id) = job_id(&exchange.headers).filter(|id| named == BTreeSet::from([id.clone()])) else {
        report.fail(exchange, format!("the headers of the 202 name {named:?}, the client finds another job"));
        return;
    };
    let mut polls = Vec::new();
    for poll in exchanges.iter().filter(|exchange| is_poll(exchange, &id)) {
        match polled(poll) {
            Ok(job) if job.id.0 == id.as_str() || poll.keyword().eq_ignore_ascii_case("replicationJobs") => {
                polls.push((poll, job));
            }
            Ok(job) => report.fail(poll, format!("the poll of job {id} answers for {}", job.id)),
            Err(_) if poll.excerpt => {}
            Err(why) => report.fail(poll, format!("the poll of job {id} cannot be read: {why}")),
        }
    }
    let end = ordered(&polls, report);
    let verb = if asked.is_some() { ", with the decision that sent it" } else { "" };
    report.count(FOLLOWED, format!("{end}{verb} ({})", exchange.operation()));
    if let Some(asked) = asked {
        followed_on(exchange, asked, &id, polls.into_iter().map(|(_, job)| job), report);
    }
}

/// The jobs that the headers of a 202 name, each by itself; operations of other services name none.
fn headers_name(exchange: &Exchange) -> BTreeSet<JobId> {
    let texts = |name: &'static str| exchange.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let has = |text: &&str, part: &str| text.to_ascii_lowercase().contains(part);
    let requests = texts("x-ms-request-id").flat_map(|t| t.split(',')).filter(|t| has(t, "/replicationjobs/"));
    let urls = texts("azure-asyncoperation")
        .filter(|t| has(t, "/replicationoperationstatus/") || has(t, "/replicationjobs/"))
        .chain(texts("location").filter(|t| has(t, "/operationresults/") || has(t, "/replicationjobs/")));
    requests.map(str::trim).chain(urls).filter_map(JobId::from_path).collect()
}

/// A poll as a job. The client reads jobs; the status of an operation says of its job the name, the state and the times.
fn polled(poll: &Exchange) -> Result<job::Job, String> {
    let body = &poll.response;
    let whole = poll.keyword().eq_ignore_ascii_case("replicationJobs");
    let wire = if whole {
        body.clone()
    } else {
        let times = json!({"state": body["status"], "startTime": body["startTime"], "endTime": body["endTime"]});
        json!({"name": body["name"], "properties": times})
    };
    let job: Job = model::resource(wire.to_string().as_bytes())?;
    Ok(observed_job(&job, whole))
}

/// How the polls end; fails one that comes back from an end, or that fails where Azure said that it succeeded.
fn ordered(polls: &[(&Exchange, job::Job)], report: &mut Report) -> &'static str {
    let mut last: Option<Phase> = None;
    for (poll, job) in polls {
        if let Some(ended) = last.filter(|phase| phase.is_terminal())
            && ended != job.phase
        {
            report.fail(poll, format!("the job is {} after it was {}", job.phase.as_str(), ended.as_str()));
        }
        last = Some(job.phase);
    }
    match last {
        None => "no poll recorded",
        Some(Phase::Running) => "recorded while it ran",
        Some(Phase::Succeeded) => "to Succeeded",
        Some(Phase::SucceededWithWarning) => "to success with a warning",
        Some(Phase::Failed) => "to Failed",
        Some(Phase::Cancelled) => "to Cancelled",
    }
}

/// The request that sent the call sees its job run and end: nothing is ever sent a second time.
fn followed_on(
    exchange: &Exchange,
    asked: Asked,
    id: &JobId,
    jobs: impl Iterator<Item = job::Job>,
    report: &mut Report,
) {
    let Effect::Send(record, _) = asked.decision.effect else { return };
    let job = job::JobId(id.as_str().to_owned());
    let (mut facts, mut azure) = (asked.facts, asked.azure);
    facts.record = Some(record.with_outcome(Outcome::Accepted { job }));
    for job in jobs {
        azure.job = Some(Reading::Known(job));
        let decision = decide(&facts, &azure);
        if let Effect::Send(..) = decision.effect {
            report.fail(exchange, "the call is sent a second time while its job is followed");
        }
    }
}
