//! kube-scheduler: binds pods to nodes that pass its filters.
//!
//! A daemon pod can only go to its own node, so for it scheduling is the question whether that node will have
//! it. Other pods go to the feasible node with the most room, the first by name among equals; upstream draws
//! lots there.

mod filter;
mod usage;

use std::collections::{BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, Shape};
use crate::event::{Body, Event, Kind, Kinds, Track};
use crate::names::{Names, NodeId, PodId, Seq, ShapeId, Sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

pub use filter::{Rejection, ports_conflict};

use usage::Usage;

/// What the filters say about nodes as they are, for people who ask.
#[derive(Debug, Default)]
pub struct Probe(Usage);

impl Probe {
    /// Counts what is used on some nodes. Takes time proportional to their pods.
    pub fn of(cluster: &Cluster, nodes: &[NodeId]) -> Probe {
        let mut usage = Usage::default();
        for pod in nodes.iter().filter_map(|node| cluster.node(*node)).flat_map(|node| &node.pods) {
            usage.observe(cluster, *pod);
        }
        Probe(usage)
    }

    /// Why one of the nodes will not have a pod of a shape; nothing if it will.
    pub fn rejections(
        &self,
        cluster: &Cluster,
        names: &Names,
        shape: &Shape,
        node: NodeId,
    ) -> Vec<Rejection> {
        filter::check(cluster, names, &self.0, shape, node).err().unwrap_or_default()
    }
}

/// How the scheduler is to behave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Time from a pod's creation to its binding.
    pub bind_us: Micros,
}

/// The scheduler.
#[derive(Debug, Default)]
pub struct Scheduler {
    settings: Settings,
    /// Pods that have not been tried since they came, in order of arrival.
    fresh: VecDeque<(Time, PodId, Seq)>,
    /// Pods that no node would have: tried again when something changes.
    waiting: BTreeSet<PodId>,
    /// The waiting pods that can go anywhere.
    anywhere: BTreeSet<PodId>,
    /// The waiting pods that can only go to one node.
    waiting_for: FxHashMap<NodeId, Vec<PodId>>,
    /// Waiting pods that a change gives another chance, with the event that does.
    retry: BTreeSet<(PodId, Seq)>,
    usage: Usage,
    /// Pods to try now, by what decides whose turn it is: priority, the event that created it, slot, cause.
    due: Vec<(i64, Seq, PodId, Seq)>,
    /// `default-scheduler`, once a pod has named it.
    own_name: Option<Sym>,
    now: Time,
}

impl Scheduler {
    /// A scheduler with settings.
    pub fn new(settings: Settings) -> Self {
        Scheduler { settings, ..Scheduler::default() }
    }

    fn retry_for_node(&mut self, node: NodeId, seq: Seq) {
        // Most changes are news to nobody.
        if self.waiting.is_empty() {
            return;
        }
        for pod in self.waiting_for.get(&node).into_iter().flatten() {
            self.retry.insert((*pod, seq));
        }
        self.retry.extend(self.anywhere.iter().map(|pod| (*pod, seq)));
    }

    fn wait(&mut self, pod: PodId, node: Option<NodeId>) {
        if !self.waiting.insert(pod) {
            return;
        }
        match node {
            Some(node) => self.waiting_for.entry(node).or_default().push(pod),
            None => {
                self.anywhere.insert(pod);
            }
        }
    }

    fn stop_waiting(&mut self, pod: PodId, cluster: &Cluster) {
        if !self.waiting.remove(&pod) || self.anywhere.remove(&pod) {
            return;
        }
        if let Some(node) = cluster.pod(pod).and_then(|p| p.node)
            && let Some(list) = self.waiting_for.get_mut(&node)
        {
            list.retain(|other| *other != pod);
        }
    }

    /// Finds the pods to try now: new ones whose time has come and waiting ones with another chance, by priority,
    /// then by the event that created them.
    fn take_due(&mut self, context: &Context<'_>) {
        let (cluster, names) = (context.cluster, &*context.names);
        // Pods of one template come together.
        let mut known: Option<(ShapeId, i32)> = None;
        let mut turn = |id: PodId, cause: Seq| {
            let pod = cluster.pod(id)?;
            if pod.gone || pod.bound || pod.terminating() || pod.terminal() {
                return None;
            }
            let priority = || cluster.shape(pod.shape).map_or(0, |shape| cluster.priority(shape, names).0);
            let (_, priority) = match known.filter(|known| known.0 == pod.shape) {
                Some(known) => known,
                None => *known.insert((pod.shape, priority())),
            };
            Some((-i64::from(priority), pod.made, id, cause))
        };
        self.due.clear();
        while let Some((id, cause)) = self.retry.pop_first() {
            self.due.extend(turn(id, cause));
        }
        while let Some(&(at, id, cause)) = self.fresh.front()
            && at <= context.now
        {
            self.fresh.pop_front();
            self.due.extend(turn(id, cause));
        }
        self.due.sort_unstable();
    }

    fn try_pod(&mut self, context: &mut Context<'_>, id: PodId, cause: Seq) {
        let cluster = context.cluster;
        let Some(pod) = cluster.pod(id) else { return };
        let Some(shape) = cluster.shape(pod.shape) else { return };
        if self.own_name != Some(shape.scheduler) {
            if context.names.text(shape.scheduler) != "default-scheduler" {
                return;
            }
            self.own_name = Some(shape.scheduler);
        }
        let chosen = match pod.node {
            Some(node) => self.one_node(context, shape, node),
            None => self.best_node(context, shape),
        };
        match chosen {
            Ok(node) => {
                self.stop_waiting(id, cluster);
                // Later pods of the same call must see the room taken.
                self.usage.add(cluster, id, node, pod.shape);
                context.emit(Track::Scheduler, cause, Body::PodBound { pod: id, node });
            }
            Err(message) => {
                let first = !pod.unschedulable;
                self.wait(id, pod.node);
                if first {
                    let message = context.names.sym(&message);
                    context.emit(Track::Scheduler, cause, Body::PodUnschedulable { pod: id, message });
                }
            }
        }
    }

    fn one_node(&self, context: &Context<'_>, shape: &Shape, node: NodeId) -> Result<NodeId, String> {
        let rejections = match context.cluster.present_node(node) {
            None => Vec::new(),
            Some(_) => match filter::check(context.cluster, context.names, &self.usage, shape, node) {
                Ok(()) => return Ok(node),
                Err(rejections) => rejections,
            },
        };
        let others = context.cluster.node_count() - usize::from(!rejections.is_empty());
        Err(filter::message(context.cluster.node_count(), &[(1, rejections)], others))
    }

    fn best_node(&self, context: &Context<'_>, shape: &Shape) -> Result<NodeId, String> {
        let cluster = context.cluster;
        let mut best: Option<(i64, NodeId)> = None;
        let mut rejected: Vec<(usize, Vec<Rejection>)> = Vec::new();
        for &node in cluster.nodes() {
            match filter::check(cluster, context.names, &self.usage, shape, node) {
                Ok(()) => {
                    let score = self.usage.room_score(cluster, context.names, shape, node);
                    if best.is_none_or(|(highest, _)| score > highest) {
                        best = Some((score, node));
                    }
                }
                Err(reasons) => match rejected.iter_mut().find(|(_, known)| *known == reasons) {
                    Some((count, _)) => *count += 1,
                    None => rejected.push((1, reasons)),
                },
            }
        }
        best.map(|(_, node)| node).ok_or_else(|| filter::message(cluster.node_count(), &rejected, 0))
    }
}

impl Actor for Scheduler {
    fn name(&self) -> &'static str {
        "scheduler"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[
            Kind::PodCreated,
            Kind::PodBound,
            Kind::PodPhaseSet,
            Kind::PodGone,
            Kind::NodeJoined,
            Kind::NodeLabelSet,
            Kind::NodeLabelRemoved,
            Kind::NodeTaintAdded,
            Kind::NodeTaintRemoved,
            Kind::NodeUncordoned,
            Kind::NodeCapacitySet,
        ]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, _names: &Names) {
        self.now = event.at;
        match event.body {
            Body::PodCreated { pod, .. } => {
                let unbound = cluster.pod(pod).is_some_and(|p| !p.bound);
                if unbound {
                    self.fresh.push_back((event.at + self.settings.bind_us, pod, seq));
                } else {
                    self.usage.observe(cluster, pod);
                }
            }
            Body::PodBound { pod, .. } => {
                self.stop_waiting(pod, cluster);
                self.usage.observe(cluster, pod);
            }
            Body::PodPhaseSet { pod, .. } => {
                if let Some(node) = self.usage.observe(cluster, pod) {
                    self.retry_for_node(node, seq);
                }
            }
            Body::PodGone { pod } => {
                self.stop_waiting(pod, cluster);
                self.retry.retain(|(other, _)| *other != pod);
                if let Some(node) = self.usage.forget(cluster, pod) {
                    self.retry_for_node(node, seq);
                }
            }
            Body::NodeJoined { node, .. }
            | Body::NodeLabelSet { node, .. }
            | Body::NodeLabelRemoved { node, .. }
            | Body::NodeTaintAdded { node, .. }
            | Body::NodeTaintRemoved { node, .. }
            | Body::NodeUncordoned { node }
            | Body::NodeCapacitySet { node, .. }
                if change.effective =>
            {
                self.retry_for_node(node, seq);
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        let fresh = self.fresh.front().map(|(at, _, _)| *at);
        let retry = (!self.retry.is_empty()).then_some(self.now);
        [fresh, retry].into_iter().flatten().min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        self.take_due(context);
        for index in 0..self.due.len() {
            let (_, _, pod, cause) = self.due[index];
            // A pod that several events gave a chance is tried once, for the last of them.
            if self.due.get(index + 1).is_none_or(|next| next.2 != pod) {
                self.try_pod(context, pod, cause);
            }
        }
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(&(&self.fresh, &self.waiting, &self.retry, self.now))
    }

    fn restore(&mut self, saved: &[u8], cluster: &Cluster) -> Result<(), SaveError> {
        let waiting: BTreeSet<PodId>;
        (self.fresh, waiting, self.retry, self.now) = unpack(saved)?;
        for pod in waiting {
            self.wait(pod, cluster.pod(pod).and_then(|pod| pod.node));
        }
        for (pod, _) in cluster.pods() {
            self.usage.observe(cluster, pod);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
