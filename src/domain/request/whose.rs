//! Whose job it is that Azure named for a call: an answer may name another one. It judges, and sends nothing.

use super::super::ids::{Step, same};
use super::super::item::Item;
use super::super::job::Job;
use super::super::observed::{Azure, Facts, Reading};
use super::super::record::{Intent, Record};
use super::super::verb;

/// Whose a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Nothing speaks against the call's own.
    Own,
    /// It is of another VM or verb, and does not carry the call's id.
    Anothers,
    /// It does not carry the call's id, and the VM's own name is not known now.
    NotKnown,
}

/// Judges a job. One without any id is suspect by its names alone, but for a reprotect's, since that may rename the item.
pub(super) fn whose(facts: &Facts, azure: &Azure, record: &Record, intent: &Intent, job: &Job) -> Whose {
    if !(job.detailed && is_suspect(intent, job)) {
        return Whose::Own;
    }
    match own_item(facts, azure, record) {
        Some(item) if job.may_be(verb::row(intent.step).scenario, &item.friendly_name) => Whose::Own,
        Some(_) => Whose::Anothers,
        None => Whose::NotKnown,
    }
}

/// Whether the followed job is another one's.
pub fn is_anothers(facts: &Facts, azure: &Azure) -> bool {
    let followed = facts.record.as_ref().and_then(|record| Some((record, record.intent.as_ref()?)));
    let job = azure.job.as_ref().and_then(Reading::known);
    followed.zip(job).is_some_and(|((record, intent), job)| whose(facts, azure, record, intent, job) == Whose::Anothers)
}

/// Whether the job does not carry the call's id, though its detail was read: the item is looked at too, then.
pub fn is_suspect(intent: &Intent, job: &Job) -> bool {
    match &job.client_request_id {
        Some(id) => !same(id, &intent.client_request_id),
        None => intent.step != Step::Reprotect,
    }
}

/// The record's item, as Azure or else the observer's list has it, with the name of its VM.
pub fn own_item<'a>(facts: &'a Facts, azure: &'a Azure, record: &Record) -> Option<&'a Item> {
    let read = azure.item.as_ref().and_then(Reading::known);
    let both = [read, facts.vm.as_ref().ok().map(|vm| &vm.item)];
    both.into_iter().flatten().find(|item| same(&item.name, &record.item_name) && !item.friendly_name.is_empty())
}
