//! Recordings of real clusters, imported and folded: the cluster that comes out is the one that was recorded.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod picture;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::{Body, Event, Flags, Track};
use kubetape_engine::import::{Imported, Options, Source, SourceKind, import};
use kubetape_engine::names::{Names, Seq};
use kubetape_engine::time::Time;
use serde_json::Value;

use picture::{picture_of_cluster, picture_of_list};

fn lesson() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/lesson")
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
    let Some(place) = common::shared("oracle/live") else { return };
    for name in STILL.iter().filter(|name| place.join(name).join("watch.jsonl.gz").is_file()) {
        let told = assert_folds_to_its_end(&place.join(name));
        let mut inferred = told.report.inferred.keys().filter(|what| what.starts_with("author of"));
        assert_eq!(inferred.next(), None, "{name}: the audit log names every author");
        assert!(!told.report.inferred.contains_key("reason of PodDeleted: none that fits"), "{name}");
        let guessed = import_files(&[place.join(name).join("watch.jsonl.gz")], &mut Names::new());
        let wrong = disagreements(&told, &guessed);
        assert!(wrong.len() * 100 <= told.events.len(), "{name}: {wrong:#?}");
    }
}

#[test]
fn recordings_that_were_still_moving_fold_too() {
    let Some(place) = common::shared("oracle/live") else { return };
    for name in ["D", "F-102"].iter().filter(|name| place.join(name).join("watch.jsonl.gz").is_file()) {
        let mut names = Names::new();
        let files = [place.join(name).join("watch.jsonl.gz"), place.join(name).join("audit.jsonl.gz")];
        let imported = import_files(&files, &mut names);
        let cluster = fold(&imported, &mut names);
        assert!(cluster.node_count() > 0 && cluster.pod_count() > 0, "{name}");
        // Of what the list shows as the watch saw it last, everything has to be the same.
        let last = last_versions(&place.join(name).join("watch.jsonl.gz"));
        let mut items = list(&place.join(name).join("final.json.gz"));
        let all = items.len();
        items.retain(|item| {
            let metadata = &item["metadata"];
            last.get(metadata["uid"].as_str().unwrap()).map(String::as_str)
                == metadata["resourceVersion"].as_str()
        });
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
