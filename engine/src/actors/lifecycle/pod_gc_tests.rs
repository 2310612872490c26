//! Pods that are left behind, and when they are taken.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::names::{Effect, Taint};
use crate::testing::Hand;
use crate::time::ApiSeconds;

fn hand(terminated_pods: usize) -> (Hand, NodeId) {
    let settings = Settings { terminated_pods, ..Settings::default() };
    let mut hand = Hand::new(vec![Box::new(PodGc::new(settings))]);
    // Passes are counted from here.
    let node = hand.node("n", 4000);
    (hand, node)
}

const KINDS: [&str; 4] = ["PodConditionSet", "PodPhaseSet", "PodDeleted", "PodGone"];

/// What the collector did, after a moment.
fn story(hand: &Hand, after_s: i64) -> Vec<String> {
    let later = |line: &String| line.split(' ').next().unwrap().parse::<i64>().unwrap() > after_s;
    hand.story(&KINDS).into_iter().filter(later).collect()
}

fn delete(hand: &mut Hand, pod: PodId) {
    let deadline = hand.now.api_seconds();
    hand.happen(Body::PodDeleted { pod, why: Why::User, grace_s: 30, deadline });
}

fn not_ready(hand: &mut Hand, node: NodeId) {
    let (condition, status, reason) = (sym::READY, ConditionStatus::Unknown, Sym::EMPTY);
    hand.happen(Body::NodeConditionSet { node, condition, status, reason, since: ApiSeconds(0) });
}

fn out_of_service() -> Taint {
    Taint { key: sym::TAINT_OUT_OF_SERVICE, value: Sym::EMPTY, effect: Effect::NoExecute }
}

#[test]
fn pods_of_a_node_that_is_gone_are_taken_after_the_quarantine() {
    let (mut hand, node) = hand(0);
    let pods = ["a", "b"].map(|name| hand.running(None, node, name, "web"));
    hand.until(5);
    delete(&mut hand, pods[1]);
    hand.happen(Body::NodeLeft { node });
    hand.until(200);
    // Missed at the pass at 20 s, and taken 40 s later.
    let expected = [
        "60 PodConditionSet a",
        "60 PodPhaseSet a",
        "60 PodDeleted a",
        "60 PodGone a",
        "60 PodConditionSet b",
        "60 PodPhaseSet b",
        "60 PodGone b",
    ];
    assert_eq!(story(&hand, 5), expected);
}

#[test]
fn of_pods_that_have_ended_the_oldest_are_taken_and_evicted_ones_first() {
    let (mut hand, node) = hand(2);
    let evicted = hand.world.names.sym("Evicted");
    let names = ["old", "new", "evicted", "going", "newest"];
    let pods = names.map(|name| hand.running(None, node, name, "web"));
    delete(&mut hand, pods[3]);
    hand.until(1);
    for (at, phase, reason) in [
        (1, Phase::Succeeded, Sym::EMPTY),
        (3, Phase::Succeeded, Sym::EMPTY),
        (0, Phase::Failed, Sym::EMPTY),
        (4, Phase::Succeeded, Sym::EMPTY),
        (2, Phase::Failed, evicted),
    ] {
        hand.happen(Body::PodPhaseSet { pod: pods[at], phase, reason });
    }
    hand.until(200);
    assert_eq!(
        story(&hand, 1),
        ["20 PodDeleted evicted", "20 PodGone evicted", "20 PodDeleted old", "20 PodGone old"]
    );
    let collected = hand
        .world
        .recorded
        .iter()
        .filter(|event| matches!(event.body, Body::PodDeleted { why: Why::Collected, grace_s: 0, .. }));
    assert_eq!(collected.count(), 2);
}

#[test]
fn what_terminates_on_a_node_out_of_service_is_taken_and_nothing_else() {
    let (mut hand, node) = hand(0);
    let other = hand.node("m", 1000);
    let [stays, goes, later] = ["stays", "goes", "later"].map(|name| hand.running(None, node, name, "web"));
    let elsewhere = hand.running(None, other, "elsewhere", "web");
    hand.until(1);
    delete(&mut hand, goes);
    delete(&mut hand, elsewhere);
    not_ready(&mut hand, other);
    hand.happen(Body::NodeTaintAdded { node, taint: out_of_service() });
    not_ready(&mut hand, node);
    hand.until(30);
    assert_eq!(story(&hand, 1), ["20 PodPhaseSet goes", "20 PodGone goes"]);
    delete(&mut hand, later);
    hand.until(200);
    assert_eq!(story(&hand, 30), ["40 PodPhaseSet later", "40 PodGone later"]);
    assert!(!hand.world.cluster.pod(stays).unwrap().gone);
}

#[test]
fn a_node_that_is_ready_is_in_service_whatever_its_taints() {
    let (mut hand, node) = hand(0);
    let pod = hand.running(None, node, "a", "web");
    let (condition, status, reason) = (sym::READY, ConditionStatus::True, Sym::EMPTY);
    hand.happen(Body::NodeConditionSet { node, condition, status, reason, since: ApiSeconds(0) });
    hand.happen(Body::NodeTaintAdded { node, taint: out_of_service() });
    delete(&mut hand, pod);
    hand.until(100);
    assert_eq!(story(&hand, 0), Vec::<String>::new());
    assert!(hand.world.due().is_none(), "nothing is left to do");
}

#[test]
fn what_was_told_to_go_and_has_no_node_is_taken() {
    let (mut hand, node) = hand(0);
    let pod = hand.pod(None, node, "a", "web", &serde_json::json!({ "containers": [{ "name": "c" }] }));
    hand.until(1);
    delete(&mut hand, pod);
    hand.until(100);
    assert_eq!(story(&hand, 1), ["20 PodPhaseSet a", "20 PodGone a"]);
    let gone = hand.pod(None, node, "b", "web", &serde_json::json!({ "containers": [{ "name": "c" }] }));
    delete(&mut hand, gone);
    hand.happen(Body::PodGone { pod: gone });
    assert!(hand.world.due().is_none(), "usually there is nothing to do about it");
}
