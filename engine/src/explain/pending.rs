//! What a pod that no node has taken waits for, node by node.

use std::collections::BTreeMap;

use serde::Serialize;

use super::rules::taint_text;
use crate::actors::scheduler::{Probe, Rejection, ports_conflict};
use crate::cluster::{Cluster, Pod, Shape};
use crate::names::{Effect, Names, NodeId, PodId, Sym, sym};

/// How many holders of a resource are named, and how many nodes of one reason.
const NAMED_MAX: usize = 8;

/// What a pod waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// `namespace/name`.
    pub pod: String,
    /// Its priority.
    pub priority: i32,
    /// The node that it is for, and so the only one that can take it; `None` if any may.
    pub only_node: Option<String>,
    /// Why nodes do not take it, like with like. Empty: nothing is in the way, and the scheduler has only not
    /// got to it yet.
    pub refusals: Vec<NodeRefusal>,
}

/// Nodes that refuse for the same reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRefusal {
    /// The first of them by name.
    pub nodes: Vec<String>,
    /// How many there are.
    pub count: usize,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// Why a node does not take a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reason {
    /// The node does not exist.
    NodeMissing,
    /// It is cordoned.
    Cordoned,
    /// The pod names another node.
    NodeName,
    /// It has taints that the pod does not tolerate.
    Taints {
        /// `key=value:Effect`.
        taints: Vec<String>,
    },
    /// It does not match the pod's node selector or required affinity.
    Affinity,
    /// Host ports are taken.
    Ports {
        /// Which, and by which pods.
        taken: Vec<Held>,
    },
    /// It has as many pods as it may.
    TooManyPods {
        /// `status.allocatable.pods`.
        allocatable: i64,
        /// Pods on it.
        used: i64,
    },
    /// It lacks a resource.
    Insufficient {
        /// Which.
        resource: String,
        /// What the pod asks for: millicores of cpu, whole units of everything else.
        requested: i64,
        /// What the node can give to all its pods.
        allocatable: i64,
        /// What is given.
        used: i64,
        /// To whom, the most first.
        held_by: Vec<Held>,
        /// How many more hold some.
        more: usize,
    },
}

/// A pod that holds something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// What: `TCP 8080`, or how much.
    pub what: String,
    /// The pod, `namespace/name`.
    pub pod: String,
    /// Its priority: a pod of higher priority may take its place.
    pub priority: i32,
    /// Whether it is being deleted, so that waiting helps.
    pub terminating: bool,
}

impl Pending {
    /// What an unbound pod waits for. Takes time proportional to the pods of the nodes that it could go to.
    pub(super) fn of(cluster: &Cluster, names: &Names, id: PodId) -> Option<Pending> {
        let pod = cluster.pod(id).filter(|pod| !pod.gone && !pod.bound && !pod.terminating())?;
        let shape = cluster.shape(pod.shape)?;
        let mut by_reasons: BTreeMap<Vec<Reason>, Vec<NodeId>> = BTreeMap::new();
        let nodes = pod.node.as_ref().map_or(cluster.nodes(), std::slice::from_ref);
        let probe = Probe::of(cluster, nodes);
        for &node in nodes {
            let reasons = reasons(cluster, names, &probe, shape, node, pod.node.is_none());
            if reasons.is_empty() {
                // One node that takes it is enough.
                by_reasons.clear();
                break;
            }
            by_reasons.entry(reasons).or_default().push(node);
        }
        let mut refusals: Vec<NodeRefusal> = by_reasons
            .into_iter()
            .map(|(reasons, nodes)| NodeRefusal {
                count: nodes.len(),
                nodes: nodes.iter().take(NAMED_MAX).map(|n| names.node_name(*n).to_owned()).collect(),
                reasons,
            })
            .collect();
        refusals.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.nodes.cmp(&b.nodes)));
        Some(Pending {
            pod: pod_name(cluster, names, id, &pod),
            priority: cluster.priority(shape, names).0,
            only_node: pod.node.map(|node| names.node_name(node).to_owned()),
            refusals,
        })
    }

    /// The host ports that are taken, and by which pods.
    pub fn ports_taken(&self) -> impl Iterator<Item = &Held> {
        let reasons = self.refusals.iter().flat_map(|refusal| &refusal.reasons);
        reasons
            .filter_map(|reason| if let Reason::Ports { taken } = reason { Some(taken) } else { None })
            .flatten()
    }
}

/// `namespace/name`.
pub(super) fn pod_name(cluster: &Cluster, names: &Names, id: PodId, pod: &Pod) -> String {
    format!("{}/{}", names.text(pod.namespace), cluster.pod_name(id, names))
}

/// Why a node does not take a pod. `brief` leaves out who holds what, so that nodes can be told together.
fn reasons(
    cluster: &Cluster,
    names: &Names,
    probe: &Probe,
    shape: &Shape,
    node: NodeId,
    brief: bool,
) -> Vec<Reason> {
    let Some(facts) = cluster.present_node(node) else { return vec![Reason::NodeMissing] };
    let rejections = probe.rejections(cluster, names, shape, node);
    let on_node = || OnNode { cluster, names, pods: &facts.pods };
    let reason = |rejection: Rejection| match rejection {
        Rejection::Unschedulable => Reason::Cordoned,
        Rejection::NodeName => Reason::NodeName,
        Rejection::Affinity => Reason::Affinity,
        Rejection::Taints => {
            let taints = facts.taints.iter().filter(|taint| {
                taint.effect != Effect::PreferNoSchedule && !shape.placement.tolerates(taint, names)
            });
            Reason::Taints { taints: taints.map(|taint| taint_text(taint, names)).collect() }
        }
        Rejection::Ports if brief => Reason::Ports { taken: Vec::new() },
        Rejection::Ports => Reason::Ports { taken: on_node().ports(shape) },
        Rejection::TooManyPods => {
            let used = on_node().running().count() as i64;
            Reason::TooManyPods { allocatable: allocatable(cluster, names, node, sym::PODS), used }
        }
        Rejection::Insufficient(resource, _) => {
            let key = names.find_sym(&resource).unwrap_or_default();
            let requested = amount(&shape.requests, key);
            let total = allocatable(cluster, names, node, key);
            let (used, mut held_by) = on_node().amounts(key);
            let (total, used) = if brief { (0, 0) } else { (total, used) };
            let more = held_by.len().saturating_sub(NAMED_MAX);
            held_by.truncate(if brief { 0 } else { NAMED_MAX });
            Reason::Insufficient { resource, requested, allocatable: total, used, held_by, more }
        }
    };
    rejections.into_iter().map(reason).collect()
}

/// The pods of one node.
struct OnNode<'a> {
    cluster: &'a Cluster,
    names: &'a Names,
    pods: &'a [PodId],
}

impl<'a> OnNode<'a> {
    /// Pods that take room: all but those that have ended.
    fn running(&self) -> impl Iterator<Item = (PodId, Pod, &'a Shape)> {
        let cluster = self.cluster;
        self.pods.iter().filter_map(move |id| {
            let pod = cluster.pod(*id).filter(|pod| !pod.gone && !pod.terminal())?;
            Some((*id, pod, cluster.shape(pod.shape)?))
        })
    }

    fn held(&self, what: String, id: PodId, pod: &Pod, shape: &Shape) -> Held {
        Held {
            what,
            pod: pod_name(self.cluster, self.names, id, pod),
            priority: self.cluster.priority(shape, self.names).0,
            terminating: pod.terminating(),
        }
    }

    fn ports(&self, wanted: &Shape) -> Vec<Held> {
        let mut taken = Vec::new();
        for (id, pod, shape) in self.running() {
            for port in &wanted.host_ports {
                if shape.host_ports.iter().any(|other| ports_conflict(*port, *other, self.names)) {
                    let what = format!("{} {}", self.names.text(port.0), port.2);
                    taken.push(self.held(what, id, &pod, shape));
                }
            }
        }
        taken.sort();
        taken
    }

    /// How much of a resource is used in all, and by whom, the most first.
    fn amounts(&self, resource: Sym) -> (i64, Vec<Held>) {
        let mut holders: Vec<_> = self
            .running()
            .map(|(id, pod, shape)| (amount(&shape.requests, resource), id, pod, shape))
            .filter(|holder| holder.0 > 0)
            .collect();
        let used = holders.iter().map(|holder| holder.0).sum();
        holders.sort_by_cached_key(|(amount, id, pod, _)| {
            (std::cmp::Reverse(*amount), pod_name(self.cluster, self.names, *id, pod))
        });
        let held = holders.iter().map(|(amount, id, pod, shape)| {
            let what = if resource == sym::CPU { format!("{amount}m") } else { amount.to_string() };
            self.held(what, *id, pod, shape)
        });
        (used, held.collect())
    }
}

fn allocatable(cluster: &Cluster, names: &Names, node: NodeId, resource: Sym) -> i64 {
    let list = cluster.node(node).and_then(|node| node.allocatable);
    list.map_or(0, |list| amount(&names.resource_list(list).0, resource))
}

fn amount(list: &[(Sym, i64)], resource: Sym) -> i64 {
    list.iter().find(|r| r.0 == resource).map_or(0, |r| r.1)
}
