//! The state that events fold into.
//!
//! **Invariant:** it changes only in [`Cluster::apply`]. Folding the events of a run gives exactly the cluster
//! that the run had. Nothing here decides anything, and nothing here knows an actor.

mod apply;
mod by_name;
mod node;
mod object;
mod ordinals;
mod pod;
mod pods;
mod revision;
mod shape;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub use apply::{ApplyError, Change, deletion_is_immediate};
pub use node::{Node, NodeCondition};
pub use object::{
    DaemonSet, DisruptionBudget, Object, ObjectSpec, OwnerReference, TEMPLATE_GENERATION_ANNOTATION,
    UpdateStrategy,
};
pub use pod::Pod;
pub use revision::Revision;
pub use shape::Shape;
pub(crate) use shape::daemon_pod_doc;

use by_name::ByName;
use ordinals::Ordinals;
use pods::Pods;

use crate::event::ConditionStatus;
use crate::names::{
    DocId, Names, NodeId, ObjectId, ObjectKey, PodId, RevisionId, Seq, ShapeId, Sym, api_elapsed, sym,
};
use crate::prefetch;
use crate::time::{ApiSeconds, Time};

/// The state of a cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cluster {
    nodes: Vec<Node>,
    /// Nodes that exist, by name.
    nodes_by_name: ByName,
    pods: Pods,
    /// Labels of pods whose labels were changed after creation.
    #[serde(with = "crate::saved::sorted")]
    relabelled: FxHashMap<PodId, Vec<(Sym, Sym)>>,
    /// Unbound pods that the scheduler makes room for, and where (`status.nominatedNodeName`).
    nominations: BTreeMap<PodId, NodeId>,
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
    ordinals: Ordinals,
    last: Seq,
    now: Time,
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

    /// Says that a node will soon be asked for.
    #[inline]
    pub(crate) fn prefetch_node(&self, node: NodeId) {
        if let Some(node) = self.nodes.get(node.index()) {
            prefetch::value(node);
        }
    }

    /// Says that the labels of a node will soon be asked for, some time after [`Cluster::prefetch_node`].
    #[inline]
    pub(crate) fn prefetch_labels(&self, node: NodeId) {
        if let Some(node) = self.nodes.get(node.index()) {
            prefetch::slice(&node.labels);
        }
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
    #[inline(always)]
    pub fn pod(&self, pod: PodId) -> Option<Pod> {
        self.pods.get(pod)
    }

    /// `metadata.deletionTimestamp` of a pod, once deletion was accepted.
    pub fn deadline(&self, pod: PodId) -> Option<ApiSeconds> {
        self.pods.deadline(pod)
    }

    /// Pods that exist, in order of their slots.
    pub fn pods(&self) -> impl Iterator<Item = (PodId, Pod)> {
        self.pods.iter()
    }

    /// Whether a pod terminates.
    pub fn any_pod_terminates(&self) -> bool {
        self.pods.any_terminating()
    }

    /// How many pods exist.
    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    /// The slot that the next created pod takes.
    pub fn next_pod(&self) -> PodId {
        self.pods.next_slot()
    }

    /// The node on which the scheduler makes room for an unbound pod (`status.nominatedNodeName`).
    pub fn nominated_node(&self, pod: PodId) -> Option<NodeId> {
        self.nominations.get(&pod).copied()
    }

    /// Unbound pods that the scheduler makes room for, with the node, in order of their slots.
    pub fn nominations(&self) -> impl Iterator<Item = (PodId, NodeId)> {
        self.nominations.iter().map(|(pod, node)| (*pod, *node))
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

    /// Objects that name an object among their owners (a Deployment's ReplicaSets), kind by kind in order of name.
    pub fn dependents(&self, owner: ObjectId) -> impl Iterator<Item = &Object> {
        let key = self.object(owner).map(|object| object.key);
        let owned_by = |object: &Object, key: ObjectKey| {
            (key.namespace == object.key.namespace || key.namespace.is_empty())
                && object.owners.iter().any(|owner| (owner.kind, owner.name) == (key.kind, key.name))
        };
        let objects = self.listed.values().flatten().filter_map(|id| self.object(*id));
        objects.filter(move |object| object.present && key.is_some_and(|key| owned_by(object, key)))
    }

    /// The object that an owner reference of an object means, also one that is gone; `None` if there never was one.
    pub fn owner(&self, object: &Object, reference: &OwnerReference) -> Option<&Object> {
        let named = |namespace| self.current.get(&(reference.kind, namespace, reference.name));
        self.object(*named(object.key.namespace).or_else(|| named(Sym::EMPTY))?)
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
            "" => (self.default_priority_class().map_or(0, |(value, _)| value), None),
            "system-node-critical" => (2_000_001_000, None),
            "system-cluster-critical" => (2_000_000_000, None),
            _ => match self.priority_class(shape.priority_class) {
                Some((value, _)) => (value, None),
                None => (0, Some(shape.priority_class)),
            },
        }
    }

    /// Whether a pod may take the place of pods of lower priority: its own `preemptionPolicy`, or its class's.
    pub fn may_preempt(&self, shape: &Shape) -> bool {
        let of_class = || match shape.priority_class {
            Sym::EMPTY => self.default_priority_class(),
            class => self.priority_class(class),
        };
        !shape.never_preempts.unwrap_or_else(|| of_class().is_some_and(|(_, never)| never))
    }

    /// A priority class's value, and whether its pods never preempt.
    fn priority_class(&self, class: Sym) -> Option<(i32, bool)> {
        match self.find_object(sym::PRIORITY_CLASS, Sym::EMPTY, class)?.spec {
            ObjectSpec::PriorityClass { value, never_preempts, .. } => Some((value, never_preempts)),
            _ => None,
        }
    }

    /// The class of pods that name none: of several, the lowest.
    fn default_priority_class(&self) -> Option<(i32, bool)> {
        let defaults = self.objects_of_kind(sym::PRIORITY_CLASS).filter_map(|object| match object.spec {
            ObjectSpec::PriorityClass { value, global_default: true, never_preempts } => {
                Some((value, never_preempts))
            }
            _ => None,
        });
        defaults.min_by_key(|(value, _)| *value)
    }

    /// The ordinal of the next pod of an owner, for daemon pods on a node.
    pub fn next_ordinal(&self, owner: ObjectId, node: Option<NodeId>, names: &Names) -> u32 {
        self.ordinals.next(owner, node, names)
    }

    /// Whether a pod is available, after `IsPodAvailable`: Ready for `minReadySeconds`, the boundary included.
    pub fn available(&self, pod: &Pod, min_ready_seconds: i64, now: Time) -> bool {
        pod.ready
            && (min_ready_seconds == 0
                || pod.ready_since().is_some_and(|since| api_elapsed(since, min_ready_seconds, now)))
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
