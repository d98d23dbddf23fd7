//! The vault observer: one task per RecoveryVault that lists items when idle and jobs while any is followed.
//!
//! It reads and wakes; it decides nothing and sends nothing.

use super::context::Context;
use super::share;
use super::stores::{any, each};
use super::vault::VaultHandle;
use super::wake::Sleeper;
use crate::api::v1alpha1::ReplicatedVm;
use crate::domain::backoff::{Class, delay};
use crate::domain::budget::Purpose;
use crate::domain::observed::{Reading, changed};
use kube::ResourceExt;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often to poll, from the RecoveryVault.
#[derive(Clone, Copy, Debug)]
pub struct Poll {
    /// Items.
    pub idle: Duration,
    /// Jobs, while any is followed; items too, while data is being copied after a reprotect.
    pub active: Duration,
}

/// Observes until the handle is stopped.
pub async fn run(ctx: Context, handle: Arc<VaultHandle>, poll: Poll) {
    let mut failures = 0;
    // Before that, nobody can be found who waits for the list.
    ctx.stores.ready().await;
    handle.read_location().await;
    let mut items_due = Instant::now();
    let mut next_jobs = None;
    loop {
        if !exists(&ctx, &handle) {
            ctx.vaults.remove(&handle.key);
            ctx.metrics.vaults(ctx.vaults.len());
            return;
        }
        handle.copies_only(|key| ctx.stores.request(key).is_some());
        let now = Instant::now();
        if now >= items_due {
            let wait = items(&ctx, &handle, poll, &mut failures).await;
            items_due = Instant::now() + wait;
        }
        if handle.is_copied() && failures == 0 {
            items_due = items_due.min(Instant::now() + poll.active);
        }
        let active = !handle.followers().is_empty();
        // Counted from the last look at the jobs: a stream of newly followed ones must not put it off again and again.
        next_jobs = active.then(|| next_jobs.unwrap_or_else(|| Instant::now() + poll.active));
        let jobs_due = next_jobs.unwrap_or(items_due);
        tokio::select! {
            biased;
            () = handle.stop.cancelled() => return,
            () = handle.kick.notified() => items_due = Instant::now(),
            () = handle.follow_changed.notified() => {}
            () = tokio::time::sleep_until(jobs_due.min(items_due)) => {
                if active && Instant::now() >= jobs_due {
                    next_jobs = handle.put_off(Purpose::JobList).map(|wait| Instant::now() + wait);
                    if next_jobs.is_none() {
                        jobs(&ctx, &handle).await;
                    }
                }
            }
        }
    }
}

/// Whether the RecoveryVault is still there; a deleted one is told to nobody.
fn exists(ctx: &Context, handle: &VaultHandle) -> bool {
    let (namespace, name) = &handle.key;
    any(&ctx.stores.vaults, |v| v.namespace().as_ref() == Some(namespace) && &v.name_any() == name)
}

/// Lists the items and says when to do so again. A list is news to those alone whose item has changed: while one VM's data
/// is copied, the others are not looked at each time.
async fn items(ctx: &Context, handle: &VaultHandle, poll: Poll, failures: &mut u32) -> Duration {
    let first = handle.items().is_none();
    // Without a first list no verb can be carried out.
    let purpose = if first { Purpose::Verb } else { Purpose::ItemList };
    if let Some(wait) = handle.put_off(purpose) {
        tracing::info!(vault = %handle.vault, wait_s = wait.as_secs(), "few calls are left to this identity: the list of items is put off");
        return wait;
    }
    // One that failed was told to all, and so is the next one.
    let before = handle.last_list();
    let reading = handle.list_items(purpose).await;
    let changed =
        before.as_ref().and_then(Reading::known).zip(reading.known()).and_then(|(before, now)| changed(before, now));
    wake(ctx, handle, changed.as_ref());
    if first {
        wake_requests(ctx, handle);
    }
    match reading {
        Reading::Known(_) => {
            *failures = 0;
            poll.idle.mul_f64(0.8 + 0.4 * ctx.machine.chance())
        }
        Reading::Absent => poll.idle,
        Reading::Unreadable(u) => {
            *failures = failures.saturating_add(1);
            tracing::warn!(vault = %handle.vault, class = u.class.as_str(), reason = %u.obstacle.reason, message = %u.obstacle.message, "the vault cannot be listed");
            u.retry_after.unwrap_or_else(|| delay(u.class, *failures, ctx.machine.chance()).max(floor(u.class)))
        }
    }
}

/// A vault that answers nothing is not asked more often than this.
const fn floor(class: Class) -> Duration {
    match class {
        Class::Transient | Class::Waiting => Duration::from_secs(1),
        _ => Duration::from_secs(5),
    }
}

/// Lists the jobs and wakes those who follow one.
async fn jobs(ctx: &Context, handle: &VaultHandle) {
    drop(handle.fresh_jobs(Purpose::JobList).await);
    for key in handle.followers() {
        ctx.wake.up(Sleeper::Request(key));
    }
}

/// Wakes the RecoveryVault, and the ReplicatedVms that look through it and the requests that wait for their data: all, or
/// those of the changed items and those that do not know theirs.
pub(super) fn wake(ctx: &Context, handle: &VaultHandle, changed: Option<&BTreeSet<String>>) {
    let (namespace, name) = &handle.key;
    ctx.wake.up(Sleeper::Vault(namespace.clone(), name.clone()));
    let looks_through = |vm: &ReplicatedVm| {
        let is_one = vm.namespace().as_ref() == Some(namespace) && &vm.spec.vault_ref.name == name;
        let own = vm.status.as_ref().and_then(|status| status.protected_item_name.as_ref());
        let concerned = changed.zip(own).is_none_or(|(names, own)| names.contains(&own.to_ascii_lowercase()));
        (is_one && concerned).then(|| vm.name_any())
    };
    for vm in each(&ctx.stores.vms, looks_through).into_iter().flatten() {
        ctx.wake.up(Sleeper::Vm(namespace.clone(), vm));
    }
    for key in handle.copying(changed) {
        ctx.wake.up(Sleeper::Request(key));
    }
}

/// Wakes the requests of a vault that has just come to be seen here: whoever saw it before may have gone in mid-work.
pub(super) fn wake_requests(ctx: &Context, handle: &VaultHandle) {
    let vault = handle.vault.lower();
    for request in ctx.stores.watched().into_iter().filter(|r| share::of_request(&ctx.stores, r) == vault) {
        ctx.wake.up(Sleeper::Request(request.key));
    }
}
