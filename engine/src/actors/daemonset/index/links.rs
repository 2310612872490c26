//! Which cell each pod belongs to, and the chains of pods that hang on cells.

use crate::names::{NodeId, PodId};

/// A pod's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// The next pod of the same cell.
    next: Option<PodId>,
    /// The node of the cell.
    pub node: Option<NodeId>,
    /// The number of the DaemonSet after whose name its owner is called, shifted, with the two marks below; 0 is none.
    of: u32,
}

/// It hangs on the cell.
const MEMBER: u32 = 1;
/// It is counted as bound.
const COUNTED: u32 = 2;

impl Link {
    /// The place of a pod whose owner is called after a DaemonSet.
    pub fn new(slot: usize, node: Option<NodeId>) -> Link {
        // DaemonSets have numbers from 0, and no machine holds 2^30 of them.
        Link { next: None, node, of: ((slot + 1) as u32) << 2 }
    }

    /// The number of the DaemonSet.
    pub fn slot(self) -> Option<usize> {
        ((self.of >> 2) as usize).checked_sub(1)
    }

    pub fn is_member(self) -> bool {
        self.of & MEMBER != 0
    }

    pub fn is_counted(self) -> bool {
        self.of & COUNTED != 0
    }

    pub fn counted(self) -> Link {
        Link { of: self.of | COUNTED, ..self }
    }
}

/// The places of all pods, by slot.
#[derive(Clone, Debug, Default)]
pub(super) struct Links(Vec<Link>);

impl Links {
    /// A pod's place.
    pub fn get(&self, pod: PodId) -> Link {
        self.0.get(pod.index()).copied().unwrap_or_default()
    }

    /// Gives a pod a place.
    pub fn set(&mut self, pod: PodId, link: Link) {
        if self.0.len() <= pod.index() {
            self.0.resize(pod.index() + 1, Link::default());
        }
        self.0[pod.index()] = link;
    }

    /// Hangs a pod that has a place on its cell.
    pub fn hang(&mut self, pod: PodId, head: &mut Option<PodId>) {
        let link = &mut self.0[pod.index()];
        (link.next, link.of) = (*head, link.of | MEMBER);
        *head = Some(pod);
    }

    /// Takes a pod off its cell.
    pub fn take_off(&mut self, pod: PodId, head: &mut Option<PodId>) {
        let link = &mut self.0[pod.index()];
        let next = link.next.take();
        link.of &= !MEMBER;
        let mut at = *head;
        if at == Some(pod) {
            *head = next;
            return;
        }
        while let Some(before) = at {
            let link = &mut self.0[before.index()];
            if link.next == Some(pod) {
                link.next = next;
                return;
            }
            at = link.next;
        }
    }

    /// Takes all pods off a cell.
    pub fn take_all_off(&mut self, head: &mut Option<PodId>) {
        while let Some(pod) = *head {
            self.take_off(pod, head);
        }
    }

    /// The pod that hangs on a cell, if it is one.
    pub fn only(&self, head: Option<PodId>) -> Option<PodId> {
        head.filter(|pod| self.get(*pod).next.is_none())
    }

    /// The pods that hang on a cell.
    pub fn chain(&self, head: Option<PodId>) -> impl Iterator<Item = PodId> + '_ {
        std::iter::successors(head, |pod| self.get(*pod).next)
    }
}
