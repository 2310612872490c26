//! What one node adds to an index's sums, and in which sets it stands.

use crate::actors::daemonset::name_order::Rank;
use crate::actors::daemonset::pod::{DaemonPod, Rules};
use crate::actors::daemonset::rollout::Stage;
use crate::actors::daemonset::status::Counts;
use crate::names::PodId;
use crate::selector::Eligibility;
use crate::time::{Micros, Time};

use super::ranks::Ranks;

/// One DaemonSet on one node: which pods it has there, and what they and the node add to sums and sets. There is one for
/// every node of every DaemonSet, so it is packed into 8 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    /// The last of the DaemonSet's pods that are meant for the node; the others are linked to it.
    pub pod: Option<PodId>,
    /// From the lowest bit: 16 of the state, the two marks, 8 that count pods.
    bits: u32,
}

/// The bits of a cell that are its state.
const STATE: u32 = 0xffff;
const ODD: u32 = 1 << 16;
const DIRTY: u32 = 1 << 17;
const BOUND_SHIFT: u32 = 24;

impl Cell {
    /// So many bound pods, or more.
    pub const MANY: u32 = 0xff;

    /// How many pods bound to the node have an owner of the DaemonSet's name, if fewer than [`Cell::MANY`].
    #[inline]
    pub fn bound(self) -> u32 {
        self.bits >> BOUND_SHIFT
    }

    /// Sets how many pods are bound: [`Cell::MANY`] for more.
    #[inline]
    pub fn set_bound(&mut self, count: u32) {
        self.bits = self.bits & !(Cell::MANY << BOUND_SHIFT) | count.min(Cell::MANY) << BOUND_SHIFT;
    }

    /// Whether there are claimed pods that are not linked: relabelled ones, or ones to be adopted.
    #[inline]
    pub fn odd(self) -> bool {
        self.bits & ODD != 0
    }

    pub fn set_odd(&mut self, odd: bool) {
        self.bits = self.bits & !ODD | if odd { ODD } else { 0 };
    }

    /// Marks it as one that has to be looked at anew. Says whether that is news.
    #[inline]
    pub fn mark(&mut self) -> bool {
        let before = self.bits;
        self.bits |= DIRTY;
        self.bits != before
    }

    /// Whether it adds anything, to sums or to sets.
    #[inline]
    pub fn counts(self) -> bool {
        self.bits & STATE != 0
    }

    #[inline]
    pub fn state(self) -> CellState {
        CellState::from_bits(self.bits & STATE)
    }

    /// Notes the state that was found, and that it need not be looked at again. Gives the one before if that was another.
    #[inline]
    pub fn found(&mut self, state: CellState) -> Option<CellState> {
        let (before, bits) = (self.bits & STATE, state.to_bits());
        self.bits = self.bits & !(STATE | DIRTY) | bits;
        (before != bits).then(|| CellState::from_bits(before))
    }

    /// Forgets everything but how many pods are bound.
    pub fn forget_pods(&mut self) {
        *self = Cell { pod: None, bits: self.bits & (Cell::MANY << BOUND_SHIFT) };
    }
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

impl CellState {
    /// From the lowest bit: 6 of counters, 2 of care, 4 of the role, then the marks. The default is 0.
    #[inline]
    fn to_bits(self) -> u32 {
        let mark = |place: u32, on: bool| u32::from(on) << place;
        let eligibility = self.eligibility;
        u32::from(self.counts.0)
            | (self.care as u32) << 6
            | (self.role as u32) << 8
            | mark(12, self.counted_available)
            | mark(13, eligibility.is_some())
            | mark(14, eligibility.is_some_and(|e| e.should_run))
            | mark(15, eligibility.is_some_and(|e| e.should_continue))
    }

    #[inline]
    fn from_bits(bits: u32) -> CellState {
        let mark = |place: u32| bits >> place & 1 == 1;
        let eligibility = Eligibility { should_run: mark(14), should_continue: mark(15) };
        CellState {
            eligibility: mark(13).then_some(eligibility),
            // Six bits.
            counts: Share((bits & 0x3f) as u8),
            care: Care::ALL[(bits >> 6 & 3) as usize],
            role: Role::ALL.get((bits >> 8 & 0xf) as usize).copied().unwrap_or_default(),
            counted_available: mark(12),
        }
    }
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

impl Care {
    /// By number.
    const ALL: [Care; 4] = [Care::None, Care::Pod, Care::Look, Care::Homeless];
}

impl Role {
    /// By number.
    const ALL: [Role; 9] = [
        Role::None,
        Role::Unclear,
        Role::Empty,
        Role::New,
        Role::NewAvailable,
        Role::Both,
        Role::BothAvailable,
        Role::Old,
        Role::OldAvailable,
    ];

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
        assert_eq!(size_of::<Cell>(), 8);
    }

    #[test]
    fn a_cell_gives_back_what_it_was_told() {
        let mut cell = Cell::default();
        assert!(!cell.counts() && cell.state() == CellState::default());
        let eligibilities = [None, Some((false, false)), Some((false, true)), Some((true, true))];
        let mut before = CellState::default();
        for number in 1..4 * 4 * 9 * 2 * 64 {
            let (rest, counts) = (number / 64, Share((number % 64) as u8));
            let (rest, counted_available) = (rest / 2, rest % 2 == 1);
            let (rest, role) = (rest / 9, Role::ALL[rest % 9]);
            let (rest, care) = (rest / 4, Care::ALL[rest % 4]);
            let eligibility = eligibilities[rest]
                .map(|(should_run, should_continue)| Eligibility { should_run, should_continue });
            let state = CellState { eligibility, counts, care, role, counted_available };
            assert!(cell.mark() && !cell.mark());
            cell.set_odd(number % 3 == 0);
            cell.set_bound(number as u32 % 300);
            assert_eq!((cell.found(state), cell.found(state)), (Some(before), None));
            assert_eq!(
                (cell.state(), cell.odd(), cell.bound()),
                (state, number % 3 == 0, (number as u32 % 300).min(Cell::MANY))
            );
            assert!(cell.counts());
            before = state;
        }
    }
}
