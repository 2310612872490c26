//! A synthetic trace, made as it is read.

use serde::{Deserialize, Serialize};

use super::churn::Churn;
use super::daemonsets::{DaemonSetMaker, Reach};
use super::failures::Failure;
use super::nodes::{NodeMaker, NodePools};
use super::random::Seed;
use super::schedule::{Rates, Schedule};
use crate::event::Event;
use crate::names::Names;
use crate::replay::{Source, SourceError};
use crate::time::{Micros, Time};

/// When synthetic traces begin: 2026-01-01T00:00:00Z.
pub const BEGIN: Time = Time(1_767_225_600_000_000);

/// How long after the nodes the DaemonSets come, and how long after those the changes.
const LEAD: Micros = Micros::seconds(60);

/// How many events are made at a time.
const BATCH: usize = 4096;

/// What a synthetic trace is to be like. The same spec gives the same trace, byte for byte, on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// Where all randomness comes from.
    pub seed: u64,
    /// How many nodes there are at first.
    pub nodes: u32,
    /// Which machines they are.
    pub pools: NodePools,
    /// How many DaemonSets there are.
    pub daemon_sets: u32,
    /// Another `maxUnavailable` for all of them: 10 % instead of what each kind of agent has.
    pub ten_percent: bool,
    /// How changes come.
    pub rates: Rates,
    /// How many changes there are; the trace ends with the last, or when `lasting_us` is over.
    pub changes: u64,
    /// How long after the first DaemonSet's arrival the trace ends; 0 for when its changes end.
    pub lasting_us: Micros,
    /// Recorded failures are replayed so many times as fast.
    pub speed: u32,
}

impl Default for Spec {
    fn default() -> Self {
        Spec {
            seed: 1,
            nodes: 100,
            pools: NodePools::default(),
            daemon_sets: 10,
            ten_percent: false,
            rates: Rates::default(),
            changes: 1_000,
            lasting_us: Micros::ZERO,
            speed: 1,
        }
    }
}

/// A trace that is made batch by batch: nodes join, DaemonSets are applied, and the cluster changes.
#[derive(Debug)]
pub struct Synth {
    spec: Spec,
    failures: std::iter::Peekable<std::vec::IntoIter<Failure>>,
    /// Made with the first batch, when the dictionary is there.
    making: Option<(Churn, Schedule)>,
    joined: u32,
    introduced: bool,
    changes: u64,
    /// When changes begin.
    begin: Time,
}

impl Synth {
    /// A trace with changes drawn by lot.
    pub fn new(spec: Spec) -> Synth {
        Synth::with_failures(spec, Vec::new())
    }

    /// As [`Synth::new`], with failures that were recorded: see [`super::read_failures`]. Machine n of the recording
    /// is node n of the cluster, modulo its size.
    pub fn with_failures(spec: Spec, failures: Vec<Failure>) -> Synth {
        Synth {
            spec,
            failures: failures.into_iter().peekable(),
            making: None,
            joined: 0,
            introduced: false,
            changes: 0,
            begin: BEGIN + LEAD,
        }
    }

    /// Adds the next events, about `BATCH` of them. Says whether there were any.
    pub fn next_batch(&mut self, names: &mut Names, out: &mut Vec<Event>) -> bool {
        let before = out.len();
        let spec = self.spec;
        let (mut churn, mut schedule) = self.making.take().unwrap_or_else(|| start(&spec, names));
        while out.len() - before < BATCH && self.step(&mut churn, &mut schedule, names, out) {}
        self.making = Some((churn, schedule));
        out.len() > before
    }

    /// Makes the next thing happen; false at the end.
    fn step(
        &mut self,
        churn: &mut Churn,
        schedule: &mut Schedule,
        names: &mut Names,
        out: &mut Vec<Event>,
    ) -> bool {
        if self.joined < self.spec.nodes {
            self.joined += 1;
            churn.found(BEGIN, names, out);
            return true;
        }
        if !self.introduced {
            self.introduced = true;
            self.begin = churn.introduce(BEGIN + LEAD, Micros::seconds(1), names, out) + LEAD;
            *schedule = Schedule::new(Seed(self.spec.seed), self.spec.rates, self.begin);
            return true;
        }
        self.change(churn, schedule, names, out)
    }

    fn change(
        &mut self,
        churn: &mut Churn,
        schedule: &mut Schedule,
        names: &mut Names,
        out: &mut Vec<Event>,
    ) -> bool {
        let (speed, begin) = (i64::from(self.spec.speed.max(1)), self.begin);
        let failed = self.failures.peek().map(|failure| begin + Micros(failure.after.0 / speed));
        let changed = schedule.peek().filter(|_| self.changes < self.spec.changes);
        let followed = churn.peek().filter(|_| changed.is_some() || failed.is_some());
        let Some(at) = [failed, followed, changed].into_iter().flatten().min() else { return false };
        let lasting = self.spec.lasting_us;
        if lasting > Micros::ZERO && at > BEGIN + LEAD + lasting {
            return false;
        }
        if failed == Some(at) {
            if let Some(failure) = self.failures.next() {
                churn.fail(at, &failure, names, out);
            }
        } else if followed == Some(at) {
            churn.follow_up(names, out);
        } else if let Some((at, process, ordinal)) = schedule.take() {
            self.changes += 1;
            churn.change(at, process, ordinal, names, out);
        }
        true
    }
}

/// The makers of a trace.
fn start(spec: &Spec, names: &mut Names) -> (Churn, Schedule) {
    let seed = Seed(spec.seed);
    let maker = NodeMaker::new(seed, spec.pools, spec.nodes, names);
    let daemon_sets = (0..spec.daemon_sets).map(|number| {
        let daemon_set = DaemonSetMaker::new(number, Reach::of(number), names);
        if spec.ten_percent { daemon_set.max_unavailable("10%") } else { daemon_set }
    });
    let daemon_sets = daemon_sets.collect();
    let churn = Churn::new(seed, maker, daemon_sets, !spec.rates.exact, names);
    (churn, Schedule::new(seed, spec.rates, BEGIN + LEAD))
}

impl Source for Synth {
    fn next(&mut self, names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError> {
        Ok(self.next_batch(names, events))
    }
}
