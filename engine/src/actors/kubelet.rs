//! The nodes' kubelets: pods start some time after they are bound, and stop some time after they are deleted.
//!
//! A kubelet that is silent does nothing until it returns; one whose node is gone does nothing at all, and
//! what it left behind is the pod garbage collector's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, Pod};
use crate::event::{Body, ConditionStatus, Event, Kind, Kinds, Phase, PodCondition, Track};
use crate::names::{Names, NodeId, PodId, Seq, Sym, sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

/// How long the kubelets take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// From binding to Running and Ready.
    pub start_us: Micros,
    /// From the deletion's acceptance to the pod's end; a grace period that is shorter wins.
    pub stop_us: Micros,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { start_us: Micros::millis(1_500), stop_us: Micros::seconds(1) }
    }
}

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
    /// Pods that were seen to in one act.
    #[serde(skip)]
    done: FxHashSet<PodId>,
}

/// What is set, earliest first.
///
/// Delays are constants, so that what is set later is due later: starts and stops queue up in a ring each. What is
/// not in order, such as a stop with a shorter grace period, goes to a heap.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Timers {
    starts: VecDeque<Timer>,
    stops: VecDeque<Timer>,
    others: BinaryHeap<Reverse<Timer>>,
}

impl Timers {
    fn set(&mut self, timer: Timer) {
        let ring = match timer.deed {
            Deed::Start => &mut self.starts,
            Deed::Stop => &mut self.stops,
        };
        if ring.back().is_none_or(|last| *last < timer) {
            ring.push_back(timer);
        } else {
            self.others.push(Reverse(timer));
        }
    }

    fn peek(&self) -> Option<&Timer> {
        let other = self.others.peek().map(|Reverse(timer)| timer);
        [self.starts.front(), self.stops.front(), other].into_iter().flatten().min()
    }

    fn pop(&mut self) {
        let Some(&first) = self.peek() else { return };
        if self.starts.front() == Some(&first) {
            self.starts.pop_front();
        } else if self.stops.front() == Some(&first) {
            self.stops.pop_front();
        } else {
            self.others.pop();
        }
    }
}

/// Something that a kubelet will do to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Timer {
    at: Time,
    /// The event that set it, which also orders timers of one moment.
    cause: Seq,
    pod: PodId,
    /// The event that created the pod: a slot may have been given to another since.
    made: Seq,
    deed: Deed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Deed {
    Start,
    Stop,
}

impl Kubelet {
    /// Kubelets with settings.
    pub fn new(settings: Settings) -> Self {
        Kubelet { settings, ..Kubelet::default() }
    }

    /// Sets what a pod's kubelet has to do next, from how the pod is.
    fn take_up(&mut self, seq: Seq, now: Time, id: PodId, pod: &Pod) {
        let (deed, after) = match (pod.terminating(), pod.phase) {
            (true, _) => (Deed::Stop, self.settings.stop_us),
            (false, Phase::Pending) => (Deed::Start, self.settings.start_us),
            _ => return,
        };
        self.set(Timer { at: now + after, cause: seq, pod: id, made: pod.made, deed });
    }

    fn set(&mut self, timer: Timer) {
        self.timers.set(timer);
    }

    /// A pod's state as a kubelet would find it, if it still is the pod that the timer was set for.
    fn find<'a>(cluster: &'a Cluster, timer: &Timer) -> Option<&'a Pod> {
        cluster.pod(timer.pod).filter(|pod| !pod.gone && pod.made == timer.made && pod.bound)
    }

    fn start(context: &mut Context<'_>, timer: &Timer) {
        let (id, since) = (timer.pod, context.now.api_seconds());
        let phase = Body::PodPhaseSet { pod: id, phase: Phase::Running, reason: Sym::EMPTY };
        context.emit(Track::Kubelet, timer.cause, phase);
        let (condition, status) = (PodCondition::Ready, ConditionStatus::True);
        let ready = Body::PodConditionSet { pod: id, condition, status, since };
        context.emit(Track::Kubelet, timer.cause, ready);
    }

    /// While a node was not ready, its pods were marked so; a kubelet that is back reports how they are.
    fn report_readiness(context: &mut Context<'_>, node: NodeId, cause: Seq) {
        let cluster = context.cluster;
        let running = |pod: &Pod| pod.phase == Phase::Running && !pod.ready && !pod.terminating();
        let pods = cluster.node(node).into_iter().flat_map(|node| &node.pods);
        let mut pods: Vec<_> = pods.filter(|pod| cluster.pod(**pod).is_some_and(running)).collect();
        pods.sort_by_key(|pod| cluster.pod(**pod).map(|pod| pod.made));
        for &pod in pods {
            let (condition, status) = (PodCondition::Ready, ConditionStatus::True);
            let since = context.now.api_seconds();
            context.emit(Track::Kubelet, cause, Body::PodConditionSet { pod, condition, status, since });
        }
    }

    fn stop(context: &mut Context<'_>, timer: &Timer, pod: &Pod) {
        let (id, since) = (timer.pod, context.now.api_seconds());
        if pod.ready {
            let (condition, status) = (PodCondition::Ready, ConditionStatus::False);
            let unready = Body::PodConditionSet { pod: id, condition, status, since };
            context.emit(Track::Kubelet, timer.cause, unready);
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
            Kind::NodeReturned,
            Kind::NodeConditionSet,
            Kind::NodeJoined,
        ]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, _names: &Names) {
        match event.body {
            Body::PodBound { pod: id, .. } | Body::PodCreated { pod: id, .. } => {
                if let Some(pod) = cluster.pod(id).filter(|pod| pod.bound) {
                    self.take_up(seq, event.at, id, pod);
                }
            }
            Body::PodDeleted { pod: id, grace_s, .. } => {
                if let Some(pod) = cluster.pod(id).filter(|pod| pod.bound) {
                    let grace = Micros::seconds(i64::from(grace_s));
                    let at = event.at + self.settings.stop_us.min(grace);
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
                for id in cluster.node(node).into_iter().flat_map(|node| &node.pods) {
                    if let Some(pod) = cluster.pod(*id) {
                        self.take_up(seq, event.at, *id, pod);
                    }
                }
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
        for (node, (_, cause)) in std::mem::take(&mut self.recovered) {
            Self::report_readiness(context, node, cause);
        }
        // Answers are applied after the call, so a second timer of one pod at one moment must not find it again.
        self.done.clear();
        while let Some(&timer) = self.timers.peek()
            && timer.at <= context.now
        {
            self.timers.pop();
            let cluster = context.cluster;
            let Some(pod) = Self::find(cluster, &timer).filter(|_| !self.done.contains(&timer.pod)) else {
                continue;
            };
            let Some((id, node)) = pod.node.and_then(|id| Some((id, cluster.present_node(id)?))) else {
                continue;
            };
            if node.silent {
                self.held.entry(id).or_default().push(timer);
                continue;
            }
            match timer.deed {
                Deed::Start if pod.phase != Phase::Pending || pod.terminating() => continue,
                Deed::Start => Self::start(context, &timer),
                Deed::Stop => Self::stop(context, &timer, pod),
            }
            self.done.insert(timer.pod);
        }
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
