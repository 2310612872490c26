//! A scenario under way: rounds, phases and steps.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::book::Book;
use super::garbage::{Finalizer, Garbage};
use super::hashes;
use super::kubelet::Kubelets;
use super::record::{self, Round};
use super::rules::Rules;
use super::scheduler::Scheduler;
use crate::actors::daemonset::{DaemonSetController, Key, Settings, SyncOutcome};
use crate::conformance::loader::Loader;
use crate::conformance::objects;
use crate::names::Names;
use crate::sim::World;
use crate::time::{Micros, Time};

/// Rounds happen at multiples of this.
const TICK_MS: i64 = 10;
/// The kubelets' phase comes so much after a round's beginning.
const KUBELET_PHASE_MS: i64 = 2;
const CONTROLLER: usize = 0;
/// Who acts in which phase.
const PHASES: [&[usize]; 3] = [&[CONTROLLER], &[1], &[2, 3, 4]];

/// A scenario under way.
pub(super) struct Scenario {
    pub loader: Loader,
    pub book: Book,
    /// The nodes that exist, as they were last applied.
    pub nodes: BTreeMap<String, Value>,
    /// Counts updates of DaemonSets.
    pub updates: u64,
    /// The longest `advance` of the step.
    pub advance_ms: i64,
    outcomes: Receiver<(Key, SyncOutcome)>,
    start: Time,
    max_ms: i64,
    max_rounds: i64,
}

fn number(case: &Value, field: &str) -> Result<i64, String> {
    case.get(field).and_then(Value::as_i64).ok_or_else(|| format!("no {field}"))
}

fn list<'a>(case: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    case.get(field).and_then(Value::as_array).into_iter().flatten()
}

impl Scenario {
    /// Loads a scenario's objects.
    ///
    /// # Errors
    /// Says what in it cannot be read.
    pub fn load(case: &Value) -> Result<Scenario, String> {
        let start = Time::parse(objects::text(case, "/t0")).map_err(|e| e.to_string())?;
        let (sender, outcomes) = channel();
        let gc = number(case, "podGcAfterMs")?;
        let gc = (gc >= 0).then(|| Micros::millis(gc));
        let mut names = Names::new();
        let hashes = hashes::of(case, &mut names)?;
        let controller =
            DaemonSetController::new(Settings::unlimited()).observed_by(sender).with_hashes(hashes);
        let world = World::new(
            names,
            vec![
                Box::new(controller),
                Box::new(Scheduler::default()),
                Box::new(Garbage::default()),
                Box::new(Kubelets::new(Rules::read(case)?, gc)),
                Box::new(Finalizer::default()),
            ],
        );
        let mut scenario = Scenario {
            loader: Loader::new(world, start),
            book: Book::default(),
            nodes: BTreeMap::new(),
            updates: 0,
            advance_ms: 0,
            outcomes,
            start,
            max_ms: number(case, "maxMsPerStep")?,
            max_rounds: number(case, "maxRoundsPerStep")?,
        };
        for node in list(case, "nodes") {
            scenario.loader.node(node)?;
            scenario.nodes.insert(objects::name(node).to_owned(), node.clone());
        }
        for daemon_set in list(case, "daemonSets") {
            let object = scenario.loader.daemon_set(daemon_set)?;
            scenario.loader.status(object, daemon_set.get("status").unwrap_or(&Value::Null))?;
        }
        list(case, "controllerRevisions").try_for_each(|revision| scenario.loader.revision(revision))?;
        for pod in list(case, "pods") {
            let reference = objects::text(pod, "/ref");
            scenario.load_pod(reference, pod.get("pod").ok_or("a pod without pod")?)?;
        }
        scenario.take_note();
        Ok(scenario)
    }

    /// Plays all steps and gives what is to be compared with `expect`.
    ///
    /// # Errors
    /// Says which operation cannot be applied.
    pub fn play(&mut self, case: &Value) -> Result<Vec<Value>, String> {
        let mut at = 0;
        let mut played = vec![self.run(&mut at)?];
        for step in list(case, "steps") {
            self.advance_ms = 0;
            self.loader.now = self.time(at);
            for op in list(step, "ops") {
                self.apply(op)?;
            }
            self.take_note();
            played.push(self.run(&mut at)?);
        }
        Ok(played)
    }

    /// A moment of the scenario.
    fn time(&self, ms: i64) -> Time {
        self.start + Micros::millis(ms)
    }

    /// Tells the book what has happened.
    pub fn take_note(&mut self) {
        let world = &mut self.loader.world;
        world.changes.clear();
        for event in world.recorded.drain(..) {
            self.book.note(&event, &world.names, &world.cluster);
        }
    }

    /// Runs rounds from a time on until nothing more is to be done; the time is then where the next step begins.
    fn run(&mut self, at: &mut i64) -> Result<Value, String> {
        let (begin, mut ms) = (*at, *at);
        let limit = begin + self.max_ms.max(self.advance_ms);
        let (mut rounds, mut no_ops, mut executed) = (Vec::new(), 0, 0);
        let (reason, next_timer) = loop {
            let round = self.round(ms)?;
            executed += 1;
            let wrote = round.is_some();
            match round {
                Some(round) => rounds.push(round),
                None => no_ops += 1,
            }
            let queued = self.due(CONTROLLER) == Some(Time::MIN);
            let next = if wrote || queued { Some(ms + TICK_MS) } else { self.next_timer(ms) };
            match next {
                None => break ("quiescent", -1),
                Some(next) if next > limit && !(wrote || queued) => break ("horizon", next),
                Some(_) if executed >= self.max_rounds => break ("maxRounds", -1),
                Some(next) => ms = next,
            }
        };
        *at = (ms + TICK_MS).max(begin + self.advance_ms);
        let pods = record::pods(&self.loader.world, &self.book);
        let daemon_sets = record::daemon_sets(&self.loader.world);
        Ok(json!({
            "at": begin,
            "rounds": rounds,
            "noopRounds": no_ops,
            "end": *at,
            "reason": reason,
            "nextTimerAt": next_timer,
            "pods": pods,
            "daemonSets": daemon_sets,
        }))
    }

    fn due(&self, actor: usize) -> Option<Time> {
        self.loader.world.actors()[actor].due()
    }

    /// The first round after one that can serve a timer.
    fn next_timer(&self, ms: i64) -> Option<i64> {
        let serve = |due: Time, phase_ms: i64| {
            let due = ((due - self.start).0 + 999).div_euclid(1_000) - phase_ms;
            (due + TICK_MS - 1).div_euclid(TICK_MS) * TICK_MS
        };
        let kubelets = PHASES[2].iter().filter_map(|actor| self.due(*actor));
        let kubelets = kubelets.map(|due| serve(due, KUBELET_PHASE_MS));
        let controller = self.due(CONTROLLER).map(|due| serve(due, 0));
        kubelets.chain(controller).min().map(|round| round.max(ms + TICK_MS))
    }

    /// One round; `None` if nothing was written.
    fn round(&mut self, ms: i64) -> Result<Option<Value>, String> {
        let mut round = Round::default();
        for (phase, actors) in PHASES.iter().enumerate() {
            let now = self.time(ms + phase as i64);
            for &actor in *actors {
                let world = &mut self.loader.world;
                world.act(actor, now).map_err(|e| format!("{}: {e}", world.actors()[actor].name()))?;
                for (key, outcome) in self.outcomes.try_iter() {
                    round.sync(key, &outcome, &self.loader.world.names, &self.book);
                }
                for event in &self.loader.world.recorded {
                    round.event(event, &self.book);
                }
                self.take_note();
            }
        }
        Ok(round.finish(ms))
    }
}
