//! Sets of ranks: bitmaps with summaries, so that members are found in order without looking at empty stretches.

use crate::actors::daemonset::name_order::Rank;

/// Each level says which words of the one below have members; four reach beyond every rank that occurs.
const LEVELS: usize = 4;

/// A set of ranks, in order. An empty set takes no memory; others a bit for every rank up to the highest that they had.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranks {
    levels: [Vec<u64>; LEVELS],
    len: u32,
}

impl Ranks {
    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a rank. Says whether it is new.
    pub fn insert(&mut self, rank: Rank) -> bool {
        let mut at = rank as usize;
        for (level, words) in self.levels.iter_mut().enumerate() {
            let (word, bit) = (at / 64, 1 << (at % 64));
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            let before = words[word];
            if level == 0 && before & bit != 0 {
                return false;
            }
            words[word] = before | bit;
            if before != 0 {
                break;
            }
            at = word;
        }
        self.len += 1;
        true
    }

    /// Takes a rank out. Says whether it was there.
    pub fn remove(&mut self, rank: Rank) -> bool {
        let mut at = rank as usize;
        for (level, words) in self.levels.iter_mut().enumerate() {
            let (word, bit) = (at / 64, 1_u64 << (at % 64));
            let Some(found) = words.get_mut(word) else { return false };
            if level == 0 && *found & bit == 0 {
                return false;
            }
            *found &= !bit;
            if *found != 0 {
                break;
            }
            at = word;
        }
        self.len -= 1;
        true
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.len = 0;
        self.levels.iter_mut().for_each(Vec::clear);
    }

    /// The first member that is not below a rank.
    pub fn next(&self, from: Rank) -> Option<Rank> {
        let (mut at, mut level) = (from as usize, 0);
        // Up until a word has something at or behind the place, then down to it.
        loop {
            let words = self.levels.get(level)?;
            let rest = words.get(at / 64).map_or(0, |word| word & (u64::MAX << (at % 64)));
            if rest != 0 {
                at = at / 64 * 64 + rest.trailing_zeros() as usize;
                break;
            }
            if level + 1 == LEVELS {
                let word = (at / 64 + 1..words.len()).find(|word| words[*word] != 0)?;
                at = word * 64 + words[word].trailing_zeros() as usize;
                break;
            }
            at = at / 64 + 1;
            level += 1;
        }
        while level > 0 {
            level -= 1;
            at = at * 64 + self.levels[level][at].trailing_zeros() as usize;
        }
        // What is in the set came as a rank.
        Some(at as Rank)
    }

    /// All members, in order.
    pub fn iter(&self) -> impl Iterator<Item = Rank> + '_ {
        let mut from = Some(0);
        std::iter::from_fn(move || {
            let found = self.next(from?)?;
            from = found.checked_add(1);
            Some(found)
        })
    }

    /// The members of two sets, in order.
    pub fn merged<'a>(&'a self, other: &'a Ranks) -> impl Iterator<Item = Rank> + 'a {
        let (mut a, mut b) = (self.iter().peekable(), other.iter().peekable());
        std::iter::from_fn(move || match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x < y => a.next(),
            (Some(_), None) => a.next(),
            _ => b.next(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn members_are_those_of_an_ordinary_set() {
        let (mut ranks, mut expected) = (Ranks::default(), BTreeSet::new());
        let mut state = 1_u64;
        for step in 0..20_000_u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bits = [8, 14, 21][step as usize % 3];
            let rank = (state >> (64 - bits)) as Rank;
            if state & 0x8000 == 0 || step < 2_000 {
                assert_eq!(ranks.insert(rank), expected.insert(rank));
            } else {
                assert_eq!(ranks.remove(rank), expected.remove(&rank));
            }
            assert_eq!(ranks.next(rank), expected.range(rank..).next().copied());
            assert_eq!(ranks.is_empty(), expected.is_empty());
            if step % 4_000 == 0 {
                assert!(ranks.iter().eq(expected.iter().copied()));
            }
        }
        let mut low = Ranks::default();
        [3, 70, 5_000].iter().for_each(|rank| assert!(low.insert(*rank)));
        let mut high = Ranks::default();
        [4, 70_000].iter().for_each(|rank| assert!(high.insert(*rank)));
        assert_eq!(low.merged(&high).collect::<Vec<_>>(), [3, 4, 70, 5_000, 70_000]);
        low.clear();
        assert_eq!(low.next(0), None);
    }
}
