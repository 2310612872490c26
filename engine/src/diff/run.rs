//! Comparing two logs: at which moments, and what differs then.

use crate::event::Event;
use crate::time::{Micros, Time};

use super::changes::{ChangeGroups, group_changes};
use super::compare::{Difference, Strictness, compare};
use super::decisions::Trail;
use super::group::Facts;
use super::over_time::{OverTime, OverTimeScan};
use super::placements::Placements;
use super::settled::{self, Settled, SettledScan};
use super::side::{Side, SideError};
use super::spans::{SpanScan, Spans};
use super::timeline::{self, StretchGroup};

/// When two logs are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// At a moment of each.
    At {
        /// The first log's.
        a: Time,
        /// The second log's.
        b: Time,
    },
    /// At the last moment at which both are settled.
    #[default]
    Settled,
    /// At every moment at which both are settled: one a stretch, and the end.
    EverySettled,
    /// Each at its end, settled or not.
    End,
    /// All the time: no moment, but for how long which placements differ.
    Timeline {
        /// Differences that do not last longer are passed over.
        tolerance: Micros,
    },
}

/// What is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// When.
    pub when: When,
    /// Whether changed nodes are grouped by what they have in common, and decisions noted so that [`super::why`](super::why())
    /// can say what made them change.
    pub group: bool,
    /// Whether rollouts and unavailability over time are looked at.
    pub over_time: bool,
    /// Whether it is kept when which placement was there, to draw it. [`When::Timeline`] keeps it anyway.
    pub spans: bool,
}

/// Two logs that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// The first log cannot be folded.
    #[error("first log: {0}")]
    A(#[source] SideError),
    /// The second log cannot be folded.
    #[error("second log: {0}")]
    B(#[source] SideError),
    /// A log begins only after the moment that was asked for, so there is no state to compare.
    #[error("the {which} log begins at {first}, after {at}")]
    BeforeStart {
        /// `first` or `second`.
        which: &'static str,
        /// The moment.
        at: Time,
        /// The time of its first event.
        first: Time,
    },
    /// There is no moment at which both are settled, so there is nothing to say about sameness.
    #[error(
        "the logs are never settled at the same time ({}; {}): compare them at a moment or at their ends",
        explain("first", a),
        explain("second", b)
    )]
    NeverSettled {
        /// When the first is settled.
        a: Box<Settled>,
        /// When the second is settled.
        b: Box<Settled>,
    },
}

/// What a comparison of two logs found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The moments of the comparison, in order: one at least, none for [`When::Timeline`].
    pub moments: Vec<Difference>,
    /// For [`When::Timeline`]: the stretches of time during which placements differ.
    pub timeline: Vec<StretchGroup>,
    /// When which placement of the first log was there; `None` if that was not asked for.
    pub spans_a: Option<Spans>,
    /// When which placement of the second log was there; `None` if that was not asked for.
    pub spans_b: Option<Spans>,
    /// For each moment, the changed nodes grouped; empty if that was not asked for.
    pub groups: Vec<Vec<ChangeGroups>>,
    /// What the first log cost until its end or the moment asked for; `None` if that was not asked for.
    pub over_time_a: Option<OverTime>,
    /// What the second log cost until its end or the moment asked for; `None` if that was not asked for.
    pub over_time_b: Option<OverTime>,
    /// When the first log is settled; `None` if that was not asked for.
    pub settled_a: Option<Settled>,
    /// When the second log is settled; `None` if that was not asked for.
    pub settled_b: Option<Settled>,
}

impl Comparison {
    /// Whether the logs count as equal at every moment.
    pub fn is_same(&self, strictness: Strictness) -> bool {
        self.timeline.is_empty() && self.moments.iter().all(|moment| moment.is_same(strictness))
    }
}

/// Two logs that were compared.
pub struct Compared<'a> {
    /// What was found.
    pub comparison: Comparison,
    /// The first log, folded to the last moment that was compared.
    pub a: Side<'a>,
    /// The second log, folded to the last moment that was compared.
    pub b: Side<'a>,
    /// What both logs decided; none if nothing was grouped.
    pub(super) trails: Option<[Trail; 2]>,
}

fn explain(which: &str, settled: &Settled) -> String {
    let stretches = match settled.intervals.len() {
        0 => "never".to_owned(),
        1 => "in 1 stretch".to_owned(),
        n => format!("in {n} stretches"),
    };
    let (began, end) = (settled.began, settled.last_event);
    let mut text = format!("the {which}, from {began} to {end}, is settled {stretches}");
    if settled.waits_for.terminating > 0 {
        text += &format!(", at its end {} pods terminate", settled.waits_for.terminating);
    }
    if let Some(first) = settled.waits_for.unobserved.first() {
        let more = settled.waits_for.unobserved.len() - 1;
        text += &format!(", at its end the generation of {first} is not observed");
        text += &if more > 0 { format!(", nor that of {more} more") } else { String::new() };
    }
    text
}

/// Compares the placements of two logs; see [`diff_with`].
///
/// # Errors
/// As [`diff_with`].
pub fn diff<'a, A, B>(open_a: A, open_b: B, when: When) -> Result<Comparison, DiffError>
where
    A: Fn() -> Result<Side<'a>, SideError> + Sync,
    B: Fn() -> Result<Side<'a>, SideError> + Sync,
{
    let compared = diff_with(open_a, open_b, Options { when, ..Options::default() });
    compared.map(|compared| compared.comparison)
}

/// Compares two logs. Each is opened by its function, a second time if the moment of the comparison lies
/// before the log's end; both sides are folded at the same time, on two threads.
///
/// # Errors
/// A log cannot be opened or folded, or there is no settled moment to compare at.
pub fn diff_with<'a, A, B>(open_a: A, open_b: B, options: Options) -> Result<Compared<'a>, DiffError>
where
    A: Fn() -> Result<Side<'a>, SideError> + Sync,
    B: Fn() -> Result<Side<'a>, SideError> + Sync,
{
    let (until_a, until_b) = match options.when {
        When::At { a, b } => (a, b),
        _ => (Time::MAX, Time::MAX),
    };
    let (mut a, mut b) = both(|| scan(open_a()?, until_a, options), || scan(open_b()?, until_b, options))?;
    if let When::At { .. } = options.when {
        has_begun("first", until_a, &mut a.side, DiffError::A)?;
        has_begun("second", until_b, &mut b.side, DiffError::B)?;
    }
    let trails = a.trail.take().zip(b.trail.take()).map(|(a, b)| [a, b]);
    let mut comparison = Comparison {
        over_time_a: a.over_time.take(),
        over_time_b: b.over_time.take(),
        spans_a: a.spans.take(),
        spans_b: b.spans.take(),
        ..Comparison::default()
    };
    if let (Some(x), Some(y)) = (a.settled.take(), b.settled.take()) {
        let mut moments = settled::moments(&x, &y);
        let Some(&last) = moments.last() else {
            return Err(DiffError::NeverSettled { a: Box::new(x), b: Box::new(y) });
        };
        (comparison.settled_a, comparison.settled_b) = (Some(x), Some(y));
        // The last settled moment is nearly always the end, and that state is at hand.
        let at_hand = a.last_relevant <= last && b.last_relevant <= last;
        if options.when == When::EverySettled || !at_hand {
            if options.when == When::Settled {
                moments = vec![last];
            }
            // Numbers mean the same as in the trails.
            let (names_a, names_b) = (a.side.into_state().0, b.side.into_state().0);
            let (mut a, mut b) = both(
                || open_a().map(|side| side.with_names(names_a)),
                || open_b().map(|side| side.with_names(names_b)),
            )?;
            for moment in moments {
                both(|| a.advance_to(moment), || b.advance_to(moment))?;
                comparison.add(&a, &b, Some((moment, moment)), options)?;
            }
            return Ok(Compared { comparison, a, b, trails });
        }
        comparison.add(&a.side, &b.side, Some((last, last)), options)?;
        return Ok(Compared { comparison, a: a.side, b: b.side, trails });
    }
    if let When::Timeline { tolerance } = options.when {
        comparison.compare_timelines(&a.side, &b.side, tolerance);
    } else {
        let at = (until_a != Time::MAX).then_some((until_a, until_b));
        comparison.add(&a.side, &b.side, at, options)?;
    }
    Ok(Compared { comparison, a: a.side, b: b.side, trails })
}

/// Checks that a side, folded up to a moment, had begun by then. A log without events is as empty at any moment.
fn has_begun(
    which: &'static str,
    at: Time,
    side: &mut Side<'_>,
    unread: fn(SideError) -> DiffError,
) -> Result<(), DiffError> {
    let next = side.peek().map_err(unread)?;
    match next.filter(|_| side.began().is_none()) {
        Some(first) => Err(DiffError::BeforeStart { which, at, first }),
        None => Ok(()),
    }
}

impl Comparison {
    /// Compares the states that the sides are in.
    fn add(
        &mut self,
        a: &Side<'_>,
        b: &Side<'_>,
        at: Option<(Time, Time)>,
        options: Options,
    ) -> Result<(), DiffError> {
        let (x, y) = both(state(a, at.map(|at| at.0)), state(b, at.map(|at| at.1)))?;
        let difference = compare(&x, &y);
        if options.group {
            let differs = difference.daemon_sets.iter().any(|set| !set.placements.is_empty());
            let grouped = differs.then(|| {
                let facts = Facts::of((a.cluster(), a.names()), (b.cluster(), b.names()));
                group_changes(&difference, &x, &y, &facts)
            });
            self.groups.push(grouped.unwrap_or_default());
        }
        self.moments.push(difference);
        Ok(())
    }

    fn compare_timelines(&mut self, a: &Side<'_>, b: &Side<'_>, tolerance: Micros) {
        let (Some(x), Some(y)) = (&self.spans_a, &self.spans_b) else { return };
        let facts = Facts::of((a.cluster(), a.names()), (b.cluster(), b.names()));
        self.timeline = timeline::compare((x, a.names()), (y, b.names()), tolerance, &facts);
    }
}

/// A side at its end (or the moment asked for), and what was found on the way.
struct Scanned<'a> {
    side: Side<'a>,
    /// When it was settled, if that matters.
    settled: Option<Settled>,
    over_time: Option<OverTime>,
    spans: Option<Spans>,
    trail: Option<Trail>,
    /// The time of the last event that can have changed a placement or a node.
    last_relevant: Time,
}

fn scan(mut side: Side<'_>, until: Time, options: Options) -> Result<Scanned<'_>, SideError> {
    let mut settled = matches!(options.when, When::Settled | When::EverySettled).then(SettledScan::new);
    let mut over_time = options.over_time.then(OverTimeScan::new);
    let timeline = matches!(options.when, When::Timeline { .. });
    let mut spans = (options.spans || timeline).then(SpanScan::default);
    let mut trail = options.group.then(Trail::default);
    let mut last_relevant = Time::MIN;
    side.advance_with(until, |cluster, names, seq, event| {
        if let Some(scan) = &mut settled {
            scan.observe(cluster, event);
        }
        if let Some(scan) = &mut over_time {
            scan.observe(cluster, seq, event);
        }
        if let Some(scan) = &mut spans {
            scan.observe(cluster, names, seq, event);
        }
        if let Some(trail) = &mut trail {
            trail.observe(names, seq, event);
        }
        if is_relevant(event) {
            last_relevant = event.at;
        }
    })?;
    let settled = settled.map(|scan| settled::finish(scan, &side));
    let over_time = over_time.map(|scan| scan.finish(side.names(), side.now()));
    let spans = spans.map(|scan| scan.finish(side.names(), side.now()));
    Ok(Scanned { side, settled, over_time, spans, trail, last_relevant })
}

/// Whether an event can change what [`Placements`] hold or what nodes are like: anything but notes and statuses.
fn is_relevant(event: &Event) -> bool {
    use crate::event::Body::{PodRefused, Reported, StatusWritten, Synced};
    !matches!(event.body, StatusWritten { .. } | Synced { .. } | Reported { .. } | PodRefused { .. })
}

/// What takes a side's placements, without the part of the side that threads cannot share.
fn state(side: &Side<'_>, at: Option<Time>) -> impl FnOnce() -> Result<Placements, SideError> + Send {
    let (cluster, names, at) = (side.cluster(), side.names(), at.unwrap_or(side.now()));
    move || Ok(Placements { at, ..Placements::of(cluster, names) })
}

/// Does the same for both sides at once.
pub(super) fn both<T: Send>(
    a: impl FnOnce() -> Result<T, SideError> + Send,
    b: impl FnOnce() -> Result<T, SideError>,
) -> Result<(T, T), DiffError> {
    std::thread::scope(|scope| {
        let a = scope.spawn(a);
        let b = b();
        let a = match a.join() {
            Ok(a) => a,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        Ok((a.map_err(DiffError::A)?, b.map_err(DiffError::B)?))
    })
}
