//! Kubelets that take their time, fail and crash: what comes of their settings in whole runs.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use kubetape_engine::actors::kubelet::{self, Rule};
use kubetape_engine::event::{Body, ConditionStatus, Event, Phase, PodCondition, Track, Why};
use kubetape_engine::names::{Names, NodeSpec};
use kubetape_engine::replay::{Events, Injection, Plan, Settings, Until, replay};
use kubetape_engine::sim::{Latency, Spread};
use kubetape_engine::time::{ApiSeconds, Micros, Time};
use kubetape_engine::{apply, manifest};

use common::Kept;

const AGENT: &str = "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: main, image: agent:1}]
";

/// What comes of a DaemonSet on some nodes in a time, with kubelets.
fn run(nodes: &[&str], kubelet: kubelet::Settings, lasting_s: i64) -> (Names, Vec<Event>) {
    run_all(&[AGENT], nodes, kubelet, lasting_s)
}

/// The same for several, applied together.
fn run_all(
    manifests: &[&str],
    nodes: &[&str],
    kubelet: kubelet::Settings,
    lasting_s: i64,
) -> (Names, Vec<Event>) {
    let mut names = Names::new();
    let mut trace = Vec::new();
    for name in nodes {
        let node = names.sym(name);
        let (node, pool) = (names.node(node), names.sym("pool"));
        let value = names.sym(if *name == "slow" { "slow" } else { "usual" });
        let spec = names.node_spec(NodeSpec { labels: vec![(pool, value)], ..NodeSpec::default() });
        let body = Body::NodeJoined { node, spec, created: ApiSeconds(0) };
        trace.push(Event::new(Time(0), Track::Cluster, body));
    }
    let injection = |text: &&str| {
        let decoded = manifest::decode("agent.yaml", text.as_bytes());
        let deed = Box::new(move |cluster: &_, names: &mut _| {
            Ok(apply::apply(&decoded, "default", cluster, names)?.bodies)
        });
        Injection { at: Some(Time(1_000_000)), deed }
    };
    let injections = manifests.iter().map(injection).collect();
    let settings = Settings { kubelet, ..Settings::default() };
    let until = Until::At(Time(lasting_s * 1_000_000));
    let plan = Plan { names, injections, settings, until, ..Plan::default() };
    let mut kept = Kept::default();
    let (world, _) = replay(&mut Events(trace), plan, &mut kept, &mut |_, _| {}).unwrap();
    (world.names, kept.0)
}

/// When the pod of each node started.
fn starts(names: &Names, events: &[Event]) -> BTreeMap<String, Time> {
    let mut on = BTreeMap::new();
    let mut starts = BTreeMap::new();
    for event in events {
        match event.body {
            Body::PodBound { pod, node } => {
                on.insert(pod, names.node_name(node).to_owned());
            }
            Body::PodPhaseSet { pod, phase: Phase::Running, .. } => {
                starts.insert(on[&pod].clone(), event.at);
            }
            _ => {}
        }
    }
    starts
}

fn spread() -> Latency {
    Latency::Spread(Spread::LognormalUs([Micros::seconds(2), Micros::seconds(9)]))
}

#[test]
fn a_node_more_changes_no_draw_on_the_others() {
    let settings = || kubelet::Settings { start_us: spread(), pull_us: spread(), ..Default::default() };
    let (names, few) = run(&["a", "b", "c", "d"], settings(), 600);
    let (more_names, more) = run(&["0", "a", "b", "b2", "c", "d"], settings(), 600);
    let (few, more) = (starts(&names, &few), starts(&more_names, &more));
    assert_eq!(few.len(), 4);
    assert_eq!(more.len(), 6);
    assert!(few.iter().all(|(node, at)| more[node] == *at), "{few:?} {more:?}");
    // And they are draws: no two are equal, and another seed gives others.
    let times: Vec<_> = few.values().collect();
    assert!(times.windows(2).all(|two| two[0] != two[1]), "{few:?}");
    let (names, other) = run(&["a", "b", "c", "d"], kubelet::Settings { seed: 1, ..settings() }, 600);
    assert_ne!(starts(&names, &other), few);
}

#[test]
fn rules_are_for_workloads_images_and_node_labels() {
    let rule = |seconds| Rule { start_us: Some(Micros::seconds(seconds).into()), ..Rule::default() };
    let rules = vec![
        Rule { workload: Some("default/other".to_owned()), ..rule(90) },
        Rule { node_label: Some("pool=slow".to_owned()), ..rule(20) },
        Rule { image: Some("agent:1".to_owned()), ..rule(5) },
        Rule { workload: Some("default/agent".to_owned()), ..rule(60) },
    ];
    let (names, events) = run(&["a", "slow"], kubelet::Settings { rules, ..Default::default() }, 600);
    let second = |n: i64| Time(n * 1_000_000);
    let expected = [("a".to_owned(), second(6)), ("slow".to_owned(), second(21))];
    assert_eq!(starts(&names, &events), BTreeMap::from(expected));
}

#[test]
fn a_crashing_container_is_restarted_ever_later() {
    let crash_after_us = Some(Micros::seconds(1).into());
    let rules = vec![Rule { crash_after_us, ..Rule::default() }];
    let kubelet = kubelet::Settings { rules, ..kubelet::Settings::instant() };
    let (_, events) = run(&["a"], kubelet, 2_000);
    let restarted = events.iter().filter_map(|event| match event.body {
        Body::PodRestarted { restarts, .. } => Some((restarts, event.at)),
        _ => None,
    });
    let restarted: Vec<_> = restarted.collect();
    // A second of running, and the delay: none, 10 s, 20 s, ... up to five minutes.
    let gaps: Vec<_> = restarted.windows(2).map(|two| (two[1].1 - two[0].1).0 / 1_000_000).collect();
    assert_eq!(restarted[0], (1, Time(2_000_000)));
    assert_eq!(gaps[..7], [11, 21, 41, 81, 161, 301, 301]);
}

#[test]
fn a_container_that_crashes_a_few_times_stays_up_in_the_end() {
    let crash_after_us = Some(Micros::seconds(1).into());
    let rules = vec![Rule { crash_after_us, crashes: Some(3), ..Rule::default() }];
    let (_, events) = run(&["a"], kubelet::Settings { rules, ..Default::default() }, 2_000);
    let ready = events.iter().filter_map(|event| match event.body {
        Body::PodConditionSet { condition: PodCondition::Ready, status, .. } => Some(status),
        _ => None,
    });
    let ready: Vec<_> = ready.collect();
    assert_eq!(ready.len(), 7, "{ready:?}");
    assert_eq!(ready.last(), Some(&ConditionStatus::True));
}

#[test]
fn a_readiness_probe_fails_for_a_while() {
    let rules = vec![Rule {
        unready_after_us: Some(Micros::seconds(60).into()),
        unready_for_us: Some(Micros::seconds(10).into()),
        ..Rule::default()
    }];
    let (_, events) = run(&["a"], kubelet::Settings { rules, ..kubelet::Settings::instant() }, 160);
    let ready = events.iter().filter_map(|event| match event.body {
        Body::PodConditionSet { status, .. } => Some((status, event.at.0 / 1_000_000)),
        _ => None,
    });
    let (yes, no) = (ConditionStatus::True, ConditionStatus::False);
    assert_eq!(ready.collect::<Vec<_>>(), [(yes, 1), (no, 61), (yes, 71), (no, 131), (yes, 141)]);
}

#[test]
fn failed_pods_are_replaced_ever_later() {
    let rules = vec![Rule { fail_after_us: Some(Micros::seconds(1).into()), ..Rule::default() }];
    let (_, events) = run(&["a"], kubelet::Settings { rules, ..kubelet::Settings::instant() }, 40);
    let deleted = events.iter().filter_map(|event| match event.body {
        Body::PodDeleted { why: Why::Failed, .. } => Some(event.at.0 / 1_000_000),
        _ => None,
    });
    // Each pod fails after a second. The delays are 1, 2, 4, ... s since the deletion before; a sync that finds a pod
    // too early comes again after the whole delay, not after what is left of it.
    assert_eq!(deleted.collect::<Vec<_>>(), [2, 3, 6, 11, 20, 37]);
}

#[test]
fn a_pod_that_the_kubelet_refuses_is_replaced_ever_later() {
    let port = "ports: [{containerPort: 80, hostPort: 80}]}]\n      nodeName: a\n";
    let first = AGENT.replace("}]\n", &format!(", {port}"));
    let second = first.replace("{name: agent}", "{name: other}");
    let (_, events) = run_all(&[&first, &second], &["a", "b"], kubelet::Settings::instant(), 40);
    let of_kind = |wanted: &dyn Fn(&Body) -> bool| -> Vec<_> {
        events.iter().filter(|event| wanted(&event.body)).map(|event| event.at.0 / 1_000_000).collect()
    };
    assert!(of_kind(&|body| matches!(body, Body::PodBound { .. })).is_empty(), "no scheduler has a say");
    assert_eq!(of_kind(&|body| matches!(body, Body::PodPhaseSet { phase: Phase::Running, .. })), [1]);
    let failed = of_kind(&|body| matches!(body, Body::PodPhaseSet { phase: Phase::Failed, .. }));
    let deleted = of_kind(&|body| matches!(body, Body::PodDeleted { why: Why::Failed, .. }));
    // Each pod fails as soon as it is there, so the delays between deletions are the back-off's own.
    assert_eq!(deleted, [1, 2, 4, 8, 16, 32]);
    assert_eq!(failed, [1, 1, 2, 4, 8, 16, 32]);
}

#[test]
fn an_image_is_pulled_once_for_each_node_and_a_pod_that_is_never_ready_is_not() {
    let rules = vec![Rule { never_ready: true, ..Rule::default() }];
    let pull_us = Micros::seconds(30).into();
    let kubelet = kubelet::Settings { pull_us, rules, ..kubelet::Settings::instant() };
    let (names, events) = run(&["a", "b"], kubelet, 600);
    let starts = starts(&names, &events);
    assert!(starts.values().all(|at| *at == Time(31_000_000)), "{starts:?}");
    let ready = |event: &Event| matches!(event.body, Body::PodConditionSet { .. });
    assert!(!events.iter().any(ready));
}
