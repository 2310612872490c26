//! The pod garbage collector: pods that nobody else would take away.
//!
//! In each of its passes, after `podgc`: the oldest pods that have ended, as far as there are more than are kept; terminating
//! pods on nodes that are out of service; pods bound to nodes that no longer exist; terminating pods without a node.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, Node, Pod};
use crate::event::{Body, ConditionStatus, Event, Kind, Kinds, Phase, PodCondition, Track, Why};
use crate::names::{Names, NodeId, PodId, Seq, Sym, sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

use super::{Settings, by_cause};

/// The pod garbage collector. Its passes are counted from the first event that it sees; it wakes only for those that have
/// something to do.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PodGc {
    #[serde(skip)]
    settings: Settings,
    started: Option<Time>,
    /// Nodes that are gone while pods are bound to them: the event that says so, and the pass that noticed.
    missing: BTreeMap<NodeId, (Seq, Time)>,
    /// Nodes that are or were out of service, with the event that says so.
    out_of_service: BTreeMap<NodeId, Seq>,
    /// Pods that were told to go and have no node.
    nowhere: BTreeMap<PodId, Seq>,
    /// Pods that have ended and do not terminate, by the event that made them, with the event of their end. Those that were
    /// evicted from their nodes come first.
    ended: BTreeMap<(Place, Seq), (PodId, Seq)>,
    places: BTreeMap<PodId, (Place, Seq)>,
    next: Option<Time>,
}

/// Which ended pods go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Place {
    Evicted,
    Other,
}

impl PodGc {
    /// A collector with nothing to do.
    pub fn new(settings: Settings) -> Self {
        PodGc { settings, ..Self::default() }
    }

    /// The first pass at or after a moment.
    fn pass_at_or_after(&self, moment: Time) -> Time {
        let start = self.started.unwrap_or(moment);
        let period = Micros(self.settings.pod_gc_period_us.0.max(1));
        let periods = (moment - start).0.max(0).div_euclid(period.0);
        let pass = start + Micros(periods * period.0);
        if pass < moment { pass + period } else { pass }
    }

    fn wake_at(&mut self, at: Time) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    fn wake_for_next_pass(&mut self, now: Time) {
        self.wake_at(self.pass_at_or_after(now));
    }

    fn miss(&mut self, node: NodeId, seq: Seq, now: Time) {
        let noticed = self.pass_at_or_after(now);
        self.missing.entry(node).or_insert((seq, noticed));
        self.wake_at(noticed + self.settings.pod_gc_quarantine_us);
    }

    /// When the first of the nodes that are missing has been missed long enough.
    fn missing_due(&self) -> Option<Time> {
        let quarantine = self.settings.pod_gc_quarantine_us;
        self.missing.values().map(|(_, noticed)| *noticed + quarantine).min()
    }

    /// Whether a node is out of service: not ready, and said to be so by a person's taint.
    fn is_out_of_service(node: &Node) -> bool {
        node.condition(sym::READY) != Some(ConditionStatus::True)
            && node.taints.iter().any(|taint| taint.key == sym::TAINT_OUT_OF_SERVICE)
    }

    fn look_at_node(&mut self, id: NodeId, cluster: &Cluster, seq: Seq, now: Time) {
        if cluster.present_node(id).is_some_and(Self::is_out_of_service) {
            self.out_of_service.insert(id, seq);
            self.wake_for_next_pass(now);
        }
    }

    fn has_ended(&mut self, id: PodId, pod: &Pod, reason: Sym, names: &Names, seq: Seq, now: Time) {
        let evicted = pod.phase == Phase::Failed && names.text(reason) == "Evicted";
        let place = (if evicted { Place::Evicted } else { Place::Other }, pod.made);
        self.forget(id);
        self.ended.insert(place, (id, seq));
        self.places.insert(id, place);
        if self.too_many() > 0 {
            self.wake_for_next_pass(now);
        }
    }

    fn forget(&mut self, id: PodId) {
        if let Some(place) = self.places.remove(&id) {
            self.ended.remove(&place);
        }
    }

    /// How many more pods have ended than are kept.
    fn too_many(&self) -> usize {
        match self.settings.terminated_pods {
            0 => 0,
            kept => self.ended.len().saturating_sub(kept),
        }
    }

    /// Marks a pod as failed, unless it has ended, and takes it away. One that has lost its node was disrupted by that.
    fn take(context: &mut Context<'_>, id: PodId, cause: Seq, why: Why, disrupted: bool) {
        let Some(pod) = context.cluster.pod(id).filter(|pod| !pod.gone) else { return };
        if !pod.terminal() {
            if disrupted {
                let (condition, status) = (PodCondition::DisruptionTarget, ConditionStatus::True);
                let since = context.now.api_seconds();
                let body = Body::PodConditionSet { pod: id, condition, status, since };
                context.emit(Track::Lifecycle, cause, body);
            }
            let phase = Body::PodPhaseSet { pod: id, phase: Phase::Failed, reason: Sym::EMPTY };
            context.emit(Track::Lifecycle, cause, phase);
        }
        context.delete_pod(Track::Lifecycle, cause, id, why, Some(0));
    }

    fn take_ended(&self, context: &mut Context<'_>, taken: &mut BTreeSet<PodId>) {
        for (id, cause) in self.ended.values().take(self.too_many()) {
            taken.insert(*id);
            Self::take(context, *id, *cause, Why::Collected, false);
        }
    }

    /// Takes what is bound to a node, in order of creation: all, or what terminates.
    fn take_from(
        context: &mut Context<'_>,
        node: NodeId,
        cause: Seq,
        all: bool,
        taken: &mut BTreeSet<PodId>,
    ) {
        let cluster = context.cluster;
        let mut pods = cluster.node(node).map(|node| node.pods.clone()).unwrap_or_default();
        pods.retain(|pod| all || cluster.pod(*pod).is_some_and(Pod::terminating));
        pods.sort_by_key(|pod| cluster.pod(*pod).map(|pod| pod.made));
        for pod in pods {
            if taken.insert(pod) {
                Self::take(context, pod, cause, Why::NodeGone, all);
            }
        }
    }
}

impl Actor for PodGc {
    fn name(&self) -> &'static str {
        "pod-gc"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[
            Kind::NodeLeft,
            Kind::NodeJoined,
            Kind::NodeTaintAdded,
            Kind::NodeConditionSet,
            Kind::PodBound,
            Kind::PodCreated,
            Kind::PodDeleted,
            Kind::PodPhaseSet,
            Kind::PodGone,
        ]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, _change: &Change, cluster: &Cluster, names: &Names) {
        let now = event.at;
        self.started.get_or_insert(now);
        match event.body {
            Body::NodeLeft { node } if cluster.node(node).is_some_and(|node| !node.pods.is_empty()) => {
                self.miss(node, seq, now);
            }
            Body::NodeJoined { node, .. } => {
                self.missing.remove(&node);
            }
            Body::NodeTaintAdded { node, taint } if taint.key == sym::TAINT_OUT_OF_SERVICE => {
                self.look_at_node(node, cluster, seq, now);
            }
            Body::NodeConditionSet { node, condition: sym::READY, .. } => {
                self.look_at_node(node, cluster, seq, now);
            }
            Body::PodBound { node, .. } if cluster.present_node(node).is_none() => {
                self.miss(node, seq, now);
            }
            Body::PodCreated { pod, .. } => {
                let bound = cluster.pod(pod).filter(|pod| pod.bound).and_then(|pod| pod.node);
                if let Some(node) = bound.filter(|node| cluster.present_node(*node).is_none()) {
                    self.miss(node, seq, now);
                }
            }
            Body::PodDeleted { pod: id, .. } => {
                let Some(pod) = cluster.pod(id) else { return };
                match pod.node.filter(|_| pod.bound) {
                    Some(node) if self.out_of_service.contains_key(&node) => self.wake_for_next_pass(now),
                    Some(_) => {}
                    None => {
                        self.nowhere.insert(id, seq);
                        self.wake_for_next_pass(now);
                    }
                }
            }
            Body::PodPhaseSet { pod: id, reason, .. } => {
                // What terminates goes by itself.
                match cluster.pod(id).filter(|pod| pod.terminal() && !pod.terminating()) {
                    Some(pod) => self.has_ended(id, &pod, reason, names, seq, now),
                    None => self.forget(id),
                }
            }
            Body::PodGone { pod } => {
                self.forget(pod);
                // Pods that are not bound are usually gone as soon as they were told to go.
                let last = self.nowhere.remove(&pod).is_some() && self.nowhere.is_empty();
                if last && self.out_of_service.is_empty() && self.too_many() == 0 {
                    self.next = self.missing_due();
                }
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        self.next
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let mut taken = BTreeSet::new();
        self.take_ended(context, &mut taken);
        let cluster = context.cluster;
        self.out_of_service
            .retain(|node, _| cluster.present_node(*node).is_some_and(Self::is_out_of_service));
        for (node, cause) in by_cause(&mut self.out_of_service.clone()) {
            Self::take_from(context, node, cause, false, &mut taken);
        }
        let quarantine = self.settings.pod_gc_quarantine_us;
        let ripe = |noticed: Time| noticed + quarantine <= context.now;
        let due = self.missing.iter().filter(|(_, m)| ripe(m.1));
        let mut due: Vec<_> = due.map(|(id, m)| (*id, m.0)).collect();
        due.sort_by_key(|(_, cause)| *cause);
        for (node, cause) in due {
            self.missing.remove(&node);
            if context.cluster.present_node(node).is_none() {
                Self::take_from(context, node, cause, true, &mut taken);
            }
        }
        for (pod, cause) in std::mem::take(&mut self.nowhere) {
            let unbound = |pod: Pod| pod.terminating() && !pod.bound;
            if context.cluster.pod(pod).is_some_and(unbound) && taken.insert(pod) {
                Self::take(context, pod, cause, Why::NodeMissing, false);
            }
        }
        self.next = self.missing_due();
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        let settings = std::mem::take(&mut self.settings);
        *self = PodGc { settings, ..unpack(saved)? };
        Ok(())
    }
}

#[cfg(test)]
#[path = "pod_gc_tests.rs"]
mod tests;
