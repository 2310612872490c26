//! Clusters of which only their Events were kept: pods and nodes made from what Events say of them.
//!
//! Exporters keep Events for months where nobody keeps objects. A pod is there from its creation or, where that lies
//! before the recording, from the start; it is on the node that its binding or its kubelet names. Pods of which no
//! Event names the node are left out, and counted. What no Event tells is taken as usual: nodes are ready unless an
//! Event says otherwise, deleted pods are gone after 30 seconds or with their node, and a DaemonSet has the labels
//! that its pods share. Taints, resources and selectors are not in Events at all.

mod facts;
mod nodes;
mod pods;

pub(super) use facts::{Fact, fact};

use serde_json::Value;

use super::report::Report;
use super::sighting::Seen;
use crate::time::Time;

/// An object at a moment, as a watch would have shown it.
pub(super) struct Shown {
    pub at: Time,
    pub seen: Seen,
    pub source: u16,
    pub line: u64,
    pub object: Value,
}

/// Makes objects from Events, in the order of time; those that were there from the start first.
pub(super) fn objects(mut facts: Vec<Fact>, report: &mut Report) -> Vec<Shown> {
    facts.sort_by_key(|fact| fact.at);
    let (Some(start), Some(end)) = (facts.first().map(|fact| fact.at), facts.last().map(|fact| fact.at))
    else {
        return Vec::new();
    };
    let pods = pods::gather(&facts, report);
    let mut shown = nodes::show(&facts, &pods, start, report);
    shown.extend(pods::show_daemon_sets(&pods, start, report));
    shown.extend(pods::show(&pods, &facts, start, end, report));
    // Stable: what is added comes before what changes at the same moment, nodes before pods.
    shown.sort_by_key(|shown| shown.at);
    for (version, shown) in (1_u64..).zip(&mut shown) {
        shown.object["metadata"]["resourceVersion"] = version.to_string().into();
    }
    shown
}
