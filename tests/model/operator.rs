//! The passes of one replica: what it reads, and the one thing it then does. Every decision is the product's own.

use super::code;
use super::judge;
use super::mind::{Effect, Intent, Mind, Need, Verdict};
use super::world::{Config, Item, Job, Msg, Out, PORTAL, Pc, Phase, Rep, State};
use asr_operator::domain::Reason;

/// What a replica that begins a pass of request `r` would do first.
pub enum Start {
    /// Nothing.
    Nothing,
    /// Show an end.
    Show(u8),
    /// Begin, or do at once what needs no more reading; and what is then known of ids.
    Do(Rep, u8),
}

fn open_facts(c: &Config, s: &State, mind: &mut Mind, k: u8, r: u8) -> (u16, Need, u8) {
    let (facts, place) = code::facts(c, s, k, r);
    let (number, need) = mind.stage(facts);
    (number, need, place)
}

/// Step 1. Its GETs are one step here: the record, which alone decides, is read last of them.
pub fn begin(c: &Config, s: &State, mind: &mut Mind, k: u8, r: u8) -> Start {
    let (facts, need, place) = open_facts(c, s, mind, k, r);
    let old = s.rep[usize::from(k)];
    let rep = Rep { r, place, facts, look: old.look, list: old.list, ..Rep::default() };
    if c.world.fine && !matches!(need, Need::Time) {
        return Start::Do(Rep { pc: Pc::Object, ..rep }, s.adoption);
    }
    match need {
        Need::Gone => Start::Nothing,
        Need::Time => {
            let azure = code::Azure { expired: s.expired[usize::from(r)], ..code::Azure::default() };
            let verdict = mind.decide(facts, azure);
            if verdict.effect > 0 {
                Start::Do(Rep { pc: Pc::Decided, effect: verdict.effect, facts: 0, ..rep }, s.adoption)
            } else if verdict.shows > 0 && (verdict.shows != s.shown[usize::from(r)] || unshown(c, s, r)) {
                Start::Show(verdict.shows)
            } else {
                Start::Nothing
            }
        }
        Need::Verify if s.vault[usize::from(r)] => Start::Do(Rep { pc: Pc::Facts, ..rep }, s.adoption),
        Need::Follow(_) | Need::Resolve if s.vault[0] || s.vault[1] => {
            // Follow and Resolve read in one step: what they do rests on the record, and on what only ever comes true.
            let (rep, adoption) = look(c, s, mind, rep);
            if rep.pc == Pc::Idle && rep.look == old.look && adoption == s.adoption {
                return Start::Nothing;
            }
            Start::Do(rep, adoption)
        }
        _ => Start::Nothing,
    }
}

/// Whether an object that was made anew has yet to show its end.
fn unshown(c: &Config, s: &State, r: u8) -> bool {
    !c.world.two_clusters && s.object[usize::from(r)] > 0 && !s.status[usize::from(r)]
}

/// The second half of step 1: the record, with all that was read before it.
pub fn read_record(c: &Config, s: &State, mind: &mut Mind, rep: Rep) -> Rep {
    let rec = s.rec[usize::from(rep.place)];
    let young = c.guards.quarantine && rec.young > 0;
    let rep = Rep { stale: false, ..rep };
    let (facts, need) = mind.stage(code::Facts { rec: rec.id, young, ..mind.code(rep.facts) });
    let idle = Rep { look: rep.look, list: rep.list, ..Rep::default() };
    let read = match need {
        Need::Gone => false,
        Need::Time => {
            let azure = code::Azure { expired: s.expired[usize::from(rep.r)], ..code::Azure::default() };
            let verdict = mind.decide(facts, azure);
            return decided(mind, rep, verdict, s);
        }
        Need::Verify => s.vault[usize::from(rep.r)],
        Need::Follow(_) | Need::Resolve => s.vault[0] || s.vault[1],
    };
    if read { Rep { pc: Pc::Facts, facts, ..rep } } else { idle }
}

/// What Azure says to a pass that follows or resolves; also what is then known of ids.
pub fn look(c: &Config, s: &State, mind: &mut Mind, rep: Rep) -> (Rep, u8) {
    match mind.need(rep.facts) {
        Need::Follow(n) => {
            let job = s.jobs[usize::from(n)];
            let verdict = mind.decide(rep.facts, followed(c, s, rep.place, n));
            let adoption = match (job.told, c.world.ids, s.adoption) {
                (true, true, 0) => 2,
                (true, false, _) => 1,
                (_, _, known) => known,
            };
            (decided(mind, rep, verdict, s), adoption)
        }
        _ => (resolved(c, s, mind, rep), s.adoption),
    }
}

fn followed(c: &Config, s: &State, place: u8, n: u8) -> code::Azure {
    let which = code::item_of(c, place);
    let mut job = s.jobs[usize::from(n)];
    if !c.guards.terminal && job.phase == Phase::Run {
        job.phase = Phase::Ok;
    }
    let jobs = code::job_code(c, &job, true) << (9 * n);
    let item = 1 | u32::from(which) << 14;
    code::Azure { item, jobs, read: true, named: n + 1, ..code::Azure::default() }
}

fn resolved(c: &Config, s: &State, mind: &mut Mind, rep: Rep) -> Rep {
    let mut azure = resolving(c, s, mind, rep);
    let first = mind.decide(rep.facts, azure);
    let look = if first.absent { rep.look.max(1) } else { 0 };
    azure.looked = first.absent && (!c.guards.second_look || look > c.times.gap);
    let verdict = if azure.looked { mind.decide(rep.facts, azure) } else { first };
    decided(mind, Rep { look, ..rep }, verdict, s)
}

/// What the resolver reads.
pub fn resolving(c: &Config, s: &State, mind: &Mind, rep: Rep) -> code::Azure {
    let which = code::item_of(c, rep.place);
    let rec = s.rec[usize::from(rep.place)];
    let item = if c.guards.look_at_item {
        code::item(c, s, which, rec.t0, 0)
    } else {
        // As it was before the call, which is what the call needed.
        let state = [0, 1, 1, 2][usize::from(mind.info(rec.id).step)];
        code::item_code(&Item { state, ..s.item[usize::from(which)] }, which, 0, 1)
    };
    let own = |job: &Job| job.owner == rep.r && c.world.ids && job.told;
    let jobs = code::jobs(c, s, which, rec.t0, |_, job| {
        let kept = c.guards.look_at_jobs && (c.guards.foreign || own(job));
        kept.then_some(*job)
    });
    let word = s.word[usize::from(rep.r)];
    code::Azure {
        item,
        jobs,
        read: true,
        named: word.saturating_sub(1),
        long: rec.age > c.times.wait,
        waited: rec.age >= c.times.wait || !c.guards.wait || (word == 1 && !c.guards.release_waits),
        looked: false,
        expired: false,
    }
}

fn decided(mind: &Mind, rep: Rep, verdict: Verdict, s: &State) -> Rep {
    if verdict.effect == 0 {
        return Rep { look: rep.look, list: rep.list, ..Rep::default() };
    }
    let t0 = if matches!(mind.effect(verdict.effect), Effect::Send { .. }) { jobs_so_far(s) } else { 0 };
    Rep { pc: Pc::Decided, effect: verdict.effect, t0, facts: 0, item: 0, ..rep }
}

pub fn jobs_so_far(s: &State) -> u8 {
    let mut n = 0;
    for job in &s.jobs {
        n += u8::from(job.phase != Phase::None);
    }
    n
}

/// Step 2: the item, by a fresh GET; or what a guard that was removed would have gone by.
pub fn read_item(c: &Config, s: &State, mind: &Mind, rep: &Rep) -> u32 {
    let which = code::item_of(c, rep.place);
    let info = mind.info(s.rec[usize::from(rep.place)].id);
    if !c.guards.item {
        // The cache is from the beginning.
        let item = Item { state: c.world.state, life: 1, told: true, ..Default::default() };
        return code::item_code(&item, which, 0, 1);
    }
    let mut item = code::item(c, s, which, 255, info.own);
    if !c.guards.busy {
        item &= !(7 << 5);
    }
    if !c.guards.table {
        // Where the step would be allowed, whatever the item says.
        let steps = super::fixture::steps(c.world.asked[usize::from(rep.r)]);
        let step = if info.own > 0 && steps.len() > 1 { steps[1] } else { steps[0] };
        let state = [0_u32, 1, 1, 2][usize::from(step)];
        item = item & !(15 << 1) | state << 1;
    }
    item
}

/// Step 3: the jobs, by a list begun after step 1; then the decision.
pub fn read_jobs(c: &Config, s: &State, mind: &mut Mind, rep: Rep) -> Rep {
    let verdict = judged(c, s, mind, &rep);
    decided(mind, rep, verdict, s)
}

/// The decision about a call, by what was read.
pub fn judged(c: &Config, s: &State, mind: &mut Mind, rep: &Rep) -> Verdict {
    let which = code::item_of(c, rep.place);
    let foreign = |job: &Job| Job { owner: PORTAL, told: true, ..*job };
    let jobs = code::jobs(c, s, which, 255, |n, job| {
        let own = job.owner == rep.r && job.told;
        let unseen = !c.guards.busy && job.phase == Phase::Run && !(own && c.guards.look_back);
        if unseen || !c.guards.own_list && n >= usize::from(rep.list) {
            return None;
        }
        if !c.guards.look_back && own || !c.guards.stubs && !job.told || !c.guards.look_back && !job.told {
            return Some(foreign(job));
        }
        Some(*job)
    });
    let expired = s.expired[usize::from(rep.r)];
    let azure = code::Azure { item: rep.item, jobs, read: true, expired, ..code::Azure::default() };
    mind.decide(rep.facts, azure)
}

/// What is written: a new content of the record, and whether it begins a new intent.
pub fn write(s: &mut State, mind: &Mind, k: u8, place: u8, id: u16, new_intent: Option<u8>) {
    let at = usize::from(place);
    if k < 2 {
        judge::record_written(s, mind, place, id);
    }
    s.rec[at].id = id;
    if let Some(t0) = new_intent {
        s.rec[at].t0 = t0;
        s.rec[at].age = 0;
    }
    for (n, rep) in (0_u8..).zip(s.rep.iter_mut()) {
        if new_intent.is_some() {
            rep.look = 0;
        }
        if n == k || rep.pc == Pc::Idle || rep.place != place {
            continue;
        }
        rep.stale = true;
        if new_intent.is_some() {
            rep.mine = false;
        }
    }
    if let Some((_, mine)) = s.snap.as_mut().filter(|_| new_intent.is_some() && place == 0 && k < 2) {
        mine[usize::from(k)] = false;
    }
}

/// Does what was decided: a claim, a write of the record, or the first half of a call.
pub fn act(c: &Config, s: &mut State, mind: &Mind, k: u8, acknowledged: bool) {
    let i = usize::from(k);
    let rep = s.rep[i];
    let idle = Rep { look: rep.look, list: rep.list, ..Rep::default() };
    match mind.effect(rep.effect) {
        Effect::None => s.rep[i] = idle,
        Effect::Claim(claim) => {
            let claims = &mut s.claim[code::cluster(c, k)][usize::from(rep.r)];
            if *claims == 0 {
                *claims = claim;
                judge::claimed(s, rep.r, claim);
            }
            s.rep[i] = idle;
        }
        Effect::Write(id) => {
            s.rep[i] = idle;
            let before = mind.info(s.rec[usize::from(rep.place)].id).intent;
            let adopts =
                matches!(before, Intent::None | Intent::Closed) && matches!(mind.info(id).intent, Intent::Job(_));
            write(s, mind, k, rep.place, id, adopts.then_some(rep.t0));
        }
        Effect::Send { rec, .. } => {
            let lost = rep.stale && c.guards.cas;
            let pc = match (acknowledged && !lost, c.guards.from_write) {
                (false, _) => Pc::LostAck,
                (true, true) => Pc::Acked,
                (true, false) => Pc::Written,
            };
            let wrote = c.guards.intent_first && !lost;
            s.rep[i] = Rep { pc, age: 0, mine: wrote, wrote, stale: false, facts: 0, t0: 0, item: 0, ..rep };
            if wrote {
                write(s, mind, k, rep.place, rec, Some(rep.t0));
            }
        }
    }
}

/// Whether the record's open intent is the one that this replica wrote.
pub fn is_ours(c: &Config, s: &State, mind: &Mind, rep: &Rep) -> bool {
    let info = mind.info(s.rec[usize::from(rep.place)].id);
    let Effect::Send { step, att, .. } = mind.effect(rep.effect) else { return false };
    let named = info.holder == Some(rep.r) && info.step == step && info.att == att;
    info.intent == Intent::Open && if c.guards.nonce { rep.mine } else { named }
}

/// Step 5: the first byte leaves.
pub fn send(c: &Config, s: &mut State, mind: &Mind, k: u8) {
    let rep = s.rep[usize::from(k)];
    let Effect::Send { step, att, .. } = mind.effect(rep.effect) else { return };
    judge::sent(c, s, mind, &rep, step);
    let msg = Msg { live: true, r: rep.r, step, att, item: code::item_of(c, rep.place), from: k, open: true, age: 0 };
    match s.msgs.iter_mut().find(|m| !m.live) {
        Some(free) => *free = msg,
        None => s.bad |= super::world::FULL,
    }
    s.rep[usize::from(k)].pc = Pc::Wait;
    s.rep[usize::from(k)].age = 0;
}

/// Step 6: the outcome is written where the intent is still this replica's own and open; otherwise it is dropped.
pub fn write_outcome(c: &Config, s: &mut State, mind: &mut Mind, k: u8, out: Out) {
    let rep = s.rep[usize::from(k)];
    if is_ours(c, s, mind, &rep) {
        let id = mind.outcome(s.rec[usize::from(rep.place)].id, out);
        write(s, mind, k, rep.place, id, None);
    }
    s.rep[usize::from(k)] = Rep { look: rep.look, list: rep.list, ..Rep::default() };
}

/// Nobody waits any more for the answer to what replica `k` sent.
pub fn hang_up(s: &mut State, k: u8) {
    for msg in &mut s.msgs {
        if msg.live && msg.from == k {
            msg.open = false;
        }
    }
}

/// Whether a request, and with it the item, is at an end or waits for something that a person is told to do.
pub fn rests(c: &Config, s: &State, mind: &mut Mind, k: u8, r: u8) -> bool {
    let (facts, need, place) = open_facts(c, s, mind, k, r);
    let rep = Rep { pc: Pc::Facts, r, place, facts, ..Rep::default() };
    let verdict = match need {
        Need::Gone => return true,
        Need::Follow(_) => return !s.vault[0] && !s.vault[1],
        Need::Time => {
            let azure = code::Azure { expired: s.expired[usize::from(r)], ..code::Azure::default() };
            mind.decide(facts, azure)
        }
        Need::Verify if !s.vault[usize::from(r)] => return true,
        Need::Verify => {
            let item = read_item(c, s, mind, &rep);
            judged(c, s, mind, &Rep { item, list: 255, ..rep })
        }
        Need::Resolve if !s.vault[0] && !s.vault[1] => return true,
        Need::Resolve => {
            let azure = code::Azure { waited: true, long: true, ..resolving(c, s, mind, rep) };
            let first = mind.decide(facts, azure);
            if first.absent { mind.decide(facts, code::Azure { looked: true, ..azure }) } else { first }
        }
    };
    // Where the object is gone, its ReplicatedVm says that the outcome is unknown.
    let gone = need == Need::Resolve && s.object[usize::from(r)] == 0;
    let told = gone
        || matches!(
            verdict.reason,
            Reason::OutcomeUnknown
                | Reason::NotAllowedNow
                | Reason::NameReused
                | Reason::VmNotFound
                | Reason::ItemHeld
                | Reason::RecordPending
        );
    verdict.effect == 0 && (told || verdict.shows > 0 && verdict.shows == s.shown[usize::from(r)])
}
