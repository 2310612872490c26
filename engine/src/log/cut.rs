//! A part of a log as a log of its own.

use super::error::LogError;
use super::genesis;
use super::reader::Reader;
use super::seek::{Moment, Position, SeekError, seek_in};
use super::storage::Storage;
use super::writer::Writer;
use crate::event::{Body, Event, Flags};
use crate::names::{Names, RevisionId, Seq};
use crate::time::Time;

/// What a cut left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// Events of the state that the new log begins with.
    pub genesis: u64,
    /// Events of the old log that the new one has.
    pub kept: u64,
    /// The number that the first of them had.
    pub first: Option<Seq>,
    /// The number that the last of them had.
    pub last: Option<Seq>,
}

/// Writes the events after one moment up to another to a new log, which begins with the state at the first; without one, at
/// the old log's beginning. Events keep their times, authors and pod slots; their old numbers are their origins; a cause that
/// lies before the cut becomes none.
///
/// The new log folds to the states that the old one had, but for what a state does not know: see the notes at
/// `kubetape log cut --help`. It is made in time in proportion to the state and to the events that are kept.
///
/// # Errors
/// Those of [`super::seek()`] and of [`Writer::append`].
pub fn cut(
    storage: Box<dyn Storage>,
    from: Option<Moment>,
    to: Moment,
    writer: &mut Writer,
) -> Result<Cut, SeekError> {
    let Some(from) = from else {
        let reader = Reader::from_storage(storage)?;
        let whole =
            Piece { names: Names::new(), shift: 0, before: Seq::NONE, revisions: None, made: Cut::default() };
        return Ok(whole.copy(reader, Vec::new(), to, writer)?);
    };
    let Position { mut names, cluster, rest, reader, .. } = seek_in(storage, from)?;
    let at = match from {
        Moment::Time(at) => at.max(cluster.now()),
        _ => cluster.now(),
    };
    let begin = genesis::of(&cluster, &mut names, at);
    for part in begin.events.chunks(BATCH) {
        writer.append_genesis(&names, part)?;
    }
    let made = Cut { genesis: begin.events.len() as u64, ..Cut::default() };
    let before = cluster.last_event();
    let shift = before.0 as i64 - made.genesis as i64;
    let next = begin.revisions.len();
    let piece =
        Piece { names, shift, before, revisions: Some(Renumbered { by_old: begin.revisions, next }), made };
    Ok(piece.copy(reader, rest, to, writer)?)
}

const BATCH: usize = 4096;

struct Renumbered {
    by_old: rustc_hash::FxHashMap<RevisionId, RevisionId>,
    next: usize,
}

/// The kept part of a log while it is copied.
struct Piece {
    names: Names,
    /// The old number of an event less its new one.
    shift: i64,
    /// The last event before the part.
    before: Seq,
    revisions: Option<Renumbered>,
    made: Cut,
}

impl Piece {
    fn copy(
        mut self,
        mut reader: Reader,
        rest: Vec<Event>,
        to: Moment,
        writer: &mut Writer,
    ) -> Result<Cut, LogError> {
        let mut seq = self.before;
        let mut events = rest;
        loop {
            let mut kept = Vec::with_capacity(events.len());
            for event in &events {
                seq = seq.next();
                if !within(to, seq, event.at) {
                    self.write(&kept, writer)?;
                    return Ok(self.made);
                }
                self.made.first.get_or_insert(seq);
                self.made.last = Some(seq);
                kept.push(self.renumbered(seq, event));
            }
            self.write(&kept, writer)?;
            if reader.next_batch(&mut self.names, &mut events)?.is_none() {
                // Only where the log itself ends is it known that nothing followed.
                if let (Moment::End, Some(until)) = (to, reader.known_until()) {
                    writer.known_until(until);
                }
                return Ok(self.made);
            }
        }
    }

    fn write(&mut self, events: &[Event], writer: &mut Writer) -> Result<(), LogError> {
        let genesis = if self.revisions.is_none() {
            events.iter().take_while(|event| event.flags.has(Flags::GENESIS)).count()
        } else {
            0
        };
        if genesis > 0 && self.made.kept == 0 {
            writer.append_genesis(&self.names, &events[..genesis])?;
            self.made.genesis += genesis as u64;
        } else if genesis > 0 {
            writer.append(&self.names, &events[..genesis])?;
            self.made.kept += genesis as u64;
        }
        writer.append(&self.names, &events[genesis..])?;
        self.made.kept += (events.len() - genesis) as u64;
        Ok(())
    }

    fn renumbered(&mut self, seq: Seq, event: &Event) -> Event {
        let Some(revisions) = &mut self.revisions else { return *event };
        let mut event = *event;
        if event.origin == Seq::NONE {
            event.origin = seq;
        }
        event.cause = match event.cause {
            cause if cause <= self.before => Seq::NONE,
            cause => Seq((cause.0 as i64 - self.shift) as u64),
        };
        // What lies behind the cut is not part of the new log's beginning.
        event.flags = Flags(event.flags.0 & !Flags::GENESIS.0);
        match &mut event.body {
            Body::RevisionCreated { revision, .. } => {
                let new = RevisionId::from_index(revisions.next);
                revisions.next += 1;
                revisions.by_old.insert(*revision, new);
                *revision = new;
            }
            body => {
                if let Some(revision) = body.revision_mut() {
                    *revision = revisions.by_old.get(revision).copied().unwrap_or(*revision);
                }
            }
        }
        event
    }
}

fn within(to: Moment, seq: Seq, at: Time) -> bool {
    match to {
        Moment::Seq(last) => seq <= last,
        Moment::Time(last) => at <= last,
        Moment::End => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;
    use crate::log::{MemoryStorage, Options};

    fn lesson() -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../traces/lesson.tape");
        std::fs::read(path).unwrap()
    }

    fn cut_bytes(bytes: &[u8], from: Option<Moment>, to: Moment) -> (Vec<u8>, Cut) {
        let storage = MemoryStorage::new();
        let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
        let made = cut(Box::new(MemoryStorage::from_bytes(bytes.to_vec())), from, to, &mut writer).unwrap();
        writer.close().unwrap();
        (storage.bytes(), made)
    }

    /// What people can see of a state, without the numbers that differ between two logs.
    fn seen(cluster: &Cluster, names: &Names) -> Vec<String> {
        let mut lines = Vec::new();
        let labels = |labels: &[(crate::names::Sym, crate::names::Sym)]| {
            let mut texts: Vec<_> =
                labels.iter().map(|l| format!("{}={}", names.text(l.0), names.text(l.1))).collect();
            texts.sort();
            texts.join(",")
        };
        for &id in cluster.nodes() {
            let node = cluster.node(id).unwrap();
            let taints: Vec<_> =
                node.taints.iter().map(|t| (names.text(t.key), names.text(t.value), t.effect)).collect();
            let conditions: Vec<_> = node
                .conditions
                .iter()
                .map(|c| (names.text(c.condition), c.status, names.text(c.reason), c.since))
                .collect();
            let (name, created) = (names.node_name(id), node.created);
            lines.push(format!(
                "node {name} {created} {} {taints:?} {conditions:?} {} {}",
                labels(&node.labels),
                node.unschedulable,
                node.silent
            ));
        }
        for kind in cluster.kinds().collect::<Vec<_>>() {
            for o in cluster.objects_of_kind(kind) {
                let generation = o.daemon_set().map(|d| d.template_generation);
                let (name, status) = (names.object_name(o.id), o.status);
                lines.push(format!(
                    "{} {name} {} {} {generation:?} {status:?} {} {:?} pods {} revisions {}",
                    names.text(kind),
                    o.generation,
                    o.created,
                    names.doc_text(o.manifest),
                    o.deleting,
                    o.pods.len(),
                    o.revisions.len()
                ));
            }
        }
        for (id, pod) in cluster.pods() {
            let (name, owner) = (cluster.pod_name(id, names), pod.owner.map(|o| names.object_name(o)));
            let node = pod.node.map(|n| names.node_name(n));
            let Pod { bound, ready, unschedulable, phase, deleting, .. } = pod;
            let (created, ready_since, deadline) = (pod.created(), pod.ready_since(), cluster.deadline(id));
            lines.push(format!(
                "pod {} {name} {owner:?} {node:?} {} {created} {bound} {ready} {unschedulable} {phase:?} {deleting:?} \
                 {deadline:?} {ready_since:?} {}",
                id.number(),
                labels(cluster.pod_labels(id)),
                pod.restarts
            ));
        }
        lines.sort();
        lines
    }

    use crate::cluster::Pod;

    fn at(bytes: &[u8], moment: Moment) -> Vec<String> {
        let storage = MemoryStorage::from_bytes(bytes.to_vec());
        let position = seek_in(Box::new(storage), moment).unwrap();
        seen(&position.cluster, &position.names)
    }

    #[test]
    fn a_log_cut_at_every_event_folds_to_the_states_that_it_had() {
        let whole = lesson();
        for seq in (1..=266).step_by(7) {
            let (part, made) = cut_bytes(&whole, Some(Moment::Seq(Seq(seq))), Moment::End);
            assert_eq!((made.kept, made.first), (266 - seq, (seq < 266).then_some(Seq(seq + 1))));
            let begin = at(&part, Moment::Seq(Seq(made.genesis)));
            assert_eq!(begin, at(&whole, Moment::Seq(Seq(seq))), "after event {seq}");
            for later in [seq + 5, seq + 60, 266] {
                let later = later.min(266);
                let there = Moment::Seq(Seq(made.genesis + later - seq));
                assert_eq!(at(&part, there), at(&whole, Moment::Seq(Seq(later))), "cut {seq}, event {later}");
            }
        }
    }

    #[test]
    fn a_cut_from_the_beginning_is_the_beginning_itself() {
        let whole = lesson();
        let (part, made) = cut_bytes(&whole, None, Moment::Seq(Seq(100)));
        assert_eq!((made.genesis + made.kept, made.last), (100, Some(Seq(100))));
        assert_eq!(at(&part, Moment::End), at(&whole, Moment::Seq(Seq(100))));
    }

    #[test]
    fn causes_and_origins_tell_where_events_come_from() {
        use crate::event::Track;
        use crate::names::NodeSpec;
        let mut names = Names::new();
        let name = names.sym("worker-1");
        let (node, spec) = (names.node(name), names.node_spec(NodeSpec::default()));
        let created = crate::time::ApiSeconds(0);
        let bodies = [
            Body::NodeJoined { node, spec, created },
            Body::NodeCordoned { node },
            Body::NodeUncordoned { node },
        ];
        let events: Vec<_> = bodies
            .iter()
            .zip(0..)
            .map(|(body, i)| Event { cause: Seq(i), ..Event::new(Time(i as i64), Track::Cluster, *body) })
            .collect();
        let storage = MemoryStorage::new();
        let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
        writer.append(&names, &events).unwrap();
        writer.close().unwrap();

        let (part, made) = cut_bytes(&storage.bytes(), Some(Moment::Seq(Seq(1))), Moment::End);
        assert_eq!((made.genesis, made.kept), (1, 2));
        let mut reader = Reader::from_bytes(part).unwrap();
        let (mut names, mut events, mut all) = (Names::new(), Vec::new(), Vec::new());
        while reader.next_batch(&mut names, &mut events).unwrap().is_some() {
            all.append(&mut events);
        }
        let links: Vec<_> = all.iter().map(|event| (event.body.kind(), event.cause, event.origin)).collect();
        let none = Seq::NONE;
        assert_eq!(
            links,
            [("NodeJoined", none, none), ("NodeCordoned", none, Seq(2)), ("NodeUncordoned", Seq(2), Seq(3))]
        );
        assert!(all[0].flags.has(Flags::GENESIS) && !all[1].flags.has(Flags::GENESIS));
    }
}
