//! Budgets over pods by hand.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::event::Body;
use crate::names::NodeId;
use crate::testing::Hand;

/// A Deployment with a ReplicaSet and three ready pods `a`, `b`, `c` of three wanted.
fn web() -> (Hand, NodeId, Vec<PodId>, ObjectId) {
    let mut hand = Hand::new(Vec::new());
    let node = hand.node("n", 4000);
    hand.object("Deployment", "web", &json!({ "spec": { "replicas": 3 } }));
    let owner = json!([{ "kind": "Deployment", "name": "web", "controller": true }]);
    let set = hand.object(
        "ReplicaSet",
        "web-1",
        &json!({ "metadata": { "ownerReferences": owner }, "spec": { "replicas": 7 } }),
    );
    let pods = ["a", "b", "c"].map(|name| hand.running(Some(set), node, name, "web")).to_vec();
    (hand, node, pods, set)
}

fn counted(hand: &Hand, budget: ObjectId) -> (i64, i64, i64, i64) {
    let cluster = &hand.world.cluster;
    let status = status(cluster, &hand.world.names, cluster.object(budget).unwrap());
    assert_eq!(status.failure, None);
    (status.expected, status.desired_healthy, status.healthy, status.allowed)
}

#[test]
fn expected_pods_come_from_owners_or_from_the_pods_that_there_are() {
    let (mut hand, _, pods, _) = web();
    let integer = hand.budget("integer", "web", json!({ "minAvailable": 2 }));
    let share = hand.budget("share", "web", json!({ "minAvailable": "50%" }));
    let unavailable = hand.budget("unavailable", "web", json!({ "maxUnavailable": "34%" }));
    assert_eq!(counted(&hand, integer), (3, 2, 3, 1));
    // Percentages are of the Deployment's replicas, rounded up; the ReplicaSet's own number does not count.
    assert_eq!(counted(&hand, share), (3, 2, 3, 1));
    assert_eq!(counted(&hand, unavailable), (3, 1, 3, 2));
    hand.ready(pods[0], false);
    assert_eq!(counted(&hand, integer), (3, 2, 2, 0));
    hand.happen(Body::PodDeleted {
        pod: pods[1],
        why: crate::event::Why::User,
        grace_s: 30,
        deadline: crate::time::ApiSeconds(30),
    });
    assert_eq!(counted(&hand, unavailable), (3, 1, 1, 0));
}

#[test]
fn budgets_over_daemon_pods_can_only_count() {
    let mut hand = Hand::new(Vec::new());
    let node = hand.node("n", 4000);
    let set = hand.object(
        "DaemonSet",
        "agent",
        &json!({ "spec": { "selector": { "matchLabels": { "app": "agent" } },
            "template": { "metadata": { "labels": { "app": "agent" } }, "spec": { "containers": [] } } } }),
    );
    let pod = hand.running(Some(set), node, "agent-1", "agent");
    let integer = hand.budget("integer", "agent", json!({ "minAvailable": 0 }));
    assert_eq!(counted(&hand, integer), (1, 0, 1, 1));
    let share = hand.budget("share", "agent", json!({ "maxUnavailable": 1 }));
    let cluster = &hand.world.cluster;
    let status = status(cluster, &hand.world.names, cluster.object(share).unwrap());
    assert_eq!(status.failure.as_deref(), Some("daemonsets.apps does not implement the scale subresource"));
    assert_eq!((status.allowed, status.healthy), (0, 0));
    // Two budgets over one pod are more than the API server can say anything about.
    let verdict = Budgets::default().ask(cluster, &hand.world.names, pod);
    assert_eq!(verdict, Verdict::Never(SEVERAL_BUDGETS.to_owned()));
}

#[test]
fn what_is_granted_is_taken_from_the_budget() {
    let (mut hand, _, pods, _) = web();
    hand.budget("web", "web", json!({ "maxUnavailable": 1 }));
    let mut budgets = Budgets::default();
    let (cluster, names) = (&hand.world.cluster, &hand.world.names);
    assert_eq!(budgets.ask(cluster, names, pods[0]), Verdict::Granted);
    assert_eq!(budgets.ask(cluster, names, pods[1]), Verdict::NotNow(TOO_MANY_REQUESTS.to_owned()));
}

#[test]
fn pods_that_are_not_ready_go_when_enough_others_are_or_always_if_the_policy_says_so() {
    let (mut hand, _, pods, _) = web();
    let budget = hand.budget("web", "web", json!({ "minAvailable": 2 }));
    hand.ready(pods[0], false);
    let ask = |hand: &Hand, pod| Budgets::default().ask(&hand.world.cluster, &hand.world.names, pod);
    assert_eq!(ask(&hand, pods[0]), Verdict::Granted);
    assert_eq!(ask(&hand, pods[1]), Verdict::NotNow(TOO_MANY_REQUESTS.to_owned()));
    hand.ready(pods[1], false);
    assert_eq!(ask(&hand, pods[0]), Verdict::NotNow(TOO_MANY_REQUESTS.to_owned()));
    hand.happen(Body::DeleteRequested { object: budget, propagation: crate::event::Propagation::Background });
    hand.budget("always", "web", json!({ "minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow" }));
    assert_eq!(ask(&hand, pods[0]), Verdict::Granted);
    assert_eq!(ask(&hand, pods[2]), Verdict::NotNow(TOO_MANY_REQUESTS.to_owned()));
}
