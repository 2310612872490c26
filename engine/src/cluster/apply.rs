//! The only door through which a cluster changes.

use serde_json::Value;

use super::object::{self, Object, ObjectSpec};
use super::pod::Stamp;
use super::{Cluster, Node, NodeCondition, Pod, Revision, shape};
use crate::event::{Body, ConditionStatus, Event, Phase, PodCondition, Propagation, WorkloadStatus};
use crate::names::{DocId, Names, NodeId, NodeSpecId, ObjectId, PodId, RevisionId, Seq, Sym, Taint};
use crate::time::ApiSeconds;

/// An event that does not fit the state. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The event is about a node that does not exist.
    #[error("node {0:?} does not exist")]
    NoSuchNode(String),
    /// A node joins that is there already.
    #[error("node {0:?} exists already")]
    NodeExists(String),
    /// The event is about a pod that does not exist.
    #[error("pod slot {0} is empty")]
    NoSuchPod(u32),
    /// A pod is created in a slot that is taken.
    #[error("pod slot {0} is taken")]
    PodSlotTaken(u32),
    /// The event is about an object that does not exist.
    #[error("{0} does not exist")]
    NoSuchObject(String),
    /// The event is about a revision that does not exist.
    #[error("revision {0} does not exist")]
    NoSuchRevision(u32),
    /// A revision is created out of turn.
    #[error("revision {found} is created where {expected} is next")]
    RevisionOutOfTurn {
        /// The next number.
        expected: u32,
        /// The number found.
        found: u32,
    },
    /// A manifest or a pod's document cannot be read.
    #[error("a manifest cannot be read: {reason}")]
    BadManifest {
        /// What is wrong with it.
        reason: String,
    },
}

/// What was before an event, where an observer cannot tell from the state after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Whether anything changed.
    pub effective: bool,
    /// The owner of the pod or revision before the event.
    pub owner: Option<ObjectId>,
    /// Whether the pod was ready before the event.
    pub was_ready: bool,
    /// The value of the node's label before the event.
    pub label: Option<Sym>,
}

const SAME: Change = Change { effective: false, owner: None, was_ready: false, label: None };
const CHANGED: Change = Change { effective: true, ..SAME };

impl Cluster {
    /// Applies the event with a number. Numbers rise; the first is 1.
    ///
    /// # Errors
    /// The event does not fit the state, which is then as it was.
    pub fn apply(&mut self, names: &mut Names, seq: Seq, event: &Event) -> Result<Change, ApplyError> {
        let change = self.dispatch(names, seq, event)?;
        self.last = seq;
        self.now = event.at;
        Ok(change)
    }

    fn dispatch(&mut self, names: &mut Names, seq: Seq, event: &Event) -> Result<Change, ApplyError> {
        match event.body {
            Body::NodeJoined { node, spec, created } => {
                self.node_joined(names, seq, event, node, spec, created)
            }
            Body::NodeLeft { node } => self.node_left(names, seq, event, node),
            Body::NodeLabelSet { node, key, value } => {
                let label = set_label(&mut self.node_mut(names, node)?.labels, key, value);
                Ok(Change { label, ..self.node_changed(node, seq, label != Some(value)) })
            }
            Body::NodeLabelRemoved { node, key } => {
                let label = remove_label(&mut self.node_mut(names, node)?.labels, key);
                Ok(Change { label, ..self.node_changed(node, seq, label.is_some()) })
            }
            Body::NodeTaintAdded { node, taint } => {
                let changed = set_taint(&mut self.node_mut(names, node)?.taints, taint);
                Ok(self.node_changed(node, seq, changed))
            }
            Body::NodeTaintRemoved { node, key, effect } => {
                let taints = &mut self.node_mut(names, node)?.taints;
                let before = taints.len();
                taints.retain(|t| t.key != key || t.effect != effect);
                let changed = taints.len() != before;
                Ok(self.node_changed(node, seq, changed))
            }
            Body::NodeCordoned { node } => Ok(replace(&mut self.node_mut(names, node)?.unschedulable, true)),
            Body::NodeUncordoned { node } => {
                Ok(replace(&mut self.node_mut(names, node)?.unschedulable, false))
            }
            Body::NodeCapacitySet { node, allocatable } => {
                Ok(replace(&mut self.node_mut(names, node)?.allocatable, Some(allocatable)))
            }
            Body::NodeConditionSet { node, condition, status, reason, since } => {
                let condition = NodeCondition { condition, status, reason, since };
                Ok(set_condition(&mut self.node_mut(names, node)?.conditions, condition))
            }
            Body::NodeSilent { node } => Ok(replace(&mut self.node_mut(names, node)?.silent, true)),
            Body::NodeReturned { node } => Ok(replace(&mut self.node_mut(names, node)?.silent, false)),
            Body::Applied { .. }
            | Body::Scaled { .. }
            | Body::DeleteRequested { .. }
            | Body::ObjectRemoved { .. }
            | Body::RolloutUndone { .. }
            | Body::StatusWritten { .. } => self.dispatch_object(names, seq, event),
            Body::RevisionCreated { .. }
            | Body::RevisionNumbered { .. }
            | Body::RevisionLabelled { .. }
            | Body::RevisionAdopted { .. }
            | Body::RevisionReleased { .. }
            | Body::RevisionDeleted { .. } => self.dispatch_revision(names, seq, event),
            Body::DrainRequested { node, .. } => self.node_mut(names, node).map(|_| CHANGED),
            Body::PodRefused { .. }
            | Body::Synced { .. }
            | Body::Reported { .. }
            | Body::DrainEnded { .. }
            | Body::EvictionRefused { .. } => Ok(SAME),
            _ => self.dispatch_pod(names, seq, event),
        }
    }

    // ---- nodes ----

    fn ensure_node(&mut self, names: &Names, node: NodeId) -> &mut Node {
        if self.nodes.len() <= node.index() {
            self.nodes.resize_with(node.index() + 1, Node::default);
        }
        let entry = &mut self.nodes[node.index()];
        entry.name = names.node_sym(node);
        entry
    }

    fn node_mut(&mut self, names: &Names, node: NodeId) -> Result<&mut Node, ApplyError> {
        let found = self.nodes.get_mut(node.index()).filter(|n| n.present);
        found.ok_or_else(|| ApplyError::NoSuchNode(names.node_name(node).to_owned()))
    }

    fn node_changed(&mut self, node: NodeId, seq: Seq, changed: bool) -> Change {
        if changed {
            self.nodes[node.index()].changed = seq;
        }
        Change { effective: changed, ..SAME }
    }

    fn node_joined(
        &mut self,
        names: &Names,
        seq: Seq,
        event: &Event,
        id: NodeId,
        spec: NodeSpecId,
        created: ApiSeconds,
    ) -> Result<Change, ApplyError> {
        let node = self.ensure_node(names, id);
        if node.present {
            return Err(ApplyError::NodeExists(names.node_name(id).to_owned()));
        }
        let spec = names.node_spec_of(spec);
        node.present = true;
        node.incarnation += 1;
        node.labels.clone_from(&spec.labels);
        node.taints.clone_from(&spec.taints);
        node.unschedulable = spec.unschedulable;
        node.allocatable = spec.allocatable;
        node.conditions.clear();
        node.silent = false;
        node.created = created;
        (node.joined_or_left, node.joined_or_left_at, node.changed) = (seq, event.at, seq);
        self.nodes_by_name.insert(id, names);
        Ok(CHANGED)
    }

    fn node_left(
        &mut self,
        names: &Names,
        seq: Seq,
        event: &Event,
        id: NodeId,
    ) -> Result<Change, ApplyError> {
        let node = self.node_mut(names, id)?;
        node.present = false;
        (node.joined_or_left, node.joined_or_left_at, node.changed) = (seq, event.at, seq);
        self.nodes_by_name.remove(id, names);
        Ok(CHANGED)
    }

    // ---- objects ----

    fn dispatch_object(&mut self, names: &mut Names, seq: Seq, event: &Event) -> Result<Change, ApplyError> {
        match event.body {
            Body::Applied { object, manifest } => {
                self.applied(names, seq, object, manifest, event.at.api_seconds())
            }
            Body::Scaled { object, replicas: wanted } => {
                let entry = self.object_mut(names, object)?;
                let (ObjectSpec::ReplicaSet { replicas } | ObjectSpec::Deployment { replicas }) =
                    &mut entry.spec
                else {
                    return Ok(SAME);
                };
                if std::mem::replace(replicas, wanted) == wanted {
                    return Ok(SAME);
                }
                entry.generation += 1;
                (entry.applied, entry.changed) = (seq, seq);
                Ok(CHANGED)
            }
            Body::DeleteRequested { object, propagation } => {
                let entry = self.object_mut(names, object)?;
                (entry.applied, entry.changed) = (seq, seq);
                if propagation == Propagation::Background {
                    return self.object_removed(names, object);
                }
                // A deletion that waits for finalizers is a change of what is wanted (`rest.BeforeDelete`).
                entry.generation += i64::from(entry.deleting.is_none());
                Ok(replace(&mut entry.deleting, Some(propagation)))
            }
            Body::ObjectRemoved { object } => {
                let entry = self.object_mut(names, object)?;
                (entry.applied, entry.changed) = (seq, seq);
                self.object_removed(names, object)
            }
            Body::RolloutUndone { object, to_revision } => {
                self.rollout_undone(names, seq, object, to_revision)
            }
            Body::StatusWritten { object, status } => {
                let entry = self.object_mut(names, object)?;
                entry.changed = seq;
                Ok(replace(&mut entry.status, status))
            }
            _ => Ok(SAME),
        }
    }

    /// An object, also one that is gone.
    fn any_object_mut(&mut self, object: ObjectId) -> Option<&mut Object> {
        self.objects.get_mut(object.index())?.as_deref_mut()
    }

    /// Where an object is or will be.
    fn object_place(&mut self, object: ObjectId) -> &mut Option<Box<Object>> {
        if self.objects.len() <= object.index() {
            self.objects.resize_with(object.index() + 1, || None);
        }
        &mut self.objects[object.index()]
    }

    fn object_mut(&mut self, names: &Names, object: ObjectId) -> Result<&mut Object, ApplyError> {
        let found = self.any_object_mut(object).filter(|o| o.present);
        found.ok_or_else(|| {
            let kind = names.text(names.object_key(object).kind);
            ApplyError::NoSuchObject(format!("{kind} {}", names.object_name(object)))
        })
    }

    fn applied(
        &mut self,
        names: &mut Names,
        seq: Seq,
        id: ObjectId,
        manifest: DocId,
        now: ApiSeconds,
    ) -> Result<Change, ApplyError> {
        let key = names.object_key(id);
        let parsed = object::parse(key.kind, manifest, names)?;
        if let Some(old) = self.any_object_mut(id).filter(|o| o.present) {
            if old.manifest == manifest {
                return Ok(SAME);
            }
            let before: Value = serde_json::from_str(names.doc_text(old.manifest)).unwrap_or_default();
            let mut spec = parsed.spec;
            // A scale changed the number without the manifest, so the number is compared by itself.
            let spec_changed =
                before.get("spec") != parsed.value.get("spec") || replicas_differ(&old.spec, &spec);
            if let (ObjectSpec::DaemonSet(before), ObjectSpec::DaemonSet(after)) = (&old.spec, &mut spec) {
                let step = i64::from(before.template != after.template);
                after.template_generation = after.template_generation.max(before.template_generation + step);
            }
            (old.spec, old.manifest, old.owners, old.changed) = (spec, manifest, parsed.owners, seq);
            if spec_changed {
                old.generation = (old.generation + 1).max(parsed.generation.unwrap_or(0));
                old.applied = seq;
            }
            return Ok(CHANGED);
        }
        // Pods and revisions may have been met before their owner.
        let early = self.object_place(id).take().filter(|entry| entry.applied == Seq::NONE);
        let (pods, revisions) = early.map(|entry| (entry.pods, entry.revisions)).unwrap_or_default();
        let object = Object {
            id,
            key,
            present: true,
            manifest,
            generation: parsed.generation.unwrap_or(1),
            created: parsed.created.unwrap_or(now),
            deleting: None,
            owners: parsed.owners,
            status: WorkloadStatus::default(),
            spec: parsed.spec,
            applied: seq,
            changed: seq,
            pods,
            revisions,
        };
        *self.object_place(id) = Some(Box::new(object));
        self.current.insert((key.kind, key.namespace, key.name), id);
        let list = self.listed.entry(key.kind).or_default();
        let name = names.object_name(id);
        let at = list.partition_point(|other| names.object_name(*other) < name);
        list.insert(at, id);
        Ok(CHANGED)
    }

    fn object_removed(&mut self, names: &Names, id: ObjectId) -> Result<Change, ApplyError> {
        let object = self.object_mut(names, id)?;
        object.present = false;
        let kind = object.key.kind;
        if let Some(list) = self.listed.get_mut(&kind) {
            list.retain(|other| *other != id);
        }
        Ok(CHANGED)
    }

    fn rollout_undone(
        &mut self,
        names: &mut Names,
        seq: Seq,
        id: ObjectId,
        to_revision: i64,
    ) -> Result<Change, ApplyError> {
        let object = self.object_mut(names, id)?;
        let (manifest, revisions) = (object.manifest, object.revisions.clone());
        let wanted = |r: &RevisionId| self.revision(*r).is_some_and(|r| r.present && r.number == to_revision);
        let revision = revisions.iter().copied().find(wanted).and_then(|r| self.revision(r));
        let Some(template) = revision.map(|r| r.template) else {
            return Err(ApplyError::NoSuchObject(format!(
                "revision {to_revision} of {}",
                names.object_name(id)
            )));
        };
        let read = |doc| -> Result<Value, ApplyError> {
            let malformed = |e: serde_json::Error| ApplyError::BadManifest { reason: e.to_string() };
            serde_json::from_str(names.doc_text(doc)).map_err(malformed)
        };
        let (mut value, template) = (read(manifest)?, read(template)?);
        if let Some(place) = value.pointer_mut("/spec/template") {
            *place = template;
        }
        // The stored generations belong to the spec that is being left.
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("generation");
        }
        let manifest = names.doc(&value.to_string());
        self.applied(names, seq, id, manifest, ApiSeconds(0))
    }

    // ---- revisions ----

    fn dispatch_revision(
        &mut self,
        names: &mut Names,
        seq: Seq,
        event: &Event,
    ) -> Result<Change, ApplyError> {
        match event.body {
            Body::RevisionCreated { revision, owner, number, namespace, name, hash, template, created } => {
                let expected = self.next_revision();
                if revision != expected {
                    let (expected, found) = (expected.number(), revision.number());
                    return Err(ApplyError::RevisionOutOfTurn { expected, found });
                }
                self.template_labels
                    .entry(template)
                    .or_insert_with(|| object::template_labels(template, names));
                let made = seq;
                self.revisions.push(Revision {
                    owner,
                    namespace,
                    name,
                    number,
                    hash,
                    template,
                    created,
                    present: true,
                    made,
                });
                self.list_revision(names, revision, owner)?;
                Ok(CHANGED)
            }
            Body::RevisionNumbered { revision, number } => {
                Ok(replace(&mut self.revision_mut(revision)?.number, number))
            }
            Body::RevisionLabelled { revision, hash } => {
                Ok(replace(&mut self.revision_mut(revision)?.hash, hash))
            }
            Body::RevisionAdopted { revision, owner } => {
                self.unlist_revision(revision)?;
                self.list_revision(names, revision, Some(owner))?;
                Ok(CHANGED)
            }
            Body::RevisionReleased { revision } => {
                let owner = self.revision_mut(revision)?.owner;
                self.unlist_revision(revision)?;
                self.list_revision(names, revision, None)?;
                Ok(Change { owner, ..CHANGED })
            }
            Body::RevisionDeleted { revision } => {
                let owner = self.revision_mut(revision)?.owner;
                self.unlist_revision(revision)?;
                self.revision_mut(revision)?.present = false;
                Ok(Change { owner, ..CHANGED })
            }
            _ => Ok(SAME),
        }
    }

    fn revision_mut(&mut self, revision: RevisionId) -> Result<&mut Revision, ApplyError> {
        let found = self.revisions.get_mut(revision.index()).filter(|r| r.present);
        found.ok_or(ApplyError::NoSuchRevision(revision.number()))
    }

    fn list_revision(
        &mut self,
        names: &Names,
        id: RevisionId,
        owner: Option<ObjectId>,
    ) -> Result<(), ApplyError> {
        let revision = self.revision_mut(id)?;
        revision.owner = owner;
        let namespace = revision.namespace;
        match owner {
            Some(owner) => self.owner_entry(names, owner).revisions.push(id),
            None => self.orphan_revisions.entry(namespace).or_default().push(id),
        }
        Ok(())
    }

    fn unlist_revision(&mut self, id: RevisionId) -> Result<(), ApplyError> {
        let revision = self.revision_mut(id)?;
        let (owner, namespace) = (revision.owner, revision.namespace);
        let list = match owner {
            Some(owner) => self.any_object_mut(owner).map(|o| &mut o.revisions),
            None => self.orphan_revisions.get_mut(&namespace),
        };
        if let Some(list) = list {
            list.retain(|other| *other != id);
        }
        Ok(())
    }

    /// The entry of an owner; an owner that was never applied gets one that is not present, so that pods of
    /// objects outside the recording still have somewhere to be listed.
    fn owner_entry(&mut self, names: &Names, owner: ObjectId) -> &mut Object {
        let key = names.object_key(owner);
        self.object_place(owner).get_or_insert_with(|| {
            Box::new(Object {
                id: owner,
                key,
                present: false,
                manifest: DocId::from_index(0),
                generation: 0,
                created: ApiSeconds(0),
                deleting: None,
                owners: Vec::new(),
                status: WorkloadStatus::default(),
                spec: ObjectSpec::Opaque,
                applied: Seq::NONE,
                changed: Seq::NONE,
                pods: Vec::new(),
                revisions: Vec::new(),
            })
        })
    }

    // ---- pods ----

    fn dispatch_pod(&mut self, names: &mut Names, seq: Seq, event: &Event) -> Result<Change, ApplyError> {
        if let Body::PodCreated { .. } = event.body {
            return self.pod_created(names, seq, event);
        }
        let Some(id) = event.body.pod() else { return Ok(SAME) };
        let pod = self.pod_mut(id)?;
        let (owner_before, was_bound) = (pod.owner, pod.bound);
        let (was_ready, was_ready_since) = (pod.ready, pod.ready_since);
        pod.changed = seq;
        let effective = match event.body {
            Body::PodDeleted { why, deadline, .. } => {
                (pod.deleting, pod.deadline) = (Some(why), Stamp::of(deadline));
                true
            }
            Body::PodAdopted { owner, .. } => {
                self.unlist_pod(id);
                self.list_pod(names, id, Some(owner));
                owner_before != Some(owner)
            }
            Body::PodReleased { .. } => {
                self.unlist_pod(id);
                self.list_pod(names, id, None);
                owner_before.is_some()
            }
            Body::PodLabelSet { key, value, .. } => set_label(self.own_labels(id), key, value) != Some(value),
            Body::PodLabelRemoved { key, .. } => remove_label(self.own_labels(id), key).is_some(),
            Body::PodBound { node, .. } => {
                (pod.node, pod.bound, pod.unschedulable) = (Some(node), true, false);
                self.nominations.remove(&id);
                if !was_bound {
                    self.list_on_node(names, id, node);
                }
                true
            }
            Body::PodNominated { node: Some(node), .. } => self.nominations.insert(id, node) != Some(node),
            Body::PodNominated { node: None, .. } => self.nominations.remove(&id).is_some(),
            Body::PodUnschedulable { .. } => !std::mem::replace(&mut pod.unschedulable, true),
            Body::PodPhaseSet { phase, .. } => std::mem::replace(&mut pod.phase, phase) != phase,
            Body::PodConditionSet { condition: PodCondition::Ready, status, since, .. } => {
                pod.ready = status == ConditionStatus::True;
                pod.ready_since = Stamp::of(since);
                was_ready != pod.ready || was_ready_since != pod.ready_since
            }
            Body::PodRestarted { restarts, .. } => std::mem::replace(&mut pod.restarts, restarts) != restarts,
            Body::PodGone { .. } => {
                self.pod_gone(id);
                true
            }
            _ => false,
        };
        Ok(Change { effective, owner: owner_before, was_ready, label: None })
    }

    fn pod_mut(&mut self, pod: PodId) -> Result<&mut Pod, ApplyError> {
        let found = self.pods.get_mut(pod.index()).filter(|pod| !pod.gone);
        found.ok_or(ApplyError::NoSuchPod(pod.number()))
    }

    fn pod_created(&mut self, names: &mut Names, seq: Seq, event: &Event) -> Result<Change, ApplyError> {
        let Body::PodCreated { pod: id, owner, node, ordinal, name, namespace, shape, created } = event.body
        else {
            return Ok(SAME);
        };
        if self.pods.get(id.index()).is_some_and(|pod| !pod.gone) {
            return Err(ApplyError::PodSlotTaken(id.number()));
        }
        if self.shapes.len() <= shape.index() {
            self.shapes.resize_with(shape.index() + 1, || None);
        }
        if self.shapes[shape.index()].is_none() {
            let compiled = shape::compile(names.pod_shape(shape), names)?;
            self.shapes[shape.index()] = Some(Box::new(compiled));
        }
        // A template that names a node makes pods that no scheduler has to bind.
        let named = self.shapes[shape.index()].as_deref().and_then(|shape| shape.placement.node_name);
        let bound = node.is_some_and(|node| named == Some(names.node_sym(node)));
        let pod = Pod {
            owner: None,
            made_by: owner,
            node,
            ordinal,
            name,
            namespace,
            shape,
            phase: Phase::Pending,
            bound,
            ready: false,
            unschedulable: false,
            relabelled: false,
            gone: false,
            deleting: None,
            created: Stamp::of(created),
            ready_since: Stamp::NONE,
            deadline: Stamp::NONE,
            restarts: 0,
            made: seq,
            changed: seq,
            owner_slot: 0,
            node_slot: 0,
        };
        self.occupy(id, pod);
        if let Some(owner) = owner {
            self.ordinals.used(owner, node, ordinal, names);
        }
        self.list_pod(names, id, owner);
        if let Some(node) = node {
            self.ensure_node(names, node);
            if bound {
                self.list_on_node(names, id, node);
            }
        }
        Ok(CHANGED)
    }

    fn occupy(&mut self, id: PodId, pod: Pod) {
        while self.pods.len() <= id.index() {
            // Slots that were skipped over stay free.
            self.free_pods.push(PodId::from_index(self.pods.len()));
            self.pods.push(Pod { gone: true, ..pod });
        }
        match self.free_pods.iter().rposition(|free| *free == id) {
            Some(last) if last + 1 == self.free_pods.len() => {
                self.free_pods.pop();
            }
            Some(at) => {
                self.free_pods.remove(at);
            }
            None => {}
        }
        self.pods[id.index()] = pod;
        self.live_pods += 1;
    }

    fn pod_gone(&mut self, id: PodId) {
        self.unlist_pod(id);
        self.unlist_from_node(id);
        if self.pods[id.index()].relabelled {
            self.relabelled.remove(&id);
        }
        self.nominations.remove(&id);
        self.pods[id.index()].gone = true;
        self.free_pods.push(id);
        self.live_pods -= 1;
    }

    fn own_labels(&mut self, id: PodId) -> &mut Vec<(Sym, Sym)> {
        let shape = self.pods[id.index()].shape;
        self.pods[id.index()].relabelled = true;
        let labels = self.shapes[shape.index()].as_deref().map(|shape| shape.labels.clone());
        self.relabelled.entry(id).or_insert_with(|| labels.unwrap_or_default())
    }

    fn list_pod(&mut self, names: &Names, id: PodId, owner: Option<ObjectId>) {
        let namespace = self.pods[id.index()].namespace;
        let list = match owner {
            Some(owner) => &mut self.owner_entry(names, owner).pods,
            None => self.orphans.entry(namespace).or_default(),
        };
        list.push(id);
        let slot = list.len() as u32 - 1;
        let pod = &mut self.pods[id.index()];
        (pod.owner, pod.owner_slot) = (owner, slot);
    }

    fn unlist_pod(&mut self, id: PodId) {
        let pod = self.pods[id.index()];
        let list = match pod.owner {
            Some(owner) => self.any_object_mut(owner).map(|o| &mut o.pods),
            None => self.orphans.get_mut(&pod.namespace),
        };
        let Some(list) = list else { return };
        list.swap_remove(pod.owner_slot as usize);
        if let Some(moved) = list.get(pod.owner_slot as usize).copied() {
            self.pods[moved.index()].owner_slot = pod.owner_slot;
        }
    }

    fn list_on_node(&mut self, names: &Names, id: PodId, node: NodeId) {
        let list = &mut self.ensure_node(names, node).pods;
        list.push(id);
        let slot = list.len() as u32 - 1;
        self.pods[id.index()].node_slot = slot;
    }

    fn unlist_from_node(&mut self, id: PodId) {
        let pod = self.pods[id.index()];
        let Some(node) = pod.node.filter(|_| pod.bound) else { return };
        let list = &mut self.nodes[node.index()].pods;
        list.swap_remove(pod.node_slot as usize);
        if let Some(moved) = list.get(pod.node_slot as usize) {
            self.pods[moved.index()].node_slot = pod.node_slot;
        }
    }
}

fn replicas_differ(before: &ObjectSpec, after: &ObjectSpec) -> bool {
    match (before, after) {
        (ObjectSpec::ReplicaSet { replicas: a }, ObjectSpec::ReplicaSet { replicas: b })
        | (ObjectSpec::Deployment { replicas: a }, ObjectSpec::Deployment { replicas: b }) => a != b,
        _ => false,
    }
}

fn replace<T: PartialEq>(place: &mut T, value: T) -> Change {
    let effective = *place != value;
    *place = value;
    Change { effective, ..SAME }
}

/// Sets a label; gives its value before.
fn set_label(labels: &mut Vec<(Sym, Sym)>, key: Sym, value: Sym) -> Option<Sym> {
    match labels.iter().position(|label| label.0 == key) {
        Some(at) => {
            let before = std::mem::replace(&mut labels[at].1, value);
            // A label that changes once changes again: next time it is found at once.
            labels.swap(0, at);
            Some(before)
        }
        None => {
            labels.push((key, value));
            None
        }
    }
}

/// Takes a label off; gives its value before.
fn remove_label(labels: &mut Vec<(Sym, Sym)>, key: Sym) -> Option<Sym> {
    let at = labels.iter().position(|label| label.0 == key);
    at.map(|at| labels.swap_remove(at).1)
}

fn set_taint(taints: &mut Vec<Taint>, taint: Taint) -> bool {
    match taints.iter_mut().find(|t| t.key == taint.key && t.effect == taint.effect) {
        Some(old) => std::mem::replace(old, taint) != taint,
        None => {
            taints.push(taint);
            true
        }
    }
}

fn set_condition(conditions: &mut Vec<NodeCondition>, condition: NodeCondition) -> Change {
    match conditions.iter_mut().find(|c| c.condition == condition.condition) {
        Some(old) => replace(old, condition),
        None => {
            conditions.push(condition);
            CHANGED
        }
    }
}

/// Whether a deletion takes the object away at once, after `rest.BeforeDelete` and the pod strategy's
/// `CheckGracefulDelete`: an unbound pod and one that has ended have nothing to wait for.
pub fn deletion_is_immediate(pod: &Pod) -> bool {
    !pod.bound || pod.terminal()
}
