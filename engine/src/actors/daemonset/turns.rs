//! In which order a recorded controller took its nodes: upstream's order is that of Go maps, which is random, and what
//! comes of a rollout that is disturbed depends on it.

use rustc_hash::FxHashMap;

use crate::names::{NodeId, ObjectId};
use crate::time::Time;

/// A pod as it is found again in another run: owner, node, and how many there were before it.
type Daemon = (ObjectId, NodeId, u32);

/// When a recorded controller created and deleted each pod.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    created: FxHashMap<Daemon, Time>,
    deleted: FxHashMap<Daemon, Time>,
}

impl Turns {
    /// Takes note of a recorded creation.
    pub fn created(&mut self, owner: ObjectId, node: NodeId, ordinal: u32, at: Time) {
        self.created.insert((owner, node, ordinal), at);
    }

    /// Takes note of a recorded deletion; of several the first counts.
    pub fn deleted(&mut self, owner: ObjectId, node: NodeId, ordinal: u32, at: Time) {
        self.deleted.entry((owner, node, ordinal)).or_insert(at);
    }

    /// When a pod was created; what never was comes last.
    pub(super) fn creation(&self, owner: ObjectId, node: NodeId, ordinal: u32) -> Time {
        self.created.get(&(owner, node, ordinal)).copied().unwrap_or(Time::MAX)
    }

    /// When a pod was deleted; what never was comes last.
    pub(super) fn deletion(&self, owner: ObjectId, node: NodeId, ordinal: u32) -> Time {
        self.deleted.get(&(owner, node, ordinal)).copied().unwrap_or(Time::MAX)
    }
}
