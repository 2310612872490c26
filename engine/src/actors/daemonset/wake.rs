//! Which DaemonSets an event wakes, after the controller's event handlers and `syncNodeUpdate`.

use super::{DaemonSetController, Key, grouping};
use crate::cluster::{Change, Cluster, deletion_is_immediate};
use crate::event::{Body, Event, Flags, PodCondition};
use crate::names::{Names, NodeId, ObjectId, PodId, RevisionId, Seq, sym};
use crate::time::Micros;

/// After a pod got ready, its DaemonSet is looked at again so much later than `minReadySeconds`.
const AVAILABILITY_MARGIN_S: i64 = 1;

/// An event that has been applied, with what is needed to judge it.
pub(super) struct Seen<'a> {
    pub seq: Seq,
    pub event: &'a Event,
    pub change: &'a Change,
    pub cluster: &'a Cluster,
    pub names: &'a Names,
}

impl Seen<'_> {
    /// The key of a pod's or revision's controller, if it is a DaemonSet that exists (`resolveControllerRef`).
    fn resolve(&self, owner: Option<ObjectId>) -> Option<Key> {
        let object = self.cluster.object(owner?)?;
        (object.present && object.key.kind == sym::DAEMON_SET).then(|| Key::of(object))
    }
}

impl DaemonSetController {
    /// Puts into the queues what an event wakes.
    pub(super) fn wake(&mut self, seen: &Seen<'_>) {
        match seen.event.body {
            Body::NodeJoined { node, .. }
            | Body::NodeLabelSet { node, .. }
            | Body::NodeLabelRemoved { node, .. }
            | Body::NodeTaintAdded { node, .. }
            | Body::NodeTaintRemoved { node, .. } => self.wake_node(node, seen),
            Body::Applied { object, .. }
            | Body::DeleteRequested { object, .. }
            | Body::ObjectRemoved { object }
            | Body::RolloutUndone { object, .. }
            | Body::StatusWritten { object, .. } => self.wake_object(object, seen),
            Body::RevisionCreated { revision, .. }
            | Body::RevisionNumbered { revision, .. }
            | Body::RevisionLabelled { revision, .. }
            | Body::RevisionAdopted { revision, .. }
            | Body::RevisionReleased { revision }
            | Body::RevisionDeleted { revision } => self.wake_revision(revision, seen),
            Body::PodCreated { owner, .. } => match seen.resolve(owner) {
                Some(key) => {
                    self.state.expectations.creations_observed(key, 1);
                    self.state.queue.add(key, seen.seq);
                }
                None if owner.is_none() => {
                    // The slot in the event is the one that the pod has now.
                    if let Some(pod) = seen.event.body.pod() {
                        self.wake_for_orphan(pod, seen);
                    }
                }
                None => {}
            },
            body => {
                if let Some(pod) = body.pod() {
                    self.wake_pod(pod, seen);
                }
            }
        }
    }

    /// Puts into the queue the DaemonSets that a node's change is news to, after `syncNodeUpdate`, which upstream calls
    /// as soon as it can for every node whose labels or taints changed. Only bound pods count; who owns them is told by
    /// name.
    fn wake_node(&mut self, node: NodeId, seen: &Seen<'_>) {
        let Seen { seq, cluster, names, .. } = *seen;
        let Some(present) = cluster.present_node(node).filter(|_| seen.change.effective) else { return };
        if let Some(indexes) = self.views.indexes(cluster, names) {
            indexes.news(node, |key| self.state.queue.add(key, seq));
            return;
        }
        for (object, spec) in cluster.daemon_sets() {
            let eligibility = self.views.eligibility(object, spec, node, present, names);
            let scheduled = present.pods.iter().any(|id| {
                let owner = cluster.pod(*id).and_then(|pod| pod.owner).map(|owner| names.object_key(owner));
                owner.is_some_and(|owner| {
                    (owner.kind, owner.namespace, owner.name)
                        == (sym::DAEMON_SET, object.key.namespace, object.key.name)
                })
            });
            let news = if scheduled {
                !eligibility.should_continue || object.status.misscheduled > 0
            } else {
                eligibility.should_run
            };
            if news {
                self.state.queue.add(Key::of(object), seq);
            }
        }
    }

    fn wake_object(&mut self, id: ObjectId, seen: &Seen<'_>) {
        let Some(object) = seen.cluster.object(id).filter(|o| o.key.kind == sym::DAEMON_SET) else { return };
        if !seen.change.effective {
            return;
        }
        let key = Key::of(object);
        if !object.present {
            self.state.expectations.forget(key);
            self.forget(id);
        }
        self.state.queue.add(key, seen.seq);
    }

    fn wake_revision(&mut self, id: RevisionId, seen: &Seen<'_>) {
        let Some(revision) = seen.cluster.revision(id) else { return };
        if !seen.change.effective {
            return;
        }
        let owner = seen.resolve(revision.owner);
        let wake_owner = match seen.event.body {
            Body::RevisionCreated { .. } => None,
            Body::RevisionDeleted { .. } | Body::RevisionReleased { .. } => seen.resolve(seen.change.owner),
            _ => owner,
        };
        if let Some(key) = wake_owner {
            self.state.queue.add(key, seen.seq);
        }
        let asks_orphan = matches!(
            seen.event.body,
            Body::RevisionCreated { .. } | Body::RevisionReleased { .. } | Body::RevisionLabelled { .. }
        );
        if revision.owner.is_none() && asks_orphan {
            let labels = seen.cluster.revision_labels(revision);
            for object in grouping::selecting(seen.cluster, seen.names, revision.namespace, &labels) {
                self.state.queue.add(Key::of(object), seen.seq);
            }
        }
    }

    /// What an update or the deletion of a pod wakes.
    fn wake_pod(&mut self, id: PodId, seen: &Seen<'_>) {
        let Some(pod) = seen.cluster.pod(id) else { return };
        if !seen.change.effective {
            return;
        }
        if let Body::PodDeleted { .. } = seen.event.body
            && deletion_is_immediate(&pod)
        {
            // Watchers see one deletion, and that is the `PodGone` after this.
            return;
        }
        let owner = seen.resolve(pod.owner);
        if pod.gone || pod.terminating() {
            if let Some(key) = owner {
                self.state.expectations.deletion_observed(key);
                self.state.queue.add(key, seen.seq);
            }
            return;
        }
        if pod.owner != seen.change.owner
            && let Some(key) = seen.resolve(seen.change.owner)
        {
            self.state.queue.add(key, seen.seq);
        }
        if let Some(key) = owner {
            self.state.queue.add(key, seen.seq);
            self.wake_when_available(key, pod.ready, seen);
        }
        let asks_orphan = matches!(
            seen.event.body,
            Body::PodReleased { .. } | Body::PodLabelSet { .. } | Body::PodLabelRemoved { .. }
        );
        if pod.owner.is_none() && asks_orphan {
            self.wake_for_orphan(id, seen);
        }
    }

    fn wake_when_available(&mut self, key: Key, ready: bool, seen: &Seen<'_>) {
        // A pod that is ready as it is first seen did not turn ready.
        let turned = matches!(
            seen.event.body,
            Body::PodConditionSet { condition: PodCondition::Ready, .. } if ready && !seen.change.was_ready
        ) && !seen.event.flags.has(Flags::GENESIS);
        if !turned {
            return;
        }
        let object = seen.cluster.find_object(sym::DAEMON_SET, key.namespace, key.name);
        let seconds = object.and_then(|o| o.daemon_set()).map_or(0, |spec| spec.min_ready_seconds);
        if seconds > 0 {
            let delay = Micros::seconds(seconds + AVAILABILITY_MARGIN_S);
            self.state.queue.add_after(key, seen.event.at + delay, seen.seq);
        }
    }

    fn wake_for_orphan(&mut self, id: PodId, seen: &Seen<'_>) {
        let Some(pod) = seen.cluster.pod(id) else { return };
        let labels = seen.cluster.pod_labels(id);
        for object in grouping::selecting(seen.cluster, seen.names, pod.namespace, labels) {
            self.state.queue.add(Key::of(object), seen.seq);
        }
    }
}
