//! What one node adds to an index's sums, and in which sets it stands.

use std::collections::BTreeSet;

use crate::actors::daemonset::name_order::Rank;
use crate::actors::daemonset::pod::{DaemonPod, Rules};
use crate::actors::daemonset::rollout::Stage;
use crate::actors::daemonset::status::Counts;
use crate::names::NodeId;
use crate::selector::Eligibility;
use crate::time::{Micros, Time};

/// Nodes in order of their names.
pub(super) type Set = BTreeSet<(Rank, NodeId)>;

/// What a node adds to sums and sets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodeState {
    pub dirty: bool,
    /// Whether it exists or has pods; if not, the rest is empty.
    pub known: bool,
    pub rank: Rank,
    pub eligibility: Option<Eligibility>,
    pub counts: Counts,
    pub care: Care,
    pub role: Role,
    pub counted_available: bool,
    pub timer: Option<Time>,
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

/// What a rolling update sees on a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing that a rolling update counts.
    #[default]
    None,
    Unclear,
    Empty,
    New {
        available: bool,
    },
    Both {
        available: bool,
    },
    Old {
        available: bool,
    },
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

/// Nodes whose turn it may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    pub needy: Set,
    pub look: Set,
    pub homeless: Set,
    /// Both pods, the new one available.
    pub both_available: Set,
    /// Only an old pod, by whether it is available and whether the node should run a pod.
    pub old: [[Set; 2]; 2],
    /// Only an old pod, and the node does not exist.
    pub old_missing: Set,
}

/// When a pod that is ready becomes available, if that lies ahead.
pub(super) fn becomes_available(pod: &DaemonPod, rules: &Rules) -> Option<Time> {
    let since = pod.ready_since.filter(|_| pod.ready && rules.min_ready_seconds > 0)?;
    let at = since.start() + Micros::seconds(rules.min_ready_seconds);
    (at > rules.now && at < Time::MAX).then_some(at)
}

impl Role {
    /// The role of a node, and whether its pod counts as available.
    pub fn of(stage: &Stage, rules: &Rules) -> (Role, bool) {
        match stage {
            Stage::Unclear => (Role::Unclear, false),
            Stage::Empty => (Role::Empty, false),
            Stage::New(new) => {
                let available = new.available(rules);
                (Role::New { available }, available)
            }
            Stage::Old(old) => {
                let available = old.available(rules);
                (Role::Old { available }, available)
            }
            Stage::Both { new, old } => {
                (Role::Both { available: new.available(rules) }, old.available(rules))
            }
        }
    }
}

impl Tally {
    pub fn count(&mut self, state: &NodeState, sign: i64) {
        let unavailable = match state.role {
            Role::None => false,
            Role::Unclear | Role::Empty | Role::Both { .. } => true,
            Role::New { available } | Role::Old { available } => !available,
        };
        let surging = matches!(state.role, Role::Unclear | Role::Both { available: false });
        self.unavailable += sign * i64::from(unavailable);
        self.surging += sign * i64::from(surging);
        self.available += sign * i64::from(state.counted_available);
    }
}

impl Sets {
    /// Puts a node into every set that it stands in, or takes it out.
    pub fn of(&mut self, state: &NodeState, mut act: impl FnMut(&mut Set) -> bool) {
        let mut stands_in = |set: &mut Set| {
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
            Role::Both { available: true } => stands_in(&mut self.both_available),
            Role::Old { available } => {
                let run = state.eligibility.is_some_and(|e| e.should_run);
                stands_in(&mut self.old[usize::from(available)][usize::from(run)]);
                if state.eligibility.is_none() {
                    stands_in(&mut self.old_missing);
                }
            }
            _ => {}
        }
    }
}
