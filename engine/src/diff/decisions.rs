//! The placement decisions of a log: which pod was created or deleted for which node, and what each goes back to.
//!
//! A [`Trail`] reads a log without folding it. It keeps eight bytes an event, for causes, and the last decision about
//! each DaemonSet and node, so that what led to a placement is known without reading on.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::per_node::PerNode;
use super::side::{Side, SideError};
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

/// The decisions about one DaemonSet and node, shortened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    /// The last.
    pub last: Option<Decided>,
    /// The first beyond what both logs have alike.
    pub first: Option<Decided>,
    /// Stands for the sequence of verbs beyond what both logs have alike.
    pub pattern: u32,
}

/// Which DaemonSet and node a pod is for, by its slot.
#[derive(Debug, Default)]
pub(super) struct PodKeys {
    /// By slot: the DaemonSet's position in the trail, and the node.
    pods: Vec<Option<(u32, NodeId)>>,
    sets: Vec<String>,
    by_object: FxHashMap<ObjectId, Option<u32>>,
    by_name: FxHashMap<String, u32>,
}

impl PodKeys {
    /// The DaemonSet and the node that an event decides about, if it does.
    pub fn observe(&mut self, names: &Names, event: &Event) -> Option<(u32, NodeId, Verb, Option<Why>)> {
        match event.body {
            Body::PodCreated { pod, owner, node, .. } => {
                let set = owner.and_then(|owner| self.set(names, owner));
                let key = set.zip(node);
                *self.slot(pod) = key;
                let (set, node) = key?;
                Some((set, node, Verb::Created, None))
            }
            Body::PodDeleted { pod, why, .. } => {
                let (set, node) = self.of(pod)?;
                Some((set, node, Verb::Deleted, Some(why)))
            }
            Body::PodReleased { pod } => {
                *self.slot(pod) = None;
                None
            }
            _ => None,
        }
    }

    /// The DaemonSet's position and the node of a pod.
    pub fn of(&self, pod: PodId) -> Option<(u32, NodeId)> {
        self.pods.get(pod.index()).copied().flatten()
    }

    /// A DaemonSet's `namespace/name`.
    pub fn set_name(&self, set: u32) -> &str {
        &self.sets[set as usize]
    }

    /// The position of a name.
    pub fn find_set(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The position of an object's name, if it is a DaemonSet's that was met.
    pub fn find_object(&self, object: ObjectId) -> Option<u32> {
        self.by_object.get(&object).copied().flatten()
    }

    /// All names, in the order in which they were met.
    pub fn sets(&self) -> &[String] {
        &self.sets
    }

    fn slot(&mut self, pod: PodId) -> &mut Option<(u32, NodeId)> {
        if pod.index() >= self.pods.len() {
            self.pods.resize(pod.index() + 1, None);
        }
        &mut self.pods[pod.index()]
    }

    /// Objects that bear a name one after another count as one.
    fn set(&mut self, names: &Names, owner: ObjectId) -> Option<u32> {
        if let Some(known) = self.by_object.get(&owner) {
            return *known;
        }
        let is_daemon_set = names.object_key(owner).kind == sym::DAEMON_SET;
        let set = is_daemon_set.then(|| {
            *self.by_name.entry(names.object_name(owner)).or_insert_with_key(|name| {
                self.sets.push(name.clone());
                self.sets.len() as u32 - 1
            })
        });
        self.by_object.insert(owner, set);
        set
    }
}

/// A log's decisions and causes up to a moment.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub keys: PodKeys,
    /// By DaemonSet, in the order of [`PodKeys::sets`].
    courses: Vec<PerNode<Course>>,
    /// By an event's number less one: how far back its cause is; 0 for none.
    back: Vec<u32>,
    /// By an event's number less one: how far back the event is that it goes back to in the end.
    root: Vec<u32>,
    /// What events from outside say, whichever node they say it of.
    says: Vec<(Seq, u64)>,
    /// The events that changed each object's manifest, in order.
    changed: FxHashMap<ObjectId, Vec<Seq>>,
    /// The first events beyond what both logs have alike.
    pub window: Vec<(Seq, Event)>,
    same_until: Seq,
}

/// How many events beyond what both logs have alike are kept.
pub(super) const WINDOW: usize = 4096;

impl Trail {
    /// A trail of nothing. Up to `same_until` the log is known to have what the other has.
    pub fn new(same_until: Seq) -> Trail {
        Trail { same_until, ..Trail::default() }
    }

    /// Reads on up to and at a moment.
    pub fn advance(&mut self, side: &mut Side<'_>, until: Time) -> Result<(), SideError> {
        while side.peek()?.is_some_and(|at| at <= until) {
            let Some(event) = side.skip()? else { break };
            self.observe(side.names(), side.last(), &event);
        }
        Ok(())
    }

    fn observe(&mut self, names: &Names, seq: Seq, event: &Event) {
        let back = if event.cause == Seq::NONE { 0 } else { seq.0.saturating_sub(event.cause.0) };
        // A cause more than 2^32 events back is not followed.
        let back = u32::try_from(back).unwrap_or(0);
        let beyond = match back {
            0 => 0,
            back => self.root[(seq.0 - u64::from(back)) as usize - 1],
        };
        self.back.push(back);
        self.root.push(back.saturating_add(beyond));
        if back == 0 && matches!(event.track, Track::Cluster | Track::User | Track::Lifecycle) {
            self.says.push((seq, apart_from_node(event)));
        }
        if let Body::Applied { object, .. }
        | Body::Scaled { object, .. }
        | Body::RolloutUndone { object, .. } = event.body
        {
            self.changed.entry(object).or_default().push(seq);
            self.keys.set(names, object);
        }
        if seq > self.same_until && self.window.len() < WINDOW {
            self.window.push((seq, *event));
        }
        let Some((set, node, verb, why)) = self.keys.observe(names, event) else { return };
        if set as usize >= self.courses.len() {
            self.courses.resize_with(set as usize + 1, PerNode::default);
        }
        let course = self.courses[set as usize].entry(node);
        let decided = Decided { verb, why, at: event.at, seq };
        course.last = Some(decided);
        if seq > self.same_until {
            course.first.get_or_insert(decided);
            course.pattern = course.pattern.wrapping_mul(31).wrapping_add(verb as u32 + 1);
        }
    }

    /// The decisions about a DaemonSet, by node.
    pub fn courses(&self, set: u32) -> Option<&PerNode<Course>> {
        self.courses.get(set as usize)
    }

    /// The last event that was read.
    pub fn end(&self) -> Seq {
        Seq(self.back.len() as u64)
    }

    /// Up to which event the other log has the same.
    pub fn same_until(&self) -> Seq {
        self.same_until
    }

    /// The event that caused an event.
    pub fn cause(&self, seq: Seq) -> Option<Seq> {
        let back = *self.back.get(usize::try_from(seq.0).ok()?.checked_sub(1)?)?;
        (back > 0).then(|| Seq(seq.0 - u64::from(back)))
    }

    /// The event that an event goes back to in the end: itself, if it has no cause.
    pub fn root(&self, seq: Seq) -> Seq {
        let root = usize::try_from(seq.0).ok().and_then(|seq| self.root.get(seq.checked_sub(1)?));
        Seq(seq.0 - u64::from(root.copied().unwrap_or(0)))
    }

    /// Stands for what an event without cause says, whichever node it says it of; 0 for all those of controllers.
    pub fn says(&self, root: Seq) -> u64 {
        let at = self.says.binary_search_by_key(&root, |says| says.0);
        at.map_or(0, |at| self.says[at].1)
    }

    /// Whether an object's manifest was changed after an event.
    pub fn changed_after(&self, object: ObjectId, seq: Seq) -> bool {
        self.changed.get(&object).and_then(|changed| changed.last()).is_some_and(|last| *last > seq)
    }

    /// The events that changed the manifest of a DaemonSet, in order.
    pub fn manifests(&self, set: u32) -> Vec<Seq> {
        let objects = self.changed.iter().filter(|(object, _)| self.keys.find_object(**object) == Some(set));
        let mut all: Vec<Seq> = objects.flat_map(|(_, changed)| changed).copied().collect();
        all.sort_unstable();
        all
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
