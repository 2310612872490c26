//! The placement decisions of a log: which pod was created or deleted for which node, and what each goes back to.
//!
//! A [`Trail`] is made on the way while a log is folded. It keeps 4 bytes an event, for causes, and 34 bytes a decision, so that
//! what led to a placement, and which pod had a slot at any event, is known without reading the log again.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::per_node::PerNode;
use crate::event::{Body, Event, Track, Why};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, sym};
use crate::time::Time;

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// A pod was created.
    Created,
    /// A pod's deletion was accepted.
    Deleted,
}

/// A decision about a placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub verb: Verb,
    /// Why, where a pod was deleted.
    pub why: Option<Why>,
    pub at: Time,
    pub seq: Seq,
}

/// A position in a list, or none; small, because there are millions.
#[derive(Clone, Copy, Debug, Default)]
struct At(u32);

impl At {
    const NONE: At = At(0);

    /// # Panics
    /// Beyond 2^32 - 2, which no machine that runs this can hold.
    fn of(index: usize) -> At {
        let number = u32::try_from(index).ok().and_then(|index| index.checked_add(1));
        At(number.expect("a list holds fewer than 2^32 - 1 entries"))
    }

    fn index(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
}

/// Something that happened to a pod's slot: a decision about a placement, or what makes a slot nobody's.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: Time,
    seq: Seq,
    /// The DaemonSet's position and the node; none if it is no decision.
    placement: At,
    node: Option<NodeId>,
    /// The decision before about the same DaemonSet and node.
    before: At,
    /// For a pod's creation (and for what makes a slot nobody's): the same of the slot before.
    earlier: At,
}

/// The DaemonSets that a log has, by name: objects that bear a name one after another count as one.
#[derive(Debug, Default)]
struct Sets {
    names: Vec<String>,
    by_object: FxHashMap<ObjectId, Option<u32>>,
    by_name: FxHashMap<String, u32>,
}

impl Sets {
    /// A DaemonSet's position; `None` for other objects.
    fn of(&mut self, names: &Names, object: ObjectId) -> Option<u32> {
        if let Some(known) = self.by_object.get(&object) {
            return *known;
        }
        let is_daemon_set = names.object_key(object).kind == sym::DAEMON_SET;
        let set = is_daemon_set.then(|| {
            *self.by_name.entry(names.object_name(object)).or_insert_with_key(|name| {
                self.names.push(name.clone());
                self.names.len() as u32 - 1
            })
        });
        self.by_object.insert(object, set);
        set
    }
}

/// A log's decisions and causes.
#[derive(Debug, Default)]
pub(super) struct Trail {
    sets: Sets,
    steps: Vec<Step>,
    /// What each step was.
    kinds: Vec<(Verb, Option<Why>)>,
    /// By DaemonSet and node: the last decision, of those that are linked.
    last: Vec<PerNode<At>>,
    /// How many steps are linked to those before.
    linked: usize,
    /// By slot: the creation of the pod that has it, or what made it nobody's.
    slots: Vec<At>,
    /// By an event's number less one: how far back its cause is; 0 for none.
    back: Vec<u32>,
    /// What events from outside say, whichever node they say it of.
    says: Vec<(Seq, u64)>,
    /// The events that changed each object's manifest, in order.
    changed: FxHashMap<ObjectId, Vec<Seq>>,
}

impl Trail {
    /// Takes note of the log's next event.
    pub fn observe(&mut self, names: &Names, seq: Seq, event: &Event) {
        let back = if event.cause == Seq::NONE { 0 } else { seq.0.saturating_sub(event.cause.0) };
        // A cause more than 2^32 events back is not followed.
        let back = u32::try_from(back).unwrap_or(0);
        self.back.push(back);
        if back == 0 && matches!(event.track, Track::Cluster | Track::User | Track::Lifecycle) {
            self.says.push((seq, apart_from_node(event)));
        }
        match event.body {
            Body::Applied { object, .. }
            | Body::Scaled { object, .. }
            | Body::RolloutUndone { object, .. } => {
                self.changed.entry(object).or_default().push(seq);
                self.sets.of(names, object);
            }
            Body::PodCreated { pod, owner, node, .. } => {
                let set = owner.and_then(|owner| self.sets.of(names, owner));
                let earlier = self.slot(pod);
                let placement = set.zip(node);
                if placement.is_some() || earlier.index().is_some() {
                    let step = self.push(seq, event.at, placement, earlier, (Verb::Created, None));
                    self.slots[pod.index()] = step;
                }
            }
            Body::PodReleased { pod } => {
                let earlier = self.slot(pod);
                if earlier.index().is_some() {
                    let step = self.push(seq, event.at, None, earlier, (Verb::Deleted, None));
                    self.slots[pod.index()] = step;
                }
            }
            Body::PodDeleted { pod, why, .. } => {
                let taken = self.slot(pod).index();
                let placement = taken.and_then(|taken| self.placement(&self.steps[taken]));
                if placement.is_some() {
                    self.push(seq, event.at, placement, At::NONE, (Verb::Deleted, Some(why)));
                }
            }
            _ => {}
        }
    }

    fn slot(&mut self, pod: PodId) -> At {
        if pod.index() >= self.slots.len() {
            self.slots.resize(pod.index() + 1, At::NONE);
        }
        self.slots[pod.index()]
    }

    fn push(
        &mut self,
        seq: Seq,
        at: Time,
        placement: Option<(u32, NodeId)>,
        earlier: At,
        kind: (Verb, Option<Why>),
    ) -> At {
        let step = At::of(self.steps.len());
        let (set, node) = placement.unzip();
        let placement = set.map_or(At::NONE, |set| At::of(set as usize));
        self.steps.push(Step { at, seq, placement, node, before: At::NONE, earlier });
        self.kinds.push(kind);
        step
    }

    /// Makes it known which decisions there are about each placement. Left until somebody asks, because it goes all over the
    /// memory, and nobody does about logs that are the same.
    pub fn link(&mut self) {
        for index in self.linked..self.steps.len() {
            let Some((set, node)) = self.placement(&self.steps[index]) else { continue };
            if set as usize >= self.last.len() {
                self.last.resize_with(set as usize + 1, PerNode::default);
            }
            let last = self.last[set as usize].entry(node);
            self.steps[index].before = std::mem::replace(last, At::of(index));
        }
        self.linked = self.steps.len();
    }

    fn placement(&self, step: &Step) -> Option<(u32, NodeId)> {
        step.placement.index().map(|set| set as u32).zip(step.node)
    }

    fn decided(&self, index: usize) -> Decided {
        let (Step { at, seq, .. }, (verb, why)) = (self.steps[index], self.kinds[index]);
        Decided { verb, why, at, seq }
    }

    /// The decisions about a DaemonSet on a node up to and at a moment, the last first; of those that are linked.
    pub fn decisions(&self, set: u32, node: NodeId, until: Time) -> impl Iterator<Item = Decided> + '_ {
        let last = self.last.get(set as usize).and_then(|last| last.get(node)).copied().unwrap_or_default();
        let indices = std::iter::successors(last.index(), |&index| self.steps[index].before.index());
        indices.map(|index| self.decided(index)).skip_while(move |decided| decided.at > until)
    }

    /// The nodes on which something was decided about a DaemonSet, by what is linked.
    pub fn nodes(&self, set: u32) -> impl Iterator<Item = NodeId> + '_ {
        let nodes = self.last.get(set as usize).into_iter().flat_map(PerNode::iter);
        nodes.filter(|(_, last)| last.index().is_some()).map(|(node, _)| node)
    }

    /// The DaemonSet and the node of the pod that had a slot right after an event.
    pub fn pod(&self, pod: PodId, seq: Seq) -> Option<(&str, NodeId)> {
        let taken = self.slots.get(pod.index())?.index();
        let mut all = std::iter::successors(taken, |&index| self.steps[index].earlier.index());
        let (set, node) = self.placement(&self.steps[all.find(|&index| self.steps[index].seq <= seq)?])?;
        Some((&self.sets.names[set as usize], node))
    }

    /// The position of a DaemonSet, `namespace/name`.
    pub fn find_set(&self, name: &str) -> Option<u32> {
        self.sets.by_name.get(name).copied()
    }

    /// All DaemonSets, `namespace/name`, in the order in which they were met.
    pub fn sets(&self) -> &[String] {
        &self.sets.names
    }

    /// The event that caused an event.
    pub fn cause(&self, seq: Seq) -> Option<Seq> {
        let back = *self.back.get(usize::try_from(seq.0).ok()?.checked_sub(1)?)?;
        (back > 0).then(|| Seq(seq.0 - u64::from(back)))
    }

    /// What every event goes back to in the end. Takes 4 bytes an event.
    pub fn roots(&self) -> Roots {
        let mut roots: Vec<u32> = Vec::with_capacity(self.back.len());
        for (index, &back) in self.back.iter().enumerate() {
            let beyond = if back == 0 { 0 } else { roots[index - back as usize] };
            roots.push(back.saturating_add(beyond));
        }
        Roots(roots)
    }

    /// Stands for what an event without cause says, whichever node it says it of; 0 for all those of controllers.
    pub fn says(&self, root: Seq) -> u64 {
        let at = self.says.binary_search_by_key(&root, |says| says.0);
        at.map_or(0, |at| self.says[at].1)
    }

    /// Whether an object's manifest was changed after an event, but not after a later one.
    pub fn changed_between(&self, object: ObjectId, seq: Seq, last: Seq) -> bool {
        let changed = self.changed.get(&object);
        changed.is_some_and(|changed| changed.iter().any(|&change| seq < change && change <= last))
    }

    /// The events that changed the manifest of a DaemonSet, in order.
    pub fn manifests(&self, set: u32) -> Vec<Seq> {
        let of_set = |object: &ObjectId| self.sets.by_object.get(object) == Some(&Some(set));
        let objects = self.changed.iter().filter(|(object, _)| of_set(object));
        let mut all: Vec<Seq> = objects.flat_map(|(_, changed)| changed).copied().collect();
        all.sort_unstable();
        all
    }
}

/// By an event's number less one: how far back the event is that it goes back to in the end.
#[derive(Debug)]
pub(super) struct Roots(Vec<u32>);

impl Roots {
    /// The event that an event goes back to in the end: itself, if it has no cause.
    pub fn of(&self, seq: Seq) -> Seq {
        let root = usize::try_from(seq.0).ok().and_then(|seq| self.0.get(seq.checked_sub(1)?));
        Seq(seq.0 - u64::from(root.copied().unwrap_or(0)))
    }
}

/// Stands for what an event says, whichever node (or pod) it says it of: its kind and its author, and the rest where
/// the rest is not of that node alone.
fn apart_from_node(event: &Event) -> u64 {
    let mut hasher = FxHasher::default();
    (event.track, event.body.kind(), event.by).hash(&mut hasher);
    match event.body {
        Body::NodeLabelSet { key, value, .. } => (key, value).hash(&mut hasher),
        Body::NodeLabelRemoved { key, .. } => key.hash(&mut hasher),
        Body::NodeTaintAdded { taint, .. } => taint.hash(&mut hasher),
        Body::NodeTaintRemoved { key, effect, .. } => (key, effect as u8).hash(&mut hasher),
        Body::NodeConditionSet { condition, status, .. } => (condition, status).hash(&mut hasher),
        Body::Applied { object, manifest } => (object, manifest).hash(&mut hasher),
        Body::Scaled { object, .. }
        | Body::DeleteRequested { object, .. }
        | Body::ObjectRemoved { object }
        | Body::RolloutUndone { object, .. } => object.hash(&mut hasher),
        _ => {}
    }
    hasher.finish()
}
