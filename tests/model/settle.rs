//! One form for states that nobody can tell apart: it makes them fewer and changes nothing that can be seen.

use super::mind::{Effect, Intent, Mind, Need};
use super::operator;
use super::world::{Config, Msg, Out, Pc, Rep, State};

/// Brings a state into its one form.
pub fn settle(c: &Config, s: &mut State, mind: &Mind) {
    for rec in &mut s.rec {
        if !matches!(mind.info(rec.id).intent, Intent::Open | Intent::Unknown) {
            rec.age = 0;
        }
    }
    for k in 0..c.world.replicas {
        let i = usize::from(k);
        let rep = s.rep[i];
        let pc = settled(c, s, mind, &rep);
        if pc == Pc::Idle {
            if rep.pc >= Pc::Wait {
                operator::hang_up(s, k);
            }
            s.rep[i] = Rep { look: rep.look, list: rep.list, ..Rep::default() };
        } else {
            s.rep[i].pc = pc;
        }
        let timed = match s.rep[i].pc {
            Pc::Object | Pc::Facts | Pc::Item => c.guards.age && (c.world.fine || verifies(mind, &rep)),
            Pc::Decided => c.guards.age && matches!(mind.effect(rep.effect), Effect::Send { .. }),
            Pc::LostAck | Pc::Acked => c.guards.window,
            _ => false,
        };
        if !timed {
            s.rep[i].age = 0;
        }
    }
    for msg in &mut s.msgs {
        if !msg.live {
            *msg = Msg::default();
        } else if !msg.open {
            msg.from = 0;
        }
    }
    if c.world.replicas == 2 && !c.world.two_clusters && s.rep[1] < s.rep[0] {
        swap(s);
    }
    s.msgs.sort_unstable_by(|a, b| b.cmp(a));
}

/// Which of two replicas is the first does not matter.
fn swap(s: &mut State) {
    s.rep.swap(0, 1);
    for msg in s.msgs.iter_mut().filter(|m| m.open) {
        msg.from = 1 - msg.from;
    }
    if let Some((_, mine)) = &mut s.snap {
        mine.swap(0, 1);
    }
}

fn verifies(mind: &Mind, rep: &Rep) -> bool {
    matches!(mind.need(rep.facts), Need::Verify)
}

/// Where a replica really is: what can only come to nothing has come to nothing.
fn settled(c: &Config, s: &State, mind: &Mind, rep: &Rep) -> Pc {
    let late = rep.age > c.times.window;
    let sends = matches!(mind.effect(rep.effect), Effect::Send { .. });
    match rep.pc {
        // Its compare-and-swap would fail.
        Pc::Facts | Pc::Item if rep.stale && c.guards.cas && c.guards.nonce => Pc::Idle,
        Pc::Decided if rep.stale && c.guards.cas && (c.guards.nonce || !sends) => {
            if matches!(mind.effect(rep.effect), Effect::Claim(_)) { Pc::Decided } else { Pc::Idle }
        }
        // Step 1 began too long ago.
        Pc::Object | Pc::Facts | Pc::Item if late && c.guards.age && verifies(mind, rep) => Pc::Idle,
        Pc::Decided if late && c.guards.age && sends => Pc::Idle,
        // The window is closed; the outcome counts where the intent is still its own.
        Pc::LostAck | Pc::Acked if late && c.guards.window => {
            if operator::is_ours(c, s, mind, rep) {
                Pc::Got(Out::NotSent)
            } else {
                Pc::Idle
            }
        }
        Pc::LostAck | Pc::Wait | Pc::Got(_) if !operator::is_ours(c, s, mind, rep) => Pc::Idle,
        pc => pc,
    }
}
