//! A cluster as lines of text, to compare what was folded with what kubectl listed.

use std::collections::BTreeMap;

use kubetape_engine::cluster::{Cluster, ObjectSpec};
use kubetape_engine::event::{Phase, WorkloadStatus};
use kubetape_engine::names::{Names, PodId, RevisionId, sym};
use serde_json::Value;

/// What a cluster and kubectl's lists are compared by: lines of text that a person can read.
pub type Picture = BTreeMap<String, String>;

pub fn picture_of_list(items: &[Value]) -> Picture {
    let mut picture = Picture::new();
    let text =
        |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut owners = BTreeMap::new();
    for item in items {
        owners.insert(text(item, "/metadata/uid"), text(item, "/metadata/name"));
    }
    for item in items {
        let (kind, name) = (text(item, "/kind"), text(item, "/metadata/name"));
        let number = |at: &str| item.pointer(at).and_then(Value::as_i64).unwrap_or(0);
        let condition = |condition: &str| {
            let all = item.pointer("/status/conditions").and_then(Value::as_array);
            let found = all.into_iter().flatten().find(|c| c["type"] == condition)?;
            Some(format!("{} {}", text(found, "/status"), text(found, "/lastTransitionTime")))
        };
        let line = match kind.as_str() {
            "Node" => {
                let labels: BTreeMap<String, String> =
                    serde_json::from_value(item["metadata"]["labels"].clone()).unwrap();
                let taints = item.pointer("/spec/taints").and_then(Value::as_array);
                let mut taints: Vec<String> = taints
                    .into_iter()
                    .flatten()
                    .map(|t| format!("{}={}:{}", text(t, "/key"), text(t, "/value"), text(t, "/effect")))
                    .collect();
                taints.sort();
                let cordoned = item.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
                format!(
                    "{labels:?} {taints:?} cordoned={cordoned} Ready={:?} MemoryPressure={:?}",
                    condition("Ready"),
                    condition("MemoryPressure")
                )
            }
            "DaemonSet" => format!(
                "{} {} {} {} {} {} {} {} generation={}",
                number("/status/desiredNumberScheduled"),
                number("/status/currentNumberScheduled"),
                number("/status/numberMisscheduled"),
                number("/status/numberReady"),
                number("/status/updatedNumberScheduled"),
                number("/status/numberAvailable"),
                number("/status/numberUnavailable"),
                number("/status/observedGeneration"),
                number("/metadata/generation"),
            ),
            "ReplicaSet" => format!(
                "{} {} {} {} of {} generation={}",
                number("/status/replicas"),
                number("/status/readyReplicas"),
                number("/status/availableReplicas"),
                number("/status/observedGeneration"),
                number("/spec/replicas"),
                number("/metadata/generation"),
            ),
            "Deployment" => format!(
                "{} {} {} {} of {} generation={}",
                number("/status/replicas"),
                number("/status/readyReplicas"),
                number("/status/updatedReplicas"),
                number("/status/observedGeneration"),
                number("/spec/replicas"),
                number("/metadata/generation"),
            ),
            "Pod" => format!(
                "owner={} node={} phase={} ready={} terminating={} hash={}",
                text(item, "/metadata/ownerReferences/0/name"),
                text(item, "/spec/nodeName"),
                text(item, "/status/phase"),
                condition("Ready").is_some_and(|c| c.starts_with("True")),
                item.pointer("/metadata/deletionTimestamp").is_some(),
                text(item, "/metadata/labels/controller-revision-hash"),
            ),
            "ControllerRevision" => format!(
                "owner={} revision={} hash={}",
                text(item, "/metadata/ownerReferences/0/name"),
                number("/revision"),
                text(item, "/metadata/labels/controller-revision-hash"),
            ),
            _ => continue,
        };
        picture.insert(format!("{kind} {name}"), line);
    }
    picture
}

pub fn picture_of_cluster(cluster: &Cluster, names: &Names) -> Picture {
    let mut picture = Picture::new();
    for &id in cluster.nodes() {
        let node = cluster.node(id).unwrap();
        let labels: BTreeMap<&str, &str> =
            node.labels.iter().map(|l| (names.text(l.0), names.text(l.1))).collect();
        let mut taints: Vec<String> = node
            .taints
            .iter()
            .map(|t| format!("{}={}:{}", names.text(t.key), names.text(t.value), t.effect.as_str()))
            .collect();
        taints.sort();
        let condition = |wanted| {
            let found = node.conditions.iter().find(|c| c.condition == wanted)?;
            Some(format!("{:?} {}", found.status, found.since))
        };
        picture.insert(
            format!("Node {}", names.node_name(id)),
            format!(
                "{labels:?} {taints:?} cordoned={} Ready={:?} MemoryPressure={:?}",
                node.unschedulable,
                condition(sym::READY),
                condition(sym::MEMORY_PRESSURE)
            ),
        );
    }
    for kind in [sym::DAEMON_SET, sym::REPLICA_SET, sym::DEPLOYMENT] {
        for object in cluster.objects_of_kind(kind) {
            let s: WorkloadStatus = object.status;
            let line = match object.spec {
                ObjectSpec::DaemonSet(_) => format!(
                    "{} {} {} {} {} {} {} {} generation={}",
                    s.desired,
                    s.current,
                    s.misscheduled,
                    s.ready,
                    s.updated,
                    s.available,
                    s.unavailable,
                    s.observed_generation,
                    object.generation
                ),
                ObjectSpec::ReplicaSet { replicas } => format!(
                    "{} {} {} {} of {replicas} generation={}",
                    s.current, s.ready, s.available, s.observed_generation, object.generation
                ),
                ObjectSpec::Deployment { replicas } => format!(
                    "{} {} {} {} of {replicas} generation={}",
                    s.current, s.ready, s.updated, s.observed_generation, object.generation
                ),
                _ => continue,
            };
            picture.insert(format!("{} {}", names.text(kind), names.text(object.key.name)), line);
        }
    }
    pods_and_revisions(cluster, names, &mut picture);
    picture
}

fn pods_and_revisions(cluster: &Cluster, names: &Names, picture: &mut Picture) {
    let owner_name = |owner| names.text(names.object_key(owner).name);
    for index in 0.. {
        let Some(pod) = cluster.pod(PodId::from_index(index)) else { break };
        if pod.gone {
            continue;
        }
        let id = PodId::from_index(index);
        let phase = match pod.phase {
            Phase::Pending => "Pending",
            Phase::Running => "Running",
            Phase::Succeeded => "Succeeded",
            Phase::Failed => "Failed",
            Phase::Unknown => "Unknown",
        };
        let line = format!(
            "owner={} node={} phase={phase} ready={} terminating={} hash={}",
            pod.owner.map(owner_name).unwrap_or_default(),
            pod.node.filter(|_| pod.bound).map(|n| names.node_name(n)).unwrap_or_default(),
            pod.ready,
            pod.terminating(),
            names.text(cluster.pod_revision_hash(id))
        );
        picture.insert(format!("Pod {}", cluster.pod_name(id, names)), line);
    }
    for index in 0.. {
        let id = RevisionId::from_index(index);
        let Some(revision) = cluster.revision(id) else { break };
        if revision.present {
            let line = format!(
                "owner={} revision={} hash={}",
                revision.owner.map(owner_name).unwrap_or_default(),
                revision.number,
                names.text(revision.hash)
            );
            picture.insert(format!("ControllerRevision {}", names.text(revision.name)), line);
        }
    }
}
