//! Making room for a pod that fits nowhere: which pods of lower priority have to go, after `DefaultPreemption`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::filter::{self, Rejection, count_in, listed};
use super::usage::{Usage, Wanted};
use crate::cluster::{Cluster, Pod, Shape};
use crate::disruption::{Budgets, budgets_of};
use crate::event::Why;
use crate::names::{Names, NodeId, ObjectId, PodId, Seq};

/// Upstream looks at a tenth of the nodes, but at so many at least.
const CANDIDATES_MIN: usize = 100;

/// A node on which there is room for a pod once others have gone.
#[derive(Debug)]
pub(super) struct Candidate {
    pub node: NodeId,
    /// The pods that have to go, most important first.
    pub victims: Vec<PodId>,
    /// What upstream prefers less: budgets violated, then the highest priority among the victims, then the sum of
    /// priorities, then how many there are, then how early the most important of them came.
    cost: (usize, i32, i64, usize, Reverse<Seq>),
}

/// Why no room is made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// The pod may not take anybody's place, in upstream's words.
    NotEligible(&'static str),
    /// No node would have it: why those would not where removing pods could have helped.
    Nowhere(Vec<(usize, String)>),
}

impl NoRoom {
    /// What the pod's condition says about it.
    pub fn message(self, nodes: usize) -> String {
        // The plugin for resource claims has its say before preemption.
        const CLAIMS: &str = "no new claims to deallocate, preemption:";
        match self {
            NoRoom::NotEligible(why) => format!("{CLAIMS} not eligible due to {why}."),
            NoRoom::Nowhere(mut reasons) => {
                let helpful: usize = reasons.iter().map(|(count, _)| count).sum();
                if nodes > helpful {
                    let text = "Preemption is not helpful for scheduling".to_owned();
                    count_in(&mut reasons, nodes - helpful, text);
                }
                format!("{CLAIMS} 0/{nodes} nodes are available: {}.", listed(reasons))
            }
        }
    }
}

/// A pod of lower priority on a node that is looked at.
struct Lower<'a> {
    pod: PodId,
    shape: &'a Shape,
    priority: i32,
    made: Seq,
}

/// One attempt to make room for one pod.
pub(super) struct Preemption<'a> {
    pub cluster: &'a Cluster,
    pub names: &'a Names,
    pub usage: &'a Usage,
    pub wanted: Wanted<'a>,
}

impl<'a> Preemption<'a> {
    /// Finds the node on which it costs least to make room, among those that refuse for reasons that removing pods could
    /// resolve. Upstream begins at a random node and stops after enough candidates; here it is the first by name.
    pub fn find(&self, resolvable: &[NodeId], budgets: &mut Budgets) -> Result<Candidate, NoRoom> {
        self.eligible(resolvable)?;
        let enough = (resolvable.len() / 10).max(CANDIDATES_MIN);
        let mut candidates = Vec::new();
        let mut reasons = Vec::new();
        for &node in resolvable {
            match self.victims(node, budgets) {
                Ok(candidate) => candidates.push(candidate),
                Err(None) => {
                    count_in(&mut reasons, 1, "No preemption victims found for incoming pod".to_owned())
                }
                Err(Some(rejections)) => {
                    rejections.iter().for_each(|rejection| count_in(&mut reasons, 1, rejection.text()));
                }
            }
            let harmless = candidates.iter().any(|candidate| candidate.cost.0 == 0);
            if harmless && candidates.len() >= enough {
                break;
            }
        }
        candidates.into_iter().min_by_key(|candidate| candidate.cost).ok_or(NoRoom::Nowhere(reasons))
    }

    /// After `PodEligibleToPreemptOthers`: a pod for which others are going already waits for them.
    fn eligible(&self, resolvable: &[NodeId]) -> Result<(), NoRoom> {
        if !self.cluster.may_preempt(self.wanted.shape) {
            return Err(NoRoom::NotEligible("preemptionPolicy=Never"));
        }
        let Some(nominated) = self.cluster.nominated_node(self.wanted.pod) else { return Ok(()) };
        let going = |pod: &PodId| {
            let pod = self.cluster.pod(*pod).filter(|pod| pod.deleting == Some(Why::Preempted));
            let shape = pod.and_then(|pod| self.cluster.shape(pod.shape));
            shape.is_some_and(|shape| self.cluster.priority(shape, self.names).0 < self.wanted.priority)
        };
        let waits = resolvable.contains(&nominated)
            && self.cluster.node(nominated).is_some_and(|node| node.pods.iter().any(going));
        match waits {
            true => Err(NoRoom::NotEligible("a terminating pod on the nominated node")),
            false => Ok(()),
        }
    }

    /// After `SelectVictimsOnNode`: without all pods of lower priority the pod has to fit; then as many of them as
    /// possible stay, those first whose disruption would violate a budget, then the more important ones.
    fn victims(&self, node: NodeId, budgets: &mut Budgets) -> Result<Candidate, Option<Vec<Rejection>>> {
        let lower = self.lower(node);
        if lower.is_empty() {
            return Err(None);
        }
        let Preemption { cluster, names, usage, wanted } = *self;
        let mut used = usage.seen_by(cluster, names, &wanted, node);
        lower.iter().for_each(|lower| used.remove(lower.shape));
        filter::check(cluster, names, &used, wanted.shape, node).map_err(Some)?;
        let (violating, others) = self.by_budgets(lower, budgets);
        let mut violations = 0;
        let mut victims: Vec<Lower<'a>> = Vec::new();
        for (violates, lower) in
            violating.into_iter().map(|l| (1, l)).chain(others.into_iter().map(|l| (0, l)))
        {
            used.add(lower.shape);
            if filter::check(cluster, names, &used, wanted.shape, node).is_err() {
                used.remove(lower.shape);
                violations += violates;
                victims.push(lower);
            }
        }
        victims.sort_by_key(importance);
        let top = victims.first().map_or(i32::MIN, |victim| victim.priority);
        // Upstream adds this much to each, so that a few pods of negative priority do not count as less than nothing.
        let sum = victims.iter().map(|victim| i64::from(victim.priority) + (1 << 31)).sum();
        let earliest = victims.first().map_or(Seq::NONE, |victim| victim.made);
        let cost = (violations, top, sum, victims.len(), Reverse(earliest));
        Ok(Candidate { node, victims: victims.into_iter().map(|victim| victim.pod).collect(), cost })
    }

    /// The pods of lower priority on a node, most important first.
    fn lower(&self, node: NodeId) -> Vec<Lower<'a>> {
        let pods = self.cluster.node(node).into_iter().flat_map(|node| &node.pods);
        let lower = pods.filter_map(|&id| {
            let pod = self.cluster.pod(id).filter(|pod| !pod.terminal())?;
            let shape = self.cluster.shape(pod.shape)?;
            let priority = self.cluster.priority(shape, self.names).0;
            (priority < self.wanted.priority).then_some(Lower { pod: id, shape, priority, made: pod.made })
        });
        let mut lower: Vec<_> = lower.collect();
        lower.sort_by_key(importance);
        lower
    }

    /// Splits pods into those whose disruption would violate a budget, if those before them go as well, and the rest
    /// (`filterPodsWithPDBViolation`).
    fn by_budgets(&self, lower: Vec<Lower<'a>>, budgets: &mut Budgets) -> (Vec<Lower<'a>>, Vec<Lower<'a>>) {
        let (cluster, names) = (self.cluster, self.names);
        let mut taken: BTreeMap<ObjectId, i64> = BTreeMap::new();
        lower.into_iter().partition(|lower| {
            if cluster.pod_labels(lower.pod).is_empty() {
                return false;
            }
            let mut violates = false;
            for budget in budgets_of(cluster, names, lower.pod) {
                // Here, unlike for an eviction, an empty selector selects nothing.
                let everything = budget.disruption_budget().and_then(|spec| spec.selector.as_ref().ok());
                if everything.is_some_and(|selector| selector.is_everything()) {
                    continue;
                }
                let allowed = budgets.status(cluster, names, budget).allowed;
                let taken = taken.entry(budget.id).or_default();
                *taken += 1;
                violates |= *taken > allowed;
            }
            violates
        })
    }
}

/// Whether a pod would have to go so that one of those that wait, and may go to its node, has room there. Takes time
/// proportional to the pods of the cluster.
pub(crate) fn would_preempt(cluster: &Cluster, names: &Names, victim: PodId) -> bool {
    let Some(node) = cluster.pod(victim).and_then(|pod| pod.node) else { return false };
    let mut usage = Usage::default();
    for pod in cluster.node(node).into_iter().flat_map(|node| &node.pods) {
        usage.observe(cluster, *pod);
    }
    for (pod, promised) in cluster.nominations() {
        usage.promise(pod, Some(promised));
    }
    let waits = |pod: &Pod| !pod.bound && !pod.terminating() && pod.node.is_none_or(|own| own == node);
    cluster.pods().filter(|(_, pod)| waits(pod)).any(|(pod, facts)| {
        let Some(shape) = cluster.shape(facts.shape).filter(|shape| cluster.may_preempt(shape)) else {
            return false;
        };
        let wanted = Wanted { pod, shape, priority: cluster.priority(shape, names).0 };
        let preemption = Preemption { cluster, names, usage: &usage, wanted };
        preemption.victims(node, &mut Budgets::default()).is_ok_and(|found| found.victims.contains(&victim))
    })
}

/// The order of pods by importance, after `MoreImportantPod`: higher priority first, then the one that is there longer.
fn importance(lower: &Lower<'_>) -> (Reverse<i32>, Seq) {
    (Reverse(lower.priority), lower.made)
}

#[cfg(test)]
#[path = "preempt_tests.rs"]
mod tests;
