//! One actor's recording played against another actor's simulation.
//!
//! Pods that the engine creates anew are born at other times than the recorded ones. What the recorded
//! scheduler and kubelets did to a pod is kept as delays from what triggered it (created to bound, bound to
//! started, deleted to gone) and follows the pod's replay identity. A pod that has no counterpart in the
//! recording takes the settings' delays, and is counted.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::{Identity, Settings, Tracks};
use crate::actors::daemonset::Turns;
use crate::cluster::{Change, Cluster};
use crate::event::{Body, ConditionStatus, Event, Phase, PodCondition, Track};
use crate::names::{Names, PodId, Seq, Sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{ApiSeconds, Micros, Time};

/// What the recorded scheduler and kubelets did, by pod.
#[derive(Debug, Default)]
pub struct Timings {
    pods: FxHashMap<Identity, Recorded>,
    turns: Turns,
    /// Pods of the recording that exist at the moment of reading.
    open: FxHashMap<PodId, Open>,
}

#[derive(Debug, Default)]
struct Recorded {
    after_created: Vec<(Micros, Body)>,
    after_bound: Vec<(Micros, Body)>,
    after_deleted: Vec<(Micros, Body)>,
}

#[derive(Debug)]
struct Open {
    identity: Identity,
    created: Time,
    bound: Option<Time>,
    deleted: Option<Time>,
}

impl Timings {
    /// Notes an event of the recording. Events have to come in order.
    pub fn note(&mut self, event: &Event) {
        let Some(pod) = event.body.pod() else { return };
        if let Body::PodCreated { owner, node, ordinal, .. } = event.body {
            let identity = Identity { owner, node, ordinal };
            if let (Some(owner), Some(node), Track::DaemonSet) = (owner, node, event.track) {
                self.turns.created(owner, node, ordinal, event.at);
            }
            self.open.insert(pod, Open { identity, created: event.at, bound: None, deleted: None });
            return;
        }
        let Some(open) = self.open.get_mut(&pod) else { return };
        let recorded = self.pods.entry(open.identity).or_default();
        match (event.track, event.body) {
            (Track::Scheduler, body) => {
                recorded.after_created.push((event.at - open.created, body));
            }
            (Track::Kubelet, body) => match (open.deleted, open.bound) {
                (Some(deleted), _) => recorded.after_deleted.push((event.at - deleted, body)),
                (None, Some(bound)) => recorded.after_bound.push((event.at - bound, body)),
                (None, None) => {}
            },
            _ => {}
        }
        match event.body {
            Body::PodBound { .. } => open.bound = Some(event.at),
            Body::PodDeleted { .. } => {
                open.deleted = open.deleted.or(Some(event.at));
                let Identity { owner, node, ordinal } = open.identity;
                if let (Some(owner), Some(node), Track::DaemonSet) = (owner, node, event.track) {
                    self.turns.deleted(owner, node, ordinal, event.at);
                }
            }
            Body::PodGone { .. } => {
                self.open.remove(&pod);
            }
            _ => {}
        }
    }
}

impl Timings {
    /// In which order the recorded DaemonSet controller took its nodes.
    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }
}

/// How many pods had no counterpart in the recording.
pub type Defaulted = Rc<Cell<u64>>;

/// The recorded scheduler or kubelets (or both), acting on pods that the engine created.
#[derive(Debug)]
pub struct RecordedNodes {
    plays: Tracks,
    timings: Timings,
    settings: Settings,
    defaulted: Defaulted,
    /// The creations that actors made, as opposed to played ones.
    made_anew: FxHashSet<Seq>,
    timers: BinaryHeap<Reverse<Timer>>,
    order: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Timer {
    at: Time,
    order: u64,
    cause: Seq,
    pod: PodId,
    made: Seq,
    body: Body,
    track: Track,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl RecordedNodes {
    /// The recorded actors of the tracks in `plays`.
    pub fn new(plays: Tracks, timings: Timings, settings: Settings, defaulted: Defaulted) -> Self {
        let (made_anew, timers) = (FxHashSet::default(), BinaryHeap::new());
        RecordedNodes { plays, timings, settings, defaulted, made_anew, timers, order: 0 }
    }

    fn set(&mut self, at: Time, cause: Seq, pod: PodId, made: Seq, track: Track, body: Body) {
        self.order += 1;
        self.timers.push(Reverse(Timer { at, order: self.order, cause, pod, made, body, track }));
    }

    /// Sets what the recording says comes after a trigger, or the default if it says nothing.
    fn follow(
        &mut self,
        trigger: &Trigger,
        steps: Option<Vec<(Micros, Body)>>,
        default: Vec<(Micros, Body)>,
    ) {
        let steps = steps.filter(|steps| !steps.is_empty()).unwrap_or_else(|| {
            self.defaulted.set(self.defaulted.get() + 1);
            default
        });
        for (after, body) in steps {
            self.set(trigger.at + after, trigger.seq, trigger.pod, trigger.made, trigger.track, body);
        }
    }

    fn identity(cluster: &Cluster, pod: PodId) -> Option<(Identity, Seq, bool)> {
        let pod = cluster.pod(pod)?;
        let identity = Identity { owner: pod.owner, node: pod.node, ordinal: pod.ordinal };
        Some((identity, pod.made, pod.bound))
    }

    /// The identity as it was before binding for pods whose node the scheduler chose.
    fn recorded(&self, identity: Identity) -> Option<&Recorded> {
        self.timings
            .pods
            .get(&identity)
            .or_else(|| self.timings.pods.get(&Identity { node: None, ..identity }))
    }

    fn started(pod: PodId, settings: &Settings) -> Vec<(Micros, Body)> {
        let after = settings.kubelet.start_us.median() + settings.kubelet.ready_us.median();
        let (condition, status, since) = (PodCondition::Ready, ConditionStatus::True, ApiSeconds(0));
        vec![
            (after, Body::PodPhaseSet { pod, phase: Phase::Running, reason: Sym::EMPTY }),
            (after, Body::PodConditionSet { pod, condition, status, since }),
        ]
    }
}

struct Trigger {
    at: Time,
    seq: Seq,
    pod: PodId,
    made: Seq,
    track: Track,
}

impl Actor for RecordedNodes {
    fn name(&self) -> &'static str {
        "recorded-nodes"
    }

    fn observe(&mut self, seq: Seq, event: &Event, _change: &Change, cluster: &Cluster, _names: &Names) {
        let Some(pod) = event.body.pod() else { return };
        let Some((identity, made, bound)) = Self::identity(cluster, pod) else { return };
        if matches!(event.body, Body::PodCreated { .. }) && event.origin == Seq::NONE {
            self.made_anew.insert(seq);
        }
        // Pods of the trace's own are played on from the trace itself, unless an actor deletes them.
        let anew = self.made_anew.contains(&made);
        let simulated = anew || event.origin == Seq::NONE;
        let trigger = |track| Trigger { at: event.at, seq, pod, made, track };
        match event.body {
            Body::PodCreated { node: Some(node), .. }
                if anew && !bound && self.plays.has(Track::Scheduler) =>
            {
                let steps = self.recorded(identity).map(|r| r.after_created.clone());
                let default = vec![(self.settings.scheduler.bind_us, Body::PodBound { pod, node })];
                self.follow(&trigger(Track::Scheduler), steps, default);
            }
            Body::PodBound { .. } if anew && self.plays.has(Track::Kubelet) => {
                let steps = self.recorded(identity).map(|r| r.after_bound.clone());
                let default = Self::started(pod, &self.settings);
                self.follow(&trigger(Track::Kubelet), steps, default);
            }
            Body::PodDeleted { .. } if simulated && bound && self.plays.has(Track::Kubelet) => {
                let steps = self.recorded(identity).map(|r| r.after_deleted.clone());
                let gone = vec![(self.settings.kubelet.stop_us.median(), Body::PodGone { pod })];
                self.follow(&trigger(Track::Kubelet), steps, gone);
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        self.timers.peek().map(|Reverse(timer)| timer.at)
    }

    fn act(&mut self, context: &mut Context<'_>) {
        // A pod whose deletion was asked for twice ends once.
        let mut ended = Vec::new();
        while let Some(&Reverse(timer)) = self.timers.peek()
            && timer.at <= context.now
        {
            self.timers.pop();
            if matches!(timer.body, Body::PodGone { .. }) {
                self.made_anew.remove(&timer.made);
            }
            let pod = context.cluster.pod(timer.pod).filter(|pod| !pod.gone && pod.made == timer.made);
            let Some(pod) = pod.filter(|_| !ended.contains(&timer.pod)) else { continue };
            let starting = matches!(timer.body, Body::PodPhaseSet { phase: Phase::Running, .. });
            let deleting = matches!(timer.body, Body::PodDeleted { .. });
            if (starting || deleting) && pod.terminating() {
                continue;
            }
            if matches!(timer.body, Body::PodGone { .. }) {
                ended.push(timer.pod);
            }
            let body = on_pod(timer.body, timer.pod, pod.node, context.now);
            context.emit(timer.track, timer.cause, body);
        }
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(&(
            self.made_anew.iter().collect::<BTreeSet<_>>(),
            &self.timers,
            self.order,
            self.defaulted.get(),
        ))
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        let defaulted;
        (self.made_anew, self.timers, self.order, defaulted) = unpack(saved)?;
        self.defaulted.set(defaulted);
        Ok(())
    }
}

/// The recorded event, about the run's pod and at the run's time.
fn on_pod(body: Body, id: PodId, target: Option<crate::names::NodeId>, now: Time) -> Body {
    match body {
        Body::PodBound { node, .. } => Body::PodBound { pod: id, node: target.unwrap_or(node) },
        Body::PodUnschedulable { message, .. } => Body::PodUnschedulable { pod: id, message },
        Body::PodPhaseSet { phase, reason, .. } => Body::PodPhaseSet { pod: id, phase, reason },
        Body::PodConditionSet { condition, status, .. } => {
            Body::PodConditionSet { pod: id, condition, status, since: now.api_seconds() }
        }
        Body::PodRestarted { restarts, .. } => Body::PodRestarted { pod: id, restarts },
        Body::PodDeleted { why, grace_s, .. } => {
            let deadline = (now + Micros::seconds(i64::from(grace_s))).api_seconds();
            Body::PodDeleted { pod: id, why, grace_s, deadline }
        }
        Body::PodLabelSet { key, value, .. } => Body::PodLabelSet { pod: id, key, value },
        Body::PodLabelRemoved { key, .. } => Body::PodLabelRemoved { pod: id, key },
        Body::PodNominated { node, .. } => Body::PodNominated { pod: id, node },
        Body::PodGone { .. } => Body::PodGone { pod: id },
        other => other,
    }
}
