//! Azure as it may behave at its worst: what it accepts, when it executes it, what its jobs do, and how time passes there.

use super::act::Act;
use super::code;
use super::judge;
use super::world::{Config, JOBS, Job, LONG, Msg, Out, PORTAL, Pc, Phase, State};

/// Whether ASR takes a call: it commits silently when an uncommitted failover is reprotected.
fn allows(step: u8, state: u8) -> bool {
    match step {
        0 => state == 0 || state == 3,
        1 | 2 => state == 1 || state == 4,
        _ => matches!(state, 1 | 2 | 4 | 5),
    }
}

fn job(s: &mut State, job: Job) -> Option<u8> {
    let free = s.jobs.iter().position(|j| j.phase == Phase::None);
    match free {
        Some(n) => s.jobs[n] = job,
        None => s.bad |= super::world::FULL,
    }
    free.map(|n| n as u8)
}

fn answer(s: &mut State, msg: &Msg, out: Out) {
    let rep = &mut s.rep[usize::from(msg.from)];
    if msg.open && rep.pc == Pc::Wait {
        rep.pc = Pc::Got(out);
    }
}

/// A call arrives and is executed, or refused.
fn execute(c: &Config, s: &mut State, n: u8, answered: Option<fn(u8) -> Out>) {
    let msg = s.msgs[usize::from(n)];
    s.msgs[usize::from(n)] = Msg::default();
    let state = s.item[usize::from(msg.item)].state;
    let busy = c.world.refuses && code::running(s, msg.item, 0) > 0;
    let mut out = Out::Refused;
    if allows(msg.step, state) && !busy {
        judge::accepted(c, s, &msg);
        let told = !c.world.stubs;
        let new = Job { phase: Phase::Run, owner: msg.r, step: msg.step, att: msg.att, item: msg.item, age: 0, told };
        let Some(at) = job(s, new) else { return };
        out = answered.map_or(Out::Unknown, |of| of(at));
    }
    if answered.is_some() {
        answer(s, &msg, out);
    }
}

fn succeeds(s: &mut State, n: u8) {
    let job = s.jobs[usize::from(n)];
    s.jobs[usize::from(n)].phase = Phase::Ok;
    let item = &mut s.item[usize::from(job.item)];
    if !allows(job.step, item.state) {
        return;
    }
    let back = item.state / 3 * 3;
    match job.step {
        0 => {
            item.state += 1;
            item.failed_over = n + 1;
            item.point = 0;
        }
        1 => item.point = job.owner + 1,
        2 => item.state += 1,
        _ => item.state = 3 - back,
    }
}

fn tick(c: &Config, s: &mut State) {
    let t = &c.times;
    for rec in &mut s.rec {
        rec.age = (rec.age + 1).min(t.wait + 1);
        rec.young = rec.young.saturating_sub(1);
    }
    for rep in &mut s.rep {
        rep.age = (rep.age + 1).min(t.window + 1);
        if rep.look > 0 {
            rep.look = (rep.look + 1).min(t.gap + 1);
        }
    }
    for msg in &mut s.msgs {
        msg.age += u8::from(msg.live);
    }
    for job in &mut s.jobs {
        if job.phase != Phase::None {
            job.age = (job.age + 1).min(t.aged(c.faults.portal > 0));
        }
    }
    for item in &mut s.item {
        if item.state == LONG {
            item.long -= 1;
            if item.long == 0 {
                item.state = item.then;
                item.told |= !c.world.silent_life;
            }
        }
    }
}

/// Somebody else begins what takes long: half a loop, a whole one, the item enabled anew, or another failover.
fn long(c: &Config, s: &mut State, what: u8) {
    s.left.long -= 1;
    let item = &mut s.item[0];
    item.then = if what == 0 { 3 } else { c.world.state };
    if what == 2 {
        (item.then, item.life, item.told, item.failed_over) = (0, item.life + 1, false, 0);
    }
    (item.state, item.long) = (LONG, c.times.long);
    if what == 3 {
        // All that it takes to fail over once more, of which only the last job matters.
        item.then = 1;
        let last = Job { phase: Phase::Ok, owner: PORTAL, step: 0, att: 1, item: 0, age: 0, told: true };
        if let Some(n) = job(s, last) {
            s.item[0].failed_over = n + 1;
        }
    }
}

/// What Azure, its time and other people there do.
pub fn does(c: &Config, s: &mut State, act: Act) {
    match act {
        Act::Execute(n) => execute(c, s, n, Some(Out::Job)),
        Act::ExecuteAnswerLost(n) => execute(c, s, n, None),
        Act::ExecuteAnswer409(n) => {
            let said = if c.guards.conflict { |_| Out::Unknown } else { |_| Out::Refused };
            execute(c, s, n, Some(said));
        }
        Act::NotExecuted(n) => s.msgs[usize::from(n)] = Msg::default(),
        Act::Deny(n) | Act::Throttle(n) => {
            let msg = s.msgs[usize::from(n)];
            s.msgs[usize::from(n)] = Msg::default();
            let denied = matches!(act, Act::Deny(_));
            if !denied {
                let sent = &mut s.sent[usize::from(msg.r)][judge::place_of(c, msg.r, msg.step)];
                *sent = sent.saturating_sub(1);
            }
            answer(s, &msg, if denied { Out::Refused } else { Out::Throttled });
        }
        Act::JobSucceeds(n) => succeeds(s, n),
        Act::JobFails(n) => s.jobs[usize::from(n)].phase = Phase::Fail,
        Act::JobTells(n) => s.jobs[usize::from(n)].told = true,
        Act::LifeTold(i) => s.item[usize::from(i)].told = true,
        Act::Tick => tick(c, s),
        Act::Portal => {
            s.left.portal -= 1;
            let step = [0, 2, 3][usize::from(s.item[0].state % 3)];
            let new = Job { phase: Phase::Run, owner: PORTAL, step, att: 1, item: 0, age: 0, told: !c.world.stubs };
            job(s, new);
        }
        Act::Long(what) => long(c, s, what),
        _ => {}
    }
}

/// Whether something runs that will change the item by itself.
pub fn at_rest(s: &State) -> bool {
    (0..JOBS).all(|n| s.jobs[n].phase != Phase::Run) && s.item.iter().all(|i| i.state != LONG)
}
