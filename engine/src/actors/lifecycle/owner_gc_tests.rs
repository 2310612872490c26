//! Owners that go, and what becomes of what they own.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::event::Phase;
use crate::names::{NodeId, PodId};
use crate::testing::Hand;

fn hand() -> (Hand, NodeId) {
    let mut hand = Hand::new(vec![Box::new(OwnerGc::new(Settings::unlimited()))]);
    let node = hand.node("n", 4000);
    (hand, node)
}

/// An object whose owners are given as `Kind/name`; those with a `!` in front wait for it if they go in the foreground.
fn object(hand: &mut Hand, kind: &str, name: &str, owners: &[&str]) -> ObjectId {
    let owners: Vec<Value> = owners
        .iter()
        .map(|owner| {
            let (kind, name) = owner.trim_start_matches('!').split_once('/').unwrap();
            json!({ "kind": kind, "name": name, "blockOwnerDeletion": owner.starts_with('!') })
        })
        .collect();
    hand.object(kind, name, &json!({ "metadata": { "ownerReferences": owners }, "spec": {} }))
}

fn delete(hand: &mut Hand, object: ObjectId, propagation: Propagation) {
    hand.happen(Body::DeleteRequested { object, propagation });
    hand.world.settle_moment(hand.now).unwrap();
}

fn there(hand: &Hand, object: ObjectId) -> bool {
    hand.world.cluster.object(object).unwrap().present
}

fn owners(hand: &Hand, object: ObjectId) -> Vec<String> {
    let owners = &hand.world.cluster.object(object).unwrap().owners;
    owners.iter().map(|owner| hand.world.names.text(owner.name).to_owned()).collect()
}

/// A pod ends and goes.
fn end(hand: &mut Hand, pod: PodId) {
    hand.happen(Body::PodPhaseSet { pod, phase: Phase::Succeeded, reason: Sym::EMPTY });
    hand.happen(Body::PodGone { pod });
    hand.world.settle_moment(hand.now).unwrap();
}

/// A Deployment with a ReplicaSet with two pods.
fn web(hand: &mut Hand, node: NodeId) -> (ObjectId, ObjectId, [PodId; 2]) {
    let deployment = object(hand, "Deployment", "web", &[]);
    let set = object(hand, "ReplicaSet", "web-1", &["!Deployment/web"]);
    let pods = ["a", "b"].map(|name| hand.running(Some(set), node, name, "web"));
    (deployment, set, pods)
}

#[test]
fn in_the_background_everything_goes_after_its_owner() {
    let (mut hand, node) = hand();
    let (deployment, set, pods) = web(&mut hand, node);
    delete(&mut hand, deployment, Propagation::Background);
    assert!(!there(&hand, deployment) && !there(&hand, set));
    assert!(pods.iter().all(|pod| hand.world.cluster.pod(*pod).unwrap().deleting == Some(Why::OwnerGone)));
}

#[test]
fn deletions_are_as_fast_as_the_client_may_call() {
    let mut hand = Hand::new(vec![Box::new(OwnerGc::new(Settings::default()))]);
    let node = hand.node("n", 4000);
    let set = object(&mut hand, "ReplicaSet", "web", &[]);
    for index in 0..100 {
        hand.running(Some(set), node, &format!("p{index}"), "web");
    }
    hand.happen(Body::DeleteRequested { object: set, propagation: Propagation::Background });
    hand.until(2);
    let saved = hand.world.save().unwrap();
    let (names, cluster, last) = (hand.world.names.clone(), hand.world.cluster.clone(), hand.world.last());
    let actors: Vec<Box<dyn Actor>> = vec![Box::new(OwnerGc::new(Settings::default()))];
    let mut resumed = Hand::new(Vec::new());
    resumed.world = crate::sim::World::resume(names, cluster, last, actors, &saved).unwrap();
    resumed.now = hand.now;
    let so_far = hand.world.recorded.len();
    hand.until(10);
    resumed.until(10);
    assert_eq!(hand.world.recorded[so_far..], resumed.world.recorded);
    let deleted = |from: i64, to: i64| {
        let at = |event: &&Event| (from..to).contains(&(event.at.0 / 1000));
        let all = hand.world.recorded.iter().filter(|event| matches!(event.body, Body::PodDeleted { .. }));
        all.filter(at).count()
    };
    // Thirty calls at once, then forty a second.
    assert_eq!([deleted(0, 1), deleted(1, 1001), deleted(1001, 2001), deleted(0, 10_000)], [15, 20, 20, 100]);
}

#[test]
fn in_the_foreground_owners_go_after_all_that_they_own() {
    let (mut hand, node) = hand();
    let (deployment, set, pods) = web(&mut hand, node);
    delete(&mut hand, deployment, Propagation::Foreground);
    assert!(there(&hand, deployment) && there(&hand, set), "the ReplicaSet waits for its pods");
    end(&mut hand, pods[0]);
    assert!(there(&hand, deployment) && there(&hand, set));
    end(&mut hand, pods[1]);
    assert!(!there(&hand, deployment) && !there(&hand, set));
    let removed: Vec<_> = hand
        .world
        .recorded
        .iter()
        .filter_map(|event| match event.body {
            Body::ObjectRemoved { object } => Some(object),
            _ => None,
        })
        .collect();
    assert_eq!(removed, [set, deployment]);
}

#[test]
fn what_does_not_block_is_deleted_afterwards() {
    let (mut hand, node) = hand();
    let (deployment, _, pods) = web(&mut hand, node);
    let loose = object(&mut hand, "ConfigMap", "loose", &["Deployment/web"]);
    let blocking = object(&mut hand, "ConfigMap", "blocking", &["!Deployment/web"]);
    delete(&mut hand, deployment, Propagation::Foreground);
    assert_eq!((there(&hand, loose), there(&hand, blocking)), (true, false));
    pods.iter().for_each(|pod| end(&mut hand, *pod));
    assert_eq!((there(&hand, loose), there(&hand, deployment)), (false, false));
}

#[test]
fn orphans_stay_without_their_owner() {
    let (mut hand, node) = hand();
    let (deployment, set, pods) = web(&mut hand, node);
    delete(&mut hand, deployment, Propagation::Orphan);
    assert_eq!((there(&hand, deployment), there(&hand, set)), (false, true));
    assert!(owners(&hand, set).is_empty());
    assert_eq!(hand.world.cluster.pod(pods[0]).unwrap().owner, Some(set), "that is another owner");
    delete(&mut hand, set, Propagation::Orphan);
    assert_eq!(hand.world.cluster.pod(pods[0]).unwrap().owner, None);
    assert!(pods.iter().all(|pod| !hand.world.cluster.pod(*pod).unwrap().terminating()));
}

#[test]
fn of_several_owners_the_last_one_takes_it_along() {
    let (mut hand, _) = hand();
    let [a, b, c] = ["a", "b", "c"].map(|name| object(&mut hand, "ConfigMap", name, &[]));
    let refs = ["!ConfigMap/a", "!ConfigMap/b", "!ConfigMap/c", "Custom/never-seen"];
    let (shared, kept) =
        (object(&mut hand, "Secret", "shared", &refs[..3]), object(&mut hand, "Secret", "kept", &refs));
    delete(&mut hand, a, Propagation::Background);
    assert_eq!(owners(&hand, shared), ["b", "c"]);
    // One that waits for its dependents does not wait for what has another owner.
    delete(&mut hand, b, Propagation::Foreground);
    assert_eq!((owners(&hand, shared), there(&hand, b)), (vec!["c".to_owned()], false));
    delete(&mut hand, c, Propagation::Foreground);
    assert_eq!((there(&hand, shared), there(&hand, c)), (false, false));
    assert_eq!(owners(&hand, kept), ["never-seen"]);
}

#[test]
fn owners_that_go_together_delete_once() {
    let (mut hand, _) = hand();
    let [a, b] = ["a", "b"].map(|name| object(&mut hand, "ConfigMap", name, &[]));
    let shared = object(&mut hand, "Secret", "shared", &["ConfigMap/a", "ConfigMap/b"]);
    for object in [a, b] {
        hand.happen(Body::DeleteRequested { object, propagation: Propagation::Background });
    }
    hand.world.settle_moment(hand.now).unwrap();
    assert!(!there(&hand, shared));
}

#[test]
fn what_comes_after_its_owner_has_gone_goes_too() {
    let (mut hand, node) = hand();
    let (deployment, _, _) = web(&mut hand, node);
    delete(&mut hand, deployment, Propagation::Background);
    let late = object(&mut hand, "ReplicaSet", "web-2", &["!Deployment/web"]);
    let pod = hand.running(Some(late), node, "late", "web");
    hand.world.settle_moment(hand.now).unwrap();
    assert!(!there(&hand, late));
    assert!(hand.world.cluster.pod(pod).unwrap().terminating());
}

#[test]
fn an_owner_goes_when_what_it_waits_for_is_let_go() {
    let (mut hand, node) = hand();
    let (deployment, set, pods) = web(&mut hand, node);
    delete(&mut hand, deployment, Propagation::Foreground);
    // Somebody takes the reference off.
    object(&mut hand, "ReplicaSet", "web-1", &[]);
    hand.world.settle_moment(hand.now).unwrap();
    assert_eq!((there(&hand, deployment), there(&hand, set)), (false, true));
    pods.iter().for_each(|pod| end(&mut hand, *pod));
    assert!(!there(&hand, set), "it was to go by itself");
}
