//! What every node is to every DaemonSet, a bit each.

use crate::names::NodeId;
use crate::selector::Eligibility;

/// What is known of a node and a DaemonSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    /// The node exists and name, node selector and affinity fit.
    Selected,
    /// A pod should be there.
    Run,
    /// A pod that is there may stay.
    Continue,
    /// A pod of the DaemonSet's is bound to the node.
    Scheduled,
}

/// How many there are.
const FACTS: usize = 4;

/// The facts of all nodes: for each node and each kind of fact one bit a DaemonSet.
#[derive(Clone, Debug, Default)]
pub(super) struct Masks {
    /// Words a kind of fact, for 64 DaemonSets each.
    words: usize,
    bits: Vec<u64>,
}

impl Masks {
    /// Makes room for so many DaemonSets.
    pub fn make_room(&mut self, daemon_sets: usize) {
        let words = daemon_sets.div_ceil(64);
        if words <= self.words {
            return;
        }
        let nodes = self.bits.len().checked_div(FACTS * self.words).unwrap_or(0);
        let mut bits = vec![0; nodes * FACTS * words];
        for row in 0..nodes * FACTS {
            let old = &self.bits[row * self.words..(row + 1) * self.words];
            bits[row * words..row * words + self.words].copy_from_slice(old);
        }
        (self.words, self.bits) = (words, bits);
    }

    fn place(&self, node: NodeId, fact: Fact, slot: usize) -> usize {
        (node.index() * FACTS + fact as usize) * self.words + slot / 64
    }

    /// Whether a fact holds.
    pub fn has(&self, node: NodeId, fact: Fact, slot: usize) -> bool {
        self.bits.get(self.place(node, fact, slot)).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// Notes whether a fact holds. Says whether that is news.
    pub fn set(&mut self, node: NodeId, fact: Fact, slot: usize, holds: bool) -> bool {
        let end = (node.index() + 1) * FACTS * self.words;
        if self.bits.len() < end {
            self.bits.resize(end, 0);
        }
        let place = self.place(node, fact, slot);
        let (before, bit) = (self.bits[place], 1 << (slot % 64));
        self.bits[place] = if holds { before | bit } else { before & !bit };
        self.bits[place] != before
    }

    /// Whether a pod should run, and one may stay.
    pub fn eligibility(&self, node: NodeId, slot: usize) -> Eligibility {
        Eligibility {
            should_run: self.has(node, Fact::Run, slot),
            should_continue: self.has(node, Fact::Continue, slot),
        }
    }

    /// The DaemonSets that a change of a node is news to, after `syncNodeUpdate`; `misscheduled` are those that have pods
    /// where they should not be.
    pub fn news<'a>(&'a self, node: NodeId, misscheduled: &'a [u64]) -> impl Iterator<Item = usize> + 'a {
        let words = self.words;
        let begin = node.index() * FACTS * words;
        let row = self.bits.get(begin..begin + FACTS * words).unwrap_or_default();
        let words = if row.is_empty() { 0 } else { words };
        (0..words).flat_map(move |word| {
            let fact = |fact: Fact| row[fact as usize * words + word];
            let misscheduled = misscheduled.get(word).copied().unwrap_or(0);
            let scheduled = fact(Fact::Scheduled);
            let news = (scheduled & (!fact(Fact::Continue) | misscheduled)) | (!scheduled & fact(Fact::Run));
            bits(news).map(move |bit| word * 64 + bit)
        })
    }
}

/// The places of the bits that are set.
fn bits(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (set != 0).then(|| set.trailing_zeros() as usize);
        set &= set.wrapping_sub(1);
        bit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_stay_when_daemon_sets_come() {
        let mut masks = Masks::default();
        masks.make_room(3);
        let node = NodeId::from_index;
        assert!(masks.set(node(7), Fact::Run, 2, true));
        assert!(!masks.set(node(7), Fact::Run, 2, true));
        masks.make_room(130);
        assert!(masks.set(node(7), Fact::Scheduled, 129, true));
        assert!(masks.has(node(7), Fact::Run, 2) && !masks.has(node(7), Fact::Run, 1));
        assert!(!masks.has(node(100), Fact::Run, 2));
        assert_eq!(masks.news(node(7), &[]).collect::<Vec<_>>(), [2, 129]);
        masks.set(node(7), Fact::Continue, 129, true);
        assert_eq!(masks.news(node(7), &[]).collect::<Vec<_>>(), [2]);
        assert_eq!(masks.news(node(7), &[0, 0, 2]).collect::<Vec<_>>(), [2, 129]);
        assert_eq!(masks.news(node(9), &[1]).count(), 0);
    }
}
