//! The only door through which a cluster changes.

mod nodes;
mod objects;
mod pods;
mod revisions;

use super::{Cluster, NodeCondition};
use crate::event::{Body, Event};
use crate::names::{Names, NodeId, ObjectId, Seq, Sym};

use nodes::{set_condition, set_taint};
pub use pods::deletion_is_immediate;

/// An event that does not fit the state. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The event is about a node that does not exist.
    #[error("node {0:?} does not exist")]
    NoSuchNode(String),
    /// A node joins that is there already.
    #[error("node {0:?} exists already")]
    NodeExists(String),
    /// The event is about a pod that does not exist.
    #[error("pod slot {0} is empty")]
    NoSuchPod(u32),
    /// A pod is created in a slot that is taken.
    #[error("pod slot {0} is taken")]
    PodSlotTaken(u32),
    /// The event is about an object that does not exist.
    #[error("{0} does not exist")]
    NoSuchObject(String),
    /// The event is about a revision that does not exist.
    #[error("revision {0} does not exist")]
    NoSuchRevision(u32),
    /// A revision is created out of turn.
    #[error("revision {found} is created where {expected} is next")]
    RevisionOutOfTurn {
        /// The next number.
        expected: u32,
        /// The number found.
        found: u32,
    },
    /// A manifest or a pod's document cannot be read.
    #[error("a manifest cannot be read: {reason}")]
    BadManifest {
        /// What is wrong with it.
        reason: String,
    },
}

/// What was before an event, where an observer cannot tell from the state after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Whether anything changed.
    pub effective: bool,
    /// The owner of the pod or revision before the event.
    pub owner: Option<ObjectId>,
    /// The node of the pod before the event.
    pub node: Option<NodeId>,
    /// Whether the pod was ready before the event.
    pub was_ready: bool,
    /// Whether the pod had ended before the event.
    pub had_ended: bool,
    /// The value of the node's label before the event.
    pub label: Option<Sym>,
}

/// What applying an event says: whether anything changed. The rest of the [`Change`] is noted in place, where it comes up:
/// handed on from function to function it would be copied for every event.
type Effect = Result<bool, ApplyError>;

impl Cluster {
    /// Applies the event with a number. Numbers rise; the first is 1.
    ///
    /// # Errors
    /// The event does not fit the state, which is then as it was.
    pub fn apply(&mut self, names: &mut Names, seq: Seq, event: &Event) -> Result<Change, ApplyError> {
        let mut change = Change::default();
        self.apply_noting(names, seq, event, &mut change)?;
        Ok(change)
    }

    /// The same, for whoever has a place for the change, which is as by default.
    pub(crate) fn apply_noting(
        &mut self,
        names: &mut Names,
        seq: Seq,
        event: &Event,
        change: &mut Change,
    ) -> Result<(), ApplyError> {
        change.effective = self.dispatch(names, seq, event, change)?;
        self.last = seq;
        self.now = event.at;
        Ok(())
    }

    fn dispatch(&mut self, names: &mut Names, seq: Seq, event: &Event, change: &mut Change) -> Effect {
        match event.body {
            Body::NodeJoined { node, spec, created } => {
                self.node_joined(names, seq, event, node, spec, created)
            }
            Body::NodeLeft { node } => self.node_left(names, seq, event, node),
            Body::NodeLabelSet { node, key, value } => {
                change.label = set_label(&mut self.node_mut(names, node)?.labels, key, value);
                Ok(self.node_changed(node, seq, change.label != Some(value)))
            }
            Body::NodeLabelRemoved { node, key } => {
                change.label = remove_label(&mut self.node_mut(names, node)?.labels, key);
                Ok(self.node_changed(node, seq, change.label.is_some()))
            }
            Body::NodeTaintAdded { node, taint } => {
                let changed = set_taint(&mut self.node_mut(names, node)?.taints, taint);
                Ok(self.node_changed(node, seq, changed))
            }
            Body::NodeTaintRemoved { node, key, effect } => {
                let taints = &mut self.node_mut(names, node)?.taints;
                let before = taints.len();
                taints.retain(|t| t.key != key || t.effect != effect);
                let changed = taints.len() != before;
                Ok(self.node_changed(node, seq, changed))
            }
            Body::NodeCordoned { node } => Ok(replace(&mut self.node_mut(names, node)?.unschedulable, true)),
            Body::NodeUncordoned { node } => {
                Ok(replace(&mut self.node_mut(names, node)?.unschedulable, false))
            }
            Body::NodeCapacitySet { node, allocatable } => {
                Ok(replace(&mut self.node_mut(names, node)?.allocatable, Some(allocatable)))
            }
            Body::NodeConditionSet { node, condition, status, reason, since } => {
                let condition = NodeCondition { condition, status, reason, since };
                Ok(set_condition(&mut self.node_mut(names, node)?.conditions, condition))
            }
            Body::NodeSilent { node } => Ok(replace(&mut self.node_mut(names, node)?.silent, true)),
            Body::NodeReturned { node } => Ok(replace(&mut self.node_mut(names, node)?.silent, false)),
            Body::Applied { .. }
            | Body::Scaled { .. }
            | Body::DeleteRequested { .. }
            | Body::ObjectRemoved { .. }
            | Body::RolloutUndone { .. }
            | Body::StatusWritten { .. } => self.dispatch_object(names, seq, event),
            Body::RevisionCreated { .. }
            | Body::RevisionNumbered { .. }
            | Body::RevisionLabelled { .. }
            | Body::RevisionAdopted { .. }
            | Body::RevisionReleased { .. }
            | Body::RevisionDeleted { .. } => self.dispatch_revision(names, seq, event, change),
            Body::DrainRequested { node, .. } => self.node_mut(names, node).map(|_| true),
            Body::PodRefused { .. }
            | Body::Synced { .. }
            | Body::Reported { .. }
            | Body::DrainEnded { .. }
            | Body::EvictionRefused { .. } => Ok(false),
            _ => self.dispatch_pod(names, seq, event, change),
        }
    }
}

/// Puts a value in its place. Says whether it is another one.
fn replace<T: PartialEq>(place: &mut T, value: T) -> bool {
    let changed = *place != value;
    *place = value;
    changed
}

/// Sets a label; gives its value before.
fn set_label(labels: &mut Vec<(Sym, Sym)>, key: Sym, value: Sym) -> Option<Sym> {
    match labels.iter().position(|label| label.0 == key) {
        Some(at) => {
            let before = std::mem::replace(&mut labels[at].1, value);
            // A label that changes once changes again: the more often it does, the nearer it comes to the front.
            labels.swap(at / 2, at);
            Some(before)
        }
        None => {
            labels.push((key, value));
            None
        }
    }
}

/// Takes a label off; gives its value before.
fn remove_label(labels: &mut Vec<(Sym, Sym)>, key: Sym) -> Option<Sym> {
    let at = labels.iter().position(|label| label.0 == key);
    at.map(|at| labels.swap_remove(at).1)
}
