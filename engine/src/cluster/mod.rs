//! The state that events fold into.
//!
//! **Invariant:** it changes only in [`Cluster::apply`]. Folding the events of a run gives exactly the cluster
//! that the run had. Nothing here decides anything, and nothing here knows an actor.

mod apply;
mod by_name;
mod node;
mod object;
mod pod;
mod revision;
mod shape;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub use apply::{ApplyError, Change, deletion_is_immediate};
pub use node::{Node, NodeCondition};
pub use object::{
    DaemonSet, DisruptionBudget, Object, ObjectSpec, TEMPLATE_GENERATION_ANNOTATION, UpdateStrategy,
};
pub use pod::Pod;
pub use revision::Revision;
pub use shape::Shape;
pub(crate) use shape::daemon_pod_doc;

use by_name::ByName;

use crate::event::ConditionStatus;
use crate::names::{
    DocId, Names, NodeId, ObjectId, ObjectKey, PodId, RevisionId, Seq, ShapeId, Sym, api_elapsed, sym,
};
use crate::time::Time;

/// The state of a cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cluster {
    nodes: Vec<Node>,
    /// Nodes that exist, by name.
    nodes_by_name: ByName,
    pods: Vec<Pod>,
    free_pods: Vec<PodId>,
    live_pods: usize,
    /// Labels of pods whose labels were changed after creation.
    #[serde(with = "crate::saved::sorted")]
    relabelled: FxHashMap<PodId, Vec<(Sym, Sym)>>,
    /// Pods without controller, by namespace.
    orphans: BTreeMap<Sym, Vec<PodId>>,
    /// By number; objects of kinds that a simulation has no use for are not there.
    objects: Vec<Option<Box<Object>>>,
    /// The object that now bears a kind, namespace and name.
    #[serde(with = "crate::saved::sorted")]
    current: FxHashMap<(Sym, Sym, Sym), ObjectId>,
    /// Workloads and other objects that exist, by kind, then `namespace/name`.
    listed: BTreeMap<Sym, Vec<ObjectId>>,
    revisions: Vec<Revision>,
    /// Revisions without controller, by namespace.
    orphan_revisions: BTreeMap<Sym, Vec<RevisionId>>,
    /// Labels of the templates that there are revisions of.
    #[serde(with = "crate::saved::sorted")]
    template_labels: FxHashMap<DocId, Vec<(Sym, Sym)>>,
    shapes: Vec<Option<Box<Shape>>>,
    /// The next ordinals of an owner (kind, namespace and name; they outlive incarnations).
    #[serde(with = "crate::saved::sorted")]
    ordinals: FxHashMap<(Sym, Sym, Sym), Ordinals>,
    last: Seq,
    now: Time,
}

/// How many pods an owner had before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Ordinals {
    /// A DaemonSet on each node, by the node's number.
    on_nodes: Vec<u32>,
    /// Everything else.
    elsewhere: u32,
}

impl Ordinals {
    fn next(&self, node: Option<NodeId>) -> u32 {
        match node {
            Some(node) => self.on_nodes.get(node.index()).copied().unwrap_or(0),
            None => self.elsewhere,
        }
    }

    /// Takes note that there is a pod with an ordinal.
    fn used(&mut self, node: Option<NodeId>, ordinal: u32) {
        let next = match node {
            Some(node) => {
                if self.on_nodes.len() <= node.index() {
                    self.on_nodes.resize(node.index() + 1, 0);
                }
                &mut self.on_nodes[node.index()]
            }
            None => &mut self.elsewhere,
        };
        *next = (*next).max(ordinal + 1);
    }
}

impl Cluster {
    /// An empty cluster.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the last event that was applied.
    pub fn last_event(&self) -> Seq {
        self.last
    }

    /// The time of the last event that was applied.
    pub fn now(&self) -> Time {
        self.now
    }

    /// A node by name, whether or not a node of that name exists now.
    pub fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node.index())
    }

    /// A node that exists.
    pub fn present_node(&self, node: NodeId) -> Option<&Node> {
        self.node(node).filter(|node| node.present)
    }

    /// Nodes that exist, in order of their names.
    pub fn nodes(&self) -> &[NodeId] {
        self.nodes_by_name.list()
    }

    /// How many nodes exist.
    pub fn node_count(&self) -> usize {
        self.nodes_by_name.len()
    }

    /// The pod in a slot. A slot that is free shows its last pod, marked `gone`.
    pub fn pod(&self, pod: PodId) -> Option<&Pod> {
        self.pods.get(pod.index())
    }

    /// Pods that exist, in order of their slots.
    pub fn pods(&self) -> impl Iterator<Item = (PodId, &Pod)> {
        let numbered = self.pods.iter().enumerate();
        numbered.filter(|(_, pod)| !pod.gone).map(|(index, pod)| (PodId::from_index(index), pod))
    }

    /// How many pods exist.
    pub fn pod_count(&self) -> usize {
        self.live_pods
    }

    /// The slot that the next created pod takes.
    pub fn next_pod(&self) -> PodId {
        self.free_pods.last().copied().unwrap_or_else(|| PodId::from_index(self.pods.len()))
    }

    /// Pods of a namespace that have no controller.
    pub fn orphans(&self, namespace: Sym) -> &[PodId] {
        self.orphans.get(&namespace).map_or(&[], Vec::as_slice)
    }

    /// An object, also one that is gone.
    pub fn object(&self, object: ObjectId) -> Option<&Object> {
        self.objects.get(object.index())?.as_deref()
    }

    /// The object that now bears a kind, namespace and name.
    pub fn find_object(&self, kind: Sym, namespace: Sym, name: Sym) -> Option<&Object> {
        self.current.get(&(kind, namespace, name)).and_then(|id| self.object(*id)).filter(|o| o.present)
    }

    /// Objects of a kind that exist, in order of `namespace/name`.
    pub fn objects_of_kind(&self, kind: Sym) -> impl Iterator<Item = &Object> {
        self.listed.get(&kind).into_iter().flatten().filter_map(|id| self.object(*id))
    }

    /// Objects that an object controls (a Deployment's ReplicaSets), in no particular order.
    pub fn dependents(&self, owner: ObjectId) -> impl Iterator<Item = ObjectId> {
        let key = self.object(owner).map(|object| object.key);
        self.listed.values().flatten().copied().filter(move |id| {
            let owned =
                self.object(*id).filter(|o| o.present).and_then(|o| Some((o.key.namespace, o.owner?)));
            owned.is_some_and(|(namespace, (kind, name))| {
                key.is_some_and(|key| (key.kind, key.namespace, key.name) == (kind, namespace, name))
            })
        })
    }

    /// DaemonSets that exist, in order of `namespace/name`.
    pub fn daemon_sets(&self) -> impl Iterator<Item = (&Object, &DaemonSet)> {
        self.objects_of_kind(sym::DAEMON_SET).filter_map(|o| o.daemon_set().map(|daemon_set| (o, daemon_set)))
    }

    /// Kinds of which there are objects, in no particular order of meaning.
    pub fn kinds(&self) -> impl Iterator<Item = Sym> {
        self.listed.iter().filter(|(_, list)| !list.is_empty()).map(|(kind, _)| *kind)
    }

    /// The key under which a new object of a kind and name would be known.
    pub fn next_key(&self, kind: Sym, namespace: Sym, name: Sym) -> ObjectKey {
        let before = self.current.get(&(kind, namespace, name)).and_then(|id| self.object(*id));
        let incarnation = before.map_or(0, |object| object.key.incarnation + 1);
        ObjectKey { kind, namespace, name, incarnation }
    }

    /// A revision, also one that is gone.
    pub fn revision(&self, revision: RevisionId) -> Option<&Revision> {
        self.revisions.get(revision.index())
    }

    /// The id that the next created revision takes.
    pub fn next_revision(&self) -> RevisionId {
        RevisionId::from_index(self.revisions.len())
    }

    /// Revisions of a namespace that have no controller.
    pub fn orphan_revisions(&self, namespace: Sym) -> &[RevisionId] {
        self.orphan_revisions.get(&namespace).map_or(&[], Vec::as_slice)
    }

    /// A revision's labels: its template's and `controller-revision-hash`.
    pub fn revision_labels(&self, revision: &Revision) -> Vec<(Sym, Sym)> {
        let mut labels = self.template_labels.get(&revision.template).cloned().unwrap_or_default();
        if !revision.hash.is_empty() {
            labels.retain(|label| label.0 != sym::REVISION_HASH_LABEL);
            labels.push((sym::REVISION_HASH_LABEL, revision.hash));
        }
        labels
    }

    /// What a pod is made from. Every pod that was created has its shape here.
    pub fn shape(&self, shape: ShapeId) -> Option<&Shape> {
        self.shapes.get(shape.index()).and_then(Option::as_deref)
    }

    /// A pod's labels as they are now.
    pub fn pod_labels(&self, pod: PodId) -> &[(Sym, Sym)] {
        if let Some(labels) = self.relabelled.get(&pod) {
            return labels;
        }
        let shape = self.pod(pod).and_then(|pod| self.shape(pod.shape));
        shape.map_or(&[], |shape| &shape.labels)
    }

    /// The value of a pod's label `controller-revision-hash`; empty if absent.
    pub fn pod_revision_hash(&self, pod: PodId) -> Sym {
        let labels = self.pod_labels(pod);
        labels.iter().find(|l| l.0 == sym::REVISION_HASH_LABEL).map_or(Sym::EMPTY, |l| l.1)
    }

    /// A pod's name: the one it was given, or one made from its owner, node and ordinal in the way of the API
    /// server's generated names.
    pub fn pod_name(&self, pod: PodId, names: &Names) -> String {
        let Some(pod) = self.pod(pod) else { return String::new() };
        if !pod.name.is_empty() {
            return names.text(pod.name).to_owned();
        }
        generated_name(names, pod.namespace, pod.made_by, pod.node, pod.ordinal)
    }

    /// A pod's priority and, if its class is one that nothing defines, the class.
    /// After the Priority admission plugin.
    pub fn priority(&self, shape: &Shape, names: &Names) -> (i32, Option<Sym>) {
        if let Some(priority) = shape.priority {
            return (priority, None);
        }
        match names.text(shape.priority_class) {
            "" => (self.default_priority(), None),
            "system-node-critical" => (2_000_001_000, None),
            "system-cluster-critical" => (2_000_000_000, None),
            _ => {
                match self.find_object(sym::PRIORITY_CLASS, Sym::EMPTY, shape.priority_class).map(|o| &o.spec)
                {
                    Some(ObjectSpec::PriorityClass { value, .. }) => (*value, None),
                    _ => (0, Some(shape.priority_class)),
                }
            }
        }
    }

    fn default_priority(&self) -> i32 {
        let defaults = self.objects_of_kind(sym::PRIORITY_CLASS).filter_map(|object| match object.spec {
            ObjectSpec::PriorityClass { value, global_default: true } => Some(value),
            _ => None,
        });
        defaults.min().unwrap_or(0)
    }

    /// The ordinal of the next pod of an owner, for daemon pods on a node.
    pub fn next_ordinal(&self, owner: ObjectKey, node: Option<NodeId>) -> u32 {
        let node = node.filter(|_| owner.kind == sym::DAEMON_SET);
        let ordinals = self.ordinals.get(&(owner.kind, owner.namespace, owner.name));
        ordinals.map_or(0, |ordinals| ordinals.next(node))
    }

    /// Whether a pod is available, after `IsPodAvailable`: Ready for `minReadySeconds`, the boundary included.
    pub fn available(&self, pod: &Pod, min_ready_seconds: i64, now: Time) -> bool {
        pod.ready
            && (min_ready_seconds == 0
                || pod.ready_since.is_some_and(|since| api_elapsed(since, min_ready_seconds, now)))
    }

    /// Whether a node's kubelet says it is ready.
    pub fn node_ready(&self, node: NodeId) -> bool {
        self.present_node(node).and_then(|n| n.condition(sym::READY)) == Some(ConditionStatus::True)
    }
}

/// The name that the API server would give a pod, made from its owner, node and ordinal so that it depends on nothing else.
pub fn generated_name(
    names: &Names,
    namespace: Sym,
    owner: Option<ObjectId>,
    node: Option<NodeId>,
    ordinal: u32,
) -> String {
    let owner = owner.map(|owner| names.text(names.object_key(owner).name)).unwrap_or("pod");
    let node = node.map(|node| names.node_name(node)).unwrap_or_default();
    let namespace = names.text(namespace);
    let identity = format!("{namespace}/{owner}/{node}/{ordinal}");
    format!("{}-{}", &owner[..owner.len().min(58)], suffix(&identity))
}

/// Five characters of the alphabet of generated names, from a text.
fn suffix(identity: &str) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = xxhash_rust::xxh3::xxh3_64(identity.as_bytes());
    let mut text = String::with_capacity(5);
    for _ in 0..5 {
        text.push(char::from(ALPHABET[(hash % 27) as usize]));
        hash /= 27;
    }
    text
}

#[cfg(test)]
mod tests;
