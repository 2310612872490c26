//! The changed nodes of each workload, by kind of change and by what the nodes have in common.

use super::compare::{ChangeKind, Difference, WorkloadDifference};
use super::group::{Facts, Grouping, group};
use super::placements::{Placements, WorkloadPlacements};

/// The nodes on which a DaemonSet's placements differ in one way, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeGroups {
    /// The DaemonSet's namespace.
    pub namespace: String,
    /// The DaemonSet's name.
    pub name: String,
    /// In which way they differ.
    pub kind: ChangeKind,
    /// The nodes.
    pub grouping: Grouping,
}

/// Groups what differs: for each DaemonSet and kind of change, in order, those that occur. `a` and `b` are the
/// placements that `difference` was made from, `facts` the nodes of the same states.
pub fn group_changes(
    difference: &Difference,
    a: &Placements,
    b: &Placements,
    facts: &Facts,
) -> Vec<ChangeGroups> {
    let mut groups = Vec::new();
    for workload in &difference.daemon_sets {
        if workload.placements.is_empty() {
            continue;
        }
        let (in_a, in_b) = (nodes_of(a, workload), nodes_of(b, workload));
        for kind in ChangeKind::ALL {
            let changed = workload.placements.iter().filter(|placement| placement.kind() == kind);
            let mut changed = changed.map(|placement| placement.node.as_str()).peekable();
            if changed.peek().is_none() {
                continue;
            }
            let grouping = match kind {
                ChangeKind::Lost => group(facts, changed, in_a.iter().copied()),
                ChangeKind::Gained => group(facts, changed, without(facts.names(), &in_a)),
                _ => group(facts, changed, in_both(&in_a, &in_b)),
            };
            let (namespace, name) = (workload.namespace.clone(), workload.name.clone());
            groups.push(ChangeGroups { namespace, name, kind, grouping });
        }
    }
    groups
}

/// The nodes that a workload has live pods on, sorted.
fn nodes_of<'a>(placements: &'a Placements, of: &WorkloadDifference) -> Vec<&'a str> {
    let same = |w: &&WorkloadPlacements| w.namespace == of.namespace && w.name == of.name;
    let pods = placements.daemon_sets.iter().find(same).map_or(&[][..], |workload| &workload.pods);
    pods.iter().map(|pod| placements.nodes.get(pod.node as usize)).collect()
}

/// What is in the first of two sorted lists and not in the second.
fn without<'a>(all: impl Iterator<Item = &'a str>, out: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let mut from = 0;
    all.filter(move |name| {
        while out.get(from).is_some_and(|other| other < name) {
            from += 1;
        }
        out.get(from) != Some(name)
    })
}

/// What is in both of two sorted lists.
fn in_both<'a>(a: &[&'a str], b: &[&'a str]) -> impl Iterator<Item = &'a str> {
    let mut from = 0;
    a.iter().copied().filter(move |name| {
        while b.get(from).is_some_and(|other| other < name) {
            from += 1;
        }
        b.get(from) == Some(name)
    })
}
