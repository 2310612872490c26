//! The past, as far as an explanation needs it.
//!
//! There are two ways. [`collect`] folds the log from its beginning: a first fold finds the state and the numbers of the
//! events that matter, a second one tells those events, each in the state that it made. [`seek`] reads only what the log's
//! index says matters. Both give the same answers; the first is there for events that are in no file.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::pages::{Open, Pages, Sparse};
use crate::cluster::Cluster;
use crate::diff::{Side, SideError};
use crate::event::{Body, Event, Track};
use crate::log;
use crate::names::{Names, Seq};
use crate::time::{Micros, Time};
use crate::told::{Chain, Links, Told};

/// A log that can be read as often as needed.
pub struct Tape<'a> {
    /// Opens it.
    pub open: &'a dyn Fn() -> Result<Side<'a>, SideError>,
    /// Opens it to be read at any place, which takes a small part of the time in a long log; `None` if it can only be read
    /// from its beginning.
    pub look_up: Option<&'a Open<'a>>,
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

/// A log at a moment, and its past as far as it is asked about.
pub(super) struct History<'a> {
    pub names: Names,
    pub cluster: Cluster,
    /// The moment.
    pub now: Time,
    /// The last event up to it.
    pub last: Seq,
    past: Past<'a>,
}

enum Past<'a> {
    Folded(Folded),
    /// Nothing was folded: events are looked up.
    Sought(Box<RefCell<Pages<'a>>>),
}

/// What a fold remembers of all events.
#[derive(Default)]
struct Folded {
    /// By an event's number less one: how far back its cause is; 0 for none.
    back: Vec<u32>,
    /// Every sync of a controller.
    syncs: Vec<(Seq, Time)>,
}

impl Folded {
    fn observe(&mut self, seq: Seq, event: &Event) {
        let distance = if event.cause == Seq::NONE { 0 } else { seq.0.saturating_sub(event.cause.0) };
        // A cause more than 2^32 events back is not followed.
        self.back.push(u32::try_from(distance).unwrap_or(0));
        if let Body::Synced { .. } = event.body {
            self.syncs.push((seq, event.at));
        }
    }

    fn cause(&self, seq: Seq) -> Option<Seq> {
        let back = *self.back.get(usize::try_from(seq.0).ok()?.checked_sub(1)?)?;
        (back > 0).then(|| Seq(seq.0 - u64::from(back)))
    }

    fn sync_of(&self, seq: Seq, event: &Event) -> Option<Seq> {
        let before = self.syncs.partition_point(|sync| sync.0 < seq);
        let sync = self.syncs.get(before.checked_sub(1)?)?;
        // What a sync writes follows it, at the same time and on the same track.
        (event.track == Track::DaemonSet && sync.1 == event.at).then_some(sync.0)
    }
}

/// An event as the first fold meets it, with the state after it.
pub(super) struct Seen<'a> {
    pub seq: Seq,
    pub event: &'a Event,
    pub cluster: &'a Cluster,
    pub names: &'a Names,
}

/// Folds a log to a moment and shows every event on the way.
pub(super) fn collect<'a>(
    tape: &Tape<'a>,
    moment: Moment,
    mut visit: impl FnMut(&Seen<'_>),
) -> Result<History<'a>, ExplainError> {
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
    let mut past = Folded::default();
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
        past.observe(seq, &event);
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
    Ok(History { names, cluster, now, last: reached, past: Past::Folded(past) })
}

/// The state at a moment, found without folding what was before the last checkpoint, with the past to be looked up;
/// `None` if the log can only be folded.
pub(super) fn seek<'a>(tape: &Tape<'a>, moment: Moment) -> Result<Option<History<'a>>, ExplainError> {
    let Some(open) = tape.look_up else { return Ok(None) };
    let first = first_time(open)?;
    let (to, until) = match moment {
        Moment::End => (log::Moment::End, None),
        Moment::After(seq) => (log::Moment::Seq(seq), None),
        Moment::At(at) if at < first => return Err(ExplainError::BeforeStart { at, first }),
        Moment::At(at) => (log::Moment::Time(at), Some(at)),
        Moment::SinceStart(since) => (log::Moment::Time(first + since), Some(first + since)),
        Moment::BeforeEnd(before) => {
            let at = log::seek_in(open()?, log::Moment::End)?.cluster.now() - before;
            if at < first {
                return Err(ExplainError::BeforeStart { at, first });
            }
            (log::Moment::Time(at), Some(at))
        }
    };
    let position = log::seek_in(open()?, to)?;
    let (last, at) = (position.cluster.last_event(), position.cluster.now());
    if let Moment::After(seq) = moment
        && last < seq
    {
        return Err(ExplainError::NoSuchEvent { seq, last });
    }
    let past = Past::Sought(Box::new(RefCell::new(Pages::new(open, &position)?)));
    let (names, cluster) = (position.names, position.cluster);
    // The same as `Side::now` of an empty log.
    let at = if last == Seq::NONE { Time::MIN } else { at };
    Ok(Some(History { names, cluster, now: until.unwrap_or(at), last, past }))
}

/// The time of a log's first event.
fn first_time(open: &Open<'_>) -> Result<Time, ExplainError> {
    let (mut reader, mut names, mut batch) = (log::Reader::from_storage(open()?)?, Names::new(), Vec::new());
    reader.next_batch(&mut names, &mut batch)?;
    Ok(batch.first().map(|event| event.at).unwrap_or_default())
}

impl<'a> History<'a> {
    /// The event that caused an event.
    pub fn cause(&self, seq: Seq) -> Result<Option<Seq>, ExplainError> {
        Ok(match &self.past {
            Past::Folded(past) => past.cause(seq),
            Past::Sought(pages) => {
                let event = pages.borrow_mut().event(seq)?;
                event.map(|event| event.cause).filter(|cause| *cause != Seq::NONE && *cause < seq)
            }
        })
    }

    /// An event and everything that it goes back to.
    pub fn causes_from(&self, seq: Seq) -> Result<Links, ExplainError> {
        let (mut all, mut next) = (Vec::new(), Some(seq));
        while let Some(seq) = next {
            all.push(seq);
            next = self.cause(seq)?;
        }
        Ok(Links::of(all))
    }

    /// The sync that decided an event of the DaemonSet controller.
    pub fn sync_of(&self, seq: Seq, event: &Event) -> Result<Option<Seq>, ExplainError> {
        match &self.past {
            Past::Folded(past) => Ok(past.sync_of(seq, event)),
            Past::Sought(pages) => pages.borrow_mut().sync_of(seq, event),
        }
    }

    /// What can be looked up, and the state and the names at the moment; of a history that was sought.
    pub fn pages(&mut self) -> Option<(&mut Pages<'a>, &Cluster, &mut Names)> {
        match &mut self.past {
            Past::Folded(_) => None,
            Past::Sought(pages) => Some((pages.get_mut(), &self.cluster, &mut self.names)),
        }
    }

    /// Tells events, each in the state that it made.
    pub fn tell(&self, tape: &Tape<'_>, wanted: &BTreeSet<Seq>) -> Result<Tales, ExplainError> {
        match &self.past {
            Past::Folded(_) => tell_folding(tape, wanted),
            Past::Sought(pages) => {
                let teller = Teller { history: self, pages: &mut pages.borrow_mut(), scratch: None };
                teller.tell(tape, wanted)
            }
        }
    }
}

/// Tells events of which the state that they made is known in part: as much as words need.
struct Teller<'h, 'a> {
    history: &'h History<'a>,
    pages: &'h mut Pages<'a>,
    /// What a slot or an object was like at an earlier event, with a dictionary that goes on from the history's.
    scratch: Option<(Names, Sparse)>,
}

impl Teller<'_, '_> {
    fn tell(mut self, tape: &Tape<'_>, wanted: &BTreeSet<Seq>) -> Result<Tales, ExplainError> {
        let mut tales = BTreeMap::new();
        for &seq in wanted {
            let Some(event) = self.pages.event(seq)? else { continue };
            let then = self.then(seq, &event)?;
            let (names, cluster) = match &self.scratch {
                Some((names, sparse)) if then => (names, &sparse.cluster),
                _ => (&self.history.names, &self.history.cluster),
            };
            tales.insert(seq, Told::new(seq, &event, names, (tape.tell)(&event, names, cluster)));
        }
        Ok(Tales(tales))
    }

    /// Makes the scratch show what an event is about as it was then, if it has changed since; says whether it had to.
    fn then(&mut self, seq: Seq, event: &Event) -> Result<bool, ExplainError> {
        let now = &self.history.cluster;
        if let Some(slot) = event.body.pod() {
            if now.pod(slot).is_none_or(|pod| pod.made <= seq) {
                return Ok(false);
            }
            let occupant = self.pages.occupant(slot, seq, &self.history.names, now)?;
            let Some((made, creation)) = occupant else { return Ok(false) };
            let (names, sparse) = self.scratch();
            return Ok(sparse.fold(names, made, &creation));
        }
        if let Body::Applied { object, .. } = event.body {
            if now.object(object).is_none_or(|object| object.applied <= seq) {
                return Ok(false);
            }
            let mut names =
                self.scratch.take().map_or_else(|| self.history.names.clone(), |scratch| scratch.0);
            // Its generations are counted from its beginning.
            let mut sparse = Sparse::default();
            for (seq, event) in self.pages.desired(&[object], seq, &mut names)? {
                sparse.fold(&mut names, seq, &event);
            }
            self.scratch = Some((names, sparse));
            return Ok(true);
        }
        Ok(false)
    }

    fn scratch(&mut self) -> (&mut Names, &mut Sparse) {
        let fresh = || (self.history.names.clone(), Sparse::default());
        let (names, sparse) = self.scratch.get_or_insert_with(fresh);
        (names, sparse)
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

/// Tells events, folding the log once more.
fn tell_folding(tape: &Tape<'_>, wanted: &BTreeSet<Seq>) -> Result<Tales, ExplainError> {
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
