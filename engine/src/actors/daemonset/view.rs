//! What a sync knows of a DaemonSet's nodes and pods: the interface that both forms of the controller fill.

use super::grouping::{Claims, Fleet};
use super::manage::{self, FailedPods, Wanted};
use super::outcome::SyncError;
use super::pod::{DaemonPod, Rules};
use super::rollout::{self, Limits, Step};
use super::status::Counts;
use crate::cluster::Cluster;
use crate::event::Why;
use crate::names::{Names, PodId, Sym};

/// A DaemonSet's nodes and pods at one moment.
///
/// **Invariant:** both forms answer the same. [`FullPass`] looks at every node and says what is meant;
/// [`super::index::Index`] keeps what it needs from event to event.
pub(super) trait View {
    /// Pods without controller that the selector selects, by slot.
    fn adopts(&self) -> Vec<PodId>;

    /// Own pods that the selector no longer selects, by slot.
    fn releases(&self) -> Vec<PodId>;

    /// How many pods there are to adopt, those created within the sync included.
    fn adopts_count(&self) -> usize;

    /// Whether a claimed pod has a revision's label.
    fn is_live(&self, hash: Sym) -> bool;

    /// Claimed pods that do not have a revision's label, by slot.
    fn not_labelled(&self, hash: Sym) -> Vec<PodId>;

    /// What nodes need and what pods have to go, nodes in order of their names; at least the first `burst` nodes
    /// that need a pod.
    fn manage(
        &self,
        rules: &Rules,
        failed: &mut FailedPods<'_>,
        names: &Names,
        burst: usize,
        wanted: &mut Wanted,
    );

    /// How many nodes should run a pod.
    fn desired(&self) -> usize;

    /// One step of a rolling update, put into `step`, which is empty. What lies beyond `burst` creations or deletions
    /// is left out or not: nobody asks.
    ///
    /// # Errors
    /// As `rollingUpdate`.
    fn step(
        &self,
        limits: &Limits,
        rules: &Rules,
        names: &Names,
        burst: usize,
        step: &mut Step,
    ) -> Result<(), SyncError>;

    /// The status's counters.
    fn counts(&self, rules: &Rules, names: &Names) -> Counts;

    /// Takes a pod in that was created, and seen, within the sync.
    fn created(&mut self, pod: DaemonPod);

    /// Takes a pod out that was deleted, and seen to be gone, within the sync.
    fn deleted(&mut self, pod: &DaemonPod);
}

/// The reference: every answer is found by looking at every node.
pub(super) struct FullPass<'a> {
    pub cluster: &'a Cluster,
    pub names: &'a Names,
    pub claims: &'a mut Claims,
    /// Its nodes are up to date, its pods those of the claims.
    pub fleet: &'a mut Fleet,
}

impl View for FullPass<'_> {
    fn adopts(&self) -> Vec<PodId> {
        self.claims.adopts.clone()
    }

    fn releases(&self) -> Vec<PodId> {
        self.claims.releases.clone()
    }

    fn adopts_count(&self) -> usize {
        self.claims.adopts_count()
    }

    fn is_live(&self, hash: Sym) -> bool {
        self.claims.pods.iter().any(|pod| pod.hash == hash)
    }

    fn not_labelled(&self, hash: Sym) -> Vec<PodId> {
        let others = self.claims.pods.iter().filter(|pod| pod.hash != hash);
        let mut pods: Vec<_> = others.filter_map(|pod| pod.id).collect();
        pods.sort_unstable();
        pods
    }

    fn manage(
        &self,
        rules: &Rules,
        failed: &mut FailedPods<'_>,
        names: &Names,
        _burst: usize,
        wanted: &mut Wanted,
    ) {
        for &(node, eligibility) in &self.fleet.nodes {
            manage::node(node, eligibility, self.fleet.pods(node), rules, failed, names, wanted);
        }
        for &node in &self.fleet.missing {
            let unbound = self.fleet.pods(node).iter().filter(|pod| !pod.bound);
            wanted.deletes.extend(unbound.map(|pod| (*pod, Why::NodeMissing)));
        }
    }

    fn desired(&self) -> usize {
        self.fleet.nodes.iter().filter(|(_, eligibility)| eligibility.should_run).count()
    }

    fn step(
        &self,
        limits: &Limits,
        rules: &Rules,
        names: &Names,
        _burst: usize,
        step: &mut Step,
    ) -> Result<(), SyncError> {
        *step = rollout::step(self.fleet, limits, rules, names)?;
        Ok(())
    }

    fn counts(&self, rules: &Rules, names: &Names) -> Counts {
        Counts::total(self.fleet, rules, names)
    }

    fn created(&mut self, pod: DaemonPod) {
        self.claims.add(pod);
        self.fleet.group(self.cluster, self.names, &self.claims.pods);
    }

    fn deleted(&mut self, pod: &DaemonPod) {
        self.claims.forget(pod);
        self.fleet.group(self.cluster, self.names, &self.claims.pods);
    }
}
