//! A what-if changes what it changes, and nothing else: chance is drawn for each thing apart, so that one more node
//! moves no other node's pods by a microsecond.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::diff::{ChangeKind, Options, Side, When, diff_with};
use kubetape_engine::event::{Body, Event, Track};
use kubetape_engine::names::{Names, NodeSpec, Seq};
use kubetape_engine::replay::{Events, Plan, replay};
use kubetape_engine::synth::{Rates, Spec, Synth};
use kubetape_engine::time::{ApiSeconds, Micros, Time};

use common::Kept;

/// A cluster whose nodes are relabelled, tainted and cordoned, and come and go.
fn trace(seed: u64) -> (Names, Vec<Event>) {
    let rates = Rates { changes_per_rollout: 0, ..Rates::default() };
    let mut synth =
        Synth::new(Spec { seed, nodes: 40, daemon_sets: 6, rates, changes: 400, ..Spec::default() });
    let (mut names, mut events, mut batch) = (Names::new(), Vec::new(), Vec::new());
    while synth.next_batch(&mut names, &mut batch) {
        events.append(&mut batch);
    }
    (names, events)
}

/// The same, with one more node that joins in the middle and leaves again before the end.
fn with_one_more(seed: u64) -> (Names, Vec<Event>) {
    let (mut names, mut events) = trace(seed);
    let copied = events.iter().find_map(|event| match event.body {
        Body::NodeJoined { spec, .. } => Some(names.node_spec_of(spec).clone()),
        _ => None,
    });
    let name = names.sym("one-more");
    let node = names.node(name);
    let labels = copied.unwrap().labels;
    let labels = labels.into_iter().filter(|label| names.text(label.0) != "kubernetes.io/hostname").collect();
    let spec = names.node_spec(NodeSpec { labels, ..NodeSpec::default() });
    let (middle, late) = (events.len() / 2, events.len() * 9 / 10);
    let left = Event::new(events[late].at, Track::Cluster, Body::NodeLeft { node });
    events.insert(late + 1, left);
    let at = events[middle].at;
    let joined = Body::NodeJoined { node, spec, created: ApiSeconds(at.0 / 1_000_000) };
    events.insert(middle + 1, Event::new(at, Track::Cluster, joined));
    (names, events)
}

fn run((names, trace): (Names, Vec<Event>)) -> (Names, Vec<Event>) {
    let mut kept = Kept::default();
    let plan = Plan { names, ..Plan::default() };
    let (world, _) = replay(&mut Events(trace), plan, &mut kept, &mut |_, _| {}).unwrap();
    (world.names, kept.0)
}

/// What happened on each node and to the pods on it: when, what, and to which pod by name.
fn by_node((names, events): &(Names, Vec<Event>)) -> BTreeMap<String, Vec<(Time, &'static str, String)>> {
    let (mut cluster, mut names) = (Cluster::new(), names.clone());
    let mut nodes: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        cluster.apply(&mut names, Seq(index as u64 + 1), event).unwrap();
        let pod = event.body.pod();
        let node = pod.and_then(|pod| cluster.pod(pod)).and_then(|pod| pod.node).or(event.body.node());
        if let Some(node) = node {
            let pod = pod.map(|pod| cluster.pod_name(pod, &names)).unwrap_or_default();
            let here = nodes.entry(names.node_name(node).to_owned()).or_default();
            here.push((event.at, event.body.kind(), pod));
        }
    }
    nodes
}

fn side(run: &(Names, Vec<Event>)) -> Side<'_> {
    Side::from_events(run.0.clone(), &run.1)
}

#[test]
fn one_more_node_changes_nothing_elsewhere() {
    for seed in 1..=5 {
        let (before, after) = (run(trace(seed)), run(with_one_more(seed)));
        let (one, mut two) = (by_node(&before), by_node(&after));
        let own = two.remove("one-more").unwrap();
        assert!(own.iter().any(|(_, kind, _)| *kind == "PodBound"), "seed {seed}: {own:?}");
        assert!(one.len() >= 40);
        for (node, happened) in &one {
            assert_eq!(Some(happened), two.get(node), "seed {seed}, {node}");
        }
        assert_eq!(one.len(), two.len());
        // The diff sees it so too, all along the time line.
        let when = When::Timeline { tolerance: Micros::ZERO };
        let options = Options { when, group: true, ..Options::default() };
        let compared = diff_with(|| Ok(side(&before)), || Ok(side(&after)), options);
        let timeline = compared.unwrap().comparison.timeline;
        assert!(!timeline.is_empty());
        for stretch in &timeline {
            assert_eq!(stretch.kind, ChangeKind::Gained, "seed {seed}: {stretch:#?}");
            let nodes =
                stretch.grouping.groups.iter().flat_map(|group| &group.nodes).chain(&stretch.grouping.rest);
            assert!(nodes.into_iter().all(|node| node == "one-more"), "seed {seed}: {stretch:#?}");
        }
    }
}
