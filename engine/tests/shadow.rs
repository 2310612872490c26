//! Recordings of real clusters, held against the engine's own decisions write by write.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::File;
use std::path::{Path, PathBuf};

use kubetape_engine::event::{Body, Event, Track};
use kubetape_engine::import::{self, Source};
use kubetape_engine::names::{Names, sym};
use kubetape_engine::replay::Events;
use kubetape_engine::shadow::{Kind, Report, shadow};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces").join(name)
}

/// A recording's events, with the dictionary that they are told in.
fn recording(folder: &Path, files: &[&str]) -> (Names, Vec<Event>) {
    let sources = files.iter().map(|name| folder.join(name)).filter(|path| path.exists());
    let source = |path: PathBuf| Source {
        name: path.display().to_string(),
        bytes: Box::new(File::open(path).unwrap()),
    };
    let mut names = Names::new();
    let sources = sources.map(source).collect();
    let imported = import::import(sources, &import::Options::default(), &mut names, &mut |_| {}).unwrap();
    (names, [imported.genesis, imported.events].concat())
}

const BOTH: &[&str] = &["watch.jsonl.gz", "audit.jsonl.gz"];

fn compare(names: Names, events: Vec<Event>) -> Report {
    shadow(&mut Events(events), names, &mut |_, _| {}).unwrap()
}

fn agreed(report: &Report, kind: Kind) -> u64 {
    report.tallies.get(&kind).map_or(0, |tally| tally.agreed)
}

/// Asserts that nothing differs, and shows what does.
fn assert_agrees(name: &str, report: &Report) {
    let first: Vec<_> = report.disagreements.iter().take(5).collect();
    assert!(report.agrees(), "{name}: {} disagreements: {first:#?}", report.disagreements.len());
}

#[test]
fn every_decision_in_the_lesson_is_ours_too() {
    let (names, events) = recording(&shipped("lesson"), BOTH);
    let report = compare(names, events);
    assert_agrees("lesson", &report);
    let counts = [Kind::PodCreated, Kind::PodDeleted, Kind::RevisionCreated, Kind::StatusWritten];
    assert_eq!(counts.map(|kind| agreed(&report, kind)), [8, 4, 2, 22]);
}

#[test]
fn every_decision_in_rollouts_is_ours_too() {
    let (names, events) = recording(&shipped("rollout"), BOTH);
    let report = compare(names, events);
    assert_agrees("rollout", &report);
    let counts = [Kind::PodCreated, Kind::PodDeleted, Kind::RevisionCreated, Kind::StatusWritten];
    assert_eq!(counts.map(|kind| agreed(&report, kind)), [316, 266, 8, 420]);
}

#[test]
fn without_an_audit_log_deletions_that_nobody_signs_are_not_compared() {
    let (names, events) = recording(&shipped("rollout"), &BOTH[..1]);
    let report = compare(names, events);
    assert_agrees("rollout without audit log", &report);
    let deleted = report.tallies[&Kind::PodDeleted];
    assert!(deleted.unattributed > 200 && deleted.unattributed_alike == deleted.unattributed, "{deleted:?}");
    assert_eq!(agreed(&report, Kind::PodCreated), 316, "only the controller makes pods that it owns");
}

#[test]
fn a_pod_where_none_should_be_is_a_disagreement() {
    let (mut names, mut events) = recording(&shipped("lesson"), BOTH);
    let tainted = names.sym("control-plane-1");
    let wrong = names.node(tainted);
    let created = events.iter_mut().find_map(|event| match &mut event.body {
        Body::PodCreated { node: Some(node), .. } if event.track == Track::DaemonSet => Some(node),
        _ => None,
    });
    *created.unwrap() = wrong;
    let report = compare(names, events);
    let found = report.disagreements.iter().find(|found| found.kind == Kind::PodCreated).unwrap();
    assert_eq!(found.recorded, "a pod created for control-plane-1");
    assert!(found.ours.starts_with("create 3 of 3"), "{}", found.ours);
}

#[test]
fn a_wrong_counter_is_a_disagreement() {
    let (names, mut events) = recording(&shipped("lesson"), BOTH);
    let written = events.iter_mut().rev().find_map(|event| match &mut event.body {
        Body::StatusWritten { object, status } if names.object_key(*object).kind == sym::DAEMON_SET => {
            Some(status)
        }
        _ => None,
    });
    written.unwrap().ready += 1;
    let report = compare(names, events);
    assert_eq!(report.disagreements.len(), 1, "{:#?}", report.disagreements);
    assert_eq!(report.disagreements[0].kind, Kind::StatusWritten);
}

#[test]
fn a_rollout_that_takes_too_few_at_once_is_a_disagreement() {
    let (mut names, mut events) = recording(&shipped("rollout"), BOTH);
    let mut changed = 0;
    for event in &mut events {
        if let Body::Applied { manifest, .. } = &mut event.body {
            let text = names.doc_text(*manifest).replace(r#""maxUnavailable":1"#, r#""maxUnavailable":3"#);
            changed += u32::from(text != names.doc_text(*manifest));
            *manifest = names.doc(&text);
        }
    }
    assert!(changed > 0);
    let report = compare(names, events);
    assert!(report.tallies[&Kind::PodDeleted].disagreed > 40, "{:?}", report.tallies);
}

/// Recordings that are only there where the project is developed.
fn further() -> Vec<PathBuf> {
    let Some(place) = common::shared("oracle/live") else { return Vec::new() };
    let entries = std::fs::read_dir(&place).unwrap().flatten().map(|entry| entry.path());
    let mut folders: Vec<_> = entries.filter(|path| path.join("watch.jsonl.gz").exists()).collect();
    folders.sort();
    folders
}

#[test]
fn every_decision_in_further_recordings_is_ours_too() {
    for folder in further() {
        let (names, events) = recording(&folder, BOTH);
        let report = compare(names, events);
        assert_agrees(&folder.display().to_string(), &report);
        assert!(agreed(&report, Kind::StatusWritten) > 0, "{}", folder.display());
        if folder.ends_with("C-3-resources-priority-ports") {
            assert_eq!(agreed(&report, Kind::Preempted), 14);
        }
    }
}
