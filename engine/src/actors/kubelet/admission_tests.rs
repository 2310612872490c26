//! Pods that come to nodes without a scheduler that would have asked first.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::super::{Kubelet, Settings};
use super::*;
use crate::actors::scheduler::{self, Scheduler};
use crate::event::{Body, Phase};
use crate::names::ResourceList;
use crate::testing::Hand;

fn hand() -> (Hand, NodeId) {
    let mut hand = Hand::new(vec![Box::new(Kubelet::new(Settings::default()))]);
    let node = hand.node("n", 1000);
    (hand, node)
}

/// A pod that somebody binds to a node.
fn bind(hand: &mut Hand, node: NodeId, name: &str, spec: &Value) -> PodId {
    let pod = hand.pod(None, node, name, name, spec);
    if !hand.world.cluster.pod(pod).unwrap().bound {
        hand.happen(Body::PodBound { pod, node });
    }
    pod
}

fn cpu(milli_cpu: u32) -> Value {
    let requests = json!({ "requests": { "cpu": format!("{milli_cpu}m") } });
    json!({ "containers": [{ "name": "c", "resources": requests }] })
}

/// What became of each pod.
fn phases(hand: &Hand) -> Vec<(String, String)> {
    let told = hand.world.recorded.iter().filter_map(|event| match event.body {
        Body::PodPhaseSet { pod, phase, reason } => {
            let name = hand.world.cluster.pod_name(pod, &hand.world.names);
            Some((name, format!("{phase:?} {}", hand.world.names.text(reason)).trim().to_owned()))
        }
        _ => None,
    });
    told.collect()
}

fn told(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, phase)| ((*name).to_owned(), (*phase).to_owned())).collect()
}

#[test]
fn of_pods_that_come_together_those_that_came_first_run() {
    let (mut hand, node) = hand();
    for (name, milli_cpu) in [("a", 600), ("b", 600), ("c", 400), ("d", 1)] {
        bind(&mut hand, node, name, &cpu(milli_cpu));
    }
    hand.until(10);
    let expected =
        told(&[("b", "Failed OutOfcpu"), ("d", "Failed OutOfcpu"), ("a", "Running"), ("c", "Running")]);
    assert_eq!(phases(&hand), expected);
}

#[test]
fn what_has_ended_leaves_room() {
    let (mut hand, node) = hand();
    let first = bind(&mut hand, node, "a", &cpu(1000));
    hand.until(10);
    hand.happen(Body::PodPhaseSet { pod: first, phase: Phase::Succeeded, reason: Sym::EMPTY });
    bind(&mut hand, node, "b", &cpu(1000));
    hand.until(20);
    assert_eq!(phases(&hand), told(&[("a", "Running"), ("a", "Succeeded"), ("b", "Running")]));
}

#[test]
fn the_first_reason_in_upstream_s_order_is_told() {
    let (mut hand, node) = hand();
    let (key, value) = (hand.world.names.sym("drained"), Sym::EMPTY);
    let port = json!([{ "name": "c", "ports": [{ "containerPort": 1, "hostPort": 80 }] }]);
    let gpu = json!({ "requests": { "example.com/gpu": 1, "memory": "1Gi" } });
    let taint = |effect| Body::NodeTaintAdded { node, taint: Taint { key, value, effect } };
    let come = |hand: &mut Hand, name, spec: &Value| {
        bind(hand, node, name, spec);
        hand.world.settle_moment(hand.now).unwrap();
    };
    come(&mut hand, "port", &json!({ "containers": port }));
    come(&mut hand, "port-again", &json!({ "containers": port }));
    come(&mut hand, "elsewhere", &json!({ "containers": port, "nodeSelector": { "a": "b" } }));
    // A node that tells its cpu alone has no memory; of devices it need not tell.
    come(&mut hand, "gpu", &json!({ "containers": [{ "name": "c", "resources": gpu }] }));
    hand.happen(taint(Effect::NoSchedule));
    come(&mut hand, "tolerated", &cpu(1));
    hand.happen(taint(Effect::NoExecute));
    come(&mut hand, "untolerated", &cpu(1));
    let expected = [
        ("port-again", "Failed NodePorts"),
        ("elsewhere", "Failed NodeAffinity"),
        ("gpu", "Failed OutOfmemory"),
        ("untolerated", "Failed TaintToleration"),
    ];
    assert_eq!(phases(&hand), told(&expected));
}

#[test]
fn too_many_pods_are_out_of_pods() {
    let (mut hand, node) = hand();
    let allocatable = hand.world.names.resources(ResourceList(vec![(sym::CPU, 1000), (sym::PODS, 1)]));
    hand.happen(Body::NodeCapacitySet { node, allocatable });
    bind(&mut hand, node, "a", &cpu(1));
    bind(&mut hand, node, "b", &cpu(2000));
    hand.until(10);
    assert_eq!(phases(&hand), told(&[("b", "Failed OutOfpods"), ("a", "Running")]));
}

#[test]
fn a_silent_kubelet_looks_when_it_is_back() {
    let (mut hand, node) = hand();
    hand.happen(Body::NodeSilent { node });
    bind(&mut hand, node, "a", &cpu(1001));
    hand.until(10);
    assert_eq!(phases(&hand), []);
    hand.happen(Body::NodeReturned { node });
    hand.until(11);
    assert_eq!(phases(&hand), told(&[("a", "Failed OutOfcpu")]));
}

#[test]
fn a_template_that_names_its_node_meets_the_kubelet_alone() {
    let scheduler = Scheduler::new(scheduler::Settings::default());
    let mut hand = Hand::new(vec![Box::new(scheduler), Box::new(Kubelet::new(Settings::default()))]);
    let node = hand.node("n", 1000);
    let spec = |milli_cpu: u32| {
        let mut spec = cpu(milli_cpu);
        spec["nodeName"] = json!("n");
        spec
    };
    hand.pod(None, node, "scheduled", "a", &cpu(600));
    hand.until(5);
    hand.pod(None, node, "named", "a", &spec(600));
    hand.until(10);
    assert_eq!(phases(&hand), told(&[("scheduled", "Running"), ("named", "Failed OutOfcpu")]));
}
