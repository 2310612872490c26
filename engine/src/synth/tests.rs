//! Traces as a whole.

use std::collections::BTreeMap;

use super::*;
use crate::cluster::Cluster;
use crate::event::{Body, Event};
use crate::log::Identity;
use crate::names::{Names, Seq};
use crate::time::Micros;

fn made(mut synth: Synth) -> (Names, Vec<Event>) {
    let (mut names, mut events) = (Names::new(), Vec::new());
    while synth.next_batch(&mut names, &mut events) {}
    (names, events)
}

fn digest(names: &Names, events: &[Event]) -> String {
    let mut identity = Identity::new();
    identity.add(names, events).unwrap();
    identity.digest().to_string()
}

/// Folds a trace, every event of which has to fit and to change something.
fn fold(names: &mut Names, events: &[Event]) -> Cluster {
    let mut cluster = Cluster::new();
    for (index, event) in events.iter().enumerate() {
        let change = cluster.apply(names, Seq(index as u64 + 1), event).unwrap();
        assert!(change.effective, "{:?}", event.body);
    }
    cluster
}

#[test]
fn a_seed_gives_the_same_bytes_here_and_everywhere() {
    let spec = Spec { nodes: 300, daemon_sets: 12, changes: 3_000, ..Spec::default() };
    let (names, events) = made(Synth::new(spec));
    let first = digest(&names, &events);
    let (names, events) = made(Synth::new(spec));
    assert_eq!(digest(&names, &events), first);
    let (names, events) = made(Synth::new(Spec { seed: 2, ..spec }));
    assert_ne!(digest(&names, &events), first);
    // Traces that people have made and kept must be made again the same: changing this is a breaking change.
    assert_eq!(first, "fe2cbb30d20a8ee466cf8bdc6aeb8639");
}

#[test]
fn every_event_fits_the_cluster_and_changes_it() {
    for exact in [false, true] {
        let spot = Micros::seconds(if exact { 0 } else { 300 });
        let rates = Rates { exact, spot_loss_every_us: spot, changes_per_rollout: 100, ..Rates::default() };
        let spec = Spec { nodes: 200, daemon_sets: 10, changes: 5_000, rates, ..Spec::default() };
        let (mut names, events) = made(Synth::new(spec));
        assert!(events.is_sorted_by_key(|event| event.at));
        let cluster = fold(&mut names, &events);
        assert_eq!(cluster.daemon_sets().count(), 10);
        assert!(cluster.nodes().len() > 100);
    }
}

#[test]
fn an_exact_mix_has_its_shares_of_events() {
    let rates = Rates { exact: true, changes_per_rollout: 1_000, ..Rates::default() };
    let spec = Spec { nodes: 500, daemon_sets: 30, changes: 10_010, rates, ..Spec::default() };
    let (names, events) = made(Synth::new(spec));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &events[1_000 + 30..] {
        let kind = match event.body {
            Body::NodeLabelSet { key, .. } if SELECTED_KEYS.contains(&names.text(key)) => "selected",
            Body::NodeLabelSet { .. } => "unmentioned",
            Body::NodeTaintAdded { .. } | Body::NodeTaintRemoved { .. } => "taints",
            Body::NodeCordoned { .. } | Body::NodeUncordoned { .. } => "cordons",
            Body::NodeJoined { .. } | Body::NodeLeft { .. } => "membership",
            Body::NodeConditionSet { .. } => "conditions",
            _ => "rollouts",
        };
        *counts.entry(kind).or_default() += 1;
    }
    let expected = [
        ("selected", 3_500),
        ("unmentioned", 3_500),
        ("taints", 1_000),
        ("cordons", 1_000),
        ("membership", 500),
        ("conditions", 500),
        ("rollouts", 10),
    ];
    assert_eq!(counts, expected.into());
}

#[test]
fn recorded_failures_happen_to_the_nodes_that_stand_for_the_machines() {
    let failures = read_failures("0,add,a\n60000,remove,a\n120000,remove,b\n600000,add,a\n").unwrap();
    let spec = Spec { nodes: 4, daemon_sets: 1, changes: 0, speed: 2, ..Spec::default() };
    let (mut names, events) = made(Synth::with_failures(spec, failures));
    let cluster = fold(&mut names, &events);
    let last = events.last().unwrap();
    let left: Vec<_> = events
        .iter()
        .filter(|event| matches!(event.body, Body::NodeLeft { .. }))
        .map(|event| event.at)
        .collect();
    assert_eq!(left[1] - left[0], Micros::seconds(30), "twice as fast as recorded");
    assert!(matches!(last.body, Body::NodeConditionSet { .. }), "{last:?}");
    assert_eq!(cluster.nodes().len(), 3);
}
