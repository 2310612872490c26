//! The workloads that kubetape's speed is measured with, by name.
//!
//! A [`Workload`] is a trace in two parts: a cluster is set up and comes to rest, which is not measured, and then
//! comes what is measured. Everything that follows from it is really computed: with [`settings`], schedulers and
//! kubelets take no time, and everything else is as shipped (250 pods a sync).
//!
//! The churn presets keep exactly to their mix: of 20 changes 14 are labels (7 on keys that nothing mentions, 7 on keys
//! that 21 of the 30 DaemonSets select on, each of them for another value), 2 are taints (half of them NoExecute;
//! only agents that tolerate everything tolerate them), 2 are cordons, 1 is a join or leave and 1 a condition; after
//! every 10,000 changes one DaemonSet gets a new template.

use super::churn::Churn;
use super::daemonsets::{DaemonSetMaker, Reach, SWITCH_KEY};
use super::nodes::{LabelSet, NodeMaker, NodePools, UNMENTIONED_KEYS};
use super::random::{Purpose, Seed};
use super::schedule::{Process, Rates, Schedule};
use super::trace::BEGIN;
use crate::event::{Body, Event, Track};
use crate::names::{Names, NodeId};
use crate::replay::{Plan, Settings, Source, SourceError, Until};
use crate::time::{Micros, Time};

/// A workload by name.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The name: `churn-5k`.
    pub name: &'static str,
    /// What it measures, in a line.
    pub about: &'static str,
    /// How many nodes there are at full scale.
    pub nodes: u32,
    /// How many DaemonSets there are, at every scale.
    pub daemon_sets: u32,
    /// How many events come from outside while it is measured, at full scale; 0 for one a DaemonSet.
    pub events: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rollout,
    RollingUpdate,
    Switch,
    Unmentioned,
    Churn,
}

const fn preset(
    name: &'static str,
    kind: Kind,
    nodes: u32,
    daemon_sets: u32,
    events: u32,
    about: &'static str,
) -> Preset {
    Preset { name, about, nodes, daemon_sets, events, kind }
}

/// All presets, in the order in which they are listed and run.
pub const PRESETS: [Preset; 9] = [
    preset(
        "rollout-5k",
        Kind::Rollout,
        5_000,
        1,
        0,
        "5,000 nodes, 1 DaemonSet: initial rollout until all Ready",
    ),
    preset(
        "rollout-20k",
        Kind::Rollout,
        20_000,
        1,
        0,
        "20,000 nodes, 1 DaemonSet: initial rollout until all Ready",
    ),
    preset(
        "rolling-update-5k",
        Kind::RollingUpdate,
        5_000,
        1,
        0,
        "5,000 nodes, 1 DaemonSet: rolling update with maxUnavailable 10%",
    ),
    preset(
        "label-5k",
        Kind::Switch,
        5_000,
        10,
        20_000,
        "5,000 nodes, 10 DaemonSets: a label puts one on a node and off again, with bind, ready and status",
    ),
    preset(
        "unmentioned-label",
        Kind::Unmentioned,
        5_000,
        10,
        1_000_000,
        "5,000 nodes, 10 DaemonSets: labels on keys that nothing mentions",
    ),
    preset(
        "churn-1k",
        Kind::Churn,
        1_000,
        30,
        1_000_000,
        "1,000 nodes, 30 DaemonSets: mixed churn and rollouts",
    ),
    preset(
        "churn-5k",
        Kind::Churn,
        5_000,
        30,
        1_000_000,
        "5,000 nodes, 30 DaemonSets: mixed churn and rollouts",
    ),
    preset(
        "churn-100k",
        Kind::Churn,
        100_000,
        30,
        1_000_000,
        "100,000 nodes, 30 DaemonSets: mixed churn and rollouts",
    ),
    preset(
        "rollout-1m",
        Kind::Rollout,
        1_000_000,
        10,
        0,
        "1,000,000 nodes, 10 DaemonSets: initial rollout until all Ready",
    ),
];

/// The preset of a name.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// How the actors behave: schedulers and kubelets take no time, and the controller may write as fast as it can; it
/// still creates or deletes at most 250 pods in one go.
pub fn settings() -> Settings {
    Settings::instant()
}

/// What a workload is replayed with: everything simulated, until the last event's last consequence at its moment.
pub fn plan() -> Plan {
    Plan { until: Until::End, settings: settings(), story: false, ..Plan::default() }
}

/// How much smaller than a preset a workload is, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(pub u32);

impl Scale {
    /// As large as the preset says.
    pub const FULL: Scale = Scale(1_000_000);

    /// A number made smaller, but not below a least.
    fn of(self, number: u32, least: u32) -> u32 {
        let scaled = u64::from(number) * u64::from(self.0) / u64::from(Scale::FULL.0);
        u32::try_from(scaled).unwrap_or(u32::MAX).max(least.min(number))
    }
}

/// Which part of a workload comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nodes join.
    Nodes,
    /// DaemonSets are applied whose rollout is not measured.
    DaemonSets,
    /// One event that changes nothing, long after the rest: when it has been played, the cluster has come to rest.
    Marker,
    /// What is measured.
    Measured,
    /// Nothing.
    End,
}

/// A preset's trace.
#[derive(Debug)]
pub struct Workload {
    preset: Preset,
    scale: Scale,
    seed: Seed,
    stage: Stage,
    making: Option<Churn>,
    joined: Vec<NodeId>,
    measured: Vec<Event>,
    /// How many of them were given out.
    given: usize,
    input_events: u64,
    at: Time,
}

/// How many events are handed out at a time, as a reader of a log would.
const BATCH: usize = 4096;

impl Workload {
    /// A preset's trace at a scale, from a seed.
    pub fn new(preset: &Preset, scale: Scale, seed: u64) -> Workload {
        Workload {
            preset: *preset,
            scale,
            seed: Seed(seed),
            stage: Stage::Nodes,
            making: None,
            joined: Vec::new(),
            measured: Vec::new(),
            given: 0,
            input_events: 0,
            at: BEGIN,
        }
    }

    /// What the next batch will be. When that is [`Stage::Measured`] for the first time, the cluster is at rest: the
    /// moment to start the clock.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// How many events of the measured part there are; 0 before it was made.
    pub fn input_events(&self) -> u64 {
        self.input_events
    }

    /// The time of the last event that is not measured, once it was given out.
    pub fn marker(&self) -> Time {
        self.at
    }

    /// Adds the next events. Says whether there were any.
    pub fn next_batch(&mut self, names: &mut Names, out: &mut Vec<Event>) -> bool {
        match self.stage {
            Stage::Nodes => self.nodes(names, out),
            Stage::DaemonSets => {
                if let Some(churn) = &self.making {
                    self.at = churn.introduce(self.at + Micros::seconds(60), Micros::seconds(1), names, out);
                }
                self.stage = Stage::Marker;
            }
            Stage::Marker => {
                // Pods of nodes that left, and whatever else waits, is done with in ten minutes.
                self.at = self.at + Micros::seconds(600);
                let Some(&node) = self.joined.first() else { return false };
                out.push(Event::new(self.at, Track::Cluster, Body::NodeUncordoned { node }));
                let measured = self.measure(names);
                self.input_events = measured.len() as u64;
                self.measured = measured;
                self.stage = if self.input_events == 0 { Stage::End } else { Stage::Measured };
            }
            Stage::Measured => {
                let end = self.measured.len().min(self.given + BATCH);
                out.extend_from_slice(&self.measured[self.given..end]);
                self.given = end;
                if end == self.measured.len() {
                    self.stage = Stage::End;
                }
            }
            Stage::End => return false,
        }
        true
    }

    /// How many nodes there are to be.
    fn nodes_wanted(&self) -> u32 {
        self.scale.of(self.preset.nodes, 20)
    }

    fn nodes(&mut self, names: &mut Names, out: &mut Vec<Event>) {
        let count = self.nodes_wanted() as usize;
        let mut churn = self.making.take().unwrap_or_else(|| self.start(names));
        let begin = out.len();
        while self.joined.len() < count && out.len() - begin < BATCH {
            churn.found(BEGIN, names, out);
            self.joined.extend(out.last().and_then(|event| event.body.node()));
        }
        if self.joined.len() == count {
            let rollout = self.preset.kind == Kind::Rollout;
            self.stage = if rollout { Stage::Marker } else { Stage::DaemonSets };
        }
        self.making = Some(churn);
    }

    fn start(&self, names: &mut Names) -> Churn {
        let lean = self.preset.nodes > 100_000;
        let labels = if lean { LabelSet::Lean } else { LabelSet::Full };
        let maker = NodeMaker::new(
            self.seed,
            NodePools { labels, ..NodePools::default() },
            self.nodes_wanted(),
            names,
        );
        let daemon_sets = (0..self.preset.daemon_sets).map(|number| {
            let reach = match self.preset.kind {
                Kind::Churn => Reach::of(number),
                Kind::Switch if number + 1 == self.preset.daemon_sets => Reach::Switched,
                _ => Reach::All,
            };
            DaemonSetMaker::new(number, reach, names).max_unavailable("10%")
        });
        let daemon_sets = daemon_sets.collect();
        Churn::new(self.seed, maker, daemon_sets, false, names)
    }

    /// Makes what is measured.
    fn measure(&mut self, names: &mut Names) -> Vec<Event> {
        let Some(mut churn) = self.making.take() else { return Vec::new() };
        let (begin, mut events) = (self.at + Micros::seconds(1), Vec::new());
        let count = self.scale.of(self.preset.events, 100);
        match self.preset.kind {
            Kind::Rollout => {
                churn.introduce(begin, Micros::ZERO, names, &mut events);
            }
            Kind::RollingUpdate => churn.change(begin, Process::Rollout, 0, names, &mut events),
            Kind::Switch => self.switches(begin, count, names, &mut events),
            Kind::Unmentioned => self.unmentioned(begin, count, names, &mut events),
            Kind::Churn => {
                // A million changes a day.
                let rates = Rates { every_us: Micros::millis(86), exact: true, ..Rates::default() };
                let mut schedule = Schedule::new(self.seed, rates, begin);
                while events.len() < count as usize {
                    let Some((at, process, ordinal)) = schedule.take() else { break };
                    churn.change(at, process, ordinal, names, &mut events);
                }
            }
        }
        events
    }

    /// A label that one DaemonSet selects on: on one node after the other, on and off.
    fn switches(&self, begin: Time, count: u32, names: &mut Names, events: &mut Vec<Event>) {
        let (key, value) = (names.sym(SWITCH_KEY), names.sym("true"));
        for number in 0..i64::from(count) {
            let at = begin + Micros::millis(10 * number);
            let draw = self.seed.draw(Purpose::Victim, 0, (number / 2).unsigned_abs());
            let node = self.joined[draw.below(self.joined.len())];
            let body = match number % 2 {
                0 => Body::NodeLabelSet { node, key, value },
                _ => Body::NodeLabelRemoved { node, key },
            };
            events.push(Event::new(at, Track::Cluster, body));
        }
    }

    fn unmentioned(&self, begin: Time, count: u32, names: &mut Names, events: &mut Vec<Event>) {
        let keys = UNMENTIONED_KEYS.map(|key| names.sym(key));
        let values: Vec<_> = (0..1_000).map(|n| names.sym(&format!("r{n}"))).collect();
        events.reserve(count as usize);
        for number in 0..i64::from(count) {
            let draw = |purpose| self.seed.draw(purpose, 1, number.unsigned_abs());
            let node = self.joined[draw(Purpose::Victim).below(self.joined.len())];
            let key = keys[draw(Purpose::Key).below(keys.len())];
            let value = values[draw(Purpose::Value).below(values.len())];
            let body = Body::NodeLabelSet { node, key, value };
            events.push(Event::new(begin + Micros::millis(number), Track::Cluster, body));
        }
    }
}

impl Source for Workload {
    fn next(&mut self, names: &mut Names, events: &mut Vec<Event>) -> Result<bool, SourceError> {
        Ok(self.next_batch(names, events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::daemonset::DaemonSetController;
    use crate::log::Identity;
    use crate::replay::replay;
    use crate::sim::Actor;

    /// Runs a preset at a scale; gives the run's digest, its events and its pods.
    fn run(preset: &Preset, scale: Scale) -> (String, u64, usize) {
        run_as(preset, scale, plan())
    }

    fn run_as(preset: &Preset, scale: Scale, plan: Plan) -> (String, u64, usize) {
        let mut workload = Workload::new(preset, scale, 1);
        let mut identity = Identity::new();
        let (world, summary) = replay(&mut workload, plan, &mut identity, &mut |_, _| {}).unwrap();
        assert_eq!(summary.misfits, crate::replay::Misfits::default(), "{}", preset.name);
        assert!(workload.input_events() > 0);
        for (object, _) in world.cluster.daemon_sets() {
            assert_eq!(object.status.observed_generation, object.generation);
        }
        (identity.digest().to_string(), summary.event_count(), world.cluster.pod_count())
    }

    /// The digests of all presets, made small. Whatever makes the engine faster must not change them.
    #[test]
    fn presets_made_small_give_the_same_runs_as_ever() {
        let expected: [(&str, u32, &str); 9] = [
            ("rollout-5k", 100_000, "981dd75b352ef21d60ec881216d9fec1"),
            ("rollout-20k", 20_000, "91d6502f066aa39160f7ecadfdf98bd9"),
            ("rolling-update-5k", 100_000, "a576cda6efec7822cad38eb37ac34361"),
            ("label-5k", 20_000, "7dd98736f0bc3f399ef755cef1421d2f"),
            ("unmentioned-label", 2_000, "d8a61397ff859b40d1ab781c1ceb6189"),
            ("churn-1k", 3_000, "41aa926f3828325a48bc6e21874a6490"),
            ("churn-5k", 5_000, "6696ec379778eb1578cc7a4eeeb6c777"),
            ("churn-100k", 1_000, "173a581e3d7f31ea9c8ee2dfbe9c6244"),
            ("rollout-1m", 300, "e3a5ff3e20dd7fac099d28c00e60bbbc"),
        ];
        let found = expected.map(|(name, scale, _)| (name, scale, run(find(name).unwrap(), Scale(scale)).0));
        let found = found.each_ref().map(|(name, scale, digest)| (*name, *scale, digest.as_str()));
        assert_eq!(found, expected);
    }

    /// The reference: a controller that looks at every node in every sync.
    fn full_pass() -> Plan {
        let replace = |actor: Box<dyn Actor>| -> Box<dyn Actor> {
            match actor.name() {
                "daemonset-controller" => Box::new(DaemonSetController::full_pass(settings().daemon_set)),
                _ => actor,
            }
        };
        Plan { wrap: Some(Box::new(replace)), ..plan() }
    }

    #[test]
    fn every_preset_is_the_same_run_for_a_controller_that_looks_at_everything() {
        for preset in &PRESETS {
            // As large as a second allows.
            let nodes = if preset.kind == Kind::Churn { 40 } else { 400 };
            let scale = Scale((nodes * Scale::FULL.0).div_ceil(preset.nodes).min(20_000));
            let (digest, events, pods) = run(preset, scale);
            assert!(events > 200 && pods > 0, "{}: {events} events, {pods} pods", preset.name);
            assert_eq!(run_as(preset, scale, full_pass()).0, digest, "{}", preset.name);
        }
    }

    #[test]
    fn a_rollout_ends_with_a_pod_on_every_node() {
        let (_, events, pods) = run(find("rollout-5k").unwrap(), Scale(20_000));
        assert_eq!(pods, 100);
        assert!(events > 600, "{events}");
    }

    #[test]
    fn churn_has_at_least_five_consequences_an_event() {
        let preset = find("churn-1k").unwrap();
        let scale = Scale(10_000);
        let mut workload = Workload::new(preset, scale, 1);
        let mut counted = Counted { after: Time::MAX, input: 0, derived: 0 };
        let mut names = Names::new();
        let mut events = Vec::new();
        while workload.next_batch(&mut names, &mut events) {}
        counted.after = workload.marker();
        replay(&mut Workload::new(preset, scale, 1), plan(), &mut counted, &mut |_, _| {}).unwrap();
        assert_eq!(counted.input, workload.input_events());
        assert!(counted.derived >= 5 * counted.input, "{} of {}", counted.derived, counted.input);
    }

    struct Counted {
        after: Time,
        input: u64,
        derived: u64,
    }

    impl crate::replay::Sink for Counted {
        fn write(&mut self, _names: &Names, events: &[Event]) -> Result<(), SourceError> {
            let measured = events.iter().filter(|event| event.at > self.after);
            for event in measured {
                match event.track {
                    Track::Cluster | Track::User => self.input += 1,
                    _ => self.derived += 1,
                }
            }
            Ok(())
        }
    }
}
