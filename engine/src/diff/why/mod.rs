//! Why placements differ: the decision about each that made it so, on either side, and what that goes back to; and
//! where the logs part.
//!
//! Both logs are read twice more, without being folded: once for decisions and causes, once for the events that turn
//! out to matter. Words for those come from the state that was compared last.

mod judge;
mod late;

use std::collections::BTreeSet;

use serde::Serialize;

use self::judge::{Counted, CountedChange, Judge};
use self::late::Late;

use super::decisions::{Trail, Verb};
use super::divergence::{Pair, first_beyond, first_in, same_until};
use super::parted::{self, Parted};
use super::run::{Compared, DiffError, both};
use super::side::{Side, SideError};
use crate::cluster::Cluster;
use crate::event::{Event, Why};
use crate::names::{Names, Seq};
use crate::time::Time;
use crate::told::{Chain, Links, Told};

/// Which of two logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Which {
    /// The first.
    A,
    /// The second.
    B,
}

impl Which {
    /// `A` or `B`.
    pub fn as_str(self) -> &'static str {
        match self {
            Which::A => "A",
            Which::B => "B",
        }
    }
}

/// What made some placements differ: decisions of one kind, that go back to events that say the same of each node,
/// or to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedCause {
    /// The log that decided it. Of the last decisions in both logs the later one made the difference.
    pub side: Which,
    /// What was decided.
    pub verb: Verb,
    /// Why, where pods were deleted.
    pub why: Option<Why>,
    /// The first of the decisions.
    pub decided: Told,
    /// When the last of them was taken.
    pub until: Time,
    /// What the first of the decisions goes back to; empty where the log does not say.
    pub because: Chain,
    /// How many different events the decisions go back to in the end.
    pub roots: usize,
    /// How many placements share the cause.
    pub placements: usize,
}

impl SharedCause {
    /// The event that the first of the decisions goes back to in the end; the decision itself, if the log does not
    /// say.
    pub fn root(&self) -> &Told {
        self.because.root.as_ref().or(self.because.links.last()).unwrap_or(&self.decided)
    }
}

/// The causes of a kind of change of a DaemonSet's placements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeCauses {
    /// For each group of nodes, in their order: the causes of the most placements first. Placements about which no
    /// log decided anything have none.
    pub groups: Vec<Vec<SharedCause>>,
    /// The causes of the rest.
    pub rest: Vec<SharedCause>,
}

/// An event at which logs part, with what it goes back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The event.
    pub told: Told,
    /// What it goes back to.
    pub because: Chain,
}

/// The first event that is not the same in both logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Its number, the same in both logs, since everything before it is.
    pub event: Seq,
    /// What the first log has there; `None` if it has ended.
    pub a: Option<Parting>,
    /// What the second log has there; `None` if it has ended.
    pub b: Option<Parting>,
}

/// The first decision about a placement that is not the same in both logs, whenever they took it: for each
/// DaemonSet and node the sequences of creations and deletions are compared, and of the places where they part the
/// earliest is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionDivergence {
    /// The DaemonSet, `namespace/name`.
    pub daemon_set: String,
    /// The node.
    pub node: String,
    /// What the first log decided; `None` if it had nothing more to decide.
    pub a: Option<Parting>,
    /// What the second log decided; `None` if it had nothing more to decide.
    pub b: Option<Parting>,
}

/// Why two logs differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasons {
    /// For each moment, the causes of its groups of changes.
    pub moments: Vec<Vec<ChangeCauses>>,
    /// For each group of stretches of the time line, its causes.
    pub stretches: Vec<Vec<SharedCause>>,
    /// The first event that differs, up to the last moment that was compared; `None` if there is none.
    pub divergence: Option<Divergence>,
    /// The first decision that differs; `None` if there is none.
    pub decision: Option<DecisionDivergence>,
}

/// Puts an event into words, given a state at or after it.
pub type Tell<'a> = dyn Fn(&Event, &Names, &Cluster) -> String + Sync + 'a;

/// Finds out why two logs differ. The functions open the logs that were compared, each twice; the differences need
/// to have been grouped.
///
/// # Errors
/// A log cannot be read.
pub fn why<'a, A, B>(
    open_a: A,
    open_b: B,
    compared: &mut Compared<'a>,
    tell: &Tell<'_>,
) -> Result<Reasons, DiffError>
where
    A: Fn() -> Result<Side<'a>, SideError> + Sync,
    B: Fn() -> Result<Side<'a>, SideError> + Sync,
{
    let from = same_until(compared.a.marks(), compared.b.marks());
    let times: Vec<(Time, Time)> = match compared.comparison.moments.as_slice() {
        [] => vec![(Time::MAX, Time::MAX)],
        moments => moments.iter().map(|moment| (moment.at_a, moment.at_b)).collect(),
    };
    let (mut trail_a, mut trail_b) = (Trail::new(from), Trail::new(from));
    let (mut side_a, mut side_b) = both(&open_a, &open_b)?;
    side_a = side_a.with_names(compared.a.take_names());
    side_b = side_b.with_names(compared.b.take_names());
    let mut moments = Vec::new();
    for (index, (at_a, at_b)) in times.iter().enumerate() {
        both(|| trail_a.advance(&mut side_a, *at_a), || trail_b.advance(&mut side_b, *at_b))?;
        if let Some(changes) = compared.comparison.groups.get(index) {
            let judge = Judge::new((side_a.names(), &trail_a), (side_b.names(), &trail_b));
            moments.push(judge.changes(changes));
        }
    }
    let (names_a, names_b) = (side_a.take_names(), side_b.take_names());
    let judge = Judge::new((&names_a, &trail_a), (&names_b, &trail_b));
    let stretches =
        compared.comparison.timeline.iter().map(|group| judge.stretches(group)).collect::<Vec<_>>();
    let (until_a, until_b) = times.last().copied().unwrap_or_default();
    let pair = match first_in((&names_a, &trail_a.window), (&names_b, &trail_b.window))? {
        None if trail_a.window.len() == super::decisions::WINDOW => {
            let (a, b) = both(&open_a, &open_b)?;
            first_beyond(a, b, from, until_a.min(until_b))?
        }
        found => found,
    };
    let candidates = parted::candidates((&names_a, &trail_a), (&names_b, &trail_b));
    let wanted = Wanted { moments, stretches, pair, parted: candidates };
    compared.a.give_names(names_a);
    compared.b.give_names(names_b);
    let (needed_a, needed_b) = wanted.needed(&trail_a, &trail_b);
    let mut late_a = Late::new(&trail_a, needed_a, wanted.parted.unclear(Which::A));
    let mut late_b = Late::new(&trail_b, needed_b, wanted.parted.unclear(Which::B));
    let (a, b) = (&mut compared.a, &mut compared.b);
    both(|| late_a.read(open_a()?, a, tell), || late_b.read(open_b()?, b, tell))?;
    let parted = wanted.parted.first([&late_a.decisions, &late_b.decisions]);
    // One that was found only now is looked up in a reading of its own.
    let more_a = late_a.ask_for(parted.as_ref().and_then(|parted| parted.a));
    let more_b = late_b.ask_for(parted.as_ref().and_then(|parted| parted.b));
    if more_a || more_b {
        both(|| late_a.read(open_a()?, a, tell), || late_b.read(open_b()?, b, tell))?;
    }
    Ok(wanted.tell(parted, Both { trail: [&trail_a, &trail_b], late: [&late_a, &late_b] }))
}

/// Everything that is to be told, in numbers.
struct Wanted {
    moments: Vec<Vec<CountedChange>>,
    stretches: Vec<Vec<Counted>>,
    pair: Option<Pair>,
    parted: parted::Candidates,
}

impl Wanted {
    fn counted(&self) -> impl Iterator<Item = &Counted> {
        let changes = self.moments.iter().flatten();
        let of_moments = changes.flat_map(|change| change.groups.iter().flatten().chain(&change.rest));
        of_moments.chain(self.stretches.iter().flatten())
    }

    /// The numbers of the events that have to be looked up, in each log.
    fn needed(&self, a: &Trail, b: &Trail) -> (BTreeSet<Seq>, BTreeSet<Seq>) {
        let mut needed = [BTreeSet::new(), BTreeSet::new()];
        let trails = [a, b];
        let mut want = |side: usize, seq: Seq| {
            needed[side].extend(Links::from(seq, |seq| trails[side].cause(seq)).numbers());
        };
        for counted in self.counted() {
            want(counted.side as usize, counted.first.seq);
            counted.manifest.iter().for_each(|manifest| want(counted.side as usize, *manifest));
        }
        if let Some((seq, a, b)) = &self.pair {
            a.iter().for_each(|_| want(0, *seq));
            b.iter().for_each(|_| want(1, *seq));
        }
        for (side, seq) in self.parted.possible() {
            want(side as usize, seq);
        }
        let [a, b] = needed;
        (a, b)
    }

    fn tell(&self, parted: Option<Parted>, both: Both<'_>) -> Reasons {
        let list = |counted: &[Counted]| counted.iter().filter_map(|one| both.cause(one)).collect::<Vec<_>>();
        let change = |change: &CountedChange| ChangeCauses {
            groups: change.groups.iter().map(|group| list(group)).collect(),
            rest: list(&change.rest),
        };
        let divergence = self.pair.as_ref().map(|(seq, a, b)| Divergence {
            event: *seq,
            a: a.as_ref().and_then(|_| both.parting(Which::A, *seq)),
            b: b.as_ref().and_then(|_| both.parting(Which::B, *seq)),
        });
        let decision = parted.map(|Parted { daemon_set, node, a, b, .. }| DecisionDivergence {
            daemon_set,
            node,
            a: a.and_then(|decided| both.parting(Which::A, decided.seq)),
            b: b.and_then(|decided| both.parting(Which::B, decided.seq)),
        });
        Reasons {
            moments: self.moments.iter().map(|moment| moment.iter().map(change).collect()).collect(),
            stretches: self.stretches.iter().map(|stretch| list(stretch)).collect(),
            divergence,
            decision,
        }
    }
}

/// The trails of both logs and the events that were looked up.
#[derive(Clone, Copy)]
struct Both<'t> {
    trail: [&'t Trail; 2],
    late: [&'t Late<'t>; 2],
}

impl Both<'_> {
    fn cause(&self, counted: &Counted) -> Option<SharedCause> {
        let Parting { told, mut because } = self.parting(counted.side, counted.first.seq)?;
        if let Some(manifest) = counted.manifest {
            let Parting { told, because: beyond } = self.parting(counted.side, manifest)?;
            because = beyond;
            because.links.insert(0, told);
        }
        Some(SharedCause {
            side: counted.side,
            verb: counted.first.verb,
            why: counted.first.why,
            decided: told,
            until: counted.until,
            because,
            roots: counted.roots.len(),
            placements: counted.placements,
        })
    }

    fn parting(&self, side: Which, seq: Seq) -> Option<Parting> {
        let (trail, late) = (self.trail[side as usize], self.late[side as usize]);
        let told = late.told.get(&seq)?.clone();
        let because = trail.cause(seq).map(|cause| Links::from(cause, |seq| trail.cause(seq)));
        let because = because.unwrap_or_default().tell(|seq| late.told.get(&seq).cloned());
        Some(Parting { told, because })
    }
}
