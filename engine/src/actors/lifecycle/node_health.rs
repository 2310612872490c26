//! Nodes that stop posting, after the node lifecycle controller's `monitorNodeHealth` and `MarkPodsNotReady`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster};
use crate::event::{Body, ConditionStatus, Event, Kind, Kinds, PodCondition, Track};
use crate::names::{Names, NodeId, Seq, Sym, sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::Time;

use super::{Settings, by_cause};

/// The conditions that become Unknown together.
const HEARTBEAT: [Sym; 4] = [sym::READY, sym::MEMORY_PRESSURE, sym::DISK_PRESSURE, sym::PID_PRESSURE];

/// The part of the node lifecycle controller that watches heartbeats.
///
/// A silence is noticed when the grace period is over, to the microsecond: upstream looks every five seconds,
/// and a recorded silence is dated back from the moment at which it was noticed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NodeHealth {
    #[serde(skip)]
    settings: Settings,
    silences: BinaryHeap<Reverse<(Time, Seq, NodeId)>>,
    /// Nodes that have just become not ready: their pods are to be marked.
    unready: BTreeMap<NodeId, Seq>,
    now: Time,
}

impl NodeHealth {
    /// A controller with nothing to do.
    pub fn new(settings: Settings) -> Self {
        NodeHealth { settings, ..Self::default() }
    }

    fn mark_unknown(context: &mut Context<'_>, id: NodeId, cause: Seq) {
        let Some(node) = context.cluster.present_node(id).filter(|node| node.silent) else { return };
        let reported = !node.conditions.is_empty();
        let text = if reported { "NodeStatusUnknown" } else { "NodeStatusNeverUpdated" };
        let (reason, since) = (context.names.sym(text), context.now.api_seconds());
        for condition in HEARTBEAT {
            if node.condition(condition) != Some(ConditionStatus::Unknown) {
                let status = ConditionStatus::Unknown;
                let set = Body::NodeConditionSet { node: id, condition, status, reason, since };
                context.emit(Track::Lifecycle, cause, set);
            }
        }
    }

    fn mark_pods(context: &mut Context<'_>, id: NodeId, cause: Seq) {
        let cluster = context.cluster;
        let Some(node) = cluster.present_node(id).filter(|_| !cluster.node_ready(id)) else { return };
        let mut pods: Vec<_> =
            node.pods.iter().filter(|pod| cluster.pod(**pod).is_some_and(|p| p.ready)).collect();
        pods.sort_by_key(|pod| cluster.pod(**pod).map(|pod| pod.made));
        for &pod in pods {
            let (condition, status) = (PodCondition::Ready, ConditionStatus::False);
            let since = context.now.api_seconds();
            context.emit(Track::Lifecycle, cause, Body::PodConditionSet { pod, condition, status, since });
        }
    }
}

impl Actor for NodeHealth {
    fn name(&self) -> &'static str {
        "node-health"
    }

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[Kind::NodeSilent, Kind::NodeConditionSet]);
        INTERESTS
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, _names: &Names) {
        self.now = event.at;
        match event.body {
            Body::NodeSilent { node } if change.effective => {
                self.silences.push(Reverse((event.at + self.settings.grace_us, seq, node)));
            }
            Body::NodeConditionSet { node, condition: sym::READY, status, .. }
                if status != ConditionStatus::True
                    && cluster.node(node).is_some_and(|n| !n.pods.is_empty()) =>
            {
                self.unready.insert(node, seq);
            }
            _ => {}
        }
    }

    fn due(&self) -> Option<Time> {
        let silence = self.silences.peek().map(|Reverse((at, ..))| *at);
        let unready = (!self.unready.is_empty()).then_some(self.now);
        [silence, unready].into_iter().flatten().min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        for (node, cause) in by_cause(&mut self.unready) {
            Self::mark_pods(context, node, cause);
        }
        while let Some(&Reverse((at, cause, node))) = self.silences.peek()
            && at <= context.now
        {
            self.silences.pop();
            Self::mark_unknown(context, node, cause);
        }
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        let settings = std::mem::take(&mut self.settings);
        *self = NodeHealth { settings, ..unpack(saved)? };
        Ok(())
    }
}
