//! Comparing two logs: at which moments, and what differs then.

use crate::event::Event;
use crate::time::Time;

use super::compare::{Difference, Strictness, compare};
use super::placements::Placements;
use super::settled::{self, Settled, SettledScan};
use super::side::{Side, SideError};

/// When two logs are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// At a moment.
    At(Time),
    /// At the last moment at which both are settled.
    #[default]
    Settled,
    /// At every moment at which both are settled: one a stretch, and the end.
    EverySettled,
    /// Each at its end, settled or not.
    End,
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
    /// The moments of the comparison, in order, one at least.
    pub moments: Vec<Difference>,
    /// When the first log is settled; `None` if that was not asked for.
    pub settled_a: Option<Settled>,
    /// When the second log is settled; `None` if that was not asked for.
    pub settled_b: Option<Settled>,
}

impl Comparison {
    /// Whether the logs count as equal at every moment.
    pub fn is_same(&self, strictness: Strictness) -> bool {
        self.moments.iter().all(|moment| moment.is_same(strictness))
    }
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

/// Compares two logs. Each is opened by its function, a second time if the moment of the comparison lies
/// before the log's end; both sides are folded at the same time, on two threads.
///
/// # Errors
/// A log cannot be opened or folded, or there is no settled moment to compare at.
pub fn diff<'a, A, B>(open_a: A, open_b: B, when: When) -> Result<Comparison, DiffError>
where
    A: Fn() -> Result<Side<'a>, SideError> + Sync,
    B: Fn() -> Result<Side<'a>, SideError> + Sync,
{
    let until = match when {
        When::At(at) => at,
        When::End => Time::MAX,
        When::Settled | When::EverySettled => return diff_settled(open_a, open_b, when),
    };
    let state = |open: &dyn Fn() -> Result<Side<'a>, SideError>| {
        let mut side = open()?;
        side.advance_to(until)?;
        Ok(placements(&side, until))
    };
    let (a, b) = both(|| state(&open_a), || state(&open_b))?;
    Ok(Comparison { moments: vec![compare(&a, &b)], ..Comparison::default() })
}

fn diff_settled<'a, A, B>(open_a: A, open_b: B, when: When) -> Result<Comparison, DiffError>
where
    A: Fn() -> Result<Side<'a>, SideError> + Sync,
    B: Fn() -> Result<Side<'a>, SideError> + Sync,
{
    let (a, b) = both(|| scan(open_a()?), || scan(open_b()?))?;
    let mut moments = settled::moments(&a.settled, &b.settled);
    let Some(&last) = moments.last() else {
        return Err(DiffError::NeverSettled { a: Box::new(a.settled), b: Box::new(b.settled) });
    };
    let mut comparison = Comparison {
        moments: Vec::new(),
        settled_a: Some(a.settled.clone()),
        settled_b: Some(b.settled.clone()),
    };
    if when == When::Settled {
        moments = vec![last];
        if a.last_relevant <= last && b.last_relevant <= last {
            // The last settled moment is nearly always the end, and that state is at hand.
            let (a, b) = both(move || Ok(placements(&a.side, last)), move || Ok(placements(&b.side, last)))?;
            comparison.moments.push(compare(&a, &b));
            return Ok(comparison);
        }
    }
    drop((a.side, b.side));
    let (mut a, mut b) = both(&open_a, &open_b)?;
    for moment in moments {
        let state = |side: &mut Side<'a>| {
            side.advance_to(moment)?;
            Ok(placements(side, moment))
        };
        let (a, b) = both(|| state(&mut a), || state(&mut b))?;
        comparison.moments.push(compare(&a, &b));
    }
    Ok(comparison)
}

/// A side at its end, and when it was settled.
struct Scanned<'a> {
    side: Side<'a>,
    settled: Settled,
    /// The time of the last event that can have changed a placement.
    last_relevant: Time,
}

fn scan(mut side: Side<'_>) -> Result<Scanned<'_>, SideError> {
    let (mut scan, mut last_relevant) = (SettledScan::new(), Time::MIN);
    side.advance_with(Time::MAX, |cluster, _, _, event| {
        scan.observe(cluster, event);
        if is_relevant(event) {
            last_relevant = event.at;
        }
    })?;
    let settled = settled::finish(scan, &side);
    Ok(Scanned { side, settled, last_relevant })
}

/// Whether an event can change what [`Placements`] hold: anything but notes and statuses.
fn is_relevant(event: &Event) -> bool {
    use crate::event::Body::{PodRefused, Reported, StatusWritten, Synced};
    !matches!(event.body, StatusWritten { .. } | Synced { .. } | Reported { .. } | PodRefused { .. })
}

fn placements(side: &Side<'_>, at: Time) -> Placements {
    let at = if at == Time::MAX { side.now() } else { at };
    Placements { at, ..Placements::of(side.cluster(), side.names()) }
}

/// Does the same for both sides at once.
fn both<T: Send>(
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
