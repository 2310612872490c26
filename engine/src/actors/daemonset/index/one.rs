//! The index of one DaemonSet.

use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::cell::{Care, Cell, CellState, Role, Sets, Share, Tally, becomes_available};
use super::links::Links;
use super::masks::Fact;
use super::{Shared, spec_of};
use crate::actors::daemonset::Key;
use crate::actors::daemonset::grouping::{order_group, selector};
use crate::actors::daemonset::manage;
use crate::actors::daemonset::name_order::NameOrder;
use crate::actors::daemonset::pod::{DaemonPod, Rules};
use crate::actors::daemonset::revision::History;
use crate::actors::daemonset::rollout::{Limits, Stage};
use crate::actors::daemonset::status::Counts;
use crate::cluster::{Cluster, DaemonSet, Object, Pod};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, ShapeId, Sym};
use crate::selector::{Eligibility, LabelSelector, Placement, SelectorError};
use crate::time::Time;

/// What is known of one DaemonSet.
///
/// Which pods it has is kept from the first sync on; what nodes add to sums and sets is brought up to date by
/// [`Index::refresh`], for the nodes that are marked.
#[derive(Clone, Debug)]
pub(super) struct Index {
    key: Key,
    slot: usize,
    /// The object that bears the key, if one does.
    object: Option<ObjectId>,
    placement: Option<Placement>,
    /// By whose selector pods were claimed; `None` before the first sync.
    claimed_by: Option<Result<LabelSelector, SelectorError>>,
    /// The event that last changed the spec as of then.
    claimed_as_of: Seq,
    /// The rules (but for the moment) and the ranks that sums and sets are in terms of.
    rules: Option<Rules>,
    epoch: u64,
    /// By number of node.
    cells: Vec<Cell>,
    /// How many pods are bound to nodes where those are more than a cell counts.
    crowds: FxHashMap<NodeId, u32>,
    dirty: Vec<NodeId>,
    /// Claimed pods that are relabelled or to be adopted: node and revision label.
    odd: FxHashMap<PodId, (NodeId, Sym)>,
    odd_by_node: BTreeSet<(NodeId, PodId)>,
    /// How many claimed pods have a revision's label.
    labels: Vec<(Sym, u32)>,
    /// Whether the selector selects the pods of a shape.
    by_shape: Vec<(ShapeId, bool)>,
    pub(super) adopts: BTreeSet<PodId>,
    pub(super) releases: BTreeSet<PodId>,
    pub(super) total: Counts,
    pub(super) tally: Tally,
    pub(super) sets: Sets,
    /// When pods of a node may become available by the passing of time. What has become wrong is found out when its
    /// time comes.
    timers: BTreeSet<(Time, NodeId)>,
    /// The revisions as of a spec, when there is nothing to be done about them.
    history: Option<(Seq, Rc<History>)>,
    /// Whether the last sync had nothing to do but to write a status, and nothing has changed since.
    settled: bool,
}

impl Index {
    /// An index of a name that nothing bears yet.
    pub fn new(key: Key, slot: usize) -> Self {
        Index {
            key,
            slot,
            object: None,
            placement: None,
            claimed_by: None,
            claimed_as_of: Seq::NONE,
            rules: None,
            epoch: 0,
            cells: Vec::new(),
            crowds: FxHashMap::default(),
            dirty: Vec::new(),
            odd: FxHashMap::default(),
            odd_by_node: BTreeSet::new(),
            labels: Vec::new(),
            by_shape: Vec::new(),
            adopts: BTreeSet::new(),
            releases: BTreeSet::new(),
            total: Counts::default(),
            tally: Tally::default(),
            sets: Sets::default(),
            timers: BTreeSet::new(),
            history: None,
            settled: false,
        }
    }

    pub fn key(&self) -> Key {
        self.key
    }

    pub fn object(&self) -> Option<ObjectId> {
        self.object
    }

    pub fn placement(&self) -> Option<&Placement> {
        self.placement.as_ref()
    }

    pub fn set_placement(&mut self, placement: Option<Placement>) {
        self.placement = placement;
    }

    /// Takes note of which object bears the key. Another one begins without pods.
    pub fn set_object(&mut self, object: Option<ObjectId>, links: &mut Links) {
        self.forget_history();
        if self.object != object {
            self.object = object;
            self.forget_pods(links);
        }
    }

    /// The revisions as of an event that changed the spec, if nothing is to be done about them.
    pub fn history(&self, applied: Seq) -> Option<Rc<History>> {
        self.history.as_ref().filter(|known| known.0 == applied).map(|known| Rc::clone(&known.1))
    }

    /// Keeps the revisions in mind until one changes.
    pub fn remember_history(&mut self, applied: Seq, history: &Rc<History>) {
        if history.operations.is_empty() && !history.collision {
            self.history = Some((applied, Rc::clone(history)));
        }
    }

    /// Takes note that revisions changed.
    pub fn forget_history(&mut self) {
        self.settled = false;
        self.history = None;
    }

    /// Takes note that a sync had nothing to do but to write a status.
    pub fn settle(&mut self) {
        self.settled = self.claimed_by.is_some();
    }

    /// The counters, if nothing has changed since that was so.
    pub fn settled(&self, applied: Seq, now: Time) -> Option<Counts> {
        let waits = self.timers.first().is_none_or(|timer| timer.0 > now);
        (self.settled && waits && self.claimed_as_of == applied).then_some(self.total)
    }

    /// The counters, if a sync has nothing to do but to write a status. It is up to date for the rules of the sync.
    pub fn idle(&mut self, spec: &DaemonSet, history: &History) -> Option<Counts> {
        let waits = spec.min_ready_seconds > 0 && self.total.ready != self.total.available;
        let idle = !waits
            && history.duplicates == 0
            && self.sets.are_empty()
            && self.adopts.is_empty()
            && self.releases.is_empty()
            && Limits::resolve(&spec.strategy, i64::from(self.total.desired)).is_ok()
            && history.beyond_limit(spec.revision_history_limit, |hash| self.is_live(hash)).is_empty();
        if idle {
            self.settle();
        }
        idle.then_some(self.total)
    }

    #[inline]
    fn cell(&mut self, node: NodeId) -> &mut Cell {
        if self.cells.len() <= node.index() {
            self.cells.resize(node.index() + 1, Cell::default());
        }
        &mut self.cells[node.index()]
    }

    /// A node is to be looked at anew.
    #[inline]
    pub fn mark(&mut self, node: NodeId) {
        self.settled = false;
        if self.claimed_by.is_some() && self.cell(node).mark() {
            self.dirty.push(node);
        }
    }

    /// Whether exactly one pod hangs on a node.
    #[inline]
    pub fn has_one(&self, node: NodeId, links: &Links) -> bool {
        let cell = self.cells.get(node.index()).filter(|cell| !cell.odd() && cell.pod.is_some());
        cell.is_some_and(|cell| links.only(cell.pod) == cell.pod)
    }

    /// Takes note that a node exists, or does no more.
    pub fn node_came_or_went(&mut self, node: NodeId) {
        if self.cells.get(node.index()).is_some_and(|cell| cell.pod.is_some() || cell.odd()) {
            self.mark(node);
        }
    }

    /// Counts one pod more or less that is bound to a node; gives how many there are now.
    #[inline]
    pub fn count_bound(&mut self, node: NodeId, change: i32) -> u32 {
        let before = match self.cell(node).bound() {
            Cell::MANY => self.crowds.remove(&node).unwrap_or(Cell::MANY),
            few => few,
        };
        let count = before.saturating_add_signed(change);
        if count >= Cell::MANY {
            self.crowds.insert(node, count);
        }
        self.cell(node).set_bound(count);
        count
    }

    /// Claims an own pod that has its place, or notes that it is to be released.
    pub fn claim(
        &mut self,
        id: PodId,
        pod: &Pod,
        cluster: &Cluster,
        names: &Names,
        links: &mut Links,
        strays: &mut FxHashSet<PodId>,
    ) {
        if self.claimed_by.is_none() || pod.owner != self.object {
            return;
        }
        self.settled = false;
        if !self.selects(id, pod, cluster, names) {
            self.releases.insert(id);
            strays.insert(id);
        } else if pod.relabelled {
            self.add_odd(id, pod, cluster, names, strays);
        } else if let Some(node) = pod.node {
            let hash = cluster.shape(pod.shape).map_or(Sym::EMPTY, |shape| shape.revision_hash);
            self.label(hash, 1);
            links.hang(id, &mut self.cell(node).pod);
            self.mark(node);
        }
    }

    /// Takes a claimed pod off its node.
    pub fn take_off(&mut self, id: PodId, node: NodeId, cluster: &Cluster, links: &mut Links) {
        // As it was claimed: with its shape's labels.
        let shape = cluster.pod(id).and_then(|pod| cluster.shape(pod.shape));
        self.label(shape.map_or(Sym::EMPTY, |shape| shape.revision_hash), -1);
        links.take_off(id, &mut self.cell(node).pod);
        self.mark(node);
    }

    /// Claims an orphan, if it is one to be adopted.
    pub fn adopt(
        &mut self,
        id: PodId,
        pod: &Pod,
        cluster: &Cluster,
        names: &Names,
        strays: &mut FxHashSet<PodId>,
    ) {
        if self.claimed_by.is_none() || pod.namespace != self.key.namespace || pod.terminating() {
            return;
        }
        self.settled = false;
        if self.selects(id, pod, cluster, names) {
            self.adopts.insert(id);
            self.add_odd(id, pod, cluster, names, strays);
        }
    }

    fn add_odd(
        &mut self,
        id: PodId,
        pod: &Pod,
        cluster: &Cluster,
        names: &Names,
        strays: &mut FxHashSet<PodId>,
    ) {
        strays.insert(id);
        if let Some(facts) = DaemonPod::of(cluster, names, id, pod) {
            self.odd.insert(id, (facts.node, facts.hash));
            self.odd_by_node.insert((facts.node, id));
            self.label(facts.hash, 1);
            self.cell(facts.node).set_odd(true);
            self.mark(facts.node);
        }
    }

    /// Takes a pod out that is not as it was made.
    pub fn forget_stray(&mut self, id: PodId) {
        self.settled = false;
        self.adopts.remove(&id);
        self.releases.remove(&id);
        if let Some((node, hash)) = self.odd.remove(&id) {
            self.odd_by_node.remove(&(node, id));
            self.label(hash, -1);
            let odd = self.odd_on(node).next().is_some();
            self.cell(node).set_odd(odd);
            self.mark(node);
        }
    }

    fn odd_on(&self, node: NodeId) -> impl Iterator<Item = PodId> + '_ {
        let first = (node, PodId::from_index(0));
        self.odd_by_node.range(first..).take_while(move |odd| odd.0 == node).map(|odd| odd.1)
    }

    fn label(&mut self, hash: Sym, change: i32) {
        match self.labels.iter_mut().find(|label| label.0 == hash) {
            Some(label) => label.1 = label.1.saturating_add_signed(change),
            None => self.labels.push((hash, change.max(0).unsigned_abs())),
        }
    }

    /// Whether a claimed pod has a label.
    pub fn is_live(&self, hash: Sym) -> bool {
        self.labels.iter().any(|label| label.0 == hash && label.1 > 0)
    }

    /// Whether the selector selects a pod; asked once for all pods of a shape.
    fn selects(&mut self, id: PodId, pod: &Pod, cluster: &Cluster, names: &Names) -> bool {
        let known = self.by_shape.iter().find(|known| known.0 == pod.shape).filter(|_| !pod.relabelled);
        if let Some(known) = known {
            return known.1;
        }
        let selector = spec_of(self.object, cluster).and_then(|spec| selector(spec).ok());
        let selects = selector.is_some_and(|selector| selector.matches(cluster.pod_labels(id), names));
        if !pod.relabelled {
            self.by_shape.push((pod.shape, selects));
        }
        selects
    }

    /// All claimed pods, in no particular order.
    pub fn claimed<'a>(&'a self, links: &'a Links) -> impl Iterator<Item = PodId> + 'a {
        let linked = self.cells.iter().flat_map(|cell| links.chain(cell.pod));
        linked.chain(self.odd.keys().copied())
    }

    fn forget_pods(&mut self, links: &mut Links) {
        for cell in &mut self.cells {
            links.take_all_off(&mut cell.pod);
            cell.forget_pods();
        }
        self.odd.clear();
        self.odd_by_node.clear();
        (self.adopts, self.releases) = (BTreeSet::new(), BTreeSet::new());
        self.labels.clear();
        self.by_shape.clear();
        self.dirty.clear();
        (self.total, self.tally) = (Counts::default(), Tally::default());
        self.sets.clear();
        self.timers.clear();
        (self.claimed_by, self.claimed_as_of, self.rules) = (None, Seq::NONE, None);
    }

    /// Brings everything up to date for a sync: looks at the nodes that are news, or at all that have to do with the
    /// DaemonSet if the rules changed.
    pub fn refresh(&mut self, upkeep: &mut Upkeep<'_>) {
        let Upkeep { names, object, rules, .. } = *upkeep;
        if self.claimed_as_of != object.applied {
            self.claim_all(upkeep);
            self.claimed_as_of = object.applied;
        }
        let timeless = Rules { now: Time::MIN, ..*rules };
        if self.rules.replace(timeless) != Some(timeless) {
            for index in 0..self.cells.len() {
                if self.cells[index].counts() {
                    self.mark(NodeId::from_index(index));
                }
            }
        }
        while let Some(&(_, node)) = self.timers.first().filter(|timer| timer.0 <= rules.now) {
            self.timers.pop_first();
            self.mark(node);
        }
        self.rank(upkeep.shared.order, names);
        let mut dirty = std::mem::take(&mut self.dirty);
        for node in dirty.drain(..) {
            self.look_at(node, upkeep);
        }
        self.dirty = dirty;
    }

    /// Claims pods anew if the selector is another one.
    fn claim_all(&mut self, upkeep: &mut Upkeep<'_>) {
        let Upkeep { cluster, names, object, spec, .. } = *upkeep;
        if self.claimed_by.as_ref() != Some(&spec.selector) {
            self.forget_pods(upkeep.shared.links);
            self.claimed_by = Some(spec.selector.clone());
            upkeep.shared.order.learn(cluster.nodes(), names);
            for &node in cluster.nodes() {
                if upkeep.shared.masks.has(node, Fact::Run, self.slot) {
                    self.mark(node);
                }
            }
            let Shared { links, strays, .. } = &mut upkeep.shared;
            for &id in &object.pods {
                if let Some(pod) = cluster.pod(id) {
                    self.claim(id, &pod, cluster, names, links, strays);
                }
            }
            for &id in cluster.orphans(object.key.namespace) {
                if let Some(pod) = cluster.pod(id) {
                    self.adopt(id, &pod, cluster, names, strays);
                }
            }
        }
    }

    /// Sees to it that all nodes that are to be looked at have ranks, and that the sets are in their order.
    fn rank(&mut self, order: &mut NameOrder, names: &Names) {
        for &node in &self.dirty {
            order.rank(node, names);
        }
        if self.epoch == order.epoch() {
            return;
        }
        self.epoch = order.epoch();
        self.sets.clear();
        for (index, cell) in self.cells.iter().enumerate() {
            if cell.counts()
                && let Some(rank) = order.known(NodeId::from_index(index))
            {
                self.sets.put_in(&cell.state(), rank);
            }
        }
    }

    /// Looks at a node anew.
    fn look_at(&mut self, node: NodeId, upkeep: &Upkeep<'_>) {
        let Upkeep { cluster, names, ref shared, .. } = *upkeep;
        let eligibility = cluster.present_node(node).map(|_| shared.masks.eligibility(node, self.slot));
        let judge = |pods: &[DaemonPod]| Self::judge(eligibility, pods, upkeep);
        let (state, timer) = self.with_pods(node, shared.links, cluster, names, judge);
        self.timers.extend(timer.map(|at| (at, node)));
        self.replace(node, state, shared.order);
    }

    /// What a node with some pods adds to sums and sets, and when the passing of time may change it.
    fn judge(
        eligibility: Option<Eligibility>,
        pods: &[DaemonPod],
        upkeep: &Upkeep<'_>,
    ) -> (CellState, Option<Time>) {
        let Upkeep { names, rules, .. } = *upkeep;
        let run = eligibility.is_some_and(|e| e.should_run);
        let mut state = CellState::default();
        if !run && pods.is_empty() {
            return (state, None);
        }
        state.eligibility = eligibility;
        (state.role, state.counted_available) = Role::of(&Stage::of(pods, rules), rules);
        match eligibility {
            Some(eligibility) => {
                state.counts = Share::of(Counts::of(eligibility, pods, rules, names));
                state.care = if run && pods.is_empty() {
                    Care::Pod
                } else if manage::idle(eligibility, pods, rules) {
                    Care::None
                } else {
                    Care::Look
                };
            }
            None if pods.iter().any(|pod| !pod.bound) => state.care = Care::Homeless,
            None => {}
        }
        let timer = pods.iter().filter_map(|pod| becomes_available(pod, rules)).min();
        (state, timer)
    }

    /// Puts what a node adds in the place of what it added before.
    fn replace(&mut self, node: NodeId, state: CellState, order: &NameOrder) {
        let cell = &mut self.cells[node.index()];
        let Some(before) = cell.found(state) else { return };
        self.total.subtract(before.counts.counts());
        self.total.add(state.counts.counts());
        self.tally.count(&before, -1);
        self.tally.count(&state, 1);
        // It was marked, so it has a rank.
        let Some(rank) = order.known(node) else { return };
        self.sets.take_out(&before, rank);
        self.sets.put_in(&state, rank);
    }

    /// Looks at a node's pods that take part, in the order of upstream's listers.
    pub(super) fn with_pods<R>(
        &self,
        node: NodeId,
        links: &Links,
        cluster: &Cluster,
        names: &Names,
        look: impl FnOnce(&[DaemonPod]) -> R,
    ) -> R {
        let Some(cell) = self.cells.get(node.index()) else { return look(&[]) };
        let facts = |id| DaemonPod::of(cluster, names, id, &cluster.pod(id)?).filter(|pod| !pod.is_past());
        if !cell.odd() && links.only(cell.pod) == cell.pod {
            // Nearly always a node has one pod at most, and that takes no room elsewhere.
            return look(cell.pod.and_then(facts).as_slice());
        }
        let mut pods: Vec<_> = links.chain(cell.pod).filter_map(facts).collect();
        if cell.odd() {
            pods.extend(self.odd_on(node).filter_map(facts));
        }
        order_group(&mut pods, names);
        look(&pods)
    }

    /// What a node was when it was last looked at.
    pub(super) fn state(&self, node: NodeId) -> CellState {
        self.cells.get(node.index()).map(|cell| cell.state()).unwrap_or_default()
    }
}

/// What an index is brought up to date with.
pub(super) struct Upkeep<'a> {
    pub cluster: &'a Cluster,
    pub names: &'a Names,
    pub object: &'a Object,
    pub spec: &'a DaemonSet,
    pub rules: &'a Rules,
    pub shared: Shared<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_may_have_more_pods_than_a_cell_counts() {
        let key = Key { namespace: Sym::EMPTY, name: Sym::EMPTY };
        let (mut index, node) = (Index::new(key, 0), NodeId::from_index(2));
        (1..=300).for_each(|count| assert_eq!(index.count_bound(node, 1), count));
        assert_eq!(index.crowds.len(), 1);
        (0..300).rev().for_each(|count| assert_eq!(index.count_bound(node, -1), count));
        assert!(index.crowds.is_empty());
    }
}
