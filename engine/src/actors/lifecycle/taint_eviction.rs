//! Eviction of pods that do not tolerate a NoExecute taint, after the taint eviction controller.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, Pod};
use crate::event::{Body, Event, Kind, Kinds, Track, Why};
use crate::names::{Effect, Names, NodeId, PodId, Seq};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::{Micros, Time};

use super::by_cause;

/// The taint eviction controller.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct TaintEviction {
    /// Nodes whose taints changed and pods that were bound, with the event that asks for a look.
    nodes: BTreeMap<NodeId, Seq>,
    pods: BTreeMap<PodId, Seq>,
    /// Pods that tolerate for a while: until when, counted from when, and why.
    #[serde(with = "crate::saved::sorted")]
    pending: FxHashMap<PodId, Pending>,
    timers: BTreeSet<(Time, PodId)>,
    now: Time,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Pending {
    started: Time,
    at: Time,
    cause: Seq,
}

/// How long a pod stays on its node.
enum Stay {
    Forever,
    Until(Micros),
    No,
}

impl TaintEviction {
    /// A controller with nothing to do.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first toleration that tolerates a taint decides for it; the shortest time decides for the pod.
    fn stay(context: &Context<'_>, pod: &Pod) -> Stay {
        let cluster = context.cluster;
        let Some(node) = pod.node.and_then(|node| cluster.present_node(node)) else { return Stay::Forever };
        let Some(shape) = cluster.shape(pod.shape) else { return Stay::Forever };
        let mut shortest: Option<i64> = None;
        for taint in node.taints.iter().filter(|taint| taint.effect == Effect::NoExecute) {
            let placement = &shape.placement;
            let tolerates = |t: &&crate::selector::Toleration| {
                t.tolerates(taint, placement.comparison_tolerations, context.names)
            };
            let Some(toleration) = placement.tolerations.iter().find(tolerates) else { return Stay::No };
            if let Some(seconds) = toleration.seconds {
                let seconds = seconds.max(0);
                shortest = Some(shortest.map_or(seconds, |shortest| shortest.min(seconds)));
            }
        }
        shortest.map_or(Stay::Forever, |seconds| Stay::Until(Micros::seconds(seconds)))
    }

    fn look_at(&mut self, context: &mut Context<'_>, id: PodId, cause: Seq) {
        let Some(pod) = context.cluster.pod(id).filter(|pod| !pod.gone && pod.bound) else { return };
        match Self::stay(context, &pod) {
            Stay::Forever => self.cancel(id),
            Stay::No => {
                self.cancel(id);
                Self::evict(context, id, &pod, cause);
            }
            Stay::Until(after) => {
                let started = self.pending.get(&id).map_or(context.now, |pending| pending.started);
                let at = started + after;
                // A timer that runs is kept: a later, shorter toleration does not shorten it.
                if self.pending.contains_key(&id) && at < context.now + after {
                    return;
                }
                self.cancel(id);
                self.pending.insert(id, Pending { started, at, cause });
                self.timers.insert((at, id));
            }
        }
    }

    fn cancel(&mut self, id: PodId) {
        if let Some(pending) = self.pending.remove(&id) {
            self.timers.remove(&(pending.at, id));
        }
    }

    fn evict(context: &mut Context<'_>, id: PodId, pod: &Pod, cause: Seq) {
        if pod.terminating() {
            return;
        }
        context.disrupt_pod(Track::Lifecycle, cause, id, Why::TaintEviction, None);
    }
}

impl Actor for TaintEviction {
    fn name(&self) -> &'static str {
        "taint-eviction"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds =
            Kinds::of(&[Kind::NodeTaintAdded, Kind::NodeTaintRemoved, Kind::PodBound, Kind::PodGone]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, _names: &Names) {
        self.now = event.at;
        let tainted = |node: NodeId| {
            let taints = cluster.node(node).map(|node| node.taints.as_slice()).unwrap_or_default();
            taints.iter().any(|taint| taint.effect == Effect::NoExecute)
        };
        match event.body {
            Body::NodeTaintAdded { node, taint } if taint.effect == Effect::NoExecute && change.effective => {
                self.nodes.insert(node, seq);
            }
            Body::NodeTaintRemoved { node, effect: Effect::NoExecute, .. } if change.effective => {
                self.nodes.insert(node, seq);
            }
            Body::PodBound { node, pod } if tainted(node) => {
                self.pods.insert(pod, seq);
            }
            Body::PodGone { pod } => {
                self.pods.remove(&pod);
                self.cancel(pod);
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let looks = (!self.nodes.is_empty() || !self.pods.is_empty()).then_some(self.now);
        [timer, looks].into_iter().flatten().min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        for (node, cause) in by_cause(&mut self.nodes) {
            let mut pods = context.cluster.node(node).map(|node| node.pods.clone()).unwrap_or_default();
            pods.sort_by_key(|pod| context.cluster.pod(*pod).map(|pod| pod.made));
            for pod in pods {
                self.pods.remove(&pod);
                self.look_at(context, pod, cause);
            }
        }
        for (pod, cause) in std::mem::take(&mut self.pods) {
            self.look_at(context, pod, cause);
        }
        while let Some(&(at, id)) = self.timers.first()
            && at <= context.now
        {
            self.timers.pop_first();
            let cause = self.pending.remove(&id).map_or(Seq::NONE, |pending| pending.cause);
            if let Some(pod) = context.cluster.pod(id).filter(|pod| !pod.gone) {
                Self::evict(context, id, &pod, cause);
            }
        }
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        *self = unpack(saved)?;
        Ok(())
    }
}
