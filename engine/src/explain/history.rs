//! The past, as far as an explanation needs it.
//!
//! A first fold finds the state and the numbers of the events that matter; a second one tells those events, each
//! in the state that it made. An index of which nodes and workloads each frame touches would let both skip
//! frames; that would change [`collect`] and [`tell`] and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::Cluster;
use crate::diff::{Side, SideError};
use crate::event::Event;
use crate::names::{Names, Seq};
use crate::time::{Micros, Time};
use crate::told::{Chain, Links, Told};

/// A log that can be read from its beginning as often as needed.
pub struct Tape<'a> {
    /// Opens it.
    pub open: &'a dyn Fn() -> Result<Side<'a>, SideError>,
    /// Puts an event into words, given the state after it.
    pub tell: &'a dyn Fn(&Event, &Names, &Cluster) -> String,
}

/// The moment that an explanation is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// After the last event.
    #[default]
    End,
    /// After everything that happened up to a time.
    At(Time),
    /// After an event.
    After(Seq),
    /// So long before the last event.
    BeforeEnd(Micros),
    /// So long after the first event.
    SinceStart(Micros),
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The log cannot be folded.
    #[error(transparent)]
    Log(#[from] SideError),
    /// The log never has a DaemonSet of that name.
    #[error("there is no DaemonSet {name} in the log")]
    NoSuchDaemonSet {
        /// Which was asked for.
        name: String,
        /// Those that there are, sorted.
        known: Vec<String>,
    },
    /// The log never has a node of that name.
    #[error("there is no node {name} in the log")]
    NoSuchNode {
        /// Which was asked for.
        name: String,
        /// Those that there are, sorted.
        known: Vec<String>,
    },
    /// The log never has a pod of that name up to the moment.
    #[error("there is no pod {name} in the log")]
    NoSuchPod {
        /// Which was asked for.
        name: String,
        /// Pods of that namespace that exist at the moment, sorted.
        known: Vec<String>,
    },
    /// The log is shorter.
    #[error("there is no event {seq}: the log's last is {last}")]
    NoSuchEvent {
        /// Which was asked for.
        seq: Seq,
        /// The last that there is.
        last: Seq,
    },
    /// The event happened after the moment.
    #[error("event {seq} had not happened by {at}: the last until then is {last}")]
    NotYet {
        /// Which was asked for.
        seq: Seq,
        /// The moment.
        at: Time,
        /// The last event until then.
        last: Seq,
    },
    /// The log begins later.
    #[error("the log begins at {first}, after {at}")]
    BeforeStart {
        /// Which moment was asked for.
        at: Time,
        /// The time of the first event.
        first: Time,
    },
}

/// A log folded to a moment.
pub(super) struct History {
    pub names: Names,
    pub cluster: Cluster,
    /// The moment.
    pub now: Time,
    /// The last event that was folded in.
    pub last: Seq,
    /// By an event's number less one: how far back its cause is; 0 for none.
    back: Vec<u32>,
}

/// An event as the first fold meets it, with the state after it.
pub(super) struct Seen<'a> {
    pub seq: Seq,
    pub event: &'a Event,
    pub cluster: &'a Cluster,
    pub names: &'a Names,
}

/// Folds a log to a moment and shows every event on the way.
pub(super) fn collect(
    tape: &Tape<'_>,
    moment: Moment,
    mut visit: impl FnMut(&Seen<'_>),
) -> Result<History, ExplainError> {
    let moment = match moment {
        // Only the log's end says when that is.
        Moment::BeforeEnd(before) => {
            let mut side = (tape.open)()?;
            side.advance_to(Time::MAX)?;
            Moment::At(side.now() - before)
        }
        other => other,
    };
    let mut side = (tape.open)()?;
    let mut back = Vec::new();
    let first = side.peek()?.unwrap_or_default();
    let until = match moment {
        Moment::At(at) if at < first => return Err(ExplainError::BeforeStart { at, first }),
        Moment::At(at) => at,
        Moment::SinceStart(since) => first + since,
        _ => Time::MAX,
    };
    let last = if let Moment::After(seq) = moment { seq } else { Seq(u64::MAX) };
    while side.last() < last && side.peek()?.is_some_and(|at| at <= until) {
        let Some(event) = side.step()? else { break };
        let seq = side.last();
        let distance = if event.cause == Seq::NONE { 0 } else { seq.0.saturating_sub(event.cause.0) };
        // A cause more than 2^32 events back is not followed.
        back.push(u32::try_from(distance).unwrap_or(0));
        visit(&Seen { seq, event: &event, cluster: side.cluster(), names: side.names() });
    }
    let (reached, at) = (side.last(), side.now());
    if let Moment::After(seq) = moment
        && reached < seq
    {
        return Err(ExplainError::NoSuchEvent { seq, last: reached });
    }
    let (names, cluster) = side.into_state();
    let now = if until == Time::MAX { at } else { until };
    Ok(History { names, cluster, now, last: reached, back })
}

impl History {
    /// The event that caused an event.
    pub fn cause(&self, seq: Seq) -> Option<Seq> {
        let back = *self.back.get(usize::try_from(seq.0).ok()?.checked_sub(1)?)?;
        (back > 0).then(|| Seq(seq.0 - u64::from(back)))
    }

    /// An event and everything that it goes back to.
    pub fn causes_from(&self, seq: Seq) -> Links {
        Links::from(seq, |seq| self.cause(seq))
    }
}

/// Events that were told.
#[derive(Debug, Default)]
pub(super) struct Tales(BTreeMap<Seq, Told>);

impl Tales {
    pub fn get(&self, seq: Seq) -> Option<Told> {
        self.0.get(&seq).cloned()
    }

    pub fn of(&self, seq: Option<Seq>) -> Option<Told> {
        self.get(seq?)
    }

    /// A chain in words.
    pub fn chain(&self, links: &Links) -> Chain {
        links.tell(|seq| self.get(seq))
    }
}

/// Tells events, each in the state that it made.
pub(super) fn tell(tape: &Tape<'_>, wanted: &BTreeSet<Seq>) -> Result<Tales, ExplainError> {
    let mut tales = BTreeMap::new();
    let Some(&last) = wanted.last() else { return Ok(Tales::default()) };
    let mut side = (tape.open)()?;
    while side.last() < last {
        let Some(event) = side.step()? else { break };
        let seq = side.last();
        if wanted.contains(&seq) {
            let text = (tape.tell)(&event, side.names(), side.cluster());
            tales.insert(seq, Told::new(seq, &event, side.names(), text));
        }
    }
    Ok(Tales(tales))
}
