//! The invariants, judged by what really happened, which no replica sees.

use super::code;
use super::mind::{Intent, Mind};
use super::world::{
    Asked, Config, I1, I2, I3, I4, I5, I8, I9, I15, I16, Job, Msg, PORTAL, Phase, Rep, State, TARGET, THIRD, UNTRUE,
};

/// The numbers of the ends `Succeeded` and `Failed`; every end after them says that nothing was sent or executed.
const SUCCEEDED: u8 = 1;
const FAILED: u8 = 2;

/// The place of a step within its request: the commit of an automatic failover is the second.
pub fn place_of(c: &Config, r: u8, step: u8) -> usize {
    usize::from(c.world.asked[usize::from(r)] == Asked::Automatic && step == 2)
}

/// A call leaves.
pub fn sent(c: &Config, s: &mut State, mind: &Mind, rep: &Rep, step: u8) {
    let durable = mind.info(s.rec[usize::from(rep.place)].id);
    if !rep.wrote && (durable.holder != Some(rep.r) || durable.intent == Intent::None) {
        s.bad |= I2;
    }
    let same = |r: u8, of: u8| r == rep.r && of == step;
    let flying = s.msgs.iter().any(|m| m.live && same(m.r, m.step));
    let done = s.jobs.iter().any(|j| j.phase != Phase::None && same(j.owner, j.step));
    // Each record counts for itself, and one that was lost counts no more.
    if rep.mine && !c.world.two_clusters {
        let count = &mut s.sent[usize::from(rep.r)][place_of(c, rep.r, step)];
        *count += 1;
        if *count > 2 {
            s.bad |= THIRD;
        }
    }
    if flying || done {
        s.bad |= I3;
    }
}

/// ASR accepts a call of a request.
pub fn accepted(c: &Config, s: &mut State, msg: &Msg) {
    let (r, item) = (usize::from(msg.r), s.item[usize::from(msg.item)]);
    let of = place_of(c, msg.r, msg.step);
    let mut bad = 0;
    if s.accepted[r][of] > 0 {
        bad |= I1;
    }
    let seen = |j: &Job| j.owner != PORTAL || j.age >= c.times.seen();
    if s.jobs.iter().any(|j| j.phase == Phase::Run && j.item == msg.item && seen(j)) {
        bad |= I9;
    }
    if s.shown[r] > 0 {
        bad |= I15;
    }
    let pending = item.state % 3 == 1;
    match msg.step {
        0 if item.state != 0 => bad |= I8,
        2 if !pending || of == 1 && !own_failover(s, msg) => bad |= I4,
        3 if pending => bad |= I5,
        3 if item.state > 2 => bad |= I8,
        _ => {}
    }
    if s.life[r] > 0 && s.life[r] != item.life + 4 * msg.item {
        bad |= TARGET;
    }
    s.accepted[r][of] += 1;
    s.bad |= bad;
}

/// Whether the request's own failover succeeded, and nobody failed over since.
fn own_failover(s: &State, msg: &Msg) -> bool {
    let last = s.item[usize::from(msg.item)].failed_over;
    let own = |j: &Job| j.owner == msg.r && j.step == 0 && j.phase == Phase::Ok;
    s.jobs.iter().rposition(own).is_some_and(|n| usize::from(last) <= n + 1)
}

/// A request was accepted for an item, in a life cycle that Azure told.
pub fn claimed(s: &mut State, r: u8, claim: u8) {
    let (item, life, _) = code::claimed(claim);
    if s.life[usize::from(r)] == 0 && life > 0 {
        s.life[usize::from(r)] = life + 4 * item;
    }
}

/// A status shows an end.
pub fn shows(s: &mut State, r: u8, end: u8) {
    let shown = &mut s.shown[usize::from(r)];
    if *shown > 0 && *shown != end {
        s.bad |= I15;
    }
    *shown = end;
}

/// A record is written: an end that is known stays. What was withdrawn is as if it had never been.
pub fn record_written(s: &mut State, mind: &Mind, place: u8, id: u16) {
    let (before, after) = (mind.info(s.rec[usize::from(place)].id), mind.info(id));
    for r in 0..2 {
        let well = |j: &Job| usize::from(j.owner) == r && j.phase == Phase::Ok;
        if before.ends[r] == 0 && after.ends[r] == SUCCEEDED && !s.jobs.iter().any(well) {
            s.bad |= I16;
        }
        if before.ends[r] == 0 && after.ends[r] > FAILED && s.accepted[r] != [0; 2] {
            s.bad |= UNTRUE;
        }
        if before.ends[r] > 0 && before.ends[r] != after.ends[r] {
            s.bad |= I15;
        }
    }
    if let (Some(r), None) = (before.holder, after.holder)
        && after.ends[usize::from(r)] == 0
    {
        s.sent[usize::from(r)] = [0; 2];
    }
}
