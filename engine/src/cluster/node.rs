//! A node as controllers see it.

use serde::{Deserialize, Serialize};

use crate::event::ConditionStatus;
use crate::names::{PodId, ResourcesId, Seq, Sym, Taint};
use crate::time::{ApiSeconds, Time};

/// A node's name and, while a node of that name exists, the node.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Node {
    /// The name.
    pub name: Sym,
    /// Whether the node exists. When it does not, its last labels and taints are still here.
    pub present: bool,
    /// How many times a node of this name has joined.
    pub incarnation: u32,
    /// Labels, in no particular order.
    pub labels: Vec<(Sym, Sym)>,
    /// Taints, in the order in which they came.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// `status.allocatable`.
    pub allocatable: Option<ResourcesId>,
    /// `status.conditions`.
    pub conditions: Vec<NodeCondition>,
    /// Whether the kubelet has stopped posting.
    pub silent: bool,
    /// `metadata.creationTimestamp`.
    pub created: ApiSeconds,
    /// The event that last made it exist or not.
    pub joined_or_left: Seq,
    /// When that was.
    pub joined_or_left_at: Time,
    /// The last event that changed labels or taints (or made the node exist or not).
    pub changed: Seq,
    /// Pods bound to the name, in no particular order.
    pub pods: Vec<PodId>,
}

/// A node's condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCondition {
    /// The type: `Ready`.
    pub condition: Sym,
    /// The status.
    pub status: ConditionStatus,
    /// The reason, for people.
    pub reason: Sym,
    /// `lastTransitionTime`.
    pub since: ApiSeconds,
}

impl Node {
    /// The status of a condition; `None` if it was never reported.
    pub fn condition(&self, condition: Sym) -> Option<ConditionStatus> {
        self.conditions.iter().find(|c| c.condition == condition).map(|c| c.status)
    }
}
