//! A state as the events that lead to it: what a log begins with that begins in the middle of another.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Object, ObjectSpec, Pod, TEMPLATE_GENERATION_ANNOTATION};
use crate::event::{Body, ConditionStatus, Event, Phase, PodCondition, Propagation, Track, WorkloadStatus};
use crate::names::{Names, NodeId, NodeSpec, ObjectId, PodId, RevisionId, Seq, Sym, sym};
use crate::time::{ApiSeconds, Time};

/// The events of a genesis, and what changed its number.
pub(super) struct Genesis {
    pub events: Vec<Event>,
    /// The numbers that revisions of the state have after these events. Pods keep theirs.
    pub revisions: FxHashMap<RevisionId, RevisionId>,
}

/// The events that lead from nothing to a state, all at one time: nodes, objects, revisions, pods, statuses. What a state
/// does not know is lost: reasons of conditions' changes, messages, when nodes that are gone left, and how many pods an
/// owner had that are gone.
pub(super) fn of(cluster: &Cluster, names: &mut Names, at: Time) -> Genesis {
    let mut maker = Maker { cluster, names, at, events: Vec::new(), revisions: FxHashMap::default() };
    maker.objects_of(&[sym::PRIORITY_CLASS, sym::NAMESPACE]);
    maker.nodes();
    let kinds: Vec<Sym> =
        cluster.kinds().filter(|k| ![sym::PRIORITY_CLASS, sym::NAMESPACE].contains(k)).collect();
    maker.objects_of(&kinds);
    let gone = maker.gone_owners();
    maker.revisions();
    maker.pods();
    maker.statuses();
    for object in gone {
        let propagation = Propagation::Background;
        maker.push(Track::User, Body::DeleteRequested { object, propagation });
    }
    Genesis { events: maker.events, revisions: maker.revisions }
}

struct Maker<'a> {
    cluster: &'a Cluster,
    names: &'a mut Names,
    at: Time,
    events: Vec<Event>,
    revisions: FxHashMap<RevisionId, RevisionId>,
}

impl Maker<'_> {
    fn push(&mut self, track: Track, body: Body) {
        self.events.push(Event::new(self.at, track, body));
    }

    fn nodes(&mut self) {
        let cluster = self.cluster;
        for &id in cluster.nodes() {
            self.node(id);
        }
        // Pods on a node that is gone wait to be collected; that it left is what they wait for.
        let mut left = BTreeSet::new();
        for (_, pod) in cluster.pods() {
            let node = pod.node.filter(|_| pod.bound);
            left.extend(
                node.filter(|node| cluster.node(*node).is_some_and(|n| !n.present && n.incarnation > 0)),
            );
        }
        for id in left {
            self.node(id);
            self.push(Track::Cluster, Body::NodeLeft { node: id });
        }
    }

    fn node(&mut self, id: NodeId) {
        let Some(node) = self.cluster.node(id) else { return };
        let spec = self.names.node_spec(NodeSpec {
            labels: node.labels.clone(),
            taints: node.taints.clone(),
            unschedulable: node.unschedulable,
            allocatable: node.allocatable,
        });
        self.push(Track::Cluster, Body::NodeJoined { node: id, spec, created: node.created });
        for condition in &node.conditions {
            let &crate::cluster::NodeCondition { condition, status, reason, since } = condition;
            self.push(Track::Cluster, Body::NodeConditionSet { node: id, condition, status, reason, since });
        }
        if node.silent {
            self.push(Track::Cluster, Body::NodeSilent { node: id });
        }
    }

    fn objects_of(&mut self, kinds: &[Sym]) {
        let cluster = self.cluster;
        for &kind in kinds {
            for object in cluster.objects_of_kind(kind) {
                self.object(object);
            }
        }
    }

    /// An object, so that generations and counts are what they were: by its manifest with these written in, then by its
    /// manifest as it is, which changes nothing but the document.
    fn object(&mut self, object: &Object) {
        let track = track_of(object.key.kind);
        let scaled = self.scaled(object);
        let first = self.with_state(object, object.generation - i64::from(scaled.is_some()));
        self.push(track, Body::Applied { object: object.id, manifest: first });
        if first != object.manifest {
            self.push(track, Body::Applied { object: object.id, manifest: object.manifest });
        }
        if let Some(replicas) = scaled {
            self.push(track, Body::Scaled { object: object.id, replicas });
        }
        if let Some(propagation) = object.deleting {
            // The generation was counted up when the deletion was asked for; here it is once more.
            self.push(Track::User, Body::DeleteRequested { object: object.id, propagation });
        }
    }

    /// The number of replicas, where it is not the manifest's.
    fn scaled(&self, object: &Object) -> Option<u32> {
        let (ObjectSpec::ReplicaSet { replicas } | ObjectSpec::Deployment { replicas }) = object.spec else {
            return None;
        };
        let manifest = self.manifest(object);
        let stated = manifest.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        (stated != u64::from(replicas)).then_some(replicas)
    }

    fn manifest(&self, object: &Object) -> Value {
        serde_json::from_str(self.names.doc_text(object.manifest)).unwrap_or_default()
    }

    /// The manifest with generation, time of creation and template generation written in.
    fn with_state(&mut self, object: &Object, generation: i64) -> crate::names::DocId {
        let mut manifest = self.manifest(object);
        let generation = generation - i64::from(object.deleting.is_some());
        let Some(root) = manifest.as_object_mut() else { return object.manifest };
        let metadata = root.entry("metadata").or_insert_with(|| json!({}));
        let Some(metadata) = metadata.as_object_mut() else { return object.manifest };
        let mut same = true;
        if metadata.get("generation").and_then(Value::as_i64).unwrap_or(1) != generation {
            metadata.insert("generation".into(), json!(generation));
            same = false;
        }
        let created = metadata.get("creationTimestamp").and_then(Value::as_str);
        if created.and_then(|text| ApiSeconds::parse(text).ok()) != Some(object.created) {
            metadata.insert("creationTimestamp".into(), json!(object.created.to_string()));
            same = false;
        }
        if let Some(daemon_set) = object.daemon_set() {
            let annotations = metadata.entry("annotations").or_insert_with(|| json!({}));
            let wanted = daemon_set.template_generation.to_string();
            if let Some(annotations) = annotations.as_object_mut() {
                let stated = annotations.get(TEMPLATE_GENERATION_ANNOTATION).and_then(Value::as_str);
                if stated.unwrap_or("1") != wanted {
                    annotations.insert(TEMPLATE_GENERATION_ANNOTATION.into(), json!(wanted));
                    same = false;
                }
            }
        }
        if same { object.manifest } else { self.names.doc(&manifest.to_string()) }
    }

    /// Objects that are gone and still have pods or revisions: they come, and go again when those are there.
    fn gone_owners(&mut self) -> Vec<ObjectId> {
        let cluster = self.cluster;
        let owners = cluster.pods().filter_map(|(_, pod)| pod.owner);
        let owners = owners.chain(self.present_revisions().filter_map(|(_, revision)| revision.owner));
        let owners: BTreeSet<_> = owners.collect();
        let mut gone = Vec::new();
        for id in owners {
            let Some(object) = cluster.object(id) else { continue };
            let key = object.key;
            let replaced = cluster.find_object(key.kind, key.namespace, key.name).is_some();
            // One that was never there, or that bears a name which another has now, is only a name.
            if !object.present && object.applied != Seq::NONE && !replaced {
                self.object(object);
                gone.push(id);
            }
        }
        gone
    }

    fn present_revisions(&self) -> impl Iterator<Item = (RevisionId, &crate::cluster::Revision)> {
        let cluster = self.cluster;
        let ids = (0..cluster.next_revision().index()).map(RevisionId::from_index);
        ids.filter_map(move |id| Some((id, cluster.revision(id)?))).filter(|(_, revision)| revision.present)
    }

    fn revisions(&mut self) {
        let present: Vec<_> = self.present_revisions().map(|(id, revision)| (id, *revision)).collect();
        for (i, (old, revision)) in present.into_iter().enumerate() {
            let id = RevisionId::from_index(i);
            self.revisions.insert(old, id);
            let crate::cluster::Revision { owner, namespace, name, number, hash, template, created, .. } =
                revision;
            let body = Body::RevisionCreated {
                revision: id,
                owner,
                number,
                namespace,
                name,
                hash,
                template,
                created,
            };
            self.push(Track::DaemonSet, body);
        }
    }

    fn pods(&mut self) {
        let cluster = self.cluster;
        let mut pods: Vec<_> = cluster.pods().collect();
        pods.sort_by_key(|(_, pod)| pod.made);
        for (id, pod) in pods {
            self.pod(id, &pod);
        }
    }

    fn pod(&mut self, id: PodId, pod: &Pod) {
        let made_by = pod.made_by.map(|owner| self.names.object_key(owner).kind);
        let track = made_by.map_or(Track::OtherWorkloads, track_of);
        let for_node = made_by == Some(sym::DAEMON_SET) || !pod.bound || self.names_its_node(pod);
        let &Pod { made_by: owner, ordinal, name, namespace, shape, .. } = pod;
        let created = pod.created();
        let node = pod.node.filter(|_| for_node);
        self.push(track, Body::PodCreated { pod: id, owner, node, ordinal, name, namespace, shape, created });
        match pod.owner {
            now if now == owner => {}
            Some(owner) => self.push(track, Body::PodAdopted { pod: id, owner }),
            None => self.push(track, Body::PodReleased { pod: id }),
        }
        self.pod_labels(id, pod, track);
        if let Some(node) = pod.node.filter(|_| pod.bound && !self.names_its_node(pod)) {
            self.push(Track::Scheduler, Body::PodBound { pod: id, node });
        }
        if pod.unschedulable {
            self.push(Track::Scheduler, Body::PodUnschedulable { pod: id, message: Sym::EMPTY });
        }
        if pod.phase != Phase::Pending {
            self.push(Track::Kubelet, Body::PodPhaseSet { pod: id, phase: pod.phase, reason: Sym::EMPTY });
        }
        if let Some(since) = pod.ready_since() {
            let status = if pod.ready { ConditionStatus::True } else { ConditionStatus::False };
            let condition = PodCondition::Ready;
            self.push(Track::Kubelet, Body::PodConditionSet { pod: id, condition, status, since });
        }
        if pod.restarts > 0 {
            self.push(Track::Kubelet, Body::PodRestarted { pod: id, restarts: pod.restarts });
        }
        if let (Some(why), Some(deadline)) = (pod.deleting, self.cluster.deadline(id)) {
            let left = (deadline.0 - self.at.api_seconds().0).max(0);
            let grace_s = u32::try_from(left).unwrap_or(u32::MAX);
            self.push(track, Body::PodDeleted { pod: id, why, grace_s, deadline });
        }
    }

    /// Whether the pod's own spec names the node that it is on.
    fn names_its_node(&self, pod: &Pod) -> bool {
        let named = self.cluster.shape(pod.shape).and_then(|shape| shape.placement.node_name);
        named.is_some() && named == pod.node.map(|node| self.names.node_sym(node))
    }

    fn pod_labels(&mut self, id: PodId, pod: &Pod, track: Track) {
        if !pod.relabelled {
            return;
        }
        let made: &[(Sym, Sym)] = self.cluster.shape(pod.shape).map_or(&[], |shape| &shape.labels);
        let now = self.cluster.pod_labels(id);
        for &(key, value) in now.iter().filter(|label| !made.contains(label)) {
            self.push(track, Body::PodLabelSet { pod: id, key, value });
        }
        for &(key, _) in made.iter().filter(|label| now.iter().all(|other| other.0 != label.0)) {
            self.push(track, Body::PodLabelRemoved { pod: id, key });
        }
    }

    fn statuses(&mut self) {
        let cluster = self.cluster;
        let kinds: Vec<Sym> = cluster.kinds().collect();
        for object in kinds.into_iter().flat_map(|kind| cluster.objects_of_kind(kind)) {
            if object.status != WorkloadStatus::default() {
                let (object, status) = (object.id, object.status);
                let kind = self.names.object_key(object).kind;
                self.push(track_of(kind), Body::StatusWritten { object, status });
            }
        }
    }
}

/// Whose objects of a kind are.
fn track_of(kind: Sym) -> Track {
    match kind {
        sym::DAEMON_SET => Track::DaemonSet,
        sym::REPLICA_SET => Track::ReplicaSet,
        sym::DEPLOYMENT => Track::Deployment,
        sym::PRIORITY_CLASS | sym::NAMESPACE | sym::POD_DISRUPTION_BUDGET => Track::User,
        _ => Track::OtherWorkloads,
    }
}
