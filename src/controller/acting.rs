//! Who acts on a vault: the identity that its calls are made with, which may be another one than reads it, or nobody.

use super::context::Context;
use super::convert::azure::class;
use super::credentials::{CredentialsError, client, who};
use super::meter::Meter;
use super::vault::VaultHandle;
use crate::api::v1alpha1::{RecoveryVault, RecoveryVaultSpec};
use crate::asr::{AsrClient, Sent, VaultId};
use crate::domain::Reason;
use crate::domain::budget::{Kind, Purpose};
use crate::domain::item::Obstacle;
use crate::domain::observed::Unreadable;
use crate::domain::vault::{Acting as Acts, read_only};
use kube::ResourceExt;
use std::sync::Arc;

/// An identity that calls are made with, and what is left to it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its client.
    pub client: AsrClient,
    /// What is left to it.
    pub meter: Arc<Meter>,
    /// The RecoveryVault that names it.
    pub vault: String,
    /// The field of the RecoveryVault that names it.
    pub field: &'static str,
}

impl Caller {
    /// Why it has no token at hand, where it has none. It is asked for one before every intent, so that no call waits for it.
    pub async fn no_token(&self) -> Option<Unreadable> {
        let error = self.client.warm_token().await.err()?;
        let obstacle = Obstacle::new(Reason::CredentialsFailed, unusable(&self.vault, self.field, &error));
        Some(Unreadable { class: class(error.class()), obstacle, retry_after: None })
    }

    /// Puts a call on the account, and what Azure asked for.
    pub fn noted(&self, sent: &Sent) {
        self.meter.counted(self.client.counted());
        if let Sent::Throttled { retry_after } = sent {
            self.meter.refused(Purpose::Verb, Kind::Write, *retry_after);
        }
    }
}

/// Who acts, or why nobody does.
pub type Acting = Result<Caller, Obstacle>;

fn unusable(vault: &str, field: &str, why: &dyn std::fmt::Display) -> String {
    format!("Nothing can be sent as spec.{field} of the RecoveryVault {vault}: {why}.")
}

/// Who acts on the vault of this object, `reads` being who reads it, with what it depends on beside the spec.
///
/// # Errors
/// The API server's; an identity that cannot be used is a value.
pub(super) async fn of(
    ctx: &Context,
    object: &RecoveryVault,
    vault: &VaultId,
    reads: Caller,
) -> Result<(Acting, String), kube::Error> {
    let spec = &object.spec;
    if spec.read_only {
        return Ok((Err(read_only(&object.name_any())), String::new()));
    }
    let Some(identity) = &spec.act_identity else { return Ok((Ok(reads), String::new())) };
    let field = "actIdentity";
    match client(ctx, &object.namespace().unwrap_or_default(), identity, field).await {
        Ok((client, version)) => {
            let meter = ctx.meters.of(&vault.to_string(), &who(identity));
            Ok((Ok(Caller { client, meter, vault: object.name_any(), field }), version))
        }
        Err(CredentialsError::Kube(error)) => Err(error),
        Err(error) => {
            let obstacle = Obstacle::new(Reason::CredentialsFailed, unusable(&object.name_any(), field, &error));
            Ok((Err(obstacle), error.to_string()))
        }
    }
}

/// What a view is made from: another spec, or another version of one of its Secrets, takes another view.
pub(super) fn fingerprint(spec: &RecoveryVaultSpec, versions: [&str; 2]) -> String {
    format!("{spec:?}|{}", versions.join("|"))
}

fn is_made_from(handle: &VaultHandle, spec: &RecoveryVaultSpec) -> bool {
    handle.fingerprint.starts_with(&format!("{spec:?}|"))
}

/// Why nobody acts on the vault, by the RecoveryVault as it is now and by the view that was made of it.
pub(super) fn nobody(object: &RecoveryVault, handle: &VaultHandle) -> Option<Obstacle> {
    if object.spec.read_only {
        return Some(read_only(&object.name_any()));
    }
    if !is_made_from(handle, &object.spec) {
        let name = object.name_any();
        let text = format!(
            "The RecoveryVault {name} was changed just now, and what it says of identities is being taken up. This goes on by itself; if it does not, the RecoveryVault's own conditions say why."
        );
        return Some(Obstacle::new(Reason::Pending, text));
    }
    handle.acting.as_ref().err().cloned()
}

/// What the RecoveryVault shows of who acts. That an identity which reads too has no token, its reads tell.
pub(super) async fn shown(spec: &RecoveryVaultSpec, handle: &VaultHandle) -> Acts {
    match &handle.acting {
        Err(_) if spec.read_only => Acts::Nobody,
        Err(obstacle) => Acts::unusable(obstacle.clone()),
        Ok(caller) if spec.act_identity.is_some() && !spec.suspend => {
            caller.no_token().await.map_or(Acts::Somebody, Acts::Unable)
        }
        Ok(_) => Acts::Somebody,
    }
}
