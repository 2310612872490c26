//! A log's events read at any place, and what of the state then can be told without folding everything before.
//!
//! The state at the moment comes from the checkpoint before it. Events that matter come from the frames that the log's
//! index says touch the question; which pod had a slot at an earlier event follows from the state at the moment, from
//! frames before that event, or from an earlier checkpoint, whichever says it first.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::history::ExplainError;
use crate::cluster::{Cluster, Pod};
use crate::diff::SideError;
use crate::event::{Body, Event, Track};
use crate::log::{self, Lookup, Part, Position, Storage, Subject};
use crate::names::{Names, NodeId, ObjectId, ObjectKey, PodId, Seq};
use crate::time::Time;

/// Opens a log to be read at any place.
pub(super) type Open<'a> = dyn Fn() -> Result<Box<dyn Storage>, log::LogError> + 'a;

/// How many parts are kept in memory: causes are mostly near.
const KEPT: usize = 96;
/// How many parts before an event are read for the creation of its pod before a checkpoint is asked.
const NEAR: usize = 64;

/// The events of a part.
pub(super) type Page = Rc<Vec<Event>>;

/// A log's parts.
pub(super) struct Pages<'a> {
    open: &'a Open<'a>,
    lookup: Lookup,
    parts: Vec<Part>,
    kept: BTreeMap<usize, Page>,
    /// The last event that counts.
    last: Seq,
    /// Pods that were followed from their creation on: their slot and that event's number; the event; the last about them.
    followed: BTreeMap<(PodId, Seq), (Event, Seq)>,
    /// The checkpoint that was asked last, and the event for which it was the nearest.
    checkpoint: Option<(log::Checkpoint, Seq)>,
}

impl From<log::LogError> for ExplainError {
    fn from(error: log::LogError) -> Self {
        ExplainError::Log(SideError::Read(error.into()))
    }
}

impl From<log::SeekError> for ExplainError {
    fn from(error: log::SeekError) -> Self {
        match error {
            log::SeekError::Log(error) => error.into(),
            log::SeekError::Apply { seq, source } => ExplainError::Log(SideError::Apply { seq, source }),
        }
    }
}

impl<'a> Pages<'a> {
    /// The parts of a log up to a position.
    pub fn new(open: &'a Open<'a>, position: &Position) -> Result<Pages<'a>, ExplainError> {
        let lookup = Lookup::open_in(open()?, position)?;
        let parts = lookup.parts().collect();
        let last = position.cluster.last_event();
        Ok(Pages {
            open,
            lookup,
            parts,
            kept: BTreeMap::new(),
            last,
            followed: BTreeMap::new(),
            checkpoint: None,
        })
    }

    /// All parts that hold events up to the moment.
    pub fn parts(&self) -> &[Part] {
        &self.parts[..self.parts.partition_point(|part| part.first <= self.last)]
    }

    /// Whether a part may hold events that touch something.
    pub fn touches(&self, part: &Part, subject: Subject) -> bool {
        self.lookup.touches(part, subject)
    }

    /// The places of the parts in which a part's causes are; `None`: anywhere.
    pub fn causes_of(&self, part: &Part) -> Option<Vec<usize>> {
        self.lookup.causes_of(part)
    }

    /// The place of the part that holds an event.
    pub fn place_of(&self, seq: Seq) -> Option<usize> {
        self.lookup.part_with(seq).map(|part| part.place())
    }

    /// The events of a part, those beyond the moment left out.
    pub fn page(&mut self, part: &Part) -> Result<Page, ExplainError> {
        if let Some(page) = self.kept.get(&part.place()) {
            return Ok(Rc::clone(page));
        }
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        let page = Rc::new(self.read(part)?);
        self.kept.insert(part.place(), Rc::clone(&page));
        Ok(page)
    }

    /// As [`Pages::page`], of a part that nobody will ask for again.
    pub fn read(&mut self, part: &Part) -> Result<Vec<Event>, ExplainError> {
        let mut events = Vec::new();
        self.lookup.read(part, &mut events)?;
        let count = usize::try_from((self.last.0 + 1).saturating_sub(part.first.0)).unwrap_or(usize::MAX);
        events.truncate(count);
        Ok(events)
    }

    /// An event.
    pub fn event(&mut self, seq: Seq) -> Result<Option<Event>, ExplainError> {
        let Some(part) = self.lookup.part_with(seq).filter(|_| seq <= self.last) else { return Ok(None) };
        let page = self.page(&part)?;
        Ok(page.get((seq.0 - part.first.0) as usize).copied())
    }

    /// Shows every event of the parts that are wanted, in order; stops where the visitor fails.
    pub fn visit(
        &mut self,
        wanted: impl Fn(&Self, &Part) -> bool,
        mut visitor: impl FnMut(&mut Self, Seq, &Event) -> Result<(), ExplainError>,
    ) -> Result<(), ExplainError> {
        for place in 0..self.parts().len() {
            let part = self.parts[place];
            if !wanted(self, &part) {
                continue;
            }
            let events = self.read(&part)?;
            let mut seq = part.first;
            for event in &events {
                visitor(self, seq, event)?;
                seq = seq.next();
            }
        }
        Ok(())
    }

    /// Takes note of an event about a pod that is followed from its creation on, so that it need not be looked for again.
    pub fn follow(&mut self, seq: Seq, event: &Event) {
        let Some(slot) = event.body.pod() else { return };
        if let Body::PodCreated { .. } = event.body {
            self.followed.insert((slot, seq), (*event, seq));
        } else if let Some(pod) = self.followed.range_mut(..=(slot, seq)).next_back()
            && pod.0.0 == slot
        {
            pod.1.1 = seq;
        }
    }

    /// The sync that decided an event: what a sync writes follows it, at the same time and on the same track.
    pub fn sync_of(&mut self, seq: Seq, event: &Event) -> Result<Option<Seq>, ExplainError> {
        if event.track != Track::DaemonSet {
            return Ok(None);
        }
        let mut before = seq.0.saturating_sub(1);
        while let Some(other) = self.event(Seq(before))?.filter(|other| before > 0 && other.at == event.at) {
            if let Body::Synced { .. } = other.body {
                return Ok(Some(Seq(before)));
            }
            before -= 1;
        }
        Ok(None)
    }

    /// The changes of what objects ask for, up to an event. One that was rolled back counts as applied with what it
    /// was rolled back to, because the revisions then are not known here.
    pub fn desired(
        &mut self,
        objects: &[ObjectId],
        until: Seq,
        names: &mut Names,
    ) -> Result<Vec<(Seq, Event)>, ExplainError> {
        let mut found = Vec::new();
        let wanted = |pages: &Self, part: &Part| {
            let touches = |object: &ObjectId| pages.touches(part, Subject::Desired(*object));
            part.first <= until && objects.iter().any(touches)
        };
        self.visit(wanted, |_, seq, event| {
            let about = event.body.object().is_some_and(|object| objects.contains(&object));
            let changes = matches!(
                event.body,
                Body::Applied { .. }
                    | Body::Scaled { .. }
                    | Body::DeleteRequested { .. }
                    | Body::ObjectRemoved { .. }
                    | Body::RolloutUndone { .. }
            );
            if about && changes && seq <= until {
                found.push((seq, *event));
            }
            Ok(())
        })?;
        for (seq, event) in &mut found {
            if let Body::RolloutUndone { object, .. } = event.body {
                let then = log::seek_in((self.open)()?, log::Moment::Seq(*seq))?;
                let key = names.object_key(object);
                let undone = objects_of(&then.names, |other| same_object(names, key, &then.names, other))
                    .find_map(|id| then.cluster.object(id));
                if let Some(undone) = undone {
                    let manifest = names.doc(then.names.doc_text(undone.manifest));
                    event.body = Body::Applied { object, manifest };
                }
            }
        }
        Ok(found)
    }

    /// The pod that had a slot just after an event, as the event that created it, and that event's number; `None` if none ever had.
    pub fn occupant(
        &mut self,
        slot: PodId,
        seq: Seq,
        names: &Names,
        now: &Cluster,
    ) -> Result<Option<(Seq, Event)>, ExplainError> {
        let Some(current) = now.pod(slot) else { return Ok(None) };
        if current.made <= seq {
            return Ok(Some((current.made, creation(slot, &current))));
        }
        if let Some((&(pod, made), &(event, last))) = self.followed.range(..=(slot, seq)).next_back()
            && pod == slot
            && seq <= last
        {
            return Ok(Some((made, event)));
        }
        let end = self.place_of(seq).map_or(0, |place| place + 1);
        let near = end.saturating_sub(NEAR);
        if let Some(found) = self.created_within(near..end, slot, seq)? {
            return Ok(Some(found));
        }
        let moment = log::Moment::Seq(seq);
        let known = self.checkpoint.as_ref().is_some_and(|(found, upto)| found.seq <= seq && seq <= *upto);
        if !known {
            self.checkpoint = log::checkpoint_in((self.open)()?, moment)?.map(|found| (found, seq));
        }
        let from = self.checkpoint.as_ref().map_or(Seq::NONE, |(found, _)| found.seq);
        let floor = self.place_of(from).unwrap_or(0).min(near);
        if let Some(found) = self.created_within(floor..near, slot, seq)? {
            return Ok(Some(found));
        }
        let Some((then, _)) = &self.checkpoint else { return Ok(None) };
        let Some(pod) = then.cluster.pod(slot) else { return Ok(None) };
        Ok(Some((pod.made, translated(slot, &pod, &then.names, names, &current))))
    }

    /// The last creation of a pod in a slot within some parts and up to an event.
    fn created_within(
        &mut self,
        places: std::ops::Range<usize>,
        slot: PodId,
        until: Seq,
    ) -> Result<Option<(Seq, Event)>, ExplainError> {
        for place in places.rev() {
            let part = self.parts[place];
            let page = self.page(&part)?;
            let numbered =
                page.iter().enumerate().map(|(index, event)| (Seq(part.first.0 + index as u64), event));
            let made = numbered.rev().find(|(seq, event)| {
                *seq <= until && matches!(event.body, Body::PodCreated { pod, .. } if pod == slot)
            });
            if let Some((seq, event)) = made {
                return Ok(Some((seq, *event)));
            }
        }
        Ok(None)
    }

    /// The last checkpoint at or before an event, if its numbers mean the same as those of the state at the moment.
    pub fn checkpoint(&self, until: Seq, names: &Names) -> Result<Option<log::Checkpoint>, ExplainError> {
        let found = log::checkpoint_in((self.open)()?, log::Moment::Seq(until))?;
        Ok(found.filter(|found| found.names.is_beginning_of(names)))
    }
}

/// What created a pod.
pub(super) fn creation(slot: PodId, pod: &Pod) -> Event {
    let (Pod { made_by, node, ordinal, name, namespace, shape, .. }, created) = (*pod, pod.created());
    let body = Body::PodCreated { pod: slot, owner: made_by, node, ordinal, name, namespace, shape, created };
    Event::new(Time(0), Track::User, body)
}

/// What created a pod of a state with other numbers. Its shape does not come along: nobody asks for it.
fn translated(slot: PodId, pod: &Pod, theirs: &Names, ours: &Names, current: &Pod) -> Event {
    let sym = |sym| ours.find_sym(theirs.text(sym)).unwrap_or_default();
    let owner = pod.made_by.map(|owner| theirs.object_key(owner));
    let body = Body::PodCreated {
        pod: slot,
        owner: owner.and_then(|key| objects_of(ours, |other| same_object(theirs, key, ours, other)).next()),
        node: pod.node.and_then(|node| ours.find_node(theirs.node_name(node))),
        ordinal: pod.ordinal,
        name: sym(pod.name),
        namespace: sym(pod.namespace),
        shape: current.shape,
        created: pod.created(),
    };
    Event::new(Time(0), Track::User, body)
}

/// Whether two dictionaries' keys are of one object.
fn same_object(theirs: &Names, key: ObjectKey, ours: &Names, other: ObjectKey) -> bool {
    key.incarnation == other.incarnation
        && theirs.text(key.name) == ours.text(other.name)
        && theirs.text(key.namespace) == ours.text(other.namespace)
        && theirs.text(key.kind) == ours.text(other.kind)
}

/// The objects that a dictionary knows whose keys are wanted.
pub(super) fn objects_of(
    names: &Names,
    wanted: impl Fn(ObjectKey) -> bool,
) -> impl Iterator<Item = ObjectId> {
    (0..names.object_count()).map(ObjectId::from_index).filter(move |id| wanted(names.object_key(*id)))
}

/// A cluster into which only some events are folded.
#[derive(Default)]
pub(super) struct Sparse {
    pub cluster: Cluster,
}

impl Sparse {
    /// Folds an event in; one that does not fit is about something that nobody follows.
    pub fn fold(&mut self, names: &mut Names, seq: Seq, event: &Event) -> bool {
        if let Body::PodCreated { pod, .. } = event.body {
            self.free(names, seq, pod);
        }
        self.cluster.apply(names, seq, event).is_ok()
    }

    /// Takes in a pod of which only a later event was met, if its owner and node as it was created are wanted; says whether.
    pub fn meet(
        &mut self,
        pages: &mut Pages<'_>,
        now: &Cluster,
        names: &mut Names,
        (seq, slot): (Seq, PodId),
        wanted: impl Fn(Option<ObjectId>, Option<NodeId>) -> bool,
    ) -> Result<bool, ExplainError> {
        let Some((made, event)) = pages.occupant(slot, seq, names, now)? else { return Ok(false) };
        let Body::PodCreated { owner, node, .. } = event.body else { return Ok(false) };
        let wanted = wanted(owner, node) && self.fold(names, made, &event);
        if wanted {
            pages.follow(made, &event);
        }
        Ok(wanted)
    }

    /// The pod that is followed in a slot.
    pub fn pod(&self, slot: PodId) -> Option<Pod> {
        self.cluster.pod(slot).filter(|pod| !pod.gone)
    }

    /// What was in a slot has gone unseen if another pod gets it.
    fn free(&mut self, names: &mut Names, seq: Seq, slot: PodId) {
        if self.pod(slot).is_some() {
            let gone = Event::new(Time(0), Track::Kubelet, Body::PodGone { pod: slot });
            // It is there, so it can go.
            let _ = self.cluster.apply(names, seq, &gone);
        }
    }
}
