//! Which pods belong to a DaemonSet, and on which node each counts.

use super::pod::DaemonPod;
use crate::cluster::{Cluster, DaemonSet, Object};
use crate::names::{Names, NodeId, PodId, ShapeId, Sym};
use crate::selector::{Eligibility, LabelSelector};

/// What `getDaemonPods` finds: pods to keep, to adopt and to release.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    /// Claimed pods for which a node can be made out, those to be adopted among them.
    pub pods: Vec<DaemonPod>,
    /// Pods without controller that the selector selects.
    pub adopts: Vec<PodId>,
    /// Own pods that the selector no longer selects.
    pub releases: Vec<PodId>,
    /// Pods created and seen within the sync that have no owner yet.
    adopted_at_once: usize,
    /// Whether the selector selects the pods of a shape, as far as was asked.
    by_shape: Vec<(ShapeId, bool)>,
}

impl Claims {
    /// Claims pods, after `getDaemonPods` and `ClaimObject`. Visits the DaemonSet's own pods and the orphans
    /// of its namespace. The DaemonSet is not being deleted.
    pub fn gather(&mut self, cluster: &Cluster, names: &Names, object: &Object, selector: &LabelSelector) {
        self.pods.clear();
        self.adopts.clear();
        self.releases.clear();
        self.by_shape.clear();
        self.adopted_at_once = 0;
        for &id in &object.pods {
            let Some(pod) = cluster.pod(id) else { continue };
            if self.selects(cluster, names, selector, id) {
                self.pods.extend(DaemonPod::of(cluster, names, id, &pod));
            } else {
                self.releases.push(id);
            }
        }
        for &id in cluster.orphans(object.key.namespace) {
            let Some(pod) = cluster.pod(id).filter(|pod| !pod.terminating()) else { continue };
            if self.selects(cluster, names, selector, id) {
                self.adopts.push(id);
                self.pods.extend(DaemonPod::of(cluster, names, id, &pod));
            }
        }
        self.adopts.sort_unstable();
        self.releases.sort_unstable();
    }

    /// Whether the selector selects a pod; asked once for all pods of a shape.
    fn selects(&mut self, cluster: &Cluster, names: &Names, selector: &LabelSelector, id: PodId) -> bool {
        let shape = cluster.pod(id).filter(|pod| !pod.relabelled).map(|pod| pod.shape);
        if let Some(known) = shape.and_then(|shape| self.by_shape.iter().find(|known| known.0 == shape)) {
            return known.1;
        }
        let selects = selector.matches(cluster.pod_labels(id), names);
        self.by_shape.extend(shape.map(|shape| (shape, selects)));
        selects
    }

    /// How many pods there are to adopt.
    pub fn adopts_count(&self) -> usize {
        self.adopts.len() + self.adopted_at_once
    }

    /// Takes a pod in that was created within the sync.
    pub fn add(&mut self, pod: DaemonPod) {
        self.adopted_at_once += usize::from(pod.orphan);
        self.pods.push(pod);
    }

    /// Takes a pod out that is gone within the sync.
    pub fn forget(&mut self, gone: &DaemonPod) {
        self.pods.retain(|pod| pod.id.is_none() || pod.id != gone.id);
        self.adopts.retain(|id| Some(*id) != gone.id);
    }
}

/// A DaemonSet's pods by node (`getNodesToDaemonPods(false)`), beside the cluster's nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Fleet {
    /// Nodes that exist, in order of their names.
    pub nodes: Vec<(NodeId, Eligibility)>,
    /// Nodes that do not exist and for which there are pods, in order of their names.
    pub missing: Vec<NodeId>,
    pods: Vec<DaemonPod>,
    /// Where a node's pods begin, by the node's number; one entry more than there are nodes.
    starts: Vec<u32>,
}

impl Fleet {
    /// Groups pods by node. `nodes` has to be up to date.
    pub fn group(&mut self, cluster: &Cluster, names: &Names, claimed: &[DaemonPod]) {
        self.group_by(|node| cluster.present_node(node).is_some(), names, claimed);
    }

    /// Groups pods by node, given which nodes exist.
    pub fn group_by(&mut self, exists: impl Fn(NodeId) -> bool, names: &Names, claimed: &[DaemonPod]) {
        let counted = || claimed.iter().filter(|pod| !pod.is_past());
        self.starts.clear();
        self.starts.resize(names.node_count() + 2, 0);
        for pod in counted() {
            self.starts[pod.node.index() + 2] += 1;
        }
        for index in 2..self.starts.len() {
            self.starts[index] += self.starts[index - 1];
        }
        // From here on an entry is where the next pod of the node before it goes; when all have gone there, it
        // is where its own node's pods begin.
        self.pods.clear();
        self.pods.extend(counted());
        for pod in counted() {
            let next = &mut self.starts[pod.node.index() + 1];
            self.pods[*next as usize] = *pod;
            *next += 1;
        }
        self.missing.clear();
        for pod in &self.pods {
            if !exists(pod.node) && self.missing.last() != Some(&pod.node) {
                self.missing.push(pod.node);
            }
        }
        self.missing.sort_by(|a, b| names.node_name(*a).cmp(names.node_name(*b)));
        self.order_groups(names);
    }

    fn order_groups(&mut self, names: &Names) {
        let mut start = 0;
        while start < self.pods.len() {
            let node = self.pods[start].node;
            let len = self.pods[start..].iter().take_while(|pod| pod.node == node).count();
            order_group(&mut self.pods[start..start + len], names);
            start += len;
        }
    }

    /// A node's pods.
    pub fn pods(&self, node: NodeId) -> &[DaemonPod] {
        match (self.starts.get(node.index()), self.starts.get(node.index() + 1)) {
            (Some(&start), Some(&end)) => &self.pods[start as usize..end as usize],
            _ => &[],
        }
    }

    /// All nodes, those that do not exist among them, in order of their names.
    pub fn all<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = (NodeId, Option<Eligibility>)> + 'a {
        let mut present = self.nodes.iter().peekable();
        let mut missing = self.missing.iter().peekable();
        std::iter::from_fn(move || match (present.peek(), missing.peek()) {
            (Some(a), Some(b)) if names.node_name(a.0) < names.node_name(**b) => {
                present.next().map(|(node, eligibility)| (*node, Some(*eligibility)))
            }
            (Some(_), None) => present.next().map(|(node, eligibility)| (*node, Some(*eligibility))),
            _ => missing.next().map(|node| (*node, None)),
        })
    }
}

/// Puts a node's pods in the order of upstream's listers: own ones by name, then orphans by name.
pub(super) fn order_group(pods: &mut [DaemonPod], names: &Names) {
    if pods.len() > 1 {
        pods.sort_by(|a, b| a.orphan.cmp(&b.orphan).then_with(|| a.by_name(b, names)));
    }
}

/// The selector to claim with.
///
/// # Errors
/// The text of a selector that cannot be used.
pub(super) fn selector(spec: &DaemonSet) -> Result<&LabelSelector, String> {
    spec.selector.as_ref().map_err(|error| error.to_string())
}

/// A namespace's DaemonSets whose selector selects labels, after `GetPodDaemonSets`: an empty selector and
/// empty labels select nothing.
pub(super) fn selecting<'a>(
    cluster: &'a Cluster,
    names: &'a Names,
    namespace: Sym,
    labels: &'a [(Sym, Sym)],
) -> impl Iterator<Item = &'a Object> + 'a {
    cluster
        .daemon_sets()
        .filter(move |(object, spec)| {
            object.key.namespace == namespace
                && !labels.is_empty()
                && spec.selector.as_ref().is_ok_and(|s| !s.is_everything() && s.matches(labels, names))
        })
        .map(|(object, _)| object)
}
