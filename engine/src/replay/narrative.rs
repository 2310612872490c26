//! What changed when, and what it brought about: the story of a run in a few lines.

use std::collections::BTreeMap;

use crate::cluster::Change;
use crate::event::{Body, Event, Flags, Track};
use crate::names::{ObjectId, Seq, Sym};
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
    /// What became of it, if it is a drain.
    pub drain: Option<DrainStory>,
}

/// What became of a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainStory {
    /// It is under way; what an eviction was last refused with, empty if none was.
    Running(Sym),
    /// It is over; what it failed with, empty if nothing.
    Ended(Time, Sym),
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
    /// In the order of their numbers.
    milestones: Vec<Milestone>,
}

impl Narrative {
    /// Looks at the next events of the run.
    pub fn observe(&mut self, events: &[Event], changes: &[Change]) {
        for (event, change) in events.iter().zip(changes) {
            // Beyond 2^32 events a run has no story.
            let Ok(number) = u32::try_from(self.roots.len() + 1) else { return };
            let root = match event.cause {
                Seq::NONE => number,
                cause => self.roots.get(cause.0 as usize - 1).copied().unwrap_or(number),
            };
            self.roots.push(root);
            self.note(number, root, event, *change);
        }
    }

    fn note(&mut self, number: u32, root: u32, event: &Event, change: Change) {
        let outside = matches!(event.track, Track::Cluster | Track::User);
        if root == number && outside && tells(&event.body) && !event.flags.has(Flags::GENESIS) {
            let seq = Seq(u64::from(number));
            let (effects, at) = (BTreeMap::new(), event.at);
            let drain = matches!(event.body, Body::DrainRequested { .. });
            let drain = drain.then_some(DrainStory::Running(Sym::EMPTY));
            self.milestones.push(Milestone { at, seq, event: *event, effects, until: at, drain });
        }
        let (owner, effects) = match event.body {
            Body::PodCreated { owner, .. } => (owner, Effects { created: 1, deleted: 0 }),
            Body::PodDeleted { .. } => (change.owner, Effects { created: 0, deleted: 1 }),
            Body::DrainEnded { message, .. } => {
                return self.drain(root, DrainStory::Ended(event.at, message));
            }
            Body::EvictionRefused { message, .. } => return self.drain(root, DrainStory::Running(message)),
            _ => return,
        };
        let root = Seq(u64::from(root));
        if let (Some(owner), Ok(place)) = (owner, self.milestones.binary_search_by_key(&root, |m| m.seq)) {
            let milestone = &mut self.milestones[place];
            let sum = milestone.effects.entry(owner).or_default();
            sum.created += effects.created;
            sum.deleted += effects.deleted;
            milestone.until = event.at;
        }
    }

    fn drain(&mut self, root: u32, story: DrainStory) {
        let root = Seq(u64::from(root));
        if let Ok(place) = self.milestones.binary_search_by_key(&root, |m| m.seq) {
            self.milestones[place].drain = Some(story);
        }
    }

    pub fn take(&mut self) -> Vec<Milestone> {
        std::mem::take(&mut self.milestones)
    }
}

/// Whether an event from outside is worth telling even if nothing followed.
fn tells(body: &Body) -> bool {
    !matches!(body, Body::NodeConditionSet { .. } | Body::NodeCapacitySet { .. } | Body::StatusWritten { .. })
}
