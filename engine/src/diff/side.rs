//! One side of a comparison: a log's events, folded as far as they are needed.
//!
//! Events stream through; what stays in memory is the state, not the history.

use std::error::Error;

use crate::cluster::{ApplyError, Cluster};
use crate::event::Event;
use crate::log::{Digest, Reader};
use crate::names::{Names, Seq};
use crate::time::Time;

/// What a source of events fails with.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// Adds the next batch to an empty vector.
type Fill<'a> = dyn FnMut(&mut Names, &mut Vec<Event>) -> Result<(), SourceError> + Send + 'a;

/// Where a side's events come from.
enum Source<'a> {
    Batches(Box<Fill<'a>>),
    Log(Box<Reader>),
}

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
    /// The digest of the log up to the end of each of its batches, if it is read from one.
    marks: Vec<(Seq, Digest)>,
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
            marks: Vec::new(),
        }
    }

    /// A side whose events are in memory.
    pub fn from_events(names: Names, events: &'a [Event]) -> Side<'a> {
        let mut chunks = events.chunks(4096);
        Side::from_batches::<SourceError, _>(names, move |_, batch| {
            batch.extend_from_slice(chunks.next().unwrap_or_default());
            Ok(())
        })
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

    /// Takes the dictionary away, for [`Side::with_names`].
    pub(super) fn take_names(&mut self) -> Names {
        std::mem::take(&mut self.names)
    }

    /// Gives the dictionary back.
    pub(super) fn give_names(&mut self, names: Names) {
        self.names = names;
    }

    /// The digest of the log up to the end of each batch that was read; empty if it is not read from a log.
    pub(super) fn marks(&self) -> &[(Seq, Digest)] {
        &self.marks
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
            Source::Batches(_) => self.now,
        };
        self.known_until.unwrap_or(by_default).max(self.now)
    }

    /// When the next event happens; `None` at the end of the log.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn peek(&mut self) -> Result<Option<Time>, SideError> {
        if self.next == self.batch.len() {
            self.batch.clear();
            self.next = 0;
            match &mut self.source {
                Source::Batches(fill) => fill(&mut self.names, &mut self.batch).map_err(SideError::Read)?,
                Source::Log(reader) => {
                    let read = reader.next_batch(&mut self.names, &mut self.batch);
                    let batch = read.map_err(|error| SideError::Read(error.into()))?;
                    self.marks.extend(batch.map(|batch| (batch.last, batch.chain)));
                }
            }
        }
        Ok(self.batch.get(self.next).map(|event| event.at.max(self.now)))
    }

    /// The next event, which stays the next one; `None` at the end of the log.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn next_event(&mut self) -> Result<Option<Event>, SideError> {
        let at = self.peek()?;
        Ok(at.map(|at| Event { at, ..self.batch[self.next] }))
    }

    /// Gives the next event without folding it in: from here on the state does not follow the log.
    pub(super) fn skip(&mut self) -> Result<Option<Event>, SideError> {
        let event = self.next_event()?;
        if let Some(event) = &event {
            self.pass(event);
        }
        Ok(event)
    }

    /// Folds the next event in and gives it; `None` at the end of the log.
    ///
    /// # Errors
    /// The log cannot be read, or the event does not fit.
    pub fn step(&mut self) -> Result<Option<Event>, SideError> {
        let Some(event) = self.next_event()? else { return Ok(None) };
        let seq = self.last.next();
        let applied = self.cluster.apply(&mut self.names, seq, &event);
        applied.map_err(|source| SideError::Apply { seq, source })?;
        self.pass(&event);
        Ok(Some(event))
    }

    fn pass(&mut self, event: &Event) {
        (self.next, self.last, self.now) = (self.next + 1, self.last.next(), event.at);
        self.began.get_or_insert(event.at);
        self.is_run |= event.origin != Seq::NONE;
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
        while self.peek()?.is_some_and(|at| at <= until) {
            if let Some(event) = self.step()? {
                observe(&self.cluster, &self.names, self.last, &event);
            }
        }
        Ok(())
    }

    /// Folds in all events up to and at a moment; [`Time::MAX`] goes to the end.
    ///
    /// # Errors
    /// The log cannot be read, or an event does not fit.
    pub fn advance_to(&mut self, until: Time) -> Result<(), SideError> {
        self.advance_with(until, |_, _, _, _| {})
    }
}
