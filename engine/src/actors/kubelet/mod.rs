//! The nodes' kubelets: pods start some time after they are bound, and stop some time after they are deleted.
//!
//! In between their containers may crash and be restarted, ever later (CrashLoopBackOff), their readiness probes may
//! fail, and they may fail for good: [`Settings`] say how long everything takes, and for which pods what goes wrong. A pod
//! that does not fit its node when it comes there fails at once.
//!
//! A kubelet that is silent does nothing until it returns; one whose node is gone does nothing at all, and
//! what it left behind is the pod garbage collector's.

mod admission;
mod draw;
mod settings;
mod timers;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::actors::pod_set::PodSet;
use crate::cluster::{Change, Cluster, Pod};
use crate::event::{Body, ConditionStatus, Event, Flags, Kind, Kinds, Phase, PodCondition, Track};
use crate::names::{Names, NodeId, PodId, Seq, Sym, sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

use settings::Step;
pub use settings::{Rule, Settings};
use timers::{Deed, Timer, Timers};

/// The kubelets of all nodes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Kubelet {
    #[serde(skip)]
    settings: Settings,
    timers: Timers,
    /// Nodes that are well again: their pods' readiness is to be reported anew.
    recovered: BTreeMap<NodeId, (Time, Seq)>,
    /// What silent nodes have missed.
    #[serde(with = "crate::saved::sorted")]
    held: FxHashMap<NodeId, Vec<Timer>>,
    /// When each image is (or will be) on each node; kept only where images take time.
    pulled: BTreeMap<(NodeId, Sym), Time>,
    /// Pods that have come to their nodes and were not looked at yet.
    arrived: BTreeSet<PodId>,
    /// Pods whose container has crashed.
    backoffs: BTreeMap<PodId, Backoff>,
    /// Pods that were seen to in one act, as a set and as a list.
    #[serde(skip)]
    done: (PodSet, Vec<PodId>),
}

/// How the restarts of a pod's container are delayed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Backoff {
    delay: Micros,
    since: Time,
}

impl Kubelet {
    /// Kubelets with settings.
    pub fn new(settings: Settings) -> Self {
        Kubelet { settings, ..Kubelet::default() }
    }

    /// Sets what a pod's kubelet has to do next, from how the pod is.
    fn take_up(&mut self, seq: Seq, now: Time, id: PodId, cluster: &Cluster, names: &Names) {
        let Some(pod) = cluster.pod(id) else { return };
        let (deed, after) = match (pod.terminating(), pod.phase) {
            (true, _) => (Deed::Stop, self.takes(Step::Stop, 0, &pod, cluster, names)),
            (false, Phase::Pending) => {
                let start = self.takes(Step::Start, 0, &pod, cluster, names);
                (Deed::Start, start + self.pull(now, &pod, cluster, names))
            }
            _ => return,
        };
        self.set(Timer { at: now + after, cause: seq, pod: id, made: pod.made, deed });
    }

    /// Whether a pod that has just come to its node is to be looked at. What the simulated scheduler has bound at this very
    /// moment was looked at by it, and so was what the trace begins with.
    fn is_news(event: &Event, pod: &Pod) -> bool {
        let scheduled = event.track == Track::Scheduler && event.origin == Seq::NONE;
        !scheduled && !event.flags.has(Flags::GENESIS) && pod.phase == Phase::Pending && !pod.terminating()
    }

    /// Looks at a pod that has come to its node: it is taken up, or fails.
    fn admit(&mut self, context: &mut Context<'_>, timer: &Timer, pod: &Pod) {
        let newer = |other: PodId| self.arrived.contains(&other);
        let names = &*context.names;
        match admission::refusal(context.cluster, names, (timer.pod, pod), newer) {
            None => {
                self.arrived.remove(&timer.pod);
                self.take_up(timer.cause, context.now, timer.pod, context.cluster, context.names);
            }
            // It stays among those that do not count: its end is applied after the call.
            Some(reason) => {
                let reason = context.names.sym(&reason);
                let phase = Body::PodPhaseSet { pod: timer.pod, phase: Phase::Failed, reason };
                context.emit(Track::Kubelet, timer.cause, phase);
            }
        }
    }

    /// How long a step takes that every pod takes.
    fn takes(&self, step: Step, times: u32, pod: &Pod, cluster: &Cluster, names: &Names) -> Micros {
        self.settings.latency(step, times, pod, cluster, names).unwrap_or_default()
    }

    /// How long it takes until a pod's image is on its node.
    fn pull(&mut self, now: Time, pod: &Pod, cluster: &Cluster, names: &Names) -> Micros {
        if !self.settings.pulls() {
            return Micros::ZERO;
        }
        let (Some(node), Some(shape)) = (pod.node, cluster.shape(pod.shape)) else { return Micros::ZERO };
        let pull = self.takes(Step::Pull, 0, pod, cluster, names);
        let there = *self.pulled.entry((node, shape.image)).or_insert(now + pull);
        Micros((there - now).0.max(0))
    }

    fn set(&mut self, timer: Timer) {
        self.timers.set(timer);
    }

    /// A pod's state as a kubelet would find it, if it still is the pod that the timer was set for.
    fn find(cluster: &Cluster, timer: &Timer) -> Option<Pod> {
        cluster.pod(timer.pod).filter(|pod| !pod.gone && pod.made == timer.made && pod.bound)
    }

    /// The container runs, for the first time or again.
    fn start(&mut self, context: &mut Context<'_>, timer: &Timer, pod: &Pod, restarts: u32) {
        let id = timer.pod;
        if restarts == 0 {
            let phase = Body::PodPhaseSet { pod: id, phase: Phase::Running, reason: Sym::EMPTY };
            context.emit(Track::Kubelet, timer.cause, phase);
        } else {
            context.emit(Track::Kubelet, timer.cause, Body::PodRestarted { pod: id, restarts });
        }
        let (cluster, names) = (context.cluster, &*context.names);
        let latency = |step, times| self.settings.latency(step, times, pod, cluster, names);
        let ready = latency(Step::Ready, restarts).unwrap_or_default();
        let crash = self.settings.rule(pod, cluster, names, |rule| rule.crash_after_us.is_some());
        let crash = crash.filter(|rule| rule.crashes.is_none_or(|crashes| restarts < crashes));
        let crash = crash.and_then(|_| latency(Step::Crash, restarts));
        let fail = latency(Step::Fail, 0).filter(|_| restarts == 0);
        let never = self.settings.rule(pod, cluster, names, |rule| rule.never_ready).is_some();
        let at = |after| Timer { at: context.now + after, deed: Deed::Fail, ..*timer };
        let later = [
            (ready > Micros::ZERO && !never).then(|| Timer { deed: Deed::Ready { restarts }, ..at(ready) }),
            crash.map(|after| Timer { deed: Deed::Crash { restarts }, ..at(after) }),
            fail.map(at),
        ];
        later.into_iter().flatten().for_each(|timer| self.set(timer));
        if ready == Micros::ZERO && !never {
            self.become_ready(context, timer, pod);
        }
    }

    fn become_ready(&mut self, context: &mut Context<'_>, timer: &Timer, pod: &Pod) {
        Self::report(context, timer, ConditionStatus::True);
        let step = Step::Unready;
        let restarts = pod.restarts;
        let unready = self.settings.latency(step, restarts, pod, context.cluster, context.names);
        if let Some(after) = unready {
            self.set(Timer { at: context.now + after, deed: Deed::Unready, ..*timer });
        }
    }

    /// The readiness probe fails.
    fn become_unready(&mut self, context: &mut Context<'_>, timer: &Timer, pod: &Pod) {
        if !pod.ready {
            return;
        }
        Self::report(context, timer, ConditionStatus::False);
        let (step, restarts) = (Step::ReadyAgain, pod.restarts);
        if let Some(after) = self.settings.latency(step, restarts, pod, context.cluster, context.names) {
            self.set(Timer { at: context.now + after, deed: Deed::Ready { restarts }, ..*timer });
        }
    }

    /// The container ends. It is started again: at once the first time, later and later after that.
    fn crash(&mut self, context: &mut Context<'_>, timer: &Timer, pod: &Pod, restarts: u32) {
        if pod.ready {
            Self::report(context, timer, ConditionStatus::False);
        }
        let (now, longest) = (context.now, self.settings.crash_backoff_max_us);
        let last = self.backoffs.get(&timer.pod).filter(|last| (now - last.since).0 <= 2 * longest.0);
        let (wait, delay) = match last {
            None => (Micros::ZERO, self.settings.crash_backoff_initial_us),
            Some(last) => (last.delay, Micros(last.delay.0.saturating_mul(2)).min(longest)),
        };
        self.backoffs.insert(timer.pod, Backoff { delay, since: now + wait });
        let restart = Deed::Restart { restarts: restarts + 1 };
        self.set(Timer { at: now + wait, deed: restart, ..*timer });
    }

    /// The pod fails for good.
    fn fail(context: &mut Context<'_>, timer: &Timer, pod: &Pod) {
        if pod.ready {
            Self::report(context, timer, ConditionStatus::False);
        }
        let reason = context.names.sym("Error");
        let phase = Body::PodPhaseSet { pod: timer.pod, phase: Phase::Failed, reason };
        context.emit(Track::Kubelet, timer.cause, phase);
    }

    fn report(context: &mut Context<'_>, timer: &Timer, status: ConditionStatus) {
        let (pod, condition, since) = (timer.pod, PodCondition::Ready, context.now.api_seconds());
        let body = Body::PodConditionSet { pod, condition, status, since };
        context.emit(Track::Kubelet, timer.cause, body);
    }

    /// While a node was not ready, its pods were marked so; a kubelet that is back reports how they are.
    fn report_readiness(&self, context: &mut Context<'_>, node: NodeId, cause: Seq) {
        let cluster = context.cluster;
        let running = |pod: Pod| pod.phase == Phase::Running && !pod.ready && !pod.terminating();
        let pods = cluster.node(node).into_iter().flat_map(|node| &node.pods);
        let mut pods: Vec<_> = pods.filter(|pod| cluster.pod(**pod).is_some_and(running)).collect();
        let names = &*context.names;
        let never = |pod: &Pod| self.settings.rule(pod, cluster, names, |rule| rule.never_ready).is_some();
        pods.retain(|pod| cluster.pod(**pod).is_none_or(|pod| !never(&pod)));
        pods.sort_by_key(|pod| cluster.pod(**pod).map(|pod| pod.made));
        for &pod in pods {
            let (condition, status) = (PodCondition::Ready, ConditionStatus::True);
            let since = context.now.api_seconds();
            context.emit(Track::Kubelet, cause, Body::PodConditionSet { pod, condition, status, since });
        }
    }

    fn stop(context: &mut Context<'_>, timer: &Timer, pod: &Pod) {
        let id = timer.pod;
        if pod.ready {
            Self::report(context, timer, ConditionStatus::False);
        }
        if !pod.terminal() {
            // Kubelets report a terminal phase before they let the object go.
            let phase = Body::PodPhaseSet { pod: id, phase: Phase::Succeeded, reason: Sym::EMPTY };
            context.emit(Track::Kubelet, timer.cause, phase);
        }
        context.emit(Track::Kubelet, timer.cause, Body::PodGone { pod: id });
    }
}

impl Actor for Kubelet {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[
            Kind::PodBound,
            Kind::PodCreated,
            Kind::PodDeleted,
            Kind::PodGone,
            Kind::NodeReturned,
            Kind::NodeConditionSet,
            Kind::NodeJoined,
        ]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, names: &Names) {
        match event.body {
            Body::PodBound { pod: id, .. } | Body::PodCreated { pod: id, .. }
                if cluster.pod(id).is_some_and(|pod| pod.bound) =>
            {
                match cluster.pod(id).filter(|pod| Self::is_news(event, pod)) {
                    Some(pod) => {
                        self.arrived.insert(id);
                        self.set(Timer {
                            at: event.at,
                            cause: seq,
                            pod: id,
                            made: pod.made,
                            deed: Deed::Admit,
                        });
                    }
                    None => self.take_up(seq, event.at, id, cluster, names),
                }
            }
            Body::PodDeleted { pod: id, grace_s, .. } => {
                if let Some(pod) = cluster.pod(id).filter(|pod| pod.bound) {
                    let grace = Micros::seconds(i64::from(grace_s));
                    let stop = self.takes(Step::Stop, 0, &pod, cluster, names);
                    let at = event.at + stop.min(grace);
                    self.set(Timer { at, cause: seq, pod: id, made: pod.made, deed: Deed::Stop });
                }
            }
            Body::NodeReturned { node } => {
                for timer in self.held.remove(&node).into_iter().flatten() {
                    self.set(Timer { at: event.at, cause: seq, ..timer });
                }
            }
            Body::NodeConditionSet { node, condition: sym::READY, status: ConditionStatus::True, .. }
                if cluster.node(node).is_some_and(|node| !node.pods.is_empty()) =>
            {
                self.recovered.insert(node, (event.at, seq));
            }
            Body::NodeJoined { node, .. } if change.effective => {
                self.held.remove(&node);
                if !self.pulled.is_empty() {
                    self.pulled.retain(|(there, _), _| *there != node);
                }
                for id in cluster.node(node).into_iter().flat_map(|node| &node.pods) {
                    self.arrived.remove(id);
                    self.take_up(seq, event.at, *id, cluster, names);
                }
            }
            Body::PodGone { pod } => {
                self.backoffs.remove(&pod);
                self.arrived.remove(&pod);
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        let timer = self.timers.peek().map(|timer| timer.at);
        let recovered = self.recovered.values().map(|(at, _)| *at).min();
        [timer, recovered].into_iter().flatten().min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        if !self.recovered.is_empty() {
            let mut recovered: Vec<_> = std::mem::take(&mut self.recovered).into_iter().collect();
            recovered.sort_unstable_by_key(|(_, (_, cause))| *cause);
            for (node, (_, cause)) in recovered {
                self.report_readiness(context, node, cause);
            }
        }
        // Answers are applied after the call, so a second timer of one pod at one moment must not find it again.
        let (seen_to, list) = &mut self.done;
        list.drain(..).for_each(|pod| {
            seen_to.remove(pod);
        });
        let mut again = Vec::new();
        while let Some(&timer) = self.timers.peek()
            && timer.at <= context.now
        {
            self.timers.pop();
            let cluster = context.cluster;
            let Some(pod) = Self::find(cluster, &timer) else { continue };
            if self.done.0.contains(timer.pod) {
                again.push(timer);
                continue;
            }
            let Some((id, node)) = pod.node.and_then(|id| Some((id, cluster.present_node(id)?))) else {
                continue;
            };
            if node.silent {
                self.held.entry(id).or_default().push(timer);
                continue;
            }
            let runs = pod.phase == Phase::Running && !pod.terminating();
            match timer.deed {
                Deed::Start if pod.phase != Phase::Pending || pod.terminating() => continue,
                Deed::Start => self.start(context, &timer, &pod, 0),
                Deed::Stop => Self::stop(context, &timer, &pod),
                Deed::Admit if pod.phase != Phase::Pending || pod.terminating() => {
                    self.arrived.remove(&timer.pod);
                    continue;
                }
                Deed::Admit => {
                    self.admit(context, &timer, &pod);
                    continue;
                }
                _ if !runs => continue,
                Deed::Ready { restarts } if restarts != pod.restarts || pod.ready => continue,
                Deed::Ready { .. } => self.become_ready(context, &timer, &pod),
                Deed::Unready => self.become_unready(context, &timer, &pod),
                Deed::Crash { restarts } => self.crash(context, &timer, &pod, restarts),
                Deed::Restart { restarts } => self.start(context, &timer, &pod, restarts),
                Deed::Fail => Self::fail(context, &timer, &pod),
            }
            self.done.0.insert(timer.pod);
            self.done.1.push(timer.pod);
        }
        again.into_iter().for_each(|timer| self.set(timer));
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        let settings = std::mem::take(&mut self.settings);
        *self = Kubelet { settings, ..unpack(saved)? };
        Ok(())
    }
}
