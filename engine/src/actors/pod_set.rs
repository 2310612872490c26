//! A set of pods, a bit a slot.

use crate::names::PodId;

/// Pods by their slots.
#[derive(Clone, Debug, Default)]
pub(super) struct PodSet(Vec<u64>);

impl PodSet {
    /// Adds a pod. Says whether it is new.
    #[inline]
    pub fn insert(&mut self, pod: PodId) -> bool {
        let (word, bit) = (pod.index() / 64, 1 << (pod.index() % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let before = self.0[word];
        self.0[word] = before | bit;
        before & bit == 0
    }

    /// Takes a pod out. Says whether it was there.
    #[inline]
    pub fn remove(&mut self, pod: PodId) -> bool {
        let (word, bit) = (pod.index() / 64, 1 << (pod.index() % 64));
        let Some(found) = self.0.get_mut(word) else { return false };
        let there = *found & bit != 0;
        *found &= !bit;
        there
    }

    /// Whether a pod is there.
    #[inline]
    pub fn contains(&self, pod: PodId) -> bool {
        self.0.get(pod.index() / 64).is_some_and(|word| word >> (pod.index() % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_come_and_go() {
        let (mut set, pod) = (PodSet::default(), PodId::from_index);
        assert!(!set.remove(pod(70)) && !set.contains(pod(70)));
        assert!(set.insert(pod(70)) && !set.insert(pod(70)) && set.insert(pod(6)));
        assert!(set.contains(pod(70)) && !set.contains(pod(71)));
        assert!(set.remove(pod(70)) && !set.contains(pod(70)) && set.contains(pod(6)));
    }
}
