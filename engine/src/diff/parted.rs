//! The first decision about a placement that two logs do not share.

use std::collections::BTreeSet;

use super::decisions::{Decided, Trail};
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

/// A log's decisions up to and at a moment.
#[derive(Clone, Copy)]
pub(super) struct Course<'t> {
    pub names: &'t Names,
    pub trail: &'t Trail,
    pub until: Time,
}

impl Course<'_> {
    /// The decisions about a placement after an event, in order.
    fn beyond(&self, seq: Seq, set: Option<u32>, node: Option<NodeId>, out: &mut Vec<Decided>) {
        out.clear();
        let Some((set, node)) = set.zip(node) else { return };
        let decisions = self.trail.decisions(set, node, self.until);
        out.extend(decisions.take_while(|decided| decided.seq > seq));
        out.reverse();
    }
}

/// Finds the first placement, by time, whose decisions part beyond `same_until`, up to which both logs have the same events.
/// Takes time proportional to the decisions beyond it.
pub(super) fn first(a: Course<'_>, b: Course<'_>, same_until: Seq) -> Option<Parted> {
    let in_b = counterparts(a.names, b.names);
    let in_a = counterparts(b.names, a.names);
    let (mut best, mut of_a, mut of_b): (Option<Parted>, _, _) = (None, Vec::new(), Vec::new());
    let sets: BTreeSet<&String> = a.trail.sets().iter().chain(b.trail.sets()).collect();
    for set in sets {
        let (set_a, set_b) = (a.trail.find_set(set), b.trail.find_set(set));
        let nodes_a = set_a.into_iter().flat_map(|set| a.trail.nodes(set));
        let nodes_a = nodes_a.map(|node| (Some(node), in_b[node.index()]));
        let nodes_b = set_b.into_iter().flat_map(|set| b.trail.nodes(set));
        let nodes_b = nodes_b.map(|node| (in_a[node.index()], Some(node)));
        // What the first log decides about was met among its own.
        let only_b = nodes_b.filter(|(node_a, _)| {
            set_a
                .zip(*node_a)
                .is_none_or(|(set, node)| a.trail.decisions(set, node, a.until).next().is_none())
        });
        for (node_a, node_b) in nodes_a.chain(only_b) {
            a.beyond(same_until, set_a, node_a, &mut of_a);
            b.beyond(same_until, set_b, node_b, &mut of_b);
            let same = of_a.iter().zip(&of_b).take_while(|(a, b)| a.verb == b.verb).count();
            let (x, y) = (of_a.get(same).copied(), of_b.get(same).copied());
            let Some(at) = x.iter().chain(&y).map(|decided| decided.at).min() else { continue };
            let name = match (node_a, node_b) {
                (Some(node), _) => a.names.node_name(node),
                (None, Some(node)) => b.names.node_name(node),
                (None, None) => continue,
            };
            let earlier = |best: &Parted| {
                (at, set.as_str(), name) < (best.at, best.daemon_set.as_str(), best.node.as_str())
            };
            if best.as_ref().is_none_or(earlier) {
                best = Some(Parted { at, daemon_set: set.clone(), node: name.to_owned(), a: x, b: y });
            }
        }
    }
    best
}

/// The other log's number of each node's name.
fn counterparts(names: &Names, other: &Names) -> Vec<Option<NodeId>> {
    let all = (0..names.node_count()).map(NodeId::from_index);
    all.map(|node| other.find_node(names.node_name(node))).collect()
}
