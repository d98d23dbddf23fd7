//! The state of the world: what the API server stores, what runs in Azure, what each replica is in the middle of, and how
//! the faults and the guards of the protocol are chosen. It decides nothing.

use super::mind::Mind;
use super::switch::Guards;
use std::sync::Mutex;

/// How many calls may be in flight at once, and how many jobs may exist; more is a bound that was hit, and fails the run.
pub const MESSAGES: usize = 3;
pub const JOBS: usize = 5;

/// What a request asks for; all of them name the direction from the primary side to the recovery side.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Asked {
    Failover,
    /// Failover with `commitPolicy: Automatic`.
    Automatic,
    ChangePoint,
    Commit,
    Reprotect,
}

/// The item record of one item (or of one cluster), by the number of its content.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rec {
    /// 0: there is none.
    pub id: u16,
    /// Ticks since the open intent was written; counted up to one after the wait, which is so long that nothing more is waited for.
    pub age: u8,
    /// How many jobs existed at the intent's t0.
    pub t0: u8,
    /// Ticks that are left of the quarantine.
    pub young: u8,
}

/// Where a replica is in its pass. What happens between two of these is one step that nothing interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub enum Pc {
    #[default]
    Idle,
    /// The first half of step 1 was read: request, claim and decisions. Only where a world is `fine`.
    Object,
    /// Step 1 was read: request, ReplicatedVm, claim and record.
    Facts,
    /// Step 2 was read: the item.
    Item,
    /// Step 3 was read, and the product has decided.
    Decided,
    /// The intent was written; the answer of the API server is on its way.
    Written,
    /// The answer of the API server is lost.
    LostAck,
    /// The intent is known to stand.
    Acked,
    /// The window was checked, and the first byte has not left: only where assumption (b) is broken.
    Checked,
    /// The call is on its way.
    Wait,
    /// The call has an outcome, which is not written yet.
    Got(Out),
}

/// The outcome of a call, as the client classifies it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Out {
    Job(u8),
    Refused,
    NotSent,
    Throttled,
    Unknown,
}

/// One replica. Everything here is lost in a crash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct Rep {
    pub pc: Pc,
    pub r: u8,
    pub place: u8,
    pub facts: u16,
    pub item: u32,
    pub effect: u16,
    /// How many jobs existed when Azure's time was read.
    pub t0: u8,
    /// Ticks since the pass began, or since the moment before the intent's write.
    pub age: u8,
    /// The record's nonce is the one that this replica wrote.
    pub mine: bool,
    /// Whether the intent was really written.
    pub wrote: bool,
    /// Somebody wrote the record since it was read.
    pub stale: bool,
    /// One more than the ticks since the first of all looks that showed nothing; 0 without one.
    pub look: u8,
    /// How many jobs the cached list shows: only where look-back does not read its own.
    pub list: u8,
}

/// A call on its way to Azure.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct Msg {
    pub live: bool,
    pub r: u8,
    pub step: u8,
    pub att: u8,
    pub item: u8,
    pub from: u8,
    /// Somebody still waits for the answer.
    pub open: bool,
    pub age: u8,
}

pub const PORTAL: u8 = 2;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Phase {
    /// No job.
    #[default]
    None,
    Run,
    Ok,
    Fail,
}

/// A job of Azure. Jobs stand in the order in which they were accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Job {
    pub phase: Phase,
    /// The request, or the portal.
    pub owner: u8,
    pub step: u8,
    pub att: u8,
    pub item: u8,
    /// Ticks since it was accepted: the list shows it after the lag.
    pub age: u8,
    /// It says whose it is; before that it is a stub of nulls.
    pub told: bool,
}

/// Someone's long work: the item takes no call.
pub const LONG: u8 = 9;

/// A protected item. `state`: 0 protected from the primary side, 1 failed over, 2 committed, 3 to 5 the same from the other side.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Item {
    pub state: u8,
    /// Its life cycle, from 1; another one after it was disabled and enabled again.
    pub life: u8,
    /// Azure tells the life cycle; null for a while after it was enabled.
    pub told: bool,
    /// The recovery point at which it stands.
    pub point: u8,
    /// One more than the index of the job of its last failover.
    pub failed_over: u8,
    /// Ticks of long work that are left, and what comes of it.
    pub long: u8,
    pub then: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct State {
    /// The request's object: 0 none, 1 as first applied, 2 of the same name with another spec.
    pub object: [u8; 2],
    /// Whether its own status shows an end.
    pub status: [bool; 2],
    /// The ReplicatedVm: 0 none, else one more than its item.
    pub vm: [u8; 2],
    pub vault: [bool; 2],
    /// By cluster and request; see `code::claim`.
    pub claim: [[u8; 2]; 2],
    pub rec: [Rec; 2],
    /// An older version of the first record, and whose nonce it has.
    pub snap: Option<(Rec, [bool; 2])>,
    pub cancel: [bool; 2],
    pub word: [u8; 2],
    pub expired: [bool; 2],
    /// 0 Unknown, 1 Contradicted, 2 Confirmed.
    pub adoption: u8,
    pub rep: [Rep; 2],
    pub msgs: [Msg; MESSAGES],
    pub jobs: [Job; JOBS],
    pub item: [Item; 2],
    /// Left of each budget, in the order of `Faults`.
    pub left: Faults,
    // What judges look at, and no replica.
    pub accepted: [[u8; 2]; 2],
    pub sent: [[u8; 2]; 2],
    pub shown: [u8; 2],
    pub life: [u8; 2],
    pub bad: u16,
}

/// How often each fault may happen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Faults {
    /// Deleting or creating a request, a ReplicatedVm or a RecoveryVault.
    pub objects: u8,
    pub claims_lost: u8,
    /// A record lost.
    pub losses: u8,
    /// A record put back to an older version.
    pub restores: u8,
    /// A ReplicatedVm bound to the other item.
    pub rebinds: u8,
    /// A verb begun by somebody else.
    pub portal: u8,
    /// Long work of somebody else: a whole loop, half of one, or replication disabled and enabled anew.
    pub long: u8,
    /// Crashes and lost answers of the API server; `MANY` is no bound.
    pub crashes: u8,
}

/// No bound.
pub const MANY: u8 = 255;

/// What the world may do beside the budgets.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub asked: [Asked; 2],
    /// Whether the second request exists.
    pub two: bool,
    pub replicas: u8,
    pub two_clusters: bool,
    /// The state in which the items begin.
    pub state: u8,
    /// ASR refuses a second call while one runs. The worst case is that it does not.
    pub refuses: bool,
    /// Jobs carry the id of their call.
    pub ids: bool,
    /// A job is a stub at first.
    pub stubs: bool,
    /// A stub stays one.
    pub mute: bool,
    /// A 409 may come although the call was executed.
    pub lies: bool,
    pub jobs_fail: bool,
    pub throttles: bool,
    /// Azure may refuse what it could do.
    pub denies: bool,
    pub cancels: bool,
    pub expires: bool,
    pub people: bool,
    /// What long work may come to.
    pub half: bool,
    pub whole: bool,
    pub anew: bool,
    pub again: bool,
    /// Step 1 is read in two halves, and who follows or resolves may pause between step 1 and Azure's answers.
    pub fine: bool,
    /// Azure does not tell the life cycle of an item though it allows a verb.
    pub silent_life: bool,
    /// The record may be lost only while nothing is in flight and the list has caught up.
    pub calm_restore: bool,
    /// What is known of ids at first.
    pub adoption: u8,
    /// Whether records exist at first.
    pub records: bool,
}

/// Times in ticks. Between two ticks everything may happen that takes no time.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The send window, and the age of what was read: 10 s.
    pub window: u8,
    /// From the first byte to the last moment of execution.
    pub late: u8,
    /// The resolver's wait: 180 s.
    pub wait: u8,
    /// Between two looks: 30 s.
    pub gap: u8,
    /// The job list's lag behind the acceptance.
    pub lag: u8,
    /// The item's lag behind the acceptance.
    pub item_lag: u8,
    /// A record's quarantine: 300 s.
    pub quarantine: u8,
    /// The least that long work takes.
    pub long: u8,
}

/// One configuration: world, times, budgets and guards, and the memory of what the product decided.
pub struct Config {
    pub world: World,
    pub times: Times,
    pub faults: Faults,
    pub guards: Guards,
    /// Assumption (b): no pause between the last check of the window and the first byte.
    pub check_is_sending: bool,
    pub mind: &'static Mutex<Mind>,
}

impl World {
    /// One request, two replicas, the worst of ASR, and no portal.
    pub const ONE: World = World {
        asked: [Asked::Failover, Asked::Failover],
        two: false,
        replicas: 2,
        two_clusters: false,
        state: 0,
        refuses: false,
        ids: true,
        stubs: false,
        mute: false,
        lies: false,
        jobs_fail: false,
        throttles: false,
        denies: false,
        cancels: false,
        expires: false,
        people: false,
        half: false,
        whole: false,
        anew: false,
        again: false,
        fine: false,
        silent_life: false,
        calm_restore: false,
        adoption: 2,
        records: true,
    };

    pub const TWO: World = World { two: true, ..World::ONE };
}

impl Times {
    /// The least times that keep every inequality of design 5: a call is executed at `window + late` at the latest and listed
    /// `lag` later, which is when the second look may be.
    pub const REAL: Times = Times { window: 1, late: 1, wait: 3, gap: 1, lag: 2, item_lag: 0, quarantine: 5, long: 6 };
}

impl Times {
    /// A job of somebody else this old was there before the pass began whose call is accepted now.
    pub const fn seen(&self) -> u8 {
        2 * self.window + self.late + 1
    }

    /// The age from which a job's age does not matter.
    pub const fn aged(&self, portal: bool) -> u8 {
        let shown = if self.lag > self.item_lag { self.lag } else { self.item_lag };
        if portal && self.seen() > shown { self.seen() } else { shown }
    }
}

impl Faults {
    pub const CRASHES: Faults =
        Faults { objects: 0, claims_lost: 0, losses: 0, restores: 0, rebinds: 0, portal: 0, long: 0, crashes: MANY };
}

/// The violations that are looked for.
pub const NAMES: &[(u16, &str)] = &[
    (I1, "I1"),
    (I2, "I2"),
    (I3, "I3"),
    (I4, "I4"),
    (I5, "I5"),
    (I8, "I8"),
    (I9, "I9"),
    (I15, "I15"),
    (I16, "I16"),
    (THIRD, "third"),
    (UNTRUE, "untrue"),
    (TARGET, "target"),
    (FULL, "bound"),
];
pub const I1: u16 = 1;
pub const I2: u16 = 2;
pub const I3: u16 = 4;
pub const I4: u16 = 8;
pub const I5: u16 = 16;
pub const I8: u16 = 32;
pub const I9: u16 = 64;
pub const I15: u16 = 128;
/// A call on an item, or a life of it, that the request was not accepted for.
pub const TARGET: u16 = 256;
/// A bound of the model was hit.
pub const FULL: u16 = 512;
pub const I16: u16 = 1024;
/// A third attempt, or a second one of what was not proven to have come to nothing.
pub const THIRD: u16 = 2048;
/// An end that says that nothing was sent, or executed, of a request of which a call was accepted.
pub const UNTRUE: u16 = 4096;

/// The names of the violations in `bad`.
pub fn names(bad: u16) -> Vec<&'static str> {
    NAMES.iter().filter(|(bit, _)| bad & bit != 0).map(|(_, name)| *name).collect()
}
