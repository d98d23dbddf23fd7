//! What the shell observed for one request in one pass. A failed read is a value here, not an error.

use super::around::{Around, SideSettings};
use super::backoff::Class;
use super::decision::PersonDecision;
use super::ids::{ItemKey, RequestKey, hex_sha256};
use super::item::{Item, Naming, Obstacle, Side, Sides};
use super::job::Job;
use super::point::Point;
use super::record::{Owner, Record};
use super::verb::Verb;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The result of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    /// It was read.
    Known(T),
    /// It is certainly not there.
    Absent,
    /// It could not be read.
    Unreadable(Unreadable),
}

impl<T> Reading<T> {
    /// The value, if it was read.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Who must act.
    pub class: Class,
    /// What is the case.
    pub obstacle: Obstacle,
    /// How long Azure wants to be left alone.
    pub retry_after: Option<Duration>,
}

/// A request, parsed.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its verb.
    pub verb: Arc<dyn Verb>,
    /// Key, spec hash and validUntil.
    pub owner: Owner,
    /// validUntil, parsed.
    pub valid_until: Timestamp,
    /// Who asked for it, where that is said.
    pub requested_by: Option<String>,
    /// Nothing was reported on the object yet: new, re-created, or restored without status.
    pub unreported: bool,
    /// The object already says `AlreadyRun`.
    pub says_already_run: bool,
    /// The object says that it ended, whatever is remembered of it.
    pub says_ended: bool,
}

/// The frozen target of a request key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The request, its spec hash and its validUntil.
    pub owner: Owner,
    /// ARM id of the vault.
    pub vault_id: String,
    /// Name of the item.
    pub item_name: String,
    /// Life cycle of the item's replication when claimed.
    pub lifecycle_id: Option<String>,
    /// uid of the ReplicatedVm, for information.
    pub vm_uid: Option<String>,
}

impl Claim {
    /// The item that is claimed.
    pub fn item(&self) -> ItemKey {
        ItemKey::new(&self.vault_id, &self.item_name)
    }
}

/// The ReplicatedVm that a request names, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// Its uid.
    pub uid: Option<String>,
    /// `suspend` on it or on its RecoveryVault, in words.
    pub suspended: Option<String>,
    /// Why nobody acts on its vault, whatever Azure says: it is read-only, or no identity to act with can be used.
    pub nobody_acts: Option<Obstacle>,
    /// Its sides.
    pub sides: Sides,
    /// How it names its item.
    pub naming: Naming,
    /// ARM id of the vault.
    pub vault_id: String,
    /// The item as last listed.
    pub item: Item,
    /// What is declared for the primary side.
    pub primary: SideSettings,
    /// What is declared for the recovery side.
    pub recovery: SideSettings,
}

impl Vm {
    /// What is declared for a side.
    pub fn settings_of(&self, side: Side) -> &SideSettings {
        match side {
            Side::Primary => &self.primary,
            Side::Recovery => &self.recovery,
        }
    }

    /// The key of its item.
    pub fn item_key(&self) -> ItemKey {
        ItemKey::new(&self.vault_id, &self.item.name)
    }
}

/// The settings of the protocol, from the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A record younger than this makes no first intent.
    pub quarantine: Duration,
    /// validUntil may lie this far ahead.
    pub max_validity: Duration,
    /// Whether a call that is proven to have come to nothing is made once more.
    pub retry_unknown: bool,
    /// A request younger than this is not refused for coming too early: what it waits for may be applied right behind it.
    pub early_grace: Duration,
}

/// Whether Azure's jobs of a verb carry the id of the call that made them: what a proof of absence rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adoption {
    /// They did, each time that it was seen.
    Confirmed,
    /// Once they did not. That stays.
    Contradicted,
    /// It was not seen yet.
    #[default]
    Unknown,
}

/// Everything that the cluster says; enough to know what must be read from Azure.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The request's key; its object may be gone.
    pub key: RequestKey,
    /// The object.
    pub request: Option<Request>,
    /// Its claim.
    pub claim: Option<Claim>,
    /// What it names.
    pub vm: Result<Vm, Obstacle>,
    /// The record of the claimed item, or of the named one where nothing is claimed yet.
    pub record: Option<Record>,
    /// Age of that record by the API server's clock.
    pub record_age: Option<Duration>,
    /// The request that is served before this one.
    pub ahead: Option<RequestKey>,
    /// The other requests of the same ReplicatedVm that have not ended.
    pub pending: Vec<RequestKey>,
    /// Age of the request's object by the API server's clock.
    pub request_age: Option<Duration>,
    /// What people said of this request.
    pub decisions: Vec<PersonDecision>,
    /// Random, for the write of this pass.
    pub nonce: String,
    /// The settings.
    pub limits: Limits,
    /// What is known of the vault's jobs for the step of the open intent.
    pub adoption: Adoption,
}

impl Facts {
    /// Takes what a second look at the request, its VM and the vault showed, begun after the first had seen all three. The
    /// VM's item stays as it was seen first: that is the one that Azure was asked about.
    pub fn seen_again(&mut self, request: Option<Request>, vm: Result<Vm, Obstacle>) {
        self.request = request;
        match (&mut self.vm, vm) {
            (Ok(first), Ok(now)) if first.uid == now.uid && first.vault_id == now.vault_id => {
                first.suspended = now.suspended;
                first.nobody_acts = now.nobody_acts;
            }
            (_, now) => self.vm = now,
        }
    }
}

/// What Azure says; only what the stage asked for.
#[derive(Clone, Debug, Default)]
pub struct Azure {
    /// Azure's time, from the newest answer of this pass.
    pub now: Option<Timestamp>,
    /// The item, by a fresh GET.
    pub item: Option<Reading<Item>>,
    /// Its points.
    pub points: Option<Reading<Vec<Point>>>,
    /// The vault's jobs, by a list begun in this pass; candidates with their detail.
    pub jobs: Option<Reading<Vec<Job>>>,
    /// The followed job.
    pub job: Option<Reading<Job>>,
    /// The job that a person names for a call whose outcome is not known, or whose job leads nowhere.
    pub named: Option<Reading<Job>>,
    /// What the verb asked to be read around the item.
    pub around: Option<Around>,
    /// How long this process has known the open intent.
    pub since_intent: Duration,
    /// How long ago a complete look first showed that nothing came of it, with no other look since; `None` where this look
    /// does not show it.
    pub absent_for: Option<Duration>,
    /// How long a mutating call has to wait, because the identity's calls are few or Azure asked for it; usually nothing.
    pub writes_wait: Duration,
    /// Why the identity that acts has no token at hand, where it has none: it is asked for one before every intent.
    pub no_token: Option<Unreadable>,
}

/// The hash by which a spec is recognised: of its canonical JSON.
pub fn spec_hash(canonical_json: &str) -> String {
    hex_sha256(canonical_json.as_bytes())
}

/// Names, in lower case, of the items of a vault that differ between two lists in more than the lag that was measured;
/// `None` when these are not lists of the same items.
pub fn changed(before: &[Item], after: &[Item]) -> Option<BTreeSet<String>> {
    let unmeasured = |item: &Item| Item { rpo_seconds: None, rpo_at: None, ..item.clone() };
    let known: BTreeMap<&str, &Item> = before.iter().map(|item| (item.id.as_str(), item)).collect();
    let mut names = BTreeSet::new();
    for item in after {
        let was = known.get(item.id.as_str())?;
        if unmeasured(was) != unmeasured(item) {
            names.insert(item.name.to_ascii_lowercase());
        }
    }
    (before.len() == after.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, state: &str, rpo: u64) -> Item {
        Item {
            id: format!("/{name}"),
            name: name.into(),
            protection_state: state.into(),
            rpo_seconds: Some(rpo),
            ..Item::default()
        }
    }

    #[test]
    fn news_is_what_changed_but_for_the_lag_and_other_items_are_news_to_all() {
        let before = [item("A", "Protected", 1), item("B", "Protected", 1)];
        let names = |after: &[Item]| changed(&before, after).map(|names| names.into_iter().collect::<Vec<_>>());
        assert_eq!(names(&[item("A", "Protected", 2), item("B", "Protected", 3)]), Some(vec![]));
        assert_eq!(names(&[item("B", "Failing", 1), item("A", "Protected", 1)]), Some(vec!["b".to_owned()]));
        assert_eq!(names(&[item("A", "Protected", 1)]), None);
        assert_eq!(names(&[item("A", "Protected", 1), item("C", "Protected", 1)]), None);
    }
}
