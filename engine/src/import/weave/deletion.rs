//! Pods' deletion: who asked for it, and why.

use super::Weaver;
use super::author::Author;
use crate::cluster::{ObjectSpec, Pod, UpdateStrategy};
use crate::event::{Body, ConditionStatus, Phase, Track, Why};
use crate::import::actor::Actor;
use crate::import::audit::Act;
use crate::import::decode::Deed;
use crate::import::error::ImportError;
use crate::import::sighting::PodView;
use crate::names::{NodeId, ObjectId, PodId, Sym, sym};

impl Weaver<'_> {
    /// The API server has accepted a deletion, or has shortened its grace.
    pub(super) fn pod_deletion_accepted(&mut self, pod: PodId, view: &PodView) -> Result<(), ImportError> {
        let (deadline, grace_s) = view.deletion.unwrap_or((self.here.at.api_seconds(), 0));
        let before = self.cluster.pod(pod).and_then(|pod| pod.deleting);
        let (author, why) = self.deleter(pod, view);
        let why = before.unwrap_or(why);
        if grace_s == 0 {
            self.deleters.insert(pod, author);
        }
        self.emit(&author, Body::PodDeleted { pod, why, grace_s, deadline })
    }

    /// The object is gone.
    pub(super) fn pod_deleted(
        &mut self,
        pod: PodId,
        old: &PodView,
        last: &PodView,
    ) -> Result<(), ImportError> {
        if let Some((_, grace)) = old.deletion {
            let state = self.cluster.pod(pod);
            let node = state.and_then(|pod| pod.node);
            let lost = node.is_none_or(|node| self.is_lost(node));
            let expected = if lost { Track::Lifecycle } else { Track::Kubelet };
            let mut author = self.author(Act::Delete, expected);
            // Without grace, whoever deleted it also made it go.
            if grace == 0 && author.is_inferred() {
                author = self.deleters.get(&pod).copied().unwrap_or(author);
            }
            return self.emit(&author, Body::PodGone { pod });
        }
        // It was unbound, had ended, or was deleted by force: nothing to wait for.
        let (author, why) = self.deleter(pod, last);
        let now = self.here.at.api_seconds();
        let deadline = last.deletion.map_or(now, |deletion| deletion.0);
        self.emit(&author, Body::PodDeleted { pod, why, grace_s: 0, deadline })?;
        self.emit(&author, Body::PodGone { pod })
    }

    fn deleter(&mut self, pod: PodId, view: &PodView) -> (Author, Why) {
        let (expected, guess) = self.guess(pod, view);
        let mut author = self.author(Act::Delete, expected);
        if author.is_inferred() {
            let deeds = [Deed::Deleted, Deed::Evicted, Deed::Preempted];
            author = deeds.iter().find_map(|deed| self.author_by_event(*deed)).unwrap_or(author);
        }
        let why = match author.actor {
            None => guess,
            Some(actor) => self.why_of(actor, &author, pod, view),
        };
        if why == Why::Unknown && !self.here.genesis {
            self.report.infer_one("reason of PodDeleted: none that fits");
        }
        (author, why)
    }

    /// Why an actor that is known deleted a pod.
    fn why_of(&self, actor: Actor, author: &Author, pod: PodId, view: &PodView) -> Why {
        let owner = view.owner.and_then(|owner| self.objects.get(&owner.uid)).copied();
        match actor {
            Actor::DaemonSetController => {
                owner.and_then(|owner| self.daemon_set_reason(owner, pod)).unwrap_or(Why::Unknown)
            }
            Actor::ReplicaSetController => Why::ScaledDown,
            Actor::Scheduler => Why::Preempted,
            Actor::OwnerGarbageCollector => Why::OwnerGone,
            Actor::PodGarbageCollector if self.node_of(pod).is_none() => Why::NodeGone,
            Actor::NodeLifecycle => Why::TaintEviction,
            Actor::Person if author.write.is_some_and(|write| write.act == Act::Evict) => Why::Evicted,
            Actor::Person => Why::User,
            _ => Why::Unknown,
        }
    }

    /// Who would have deleted the pod now, and why.
    fn guess(&self, pod: PodId, view: &PodView) -> (Track, Why) {
        if let Some((ConditionStatus::True, _, reason)) = view.disruption {
            match self.names.text(reason) {
                "PreemptionByScheduler" => return (Track::Scheduler, Why::Preempted),
                "DeletionByTaintManager" => return (Track::Lifecycle, Why::TaintEviction),
                "DeletionByPodGC" => return (Track::Lifecycle, Why::NodeGone),
                "EvictionByEvictionAPI" => return (Track::User, Why::Evicted),
                "TerminationByKubelet" => return (Track::Kubelet, Why::Unknown),
                _ => {}
            }
        }
        let Some(owner) = view.owner.and_then(|owner| self.objects.get(&owner.uid)).copied() else {
            return (Track::User, Why::User);
        };
        let recorded = self.cluster.object(owner);
        let kind = self.names.object_key(owner).kind;
        match recorded {
            Some(object) if object.present && object.deleting.is_none() => {}
            // An owner that was never recorded says nothing by not being there.
            _ if kind != sym::DAEMON_SET && kind != sym::REPLICA_SET => {
                return (Track::OtherWorkloads, Why::Unknown);
            }
            _ => return (Track::Lifecycle, Why::OwnerGone),
        }
        match kind {
            sym::DAEMON_SET => match self.daemon_set_reason(owner, pod) {
                // A rollout that has no room for one more was not what deleted it.
                Some(Why::Outdated) if !self.rollout_has_room(owner, pod) => (Track::User, Why::User),
                Some(why) => (Track::DaemonSet, why),
                None => (Track::User, Why::User),
            },
            sym::REPLICA_SET if self.wants_fewer(owner) => (Track::ReplicaSet, Why::ScaledDown),
            sym::REPLICA_SET => (Track::User, Why::User),
            _ => (Track::OtherWorkloads, Why::Unknown),
        }
    }

    fn node_of(&self, pod: PodId) -> Option<NodeId> {
        let node = self.cluster.pod(pod)?.node?;
        self.cluster.present_node(node).map(|_| node)
    }

    /// Whether a ReplicaSet has more active pods than it wants.
    fn wants_fewer(&self, owner: ObjectId) -> bool {
        let Some(object) = self.cluster.object(owner) else { return false };
        let ObjectSpec::ReplicaSet { replicas } = object.spec else { return false };
        let active =
            |pod: &&PodId| self.cluster.pod(**pod).is_some_and(|p| !p.terminating() && !p.terminal());
        object.pods.iter().filter(active).count() > replicas as usize
    }

    /// Why the DaemonSet controller would delete a pod now, if it would; after `podsShouldBeOnNode`, `manage` and
    /// `rollingUpdate`.
    fn daemon_set_reason(&self, owner: ObjectId, id: PodId) -> Option<Why> {
        let object = self.cluster.object(owner)?;
        let daemon_set = object.daemon_set()?;
        let pod = self.cluster.pod(id)?;
        let target = pod.node?;
        let outdated = self.cluster.pod_revision_hash(id) != self.current_hash(owner)
            && matches!(daemon_set.strategy, UpdateStrategy::RollingUpdate { .. });
        match self.cluster.present_node(target) {
            Some(node) => {
                let (labels, taints) = (&node.labels, &node.taints);
                if !daemon_set.placement.eligibility(node.name, labels, taints, self.names).should_continue {
                    return Some(Why::NodeNoLongerFits);
                }
            }
            // A recording without nodes says nothing of them.
            None if self.cluster.nodes().is_empty() && !self.is_lost(target) => {}
            None if !pod.bound => return Some(Why::NodeMissing),
            // A rolling update also replaces pods of lost nodes that pod garbage collection has not reached.
            None => return outdated.then_some(Why::Outdated),
        }
        match pod.phase {
            Phase::Failed => return Some(Why::Failed),
            Phase::Succeeded => return Some(Why::Succeeded),
            _ => {}
        }
        if outdated {
            return Some(Why::Outdated);
        }
        let others =
            object.pods.iter().filter(|other| **other != id).filter_map(|other| self.cluster.pod(*other));
        let mut others = others.filter(|other| other.node == Some(target) && !other.terminating());
        others.any(|other| !other.terminal()).then_some(Why::Duplicate)
    }

    /// Whether a rolling update may take an outdated pod away now: it is not available anyway, its successor is
    /// there (with surge), or fewer are missing than may be; after `rollingUpdate`, but for the exact counts.
    fn rollout_has_room(&self, owner: ObjectId, id: PodId) -> bool {
        let (Some(object), Some(pod)) = (self.cluster.object(owner), self.cluster.pod(id)) else {
            return true;
        };
        let Some(daemon_set) = object.daemon_set() else { return true };
        let UpdateStrategy::RollingUpdate { max_unavailable, max_surge } = daemon_set.strategy else {
            return true;
        };
        let available = |pod: &Pod| {
            !pod.terminating() && self.cluster.available(pod, daemon_set.min_ready_seconds, self.here.at)
        };
        if !available(&pod) {
            return true;
        }
        let desired = i64::from(object.status.desired);
        let mut pods =
            object.pods.iter().filter(|other| **other != id).filter_map(|id| self.cluster.pod(*id));
        if max_surge.and_then(|surge| surge.scaled_up(desired)).is_some_and(|surge| surge > 0) {
            return pods.any(|other| other.node == pod.node && available(&other));
        }
        let others = pods.filter(|other| available(other)).count() as i64;
        let budget = max_unavailable.and_then(|max| max.scaled_up(desired)).unwrap_or(1);
        desired - (others + 1) < budget
    }

    /// The hash of the revision that holds a DaemonSet's template now; the newest of them if there are several.
    fn current_hash(&self, owner: ObjectId) -> Sym {
        let Some(object) = self.cluster.object(owner) else { return Sym::EMPTY };
        let Some(daemon_set) = object.daemon_set() else { return Sym::EMPTY };
        let revisions = object.revisions.iter().filter_map(|id| self.cluster.revision(*id));
        let same = revisions.filter(|r| r.present && r.template == daemon_set.template);
        same.max_by_key(|revision| revision.number).map_or(Sym::EMPTY, |revision| revision.hash)
    }
}
