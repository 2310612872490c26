//! The DaemonSet controller: decides which nodes get, keep and lose a DaemonSet's pods.
//!
//! After `pkg/controller/daemon` of Kubernetes v1.36. `wake` says what an event wakes, `queue` when it comes to a
//! sync, and `sync` what a sync does, in upstream's order: `revision` finds the current template's revision, `manage`
//! says what is missing or too much, `rollout` what is outdated, `status` counts; `flight` and `emit` make events of
//! it, as fast as the client may write.
//!
//! A sync decides on a `view`. There are two, and they answer the same: the full pass (`grouping`), which is short
//! enough to be checked against the specification, and the `index`, which is kept from event to event.

mod admission;
mod api;
mod backoff;
mod emit;
mod expectations;
mod flight;
mod grouping;
mod index;
mod late;
mod manage;
mod name_order;
mod opinion;
mod outcome;
mod pod;
mod queue;
mod revision;
mod rollout;
mod settings;
mod status;
mod sync;
mod touched;
mod turns;
mod view;
mod views;
mod wake;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use serde::{Deserialize, Serialize};

pub(crate) use admission::Refusal;
pub(crate) use api::ApiServer;
pub use late::LateDaemonSetController;
pub(crate) use opinion::{Opinion, Patchwork, Wants};
pub use outcome::{Creation, Deletion, Report, SyncError, SyncOutcome};
pub(crate) use pod::DaemonPod;
pub use revision::{RevisionOperation, revision_hash};
pub use rollout::Limits;
pub use settings::Settings;
pub use turns::Turns;

pub use super::RateLimit;
use super::limit::Bucket;
use flight::{Flight, Write};
use views::{Scene, Views};

use crate::cluster::{Change, Cluster, Object};
use crate::event::{Body, Event, Kind, Kinds, Track, WorkloadStatus};
use crate::names::{DocId, Names, NodeId, ObjectId, Seq, Sym, sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

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
        if self.namespace == other.namespace {
            return names.text(self.name).cmp(names.text(other.name));
        }
        let bytes = |key: Key| {
            let (namespace, name) = (names.text(key.namespace), names.text(key.name));
            namespace.bytes().chain(std::iter::once(b'/')).chain(name.bytes())
        };
        bytes(self).cmp(bytes(other))
    }
}

/// The controller as an actor.
///
/// It acts at once on whatever woke it. Keys that are due at one moment are synced in one act, in order of
/// `namespace/name`; what one of these syncs writes, the others do not see. Where the client's rate limit holds writes
/// back, a sync goes on over several acts, and so many syncs go on at once as there are workers.
#[derive(Debug)]
pub struct DaemonSetController {
    settings: Settings,
    state: State,
    /// What is known of nodes and pods. It follows from the cluster and can be thrown away at any time.
    views: Views,
    observer: Option<Sender<(Key, SyncOutcome)>>,
    /// Labels of templates' revisions that are not to be computed.
    hashes: BTreeMap<DocId, Sym>,
    /// The order in which nodes are taken where any will do, if it is not that of their names.
    turns: Option<Turns>,
    syncs: u64,
    /// Room for the next sync.
    spare: Option<Box<SyncOutcome>>,
    scratch: sync::Scratch,
}

/// What the controller has to remember from one act to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    queue: queue::WorkQueue,
    expectations: expectations::Expectations,
    backoff: backoff::Backoff,
    /// Syncs whose writes are not all out.
    flights: Vec<Flight>,
    client: Bucket,
    touched: touched::Touched,
}

impl DaemonSetController {
    /// A controller that has seen nothing yet. It looks only at what changed.
    pub fn new(settings: Settings) -> Self {
        Self::with_views(settings, Views::incremental())
    }

    /// The reference: a controller that looks at every node in every sync. It decides the same.
    pub fn full_pass(settings: Settings) -> Self {
        Self::with_views(settings, Views::default())
    }

    fn with_views(settings: Settings, views: Views) -> Self {
        DaemonSetController {
            settings,
            state: State::default(),
            views,
            observer: None,
            hashes: BTreeMap::new(),
            turns: None,
            syncs: 0,
            spare: None,
            scratch: sync::Scratch::default(),
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

    /// Takes nodes in the order in which a recorded controller took them, where upstream's order is random. Nothing else
    /// changes: which nodes there are to choose from, and how many may be taken.
    pub fn following(mut self, turns: Turns) -> Self {
        self.turns = Some(turns);
        self
    }

    /// Forgets a DaemonSet that is gone.
    fn forget(&mut self, object: ObjectId) {
        self.views.forget(object);
        self.state.touched.forget(object);
    }

    fn touch(&mut self, seen: &wake::Seen<'_>) {
        let Some(pod) = seen.event.body.pod().and_then(|pod| seen.cluster.pod(pod)) else { return };
        let (Some(owner), Some(node)) = (pod.owner.or(seen.change.owner), pod.node) else { return };
        if !seen.cluster.object(owner).is_some_and(|o| o.present && o.key.kind == sym::DAEMON_SET) {
            return;
        }
        self.state.touched.set(owner, node, seen.seq);
    }

    /// Decides what a sync does; what that is, is then written.
    fn start(&mut self, key: Key, woken_by: Seq, seen: &Cluster, context: &mut Context<'_>) {
        self.syncs += 1;
        // Where writes may have to wait, even a sync that does nothing waits for its turn behind them.
        let at_once = !self.writes_may_wait() && self.observer.is_none();
        if at_once && let Some((object, status)) = self.routine(key, seen, context) {
            if let Some(status) = status {
                context.emit(Track::DaemonSet, woken_by, Body::Synced { object });
                context.emit(Track::DaemonSet, woken_by, Body::StatusWritten { object, status });
            }
            self.state.queue.forget(key);
            return;
        }
        let out = self.decide(key, woken_by, None, seen, context.names, context.now);
        if let Some(object) = out.object.and_then(|id| seen.object(id)) {
            let mut flight = Flight::new(key, woken_by, &out, object);
            if self.writes_may_wait() {
                flight.writes.extend(flight::writes(&out));
                if self.settings.sync_us > Micros::ZERO {
                    flight.not_before = Some(context.now + self.settings.sync_us);
                    flight.delayed = true;
                }
                self.state.flights.push(flight);
            } else {
                // Nothing holds writes back, so they are out at once.
                for write in flight::writes(&out) {
                    if emit::emit(context, &mut flight, &write) {
                        self.state.expectations.deletion_observed(key);
                    }
                }
                self.end(&flight, context.now);
            }
        }
        if let Some(observer) = &self.observer {
            // Nobody listening any more is no reason to stop.
            let _ = observer.send((key, *out));
        } else {
            self.spare = Some(out);
        }
    }

    fn writes_may_wait(&self) -> bool {
        self.settings.client.is_some() || self.settings.sync_us > Micros::ZERO
    }

    /// The object and the status to write, if any, of a sync that certainly has nothing else to do. Most are such: a pod
    /// got ready, and it is counted. What [`DaemonSetController::decide`] decides on is not even looked at.
    fn routine(
        &mut self,
        key: Key,
        seen: &Cluster,
        context: &Context<'_>,
    ) -> Option<(ObjectId, Option<WorkloadStatus>)> {
        let object = seen.find_object(sym::DAEMON_SET, key.namespace, key.name)?;
        let spec = object.daemon_set().filter(|_| object.deleting.is_none())?;
        if !self.state.expectations.satisfied(key, context.now) {
            return None;
        }
        let scene = Scene { cluster: seen, names: context.names, object, spec };
        let counts = self.views.indexes(seen, context.names)?.routine(&scene, context.now)?;
        Some((object.id, sync::status_to_write(&counts, object, Some(object.generation))))
    }

    /// Writes what the syncs under way have decided, as far as the client's rate limit lets it through. Says whether
    /// one of them came to its end.
    fn write(&mut self, seen: &Cluster, context: &mut Context<'_>) -> bool {
        let mut ended = false;
        let now = context.now;
        let ripe = |flight: &Flight| flight.not_before.is_none_or(|at| at <= now);
        while let Some(first) = self.state.flights.iter().position(ripe) {
            let mut flight = self.state.flights.remove(first);
            if self.write_flight(&mut flight, seen, context) {
                self.end(&flight, context.now);
                ended = true;
            } else {
                // Syncs under way write in turn.
                self.state.flights.push(flight);
                self.state.flights.iter_mut().for_each(|flight| flight.delayed = true);
                break;
            }
        }
        ended
    }

    /// Writes what one sync has decided; says whether that is all.
    fn write_flight(&mut self, flight: &mut Flight, seen: &Cluster, context: &mut Context<'_>) -> bool {
        while let Some(mut write) = flight.writes.pop_front() {
            if flight.delayed
                && let Write::Status(status) = &mut write
            {
                *status = self.count_again(flight, seen, context);
            }
            if write.is_limited()
                && self.settings.client.is_some_and(|limit| !self.state.client.take(limit, context.now))
            {
                flight.writes.push_front(write);
                return false;
            }
            if emit::emit(context, flight, &write) {
                self.state.expectations.deletion_observed(flight.key);
            }
        }
        true
    }

    /// The status of a sync whose writes had to wait: as upstream's, it counts what there is by then.
    fn count_again(
        &mut self,
        flight: &mut Flight,
        seen: &Cluster,
        context: &Context<'_>,
    ) -> Option<WorkloadStatus> {
        let object = seen.object(flight.object).filter(|object| object.present)?;
        let scene = Scene { cluster: seen, names: context.names, object, spec: object.daemon_set()? };
        let rules = pod::Rules::of(scene.spec, flight.hash, context.now);
        let counts = self.views.with(&scene, &rules, false, |view| view.counts(&rules, scene.names))?;
        if rules.min_ready_seconds > 0 && counts.ready != counts.available {
            let again = Micros::seconds(rules.min_ready_seconds);
            flight.requeue_after = Some(flight.requeue_after.map_or(again, |other| other.min(again)));
        }
        sync::status_to_write(&counts, object, flight.observed)
    }

    /// Ends a sync: one that failed is tried again.
    fn end(&mut self, flight: &Flight, now: Time) {
        let queue = &mut self.state.queue;
        if flight.failed {
            queue.retry(flight.key, self.settings.retries, now, flight.woken_by);
        } else {
            queue.forget(flight.key);
        }
        if let Some(delay) = flight.requeue_after {
            queue.add_after(flight.key, now + delay, flight.woken_by);
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
    ) -> Box<SyncOutcome> {
        let object = cluster.find_object(sym::DAEMON_SET, key.namespace, key.name);
        let Some((object, spec)) = object.and_then(|object| Some((object, object.daemon_set()?))) else {
            self.state.expectations.forget(key);
            return Box::default();
        };
        let mut out = self.spare.take().unwrap_or_default();
        out.clear();
        let mut afterwards = api::AfterwardsApi::new(cluster, object, spec);
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
            api: match api {
                Some(api) => api,
                None => &mut afterwards,
            },
            woken_by,
            hashes: &self.hashes,
            turns: self.turns.as_ref(),
            touched: self.state.touched.of(object.id),
            out,
            scratch: &mut self.scratch,
        };
        // What is not looked at in this sync alone is kept.
        let mut indexes = self.views.indexes(cluster, names).filter(|_| !seen_at_once);
        let known = indexes.as_mut().and_then(|indexes| indexes.history(object, names));
        let is_known = known.is_some();
        if let Some((history, rules)) = sync.begin(names, known) {
            if let Some(indexes) = indexes.filter(|_| !is_known) {
                indexes.remember_history(object, names, &history);
            }
            let scene = Scene { cluster, names, object, spec };
            self.views.with(&scene, &rules, seen_at_once, |view| sync.finish(view, &history, &rules, names));
        }
        let out = sync.out;
        if let Some(indexes) = self.views.indexes(cluster, names).filter(|_| out.has_only_status()) {
            indexes.settle(object, names);
        }
        out
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

    /// Does what is due, on the cluster as it is seen; what is written meets the cluster as it is.
    fn act_on(&mut self, seen: &Cluster, context: &mut Context<'_>) {
        self.state.queue.advance(context.now, context.names);
        loop {
            while self.state.flights.len() < self.settings.concurrent_syncs.max(1) {
                let flights = &self.state.flights;
                let busy = |key| flights.iter().any(|flight| flight.key == key);
                let Some((key, cause)) = self.state.queue.take(busy) else { break };
                self.start(key, cause, seen, context);
            }
            if !self.write(seen, context) {
                break;
            }
        }
        self.state.backoff.sweep(self.settings.backoff_bounds(), context.now);
    }
}

impl Actor for DaemonSetController {
    fn name(&self) -> &'static str {
        "daemonset-controller"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[
            Kind::NodeJoined,
            Kind::NodeLeft,
            Kind::NodeLabelSet,
            Kind::NodeLabelRemoved,
            Kind::NodeTaintAdded,
            Kind::NodeTaintRemoved,
            Kind::Applied,
            Kind::DeleteRequested,
            Kind::ObjectRemoved,
            Kind::RolloutUndone,
            Kind::StatusWritten,
            Kind::RevisionCreated,
            Kind::RevisionNumbered,
            Kind::RevisionLabelled,
            Kind::RevisionAdopted,
            Kind::RevisionReleased,
            Kind::RevisionDeleted,
        ])
        .with(Kinds::CHANGES_OF_PODS);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, names: &Names) {
        let seen = wake::Seen { seq, event, change, cluster, names };
        self.touch(&seen);
        self.views.observe(&seen);
        self.wake(&seen);
    }

    fn passes_over(&self, event: &Event) -> bool {
        self.views.pass_over(&event.body)
    }

    fn syncs(&self) -> u64 {
        self.syncs
    }

    fn due(&self) -> Option<Time> {
        let State { queue, flights, client, .. } = &self.state;
        if flights.is_empty() && queue.is_empty() {
            return None;
        }
        let busy = |key| flights.iter().any(|flight| flight.key == key);
        let idle = flights.len() < self.settings.concurrent_syncs.max(1);
        if idle && queue.has_ready(busy) {
            return Some(Time::MIN);
        }
        let ripe = flights.iter().map(|flight| flight.not_before.unwrap_or(Time::MIN)).min();
        let client = self.settings.client.map_or(Time::MIN, |limit| client.next_at(limit));
        let written = ripe.map(|ripe| ripe.max(client));
        written.into_iter().chain(queue.next_at().filter(|_| idle)).min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        self.act_on(context.cluster, context);
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(&(&self.state, self.syncs))
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        (self.state, self.syncs) = unpack(saved)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
