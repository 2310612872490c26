//! What a change is: which node, and what happens to it.

use std::collections::{BTreeMap, VecDeque};

use super::daemonsets::DaemonSetMaker;
use super::failures::{Failure, Fault};
use super::nodes::{NodeMaker, SELECTED_KEYS, SELECTED_VALUES, UNMENTIONED_KEYS};
use super::random::{Draw, Purpose, Seed};
use super::schedule::Process;
use crate::event::{Body, ConditionStatus, Event, Track};
use crate::names::{Effect, Names, NodeId, Sym, Taint, sym};
use crate::time::{Micros, Time};

/// How much of a cluster is out of order at one time, one node in so many. When as many are, the next change of
/// the kind puts the one right that has waited longest.
const ONE_IN: [(Process, usize); 4] =
    [(Process::Taint, 50), (Process::Cordon, 50), (Process::Membership, 100), (Process::Condition, 200)];

/// One node in so many is a spot node.
const SPOT_ONE_IN: usize = 3;

/// How long a spot node that was taken away stays away, in the mean.
const SPOT_AWAY: Micros = Micros::seconds(600);

/// The taints of [`Process::Taint`]; agents that tolerate everything tolerate them, the others do not.
const TAINTS: [(&str, &str); 4] = [
    ("maintenance.example.com/drain", ""),
    ("dedicated", "batch"),
    ("node.example.com/quarantine", ""),
    ("dedicated", "database"),
];

/// A node as far as changes need to know it.
#[derive(Clone, Copy, Debug)]
struct State {
    id: NodeId,
    present: bool,
    cordoned: bool,
    tainted: bool,
    /// Which condition is not as it should be.
    upset: Option<Sym>,
    values: [u8; SELECTED_KEYS.len()],
}

/// Something that will happen for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Join(u32),
}

/// The changing cluster.
#[derive(Clone, Debug)]
pub(super) struct Churn {
    seed: Seed,
    maker: NodeMaker,
    nodes: Vec<State>,
    /// Nodes that are tainted, cordoned, away, not well: the one that has waited longest first.
    out: [VecDeque<u32>; ONE_IN.len()],
    /// Taints as they were put on, by node.
    taints: BTreeMap<u32, Taint>,
    /// Nodes that have joined and not yet said that they are ready.
    unannounced: VecDeque<u32>,
    /// Whether nodes that join say in the same moment that they are ready; else with the next change of a
    /// condition, so that every change is one event.
    announce_at_once: bool,
    agenda: BTreeMap<(Time, u64), Deed>,
    agendas: u64,
    daemon_sets: Vec<DaemonSetMaker>,
    images: Vec<u64>,
    keys: Vec<Sym>,
    reasons: [Sym; 2],
}

impl Churn {
    pub fn new(
        seed: Seed,
        maker: NodeMaker,
        daemon_sets: Vec<DaemonSetMaker>,
        announce_at_once: bool,
        names: &mut Names,
    ) -> Churn {
        Churn {
            seed,
            maker,
            nodes: Vec::new(),
            out: Default::default(),
            taints: BTreeMap::new(),
            unannounced: VecDeque::new(),
            announce_at_once,
            agenda: BTreeMap::new(),
            agendas: 0,
            images: vec![0; daemon_sets.len()],
            daemon_sets,
            keys: UNMENTIONED_KEYS.iter().map(|key| names.sym(key)).collect(),
            reasons: [names.sym("KubeletReady"), names.sym("KubeletNotReady")],
        }
    }

    /// Lets the next node of the cluster join for the first time, well and ready.
    pub fn found(&mut self, at: Time, names: &mut Names, out: &mut Vec<Event>) {
        let number = self.nodes.len() as u32;
        let (id, _) = self.maker.make(number, names);
        let state =
            State { id, present: false, cordoned: false, tainted: false, upset: None, values: [0; 2] };
        self.nodes.push(state);
        self.join(at, number, names, out);
        self.ready(at, number, true, out);
    }

    /// Applies every DaemonSet for the first time, `apart` after one another.
    pub fn introduce(&self, at: Time, apart: Micros, names: &mut Names, out: &mut Vec<Event>) -> Time {
        let mut at = at;
        for daemon_set in &self.daemon_sets {
            let body = Body::Applied { object: daemon_set.object, manifest: daemon_set.manifest(0, names) };
            out.push(Event::new(at, Track::User, body));
            at = at + apart;
        }
        at
    }

    /// The time of the next thing that will happen for sure.
    pub fn peek(&self) -> Option<Time> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    /// Does the next thing that will happen for sure.
    pub fn follow_up(&mut self, names: &mut Names, out: &mut Vec<Event>) {
        if let Some(((at, _), Deed::Join(number))) = self.agenda.pop_first()
            && !self.nodes[number as usize].present
        {
            self.join(at, number, names, out);
            self.ready(at, number, true, out);
        }
    }

    /// Makes a change: mostly one event, none if there is nothing that it could be about.
    pub fn change(
        &mut self,
        at: Time,
        process: Process,
        ordinal: u64,
        names: &mut Names,
        out: &mut Vec<Event>,
    ) {
        match process {
            Process::SelectedLabel => self.select(at, ordinal, out),
            Process::UnmentionedLabel => self.label(at, ordinal, names, out),
            Process::Taint => self.taint(at, ordinal, names, out),
            Process::Cordon => self.cordon(at, ordinal, out),
            Process::Membership => self.membership(at, ordinal, names, out),
            Process::Condition => self.condition(at, ordinal, out),
            Process::Rollout => self.rollout(at, ordinal, names, out),
            Process::SpotLoss => self.spot_loss(at, ordinal, out),
        }
    }

    /// Makes a recorded failure happen to the node that stands for the machine.
    pub fn fail(&mut self, at: Time, failure: &Failure, names: &mut Names, out: &mut Vec<Event>) {
        if self.nodes.is_empty() {
            return;
        }
        let number = (failure.machine as usize % self.nodes.len()) as u32;
        let state = &self.nodes[number as usize];
        let node = state.id;
        match failure.fault {
            Fault::Left if state.present => self.leave(at, number, out),
            Fault::Joined if !state.present => {
                self.join(at, number, names, out);
                self.ready(at, number, true, out);
            }
            Fault::Silent if state.present && state.upset.is_none() => {
                self.nodes[number as usize].upset = Some(sym::EMPTY);
                out.push(Event::new(at, Track::Cluster, Body::NodeSilent { node }));
            }
            Fault::Returned if state.present && state.upset == Some(sym::EMPTY) => {
                self.nodes[number as usize].upset = None;
                out.push(Event::new(at, Track::Cluster, Body::NodeReturned { node }));
                self.ready(at, number, true, out);
            }
            _ => {}
        }
    }

    fn draw(&self, purpose: Purpose, process: Process, ordinal: u64) -> Draw {
        self.seed.draw(purpose, process as u64, ordinal)
    }

    /// A node that will do. While most nodes will, this takes a draw or two, none of which another node's state
    /// has a part in.
    fn victim(&self, process: Process, ordinal: u64, fits: impl Fn(&State) -> bool) -> Option<u32> {
        const TRIES: u64 = 64;
        let fits = |number: &usize| self.nodes[*number].present && fits(&self.nodes[*number]);
        let draws = (0..TRIES).map(|n| self.draw(Purpose::Victim, process, ordinal * TRIES + n));
        let mut drawn = draws.map(|draw| draw.below(self.nodes.len())).filter(|n| *n < self.nodes.len());
        let found = drawn.find(&fits).or_else(|| (0..self.nodes.len()).find(&fits));
        found.map(|number| number as u32)
    }

    /// The node that has waited longest to be put right, if enough are out of order.
    fn longest_out(&mut self, process: Process) -> Option<u32> {
        let index = ONE_IN.iter().position(|(known, _)| *known == process)?;
        let limit = (self.nodes.len() / ONE_IN[index].1).max(1);
        while self.out[index].len() >= limit {
            let number = self.out[index].pop_front()?;
            let state = &self.nodes[number as usize];
            let out = match process {
                Process::Taint => state.present && state.tainted,
                Process::Cordon => state.present && state.cordoned,
                Process::Condition => state.present && state.upset.is_some_and(|upset| !upset.is_empty()),
                _ => !state.present,
            };
            // A node that has left meanwhile is as new when it joins again.
            if out {
                return Some(number);
            }
        }
        None
    }

    fn put_out(&mut self, process: Process, number: u32) {
        if let Some(index) = ONE_IN.iter().position(|(known, _)| *known == process) {
            self.out[index].push_back(number);
        }
    }

    fn select(&mut self, at: Time, ordinal: u64, out: &mut Vec<Event>) {
        let process = Process::SelectedLabel;
        let Some(number) = self.victim(process, ordinal, |_| true) else { return };
        let which = self.draw(Purpose::Key, process, ordinal).below(SELECTED_KEYS.len());
        let (key, values) = self.maker.selected(which);
        let state = &mut self.nodes[number as usize];
        // Any value but the one that it has.
        let step = 1 + self.seed.draw(Purpose::Value, process as u64, ordinal).below(SELECTED_VALUES - 1);
        let value = (usize::from(state.values[which]) + step) % SELECTED_VALUES;
        state.values[which] = value as u8;
        let body = Body::NodeLabelSet { node: state.id, key, value: values[value] };
        out.push(Event::new(at, Track::Cluster, body));
    }

    fn label(&mut self, at: Time, ordinal: u64, names: &mut Names, out: &mut Vec<Event>) {
        let process = Process::UnmentionedLabel;
        let Some(number) = self.victim(process, ordinal, |_| true) else { return };
        let key = self.keys[self.draw(Purpose::Key, process, ordinal).below(self.keys.len())];
        let value = names.sym(&format!("r{}", self.draw(Purpose::Value, process, ordinal).below(10_000)));
        let body = Body::NodeLabelSet { node: self.nodes[number as usize].id, key, value };
        out.push(Event::new(at, Track::Cluster, body));
    }

    fn taint(&mut self, at: Time, ordinal: u64, names: &mut Names, out: &mut Vec<Event>) {
        let process = Process::Taint;
        if let Some(number) = self.longest_out(process)
            && let Some(Taint { key, effect, .. }) = self.taints.remove(&number)
        {
            let state = &mut self.nodes[number as usize];
            state.tainted = false;
            let body = Body::NodeTaintRemoved { node: state.id, key, effect };
            out.push(Event::new(at, Track::Cluster, body));
            return;
        }
        let Some(number) = self.victim(process, ordinal, |state| !state.tainted) else { return };
        let draw = self.draw(Purpose::Taint, process, ordinal);
        let (key, value) = TAINTS[draw.below(TAINTS.len())];
        let effect = if draw.0 & 1 == 0 { Effect::NoExecute } else { Effect::NoSchedule };
        let taint = Taint { key: names.sym(key), value: names.sym(value), effect };
        self.taints.insert(number, taint);
        self.put_out(process, number);
        let state = &mut self.nodes[number as usize];
        state.tainted = true;
        out.push(Event::new(at, Track::Cluster, Body::NodeTaintAdded { node: state.id, taint }));
    }

    fn cordon(&mut self, at: Time, ordinal: u64, out: &mut Vec<Event>) {
        let process = Process::Cordon;
        if let Some(number) = self.longest_out(process) {
            let state = &mut self.nodes[number as usize];
            state.cordoned = false;
            out.push(Event::new(at, Track::Cluster, Body::NodeUncordoned { node: state.id }));
        } else if let Some(number) = self.victim(process, ordinal, |state| !state.cordoned) {
            self.put_out(process, number);
            let state = &mut self.nodes[number as usize];
            state.cordoned = true;
            out.push(Event::new(at, Track::Cluster, Body::NodeCordoned { node: state.id }));
        }
    }

    fn membership(&mut self, at: Time, ordinal: u64, names: &mut Names, out: &mut Vec<Event>) {
        if let Some(number) = self.longest_out(Process::Membership) {
            self.join(at, number, names, out);
            if self.announce_at_once {
                self.ready(at, number, true, out);
            } else {
                self.unannounced.push_back(number);
            }
        } else if let Some(number) = self.victim(Process::Membership, ordinal, |_| true) {
            self.put_out(Process::Membership, number);
            self.leave(at, number, out);
        }
    }

    fn join(&mut self, at: Time, number: u32, names: &mut Names, out: &mut Vec<Event>) {
        let (node, spec) = self.maker.make(number, names);
        let values = std::array::from_fn(|key| self.maker.initial_value(number, key) as u8);
        let state = &mut self.nodes[number as usize];
        *state = State { id: node, present: true, cordoned: false, tainted: false, upset: None, values };
        let body = Body::NodeJoined { node, spec, created: at.api_seconds() };
        out.push(Event::new(at, Track::Cluster, body));
    }

    fn leave(&mut self, at: Time, number: u32, out: &mut Vec<Event>) {
        let state = &mut self.nodes[number as usize];
        state.present = false;
        self.taints.remove(&number);
        out.push(Event::new(at, Track::Cluster, Body::NodeLeft { node: state.id }));
    }

    fn ready(&self, at: Time, number: u32, ready: bool, out: &mut Vec<Event>) {
        let (status, reason) = if ready {
            (ConditionStatus::True, self.reasons[0])
        } else {
            (ConditionStatus::False, self.reasons[1])
        };
        self.set_condition(at, number, sym::READY, status, reason, out);
    }

    fn set_condition(
        &self,
        at: Time,
        number: u32,
        condition: Sym,
        status: ConditionStatus,
        reason: Sym,
        out: &mut Vec<Event>,
    ) {
        let node = self.nodes[number as usize].id;
        let body = Body::NodeConditionSet { node, condition, status, reason, since: at.api_seconds() };
        out.push(Event::new(at, Track::Cluster, body));
    }

    fn condition(&mut self, at: Time, ordinal: u64, out: &mut Vec<Event>) {
        let process = Process::Condition;
        while let Some(number) = self.unannounced.pop_front() {
            if self.nodes[number as usize].present {
                return self.ready(at, number, true, out);
            }
        }
        if let Some(number) = self.longest_out(process) {
            let upset = self.nodes[number as usize].upset.take().unwrap_or(sym::READY);
            return match upset {
                sym::READY => self.ready(at, number, true, out),
                other => self.set_condition(at, number, other, ConditionStatus::False, sym::EMPTY, out),
            };
        }
        let Some(number) = self.victim(process, ordinal, |state| state.upset.is_none()) else { return };
        let conditions = [sym::READY, sym::MEMORY_PRESSURE, sym::DISK_PRESSURE];
        let which = self.draw(Purpose::Condition, process, ordinal).weighted([5, 3, 2].into_iter());
        self.nodes[number as usize].upset = Some(conditions[which]);
        self.put_out(process, number);
        match conditions[which] {
            sym::READY => self.ready(at, number, false, out),
            other => self.set_condition(at, number, other, ConditionStatus::True, sym::EMPTY, out),
        }
    }

    fn rollout(&mut self, at: Time, ordinal: u64, names: &mut Names, out: &mut Vec<Event>) {
        let which = self.draw(Purpose::Rollout, Process::Rollout, ordinal).below(self.daemon_sets.len());
        let Some(daemon_set) = self.daemon_sets.get(which) else { return };
        self.images[which] += 1;
        let manifest = daemon_set.manifest(self.images[which], names);
        let body = Body::Applied { object: daemon_set.object, manifest };
        out.push(Event::new(at, Track::User, body));
    }

    fn spot_loss(&mut self, at: Time, ordinal: u64, out: &mut Vec<Event>) {
        let zone = self.maker.zone_of_loss(self.draw(Purpose::Loss, Process::SpotLoss, ordinal));
        for number in 0..self.nodes.len() as u32 {
            let spot = self.seed.draw(Purpose::Loss, u64::from(number), u64::MAX).below(SPOT_ONE_IN) == 0;
            if !spot || !self.nodes[number as usize].present || self.maker.zone(number) != zone {
                continue;
            }
            self.leave(at, number, out);
            let away = self.seed.draw(Purpose::Loss, u64::from(number), ordinal).exponential(SPOT_AWAY);
            self.agenda.insert((at + away + Micros::seconds(30), self.agendas), Deed::Join(number));
            self.agendas += 1;
        }
    }
}
