//! The vault observer: one task per RecoveryVault that lists items when idle and jobs while any is followed.
//!
//! It reads and wakes; it decides nothing and sends nothing.

use super::context::Context;
use super::stores::all;
use super::vaults::VaultHandle;
use super::wake::Sleeper;
use crate::domain::backoff::{Class, delay};
use crate::domain::observed::Reading;
use kube::ResourceExt;
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
    loop {
        if !exists(&ctx, &handle) {
            ctx.vaults.remove(&handle.key);
            return;
        }
        let now = Instant::now();
        if now >= items_due {
            let wait = items(&ctx, &handle, poll, &mut failures).await;
            items_due = Instant::now() + wait;
        }
        if !handle.copying().is_empty() && failures == 0 {
            items_due = items_due.min(Instant::now() + poll.active);
        }
        let active = !handle.followers().is_empty();
        let jobs_due = if active { Instant::now() + poll.active } else { items_due };
        tokio::select! {
            () = handle.stop.cancelled() => return,
            () = handle.kick.notified() => items_due = Instant::now(),
            () = handle.follow_changed.notified() => {}
            () = tokio::time::sleep_until(jobs_due.min(items_due)) => {
                if active && Instant::now() >= jobs_due {
                    jobs(&ctx, &handle).await;
                }
            }
        }
    }
}

/// Whether the RecoveryVault is still there; a deleted one is told to nobody.
fn exists(ctx: &Context, handle: &VaultHandle) -> bool {
    let (namespace, name) = &handle.key;
    all(&ctx.stores.vaults).iter().any(|v| v.namespace().as_ref() == Some(namespace) && &v.name_any() == name)
}

/// Lists the items and says when to do so again.
async fn items(ctx: &Context, handle: &VaultHandle, poll: Poll, failures: &mut u32) -> Duration {
    let reading = handle.list_items().await;
    wake(ctx, handle);
    match reading {
        Reading::Known(_) => {
            *failures = 0;
            poll.idle.mul_f64(0.8 + 0.4 * rand::random::<f64>())
        }
        Reading::Absent => poll.idle,
        Reading::Unreadable(u) => {
            *failures = failures.saturating_add(1);
            tracing::warn!(vault = %handle.vault, class = u.class.as_str(), reason = %u.obstacle.reason, message = %u.obstacle.message, "the vault cannot be listed");
            u.retry_after.unwrap_or_else(|| delay(u.class, *failures, rand::random()).max(floor(u.class)))
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
    drop(handle.fresh_jobs().await);
    for key in handle.followers() {
        ctx.wake.up(Sleeper::Request(key));
    }
}

/// Wakes the RecoveryVault and the ReplicatedVms that look through it.
fn wake(ctx: &Context, handle: &VaultHandle) {
    let (namespace, name) = &handle.key;
    ctx.wake.up(Sleeper::Vault(namespace.clone(), name.clone()));
    for vm in all(&ctx.stores.vms) {
        if vm.namespace().as_ref() == Some(namespace) && &vm.spec.vault_ref.name == name {
            ctx.wake.up(Sleeper::Vm(namespace.clone(), vm.name_any()));
        }
    }
    for key in handle.copying() {
        ctx.wake.up(Sleeper::Request(key));
    }
}
