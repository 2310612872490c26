//! What one node adds to an index's sums, and in which sets it stands.

use crate::actors::daemonset::name_order::Rank;
use crate::actors::daemonset::pod::{DaemonPod, Rules};
use crate::actors::daemonset::rollout::Stage;
use crate::actors::daemonset::status::Counts;
use crate::names::PodId;
use crate::selector::Eligibility;
use crate::time::{Micros, Time};

use super::ranks::Ranks;

/// One DaemonSet on one node: which pods it has there, and what they and the node add to sums and sets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    /// The last of the DaemonSet's pods that are meant for the node; the others are linked to it.
    pub pod: Option<PodId>,
    /// How many pods bound to the node have an owner of the DaemonSet's name.
    pub bound: u16,
    /// Whether there are claimed pods that are not linked: relabelled ones, or ones to be adopted.
    pub odd: bool,
    /// Whether it has to be looked at anew.
    pub dirty: bool,
    pub state: CellState,
}

/// What a node adds to sums and sets, as of when it was last looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CellState {
    /// `None` for a node that does not exist.
    pub eligibility: Option<Eligibility>,
    pub counts: Share,
    pub care: Care,
    pub role: Role,
    pub counted_available: bool,
}

/// What one node adds to the counters: none of them more than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share(u8);

impl Share {
    /// The counters of one node.
    pub fn of(counts: Counts) -> Share {
        let all = [
            counts.desired,
            counts.current,
            counts.misscheduled,
            counts.ready,
            counts.updated,
            counts.available,
        ];
        Share(all.iter().enumerate().fold(0, |bits, (place, count)| bits | ((*count != 0) as u8) << place))
    }

    /// As counters.
    pub fn counts(self) -> Counts {
        let count = |place: u8| u32::from(self.0 >> place & 1);
        Counts {
            desired: count(0),
            current: count(1),
            misscheduled: count(2),
            ready: count(3),
            updated: count(4),
            available: count(5),
        }
    }
}

/// What `manage` may have to do on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Care {
    #[default]
    None,
    /// A pod is missing, and that is all.
    Pod,
    /// It has to be looked at.
    Look,
    /// The node does not exist.
    Homeless,
}

/// What a rolling update sees on a node; the pod that is meant is the new one where there are two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing that a rolling update counts.
    #[default]
    None,
    Unclear,
    Empty,
    New,
    NewAvailable,
    Both,
    BothAvailable,
    Old,
    OldAvailable,
}

/// How many nodes are in what a rolling update counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Unclear, empty, both, or with a pod that is not available: unavailable to a rollout without surge.
    pub unavailable: i64,
    /// Unclear, or both with a new pod that is not available: surging.
    pub surging: i64,
    /// With a pod that is available, the old one where there are two.
    pub available: i64,
}

/// Nodes whose turn it may be, by rank.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    pub needy: Ranks,
    pub look: Ranks,
    pub homeless: Ranks,
    /// Both pods, the new one available.
    pub both_available: Ranks,
    /// Only an old pod, by whether it is available and whether the node should run a pod.
    pub old: [[Ranks; 2]; 2],
    /// Only an old pod, and the node does not exist.
    pub old_missing: Ranks,
}

/// When a pod that is ready becomes available, if that lies ahead.
pub(super) fn becomes_available(pod: &DaemonPod, rules: &Rules) -> Option<Time> {
    let since = pod.ready_since.filter(|_| pod.ready && rules.min_ready_seconds > 0)?;
    let at = since.start() + Micros::seconds(rules.min_ready_seconds);
    (at > rules.now && at < Time::MAX).then_some(at)
}

impl Role {
    /// The role of a node, and whether its pod counts as available.
    pub fn of(stage: &Stage<'_>, rules: &Rules) -> (Role, bool) {
        let either = |available, no, yes| if available { yes } else { no };
        match stage {
            Stage::Unclear => (Role::Unclear, false),
            Stage::Empty => (Role::Empty, false),
            Stage::New(new) => {
                let available = new.available(rules);
                (either(available, Role::New, Role::NewAvailable), available)
            }
            Stage::Old(old) => {
                let available = old.available(rules);
                (either(available, Role::Old, Role::OldAvailable), available)
            }
            Stage::Both { new, old } => {
                (either(new.available(rules), Role::Both, Role::BothAvailable), old.available(rules))
            }
        }
    }
}

impl Tally {
    pub fn count(&mut self, state: &CellState, sign: i64) {
        let unavailable = !matches!(state.role, Role::None | Role::NewAvailable | Role::OldAvailable);
        let surging = matches!(state.role, Role::Unclear | Role::Both);
        self.unavailable += sign * i64::from(unavailable);
        self.surging += sign * i64::from(surging);
        self.available += sign * i64::from(state.counted_available);
    }
}

impl Sets {
    /// Puts a node into every set that it stands in.
    pub fn put_in(&mut self, state: &CellState, rank: Rank) {
        self.of(state, |set| set.insert(rank));
    }

    /// Takes a node out of every set that it stands in.
    pub fn take_out(&mut self, state: &CellState, rank: Rank) {
        self.of(state, |set| set.remove(rank));
    }

    fn of(&mut self, state: &CellState, mut act: impl FnMut(&mut Ranks) -> bool) {
        let mut stands_in = |set: &mut Ranks| {
            let changed = act(set);
            debug_assert!(changed, "a node stands once in its sets, and in no others");
        };
        match state.care {
            Care::None => {}
            Care::Pod => stands_in(&mut self.needy),
            Care::Look => stands_in(&mut self.look),
            Care::Homeless => stands_in(&mut self.homeless),
        }
        match state.role {
            Role::BothAvailable => stands_in(&mut self.both_available),
            Role::Old | Role::OldAvailable => {
                let available = state.role == Role::OldAvailable;
                let run = state.eligibility.is_some_and(|e| e.should_run);
                stands_in(&mut self.old[usize::from(available)][usize::from(run)]);
                if state.eligibility.is_none() {
                    stands_in(&mut self.old_missing);
                }
            }
            _ => {}
        }
    }

    /// Whether it is no node's turn.
    pub fn are_empty(&self) -> bool {
        let [[a, b], [c, d]] = &self.old;
        let others = [&self.needy, &self.look, &self.homeless, &self.both_available];
        others.into_iter().chain([a, b, c, d, &self.old_missing]).all(Ranks::is_empty)
    }

    pub fn clear(&mut self) {
        let [[a, b], [c, d]] = &mut self.old;
        let others = [&mut self.needy, &mut self.look, &mut self.homeless, &mut self.both_available];
        others.into_iter().chain([a, b, c, d, &mut self.old_missing]).for_each(Ranks::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_stays_small() {
        assert!(size_of::<Cell>() <= 16, "{}", size_of::<Cell>());
    }
}
