//! Whether a trace gives the same run each time, checked by doing it.
//!
//! The first replay leaves the run's digest every few thousand events; the second one is compared with it there
//! and stops at the first that differs. A third one goes on from a checkpoint that the second one made in the middle.
//! What differs is replayed again up to that stretch, event by event, to find the first event that differs. Memory
//! stays small however long the run is.

use super::{Midway, Plan, ReplayError, Sink, Source, SourceError, replay, resume};
use crate::cluster::Cluster;
use crate::event::Event;
use crate::log::{Digest, Identity};
use crate::names::{Counts, Names, Seq};
use crate::saved::{SaveError, pack, unpack};
use crate::time::Time;

/// How one of the replays differs from the others in what must not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The trace is read on the replay's own thread.
    One,
    /// The trace is read ahead on a thread of its own.
    Two,
}

/// A trace and how it is replayed, as often as asked for.
pub struct Repeatable<'a> {
    /// Opens the trace.
    pub open: &'a dyn Fn(Threads) -> Result<Box<dyn Source>, SourceError>,
    /// The plan; the same each time.
    pub plan: &'a dyn Fn() -> Result<Plan, SourceError>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The replays gave the same run.
    Same {
        /// Its digest.
        digest: Digest,
        /// How many events it has.
        events: u64,
        /// The event after which the third replay went on from a checkpoint.
        resumed: Seq,
    },
    /// They did not.
    Differs(Box<Difference>),
}

/// The first difference between two replays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// All events before this one are the same.
    pub seq: Seq,
    /// The event that the first replay has there; `None` if it had ended.
    pub first: Option<Sketch>,
    /// The event that the other replay has there; `None` if it had ended.
    pub second: Option<Sketch>,
    /// Whether the difference was found again when both were replayed once more. If not, it lies between `seq`
    /// and some thousand events later, and no event is named.
    pub reproduced: bool,
    /// The other replay is the one that went on from a checkpoint after this event; `None`: the second one.
    pub resumed: Option<Seq>,
}

/// An event in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sketch {
    /// When.
    pub at: Time,
    /// Who.
    pub track: &'static str,
    /// What kind.
    pub kind: &'static str,
    /// The event that it says caused it.
    pub cause: Seq,
    /// The node and the object that it is about, as far as it names any.
    pub about: String,
}

/// Replays a trace with each number of threads, and once more from a checkpoint in the middle, and compares.
///
/// # Errors
/// A replay could not be finished.
pub fn verify(
    repeatable: &Repeatable<'_>,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<Verdict, ReplayError> {
    let mut first = Marks::default();
    run(repeatable, Threads::One, &mut first, progress)?;
    let middle = first.events / 2;
    let mut second = Compared::new(&first, Middle::Wanted(middle));
    let outcome = run(repeatable, Threads::Two, &mut second, progress);
    let Compared { stopped, events, middle, .. } = second;
    if stopped.is_none() {
        outcome?;
    }
    if let Some(batch) = stopped.or((events != first.events).then_some(first.list.len())) {
        let difference = magnify(repeatable, first.before(batch), progress);
        return difference.map(|difference| Verdict::Differs(Box::new(difference)));
    }
    let Middle::Made(kept) = middle else {
        // Too short for a moment between two others; there is nothing in the middle.
        return Ok(Verdict::Same { digest: first.identity.digest(), events, resumed: Seq::NONE });
    };
    let resumed = kept.seq;
    let mut third =
        Compared { batch: kept.batch, events: resumed.0, ..Compared::new(&first, Middle::NotWanted) };
    third.identity = kept.identity.clone();
    let outcome = go_on(repeatable, &kept, &mut third, progress);
    let (stopped, events) = (third.stopped, third.events);
    if stopped.is_none() {
        outcome?;
    }
    match stopped.or((events != first.events).then_some(first.list.len())) {
        None => Ok(Verdict::Same { digest: first.identity.digest(), events, resumed }),
        Some(batch) => {
            let difference = magnify_resumed(repeatable, &kept, first.before(batch), progress);
            difference.map(|difference| Verdict::Differs(Box::new(difference)))
        }
    }
}

fn run(
    repeatable: &Repeatable<'_>,
    threads: Threads,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<(), ReplayError> {
    let mut source = (repeatable.open)(threads).map_err(ReplayError::Source)?;
    let plan = (repeatable.plan)().map_err(ReplayError::Source)?;
    replay(&mut *source, plan, sink, progress).map(|_| ())
}

fn go_on(
    repeatable: &Repeatable<'_>,
    from: &Kept,
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<(), ReplayError> {
    let mut source = (repeatable.open)(Threads::One).map_err(ReplayError::Source)?;
    let plan = (repeatable.plan)().map_err(ReplayError::Source)?;
    resume(&mut *source, plan, from.midway()?, sink, progress).map(|_| ())
}

/// The digest after each batch, with the number of events so far.
#[derive(Default)]
struct Marks {
    identity: Identity,
    events: u64,
    list: Vec<(u64, Digest)>,
}

impl Sink for Marks {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        self.identity.write(names, events)?;
        self.events += events.len() as u64;
        self.list.push((self.events, self.identity.digest()));
        Ok(())
    }
}

impl Marks {
    /// How many events come before a batch.
    fn before(&self, batch: usize) -> u64 {
        batch.checked_sub(1).map_or(0, |last| self.list[last].0)
    }
}

/// A checkpoint, kept as bytes so that going on from it tests all that goes through them.
struct Kept {
    state: Vec<u8>,
    seq: Seq,
    /// How many batches come before it.
    batch: usize,
    identity: Identity,
}

impl Kept {
    fn midway(&self) -> Result<Midway, SaveError> {
        let (entries, cluster, memory) = unpack(&self.state)?;
        let mut names = Names::unfilled();
        if !names.extend(entries) {
            return Err(SaveError::Unreadable("its names contradict one another".to_owned()));
        }
        Ok(Midway { names, cluster, seq: self.seq, memory })
    }
}

/// The checkpoint in the middle.
enum Middle {
    NotWanted,
    /// After so many events.
    Wanted(u64),
    Made(Box<Kept>),
}

/// A sink that has seen enough.
#[derive(Debug, thiserror::Error)]
#[error("no more is needed of this run")]
struct Enough;

/// Compares with marks, and stops at the first that differs.
struct Compared<'a> {
    marks: &'a Marks,
    identity: Identity,
    /// How many batches of the marks are the same.
    batch: usize,
    events: u64,
    middle: Middle,
    /// The batch that differs.
    stopped: Option<usize>,
}

impl<'a> Compared<'a> {
    fn new(marks: &'a Marks, middle: Middle) -> Self {
        Compared { marks, identity: Identity::new(), batch: 0, events: 0, middle, stopped: None }
    }

    fn add(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        self.identity.write(names, events)?;
        self.events += events.len() as u64;
        Ok(())
    }
}

impl Sink for Compared<'_> {
    fn write(&mut self, names: &Names, mut events: &[Event]) -> Result<(), SourceError> {
        // A checkpoint ends a batch early, so that batches may lie across those of the first replay.
        while !events.is_empty() {
            let end = self.marks.list.get(self.batch).map_or(self.events, |mark| mark.0);
            let room = (end - self.events).min(events.len() as u64) as usize;
            let (part, rest) = events.split_at(if room == 0 { events.len() } else { room });
            self.add(names, part)?;
            events = rest;
            if self.events < end {
                break;
            }
            if self.marks.list.get(self.batch) != Some(&(self.events, self.identity.digest())) {
                self.stopped = Some(self.batch);
                return Err(Box::new(Enough));
            }
            self.batch += 1;
        }
        Ok(())
    }

    fn wants_checkpoint(&self, last: Seq) -> bool {
        matches!(self.middle, Middle::Wanted(after) if last.0 >= after)
    }

    fn checkpoint(&mut self, names: &Names, cluster: &Cluster, memory: &[u8]) -> Result<(), SourceError> {
        self.middle = Middle::Made(Box::new(Kept {
            state: pack(&(names.entries_since(Counts::default()), cluster, memory))?,
            seq: Seq(self.events),
            batch: self.batch,
            identity: self.identity.clone(),
        }));
        Ok(())
    }
}

/// Looks at one batch event by event, and stops after it.
struct Magnified {
    identity: Identity,
    /// How many events come before.
    before: u64,
    found: Vec<(Digest, Sketch)>,
}

impl Sink for Magnified {
    fn write(&mut self, names: &Names, events: &[Event]) -> Result<(), SourceError> {
        let skipped = self.before.min(events.len() as u64);
        let (before, events) = events.split_at(skipped as usize);
        self.identity.write(names, before)?;
        self.before -= skipped;
        for event in events {
            self.identity.write(names, std::slice::from_ref(event))?;
            self.found.push((self.identity.digest(), sketch(event, names)));
        }
        if self.found.len() < ENOUGH { Ok(()) } else { Err(Box::new(Enough)) }
    }
}

/// A batch has at most as many events, but for those of one moment.
const ENOUGH: usize = 8_192;

/// What came of a replay that was stopped when enough of it was seen.
fn stopped(outcome: Result<(), ReplayError>) -> Result<(), ReplayError> {
    match outcome {
        Err(ReplayError::Sink(error)) if error.is::<Enough>() => Ok(()),
        other => other,
    }
}

fn look(
    repeatable: &Repeatable<'_>,
    threads: Threads,
    before: u64,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<Vec<(Digest, Sketch)>, ReplayError> {
    let mut sink = Magnified { identity: Identity::new(), before, found: Vec::new() };
    stopped(run(repeatable, threads, &mut sink, progress))?;
    Ok(sink.found)
}

fn magnify(
    repeatable: &Repeatable<'_>,
    before: u64,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<Difference, ReplayError> {
    let first = look(repeatable, Threads::One, before, progress)?;
    let second = look(repeatable, Threads::Two, before, progress)?;
    Ok(first_difference(&first, &second, before, None))
}

fn magnify_resumed(
    repeatable: &Repeatable<'_>,
    kept: &Kept,
    before: u64,
    progress: &mut dyn FnMut(u64, Time),
) -> Result<Difference, ReplayError> {
    // The checkpoint may lie within the stretch.
    let before = before.max(kept.seq.0);
    let first = look(repeatable, Threads::One, before, progress)?;
    let identity = kept.identity.clone();
    let mut sink = Magnified { identity, before: before - kept.seq.0, found: Vec::new() };
    stopped(go_on(repeatable, kept, &mut sink, progress))?;
    Ok(first_difference(&first, &sink.found, before, Some(kept.seq)))
}

fn first_difference(
    first: &[(Digest, Sketch)],
    second: &[(Digest, Sketch)],
    events_before: u64,
    resumed: Option<Seq>,
) -> Difference {
    let longest = first.len().max(second.len());
    let differs = (0..longest).find(|at| first.get(*at).map(|e| e.0) != second.get(*at).map(|e| e.0));
    let seq = Seq(events_before + differs.unwrap_or(0) as u64 + 1);
    let at = |found: &[(Digest, Sketch)]| found.get(differs?).map(|event| event.1.clone());
    Difference { seq, first: at(first), second: at(second), reproduced: differs.is_some(), resumed }
}

fn sketch(event: &Event, names: &Names) -> Sketch {
    let node = event.body.node().map(|node| format!("node {}", names.node_name(node)));
    let object = event
        .body
        .object()
        .map(|object| format!("{} {}", names.text(names.object_key(object).kind), names.object_name(object)));
    let about = [object, node].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let (at, cause) = (event.at, event.cause);
    Sketch { at, track: event.track.as_str(), kind: event.body.kind(), cause, about }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::event::{Body, Track};
    use crate::names::{NodeSpec, sym};
    use crate::replay::{Events, Until};
    use crate::time::ApiSeconds;

    /// A trace of nodes that join and are cordoned, the last of them at a second that may differ.
    fn trace(names: &mut Names, count: usize, last_second: i64) -> Vec<Event> {
        let mut events = Vec::new();
        for index in 0..count {
            let name = names.sym(&format!("node-{index}"));
            let (node, spec) = (names.node(name), names.node_spec(NodeSpec::default()));
            let second = if index + 1 == count { last_second } else { 0 };
            let body = Body::NodeJoined { node, spec, created: ApiSeconds(0) };
            events.push(Event::new(Time(second * 1_000_000 + index as i64), Track::Cluster, body));
        }
        let name = names.sym("agent");
        let key =
            crate::names::ObjectKey { kind: sym::DAEMON_SET, namespace: sym::DEFAULT, name, incarnation: 0 };
        let object = names.object(key);
        let manifest = r#"{"metadata":{"name":"agent","namespace":"default"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"#;
        let manifest = names.doc(manifest);
        events.push(Event::new(Time(20_000_000), Track::User, Body::Applied { object, manifest }));
        events
    }

    fn verified(second_differs: bool) -> Verdict {
        let mut names = Names::new();
        let usual = trace(&mut names, 900, 1);
        let other = trace(&mut names, 900, 2);
        let opened = Cell::new(0);
        let open = |threads| {
            opened.set(opened.get() + 1);
            let events = if second_differs && threads == Threads::Two { &other } else { &usual };
            Ok(Box::new(Events(events.clone())) as Box<dyn Source>)
        };
        let plan = || Ok(Plan { names: names.clone(), until: Until::Settled, ..Plan::default() });
        let verdict = verify(&Repeatable { open: &open, plan: &plan }, &mut |_, _| {}).unwrap();
        assert_eq!(opened.get(), if second_differs { 4 } else { 3 });
        verdict
    }

    #[test]
    fn replays_of_one_trace_are_the_same_run() {
        let Verdict::Same { events, .. } = verified(false) else { panic!("they differ") };
        assert!(events > 4_500, "more than one batch is compared: {events}");
    }

    #[test]
    fn the_first_event_that_differs_is_named() {
        let Verdict::Differs(difference) = verified(true) else { panic!("they are the same") };
        assert_eq!((difference.seq, difference.reproduced), (Seq(900), true));
        let (first, second) = (difference.first.unwrap(), difference.second.unwrap());
        assert_eq!((first.kind, second.kind), ("NodeJoined", "NodeJoined"));
        assert_eq!(first.about, "node node-899");
        assert_ne!(first.at, second.at);
    }

    #[test]
    fn a_difference_that_does_not_come_again_is_still_one() {
        let mut names = Names::new();
        let usual = trace(&mut names, 3, 1);
        let other = trace(&mut names, 3, 2);
        let opened = Cell::new(0);
        let open = |_| {
            opened.set(opened.get() + 1);
            let events = if opened.get() == 2 { &other } else { &usual };
            Ok(Box::new(Events(events.clone())) as Box<dyn Source>)
        };
        let plan = || Ok(Plan { names: names.clone(), ..Plan::default() });
        let verdict = verify(&Repeatable { open: &open, plan: &plan }, &mut |_, _| {}).unwrap();
        let Verdict::Differs(difference) = verdict else { panic!("they are the same") };
        assert_eq!((difference.seq, difference.reproduced, difference.first), (Seq(1), false, None));
    }
}
