//! Recordings of real clusters, replayed and compared with themselves at every settled moment.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kubetape_engine::cluster::Cluster;
use kubetape_engine::diff::{Comparison, Side, Strictness, When, diff};
use kubetape_engine::event::{Body, Event, Track, Why, WorkloadStatus};
use kubetape_engine::names::{Names, Seq, sym};
use kubetape_engine::replay::{Events, Plan, Settings, Timings, Tracks, replay};
use kubetape_engine::time::{Micros, Time};

use common::{Kept, recording, shared};

/// A recording and what came of replaying it.
struct Replayed {
    names: Names,
    trace: Vec<Event>,
    run_names: Names,
    run: Vec<Event>,
    end: Time,
}

impl Replayed {
    fn new(folder: &Path, play: &str) -> Self {
        Self::following(folder, play, Settings::default(), false)
    }

    /// The same with other settings, and perhaps with nodes taken in the recorded order where any will do.
    fn following(folder: &Path, play: &str, settings: Settings, follow: bool) -> Self {
        let (names, trace) = recording(folder);
        let mut timings = Timings::default();
        trace.iter().for_each(|event| timings.note(event));
        let play = Tracks::parse(play).unwrap();
        let plan = Plan { play, timings, follow, settings, names: names.clone(), ..Plan::default() };
        let mut run = Kept::default();
        let (world, summary) = replay(&mut Events(trace.clone()), plan, &mut run, &mut |_, _| {}).unwrap();
        Replayed { names, trace, run_names: world.names, run: run.0, end: summary.end.unwrap() }
    }

    fn compare(&self, when: When) -> Comparison {
        let recorded = || Ok(Side::from_events(self.names.clone(), &self.trace));
        let run = || Ok(Side::from_events(self.run_names.clone(), &self.run).known_until(self.end));
        diff(recorded, run, when).unwrap()
    }

    /// Asserts that DaemonSets' statuses say what they said in the recording.
    fn assert_same_statuses(&self, name: &str, comparison: &Comparison) {
        for moment in &comparison.moments {
            let recorded = statuses(&self.names, &self.trace, moment.at_a);
            let run = statuses(&self.run_names, &self.run, moment.at_b);
            assert_eq!(run, recorded, "{name} at {}", moment.at_a);
        }
    }

    /// Just before each thing that a person did to a DaemonSet: what came before had come to its end.
    fn phase_ends(&self) -> Vec<Time> {
        let of_daemon_set = |event: &&Event| {
            let object = event.body.object().filter(|_| event.track == Track::User);
            object.is_some_and(|object| self.names.object_key(object).kind == sym::DAEMON_SET)
        };
        self.trace.iter().filter(of_daemon_set).map(|event| event.at - Micros(1)).collect()
    }
}

/// Asserts that nothing differs, and says when what does.
fn assert_same(name: &str, comparison: &Comparison) {
    let differs = comparison.moments.iter().filter(|moment| !moment.is_same(Strictness::Placements));
    let differs: Vec<_> = differs.map(|moment| (moment.at_a.to_string(), &moment.daemon_sets)).collect();
    assert!(differs.is_empty(), "{name}: of {} moments, {differs:?}", comparison.moments.len());
}

const WORKLOADS_PLAYED: &str = "cluster,user,workloads/replicaset,workloads/deployment";

fn further(name: &str) -> Option<PathBuf> {
    shared(&format!("oracle/live/{name}"))
}

#[test]
fn the_lesson_is_replayed_as_it_was_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/lesson");
    let comparison = Replayed::new(&folder, WORKLOADS_PLAYED).compare(When::EverySettled);
    assert!(comparison.moments.len() >= 6, "{} settled moments", comparison.moments.len());
    assert_same("lesson", &comparison);
}

#[test]
fn a_thousand_nodes_end_as_they_were_recorded() {
    let Some(folder) = further("E-1000") else { return };
    let replayed = Replayed::new(&folder, WORKLOADS_PLAYED);
    let phases = replayed.phase_ends();
    assert_eq!(phases.len(), 4, "registration, rollout, label storm, rolling update");
    for at in phases {
        assert_same("E-1000", &replayed.compare(When::At { a: at, b: at }));
    }
    assert_same("E-1000", &replayed.compare(When::EverySettled));
}

#[test]
fn rollouts_are_replayed_as_they_were_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../traces/rollout");
    // Whoever of the others is played back, the controller decides the same.
    for others in ["", ",scheduler", ",scheduler,kubelet"] {
        let replayed = Replayed::new(&folder, &format!("{WORKLOADS_PLAYED}{others}"));
        assert_same("rollout", &replayed.compare(When::EverySettled));
    }
}

/// What the DaemonSets' statuses said at a moment.
fn statuses(names: &Names, events: &[Event], at: Time) -> BTreeMap<String, WorkloadStatus> {
    let (mut names, mut cluster) = (names.clone(), Cluster::new());
    for (index, event) in events.iter().enumerate().take_while(|(_, event)| event.at <= at) {
        cluster.apply(&mut names, Seq(index as u64 + 1), event).unwrap();
    }
    cluster.daemon_sets().map(|(object, _)| (names.object_name(object.id), object.status)).collect()
}

/// How many pods were to make room for others.
fn preempted(events: &[Event]) -> usize {
    events.iter().filter(|event| matches!(event.body, Body::PodDeleted { why: Why::Preempted, .. })).count()
}

/// How many pods of each DaemonSet are where: on nodes, ready, of the newest template.
#[test]
fn where_pods_compete_for_room_as_many_have_it_as_were_recorded() {
    let Some(folder) = further("C-3-resources-priority-ports") else { return };
    for others in [",kubelet", ""] {
        let replayed = Replayed::new(&folder, &format!("{WORKLOADS_PLAYED}{others}"));
        let comparison = replayed.compare(When::EverySettled);
        replayed.assert_same_statuses("C-3", &comparison);
        assert!(comparison.moments.len() >= 5, "{}", comparison.moments.len());
        // Two more were recorded, on nodes that are full of pods: there a waiting pod slipped in between an outdated pod's
        // end and the creation of its successor, which then took its place. Here nothing comes between the two.
        assert_eq!((preempted(&replayed.run), preempted(&replayed.trace)), (12, 14));
    }
    // Where nodes are taken as recorded, the very same pods have room: all differences were upstream's drawing of lots.
    let play = format!("{WORKLOADS_PLAYED},kubelet,lifecycle");
    let comparison =
        Replayed::following(&folder, &play, Settings::default(), true).compare(When::EverySettled);
    assert!(comparison.moments.len() >= 100, "{}", comparison.moments.len());
    assert_same("C-3", &comparison);
}

/// Recordings with heartbeats that stop, taints, preemption, ports that conflict, pods that fail and random churn.
const FURTHER: [&str; 7] =
    ["A", "C-1-heartbeat-taints", "C-3-resources-priority-ports", "D", "F-101", "F-102", "F-103"];

/// There nodes leave in the middle of a surging rollout. What then happens follows from which nodes the real controller
/// had taken first, and how many by then: it saw things some milliseconds late, and took some to write.
#[test]
fn a_disturbed_surge_is_replayed_where_nodes_are_taken_as_recorded() {
    let Some(folder) = further("B-2-surge") else { return };
    let mut settings = Settings::default();
    settings.daemon_set.informer_lag_us = Micros::millis(8);
    settings.daemon_set.sync_us = Micros::millis(3);
    // When the pod garbage collector makes its rounds follows from when it was started, before the recording.
    let play = format!("{WORKLOADS_PLAYED},scheduler,kubelet,lifecycle");
    let replayed = Replayed::following(&folder, &play, settings, true);
    let comparison = replayed.compare(When::EverySettled);
    assert!(comparison.moments.len() >= 8, "{}", comparison.moments.len());
    assert_same("B-2-surge", &comparison);
    replayed.assert_same_statuses("B-2-surge", &comparison);
}

#[test]
fn placements_and_statuses_are_the_recorded_ones_while_pods_behave_as_they_did() {
    for folder in FURTHER.into_iter().filter_map(further) {
        let name = folder.display().to_string();
        let replayed = Replayed::new(&folder, &format!("{WORKLOADS_PLAYED},scheduler,kubelet"));
        let comparison = replayed.compare(When::EverySettled);
        assert!(comparison.moments.len() > 1, "{name}");
        assert_same(&name, &comparison);
        replayed.assert_same_statuses(&name, &comparison);
    }
}
