//! What comes of deciding on what is no longer so.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::super::Settings;
use super::*;
use crate::actors::kubelet::{self, Kubelet};
use crate::actors::scheduler::{self, Scheduler};
use crate::event::Why;
use crate::names::{NodeId, ObjectId, PodId};
use crate::sim::World;
use crate::testing::Hand;

fn actors(lag: Micros) -> Vec<Box<dyn Actor>> {
    let settings = Settings { informer_lag_us: lag, ..Settings::unlimited() };
    vec![
        Box::new(LateDaemonSetController::new(DaemonSetController::new(settings), lag)),
        Box::new(Scheduler::new(scheduler::Settings::default())),
        Box::new(Kubelet::new(kubelet::Settings::instant())),
    ]
}

fn manifest(image: &str) -> Value {
    json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "spec": {
        "selector": { "matchLabels": { "app": "agent" } },
        "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": "100%", "maxSurge": 0 } },
        "template": {
            "metadata": { "labels": { "app": "agent" } },
            "spec": { "containers": [{ "name": "main", "image": image }] },
        },
    }})
}

/// A DaemonSet on two nodes, whose controller is two seconds behind.
fn late() -> (Hand, [NodeId; 2], ObjectId) {
    let mut hand = Hand::new(actors(Micros::seconds(2)));
    let nodes = ["a", "b"].map(|name| hand.node(name, 1000));
    let object = hand.object("DaemonSet", "agent", &manifest("agent:1"));
    (hand, nodes, object)
}

/// When pods were created and deleted, by the second.
fn deeds(hand: &Hand) -> Vec<(i64, &'static str)> {
    let deeds = hand.world.recorded.iter().filter_map(|event| match event.body {
        Body::PodCreated { .. } => Some((event.at.api_seconds().0, "created")),
        Body::PodDeleted { .. } => Some((event.at.api_seconds().0, "deleted")),
        _ => None,
    });
    deeds.collect()
}

fn pods(hand: &Hand) -> Vec<PodId> {
    hand.world.cluster.pods().map(|(id, _)| id).collect()
}

#[test]
fn it_learns_late_and_does_nothing_twice() {
    let (mut hand, _, object) = late();
    hand.until(1);
    assert_eq!(deeds(&hand), []);
    hand.until(60);
    assert_eq!(deeds(&hand), [(2, "created"), (2, "created")]);
    let status = hand.world.cluster.object(object).unwrap().status;
    assert_eq!((status.desired, status.ready, status.observed_generation), (2, 2, 1));
}

#[test]
fn a_rollout_takes_its_time_and_every_pod_is_replaced_once() {
    let (mut hand, _, _) = late();
    hand.until(20);
    hand.object("DaemonSet", "agent", &manifest("agent:2"));
    hand.until(120);
    let deeds = deeds(&hand);
    assert_eq!(deeds[2..4], [(22, "deleted"), (22, "deleted")]);
    // Their end is seen two seconds later.
    assert_eq!(deeds[4..], [(24, "created"), (24, "created")]);
    let names = &hand.world.names;
    let image =
        |pod: &PodId| hand.world.cluster.shape(hand.world.cluster.pod(*pod).unwrap().shape).unwrap().image;
    assert!(pods(&hand).iter().all(|pod| names.text(image(pod)) == "agent:2"));
}

#[test]
fn what_is_gone_meanwhile_is_left_alone() {
    let (mut hand, [a, _], _) = late();
    hand.until(20);
    let on_a = hand.world.cluster.node(a).unwrap().pods[0];
    // A new template, and a person who deletes a pod: when the controller sees the one, it does not know of the other yet.
    hand.object("DaemonSet", "agent", &manifest("agent:2"));
    hand.until(21);
    let deadline = hand.now.api_seconds();
    hand.happen(Body::PodDeleted { pod: on_a, why: Why::User, grace_s: 0, deadline });
    hand.happen(Body::PodGone { pod: on_a });
    // Somebody else has the slot now.
    let other = hand.pod(None, a, "other", "other", &json!({ "containers": [{ "name": "c" }] }));
    assert_eq!(other, on_a);
    hand.until(120);
    assert_eq!(deeds(&hand).iter().filter(|(_, deed)| *deed == "deleted").count(), 2);
    assert!(pods(&hand).contains(&other));
    assert_eq!(hand.world.cluster.pod(other).unwrap().deleting, None);
    assert_eq!(pods(&hand).len(), 3);
}

#[test]
fn it_goes_on_from_a_checkpoint() {
    let (mut hand, _, _) = late();
    hand.until(20);
    hand.object("DaemonSet", "agent", &manifest("agent:2"));
    hand.until(23);
    let saved = hand.world.save().unwrap();
    let (names, cluster, last) = (hand.world.names.clone(), hand.world.cluster.clone(), hand.world.last());
    let mut resumed = Hand::new(Vec::new());
    resumed.world = World::resume(names, cluster, last, actors(Micros::seconds(2)), &saved).unwrap();
    resumed.now = hand.now;
    let so_far = hand.world.recorded.len();
    hand.until(120);
    resumed.until(120);
    assert!(!resumed.world.recorded.is_empty());
    assert_eq!(hand.world.recorded[so_far..], resumed.world.recorded);
}
