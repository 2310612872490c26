//! Recordings of real clusters, imported and folded: the cluster that comes out is the one that was recorded.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use kubetape_engine::cluster::{Cluster, ObjectSpec};
use kubetape_engine::event::{Body, Event, Flags, Phase, Track, WorkloadStatus};
use kubetape_engine::import::{Imported, Options, Source, SourceKind, import};
use kubetape_engine::names::{Names, Seq, sym};
use kubetape_engine::time::Time;
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

fn import_lesson(files: &[&str]) -> (Imported, Names) {
    let mut names = Names::new();
    let files: Vec<PathBuf> = files.iter().map(|file| lesson().join(file)).collect();
    (import_files(&files, &mut names), names)
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
    assert!(imported.genesis.is_empty(), "it starts on an empty cluster");
    let report = imported.report;
    assert!(report.inferred.is_empty(), "the audit log names every author: {:?}", report.inferred);
    assert_eq!(report.objects["Pod"], 18);
    let deeds: BTreeMap<Track, u64> = report.tracks;
    assert_eq!(deeds.values().sum::<u64>(), imported.events.len() as u64);
    assert_eq!(deeds.len(), 8, "every track but workloads/other: {deeds:?}");
    assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
}

#[test]
fn revisions_of_the_lesson_hold_the_templates_of_its_daemon_set() {
    let (imported, mut names) = import_lesson(&["watch.jsonl.gz"]);
    let mut cluster = Cluster::new();
    let mut checked = 0;
    for (index, event) in imported.events.iter().enumerate() {
        cluster.apply(&mut names, Seq(index as u64 + 1), event).unwrap();
        if let Body::RevisionCreated { owner: Some(owner), template, .. } = event.body {
            let daemon_set = cluster.object(owner).unwrap().daemon_set().unwrap();
            assert_eq!(names.doc_text(template), names.doc_text(daemon_set.template));
            checked += 1;
        }
    }
    assert_eq!(checked, 2);
}

/// How events of two imports differ in who did them and why.
fn disagreements(told: &Imported, guessed: &Imported) -> Vec<String> {
    assert_eq!(told.events.len(), guessed.events.len());
    let pairs = told.events.iter().zip(&guessed.events);
    let why = |event: &Event| match event.body {
        Body::PodDeleted { why, .. } => Some(why),
        _ => None,
    };
    pairs
        .filter(|(a, b)| a.track != b.track || why(a) != why(b))
        .map(|(a, b)| format!("{} {:?}: {} is taken for {} {:?}", a.at, a.body, a.track, b.track, why(b)))
        .collect()
}

#[test]
fn who_did_what_in_the_lesson_is_inferred_right_without_its_audit_log() {
    let (told, _) = import_lesson(&["watch.jsonl.gz", "audit.jsonl.gz"]);
    let (guessed, _) = import_lesson(&["watch.jsonl.gz"]);
    assert_eq!(disagreements(&told, &guessed), Vec::<String>::new());
    assert!(guessed.report.inferred_total() > 100);
    // Creations and deletions of pods that Events name need no inference.
    assert!(guessed.report.attributed["API Events"] > 30);
}

#[test]
fn the_lessons_last_list_alone_is_a_genesis() {
    let (imported, mut names) = import_lesson(&["final.json.gz"]);
    assert!(imported.events.is_empty());
    let cluster = fold(&imported, &mut names);
    assert_eq!(picture_of_cluster(&cluster, &names), picture_of_list(&list(&lesson().join("final.json.gz"))));
}

#[test]
fn the_lessons_audit_log_alone_tells_nearly_all_of_it() {
    let (imported, mut names) = import_lesson(&["audit.jsonl.gz"]);
    let cluster = fold(&imported, &mut names);
    let found = picture_of_cluster(&cluster, &names);
    assert_eq!(found, picture_of_list(&list(&lesson().join("final.json.gz"))));
    assert_eq!(imported.report.sources[0].kind, SourceKind::Audit);
}

/// The lines of the lesson's watch stream.
fn lesson_lines() -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(File::open(lesson().join("watch.jsonl.gz")).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn import_texts(texts: Vec<String>) -> (Imported, Names) {
    let mut names = Names::new();
    let source = |text: String| Source {
        name: "text".to_owned(),
        bytes: Box::new(std::io::Cursor::new(text.into_bytes())),
    };
    let sources = texts.into_iter().map(source).collect();
    let imported = import(sources, &Options::default(), &mut names, &mut |_| {}).unwrap();
    (imported, names)
}

#[test]
fn one_watch_for_each_kind_is_merged_into_the_same_history() {
    let (whole, _) = import_lesson(&["watch.jsonl.gz"]);
    let mut by_kind: BTreeMap<String, String> = BTreeMap::new();
    for line in lesson_lines() {
        let kind = line["object"]["kind"].as_str().unwrap().to_owned();
        *by_kind.entry(kind).or_default() += &(line.to_string() + "\n");
    }
    assert!(by_kind.len() >= 6);
    let (merged, mut names) = import_texts(by_kind.into_values().collect());
    let kinds = |imported: &Imported| -> Vec<(Time, &'static str, Track)> {
        imported.events.iter().map(|e| (e.at, e.body.kind(), e.track)).collect()
    };
    assert_eq!(kinds(&merged), kinds(&whole));
    fold(&merged, &mut names);
}

#[test]
fn kubectls_own_stream_without_times_ends_in_the_same_cluster() {
    let mut text = String::new();
    for mut line in lesson_lines() {
        line.as_object_mut().unwrap().remove("time");
        text += &serde_json::to_string_pretty(&line).unwrap();
    }
    let (imported, mut names) = import_texts(vec![text]);
    assert_eq!(imported.report.sources[0].kind, SourceKind::Watch);
    let cluster = fold(&imported, &mut names);
    assert_eq!(picture_of_cluster(&cluster, &names), picture_of_list(&list(&lesson().join("final.json.gz"))));
    // Objects' times are whole seconds; what has none of its own (a label) takes the time of what came before.
    let (exact, _) = import_lesson(&["watch.jsonl.gz"]);
    let joined = |imported: &Imported| {
        imported.events.iter().find(|e| matches!(e.body, Body::NodeJoined { .. })).unwrap().at
    };
    assert_eq!(joined(&imported).api_seconds(), joined(&exact).api_seconds());
}

/// The objects that there are after some of the watch's lines.
fn objects_after(lines: &[Value]) -> Vec<Value> {
    let mut objects: BTreeMap<String, Value> = BTreeMap::new();
    for line in lines {
        let object = &line["object"];
        let uid = object["metadata"]["uid"].as_str().unwrap().to_owned();
        match line["type"].as_str() {
            Some("DELETED") => objects.remove(&uid),
            _ => objects.insert(uid, object.clone()),
        };
    }
    objects.into_values().collect()
}

#[test]
fn a_recording_that_begins_in_the_middle_starts_from_its_list() {
    let lines = lesson_lines();
    let end = picture_of_list(&list(&lesson().join("final.json.gz")));
    for cut in [60, 150, 240] {
        let (before, after) = lines.split_at(cut);
        let items = objects_after(before);
        let expected = picture_of_list(&items);
        let list = serde_json::json!({ "kind": "List", "apiVersion": "v1", "items": items });
        let rest: String = after.iter().map(|line| line.to_string() + "\n").collect();
        let (imported, mut names) = import_texts(vec![rest, list.to_string()]);
        let beginning = Imported { events: Vec::new(), ..imported.clone() };
        assert_eq!(picture_of_cluster(&fold(&beginning, &mut names), &names), expected, "cut at {cut}");
        assert_eq!(picture_of_cluster(&fold(&imported, &mut names), &names), end, "cut at {cut}");
    }
}

#[test]
fn other_recordings_fold_to_the_cluster_that_was_recorded() {
    let Some(place) = recordings() else {
        println!("skipped: no recordings beside the project");
        return;
    };
    for name in STILL.iter().filter(|name| place.join(name).join("watch.jsonl.gz").is_file()) {
        let told = assert_folds_to_its_end(&place.join(name));
        let mut inferred = told.report.inferred.keys().filter(|what| what.starts_with("author of"));
        assert_eq!(inferred.next(), None, "{name}: the audit log names every author");
        assert!(!told.report.inferred.contains_key("reason of PodDeleted: none that fits"), "{name}");
        let guessed = import_files(&[place.join(name).join("watch.jsonl.gz")], &mut Names::new());
        let wrong = disagreements(&told, &guessed);
        println!(
            "{name}: {} events, {} authors taken for others without audit",
            told.events.len(),
            wrong.len()
        );
        assert!(wrong.len() * 100 <= told.events.len(), "{name}: {wrong:#?}");
    }
}

#[test]
fn recordings_that_were_still_moving_fold_too() {
    let Some(place) = recordings() else {
        println!("skipped: no recordings beside the project");
        return;
    };
    for name in ["D", "F-102"].iter().filter(|name| place.join(name).join("watch.jsonl.gz").is_file()) {
        let mut names = Names::new();
        let files = [place.join(name).join("watch.jsonl.gz"), place.join(name).join("audit.jsonl.gz")];
        let imported = import_files(&files, &mut names);
        let cluster = fold(&imported, &mut names);
        let nodes = cluster.nodes().len();
        println!("{name}: {} events, {nodes} nodes, {} pods", imported.events.len(), cluster.pod_count());
        // Of what the list shows as the watch saw it last, everything has to be the same.
        let last = last_versions(&place.join(name).join("watch.jsonl.gz"));
        let mut items = list(&place.join(name).join("final.json.gz"));
        let all = items.len();
        items.retain(|item| {
            let metadata = &item["metadata"];
            last.get(metadata["uid"].as_str().unwrap()).map(String::as_str)
                == metadata["resourceVersion"].as_str()
        });
        println!("{name}: {} of {all} listed objects did not change after the list", items.len());
        assert!(items.len() * 2 > all);
        let found = picture_of_cluster(&cluster, &names);
        for (key, line) in picture_of_list(&items) {
            assert_eq!(found.get(&key), Some(&line), "{name}: {key}");
        }
    }
}

/// The version at which a watch saw each object last, by uid.
fn last_versions(watch: &Path) -> BTreeMap<String, String> {
    #[derive(serde::Deserialize)]
    struct Line {
        object: Object,
    }
    #[derive(serde::Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        uid: String,
        resource_version: String,
    }
    let lines = std::io::BufReader::new(GzDecoder::new(File::open(watch).unwrap())).lines();
    let read = |line: String| serde_json::from_str::<Line>(&line).unwrap().object.metadata;
    lines.map(|line| read(line.unwrap())).map(|m| (m.uid, m.resource_version)).collect()
}

/// Recordings whose list at the end was taken of a cluster at rest.
const STILL: [&str; 8] = [
    "A",
    "B-1-unavailable",
    "B-2-surge",
    "C-1-heartbeat-taints",
    "C-3-resources-priority-ports",
    "E-1000",
    "F-101",
    "F-103",
];
