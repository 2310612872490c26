//! Pods that make room for themselves, and what they leave alone.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::super::{Scheduler, Settings};
use super::*;
use crate::event::{Body, Phase};
use crate::names::{PodShape, Sym, sym};
use crate::sim::World;
use crate::testing::Hand;

fn hand() -> Hand {
    Hand::new(vec![Box::new(Scheduler::new(Settings::default()))])
}

fn spec(milli_cpu: u32, priority: i32) -> Value {
    json!({
        "priority": priority,
        "containers": [{ "name": "c", "resources": { "requests": { "cpu": format!("{milli_cpu}m") } } }],
    })
}

/// A pod for a node that asks for so much, tried at once. Its app is its name.
fn pod(hand: &mut Hand, node: NodeId, name: &str, milli_cpu: u32, priority: i32) -> PodId {
    let pod = hand.pod(None, node, name, name, &spec(milli_cpu, priority));
    hand.world.settle_moment(hand.now).unwrap();
    pod
}

/// The same for a pod that can go anywhere.
fn anywhere(hand: &mut Hand, name: &str, milli_cpu: u32, priority: i32) -> PodId {
    let names = &mut hand.world.names;
    let doc = names.doc(&json!({ "metadata": {}, "spec": spec(milli_cpu, priority) }).to_string());
    let shape = names.shape(PodShape { doc, revision_hash: Sym::EMPTY, template_generation: None });
    let (name, namespace, created) = (names.sym(name), sym::DEFAULT, hand.now.api_seconds());
    let pod = hand.world.cluster.next_pod();
    hand.happen(Body::PodCreated {
        pod,
        owner: None,
        node: None,
        ordinal: 0,
        name,
        namespace,
        shape,
        created,
    });
    hand.world.settle_moment(hand.now).unwrap();
    pod
}

fn bound(hand: &Hand, pod: PodId) -> bool {
    hand.world.cluster.pod(pod).unwrap().bound
}

fn going(hand: &Hand, pods: &[PodId]) -> Vec<bool> {
    pods.iter().map(|pod| hand.world.cluster.pod(*pod).unwrap().terminating()).collect()
}

/// A pod ends, and what waits for that happens.
fn end(hand: &mut Hand, pod: PodId) {
    hand.happen(Body::PodPhaseSet { pod, phase: Phase::Succeeded, reason: Sym::EMPTY });
    hand.world.settle_moment(hand.now).unwrap();
}

/// What pods were told that no node would have.
fn messages(hand: &Hand) -> Vec<String> {
    let said = hand.world.recorded.iter().filter_map(|event| match event.body {
        Body::PodUnschedulable { message, .. } => Some(hand.world.names.text(message).to_owned()),
        _ => None,
    });
    said.collect()
}

#[test]
fn a_pod_of_higher_priority_takes_the_place_of_a_lower_one_when_that_has_ended() {
    let mut hand = hand();
    let (node, _) = (hand.node("n", 1000), hand.node("m", 1000));
    let low = pod(&mut hand, node, "low", 600, 100);
    let high = pod(&mut hand, node, "high", 700, 1000);
    let expected = [
        "0 PodBound low",
        "0 PodUnschedulable high",
        "0 PodNominated high",
        "0 PodConditionSet low",
        "0 PodDeleted low",
    ];
    let kinds = ["PodBound", "PodUnschedulable", "PodNominated", "PodConditionSet", "PodDeleted", "PodGone"];
    assert_eq!(hand.story(&kinds), expected);
    let said =
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity].";
    assert_eq!(messages(&hand), [said]);
    let Body::PodDeleted { why, grace_s, .. } = hand.world.recorded.last().unwrap().body else { panic!() };
    assert_eq!((why, grace_s), (Why::Preempted, 30));
    assert_eq!(hand.world.cluster.nominated_node(high), Some(node));
    // The replacement of what had to go is of lower priority, and waits in its turn.
    let again = pod(&mut hand, node, "low-again", 600, 100);
    end(&mut hand, low);
    assert!(bound(&hand, high) && !bound(&hand, again));
    assert_eq!(hand.world.cluster.nominated_node(high), None);
    assert!(messages(&hand)[1].ends_with(
        "no new claims to deallocate, preemption: 0/2 nodes are available: \
         1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
    ));
}

#[test]
fn only_as_many_go_as_must_and_the_less_important_ones() {
    let mut hand = hand();
    let node = hand.node("n", 1000);
    let pods = [("old", 1), ("important", 5), ("new", 1)];
    let pods = pods.map(|(name, priority)| pod(&mut hand, node, name, 300, priority));
    pod(&mut hand, node, "high", 400, 10);
    assert_eq!(going(&hand, &pods), [false, false, true]);
}

#[test]
fn a_budget_is_violated_only_if_nothing_else_helps() {
    let mut hand = hand();
    let node = hand.node("n", 1000);
    hand.budget("keep", "new", json!({ "minAvailable": 1 }));
    // A budget for everything counts for evictions, not here.
    let everything = json!({ "apiVersion": "policy/v1", "spec": { "minAvailable": 9, "selector": {} } });
    hand.object("PodDisruptionBudget", "everything", &everything);
    let pods = [("old", 5), ("new", 1)].map(|(name, priority)| pod(&mut hand, node, name, 500, priority));
    pods.iter().for_each(|pod| hand.start(*pod, node));
    pod(&mut hand, node, "high", 400, 10);
    assert_eq!(going(&hand, &pods), [true, false]);
    pod(&mut hand, node, "higher", 900, 20);
    assert_eq!(going(&hand, &pods), [true, true]);
}

#[test]
fn a_polite_pod_waits() {
    let mut hand = hand();
    let node = hand.node("n", 1000);
    let low = pod(&mut hand, node, "low", 600, 0);
    let class = json!({ "value": 50, "preemptionPolicy": "Never" });
    hand.object("PriorityClass", "polite", &class);
    let wants = json!([{ "name": "c", "resources": { "requests": { "cpu": "500m" } } }]);
    let spec = json!({ "priorityClassName": "polite", "containers": wants });
    let polite = hand.pod(None, node, "polite", "polite", &spec);
    hand.world.settle_moment(hand.now).unwrap();
    assert_eq!(going(&hand, &[low]), [false]);
    let said = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, \
                preemption: not eligible due to preemptionPolicy=Never.";
    assert_eq!(messages(&hand), [said]);
    // It may be impolite for itself.
    let spec = json!({ "preemptionPolicy": "PreemptLowerPriority", "priorityClassName": "polite", "containers": wants });
    hand.pod(None, node, "own", "own", &spec);
    hand.world.settle_moment(hand.now).unwrap();
    assert_eq!(going(&hand, &[low]), [true]);
    end(&mut hand, low);
    assert!(bound(&hand, polite));
}

#[test]
fn room_that_was_promised_is_not_taken_by_others() {
    let mut hand = hand();
    let node = hand.node("n", 1000);
    let lows = ["a", "b"].map(|name| pod(&mut hand, node, name, 500, 1));
    let high = pod(&mut hand, node, "high", 900, 10);
    assert_eq!(going(&hand, &lows), [true, true]);
    let small = pod(&mut hand, node, "small", 100, 5);
    end(&mut hand, lows[0]);
    // Half of the room is there: not enough for one, and promised to it.
    assert!(!bound(&hand, high) && !bound(&hand, small));
    let other = pod(&mut hand, node, "other", 200, 5);
    assert!(!bound(&hand, other));
    end(&mut hand, lows[1]);
    assert!(bound(&hand, high) && bound(&hand, small) && !bound(&hand, other));
    let nominated = hand.story(&["PodNominated"]);
    assert_eq!(nominated, ["0 PodNominated high", "0 PodNominated small"], "nobody is told twice");
}

#[test]
fn a_more_important_pod_takes_over_what_was_promised() {
    let mut hand = hand();
    let node = hand.node("n", 1000);
    let low = pod(&mut hand, node, "low", 900, 1);
    let high = pod(&mut hand, node, "high", 900, 10);
    let higher = pod(&mut hand, node, "higher", 900, 20);
    let cluster = &hand.world.cluster;
    assert_eq!((cluster.nominated_node(high), cluster.nominated_node(higher)), (None, Some(node)));
    assert_eq!(hand.story(&["PodDeleted"]), ["0 PodDeleted low"], "it goes once");
    end(&mut hand, low);
    assert!(bound(&hand, higher) && !bound(&hand, high));
}

#[test]
fn what_a_pod_that_is_deleted_was_promised_is_free_for_others() {
    let mut hand = hand();
    let node = hand.node("n", 1000);
    let low = pod(&mut hand, node, "low", 900, 1);
    let high = pod(&mut hand, node, "high", 900, 10);
    end(&mut hand, low);
    assert!(bound(&hand, high));
    let higher = pod(&mut hand, node, "higher", 900, 20);
    let waits = pod(&mut hand, node, "waits", 900, 5);
    end(&mut hand, high);
    assert!(bound(&hand, higher));
    end(&mut hand, higher);
    assert!(bound(&hand, waits));
}

#[test]
fn a_pod_that_can_go_anywhere_goes_where_it_costs_least() {
    let mut hand = hand();
    let [a, b, c] = ["a", "b", "c"].map(|name| hand.node(name, 1000));
    let pods = [(a, "dear", 900, 8), (b, "two-1", 450, 3), (b, "two-2", 450, 3), (c, "one", 900, 3)];
    let pods = pods.map(|(node, name, cpu, priority)| pod(&mut hand, node, name, cpu, priority));
    let high = anywhere(&mut hand, "high", 500, 10);
    assert_eq!(going(&hand, &pods), [false, false, false, true]);
    assert_eq!(hand.world.cluster.nominated_node(high), Some(c));
    end(&mut hand, pods[3]);
    assert_eq!(hand.world.cluster.pod(high).unwrap().node, Some(c));
}

#[test]
fn a_request_that_no_node_could_hold_takes_nobody_s_place() {
    let mut hand = hand();
    let node = hand.node("n", 1000);
    let low = pod(&mut hand, node, "low", 600, 1);
    pod(&mut hand, node, "giant", 64_000, 10);
    assert_eq!(going(&hand, &[low]), [false]);
    let said = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: \
                0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    assert_eq!(messages(&hand), [said]);
}

#[test]
fn promises_survive_a_checkpoint() {
    let mut hand = hand();
    let node = hand.node("n", 1000);
    let low = pod(&mut hand, node, "low", 900, 1);
    let high = pod(&mut hand, node, "high", 900, 10);
    let saved = hand.world.save().unwrap();
    let (names, cluster, last) = (hand.world.names.clone(), hand.world.cluster.clone(), hand.world.last());
    let actors: Vec<Box<dyn crate::sim::Actor>> = vec![Box::new(Scheduler::new(Settings::default()))];
    hand.world = World::resume(names, cluster, last, actors, &saved).unwrap();
    let other = pod(&mut hand, node, "other", 900, 5);
    end(&mut hand, low);
    assert!(bound(&hand, high) && !bound(&hand, other));
}
