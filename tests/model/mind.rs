//! What the product decides: its own `stage`, `decide` and `Record`, asked once for every observation and then remembered.
//!
//! A record is stored as a number. Of its content only what no decision looks at is dropped: nonces, hashes, words.

use super::code;
use super::fixture;
use super::world::Out;
use asr_operator::domain::Reason;
use asr_operator::domain::observed::Facts;
use asr_operator::domain::record::{End, Outcome, Record};
use asr_operator::domain::request::{Effect as Real, Stage, decide, stage};
use asr_operator::domain::resolve::absent;
use std::collections::HashMap;

/// What must be read from Azure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Nothing is to be done at all.
    Gone,
    /// At most the time.
    Time,
    Verify,
    Follow(u8),
    Resolve,
}

/// The one thing that a pass does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    None,
    Claim(u8),
    Write(u16),
    Send { rec: u16, step: u8, att: u8 },
}

/// What was decided.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    pub effect: u16,
    /// One more than the end that is shown; 0 where none is.
    pub shows: u8,
    /// Why it waits.
    pub reason: Reason,
    /// Whether this look shows that nothing came of the call.
    pub absent: bool,
}

/// How far the open intent of a record is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    None,
    Open,
    Unknown,
    Job(u8),
    Closed,
}

/// What a record says, for those who judge.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// The request that holds it.
    pub holder: Option<u8>,
    pub intent: Intent,
    pub step: u8,
    pub att: u8,
    /// One more than the index of the job of the holder's finished step.
    pub own: u8,
    /// One more than each request's end; 0 where none is known.
    pub ends: [u8; 2],
}

/// The memory. It holds for every configuration: all that is decided by is in the codes.
#[derive(Default)]
pub struct Mind {
    records: Vec<(Record, Info)>,
    by_text: HashMap<String, u16>,
    facts: Vec<(code::Facts, Facts, Need)>,
    by_code: HashMap<code::Facts, u16>,
    effects: Vec<Effect>,
    by_effect: HashMap<Effect, u16>,
    verdicts: HashMap<(u16, code::Azure), Verdict>,
    outcomes: HashMap<(u16, Out), u16>,
    /// How often the product was asked.
    pub asked: usize,
}

/// The number of the empty record of an item.
pub const fn empty(item: u8) -> u16 {
    1 + item as u16
}

impl Mind {
    pub fn new() -> Self {
        let mut mind = Self::default();
        mind.records.push((
            Record::empty("", ""),
            Info { holder: None, intent: Intent::None, step: 0, att: 0, own: 0, ends: [0; 2] },
        ));
        mind.effect_number(Effect::None);
        for item in 0..2 {
            assert_eq!(mind.number(&fixture::empty_record(item)), empty(item));
        }
        mind
    }

    pub fn info(&self, rec: u16) -> Info {
        self.records[usize::from(rec)].1
    }

    pub fn effect(&self, number: u16) -> Effect {
        self.effects[usize::from(number)]
    }

    pub fn need(&self, facts: u16) -> Need {
        self.facts[usize::from(facts)].2
    }

    /// What was observed under this number.
    pub fn code(&self, facts: u16) -> code::Facts {
        self.facts[usize::from(facts)].0
    }

    /// The number of an observation of the cluster, and what must be read for it.
    pub fn stage(&mut self, code: code::Facts) -> (u16, Need) {
        if let Some(&n) = self.by_code.get(&code) {
            return (n, self.facts[usize::from(n)].2);
        }
        let facts = fixture::facts(&code, &self.records[usize::from(code.rec)].0);
        let need = match stage(&facts) {
            Stage::Gone => Need::Gone,
            Stage::Verify(_) | Stage::LookBack(..) => Need::Verify,
            // What waits past its validUntil is looked back for before it ends.
            Stage::Blocked(..) if facts.record.is_some() && facts.claim.is_some() => Need::Verify,
            Stage::Follow(job) => Need::Follow(fixture::job_number(&job)),
            Stage::Resolve => Need::Resolve,
            _ => Need::Time,
        };
        let n = u16::try_from(self.facts.len()).unwrap();
        self.facts.push((code, facts, need));
        self.by_code.insert(code, n);
        (n, need)
    }

    /// The decision, and whether the look shows that nothing came of the call.
    pub fn decide(&mut self, facts: u16, azure: code::Azure) -> Verdict {
        if let Some(&verdict) = self.verdicts.get(&(facts, azure)) {
            return verdict;
        }
        self.asked += 1;
        let (code, real, _) = &self.facts[usize::from(facts)];
        let seen = fixture::azure(code, &azure);
        let decision = decide(real, &seen);
        let shows = match stage(real) {
            Stage::Ended(result) => end_number(result.end),
            _ => 0,
        };
        let reason = decision.view.as_ref().and_then(|v| v.conditions.first()).map_or(Reason::Pending, |c| c.reason);
        let absent = absent(real, &seen);
        let effect = match decision.effect {
            Real::None => Effect::None,
            Real::Claim(claim) => Effect::Claim(fixture::claim_code(&claim)),
            Real::Write(record) => Effect::Write(self.number(&record)),
            Real::Send(record, _) => {
                let rec = self.number(&record);
                let info = self.info(rec);
                Effect::Send { rec, step: info.step, att: info.att }
            }
        };
        let verdict = Verdict { effect: self.effect_number(effect), shows, reason, absent };
        self.verdicts.insert((facts, azure), verdict);
        verdict
    }

    /// The record after the outcome of its intent was written.
    pub fn outcome(&mut self, rec: u16, out: Out) -> u16 {
        if let Some(&after) = self.outcomes.get(&(rec, out)) {
            return after;
        }
        let detail = String::new();
        let outcome = match out {
            Out::Job(n) => Outcome::Accepted { job: fixture::job_id(n) },
            Out::Refused => Outcome::Refused { detail },
            Out::NotSent => Outcome::NotSent { detail },
            Out::Throttled => Outcome::Throttled { retry_after: 0 },
            Out::Unknown => Outcome::Unknown { detail },
        };
        let next = self.records[usize::from(rec)].0.with_outcome(outcome);
        let after = self.number(&next);
        self.outcomes.insert((rec, out), after);
        after
    }

    fn effect_number(&mut self, effect: Effect) -> u16 {
        if let Some(&n) = self.by_effect.get(&effect) {
            return n;
        }
        let n = u16::try_from(self.effects.len()).unwrap();
        self.effects.push(effect);
        self.by_effect.insert(effect, n);
        n
    }

    fn number(&mut self, record: &Record) -> u16 {
        let bare = fixture::bare(record);
        let text = format!("{bare:?}");
        if let Some(&n) = self.by_text.get(&text) {
            return n;
        }
        let n = u16::try_from(self.records.len()).unwrap();
        let info = info(&bare);
        self.records.push((bare, info));
        self.by_text.insert(text, n);
        n
    }
}

/// One more than the place of an end among all ends.
fn end_number(end: End) -> u8 {
    let at = End::ALL.into_iter().position(|e| e == end).unwrap();
    u8::try_from(at).unwrap() + 1
}

fn info(record: &Record) -> Info {
    let intent = record.intent.as_ref();
    let job = |job: &_| fixture::job_number(job);
    let mut ends = [0; 2];
    for consumed in &record.consumed {
        if let Some(result) = &consumed.result {
            ends[usize::from(fixture::request_number(&consumed.key))] = end_number(result.end);
        }
    }
    Info {
        holder: record.holder.as_ref().map(fixture::request_number),
        intent: match intent.map(|i| &i.outcome) {
            None => Intent::None,
            Some(None) => Intent::Open,
            Some(Some(Outcome::Unknown { .. })) => Intent::Unknown,
            Some(Some(Outcome::Accepted { job: id })) => Intent::Job(job(id)),
            Some(Some(_)) => Intent::Closed,
        },
        step: intent.map_or(0, |i| fixture::step_number(i.step)),
        att: intent.map_or(0, |i| u8::try_from(i.attempt).unwrap()),
        own: record.finished.last().and_then(|done| done.job.as_ref()).map_or(0, |id| job(id) + 1),
        ends,
    }
}
