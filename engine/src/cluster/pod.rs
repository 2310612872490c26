//! A pod: tens of bytes, whatever its manifest's size.

use serde::{Deserialize, Serialize};

use crate::event::{Phase, Why};
use crate::names::{NodeId, ObjectId, Seq, ShapeId, Sym};
use crate::time::ApiSeconds;

/// A pod. What it is made from is its shape, shared with the other pods of its template.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Pod {
    /// Its controller.
    pub owner: Option<ObjectId>,
    /// The controller that made it, from which its name follows.
    pub made_by: Option<ObjectId>,
    /// The node that it is bound to or, unbound, the one that it is for.
    pub node: Option<NodeId>,
    /// How many pods of the owner (for daemon pods: on that node) there were before it.
    pub ordinal: u32,
    /// Its name; empty if the name follows from owner, node and ordinal.
    pub name: Sym,
    /// Its namespace.
    pub namespace: Sym,
    /// What it is made from.
    pub shape: ShapeId,
    /// `metadata.creationTimestamp`.
    pub created: ApiSeconds,
    /// `status.phase`.
    pub phase: Phase,
    /// Whether `spec.nodeName` is set.
    pub bound: bool,
    /// Whether condition Ready is True.
    pub ready: bool,
    /// Whether the scheduler has found no node for it.
    pub unschedulable: bool,
    /// Whether labels were changed after creation; [`super::Cluster::pod_labels`] knows them.
    pub relabelled: bool,
    /// Whether its object is gone and the slot free; the rest then says how it was.
    pub gone: bool,
    /// While it terminates: why.
    pub deleting: Option<Why>,
    /// When condition Ready last changed; `None` if it was never reported.
    pub ready_since: Option<ApiSeconds>,
    /// `metadata.deletionTimestamp`, once deletion was accepted.
    pub deadline: Option<ApiSeconds>,
    /// Containers restarted so far.
    pub restarts: u32,
    /// The event that created it.
    pub made: Seq,
    /// The last event about it.
    pub changed: Seq,
    /// Its position among its owner's pods (or the namespace's orphans).
    pub(super) owner_slot: u32,
    /// Its position among its node's pods.
    pub(super) node_slot: u32,
}

impl Pod {
    /// Whether deletion was asked for and the pod is still there.
    pub fn terminating(&self) -> bool {
        self.deleting.is_some()
    }

    /// Whether it has ended: Failed or Succeeded.
    pub fn terminal(&self) -> bool {
        matches!(self.phase, Phase::Failed | Phase::Succeeded)
    }
}
