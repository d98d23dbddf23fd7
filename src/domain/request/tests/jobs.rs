//! Following a job: every phase, every reading, and what is kept of its end.

use super::super::super::Reason;
use super::super::super::backoff::Class;
use super::super::super::condition::{ConditionType, Standing, Truth};
use super::super::super::failover::Failover;
use super::super::super::ids::{Kind, Step};
use super::super::super::item::{Item, Obstacle};
use super::super::super::job::{Job, Phase};
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::point::PointKind;
use super::super::super::record::{End, PointRef};
use super::super::{Effect, decide};
use super::fixture::*;
use super::told::*;

fn following(verb: Failover) -> Facts {
    Facts { record: Some(held(Kind::FailoverRequest, accepted())), ..facts(verb) }
}

fn with_job(item: Item, job: Job) -> Azure {
    Azure { job: Some(Reading::Known(job)), ..azure(item) }
}

#[test]
fn given_each_phase_of_the_job_when_decided_then_the_request_follows_or_ends() {
    let done = |phase| failover_job(phase);
    let undetailed = |phase| Job { detailed: false, ..failover_job(phase) };
    let table = [
        (done(Phase::Running), "none", None),
        (undetailed(Phase::Running), "none", None),
        (undetailed(Phase::Succeeded), "none", None),
        (undetailed(Phase::Failed), "none", None),
        (done(Phase::Succeeded), "end", Some((End::Succeeded, Reason::Succeeded))),
        (done(Phase::SucceededWithWarning), "end", Some((End::Succeeded, Reason::SucceededWithWarning))),
        (done(Phase::Failed), "end", Some((End::Failed, Reason::JobFailed))),
        (done(Phase::Cancelled), "end", Some((End::Failed, Reason::JobCancelled))),
    ];
    for (job, effect, how) in table {
        let (facts, azure) = (following(failover()), with_job(pending(), job));
        let decision = decide(&facts, &azure);
        assert_eq!(super::told::effect(&decision), effect, "{azure:?}");
        assert_eq!(standing(&decision), Some(Standing::Reconciling), "no end is shown before its record: {azure:?}");
        if let Some(how) = how {
            let result = end(&facts, &azure);
            assert_eq!((result.end, result.reason), how);
            let said = after(&facts, &azure);
            assert_eq!(standing(&said), Some(how.0.standing()));
            assert_eq!(said.effect, Effect::None);
        }
    }
}

#[test]
fn given_the_job_cannot_be_read_when_decided_then_it_is_followed_on() {
    let table = [
        (Some(unreadable(Class::Transient)), Reason::JobUnreadable),
        (Some(unreadable(Class::Access)), Reason::JobUnreadable),
        (Some(Reading::Absent), Reason::JobUnreadable),
        (Some(Reading::Known(failover_job(Phase::Running))), Reason::JobRunning),
        (Some(Reading::Known(Job { ended: Some(now()), ..failover_job(Phase::Running) })), Reason::JobUnreadable),
        (None, Reason::JobRunning),
    ];
    for (job, reason) in table {
        let azure = Azure { job, ..azure(item()) };
        assert_eq!(
            told(&following(failover()), &azure),
            ("none", Some(Standing::Reconciling), Some(reason)),
            "{azure:?}"
        );
    }
}

#[test]
fn given_a_suspended_job_when_decided_then_the_person_it_waits_for_is_named() {
    let suspended = Job { state_text: "Suspended/Suspended".into(), ..failover_job(Phase::Running) };
    let decision = decide(&following(failover()), &with_job(item(), suspended));
    assert_eq!(reason(&decision), Some(Reason::JobRunning));
    let said = message(&decision);
    assert!(said.contains("waits for a person") && said.contains("portal"), "{said}");
}

#[test]
fn given_a_job_of_another_vm_when_it_was_named_for_this_call_then_it_is_followed_to_no_end() {
    let own = |job: &mut Job| job.client_request_id = failover_job(Phase::Succeeded).client_request_id;
    let foreign = |job: &mut Job| job.client_request_id = Some("6efffda2-64f5-478f-a250-b3a651d04f9c".into());
    let target = |job: &mut Job| job.target = Some("db01".into());
    let scenario = |job: &mut Job| job.scenario = Some("CommitFailover".into());
    type Change<'a> = &'a dyn Fn(&mut Job);
    let table: [(&[Change<'_>], &str, Reason); 6] = [
        (&[&own], "end", Reason::Succeeded),
        (&[&own, &target], "end", Reason::Succeeded),
        (&[&foreign], "end", Reason::Succeeded),
        (&[&foreign, &target], "none", Reason::JobUnreadable),
        (&[&foreign, &scenario], "none", Reason::JobUnreadable),
        (&[&|job: &mut Job| job.client_request_id = None, &target], "none", Reason::JobUnreadable),
    ];
    for (changes, wanted, why) in table {
        let mut job = failover_job(Phase::Succeeded);
        changes.iter().for_each(|change| change(&mut job));
        let (facts, azure) = (following(failover()), with_job(pending(), job));
        let decision = decide(&facts, &azure);
        assert_eq!(super::told::effect(&decision), wanted, "{azure:?}");
        let said = if wanted == "end" { end(&facts, &azure).reason } else { reason(&decision).unwrap() };
        assert_eq!(said, why, "{azure:?}");
    }
}

#[test]
fn given_a_job_under_another_id_when_the_vm_does_not_resolve_then_it_is_not_taken_for_this_request_s() {
    let foreign = Job {
        client_request_id: Some("6efffda2-64f5-478f-a250-b3a651d04f9c".into()),
        target: Some("db01".into()),
        ..failover_job(Phase::Succeeded)
    };
    let own = Job { target: Some("app01".into()), ..foreign.clone() };
    let vm = || Err(Obstacle::new(Reason::Pending, "The vault has not been listed yet."));
    let facts = Facts { vm: vm(), ..following(failover()) };
    let late =
        |job: &Job, item| Azure { item, now: Some(at("2026-06-01T10:00:00Z")), ..with_job(pending(), job.clone()) };
    let nameless = Item { friendly_name: String::new(), ..pending() };
    for (job, item, wanted) in [
        (&foreign, None, "none"),
        (&own, Some(Reading::Known(nameless)), "none"),
        (&foreign, Some(Reading::Known(pending())), "none"),
        (&own, None, "none"),
        (&own, Some(Reading::Known(pending())), "end"),
    ] {
        assert_eq!(super::told::effect(&decide(&facts, &late(job, item.clone()))), wanted, "{job:?} {item:?}");
    }
}

#[test]
fn given_the_failover_succeeded_when_the_item_lags_then_its_result_is_waited_for_but_not_for_ever() {
    let ended = failover_job(Phase::Succeeded);
    let with = |change: &dyn Fn(&mut Azure)| {
        let mut azure = with_job(pending(), ended.clone());
        change(&mut azure);
        azure
    };
    let other = Item { name: "other".into(), ..pending() };
    let table = [
        with(&|a| a.item = Some(Reading::Known(item()))),
        with(&|a| a.item = Some(Reading::Known(other.clone()))),
        with(&|a| a.item = Some(unreadable(Class::Transient))),
        with(&|a| a.item = Some(unreadable(Class::Access))),
        with(&|a| a.item = Some(Reading::Absent)),
        with(&|a| a.item = None),
        with(&|a| a.points = Some(unreadable(Class::Transient))),
        with(&|a| a.points = None),
    ];
    for azure in table {
        assert_eq!(told(&following(failover()), &azure).0, "none", "{azure:?}");
        let later = Azure { now: Some(at("2026-06-01T08:08:01Z")), ..azure };
        assert_eq!(told(&following(failover()), &later).0, "end", "{later:?}");
    }
}

#[test]
fn given_the_failover_succeeded_when_it_ends_then_point_rpo_rto_and_new_vm_are_kept() {
    let azure = with_job(pending(), failover_job(Phase::Succeeded));
    let said = after(&following(failover()), &azure).view.unwrap();
    let point =
        PointRef { id: "p2".into(), time: Some(at("2026-06-01T07:45:00Z")), kind: Some(PointKind::CrashConsistent) };
    assert_eq!(said.point_used, Some(point));
    assert_eq!(said.achieved_rpo, Some(jiff::SignedDuration::from_secs(303)), "from the point to the job's start");
    assert_eq!(said.achieved_rto, Some(minutes(8)), "from the call to the job's end");
    assert_eq!(said.recovered_vm_id.as_deref(), Some("/subscriptions/s/vms/app01-dr"));
}

#[test]
fn given_the_used_point_is_not_in_the_list_when_it_ends_then_what_is_known_of_it_is_kept() {
    let frozen = PointRef { id: "/points/P9".into(), time: Some(at("2026-06-01T07:40:00Z")), kind: None };
    let table = [
        (Some("/x/p9"), Some(frozen.clone()), "/points/P9", frozen.time),
        (Some("/x/p9"), None, "p9", None),
        (None, Some(frozen.clone()), "/points/P9", frozen.time),
    ];
    for (used, intended, id, time) in table {
        let mut facts = following(failover());
        facts.record.as_mut().unwrap().intent.as_mut().unwrap().point = intended;
        let item = Item { failover_point: used.map(Into::into), ..pending() };
        let kept = end(&facts, &with_job(item, failover_job(Phase::Succeeded))).steps[0].point.clone().unwrap();
        assert_eq!((kept.id.as_str(), kept.time), (id, time), "{used:?}");
    }
}

#[test]
fn given_odd_dates_when_the_job_ended_then_no_duration_is_negative() {
    let job = Job {
        started: Some(at("2020-01-01T00:00:00Z")),
        ended: Some(at("2020-01-01T00:00:00Z")),
        ..failover_job(Phase::Succeeded)
    };
    let done = end(&following(failover()), &with_job(pending(), job)).steps.remove(0);
    assert_eq!((done.achieved_rpo, done.achieved_rto), (Some(minutes(0)), Some(minutes(0))));
}

#[test]
fn given_the_job_failed_when_it_ends_then_its_own_cause_and_advice_are_told() {
    let in_job = Job { errors: vec![error("150000"), error("28031")], ..failover_job(Phase::Failed) };
    let in_task =
        Job { tasks: vec![task("VmFailover", "Failed", vec![error("28092")])], ..failover_job(Phase::Failed) };
    for (job, code) in [(in_job, "28031"), (in_task, "28092")] {
        let said = end(&following(failover()), &with_job(item(), job)).message;
        for part in [code, "it broke.", "Possible causes: a cause", "Recommended: mend it", "takes a new request"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    let bare = end(&following(failover()), &with_job(item(), failover_job(Phase::Failed))).message;
    assert!(bare.contains("Azure gives no cause."), "{bare}");
    let terse = super::super::super::job::JobError {
        possible_causes: " ".into(),
        recommended_action: String::new(),
        ..error("1")
    };
    let job = Job { errors: vec![terse], ..failover_job(Phase::Failed) };
    let said = end(&following(failover()), &with_job(item(), job)).message;
    assert!(!said.contains("Possible causes") && !said.contains("Recommended"), "{said}");
}

#[test]
fn given_an_automatic_request_when_its_failover_succeeded_then_the_step_is_kept_and_the_commit_follows() {
    let (facts, azure) = (following(automatic()), with_job(pending(), failover_job(Phase::Succeeded)));
    let decision = decide(&facts, &azure);
    assert_eq!(effect(&decision), "step");
    assert!(message(&decision).contains("Its commit follows"), "{}", message(&decision));
    let Effect::Write(record) = decision.effect else { unreachable!() };
    assert!(record.held_by(&facts.key) && record.finished.len() == 1 && record.intent.is_none());
    assert_eq!(told(&Facts { record: Some(record), ..facts }, &azure).0, "send");
}

#[test]
fn given_an_automatic_request_whose_record_was_lost_when_its_failover_is_found_after_valid_until_then_no_commit_is_made()
 {
    let found = |hash: &str| {
        let mut facts = following(automatic());
        facts.record.as_mut().unwrap().intent.as_mut().unwrap().body_hash = hash.into();
        facts
    };
    let at_the_end = |now| Azure { now, ..with_job(pending(), failover_job(Phase::Succeeded)) };
    let (early, late) = (Some(at("2026-06-01T08:30:00Z")), Some(at("2026-06-05T00:00:00Z")));
    for (hash, now, what) in [("", early, "step"), ("hash", early, "step"), ("hash", late, "step"), ("", late, "end")] {
        assert_eq!(effect(&decide(&found(hash), &at_the_end(now))), what, "{hash} {now:?}");
    }
    let ended = end(&found(""), &at_the_end(late));
    assert_eq!((ended.end, ended.reason, ended.steps.len()), (End::Failed, Reason::CommitFailed, 1));
    assert!(ended.message.contains("CommitRequest"), "{}", ended.message);
    let said = after(&found(""), &at_the_end(late));
    assert_eq!(condition(&said, ConditionType::FailedOver).0, Truth::True);
    assert_eq!(condition(&said, ConditionType::Committed).0, Truth::False);
}

#[test]
fn given_the_commit_job_of_an_automatic_request_when_it_ends_then_the_failover_stands_either_way() {
    let id = call_id(Kind::FailoverRequest, Step::Commit, 1);
    let facts = Facts { record: Some(committing(accepted())), ..facts(automatic()) };
    let table = [
        (Phase::Succeeded, End::Succeeded, Reason::Succeeded, Truth::True),
        (Phase::SucceededWithWarning, End::Succeeded, Reason::SucceededWithWarning, Truth::True),
        (Phase::Failed, End::Failed, Reason::CommitFailed, Truth::False),
        (Phase::Cancelled, End::Failed, Reason::CommitFailed, Truth::False),
    ];
    for (phase, how, why, committed_truth) in table {
        let azure = Azure { points: None, ..with_job(committed(), job("j1", "CommitFailover", phase, Some(&id))) };
        let result = end(&facts, &azure);
        assert_eq!((result.end, result.reason, result.steps.len()), (how, why, 2), "{phase:?}");
        let said = after(&facts, &azure);
        assert_eq!(condition(&said, ConditionType::FailedOver).0, Truth::True, "{phase:?}");
        assert_eq!(condition(&said, ConditionType::Committed).0, committed_truth, "{phase:?}");
    }
}

#[test]
fn given_the_shutdown_task_when_read_then_source_shutdown_says_what_became_of_it() {
    let asked = |state: &str, errors| vec![task("VmShutdownVmOnPrimary", state, errors)];
    let table = [
        (true, asked("Succeeded", vec![]), Truth::True, Reason::SourceShutDown),
        (true, asked("succeeded", vec![]), Truth::True, Reason::SourceShutDown),
        (true, asked("Succeeded", vec![error("25016")]), Truth::False, Reason::ShutdownFailed),
        (true, asked("Failed", vec![error("25016")]), Truth::False, Reason::ShutdownFailed),
        (true, asked("Failed", vec![]), Truth::False, Reason::ShutdownFailed),
        (true, asked("Other", vec![]), Truth::False, Reason::ShutdownFailed),
        (true, asked("Skipped", vec![]), Truth::False, Reason::ShutdownFailed),
        (true, asked("NotStarted", vec![]), Truth::Unknown, Reason::Pending),
        (true, asked("InProgress", vec![]), Truth::Unknown, Reason::Pending),
        (true, vec![], Truth::Unknown, Reason::Pending),
        (false, asked("Succeeded", vec![]), Truth::False, Reason::NotRequested),
        (false, vec![], Truth::False, Reason::NotRequested),
    ];
    for (shutdown_source, tasks, truth, reason) in table {
        let job = Job { tasks, ..failover_job(Phase::Succeeded) };
        let facts = following(Failover { shutdown_source, ..failover() });
        let said = after(&facts, &with_job(pending(), job.clone()));
        assert_eq!(condition(&said, ConditionType::SourceShutdown), (truth, reason), "{job:?}");
        assert_eq!(condition(&said, ConditionType::FailedOver).0, Truth::True, "a failed shutdown fails no failover");
        assert_eq!(standing(&said), Some(Standing::Ready));
    }
}

#[test]
fn given_the_job_runs_when_its_shutdown_task_moves_then_it_is_told_at_once() {
    let table = [
        ("NotStarted", Truth::Unknown, Reason::JobRunning),
        ("InProgress", Truth::Unknown, Reason::JobRunning),
        ("Succeeded", Truth::True, Reason::SourceShutDown),
        ("Failed", Truth::False, Reason::ShutdownFailed),
    ];
    for (state, truth, reason) in table {
        let job = Job { tasks: vec![task("VmShutdownVmOnPrimary", state, vec![])], ..failover_job(Phase::Running) };
        let decision = decide(&following(failover()), &with_job(item(), job));
        assert_eq!(condition(&decision, ConditionType::SourceShutdown), (truth, reason), "{state}");
    }
}

#[test]
fn given_a_running_job_when_shown_then_its_id_task_and_errors_are_visible() {
    let tasks = vec![task("VmFailover", "InProgress", vec![])];
    let running = Job { tasks, errors: vec![error("1")], ..failover_job(Phase::Running) };
    let failed = Job { phase: Phase::Failed, ..running.clone() };
    for job in [running, failed] {
        let decision = decide(&following(failover()), &with_job(item(), job.clone()));
        let operation = decision.view.unwrap().operations.remove(0);
        assert_eq!(operation.job.as_deref(), Some("j1"));
        assert_eq!((operation.tasks, operation.errors), (job.tasks, job.errors));
    }
}

#[test]
fn given_the_object_is_gone_when_its_job_ends_then_the_record_is_still_finished_and_no_commit_follows() {
    let orphan = Facts { request: None, ..following(automatic()) };
    for phase in [Phase::Succeeded, Phase::Failed] {
        let azure = with_job(pending(), failover_job(phase));
        let decision = decide(&orphan, &azure);
        assert_eq!((effect(&decision), &decision.view), ("end", &None), "{phase:?}");
        assert_eq!(end(&orphan, &azure).steps.len(), 1);
    }
}
