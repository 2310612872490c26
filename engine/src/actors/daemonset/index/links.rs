//! Which pods hang on cells and are counted as bound, and the chains of several pods on one cell.

use rustc_hash::FxHashMap;

use crate::actors::pod_set::PodSet;
use crate::names::PodId;

/// What is known of pods whose owner is called after a DaemonSet. The DaemonSet and the node are the pod's own.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// Pods that hang on their cells.
    members: PodSet,
    /// Pods that are counted as bound.
    counted: PodSet,
    /// The next pod of the same cell. Nearly every cell has one pod, which has no next.
    next: FxHashMap<PodId, PodId>,
}

impl Links {
    /// Whether a pod hangs on its cell.
    #[inline]
    pub fn is_member(&self, pod: PodId) -> bool {
        self.members.contains(pod)
    }

    /// Notes that a pod is counted as bound. Says whether that is news.
    #[inline]
    pub fn count(&mut self, pod: PodId) -> bool {
        self.counted.insert(pod)
    }

    /// Notes that a pod is not counted any more. Says whether it was.
    #[inline]
    pub fn discount(&mut self, pod: PodId) -> bool {
        self.counted.remove(pod)
    }

    /// Hangs a pod on its cell.
    #[inline]
    pub fn hang(&mut self, pod: PodId, head: &mut Option<PodId>) {
        if let Some(first) = head.replace(pod) {
            self.next.insert(pod, first);
        }
        self.members.insert(pod);
    }

    /// Takes a pod off its cell.
    pub fn take_off(&mut self, pod: PodId, head: &mut Option<PodId>) {
        self.members.remove(pod);
        let next = self.next.remove(&pod);
        if *head == Some(pod) {
            *head = next;
            return;
        }
        let mut chain = std::iter::successors(*head, |at| self.next.get(at).copied());
        let before = chain.find(|at| self.next.get(at) == Some(&pod));
        if let Some(before) = before {
            match next {
                Some(next) => self.next.insert(before, next),
                None => self.next.remove(&before),
            };
        }
    }

    /// Takes all pods off a cell.
    pub fn take_all_off(&mut self, head: &mut Option<PodId>) {
        while let Some(pod) = *head {
            self.take_off(pod, head);
        }
    }

    /// The pod that hangs on a cell, if it is one.
    #[inline]
    pub fn only(&self, head: Option<PodId>) -> Option<PodId> {
        head.filter(|pod| self.next.is_empty() || !self.next.contains_key(pod))
    }

    /// The pods that hang on a cell.
    pub fn chain(&self, head: Option<PodId>) -> impl Iterator<Item = PodId> + '_ {
        std::iter::successors(head, |pod| self.next.get(pod).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_hang_on_cells_and_are_taken_off_in_any_order() {
        let pod = PodId::from_index;
        for gone in 0..3 {
            let (mut links, mut head) = (Links::default(), None);
            (0..3).for_each(|index| links.hang(pod(index), &mut head));
            assert_eq!(links.chain(head).collect::<Vec<_>>(), [pod(2), pod(1), pod(0)]);
            assert_eq!(links.only(head), None);
            links.take_off(pod(gone), &mut head);
            assert!(!links.is_member(pod(gone)) && links.chain(head).all(|pod| links.is_member(pod)));
            assert_eq!(links.chain(head).count(), 2);
            links.take_off(pod((gone + 1) % 3), &mut head);
            assert_eq!(links.only(head), Some(pod((gone + 2) % 3)));
            assert!(links.next.is_empty());
            links.take_all_off(&mut head);
            assert_eq!(head, None);
        }
    }
}
