//! Whether a node will have a pod, after the filter plugins of the default profile, in their order.

use super::usage::{Usage, allocatable};
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
    fn text(&self) -> String {
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
    fn resolvable(&self) -> bool {
        matches!(self, Rejection::Ports | Rejection::TooManyPods | Rejection::Insufficient(_, false))
    }
}

/// Whether a node will have a pod of a shape; the first plugin that refuses says why.
pub(super) fn check(
    cluster: &Cluster,
    names: &Names,
    usage: &Usage,
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
    if shape.host_ports.iter().any(|wanted| port_taken(usage, id, *wanted, names)) {
        return Err(vec![Rejection::Ports]);
    }
    let lacking = lacking(cluster, names, usage, shape, id);
    if lacking.is_empty() { Ok(()) } else { Err(lacking) }
}

fn port_taken(usage: &Usage, node: NodeId, wanted: (Sym, Sym, u16), names: &Names) -> bool {
    let mut taken = usage.on(node).into_iter().flat_map(|usage| &usage.ports);
    taken.any(|other| ports_conflict(wanted, *other, names))
}

/// Whether two host ports (protocol, address, number) cannot be on one node.
pub fn ports_conflict(a: (Sym, Sym, u16), b: (Sym, Sym, u16), names: &Names) -> bool {
    let any = |address: Sym| names.text(address) == "0.0.0.0";
    (a.0, a.2) == (b.0, b.2) && (a.1 == b.1 || any(a.1) || any(b.1))
}

/// After `fitsRequest`. A node that says nothing about its capacity has room for everything: recordings and
/// hand-made traces may leave it out.
fn lacking(cluster: &Cluster, names: &Names, usage: &Usage, shape: &Shape, node: NodeId) -> Vec<Rejection> {
    let mut lacking = Vec::new();
    let Some(pods) = allocatable(cluster, names, node, sym::PODS) else { return lacking };
    let used = usage.on(node);
    if pods > 0 && used.map_or(0, |u| u.pods) + 1 > pods {
        lacking.push(Rejection::TooManyPods);
    }
    for &(resource, wanted) in shape.requests.iter().filter(|r| r.1 > 0) {
        let total = allocatable(cluster, names, node, resource).unwrap_or(0);
        let taken = used.and_then(|u| u.requests.iter().find(|r| r.0 == resource)).map_or(0, |r| r.1);
        if wanted > total - taken {
            lacking.push(Rejection::Insufficient(names.text(resource).to_owned(), wanted > total));
        }
    }
    lacking
}

/// The message of condition PodScheduled, after `FitError.Error`. `others` nodes were left out because the
/// pod names its node.
pub(super) fn message(nodes: usize, rejected: &[(usize, Vec<Rejection>)], others: usize) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut reasons: Vec<(usize, String)> = Vec::new();
    let mut add = |count: usize, text: String| match reasons.iter_mut().find(|(_, known)| *known == text) {
        Some((known, _)) => *known += count,
        None => reasons.push((count, text)),
    };
    let mut preemptable = 0;
    for (count, rejections) in rejected {
        for rejection in rejections {
            add(*count, rejection.text());
        }
        if !rejections.is_empty() && rejections.iter().all(Rejection::resolvable) {
            preemptable += count;
        }
    }
    if others > 0 {
        add(others, "node(s) didn't satisfy plugin(s) [NodeAffinity]".to_owned());
    }
    let listed = |reasons: Vec<(usize, String)>| {
        let mut texts: Vec<_> = reasons.iter().map(|(count, text)| format!("{count} {text}")).collect();
        texts.sort();
        texts.join(", ")
    };
    let mut preemption = Vec::new();
    if preemptable > 0 {
        preemption.push((preemptable, "No preemption victims found for incoming pod".to_owned()));
    }
    if nodes > preemptable {
        preemption.push((nodes - preemptable, "Preemption is not helpful for scheduling".to_owned()));
    }
    format!(
        "0/{nodes} nodes are available: {}. preemption: 0/{nodes} nodes are available: {}.",
        listed(reasons),
        listed(preemption)
    )
}
