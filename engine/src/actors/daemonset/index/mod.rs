//! The incremental form: what syncs need to know of all DaemonSets, kept from event to event.
//!
//! Events say what is news, and to which DaemonSets: a label is news to those that mention its key and to which the
//! old and the new value are not the same, a pod's event to its owner. What a node is to every DaemonSet stands in
//! bit masks ([`masks`]), so that `syncNodeUpdate` looks at few words, however many DaemonSets there are. When it comes
//! to a sync, only the nodes that are news are looked at again ([`one`]); each adds to counters and stands in at most
//! one set of those whose turn it may be. What a sync then costs follows from what changed and what it does, not from
//! how many nodes there are.

mod cell;
mod links;
mod masks;
mod mentions;
mod one;
mod ranks;
mod tolerances;
mod view;

use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Key;
use super::name_order::NameOrder;
use super::pod::Rules;
use super::revision::History;
use super::status::Counts;
use super::views::Scene;
use super::wake::Seen;
use crate::cluster::{Change, Cluster, DaemonSet, Object};
use crate::event::Body;
use crate::names::{Names, NodeId, ObjectId, PodId, Sym, sym};
use crate::time::Time;

use links::Links;
use masks::{Fact, Masks};
use mentions::Mentions;
use one::{Index, Upkeep};
use tolerances::Tolerances;
pub(super) use view::Indexed;

/// What is known of all DaemonSets. It follows from the cluster alone: thrown away, it is made anew when it is next
/// asked for.
///
/// DaemonSets have numbers here (slots), by key: whichever object bears a name has its place.
#[derive(Clone, Debug, Default)]
pub(super) struct Indexes {
    /// Whether it was made from the cluster; from then on events keep it.
    ready: bool,
    slots: FxHashMap<Key, usize>,
    /// By number of object: the slot.
    of_object: Vec<Known>,
    /// By slot.
    list: Vec<Index>,
    order: NameOrder,
    masks: Masks,
    /// By slot: whether the status says that pods are where they should not be.
    misscheduled: Vec<u64>,
    mentions: Mentions,
    tolerances: Tolerances,
    /// Room for slots.
    minding: Vec<usize>,
    links: Links,
    /// Pods that are in some index's lists of pods to adopt, to release, or that are otherwise not as they were made.
    strays: FxHashSet<PodId>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Known {
    #[default]
    NotYet,
    Other,
    Slot(usize),
}

impl Indexes {
    /// Makes everything from the cluster, unless that was done.
    pub fn prepare(&mut self, cluster: &Cluster, names: &Names) {
        if std::mem::replace(&mut self.ready, true) {
            return;
        }
        for (object, _) in cluster.daemon_sets() {
            self.object_changed(object.id, cluster, names);
        }
        for (id, _) in cluster.pods() {
            self.attach(id, cluster, names);
        }
    }

    /// The slot of an object that is a DaemonSet. Asked for every event of a pod.
    #[inline]
    fn slot(&mut self, object: ObjectId, names: &Names) -> Option<usize> {
        match self.of_object.get(object.index()) {
            Some(Known::Slot(slot)) => Some(*slot),
            Some(Known::Other) => None,
            _ => self.find_slot(object, names),
        }
    }

    #[cold]
    fn find_slot(&mut self, object: ObjectId, names: &Names) -> Option<usize> {
        if self.of_object.len() <= object.index() {
            self.of_object.resize(object.index() + 1, Known::NotYet);
        }
        let key = names.object_key(object);
        let slot = (key.kind == sym::DAEMON_SET)
            .then(|| self.slot_of_key(Key { namespace: key.namespace, name: key.name }));
        self.of_object[object.index()] = slot.map_or(Known::Other, Known::Slot);
        slot
    }

    fn slot_of_key(&mut self, key: Key) -> usize {
        let next = self.list.len();
        let slot = *self.slots.entry(key).or_insert(next);
        if slot == next {
            self.list.push(Index::new(key, slot));
            self.masks.make_room(next + 1);
            self.tolerances.clear();
            self.misscheduled.resize(next / 64 + 1, 0);
        }
        slot
    }

    /// A view of a DaemonSet that exists, up to date for rules.
    pub fn view<'a>(&'a mut self, scene: &Scene<'a>, rules: &Rules) -> Option<Indexed<'a>> {
        let Scene { cluster, names, object, spec } = *scene;
        self.prepare(cluster, names);
        let slot = self.slot(object.id, names)?;
        let Indexes { list, order, masks, links, strays, .. } = self;
        let index = &mut list[slot];
        let shared = Shared { order, masks, links, strays };
        index.refresh(&mut Upkeep { cluster, names, object, spec, rules, shared });
        Some(Indexed { index, links, order, cluster })
    }

    /// The revisions of a DaemonSet that exists, as they were when nothing was to be done about them, if none has
    /// changed since.
    pub fn history(&mut self, object: &Object, names: &Names) -> Option<Rc<History>> {
        let slot = self.slot(object.id, names)?;
        self.list[slot].history(object.applied)
    }

    /// Keeps revisions in mind until one changes.
    pub fn remember_history(&mut self, object: &Object, names: &Names, history: &Rc<History>) {
        if let Some(slot) = self.slot(object.id, names) {
            self.list[slot].remember_history(object.applied, history);
        }
    }

    /// Takes note that a sync had nothing to do but to write a status.
    pub fn settle(&mut self, object: &Object, names: &Names) {
        if let Some(slot) = self.slot(object.id, names) {
            self.list[slot].settle();
        }
    }

    /// The counters of a DaemonSet whose sync has nothing to do but to write a status.
    pub fn routine(&mut self, scene: &Scene<'_>, now: Time) -> Option<Counts> {
        let Scene { cluster, names, object, spec } = *scene;
        let slot = self.slot(object.id, names)?;
        let Indexes { list, order, masks, links, strays, .. } = self;
        let index = &mut list[slot];
        if let Some(counts) = index.settled(object.applied, now) {
            return Some(counts);
        }
        let history = index.history(object.applied)?;
        let rules = Rules::of(spec, history.hash, now);
        let shared = Shared { order, masks, links, strays };
        index.refresh(&mut Upkeep { cluster, names, object, spec, rules: &rules, shared });
        index.idle(spec, &history)
    }

    /// Names the DaemonSets that a change of a node that exists is news to, after `syncNodeUpdate`.
    pub fn news(&self, node: NodeId, mut tell: impl FnMut(Key)) {
        for (word, misscheduled) in self.misscheduled.iter().enumerate() {
            let mut news = self.masks.news(node, word, *misscheduled);
            while news != 0 {
                let index = &self.list[word * 64 + news.trailing_zeros() as usize];
                if index.object().is_some() {
                    tell(index.key());
                }
                news &= news - 1;
            }
        }
    }

    /// Whether an event is a label that nothing mentions, on a node with which everything is as it should be.
    #[inline]
    pub fn pass_over(&self, body: &Body) -> bool {
        let (Body::NodeLabelSet { node, key, .. } | Body::NodeLabelRemoved { node, key }) = *body else {
            return false;
        };
        self.ready
            && !self.masks.may_be_news(node)
            && !self.mentions.has(key)
            && self.misscheduled.iter().all(|word| *word == 0)
    }

    /// Takes note of an event.
    pub fn observe(&mut self, seen: &Seen<'_>) {
        let Seen { cluster, names, change, .. } = *seen;
        if !self.ready {
            return self.prepare(cluster, names);
        }
        match seen.event.body {
            Body::NodeLabelSet { node, key, value } if change.effective => {
                self.label_changed(node, key, change.label, Some(value), cluster, names);
            }
            Body::NodeLabelRemoved { node, key } if change.effective => {
                self.label_changed(node, key, change.label, None, cluster, names);
            }
            Body::NodeTaintAdded { node, .. } | Body::NodeTaintRemoved { node, .. } if change.effective => {
                (0..self.masks.words()).for_each(|word| self.admit(word, node, cluster, names));
            }
            Body::NodeJoined { node, .. } | Body::NodeLeft { node } => {
                for slot in 0..self.list.len() {
                    self.select(slot, node, cluster, names);
                }
                (0..self.masks.words()).for_each(|word| self.admit(word, node, cluster, names));
                self.list.iter_mut().for_each(|index| index.node_came_or_went(node));
            }
            Body::Applied { object, .. }
            | Body::DeleteRequested { object, .. }
            | Body::ObjectRemoved { object }
            | Body::RolloutUndone { object, .. } => self.object_changed(object, cluster, names),
            Body::StatusWritten { object, .. } => {
                if let Some(slot) = self.slot(object, names) {
                    self.status_changed(slot, cluster);
                }
            }
            Body::RevisionCreated { .. }
            | Body::RevisionNumbered { .. }
            | Body::RevisionLabelled { .. }
            | Body::RevisionAdopted { .. }
            | Body::RevisionReleased { .. }
            | Body::RevisionDeleted { .. } => self.list.iter_mut().for_each(Index::forget_history),
            Body::PodCreated { pod, .. } => self.attach(pod, cluster, names),
            body => {
                if let Some(pod) = body.pod() {
                    self.pod_changed(pod, &body, change, cluster, names);
                }
            }
        }
    }

    fn label_changed(
        &mut self,
        node: NodeId,
        key: Sym,
        before: Option<Sym>,
        after: Option<Sym>,
        cluster: &Cluster,
        names: &Names,
    ) {
        let mut minding = std::mem::take(&mut self.minding);
        self.mentions.minding(key, before, after, &mut minding);
        for slot in minding.drain(..) {
            if self.select(slot, node, cluster, names) {
                self.admit(slot / 64, node, cluster, names);
            }
        }
        self.minding = minding;
    }

    /// Finds out whether name, node selector and affinity of a DaemonSet fit a node. Says whether that is news.
    fn select(&mut self, slot: usize, node: NodeId, cluster: &Cluster, names: &Names) -> bool {
        let placement = self.list[slot].placement();
        let selected = placement.is_some_and(|placement| {
            let node = cluster.present_node(node);
            node.is_some_and(|node| placement.selects(node.name, &node.labels, names))
        });
        self.masks.set(node, Fact::Selected, slot, selected)
    }

    /// Finds out which of 64 DaemonSets tolerate a node's taints, of those that it is selected for.
    fn admit(&mut self, word: usize, node: NodeId, cluster: &Cluster, names: &Names) {
        let Indexes { list, masks, tolerances, .. } = self;
        let taints = cluster.present_node(node).map(|node| node.taints.as_slice()).unwrap_or_default();
        let tolerates = |taint: &_, slot: usize| {
            let placement = list.get(slot).and_then(Index::placement);
            placement.is_some_and(|placement| placement.tolerates(taint, names))
        };
        let selected = masks.word(node, Fact::Selected, word);
        let admitted = tolerances.admitted(taints, selected, (word, masks.words()), tolerates);
        let mut news = masks.admit(node, word, admitted);
        while news != 0 {
            list[word * 64 + news.trailing_zeros() as usize].mark(node);
            news &= news - 1;
        }
    }

    /// Takes note that an object was made, changed or removed.
    fn object_changed(&mut self, object: ObjectId, cluster: &Cluster, names: &Names) {
        let Some(slot) = self.slot(object, names) else { return };
        let found = cluster.object(object).filter(|object| object.present);
        let index = &mut self.list[slot];
        if found.is_none() && index.object() != Some(object) {
            return;
        }
        index.set_object(found.map(|object| object.id), &mut self.links);
        let placement = found.and_then(|object| object.daemon_set()).map(|spec| &spec.placement);
        if index.placement() != placement {
            index.set_placement(placement.cloned());
            self.mentions.replace(slot, placement);
            self.tolerances.clear();
            for &node in cluster.nodes() {
                self.select(slot, node, cluster, names);
                self.admit(slot / 64, node, cluster, names);
            }
        }
        self.status_changed(slot, cluster);
    }

    fn status_changed(&mut self, slot: usize, cluster: &Cluster) {
        let object = self.list[slot].object().and_then(|object| cluster.object(object));
        let (word, bit) = (&mut self.misscheduled[slot / 64], 1 << (slot % 64));
        *word &= !bit;
        if object.is_some_and(|object| object.status.misscheduled > 0) {
            *word |= bit;
        }
    }

    /// Takes note that something about a pod changed.
    fn pod_changed(&mut self, id: PodId, body: &Body, change: &Change, cluster: &Cluster, names: &Names) {
        let Some(pod) = cluster.pod(id) else { return };
        let member = self.links.is_member(id);
        let ordinary = pod.owner.is_some() && !pod.relabelled;
        match body {
            Body::PodBound { .. } if ordinary && member && change.node == pod.node => {
                self.count(id, pod.owner, pod.node, names);
                // Which pod of several stays depends on it, and what becomes of one whose node is gone.
                let Some((slot, node)) = self.cell(pod.owner, pod.node, names) else { return };
                if !self.list[slot].has_one(node, &self.links) || cluster.present_node(node).is_none() {
                    self.list[slot].mark(node);
                }
            }
            Body::PodConditionSet { .. } | Body::PodDeleted { .. } if ordinary => {
                if member {
                    self.mark(pod.owner, pod.node, names);
                }
            }
            Body::PodPhaseSet { .. } if ordinary => {
                // Whether it has started is all the same to its controller.
                if member && (change.had_ended || pod.terminal()) {
                    self.mark(pod.owner, pod.node, names);
                }
            }
            Body::PodRestarted { .. } | Body::PodUnschedulable { .. } | Body::PodNominated { .. }
                if ordinary => {}
            _ => {
                self.detach(id, change, cluster, names);
                self.attach(id, cluster, names);
            }
        }
    }

    /// The cell of a pod: the slot of the DaemonSet that its owner is called after, and the node that it is for.
    #[inline]
    fn cell(
        &mut self,
        owner: Option<ObjectId>,
        node: Option<NodeId>,
        names: &Names,
    ) -> Option<(usize, NodeId)> {
        Some((self.slot(owner?, names)?, node?))
    }

    #[inline]
    fn mark(&mut self, owner: Option<ObjectId>, node: Option<NodeId>, names: &Names) {
        if let Some((slot, node)) = self.cell(owner, node, names) {
            self.list[slot].mark(node);
        }
    }

    /// Counts a pod that is bound, unless it is counted.
    #[inline]
    fn count(&mut self, id: PodId, owner: Option<ObjectId>, node: Option<NodeId>, names: &Names) {
        if let Some((slot, node)) = self.cell(owner, node, names)
            && self.links.count(id)
        {
            self.list[slot].count_bound(node, 1);
            self.masks.set(node, Fact::Scheduled, slot, true);
        }
    }

    /// Takes a pod out of everything that it was in before a change.
    fn detach(&mut self, id: PodId, change: &Change, cluster: &Cluster, names: &Names) {
        if let Some((slot, node)) = self.cell(change.owner, change.node, names) {
            let index = &mut self.list[slot];
            if self.links.discount(id) && index.count_bound(node, -1) == 0 {
                self.masks.set(node, Fact::Scheduled, slot, false);
            }
            if self.links.is_member(id) {
                index.take_off(id, node, cluster, &mut self.links);
            }
        }
        if self.strays.remove(&id) {
            self.list.iter_mut().for_each(|index| index.forget_stray(id));
        }
    }

    /// Puts a pod where it belongs.
    fn attach(&mut self, id: PodId, cluster: &Cluster, names: &Names) {
        let Some(pod) = cluster.pod(id).filter(|pod| !pod.gone) else { return };
        let Some(owner) = pod.owner else {
            // An orphan is everybody's whose selector selects it.
            let strays = &mut self.strays;
            self.list.iter_mut().for_each(|index| index.adopt(id, &pod, cluster, names, strays));
            return;
        };
        let Some(slot) = self.slot(owner, names) else { return };
        if pod.bound {
            self.count(id, pod.owner, pod.node, names);
        }
        self.list[slot].claim(id, &pod, cluster, names, &mut self.links, &mut self.strays);
    }
}

/// What all indexes share.
struct Shared<'a> {
    order: &'a mut NameOrder,
    masks: &'a Masks,
    links: &'a mut Links,
    strays: &'a mut FxHashSet<PodId>,
}

/// The DaemonSet that an index is of.
fn spec_of(object: Option<ObjectId>, cluster: &Cluster) -> Option<&DaemonSet> {
    cluster.object(object?)?.daemon_set()
}
