//! The first decision about a placement that two logs do not share.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::decisions::{Course, Decided, Trail};
use super::per_node::PerNode;
use super::why::Which;
use crate::names::{Names, NodeId, Seq};
use crate::time::Time;

/// A placement whose decisions part, with the first of each log that the other does not have.
#[derive(Clone, Debug)]
pub(super) struct Parted {
    pub at: Time,
    pub daemon_set: String,
    pub node: String,
    pub a: Option<Decided>,
    pub b: Option<Decided>,
}

/// A placement whose decisions part somewhere: where, only the decisions one by one say.
#[derive(Clone, Debug)]
struct Unclear {
    daemon_set: String,
    node: String,
    keys: [(u32, NodeId); 2],
}

/// Placements whose decisions part.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    /// The earliest of those that part with their first decision.
    clear: Option<Parted>,
    unclear: Vec<Unclear>,
}

/// Finds the placements whose decisions part beyond what both logs have alike.
pub(super) fn candidates(a: (&Names, &Trail), b: (&Names, &Trail)) -> Candidates {
    let mut candidates = Candidates::default();
    let mut unclear: Vec<(Time, Unclear)> = Vec::new();
    let sets: BTreeMap<&str, ()> =
        a.1.keys.sets().iter().chain(b.1.keys.sets()).map(|set| (set.as_str(), ())).collect();
    for set in sets.keys() {
        let [in_a, in_b] = [a.1.keys.find_set(set), b.1.keys.find_set(set)];
        let of = |trail: (&Names, &Trail), set: Option<u32>, node: &str| -> Option<(NodeId, Course)> {
            let node = trail.0.find_node(node)?;
            Some((node, *trail.1.courses(set?)?.get(node)?))
        };
        for (node, course) in in_a.and_then(|set| a.1.courses(set)).into_iter().flat_map(PerNode::iter) {
            if course.pattern == 0 {
                continue;
            }
            let name = a.0.node_name(node);
            let other = of(b, in_b, name);
            let (other_node, other) = other.map_or((None, Course::default()), |o| (Some(o.0), o.1));
            if course.pattern == other.pattern {
                continue;
            }
            match (course.first, other.first, other_node) {
                (Some(x), Some(y), Some(node_b)) if x.verb == y.verb => {
                    let keys = [(in_a, node), (in_b, node_b)].map(|(set, node)| (set.unwrap_or(0), node));
                    let names = (set.to_string(), name.to_owned());
                    unclear.push((x.at.min(y.at), Unclear { daemon_set: names.0, node: names.1, keys }));
                }
                (x, y, _) => candidates.add(set, name, x, y),
            }
        }
        for (node, course) in in_b.and_then(|set| b.1.courses(set)).into_iter().flat_map(PerNode::iter) {
            if course.pattern == 0 {
                continue;
            }
            let name = b.0.node_name(node);
            if of(a, in_a, name).is_none_or(|(_, course)| course.pattern == 0) {
                candidates.add(set, name, None, course.first);
            }
        }
    }
    // What began later than the earliest that is known cannot part before it.
    let bound = candidates.clear.as_ref().map_or(Time::MAX, |clear| clear.at);
    candidates.unclear = unclear.into_iter().filter(|(at, _)| *at < bound).map(|(_, u)| u).collect();
    candidates
}

impl Candidates {
    fn add(&mut self, set: &str, node: &str, a: Option<Decided>, b: Option<Decided>) {
        let Some(at) = a.iter().chain(&b).map(|decided| decided.at).min() else { return };
        let better = self
            .clear
            .as_ref()
            .is_none_or(|clear| (at, set, node) < (clear.at, clear.daemon_set.as_str(), clear.node.as_str()));
        if better {
            let (daemon_set, node) = (set.to_owned(), node.to_owned());
            self.clear = Some(Parted { at, daemon_set, node, a, b });
        }
    }

    /// The placements whose decisions a log has to be asked for.
    pub fn unclear(&self, side: Which) -> FxHashSet<(u32, NodeId)> {
        self.unclear.iter().map(|unclear| unclear.keys[side as usize]).collect()
    }

    /// The decisions that may be the answer, as far as they are known yet.
    pub fn possible(&self) -> impl Iterator<Item = (Which, Seq)> {
        let of = |side, decided: Option<Decided>| decided.map(|decided| (side, decided.seq));
        self.clear.iter().flat_map(move |clear| [of(Which::A, clear.a), of(Which::B, clear.b)]).flatten()
    }

    /// The earliest of all, given the decisions that were asked for.
    pub fn first(&self, lists: [&FxHashMap<(u32, NodeId), Vec<Decided>>; 2]) -> Option<Parted> {
        let mut best = self.clear.clone();
        for Unclear { daemon_set, node, keys } in &self.unclear {
            let list = |side: usize| lists[side].get(&keys[side]).map_or(&[][..], Vec::as_slice);
            let (a, b) = (list(0), list(1));
            let same = a.iter().zip(b).take_while(|(a, b)| a.verb == b.verb).count();
            let (a, b) = (a.get(same).copied(), b.get(same).copied());
            let Some(at) = a.iter().chain(&b).map(|decided| decided.at).min() else { continue };
            let better = best
                .as_ref()
                .is_none_or(|best| (at, daemon_set, node) < (best.at, &best.daemon_set, &best.node));
            if better {
                best = Some(Parted { at, daemon_set: daemon_set.clone(), node: node.clone(), a, b });
            }
        }
        best
    }
}
