//! Which decision made a placement differ, and which of them belong together.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::compare::ChangeKind;
use super::super::decisions::{Decided, Roots, Trail, Verb};
use super::super::{ChangeGroups, StretchGroup};
use super::Which;
use crate::event::Why;
use crate::names::{Names, Seq};
use crate::time::Time;

/// A cause in numbers.
pub(super) struct Counted {
    pub side: Which,
    pub first: Decided,
    pub until: Time,
    /// What it is laid to, if not to the cause that the log gives.
    pub manifest: Option<Seq>,
    pub roots: FxHashSet<Seq>,
    pub placements: usize,
}

/// The causes of a kind of change, in numbers.
pub(super) struct CountedChange {
    pub groups: Vec<Vec<Counted>>,
    pub rest: Vec<Counted>,
}

/// Decisions that belong together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    pub side: Which,
    verb: Verb,
    why: Option<Why>,
    /// What the roots say; those that say nothing in particular are told apart by number.
    says: (u64, Seq),
}

/// What one log decided, and what it goes back to.
pub(super) struct Ledger<'t> {
    names: &'t Names,
    trail: &'t Trail,
    roots: Roots,
}

impl<'t> Ledger<'t> {
    pub fn new(names: &'t Names, trail: &'t Trail) -> Self {
        Ledger { names, trail, roots: trail.roots() }
    }
}

/// Says which decision made a placement differ.
pub(super) struct Judge<'t>(pub [Ledger<'t>; 2]);

impl Judge<'_> {
    /// The causes of the changes at a moment of each log.
    pub fn changes(&self, changes: &[ChangeGroups], at: [Time; 2]) -> Vec<CountedChange> {
        let of = |change: &ChangeGroups| {
            let set = format!("{}/{}", change.namespace, change.name);
            let sets = self.sets(&set);
            let judge = |nodes: &[String]| {
                let decided = nodes.iter().filter_map(|node| self.telling(sets, node, change.kind, at));
                let manifests = (change.kind == ChangeKind::Revision).then_some(sets);
                self.shared(decided, manifests)
            };
            let groups = change.grouping.groups.iter().map(|group| judge(&group.nodes)).collect();
            CountedChange { groups, rest: judge(&change.grouping.rest) }
        };
        changes.iter().map(of).collect()
    }

    /// The causes of stretches of the time line.
    pub fn stretches(&self, group: &StretchGroup) -> Vec<Counted> {
        let decided = group.began.iter().map(|&(side, decided)| (side, decided));
        let sets = self.sets(&group.daemon_set);
        self.shared(decided, (group.kind == ChangeKind::Revision).then_some(sets))
    }

    fn sets(&self, name: &str) -> [Option<u32>; 2] {
        self.0.each_ref().map(|ledger| ledger.trail.find_set(name))
    }

    /// The later of the last decisions in both logs; of those that fit the kind of change, if one does.
    fn telling(
        &self,
        sets: [Option<u32>; 2],
        node: &str,
        kind: ChangeKind,
        at: [Time; 2],
    ) -> Option<(Which, Decided)> {
        let last = |side: usize| {
            let Ledger { names, trail, .. } = &self.0[side];
            trail.decisions(sets[side]?, names.find_node(node)?, at[side]).next()
        };
        let fits = |side: Which, decided: &Decided| match (kind, side) {
            (ChangeKind::Lost, Which::A) | (ChangeKind::Gained, Which::B) => decided.verb == Verb::Created,
            (ChangeKind::Lost, Which::B) | (ChangeKind::Gained, Which::A) => decided.verb == Verb::Deleted,
            _ => decided.verb == Verb::Created,
        };
        let a = last(0).map(|decided| (Which::A, decided)).filter(|(side, decided)| fits(*side, decided));
        let b = last(1).map(|decided| (Which::B, decided)).filter(|(side, decided)| fits(*side, decided));
        match (a, b) {
            (Some(a), Some(b)) if a.1.at > b.1.at => Some(a),
            (a, b) => b.or(a),
        }
    }

    /// Gathers decisions. With `manifests`, they are laid to what gave the DaemonSet its manifest: a pod is of
    /// another revision because of that, whatever called for the pod.
    fn shared(
        &self,
        decided: impl Iterator<Item = (Which, Decided)>,
        manifests: Option<[Option<u32>; 2]>,
    ) -> Vec<Counted> {
        let mut shared: FxHashMap<Kind, Counted> = FxHashMap::default();
        let manifests = manifests.map(|sets| {
            [0, 1].map(|side| sets[side].map_or_else(Vec::new, |set| self.0[side].trail.manifests(set)))
        });
        for (side, decided) in decided {
            let Ledger { trail, roots, .. } = &self.0[side as usize];
            let manifest = manifests.as_ref().and_then(|manifests| {
                let manifests = &manifests[side as usize];
                let before = manifests.partition_point(|manifest| *manifest <= decided.seq);
                Some(manifests[before.checked_sub(1)?])
            });
            let root = manifest.unwrap_or_else(|| roots.of(decided.seq));
            let says = match trail.says(root) {
                0 if root != decided.seq => (0, root),
                says => (says, Seq::NONE),
            };
            let kind = Kind { side, verb: decided.verb, why: decided.why, says };
            let counted = shared.entry(kind).or_insert_with(|| Counted {
                side,
                first: decided,
                until: decided.at,
                manifest,
                roots: FxHashSet::default(),
                placements: 0,
            });
            if decided.seq < counted.first.seq {
                (counted.first, counted.manifest) = (decided, manifest);
            }
            counted.until = counted.until.max(decided.at);
            counted.roots.insert(root);
            counted.placements += 1;
        }
        let mut shared: Vec<Counted> = shared.into_values().collect();
        shared.sort_by_key(|counted| {
            (std::cmp::Reverse(counted.placements), counted.first.seq, counted.side, counted.first.why)
        });
        // Beyond a few causes nobody reads on, and each costs events to be looked up.
        shared.truncate(CAUSES_MAX);
        shared
    }
}

/// How many causes of one group are told.
const CAUSES_MAX: usize = 8;
