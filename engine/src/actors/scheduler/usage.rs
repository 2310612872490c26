//! What the pods on each node use. Pods count from binding until they end or are gone, terminating or not; to pods of no
//! higher priority also those that were promised room.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use super::ports::{PortList, PortLists};
use crate::actors::capacity::{Amounts, NodeUsage, allocatable, amount};
use crate::actors::pod_set::PodSet;
use crate::cluster::{Cluster, Shape};
use crate::names::{Names, NodeId, PodId, ShapeId, sym};

/// A pod that looks for a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub pod: PodId,
    pub shape: &'a Shape,
    pub priority: i32,
}

/// What is used, per node, and which pod uses it.
#[derive(Debug, Default)]
pub(super) struct Usage {
    amounts: Vec<Amounts>,
    /// By node, as far as pods with host ports have come.
    ports: Vec<PortList>,
    port_lists: PortLists,
    /// The pods that are counted.
    counted: PodSet,
    /// Pods for which room is being made, by the node (`status.nominatedNodeName`), and the other way round.
    promised: FxHashMap<NodeId, Vec<PodId>>,
    promises: FxHashMap<PodId, NodeId>,
}

static NOTHING: Amounts = Amounts::NOTHING;

impl Usage {
    /// What is used on a node.
    pub fn on(&self, node: NodeId) -> NodeUsage<'_> {
        let ports = self.ports.get(node.index()).copied().unwrap_or(PortList::NONE);
        NodeUsage {
            amounts: Cow::Borrowed(self.amounts.get(node.index()).unwrap_or(&NOTHING)),
            ports: Cow::Borrowed(self.port_lists.get(ports)),
        }
    }

    /// What is used on a node as a pod sees it, after `RunFilterPluginsWithNominatedPods`: others of at least its
    /// priority count as soon as they were promised room.
    pub fn seen_by(
        &self,
        cluster: &Cluster,
        names: &Names,
        wanted: &Wanted<'_>,
        node: NodeId,
    ) -> NodeUsage<'_> {
        let mut used = self.on(node);
        for pod in self.promised_on(node).iter().filter(|pod| **pod != wanted.pod) {
            let Some(shape) = cluster.pod(*pod).and_then(|pod| cluster.shape(pod.shape)) else { continue };
            if cluster.priority(shape, names).0 >= wanted.priority {
                used.add(shape);
            }
        }
        used
    }

    /// Pods that were promised room on a node.
    pub fn promised_on(&self, node: NodeId) -> &[PodId] {
        self.promised.get(&node).map_or(&[], Vec::as_slice)
    }

    /// Takes note of a promise, or that there is none any more. Gives the node of the one before.
    pub fn promise(&mut self, pod: PodId, node: Option<NodeId>) -> Option<NodeId> {
        let before = match node {
            Some(node) => self.promises.insert(pod, node),
            None => self.promises.remove(&pod),
        };
        if before == node {
            return before;
        }
        if let Some(list) = before.and_then(|node| self.promised.get_mut(&node)) {
            list.retain(|other| *other != pod);
        }
        if let Some(node) = node {
            self.promised.entry(node).or_default().push(pod);
        }
        before
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
        if self.amounts.len() <= node.index() {
            self.amounts.resize_with(node.index() + 1, Amounts::default);
        }
        self.amounts[node.index()].add(shape);
        if shape.host_ports.is_empty() {
            return;
        }
        if self.ports.len() <= node.index() {
            self.ports.resize(node.index() + 1, PortList::NONE);
        }
        self.port_lists.add(&mut self.ports[node.index()], &shape.host_ports);
    }

    /// Stops counting a pod, which may be gone but whose slot no other pod has yet. Gives the node that got room.
    pub fn forget(&mut self, cluster: &Cluster, id: PodId) -> Option<NodeId> {
        if !self.counted.remove(id) {
            return None;
        }
        let pod = cluster.pod(id)?;
        let node = pod.node?;
        let shape = cluster.shape(pod.shape)?;
        self.amounts[node.index()].remove(shape);
        if !shape.host_ports.is_empty() {
            self.port_lists.remove(&mut self.ports[node.index()], &shape.host_ports);
        }
        Some(node)
    }

    /// How much room a node would have left, 0 to 100, after `LeastAllocated`: the mean over cpu and memory.
    pub fn room_score(&self, cluster: &Cluster, names: &Names, shape: &Shape, node: NodeId) -> i64 {
        let mut scores = Vec::with_capacity(2);
        for resource in [sym::CPU, sym::MEMORY] {
            let allocatable = allocatable(cluster, names, node, resource).unwrap_or(0);
            if allocatable > 0 {
                let used = self.on(node).amounts.amount(resource) + amount(&shape.requests, resource);
                let free = (allocatable - used).max(0);
                scores.push(i64::try_from(i128::from(free) * 100 / i128::from(allocatable)).unwrap_or(0));
            }
        }
        // Fewer pods first among nodes that are equally full, as spreading would have it.
        let mean = scores.iter().sum::<i64>() / i64::try_from(scores.len().max(1)).unwrap_or(1);
        mean * 1_000_000 - self.on(node).amounts.pods()
    }
}
