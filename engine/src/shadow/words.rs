//! Decisions and states in words.

use crate::actors::daemonset::{Opinion, Wants};
use crate::cluster::Cluster;
use crate::event::{Body, WorkloadStatus};
use crate::names::{Names, ObjectId, PodId};

/// So many names are spelt out.
const NAMED: usize = 5;

pub(super) fn object(object: ObjectId, names: &Names) -> String {
    format!("{} {}", names.text(names.object_key(object).kind), names.object_name(object))
}

fn pod(pod: PodId, cluster: &Cluster, names: &Names) -> String {
    let Some(facts) = cluster.pod(pod) else { return "a pod".to_owned() };
    let node = facts.node.map_or("no node", |node| names.node_name(node));
    format!("{} on {node}", cluster.pod_name(pod, names))
}

fn counters(status: &WorkloadStatus) -> String {
    format!(
        "{} desired, {} current, {} ready, {} up to date, {} available, {} misscheduled, generation {} observed",
        status.desired,
        status.current,
        status.ready,
        status.updated,
        status.available,
        status.misscheduled,
        status.observed_generation
    )
}

/// A recorded write.
pub(super) fn write(body: &Body, cluster: &Cluster, names: &Names) -> String {
    match *body {
        Body::PodCreated { node: Some(node), .. } => {
            format!("a pod created for {}", names.node_name(node))
        }
        Body::PodDeleted { pod: id, .. } => {
            let facts = cluster.pod(id);
            let phase = facts.map_or_else(String::new, |p| format!("{:?}", p.phase));
            let ready = if facts.is_some_and(|p| p.ready) { "ready" } else { "not ready" };
            format!("pod {} deleted ({phase}, {ready})", pod(id, cluster, names))
        }
        Body::PodAdopted { pod: id, .. } => format!("pod {} adopted", pod(id, cluster, names)),
        Body::PodReleased { pod: id } => format!("pod {} released", pod(id, cluster, names)),
        Body::PodLabelSet { pod: id, key, value } => {
            format!("pod {} labelled {}={}", pod(id, cluster, names), names.text(key), names.text(value))
        }
        Body::RevisionCreated { number, name, .. } => {
            format!("revision {number} created ({})", names.text(name))
        }
        Body::RevisionNumbered { number, .. } => format!("a revision became number {number}"),
        Body::RevisionDeleted { revision } => {
            format!("revision {} deleted", cluster.revision(revision).map_or(0, |r| r.number))
        }
        Body::StatusWritten { status, .. } => counters(&status),
        ref other => other.kind().to_owned(),
    }
}

/// What ours would do.
pub(super) fn opinion(opinion: &Opinion, cluster: &Cluster, names: &Names) -> String {
    let mut parts = Vec::new();
    for (half, wants) in [("", &opinion.manage), ("rolling update: ", &opinion.rollout)] {
        if !wants.is_nothing() {
            parts.push(format!("{half}{}", self::wants(wants, cluster, names)));
        }
    }
    if !opinion.outcome.revisions.is_empty() || !opinion.outcome.pruned.is_empty() {
        parts.push(format!("revisions {:?} {:?}", opinion.outcome.revisions, opinion.outcome.pruned));
    }
    if let Some(error) = &opinion.outcome.error {
        parts.push(error.to_string());
    }
    if let Some(status) = &opinion.status {
        parts.push(format!("status {}", counters(status)));
    }
    parts.join("; ")
}

fn wants(wants: &Wants, cluster: &Cluster, names: &Names) -> String {
    let mut parts = Vec::new();
    if wants.creates > 0 {
        let nodes = wants.may_create.iter().map(|node| names.node_name(*node).to_owned());
        parts.push(format!("create {} of {}", wants.creates, list(nodes)));
    }
    if wants.deletes > 0 {
        let pods = wants
            .may_delete
            .iter()
            .map(|(id, _, why)| format!("{} ({})", pod(*id, cluster, names), why.as_str()));
        parts.push(format!("delete {} of {}", wants.deletes, list(pods)));
    }
    parts.join(", ")
}

fn list(mut all: impl ExactSizeIterator<Item = String>) -> String {
    let count = all.len();
    let named: Vec<String> = all.by_ref().take(NAMED).collect();
    let more = if count > NAMED { ", ..." } else { "" };
    format!("{count} ({}{more})", named.join(", "))
}

/// The state of a workload.
pub(super) fn state(owner: ObjectId, cluster: &Cluster) -> String {
    let Some(object) = cluster.object(owner) else { return String::new() };
    let generation = object.generation;
    format!("generation {generation}, {} pods; written {}", object.pods.len(), counters(&object.status))
}
