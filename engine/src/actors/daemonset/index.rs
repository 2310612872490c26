//! The incremental form: what a sync needs to know of a DaemonSet, kept from event to event.
//!
//! Events say which nodes are news. When it comes to a sync, only these nodes are looked at again; each adds to
//! the counters and stands in at most one set of those whose turn it may be. What a sync then costs follows from
//! what changed and what it does, not from how many nodes there are.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use super::grouping::{order_group, selector};
use super::manage::{self, FailedPods, Wanted};
use super::name_order::{NameOrder, Rank};
use super::pod::{DaemonPod, Rules};
use super::rollout::{self, Limits, Stage, Step};
use super::status::Counts;
use super::sync::SyncError;
use super::view::View;
use crate::cluster::{Cluster, DaemonSet, Object};
use crate::event::Why;
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, Sym};
use crate::selector::{Eligibility, LabelSelector};
use crate::time::{Micros, Time};

type Set = BTreeSet<(Rank, NodeId)>;

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

/// What a node adds to sums and sets.
#[derive(Clone, Copy, Debug, Default)]
struct NodeState {
    dirty: bool,
    /// Whether it exists or has pods; if not, the rest is empty.
    known: bool,
    rank: Rank,
    eligibility: Option<Eligibility>,
    counts: Counts,
    care: Care,
    role: Role,
    counted_available: bool,
    timer: Option<Time>,
}

/// What `manage` may have to do on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Care {
    #[default]
    None,
    /// A pod is missing, and that is all.
    Pod,
    /// It has to be looked at.
    Look,
    /// The node does not exist.
    Homeless,
}

/// What a rolling update sees on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    /// Nothing that a rolling update counts.
    #[default]
    None,
    Unclear,
    Empty,
    New {
        available: bool,
    },
    Both {
        available: bool,
    },
    Old {
        available: bool,
    },
}

/// How many nodes are in what a rolling update counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Unclear, empty, both, or with a pod that is not available: unavailable to a rollout without surge.
    unavailable: i64,
    /// Unclear, or both with a new pod that is not available: surging.
    surging: i64,
    /// With a pod that is available, the old one where there are two.
    available: i64,
}

/// Nodes whose turn it may be.
#[derive(Clone, Debug, Default)]
struct Sets {
    needy: Set,
    look: Set,
    homeless: Set,
    /// Both pods, the new one available.
    both_available: Set,
    /// Only an old pod, by whether it is available and whether the node should run a pod.
    old: [[Set; 2]; 2],
    /// Only an old pod, and the node does not exist.
    old_missing: Set,
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
        let eligibility = present.map(|node_| super::fit(upkeep.fits, object, spec, node, node_, names));
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
    pub fits: &'a mut Vec<super::Fit>,
    pub order: &'a mut NameOrder,
}

/// When a pod that is ready becomes available, if that lies ahead.
fn becomes_available(pod: &DaemonPod, rules: &Rules) -> Option<Time> {
    let since = pod.ready_since.filter(|_| pod.ready && rules.min_ready_seconds > 0)?;
    let at = since.start() + Micros::seconds(rules.min_ready_seconds);
    (at > rules.now && at < Time::MAX).then_some(at)
}

impl Role {
    /// The role of a node, and whether its pod counts as available.
    fn of(stage: &Stage, rules: &Rules) -> (Role, bool) {
        match stage {
            Stage::Unclear => (Role::Unclear, false),
            Stage::Empty => (Role::Empty, false),
            Stage::New(new) => {
                let available = new.available(rules);
                (Role::New { available }, available)
            }
            Stage::Old(old) => {
                let available = old.available(rules);
                (Role::Old { available }, available)
            }
            Stage::Both { new, old } => {
                (Role::Both { available: new.available(rules) }, old.available(rules))
            }
        }
    }
}

impl Tally {
    fn count(&mut self, state: &NodeState, sign: i64) {
        let unavailable = match state.role {
            Role::None => false,
            Role::Unclear | Role::Empty | Role::Both { .. } => true,
            Role::New { available } | Role::Old { available } => !available,
        };
        let surging = matches!(state.role, Role::Unclear | Role::Both { available: false });
        self.unavailable += sign * i64::from(unavailable);
        self.surging += sign * i64::from(surging);
        self.available += sign * i64::from(state.counted_available);
    }
}

impl Sets {
    /// Puts a node into every set that it stands in, or takes it out.
    fn of(&mut self, state: &NodeState, mut act: impl FnMut(&mut Set) -> bool) {
        let mut stands_in = |set: &mut Set| {
            let changed = act(set);
            debug_assert!(changed, "a node stands once in its sets, and in no others");
        };
        match state.care {
            Care::None => {}
            Care::Pod => stands_in(&mut self.needy),
            Care::Look => stands_in(&mut self.look),
            Care::Homeless => stands_in(&mut self.homeless),
        }
        match state.role {
            Role::Both { available: true } => stands_in(&mut self.both_available),
            Role::Old { available } => {
                let run = state.eligibility.is_some_and(|e| e.should_run);
                stands_in(&mut self.old[usize::from(available)][usize::from(run)]);
                if state.eligibility.is_none() {
                    stands_in(&mut self.old_missing);
                }
            }
            _ => {}
        }
    }
}

/// Two sets as one, in order.
fn merged<'a>(a: &'a Set, b: &'a Set) -> impl Iterator<Item = (Rank, NodeId)> + 'a {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if x < y => a.next(),
        (Some(_), None) => a.next(),
        _ => b.next(),
    })
}

/// An index with the cluster that it is of: the view of a sync.
pub(super) struct Indexed<'a> {
    pub index: &'a Index,
    pub cluster: &'a Cluster,
}

impl Indexed<'_> {
    /// The old pod of a node that has one.
    fn old_pod(
        &self,
        node: NodeId,
        rules: &Rules,
        names: &Names,
        pods: &mut Vec<DaemonPod>,
    ) -> Option<DaemonPod> {
        self.index.pods(node, self.cluster, names, pods);
        match Stage::of(pods, rules) {
            Stage::Old(old) | Stage::Both { old, .. } => Some(old),
            _ => None,
        }
    }

    fn old_pods(
        &self,
        nodes: impl Iterator<Item = (Rank, NodeId)>,
        rules: &Rules,
        names: &Names,
    ) -> Vec<DaemonPod> {
        let mut pods = Vec::new();
        nodes.filter_map(|(_, node)| self.old_pod(node, rules, names, &mut pods)).collect()
    }
}

impl View for Indexed<'_> {
    fn adopts(&self) -> Vec<PodId> {
        self.index.adopts.iter().copied().collect()
    }

    fn releases(&self) -> Vec<PodId> {
        self.index.releases.iter().copied().collect()
    }

    fn adopts_count(&self) -> usize {
        self.index.adopts.len()
    }

    fn is_live(&self, hash: Sym) -> bool {
        self.index.labels.get(&hash).is_some_and(|count| *count > 0)
    }

    fn not_labelled(&self, hash: Sym) -> Vec<PodId> {
        let others = self.index.members.iter().filter(|(_, member)| member.hash != hash);
        let mut pods: Vec<_> = others.map(|(pod, _)| *pod).collect();
        pods.sort_unstable();
        pods
    }

    fn manage(
        &self,
        rules: &Rules,
        failed: &mut FailedPods<'_>,
        names: &Names,
        burst: usize,
        wanted: &mut Wanted,
    ) {
        let sets = &self.index.sets;
        let mut pods = Vec::new();
        // Nodes without pods come in their places among the others; beyond the burst limit they are left for
        // the next sync.
        let mut needy = sets.needy.iter().take(burst).peekable();
        for &(rank, node) in &sets.look {
            while let Some((_, empty)) = needy.next_if(|empty| empty.0 < rank) {
                wanted.creates.push(*empty);
            }
            let Some(eligibility) = self.index.nodes[node.index()].eligibility else { continue };
            self.index.pods(node, self.cluster, names, &mut pods);
            manage::node(node, eligibility, &pods, rules, failed, names, wanted);
        }
        wanted.creates.extend(needy.map(|(_, node)| *node));
        for &(_, node) in &sets.homeless {
            self.index.pods(node, self.cluster, names, &mut pods);
            let unbound = pods.iter().filter(|pod| !pod.bound);
            wanted.deletes.extend(unbound.map(|pod| (*pod, Why::NodeMissing)));
        }
    }

    fn desired(&self) -> usize {
        self.index.total.desired as usize
    }

    fn step(&self, limits: &Limits, rules: &Rules, names: &Names) -> Result<Step, SyncError> {
        let (sets, tally) = (&self.index.sets, &self.index.tally);
        let [[gone_bad, gone], [unwanted, candidates]] = &sets.old;
        if limits.max_surge == 0 {
            let room = rollout::room(limits.max_unavailable, tally.unavailable);
            let mut deletes = self.old_pods(merged(gone_bad, gone), rules, names);
            let free_deletes = deletes.len();
            deletes.extend(self.old_pods(merged(unwanted, candidates).take(room), rules, names));
            return Ok(Step { deletes, free_deletes, ..Step::default() });
        }
        if let Some((_, node)) = sets.old_missing.first() {
            return Err(SyncError::NodeMissing { node: names.node_name(*node).to_owned() });
        }
        let mut deletes = self.old_pods(merged(&sets.both_available, gone_bad), rules, names);
        let mut creates: Vec<_> = gone.iter().map(|(_, node)| *node).collect();
        let (free_deletes, free_creates) = (deletes.len(), creates.len());
        let room = rollout::room(tally.available, limits.desired);
        deletes.extend(self.old_pods(unwanted.iter().copied().take(room), rules, names));
        let room = rollout::room(limits.max_surge, tally.surging);
        creates.extend(candidates.iter().take(room).map(|(_, node)| *node));
        Ok(Step { deletes, free_deletes, creates, free_creates })
    }

    fn counts(&self, _rules: &Rules, _names: &Names) -> Counts {
        self.index.total
    }

    /// What happens afterwards is not seen within a sync.
    fn created(&mut self, _pod: DaemonPod) {}

    /// What happens afterwards is not seen within a sync.
    fn deleted(&mut self, _pod: &DaemonPod) {}
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
