//! What differs between the placements of two states.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::event::Phase;
use crate::time::Time;

use super::placements::{NodeNames, PlacedPod, Placements, Template, TemplateSource, WorkloadPlacements};

/// How much has to be equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// The sets of (DaemonSet, node) and whether the pods there wait to start, the DaemonSets' pods per
    /// revision, the ReplicaSets' pods.
    #[default]
    Placements,
    /// Besides, revision, phase and binding on each node, and where the ReplicaSets' pods are.
    Strict,
}

/// What differs between two states, `a` and `b`. Everything is ordered by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The moment of the first state.
    pub at_a: Time,
    /// The moment of the second state.
    pub at_b: Time,
    /// The revisions that either state has pods of.
    pub revisions: Vec<Revision>,
    /// All DaemonSets of either state, also those that do not differ.
    pub daemon_sets: Vec<WorkloadDifference>,
    /// All ReplicaSets of either state, also those that do not differ.
    pub replica_sets: Vec<WorkloadDifference>,
}

/// One template, under whatever hash and number each state knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// How the first state calls it, if it has pods of it.
    pub a: Option<RevisionName>,
    /// How the second state calls it, if it has pods of it.
    pub b: Option<RevisionName>,
}

/// What a state calls a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevisionName {
    /// Label `controller-revision-hash` of its pods; empty if absent.
    pub hash: String,
    /// `revision` of its ControllerRevision, if that is known.
    pub number: Option<i64>,
}

/// What differs in one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadDifference {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Its live pods.
    pub pods: Counts,
    /// A DaemonSet's live pods by revision, in the order of [`Difference::revisions`].
    pub revisions: Vec<RevisionCounts>,
    /// Nodes on which its live pods differ, by name.
    pub placements: Vec<PlacementDifference>,
}

/// A number on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the first state.
    pub a: usize,
    /// In the second state.
    pub b: usize,
}

/// The live pods of one revision of a DaemonSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevisionCounts {
    /// Position in [`Difference::revisions`].
    pub revision: usize,
    /// The pods.
    pub pods: Counts,
}

/// A node on which a workload's live pods differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementDifference {
    /// The node's name; empty for pods that no node is known of.
    pub node: String,
    /// The pods in the first state.
    pub a: Vec<PodState>,
    /// The pods in the second state.
    pub b: Vec<PodState>,
}

/// What is compared of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodState {
    /// Position in [`Difference::revisions`]; `None` for a ReplicaSet's pod.
    pub revision: Option<usize>,
    /// `status.phase`, by its number.
    phase: u8,
    /// Whether it is bound to the node.
    pub bound: bool,
}

/// In what way a placement differs. The most telling comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// There is a pod in the first state only.
    Lost,
    /// There is a pod in the second state only.
    Gained,
    /// There are pods of other revisions, or another number of them.
    Revision,
    /// The pod of the second state waits for its node or to start; that of the first does not.
    Pending,
    /// Phase or binding differ in another way.
    State,
}

impl ChangeKind {
    /// All of them, in order.
    pub const ALL: [ChangeKind; 5] =
        [ChangeKind::Lost, ChangeKind::Gained, ChangeKind::Revision, ChangeKind::Pending, ChangeKind::State];

    /// The word in output.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Lost => "lost",
            ChangeKind::Gained => "gained",
            ChangeKind::Revision => "revision",
            ChangeKind::Pending => "pending",
            ChangeKind::State => "state",
        }
    }
}

impl Difference {
    /// Whether the states count as equal.
    pub fn is_same(&self, strictness: Strictness) -> bool {
        self.daemon_sets.iter().all(|workload| workload.is_same(strictness))
            && self.replica_sets.iter().all(|workload| match strictness {
                Strictness::Placements => workload.pods.same(),
                Strictness::Strict => workload.placements.is_empty(),
            })
    }

    /// How many placements of DaemonSets differ in a way.
    pub fn count(&self, kind: ChangeKind) -> usize {
        let placements = self.daemon_sets.iter().flat_map(|workload| &workload.placements);
        placements.filter(|placement| placement.kind() == kind).count()
    }

    /// How many placements of DaemonSets wait in the second state and not in the first.
    pub fn stuck(&self) -> usize {
        let placements = self.daemon_sets.iter().flat_map(|workload| &workload.placements);
        placements.filter(|placement| placement.is_stuck()).count()
    }

    /// The difference of the same states in the other order.
    pub fn mirrored(mut self) -> Difference {
        std::mem::swap(&mut self.at_a, &mut self.at_b);
        for revision in &mut self.revisions {
            std::mem::swap(&mut revision.a, &mut revision.b);
        }
        for workload in self.daemon_sets.iter_mut().chain(&mut self.replica_sets) {
            workload.pods = workload.pods.mirrored();
            for counts in &mut workload.revisions {
                counts.pods = counts.pods.mirrored();
            }
            for placement in &mut workload.placements {
                std::mem::swap(&mut placement.a, &mut placement.b);
            }
        }
        self
    }
}

impl WorkloadDifference {
    /// Whether a DaemonSet's placements count as equal.
    pub fn is_same(&self, strictness: Strictness) -> bool {
        match strictness {
            Strictness::Strict => self.placements.is_empty(),
            Strictness::Placements => {
                let both = |p: &PlacementDifference| !p.a.is_empty() && !p.b.is_empty();
                self.placements.iter().all(|p| both(p) && waits(&p.a) == waits(&p.b))
                    && self.revisions.iter().all(|counts| counts.pods.same())
            }
        }
    }
}

impl Counts {
    /// Whether both sides have the same number.
    pub fn same(self) -> bool {
        self.a == self.b
    }

    fn mirrored(self) -> Counts {
        Counts { a: self.b, b: self.a }
    }
}

impl PlacementDifference {
    /// Whether there are pods in the second state that all wait for their node or to start, and none such in the
    /// first: what is stuck.
    pub fn is_stuck(&self) -> bool {
        !self.b.is_empty() && waits(&self.b) && (self.a.is_empty() || !waits(&self.a))
    }

    /// In what way it differs.
    pub fn kind(&self) -> ChangeKind {
        if self.b.is_empty() {
            return ChangeKind::Lost;
        }
        if self.a.is_empty() {
            return ChangeKind::Gained;
        }
        if !self.a.iter().map(|pod| pod.revision).eq(self.b.iter().map(|pod| pod.revision)) {
            ChangeKind::Revision
        } else if waits(&self.b) && !waits(&self.a) {
            ChangeKind::Pending
        } else {
            ChangeKind::State
        }
    }
}

/// Whether pods wait for a node or to start.
fn waits(pods: &[PodState]) -> bool {
    pods.iter().all(|pod| !pod.bound || pod.phase() == Phase::Pending)
}

impl PodState {
    /// `status.phase`.
    pub fn phase(&self) -> Phase {
        super::placements::phase(self.phase)
    }
}

/// Compares two states. Takes time proportional to their pods, and memory besides for what differs.
pub fn compare(a: &Placements, b: &Placements) -> Difference {
    let (nodes_a, nodes_b) = common_nodes(&a.nodes, &b.nodes);
    let (revisions, templates_a, templates_b) = common_templates(&a.templates, &b.templates);
    let one = View { nodes: &a.nodes, ranks: &nodes_a, templates: &templates_a };
    let two = View { nodes: &b.nodes, ranks: &nodes_b, templates: &templates_b };
    let workloads = |a, b, has_revisions| {
        pairs(a, b).map(|(a, b)| workload(one, two, a, b, has_revisions)).collect::<Vec<_>>()
    };
    Difference {
        at_a: a.at,
        at_b: b.at,
        daemon_sets: workloads(&a.daemon_sets, &b.daemon_sets, true),
        replica_sets: workloads(&a.replica_sets, &b.replica_sets, false),
        revisions,
    }
}

/// How one side's numbers read in common terms.
#[derive(Clone, Copy)]
struct View<'a> {
    nodes: &'a NodeNames,
    /// A node's position among the names of both sides.
    ranks: &'a [u32],
    /// A template's position among the revisions of both sides.
    templates: &'a [usize],
}

impl View<'_> {
    fn state(&self, pod: &PlacedPod, has_revisions: bool) -> PodState {
        let revision = has_revisions.then(|| self.templates[pod.template as usize]);
        PodState { revision, phase: pod.phase() as u8, bound: pod.bound }
    }

    fn states(&self, pods: &[PlacedPod], has_revisions: bool) -> Vec<PodState> {
        let mut states: Vec<_> = pods.iter().map(|pod| self.state(pod, has_revisions)).collect();
        states.sort_unstable();
        states
    }

    fn rank(&self, pods: &[PlacedPod], at: usize) -> u32 {
        pods.get(at).map_or(u32::MAX, |pod| self.ranks[pod.node as usize])
    }
}

/// The position of each side's nodes in the sorted names of both.
fn common_nodes(a: &NodeNames, b: &NodeNames) -> (Vec<u32>, Vec<u32>) {
    let (mut ranks_a, mut ranks_b) = (Vec::with_capacity(a.len()), Vec::with_capacity(b.len()));
    let mut next = 0;
    while ranks_a.len() < a.len() || ranks_b.len() < b.len() {
        let order = match (ranks_a.len() < a.len(), ranks_b.len() < b.len()) {
            (true, true) => a.get(ranks_a.len()).cmp(b.get(ranks_b.len())),
            (true, false) => std::cmp::Ordering::Less,
            _ => std::cmp::Ordering::Greater,
        };
        if order.is_le() {
            ranks_a.push(next);
        }
        if order.is_ge() {
            ranks_b.push(next);
        }
        next += 1;
    }
    (ranks_a, ranks_b)
}

fn common_templates(a: &[Template], b: &[Template]) -> (Vec<Revision>, Vec<usize>, Vec<usize>) {
    let mut all: BTreeMap<&TemplateSource, Revision> = BTreeMap::new();
    let name =
        |template: &Template| Some(RevisionName { hash: template.hash.clone(), number: template.number });
    for template in a {
        all.entry(&template.source).or_default().a = name(template);
    }
    for template in b {
        all.entry(&template.source).or_default().b = name(template);
    }
    let position: BTreeMap<_, _> = all.keys().enumerate().map(|(index, source)| (*source, index)).collect();
    let positions = |templates: &[Template]| templates.iter().map(|t| position[&t.source]).collect();
    let (of_a, of_b) = (positions(a), positions(b));
    (all.into_values().collect(), of_a, of_b)
}

type Pair<'a> = (Option<&'a WorkloadPlacements>, Option<&'a WorkloadPlacements>);

/// The workloads of both sides by namespace and name; each is there on one side at least.
fn pairs<'a>(a: &'a [WorkloadPlacements], b: &'a [WorkloadPlacements]) -> impl Iterator<Item = Pair<'a>> {
    let mut all: BTreeMap<(&str, &str), Pair<'a>> = BTreeMap::new();
    for workload in a {
        all.entry((&workload.namespace, &workload.name)).or_default().0 = Some(workload);
    }
    for workload in b {
        all.entry((&workload.namespace, &workload.name)).or_default().1 = Some(workload);
    }
    all.into_values()
}

fn workload(
    one: View<'_>,
    two: View<'_>,
    a: Option<&WorkloadPlacements>,
    b: Option<&WorkloadPlacements>,
    has_revisions: bool,
) -> WorkloadDifference {
    let Some(named) = a.or(b) else { return WorkloadDifference::default() };
    let pods_a = a.map_or(&[][..], |a| &a.pods);
    let pods_b = b.map_or(&[][..], |b| &b.pods);
    let mut revisions: BTreeMap<usize, Counts> = BTreeMap::new();
    if has_revisions {
        for pod in pods_a {
            revisions.entry(one.templates[pod.template as usize]).or_default().a += 1;
        }
        for pod in pods_b {
            revisions.entry(two.templates[pod.template as usize]).or_default().b += 1;
        }
    }
    WorkloadDifference {
        namespace: named.namespace.clone(),
        name: named.name.clone(),
        pods: Counts { a: pods_a.len(), b: pods_b.len() },
        revisions: revisions.into_iter().map(|(revision, pods)| RevisionCounts { revision, pods }).collect(),
        placements: placements(one, two, pods_a, pods_b, has_revisions),
    }
}

fn placements(
    one: View<'_>,
    two: View<'_>,
    a: &[PlacedPod],
    b: &[PlacedPod],
    has_revisions: bool,
) -> Vec<PlacementDifference> {
    let (mut i, mut j, mut differences) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        let rank = one.rank(a, i).min(two.rank(b, j));
        let here_a = &a[on_node(one, a, i, rank)];
        let here_b = &b[on_node(two, b, j, rank)];
        let same = match (here_a, here_b) {
            // Nearly every node has one pod on both sides; that needs no allocation.
            ([x], [y]) => one.state(x, has_revisions) == two.state(y, has_revisions),
            _ => one.states(here_a, has_revisions) == two.states(here_b, has_revisions),
        };
        if !same {
            let node = here_a.first().map(|pod| one.nodes.get(pod.node as usize));
            let node = node.or_else(|| here_b.first().map(|pod| two.nodes.get(pod.node as usize)));
            differences.push(PlacementDifference {
                node: node.unwrap_or_default().to_owned(),
                a: one.states(here_a, has_revisions),
                b: two.states(here_b, has_revisions),
            });
        }
        (i, j) = (i + here_a.len(), j + here_b.len());
    }
    differences
}

/// The pods from a position on that are on the node of a rank.
fn on_node(view: View<'_>, pods: &[PlacedPod], from: usize, rank: u32) -> Range<usize> {
    let mut to = from;
    while to < pods.len() && view.rank(pods, to) == rank {
        to += 1;
    }
    from..to
}
