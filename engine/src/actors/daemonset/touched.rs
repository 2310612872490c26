//! The last events about the pods of each DaemonSet on each node.

use serde::{Deserialize, Serialize};

use crate::names::{NodeId, ObjectId, Seq};

/// By number of object: what its pods' events were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Touched(Vec<OnNodes>);

/// The last event about a pod of one DaemonSet, by number of node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OnNodes {
    /// The lower halves of the numbers.
    lower: Vec<u32>,
    /// The upper halves; empty until an event has a number beyond 2^32.
    upper: Vec<u32>,
}

/// Nothing has happened.
pub(super) static NOTHING: OnNodes = OnNodes { lower: Vec::new(), upper: Vec::new() };

impl Touched {
    /// What is known of a DaemonSet.
    #[inline]
    pub fn of(&self, object: ObjectId) -> &OnNodes {
        self.0.get(object.index()).unwrap_or(&NOTHING)
    }

    /// Takes note of an event about a pod.
    #[inline]
    pub fn set(&mut self, owner: ObjectId, node: NodeId, seq: Seq) {
        if self.0.len() <= owner.index() {
            self.0.resize_with(owner.index() + 1, OnNodes::default);
        }
        self.0[owner.index()].set(node, seq);
    }

    /// Forgets a DaemonSet.
    pub fn forget(&mut self, object: ObjectId) {
        if let Some(known) = self.0.get_mut(object.index()) {
            *known = OnNodes::default();
        }
    }
}

impl OnNodes {
    /// The last event about a pod on a node.
    #[inline]
    pub fn on(&self, node: NodeId) -> Seq {
        let half = |halves: &[u32]| halves.get(node.index()).copied().map_or(0, u64::from);
        Seq(half(&self.lower) | half(&self.upper) << 32)
    }

    fn set(&mut self, node: NodeId, seq: Seq) {
        if self.lower.len() <= node.index() {
            self.lower.resize(node.index() + 1, 0);
        }
        self.lower[node.index()] = seq.0 as u32;
        // Numbers rise: from the first that is so large, all are.
        if seq.0 >> 32 != 0 {
            if self.upper.len() <= node.index() {
                self.upper.resize(node.index() + 1, 0);
            }
            self.upper[node.index()] = (seq.0 >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_need_more_than_32_bits() {
        let (mut touched, object, node) = (Touched::default(), ObjectId::from_index(2), NodeId::from_index);
        assert_eq!(touched.of(object).on(node(1)), Seq::NONE);
        for (at, seq) in
            [(5, 7), (1, u64::from(u32::MAX)), (1, 1 << 32), (3, (5 << 32) + 9), (3, (6 << 32) + 1)]
        {
            touched.set(object, node(at), Seq(seq));
            assert_eq!(touched.of(object).on(node(at)), Seq(seq));
        }
        assert_eq!(touched.of(object).on(node(5)), Seq(7));
        assert_eq!(touched.of(object).on(node(2)), Seq::NONE);
        touched.forget(object);
        assert_eq!(touched.of(object).on(node(3)), Seq::NONE);
    }
}
