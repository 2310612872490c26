//! Drains in virtual time, with kubelets that take a second to end a pod.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::names::ObjectId;
use crate::sim::World;
use crate::testing::Hand;

const TOLD: [&str; 4] = ["PodDeleted", "EvictionRefused", "PodGone", "DrainEnded"];
const REFUSED: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

/// Node `n` with pods `web-1` and `web-2` of a ReplicaSet.
fn web() -> (Hand, NodeId, ObjectId, [PodId; 2]) {
    let mut hand = Hand::new(vec![Box::new(Drains::new())]);
    let node = hand.node("n", 4000);
    let set = hand.object("ReplicaSet", "web", &json!({ "spec": { "replicas": 2 } }));
    let pods = ["web-1", "web-2"].map(|name| hand.running(Some(set), node, name, "web"));
    (hand, node, set, pods)
}

fn drain(hand: &mut Hand, node: NodeId, options: &DrainOptions) {
    let options = hand.world.names.doc(&options.document());
    hand.happen(Body::DrainRequested { node, options });
}

#[test]
fn a_drain_evicts_and_waits_until_the_pods_are_gone() {
    let (mut hand, node, _, pods) = web();
    drain(&mut hand, node, &DrainOptions { grace_period_seconds: Some(7), ..DrainOptions::default() });
    hand.until(3);
    hand.happen(Body::PodGone { pod: pods[0] });
    hand.until(9);
    hand.happen(Body::PodGone { pod: pods[1] });
    hand.until(60);
    let expected =
        ["0 PodDeleted web-1", "0 PodDeleted web-2", "3 PodGone web-1", "9 PodGone web-2", "9 DrainEnded: "];
    assert_eq!(hand.story(&TOLD), expected);
    let graces = hand.world.recorded.iter().filter_map(|event| match event.body {
        Body::PodDeleted { why, grace_s, .. } => Some((why, grace_s)),
        _ => None,
    });
    assert_eq!(graces.collect::<Vec<_>>(), [(Why::Evicted, 7), (Why::Evicted, 7)]);
}

#[test]
fn a_refused_eviction_is_asked_for_again_every_five_seconds() {
    let (mut hand, node, set, pods) = web();
    let other = hand.node("other", 4000);
    hand.budget("web", "web", json!({ "minAvailable": 1 }));
    drain(&mut hand, node, &DrainOptions::default());
    hand.until(2);
    hand.happen(Body::PodGone { pod: pods[0] });
    // Nothing that could change the answer happens, so nobody wakes.
    hand.until(30);
    assert_eq!(hand.world.due(), None);
    hand.until(31);
    hand.running(Some(set), other, "web-3", "web");
    hand.until(40);
    hand.happen(Body::PodGone { pod: pods[1] });
    hand.until(60);
    assert_eq!(
        hand.story(&TOLD),
        [
            "0 PodDeleted web-1".to_owned(),
            format!("0 EvictionRefused web-2: {REFUSED}"),
            "2 PodGone web-1".to_owned(),
            "35 PodDeleted web-2".to_owned(),
            "40 PodGone web-2".to_owned(),
            "40 DrainEnded: ".to_owned(),
        ]
    );
}

#[test]
fn a_timeout_ends_it_with_kubectls_words() {
    let (mut hand, node, _, _) = web();
    hand.budget("web", "web", json!({ "minAvailable": 1 }));
    drain(&mut hand, node, &DrainOptions { timeout_seconds: Some(90), ..DrainOptions::default() });
    hand.until(200);
    assert_eq!(
        hand.story(&["DrainEnded"]),
        [
            "90 DrainEnded: [error when waiting for pod \"web-1\" in namespace \"default\" to terminate: global timeout \
          reached: 1m30s, error when evicting pods/\"web-2\" -n \"default\": global timeout reached: 1m30s]"
        ]
    );
    assert_eq!(hand.world.due(), None);
}

#[test]
fn without_evictions_budgets_are_not_asked_and_what_may_not_go_stops_it() {
    let (mut hand, node, _, _) = web();
    hand.budget("web", "web", json!({ "minAvailable": 2 }));
    let options =
        DrainOptions { disable_eviction: true, grace_period_seconds: Some(0), ..DrainOptions::default() };
    hand.running(None, node, "bare", "bare");
    drain(&mut hand, node, &options);
    hand.until(1);
    drain(&mut hand, node, &DrainOptions { force: true, ..options });
    hand.until(2);
    let told = hand.story(&["PodDeleted", "DrainEnded"]);
    assert_eq!(
        told,
        [
            "0 DrainEnded: cannot delete cannot delete Pods that declare no controller (use --force to override): \
             default/bare",
            "1 PodDeleted bare",
            "1 PodDeleted web-1",
            "1 PodDeleted web-2",
            "1 DrainEnded: ",
        ]
    );
}

#[test]
fn nodes_of_one_command_are_drained_one_after_the_other() {
    let (mut hand, node, set, pods) = web();
    let other = hand.node("other", 4000);
    let third = hand.running(Some(set), other, "web-3", "web");
    drain(&mut hand, node, &DrainOptions::default());
    drain(&mut hand, other, &DrainOptions::default());
    hand.until(3);
    for pod in pods {
        hand.happen(Body::PodGone { pod });
    }
    hand.until(8);
    hand.happen(Body::PodGone { pod: third });
    hand.until(9);
    assert_eq!(
        hand.story(&["PodDeleted", "DrainEnded"]),
        [
            "0 PodDeleted web-1",
            "0 PodDeleted web-2",
            "3 DrainEnded: ",
            "3 PodDeleted web-3",
            "8 DrainEnded: ",
        ]
    );
}

#[test]
fn a_drain_goes_on_from_what_was_saved() {
    let (mut hand, node, set, _) = web();
    let other = hand.node("other", 4000);
    hand.budget("web", "web", json!({ "minAvailable": 1 }));
    drain(&mut hand, node, &DrainOptions::default());
    hand.until(2);
    let saved = hand.world.save().unwrap();
    let (names, cluster) = (hand.world.names.clone(), hand.world.cluster.clone());
    let resumed = World::resume(names, cluster, hand.world.last(), vec![Box::new(Drains::new())], &saved);
    let before = std::mem::replace(&mut hand.world, resumed.unwrap());
    (hand.world.recorded, hand.world.changes) = (before.recorded, before.changes);
    hand.running(Some(set), other, "web-3", "web");
    hand.until(20);
    assert_eq!(hand.story(&["PodDeleted"]), ["0 PodDeleted web-1", "5 PodDeleted web-2"]);
}
