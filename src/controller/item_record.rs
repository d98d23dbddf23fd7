//! The controller of item records: finishes what is open when the request's own object is gone.
//!
//! A request whose object exists is its own controller's business; this one acts by the very same passes.

use super::context::Context;
use super::convert::record::record_from;
use super::kinds::{exists, reconcile_key};
use super::request::PassError;
use crate::api::v1alpha1::ItemRecord;
use crate::domain::ids::{ItemKey, RequestKey};
use crate::domain::request::Next;
use kube::api::Api;
use std::time::Duration;

/// A held record is looked at again after this time: deletions of requests are not watched from here.
const AGAIN: Duration = Duration::from_secs(10);

/// One pass over one record.
///
/// # Errors
/// When the cluster could not be read or written.
pub async fn reconcile(ctx: &Context, name: &str) -> Result<Next, PassError> {
    let api: Api<ItemRecord> = Api::namespaced(ctx.kube.clone(), &ctx.settings.operator_namespace);
    let Some(object) = api.get_opt(name).await? else { return Ok(Next::OnChange) };
    let Some(record) = record_from(&object).ok() else { return Ok(Next::OnChange) };
    let Some(key) = record.holder else { return Ok(Next::OnChange) };
    ctx.replicas.joined().await;
    let ours = ctx.replicas.owns(&record.vault_id.to_ascii_lowercase());
    if !ours || !serves(ctx, &key.namespace) || is_its_own(ctx, &key).await? {
        return Ok(Next::After(AGAIN));
    }
    let item = ItemKey::new(&record.vault_id, &record.item_name);
    match reconcile_key(ctx, &key, Some(&item)).await? {
        Next::Now => Ok(Next::Now),
        Next::After(after) | Next::OnJobNews(after) => Ok(Next::After(after.min(AGAIN))),
        Next::OnItemNews | Next::OnChange => Ok(Next::After(AGAIN)),
    }
}

/// Whether the holder's object finishes by its own passes. One that says that it ended, while its key runs, was made anew with
/// another spec and is looked at by nobody.
async fn is_its_own(ctx: &Context, key: &RequestKey) -> Result<bool, kube::Error> {
    match ctx.stores.request(key) {
        Some(request) => Ok(!request.ended),
        // A cache may not have it yet.
        None => exists(ctx, key).await,
    }
}

fn serves(ctx: &Context, namespace: &String) -> bool {
    ctx.settings.namespaces.is_empty() || ctx.settings.namespaces.contains(namespace)
}
