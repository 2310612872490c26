//! The placement decisions of a log, apart from when they were taken: which pod was created or deleted for
//! which node, in which order for each node.
//!
//! A recording and its replay never agree to the microsecond. What they have to agree in is this.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::event::{Body, Event};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, sym};
use crate::time::Time;

use super::run::DiffError;
use super::side::{Side, SideError};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// A pod was created.
    Created,
    /// A pod's deletion was accepted.
    Deleted,
}

/// A decision about a daemon pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub verb: Verb,
    /// When.
    pub at: Time,
    /// The event's number.
    pub seq: Seq,
}

/// The first placement decision in which two logs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionDivergence {
    /// The DaemonSet, as `namespace/name`.
    pub daemon_set: String,
    /// The node.
    pub node: String,
    /// What the first log decided; `None` if it had nothing more to decide.
    pub a: Option<Decision>,
    /// What the second log decided; `None` if it had nothing more to decide.
    pub b: Option<Decision>,
}

impl DecisionDivergence {
    /// When the earlier of the two was taken.
    pub fn at(&self) -> Time {
        let times = self.a.iter().chain(&self.b).map(|decision| decision.at);
        times.min().unwrap_or(Time::MAX)
    }
}

/// Reads daemon pods' decisions off a log's events, without the state.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    pods: FxHashMap<PodId, (ObjectId, NodeId)>,
}

impl Decisions {
    /// The DaemonSet and the node that an event decides about, if it does.
    pub fn observe(&mut self, names: &Names, event: &Event) -> Option<(ObjectId, NodeId, Verb)> {
        match event.body {
            Body::PodCreated { pod, owner, node, .. } => {
                self.pods.remove(&pod);
                let owner = owner.filter(|owner| names.object_key(*owner).kind == sym::DAEMON_SET)?;
                let node = node?;
                self.pods.insert(pod, (owner, node));
                Some((owner, node, Verb::Created))
            }
            Body::PodDeleted { pod, .. } => {
                let &(owner, node) = self.pods.get(&pod)?;
                Some((owner, node, Verb::Deleted))
            }
            Body::PodReleased { pod } => {
                self.pods.remove(&pod);
                None
            }
            _ => None,
        }
    }
}

/// Finds the first placement decision in which two logs differ, whenever they took it: for each DaemonSet and
/// node the sequences of creations and deletions are compared, and of the places where they part the earliest
/// is the answer; `None` if they do not part.
///
/// # Errors
/// A log cannot be read.
pub fn first_decision(a: Side<'_>, b: Side<'_>) -> Result<Option<DecisionDivergence>, DiffError> {
    let mut keys = Keys::default();
    let mut parted: Option<(Time, u32, [Option<Decision>; 2])> = None;
    let mut sides = [Reading::new(a), Reading::new(b)];
    loop {
        let [one, two] = &mut sides;
        let times = [one.side.peek().map_err(DiffError::A)?, two.side.peek().map_err(DiffError::B)?];
        // Read in step, so that little waits for its counterpart.
        let which = match times {
            [None, None] => break,
            [Some(_), None] => 0,
            [None, Some(_)] => 1,
            [Some(x), Some(y)] => usize::from(y < x),
        };
        let wrap = if which == 0 { DiffError::A } else { DiffError::B };
        let Some((key, decision)) = sides[which].next(&mut keys).map_err(wrap)? else { continue };
        if let Some(differ) = keys.meet(key, which, decision) {
            earlier(&mut parted, key, differ);
        }
    }
    for key in 0..keys.waiting.len() as u32 {
        if let Some(alone) = keys.alone(key) {
            earlier(&mut parted, key, alone);
        }
    }
    Ok(parted.map(|(_, key, [a, b])| {
        let (daemon_set, node) = keys.names[key as usize].clone();
        DecisionDivergence { daemon_set, node, a, b }
    }))
}

fn earlier(best: &mut Option<(Time, u32, [Option<Decision>; 2])>, key: u32, found: [Option<Decision>; 2]) {
    let at = found.iter().flatten().map(|decision| decision.at).min().unwrap_or(Time::MAX);
    if best.is_none_or(|(time, ..)| at < time) {
        *best = Some((at, key, found));
    }
}

/// A log being read for its decisions.
struct Reading<'a> {
    side: Side<'a>,
    decisions: Decisions,
    keys: FxHashMap<(ObjectId, NodeId), u32>,
}

impl<'a> Reading<'a> {
    fn new(side: Side<'a>) -> Self {
        Reading { side, decisions: Decisions::default(), keys: FxHashMap::default() }
    }

    fn next(&mut self, keys: &mut Keys) -> Result<Option<(u32, Decision)>, SideError> {
        let Some(event) = self.side.skip()? else { return Ok(None) };
        let names = self.side.names();
        let Some((owner, node, verb)) = self.decisions.observe(names, &event) else { return Ok(None) };
        let key = *self.keys.entry((owner, node)).or_insert_with(|| keys.of(names, owner, node));
        Ok(Some((key, Decision { verb, at: event.at, seq: self.side.last() })))
    }
}

/// DaemonSets and nodes of both logs, with the decisions that one log took and the other not yet.
#[derive(Default)]
struct Keys {
    by_name: FxHashMap<(String, String), u32>,
    names: Vec<(String, String)>,
    waiting: Vec<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Which log is ahead.
    ahead: usize,
    decisions: VecDeque<Decision>,
    /// Whether the logs have parted here; what follows is no news.
    parted: bool,
}

impl Keys {
    fn of(&mut self, names: &Names, owner: ObjectId, node: NodeId) -> u32 {
        let name = (names.object_name(owner), names.node_name(node).to_owned());
        *self.by_name.entry(name.clone()).or_insert_with(|| {
            self.names.push(name);
            self.waiting.push(Waiting::default());
            self.names.len() as u32 - 1
        })
    }

    /// A log's next decision meets the other's, or waits for it. Gives the two if they differ.
    fn meet(&mut self, key: u32, which: usize, decision: Decision) -> Option<[Option<Decision>; 2]> {
        let waiting = &mut self.waiting[key as usize];
        if waiting.parted {
            return None;
        }
        if waiting.decisions.is_empty() || waiting.ahead == which {
            waiting.ahead = which;
            waiting.decisions.push_back(decision);
            return None;
        }
        let other = waiting.decisions.pop_front()?;
        if other.verb == decision.verb {
            return None;
        }
        waiting.parted = true;
        Some(if which == 0 { [Some(decision), Some(other)] } else { [Some(other), Some(decision)] })
    }

    /// The first decision that the other log never took.
    fn alone(&mut self, key: u32) -> Option<[Option<Decision>; 2]> {
        let waiting = &mut self.waiting[key as usize];
        let decision = waiting.decisions.pop_front().filter(|_| !waiting.parted);
        decision
            .map(|decision| if waiting.ahead == 0 { [Some(decision), None] } else { [None, Some(decision)] })
    }
}
