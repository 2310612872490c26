//! Recordings of real clusters, imported and folded: the cluster that comes out is the one that was recorded.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use kubetape_engine::cluster::{Cluster, ObjectSpec};
use kubetape_engine::event::{Flags, Phase, WorkloadStatus};
use kubetape_engine::import::{Imported, Options, Source, import};
use kubetape_engine::names::{Names, Seq, sym};
use serde_json::Value;

fn lesson() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/lesson")
}

/// Recordings beside the project, if they are there.
fn recordings() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(2).take(2);
    let places = beside.map(|folder| folder.join("shared/oracle/live"));
    std::env::var_os("KUBETAPE_RECORDINGS").map(PathBuf::from).into_iter().chain(places).find(|p| p.is_dir())
}

fn source(path: &Path) -> Source {
    Source {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        bytes: Box::new(File::open(path).unwrap()),
    }
}

fn import_files(paths: &[PathBuf], names: &mut Names) -> Imported {
    let sources = paths.iter().filter(|path| path.is_file()).map(|path| source(path)).collect();
    import(sources, &Options::default(), names, &mut |_| {}).unwrap()
}

fn fold(imported: &Imported, names: &mut Names) -> Cluster {
    let mut cluster = Cluster::new();
    let mut seq = Seq::NONE;
    let mut at = None;
    for (index, event) in imported.genesis.iter().chain(&imported.events).enumerate() {
        assert!(at <= Some(event.at), "event {index} goes back in time: {event:?}");
        at = Some(event.at);
        assert_eq!(index < imported.genesis.len(), event.flags.has(Flags::GENESIS));
        seq = seq.next();
        cluster.apply(names, seq, event).unwrap_or_else(|e| panic!("event {index}: {e}: {event:?}"));
    }
    cluster
}

/// What a cluster and kubectl's lists are compared by: lines of text that a person can read.
type Picture = BTreeMap<String, String>;

fn picture_of_list(items: &[Value]) -> Picture {
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

fn picture_of_cluster(cluster: &Cluster, names: &Names) -> Picture {
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
        let Some(pod) = cluster.pod(kubetape_engine::names::PodId::from_index(index)) else { break };
        if pod.gone {
            continue;
        }
        let id = kubetape_engine::names::PodId::from_index(index);
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
        let id = kubetape_engine::names::RevisionId::from_index(index);
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

fn list(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["items"].as_array().unwrap().clone()
}

fn assert_folds_to_its_end(folder: &Path) -> Imported {
    let mut names = Names::new();
    let files = [folder.join("watch.jsonl.gz"), folder.join("audit.jsonl.gz")];
    let imported = import_files(&files, &mut names);
    let cluster = fold(&imported, &mut names);
    let (found, expected) =
        (picture_of_cluster(&cluster, &names), picture_of_list(&list(&folder.join("final.json.gz"))));
    let differences: Vec<String> = found
        .keys()
        .chain(expected.keys())
        .filter(|key| found.get(*key) != expected.get(*key))
        .take(10)
        .map(|key| format!("{key}:\n  folded   {:?}\n  recorded {:?}", found.get(key), expected.get(key)))
        .collect();
    assert!(differences.is_empty(), "{}:\n{}", folder.display(), differences.join("\n"));
    assert!(!expected.is_empty());
    imported
}

#[test]
fn the_lesson_folds_to_the_cluster_that_was_recorded() {
    let imported = assert_folds_to_its_end(&lesson());
    println!("{:#?}", imported.report);
}

#[test]
fn other_recordings_fold_to_the_cluster_that_was_recorded() {
    let Some(place) = recordings() else {
        println!("skipped: no recordings beside the project");
        return;
    };
    for name in [
        "A",
        "B-1-unavailable",
        "B-2-surge",
        "C-1-heartbeat-taints",
        "C-3-resources-priority-ports",
        "E-1000",
        "F-101",
        "F-103",
    ] {
        if place.join(name).join("watch.jsonl.gz").is_file() {
            let imported = assert_folds_to_its_end(&place.join(name));
            println!(
                "{name}: {} events, dropped {:#?}, inferred {:#?}, attributed {:?} warnings {:#?}",
                imported.events.len(),
                imported.report.dropped,
                imported.report.inferred,
                imported.report.attributed,
                imported.report.warnings
            );
        }
    }
}

#[test]
fn zz_debug() {
    let Some(folder) = std::env::var_os("ZZ").map(PathBuf::from) else { return };
    let mut names = Names::new();
    let t = std::time::Instant::now();
    let imported = import_files(&[folder.join("watch.jsonl.gz"), folder.join("audit.jsonl.gz")], &mut names);
    println!("took {:?}", t.elapsed());
    for e in &imported.events {
        println!("{} {} by={} {:?} {:?}", e.at, e.track, names.text(e.by), e.flags, e.body);
    }
}
#[test]
fn zz_guess() {
    let Some(place) = recordings() else { return };
    for name in [
        "A",
        "B-1-unavailable",
        "B-2-surge",
        "C-1-heartbeat-taints",
        "C-3-resources-priority-ports",
        "E-1000",
        "F-101",
        "F-102",
        "F-103",
    ] {
        let folder = place.join(name);
        let mut names = Names::new();
        let told = import_files(&[folder.join("watch.jsonl.gz"), folder.join("audit.jsonl.gz")], &mut names);
        let mut names2 = Names::new();
        let guessed = import_files(&[folder.join("watch.jsonl.gz")], &mut names2);
        println!("{name}: {} {} {:?}", told.events.len(), guessed.events.len(), guessed.report.attributed);
        let key = |e: &kubetape_engine::event::Event, names: &Names| {
            format!(
                "{} {} {:?} {:?}",
                e.at,
                e.body.kind(),
                e.body.pod(),
                e.body.node().map(|n| names.node_name(n).to_owned())
            )
        };
        let mut wrong: BTreeMap<String, u32> = BTreeMap::new();
        for (a, b) in told.events.iter().zip(&guessed.events) {
            if a.body.kind() != b.body.kind() {
                println!("DIVERGE {:?} {:?}", a, b);
                break;
            }
            if a.track != b.track {
                *wrong
                    .entry(format!(
                        "{} told {} by {} guessed {}",
                        a.body.kind(),
                        a.track,
                        names.text(a.by),
                        b.track
                    ))
                    .or_default() += 1;
                if std::env::var_os("ZV").is_some() {
                    println!("   {} {:?} {}", key(a, &names), b.body, names.text(a.by));
                }
            }
            if let (
                kubetape_engine::event::Body::PodDeleted { why: x, .. },
                kubetape_engine::event::Body::PodDeleted { why: y, .. },
            ) = (a.body, b.body)
                && x != y
                && a.track == b.track
            {
                *wrong.entry(format!("why told {x:?} guessed {y:?}")).or_default() += 1;
            }
        }
        for (k, v) in wrong {
            println!("  {v} {k}");
        }
    }
}
