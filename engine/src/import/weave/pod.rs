//! Pods, from creation to the end.

use serde_json::{Map, Value};

use super::Weaver;
use super::author::Author;
use crate::event::{Body, ConditionStatus, PodCondition, Track};
use crate::import::audit::Act;
use crate::import::decode::{Deed, split_labels};
use crate::import::error::ImportError;
use crate::import::sighting::{PodView, Seen};
use crate::names::{PodId, PodShape, ShapeId, Sym, sym};

impl Weaver<'_> {
    fn pod_controller_track(view: &PodView) -> Track {
        view.owner.map_or(Track::User, |owner| Self::controller_track(owner.kind))
    }

    pub(super) fn pod_first(&mut self, view: &PodView) -> Result<PodId, ImportError> {
        let owner = view.owner.map(|owner| self.owner(owner));
        let daemon = view.owner.is_some_and(|owner| owner.kind == sym::DAEMON_SET);
        let node = if daemon { view.target.or(view.node) } else { view.node };
        let node = node.map(|node| self.names.node(node));
        let ordinal = owner.map_or(0, |owner| self.cluster.next_ordinal(owner, node, self.names));
        self.name_priority_class(view.priority_class, view.priority);
        let mut author = self.author(Act::Create, Self::pod_controller_track(view));
        if author.is_inferred() {
            author = self.author_by_event(Deed::Created).unwrap_or(author);
        }
        let pod = self.cluster.next_pod();
        let body = Body::PodCreated {
            pod,
            owner,
            node,
            ordinal,
            name: self.here.name,
            namespace: self.here.namespace,
            shape: self.shape(view),
            created: self.here.created.unwrap_or(self.here.at.api_seconds()),
        };
        self.emit(&author, body)?;
        let born = PodView {
            node: None,
            phase: crate::event::Phase::Pending,
            reason: Sym::EMPTY,
            ready: None,
            disruption: None,
            unschedulable: None,
            nominated: None,
            restarts: 0,
            deletion: None,
            ..*view
        };
        // A pod that is created with its node needs no scheduler.
        let binder = (self.here.seen == Seen::Added && !self.here.genesis).then_some(author);
        self.pod_progress(pod, &born, view, binder)?;
        Ok(pod)
    }

    /// What the pod is made from, without what other pods of its template do not have.
    fn shape(&mut self, view: &PodView) -> ShapeId {
        let key = (view.labels, view.extras, view.spec);
        if let Some(&shape) = self.shapes.get(&key) {
            return shape;
        }
        let (revision_hash, template_generation, rest) =
            split_labels(self.tables.labels_of(view.labels), self.names);
        let labels: Map<String, Value> = rest.map(|(key, value)| (key.to_owned(), value.into())).collect();
        let extras = self.tables.text_of(view.extras);
        let mut metadata: Map<String, Value> = serde_json::from_str(extras).unwrap_or_default();
        if !labels.is_empty() {
            metadata.insert("labels".to_owned(), Value::Object(labels));
        }
        let spec = self.tables.text_of(view.spec);
        let doc = format!(r#"{{"metadata":{},"spec":{spec}}}"#, Value::Object(metadata));
        let doc = self.names.doc(&doc);
        let shape = self.names.shape(PodShape { doc, revision_hash, template_generation });
        self.shapes.insert(key, shape);
        shape
    }

    pub(super) fn pod_changed(
        &mut self,
        pod: PodId,
        old: &PodView,
        new: &PodView,
    ) -> Result<(), ImportError> {
        let events = self.out.len();
        // A binding may also label the pod with its node's topology, and ends its nomination.
        let bound = old.node.is_none() && new.node.is_some();
        let binder = bound.then(|| self.author(Act::Bind, Track::Scheduler));
        self.pod_labels_changed(pod, old, new, binder)?;
        self.pod_owner_changed(pod, old, new)?;
        self.pod_progress(pod, old, new, binder)?;
        let ending = new.deletion.is_some_and(|(_, grace)| grace == 0) && old.deletion != new.deletion;
        if self.out.len() == events && !ending {
            self.report.drop_one("Pod: nothing that is kept");
        }
        Ok(())
    }

    fn pod_labels_changed(
        &mut self,
        pod: PodId,
        old: &PodView,
        new: &PodView,
        binder: Option<Author>,
    ) -> Result<(), ImportError> {
        if old.labels == new.labels {
            return Ok(());
        }
        let author = binder.unwrap_or_else(|| self.author(Act::Change, Track::User));
        let before = self.tables.labels_of(old.labels).to_vec();
        let after = self.tables.labels_of(new.labels).to_vec();
        for &(key, _) in before.iter().filter(|label| !after.iter().any(|a| a.0 == label.0)) {
            self.emit(&author, Body::PodLabelRemoved { pod, key })?;
        }
        for &(key, value) in after.iter().filter(|label| !before.contains(label)) {
            self.emit(&author, Body::PodLabelSet { pod, key, value })?;
        }
        Ok(())
    }

    fn pod_owner_changed(&mut self, pod: PodId, old: &PodView, new: &PodView) -> Result<(), ImportError> {
        if old.owner == new.owner {
            return Ok(());
        }
        // An orphaning deletion releases through the garbage collector, anything else through the controller.
        let orphaned = old.owner.is_some_and(|owner| self.is_going(owner));
        let (expected, body) = match new.owner {
            Some(owner) => {
                (Self::controller_track(owner.kind), Body::PodAdopted { pod, owner: self.owner(owner) })
            }
            None if orphaned => (Track::Lifecycle, Body::PodReleased { pod }),
            None => (Self::pod_controller_track(old), Body::PodReleased { pod }),
        };
        let author = self.author(Act::Change, expected);
        self.emit(&author, body)
    }

    /// Binding, status and deletion.
    fn pod_progress(
        &mut self,
        pod: PodId,
        old: &PodView,
        new: &PodView,
        binder: Option<Author>,
    ) -> Result<(), ImportError> {
        if let Some(node) = new.node.filter(|_| old.node.is_none()) {
            let node = self.names.node(node);
            let author = binder.unwrap_or_else(|| self.author(Act::Bind, Track::Scheduler));
            self.emit(&author, Body::PodBound { pod, node })?;
        }
        match new.unschedulable {
            Some(message) if new.unschedulable != old.unschedulable && new.node.is_none() => {
                let author = self.author(Act::Status, Track::Scheduler);
                self.emit(&author, Body::PodUnschedulable { pod, message })?;
            }
            _ => {}
        }
        if old.nominated != new.nominated {
            let node = new.nominated.map(|node| self.names.node(node));
            let author = binder.unwrap_or_else(|| self.author(Act::Status, Track::Scheduler));
            self.emit(&author, Body::PodNominated { pod, node })?;
        }
        self.pod_disruption(pod, old, new)?;
        self.pod_status(pod, old, new)?;
        match (old.deletion, new.deletion) {
            (Some(before), Some(after)) if before != after && after.1 == 0 => {
                // The last step of a deletion; the end of the object follows at once.
                self.report.drop_one("Pod: grace cut to 0 before the end");
                Ok(())
            }
            (before, Some(after)) if before != Some(after) => self.pod_deletion_accepted(pod, new),
            _ => Ok(()),
        }
    }

    fn pod_disruption(&mut self, pod: PodId, old: &PodView, new: &PodView) -> Result<(), ImportError> {
        let Some((status, since, reason)) = new.disruption.filter(|_| old.disruption != new.disruption)
        else {
            return Ok(());
        };
        let expected = self.disruption_track(reason);
        let author = self.author(Act::Evict, expected);
        let condition = PodCondition::DisruptionTarget;
        self.emit(&author, Body::PodConditionSet { pod, condition, status, since })
    }

    /// Who sets DisruptionTarget with a reason.
    pub(super) fn disruption_track(&self, reason: Sym) -> Track {
        match self.names.text(reason) {
            "PreemptionByScheduler" => Track::Scheduler,
            "DeletionByTaintManager" | "DeletionByPodGC" => Track::Lifecycle,
            "TerminationByKubelet" => Track::Kubelet,
            _ => Track::User,
        }
    }

    fn pod_status(&mut self, pod: PodId, old: &PodView, new: &PodView) -> Result<(), ImportError> {
        let phase = (old.phase, old.reason) != (new.phase, new.reason);
        let ready = old.ready != new.ready;
        let restarted = old.restarts != new.restarts;
        if !(phase || ready || restarted) {
            return Ok(());
        }
        let author = self.author(Act::Status, self.status_track(pod, old, new));
        if phase {
            self.emit(&author, Body::PodPhaseSet { pod, phase: new.phase, reason: new.reason })?;
        }
        if let Some((status, since)) = new.ready.filter(|_| ready) {
            let condition = PodCondition::Ready;
            self.emit(&author, Body::PodConditionSet { pod, condition, status, since })?;
        }
        if restarted {
            self.emit(&author, Body::PodRestarted { pod, restarts: new.restarts })?;
        }
        Ok(())
    }

    /// Who usually writes such a status: the kubelet, but pod garbage collection fails the pods of lost nodes, and
    /// node lifecycle marks pods of nodes that are not ready as not ready.
    fn status_track(&self, pod: PodId, old: &PodView, new: &PodView) -> Track {
        let node = self.cluster.pod(pod).and_then(|pod| pod.node);
        let lost = node.is_none_or(|node| self.is_lost(node));
        let collected = new.disruption.is_some_and(|d| self.names.text(d.2) == "DeletionByPodGC");
        if collected || lost {
            return Track::Lifecycle;
        }
        let unready = |view: &PodView| view.ready.is_none_or(|ready| ready.0 != ConditionStatus::True);
        let marked = !unready(old) && unready(new) && old.phase == new.phase && old.restarts == new.restarts;
        let silent = node.and_then(|node| self.cluster.node(node)).is_some_and(|node| node.silent);
        if marked && silent { Track::Lifecycle } else { Track::Kubelet }
    }
}
