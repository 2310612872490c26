//! What a kubelet refuses to run, after its `predicateAdmitHandler`: the scheduler looked at the node as it was then, and
//! a template that names its node has met no scheduler at all.

use crate::actors::capacity::{Amounts, Lack, NodeUsage, lacking};
use crate::cluster::{Cluster, Pod, Shape};
use crate::names::{Effect, Names, NodeId, PodId, Sym, Taint, sym};

/// The reason with which a pod that has just come to a node fails there; `None` if it may run. Pods in `newer` came
/// after it and do not count yet.
pub(super) fn refusal(
    cluster: &Cluster,
    names: &Names,
    (id, pod): (PodId, &Pod),
    newer: impl Fn(PodId) -> bool,
) -> Option<String> {
    let (node_id, shape) = (pod.node?, cluster.shape(pod.shape)?);
    let node = cluster.present_node(node_id)?;
    // The kubelet's own (static) pods are not refused: others make room for them.
    if pod.owner.is_some_and(|owner| names.text(names.object_key(owner).kind) == "Node") {
        return None;
    }
    let used = usage(cluster, node_id, |other| other != id && !newer(other));
    if let Some(resource) = first_lack(cluster, names, &used.amounts, shape, node_id) {
        return Some(format!("OutOf{}", names.text(resource)));
    }
    let placement = &shape.placement;
    let repels = |taint: &Taint| taint.effect == Effect::NoExecute && !placement.tolerates(taint, names);
    let reason = if !placement.selects(node.name, &node.labels, names) {
        "NodeAffinity"
    } else if placement.node_name.is_some_and(|name| name != node.name) {
        "NodeName"
    } else if used.takes_ports_of(shape, names) {
        "NodePorts"
    } else if node.taints.iter().any(repels) {
        "TaintToleration"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

/// What some of a node's pods use.
fn usage(cluster: &Cluster, node: NodeId, counts: impl Fn(PodId) -> bool) -> NodeUsage<'static> {
    let mut used = NodeUsage::default();
    let pods = cluster.node(node).into_iter().flat_map(|node| &node.pods);
    for pod in pods.filter(|pod| counts(**pod)).filter_map(|pod| cluster.pod(*pod)) {
        if let Some(shape) = cluster.shape(pod.shape).filter(|_| !pod.terminal()) {
            used.add(shape);
        }
    }
    used
}

/// The first resource that is lacking, in upstream's order. Devices that the node knows nothing of are the scheduler's
/// concern alone.
fn first_lack(cluster: &Cluster, names: &Names, used: &Amounts, shape: &Shape, node: NodeId) -> Option<Sym> {
    let order = |resource: Sym| match resource {
        sym::PODS => 0,
        sym::CPU => 1,
        sym::MEMORY => 2,
        other if names.text(other) == "ephemeral-storage" => 3,
        _ => 4,
    };
    let known = |resource: Sym| {
        let list = cluster.node(node).and_then(|node| node.allocatable);
        list.is_none_or(|list| names.resource_list(list).0.iter().any(|(name, _)| *name == resource))
    };
    let extended = |name: &str| name.contains('/') && !name.contains("kubernetes.io/");
    let lacking =
        lacking(cluster, names, used, shape, node).into_iter().map(|Lack { resource, .. }| resource);
    let counts = |resource: &Sym| known(*resource) || !extended(names.text(*resource));
    lacking.filter(counts).min_by_key(|resource| (order(*resource), names.text(*resource)))
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
