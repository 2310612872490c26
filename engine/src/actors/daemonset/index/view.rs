//! The answers that a sync gets from an index.

use std::collections::BTreeSet;

use super::links::Links;
use super::one::Index;
use crate::actors::daemonset::manage::{self, FailedPods, Wanted};
use crate::actors::daemonset::name_order::{NameOrder, Rank};
use crate::actors::daemonset::outcome::SyncError;
use crate::actors::daemonset::pod::{DaemonPod, Rules};
use crate::actors::daemonset::rollout::{self, Limits, Stage, Step};
use crate::actors::daemonset::status::Counts;
use crate::actors::daemonset::view::View;
use crate::cluster::Cluster;
use crate::event::Why;
use crate::names::{Names, NodeId, PodId, Sym};

/// An index with the cluster that it is of: the view of a sync.
pub(in crate::actors::daemonset) struct Indexed<'a> {
    pub(super) index: &'a Index,
    pub(super) links: &'a Links,
    pub(super) order: &'a NameOrder,
    pub(super) cluster: &'a Cluster,
}

impl Indexed<'_> {
    fn nodes<'a>(&'a self, ranks: impl Iterator<Item = Rank> + 'a) -> impl Iterator<Item = NodeId> + 'a {
        ranks.filter_map(|rank| self.order.node(rank))
    }

    /// Adds the old pods of nodes that have one, until there are as many as a sync may delete.
    fn old_pods(
        &self,
        ranks: impl Iterator<Item = Rank>,
        rules: &Rules,
        names: &Names,
        burst: usize,
        pods: &mut Vec<DaemonPod>,
    ) {
        let old = |pods: &[DaemonPod]| match Stage::of(pods, rules) {
            Stage::Old(old) | Stage::Both { old, .. } => Some(*old),
            _ => None,
        };
        for node in self.nodes(ranks) {
            if pods.len() >= burst {
                return;
            }
            pods.extend(self.index.with_pods(node, self.links, self.cluster, names, old));
        }
    }
}

impl View for Indexed<'_> {
    fn adopts(&self) -> Vec<PodId> {
        listed(&self.index.adopts)
    }

    fn releases(&self) -> Vec<PodId> {
        listed(&self.index.releases)
    }

    fn adopts_count(&self) -> usize {
        self.index.adopts.len()
    }

    fn is_live(&self, hash: Sym) -> bool {
        self.index.is_live(hash)
    }

    fn not_labelled(&self, hash: Sym) -> Vec<PodId> {
        let claimed = self.index.claimed(self.links);
        let mut pods: Vec<_> = claimed.filter(|pod| self.cluster.pod_revision_hash(*pod) != hash).collect();
        pods.sort_unstable();
        pods
    }

    fn manage(
        &self,
        rules: &Rules,
        failed: &mut FailedPods<'_>,
        names: &Names,
        burst: usize,
        wanted: &mut Wanted,
    ) {
        let sets = &self.index.sets;
        let with_pods = |node, wanted: &mut Wanted, act: &mut dyn FnMut(&[DaemonPod], &mut Wanted)| {
            self.index.with_pods(node, self.links, self.cluster, names, |pods| act(pods, wanted));
        };
        // Nodes without pods come in their places among the others; beyond the burst limit they are left for
        // the next sync.
        let mut needy = sets.needy.iter().take(burst).peekable();
        for rank in sets.look.iter() {
            while let Some(empty) = needy.next_if(|empty| *empty < rank) {
                wanted.creates.extend(self.order.node(empty));
            }
            let Some(node) = self.order.node(rank) else { continue };
            let Some(eligibility) = self.index.state(node).eligibility else { continue };
            with_pods(node, wanted, &mut |pods, wanted| {
                manage::node(node, eligibility, pods, rules, failed, names, wanted);
            });
        }
        wanted.creates.extend(self.nodes(needy));
        for node in self.nodes(sets.homeless.iter()) {
            with_pods(node, wanted, &mut |pods, wanted| {
                let unbound = pods.iter().filter(|pod| !pod.bound);
                wanted.deletes.extend(unbound.map(|pod| (*pod, Why::NodeMissing)));
            });
        }
    }

    fn desired(&self) -> usize {
        self.index.total.desired as usize
    }

    fn step(
        &self,
        limits: &Limits,
        rules: &Rules,
        names: &Names,
        burst: usize,
        step: &mut Step,
    ) -> Result<(), SyncError> {
        let (sets, tally) = (&self.index.sets, &self.index.tally);
        let [[gone_bad, gone], [unwanted, candidates]] = &sets.old;
        let Step { deletes, free_deletes, creates, free_creates } = step;
        if limits.max_surge == 0 {
            let room = rollout::room(limits.max_unavailable, tally.unavailable);
            self.old_pods(gone_bad.merged(gone), rules, names, burst, deletes);
            *free_deletes = deletes.len();
            self.old_pods(unwanted.merged(candidates).take(room), rules, names, burst, deletes);
            return Ok(());
        }
        if let Some(node) = self.nodes(sets.old_missing.iter()).next() {
            return Err(SyncError::NodeMissing { node: names.node_name(node).to_owned() });
        }
        self.old_pods(sets.both_available.merged(gone_bad), rules, names, burst, deletes);
        creates.extend(self.nodes(gone.iter()).take(burst));
        (*free_deletes, *free_creates) = (deletes.len(), creates.len());
        let room = rollout::room(tally.available, limits.desired);
        self.old_pods(unwanted.iter().take(room), rules, names, burst, deletes);
        let room = rollout::room(limits.max_surge, tally.surging);
        creates.extend(self.nodes(candidates.iter().take(room.min(burst))));
        Ok(())
    }

    fn counts(&self, _rules: &Rules, _names: &Names) -> Counts {
        self.index.total
    }

    /// What happens afterwards is not seen within a sync.
    fn created(&mut self, _pod: DaemonPod) {}

    /// What happens afterwards is not seen within a sync.
    fn deleted(&mut self, _pod: &DaemonPod) {}
}

/// Asked for in every sync, and nearly always empty.
fn listed(pods: &BTreeSet<PodId>) -> Vec<PodId> {
    if pods.is_empty() { Vec::new() } else { pods.iter().copied().collect() }
}
