//! One pass over one object, whichever its kind: what the watches run, and what the simulation tier runs in their place.
//!
//! Also when a pass is due: what of an object is news, and how long an object waits for its next pass.

use super::context::Context;
use super::kinds::reconcile_key;
use super::request::PassError;
use super::wake::Sleeper;
use super::{item_record, recovery_vault, replicated_vm, request_decision};
use crate::api::v1alpha1::{ItemRecord, RecoveryVault, ReplicatedVm, Request, RequestDecision};
use crate::domain::request::Next;
use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Resource;
use kube::core::DeserializeGuard;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// A pass over the object that `sleeper` names.
pub fn over(ctx: Context, sleeper: Sleeper) -> BoxFuture<'static, Result<Next, PassError>> {
    async move {
        match sleeper {
            Sleeper::Request(key) => reconcile_key(&ctx, &key, None).await,
            Sleeper::Vm(namespace, name) => replicated_vm::reconcile(&ctx, &namespace, &name).await,
            Sleeper::Vault(namespace, name) => recovery_vault::reconcile(&ctx, &namespace, &name).await,
            Sleeper::Decision(namespace, name) => request_decision::reconcile(&ctx, &namespace, &name).await,
            Sleeper::Record(name) => item_record::reconcile(&ctx, &name).await,
        }
    }
    .boxed()
}

/// How long an object waits for its next pass; `None`: until something happens.
pub const fn wait(next: Next) -> Option<Duration> {
    match next {
        Next::Now => Some(Duration::from_millis(1)),
        Next::After(after) | Next::OnJobNews(after) => Some(after),
        Next::OnItemNews => Some(Duration::from_secs(60)),
        Next::OnChange => None,
    }
}

/// Whether an object's status was ever written: an object whose status was wiped is looked at again.
pub trait Reported {
    /// Whether it was.
    fn is_reported(&self) -> bool;
}

/// What of an object is worth a pass: its spec, and the loss of its status. Its own status writes are not, or every
/// pass would cause the next.
pub fn news<K: Resource<DynamicType = ()> + Reported>(object: &DeserializeGuard<K>) -> Option<u64> {
    let mut hasher = std::hash::DefaultHasher::new();
    let reported = object.0.as_ref().is_ok_and(Reported::is_reported);
    let meta = object.meta();
    (meta.uid.as_ref(), meta.generation, reported, meta.deletion_timestamp.is_some()).hash(&mut hasher);
    Some(hasher.finish())
}

/// The object, unless it is being deleted: what it asks for is taken back then, however long something keeps it there.
pub fn unless_deleted<K: Resource>(object: Option<K>) -> Option<K> {
    object.filter(|object| object.meta().deletion_timestamp.is_none())
}

fn reported(generation: Option<i64>) -> bool {
    generation.is_some_and(|g| g >= 0)
}

impl Reported for RecoveryVault {
    fn is_reported(&self) -> bool {
        reported(self.status.as_ref().and_then(|s| s.observed_generation))
    }
}

impl Reported for ReplicatedVm {
    fn is_reported(&self) -> bool {
        reported(self.status.as_ref().and_then(|s| s.observed_generation))
    }
}

impl Reported for RequestDecision {
    fn is_reported(&self) -> bool {
        reported(self.status.as_ref().and_then(|s| s.observed_generation))
    }
}

impl<K: Request> Reported for K {
    fn is_reported(&self) -> bool {
        reported(self.request_status().and_then(|s| s.observed_generation))
    }
}

impl Reported for ItemRecord {
    fn is_reported(&self) -> bool {
        true
    }
}
