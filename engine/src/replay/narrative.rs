//! What changed when, and what it brought about: the story of a run in a few lines.

use std::collections::BTreeMap;

use crate::cluster::Change;
use crate::event::{Body, Event, Flags, Track};
use crate::names::{ObjectId, Seq};
use crate::time::Time;

/// Something that came from outside, with what followed from it.
#[derive(Clone, Debug)]
pub struct Milestone {
    /// When.
    pub at: Time,
    /// The event's number in the run.
    pub seq: Seq,
    /// The event.
    pub event: Event,
    /// Pods created and pods deleted because of it, by owner.
    pub effects: BTreeMap<ObjectId, Effects>,
    /// When the last of its effects came.
    pub until: Time,
}

/// What followed for one workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Pods created.
    pub created: u64,
    /// Pods whose deletion was asked for.
    pub deleted: u64,
}

/// Follows causes back to what came from outside.
#[derive(Debug, Default)]
pub(super) struct Narrative {
    /// For every event of the run: the event from outside that it goes back to.
    roots: Vec<u32>,
    milestones: BTreeMap<u32, Milestone>,
    /// How many of the events that are kept at the moment were looked at.
    seen: usize,
}

impl Narrative {
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// Looks at the events that were not looked at. `before` is the number of events before `events`.
    pub fn observe(&mut self, before: u64, events: &[Event], changes: &[Change]) {
        for (index, event) in events.iter().enumerate().skip(self.seen) {
            let seq = Seq(before + index as u64 + 1);
            // Beyond 2^32 events a run has no story.
            let Ok(number) = u32::try_from(seq.0) else { return };
            let root = match event.cause {
                Seq::NONE => number,
                cause => self.roots.get(cause.0 as usize - 1).copied().unwrap_or(number),
            };
            self.roots.push(root);
            self.note(number, root, event, changes[index]);
        }
        self.seen = events.len();
    }

    fn note(&mut self, number: u32, root: u32, event: &Event, change: Change) {
        let outside = matches!(event.track, Track::Cluster | Track::User);
        if root == number && outside && tells(&event.body) && !event.flags.has(Flags::GENESIS) {
            let seq = Seq(u64::from(number));
            let milestone =
                Milestone { at: event.at, seq, event: *event, effects: BTreeMap::new(), until: event.at };
            self.milestones.insert(number, milestone);
        }
        let (owner, effects) = match event.body {
            Body::PodCreated { owner, .. } => (owner, Effects { created: 1, deleted: 0 }),
            Body::PodDeleted { .. } => (change.owner, Effects { created: 0, deleted: 1 }),
            _ => return,
        };
        if let (Some(owner), Some(milestone)) = (owner, self.milestones.get_mut(&root)) {
            let sum = milestone.effects.entry(owner).or_default();
            sum.created += effects.created;
            sum.deleted += effects.deleted;
            milestone.until = event.at;
        }
    }

    /// The events looked at are no longer kept.
    pub fn forget(&mut self) {
        self.seen = 0;
    }

    pub fn take(&mut self) -> Vec<Milestone> {
        std::mem::take(&mut self.milestones).into_values().collect()
    }
}

/// Whether an event from outside is worth telling even if nothing followed.
fn tells(body: &Body) -> bool {
    !matches!(body, Body::NodeConditionSet { .. } | Body::NodeCapacitySet { .. } | Body::StatusWritten { .. })
}
