//! What a state alone says of a DaemonSet and a node, without the events that made it so.

use super::WorkloadName;
use super::facts::{AskedSince, NodeFacts};
use super::history::Tales;
use super::pending::Pending;
use super::rules::{Bench, Rule};
use crate::cluster::{Cluster, Object};
use crate::names::{Names, PodId, sym};

/// The rules that keep a DaemonSet's pods off a node; none if nothing does, or if either does not exist.
pub fn keeps_off(cluster: &Cluster, names: &mut Names, daemon_set: &WorkloadName, node: &str) -> Vec<Rule> {
    let object = daemon_set.symbols(names);
    let object = object.and_then(|(namespace, name)| cluster.find_object(sym::DAEMON_SET, namespace, name));
    let node = names.find_node(node).and_then(|node| cluster.present_node(node));
    let (Some(daemon_set), Some(node)) = (object.and_then(Object::daemon_set), node) else {
        return Vec::new();
    };
    let (facts, asked) = (&NodeFacts::default(), &AskedSince::default());
    let rules = Bench { daemon_set, node, facts, asked }.judge(names);
    let blocking = rules.iter().filter(|rule| rule.blocks && rule.reached());
    blocking.map(|rule| rule.tell(&Tales::default())).collect()
}

/// What a DaemonSet's pod for a node waits for, if there is one that no node has taken.
pub fn waits_for(cluster: &Cluster, names: &Names, daemon_set: &WorkloadName, node: &str) -> Option<Pending> {
    let (namespace, name) = daemon_set.symbols(names)?;
    let object = cluster.find_object(sym::DAEMON_SET, namespace, name)?;
    let node = names.find_node(node)?;
    let waits = |id: &&PodId| cluster.pod(**id).is_some_and(|pod| pod.node == Some(node) && !pod.bound);
    let id = *object.pods.iter().find(waits)?;
    Pending::of(cluster, names, id)
}
