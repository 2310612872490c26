//! Which pod of which workload is on which node, by name: what is the same in two runs, whatever the numbers
//! that each gave its names.

use rustc_hash::FxHashMap;

use crate::cluster::{Cluster, Pod};
use crate::event::Phase;
use crate::names::{DocId, Names, NodeId, ObjectId, PodId, ShapeId, Sym, sym};
use crate::time::Time;

/// The live pods of a state's DaemonSets and ReplicaSets.
///
/// A pod is live if it is active in upstream's sense (`IsPodActive`): it is not being deleted and has neither
/// failed nor succeeded. A daemon pod that is not bound yet is on the node that it is for.
#[derive(Clone, Debug, Default)]
pub struct Placements {
    /// The moment of the state.
    pub at: Time,
    /// Names of nodes that have pods, sorted; also of nodes that do not exist. The empty name stands for pods
    /// that no node is known of.
    pub nodes: NodeNames,
    /// The templates that pods are made from.
    pub templates: Vec<Template>,
    /// DaemonSets that exist or have live pods, by namespace and name.
    pub daemon_sets: Vec<WorkloadPlacements>,
    /// ReplicaSets that exist or have live pods, by namespace and name.
    pub replica_sets: Vec<WorkloadPlacements>,
}

/// Sorted names, in one piece of memory.
#[derive(Clone, Debug, Default)]
pub struct NodeNames {
    text: String,
    ends: Vec<u32>,
}

/// The live pods of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadPlacements {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Its live pods by node name, then by template, phase and so on.
    pub pods: Vec<PlacedPod>,
}

/// A live pod, as far as comparisons look at it. Names of pods differ between runs and are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlacedPod {
    /// Position in [`Placements::nodes`].
    pub node: u32,
    /// Position in [`Placements::templates`].
    pub template: u32,
    /// `status.phase`, by the number of [`Phase`].
    phase: u8,
    /// Whether `spec.nodeName` is set.
    pub bound: bool,
    /// Whether condition Ready is True.
    pub ready: bool,
}

/// A template, by its text: templates of equal text are one revision, whatever its name, number and hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// What the pods are known to be made from.
    pub source: TemplateSource,
    /// Label `controller-revision-hash` of one of its pods; empty if absent. Only for people.
    pub hash: String,
    /// `revision` of the ControllerRevision, where one is known. Only for people.
    pub number: Option<i64>,
}

/// A text that tells templates apart. Texts of different sources never match.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TemplateSource {
    /// Canonical JSON of the template, from the pod's ControllerRevision or its DaemonSet.
    Template(String),
    /// Neither is known: what the pod itself is made from.
    Pod(String),
}

impl NodeNames {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name at a position.
    ///
    /// # Panics
    /// Beyond the last.
    pub fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start as usize..self.ends[index] as usize]
    }

    /// All names, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Adds a name, which has to be greater than the last.
    ///
    /// # Panics
    /// When the names together exceed 4 GiB.
    fn push(&mut self, name: &str) {
        debug_assert!(self.is_empty() || self.get(self.len() - 1) < name);
        self.text.push_str(name);
        self.ends.push(u32::try_from(self.text.len()).expect("node names together are shorter than 4 GiB"));
    }
}

impl PlacedPod {
    /// `status.phase`.
    pub fn phase(&self) -> Phase {
        phase(self.phase)
    }
}

/// The phase of a number, so that pods can be ordered and stay small.
pub(super) fn phase(number: u8) -> Phase {
    match number {
        1 => Phase::Running,
        2 => Phase::Succeeded,
        3 => Phase::Failed,
        4 => Phase::Unknown,
        _ => Phase::Pending,
    }
}

/// Whether a pod counts as a placement, after upstream's `IsPodActive`.
pub fn is_live(pod: &Pod) -> bool {
    !pod.gone && !pod.terminating() && !pod.terminal()
}

impl Placements {
    /// The placements of a state. Takes time and memory proportional to its pods.
    pub fn of(cluster: &Cluster, names: &Names) -> Placements {
        let (nodes, ranks) = node_names(cluster, names);
        let mut templates = Templates::default();
        let mut workloads = Workloads::new(cluster, names);
        for (id, pod) in cluster.pods().filter(|(_, pod)| is_live(pod)) {
            let Some(owner) = pod.owner else { continue };
            let Some(list) = workloads.of(owner, names) else { continue };
            // Revisions are the DaemonSets' alone; a ReplicaSet has one template and is named by it.
            let kind = names.object_key(owner).kind;
            let template = if kind == sym::DAEMON_SET { templates.of(cluster, names, id, &pod) } else { 0 };
            list.push(PlacedPod {
                node: pod.node.map_or(0, |node| ranks[node.index()]),
                template,
                phase: pod.phase as u8,
                bound: pod.bound,
                ready: pod.ready,
            });
        }
        Placements {
            at: cluster.now(),
            nodes,
            templates: templates.list,
            daemon_sets: workloads.daemon_sets.finish(names),
            replica_sets: workloads.replica_sets.finish(names),
        }
    }

    /// How many live pods there are.
    pub fn pod_count(&self) -> usize {
        self.daemon_sets.iter().chain(&self.replica_sets).map(|workload| workload.pods.len()).sum()
    }
}

/// The names that placements need, sorted and without repetition, and each node's position among them.
/// Nodes that exist are sorted already; only the others, which are few, have to be.
fn node_names(cluster: &Cluster, names: &Names) -> (NodeNames, Vec<u32>) {
    let mut used = vec![false; names.node_count()];
    let mut nowhere = false;
    for (_, pod) in cluster.pods() {
        match pod.node {
            Some(node) => used[node.index()] = true,
            None => nowhere = true,
        }
    }
    let present: Vec<NodeId> = cluster.nodes().iter().copied().filter(|node| used[node.index()]).collect();
    for node in &present {
        used[node.index()] = false;
    }
    let mut absent: Vec<NodeId> =
        (0..used.len()).filter(|index| used[*index]).map(NodeId::from_index).collect();
    absent.sort_unstable_by_key(|node| names.node_name(*node));
    let (mut list, mut ranks) = (NodeNames::default(), vec![0; used.len()]);
    if nowhere {
        list.push("");
    }
    let (mut present, mut absent) = (present.into_iter().peekable(), absent.into_iter().peekable());
    while let Some(node) = next_by_name(&mut present, &mut absent, names) {
        ranks[node.index()] = list.len() as u32;
        list.push(names.node_name(node));
    }
    (list, ranks)
}

type Nodes = std::iter::Peekable<std::vec::IntoIter<NodeId>>;

fn next_by_name(a: &mut Nodes, b: &mut Nodes, names: &Names) -> Option<NodeId> {
    match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if names.node_name(*y) < names.node_name(*x) => b.next(),
        (Some(_), _) => a.next(),
        (None, _) => b.next(),
    }
}

/// Workloads of two kinds, reachable by any of their incarnations.
struct Workloads {
    daemon_sets: ByName,
    replica_sets: ByName,
}

#[derive(Default)]
struct ByName {
    /// Namespace, name and pods, in the order in which they were met.
    list: Vec<(Sym, Sym, Vec<PlacedPod>)>,
    by_name: FxHashMap<(Sym, Sym), usize>,
    by_object: FxHashMap<ObjectId, usize>,
}

impl Workloads {
    fn new(cluster: &Cluster, names: &Names) -> Self {
        let mut workloads = Workloads { daemon_sets: ByName::default(), replica_sets: ByName::default() };
        for kind in [sym::DAEMON_SET, sym::REPLICA_SET] {
            for object in cluster.objects_of_kind(kind) {
                if let Some(pods) = workloads.of(object.id, names) {
                    pods.reserve(object.pods.len());
                }
            }
        }
        workloads
    }

    fn of(&mut self, owner: ObjectId, names: &Names) -> Option<&mut Vec<PlacedPod>> {
        let key = names.object_key(owner);
        let workloads = match key.kind {
            sym::DAEMON_SET => &mut self.daemon_sets,
            sym::REPLICA_SET => &mut self.replica_sets,
            _ => return None,
        };
        if let Some(&index) = workloads.by_object.get(&owner) {
            return Some(&mut workloads.list[index].2);
        }
        let index = *workloads.by_name.entry((key.namespace, key.name)).or_insert_with(|| {
            workloads.list.push((key.namespace, key.name, Vec::new()));
            workloads.list.len() - 1
        });
        workloads.by_object.insert(owner, index);
        Some(&mut workloads.list[index].2)
    }
}

impl ByName {
    fn finish(self, names: &Names) -> Vec<WorkloadPlacements> {
        let mut workloads: Vec<WorkloadPlacements> = self
            .list
            .into_iter()
            .map(|(namespace, name, mut pods)| {
                pods.sort_unstable();
                let (namespace, name) = (names.text(namespace).to_owned(), names.text(name).to_owned());
                WorkloadPlacements { namespace, name, pods }
            })
            .collect();
        workloads.sort_unstable_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        workloads
    }
}

/// The templates met so far.
#[derive(Debug, Default)]
pub(super) struct Templates {
    pub list: Vec<Template>,
    by_document: FxHashMap<(DocId, bool), u32>,
    /// Pods of one owner and shape have one template, unless they were relabelled.
    by_shape: FxHashMap<(ObjectId, ShapeId), u32>,
}

impl Templates {
    /// The position of a pod's template.
    pub fn of(&mut self, cluster: &Cluster, names: &Names, id: PodId, pod: &Pod) -> u32 {
        let Some(owner) = pod.owner else { return 0 };
        if !pod.relabelled
            && let Some(&known) = self.by_shape.get(&(owner, pod.shape))
        {
            return known;
        }
        let hash = cluster.pod_revision_hash(id);
        let found = template_of(cluster, names, id, pod, owner, hash);
        let document = found.document;
        let template = *self.by_document.entry((document, found.is_template)).or_insert_with(|| {
            let text = names.doc_text(document).to_owned();
            let source =
                if found.is_template { TemplateSource::Template(text) } else { TemplateSource::Pod(text) };
            self.list.push(Template { source, hash: names.text(hash).to_owned(), number: found.number });
            self.list.len() as u32 - 1
        });
        if !pod.relabelled {
            self.by_shape.insert((owner, pod.shape), template);
        }
        template
    }
}

struct FoundTemplate {
    document: DocId,
    is_template: bool,
    number: Option<i64>,
}

/// What a daemon pod is made from: the ControllerRevision of its hash label; else its DaemonSet's template if
/// its template generation is the DaemonSet's or its content is what that template makes; else itself.
fn template_of(
    cluster: &Cluster,
    names: &Names,
    id: PodId,
    pod: &Pod,
    owner: ObjectId,
    hash: Sym,
) -> FoundTemplate {
    let object = cluster.object(owner);
    let revisions = object.map_or(&[][..], |object| &object.revisions);
    let orphans = cluster.orphan_revisions(pod.namespace);
    if !hash.is_empty() {
        let candidates = revisions.iter().chain(orphans).filter_map(|id| cluster.revision(*id));
        if let Some(revision) = candidates.filter(|r| r.present && r.hash == hash).max_by_key(|r| r.number) {
            let number = Some(revision.number);
            return FoundTemplate { document: revision.template, is_template: true, number };
        }
    }
    let shape = names.pod_shape(pod.shape);
    let labels = cluster.pod_labels(id);
    let generation = labels.iter().find(|label| label.0 == sym::TEMPLATE_GENERATION_LABEL);
    let generation = generation.and_then(|label| names.text(label.1).parse::<i64>().ok());
    if let Some(daemon_set) = object.and_then(|object| object.daemon_set())
        && (generation == Some(daemon_set.template_generation) || shape.doc == daemon_set.pod_doc)
    {
        return FoundTemplate { document: daemon_set.template, is_template: true, number: None };
    }
    FoundTemplate { document: shape.doc, is_template: false, number: None }
}
