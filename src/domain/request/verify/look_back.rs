//! Look-back: was this very call made before, by a run that nobody remembers? It reads jobs, and never sends.

use super::super::super::Reason;
use super::super::super::around::SideSettings;
use super::super::super::ids::{CallId, MAX_ATTEMPTS, Step, same};
use super::super::super::item::{Item, Naming, Obstacle, Sides};
use super::super::super::job::Job;
use super::super::super::observed::{Azure, Facts, Limits, Reading, Vm};
use super::super::super::record::{End, Intent, Outcome};
use super::super::super::verb;
use super::super::{BLOCKED, Decision, Effect, Next, wait};
use super::{Case, SOON, case_on, expiry};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Look-back reaches this far before validUntil, or as far as a validUntil may lie ahead where that is more.
const REACH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The earliest start of a job that may be a call of a request with this validUntil: every later one of its verb and VM must
/// be read in detail before anything is sent.
pub fn look_back_since(valid_until: Timestamp, limits: &Limits) -> Timestamp {
    let reach = SignedDuration::try_from(limits.max_validity).unwrap_or(SignedDuration::MAX).max(REACH);
    valid_until.checked_sub(reach).unwrap_or(Timestamp::MIN)
}

fn carries(job: &Job, ours: &[(u32, String)]) -> bool {
    job.client_request_id.as_ref().is_some_and(|id| ours.iter().any(|(_, our)| same(our, id)))
}

/// The end of a request that made no call as far as its record remembers: once the vault's jobs show the same.
pub(in crate::domain::request) fn end_unless_sent(
    facts: &Facts,
    azure: &Azure,
    step: Step,
    how: (End, Obstacle),
) -> Decision {
    let Some(vm) = claimed(facts) else {
        return wait(facts, &Obstacle::new(Reason::Pending, "The target is not frozen yet."), Next::After(SOON));
    };
    if azure.jobs.is_none() {
        let text = format!(
            "{} Whether a call of this request was made before cannot be looked up: no RecoveryVault of this namespace reads the vault {}. Create it again, or delete this request.",
            how.1.message, vm.vault_id
        );
        return wait(facts, &Obstacle::new(Reason::VaultNotFound, text), Next::After(BLOCKED));
    }
    match case_on(&vm, facts, azure, step) {
        Ok(case) => case.sent_before().unwrap_or_else(|| case.end(how.0, how.1)),
        Err((missing, next)) => wait(facts, &missing, next),
    }
}

/// Whether the vault's jobs show that no call of `step` was made, as far as they ever will.
pub(in crate::domain::request) fn nothing_was_sent(facts: &Facts, azure: &Azure, step: Step) -> bool {
    let Some(vm) = claimed(facts) else { return false };
    case_on(&vm, facts, azure, step).is_ok_and(|case| case.sent_before().is_none())
}

/// What is looked back at: the item that was claimed, whatever the request's ReplicatedVm stands for now.
fn claimed(facts: &Facts) -> Option<Vm> {
    let claim = facts.claim.as_ref()?;
    Some(Vm {
        uid: None,
        suspended: None,
        nobody_acts: None,
        sides: Sides { primary_region: String::new(), recovery_region: String::new() },
        naming: Naming::ItemName(claim.item_name.clone()),
        vault_id: claim.vault_id.clone(),
        item: Item { name: claim.item_name.clone(), ..Item::default() },
        primary: SideSettings::default(),
        recovery: SideSettings::default(),
    })
}

impl Case<'_> {
    /// What to do where the jobs show, or may yet show, a call of this step; `None` where they do not.
    fn sent_before(&self) -> Option<Decision> {
        if let Some(adopted) = self.adopted() {
            let Some(holder) = self.record.holder.as_ref().filter(|holder| **holder != self.facts.key) else {
                return Some(adopted);
            };
            let holder = holder.told_in(&self.facts.key.namespace);
            let text =
                format!("A call of this request was made before, and its job is taken up once {holder} has ended.");
            return Some(*self.wait(Reason::ItemHeld, text, BLOCKED));
        }
        let over = expiry(self.request, self.now).is_some();
        self.unexplained(|job| !(over && job.detailed && job.is_over())).err().map(|waits| *waits)
    }

    /// Finds the job of an earlier, forgotten run of this very step. Its id is nobody else's, but for the jobs that do its
    /// work, which may carry it too and are of another scenario.
    pub(super) fn adopted(&self) -> Option<Decision> {
        let ours = self.our_ids();
        let scenario = verb::row(self.step).scenario;
        let of_step = |job: &&&Job| job.scenario.as_ref().is_none_or(|s| same(s, scenario));
        let carrying: Vec<&Job> = self.jobs.iter().filter(|job| carries(job, &ours)).collect();
        match carrying.iter().find(of_step) {
            Some(job) => Some(self.adopt(job, &ours)),
            None => carrying.first().map(|job| *self.parent_is_missing(job)),
        }
    }

    /// Part of the work of this very call is there, and the job itself is not: it was made, so nothing is sent.
    fn parent_is_missing(&self, job: &Job) -> Box<Decision> {
        let text = format!(
            "Job {} carries the id of this request's {}, and is another part of it; the job itself is looked for. Nothing is sent. Look at the vault's jobs in the portal.",
            job.id,
            verb::row(self.step).noun
        );
        self.wait(Reason::LookingBack, text, Duration::from_secs(5))
    }

    /// Stops at a job of this verb and VM, since the request could first have been sent, that does not say who started it and
    /// is not remembered as a step that is done.
    pub(super) fn unexplained(&self, of: impl Fn(&Job) -> bool) -> Result<(), Box<Decision>> {
        let since = look_back_since(self.request.valid_until, &self.facts.limits);
        let silent = |job: &&Job| {
            job.client_request_id.is_none()
                && of(job)
                && job.started.is_none_or(|at| at >= since)
                && !self.record.knows(&job.id)
                && self.of_this_verb(job)
        };
        let Some(job) = self.jobs.iter().find(silent) else { return Ok(()) };
        if job.id.is_nobodys() {
            let text = "A job of the vault's list has no id that can be read, and may be one of this request, from before a restart. Nothing is sent. Look at the vault's jobs in the portal, and report this; to give this request up, delete it.";
            return Err(self.wait(Reason::LookingBack, text, Duration::from_secs(30)));
        }
        let text = format!(
            "Job {} of this VM does not say who started it. It may be this request's own, from before a restart; nothing is sent until Azure tells, or validUntil has passed. Look at the job in the portal.",
            job.id
        );
        Err(self.wait(Reason::LookingBack, text, Duration::from_secs(5)))
    }

    /// Whether the job may be one of this step's verb on this VM.
    pub(super) fn of_this_verb(&self, job: &Job) -> bool {
        self.of_scenario(job, verb::row(self.step).scenario)
    }

    /// Whether the job may be one of any live verb on this VM.
    pub(super) fn of_any_verb(&self, job: &Job) -> bool {
        Step::ALL.into_iter().any(|step| self.of_scenario(job, verb::row(step).scenario))
    }

    fn of_scenario(&self, job: &Job, scenario: &str) -> bool {
        let item = self.azure.item.as_ref().and_then(Reading::known).unwrap_or(&self.vm.item);
        job.may_be(scenario, &item.friendly_name)
    }

    fn our_ids(&self) -> Vec<(u32, String)> {
        (1..=MAX_ATTEMPTS).map(|attempt| (attempt, self.call_id(attempt))).collect()
    }

    pub(super) fn call_id(&self, attempt: u32) -> String {
        let item = self.claim.item();
        let owner = &self.request.owner;
        CallId {
            item: &item,
            key: &owner.key,
            valid_until: &owner.valid_until,
            step: self.step,
            ordinal: self.ordinal(),
            attempt,
        }
        .client_request_id()
    }

    pub(super) fn ordinal(&self) -> u32 {
        let held = self.record.held_by(&self.facts.key);
        let used = self.record.finished.iter().filter(|d| held && d.step == self.step).count();
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    fn adopt(&self, job: &Job, ours: &[(u32, String)]) -> Decision {
        let id = job.client_request_id.clone().unwrap_or_default();
        let attempt = ours.iter().find(|(_, o)| same(o, &id)).map_or(1, |(a, _)| *a);
        let intent = Intent {
            attempt,
            client_request_id: id,
            t0: job.started,
            outcome: Some(Outcome::Accepted { job: job.id.clone() }),
            ..self.intent(None)
        };
        self.open(intent, Effect::Write)
    }
}
