//! Whether a node will have a pod, after the filter plugins of the default profile, in their order.

use crate::actors::capacity::{Lack, NodeUsage, lacking};
use crate::cluster::{Cluster, Shape};
use crate::names::{Effect, Names, NodeId, Sym, Taint, sym};

/// Why a node will not have a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    /// It is cordoned.
    Unschedulable,
    /// The pod names another node, or the node does not exist.
    NodeName,
    /// A taint is not tolerated.
    Taints,
    /// Node selector or required affinity do not match.
    Affinity,
    /// A host port is taken.
    Ports,
    /// It has as many pods as it may.
    TooManyPods,
    /// The resource, and whether the request is more than the node has at all.
    Insufficient(String, bool),
}

impl Rejection {
    /// The words of the pod condition's message.
    pub(super) fn text(&self) -> String {
        match self {
            Rejection::Unschedulable => "node(s) were unschedulable".to_owned(),
            Rejection::NodeName => "node(s) didn't match the requested node name".to_owned(),
            Rejection::Taints => "node(s) had untolerated taint(s)".to_owned(),
            Rejection::Affinity => "node(s) didn't match Pod's node affinity/selector".to_owned(),
            Rejection::Ports => "node(s) didn't have free ports for the requested pod ports".to_owned(),
            Rejection::TooManyPods => "Too many pods".to_owned(),
            Rejection::Insufficient(resource, _) => format!("Insufficient {resource}"),
        }
    }

    /// Whether removing pods of lower priority could help.
    pub(super) fn resolvable(&self) -> bool {
        matches!(self, Rejection::Ports | Rejection::TooManyPods | Rejection::Insufficient(_, false))
    }
}

/// Whether a node on which this much is used will have a pod of a shape; the first plugin that refuses says why.
pub(super) fn check(
    cluster: &Cluster,
    names: &Names,
    used: &NodeUsage<'_>,
    shape: &Shape,
    id: NodeId,
) -> Result<(), Vec<Rejection>> {
    let Some(node) = cluster.present_node(id) else { return Err(vec![Rejection::NodeName]) };
    let placement = &shape.placement;
    let unschedulable =
        Taint { key: sym::TAINT_UNSCHEDULABLE, value: Sym::EMPTY, effect: Effect::NoSchedule };
    if node.unschedulable && !placement.tolerates(&unschedulable, names) {
        return Err(vec![Rejection::Unschedulable]);
    }
    if placement.node_name.is_some_and(|name| name != node.name) {
        return Err(vec![Rejection::NodeName]);
    }
    let repels = |taint: &&Taint| taint.effect != Effect::PreferNoSchedule;
    if node.taints.iter().filter(repels).any(|taint| !placement.tolerates(taint, names)) {
        return Err(vec![Rejection::Taints]);
    }
    if !placement.selects(node.name, &node.labels, names) {
        return Err(vec![Rejection::Affinity]);
    }
    if used.takes_ports_of(shape, names) {
        return Err(vec![Rejection::Ports]);
    }
    let lacking = lacking(cluster, names, &used.amounts, shape, id);
    let rejection = |lack: &Lack| match lack.resource {
        sym::PODS => Rejection::TooManyPods,
        resource => Rejection::Insufficient(names.text(resource).to_owned(), lack.hopeless),
    };
    if lacking.is_empty() { Ok(()) } else { Err(lacking.iter().map(rejection).collect()) }
}

/// Nodes that refuse a pod.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// How many there are that refuse for the same reasons.
    counted: Vec<(usize, Vec<Rejection>)>,
    /// How many nodes were left out because the pod names its node.
    pub others: usize,
    /// Those where removing pods of lower priority could help.
    pub resolvable: Vec<NodeId>,
}

impl Refusals {
    pub fn add(&mut self, node: NodeId, reasons: Vec<Rejection>) {
        if reasons.iter().all(Rejection::resolvable) {
            self.resolvable.push(node);
        }
        match self.counted.iter_mut().find(|(_, known)| *known == reasons) {
            Some((count, _)) => *count += 1,
            None => self.counted.push((1, reasons)),
        }
    }

    /// The message of condition PodScheduled, after `FitError.Error`. `room` is what came of making room: nothing if
    /// there will be some.
    pub fn message(&self, nodes: usize, room: &str) -> String {
        if nodes == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let mut reasons: Vec<(usize, String)> = Vec::new();
        for (count, rejections) in &self.counted {
            rejections.iter().for_each(|rejection| count_in(&mut reasons, *count, rejection.text()));
        }
        if self.others > 0 {
            count_in(&mut reasons, self.others, "node(s) didn't satisfy plugin(s) [NodeAffinity]".to_owned());
        }
        let room = if room.is_empty() { String::new() } else { format!(" {room}") };
        format!("0/{nodes} nodes are available: {}.{room}", listed(reasons))
    }
}

/// Counts a reason that was met so many times.
pub(super) fn count_in(reasons: &mut Vec<(usize, String)>, count: usize, text: String) {
    match reasons.iter_mut().find(|(_, known)| *known == text) {
        Some((known, _)) => *known += count,
        None => reasons.push((count, text)),
    }
}

/// Counted reasons in upstream's order: that of their texts.
pub(super) fn listed(reasons: Vec<(usize, String)>) -> String {
    let mut texts: Vec<_> = reasons.iter().map(|(count, text)| format!("{count} {text}")).collect();
    texts.sort();
    texts.join(", ")
}
