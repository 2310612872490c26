//! The event vocabulary: everything that can happen in a cluster, who caused it, and why.
//!
//! A cluster changes only through these (see [`crate::cluster::Cluster::apply`]). The list is wide enough for
//! every actor that kubetape has or plans; a kind that a reader does not know is an error that names it.

mod kind;

pub use kind::{Kind, Kinds};

use serde::{Deserialize, Serialize};

use crate::names::{
    DocId, Effect, NodeId, NodeSpecId, ObjectId, PodId, ResourcesId, RevisionId, Seq, ShapeId, Sym, Taint,
};
use crate::time::{ApiSeconds, Time};

/// Who caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Track {
    /// Machines and the people who run them.
    Cluster = 1,
    /// Whoever runs kubectl.
    User = 2,
    /// The DaemonSet controller.
    DaemonSet = 3,
    /// The ReplicaSet controller.
    ReplicaSet = 4,
    /// The Deployment controller.
    Deployment = 5,
    /// Owners without an actor: StatefulSets, Jobs, static pods.
    OtherWorkloads = 6,
    /// kube-scheduler.
    Scheduler = 7,
    /// The nodes' kubelets.
    Kubelet = 8,
    /// Node lifecycle, taint eviction, pod garbage collection, the garbage collector.
    Lifecycle = 9,
}

impl Track {
    /// Every track, in the order in which they are listed to people.
    pub const ALL: [Track; 9] = [
        Track::Cluster,
        Track::User,
        Track::DaemonSet,
        Track::ReplicaSet,
        Track::Deployment,
        Track::OtherWorkloads,
        Track::Scheduler,
        Track::Kubelet,
        Track::Lifecycle,
    ];

    /// The spelling on the command line and in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Track::Cluster => "cluster",
            Track::User => "user",
            Track::DaemonSet => "workloads/daemonset",
            Track::ReplicaSet => "workloads/replicaset",
            Track::Deployment => "workloads/deployment",
            Track::OtherWorkloads => "workloads/other",
            Track::Scheduler => "scheduler",
            Track::Kubelet => "kubelet",
            Track::Lifecycle => "lifecycle",
        }
    }

    /// Reads the spelling of [`Track::as_str`].
    pub fn parse(text: &str) -> Option<Track> {
        Track::ALL.into_iter().find(|track| track.as_str() == text)
    }

    /// The track with a number, as a log stores it.
    pub fn from_number(number: u8) -> Option<Track> {
        Track::ALL.into_iter().find(|&track| track as u8 == number)
    }
}

impl std::fmt::Display for Track {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happened, when, by whom, and because of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Time,
    /// The event of this log that made this one's decision true; [`Seq::NONE`] for what comes from outside.
    pub cause: Seq,
    /// Played back: the number of this event in the log that it was played from, else [`Seq::NONE`].
    pub origin: Seq,
    /// The user or component that did it, where a recording names one (`system:node:worker-1`).
    pub by: Sym,
    /// Who caused it.
    pub track: Track,
    /// What is known about how the event came to be known.
    pub flags: Flags,
    /// What happened.
    pub body: Body,
}

/// Marks of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flags(pub u8);

impl Flags {
    /// No mark.
    pub const NONE: Flags = Flags(0);
    /// The recording did not say who did it or that it happened; it was inferred.
    pub const INFERRED: Flags = Flags(1);
    /// Part of the state that the log begins with.
    pub const GENESIS: Flags = Flags(2);

    /// Whether all marks of `other` are set.
    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets of marks.
    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl Event {
    /// An event without cause, origin or author.
    pub fn new(at: Time, track: Track, body: Body) -> Event {
        Event { at, cause: Seq::NONE, origin: Seq::NONE, by: Sym::EMPTY, track, flags: Flags::NONE, body }
    }
}

/// How a deletion treats what the object owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Propagation {
    /// The object goes at once, its dependents after it.
    Background = 1,
    /// Dependents go first.
    Foreground = 2,
    /// Dependents stay, without owner.
    Orphan = 3,
}

/// A condition's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum ConditionStatus {
    /// `False`.
    #[default]
    False = 0,
    /// `True`.
    True = 1,
    /// `Unknown`.
    Unknown = 2,
}

/// A pod's phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Phase {
    /// Not started.
    #[default]
    Pending = 0,
    /// At least one container runs.
    Running = 1,
    /// All containers ended well.
    Succeeded = 2,
    /// Ended, and not well.
    Failed = 3,
    /// The node does not say.
    Unknown = 4,
}

/// The pod conditions that decisions read; others are not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum PodCondition {
    /// `Ready`.
    Ready = 1,
    /// `DisruptionTarget`.
    DisruptionTarget = 2,
}

/// Why a pod is being deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Why {
    /// The recording does not say.
    Unknown = 0,
    /// A person asked for it.
    User = 1,
    /// A failed daemon pod is replaced.
    Failed = 2,
    /// A succeeded daemon pod is replaced.
    Succeeded = 3,
    /// An unbound daemon pod for a node that does not exist.
    NodeMissing = 4,
    /// The node must not keep running the pod.
    NodeNoLongerFits = 5,
    /// A rolling update replaces it.
    Outdated = 6,
    /// The node has another pod of the DaemonSet.
    Duplicate = 7,
    /// Its owner is gone.
    OwnerGone = 8,
    /// Its owner wants fewer.
    ScaledDown = 9,
    /// Evicted through the API (drain).
    Evicted = 10,
    /// Evicted for a NoExecute taint.
    TaintEviction = 11,
    /// Its node is gone.
    NodeGone = 12,
    /// A pod of higher priority needs the room.
    Preempted = 13,
    /// More pods have ended than are kept.
    Collected = 14,
}

impl Why {
    /// Every reason, by its number.
    pub const ALL: [Why; 15] = [
        Why::Unknown,
        Why::User,
        Why::Failed,
        Why::Succeeded,
        Why::NodeMissing,
        Why::NodeNoLongerFits,
        Why::Outdated,
        Why::Duplicate,
        Why::OwnerGone,
        Why::ScaledDown,
        Why::Evicted,
        Why::TaintEviction,
        Why::NodeGone,
        Why::Preempted,
        Why::Collected,
    ];

    /// Words for people and for comparisons with recordings.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Unknown => "unknown",
            Why::User => "user",
            Why::Failed => "failed",
            Why::Succeeded => "succeeded",
            Why::NodeMissing => "node-missing",
            Why::NodeNoLongerFits => "node-no-longer-fits",
            Why::Outdated => "outdated",
            Why::Duplicate => "duplicate",
            Why::OwnerGone => "owner-gone",
            Why::ScaledDown => "scaled-down",
            Why::Evicted => "evicted",
            Why::TaintEviction => "taint-eviction",
            Why::NodeGone => "node-gone",
            Why::Preempted => "preempted",
            Why::Collected => "collected",
        }
    }
}

/// The counters of a workload's status. The names are the DaemonSet's; for a ReplicaSet and a Deployment,
/// `current` is `replicas`, `updated` is `fullyLabeledReplicas` or `updatedReplicas`, and `desired` and
/// `misscheduled` stay 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkloadStatus {
    /// `desiredNumberScheduled`.
    pub desired: u32,
    /// `currentNumberScheduled`.
    pub current: u32,
    /// `numberMisscheduled`.
    pub misscheduled: u32,
    /// `numberReady`.
    pub ready: u32,
    /// `updatedNumberScheduled`.
    pub updated: u32,
    /// `numberAvailable`.
    pub available: u32,
    /// `numberUnavailable`.
    pub unavailable: u32,
    /// `collisionCount`.
    pub collision_count: Option<u32>,
    /// `observedGeneration`.
    pub observed_generation: i64,
}

/// What happened. Fields are named after what they hold; what a name does not say stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Body {
    /// A node joined (or came back under its name).
    NodeJoined { node: NodeId, spec: NodeSpecId, created: ApiSeconds },
    /// A node's object was deleted.
    NodeLeft { node: NodeId },
    /// A label was put on, or its value changed.
    NodeLabelSet { node: NodeId, key: Sym, value: Sym },
    /// A label was taken off.
    NodeLabelRemoved { node: NodeId, key: Sym },
    /// A taint was put on, or its value changed.
    NodeTaintAdded { node: NodeId, taint: Taint },
    /// A taint was taken off.
    NodeTaintRemoved { node: NodeId, key: Sym, effect: Effect },
    /// `spec.unschedulable` was set.
    NodeCordoned { node: NodeId },
    /// `spec.unschedulable` was cleared.
    NodeUncordoned { node: NodeId },
    /// `status.allocatable` changed.
    NodeCapacitySet { node: NodeId, allocatable: ResourcesId },
    /// A condition's status changed.
    NodeConditionSet { node: NodeId, condition: Sym, status: ConditionStatus, reason: Sym, since: ApiSeconds },
    /// The kubelet stopped posting.
    NodeSilent { node: NodeId },
    /// The kubelet posts again.
    NodeReturned { node: NodeId },

    /// An object was created or changed; `manifest` is all of it but its status.
    Applied { object: ObjectId, manifest: DocId },
    /// `spec.replicas` alone was changed.
    Scaled { object: ObjectId, replicas: u32 },
    /// A deletion was asked for. With background propagation the object is gone with this event.
    DeleteRequested { object: ObjectId, propagation: Propagation },
    /// An object that was being deleted is gone.
    ObjectRemoved { object: ObjectId },
    /// `kubectl rollout undo`; the template of the revision becomes the object's.
    RolloutUndone { object: ObjectId, to_revision: i64 },

    /// A pod was created. Its number in the log is its slot.
    PodCreated {
        pod: PodId,
        owner: Option<ObjectId>,
        /// The node that it is for (daemon pods) or that its spec names.
        node: Option<NodeId>,
        /// How many pods of this owner (for daemon pods: of this owner on this node) there were before.
        ordinal: u32,
        /// Empty: the name follows from owner, node and ordinal.
        name: Sym,
        namespace: Sym,
        shape: ShapeId,
        created: ApiSeconds,
    },
    /// The API server refused a pod's creation.
    PodRefused { owner: ObjectId, node: Option<NodeId>, reason: Sym },
    /// A deletion was accepted: the pod terminates, or, unbound or ended, is gone with the `PodGone` after.
    PodDeleted { pod: PodId, why: Why, grace_s: u32, deadline: ApiSeconds },
    /// A pod without controller got one.
    PodAdopted { pod: PodId, owner: ObjectId },
    /// A pod lost its controller.
    PodReleased { pod: PodId },
    /// A label was put on, or its value changed.
    PodLabelSet { pod: PodId, key: Sym, value: Sym },
    /// A label was taken off.
    PodLabelRemoved { pod: PodId, key: Sym },

    /// A ControllerRevision was created; `template` is the canonical JSON of its `spec.template`.
    RevisionCreated {
        revision: RevisionId,
        owner: Option<ObjectId>,
        number: i64,
        namespace: Sym,
        name: Sym,
        /// Label `controller-revision-hash`; empty if absent.
        hash: Sym,
        template: DocId,
        created: ApiSeconds,
    },
    /// Its `revision` changed.
    RevisionNumbered { revision: RevisionId, number: i64 },
    /// Its hash label changed.
    RevisionLabelled { revision: RevisionId, hash: Sym },
    /// A revision without controller got one.
    RevisionAdopted { revision: RevisionId, owner: ObjectId },
    /// A revision lost its controller.
    RevisionReleased { revision: RevisionId },
    /// A revision was deleted.
    RevisionDeleted { revision: RevisionId },

    /// A controller wrote a status.
    StatusWritten { object: ObjectId, status: WorkloadStatus },
    /// A controller's sync that wrote something; its cause is the event that woke it, what it wrote follows.
    Synced { object: ObjectId },
    /// A Kubernetes Event about an object (`FailedDaemonPod`, `SelectingAll`, …).
    Reported { object: ObjectId, node: Option<NodeId>, reason: Sym, message: Sym },

    /// The scheduler bound a pod.
    PodBound { pod: PodId, node: NodeId },
    /// The scheduler found no node; the text says why.
    PodUnschedulable { pod: PodId, message: Sym },
    /// The scheduler made room for a pod on a node.
    PodNominated { pod: PodId, node: Option<NodeId> },

    /// A pod's phase changed.
    PodPhaseSet { pod: PodId, phase: Phase, reason: Sym },
    /// A pod's condition changed.
    PodConditionSet { pod: PodId, condition: PodCondition, status: ConditionStatus, since: ApiSeconds },
    /// A container of the pod was restarted; the count so far.
    PodRestarted { pod: PodId, restarts: u32 },
    /// A pod's object is gone; its slot is free.
    PodGone { pod: PodId },

    /// `kubectl drain` was begun on a node that was cordoned before; `options` are [`crate::drain::DrainOptions`].
    DrainRequested { node: NodeId, options: DocId },
    /// A drain is over; the text is what it failed with, empty if nothing.
    DrainEnded { node: NodeId, message: Sym },
    /// The API server refused to evict a pod; said once for each reason, however often it is tried again.
    EvictionRefused { pod: PodId, message: Sym },
}

impl Body {
    /// The node that the event is about, where it is about one.
    pub fn node(&self) -> Option<NodeId> {
        match *self {
            Body::NodeJoined { node, .. }
            | Body::NodeLeft { node }
            | Body::NodeLabelSet { node, .. }
            | Body::NodeLabelRemoved { node, .. }
            | Body::NodeTaintAdded { node, .. }
            | Body::NodeTaintRemoved { node, .. }
            | Body::NodeCordoned { node }
            | Body::NodeUncordoned { node }
            | Body::NodeCapacitySet { node, .. }
            | Body::NodeConditionSet { node, .. }
            | Body::NodeSilent { node }
            | Body::NodeReturned { node }
            | Body::PodBound { node, .. }
            | Body::DrainRequested { node, .. }
            | Body::DrainEnded { node, .. } => Some(node),
            Body::PodCreated { node, .. }
            | Body::PodRefused { node, .. }
            | Body::Reported { node, .. }
            | Body::PodNominated { node, .. } => node,
            _ => None,
        }
    }

    /// The pod that the event is about, where it is about one.
    pub fn pod(&self) -> Option<PodId> {
        match *self {
            Body::PodCreated { pod, .. }
            | Body::PodDeleted { pod, .. }
            | Body::PodAdopted { pod, .. }
            | Body::PodReleased { pod }
            | Body::PodLabelSet { pod, .. }
            | Body::PodLabelRemoved { pod, .. }
            | Body::PodBound { pod, .. }
            | Body::PodUnschedulable { pod, .. }
            | Body::PodNominated { pod, .. }
            | Body::PodPhaseSet { pod, .. }
            | Body::PodConditionSet { pod, .. }
            | Body::PodRestarted { pod, .. }
            | Body::PodGone { pod }
            | Body::EvictionRefused { pod, .. } => Some(pod),
            _ => None,
        }
    }

    /// The pod that an event after its creation is about, to be given another number.
    pub fn pod_mut(&mut self) -> Option<&mut PodId> {
        match self {
            Body::PodDeleted { pod, .. }
            | Body::PodAdopted { pod, .. }
            | Body::PodReleased { pod }
            | Body::PodLabelSet { pod, .. }
            | Body::PodLabelRemoved { pod, .. }
            | Body::PodBound { pod, .. }
            | Body::PodUnschedulable { pod, .. }
            | Body::PodNominated { pod, .. }
            | Body::PodPhaseSet { pod, .. }
            | Body::PodConditionSet { pod, .. }
            | Body::PodRestarted { pod, .. }
            | Body::PodGone { pod } => Some(pod),
            _ => None,
        }
    }

    /// The revision that an event after its creation is about, to be given another number.
    pub fn revision_mut(&mut self) -> Option<&mut RevisionId> {
        match self {
            Body::RevisionNumbered { revision, .. }
            | Body::RevisionLabelled { revision, .. }
            | Body::RevisionAdopted { revision, .. }
            | Body::RevisionReleased { revision }
            | Body::RevisionDeleted { revision } => Some(revision),
            _ => None,
        }
    }

    /// The object (workload) that the event names, where it names one.
    pub fn object(&self) -> Option<ObjectId> {
        match *self {
            Body::Applied { object, .. }
            | Body::Scaled { object, .. }
            | Body::DeleteRequested { object, .. }
            | Body::ObjectRemoved { object }
            | Body::RolloutUndone { object, .. }
            | Body::StatusWritten { object, .. }
            | Body::Synced { object }
            | Body::Reported { object, .. } => Some(object),
            Body::PodCreated { owner, .. } | Body::RevisionCreated { owner, .. } => owner,
            Body::PodRefused { owner, .. }
            | Body::PodAdopted { owner, .. }
            | Body::RevisionAdopted { owner, .. } => Some(owner),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_read_back_as_they_are_written() {
        for track in Track::ALL {
            assert_eq!(Track::parse(track.as_str()), Some(track));
            assert_eq!(Track::from_number(track as u8), Some(track));
        }
        assert_eq!(Track::parse("workloads"), None);
        assert_eq!(Track::from_number(0), None);
    }

    #[test]
    fn an_event_stays_small() {
        assert!(size_of::<Event>() <= 96, "{}", size_of::<Event>());
    }
}
