//! The answers that a sync gets from an index.

use super::Index;
use super::state::Set;
use crate::actors::daemonset::manage::{self, FailedPods, Wanted};
use crate::actors::daemonset::name_order::Rank;
use crate::actors::daemonset::outcome::SyncError;
use crate::actors::daemonset::pod::{DaemonPod, Rules};
use crate::actors::daemonset::rollout::{self, Limits, Stage, Step};
use crate::actors::daemonset::status::Counts;
use crate::actors::daemonset::view::View;
use crate::cluster::Cluster;
use crate::event::Why;
use crate::names::{Names, NodeId, PodId, Sym};

/// Two sets as one, in order.
fn merged<'a>(a: &'a Set, b: &'a Set) -> impl Iterator<Item = (Rank, NodeId)> + 'a {
    let (mut a, mut b) = (a.iter().copied().peekable(), b.iter().copied().peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if x < y => a.next(),
        (Some(_), None) => a.next(),
        _ => b.next(),
    })
}

/// An index with the cluster that it is of: the view of a sync.
pub(in crate::actors::daemonset) struct Indexed<'a> {
    pub index: &'a Index,
    pub cluster: &'a Cluster,
}

impl Indexed<'_> {
    /// The old pod of a node that has one.
    fn old_pod(
        &self,
        node: NodeId,
        rules: &Rules,
        names: &Names,
        pods: &mut Vec<DaemonPod>,
    ) -> Option<DaemonPod> {
        self.index.pods(node, self.cluster, names, pods);
        match Stage::of(pods, rules) {
            Stage::Old(old) | Stage::Both { old, .. } => Some(old),
            _ => None,
        }
    }

    fn old_pods(
        &self,
        nodes: impl Iterator<Item = (Rank, NodeId)>,
        rules: &Rules,
        names: &Names,
    ) -> Vec<DaemonPod> {
        let mut pods = Vec::new();
        nodes.filter_map(|(_, node)| self.old_pod(node, rules, names, &mut pods)).collect()
    }
}

impl View for Indexed<'_> {
    fn adopts(&self) -> Vec<PodId> {
        self.index.adopts.iter().copied().collect()
    }

    fn releases(&self) -> Vec<PodId> {
        self.index.releases.iter().copied().collect()
    }

    fn adopts_count(&self) -> usize {
        self.index.adopts.len()
    }

    fn is_live(&self, hash: Sym) -> bool {
        self.index.labels.get(&hash).is_some_and(|count| *count > 0)
    }

    fn not_labelled(&self, hash: Sym) -> Vec<PodId> {
        let others = self.index.members.iter().filter(|(_, member)| member.hash != hash);
        let mut pods: Vec<_> = others.map(|(pod, _)| *pod).collect();
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
        let mut pods = Vec::new();
        // Nodes without pods come in their places among the others; beyond the burst limit they are left for
        // the next sync.
        let mut needy = sets.needy.iter().take(burst).peekable();
        for &(rank, node) in &sets.look {
            while let Some((_, empty)) = needy.next_if(|empty| empty.0 < rank) {
                wanted.creates.push(*empty);
            }
            let Some(eligibility) = self.index.nodes[node.index()].eligibility else { continue };
            self.index.pods(node, self.cluster, names, &mut pods);
            manage::node(node, eligibility, &pods, rules, failed, names, wanted);
        }
        wanted.creates.extend(needy.map(|(_, node)| *node));
        for &(_, node) in &sets.homeless {
            self.index.pods(node, self.cluster, names, &mut pods);
            let unbound = pods.iter().filter(|pod| !pod.bound);
            wanted.deletes.extend(unbound.map(|pod| (*pod, Why::NodeMissing)));
        }
    }

    fn desired(&self) -> usize {
        self.index.total.desired as usize
    }

    fn step(&self, limits: &Limits, rules: &Rules, names: &Names) -> Result<Step, SyncError> {
        let (sets, tally) = (&self.index.sets, &self.index.tally);
        let [[gone_bad, gone], [unwanted, candidates]] = &sets.old;
        if limits.max_surge == 0 {
            let room = rollout::room(limits.max_unavailable, tally.unavailable);
            let mut deletes = self.old_pods(merged(gone_bad, gone), rules, names);
            let free_deletes = deletes.len();
            deletes.extend(self.old_pods(merged(unwanted, candidates).take(room), rules, names));
            return Ok(Step { deletes, free_deletes, ..Step::default() });
        }
        if let Some((_, node)) = sets.old_missing.first() {
            return Err(SyncError::NodeMissing { node: names.node_name(*node).to_owned() });
        }
        let mut deletes = self.old_pods(merged(&sets.both_available, gone_bad), rules, names);
        let mut creates: Vec<_> = gone.iter().map(|(_, node)| *node).collect();
        let (free_deletes, free_creates) = (deletes.len(), creates.len());
        let room = rollout::room(tally.available, limits.desired);
        deletes.extend(self.old_pods(unwanted.iter().copied().take(room), rules, names));
        let room = rollout::room(limits.max_surge, tally.surging);
        creates.extend(candidates.iter().take(room).map(|(_, node)| *node));
        Ok(Step { deletes, free_deletes, creates, free_creates })
    }

    fn counts(&self, _rules: &Rules, _names: &Names) -> Counts {
        self.index.total
    }

    /// What happens afterwards is not seen within a sync.
    fn created(&mut self, _pod: DaemonPod) {}

    /// What happens afterwards is not seen within a sync.
    fn deleted(&mut self, _pod: &DaemonPod) {}
}
