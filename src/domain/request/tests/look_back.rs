//! Look-back: a call of this request that nobody remembers is adopted, and nothing is sent while one may exist.

use super::super::super::Reason;
use super::super::super::ids::{Kind, Step};
use super::super::super::item::Item;
use super::super::super::job::{Job, JobId, Phase};
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::record::{End, Finished, Outcome, Owner, Record, RunResult};
use super::super::{Effect, Stage, decide, stage};
use super::fixture::*;
use super::told::*;

fn with_jobs(item: Item, jobs: Vec<Job>) -> Azure {
    Azure { jobs: Some(Reading::Known(jobs)), ..azure(item) }
}

fn silent(phase: Phase) -> Job {
    Job { client_request_id: None, ..job("s", "UnplannedFailover", phase, None) }
}

#[test]
fn given_a_job_that_carries_this_request_s_id_when_decided_then_it_is_adopted_not_sent_again() {
    let mine = |attempt| call_id(Kind::FailoverRequest, Step::Failover, attempt);
    let of = |id: &str, phase| job("j9", "UnplannedFailover", phase, Some(id));
    let table = [
        (item(), of(&mine(1), Phase::Running), 1),
        (item(), of(&mine(2), Phase::Running), 2),
        (item(), of(&mine(1).to_uppercase(), Phase::Running), 1),
        (item(), of(&mine(1), Phase::Failed), 1),
        (pending(), of(&mine(1), Phase::Succeeded), 1),
        (item(), Job { target: Some("renamed".into()), ..of(&mine(1), Phase::Running) }, 1),
        (item(), Job { scenario: None, target: None, ..of(&mine(1), Phase::Running) }, 1),
        (item(), Job { started: Some(at("2020-01-01T00:00:00Z")), ..of(&mine(1), Phase::Succeeded) }, 1),
        (Item { group: Some("shop".into()), ..item() }, of(&mine(1), Phase::Running), 1),
        (Item { friendly_name: String::new(), ..item() }, of(&mine(1), Phase::Running), 1),
    ];
    for (item, job, attempt) in table {
        let facts = facts(failover());
        let decision = decide(&facts, &with_jobs(item, vec![silent(Phase::Running), job.clone()]));
        let Effect::Write(record) = &decision.effect else { panic!("{job:?}: {decision:?}") };
        let intent = record.intent.as_ref().unwrap();
        assert_eq!(intent.outcome, Some(Outcome::Accepted { job: job.id.clone() }));
        assert_eq!((intent.attempt, intent.step, intent.t0), (attempt, Step::Failover, job.started));
        let next = Facts { record: Some(record.clone()), ..facts };
        assert_eq!(stage(&next), Stage::Follow(job.id));
    }
}

#[test]
fn given_a_job_of_another_call_when_decided_then_it_is_not_adopted() {
    let table = [
        call_id(Kind::FailoverRequest, Step::Commit, 1),
        call_id(Kind::CommitRequest, Step::Failover, 1),
        call_id(Kind::FailoverRequest, Step::Failover, 3),
        "00000000-0000-0000-0000-000000000000".to_owned(),
        String::new(),
    ];
    for id in table {
        let ended = job("j9", "UnplannedFailover", Phase::Succeeded, Some(&id));
        assert_eq!(told(&facts(failover()), &with_jobs(item(), vec![ended])).0, "send", "{id}");
    }
}

#[test]
fn given_a_job_that_does_not_say_whose_it_is_when_it_may_be_this_request_s_then_nothing_is_sent() {
    let stub = Job { scenario: None, target: None, started: None, detailed: false, ..silent(Phase::Running) };
    let listed = |phase| Job { detailed: false, ..silent(phase) };
    let old = Job { started: Some(at("2026-05-25T11:59:59Z")), ..silent(Phase::Succeeded) };
    let edge = Job { started: Some(at("2026-05-25T12:00:00Z")), ..silent(Phase::Succeeded) };
    let other_vm = Job { target: Some("app02".into()), ..silent(Phase::Running) };
    let other_verb = Job { scenario: Some("TestFailover".into()), ..silent(Phase::Running) };
    let table = [
        (stub, Some(Reason::LookingBack)),
        (listed(Phase::Running), Some(Reason::LookingBack)),
        (listed(Phase::Succeeded), Some(Reason::LookingBack)),
        (listed(Phase::Failed), Some(Reason::LookingBack)),
        (silent(Phase::Running), Some(Reason::LookingBack)),
        (silent(Phase::Succeeded), Some(Reason::LookingBack)),
        (silent(Phase::Cancelled), Some(Reason::LookingBack)),
        (edge, Some(Reason::LookingBack)),
        (old, None),
        (other_vm, None),
        (other_verb, None),
    ];
    for (job, wait) in table {
        let (effect, _, reason) = told(&facts(failover()), &with_jobs(item(), vec![job.clone()]));
        let want = wait.map_or(("send", Some(Reason::Submitting)), |w| ("none", Some(w)));
        assert_eq!((effect, reason), want, "{job:?}");
    }
}

#[test]
fn given_jobs_that_say_nothing_when_the_record_knows_whose_they_are_then_they_stand_in_nobody_s_way() {
    let done = Finished { job: Some(JobId("s".into())), ..finished_failover() };
    let over = RunResult { steps: vec![done.clone()], ..result(End::Succeeded, Reason::Succeeded) };
    let other = Owner { key: key(Kind::FailoverRequest, "before"), ..owner(Kind::FailoverRequest) };
    let known = Record::empty(VAULT, "app01-item").end(&other, over, now()).unwrap();
    let unknown =
        Record::empty(VAULT, "app01-item").end(&other, result(End::Failed, Reason::JobFailed), now()).unwrap();
    for (record, effect) in [(known, "send"), (unknown, "none")] {
        let facts = Facts { record: Some(record), ..facts(failover()) };
        assert_eq!(told(&facts, &with_jobs(item(), vec![silent(Phase::Succeeded)])).0, effect);
    }
}

#[test]
fn given_valid_until_passed_when_a_silent_job_is_left_then_it_expires_only_once_nothing_more_will_be_told() {
    let listed = Job { detailed: false, ..silent(Phase::Succeeded) };
    for (job, effect) in [(listed, "none"), (silent(Phase::Running), "none"), (silent(Phase::Succeeded), "end")] {
        let late = Azure { now: Some(at("2026-06-02T00:00:00Z")), ..with_jobs(item(), vec![job.clone()]) };
        assert_eq!(told(&facts(failover()), &late).0, effect, "{job:?}");
    }
}

#[test]
fn given_its_own_job_of_long_ago_when_valid_until_passed_then_it_is_adopted_not_expired() {
    let late =
        Azure { now: Some(at("2026-06-05T00:00:00Z")), ..with_jobs(pending(), vec![failover_job(Phase::Succeeded)]) };
    assert_eq!(told(&facts(failover()), &late).0, "adopt");
}

#[test]
fn given_the_commit_of_an_automatic_request_was_made_when_it_is_due_then_its_job_is_adopted() {
    let facts = Facts { record: Some(between()), ..facts(automatic()) };
    let id = call_id(Kind::FailoverRequest, Step::Commit, 1);
    let commit = job("j2", "CommitFailover", Phase::Succeeded, Some(&id));
    assert_eq!(told(&facts, &with_jobs(committed(), vec![commit])).0, "adopt");
    let silent = job("j2", "CommitFailover", Phase::Succeeded, None);
    assert_eq!(told(&facts, &with_jobs(pending(), vec![silent])).2, Some(Reason::LookingBack));
}

#[test]
fn given_the_replicated_vm_was_bound_anew_when_looking_back_then_the_claimed_item_s_call_is_recognised() {
    let mut facts = Facts { record: Some(held(Kind::FailoverRequest, not_sent())), ..facts(failover()) };
    facts.vm.as_mut().unwrap().item.name = "other".into();
    assert_eq!(told(&facts, &with_jobs(item(), vec![failover_job(Phase::Running)])).0, "adopt");
}

#[test]
fn given_only_a_part_of_its_call_is_to_be_seen_when_looked_back_then_nothing_is_sent_and_the_job_is_adopted_once_it_shows()
 {
    let id = call_id(Kind::ReprotectRequest, Step::Reprotect, 1);
    let part = job("part", "EnableDr", Phase::Running, Some(&id));
    let whole = job("whole", "SwitchReplicationGroupProtection", Phase::Running, Some(&id));
    let facts = facts(reprotect());
    assert_eq!(told(&facts, &with_jobs(committed(), vec![part.clone()])).2, Some(Reason::LookingBack));
    let decision = decide(&facts, &with_jobs(committed(), vec![part, whole]));
    let Effect::Write(record) = decision.effect else { panic!("not adopted") };
    assert_eq!(record.intent.unwrap().outcome, Some(Outcome::Accepted { job: JobId("whole".into()) }));
}
