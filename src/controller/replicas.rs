//! This replica among the others: its own Lease, a look at theirs, and the vaults that change hands.
//!
//! A Lease says who works, never what may be sent: every guard of a call is on the item record. Without Leases - forbidden,
//! broken, deleted - a replica goes on with the share it knows of, at first with everything, and says so.

use super::context::Context;
use super::machine::Moment;
use super::share;
use super::stores::each;
use super::wake::Sleeper;
use crate::api::v1alpha1::{RecoveryVault, ReplicatedVm};
use crate::domain::ids::hex_sha256;
use crate::domain::membership::{EXPIRES_AFTER, LOOKED_EVERY, Members, Membership, RENEWED_EVERY, SeenLease, owner};
use crate::telemetry::Readiness;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, PostParams, Preconditions};
use kube::{Client, ResourceExt};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What tells the Leases of replicas that share work: operators of other namespaces have another value.
const MEMBER_OF: &str = "asr-operator.io/member-of";

/// The API server's time for one answer about Leases.
const PATIENCE: Duration = Duration::from_secs(2);

/// What goes on is said again after this time.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Who the replicas are, as this one knows.
#[derive(Debug)]
pub struct Replicas {
    own: String,
    members: watch::Sender<Option<Members>>,
}

impl Replicas {
    /// Of the replica of this name, which has not looked yet.
    pub fn new(name: &str) -> Self {
        Self { own: format!("asr-operator-{name}"), members: watch::Sender::new(None) }
    }

    /// Of a replica that works on everything, whoever else does: as one that sees no Lease but its own.
    pub fn alone(name: &str) -> Self {
        let all = Self::new(name);
        all.members.send_replace(Some([all.own.clone()].into()));
        all
    }

    /// Waits until this replica has taken its place: before that, nothing is its work.
    pub async fn joined(&self) {
        self.members.subscribe().wait_for(Option::is_some).await.ok();
    }

    /// Whether this replica works on it.
    pub fn owns(&self, of: &str) -> bool {
        self.members.borrow().as_ref().is_some_and(|members| self.is_owner(members, of))
    }

    fn is_owner(&self, members: &Members, of: &str) -> bool {
        owner(members, of) == Some(&self.own)
    }
}

/// Takes this replica's place among the others, and keeps it until `stop`; then gives it up at once. What is under way
/// then is finished here, and the record tells the next owner of it.
pub async fn run(ctx: Context, client: Client, readiness: Readiness, stop: CancellationToken) {
    let mut seat = Seat::new(ctx, client, readiness);
    // A member that has not seen all there is would only take work away.
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = seat.ctx.stores.ready() => {}
    }
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = seat.turn() => {}
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(LOOKED_EVERY) => {}
        }
    }
    // Passes that wait for it must end too.
    seat.ctx.replicas.members.send_if_modified(|members| {
        let waited = members.is_none();
        members.get_or_insert_default();
        waited
    });
    seat.leave().await;
}

struct Seat {
    ctx: Context,
    api: Api<Lease>,
    readiness: Readiness,
    /// Of this process alone: the next one of the same name is another holder.
    holder: String,
    /// Which replicas share work.
    group: String,
    membership: Membership,
    born: Moment,
    renewed: Option<Moment>,
    told_taken: Option<Moment>,
    troubled: bool,
}

/// Why a turn did not renew the Lease.
#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error("the API server did not answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("{0}")]
    Kube(#[from] kube::Error),
}

impl Seat {
    fn new(ctx: Context, client: Client, readiness: Readiness) -> Self {
        let own = ctx.replicas.own.clone();
        Self {
            api: Api::namespaced(client, &ctx.settings.operator_namespace),
            holder: format!("{own}_{}", ctx.machine.nonce()),
            group: group(&ctx.settings.namespaces),
            membership: Membership::new(&own),
            born: ctx.machine.now(),
            renewed: None,
            told_taken: None,
            troubled: false,
            readiness,
            ctx,
        }
    }

    /// Looks, renews when it is time, and takes up what became this replica's work.
    async fn turn(&mut self) {
        let turn = self.look_and_renew().await;
        self.tell(turn);
        self.share();
    }

    async fn look_and_renew(&mut self) -> Result<(), LeaseError> {
        let asked = self.ctx.machine.since(self.born);
        let ours = ListParams::default().labels(&format!("{MEMBER_OF}={}", self.group));
        let leases = in_time(self.api.list(&ours)).await?.items;
        self.membership.look(&leases.iter().map(seen).collect::<Vec<_>>(), asked);
        let own = leases.into_iter().find(|lease| lease.name_any() == self.ctx.replicas.own);
        let stands = own.as_ref().is_some_and(|lease| holder(lease) == Some(&self.holder));
        if !stands || self.renewed.is_none_or(|at| self.ctx.machine.since(at) >= RENEWED_EVERY) {
            if self.renewed.is_some() && !stands {
                self.taken(own.as_ref());
            }
            self.renew(own).await?;
            self.renewed = Some(self.ctx.machine.now());
        }
        self.tidy().await;
        Ok(())
    }

    /// Says that somebody else wrote this replica's Lease, now and then while that goes on.
    fn taken(&mut self, own: Option<&Lease>) {
        if self.told_taken.is_some_and(|at| self.ctx.machine.since(at) < TOLD_EVERY) {
            return;
        }
        self.told_taken = Some(self.ctx.machine.now());
        let by = own.and_then(holder).map_or("nobody", String::as_str);
        tracing::warn!(lease = %self.ctx.replicas.own, by, "this replica's Lease was deleted or taken by another; it is written again. Two replicas of one name?");
    }

    /// Writes the Lease over exactly the version that was read.
    async fn renew(&self, own: Option<Lease>) -> Result<(), LeaseError> {
        let post = PostParams::default();
        let own = match own {
            Some(own) => own,
            None => match in_time(self.api.create(&post, &self.lease(None))).await {
                // One of this name that is not in the group: of this replica's former settings.
                Err(LeaseError::Kube(kube::Error::Api(status))) if status.is_already_exists() => {
                    in_time(self.api.get(&self.ctx.replicas.own)).await?
                }
                created => return created.map(drop),
            },
        };
        in_time(self.api.replace(&self.ctx.replicas.own, &post, &self.lease(Some(&own)))).await.map(drop)
    }

    fn lease(&self, before: Option<&Lease>) -> Lease {
        let now = Some(MicroTime(self.ctx.machine.time_of_day()));
        let was = before.and_then(|lease| lease.spec.as_ref());
        let same = was.filter(|spec| spec.holder_identity.as_ref() == Some(&self.holder));
        let times = was.and_then(|spec| spec.lease_transitions).unwrap_or_default();
        let labels = [("app.kubernetes.io/name", "asr-operator"), (MEMBER_OF, &self.group)];
        Lease {
            metadata: ObjectMeta {
                name: Some(self.ctx.replicas.own.clone()),
                resource_version: before.and_then(ResourceExt::resource_version),
                labels: Some(BTreeMap::from(labels.map(|(name, value)| (name.to_owned(), value.to_owned())))),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                acquire_time: same.map_or_else(|| now.clone(), |spec| spec.acquire_time.clone()),
                holder_identity: Some(self.holder.clone()),
                lease_duration_seconds: i32::try_from(EXPIRES_AFTER.as_secs()).ok(),
                lease_transitions: Some(if was.is_some() && same.is_none() { times.saturating_add(1) } else { times }),
                renew_time: now,
                ..LeaseSpec::default()
            }),
        }
    }

    /// Deletes what dead replicas left behind long ago.
    async fn tidy(&self) {
        for member in self.membership.forgotten() {
            if let Ok(lease) = in_time(self.api.get(&member)).await {
                drop(in_time(self.api.delete(&member, &exactly(&lease))).await);
            }
        }
    }

    /// Says whether the others can see that this replica lives.
    fn tell(&mut self, turn: Result<(), LeaseError>) {
        let troubled = self.renewed.is_none_or(|at| self.ctx.machine.since(at) >= EXPIRES_AFTER);
        if let (Err(error), true, false) = (&turn, troubled, self.troubled) {
            tracing::warn!(lease = %self.ctx.replicas.own, %error, "this replica's Lease cannot be renewed; it goes on with the vaults it has, and the others may work on them too");
            self.readiness.set(Err(format!(
                "the Lease {} cannot be renewed: {error}; the vaults are worked on all the same. Check that the operator may write Leases in its namespace",
                self.ctx.replicas.own
            )));
        }
        if self.troubled && !troubled {
            tracing::info!(lease = %self.ctx.replicas.own, "this replica's Lease is renewed again");
            self.readiness.set(Ok(()));
        }
        self.troubled = troubled;
        self.ctx.metrics.lease(!troubled);
    }

    /// Takes up what became this replica's work, and lets go what is not any more.
    fn share(&self) {
        let (ctx, live) = (&self.ctx, self.membership.live());
        let vaults: BTreeSet<String> = each(&ctx.stores.vaults, share::of_vault).into_iter().collect();
        let owned = vaults.iter().filter(|of| ctx.replicas.is_owner(&live, of)).count();
        ctx.metrics.replicas(live.len(), owned);
        let before = ctx.replicas.members.borrow().clone();
        if before.as_ref() == Some(&live) {
            return;
        }
        tracing::info!(replicas = ?live, vaults = owned, of = vaults.len(), "the vaults are shared anew");
        ctx.replicas.members.send_replace(Some(live.clone()));
        // Nobody has looked at anything yet when there were none before.
        let Some(before) = before else { return };
        let moved = |of: &str| ctx.replicas.is_owner(&before, of) != ctx.replicas.is_owner(&live, of);
        let named =
            |vault: &RecoveryVault| (share::of_vault(vault), vault.namespace().unwrap_or_default(), vault.name_any());
        for (of, namespace, name) in each(&ctx.stores.vaults, named) {
            if moved(&of) {
                ctx.wake.up(Sleeper::Vault(namespace, name));
            }
        }
        // What is in a vault is woken when that was listed; for the rest there is no list.
        let alone = |of: &str| !vaults.contains(of) && moved(of) && ctx.replicas.owns(of);
        let named =
            |vm: &ReplicatedVm| (share::of_vm(&ctx.stores, vm), vm.namespace().unwrap_or_default(), vm.name_any());
        for (_, namespace, name) in each(&ctx.stores.vms, named).into_iter().filter(|(of, ..)| alone(of)) {
            ctx.wake.up(Sleeper::Vm(namespace, name));
        }
        for request in ctx.stores.unfinished().into_iter().filter(|r| alone(&share::of_request(&ctx.stores, r))) {
            ctx.wake.up(Sleeper::Request(request.key));
        }
    }

    /// Gives the Lease up, so that nobody waits for it to expire.
    async fn leave(&self) {
        let own = &self.ctx.replicas.own;
        for _ in 0..3 {
            match in_time(self.api.get(own)).await {
                Ok(lease) if holder(&lease) == Some(&self.holder) => {
                    if in_time(self.api.delete(own, &exactly(&lease))).await.is_ok() {
                        tracing::info!(lease = %own, "the vaults are left to the other replicas");
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, kube::Error>>) -> Result<T, LeaseError> {
    tokio::time::timeout(PATIENCE, answer).await.map_err(|_| LeaseError::Late)?.map_err(LeaseError::Kube)
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref()).filter(|holder| !holder.is_empty())
}

fn seen(lease: &Lease) -> SeenLease {
    SeenLease {
        member: lease.name_any(),
        version: lease.resource_version().unwrap_or_default(),
        released: holder(lease).is_none(),
    }
}

fn exactly(lease: &Lease) -> DeleteParams {
    let version = Preconditions { resource_version: lease.resource_version(), uid: lease.uid() };
    DeleteParams::default().preconditions(version)
}

/// The group of the replicas that serve these namespaces: what they share, all of them must see.
fn group(namespaces: &[String]) -> String {
    let namespaces: BTreeSet<&str> = namespaces.iter().map(String::as_str).collect();
    if namespaces.is_empty() {
        return "all".to_owned();
    }
    let text = namespaces.into_iter().collect::<Vec<_>>().join(",");
    hex_sha256(text.as_bytes())[..16].to_owned()
}
