//! A pod, put together from how it is kept.

use serde::{Deserialize, Serialize};

use crate::event::{Phase, Why};
use crate::names::{NodeId, ObjectId, Seq, ShapeId, Sym};
use crate::time::ApiSeconds;

/// A pod. What it is made from is its shape, shared with the other pods of its template.
#[derive(Clone, Copy, Debug)]
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
    /// Containers restarted so far.
    pub restarts: u32,
    /// The event that created it.
    pub made: Seq,
    /// The last event about it.
    pub changed: Seq,
    pub(super) created: Stamp,
    pub(super) ready_since: Stamp,
}

/// A timestamp that may be missing, in half the room: there are millions. Reaches from 1970 to 2106; what lies outside
/// counts as the nearest that lies within.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp(u32);

impl Stamp {
    /// No timestamp.
    pub const NONE: Stamp = Stamp(u32::MAX);

    /// A timestamp.
    #[inline]
    pub fn of(seconds: ApiSeconds) -> Stamp {
        // The clamp leaves what fits.
        Stamp(seconds.0.clamp(0, i64::from(u32::MAX - 1)) as u32)
    }

    #[inline]
    fn get(self) -> Option<ApiSeconds> {
        (self != Stamp::NONE).then_some(ApiSeconds(i64::from(self.0)))
    }
}

impl Pod {
    /// `metadata.creationTimestamp`.
    #[inline]
    pub fn created(self) -> ApiSeconds {
        self.created.get().unwrap_or_default()
    }

    /// When condition Ready last changed; `None` if it was never reported.
    #[inline]
    pub fn ready_since(self) -> Option<ApiSeconds> {
        self.ready_since.get()
    }

    /// Whether deletion was asked for and the pod is still there.
    #[inline]
    pub fn terminating(self) -> bool {
        self.deleting.is_some()
    }

    /// Whether it has ended: Failed or Succeeded.
    #[inline]
    pub fn terminal(self) -> bool {
        matches!(self.phase, Phase::Failed | Phase::Succeeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_what_they_were_made_of() {
        assert_eq!(Stamp::NONE.get(), None);
        for (seconds, expected) in
            [(0, 0), (1_795_488_363, 1_795_488_363), (-5, 0), (i64::MAX, 4_294_967_294)]
        {
            assert_eq!(Stamp::of(ApiSeconds(seconds)).get(), Some(ApiSeconds(expected)));
        }
    }
}
