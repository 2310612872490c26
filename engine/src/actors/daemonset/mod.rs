//! The DaemonSet controller: decides which nodes get, keep and lose a DaemonSet's pods.
//!
//! After `pkg/controller/daemon` of Kubernetes v1.36. [`wake`] says what an event wakes, `queue` when it comes
//! to a sync, and `sync` what a sync does, in upstream's order: `revision` finds the current template's revision,
//! `grouping` the pods and their nodes, `manage` what is missing or too much, `rollout` what is outdated,
//! `status` the counters; `emit` makes events of it.

mod admission;
mod api;
mod backoff;
mod emit;
mod expectations;
mod grouping;
mod index;
mod manage;
mod name_order;
mod pod;
mod queue;
mod revision;
mod rollout;
mod settings;
mod status;
mod sync;
mod view;
mod wake;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub(crate) use admission::Refusal;
pub(crate) use api::ApiServer;
pub(crate) use pod::DaemonPod;
pub use revision::{RevisionOperation, revision_hash};
pub use rollout::Limits;
pub use settings::Settings;
pub use sync::{Creation, Deletion, Report, SyncError, SyncOutcome};

use crate::cluster::{Change, Cluster, DaemonSet, Node, Object};
use crate::event::{Body, Event};
use crate::names::{DocId, Names, NodeId, ObjectId, Seq, Sym, sym};
use crate::selector::Eligibility;
use crate::sim::{Actor, Context};
use crate::time::Time;

/// A DaemonSet as the queue knows it: by namespace and name, whichever object bears them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The namespace.
    pub namespace: Sym,
    /// The name.
    pub name: Sym,
}

impl Key {
    /// The key of an object.
    pub fn of(object: &Object) -> Key {
        Key { namespace: object.key.namespace, name: object.key.name }
    }

    /// The order of the texts `namespace/name`.
    pub fn by_text(self, other: Key, names: &Names) -> Ordering {
        let bytes = |key: Key| {
            let (namespace, name) = (names.text(key.namespace), names.text(key.name));
            namespace.bytes().chain(std::iter::once(b'/')).chain(name.bytes())
        };
        bytes(self).cmp(bytes(other))
    }
}

/// The controller as an actor.
///
/// It acts at once on whatever woke it. All keys that are due at a moment are synced in one act, in order of
/// `namespace/name`; what one of these syncs writes, the others do not see.
#[derive(Debug)]
pub struct DaemonSetController {
    settings: Settings,
    state: State,
    /// Which nodes fit, as far as was asked. Can be thrown away at any time.
    fits: FxHashMap<ObjectId, Vec<Fit>>,
    /// What is kept from event to event; `None` in the form that looks at everything. Can be thrown away.
    indexes: Option<index::Indexes>,
    claims: grouping::Claims,
    fleet: grouping::Fleet,
    observer: Option<Sender<(Key, SyncOutcome)>>,
    /// Labels of templates' revisions that are not to be computed.
    hashes: BTreeMap<DocId, Sym>,
    syncs: u64,
}

/// What the controller has to remember from one act to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    queue: queue::WorkQueue,
    /// Nodes whose labels or taints changed, with the event that said so.
    nodes: Vec<(NodeId, Seq)>,
    expectations: expectations::Expectations,
    backoff: backoff::Backoff,
    /// By DaemonSet and number of node: the last event about a pod of the one on the other.
    touched: BTreeMap<ObjectId, Vec<Seq>>,
}

/// Whether a node fits, as of an event each about the node and the DaemonSet.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    node_changed: Seq,
    applied: Seq,
    eligibility: Eligibility,
}

impl DaemonSetController {
    /// A controller that has seen nothing yet. It looks only at what changed.
    pub fn new(settings: Settings) -> Self {
        DaemonSetController { indexes: Some(index::Indexes::default()), ..Self::full_pass(settings) }
    }

    /// The reference: a controller that looks at every node in every sync. It decides the same.
    pub fn full_pass(settings: Settings) -> Self {
        DaemonSetController {
            settings,
            indexes: None,
            state: State::default(),
            fits: FxHashMap::default(),
            claims: grouping::Claims::default(),
            fleet: grouping::Fleet::default(),
            observer: None,
            hashes: BTreeMap::new(),
            syncs: 0,
        }
    }

    /// Sends the outcome of every sync, also of those that write nothing.
    pub fn observed_by(mut self, observer: Sender<(Key, SyncOutcome)>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Gives the revisions of some templates labels that are known from elsewhere, such as a recording; others
    /// get [`revision_hash`].
    pub fn with_hashes(mut self, hashes: BTreeMap<DocId, Sym>) -> Self {
        self.hashes = hashes;
        self
    }

    /// Whether a node should run a DaemonSet's pod; remembered until one of them changes.
    fn eligibility(
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
    fn forget(&mut self, object: ObjectId) {
        self.fits.remove(&object);
        if let Some(indexes) = &mut self.indexes {
            indexes.by_daemon_set.remove(&object);
        }
        self.state.touched.remove(&object);
    }

    fn touch(&mut self, seen: &wake::Seen<'_>) {
        let Some(pod) = seen.event.body.pod().and_then(|pod| seen.cluster.pod(pod)) else { return };
        let (Some(owner), Some(node)) = (pod.owner.or(seen.change.owner), pod.node) else { return };
        if seen.names.object_key(owner).kind != sym::DAEMON_SET
            || !seen.cluster.object(owner).is_some_and(|o| o.present)
        {
            return;
        }
        let touched = self.state.touched.entry(owner).or_default();
        if touched.len() <= node.index() {
            touched.resize(node.index() + 1, Seq::NONE);
        }
        touched[node.index()] = seen.seq;
    }

    /// Tells the indexes what is news to them.
    fn index(&mut self, seen: &wake::Seen<'_>) {
        let Some(indexes) = &mut self.indexes else { return };
        match seen.event.body {
            Body::NodeJoined { node, .. }
            | Body::NodeLeft { node }
            | Body::NodeLabelSet { node, .. }
            | Body::NodeLabelRemoved { node, .. }
            | Body::NodeTaintAdded { node, .. }
            | Body::NodeTaintRemoved { node, .. } => indexes.node_changed(node),
            Body::PodCreated { pod, owner, .. } => {
                indexes.pod_changed(pod, owner, seen.cluster, seen.names);
            }
            body => {
                if let Some(pod) = body.pod() {
                    indexes.pod_changed(pod, seen.change.owner, seen.cluster, seen.names);
                }
            }
        }
    }

    /// Syncs the DaemonSet of a key, and emits what that decides.
    fn sync(&mut self, key: Key, woken_by: Seq, context: &mut Context<'_>) {
        self.syncs += 1;
        let out = self.decide(key, woken_by, None, context.cluster, context.names, context.now);
        emit::emit(context, &out, woken_by);
        if out.error.is_some() {
            self.state.queue.retry(key, context.now, woken_by);
        } else {
            self.state.queue.forget(key);
        }
        if let Some(delay) = out.requeue_after {
            self.state.queue.add_after(key, context.now + delay, woken_by);
        }
        if let Some(observer) = &self.observer {
            // Nobody listening any more is no reason to stop.
            let _ = observer.send((key, out));
        }
    }

    /// Decides what a sync does. Without an API server, what is asked for happens afterwards.
    pub(crate) fn decide(
        &mut self,
        key: Key,
        woken_by: Seq,
        api: Option<&mut dyn ApiServer>,
        cluster: &Cluster,
        names: &mut Names,
        now: Time,
    ) -> SyncOutcome {
        let object = cluster.find_object(sym::DAEMON_SET, key.namespace, key.name);
        let Some((object, spec)) = object.and_then(|object| Some((object, object.daemon_set()?))) else {
            self.state.expectations.forget(key);
            return SyncOutcome::default();
        };
        let mut afterwards = api::AfterwardsApi::new(cluster, names, object, spec);
        let seen_at_once = api.is_some();
        let mut sync = sync::Sync {
            cluster,
            now,
            settings: &self.settings,
            key,
            object,
            spec,
            expectations: &mut self.state.expectations,
            backoff: &mut self.state.backoff,
            api: api.unwrap_or(&mut afterwards),
            woken_by,
            hashes: &self.hashes,
            touched: self.state.touched.get(&object.id).map_or(&[], Vec::as_slice),
            out: SyncOutcome::default(),
        };
        let Some((history, rules)) = sync.begin(names) else { return sync.out };
        let names = &*names;
        let fits = self.fits.entry(object.id).or_default();
        match self.indexes.as_mut().filter(|_| !seen_at_once) {
            Some(index::Indexes { order, by_daemon_set }) => {
                let index = by_daemon_set.entry(object.id).or_insert_with(|| index::Index::new(object.id));
                let rules = &rules;
                index.refresh(&mut index::Upkeep { cluster, names, object, spec, rules, fits, order });
                sync.finish(&mut index::Indexed { index, cluster }, &history, rules, names);
            }
            None => {
                let Ok(selector) = grouping::selector(spec) else { return sync.out };
                let (claims, fleet) = (&mut self.claims, &mut self.fleet);
                fleet.nodes.clear();
                for &id in cluster.nodes() {
                    let Some(node) = cluster.node(id) else { continue };
                    fleet.nodes.push((id, fit(fits, object, spec, id, node, names)));
                }
                claims.gather(cluster, names, object, selector);
                fleet.group(cluster, names, &claims.pods);
                sync.finish(&mut view::FullPass { cluster, names, claims, fleet }, &history, &rules, names);
            }
        }
        sync.out
    }

    /// Starts the delay after a failed pod, as if one had been deleted at a time.
    pub(crate) fn back_off(&mut self, daemon_set: &Object, node: NodeId, since: Time) {
        let key = backoff::BackoffKey {
            daemon_set: daemon_set.id,
            observed_generation: daemon_set.status.observed_generation,
            node,
        };
        self.state.backoff.next(key, self.settings.backoff_bounds(), since);
    }

    /// Makes a DaemonSet wait for a pod that never comes.
    pub(crate) fn expect_creation(&mut self, key: Key, now: Time) {
        self.state.expectations.set(key, 1, 0, now);
    }

    /// Whether a DaemonSet's key waits for a sync.
    pub(crate) fn is_queued(&self, key: Key) -> bool {
        self.state.queue.is_ready(key)
    }

    /// Hands the node updates that are waiting to `syncNodeUpdate`.
    pub(crate) fn sync_node_updates(&mut self, cluster: &Cluster, names: &Names) {
        for (node, cause) in std::mem::take(&mut self.state.nodes) {
            self.sync_node_update(node, cause, cluster, names);
        }
    }
}

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

impl Actor for DaemonSetController {
    fn name(&self) -> &'static str {
        "daemonset-controller"
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, names: &Names) {
        let seen = wake::Seen { seq, event, change, cluster, names };
        self.touch(&seen);
        self.index(&seen);
        self.wake(&seen);
    }

    fn syncs(&self) -> u64 {
        self.syncs
    }

    fn due(&self) -> Option<Time> {
        if self.state.nodes.is_empty() { self.state.queue.due() } else { Some(Time::MIN) }
    }

    fn act(&mut self, context: &mut Context<'_>) {
        self.sync_node_updates(context.cluster, context.names);
        let mut keys = self.state.queue.take_due(context.now);
        keys.sort_by(|a, b| a.0.by_text(b.0, context.names));
        for (key, cause) in keys {
            self.sync(key, cause, context);
        }
        let bounds = self.settings.backoff_bounds();
        self.state.backoff.sweep(bounds, context.now);
    }
}

#[cfg(test)]
mod tests;
