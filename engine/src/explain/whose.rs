//! Whose the pods of past events were, where the log is not folded: read forward from the checkpoint before.

use rustc_hash::FxHashMap;

use super::history::ExplainError;
use super::pages::Pages;
use crate::cluster::Cluster;
use crate::event::{Body, Event};
use crate::log::{Checkpoint, Part};
use crate::names::{Names, NodeId, ObjectId, PodId, Seq};

/// Whom a pod belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Whose {
    pub owner: Option<ObjectId>,
    pub node: Option<NodeId>,
}

/// What is known of a slot's pod.
#[derive(Clone, Copy)]
struct Known {
    /// The event that created it.
    made: Seq,
    /// The last event that changed whose it is.
    changed: Seq,
    whose: Whose,
}

/// Whose pods are, at an event that only moves forward.
pub(super) struct WhoseThen {
    base: Option<Checkpoint>,
    learnt: FxHashMap<PodId, Known>,
    /// Parts that were passed over.
    unread: Vec<Part>,
}

impl WhoseThen {
    /// As it is before the part that holds an event.
    pub fn before(seq: Seq, pages: &mut Pages<'_>, names: &Names) -> Result<WhoseThen, ExplainError> {
        let base = pages.checkpoint(seq, names)?;
        let from = base.as_ref().map_or(Seq::NONE, |base| base.seq);
        let mut then = WhoseThen { base, learnt: FxHashMap::default(), unread: Vec::new() };
        let until = pages.place_of(seq).unwrap_or(0);
        let before: Vec<Part> =
            pages.parts()[..until].iter().filter(|part| part.first > from).copied().collect();
        for part in before {
            then.read(part, pages)?;
        }
        Ok(then)
    }

    fn read(&mut self, part: Part, pages: &mut Pages<'_>) -> Result<(), ExplainError> {
        let mut seq = part.first;
        for event in pages.read(&part)? {
            self.observe(seq, &event);
            seq = seq.next();
        }
        Ok(())
    }

    /// Leaves a part unread; it is read after all if it turns out to matter.
    pub fn pass_over(&mut self, part: Part) {
        self.unread.push(part);
    }

    /// Takes note of an event. What is older than the pod that a slot is known to have says nothing about that.
    pub fn observe(&mut self, seq: Seq, event: &Event) {
        let Some(slot) = event.body.pod() else { return };
        let known = self.known(slot).filter(|known| known.changed < seq);
        let created = self.known(slot).is_none_or(|known| known.made < seq);
        let whose = match (event.body, known) {
            (Body::PodCreated { owner, node, .. }, _) if created => {
                self.learnt.insert(slot, Known { made: seq, changed: seq, whose: Whose { owner, node } });
                return;
            }
            (Body::PodBound { node, .. }, Some(known)) => Whose { node: Some(node), ..known.whose },
            (Body::PodAdopted { owner, .. }, Some(known)) => Whose { owner: Some(owner), ..known.whose },
            (Body::PodReleased { .. }, Some(known)) => Whose { owner: None, ..known.whose },
            _ => return,
        };
        let made = known.map_or(seq, |known| known.made);
        self.learnt.insert(slot, Known { made, changed: seq, whose });
    }

    fn known(&self, slot: PodId) -> Option<Known> {
        self.learnt.get(&slot).copied().or_else(|| {
            let pod = self.base.as_ref()?.cluster.pod(slot)?;
            let whose = Whose { owner: pod.owner, node: pod.node };
            Some(Known { made: pod.made, changed: pod.made, whose })
        })
    }

    /// Whose the pod in a slot is, after the last event that was taken note of.
    pub fn of(&mut self, slot: PodId, pages: &mut Pages<'_>, now: &Cluster) -> Result<Whose, ExplainError> {
        let known = self.known(slot);
        let later =
            self.unread.last().is_some_and(|part| known.is_none_or(|known| known.changed < part.last));
        // The pod that is there in the end has been there since it was created.
        let in_the_end = now.pod(slot).map(|pod| (pod.made, Whose { owner: pod.owner, node: pod.node }));
        if later && in_the_end != known.map(|known| (known.made, known.whose)) {
            for part in std::mem::take(&mut self.unread) {
                self.read(part, pages)?;
            }
        }
        Ok(self.known(slot).map(|known| known.whose).unwrap_or_default())
    }
}
