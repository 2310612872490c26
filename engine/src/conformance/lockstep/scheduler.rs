//! The scenario's scheduler: tries every pod on its one node, in every round.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::order;
use crate::cluster::{Change, Cluster, Shape};
use crate::event::{Body, Event, Flags, Track};
use crate::names::{Effect, Names, NodeId, PodId, Seq, Sym, sym};
use crate::sim::{Actor, Context};
use crate::time::Time;

/// Binds pods that fit the node that they are for. There is no preemption and no backoff: a pod that does not
/// fit is tried again in every round.
#[derive(Debug, Default)]
pub(super) struct Scheduler {
    created: BTreeMap<PodId, Time>,
}

/// What the pods of a node use, those that were bound in this act included.
#[derive(Clone, Debug, Default)]
struct Used {
    pods: i64,
    amounts: BTreeMap<Sym, i64>,
    ports: Vec<(Sym, Sym, u16)>,
}

impl Used {
    fn of(cluster: &Cluster, node: NodeId) -> Used {
        let mut used = Used::default();
        let pods = cluster.node(node).map_or(&[][..], |node| &node.pods);
        for pod in pods.iter().filter_map(|id| cluster.pod(*id)).filter(|pod| !pod.terminal()) {
            if let Some(shape) = cluster.shape(pod.shape) {
                used.add(shape);
            }
        }
        used
    }

    fn add(&mut self, shape: &Shape) {
        self.pods += 1;
        for &(name, amount) in &shape.requests {
            *self.amounts.entry(name).or_insert(0) += amount;
        }
        self.ports.extend(&shape.host_ports);
    }

    fn leaves_room(&self, shape: &Shape, allocatable: &[(Sym, i64)], names: &Names) -> bool {
        let amount = |name| allocatable.iter().find(|entry| entry.0 == name).map_or(0, |entry| entry.1);
        let used = |name| self.amounts.get(&name).copied().unwrap_or(0);
        let any = |address: Sym| names.text(address) == "0.0.0.0";
        let conflict = |a: &(Sym, Sym, u16), b: &(Sym, Sym, u16)| {
            a.0 == b.0 && a.2 == b.2 && (a.1 == b.1 || any(a.1) || any(b.1))
        };
        self.pods < amount(sym::PODS)
            && shape.requests.iter().all(|&(name, wanted)| wanted <= amount(name) - used(name))
            && !shape.host_ports.iter().any(|port| self.ports.iter().any(|taken| conflict(port, taken)))
    }
}

impl Scheduler {
    /// Pods to try, those of high priority first, then the oldest.
    fn candidates(&self, cluster: &Cluster, names: &Names) -> Vec<PodId> {
        let unbound = cluster.pods().filter(|(_, pod)| !pod.bound && !pod.terminating() && !pod.terminal());
        let mut pods: Vec<_> = unbound.map(|(id, _)| id).collect();
        order::sort(&mut pods, cluster, names);
        pods.sort_by_key(|id| {
            let shape = cluster.pod(*id).and_then(|pod| cluster.shape(pod.shape));
            let class = shape.map(|shape| names.text(shape.priority_class)).unwrap_or_default();
            let priority = match class {
                "system-node-critical" => 2_000_001_000,
                "system-cluster-critical" => 2_000_000_000,
                _ => 0,
            };
            (Reverse(priority), self.created.get(id).copied())
        });
        pods
    }

    fn fits(cluster: &Cluster, names: &Names, shape: &Shape, node: NodeId, used: &Used) -> bool {
        let Some(node) = cluster.present_node(node) else { return false };
        let allocatable = node.allocatable.map_or(&[][..], |id| &names.resource_list(id).0);
        let repelled = node
            .taints
            .iter()
            .any(|t| t.effect != Effect::PreferNoSchedule && !shape.placement.tolerates(t, names));
        let cordon = crate::names::Taint {
            key: sym::TAINT_UNSCHEDULABLE,
            value: Sym::EMPTY,
            effect: Effect::NoSchedule,
        };
        shape.placement.selects(node.name, &node.labels, names)
            && !repelled
            && (!node.unschedulable || shape.placement.tolerates(&cordon, names))
            && used.leaves_room(shape, allocatable, names)
    }
}

impl Actor for Scheduler {
    fn name(&self) -> &'static str {
        "lockstep-scheduler"
    }

    fn observe(&mut self, _: Seq, event: &Event, _: &Change, _: &Cluster, _: &Names) {
        match event.body {
            Body::PodCreated { pod, .. } => {
                // Pods that were there before come first, whatever their age.
                let before = event.flags.has(Flags::GENESIS);
                self.created.insert(pod, if before { Time::MIN } else { event.at });
            }
            Body::PodGone { pod } => {
                self.created.remove(&pod);
            }
            _ => {}
        }
    }

    /// It has no timers: rounds wake it.
    fn due(&self) -> Option<Time> {
        None
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let cluster = context.cluster;
        let mut used: BTreeMap<NodeId, Used> = BTreeMap::new();
        for id in self.candidates(cluster, context.names) {
            let Some(pod) = cluster.pod(id) else { continue };
            let Some(shape) = cluster.shape(pod.shape) else { continue };
            let target = pod.node.filter(|node| {
                let used = used.entry(*node).or_insert_with(|| Used::of(cluster, *node));
                Self::fits(cluster, context.names, shape, *node, used)
            });
            let cause = pod.changed;
            if let Some(node) = target {
                used.entry(node).or_default().add(shape);
                context.emit(Track::Scheduler, cause, Body::PodBound { pod: id, node });
            } else if !pod.unschedulable {
                let message = Sym::EMPTY;
                context.emit(Track::Scheduler, cause, Body::PodUnschedulable { pod: id, message });
            }
        }
    }
}
