//! Drains under way: the part of `kubectl drain` that takes time, and the API server's answers to its evictions.
//!
//! A person asks for a drain once (track `user`); what follows is here. kubectl asks for an eviction again every 5 s for
//! as long as the API server says 429. The answer depends on the cluster alone, so it is asked again at the first of
//! those moments at which it can be another one, and a drain that waits for ever keeps nobody awake.

use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, Pod};
use crate::disruption::{Budgets, Verdict};
use crate::drain::{DrainOptions, aggregate};
use crate::event::{Body, Event, Kind, Kinds, Track, Why};
use crate::names::{DocId, Names, NodeId, PodId, Seq};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

/// How long kubectl waits after a 429.
pub const RETRY: Micros = Micros::seconds(5);
/// How often kubectl looks whether an evicted pod is gone.
pub const POLL: Micros = Micros::seconds(1);

/// The drains that are under way.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Drains {
    /// Asked for and not begun.
    requested: Vec<Request>,
    running: Vec<Drain>,
    now: Time,
}

/// Nodes that one command names are asked for at one moment, and drained one after the other.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Request {
    node: NodeId,
    options: DocId,
    seq: Seq,
    at: Time,
}

#[derive(Debug, Serialize, Deserialize)]
struct Drain {
    node: NodeId,
    /// The event that asked for it, and when.
    request: Seq,
    asked_at: Time,
    timeout_s: Option<u32>,
    deadline: Option<Time>,
    grace_s: Option<u32>,
    evicts: bool,
    targets: Vec<Target>,
}

/// A pod that is to go.
#[derive(Debug, Serialize, Deserialize)]
struct Target {
    pod: PodId,
    /// Which of the slot's pods it is.
    made: Seq,
    /// `web-0`, and its namespace, for messages.
    name: String,
    namespace: String,
    step: Step,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Step {
    /// Its eviction was last asked for at `asked` and refused with `said`; it is asked for again at `next`, which is
    /// known once something has happened that may change the answer.
    Asking { asked: Option<Time>, next: Option<Time>, said: Option<String> },
    /// It was told to go at `since`; at `seen` kubectl finds that it is gone.
    Going { since: Time, seen: Option<Time> },
    /// It is gone.
    Done,
    /// kubectl has given it up, with an error.
    Failed(String),
}

impl Drains {
    /// No drain.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first request that nothing of the same command is before.
    fn next_request(&self) -> Option<usize> {
        let busy = |at: Time| self.running.iter().any(|drain| drain.asked_at == at);
        self.requested.iter().position(|request| !busy(request.at))
    }

    fn begin(context: &mut Context<'_>, request: Request) -> Option<Drain> {
        let Request { node, options, seq: request, at: asked_at } = request;
        let options = DrainOptions::of(context.names.doc_text(options));
        let selection = options.select(context.cluster, context.names, node);
        if !selection.errors.is_empty() {
            let message = context.names.sym(&aggregate(&selection.errors));
            context.emit(Track::Lifecycle, request, Body::DrainEnded { node, message });
            return None;
        }
        let (cluster, names) = (context.cluster, &*context.names);
        let target = |id: PodId| {
            let pod = cluster.pod(id)?;
            let (name, namespace) = (cluster.pod_name(id, names), names.text(pod.namespace).to_owned());
            let step = Step::Asking { asked: None, next: Some(context.now), said: None };
            Some(Target { pod: id, made: pod.made, name, namespace, step })
        };
        let deadline = options.timeout_seconds.map(|s| context.now + Micros::seconds(i64::from(s)));
        Some(Drain {
            node,
            request,
            asked_at,
            timeout_s: options.timeout_seconds,
            deadline,
            grace_s: options.grace_period_seconds,
            evicts: !options.disable_eviction,
            targets: selection.pods.into_iter().filter_map(target).collect(),
        })
    }
}

impl Drain {
    fn due(&self) -> Option<Time> {
        let next = self.targets.iter().filter_map(|target| match target.step {
            Step::Asking { next, .. } => next,
            Step::Going { seen, .. } => seen,
            Step::Done | Step::Failed(_) => None,
        });
        next.chain(self.deadline).min()
    }

    /// Does what is due. Says whether the drain is over.
    fn go_on(&mut self, context: &mut Context<'_>, budgets: &mut Budgets) -> bool {
        let now = context.now;
        let expired = self.deadline.is_some_and(|deadline| deadline <= now);
        let (request, grace_s, evicts) = (self.request, self.grace_s, self.evicts);
        for target in &mut self.targets {
            match target.step {
                Step::Going { seen: Some(seen), .. } if seen <= now => target.step = Step::Done,
                Step::Asking { next: Some(next), .. } if next <= now && !expired => {
                    target.ask(context, budgets, request, grace_s, evicts);
                }
                _ => {}
            }
            if expired && let Some(timeout_s) = self.timeout_s {
                target.give_up(timeout_s, evicts);
            }
        }
        let over = self.targets.iter().all(|target| matches!(target.step, Step::Done | Step::Failed(_)));
        if over {
            let failures: Vec<_> = self.targets.iter().filter_map(Target::failure).collect();
            let message = if failures.is_empty() { String::new() } else { aggregate(&failures) };
            let message = context.names.sym(&message);
            context.emit(Track::Lifecycle, request, Body::DrainEnded { node: self.node, message });
        }
        over
    }
}

impl Target {
    fn failure(&self) -> Option<String> {
        match &self.step {
            Step::Failed(message) => Some(message.clone()),
            _ => None,
        }
    }

    fn present(&self, cluster: &Cluster) -> Option<Pod> {
        cluster.pod(self.pod).filter(|pod| !pod.gone && pod.made == self.made)
    }

    /// Asks for the pod's eviction, or deletes it.
    fn ask(
        &mut self,
        context: &mut Context<'_>,
        budgets: &mut Budgets,
        request: Seq,
        grace_s: Option<u32>,
        evicts: bool,
    ) {
        let (cluster, now) = (context.cluster, context.now);
        let Some(pod) = self.present(cluster) else {
            self.step = Step::Done;
            return;
        };
        let verdict = match evicts {
            true => budgets.ask(cluster, context.names, self.pod),
            false => Verdict::Granted,
        };
        match verdict {
            Verdict::Granted => {
                self.step = Step::Going { since: now, seen: None };
                if !pod.terminating() {
                    match evicts {
                        true => {
                            context.disrupt_pod(Track::Lifecycle, request, self.pod, Why::Evicted, grace_s);
                        }
                        false => context.delete_pod(Track::Lifecycle, request, self.pod, Why::User, grace_s),
                    }
                }
            }
            Verdict::NotNow(message) => {
                let said = match &mut self.step {
                    Step::Asking { said, .. } => said.take(),
                    _ => None,
                };
                if said.as_ref() != Some(&message) {
                    self.refuse(context, request, &message);
                }
                self.step = Step::Asking { asked: Some(now), next: None, said: Some(message) };
            }
            Verdict::Never(message) => {
                self.refuse(context, request, &message);
                let (name, namespace) = (&self.name, &self.namespace);
                self.step =
                    Step::Failed(format!("error when evicting pods/{name:?} -n {namespace:?}: {message}"));
            }
        }
    }

    fn refuse(&self, context: &mut Context<'_>, request: Seq, message: &str) {
        let (pod, message) = (self.pod, context.names.sym(message));
        context.emit(Track::Lifecycle, request, Body::EvictionRefused { pod, message });
    }

    fn give_up(&mut self, timeout_s: u32, evicts: bool) {
        let (name, namespace) = (&self.name, &self.namespace);
        let timeout = go_duration(timeout_s);
        match self.step {
            Step::Asking { .. } if evicts => {
                self.step = Step::Failed(format!(
                    "error when evicting pods/{name:?} -n {namespace:?}: global timeout reached: {timeout}"
                ));
            }
            Step::Asking { .. } | Step::Going { .. } => {
                self.step = Step::Failed(format!(
                    "error when waiting for pod {name:?} in namespace {namespace:?} to terminate: global timeout \
                     reached: {timeout}"
                ));
            }
            Step::Done | Step::Failed(_) => {}
        }
    }

    /// Takes note that something happened that may change what is known of the pod.
    fn stir(&mut self, now: Time, gone: Option<PodId>) {
        match &mut self.step {
            Step::Asking { asked: Some(asked), next: next @ None, .. } => {
                *next = Some(grid(*asked, RETRY, now).max(*asked + RETRY));
            }
            Step::Going { since, seen: seen @ None } if gone == Some(self.pod) => {
                *seen = Some(grid(*since, POLL, now));
            }
            _ => {}
        }
    }
}

/// The first of the moments `start`, `start + step`, `start + 2 step` … that is not before another.
fn grid(start: Time, step: Micros, not_before: Time) -> Time {
    let steps = ((not_before - start).0.max(0) + step.0 - 1).div_euclid(step.0);
    start + Micros(steps * step.0)
}

/// A whole number of seconds as Go prints a duration.
fn go_duration(seconds: u32) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

impl Actor for Drains {
    fn name(&self) -> &'static str {
        "drains"
    }

    /// Pods' events give a drain another chance, nodes' do not.
    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[
            Kind::DrainRequested,
            Kind::Applied,
            Kind::Scaled,
            Kind::DeleteRequested,
            Kind::ObjectRemoved,
            Kind::RolloutUndone,
            Kind::StatusWritten,
        ])
        .with(Kinds::CHANGES_OF_PODS);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, _cluster: &Cluster, _names: &Names) {
        self.now = event.at;
        if let Body::DrainRequested { node, options } = event.body {
            self.requested.push(Request { node, options, seq, at: event.at });
        }
        if !change.effective || self.running.is_empty() {
            return;
        }
        let gone = match event.body {
            Body::PodGone { pod } => Some(pod),
            _ => None,
        };
        for target in self.running.iter_mut().flat_map(|drain| &mut drain.targets) {
            target.stir(event.at, gone);
        }
    }

    fn due(&self) -> Option<Time> {
        if self.requested.is_empty() && self.running.is_empty() {
            return None;
        }
        let requested = self.next_request().map(|_| self.now);
        self.running.iter().filter_map(Drain::due).chain(requested).min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        while let Some(next) = self.next_request() {
            let request = self.requested.remove(next);
            self.running.extend(Self::begin(context, request));
        }
        let mut budgets = Budgets::default();
        self.running.retain_mut(|drain| {
            // One that has begun without a pod is over at once.
            let due = drain.targets.is_empty() || drain.due().is_some_and(|due| due <= context.now);
            !(due && drain.go_on(context, &mut budgets))
        });
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        *self = unpack(saved)?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "drains_tests.rs"]
mod tests;
