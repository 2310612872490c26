//! Looking things up in a log: the events that touch a node or an object, or that have some number, without reading the rest.

use std::path::Path;

use super::decoder::Decoder;
use super::encode_names::NameTables;
use super::error::LogError;
use super::file::FileStorage;
use super::format::{FILE_HEADER_LEN, FRAME_HEADER_LEN, FrameKind};
use super::frames::Frames;
use super::index::{self, Entry, Set};
use super::landmarks;
use super::seek::Position;
use super::storage::Storage;
use super::window::GLANCE;
use crate::event::Event;
use crate::names::{NodeId, ObjectId, Seq};
use crate::time::Time;

/// What one may ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Whatever happens to a node, and to pods on it or meant for it.
    Node(NodeId),
    /// Whatever happens to an object, and to pods and revisions that it owns.
    Object(ObjectId),
    /// Changes of an object's desired state: applied, scaled, deleted, undone.
    Desired(ObjectId),
}

/// A part of a log: events that were committed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The number of its first event.
    pub first: Seq,
    /// The number of its last event.
    pub last: Seq,
    /// The time of its first event.
    pub first_time: Time,
    /// The time of its last event.
    pub last_time: Time,
    /// Its place among the parts.
    place: usize,
}

impl Part {
    /// Its place among the parts, from 0.
    pub fn place(&self) -> usize {
        self.place
    }
}

/// A log whose parts are read one by one, in any order. It knows which parts need not be read, as far as the log has an
/// index: a part that no index speaks of counts as touching everything.
///
/// ```no_run
/// # use std::path::Path;
/// # use kubetape_engine::log::{Lookup, Moment, Subject, seek};
/// # let path = Path::new("run.tape");
/// let position = seek(path, Moment::End)?;
/// let node = position.names.find_node("worker-1").expect("it is known");
/// let mut lookup = Lookup::open(path, &position)?;
/// let parts: Vec<_> = lookup.parts().rev().filter(|part| lookup.touches(part, Subject::Node(node))).collect();
/// let mut events = Vec::new();
/// for part in parts {
///     lookup.read(&part, &mut events)?;
///     // The newest events first, part by part; `events[0]` has the number `part.first`.
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Lookup {
    frames: Frames,
    decoder: Decoder,
    numbers: NameTables,
    entries: Vec<Entry>,
}

impl Lookup {
    /// Opens the log that was sought in, up to where it was read then. The events that it gives use the names of the
    /// position.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::BadRecord`] when frames cannot be told apart.
    pub fn open(path: &Path, position: &Position) -> Result<Lookup, LogError> {
        Lookup::open_in(Box::new(FileStorage::open_to_read(path)?), position)
    }

    /// As [`Lookup::open`], of a log anywhere.
    ///
    /// # Errors
    /// As [`Lookup::open`].
    pub fn open_in(storage: Box<dyn Storage>, position: &Position) -> Result<Lookup, LogError> {
        let mut frames = Frames::open(storage)?;
        frames.read_at_least(GLANCE);
        let (names, end) = position.reader.known();
        let entries = entries(&mut frames, end)?;
        let decoder = Decoder { names: names.clone(), hasher: None };
        Ok(Lookup { frames, numbers: NameTables::after(&decoder.names), decoder, entries })
    }

    /// All parts, in order.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = Part> + ExactSizeIterator + '_ {
        (0..self.entries.len()).map(|place| self.part(place))
    }

    fn part(&self, place: usize) -> Part {
        let Entry { first, events, first_time, last_time, .. } = self.entries[place];
        Part { first, last: Seq(first.0 + u64::from(events) - 1), first_time, last_time, place }
    }

    /// The part that holds an event; none if the log did not reach it.
    pub fn part_with(&self, seq: Seq) -> Option<Part> {
        let after = self.entries.partition_point(|entry| entry.first <= seq);
        after.checked_sub(1).map(|place| self.part(place)).filter(|part| seq <= part.last)
    }

    /// Whether a part may hold events that touch something. If not, it holds none. Takes a few microseconds.
    pub fn touches(&self, part: &Part, subject: Subject) -> bool {
        let Some(entry) = self.entries.get(part.place) else { return false };
        let (set, number) = match subject {
            Subject::Node(node) => (Set::Nodes, self.numbers.node_number(node)),
            Subject::Object(object) => (Set::Objects, self.numbers.object_number(object)),
            Subject::Desired(object) => (Set::Desired, self.numbers.object_number(object)),
        };
        entry.has(set, number)
    }

    /// The places among the parts where the causes of a part's events are; none if the log does not say, and so they may be
    /// anywhere before.
    pub fn causes_of(&self, part: &Part) -> Option<Vec<usize>> {
        let back = self.entries.get(part.place)?.members(Set::Causes)?;
        back.into_iter().map(|back| part.place.checked_sub(back as usize)).collect()
    }

    /// Reads a part: `out` is emptied and filled with its events.
    ///
    /// # Errors
    /// [`LogError::Io`]; [`LogError::BadRecord`] when the part is damaged, on which `kubetape log verify` says more.
    pub fn read(&mut self, part: &Part, out: &mut Vec<Event>) -> Result<(), LogError> {
        out.clear();
        let offset = self.entries.get(part.place).map_or(0, |entry| entry.offset);
        self.decoder.decode_at(&mut self.frames, offset, part.first, out)
    }
}

/// What is known of every frame of events before an offset.
fn entries(frames: &mut Frames, end: u64) -> Result<Vec<Entry>, LogError> {
    let mut parts = Vec::new();
    let mut at = landmarks::last(frames, FrameKind::Index)?;
    let mut tail = FILE_HEADER_LEN as u64;
    while at != 0 {
        let Some((frame, _, payload)) = frames.payload_at(at, FrameKind::Index)? else { break };
        let Some(part) = index::read(payload).filter(|part| part.previous < at) else { break };
        tail = tail.max(at + frame.frame_len());
        at = part.previous;
        parts.push(part.entries);
    }
    let mut indexed: Vec<Entry> = parts.into_iter().rev().flatten().collect();
    let mut all = Vec::new();
    if let Some(first) = indexed.first() {
        unindexed(frames, FILE_HEADER_LEN as u64, first.offset.min(end), &mut all)?;
    }
    indexed.retain(|entry| entry.offset < end);
    all.append(&mut indexed);
    unindexed(frames, tail, end, &mut all)?;
    Ok(all)
}

/// Frames of events that no index speaks of.
fn unindexed(frames: &mut Frames, from: u64, end: u64, out: &mut Vec<Entry>) -> Result<(), LogError> {
    let mut offset = from;
    while offset < end {
        let Some((frame, _)) = frames.glance(offset, 0)? else {
            let seq = out.last().map_or(Seq::NONE, |entry| entry.first);
            let what = "the frame after this event's cannot be read".to_owned();
            return Err(LogError::BadRecord { offset, seq, what });
        };
        if frame.kind.has_events() {
            let (first, events) = (frame.first, frame.events);
            let (first_time, last_time) = (frame.first_time, frame.last_time);
            out.push(Entry { offset, first, events, first_time, last_time, sets: None });
        }
        offset += frame.frame_len().max(FRAME_HEADER_LEN as u64);
    }
    Ok(())
}
