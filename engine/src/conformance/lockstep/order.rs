//! The order in which the environment goes through pods.

use crate::cluster::{Cluster, Pod};
use crate::names::{Names, PodId};

/// `namespace/name` of a pod's controller; empty if it has none.
pub(super) fn owner_name(pod: &Pod, names: &Names) -> String {
    pod.owner.map(|owner| names.object_name(owner)).unwrap_or_default()
}

/// Sorts pods by controller, node, ordinal and name; pods with names of their own have ordinal 0.
pub(super) fn sort(pods: &mut [PodId], cluster: &Cluster, names: &Names) {
    pods.sort_by_cached_key(|id| {
        cluster.pod(*id).map(|pod| {
            let node = pod.node.map(|node| names.node_name(node)).unwrap_or_default();
            (owner_name(&pod, names), node.to_owned(), pod.ordinal, name(&pod, node, names))
        })
    });
}

/// A pod's name as recordings have it.
fn name(pod: &Pod, node: &str, names: &Names) -> String {
    match pod.made_by.filter(|_| pod.name.is_empty()) {
        Some(maker) => {
            let maker = names.text(names.object_key(maker).name);
            format!("{maker}-{node}-{:05}", pod.ordinal)
        }
        None => names.text(pod.name).to_owned(),
    }
}
