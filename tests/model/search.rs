//! Breadth-first search with shortest traces, and the question that stateright's `eventually` cannot answer where there are
//! cycles: can an end be reached from everywhere?

use super::act::Act;
use super::asr;
use super::mind::Mind;
use super::operator;
use super::world::{Config, I3, NAMES, Pc, State};
use stateright::Model;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What was found.
pub struct Found {
    pub states: usize,
    /// All reachable states were seen.
    pub complete: bool,
    /// Every violation, with the shortest way to it.
    pub bad: Vec<(u16, Vec<Act>)>,
    /// How many states have no way to an end, and the shortest way to one of them.
    pub stuck: usize,
    pub stuck_at: Option<Vec<Act>>,
}

impl Found {
    pub fn violations(&self) -> u16 {
        self.bad.iter().fold(0, |all, (bit, _)| all | bit)
    }
}

/// Mixes what it is given; states are told apart by 64 bits of it.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }
    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
    fn write_u64(&mut self, n: u64) {
        let mixed = (self.0 ^ n).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = mixed ^ mixed >> 32;
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

/// Takes a fingerprint as it is.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}

fn fingerprint(s: &State) -> u64 {
    let mut mix = Mix::default();
    s.hash(&mut mix);
    mix.finish()
}

/// The tree of first visits, and the edges that are no fault.
struct Graph {
    index: HashMap<u64, u32, BuildHasherDefault<Same>>,
    parents: Vec<(u32, Act)>,
    ends: Vec<bool>,
    edges: Vec<(u32, u32)>,
}

impl Graph {
    fn way(&self, mut to: u32) -> Vec<Act> {
        let mut way = Vec::new();
        while to != 0 {
            let (from, act) = self.parents[to as usize];
            way.push(act);
            to = from;
        }
        way.reverse();
        way
    }

    /// Backwards from every end.
    fn stuck(&mut self) -> (usize, Option<u32>) {
        self.edges.sort_unstable_by_key(|(_, to)| *to);
        let mut reached = self.ends.clone();
        let mut work: Vec<u32> = (0..self.ends.len() as u32).filter(|n| reached[*n as usize]).collect();
        while let Some(to) = work.pop() {
            let first = self.edges.partition_point(|e| e.1 < to);
            for (from, _) in self.edges[first..].iter().take_while(|e| e.1 == to) {
                if !reached[*from as usize] {
                    reached[*from as usize] = true;
                    work.push(*from);
                }
            }
        }
        let count = reached.iter().filter(|r| !**r).count();
        (count, reached.iter().position(|r| !r).map(|n| n as u32))
    }
}

/// Remembers the first state of each violation.
fn note(seen: &mut Vec<(u16, u32)>, bad: u16, state: u32) {
    for (bit, _) in NAMES {
        if bad & bit != 0 && !seen.iter().any(|b| b.0 == *bit) {
            seen.push((*bit, state));
        }
    }
}

/// Explores up to `most` states; with `ends`, also whether an end can be reached from each. Stops at the first violation of
/// `wanted`, if there is one.
pub fn explore(c: &Config, most: usize, ends: bool, wanted: u16) -> Found {
    let mut graph = Graph { index: HashMap::default(), parents: vec![], ends: vec![], edges: vec![] };
    let (mut work, mut bad, mut complete) = (VecDeque::new(), Vec::<(u16, u32)>::new(), true);
    for s in c.init_states() {
        graph.index.insert(fingerprint(&s), 0);
        graph.parents.push((0, Act::Tick));
        graph.ends.push(false);
        work.push_back((0_u32, s));
    }
    let mut acts = Vec::new();
    'search: while let Some((from, s)) = work.pop_front() {
        acts.clear();
        c.actions(&s, &mut acts);
        for act in &acts {
            let Some(next) = c.next_state(&s, *act) else { continue };
            let new = graph.parents.len() as u32;
            let to = *graph.index.entry(fingerprint(&next)).or_insert(new);
            if ends && !act.is_fault() && to != from {
                graph.edges.push((from, to));
            }
            if to != new {
                continue;
            }
            graph.parents.push((from, *act));
            graph.ends.push(ends && (next.bad & !I3 != 0 || ended(c, &next)));
            note(&mut bad, next.bad, new);
            if next.bad & wanted != 0 || graph.parents.len() >= most {
                complete = false;
                break 'search;
            }
            work.push_back((to, next));
        }
    }
    let (stuck, at) = if ends && complete { graph.stuck() } else { (0, None) };
    Found {
        states: graph.parents.len(),
        complete,
        bad: bad.iter().map(|(bit, n)| (*bit, graph.way(*n))).collect(),
        stuck,
        stuck_at: at.map(|n| graph.way(n)),
    }
}

/// Whether all is at rest, and every request is at an end or waits for a person.
fn ended(c: &Config, s: &State) -> bool {
    let still = s.msgs.iter().all(|m| !m.live) && s.rep.iter().all(|p| p.pc == Pc::Idle) && asr::at_rest(s);
    still && {
        let mind: &mut Mind = &mut c.mind.lock().unwrap();
        (0..=u8::from(c.world.two_clusters))
            .all(|k| (0..=u8::from(c.world.two)).all(|r| operator::rests(c, s, mind, k, r)))
    }
}
