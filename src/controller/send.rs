//! Steps 4 to 6 of the protocol: the intent by compare-and-swap, one call within the window, its outcome.
//!
//! The only place from which a mutating call leaves.

use super::acting::Caller;
use super::clock::SEND_WINDOW;
use super::context::Context;
use super::machine::{Machine, Moment};
use super::records::{Held, RecordError};
use super::vault::VaultHandle;
use crate::asr::{ClientRequestId, ItemPath, Mutation, SendWindow, Sent, SwitchProtection};
use crate::domain::ids::{ItemKey, hex_sha256};
use crate::domain::item::Item;
use crate::domain::job::JobId;
use crate::domain::record::{Outcome, Record};
use crate::domain::reprotect::SwitchInput;
use crate::domain::verb::Call;
use crate::telemetry::CallOutcome;
use std::sync::Arc;
use std::time::Duration;

/// The time in which the first byte may leave, from the moment before the record was written.
struct Window {
    machine: Arc<dyn Machine>,
    opened: Moment,
}

impl SendWindow for Window {
    fn remaining(&self) -> Option<Duration> {
        SEND_WINDOW.checked_sub(self.machine.since(self.opened)).filter(|left| !left.is_zero())
    }
}

/// Opens the intent in `record`, makes the call, writes what came of it. Every failure on the way leaves the record to
/// the next pass, which sees an intent without an outcome and finds out.
pub(super) async fn send(
    ctx: &Context,
    handle: &VaultHandle,
    held: &Held,
    record: &Record,
    call: &Call,
    item: &Item,
    began: Moment,
) -> Result<(), RecordError> {
    let Ok(path) = ItemPath::parse(&item.id) else {
        tracing::error!(item = %item.id, "Azure gave an item id that cannot be called; nothing is sent");
        return Ok(());
    };
    let mutation = mutation(call, path);
    let mut record = record.clone();
    let Some(intent) = record.intent.as_mut() else { return Ok(()) };
    intent.body_hash = hex_sha256(&mutation.body());
    let Ok(id) = ClientRequestId::parse(&intent.client_request_id) else { return Ok(()) };
    let step = intent.step;
    if ctx.machine.since(began) > SEND_WINDOW {
        return Ok(());
    }
    let Ok(caller) = &handle.acting else { return Ok(()) };
    // Another pass may have taken the last one since this one looked.
    if !caller.meter.take_write() {
        return Ok(());
    }
    let window = Window { machine: Arc::clone(&ctx.machine), opened: ctx.machine.now() };
    let Some(open) = write_intent(ctx, held, &record).await? else { return Ok(()) };
    let calling = ctx.machine.now();
    let sent = call_once(caller, &mutation, &id, &window).await;
    caller.noted(&sent);
    let call_us = u64::try_from(ctx.machine.since(calling).as_micros()).unwrap_or(u64::MAX);
    let conflict = matches!(sent, Sent::Unknown { conflict: true, .. });
    let outcome = outcome(sent, ctx.machine.since(began));
    ctx.metrics.call(step.as_str(), label(&outcome));
    tracing::info!(step = step.as_str(), item = %item.name, client_request_id = %id, outcome = ?outcome, call_us, "called Azure");
    write_outcome(ctx, open, outcome, conflict).await;
    Ok(())
}

/// The request that a decided call becomes, for the item where it is now.
pub fn mutation(call: &Call, item: ItemPath) -> Mutation {
    match call {
        Call::UnplannedFailover { point, shutdown_source } => {
            Mutation::UnplannedFailover { item, recovery_point_id: point.clone(), shutdown_source: *shutdown_source }
        }
        Call::FailoverCommit => Mutation::FailoverCommit { item },
        Call::ApplyRecoveryPoint { point } => Mutation::ApplyRecoveryPoint { item, recovery_point_id: point.clone() },
        Call::SwitchProtection(input) => Mutation::SwitchProtection { item, input: Box::new(switch(input)) },
    }
}

fn switch(input: &SwitchInput) -> SwitchProtection {
    let mut wire = SwitchProtection::new(
        input.container_id.clone(),
        input.policy_id.clone(),
        input.resource_group_id.clone(),
        &input.disks,
        &input.cache_account_id,
        input.disk_encryption_set_id.as_deref(),
    );
    wire.recovery_availability_set_id = input.availability_set_id.clone();
    wire.recovery_availability_zone = input.zone.clone();
    wire.recovery_proximity_placement_group_id = input.proximity_placement_group_id.clone();
    wire
}

/// Writes the intent. When the answer is lost, the record is read again: the intent stands only if the nonce is ours.
async fn write_intent(ctx: &Context, held: &Held, record: &Record) -> Result<Option<Held>, RecordError> {
    let error = match ctx.records.replace(held, record).await {
        Ok(open) if is_ours(&open, record) => return Ok(Some(open)),
        Ok(_) => return Err(RecordError::NotKept),
        Err(error) => error,
    };
    let again = ctx.records.read(&ItemKey::new(&record.vault_id, &record.item_name)).await?;
    match (again.filter(|h| is_ours(h, record)), error) {
        (Some(ours), error) => {
            tracing::warn!(%error, "the intent's write was not acknowledged, but stands");
            Ok(Some(ours))
        }
        (None, RecordError::Conflict) => Ok(None),
        (None, error) => Err(error),
    }
}

fn is_ours(held: &Held, record: &Record) -> bool {
    let nonce = |r: &Record| r.intent.as_ref().filter(|i| i.outcome.is_none()).map(|i| i.nonce.clone());
    nonce(&held.record).is_some() && nonce(&held.record) == nonce(record)
}

/// One call; a token that was refused is replaced once, and the window is asked again.
async fn call_once(caller: &Caller, mutation: &Mutation, id: &ClientRequestId, window: &Window) -> Sent {
    let first = caller.client.send(mutation, id, window).await;
    if !matches!(first, Sent::Unauthorized) {
        return first;
    }
    caller.client.invalidate_token();
    match caller.client.send(mutation, id, window).await {
        Sent::Unauthorized => Sent::NotSent { why: "Azure refused the token twice (401); check the identity".into() },
        second => second,
    }
}

/// What came of the call. A wait that Azure asks for begins with its answer, and is kept from the pass's begin.
fn outcome(sent: Sent, since_began: Duration) -> Outcome {
    match sent {
        Sent::Accepted { job, .. } => Outcome::Accepted { job: JobId(job.as_str().to_owned()) },
        Sent::Refused { status, error, .. } => Outcome::Refused { detail: format!("{status} {error}") },
        Sent::NotSent { why } => Outcome::NotSent { detail: why },
        Sent::Throttled { retry_after } => {
            let wait = u32::try_from(retry_after.saturating_add(since_began).as_secs()).unwrap_or(600);
            Outcome::Throttled { retry_after: wait.saturating_add(1) }
        }
        Sent::Unauthorized => Outcome::NotSent { detail: "Azure refused the token (401)".into() },
        Sent::Unknown { why, .. } => Outcome::Unknown { detail: why },
    }
}

const fn label(outcome: &Outcome) -> CallOutcome {
    match outcome {
        Outcome::Accepted { .. } => CallOutcome::Accepted,
        Outcome::Refused { .. } => CallOutcome::Refused,
        Outcome::NotSent { .. } => CallOutcome::NotSent,
        Outcome::Throttled { .. } => CallOutcome::Throttled,
        // No answer of a call is ever a proof of absence.
        Outcome::Unknown { .. } | Outcome::Absent { .. } => CallOutcome::Unknown,
    }
}

/// Writes the outcome while the record still holds this very intent; otherwise drops it. After a 409 no second attempt follows.
async fn write_outcome(ctx: &Context, mut open: Held, outcome: Outcome, conflict: bool) {
    let mine = open.record.clone();
    for attempt in 0..5_u32 {
        let closed = open.record.with_outcome(outcome.clone());
        let closed = if conflict { closed.without_further_attempt() } else { closed };
        match ctx.records.replace(&open, &closed).await {
            Ok(_) => return,
            Err(error) => tracing::warn!(%error, attempt, "the outcome of a call was not written"),
        }
        tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
        let again = ctx.records.read(&ItemKey::new(&mine.vault_id, &mine.item_name)).await;
        match again {
            Ok(Some(held)) if is_ours(&held, &mine) => open = held,
            Ok(_) => return,
            Err(_) => {}
        }
    }
}
