//! The scenario's kubelets: start and stop pods by rule, and forget those of nodes that are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::order;
use super::rules::{Rules, Start, Subject};
use crate::cluster::{Change, Cluster, Pod};
use crate::event::{Body, ConditionStatus, Event, Flags, Phase, PodCondition, Track};
use crate::names::{Names, NodeId, PodId, Seq, Sym};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

/// All kubelets, and the pod garbage collector beside them.
#[derive(Debug)]
pub(super) struct Kubelets {
    rules: Rules,
    /// Pods of a removed node vanish so much later; `None`: never.
    pod_gc_after: Option<Micros>,
    /// Bound pods and their nodes.
    bound: BTreeMap<PodId, NodeId>,
    /// What running pods are going to do.
    plans: BTreeMap<PodId, (Time, Plan)>,
    /// Terminating pods: since when, and how long they take.
    stops: BTreeMap<PodId, (Time, Micros)>,
    present: BTreeSet<NodeId>,
    silent: BTreeSet<NodeId>,
    /// Nodes that were removed, and when.
    removed: BTreeMap<NodeId, Time>,
    /// Pods that were ready when their node went silent.
    to_restore: BTreeSet<PodId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    GetReady,
    Fail,
}

impl Kubelets {
    /// Kubelets of a scenario.
    pub fn new(rules: Rules, pod_gc_after: Option<Micros>) -> Self {
        Kubelets {
            rules,
            pod_gc_after,
            bound: BTreeMap::new(),
            plans: BTreeMap::new(),
            stops: BTreeMap::new(),
            present: BTreeSet::new(),
            silent: BTreeSet::new(),
            removed: BTreeMap::new(),
            to_restore: BTreeSet::new(),
        }
    }

    fn forget(&mut self, pod: PodId) {
        self.bound.remove(&pod);
        self.plans.remove(&pod);
        self.stops.remove(&pod);
        self.to_restore.remove(&pod);
    }

    fn subject<T>(cluster: &Cluster, names: &Names, pod: &Pod, ask: impl FnOnce(&Subject<'_>) -> T) -> T {
        let daemon_set = order::owner_name(pod, names);
        let shape = cluster.shape(pod.shape);
        ask(&Subject {
            daemon_set: &daemon_set,
            node: pod.node.map(|node| names.node_name(node)).unwrap_or_default(),
            image: shape.map(|shape| names.text(shape.image)).unwrap_or_default(),
            ordinal: pod.ordinal,
        })
    }

    /// When something happens to a bound pod by itself; `None` while its node is silent or it waits for others.
    fn pod_due(&self, pod: PodId, node: NodeId) -> Option<Time> {
        if let Some(&removed) = self.removed.get(&node) {
            return self.pod_gc_after.map(|after| removed + after);
        }
        if self.silent.contains(&node) || !self.present.contains(&node) {
            return None;
        }
        let stop = self.stops.get(&pod).map(|(since, after)| *since + *after);
        stop.or_else(|| self.plans.get(&pod).map(|plan| plan.0))
    }

    fn serve(&mut self, id: PodId, node: NodeId, context: &mut Context<'_>) {
        let cluster = context.cluster;
        let Some(pod) = cluster.pod(id).filter(|pod| !pod.gone) else { return };
        let due = self.pod_due(id, node).is_some_and(|due| due <= context.now);
        let cause = pod.changed;
        if !self.present.contains(&node) {
            // Pods of nodes that never were are never due.
            if due {
                context.emit(Track::Kubelet, cause, Body::PodGone { pod: id });
            }
            return;
        }
        if self.silent.contains(&node) {
            return;
        }
        if self.stops.contains_key(&id) {
            if due {
                context.emit(Track::Kubelet, cause, Body::PodGone { pod: id });
                return;
            }
        } else if pod.phase == Phase::Pending {
            self.start(id, &pod, context);
            return;
        } else if due && let Some((_, plan)) = self.plans.remove(&id) {
            match plan {
                Plan::GetReady => ready(id, true, cause, context),
                Plan::Fail => fail(id, pod.ready, cause, context),
            }
            return;
        }
        if self.to_restore.remove(&id) && !pod.ready && !pod.terminal() {
            ready(id, true, cause, context);
        }
    }

    /// How long a terminating pod takes depends on whose it is now.
    fn plan_stop(&mut self, pod: PodId, cluster: &Cluster, names: &Names) {
        if let (Some(stop), Some(facts)) = (self.stops.get_mut(&pod), cluster.pod(pod)) {
            stop.1 = Self::subject(cluster, names, &facts, |subject| self.rules.stop(subject));
        }
    }

    fn start(&mut self, id: PodId, pod: &Pod, context: &mut Context<'_>) {
        let (cause, now) = (pod.changed, context.now);
        let start = Self::subject(context.cluster, context.names, pod, |subject| self.rules.start(subject));
        let phase = match start {
            Start::Fail => Phase::Failed,
            Start::Succeed => Phase::Succeeded,
            _ => Phase::Running,
        };
        context.emit(Track::Kubelet, cause, Body::PodPhaseSet { pod: id, phase, reason: Sym::EMPTY });
        match start {
            Start::Ready => ready(id, true, cause, context),
            Start::ReadyAfter(after) => {
                self.plans.insert(id, (now + after, Plan::GetReady));
            }
            Start::FailAfter(after) => {
                ready(id, true, cause, context);
                self.plans.insert(id, (now + after, Plan::Fail));
            }
            Start::NeverReady | Start::Fail | Start::Succeed => {}
        }
    }
}

fn ready(pod: PodId, ready: bool, cause: Seq, context: &mut Context<'_>) {
    let status = if ready { ConditionStatus::True } else { ConditionStatus::False };
    let (condition, since) = (PodCondition::Ready, context.now.api_seconds());
    context.emit(Track::Kubelet, cause, Body::PodConditionSet { pod, condition, status, since });
}

fn fail(pod: PodId, was_ready: bool, cause: Seq, context: &mut Context<'_>) {
    let phase = Phase::Failed;
    context.emit(Track::Kubelet, cause, Body::PodPhaseSet { pod, phase, reason: Sym::EMPTY });
    if was_ready {
        ready(pod, false, cause, context);
    }
}

impl Actor for Kubelets {
    fn name(&self) -> &'static str {
        "lockstep-kubelets"
    }

    fn observe(&mut self, _: Seq, event: &Event, _: &Change, cluster: &Cluster, names: &Names) {
        match event.body {
            Body::NodeSilent { node } => {
                self.silent.insert(node);
            }
            Body::NodeReturned { node } => {
                self.silent.remove(&node);
            }
            Body::NodeLeft { node } => {
                self.present.remove(&node);
                self.removed.insert(node, event.at);
            }
            Body::NodeJoined { node, .. } => {
                self.present.insert(node);
                self.removed.remove(&node);
            }
            Body::PodBound { pod, node } => {
                self.bound.insert(pod, node);
            }
            Body::PodDeleted { pod, .. } => {
                self.stops.insert(pod, (event.at, Micros::ZERO));
                self.plan_stop(pod, cluster, names);
            }
            Body::PodAdopted { pod, .. } | Body::PodReleased { pod } => self.plan_stop(pod, cluster, names),
            Body::PodGone { pod } => self.forget(pod),
            Body::PodPhaseSet { pod, phase: Phase::Failed | Phase::Succeeded, .. } => {
                self.plans.remove(&pod);
            }
            Body::PodConditionSet { pod, status: ConditionStatus::False, .. }
                if event.track == Track::Lifecycle && !event.flags.has(Flags::GENESIS) =>
            {
                self.to_restore.insert(pod);
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        self.bound.iter().filter_map(|(pod, node)| self.pod_due(*pod, *node)).min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let mut pods: Vec<_> = self.bound.keys().copied().collect();
        order::sort(&mut pods, context.cluster, context.names);
        for pod in pods {
            if let Some(&node) = self.bound.get(&pod) {
                self.serve(pod, node, context);
            }
        }
    }
}
