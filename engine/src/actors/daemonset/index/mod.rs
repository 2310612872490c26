//! The incremental form: what a sync needs to know of a DaemonSet, kept from event to event.
//!
//! Events say which nodes are news. When it comes to a sync, only these nodes are looked at again; each adds to
//! the counters and stands in at most one set of those whose turn it may be. What a sync then costs follows from
//! what changed and what it does, not from how many nodes there are.

mod state;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::grouping::{order_group, selector};
use super::manage;
use super::name_order::NameOrder;
use super::pod::{DaemonPod, Rules};
use super::rollout::Stage;
use super::status::Counts;
use super::views::{Fit, fit};
use crate::cluster::{Cluster, DaemonSet, Object};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, Sym};
use crate::selector::LabelSelector;
use crate::time::Time;

use state::{Care, NodeState, Role, Sets, Tally, becomes_available};
pub(super) use view::Indexed;

/// What is known of one DaemonSet. It follows from the cluster alone: thrown away, it is made anew by the next
/// sync.
#[derive(Clone, Debug)]
pub(super) struct Index {
    daemon_set: ObjectId,
    /// The event, the rules and the ranks that everything below is in terms of.
    basis: Option<Basis>,
    members: FxHashMap<PodId, Member>,
    by_node: Vec<Vec<PodId>>,
    nodes: Vec<NodeState>,
    dirty: Vec<NodeId>,
    /// How many members have a label.
    labels: FxHashMap<Sym, u32>,
    adopts: BTreeSet<PodId>,
    releases: BTreeSet<PodId>,
    total: Counts,
    tally: Tally,
    sets: Sets,
    /// When pods of a node become available by the passing of time.
    timers: BTreeSet<(Time, NodeId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Basis {
    applied: Seq,
    hash: Sym,
    rank_epoch: u64,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    node: NodeId,
    hash: Sym,
}

impl Index {
    /// An index that knows nothing yet.
    pub fn new(daemon_set: ObjectId) -> Self {
        Index {
            daemon_set,
            basis: None,
            members: FxHashMap::default(),
            by_node: Vec::new(),
            nodes: Vec::new(),
            dirty: Vec::new(),
            labels: FxHashMap::default(),
            adopts: BTreeSet::new(),
            releases: BTreeSet::new(),
            total: Counts::default(),
            tally: Tally::default(),
            sets: Sets::default(),
            timers: BTreeSet::new(),
        }
    }

    /// Takes note that a node's labels, taints or existence changed.
    pub fn node_changed(&mut self, node: NodeId) {
        if self.basis.is_some() {
            self.mark(node);
        }
    }

    /// Takes note that something about a pod changed that is, was or may be one of the DaemonSet's.
    pub fn pod_changed(&mut self, id: PodId, cluster: &Cluster, names: &Names) {
        if self.basis.is_none() {
            return;
        }
        let object = cluster.object(self.daemon_set);
        let Some((object, spec)) = object.and_then(|object| Some((object, object.daemon_set()?))) else {
            return;
        };
        if let Ok(selector) = selector(spec) {
            self.claim(id, cluster, names, object, selector);
        }
    }

    fn mark(&mut self, node: NodeId) {
        if self.nodes.len() <= node.index() {
            self.nodes.resize(node.index() + 1, NodeState::default());
            self.by_node.resize_with(node.index() + 1, Vec::new);
        }
        let state = &mut self.nodes[node.index()];
        if !state.dirty {
            state.dirty = true;
            self.dirty.push(node);
        }
    }

    /// Finds out whether a pod is to be claimed, adopted or released.
    fn claim(
        &mut self,
        id: PodId,
        cluster: &Cluster,
        names: &Names,
        object: &Object,
        selector: &LabelSelector,
    ) {
        if let Some(member) = self.members.remove(&id) {
            self.by_node[member.node.index()].retain(|other| *other != id);
            if let Some(count) = self.labels.get_mut(&member.hash) {
                *count -= 1;
            }
            self.mark(member.node);
        }
        self.adopts.remove(&id);
        self.releases.remove(&id);
        let Some(pod) = cluster.pod(id).filter(|pod| !pod.gone) else { return };
        let own = pod.owner == Some(object.id);
        let orphan = pod.owner.is_none() && pod.namespace == object.key.namespace && !pod.terminating();
        if !own && !orphan {
            return;
        }
        let selects = selector.matches(cluster.pod_labels(id), names);
        match (own, selects) {
            (true, false) => self.releases.extend([id]),
            (false, true) => self.adopts.extend([id]),
            _ => {}
        }
        if let Some(facts) = DaemonPod::of(cluster, names, id, pod).filter(|_| selects) {
            self.members.insert(id, Member { node: facts.node, hash: facts.hash });
            *self.labels.entry(facts.hash).or_insert(0) += 1;
            self.mark(facts.node);
            self.by_node[facts.node.index()].push(id);
        }
    }

    /// Brings everything up to date: looks at the nodes that are news, or at all of them if the rules changed.
    pub fn refresh(&mut self, upkeep: &mut Upkeep<'_>) {
        let Upkeep { cluster, names, object, spec, .. } = *upkeep;
        let epoch = upkeep.order.epoch();
        let wanted = Basis { applied: object.applied, hash: upkeep.rules.hash, rank_epoch: epoch };
        if self.basis != Some(wanted) {
            *self = Index::new(self.daemon_set);
            self.basis = Some(wanted);
            cluster.nodes().iter().for_each(|node| self.mark(*node));
            if let Ok(selector) = selector(spec) {
                for &pod in object.pods.iter().chain(cluster.orphans(object.key.namespace)) {
                    self.claim(pod, cluster, names, object, selector);
                }
            }
        }
        while let Some(&(at, node)) = self.timers.first().filter(|timer| timer.0 <= upkeep.rules.now) {
            self.timers.remove(&(at, node));
            self.mark(node);
        }
        for node in std::mem::take(&mut self.dirty) {
            self.look_at(node, upkeep);
        }
        if upkeep.order.epoch() != epoch {
            // Ranks were given anew on the way: the sets are in no order any more.
            self.refresh(upkeep);
        }
    }

    /// Looks at a node anew.
    fn look_at(&mut self, node: NodeId, upkeep: &mut Upkeep<'_>) {
        self.take_out(node);
        let Upkeep { cluster, names, object, spec, rules, .. } = *upkeep;
        let mut pods = Vec::new();
        self.pods(node, cluster, names, &mut pods);
        let present = cluster.present_node(node);
        if present.is_none() && pods.is_empty() {
            return;
        }
        let eligibility = present.map(|node_| fit(upkeep.fits, object, spec, node, node_, names));
        let mut state = NodeState { known: true, eligibility, ..NodeState::default() };
        state.rank = upkeep.order.rank(node, names);
        match eligibility {
            Some(eligibility) => {
                state.counts = Counts::of(eligibility, &pods, rules, names);
                state.care = if eligibility.should_run && pods.is_empty() {
                    Care::Pod
                } else if manage::idle(eligibility, &pods, rules) {
                    Care::None
                } else {
                    Care::Look
                };
            }
            None if pods.iter().any(|pod| !pod.bound) => state.care = Care::Homeless,
            None => {}
        }
        if !pods.is_empty() || eligibility.is_some_and(|e| e.should_run) {
            (state.role, state.counted_available) = Role::of(&Stage::of(&pods, rules), rules);
        }
        state.timer = pods.iter().filter_map(|pod| becomes_available(pod, rules)).min();
        self.put_in(node, state);
    }

    /// Takes a node out of sums and sets.
    fn take_out(&mut self, node: NodeId) {
        let state = std::mem::take(&mut self.nodes[node.index()]);
        if state.known {
            self.total.subtract(state.counts);
            self.tally.count(&state, -1);
            self.sets.of(&state, |set| set.remove(&(state.rank, node)));
        }
        if let Some(at) = state.timer {
            self.timers.remove(&(at, node));
        }
    }

    fn put_in(&mut self, node: NodeId, state: NodeState) {
        self.total.add(state.counts);
        self.tally.count(&state, 1);
        self.sets.of(&state, |set| set.insert((state.rank, node)));
        self.timers.extend(state.timer.map(|at| (at, node)));
        self.nodes[node.index()] = state;
    }

    /// A node's pods that take part, in the order of upstream's listers.
    fn pods(&self, node: NodeId, cluster: &Cluster, names: &Names, pods: &mut Vec<DaemonPod>) {
        pods.clear();
        let members = self.by_node.get(node.index()).into_iter().flatten();
        let facts = members.filter_map(|id| DaemonPod::of(cluster, names, *id, cluster.pod(*id)?));
        pods.extend(facts.filter(|pod| !pod.is_past()));
        order_group(pods, names);
    }
}

/// What an index is brought up to date with.
pub(super) struct Upkeep<'a> {
    pub cluster: &'a Cluster,
    pub names: &'a Names,
    pub object: &'a Object,
    pub spec: &'a DaemonSet,
    pub rules: &'a Rules,
    pub fits: &'a mut Vec<Fit>,
    pub order: &'a mut NameOrder,
}

/// The indexes of all DaemonSets, and the order of nodes that they share.
#[derive(Clone, Debug, Default)]
pub(super) struct Indexes {
    pub order: NameOrder,
    pub by_daemon_set: BTreeMap<ObjectId, Index>,
}

impl Indexes {
    /// Takes note of an event about a node's labels, taints or existence.
    pub fn node_changed(&mut self, node: NodeId) {
        self.by_daemon_set.values_mut().for_each(|index| index.node_changed(node));
    }

    /// Takes note of an event about a pod; `before` is its owner before the event.
    pub fn pod_changed(&mut self, pod: PodId, before: Option<ObjectId>, cluster: &Cluster, names: &Names) {
        let now = cluster.pod(pod).and_then(|pod| pod.owner);
        if before.is_none() || now.is_none() {
            // An orphan is everybody's whose selector selects it.
            self.by_daemon_set.values_mut().for_each(|index| index.pod_changed(pod, cluster, names));
            return;
        }
        for owner in [before, now.filter(|_| now != before)].into_iter().flatten() {
            if let Some(index) = self.by_daemon_set.get_mut(&owner) {
                index.pod_changed(pod, cluster, names);
            }
        }
    }
}
