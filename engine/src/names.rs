//! Names become small numbers here, once, at the edges; everything inside works on the numbers.
//!
//! [`Names`] is the dictionary of one process. A log has a dictionary of its own, written as its entries are
//! first used; the log's reader and writer translate between the two. So the numbers in memory depend on
//! nothing but the order in which this process met the names, and never show in a file.

mod entries;

use std::num::NonZeroU32;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

pub use entries::{Counts, Entries};

use crate::time::ApiSeconds;

/// An interned string. `Sym::EMPTY` is the empty string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sym(u32);

macro_rules! dense_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// The id at a position in a column.
            ///
            /// # Panics
            /// When more than 2^32 - 2 entries would be needed, which no machine that runs this can hold.
            pub fn from_index(index: usize) -> Self {
                let number = u32::try_from(index).ok().and_then(|i| i.checked_add(1)).and_then(NonZeroU32::new);
                Self(number.expect("a column holds fewer than 2^32 - 1 entries"))
            }

            /// The position in a column.
            pub fn index(self) -> usize {
                self.0.get() as usize - 1
            }

            /// The number as a log stores it; 0 is left for "none".
            pub fn number(self) -> u32 {
                self.0.get()
            }

            /// The id that a log stored; 0 is none.
            pub fn from_number(number: u32) -> Option<Self> {
                NonZeroU32::new(number).map(Self)
            }
        }
    )*};
}

dense_id! {
    /// A node's name. A node that leaves and joins again under its name keeps the id: pods are bound to names.
    NodeId;
    /// One incarnation (one uid) of an API object other than a node, a pod or a ControllerRevision.
    ObjectId;
    /// A slot in the pod column. Slots are used again after their pod is gone.
    PodId;
    /// A ControllerRevision; never used again.
    RevisionId;
    /// A stored document: canonical JSON of a manifest, a template or a pod.
    DocId;
    /// What a pod is made from: a document with a revision's labels.
    ShapeId;
    /// A node as it joins.
    NodeSpecId;
    /// A list of resource amounts.
    ResourcesId;
}

/// The number of an event in its log, from 1. `Seq::NONE` (0) stands for "no event".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl Seq {
    /// No event.
    pub const NONE: Seq = Seq(0);

    /// The event after this one.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl Sym {
    /// The empty string.
    pub const EMPTY: Sym = Sym(0);

    /// The position in the symbol column.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether this is the empty string.
    pub fn is_empty(self) -> bool {
        self == Sym::EMPTY
    }
}

/// Which API object an [`ObjectId`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The kind, as in manifests: `DaemonSet`.
    pub kind: Sym,
    /// The namespace; empty for cluster-wide kinds.
    pub namespace: Sym,
    /// The name.
    pub name: Sym,
    /// Counts the objects that bore this kind, namespace and name before: each has a uid of its own.
    pub incarnation: u32,
}

/// What a pod is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodShape {
    /// `{"metadata":{"labels","annotations"},"spec"}` without what differs between the pods of one template:
    /// names, the node it is for, and the two labels below.
    pub doc: DocId,
    /// Label `controller-revision-hash`; empty if absent.
    pub revision_hash: Sym,
    /// Label `pod-template-generation`, where it is there and an integer.
    pub template_generation: Option<i64>,
}

/// A taint's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Effect {
    /// Keeps new pods off.
    NoSchedule = 1,
    /// Makes the node less attractive.
    PreferNoSchedule = 2,
    /// Keeps new pods off and evicts running ones.
    NoExecute = 3,
}

impl Effect {
    /// Kubernetes' spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::NoSchedule => "NoSchedule",
            Effect::PreferNoSchedule => "PreferNoSchedule",
            Effect::NoExecute => "NoExecute",
        }
    }

    /// Reads Kubernetes' spelling.
    pub fn parse(text: &str) -> Option<Effect> {
        match text {
            "NoSchedule" => Some(Effect::NoSchedule),
            "PreferNoSchedule" => Some(Effect::PreferNoSchedule),
            "NoExecute" => Some(Effect::NoExecute),
            _ => None,
        }
    }
}

/// A taint on a node. Key and effect identify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Taint {
    /// The key.
    pub key: Sym,
    /// The value; often empty.
    pub value: Sym,
    /// What it does.
    pub effect: Effect,
}

/// A node as it joins: what its first watch event says of it, but for conditions, which are events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Labels, sorted by key as text.
    pub labels: Vec<(Sym, Sym)>,
    /// Taints in the object's order.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// `status.allocatable`.
    pub allocatable: Option<ResourcesId>,
}

/// Amounts of resources, sorted by name as text: `cpu` in millicores, everything else in whole units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceList(pub Vec<(Sym, i64)>);

type Set<T> = IndexSet<T, FxBuildHasher>;

/// The dictionary: every name, key, document and shape that this process has met, once.
#[derive(Clone, Debug)]
pub struct Names {
    symbols: Set<Box<str>>,
    nodes: Set<Sym>,
    objects: Set<ObjectKey>,
    docs: Set<Box<str>>,
    shapes: Set<PodShape>,
    node_specs: Set<NodeSpec>,
    resources: Set<ResourceList>,
}

macro_rules! well_known {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// Symbols that every dictionary holds at the same place.
        pub mod sym {
            use super::Sym;
            $($(#[$doc])* #[doc = concat!("`", $text, "`")] pub const $name: Sym = Sym($number);)*
        }
        const WELL_KNOWN: &[(u32, &str)] = &[$(($number, $text)),*];
    };
}

well_known! {
    EMPTY = 0, "";
    DAEMON_SET = 1, "DaemonSet";
    REPLICA_SET = 2, "ReplicaSet";
    DEPLOYMENT = 3, "Deployment";
    STATEFUL_SET = 4, "StatefulSet";
    JOB = 5, "Job";
    NAMESPACE = 6, "Namespace";
    PRIORITY_CLASS = 7, "PriorityClass";
    POD_DISRUPTION_BUDGET = 8, "PodDisruptionBudget";
    DEFAULT = 9, "default";
    READY = 10, "Ready";
    MEMORY_PRESSURE = 11, "MemoryPressure";
    DISK_PRESSURE = 12, "DiskPressure";
    PID_PRESSURE = 13, "PIDPressure";
    NETWORK_UNAVAILABLE = 14, "NetworkUnavailable";
    TAINT_NOT_READY = 15, "node.kubernetes.io/not-ready";
    TAINT_UNREACHABLE = 16, "node.kubernetes.io/unreachable";
    TAINT_UNSCHEDULABLE = 17, "node.kubernetes.io/unschedulable";
    TAINT_MEMORY_PRESSURE = 18, "node.kubernetes.io/memory-pressure";
    TAINT_DISK_PRESSURE = 19, "node.kubernetes.io/disk-pressure";
    TAINT_PID_PRESSURE = 20, "node.kubernetes.io/pid-pressure";
    TAINT_NETWORK_UNAVAILABLE = 21, "node.kubernetes.io/network-unavailable";
    TAINT_OUT_OF_SERVICE = 22, "node.kubernetes.io/out-of-service";
    REVISION_HASH_LABEL = 23, "controller-revision-hash";
    TEMPLATE_GENERATION_LABEL = 24, "pod-template-generation";
    CPU = 25, "cpu";
    MEMORY = 26, "memory";
    EPHEMERAL_STORAGE = 27, "ephemeral-storage";
    PODS = 28, "pods";
    HOSTNAME_LABEL = 29, "kubernetes.io/hostname";
    NODE_LABEL_ZONE = 30, "topology.kubernetes.io/zone";
    POD = 31, "Pod";
    NODE = 32, "Node";
    CONTROLLER_REVISION = 33, "ControllerRevision";
}

impl Default for Names {
    fn default() -> Self {
        let mut names = Names::unfilled();
        for &(number, text) in WELL_KNOWN {
            let sym = names.sym(text);
            debug_assert_eq!(sym.0, number);
        }
        names
    }
}

/// Adds a value unless it is there, and gives its position either way.
fn intern<T: std::hash::Hash + Eq>(set: &mut Set<T>, value: T) -> usize {
    set.insert_full(value).0
}

impl Names {
    /// A dictionary that holds only the well-known symbols.
    pub fn new() -> Self {
        Self::default()
    }

    /// The symbol of a text, made if need be.
    ///
    /// # Panics
    /// Beyond 2^32 symbols.
    pub fn sym(&mut self, text: &str) -> Sym {
        let index = match self.symbols.get_index_of(text) {
            Some(index) => index,
            None => intern(&mut self.symbols, text.into()),
        };
        Sym(u32::try_from(index).expect("fewer than 2^32 symbols fit in memory"))
    }

    /// The symbol of a text, if the text has been met.
    pub fn find_sym(&self, text: &str) -> Option<Sym> {
        self.symbols.get_index_of(text).map(|i| Sym(i as u32))
    }

    /// The text of a symbol.
    pub fn text(&self, sym: Sym) -> &str {
        &self.symbols[sym.index()]
    }

    /// The node of a name, made if need be (pods may name nodes that do not exist).
    pub fn node(&mut self, name: Sym) -> NodeId {
        NodeId::from_index(intern(&mut self.nodes, name))
    }

    /// The node of a name, if the name has been met as a node's.
    pub fn find_node(&self, name: &str) -> Option<NodeId> {
        let sym = self.find_sym(name)?;
        self.nodes.get_index_of(&sym).map(NodeId::from_index)
    }

    /// A node's name.
    pub fn node_name(&self, node: NodeId) -> &str {
        self.text(self.nodes[node.index()])
    }

    /// A node's name as a symbol.
    pub fn node_sym(&self, node: NodeId) -> Sym {
        self.nodes[node.index()]
    }

    /// The object of a key, made if need be.
    pub fn object(&mut self, key: ObjectKey) -> ObjectId {
        ObjectId::from_index(intern(&mut self.objects, key))
    }

    /// Which object an id stands for.
    pub fn object_key(&self, object: ObjectId) -> ObjectKey {
        self.objects[object.index()]
    }

    /// `namespace/name`, or the name alone for cluster-wide kinds.
    pub fn object_name(&self, object: ObjectId) -> String {
        let key = self.object_key(object);
        match key.namespace {
            Sym::EMPTY => self.text(key.name).to_owned(),
            namespace => format!("{}/{}", self.text(namespace), self.text(key.name)),
        }
    }

    /// The document of a text (canonical JSON), made if need be.
    pub fn doc(&mut self, text: &str) -> DocId {
        DocId::from_index(match self.docs.get_index_of(text) {
            Some(index) => index,
            None => intern(&mut self.docs, text.into()),
        })
    }

    /// A document's text.
    pub fn doc_text(&self, doc: DocId) -> &str {
        &self.docs[doc.index()]
    }

    /// The id of a pod's shape, made if need be.
    pub fn shape(&mut self, shape: PodShape) -> ShapeId {
        ShapeId::from_index(intern(&mut self.shapes, shape))
    }

    /// A pod's shape.
    pub fn pod_shape(&self, shape: ShapeId) -> PodShape {
        self.shapes[shape.index()]
    }

    /// The id of a node's spec, made if need be. Labels are sorted by key here.
    pub fn node_spec(&mut self, mut spec: NodeSpec) -> NodeSpecId {
        let symbols = &self.symbols;
        spec.labels.sort_by(|a, b| symbols[a.0.index()].cmp(&symbols[b.0.index()]));
        NodeSpecId::from_index(intern(&mut self.node_specs, spec))
    }

    /// A node's spec.
    pub fn node_spec_of(&self, spec: NodeSpecId) -> &NodeSpec {
        &self.node_specs[spec.index()]
    }

    /// The id of a list of resources, made if need be. Entries are sorted by name here.
    pub fn resources(&mut self, mut list: ResourceList) -> ResourcesId {
        let symbols = &self.symbols;
        list.0.sort_by(|a, b| symbols[a.0.index()].cmp(&symbols[b.0.index()]));
        ResourcesId::from_index(intern(&mut self.resources, list))
    }

    /// A list of resources.
    pub fn resource_list(&self, resources: ResourcesId) -> &ResourceList {
        &self.resources[resources.index()]
    }

    /// How many symbols there are.
    pub fn symbol_count(&self) -> usize {
        self.symbols.len()
    }

    /// How many node names there are.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many objects there are.
    pub fn object_count(&self) -> usize {
        self.objects.len()
    }

    /// How many shapes there are.
    pub fn shape_count(&self) -> usize {
        self.shapes.len()
    }
}

/// Whether a duration that API timestamps measure has passed at an exact moment: `since + seconds <= now`.
pub fn api_elapsed(since: ApiSeconds, seconds: i64, now: crate::time::Time) -> bool {
    since.start() + crate::time::Micros::seconds(seconds) <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_symbols_are_where_their_constants_say() {
        let names = Names::new();
        for &(number, text) in WELL_KNOWN {
            assert_eq!(names.find_sym(text), Some(Sym(number)), "{text}");
        }
    }

    #[test]
    fn the_same_text_is_the_same_number() {
        let mut names = Names::new();
        let a = names.sym("worker-1");
        assert_eq!(names.sym("worker-1"), a);
        let node = names.node(a);
        assert_eq!(names.node_name(node), "worker-1");
        assert_eq!(names.find_node("worker-1"), Some(node));
        assert_eq!(names.find_node("worker-2"), None);
    }

    #[test]
    fn specs_that_differ_in_label_order_are_one_spec() {
        let mut names = Names::new();
        let (a, b) = (names.sym("a"), names.sym("b"));
        let one = names.node_spec(NodeSpec { labels: vec![(b, a), (a, b)], ..NodeSpec::default() });
        let two = names.node_spec(NodeSpec { labels: vec![(a, b), (b, a)], ..NodeSpec::default() });
        assert_eq!(one, two);
    }
}
