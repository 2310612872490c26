//! Makes events of what a sync decided.

use super::flight::{Flight, Write};
use super::outcome::{Creation, Deletion, Report};
use super::revision::RevisionOperation;
use crate::cluster::{Cluster, Object};
use crate::event::{Body, Track};
use crate::names::{Names, PodId, PodShape, RevisionId, Seq, Sym, sym};
use crate::sim::Context;

/// Emits one write of a sync, as of now. What has become pointless since it was decided is left out; says whether
/// it was a deletion of a pod that is gone already.
pub(super) fn emit(context: &mut Context<'_>, flight: &mut Flight, write: &Write) -> bool {
    let cluster = context.cluster;
    let Some(object) = cluster.object(flight.object) else { return false };
    let mut emit = Emitter { context, object, cause: flight.woken_by };
    if !matches!(write, Write::Status(None)) && !std::mem::replace(&mut flight.started, true) {
        emit.draft(flight.woken_by, Body::Synced { object: object.id });
    }
    let owner = |pod: PodId| cluster.pod(pod).and_then(|pod| pod.owner);
    let there = |pod: PodId| cluster.pod(pod).is_some_and(|pod| !pod.gone);
    match write {
        Write::Revision(operation) => emit.revision(operation),
        Write::Release(pod) if there(*pod) && owner(*pod) == Some(object.id) => {
            emit.draft(emit.pod_changed(*pod), Body::PodReleased { pod: *pod });
        }
        Write::Adopt(pod) if there(*pod) && owner(*pod).is_none() => {
            emit.draft(emit.pod_changed(*pod), Body::PodAdopted { pod: *pod, owner: object.id });
        }
        Write::Relabel(pod) if there(*pod) => {
            let (key, value) = (sym::REVISION_HASH_LABEL, flight.hash);
            emit.draft(flight.woken_by, Body::PodLabelSet { pod: *pod, key, value });
        }
        Write::Report(report) => emit.report(report),
        Write::Create(creation) => emit.create(creation, flight),
        Write::Refused(node, reason) => {
            let reason = emit.context.names.sym(reason);
            let node = Some(*node);
            emit.draft(flight.woken_by, Body::PodRefused { owner: object.id, node, reason });
        }
        Write::Delete(deletion) if there(deletion.pod) && emit.is_same(deletion) => emit.delete(deletion),
        Write::Delete(_) => return true,
        Write::Status(Some(status)) if object.present => {
            emit.draft(flight.woken_by, Body::StatusWritten { object: object.id, status: *status });
        }
        _ => {}
    }
    false
}

struct Emitter<'a, 'b> {
    context: &'a mut Context<'b>,
    object: &'b Object,
    cause: Seq,
}

impl Emitter<'_, '_> {
    fn draft(&mut self, cause: Seq, body: Body) {
        self.context.emit(Track::DaemonSet, cause, body);
    }

    fn pod_changed(&self, pod: PodId) -> Seq {
        let changed = self.context.cluster.pod(pod).map_or(Seq::NONE, |pod| pod.changed);
        changed.max(self.object.applied)
    }

    fn revision(&mut self, operation: &RevisionOperation) {
        let object = self.object;
        let cluster = self.context.cluster;
        let there = operation
            .revision()
            .is_none_or(|id| cluster.revision(id).is_some_and(|revision| revision.present));
        if !there {
            return;
        }
        let (cause, body) = match *operation {
            RevisionOperation::Adopt(revision) => {
                (self.cause, Body::RevisionAdopted { revision, owner: object.id })
            }
            RevisionOperation::Release(revision) => (self.cause, Body::RevisionReleased { revision }),
            RevisionOperation::Label(revision, hash) => {
                (self.cause, Body::RevisionLabelled { revision, hash })
            }
            // What is there under the name already is what the sync would have made, had it seen it.
            RevisionOperation::Create { name, .. } if self.has_revision(name) => return,
            RevisionOperation::Create { number, hash, name, template } => {
                let body = Body::RevisionCreated {
                    revision: RevisionId::from_index(0),
                    owner: Some(object.id),
                    number,
                    namespace: object.key.namespace,
                    name,
                    hash,
                    template,
                    created: self.context.now.api_seconds(),
                };
                (object.applied, body)
            }
            RevisionOperation::Number(revision, number) => {
                (object.applied, Body::RevisionNumbered { revision, number })
            }
            RevisionOperation::Delete(revision) => (self.cause, Body::RevisionDeleted { revision }),
        };
        self.draft(cause, body);
    }

    fn has_revision(&self, name: Sym) -> bool {
        let mut revisions = self.object.revisions.iter().filter_map(|id| self.context.cluster.revision(*id));
        revisions.any(|revision| revision.present && revision.name == name)
    }

    fn report(&mut self, report: &Report) {
        let (cluster, names) = (self.context.cluster, &mut *self.context.names);
        let (reason, node, message) = match *report {
            Report::SelectingAll => {
                ("SelectingAll", None, "This daemon set is selecting all pods.".to_owned())
            }
            Report::FailedDaemonPod(pod, node) => {
                ("FailedDaemonPod", Some((pod, node)), found(cluster, names, "failed", pod, "kill"))
            }
            Report::SucceededDaemonPod(pod, node) => {
                ("SucceededDaemonPod", Some((pod, node)), found(cluster, names, "succeeded", pod, "delete"))
            }
        };
        let (reason, message) = (names.sym(reason), names.sym(&message));
        let cause = node.map_or(self.cause, |(pod, _)| self.pod_changed(pod));
        let node = node.map(|(_, node)| node);
        self.draft(cause, Body::Reported { object: self.object.id, node, reason, message });
    }

    fn create(&mut self, creation: &Creation, flight: &mut Flight) {
        let object = self.object;
        let (doc, template_generation) = (flight.pod_doc, Some(flight.template_generation));
        let shape = PodShape { doc, revision_hash: flight.hash, template_generation };
        let shape = *flight.shape.get_or_insert_with(|| self.context.names.shape(shape));
        let node = Some(creation.node);
        let body = Body::PodCreated {
            // The slot is assigned when the event happens.
            pod: PodId::from_index(0),
            owner: Some(object.id),
            node,
            ordinal: self.context.cluster.next_ordinal(object.id, node, self.context.names),
            name: Sym::EMPTY,
            namespace: object.key.namespace,
            shape,
            created: self.context.now.api_seconds(),
        };
        self.draft(creation.cause, body);
    }

    /// Whether the slot still holds the pod that was meant.
    fn is_same(&self, deletion: &Deletion) -> bool {
        self.context.cluster.pod(deletion.pod).is_some_and(|pod| pod.made == deletion.made)
    }

    fn delete(&mut self, deletion: &Deletion) {
        let Deletion { pod, why, cause, .. } = *deletion;
        self.context.delete_pod(Track::DaemonSet, cause, pod, why, None);
    }
}

fn found(cluster: &Cluster, names: &Names, how: &str, pod: PodId, what: &str) -> String {
    let Some(facts) = cluster.pod(pod) else { return String::new() };
    let node = facts.node.map(|node| names.node_name(node)).unwrap_or_default();
    let (namespace, name) = (names.text(facts.namespace), cluster.pod_name(pod, names));
    format!("Found {how} daemon pod {namespace}/{name} on node {node}, will try to {what} it")
}
