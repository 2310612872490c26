//! When what kind of thing happens next.

use serde::{Deserialize, Serialize};

use super::random::{Purpose, Seed};
use crate::time::{Micros, Time};

/// A kind of change to a cluster from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Process {
    /// A label that DaemonSets select on gets another value.
    SelectedLabel = 0,
    /// A label that no DaemonSet mentions gets another value.
    UnmentionedLabel = 1,
    /// A taint comes or goes.
    Taint = 2,
    /// A node is cordoned or uncordoned.
    Cordon = 3,
    /// A node leaves or joins.
    Membership = 4,
    /// A condition changes.
    Condition = 5,
    /// A DaemonSet gets a new template.
    Rollout = 6,
    /// A zone loses its spot nodes at once.
    SpotLoss = 7,
}

impl Process {
    const ALL: [Process; 8] = [
        Process::SelectedLabel,
        Process::UnmentionedLabel,
        Process::Taint,
        Process::Cordon,
        Process::Membership,
        Process::Condition,
        Process::Rollout,
        Process::SpotLoss,
    ];
}

/// How much there is of what: shares of all changes to nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// Labels that DaemonSets select on.
    pub selected_labels: u32,
    /// Labels that none mentions.
    pub unmentioned_labels: u32,
    /// Taints; half of them NoExecute.
    pub taints: u32,
    /// Cordons and uncordons.
    pub cordons: u32,
    /// Joins and leaves.
    pub membership: u32,
    /// Conditions.
    pub conditions: u32,
}

/// 70 % labels, half of them mentioned; 10 % taints; 10 % cordons; 5 % joins and leaves; 5 % conditions.
impl Default for Mix {
    fn default() -> Self {
        Mix { selected_labels: 7, unmentioned_labels: 7, taints: 2, cordons: 2, membership: 1, conditions: 1 }
    }
}

impl Mix {
    fn weights(self) -> [u32; 6] {
        [
            self.selected_labels,
            self.unmentioned_labels,
            self.taints,
            self.cordons,
            self.membership,
            self.conditions,
        ]
    }
}

/// How changes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// The mean time between two changes to nodes.
    pub every_us: Micros,
    /// What they are.
    pub mix: Mix,
    /// Every round of changes keeps exactly to the mix, in an order drawn anew. Otherwise every kind of change is a
    /// Poisson process of its own, which no other rate disturbs.
    pub exact: bool,
    /// How many changes to nodes there are to one rollout; 0 for none at all.
    pub changes_per_rollout: u32,
    /// The mean time between two losses of a zone's spot nodes; 0 for none at all.
    pub spot_loss_every_us: Micros,
}

impl Default for Rates {
    fn default() -> Self {
        Rates {
            every_us: Micros::millis(500),
            mix: Mix::default(),
            exact: false,
            changes_per_rollout: 10_000,
            spot_loss_every_us: Micros::ZERO,
        }
    }
}

/// The times of changes, in order.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    seed: Seed,
    rates: Rates,
    /// The next event of each process: when, and how many it had before.
    next: [(Option<Time>, u64); Process::ALL.len()],
    /// An exact mix: the next change to a node, and how many there were before.
    change: (Time, u64),
    /// The round's kinds that are left, the next one last.
    round: Vec<Process>,
}

impl Schedule {
    pub fn new(seed: Seed, rates: Rates, begin: Time) -> Schedule {
        let mut schedule = Schedule {
            seed,
            rates,
            next: [(None, 0); Process::ALL.len()],
            change: (begin, 0),
            round: Vec::new(),
        };
        for process in Process::ALL {
            schedule.next[process as usize].0 = schedule.after(process, begin, 0);
        }
        schedule.change.0 = begin + schedule.gap(0);
        schedule
    }

    /// The time of the next change, if there is ever one.
    pub fn peek(&self) -> Option<Time> {
        let change = (self.rates.exact && self.total() > 0).then_some(self.change.0);
        self.next.iter().filter_map(|(at, _)| *at).chain(change).min()
    }

    /// The next change: when, what, and how many of the kind there were before.
    pub fn take(&mut self) -> Option<(Time, Process, u64)> {
        let at = self.peek()?;
        if self.rates.exact && self.change.0 == at && self.total() > 0 {
            return Some(self.take_exact());
        }
        let process = Process::ALL.into_iter().find(|process| self.next[*process as usize].0 == Some(at))?;
        let ordinal = self.next[process as usize].1;
        self.next[process as usize] = (self.after(process, at, ordinal + 1), ordinal + 1);
        Some((at, process, ordinal))
    }

    fn take_exact(&mut self) -> (Time, Process, u64) {
        let (at, number) = self.change;
        if number.is_multiple_of(self.total()) {
            self.deal(number / self.total());
        }
        self.change = (at + self.gap(number + 1), number + 1);
        let process = self.round.pop().unwrap_or(Process::UnmentionedLabel);
        let ordinal = self.next[process as usize].1;
        self.next[process as usize].1 += 1;
        // The rollout comes with the change that completes its number of changes, right after it.
        let per_rollout = u64::from(self.rates.changes_per_rollout);
        if per_rollout > 0 && (number + 1).is_multiple_of(per_rollout) {
            self.next[Process::Rollout as usize].0 = Some(at);
        }
        (at, process, ordinal)
    }

    /// Shuffles the kinds of a round.
    fn deal(&mut self, round: u64) {
        let weights = self.rates.mix.weights().into_iter();
        let kinds = Process::ALL.into_iter().zip(weights);
        self.round = kinds.flat_map(|(process, weight)| (0..weight).map(move |_| process)).collect();
        for last in (1..self.round.len()).rev() {
            let other = self.seed.draw(Purpose::Round, round, last as u64).below(last + 1);
            self.round.swap(last, other);
        }
    }

    fn total(&self) -> u64 {
        self.rates.mix.weights().into_iter().map(u64::from).sum()
    }

    fn gap(&self, number: u64) -> Micros {
        self.seed.draw(Purpose::Gap, u64::MAX, number).exponential(self.rates.every_us)
    }

    /// When a process of its own has its n-th event, if it is one.
    fn after(&self, process: Process, at: Time, ordinal: u64) -> Option<Time> {
        let every = self.rates.every_us.0;
        let mean = match process {
            Process::SpotLoss => self.rates.spot_loss_every_us,
            _ if self.rates.exact => return None,
            Process::Rollout => Micros(every.saturating_mul(i64::from(self.rates.changes_per_rollout))),
            _ => match self.rates.mix.weights()[process as usize] {
                0 => return None,
                weight => Micros(every.saturating_mul(self.total() as i64) / i64::from(weight)),
            },
        };
        let gap = self.seed.draw(Purpose::Gap, process as u64, ordinal).exponential(mean);
        (mean > Micros::ZERO).then(|| at + gap)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn taken(rates: Rates, count: usize) -> Vec<(Time, Process, u64)> {
        let mut schedule = Schedule::new(Seed(9), rates, Time(0));
        (0..count).map(|_| schedule.take().unwrap()).collect()
    }

    #[test]
    fn an_exact_mix_is_exact_and_rollouts_come_in_time() {
        let rates = Rates { exact: true, changes_per_rollout: 100, ..Rates::default() };
        let taken = taken(rates, 2_020);
        let mut counts: BTreeMap<Process, usize> = BTreeMap::new();
        taken.iter().for_each(|(_, process, _)| *counts.entry(*process).or_default() += 1);
        let expected = [
            (Process::SelectedLabel, 700),
            (Process::UnmentionedLabel, 700),
            (Process::Taint, 200),
            (Process::Cordon, 200),
            (Process::Membership, 100),
            (Process::Condition, 100),
            (Process::Rollout, 20),
        ];
        assert_eq!(counts, expected.into());
        assert!(taken.is_sorted_by_key(|(at, ..)| *at));
        let mean = taken.last().unwrap().0.0 / 2_000;
        assert!((400_000..600_000).contains(&mean), "{mean}");
    }

    #[test]
    fn another_rate_for_one_process_moves_no_other() {
        let others = |taints| {
            let mix = Mix { taints, ..Mix::default() };
            // The mean of all changes together is scaled so that the others keep their rates.
            let total = i64::from(18 + taints);
            let rates = Rates { every_us: Micros(20_000_000 / total), mix, ..Rates::default() };
            let mut others = taken(Rates { changes_per_rollout: 0, ..rates }, 2_000);
            others.retain(|(_, process, _)| *process == Process::Cordon);
            others.truncate(50);
            others
        };
        let (few, many) = (others(2), others(6));
        for (a, b) in few.iter().zip(&many) {
            assert_eq!((a.1, a.2), (b.1, b.2));
            // Means are whole microseconds, so that a time may be off by their rounding.
            assert!((a.0.0 - b.0.0).abs() < 1_000, "{a:?} {b:?}");
        }
    }
}
