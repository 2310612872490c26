//! One side of a comparison: a log's events, folded as far as they are needed.
//!
//! Events stream through; what stays in memory is the state, not the history.

use std::collections::BTreeSet;
use std::error::Error;

use crate::cluster::{ApplyError, Cluster};
use crate::event::Event;
use crate::log::{Batch, Digest, Reader};
use crate::names::{Names, Seq};
use crate::time::Time;

/// What a source of events fails with.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// Adds the next batch to an empty vector.
type Fill<'a> = dyn FnMut(&mut Names, &mut Vec<Event>) -> Result<(), SourceError> + Send + 'a;

/// Where a side's events come from.
enum Source<'a> {
    Batches(Box<Fill<'a>>),
    Events(&'a [Event]),
    Log(Box<Reader>),
}

/// How many events in memory are taken at once.
const CHUNK: usize = 4096;

/// A log that cannot be folded.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// The log cannot be read; the source says where and why.
    #[error("{0}")]
    Read(SourceError),
    /// An event does not fit what the events before it made: the log was not written by folding.
    #[error("event {seq} does not fit the state before it: {source}")]
    Apply {
        /// The event's number.
        seq: Seq,
        /// What does not fit.
        source: ApplyError,
    },
    /// Events were asked for again of a source that gives them only once: make the side from a log or from events in memory.
    #[error("the events came in batches, and can be read only once")]
    ReadOnce,
}

/// A log's state at a moment that only moves forward.
///
/// **Invariant:** time does not go back. An event with a time before its predecessor's happens when the
/// predecessor does, so that "the state at a moment" is always a prefix of the log.
pub struct Side<'a> {
    names: Names,
    cluster: Cluster,
    source: Source<'a>,
    batch: Vec<Event>,
    /// Position of the next event in the batch.
    next: usize,
    last: Seq,
    began: Option<Time>,
    now: Time,
    known_until: Option<Time>,
    /// Whether events were played back into the log: then a replay made it, and made it to its end.
    is_run: bool,
    /// The batches that were read, if they come from a log.
    batches: Vec<Batch>,
}

impl<'a> Side<'a> {
    /// A side whose events come in batches. `fill` adds the next batch to the vector, which is empty when it
    /// is called, and interns names on the way; leaving the vector empty means that the log ends there.
    pub fn from_batches<E, F>(names: Names, mut fill: F) -> Side<'a>
    where
        E: Into<SourceError>,
        F: FnMut(&mut Names, &mut Vec<Event>) -> Result<(), E> + Send + 'a,
    {
        let fill =
            Box::new(move |names: &mut Names, batch: &mut Vec<Event>| fill(names, batch).map_err(Into::into));
        Side::of(names, Source::Batches(fill))
    }

    /// A side that is read from a log. Comparisons of such sides skip what both logs have alike.
    pub fn from_log(reader: Reader) -> Side<'a> {
        Side::of(Names::new(), Source::Log(Box::new(reader)))
    }

    fn of(names: Names, source: Source<'a>) -> Side<'a> {
        Side {
            names,
            cluster: Cluster::new(),
            source,
            batch: Vec::new(),
            next: 0,
            last: Seq::NONE,
            began: None,
            now: Time::MIN,
            known_until: None,
            is_run: false,
            batches: Vec::new(),
        }
    }

    /// A side whose events are in memory.
    pub fn from_events(names: Names, events: &'a [Event]) -> Side<'a> {
        Side::of(names, Source::Events(events))
    }

    /// Says until when nothing more is known to happen after the last event: for a run, where its clock
    /// stopped; [`Time::MAX`] if nothing follows at all. By default nothing follows after a replay's run, and a
    /// recording is known until when it says, or its last event, because it may have been cut anywhere.
    pub fn known_until(mut self, until: Time) -> Side<'a> {
        self.known_until = Some(until);
        self
    }

    /// Goes on with the dictionary of another side of the same log, so that numbers mean the same in both.
    pub(super) fn with_names(self, names: Names) -> Side<'a> {
        Side { names, ..self }
    }

    /// The number of the last event of each batch that was read, with the digest of the log up to it; nothing if it is not
    /// read from a log.
    pub(super) fn marks(&self) -> impl Iterator<Item = (Seq, Digest)> + '_ {
        self.batches.iter().map(|batch| (batch.last, batch.chain))
    }

    /// The dictionary.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The state.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The state, and the dictionary to look up what neither has named yet.
    pub fn state_mut(&mut self) -> (&Cluster, &mut Names) {
        (&self.cluster, &mut self.names)
    }

    /// The dictionary and the state, once nothing more is to be folded.
    pub fn into_state(self) -> (Names, Cluster) {
        (self.names, self.cluster)
    }

    /// The number of the last event that was folded in.
    pub fn last(&self) -> Seq {
        self.last
    }

    /// The time of the last event that was folded in; [`Time::MIN`] before the first.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The time of the first event; `None` before it.
    pub fn began(&self) -> Option<Time> {
        self.began
    }

    /// Until when the side is known, once it is folded to its end.
    pub fn end(&self) -> Time {
        let by_default = match &self.source {
            _ if self.is_run => Time::MAX,
            Source::Log(reader) => reader.known_until().unwrap_or(self.now),
            Source::Batches(_) | Source::Events(_) => self.now,
        };
        self.known_until.unwrap_or(by_default).max(self.now)
    }

    /// When the next event happens; `None` at the end of the log.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn peek(&mut self) -> Result<Option<Time>, SideError> {
        self.fill()?;
        Ok(self.upcoming().map(|event| event.at))
    }

    /// Makes sure that the next event is in the batch, unless the log has ended.
    fn fill(&mut self) -> Result<(), SideError> {
        if self.next < self.batch.len() {
            return Ok(());
        }
        self.batch.clear();
        self.next = 0;
        match &mut self.source {
            Source::Batches(fill) => fill(&mut self.names, &mut self.batch).map_err(SideError::Read)?,
            Source::Events(events) => {
                let from = events.len().min(self.last.0 as usize);
                self.batch.extend_from_slice(&events[from..events.len().min(from + CHUNK)]);
            }
            Source::Log(reader) => {
                let read = reader.next_batch(&mut self.names, &mut self.batch);
                self.batches.extend(read.map_err(|error| SideError::Read(error.into()))?);
            }
        }
        Ok(())
    }

    /// The next event of the batch.
    fn upcoming(&self) -> Option<Event> {
        self.batch.get(self.next).map(|event| Event { at: event.at.max(self.now), ..*event })
    }

    /// Folds the next event in and gives it; `None` at the end of the log.
    ///
    /// # Errors
    /// The log cannot be read, or the event does not fit.
    pub fn step(&mut self) -> Result<Option<Event>, SideError> {
        self.fill()?;
        let Some(event) = self.upcoming() else { return Ok(None) };
        self.fold(&event)?;
        Ok(Some(event))
    }

    fn fold(&mut self, event: &Event) -> Result<(), SideError> {
        let seq = self.last.next();
        let applied = self.cluster.apply(&mut self.names, seq, event);
        applied.map_err(|source| SideError::Apply { seq, source })?;
        (self.next, self.last, self.now) = (self.next + 1, seq, event.at);
        self.began.get_or_insert(event.at);
        self.is_run |= event.origin != Seq::NONE;
        Ok(())
    }

    /// Folds in all events up to and at a moment, handing each to an observer after it was applied.
    ///
    /// # Errors
    /// The log cannot be read, or an event does not fit.
    pub fn advance_with(
        &mut self,
        until: Time,
        mut observe: impl FnMut(&Cluster, &Names, Seq, &Event),
    ) -> Result<(), SideError> {
        loop {
            self.fill()?;
            if self.batch.is_empty() {
                return Ok(());
            }
            while let Some(event) = self.upcoming() {
                if event.at > until {
                    return Ok(());
                }
                self.fold(&event)?;
                observe(&self.cluster, &self.names, self.last, &event);
            }
        }
    }

    /// Folds in all events up to and at a moment; [`Time::MAX`] goes to the end.
    ///
    /// # Errors
    /// The log cannot be read, or an event does not fit.
    pub fn advance_to(&mut self, until: Time) -> Result<(), SideError> {
        self.advance_with(until, |_, _, _, _| {})
    }
    /// Hands over the events with some numbers, out of those that were folded in. Takes time proportional to the batches that
    /// they are in.
    ///
    /// # Errors
    /// [`SideError::ReadOnce`]; the log cannot be read any more.
    pub(super) fn read_again(
        &mut self,
        wanted: &BTreeSet<Seq>,
        mut hand_over: impl FnMut(&Cluster, &Names, Seq, &Event),
    ) -> Result<(), SideError> {
        let (last, mut batch) = (self.last, Vec::new());
        let mut wanted = wanted.iter().copied().take_while(|seq| *seq <= last).peekable();
        while let Some(&first) = wanted.peek() {
            let start = self.batch_with(first, &mut batch)?;
            while let Some(seq) = wanted.next_if(|seq| seq.0 < start.0 + batch.len() as u64) {
                hand_over(&self.cluster, &self.names, seq, &batch[(seq.0 - start.0) as usize]);
            }
        }
        Ok(())
    }

    /// The events after one, up to and at a moment, out of those that were folded in; so many at the most.
    ///
    /// # Errors
    /// As [`Side::read_again`].
    pub(super) fn stretch_after(
        &mut self,
        after: Seq,
        until: Time,
        most: usize,
    ) -> Result<Vec<Event>, SideError> {
        let (mut stretch, mut batch) = (Vec::new(), Vec::new());
        let mut next = after.next();
        while stretch.len() < most && next <= self.last {
            let start = self.batch_with(next, &mut batch)?;
            let count = (self.last.0 - next.0 + 1).min((most - stretch.len()) as u64) as usize;
            let events = batch.iter().skip((next.0 - start.0) as usize).take(count);
            let before = stretch.len();
            stretch.extend(events.take_while(|event| event.at <= until));
            let added = (stretch.len() - before) as u64;
            if added == 0 {
                break;
            }
            next = Seq(next.0 + added);
        }
        Ok(stretch)
    }

    /// Reads the batch that holds an event again, and says with which event it begins.
    fn batch_with(&mut self, seq: Seq, out: &mut Vec<Event>) -> Result<Seq, SideError> {
        let start = match &mut self.source {
            Source::Batches(_) => return Err(SideError::ReadOnce),
            Source::Events(events) => {
                let start = (seq.0 as usize - 1) / CHUNK * CHUNK;
                out.clear();
                out.extend_from_slice(&events[start..events.len().min(start + CHUNK)]);
                Seq(start as u64 + 1)
            }
            Source::Log(reader) => {
                let batch = self.batches[self.batches.partition_point(|batch| batch.last < seq)];
                reader.read_again(&batch, out).map_err(|error| SideError::Read(error.into()))?;
                batch.first
            }
        };
        let mut now = Time::MIN;
        for event in out {
            now = now.max(event.at);
            event.at = now;
        }
        Ok(start)
    }
}
