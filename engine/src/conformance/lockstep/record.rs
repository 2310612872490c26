//! Writes down rounds, pods and DaemonSets as recordings have them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::book::Book;
use super::order;
use crate::actors::daemonset::{Key, RevisionOperation, SyncOutcome};
use crate::cluster::Pod;
use crate::event::{Body, ConditionStatus, Event, Phase, PodCondition, Track, WorkloadStatus};
use crate::names::{Names, PodId};
use crate::sim::World;

/// A round so far.
#[derive(Debug, Default)]
pub(super) struct Round {
    synced: Vec<String>,
    syncs: Map<String, Value>,
    env: BTreeMap<&'static str, Vec<String>>,
    wrote: bool,
}

impl Round {
    /// Adds a sync. The book knows what was before the phase.
    pub fn sync(&mut self, key: Key, out: &SyncOutcome, names: &Names, book: &Book) {
        let name = format!("{}/{}", names.text(key.namespace), names.text(key.name));
        self.synced.push(name.clone());
        let mut entry = Map::new();
        let mut put = |field: &str, list: Vec<Value>| {
            if !list.is_empty() {
                entry.insert(field.to_owned(), Value::Array(list));
            }
        };
        let mut creates: Vec<_> = out.creates.iter().map(|c| names.node_name(c.node)).collect();
        creates.sort_unstable();
        put("creates", creates.into_iter().map(Value::from).collect());
        let mut deletes: Vec<_> = out.deletes.iter().map(|d| (book.reference(d.pod), d)).collect();
        deletes.sort_by(|a, b| a.0.cmp(&b.0));
        let delete = |(reference, d): (String, &crate::actors::daemonset::Deletion)| json!({ "ref": reference, "rev": book.revision_of(d.pod, &out.revisions), "why": d.why.as_str() });
        put("deletes", deletes.into_iter().map(delete).collect());
        let owners = |pods: &[PodId]| {
            let mut references: Vec<_> = pods.iter().map(|pod| book.reference(*pod)).collect();
            references.sort();
            let each = |reference| std::iter::repeat_n(Value::String(reference), out.claims);
            references.into_iter().flat_map(each).collect()
        };
        put("adopts", owners(&out.adopts));
        put("releases", owners(&out.releases));
        let operations = out.revisions.iter().chain(&out.pruned);
        put("revisions", operations.map(|operation| revision(operation, book)).collect());
        if let Some(status) = &out.status {
            entry.insert("status".to_owned(), counters(status));
        }
        if let Some(error) = &out.error {
            entry.insert("error".to_owned(), Value::String(error.to_string()));
        }
        if !entry.is_empty() {
            self.syncs.insert(name, Value::Object(entry));
        }
    }

    /// Adds what the environment did.
    pub fn event(&mut self, event: &Event, book: &Book) {
        self.wrote |= !matches!(event.body, Body::Synced { .. } | Body::Reported { .. });
        if event.track == Track::DaemonSet {
            return;
        }
        let (list, pod) = match event.body {
            Body::PodBound { pod, .. } => ("bound", pod),
            Body::PodUnschedulable { pod, .. } => ("unschedulable", pod),
            Body::PodDeleted { pod, .. } => ("gcDelete", pod),
            Body::PodGone { pod } if event.track == Track::Kubelet => ("gone", pod),
            Body::PodPhaseSet { pod, phase: Phase::Running, .. } => ("started", pod),
            Body::PodPhaseSet { pod, phase: Phase::Failed, .. } => ("failed", pod),
            Body::PodPhaseSet { pod, phase: Phase::Succeeded, .. } => ("succeeded", pod),
            Body::PodConditionSet {
                pod,
                condition: PodCondition::Ready,
                status: ConditionStatus::True,
                ..
            } => ("ready", pod),
            _ => return,
        };
        let reference = book.reference(pod);
        if list == "ready" {
            // What is ready as it starts is not listed as started.
            self.env.entry("started").or_default().retain(|started| *started != reference);
        }
        self.env.entry(list).or_default().push(reference);
    }

    /// The round as recordings have it; `None` if nothing was written and nothing failed.
    pub fn finish(mut self, ms: i64) -> Option<Value> {
        self.env.retain(|_, list| !list.is_empty());
        if !self.wrote && self.syncs.is_empty() {
            return None;
        }
        let mut round = json!({ "t": ms, "synced": self.synced });
        if !self.syncs.is_empty() {
            round["syncs"] = Value::Object(self.syncs);
        }
        if !self.env.is_empty() {
            round["env"] = json!(self.env);
        }
        Some(round)
    }
}

fn revision(operation: &RevisionOperation, book: &Book) -> Value {
    let (op, number) = match *operation {
        RevisionOperation::Adopt(id) | RevisionOperation::Release(id) => ("patch", book.revision_number(id)),
        RevisionOperation::Label(id, _) => ("update", book.revision_number(id)),
        RevisionOperation::Create { number, .. } => ("create", number),
        RevisionOperation::Number(_, number) => ("update", number),
        RevisionOperation::Delete(id) => ("delete", book.revision_number(id)),
    };
    json!({ "op": op, "revision": number })
}

fn counters(status: &WorkloadStatus) -> Value {
    json!({
        "observedGeneration": status.observed_generation,
        "desired": status.desired,
        "current": status.current,
        "misscheduled": status.misscheduled,
        "ready": status.ready,
        "updated": status.updated,
        "available": status.available,
        "unavailable": status.unavailable,
    })
}

/// All pods.
pub(super) fn pods(world: &World, book: &Book) -> Vec<Value> {
    let mut pods: Vec<_> = world.cluster.pods().map(|(id, _)| id).collect();
    order::sort(&mut pods, &world.cluster, &world.names);
    pods.into_iter().filter_map(|id| Some(pod(id, &world.cluster.pod(id)?, world, book))).collect()
}

fn pod(id: PodId, pod: &Pod, world: &World, book: &Book) -> Value {
    let phase = match pod.phase {
        Phase::Pending => "Pending",
        Phase::Running => "Running",
        Phase::Succeeded => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Unknown => "Unknown",
    };
    let mut entry = json!({
        "ref": book.reference(id),
        "node": pod.node.map(|node| world.names.node_name(node)).unwrap_or_default(),
        "bound": pod.bound,
        "rev": book.revision_of(id, &[]),
        "phase": phase,
        "ready": pod.ready,
    });
    if pod.owner.is_some() {
        entry["ds"] = Value::String(order::owner_name(pod, &world.names));
    }
    if pod.terminating() {
        entry["terminating"] = Value::Bool(true);
    }
    if pod.unschedulable {
        entry["unschedulable"] = Value::Bool(true);
    }
    entry
}

/// All DaemonSets.
pub(super) fn daemon_sets(world: &World) -> Vec<Value> {
    let cluster = &world.cluster;
    let entry = |(object, spec): (&crate::cluster::Object, &crate::cluster::DaemonSet)| {
        let mut revisions: Vec<_> = object.revisions.iter().filter_map(|id| cluster.revision(*id)).collect();
        revisions.sort_by_key(|revision| revision.number);
        let revisions: Vec<_> = revisions
            .into_iter()
            .map(|revision| {
                let of = |pod: &&PodId| {
                    cluster.pod_revision_hash(**pod) == revision.hash
                        && cluster.pod(**pod).is_some_and(|pod| !pod.terminating())
                };
                let pods = object.pods.iter().filter(of).count();
                let current = revision.template == spec.template;
                json!({ "revision": revision.number, "current": current, "pods": pods })
            })
            .collect();
        let mut entry = json!({
            "ds": world.names.object_name(object.id),
            "generation": object.generation,
            "status": counters(&object.status),
            "revisions": revisions,
        });
        if object.deleting.is_some() {
            entry["deleting"] = Value::Bool(true);
        }
        entry
    };
    cluster.daemon_sets().map(entry).collect()
}
