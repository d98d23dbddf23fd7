//! How a decision is told and compared in a row of a table.

use super::super::super::Reason;
use super::super::super::condition::{ConditionType, Standing, Truth};
use super::super::super::observed::{Azure, Facts};
use super::super::super::record::{Outcome, Record, RunResult};
use super::super::{Decision, Effect, decide};

/// What a row is compared by: the effect in one word, the standing, and the reason that all three of the trio carry.
pub(super) fn told(facts: &Facts, azure: &Azure) -> (&'static str, Option<Standing>, Option<Reason>) {
    let decision = decide(facts, azure);
    (effect(&decision), standing(&decision), reason(&decision))
}

pub(super) fn effect(decision: &Decision) -> &'static str {
    match &decision.effect {
        Effect::None => "none",
        Effect::Claim(_) => "claim",
        Effect::Send(..) => "send",
        Effect::Write(record) => written(record),
    }
}

/// The decision, once the record has it that no further attempt follows, where that is written first. Until then nobody is told so.
pub(super) fn decided_for_good(facts: &Facts, azure: &Azure) -> Decision {
    let first = decide(facts, azure);
    let closed = |record: &&Record| record.intent.as_ref().is_some_and(|intent| intent.last);
    let open = facts.record.as_ref().and_then(|record| record.intent.as_ref()).is_some_and(|intent| !intent.last);
    let Effect::Write(record) = &first.effect else { return first };
    let Some(record) = Some(record).filter(closed).filter(|_| open) else { return first };
    assert_eq!((standing(&first), reason(&first)), (Some(Standing::Reconciling), Some(Reason::Resolving)));
    decide(&Facts { record: Some(record.clone()), ..facts.clone() }, azure)
}

fn written(record: &Record) -> &'static str {
    let open = record.intent.as_ref().map(|i| &i.outcome);
    match (open, record.finished.is_empty(), record.consumed.iter().any(|c| c.result.is_some())) {
        (Some(Some(Outcome::Accepted { .. })), ..) => "adopt",
        (Some(_), ..) => "write",
        (None, false, _) => "step",
        (None, true, true) => "end",
        (None, true, false) => "withdraw",
    }
}

pub(super) fn standing(decision: &Decision) -> Option<Standing> {
    let held: Vec<_> = decision.view.as_ref()?.conditions[..3].iter().filter(|c| c.truth == Truth::True).collect();
    assert_eq!(held.len(), 1, "exactly one of the trio holds: {decision:?}");
    Some(match held[0].kind {
        ConditionType::Ready => Standing::Ready,
        ConditionType::Reconciling => Standing::Reconciling,
        _ => Standing::Stalled,
    })
}

pub(super) fn reason(decision: &Decision) -> Option<Reason> {
    Some(decision.view.as_ref()?.conditions[0].reason)
}

pub(super) fn message(decision: &Decision) -> String {
    decision.view.as_ref().map(|v| v.conditions[0].message.clone()).unwrap_or_default()
}

/// The end that the decision writes down.
pub(super) fn end(facts: &Facts, azure: &Azure) -> RunResult {
    let decision = decide(facts, azure);
    let Effect::Write(record) = &decision.effect else { panic!("no end is written: {decision:?}") };
    let consumed = record.consumed(&facts.key).unwrap_or_else(|| panic!("the key is not remembered: {record:?}"));
    consumed.result.clone().unwrap_or_else(|| panic!("no end is written: {record:?}"))
}

/// The answer after the effect was carried out: what the object says in the end.
pub(super) fn after(facts: &Facts, azure: &Azure) -> Decision {
    let Effect::Write(record) = decide(facts, azure).effect else { panic!("nothing is written") };
    decide(&Facts { record: Some(record), ..facts.clone() }, azure)
}

pub(super) fn condition(decision: &Decision, kind: ConditionType) -> (Truth, Reason) {
    let view = decision.view.as_ref().unwrap();
    let found = view.conditions.iter().find(|c| c.kind == kind).unwrap_or_else(|| panic!("no {kind:?}"));
    (found.truth, found.reason)
}
