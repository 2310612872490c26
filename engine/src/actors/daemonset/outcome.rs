//! What a sync decided, and why it failed.

use serde::{Deserialize, Serialize};

use super::revision::RevisionOperation;
use crate::event::{Why, WorkloadStatus};
use crate::names::{NodeId, ObjectId, PodId, Seq, Sym};
use crate::time::Micros;

/// Why a sync failed; its key is tried again after a while.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The selector cannot be used: correct the manifest.
    #[error("failed to construct revisions of DaemonSet: {reason}")]
    BadSelector {
        /// What is wrong with it.
        reason: String,
    },
    /// The name of the new revision is taken; the next sync takes another.
    #[error(
        "failed to construct revisions of DaemonSet: the new revision's name is taken by another template"
    )]
    HashCollision,
    /// `maxUnavailable` or `maxSurge` is no number.
    #[error("invalid value for {field}")]
    BadLimit {
        /// Which of them.
        field: &'static str,
    },
    /// A surging rollout waits until the pod garbage collector has taken the pod of a node that is gone.
    #[error("couldn't get node for nodeName {node:?}: node {node:?} not found")]
    NodeMissing {
        /// The node.
        node: String,
    },
    /// The DaemonSet is being deleted, or gone, although the controller has not seen it yet.
    #[error("pods cannot be adopted: the DaemonSet is being deleted")]
    AdoptionRefused,
    /// The API server refused to delete a pod.
    #[error("pods could not be deleted: {reason}")]
    DeletionRefused {
        /// Its words.
        reason: String,
    },
    /// The API server refused a pod.
    #[error("pods could not be created: {reason}")]
    PodRefused {
        /// Its words.
        reason: String,
    },
}

/// A pod to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Creation {
    /// The node it is for.
    pub node: NodeId,
    /// The event that made it necessary.
    pub cause: Seq,
}

/// A pod to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// The pod.
    pub pod: PodId,
    /// The event that created the pod: slots are used again.
    pub made: Seq,
    /// The reason.
    pub why: Why,
    /// The event that made it necessary.
    pub cause: Seq,
}

/// A Kubernetes Event about the DaemonSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// `SelectingAll`: the selector is empty.
    SelectingAll,
    /// `FailedDaemonPod`: a failed pod is deleted.
    FailedDaemonPod(PodId, NodeId),
    /// `SucceededDaemonPod`: a succeeded pod is deleted.
    SucceededDaemonPod(PodId, NodeId),
}

/// What one sync decided. Nothing has happened yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SyncOutcome {
    /// The DaemonSet; `None` if there is none of that name.
    pub object: Option<ObjectId>,
    /// Pods to create, with the label of the revision that they get.
    pub creates: Vec<Creation>,
    /// The label `controller-revision-hash` of created pods.
    pub hash: Sym,
    /// Pods that the API server refused to create: for which node, and its words.
    pub refusals: Vec<(NodeId, String)>,
    /// Pods to delete.
    pub deletes: Vec<Deletion>,
    /// Pods to adopt.
    pub adopts: Vec<PodId>,
    /// Pods to release.
    pub releases: Vec<PodId>,
    /// How often upstream would have claimed pods in this sync: it patches owners each time anew.
    pub claims: usize,
    /// How many owner references upstream would have patched.
    pub owner_patches: usize,
    /// Pods that get the current revision's label because duplicate revisions were merged.
    pub relabels: Vec<PodId>,
    /// Changes to revisions before pods are looked at.
    pub revisions: Vec<RevisionOperation>,
    /// Revisions beyond the history limit, deleted after pods were looked at.
    pub pruned: Vec<RevisionOperation>,
    /// The status to write.
    pub status: Option<WorkloadStatus>,
    /// Whether the status says that the generation was observed.
    pub observes: bool,
    /// Events to report.
    pub reports: Vec<Report>,
    /// What went wrong.
    pub error: Option<SyncError>,
    /// When the key is to be looked at again, counted from now.
    pub requeue_after: Option<Micros>,
}

impl SyncOutcome {
    /// Makes it an outcome of nothing, and keeps the room of what syncs often do.
    pub(super) fn clear(&mut self) {
        let (mut creates, mut deletes) =
            (std::mem::take(&mut self.creates), std::mem::take(&mut self.deletes));
        creates.clear();
        deletes.clear();
        *self = SyncOutcome { creates, deletes, ..SyncOutcome::default() };
    }

    /// Whether a sync that went all the way found nothing to do, but for a status that may have to be written.
    pub(super) fn has_only_status(&self) -> bool {
        let SyncOutcome { creates, refusals, deletes, adopts, releases, relabels, .. } = self;
        self.observes
            && creates.is_empty()
            && refusals.is_empty()
            && deletes.is_empty()
            && adopts.is_empty()
            && releases.is_empty()
            && relabels.is_empty()
            && self.revisions.is_empty()
            && self.pruned.is_empty()
            && self.reports.is_empty()
            && self.error.is_none()
            && self.requeue_after.is_none()
    }
}
