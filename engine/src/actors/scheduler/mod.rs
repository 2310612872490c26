//! kube-scheduler: binds pods to nodes that pass its filters.
//!
//! A daemon pod can only go to its own node, so for it scheduling is the question whether that node will have
//! it. Other pods go to the feasible node with the most room, the first by name among equals; upstream draws
//! lots there.
//!
//! A pod that fits nowhere makes room for itself, if it may: pods of lower priority are deleted, with their grace
//! periods, and it waits, nominated for their node, until they have ended.

mod filter;
mod ports;
mod preempt;
mod usage;

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, Pod, Shape};
use crate::disruption::Budgets;
use crate::event::{Body, Event, Kind, Kinds, Track, Why};
use crate::names::{Names, NodeId, PodId, Seq, ShapeId, Sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

pub use super::capacity::ports_conflict;
pub use filter::Rejection;
pub(crate) use preempt::would_preempt;

use filter::Refusals;
use preempt::{Candidate, NoRoom, Preemption};
use usage::{Usage, Wanted};

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
        filter::check(cluster, names, &self.0.on(node), shape, node).err().unwrap_or_default()
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
    due: Vec<(Reverse<i32>, Seq, PodId, Seq)>,
    /// `default-scheduler`, once a pod has named it.
    own_name: Option<Sym>,
    now: Time,
}

/// What one act has to remember: its answers are applied after it.
#[derive(Default)]
struct Moment {
    budgets: Budgets,
    victims: BTreeSet<PodId>,
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
            Some((Reverse(priority), pod.made, id, cause))
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

    fn try_pod(
        &mut self,
        context: &mut Context<'_>,
        moment: &mut Moment,
        id: PodId,
        priority: i32,
        cause: Seq,
    ) {
        let cluster = context.cluster;
        let Some(pod) = cluster.pod(id) else { return };
        let Some(shape) = cluster.shape(pod.shape) else { return };
        if self.own_name != Some(shape.scheduler) {
            if context.names.text(shape.scheduler) != "default-scheduler" {
                return;
            }
            self.own_name = Some(shape.scheduler);
        }
        let wanted = Wanted { pod: id, shape, priority };
        match self.place(cluster, context.names, &pod, &wanted) {
            Ok(node) => {
                self.stop_waiting(id, cluster);
                // Later pods of the same call must see the room taken.
                self.usage.promise(id, None);
                self.usage.add(cluster, id, node, pod.shape);
                context.emit(Track::Scheduler, cause, Body::PodBound { pod: id, node });
            }
            Err(refusals) => {
                let (names, usage) = (&*context.names, &self.usage);
                let preemption = Preemption { cluster, names, usage, wanted };
                let room = preemption.find(&refusals.resolvable, &mut moment.budgets);
                self.wait(id, pod.node);
                self.refuse(context, &pod, &wanted, &refusals, room, (moment, cause));
            }
        }
    }

    /// What a pod is told that no node would have, and what is done about it.
    fn refuse(
        &mut self,
        context: &mut Context<'_>,
        pod: &Pod,
        wanted: &Wanted<'_>,
        refusals: &Refusals,
        room: Result<Candidate, NoRoom>,
        (moment, cause): (&mut Moment, Seq),
    ) {
        let (cluster, id) = (context.cluster, wanted.pod);
        let nominated = cluster.nominated_node(id);
        let (candidate, nomination, said) = match room {
            Ok(candidate) => {
                let node = candidate.node;
                (Some(candidate), Some(node), String::new())
            }
            // A pod that may not make room, or need not again, keeps the room that it was promised.
            Err(no @ NoRoom::NotEligible(_)) => (None, nominated, no.message(cluster.node_count())),
            Err(no) => (None, None, no.message(cluster.node_count())),
        };
        if !pod.unschedulable {
            let message = context.names.sym(&refusals.message(cluster.node_count(), &said));
            context.emit(Track::Scheduler, cause, Body::PodUnschedulable { pod: id, message });
        }
        if nomination != nominated {
            self.nominate(context, id, nomination, cause);
        }
        let Some(candidate) = candidate else { return };
        let mut promised = self.usage.promised_on(candidate.node).to_vec();
        promised.sort_unstable();
        for less in promised {
            let shape = cluster.pod(less).and_then(|pod| cluster.shape(pod.shape));
            let lower = |shape| cluster.priority(shape, context.names).0 < wanted.priority;
            if shape.is_some_and(lower) {
                self.nominate(context, less, None, cause);
            }
        }
        for victim in candidate.victims {
            let going = cluster.pod(victim).is_some_and(Pod::terminating);
            if !going && moment.victims.insert(victim) {
                context.disrupt_pod(Track::Scheduler, cause, victim, Why::Preempted, None);
            }
        }
    }

    fn nominate(&mut self, context: &mut Context<'_>, pod: PodId, node: Option<NodeId>, cause: Seq) {
        self.usage.promise(pod, node);
        context.emit(Track::Scheduler, cause, Body::PodNominated { pod, node });
    }

    /// The node that a pod goes to: the one that it is for, the one where room was made for it, or the one with the most
    /// room.
    fn place(
        &self,
        cluster: &Cluster,
        names: &Names,
        pod: &Pod,
        wanted: &Wanted<'_>,
    ) -> Result<NodeId, Refusals> {
        let check = |node| {
            let used = self.usage.seen_by(cluster, names, wanted, node);
            filter::check(cluster, names, &used, wanted.shape, node)
        };
        let mut refusals = Refusals::default();
        if let Some(node) = pod.node {
            refusals.others = cluster.node_count();
            if cluster.present_node(node).is_some() {
                let Err(reasons) = check(node) else { return Ok(node) };
                refusals.others -= 1;
                refusals.add(node, reasons);
            }
            return Err(refusals);
        }
        if let Some(node) = cluster.nominated_node(wanted.pod)
            && check(node).is_ok()
        {
            return Ok(node);
        }
        let mut best: Option<(i64, NodeId)> = None;
        for &node in cluster.nodes() {
            match check(node) {
                Ok(()) => {
                    let score = self.usage.room_score(cluster, names, wanted.shape, node);
                    if best.is_none_or(|(highest, _)| score > highest) {
                        best = Some((score, node));
                    }
                }
                Err(reasons) => refusals.add(node, reasons),
            }
        }
        best.map(|(_, node)| node).ok_or(refusals)
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
            Kind::PodNominated,
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
                self.usage.promise(pod, None);
                self.usage.observe(cluster, pod);
            }
            Body::PodNominated { pod, node } => {
                self.usage.promise(pod, node);
            }
            Body::PodPhaseSet { pod, .. } => {
                if let Some(node) = self.usage.observe(cluster, pod) {
                    self.retry_for_node(node, seq);
                }
            }
            Body::PodGone { pod } => {
                self.stop_waiting(pod, cluster);
                self.retry.retain(|(other, _)| *other != pod);
                let promised = self.usage.promise(pod, None);
                if let Some(node) = self.usage.forget(cluster, pod).or(promised) {
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

    fn passes_over(&self, event: &Event) -> bool {
        // A node's change is news to pods that wait, and most of the time none does.
        self.waiting.is_empty() && event.body.pod().is_none()
    }

    fn due(&self) -> Option<Time> {
        let fresh = self.fresh.front().map(|(at, _, _)| *at);
        let retry = (!self.retry.is_empty()).then_some(self.now);
        [fresh, retry].into_iter().flatten().min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        self.take_due(context);
        let mut moment = Moment::default();
        for index in 0..self.due.len() {
            let (Reverse(priority), _, pod, cause) = self.due[index];
            // A pod that several events gave a chance is tried once, for the last of them.
            if self.due.get(index + 1).is_none_or(|next| next.2 != pod) {
                self.try_pod(context, &mut moment, pod, priority, cause);
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
        for (pod, node) in cluster.nominations() {
            self.usage.promise(pod, Some(node));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
