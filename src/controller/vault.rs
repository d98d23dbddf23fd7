//! A vault being observed, through the identity of its own RecoveryVault: a tenant never sees through another's.

use super::acting::Acting;
use super::clock::AzureTime;
use super::convert::azure::{item_from, job_from, unreadable};
use super::machine::{Machine, Moment};
use super::meter::{Meter, put_off};
use crate::asr::{Answer, AsrClient, ItemPath, JobId as WireJobId, ReadError, VaultId};
use crate::domain::backoff::Class;
use crate::domain::budget::{Kind, Purpose};
use crate::domain::ids::{RequestKey, Step, same};
use crate::domain::item::Item;
use crate::domain::job::{Job, JobId};
use crate::domain::observed::{Reading, Unreadable};
use crate::domain::point::Point;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Namespace and name of a RecoveryVault.
pub type VaultKey = (String, String);

/// What the observer last saw.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// What the last list came to; `None` before the first.
    pub items: Option<Reading<Arc<Vec<Item>>>>,
    /// The items of the last list that was given, and when.
    pub good: Option<(Moment, Arc<Vec<Item>>)>,
    /// The jobs of the last list, by id.
    pub jobs: HashMap<JobId, Job>,
}

/// Through what a vault is seen: an identity's client, what is left to that identity, who acts, and the machine below.
pub struct Seen {
    /// The client of the identity.
    pub client: AsrClient,
    /// What is left to it.
    pub meter: Arc<Meter>,
    /// Who acts.
    pub acting: Acting,
    /// The machine below.
    pub machine: Arc<dyn Machine>,
}

/// One RecoveryVault's view of its vault.
#[derive(Debug)]
pub struct VaultHandle {
    /// The RecoveryVault.
    pub key: VaultKey,
    /// The vault.
    pub vault: VaultId,
    /// The client of its identity, which reads.
    pub client: AsrClient,
    /// What is left to that identity.
    pub meter: Arc<Meter>,
    /// Who acts.
    pub acting: Acting,
    /// Azure's time.
    pub time: AzureTime,
    /// What makes the observer list the items at once.
    pub kick: Notify,
    /// What makes the observer look at its list of followed jobs.
    pub follow_changed: Notify,
    /// Ends the observer.
    pub stop: CancellationToken,
    /// Which settings it was made from.
    pub fingerprint: String,
    snapshot: RwLock<Snapshot>,
    followed: Mutex<BTreeMap<JobId, RequestKey>>,
    copies: Mutex<BTreeMap<RequestKey, String>>,
    details: Mutex<HashMap<JobId, (Moment, Job)>>,
    points: Mutex<HashMap<String, KeptPoints>>,
    location: OnceLock<String>,
    adoption: Mutex<BTreeMap<Step, bool>>,
    listing: tokio::sync::Mutex<Option<(Moment, Arc<Vec<Job>>)>>,
    machine: Arc<dyn Machine>,
}

/// Points as they were read, when, and in which state of the item.
type KeptPoints = (Moment, String, Vec<Point>);

/// A list that cannot be had anew is of use for this long: longer than the longest time that Azure asks to be left alone.
const LIST_KEPT: Duration = Duration::from_secs(900);

const ITEMS: &str = "the vault's protected items";

/// The points of an item that shows no change are read again after this time.
const POINTS_KEPT: Duration = Duration::from_secs(600);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl VaultHandle {
    /// A view that has seen nothing yet.
    pub fn new(key: VaultKey, vault: VaultId, through: Seen, fingerprint: String) -> Self {
        let Seen { client, meter, acting, machine } = through;
        Self {
            meter,
            acting,
            key,
            vault,
            client,
            fingerprint,
            time: AzureTime::new(Arc::clone(&machine)),
            kick: Notify::new(),
            follow_changed: Notify::new(),
            stop: CancellationToken::new(),
            snapshot: RwLock::default(),
            followed: Mutex::default(),
            copies: Mutex::default(),
            details: Mutex::default(),
            points: Mutex::default(),
            location: OnceLock::new(),
            adoption: Mutex::default(),
            listing: tokio::sync::Mutex::default(),
            machine,
        }
    }

    /// What the observer last saw.
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the last list came to, failure included, without a copy.
    pub fn last_list(&self) -> Option<Reading<Arc<Vec<Item>>>> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).items.clone()
    }

    /// The items as they were last seen: while Azure is throttling or does not answer, by the list before, for a time. It
    /// finds an item; what is sent is decided by fresh reads.
    pub fn items(&self) -> Option<Reading<Arc<Vec<Item>>>> {
        let snapshot = self.snapshot.read().unwrap_or_else(PoisonError::into_inner);
        let passing = |u: &Unreadable| matches!(u.class, Class::Waiting | Class::Transient);
        match (&snapshot.items, &snapshot.good) {
            (Some(Reading::Unreadable(u)), Some((at, items))) if passing(u) && self.machine.since(*at) < LIST_KEPT => {
                Some(Reading::Known(Arc::clone(items)))
            }
            (last, _) => last.clone(),
        }
    }

    /// The job of that id as last listed.
    pub fn listed_job(&self, id: &JobId) -> Option<Job> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).jobs.get(id).cloned()
    }

    /// The vault's region, once it was read.
    pub fn location(&self) -> Option<&str> {
        self.location.get().map(String::as_str)
    }

    /// Reads where the vault is; for information only.
    pub async fn read_location(&self) {
        if let Ok(answer) = self.noted(Purpose::Detail, self.client.vault(&self.vault).await)
            && let Some(location) = answer.body.location
        {
            self.location.set(crate::domain::item::region(&location)).ok();
        }
    }

    /// Takes note of whether the job of a normally accepted call carries the call's id. A contradiction stays.
    pub fn saw_adoption(&self, step: Step, carried: bool) {
        locked(&self.adoption).entry(step).and_modify(|known| *known &= carried).or_insert(carried);
    }

    /// What is known of that, by step.
    pub fn adoption(&self) -> BTreeMap<Step, bool> {
        locked(&self.adoption).clone()
    }

    /// The item of that name as last listed.
    pub fn listed_item(&self, name: &str) -> Option<Item> {
        let items = self.items()?;
        items.known()?.iter().find(|item| same(&item.name, name)).cloned()
    }

    /// One read within the budget, as a value.
    async fn read<T, D>(
        &self,
        purpose: Purpose,
        what: &str,
        call: impl Future<Output = Result<Answer<T>, ReadError>>,
        made: impl FnOnce(T) -> D,
    ) -> Reading<D> {
        match self.put_off(purpose) {
            Some(wait) => put_off(wait, what),
            None => self.answered(purpose, what, call.await, made),
        }
    }

    fn answered<T, D>(
        &self,
        purpose: Purpose,
        what: &str,
        answer: Result<Answer<T>, ReadError>,
        made: impl FnOnce(T) -> D,
    ) -> Reading<D> {
        match self.noted(purpose, answer) {
            Ok(answer) => {
                self.time.saw(answer.date);
                Reading::Known(made(answer.body))
            }
            Err(error) => unreadable(&error, what),
        }
    }

    /// How long a read for this purpose has to wait; `None` when it may be made.
    pub fn put_off(&self, purpose: Purpose) -> Option<Duration> {
        self.meter.wait(purpose, Kind::Read)
    }

    /// Puts what a read has cost on the account, and what Azure asked for.
    pub fn noted<T>(&self, purpose: Purpose, answer: Result<T, ReadError>) -> Result<T, ReadError> {
        self.meter.counted(self.client.counted());
        if let Err(ReadError::Throttled { retry_after, .. }) = &answer {
            self.meter.refused(purpose, Kind::Read, *retry_after);
        }
        answer
    }

    /// Lists the items of the vault, all pages, and remembers them. Whatever it is for, a list that Azure refuses holds
    /// up lists only.
    pub async fn list_items(&self, purpose: Purpose) -> Reading<Arc<Vec<Item>>> {
        if let Some(wait) = self.put_off(purpose) {
            return put_off(wait, ITEMS);
        }
        let made = |body: Vec<_>| Arc::new(body.iter().map(item_from).collect::<Vec<_>>());
        let reading = self.answered(Purpose::ItemList, ITEMS, self.client.items(&self.vault).await, made);
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        if let Reading::Known(items) = &reading {
            snapshot.good = Some((self.machine.now(), Arc::clone(items)));
        }
        snapshot.items = Some(reading.clone());
        reading
    }

    /// Reads one item.
    pub async fn item(&self, path: &str, purpose: Purpose) -> Reading<Item> {
        let Ok(path) = ItemPath::parse(path) else { return Reading::Absent };
        self.read(purpose, "the protected item", self.client.item(&path), |item| item_from(&item)).await
    }

    /// Reads the recovery points of an item.
    pub async fn recovery_points(&self, path: &str, purpose: Purpose) -> Reading<Vec<Point>> {
        let Ok(path) = ItemPath::parse(path) else { return Reading::Absent };
        let made = |points: Vec<_>| points.iter().filter_map(super::convert::azure::point_from).collect();
        self.read(purpose, "the recovery points", self.client.recovery_points(&path), made).await
    }

    /// The points of an item, read again when `state` changed or some time has passed: for status only.
    pub async fn points_for_status(&self, item: &Item, state: &str) -> Option<Vec<Point>> {
        let kept = locked(&self.points).get(&item.id).cloned();
        if let Some((at, was, points)) = kept
            && was == state
            && self.machine.since(at) < POINTS_KEPT
        {
            return Some(points);
        }
        let points = self.recovery_points(&item.id, Purpose::Detail).await.known()?.clone();
        locked(&self.points).insert(item.id.clone(), (self.machine.now(), state.to_owned(), points.clone()));
        Some(points)
    }

    /// A list of the vault's jobs that was begun after this call; several callers share one.
    pub async fn fresh_jobs(&self, purpose: Purpose) -> Reading<Arc<Vec<Job>>> {
        let asked = self.machine.now();
        let mut last = self.listing.lock().await;
        if let Some((begun, jobs)) = last.as_ref()
            && *begun >= asked
        {
            return Reading::Known(Arc::clone(jobs));
        }
        let begun = self.machine.now();
        let made = |jobs: Vec<_>| Arc::new(jobs.iter().map(|job| job_from(job, false)).collect::<Vec<_>>());
        let reading = self.read(purpose, "the vault's jobs", self.client.jobs(&self.vault), made).await;
        if let Reading::Known(jobs) = &reading {
            self.remember_jobs(jobs);
            *last = Some((begun, Arc::clone(jobs)));
        }
        reading
    }

    fn remember_jobs(&self, jobs: &[Job]) {
        let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        snapshot.jobs = jobs.iter().map(|job| (job.id.clone(), job.clone())).collect();
        // What Azure no longer lists is asked for by its id, where anybody still wants it.
        locked(&self.details).retain(|id, _| snapshot.jobs.contains_key(id) || locked(&self.followed).contains_key(id));
    }

    /// Reads a job with all its detail. A stub is not remembered.
    pub async fn job(&self, id: &JobId, purpose: Purpose) -> Reading<Job> {
        let Ok(wire) = WireJobId::parse(&id.0) else { return Reading::Absent };
        let reading =
            self.read(purpose, "the job", self.client.job(&self.vault, &wire), |job| job_from(&job, true)).await;
        if let Reading::Known(job) = &reading
            && job.detailed
        {
            locked(&self.details).insert(id.clone(), (self.machine.now(), job.clone()));
        }
        reading
    }

    /// The detail of a job as last read, and how long ago.
    pub fn known_detail(&self, id: &JobId) -> Option<(Duration, Job)> {
        locked(&self.details).get(id).map(|(at, job)| (self.machine.since(*at), job.clone()))
    }

    /// Follows a job for a request, and no other for it: the observer lists jobs while anything is followed.
    pub fn follow(&self, id: &JobId, key: &RequestKey) {
        let mut followed = locked(&self.followed);
        followed.retain(|other, of| of != key || other == id);
        if followed.insert(id.clone(), key.clone()).is_none() {
            self.follow_changed.notify_one();
        }
    }

    /// Follows no job for a request that is over, however it ended.
    pub fn follows_nothing(&self, key: &RequestKey) {
        locked(&self.followed).retain(|_, of| of != key);
    }

    /// Stops following a job that ended, and has the items listed anew.
    pub fn ended(&self, id: &JobId) {
        if locked(&self.followed).remove(id).is_some() {
            self.kick.notify_one();
        }
    }

    /// The item, if any, of which a request that is over still waits to see the data copied: the items are listed more
    /// often meanwhile.
    pub fn copies(&self, key: &RequestKey, item: Option<&str>) {
        let mut copies = locked(&self.copies);
        let was = match item {
            Some(item) => copies.insert(key.clone(), item.to_ascii_lowercase()),
            None => copies.remove(key),
        };
        if was.is_some() != item.is_some() {
            self.follow_changed.notify_one();
        }
    }

    /// Forgets those that are no longer there.
    pub fn copies_only(&self, is_there: impl Fn(&RequestKey) -> bool) {
        locked(&self.copies).retain(|key, _| is_there(key));
    }

    /// Whether any request waits for that.
    pub fn is_copied(&self) -> bool {
        !locked(&self.copies).is_empty()
    }

    /// The requests that wait for that: all, or those of the changed items.
    pub fn copying(&self, changed: Option<&BTreeSet<String>>) -> Vec<RequestKey> {
        let copies = locked(&self.copies);
        let concerned = copies.iter().filter(|(_, item)| changed.is_none_or(|names| names.contains(*item)));
        concerned.map(|(key, _)| key.clone()).collect()
    }

    /// The requests whose jobs are followed.
    pub fn followers(&self) -> Vec<RequestKey> {
        locked(&self.followed).values().cloned().collect()
    }
}
