//! Pods, and the lists of who owns them and where they are.

use super::{ApplyError, CHANGED, Change, SAME, remove_label, set_label};
use crate::cluster::pod::Stamp;
use crate::cluster::{Cluster, Pod, shape};
use crate::event::{Body, ConditionStatus, Event, Phase, PodCondition};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq, Sym};

impl Cluster {
    pub(super) fn dispatch_pod(
        &mut self,
        names: &mut Names,
        seq: Seq,
        event: &Event,
    ) -> Result<Change, ApplyError> {
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

/// Whether a deletion takes the object away at once, after `rest.BeforeDelete` and the pod strategy's
/// `CheckGracefulDelete`: an unbound pod and one that has ended have nothing to wait for.
pub fn deletion_is_immediate(pod: &Pod) -> bool {
    !pod.bound || pod.terminal()
}
