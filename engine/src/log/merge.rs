//! Several logs of one cluster as one log, in order of time.

use rustc_hash::FxHashMap;

use super::error::LogError;
use super::reader::Reader;
use super::writer::Writer;
use crate::cluster::{ApplyError, Cluster};
use crate::event::{Body, Event, Flags};
use crate::names::{Names, NodeId, ObjectId, PodId, RevisionId, Seq};
use crate::time::Time;

/// What a merge wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Events of the state that the new log begins with.
    pub genesis: u64,
    /// All its events.
    pub events: u64,
    /// How many came from each log.
    pub from_each: Vec<u64>,
}

/// Why logs do not go together.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A log cannot be read, or the result not be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An event contradicts what the logs have said until then.
    #[error("event {seq} ({kind} at {at}) contradicts what was merged before it: {reason}")]
    Conflict {
        /// Which log, from 0.
        log: usize,
        /// The event's number there.
        seq: Seq,
        /// Its kind.
        kind: &'static str,
        /// When it happened.
        at: Time,
        /// What does not fit.
        reason: String,
    },
}

/// Joins logs by time; at one moment, in the order in which they are given. Events keep times, authors, tracks; causes follow
/// their events, origins are as they were. What a log begins with is part of the new log's beginning if no event of another
/// lies before it; otherwise it is what was seen then, and marked as inferred.
///
/// # Errors
/// [`MergeError::Conflict`]: a node that joins twice, an object to which two logs apply different manifests, an event that does not fit
/// the state; nothing that was written is of use then. [`MergeError::Log`].
pub fn merge(readers: Vec<Reader>, writer: &mut Writer) -> Result<Merged, MergeError> {
    let mut merger = Merger::new(readers);
    while let Some(log) = merger.first()? {
        merger.take(log)?;
        if merger.out.len() >= BATCH {
            merger.write(writer)?;
        }
    }
    merger.write(writer)?;
    Ok(merger.merged)
}

const BATCH: usize = 4096;

/// A log that is being merged.
struct Input {
    reader: Reader,
    batch: std::collections::VecDeque<Event>,
    ended: bool,
    /// The number of the last event that was taken.
    last: Seq,
    /// The new numbers of its events.
    numbers: Vec<Seq>,
    pods: FxHashMap<PodId, PodId>,
    revisions: FxHashMap<RevisionId, RevisionId>,
}

struct Merger {
    inputs: Vec<Input>,
    names: Names,
    cluster: Cluster,
    out: Vec<Event>,
    /// Whether an event was taken that is not part of a log's beginning.
    begun: bool,
    /// Which log applied an object last, and which made a node join.
    appliers: FxHashMap<ObjectId, usize>,
    joiners: FxHashMap<NodeId, usize>,
    last: Seq,
    merged: Merged,
}

impl Merger {
    fn new(readers: Vec<Reader>) -> Merger {
        let inputs: Vec<_> = readers
            .into_iter()
            .map(|reader| Input {
                reader,
                batch: Default::default(),
                ended: false,
                last: Seq::NONE,
                numbers: Vec::new(),
                pods: FxHashMap::default(),
                revisions: FxHashMap::default(),
            })
            .collect();
        Merger {
            merged: Merged { from_each: vec![0; inputs.len()], ..Merged::default() },
            inputs,
            names: Names::new(),
            cluster: Cluster::new(),
            out: Vec::new(),
            begun: false,
            appliers: FxHashMap::default(),
            joiners: FxHashMap::default(),
            last: Seq::NONE,
        }
    }

    /// The log that has the earliest event.
    fn first(&mut self) -> Result<Option<usize>, LogError> {
        let mut events = Vec::new();
        for input in &mut self.inputs {
            while input.batch.is_empty() && !input.ended {
                input.ended = input.reader.next_batch(&mut self.names, &mut events)?.is_none();
                input.batch.extend(events.drain(..));
            }
        }
        let heads = self.inputs.iter().enumerate();
        let heads = heads.filter_map(|(log, input)| Some((input.batch.front()?.at, log)));
        Ok(heads.min().map(|(_, log)| log))
    }

    fn take(&mut self, log: usize) -> Result<(), MergeError> {
        let Some(old) = self.inputs[log].batch.pop_front() else { return Ok(()) };
        let input = &mut self.inputs[log];
        input.last = input.last.next();
        let seq = input.last;
        let event = self.renumbered(log, &old);
        let number = self.last.next();
        let conflict =
            |reason: String| MergeError::Conflict { log, seq, kind: old.body.kind(), at: old.at, reason };
        if let Some(other) = self.contradicted(log, &event.body) {
            return Err(conflict(format!("log {} says something else about it", other + 1)));
        }
        let applied = self.cluster.apply(&mut self.names, number, &event);
        applied.map_err(|error| conflict(self.explained(error, &event.body)))?;
        self.remember(log, &old.body, &event.body);
        self.last = number;
        self.inputs[log].numbers.push(number);
        self.out.push(event);
        self.merged.from_each[log] += 1;
        Ok(())
    }

    fn renumbered(&mut self, log: usize, old: &Event) -> Event {
        let mut event = *old;
        if event.flags.has(Flags::GENESIS) && self.begun {
            event.flags = Flags(event.flags.0 & !Flags::GENESIS.0).with(Flags::INFERRED);
        }
        self.begun |= !event.flags.has(Flags::GENESIS);
        let input = &self.inputs[log];
        let cause = event.cause.0.checked_sub(1).and_then(|i| input.numbers.get(usize::try_from(i).ok()?));
        event.cause = cause.copied().unwrap_or(Seq::NONE);
        match &mut event.body {
            Body::PodCreated { pod, .. } => *pod = self.cluster.next_pod(),
            Body::RevisionCreated { revision, .. } => *revision = self.cluster.next_revision(),
            body => {
                if let Some(pod) = body.pod_mut() {
                    *pod = input.pods.get(pod).copied().unwrap_or(*pod);
                } else if let Some(revision) = body.revision_mut() {
                    *revision = input.revisions.get(revision).copied().unwrap_or(*revision);
                }
            }
        }
        event
    }

    /// The other log that an event contradicts, where the state alone would not show it.
    fn contradicted(&self, log: usize, body: &Body) -> Option<usize> {
        let Body::Applied { object, manifest } = *body else { return None };
        let there =
            self.cluster.object(object).filter(|there| there.present && there.manifest != manifest)?;
        self.appliers.get(&there.id).copied().filter(|&other| other != log)
    }

    fn explained(&self, error: ApplyError, body: &Body) -> String {
        match body.node().and_then(|node| self.joiners.get(&node)) {
            Some(other) => format!("{error} (log {} made it join)", other + 1),
            None => error.to_string(),
        }
    }

    /// Keeps in mind what later events of the log refer to.
    fn remember(&mut self, log: usize, old: &Body, new: &Body) {
        let input = &mut self.inputs[log];
        match (*old, *new) {
            (Body::PodCreated { pod: old, .. }, Body::PodCreated { pod: new, .. }) => {
                input.pods.insert(old, new);
            }
            (Body::RevisionCreated { revision: old, .. }, Body::RevisionCreated { revision: new, .. }) => {
                input.revisions.insert(old, new);
            }
            (Body::Applied { object, .. }, _) => {
                self.appliers.insert(object, log);
            }
            (Body::NodeJoined { node, .. }, _) => {
                self.joiners.insert(node, log);
            }
            _ => {}
        }
    }

    fn write(&mut self, writer: &mut Writer) -> Result<(), LogError> {
        let genesis = self.out.iter().take_while(|event| event.flags.has(Flags::GENESIS)).count();
        writer.append_genesis(&self.names, &self.out[..genesis])?;
        writer.append(&self.names, &self.out[genesis..])?;
        self.merged.genesis += genesis as u64;
        self.merged.events += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Track;
    use crate::log::{MemoryStorage, Options};
    use crate::names::{NodeSpec, sym};
    use crate::time::ApiSeconds;

    fn log(make: impl FnOnce(&mut Names) -> Vec<Event>) -> Vec<u8> {
        let mut names = Names::new();
        let events = make(&mut names);
        let storage = MemoryStorage::new();
        let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
        writer.append(&names, &events).unwrap();
        writer.close().unwrap();
        storage.bytes()
    }

    fn merged(logs: &[&[u8]]) -> Result<(Names, Vec<Event>, Merged), MergeError> {
        let storage = MemoryStorage::new();
        let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
        let readers = logs.iter().map(|bytes| Reader::from_bytes(bytes.to_vec()).unwrap()).collect();
        let merged = merge(readers, &mut writer)?;
        writer.close()?;
        let mut reader = Reader::from_bytes(storage.bytes())?;
        let (mut names, mut events, mut all) = (Names::new(), Vec::new(), Vec::new());
        while reader.next_batch(&mut names, &mut events)?.is_some() {
            all.append(&mut events);
        }
        Ok((names, all, merged))
    }

    fn joins(names: &mut Names, name: &str, at: i64) -> Event {
        let name = names.sym(name);
        let (node, spec) = (names.node(name), names.node_spec(NodeSpec::default()));
        Event::new(Time(at), Track::Cluster, Body::NodeJoined { node, spec, created: ApiSeconds(0) })
    }

    fn cordon(names: &mut Names, name: &str, at: i64, cause: u64) -> Event {
        let name = names.sym(name);
        let node = names.node(name);
        Event { cause: Seq(cause), ..Event::new(Time(at), Track::User, Body::NodeCordoned { node }) }
    }

    #[test]
    fn events_are_in_order_of_time_and_causes_follow_them() {
        let one = log(|names| vec![joins(names, "a", 1), cordon(names, "a", 5, 1)]);
        let two = log(|names| vec![joins(names, "b", 2), cordon(names, "b", 5, 1), joins(names, "c", 9)]);
        let (names, events, merged) = merged(&[&one, &two]).unwrap();
        let said: Vec<_> =
            events.iter().map(|e| (e.at.0, names.node_name(e.body.node().unwrap()), e.cause.0)).collect();
        assert_eq!(said, [(1, "a", 0), (2, "b", 0), (5, "a", 1), (5, "b", 2), (9, "c", 0)]);
        assert_eq!((merged.events, merged.genesis, merged.from_each), (5, 0, vec![2, 3]));
    }

    #[test]
    fn what_contradicts_is_an_error_that_names_the_place() {
        let one = log(|names| vec![joins(names, "a", 1)]);
        let two = log(|names| vec![joins(names, "b", 2), joins(names, "a", 3)]);
        let error = merged(&[&one, &two]).unwrap_err();
        assert!(matches!(error, MergeError::Conflict { log: 1, seq: Seq(2), kind: "NodeJoined", .. }));
        assert!(error.to_string().contains("log 1 made it join"), "{error}");

        let applied = |at: i64, text: &'static str| {
            move |names: &mut Names| {
                let name = names.sym("x");
                let key = crate::names::ObjectKey {
                    kind: sym::NAMESPACE,
                    namespace: names.sym(""),
                    name,
                    incarnation: 0,
                };
                let (object, manifest) = (names.object(key), names.doc(text));
                vec![Event::new(Time(at), Track::User, Body::Applied { object, manifest })]
            }
        };
        let (one, same, other) =
            (log(applied(1, "{}")), log(applied(2, "{}")), log(applied(2, r#"{"a":1}"#)));
        assert_eq!(merged(&[&one, &same]).unwrap().1.len(), 2);
        assert!(matches!(merged(&[&one, &other]).unwrap_err(), MergeError::Conflict { log: 1, .. }));
    }

    #[test]
    fn a_beginning_is_one_only_if_nothing_lies_before_it() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../traces/lesson.tape");
        let storage = MemoryStorage::new();
        let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::default()).unwrap();
        let whole = Box::new(MemoryStorage::from_bytes(std::fs::read(path).unwrap()));
        let from = Some(crate::log::Moment::Seq(Seq(100)));
        let part = crate::log::cut(whole, from, crate::log::Moment::End, &mut writer).unwrap();
        writer.close().unwrap();
        let lesson = storage.bytes();
        let late = log(|names| vec![joins(names, "elsewhere", 1_900_000_000_000_000)]);
        let early = log(|names| vec![joins(names, "earlier", 5)]);

        let (_, events, made) = merged(&[&late, &lesson]).unwrap();
        assert_eq!(made.from_each, [1, part.genesis + part.kept]);
        assert_eq!((made.genesis, events.len() as u64), (part.genesis, part.genesis + part.kept + 1));

        let (_, events, made) = merged(&[&lesson, &early]).unwrap();
        assert_eq!(made.genesis, 0);
        assert!(!events[0].flags.has(Flags::INFERRED) && events[1].flags.has(Flags::INFERRED));
    }
}
