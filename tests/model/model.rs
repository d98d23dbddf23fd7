//! All that may happen next, as a stateright `Model`. A pause is not modelled: whoever does not move while time passes, pauses.

use super::act::Act;
use super::asr;
use super::judge;
use super::mind::{Effect, Intent, Mind, Need};
use super::operator::{self, Start};
use super::settle::settle;
use super::world::{Config, I3, Item, JOBS, LONG, MANY, MESSAGES, NAMES, Out, Pc, Phase, Rec, Rep, State};
use stateright::{Model, Property};

impl Config {
    fn replica(&self, s: &State, mind: &mut Mind, k: u8, to: &mut Vec<Act>) {
        let rep = &s.rep[usize::from(k)];
        match rep.pc {
            Pc::Idle => self.idle(s, mind, k, to),
            Pc::Object => to.push(Act::ReadRecord(k)),
            Pc::Facts if matches!(mind.need(rep.facts), Need::Verify) => to.push(Act::ReadItem(k)),
            Pc::Facts => to.push(Act::ReadAzure(k)),
            Pc::Item => to.push(Act::ReadJobs(k)),
            Pc::Decided => {
                to.push(Act::Do(k));
                if s.left.crashes > 0 && matches!(mind.effect(rep.effect), Effect::Send { .. }) {
                    to.push(Act::DoUnacknowledged(k));
                }
                if !self.guards.record_first && self.early(s, mind, k) > 0 {
                    to.push(Act::ShowEarly(k));
                }
            }
            Pc::Written => to.push(Act::Acknowledged(k)),
            Pc::LostAck => to.push(Act::ReadAgain(k)),
            Pc::Acked => {
                to.push(Act::NotSent(k));
                if !self.guards.window || rep.age <= self.times.window {
                    to.push(if self.check_is_sending { Act::Send(k) } else { Act::Check(k) });
                }
            }
            Pc::Checked => to.push(Act::Send(k)),
            Pc::Wait => to.push(Act::GiveUp(k)),
            Pc::Got(_) => to.push(Act::WriteOutcome(k)),
        }
        if s.left.crashes > 0 && (rep.pc != Pc::Idle || rep.look > 0) {
            to.push(Act::Crash(k));
        }
    }

    fn idle(&self, s: &State, mind: &mut Mind, k: u8, to: &mut Vec<Act>) {
        let rep = &s.rep[usize::from(k)];
        for r in 0..=u8::from(self.world.two) {
            match operator::begin(self, s, mind, k, r) {
                Start::Nothing => {}
                Start::Show(_) => to.push(Act::Show(k, r)),
                Start::Do(..) => to.push(Act::Begin(k, r)),
            }
        }
        if !self.guards.own_list && rep.list < operator::jobs_so_far(s) {
            to.push(Act::ListInBackground(k));
        }
    }

    /// The end that would be shown before it is written.
    fn early(&self, s: &State, mind: &Mind, k: u8) -> u8 {
        let rep = s.rep[usize::from(k)];
        match mind.effect(rep.effect) {
            Effect::Write(id) if s.shown[usize::from(rep.r)] == 0 => mind.info(id).ends[usize::from(rep.r)],
            _ => 0,
        }
    }

    fn azure(&self, s: &State, to: &mut Vec<Act>) {
        for n in 0..MESSAGES {
            let (msg, at) = (&s.msgs[n], n as u8);
            if !msg.live {
                continue;
            }
            to.extend([Act::Execute(at), Act::NotExecuted(at)]);
            if msg.open {
                to.push(Act::ExecuteAnswerLost(at));
                for (may, act) in [
                    (self.world.lies, Act::ExecuteAnswer409(at)),
                    (self.world.denies, Act::Deny(at)),
                    (self.world.throttles, Act::Throttle(at)),
                ] {
                    if may {
                        to.push(act);
                    }
                }
            }
        }
        for n in 0..JOBS {
            let (job, at) = (&s.jobs[n], n as u8);
            if job.phase == Phase::Run {
                to.push(Act::JobSucceeds(at));
                if self.world.jobs_fail {
                    to.push(Act::JobFails(at));
                }
            }
            if job.phase != Phase::None && !job.told && !self.world.mute {
                to.push(Act::JobTells(at));
            }
        }
        if s.msgs.iter().all(|m| !m.live || m.age < self.times.late) {
            to.push(Act::Tick);
        }
    }

    fn people(&self, s: &State, mind: &Mind, to: &mut Vec<Act>) {
        for r in 0..=u8::from(self.world.two) {
            let i = usize::from(r);
            if s.left.objects > 0 {
                to.push(if s.vm[i] > 0 { Act::DeleteVm(r) } else { Act::CreateVm(r) });
                to.push(if s.vault[i] { Act::DeleteVault(r) } else { Act::CreateVault(r) });
                if s.object[i] > 0 {
                    to.push(Act::Delete(r));
                } else {
                    to.extend([Act::Create(r, 1), Act::Create(r, 2)]);
                }
            }
            if s.left.rebinds > 0 && s.vm[i] == 1 && r == 0 {
                to.push(Act::Rebind(r));
            }
            if s.left.claims_lost > 0 && s.claim[0][i] > 0 {
                to.push(Act::LoseClaim(r));
            }
            if self.world.cancels && !s.cancel[i] && r == 0 {
                to.push(Act::Cancel(r));
            }
            if self.world.expires && !s.expired[i] {
                to.push(Act::Expire(r));
            }
        }
        if s.left.objects > 0 && s.adoption > 0 {
            to.push(Act::LoseStatus);
        }
        if self.world.people {
            self.says(s, mind, to);
        }
    }

    /// What a person may truly say of a call: that a job is its own, or that none is to be seen.
    fn says(&self, s: &State, mind: &Mind, to: &mut Vec<Act>) {
        for rec in &s.rec {
            let info = mind.info(rec.id);
            let Some(r) = info.holder.filter(|_| matches!(info.intent, Intent::Open | Intent::Unknown)) else {
                continue;
            };
            if s.word[usize::from(r)] > 0 {
                continue;
            }
            let of = |n: usize| s.jobs[n].owner == r && s.jobs[n].step == info.step && s.jobs[n].age >= self.times.lag;
            match (0..JOBS).find(|n| s.jobs[*n].phase != Phase::None && of(*n)) {
                Some(n) if s.jobs[n].told => to.push(Act::Say(r, 2 + n as u8)),
                Some(_) => {}
                None => to.push(Act::Say(r, 1)),
            }
        }
    }

    fn others(&self, s: &State, to: &mut Vec<Act>) {
        for i in 0..2_u8 {
            let seen = (0..2).any(|r| s.vm[r] == i + 1 && s.vault[r]) || self.world.two_clusters;
            if s.rec[usize::from(i)].id == 0 && seen {
                to.push(Act::MakeRecord(i));
            }
            if !s.item[usize::from(i)].told && s.item[usize::from(i)].state != LONG {
                to.push(Act::LifeTold(i));
            }
        }
        let still = s.item[0].state != LONG && !s.jobs.iter().any(|j| j.phase == Phase::Run && j.item == 0);
        if still && s.left.portal > 0 {
            to.push(Act::Portal);
        }
        if still && s.left.long > 0 {
            for (n, may) in [(0, self.world.half), (1, self.world.whole), (2, self.world.anew), (3, self.world.again)] {
                if may {
                    to.push(Act::Long(n));
                }
            }
        }
        let calm = s.msgs.iter().all(|m| !m.live)
            && s.rep.iter().all(|p| p.pc == Pc::Idle)
            && s.jobs.iter().all(|j| j.phase == Phase::None || j.age >= self.times.lag);
        let may = s.rec[0].id > 0 && (calm || !self.world.calm_restore);
        if may && s.left.losses > 0 {
            to.push(Act::LoseRecord);
        }
        if may && s.left.restores > 0 {
            to.push(if s.snap.is_none() { Act::Snapshot } else { Act::Restore });
        }
    }

    /// Steps 1 to 3, and what is then done at once.
    fn reads(&self, s: &mut State, mind: &mut Mind, act: Act) {
        use Act::*;
        match act {
            Begin(k, r) => {
                if let Start::Do(rep, adoption) = operator::begin(self, s, mind, k, r) {
                    s.adoption = adoption;
                    s.rep[usize::from(k)] = rep;
                }
            }
            Show(k, r) => {
                if let Start::Show(end) = operator::begin(self, s, mind, k, r) {
                    judge::shows(s, r, end);
                    // Of two clusters each has a status of its own.
                    s.status[usize::from(r)] = s.object[usize::from(r)] > 0 && !self.world.two_clusters;
                }
            }
            ReadRecord(k) => s.rep[usize::from(k)] = operator::read_record(self, s, mind, s.rep[usize::from(k)]),
            ReadAzure(k) => {
                let (rep, adoption) = operator::look(self, s, mind, s.rep[usize::from(k)]);
                s.adoption = adoption;
                s.rep[usize::from(k)] = rep;
            }
            ReadItem(k) => {
                let rep = s.rep[usize::from(k)];
                let item = operator::read_item(self, s, mind, &rep);
                s.rep[usize::from(k)] = Rep { item, pc: Pc::Item, ..rep };
            }
            ReadJobs(k) => {
                s.rep[usize::from(k)] = operator::read_jobs(self, s, mind, s.rep[usize::from(k)]);
            }
            Do(k) => operator::act(self, s, mind, k, true),
            DoUnacknowledged(k) => operator::act(self, s, mind, k, false),
            ShowEarly(k) => {
                let (r, end) = (s.rep[usize::from(k)].r, self.early(s, mind, k));
                judge::shows(s, r, end);
            }
            _ => {}
        }
    }

    /// Steps 4 to 6, and the end of a process.
    fn calls(&self, s: &mut State, mind: &mut Mind, act: Act) {
        use Act::*;
        match act {
            Acknowledged(k) => (s.rep[usize::from(k)].pc, s.rep[usize::from(k)].age) = (Pc::Acked, 0),
            ReadAgain(k) => {
                let rep = s.rep[usize::from(k)];
                let ours = operator::is_ours(self, s, mind, &rep);
                s.rep[usize::from(k)] = if ours {
                    Rep { pc: Pc::Acked, ..rep }
                } else {
                    Rep { look: rep.look, list: rep.list, ..Rep::default() }
                };
            }
            Check(k) => s.rep[usize::from(k)].pc = Pc::Checked,
            Send(k) => operator::send(self, s, mind, k),
            NotSent(k) => s.rep[usize::from(k)].pc = Pc::Got(Out::NotSent),
            GiveUp(k) => {
                operator::hang_up(s, k);
                s.rep[usize::from(k)].pc = Pc::Got(Out::Unknown);
            }
            WriteOutcome(k) => {
                if let Pc::Got(out) = s.rep[usize::from(k)].pc {
                    operator::write_outcome(self, s, mind, k, out);
                }
            }
            Crash(k) => {
                operator::hang_up(s, k);
                s.rep[usize::from(k)] = Rep { list: s.rep[usize::from(k)].list, ..Rep::default() };
            }
            ListInBackground(k) => s.rep[usize::from(k)].list = operator::jobs_so_far(s),
            _ => {}
        }
    }

    /// What becomes of objects, and what people say.
    fn cluster(&self, s: &mut State, mind: &Mind, act: Act) {
        use Act::*;
        match act {
            MakeRecord(p) => {
                let id = super::mind::empty(super::code::item_of(self, p));
                s.rec[usize::from(p)] = Rec { id, young: self.times.quarantine, ..Rec::default() };
            }
            Delete(r) => (s.object[usize::from(r)], s.status[usize::from(r)]) = (0, false),
            Create(r, spec) => s.object[usize::from(r)] = spec,
            DeleteVm(r) => s.vm[usize::from(r)] = 0,
            CreateVm(r) => s.vm[usize::from(r)] = 1,
            DeleteVault(r) => s.vault[usize::from(r)] = false,
            CreateVault(r) => s.vault[usize::from(r)] = true,
            LoseStatus => s.adoption = 0,
            Rebind(r) => s.vm[usize::from(r)] = 2,
            LoseClaim(r) => s.claim[0][usize::from(r)] = 0,
            Snapshot => s.snap = Some((s.rec[0], [s.rep[0].mine, s.rep[1].mine])),
            LoseRecord => {
                operator::write(s, mind, MANY, 0, 0, Some(0));
                s.rec[0] = Rec::default();
                (s.snap, s.sent) = (None, Default::default());
            }
            Restore => {
                let Some((rec, mine)) = s.snap.take() else { return };
                operator::write(s, mind, MANY, 0, rec.id, Some(rec.t0));
                s.rec[0] = Rec { age: 0, ..rec };
                s.sent = Default::default();
                (s.rep[0].mine, s.rep[1].mine) = (mine[0], mine[1]);
            }
            Cancel(r) => s.cancel[usize::from(r)] = true,
            Expire(r) => s.expired[usize::from(r)] = true,
            Say(r, word) => s.word[usize::from(r)] = word,
            _ => {}
        }
    }

    fn spend(s: &mut State, act: Act) {
        use Act::*;
        match act {
            Delete(_) | Create(..) | DeleteVm(_) | CreateVm(_) | DeleteVault(_) | CreateVault(_) | LoseStatus => {
                s.left.objects -= 1
            }
            Rebind(_) => s.left.rebinds -= 1,
            LoseClaim(_) => s.left.claims_lost -= 1,
            LoseRecord => s.left.losses -= 1,
            Restore => s.left.restores -= 1,
            Crash(_) | DoUnacknowledged(_) if s.left.crashes < MANY => s.left.crashes -= 1,
            _ => {}
        }
    }
}

impl Model for Config {
    type State = State;
    type Action = Act;

    fn init_states(&self) -> Vec<State> {
        let rec = |item| {
            if self.world.records { Rec { id: super::mind::empty(item), ..Rec::default() } } else { Rec::default() }
        };
        let second = if self.world.two_clusters { rec(0) } else { rec(1) };
        let item = Item { state: self.world.state, life: 1, told: true, ..Item::default() };
        vec![State {
            object: [1, u8::from(self.world.two)],
            vm: [1, u8::from(self.world.two)],
            vault: [true, self.world.two],
            claim: [[0; 2]; 2],
            rec: [rec(0), second],
            snap: None,
            cancel: [false; 2],
            word: [0; 2],
            expired: [false; 2],
            adoption: self.world.adoption,
            rep: [Rep::default(); 2],
            msgs: Default::default(),
            jobs: Default::default(),
            item: [item; 2],
            left: self.faults,
            accepted: [[0; 2]; 2],
            sent: [[0; 2]; 2],
            status: [false; 2],
            shown: [0; 2],
            life: [0; 2],
            bad: 0,
        }]
    }

    fn actions(&self, s: &State, to: &mut Vec<Act>) {
        // A call that need not have been made is seen through to what comes of it.
        if s.bad & !I3 != 0 {
            return;
        }
        let mind = &mut *self.mind.lock().unwrap();
        for k in 0..self.world.replicas {
            self.replica(s, mind, k, to);
        }
        self.azure(s, to);
        self.people(s, mind, to);
        self.others(s, to);
    }

    fn next_state(&self, last: &State, act: Act) -> Option<State> {
        let mut next = *last;
        let mind = &mut *self.mind.lock().unwrap();
        self.reads(&mut next, mind, act);
        self.calls(&mut next, mind, act);
        self.cluster(&mut next, mind, act);
        Self::spend(&mut next, act);
        asr::does(self, &mut next, act);
        settle(self, &mut next, mind);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! always {
            ($($n:literal)*) => { vec![$(Property::always(NAMES[$n].1, |_: &Config, s: &State| s.bad & NAMES[$n].0 == 0),)*] };
        }
        always!(0 1 2 3 4 5 6 7 8 9 10 11 12)
    }
}
