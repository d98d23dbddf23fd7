//! Small numbers for what is observed, so that a state is small and every observation is decided once.

use super::world::{Asked, Config, Item, JOBS, Job, LONG, PORTAL, Phase, State};

/// What step 1 reads of one request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Facts {
    pub asked: [Asked; 2],
    pub r: u8,
    pub object: u8,
    /// The object's own status shows an end.
    pub ended: bool,
    pub claim: u8,
    /// 0 none, else one more than the item that the ReplicatedVm stands for.
    pub vm: u8,
    /// The life cycle of that item as listed; 0 where Azure does not tell.
    pub life: u8,
    pub rec: u16,
    pub young: bool,
    pub cancel: bool,
    pub word: u8,
    pub adoption: u8,
    pub masks: Masks,
}

/// What a guard that was removed would have seen in the record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Masks {
    /// The key is not consumed.
    pub forget: bool,
    /// Nobody holds the item.
    pub free: bool,
    /// The open intent is a first attempt.
    pub first: bool,
    /// The open intent's call never left.
    pub never_left: bool,
}

/// What Azure says in one pass.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Azure {
    /// See `item`; 0 where it was not read.
    pub item: u32,
    /// See `jobs`; 9 bits each.
    pub jobs: u64,
    pub read: bool,
    /// One more than the job that is followed, or that a person names.
    pub named: u8,
    /// The intent is known for the wait.
    pub waited: bool,
    /// It is known for so long that what could not be shown by now is not waited for any more.
    pub long: bool,
    /// The first look that showed nothing is as long ago as it must be.
    pub looked: bool,
    pub expired: bool,
}

/// A claim: 0 none, else the item, its life cycle (0 unknown) and the spec.
pub const fn claim(item: u8, life: u8, object: u8) -> u8 {
    1 + item + 2 * life + 8 * (object - 1)
}

/// Item, life cycle and object of a claim.
pub const fn claimed(code: u8) -> (u8, u8, u8) {
    let bare = code - 1;
    (bare % 2, bare / 2 % 4, bare / 8 + 1)
}

/// Which record of the store `item` has, as replica `k` sees it.
pub fn place(c: &Config, k: u8, item: u8) -> u8 {
    if c.world.two_clusters { k } else { item }
}

/// Which claims replica `k` sees.
pub fn cluster(c: &Config, k: u8) -> usize {
    usize::from(c.world.two_clusters) * usize::from(k)
}

/// The item that the record at `place` is of.
pub fn item_of(c: &Config, place: u8) -> u8 {
    if c.world.two_clusters { 0 } else { place }
}

/// What replica `k` reads of request `r` in step 1, and the place of the record.
pub fn facts(c: &Config, s: &State, k: u8, r: u8) -> (Facts, u8) {
    let i = usize::from(r);
    let mut claim_code = s.claim[cluster(c, k)][i];
    let bound = s.vm[i].saturating_sub(1);
    let mut item = bound;
    if claim_code != 0 {
        let (of, life, object) = claimed(claim_code);
        item = if c.guards.claim || s.vm[i] == 0 { of } else { bound };
        let life = if c.guards.life { life } else { 0 };
        claim_code = claim(item, life, object);
    }
    let at = place(c, k, item);
    let rec = s.rec[usize::from(at)];
    let listed = s.item[usize::from(bound)];
    let word = s.word[i];
    let code = Facts {
        asked: c.world.asked,
        r,
        object: s.object[i],
        ended: c.guards.own_end && s.status[i],
        claim: claim_code,
        vm: s.vm[i],
        life: if listed.told { listed.life } else { 0 },
        rec: rec.id,
        young: c.guards.quarantine && rec.young > 0,
        cancel: s.cancel[i],
        word,
        adoption: if c.guards.confirmed { s.adoption } else { 2 },
        masks: Masks {
            forget: !c.guards.consumed,
            free: !c.guards.holder,
            first: !c.guards.no_third,
            never_left: !c.guards.never_left && (s.cancel[i] || s.object[i] == 0),
        },
    };
    (code, at)
}

/// What a GET of the item says, with `t0` jobs before the intent, and `own` the job of the failover that is finished.
pub fn item(c: &Config, s: &State, which: u8, t0: u8, own: u8) -> u32 {
    let item = s.item[usize::from(which)];
    let running = running(s, which, c.times.item_lag);
    let failed_over = match item.failed_over {
        0 => 0,
        f if f > t0 => 3,
        f if own > 0 && f > own && c.guards.superseded => 2,
        _ => 1,
    };
    item_code(&item, which, if item.state == LONG { 7 } else { running }, failed_over)
}

pub fn item_code(item: &Item, which: u8, busy: u8, failed_over: u32) -> u32 {
    let life = if item.told { item.life } else { 0 };
    1 | u32::from(item.state) << 1
        | u32::from(busy) << 5
        | u32::from(life) << 8
        | u32::from(item.point) << 10
        | failed_over << 12
        | u32::from(which) << 14
}

/// One more than the index of a job that runs on the item, once it is `age` ticks old; 0 where there is none.
pub fn running(s: &State, which: u8, age: u8) -> u8 {
    for (n, job) in (1..).zip(&s.jobs) {
        if job.phase == Phase::Run && job.item == which && job.age >= age {
            return n;
        }
    }
    0
}

/// What a list of jobs says, each with its detail: those of this item, and stubs, which may be anyone's.
pub fn jobs(c: &Config, s: &State, which: u8, t0: u8, keep: impl Fn(usize, &Job) -> Option<Job>) -> u64 {
    let mut code = 0;
    for n in 0..JOBS {
        let job = s.jobs[n];
        if job.phase == Phase::None || job.age < c.times.lag {
            continue;
        }
        let Some(job) = keep(n, &job) else { continue };
        if job.told && job.item != which {
            continue;
        }
        code |= job_code(c, &job, n >= usize::from(t0)) << (9 * n);
    }
    code
}

/// One job as a GET shows it.
pub fn job_code(c: &Config, job: &Job, after: bool) -> u64 {
    let phase = match job.phase {
        Phase::None => return 0,
        Phase::Run => 1,
        Phase::Ok => 2,
        Phase::Fail => 3,
    };
    let who = if c.world.ids { job.owner } else { PORTAL };
    let (step, who, att) =
        if job.told { (job.step, who, if who == PORTAL { 1 } else { job.att }) } else { (0, PORTAL, 1) };
    phase
        | u64::from(step) << 2
        | u64::from(job.told) << 4
        | u64::from(who) << 5
        | u64::from(att - 1) << 7
        | u64::from(after) << 8
}
