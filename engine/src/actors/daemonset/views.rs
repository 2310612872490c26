//! Gets a sync the view that it decides on, in either form.

use rustc_hash::FxHashMap;

use super::grouping::{self, Claims, Fleet};
use super::index::Indexes;
use super::pod::Rules;
use super::view::{FullPass, View};
use super::wake::Seen;
use crate::cluster::{Cluster, DaemonSet, Node, Object};
use crate::event::Body;
use crate::names::{Names, NodeId, ObjectId, Seq};
use crate::selector::Eligibility;

/// What is known of all DaemonSets' nodes and pods. All of it follows from the cluster.
#[derive(Debug, Default)]
pub(super) struct Views {
    /// Which nodes fit, as far as was asked.
    fits: FxHashMap<ObjectId, Vec<Fit>>,
    /// What is kept from event to event; `None` in the form that looks at everything.
    indexes: Option<Indexes>,
    claims: Claims,
    fleet: Fleet,
}

/// What a view is of.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub cluster: &'a Cluster,
    pub names: &'a Names,
    pub object: &'a Object,
    pub spec: &'a DaemonSet,
}

/// Whether a node fits, as of an event each about the node and the DaemonSet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fit {
    node_changed: Seq,
    applied: Seq,
    eligibility: Eligibility,
}

impl Views {
    /// Views that are kept from event to event.
    pub fn incremental() -> Self {
        Views { indexes: Some(Indexes::default()), ..Views::default() }
    }

    /// Gives a view that is up to date for rules; `fresh` for one that can change within the sync. `None` where the
    /// DaemonSet's selector cannot be used.
    pub fn with<R>(
        &mut self,
        scene: &Scene<'_>,
        rules: &Rules,
        fresh: bool,
        decide: impl FnOnce(&mut dyn View) -> R,
    ) -> Option<R> {
        let Scene { cluster, names, object, spec } = *scene;
        if let Some(indexes) = self.indexes.as_mut().filter(|_| !fresh) {
            return indexes.view(scene, rules).map(|mut view| decide(&mut view));
        }
        let fits = self.fits.entry(object.id).or_default();
        let selector = grouping::selector(spec).ok()?;
        let (claims, fleet) = (&mut self.claims, &mut self.fleet);
        fleet.nodes.clear();
        for &id in cluster.nodes() {
            let Some(node) = cluster.node(id) else { continue };
            fleet.nodes.push((id, fit(fits, object, spec, id, node, names)));
        }
        claims.gather(cluster, names, object, selector);
        fleet.group(cluster, names, &claims.pods);
        Some(decide(&mut FullPass { cluster, names, claims, fleet }))
    }

    /// Whether a node should run a DaemonSet's pod; remembered until one of them changes.
    pub fn eligibility(
        &mut self,
        object: &Object,
        spec: &DaemonSet,
        id: NodeId,
        node: &Node,
        names: &Names,
    ) -> Eligibility {
        fit(self.fits.entry(object.id).or_default(), object, spec, id, node, names)
    }

    /// Forgets a DaemonSet that is gone.
    pub fn forget(&mut self, object: ObjectId) {
        self.fits.remove(&object);
    }

    /// Takes note of an event.
    pub fn observe(&mut self, seen: &Seen<'_>) {
        if let Some(indexes) = &mut self.indexes {
            indexes.observe(seen);
        }
    }

    /// Whether an event is certainly news to no DaemonSet; only for some it is found out.
    #[inline]
    pub fn pass_over(&self, body: &Body) -> bool {
        self.indexes.as_ref().is_some_and(|indexes| indexes.pass_over(body))
    }

    /// What is kept from event to event, if anything is.
    pub fn indexes(&mut self, cluster: &Cluster, names: &Names) -> Option<&mut Indexes> {
        let indexes = self.indexes.as_mut()?;
        indexes.prepare(cluster, names);
        Some(indexes)
    }
}

/// Whether a node fits, from what is known or found out now.
fn fit(
    fits: &mut Vec<Fit>,
    object: &Object,
    spec: &DaemonSet,
    id: NodeId,
    node: &Node,
    names: &Names,
) -> Eligibility {
    if fits.len() <= id.index() {
        fits.resize(id.index() + 1, Fit::default());
    }
    let known = &mut fits[id.index()];
    if (known.node_changed, known.applied) != (node.changed, object.applied) {
        let eligibility = spec.placement.eligibility(node.name, &node.labels, &node.taints, names);
        *known = Fit { node_changed: node.changed, applied: object.applied, eligibility };
    }
    known.eligibility
}
