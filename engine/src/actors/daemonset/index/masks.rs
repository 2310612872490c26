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
    /// The nodes of which a change is news to somebody, a bit each, as long as no DaemonSet has pods where they should not
    /// be: few, so that most nodes' own facts need not be looked at.
    restless: Vec<u64>,
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
        self.make_row(node);
        let place = self.place(node, fact, slot);
        let (before, bit) = (self.bits[place], 1 << (slot % 64));
        let after = if holds { before | bit } else { before & !bit };
        if after == before {
            return false;
        }
        self.bits[place] = after;
        if fact != Fact::Selected {
            self.note_restless(node);
        }
        true
    }

    fn note_restless(&mut self, node: NodeId) {
        let news = (0..self.words).any(|word| self.news(node, word, 0) != 0);
        let (word, bit) = (node.index() / 64, 1 << (node.index() % 64));
        if self.restless.len() <= word {
            self.restless.resize(word + 1, 0);
        }
        let before = self.restless[word];
        self.restless[word] = if news { before | bit } else { before & !bit };
    }

    /// Whether a change of a node is news to a DaemonSet, if none has pods where they should not be.
    #[inline]
    pub fn may_be_news(&self, node: NodeId) -> bool {
        self.restless.get(node.index() / 64).is_some_and(|word| word >> (node.index() % 64) & 1 == 1)
    }

    /// So many words there are a kind of fact.
    pub fn words(&self) -> usize {
        self.words
    }

    /// The facts of 64 DaemonSets.
    pub fn word(&self, node: NodeId, fact: Fact, word: usize) -> u64 {
        self.bits.get(self.place(node, fact, word * 64)).copied().unwrap_or(0)
    }

    /// Notes for 64 DaemonSets whether a pod should run on a node, and whether one may stay. Gives those for which that is
    /// news.
    pub fn admit(&mut self, node: NodeId, word: usize, (run, stay): (u64, u64)) -> u64 {
        self.make_row(node);
        let mut news = 0;
        for (fact, bits) in [(Fact::Run, run), (Fact::Continue, stay)] {
            let place = self.place(node, fact, word * 64);
            news |= std::mem::replace(&mut self.bits[place], bits) ^ bits;
        }
        if news != 0 {
            self.note_restless(node);
        }
        news
    }

    fn make_row(&mut self, node: NodeId) {
        let end = (node.index() + 1) * FACTS * self.words;
        if self.bits.len() < end {
            self.bits.resize(end, 0);
        }
    }

    /// Whether a pod should run, and one may stay.
    pub fn eligibility(&self, node: NodeId, slot: usize) -> Eligibility {
        Eligibility {
            should_run: self.has(node, Fact::Run, slot),
            should_continue: self.has(node, Fact::Continue, slot),
        }
    }

    /// Which of 64 DaemonSets a change of a node is news to, after `syncNodeUpdate`, a bit each; `misscheduled` are
    /// those that have pods where they should not be.
    pub fn news(&self, node: NodeId, word: usize, misscheduled: u64) -> u64 {
        let begin = node.index() * FACTS * self.words;
        let Some(row) = self.bits.get(begin..begin + FACTS * self.words) else { return 0 };
        let fact = |fact: Fact| row[fact as usize * self.words + word];
        let scheduled = fact(Fact::Scheduled);
        (scheduled & (!fact(Fact::Continue) | misscheduled)) | (!scheduled & fact(Fact::Run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_may_be_news_exactly_while_it_is_to_somebody() {
        let mut masks = Masks::default();
        masks.make_room(70);
        let mut state = 1_u64;
        for _ in 0..2_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (node, slot) = (NodeId::from_index((state >> 58) as usize), (state >> 40) as usize % 70);
            match state >> 32 & 3 {
                0 => _ = masks.set(node, Fact::Scheduled, slot, state >> 34 & 1 == 1),
                1 => _ = masks.set(node, Fact::Selected, slot, true),
                _ => _ = masks.admit(node, slot / 64, (state & 1 << (slot % 64), state >> 7 & 3)),
            }
            for node in (0..70).map(NodeId::from_index) {
                let news = (0..2).any(|word| masks.news(node, word, 0) != 0);
                assert_eq!(masks.may_be_news(node), news);
            }
        }
    }

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
        let news = |masks: &Masks, at, word, misscheduled| masks.news(node(at), word, misscheduled);
        assert_eq!([0, 1, 2].map(|word| news(&masks, 7, word, 0)), [4, 0, 2]);
        masks.set(node(7), Fact::Continue, 129, true);
        assert_eq!([0, 1, 2].map(|word| news(&masks, 7, word, 0)), [4, 0, 0]);
        assert_eq!(news(&masks, 7, 2, 2), 2);
        assert_eq!(news(&masks, 9, 0, 1), 0);
    }
}
