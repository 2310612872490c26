//! Which DaemonSets tolerate a taint, a bit each: found out once for all nodes that have it.

use rustc_hash::FxHashMap;

use crate::names::{Effect, Taint};

/// More different taints than this are not kept in mind: their values may be as many as there are nodes.
const MOST: usize = 1024;

/// The DaemonSets, by slot, that tolerate each taint that was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Tolerances {
    by_taint: FxHashMap<Taint, Vec<u64>>,
}

impl Tolerances {
    /// Forgets everything: a DaemonSet tolerates other taints now, or there is another DaemonSet.
    pub fn clear(&mut self) {
        self.by_taint.clear();
    }

    /// Of 64 DaemonSets that a node is selected for, those that should run a pod there, and those whose pods may stay.
    /// `tolerates` says whether one tolerates a taint, by slot, for all `words` times 64.
    pub fn admitted(
        &mut self,
        taints: &[Taint],
        selected: u64,
        (word, words): (usize, usize),
        tolerates: impl Fn(&Taint, usize) -> bool,
    ) -> (u64, u64) {
        let (mut run, mut stay) = (selected, selected);
        for taint in taints.iter().filter(|taint| taint.effect != Effect::PreferNoSchedule) {
            if self.by_taint.len() >= MOST && !self.by_taint.contains_key(taint) {
                self.by_taint.clear();
            }
            let tolerating = self.by_taint.entry(*taint).or_insert_with(|| {
                let bit = |slot| u64::from(tolerates(taint, slot)) << (slot % 64);
                (0..words).map(|word| (word * 64..word * 64 + 64).map(bit).sum()).collect()
            });
            run &= tolerating[word];
            if taint.effect == Effect::NoExecute {
                stay &= tolerating[word];
            }
        }
        (run, stay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{Sym, sym};

    #[test]
    fn a_taint_keeps_off_those_that_do_not_tolerate_it_and_evicts_for_one_effect_only() {
        let mut tolerances = Tolerances::default();
        let taint = |effect| Taint { key: sym::POD, value: Sym::EMPTY, effect };
        let (keeps_off, evicts) = (taint(Effect::NoSchedule), taint(Effect::NoExecute));
        let odd = |_: &Taint, slot: usize| slot % 2 == 1;
        let all = |_: &Taint, _: usize| true;
        let mut admitted = |taints: &[Taint], word| tolerances.admitted(taints, 0b0111, (word, 2), odd);
        assert_eq!(admitted(&[], 0), (0b0111, 0b0111));
        assert_eq!(admitted(&[keeps_off], 0), (0b0010, 0b0111));
        assert_eq!(admitted(&[keeps_off, evicts], 1), (0b0010, 0b0010));
        assert_eq!(admitted(&[taint(Effect::PreferNoSchedule)], 1), (0b0111, 0b0111));
        assert_eq!(
            tolerances.admitted(&[evicts], 0b0111, (0, 2), all),
            (0b0010, 0b0010),
            "it is kept in mind"
        );
        tolerances.clear();
        assert_eq!(tolerances.admitted(&[evicts], 0b0111, (0, 2), all), (0b0111, 0b0111));
    }
}
