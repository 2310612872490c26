//! Why placements differ: the decision about each that made it so, on either side, and what that goes back to; and
//! where the logs part.
//!
//! Decisions and causes were noted when the logs were folded. What is read again are the events that turn out to matter; words
//! for those come from the state that was compared last.

mod judge;
mod late;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::judge::{Counted, CountedChange, Judge, Ledger};

use super::decisions::{Trail, Verb};
use super::divergence::{self, Pair, same_until};
use super::parted::{self, Course, Parted};
use super::run::{Compared, DiffError, both};
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

/// Finds out why two logs differ, given a comparison that grouped what does ([`super::Options::group`]). Without groups there
/// is nothing to say, nor is there when it is asked again: the decisions that it needs take room, and are let go.
///
/// # Errors
/// A log cannot be read any more, or only once ([`super::SideError::ReadOnce`]).
pub fn why(compared: &mut Compared<'_>, tell: &Tell<'_>) -> Result<Reasons, DiffError> {
    let Compared { comparison, a, b, trails } = compared;
    // Nobody asks twice, and what comes next needs the room.
    let Some([mut trail_a, mut trail_b]) = trails.take() else { return Ok(Reasons::default()) };
    let link = |trail: &mut Trail| {
        trail.link();
        Ok(())
    };
    both(|| link(&mut trail_a), || link(&mut trail_b))?;
    let (trail_a, trail_b) = (&trail_a, &trail_b);
    let times: Vec<[Time; 2]> = match comparison.moments.as_slice() {
        [] => vec![[Time::MAX; 2]],
        moments => moments.iter().map(|moment| [moment.at_a, moment.at_b]).collect(),
    };
    let [until_a, until_b] = times.last().copied().unwrap_or_default();
    let from = same_until(a.marks(), b.marks());
    let pair = divergence::first([(&mut *a, until_a), (&mut *b, until_b)], from)?;
    let judge = Judge([Ledger::new(a.names(), trail_a), Ledger::new(b.names(), trail_b)]);
    let groups = comparison.groups.iter().zip(&times);
    let wanted = Wanted {
        moments: groups.map(|(changes, at)| judge.changes(changes, *at)).collect(),
        stretches: comparison.timeline.iter().map(|group| judge.stretches(group)).collect(),
        pair,
        parted: parted::first(
            Course { names: a.names(), trail: trail_a, until: until_a },
            Course { names: b.names(), trail: trail_b, until: until_b },
            from,
        ),
    };
    drop(judge);
    let [needed_a, needed_b] = wanted.needed([trail_a, trail_b]);
    let (told_a, told_b) =
        both(|| late::tell_all(a, trail_a, &needed_a, tell), || late::tell_all(b, trail_b, &needed_b, tell))?;
    Ok(wanted.tell(Both { trail: [trail_a, trail_b], told: [&told_a, &told_b] }))
}

/// Everything that is to be told, in numbers.
struct Wanted {
    moments: Vec<Vec<CountedChange>>,
    stretches: Vec<Vec<Counted>>,
    pair: Option<Pair>,
    parted: Option<Parted>,
}

impl Wanted {
    fn counted(&self) -> impl Iterator<Item = &Counted> {
        let changes = self.moments.iter().flatten();
        let of_moments = changes.flat_map(|change| change.groups.iter().flatten().chain(&change.rest));
        of_moments.chain(self.stretches.iter().flatten())
    }

    /// The numbers of the events that have to be looked up, in each log.
    fn needed(&self, trails: [&Trail; 2]) -> [BTreeSet<Seq>; 2] {
        let mut needed = [BTreeSet::new(), BTreeSet::new()];
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
        if let Some(Parted { a, b, .. }) = &self.parted {
            a.iter().for_each(|decided| want(0, decided.seq));
            b.iter().for_each(|decided| want(1, decided.seq));
        }
        needed
    }

    fn tell(&self, both: Both<'_>) -> Reasons {
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
        let decision = self.parted.as_ref().map(|Parted { daemon_set, node, a, b, .. }| DecisionDivergence {
            daemon_set: daemon_set.clone(),
            node: node.clone(),
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
    told: [&'t BTreeMap<Seq, Told>; 2],
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
        let (trail, all) = (self.trail[side as usize], self.told[side as usize]);
        let told = all.get(&seq)?.clone();
        let because = trail.cause(seq).map(|cause| Links::from(cause, |seq| trail.cause(seq)));
        let because = because.unwrap_or_default().tell(|seq| all.get(&seq).cloned());
        Some(Parting { told, because })
    }
}
