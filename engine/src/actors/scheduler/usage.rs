//! What the pods on each node use. Pods count from binding until they end or are gone, terminating or not.

use crate::actors::pod_set::PodSet;
use crate::cluster::{Cluster, Shape};
use crate::names::{Names, NodeId, PodId, ResourceList, ShapeId, Sym, sym};

/// What is used, per node, and which pod uses it.
#[derive(Debug, Default)]
pub(super) struct Usage {
    nodes: Vec<NodeUsage>,
    /// The pods that are counted.
    counted: PodSet,
}

/// What is used on one node.
#[derive(Debug, Default)]
pub(super) struct NodeUsage {
    pub pods: i64,
    pub requests: Vec<(Sym, i64)>,
    pub ports: Vec<(Sym, Sym, u16)>,
}

impl Usage {
    /// What is used on a node; `None` if nothing ever was.
    pub fn on(&self, node: NodeId) -> Option<&NodeUsage> {
        self.nodes.get(node.index())
    }

    /// Counts a pod, or stops counting it, as its state says. Gives the node that got room.
    pub fn observe(&mut self, cluster: &Cluster, id: PodId) -> Option<NodeId> {
        let pod = cluster.pod(id)?;
        if !pod.bound || pod.terminal() || pod.gone {
            return self.forget(cluster, id);
        }
        self.add(cluster, id, pod.node?, pod.shape);
        None
    }

    /// Counts a pod on a node, unless it is counted.
    pub fn add(&mut self, cluster: &Cluster, id: PodId, node: NodeId, shape_id: ShapeId) {
        let Some(shape) = cluster.shape(shape_id) else { return };
        if !self.counted.insert(id) {
            return;
        }
        if self.nodes.len() <= node.index() {
            self.nodes.resize_with(node.index() + 1, NodeUsage::default);
        }
        let usage = &mut self.nodes[node.index()];
        usage.pods += 1;
        for &(name, amount) in &shape.requests {
            match usage.requests.iter_mut().find(|r| r.0 == name) {
                Some(used) => used.1 += amount,
                None => usage.requests.push((name, amount)),
            }
        }
        usage.ports.extend_from_slice(&shape.host_ports);
    }

    /// Stops counting a pod, which may be gone but whose slot no other pod has yet. Gives the node that got room.
    pub fn forget(&mut self, cluster: &Cluster, id: PodId) -> Option<NodeId> {
        if !self.counted.remove(id) {
            return None;
        }
        let pod = cluster.pod(id)?;
        let (node, shape) = (pod.node?, cluster.shape(pod.shape)?);
        let usage = &mut self.nodes[node.index()];
        usage.pods -= 1;
        for &(name, amount) in &shape.requests {
            if let Some(used) = usage.requests.iter_mut().find(|r| r.0 == name) {
                used.1 -= amount;
            }
        }
        for port in &shape.host_ports {
            if let Some(at) = usage.ports.iter().position(|p| p == port) {
                usage.ports.swap_remove(at);
            }
        }
        Some(node)
    }

    /// How much room a node would have left, 0 to 100, after `LeastAllocated`: the mean over cpu and memory.
    pub fn room_score(&self, cluster: &Cluster, names: &Names, shape: &Shape, node: NodeId) -> i64 {
        let mut scores = Vec::with_capacity(2);
        for resource in [sym::CPU, sym::MEMORY] {
            let allocatable = allocatable(cluster, names, node, resource).unwrap_or(0);
            if allocatable > 0 {
                let wanted = amount(&shape.requests, resource);
                let used = self.on(node).map_or(0, |usage| amount(&usage.requests, resource)) + wanted;
                let free = (allocatable - used).max(0);
                scores.push(i64::try_from(i128::from(free) * 100 / i128::from(allocatable)).unwrap_or(0));
            }
        }
        // Fewer pods first among nodes that are equally full, as spreading would have it.
        let pods = self.on(node).map_or(0, |usage| usage.pods);
        let mean = scores.iter().sum::<i64>() / i64::try_from(scores.len().max(1)).unwrap_or(1);
        mean * 1_000_000 - pods
    }
}

/// A node's allocatable amount of a resource; `None` if the node says nothing at all about its capacity.
pub(super) fn allocatable(cluster: &Cluster, names: &Names, node: NodeId, resource: Sym) -> Option<i64> {
    let ResourceList(list) = names.resource_list(cluster.node(node)?.allocatable?);
    Some(amount(list, resource))
}

fn amount(list: &[(Sym, i64)], resource: Sym) -> i64 {
    list.iter().find(|r| r.0 == resource).map_or(0, |r| r.1)
}
