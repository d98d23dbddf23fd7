//! What a person says of a call whose job tells nothing more: Azure named another one, the job vanished, or it ended in a
//! word that nobody knows. Azure's own word goes first. It never sends.

use super::super::super::Reason;
use super::super::super::decision::{PersonDecision, Word, otherwise, release};
use super::super::super::item::Obstacle;
use super::super::super::job::{Job, JobId};
use super::super::super::observed::{Azure, Facts, Reading};
use super::super::super::record::{End, Intent, Record};
use super::super::super::{resolve, verb};
use super::super::verify::LISTED;
use super::super::{Decision, conclude};

/// A call that was accepted as a job that is not to be followed any further, for now.
pub(super) struct Lost<'a> {
    pub(super) facts: &'a Facts,
    pub(super) azure: &'a Azure,
    pub(super) record: &'a Record,
    pub(super) intent: &'a Intent,
    pub(super) id: &'a JobId,
}

impl Lost<'_> {
    /// The job that carries the call's id, where it is another one than was named; else what a person says that became of the
    /// call, once every job of it would be listed.
    pub(super) fn instead(&self) -> Option<Decision> {
        let own = resolve::own_job(self.jobs()?, self.intent).filter(|own| own.id != *self.id);
        if let Some(own) = own {
            return Some(resolve::adopt(self.facts, self.record, own));
        }
        let decision = otherwise(&self.facts.decisions, self.intent, self.id).filter(|_| self.is_late())?;
        Some(resolve::decided(self.facts, self.azure, self.record, self.intent, decision))
    }

    /// The same for a job that Azure does not show by itself, unless the list of jobs has it.
    pub(super) fn vanished(&self) -> Option<Decision> {
        let listed = self.jobs()?.iter().any(|job| job.id == *self.id);
        if listed { None } else { self.instead() }
    }

    /// The end of a request whose job ended in a word that nobody knows: a person says that it is over. What it did is not
    /// guessed, whatever they say of it.
    pub(super) fn over(&self, job: &Job) -> Option<Decision> {
        let decision = release(&self.facts.decisions, self.intent).filter(|_| self.is_late() && job.ended.is_some())?;
        if !is_about_this_job(decision, self.id) {
            return self.instead();
        }
        let text = format!(
            "Job {} of the {} ended in a state that this program does not know ({}), and by a person's word it is over. Whether it went well was not known here: what Azure shows of the VM counts. {} If it is still wanted, create a new request.",
            self.id,
            verb::row(self.intent.step).noun,
            job.state_text,
            decision.told()
        );
        let obstacle = Obstacle::new(Reason::OutcomeDecided, text);
        Some(conclude(self.facts, self.azure, End::Failed, obstacle, None))
    }

    fn jobs(&self) -> Option<&[Job]> {
        self.azure.jobs.as_ref().and_then(Reading::known).map(Vec::as_slice)
    }

    /// Whether a job of the call, were there another one, would be listed by now.
    fn is_late(&self) -> bool {
        let since = self.azure.now.zip(self.intent.t0).map(|(now, t0)| now.duration_since(t0));
        self.jobs().is_some() && since.is_some_and(|since| since >= LISTED)
    }
}

fn is_about_this_job(decision: &PersonDecision, id: &JobId) -> bool {
    match &decision.word {
        Word::Happened { job, .. } => job == id,
        Word::Cancel | Word::DidNotHappen { .. } => false,
    }
}
