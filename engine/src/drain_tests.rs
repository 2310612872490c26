//! Pods of every sort on one node.
#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;
use crate::testing::Hand;

fn node_with_pods() -> (Hand, NodeId) {
    let mut hand = Hand::new(Vec::new());
    let node = hand.node("n", 4000);
    let template = json!({ "metadata": { "labels": { "app": "agent" } }, "spec": { "containers": [] } });
    let selector = json!({ "matchLabels": { "app": "agent" } });
    let agent =
        hand.object("DaemonSet", "agent", &json!({ "spec": { "selector": selector, "template": template } }));
    let web = hand.object("ReplicaSet", "web", &json!({ "spec": { "replicas": 2 } }));
    let itself = hand.object("Node", "n", &json!({}));
    hand.running(Some(agent), node, "agent-1", "agent");
    hand.running(Some(itself), node, "static-n", "static");
    hand.running(Some(web), node, "web-1", "web");
    hand.running(None, node, "bare", "bare");
    let scratch = json!({ "containers": [{ "name": "c" }], "volumes": [{ "name": "v", "emptyDir": {} }] });
    let scratch = hand.pod(Some(web), node, "web-2", "web", &scratch);
    hand.start(scratch, node);
    (hand, node)
}

fn selected(hand: &mut Hand, node: NodeId, options: &DrainOptions) -> (Vec<String>, Selection) {
    let selection = options.select(&hand.world.cluster, &mut hand.world.names, node);
    let names = selection.pods.iter().map(|pod| hand.world.cluster.pod_name(*pod, &hand.world.names));
    (names.collect(), selection)
}

#[test]
fn what_a_drain_must_not_take_is_said_in_kubectls_words() {
    let (mut hand, node) = node_with_pods();
    let (pods, selection) = selected(&mut hand, node, &DrainOptions::default());
    assert!(pods.is_empty());
    assert_eq!(
        aggregate(&selection.errors),
        "[cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): default/agent-1, \
         cannot delete cannot delete Pods that declare no controller (use --force to override): default/bare, \
         cannot delete Pods with local storage (use --delete-emptydir-data to override): default/web-2]"
    );
}

#[test]
fn flags_let_it_take_everything_but_daemon_and_static_pods() {
    let (mut hand, node) = node_with_pods();
    let options = DrainOptions {
        ignore_daemonsets: true,
        force: true,
        delete_emptydir_data: true,
        ..DrainOptions::default()
    };
    let (pods, selection) = selected(&mut hand, node, &options);
    assert_eq!(pods, ["bare", "web-1", "web-2"]);
    assert_eq!(
        selection.warnings,
        [
            "ignoring DaemonSet-managed Pods: default/agent-1",
            "deleting Pods that declare no controller: default/bare",
            "deleting Pods with local storage: default/web-2",
        ]
    );
    assert_eq!(DrainOptions::of(&options.document()), options);
}

#[test]
fn a_pod_selector_leaves_other_pods_out_of_account() {
    let (mut hand, node) = node_with_pods();
    let pod_selector = Some(json!({ "matchLabels": { "app": "web" } }));
    let options = DrainOptions { delete_emptydir_data: true, pod_selector, ..DrainOptions::default() };
    let (pods, selection) = selected(&mut hand, node, &options);
    assert_eq!(pods, ["web-1", "web-2"]);
    assert!(selection.errors.is_empty());
}
