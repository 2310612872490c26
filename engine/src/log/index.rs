//! Which nodes and objects each frame of events touches, and in which frames its causes are, so that a reader can leave
//! frames out.
//!
//! An index serves speed alone: it follows from the events, `log verify` computes it anew and compares, and frames that no
//! index speaks of are taken to touch everything.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::format::INDEX_VERSION;
use crate::event::{Body, Event};
use crate::names::{NodeId, ObjectId, PodId, RevisionId, Seq};
use crate::time::Time;

/// The fixed part of an index frame's payload.
const FIXED: usize = 16;
/// The fixed part of what it says of a frame.
const ENTRY_FIXED: usize = 40;
/// How many sets an entry has of nodes and objects.
const SETS: usize = 3;

/// Members of a set that is made again for each frame. Taking one in costs a look at one number.
#[derive(Default)]
struct Marks {
    round: u32,
    seen_in: Vec<u32>,
    members: Vec<u32>,
}

impl Marks {
    fn add(&mut self, index: usize) {
        if self.seen_in.len() <= index {
            self.seen_in.resize(index + 1, 0);
        }
        // Rounds are counted from 1; after 2^32 frames a member may be listed twice, which changes nothing.
        if self.seen_in[index] != self.round + 1 {
            self.seen_in[index] = self.round + 1;
            self.members.push(index as u32);
        }
    }

    fn take(&mut self) -> Vec<u32> {
        self.round = self.round.wrapping_add(1) % (u32::MAX - 1);
        std::mem::take(&mut self.members)
    }
}

/// Whom a pod belongs to.
#[derive(Clone, Copy, Default)]
struct Belongs {
    node: Option<NodeId>,
    owner: Option<ObjectId>,
}

/// What one frame touches, in this process's numbers.
pub(super) struct Touches {
    /// Where the frame begins.
    pub offset: u64,
    pub first: Seq,
    pub events: u32,
    pub first_time: Time,
    pub last_time: Time,
    /// Nodes, objects, objects of which the desired state changes; without order.
    sets: [Vec<u32>; SETS],
    /// How many frames back the causes of its events are, each number once.
    causes: BTreeSet<u32>,
}

/// Finds what events touch. It has to see all of a log, because later events name only the pod.
#[derive(Default)]
pub(super) struct Indexer {
    pods: FxHashMap<PodId, Belongs>,
    revisions: FxHashMap<RevisionId, ObjectId>,
    nodes: Marks,
    objects: Marks,
    desired: Marks,
    /// The number of the first event of every frame so far.
    firsts: Vec<Seq>,
    causes: BTreeSet<u32>,
}

impl Indexer {
    fn observe(&mut self, event: &Event) {
        let body = &event.body;
        self.observe_cause(event.cause);
        self.touch(Belongs { node: body.node(), owner: body.object() });
        if let Some(pod) = body.pod() {
            self.observe_pod(pod, body);
        }
        match *body {
            Body::Applied { object, .. }
            | Body::Scaled { object, .. }
            | Body::DeleteRequested { object, .. }
            | Body::ObjectRemoved { object }
            | Body::RolloutUndone { object, .. } => self.desired.add(object.index()),
            Body::RevisionCreated { revision, owner: Some(owner), .. }
            | Body::RevisionAdopted { revision, owner } => {
                self.revisions.insert(revision, owner);
            }
            Body::RevisionNumbered { revision, .. } | Body::RevisionLabelled { revision, .. } => {
                let owner = self.revisions.get(&revision).copied();
                self.touch(Belongs { node: None, owner });
            }
            Body::RevisionReleased { revision } | Body::RevisionDeleted { revision } => {
                let owner = self.revisions.remove(&revision);
                self.touch(Belongs { node: None, owner });
            }
            _ => {}
        }
    }

    fn observe_cause(&mut self, cause: Seq) {
        if cause == Seq::NONE {
            return;
        }
        // Most causes are in the same frame or in one of the last.
        let after = self.firsts.iter().rev().take_while(|first| **first > cause).take(4).count();
        let back = match after {
            0..4 => after,
            _ => self.firsts.len() - self.firsts.partition_point(|first| *first <= cause),
        };
        self.causes.insert(back as u32);
    }

    fn observe_pod(&mut self, pod: PodId, body: &Body) {
        let before = match *body {
            Body::PodGone { .. } => self.pods.remove(&pod),
            Body::PodCreated { owner, node, .. } => self.pods.insert(pod, Belongs { node, owner }),
            Body::PodBound { node, .. } => self.change(pod, |belongs| belongs.node = Some(node)),
            Body::PodAdopted { owner, .. } => self.change(pod, |belongs| belongs.owner = Some(owner)),
            Body::PodReleased { .. } => self.change(pod, |belongs| belongs.owner = None),
            _ => self.pods.get(&pod).copied(),
        };
        self.touch(before.unwrap_or_default());
    }

    /// Changes whom a pod belongs to; gives what was so before.
    fn change(&mut self, pod: PodId, change: impl Fn(&mut Belongs)) -> Option<Belongs> {
        let belongs = self.pods.entry(pod).or_default();
        let before = *belongs;
        change(belongs);
        Some(before)
    }

    fn touch(&mut self, belongs: Belongs) {
        belongs.node.into_iter().for_each(|node| self.nodes.add(node.index()));
        belongs.owner.into_iter().for_each(|owner| self.objects.add(owner.index()));
    }

    /// What the events of the next frame touch; none without events.
    pub fn frame(&mut self, offset: u64, first: Seq, events: &[Event]) -> Option<Touches> {
        let (first_time, last_time) = (events.first()?.at, events.last()?.at);
        self.firsts.push(first);
        events.iter().for_each(|event| self.observe(event));
        Some(Touches {
            offset,
            first,
            events: events.len() as u32,
            first_time,
            last_time,
            sets: [self.nodes.take(), self.objects.take(), self.desired.take()],
            causes: std::mem::take(&mut self.causes),
        })
    }
}

/// The log's number of a node or an object, from 1, by this process's.
pub(super) struct Numbers<'a> {
    pub node: &'a dyn Fn(u32) -> u32,
    pub object: &'a dyn Fn(u32) -> u32,
}

/// The payload of an index frame.
pub(super) fn to_bytes(previous: u64, frames: &[Touches], numbers: &Numbers) -> Vec<u8> {
    let mut payload = previous.to_le_bytes().to_vec();
    payload.extend_from_slice(&INDEX_VERSION.to_le_bytes());
    // A frame of events has 80 bytes at least, and an index speaks of few megabytes of them.
    payload.extend_from_slice(&(frames.len() as u32).to_le_bytes());
    let mut sets = Vec::new();
    for frame in frames {
        sets.clear();
        let [nodes, objects, desired] = &frame.sets;
        put_set(nodes, numbers.node, &mut sets);
        put_set(objects, numbers.object, &mut sets);
        put_set(desired, numbers.object, &mut sets);
        put_numbers(&frame.causes, &mut sets);
        for word in [frame.offset, frame.first.0, frame.first_time.0 as u64, frame.last_time.0 as u64] {
            payload.extend_from_slice(&word.to_le_bytes());
        }
        payload.extend_from_slice(&frame.events.to_le_bytes());
        payload.extend_from_slice(&(sets.len() as u32).to_le_bytes());
        payload.extend_from_slice(&sets);
    }
    payload
}

fn put_set(members: &[u32], number: &dyn Fn(u32) -> u32, out: &mut Vec<u8>) {
    put_numbers(&members.iter().map(|&index| number(index)).collect(), out);
}

fn put_numbers(numbers: &BTreeSet<u32>, out: &mut Vec<u8>) {
    put(numbers.len() as u32, out);
    let mut before = 0;
    for &number in numbers {
        put(number - before, out);
        before = number;
    }
}

fn put(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn get(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0_u64;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return u32::try_from(number).ok();
        }
    }
    None
}

/// An index frame's payload, read.
pub(super) struct Part {
    /// Where the index before begins, or 0.
    pub previous: u64,
    pub entries: Vec<Entry>,
}

/// What an index says of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub offset: u64,
    pub first: Seq,
    pub events: u32,
    pub first_time: Time,
    pub last_time: Time,
    /// The sets, as they are stored. None: it touches everything.
    pub sets: Option<Box<[u8]>>,
}

/// Which of an entry's sets.
#[derive(Clone, Copy)]
pub(super) enum Set {
    Nodes = 0,
    Objects = 1,
    Desired = 2,
    /// How many frames back causes are.
    Causes = 3,
}

impl Entry {
    /// Whether a set has a member, by the log's number. What cannot be read has every member.
    pub fn has(&self, set: Set, number: u32) -> bool {
        self.sets.as_deref().is_none_or(|bytes| find(bytes, set, number).unwrap_or(true))
    }

    /// The members of a set; none if it cannot be read, and so has every member.
    pub fn members(&self, set: Set) -> Option<Vec<u32>> {
        let mut bytes = skip_to(self.sets.as_deref()?, set)?;
        let (count, mut number, mut members) = (get(&mut bytes)?, 0_u32, Vec::new());
        for _ in 0..count {
            number = number.checked_add(get(&mut bytes)?)?;
            members.push(number);
        }
        Some(members)
    }
}

/// The stored sets from one of them on.
fn skip_to(mut bytes: &[u8], set: Set) -> Option<&[u8]> {
    for _ in 0..set as usize {
        for _ in 0..get(&mut bytes)? {
            get(&mut bytes)?;
        }
    }
    Some(bytes)
}

fn find(bytes: &[u8], set: Set, wanted: u32) -> Option<bool> {
    let mut bytes = skip_to(bytes, set)?;
    let (count, mut number) = (get(&mut bytes)?, 0_u32);
    for _ in 0..count {
        number = number.checked_add(get(&mut bytes)?)?;
        if number >= wanted {
            return Some(number == wanted);
        }
    }
    Some(false)
}

/// Reads an index frame's payload; none if it is of another version.
pub(super) fn read(payload: &[u8]) -> Option<Part> {
    let (fixed, mut rest) = payload.split_at_checked(FIXED)?;
    if u32_at(fixed, 8)? != INDEX_VERSION {
        return None;
    }
    let mut entries = Vec::new();
    for _ in 0..u32_at(fixed, 12)? {
        let (entry, more) = rest.split_at_checked(ENTRY_FIXED)?;
        let (sets, more) = more.split_at_checked(u32_at(entry, 36)? as usize)?;
        rest = more;
        entries.push(Entry {
            offset: u64_at(entry, 0)?,
            first: Seq(u64_at(entry, 8)?),
            first_time: Time(u64_at(entry, 16)? as i64),
            last_time: Time(u64_at(entry, 24)? as i64),
            events: u32_at(entry, 32)?,
            sets: Some(sets.into()),
        });
    }
    rest.is_empty().then_some(Part { previous: u64_at(fixed, 0)?, entries })
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_come_back_as_they_were_stored() {
        let members = [7, 3, 300, 3, 70_000, u32::MAX - 1];
        let mut bytes = Vec::new();
        put_set(&[], &|n| n + 1, &mut bytes);
        put_set(&members, &|n| n + 1, &mut bytes);
        put_set(&[5], &|n| n + 1, &mut bytes);
        put_numbers(&[0, 2, 300].into(), &mut bytes);
        let entry = Entry {
            offset: 0,
            first: Seq(1),
            events: 1,
            first_time: Time(0),
            last_time: Time(0),
            sets: Some(bytes.into()),
        };
        for number in [1, 2, 4, 5, 8, 301, 302, 70_001, u32::MAX] {
            assert_eq!(entry.has(Set::Objects, number), members.contains(&(number - 1)), "{number}");
            assert!(!entry.has(Set::Nodes, number));
            assert_eq!(entry.has(Set::Desired, number), number == 6);
        }
        assert_eq!(entry.members(Set::Causes), Some(vec![0, 2, 300]));
        assert_eq!(entry.members(Set::Nodes), Some(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_touches_everything() {
        let mut entry = Entry {
            offset: 0,
            first: Seq(1),
            events: 1,
            first_time: Time(0),
            last_time: Time(0),
            sets: None,
        };
        assert!(entry.has(Set::Nodes, 3));
        entry.sets = Some([2, 1].into());
        assert!(entry.has(Set::Nodes, 3));
        assert!(entry.has(Set::Desired, 3));
        assert_eq!(entry.members(Set::Causes), None);
    }
}
