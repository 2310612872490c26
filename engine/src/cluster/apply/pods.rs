//! Pods, and the lists of who owns them and where they are.

use super::{ApplyError, Change, Effect, remove_label, set_label};
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
        change: &mut Change,
    ) -> Effect {
        if let Body::PodCreated { .. } = event.body {
            return self.pod_created(names, seq, event);
        }
        let Some(id) = event.body.pod() else { return Ok(false) };
        let before = self.pods.get(id).filter(|pod| !pod.gone).ok_or(ApplyError::NoSuchPod(id.number()))?;
        self.pods.set_changed(id, seq);
        (change.owner, change.node) = (before.owner, before.node);
        (change.was_ready, change.had_ended) = (before.ready, before.terminal());
        Ok(match event.body {
            Body::PodDeleted { why, deadline, .. } => {
                self.pods.set_deleting(id, why, deadline);
                true
            }
            Body::PodAdopted { owner, .. } => {
                self.unlist_pod(id, before);
                self.list_pod(names, id, before.namespace, Some(owner));
                before.owner != Some(owner)
            }
            Body::PodReleased { .. } => {
                self.unlist_pod(id, before);
                self.list_pod(names, id, before.namespace, None);
                before.owner.is_some()
            }
            Body::PodLabelSet { key, value, .. } => set_label(self.own_labels(id), key, value) != Some(value),
            Body::PodLabelRemoved { key, .. } => remove_label(self.own_labels(id), key).is_some(),
            Body::PodBound { node, .. } => {
                self.nominations.remove(&id);
                if before.bound && before.node != Some(node) {
                    self.unlist_from_node(id, before);
                }
                self.pods.bind(id, node);
                if !before.bound || before.node != Some(node) {
                    self.list_on_node(names, id, node);
                }
                true
            }
            Body::PodNominated { node: Some(node), .. } => self.nominations.insert(id, node) != Some(node),
            Body::PodNominated { node: None, .. } => self.nominations.remove(&id).is_some(),
            Body::PodUnschedulable { .. } => self.pods.set_unschedulable(id),
            Body::PodPhaseSet { phase, .. } => self.pods.set_phase(id, phase),
            Body::PodConditionSet { condition: PodCondition::Ready, status, since, .. } => {
                self.pods.set_ready(id, status == ConditionStatus::True, since)
            }
            Body::PodRestarted { restarts, .. } => self.pods.set_restarts(id, restarts),
            Body::PodGone { .. } => {
                self.pod_gone(id, before);
                true
            }
            _ => false,
        })
    }

    fn pod_created(&mut self, names: &mut Names, seq: Seq, event: &Event) -> Effect {
        let Body::PodCreated { pod: id, owner, node, ordinal, name, namespace, shape, created } = event.body
        else {
            return Ok(false);
        };
        if self.pods.is_taken(id) {
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
            owner,
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
            restarts: 0,
            made: seq,
            changed: seq,
        };
        self.pods.forget_last(id);
        self.pods.occupy(id, &pod);
        if let Some(owner) = owner {
            self.ordinals.used(owner, node, ordinal, names);
        }
        self.list_pod(names, id, namespace, owner);
        if let Some(node) = node {
            self.ensure_node(names, node);
            if bound {
                self.list_on_node(names, id, node);
            }
        }
        Ok(true)
    }

    fn pod_gone(&mut self, id: PodId, pod: Pod) {
        self.unlist_pod(id, pod);
        self.unlist_from_node(id, pod);
        if pod.relabelled {
            self.relabelled.remove(&id);
        }
        self.nominations.remove(&id);
        self.pods.vacate(id);
    }

    fn own_labels(&mut self, id: PodId) -> &mut Vec<(Sym, Sym)> {
        self.pods.set_relabelled(id);
        let shape = self.pods.get(id).and_then(|pod| self.shapes[pod.shape.index()].as_deref());
        let labels = shape.map(|shape| shape.labels.clone());
        self.relabelled.entry(id).or_insert_with(|| labels.unwrap_or_default())
    }

    fn list_pod(&mut self, names: &Names, id: PodId, namespace: Sym, owner: Option<ObjectId>) {
        let list = match owner {
            Some(owner) => &mut self.owner_entry(names, owner).pods,
            None => self.orphans.entry(namespace).or_default(),
        };
        list.push(id);
        let slot = list.len() as u32 - 1;
        self.pods.set_owner(id, owner, slot);
    }

    fn unlist_pod(&mut self, id: PodId, pod: Pod) {
        let slot = self.pods.owner_slot(id);
        let list = match pod.owner {
            Some(owner) => {
                self.objects.get_mut(owner.index()).and_then(Option::as_deref_mut).map(|o| &mut o.pods)
            }
            None => self.orphans.get_mut(&pod.namespace),
        };
        let Some(list) = list else { return };
        list.swap_remove(slot as usize);
        if let Some(moved) = list.get(slot as usize).copied() {
            self.pods.set_owner_slot(moved, slot);
        }
    }

    fn list_on_node(&mut self, names: &Names, id: PodId, node: NodeId) {
        let list = &mut self.ensure_node(names, node).pods;
        if list.len() == list.capacity() {
            // A node has tens of pods, and there may be a million nodes: room for twice as many would mostly stay empty.
            list.reserve_exact(if list.is_empty() { 4 } else { (list.len() / 4).max(2) });
        }
        list.push(id);
    }

    fn unlist_from_node(&mut self, id: PodId, pod: Pod) {
        let Some(node) = pod.node.filter(|_| pod.bound) else { return };
        let list = &mut self.nodes[node.index()].pods;
        // A node has tens of pods: looking for one takes no longer than to look up where it is.
        if let Some(at) = list.iter().position(|other| *other == id) {
            list.swap_remove(at);
        }
    }
}

/// Whether a deletion takes the object away at once, after `rest.BeforeDelete` and the pod strategy's
/// `CheckGracefulDelete`: an unbound pod and one that has ended have nothing to wait for.
pub fn deletion_is_immediate(pod: &Pod) -> bool {
    !pod.bound || pod.terminal()
}
