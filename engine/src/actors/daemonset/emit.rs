//! Makes events of what a sync decided.

use super::revision::RevisionOperation;
use super::sync::{Report, SyncOutcome};
use crate::cluster::{Cluster, DaemonSet, Object, deletion_is_immediate};
use crate::event::{Body, Track};
use crate::names::{Names, PodId, PodShape, RevisionId, Seq, Sym};
use crate::sim::Context;
use crate::time::Micros;

/// Emits what a sync decided, in the order in which upstream writes it. `cause` is the event that woke it.
pub(super) fn emit(context: &mut Context<'_>, out: &SyncOutcome, cause: Seq) {
    let cluster = context.cluster;
    let Some(object) = out.object.and_then(|id| cluster.object(id)) else { return };
    let Some(spec) = object.daemon_set() else { return };
    if !out.writes() {
        return;
    }
    let mut emit = Emitter { context, object, spec, cause };
    emit.draft(cause, Body::Synced { object: object.id });
    out.revisions.iter().for_each(|operation| emit.revision(operation));
    for &pod in &out.releases {
        emit.draft(emit.pod_changed(pod), Body::PodReleased { pod });
    }
    for &pod in &out.adopts {
        emit.draft(emit.pod_changed(pod), Body::PodAdopted { pod, owner: object.id });
    }
    for &pod in &out.relabels {
        let key = crate::names::sym::REVISION_HASH_LABEL;
        emit.draft(cause, Body::PodLabelSet { pod, key, value: out.hash });
    }
    out.reports.iter().for_each(|report| emit.report(report));
    emit.creations(out);
    emit.deletions(out);
    out.pruned.iter().for_each(|operation| emit.revision(operation));
    if let Some(status) = out.status {
        emit.draft(cause, Body::StatusWritten { object: object.id, status });
    }
}

struct Emitter<'a, 'b> {
    context: &'a mut Context<'b>,
    object: &'b Object,
    spec: &'b DaemonSet,
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
        let (cause, body) = match *operation {
            RevisionOperation::Adopt(revision) => {
                (self.cause, Body::RevisionAdopted { revision, owner: object.id })
            }
            RevisionOperation::Release(revision) => (self.cause, Body::RevisionReleased { revision }),
            RevisionOperation::Label(revision, hash) => {
                (self.cause, Body::RevisionLabelled { revision, hash })
            }
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

    fn creations(&mut self, out: &SyncOutcome) {
        let object = self.object;
        if !out.creates.is_empty() {
            let shape = self.context.names.shape(PodShape {
                doc: self.spec.pod_doc,
                revision_hash: out.hash,
                template_generation: Some(self.spec.template_generation),
            });
            let created = self.context.now.api_seconds();
            for creation in &out.creates {
                let node = Some(creation.node);
                let body = Body::PodCreated {
                    // The slot is assigned when the event happens.
                    pod: PodId::from_index(0),
                    owner: Some(object.id),
                    node,
                    ordinal: self.context.cluster.next_ordinal(object.key, node),
                    name: Sym::EMPTY,
                    namespace: object.key.namespace,
                    shape,
                    created,
                };
                self.draft(creation.cause, body);
            }
        }
        for (node, reason) in &out.refusals {
            let reason = self.context.names.sym(reason);
            let node = Some(*node);
            self.draft(self.cause, Body::PodRefused { owner: object.id, node, reason });
        }
    }

    fn deletions(&mut self, out: &SyncOutcome) {
        let (cluster, now) = (self.context.cluster, self.context.now);
        for deletion in &out.deletes {
            let Some(pod) = cluster.pod(deletion.pod) else { continue };
            let at_once = deletion_is_immediate(pod);
            let grace_s = cluster.shape(pod.shape).map_or(30, |shape| shape.grace_s);
            let grace_s = if at_once { 0 } else { grace_s };
            let deadline = (now + Micros::seconds(i64::from(grace_s))).api_seconds();
            let (pod, why) = (deletion.pod, deletion.why);
            self.draft(deletion.cause, Body::PodDeleted { pod, why, grace_s, deadline });
            if at_once {
                self.draft(deletion.cause, Body::PodGone { pod });
            }
        }
    }
}

fn found(cluster: &Cluster, names: &Names, how: &str, pod: PodId, what: &str) -> String {
    let Some(facts) = cluster.pod(pod) else { return String::new() };
    let node = facts.node.map(|node| names.node_name(node)).unwrap_or_default();
    let (namespace, name) = (names.text(facts.namespace), cluster.pod_name(pod, names));
    format!("Found {how} daemon pod {namespace}/{name} on node {node}, will try to {what} it")
}
