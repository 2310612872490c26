//! A DaemonSet's nodes and pods over the last seconds, each for itself.
//!
//! A sync reads the DaemonSet and its list of nodes when it begins, and lists pods anew for each thing that it does:
//! what is missing, a rolling update, the counters of the status. Between these lie its own writes, which may take
//! seconds where they wait for the client's rate limit. So what it does may be right for the DaemonSet and the nodes of
//! one state and the pods of a later one; and each informer lags behind by itself.

use std::collections::VecDeque;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::WINDOW;
use super::past::Moment;
use crate::actors::daemonset::{DaemonPod, DaemonSetController, Patchwork};
use crate::cluster::{Cluster, Object};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, Sym};
use crate::selector::Eligibility;
use crate::time::{Micros, Time};

/// So long before a write the list of pods may have been made.
const PODS_WINDOW: Micros = Micros::seconds(2);
/// So many earlier states of nodes and of the DaemonSet are tried.
const NODE_STATES: usize = 64;

/// How something was before a change.
#[derive(Clone, Debug)]
enum Before {
    Node(NodeId, Option<Eligibility>),
    Pods(NodeId, Vec<DaemonPod>),
    Object(Rc<Version>),
}

/// A DaemonSet as it was applied, with the label of the revision that this made current.
#[derive(Clone, Debug)]
struct Version {
    object: Box<Object>,
    hash: Sym,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    eligibility: Option<Eligibility>,
    pods: Vec<DaemonPod>,
}

/// What is known of one DaemonSet.
#[derive(Debug, Default)]
pub(super) struct Book {
    slots: Vec<Slot>,
    places: FxHashMap<PodId, NodeId>,
    version: Option<Rc<Version>>,
    log: VecDeque<(Seq, Time, Before)>,
}

/// What a book is held up with.
pub(super) struct Desk<'a> {
    pub controller: &'a DaemonSetController,
    pub cluster: &'a Cluster,
    pub names: &'a Names,
}

impl Book {
    /// Looks at a node again.
    pub fn node(&mut self, node: NodeId, object: &Object, cluster: &Cluster, names: &Names) {
        let eligibility = object.daemon_set().and_then(|spec| {
            let node = cluster.present_node(node)?;
            Some(spec.placement.eligibility(node.name, &node.labels, &node.taints, names))
        });
        let slot = self.slot(node);
        if slot.eligibility != eligibility {
            let before = std::mem::replace(&mut slot.eligibility, eligibility);
            self.note(cluster, Before::Node(node, before));
        }
    }

    /// Looks at the DaemonSet again, and at all nodes if it was applied anew.
    pub fn object(&mut self, object: &Object, hash: Sym, cluster: &Cluster, names: &Names) {
        let same = |version: &Rc<Version>| version.object.applied == object.applied;
        if let Some(version) = self.version.as_mut().filter(|version| same(version)) {
            if version.hash != hash {
                Rc::make_mut(version).hash = hash;
            }
            return;
        }
        let version = Rc::new(Version { object: Box::new(object.clone()), hash });
        if let Some(before) = self.version.replace(version) {
            self.note(cluster, Before::Object(before));
        }
        for &node in cluster.nodes() {
            self.node(node, object, cluster, names);
        }
    }

    /// Looks at a pod again.
    pub fn pod(&mut self, id: PodId, owner: ObjectId, cluster: &Cluster, names: &Names) {
        let own = cluster.pod(id).filter(|pod| !pod.gone && pod.owner == Some(owner));
        let facts = own.and_then(|pod| DaemonPod::of(cluster, names, id, &pod)).filter(|pod| !pod.is_past());
        let before = self.places.remove(&id);
        for node in before.into_iter().chain(facts.map(|pod| pod.node).filter(|node| Some(*node) != before)) {
            let slot = self.slot(node);
            let mut pods = slot.pods.clone();
            pods.retain(|pod| pod.id != Some(id));
            pods.extend(facts.filter(|pod| pod.node == node));
            let pods = std::mem::replace(&mut slot.pods, pods);
            self.note(cluster, Before::Pods(node, pods));
        }
        if let Some(pod) = facts {
            self.places.insert(id, pod.node);
        }
    }

    fn slot(&mut self, node: NodeId) -> &mut Slot {
        if self.slots.len() <= node.index() {
            self.slots.resize_with(node.index() + 1, Slot::default);
        }
        &mut self.slots[node.index()]
    }

    fn note(&mut self, cluster: &Cluster, before: Before) {
        let now = cluster.now();
        while self.log.front().is_some_and(|(_, then, _)| *then + WINDOW < now) {
            self.log.pop_front();
        }
        self.log.push_back((cluster.last_event(), now, before));
    }

    /// What ours would do, before a write, for pods of one of the last states and nodes and DaemonSet of the same or an
    /// earlier one; with each goes how long before the write the earlier one was. Pods are of no state before `pods_since`,
    /// and of nodes only those states are looked at in which so many should run a pod, if `desired` says how many.
    pub fn opinions(
        &self,
        (write, now): (Seq, Time),
        pods_since: Seq,
        desired: Option<u32>,
        desk: &Desk<'_>,
    ) -> Vec<(Rc<Moment>, Micros)> {
        let mut slots = self.slots.clone();
        let mut version = self.version.clone();
        let mut order: Vec<NodeId> = (0..slots.len()).map(NodeId::from_index).collect();
        order.sort_by(|a, b| desk.names.node_name(*a).cmp(desk.names.node_name(*b)));
        let mut at = self.log.len();
        while let Some((_, _, before)) = at.checked_sub(1).map(|i| &self.log[i]).filter(|e| e.0 >= write) {
            undo(before, &mut slots, &mut version);
            at -= 1;
        }
        let nodes: Vec<Option<Eligibility>> = slots.iter().map(|slot| slot.eligibility).collect();
        let states = self.node_states(nodes, version, &order, at, now, desired);
        let mut found = Vec::new();
        let (mut pods_at, mut index) = (now, at);
        loop {
            let pods: Vec<DaemonPod> = slots.iter().flat_map(|slot| slot.pods.iter().copied()).collect();
            for state in &states {
                let patchwork = Patchwork {
                    object: &state.version.object,
                    hash: state.version.hash,
                    nodes: state.nodes.clone(),
                    pods: &pods,
                };
                let opinion = desk.controller.opinion_of(patchwork, desk.cluster, desk.names, now);
                let lag = now - state.at.min(pods_at);
                found.push((Rc::new(Moment { from: Seq::NONE, opinion }), lag));
            }
            // The state before the last change to pods.
            let changed = loop {
                let Some(entry) = index.checked_sub(1).map(|i| &self.log[i]) else { return found };
                index -= 1;
                if let (seq, then, Before::Pods(node, pods)) = entry {
                    break (*seq, *then, *node, pods);
                }
            };
            let (seq, then, node, pods) = changed;
            if seq <= pods_since || then + PODS_WINDOW < now {
                return found;
            }
            slots[node.index()].pods.clone_from(pods);
            pods_at = then;
        }
    }

    /// The last states of nodes and DaemonSet, the newest first.
    fn node_states(
        &self,
        mut nodes: Vec<Option<Eligibility>>,
        mut version: Option<Rc<Version>>,
        order: &[NodeId],
        mut end: usize,
        now: Time,
        desired: Option<u32>,
    ) -> Vec<NodeState> {
        let mut states = Vec::new();
        let runs = |eligibility: &Option<Eligibility>| u32::from(eligibility.is_some_and(|e| e.should_run));
        let mut running: u32 = nodes.iter().map(runs).sum();
        let mut at = now;
        while states.len() < NODE_STATES {
            if let Some(version) = version.as_ref().filter(|_| desired.is_none_or(|n| n == running)) {
                let there = order.iter().filter_map(|node| Some((*node, nodes[node.index()]?)));
                states.push(NodeState { version: Rc::clone(version), nodes: there.collect(), at });
            }
            // What one event changed goes together.
            let mut event = None;
            while let Some((seq, then, before)) = end.checked_sub(1).map(|last| &self.log[last])
                && event.is_none_or(|event| event == *seq || matches!(before, Before::Pods(..)))
            {
                end -= 1;
                match before {
                    Before::Node(node, before) => {
                        running = running - runs(&nodes[node.index()]) + runs(before);
                        nodes[node.index()] = *before;
                    }
                    Before::Object(before) => version = Some(Rc::clone(before)),
                    Before::Pods(..) => continue,
                }
                (event, at) = (Some(*seq), *then);
            }
            if event.is_none() {
                break;
            }
        }
        states
    }
}

/// Nodes and DaemonSet at one time.
struct NodeState {
    version: Rc<Version>,
    nodes: Vec<(NodeId, Eligibility)>,
    /// When the state was over; now if it lasts.
    at: Time,
}

fn undo(before: &Before, slots: &mut [Slot], version: &mut Option<Rc<Version>>) {
    match before {
        Before::Node(node, eligibility) => slots[node.index()].eligibility = *eligibility,
        Before::Pods(node, pods) => slots[node.index()].pods.clone_from(pods),
        Before::Object(before) => *version = Some(Rc::clone(before)),
    }
}
