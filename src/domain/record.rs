//! The item record: lock, intent and memory of one protected item, and its only lawful changes.
//!
//! A change here is a new value; whoever writes it must do so with the resourceVersion that was read. What the record does
//! not say did not happen.

use super::Reason;
use super::condition::{Standing, Truth};
use super::ids::{RequestKey, Step};
use super::item::Obstacle;
use super::job::{JobId, Phase};
use super::point::PointKind;
use jiff::{SignedDuration, Timestamp};

mod intent;

pub use intent::{Intent, Outcome};

/// The version of the protocol that this program speaks; a record of another version is held, not touched.
pub const PROTOCOL: u32 = 1;

/// The most requests that a record remembers.
pub const MAX_CONSUMED: usize = 200;

/// A recovery point as it was frozen in an intent, or as Azure used it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PointRef {
    /// Full ARM id, or only the name where Azure gives no more.
    pub id: String,
    /// When it was taken.
    pub time: Option<Timestamp>,
    /// How consistent it is.
    pub kind: Option<PointKind>,
}

/// What became of the source VM's shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Whether it was shut down.
    pub truth: Truth,
    /// Why.
    pub reason: Reason,
    /// In words.
    pub message: String,
}

/// A step whose job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The step.
    pub step: Step,
    /// How often it was used before.
    pub ordinal: u32,
    /// Which attempt it was.
    pub attempt: u32,
    /// What its job carries.
    pub client_request_id: String,
    /// Its job, where one was made.
    pub job: Option<JobId>,
    /// How it ended.
    pub phase: Phase,
    /// Azure's time of the call.
    pub started: Option<Timestamp>,
    /// Azure's time of the end.
    pub ended: Option<Timestamp>,
    /// The point that was really used.
    pub point: Option<PointRef>,
    /// Data lost: from the point to the start of the job.
    pub achieved_rpo: Option<SignedDuration>,
    /// Time taken: from the call to the end of the job.
    pub achieved_rto: Option<SignedDuration>,
    /// The VM that it made.
    pub recovered_vm_id: Option<String>,
    /// Where the item is found since this step, an ARM id: a reprotect moves it.
    pub moved_to: Option<String>,
    /// The source VM's shutdown.
    pub shutdown: Option<Shutdown>,
    /// Something to read though it ended well.
    pub warning: Option<String>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It did what it declares.
    Succeeded,
    /// Its job failed or was cancelled.
    Failed,
    /// It was refused, by this program or by Azure.
    Refused,
    /// The VM was there already; nothing was sent.
    AlreadyThere,
    /// There was nothing to do; nothing was sent.
    NothingToDo,
    /// validUntil passed; nothing was sent.
    Expired,
    /// A person took it back; nothing was sent.
    Cancelled,
    /// The target changed under it; nothing was sent.
    TargetChanged,
}

impl End {
    /// Every end.
    pub const ALL: [End; 8] = [
        End::Succeeded,
        End::Failed,
        End::Refused,
        End::AlreadyThere,
        End::NothingToDo,
        End::Expired,
        End::Cancelled,
        End::TargetChanged,
    ];

    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Refused => "Refused",
            Self::AlreadyThere => "AlreadyThere",
            Self::NothingToDo => "NothingToDo",
            Self::Expired => "Expired",
            Self::Cancelled => "Cancelled",
            Self::TargetChanged => "TargetChanged",
        }
    }

    /// Where it leaves the object.
    pub const fn standing(self) -> Standing {
        match self {
            Self::Succeeded | Self::AlreadyThere | Self::NothingToDo => Standing::Ready,
            Self::Failed | Self::Refused | Self::Expired | Self::Cancelled | Self::TargetChanged => Standing::Stalled,
        }
    }
}

/// A request's end, with all that its object must be able to show later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunResult {
    /// How it ended.
    pub end: End,
    /// Why.
    pub reason: Reason,
    /// Why, in words.
    pub message: String,
    /// Azure's time when it was written.
    pub at: Option<Timestamp>,
    /// Its steps.
    pub steps: Vec<Finished>,
}

/// A key that is used up, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    /// The request.
    pub key: RequestKey,
    /// Hash of its spec.
    pub spec_hash: String,
    /// Its validUntil, as the spec has it.
    pub valid_until: String,
    /// Its end; `None` while it runs.
    pub result: Option<RunResult>,
}

/// Everything that is remembered of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Version of the protocol that wrote it.
    pub protocol: u32,
    /// ARM id of the vault.
    pub vault_id: String,
    /// Name of the item.
    pub item_name: String,
    /// The request that may act on the item.
    pub holder: Option<RequestKey>,
    /// The holder's present call.
    pub intent: Option<Intent>,
    /// The holder's earlier calls.
    pub finished: Vec<Finished>,
    /// Requests that never run again.
    pub consumed: Vec<Consumed>,
}

/// Who a change is for: a request's key with what must be remembered of its spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The request.
    pub key: RequestKey,
    /// Hash of its spec.
    pub spec_hash: String,
    /// Its validUntil, as the spec has it.
    pub valid_until: String,
}

impl Record {
    /// A record of an item that nothing was done to yet.
    pub fn empty(vault_id: impl Into<String>, item_name: impl Into<String>) -> Self {
        Self {
            protocol: PROTOCOL,
            vault_id: vault_id.into(),
            item_name: item_name.into(),
            holder: None,
            intent: None,
            finished: Vec::new(),
            consumed: Vec::new(),
        }
    }

    /// Whether `key` holds the item.
    pub fn held_by(&self, key: &RequestKey) -> bool {
        self.holder.as_ref() == Some(key)
    }

    /// What is remembered of `key`.
    pub fn consumed(&self, key: &RequestKey) -> Option<&Consumed> {
        self.consumed.iter().find(|c| &c.key == key)
    }

    /// The end of `key`, where `before` did not have it yet.
    pub fn ended_since(&self, before: &Self, key: &RequestKey) -> Option<&RunResult> {
        let result = self.consumed(key)?.result.as_ref()?;
        before.consumed(key).is_none_or(|consumed| consumed.result.is_none()).then_some(result)
    }

    /// Whether `job` is that of a step that ended, of the holder or of a request that is over: nobody else's call made it.
    pub fn knows(&self, job: &JobId) -> bool {
        let over = self.consumed.iter().filter_map(|c| c.result.as_ref()).flat_map(|r| &r.steps);
        over.chain(&self.finished).any(|done| done.job.as_ref() == Some(job))
    }

    /// The record with `intent` open for `owner`: holder, used-up key and intent in one value.
    ///
    /// # Errors
    /// `RecordFull` when no remembered key may be dropped yet.
    pub fn open(&self, owner: &Owner, intent: Intent, now: Timestamp) -> Result<Record, Obstacle> {
        let mut next = self.remember(owner, now)?;
        next.holder = Some(owner.key.clone());
        next.intent = Some(intent);
        Ok(next)
    }

    /// The record with the outcome of the open intent. What Azure answered for certain is not overwritten by a later guess.
    pub fn with_outcome(&self, outcome: Outcome) -> Record {
        let mut next = self.clone();
        if let Some(intent) = &mut next.intent
            && !matches!(intent.outcome, Some(Outcome::Accepted { .. } | Outcome::Refused { .. }))
        {
            intent.outcome = Some(outcome);
        }
        next
    }

    /// The record whose open intent is not followed by another attempt.
    pub fn without_further_attempt(&self) -> Record {
        let mut next = self.clone();
        next.intent.iter_mut().for_each(|intent| intent.last = true);
        next
    }

    /// The record with the job that the open intent's call became: by its id or a person's word, whatever was taken for it before.
    pub fn with_job(&self, job: JobId) -> Record {
        let mut next = self.clone();
        if let Some(intent) = &mut next.intent {
            intent.outcome = Some(Outcome::Accepted { job });
        }
        next
    }

    /// The record after a step, with more of the same request to come.
    pub fn after_step(&self, done: Finished) -> Record {
        let mut next = self.clone();
        next.intent = None;
        next.finished.push(done);
        next
    }

    /// The record after the end of `owner`'s request; the item is free again if it held it. An end that is known stays.
    ///
    /// # Errors
    /// `RecordFull` when the end cannot be remembered.
    pub fn end(&self, owner: &Owner, result: RunResult, now: Timestamp) -> Result<Record, Obstacle> {
        let mut next = self.remember(owner, now)?;
        if next.held_by(&owner.key) {
            next.release();
        }
        if let Some(entry) = next.consumed.iter_mut().find(|c| c.key == owner.key) {
            entry.result.get_or_insert(result);
        }
        Ok(next)
    }

    /// The record after a request whose object is gone before anything was sent: as if it had never been.
    pub fn withdraw(&self, key: &RequestKey) -> Record {
        let mut next = self.clone();
        if next.held_by(key) {
            next.release();
        }
        next.consumed.retain(|c| &c.key != key || c.result.is_some());
        next
    }

    fn release(&mut self) {
        self.holder = None;
        self.intent = None;
        self.finished.clear();
    }

    fn remember(&self, owner: &Owner, now: Timestamp) -> Result<Record, Obstacle> {
        let mut next = self.clone();
        if next.consumed(&owner.key).is_some() {
            return Ok(next);
        }
        if next.consumed.len() >= MAX_CONSUMED {
            let holder = next.holder.clone();
            next.consumed
                .retain(|c| holder.as_ref() == Some(&c.key) || c.result.is_none() || !is_past(&c.valid_until, now));
        }
        if next.consumed.len() >= MAX_CONSUMED {
            return Err(Obstacle::new(
                Reason::RecordFull,
                format!(
                    "The item's record remembers {MAX_CONSUMED} requests that are still valid. Wait until some pass their validUntil."
                ),
            ));
        }
        next.consumed.push(Consumed {
            key: owner.key.clone(),
            spec_hash: owner.spec_hash.clone(),
            valid_until: owner.valid_until.clone(),
            result: None,
        });
        Ok(next)
    }
}

/// Whether the RFC 3339 time `text` is certainly past at `now`; an unreadable one never is.
pub fn is_past(text: &str, now: Timestamp) -> bool {
    text.parse::<Timestamp>().is_ok_and(|time| time < now)
}

#[cfg(test)]
mod tests;
