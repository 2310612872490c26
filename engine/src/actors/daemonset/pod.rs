//! A pod as the controller's decisions look at it.

use std::cmp::Ordering;

use super::rollout;
use crate::cluster::{Cluster, DaemonSet, Pod};
use crate::event::Phase;
use crate::names::{Names, NodeId, PodId, Seq, Sym, api_elapsed, sym};
use crate::time::{ApiSeconds, Time};

/// A pod that a DaemonSet claims and that is meant for a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DaemonPod {
    /// Its slot; `None` for a pod that was created earlier in the same sync.
    pub id: Option<PodId>,
    /// The node that it is bound to or, unbound, for.
    pub node: NodeId,
    pub bound: bool,
    pub ready: bool,
    pub ready_since: Option<ApiSeconds>,
    pub phase: Phase,
    pub terminating: bool,
    pub created: ApiSeconds,
    pub ordinal: u32,
    /// Empty for a name that follows from the ordinal.
    pub name: Sym,
    /// Whether it is about to be adopted, which in this sync still makes a difference to its place in lists.
    pub orphan: bool,
    /// Label `controller-revision-hash`; empty if absent.
    pub hash: Sym,
    /// Label `pod-template-generation`, where it is an integer.
    pub template_generation: Option<i64>,
    /// The event that created it.
    pub made: Seq,
    /// The last event about it.
    pub changed: Seq,
}

/// What is the same for all pods of a DaemonSet in one sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    pub now: Time,
    pub min_ready_seconds: i64,
    /// The current revision's label.
    pub hash: Sym,
    pub template_generation: i64,
    /// Whether a node may have two pods for a while (`AllowsSurge`).
    pub allows_surge: bool,
}

impl Rules {
    /// The rules of a DaemonSet whose current revision has a label, at a moment.
    pub fn of(spec: &DaemonSet, hash: Sym, now: Time) -> Rules {
        Rules {
            now,
            min_ready_seconds: spec.min_ready_seconds,
            hash,
            template_generation: spec.template_generation,
            allows_surge: rollout::allows_surge(&spec.strategy),
        }
    }
}

impl DaemonPod {
    /// Looks at a pod; `None` if no node can be made out.
    pub fn of(cluster: &Cluster, names: &Names, id: PodId, pod: &Pod) -> Option<DaemonPod> {
        let (hash, template_generation) = revision_labels(cluster, names, id, pod);
        Some(DaemonPod {
            id: Some(id),
            node: pod.node?,
            bound: pod.bound,
            ready: pod.ready,
            ready_since: pod.ready_since(),
            phase: pod.phase,
            terminating: pod.terminating(),
            created: pod.created(),
            ordinal: pod.ordinal,
            name: pod.name,
            orphan: pod.owner.is_none(),
            hash,
            template_generation,
            made: pod.made,
            changed: pod.changed,
        })
    }

    /// Whether it has ended and is being deleted: it takes no part in anything but the history's clean-up.
    pub fn is_past(&self) -> bool {
        self.terminating && matches!(self.phase, Phase::Failed | Phase::Succeeded)
    }

    /// Whether it is available, after `IsPodAvailable`: Ready for `minReadySeconds`, the boundary included.
    pub(super) fn available(&self, rules: &Rules) -> bool {
        self.ready
            && (rules.min_ready_seconds == 0
                || self
                    .ready_since
                    .is_some_and(|since| api_elapsed(since, rules.min_ready_seconds, rules.now)))
    }

    /// Whether it is of the current template, after `IsPodUpdated`: by hash or by template generation.
    pub(super) fn updated(&self, rules: &Rules) -> bool {
        (!rules.hash.is_empty() && self.hash == rules.hash)
            || self.template_generation == Some(rules.template_generation)
    }

    /// The order of upstream's listers: by name. Names that follow from ordinals order like these.
    pub fn by_name(&self, other: &DaemonPod, names: &Names) -> Ordering {
        self.name
            .is_empty()
            .cmp(&other.name.is_empty())
            .reverse()
            .then(self.ordinal_or_zero().cmp(&other.ordinal_or_zero()))
            .then_with(|| names.text(self.name).cmp(names.text(other.name)))
            // Pods that different DaemonSets made can have the same ordinal.
            .then(self.made.cmp(&other.made))
    }

    fn ordinal_or_zero(&self) -> u32 {
        if self.name.is_empty() { self.ordinal } else { 0 }
    }

    /// Which of several pods on a node stays, first; after `podByCreationTimestampAndPhase`: bound before
    /// unbound, then the oldest, then by name.
    pub fn by_age(&self, other: &DaemonPod, names: &Names) -> Ordering {
        other
            .bound
            .cmp(&self.bound)
            .then(self.created.cmp(&other.created))
            .then_with(|| self.by_name(other, names))
    }
}

/// The labels that tie a pod to a revision and a template generation.
fn revision_labels(cluster: &Cluster, names: &Names, id: PodId, pod: &Pod) -> (Sym, Option<i64>) {
    if !pod.relabelled {
        let shape = cluster.shape(pod.shape);
        return shape.map_or((Sym::EMPTY, None), |s| (s.revision_hash, s.template_generation));
    }
    let value = |key| cluster.pod_labels(id).iter().find(|label| label.0 == key).map(|label| label.1);
    let generation = value(sym::TEMPLATE_GENERATION_LABEL).and_then(|text| names.text(text).parse().ok());
    (value(sym::REVISION_HASH_LABEL).unwrap_or(Sym::EMPTY), generation)
}
