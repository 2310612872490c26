//! Taints that follow from a node's conditions and from cordoning, after the node lifecycle controller's
//! `doNoScheduleTaintingPass` and `processTaintBaseEviction`.

use std::collections::BTreeMap;

use crate::cluster::{Change, Cluster, Node};
use crate::event::{Body, ConditionStatus, Event, Track};
use crate::names::{Effect, Names, NodeId, Seq, Sym, Taint, sym};
use crate::sim::{Actor, Context};
use crate::time::Time;

/// The part of the node lifecycle controller that turns conditions into taints.
///
/// NoSchedule taints come and go with their conditions at once. NoExecute taints for nodes that are not ready
/// come at once too: the limits on how many nodes are evicted in a given time are not modelled here.
#[derive(Debug, Default)]
pub struct NodeTaints {
    /// Nodes to look at, with the event that asks for it.
    dirty: BTreeMap<NodeId, Seq>,
    now: Time,
}

/// Conditions and the NoSchedule taint of each when its status is True.
const PRESSURES: [(Sym, Sym); 4] = [
    (sym::MEMORY_PRESSURE, sym::TAINT_MEMORY_PRESSURE),
    (sym::DISK_PRESSURE, sym::TAINT_DISK_PRESSURE),
    (sym::PID_PRESSURE, sym::TAINT_PID_PRESSURE),
    (sym::NETWORK_UNAVAILABLE, sym::TAINT_NETWORK_UNAVAILABLE),
];

/// The NoSchedule keys that are this controller's to set and to clear.
const OWNED: [Sym; 7] = [
    sym::TAINT_NOT_READY,
    sym::TAINT_UNREACHABLE,
    sym::TAINT_UNSCHEDULABLE,
    sym::TAINT_MEMORY_PRESSURE,
    sym::TAINT_DISK_PRESSURE,
    sym::TAINT_PID_PRESSURE,
    sym::TAINT_NETWORK_UNAVAILABLE,
];

impl NodeTaints {
    /// A controller with nothing to do.
    pub fn new() -> Self {
        Self::default()
    }

    /// The taint keys that a node should have, by effect.
    fn wanted(node: &Node) -> (Vec<Sym>, Option<Sym>) {
        let mut no_schedule = Vec::new();
        let ready = node.condition(sym::READY);
        let unready = match ready {
            Some(ConditionStatus::False) => Some(sym::TAINT_NOT_READY),
            Some(ConditionStatus::Unknown) => Some(sym::TAINT_UNREACHABLE),
            _ => None,
        };
        no_schedule.extend(unready);
        let pressed = |condition| node.condition(condition) == Some(ConditionStatus::True);
        no_schedule
            .extend(PRESSURES.iter().filter(|(condition, _)| pressed(*condition)).map(|(_, taint)| *taint));
        if node.unschedulable {
            no_schedule.push(sym::TAINT_UNSCHEDULABLE);
        }
        (no_schedule, unready)
    }

    fn reconcile(context: &mut Context<'_>, id: NodeId, cause: Seq) {
        let Some(node) = context.cluster.present_node(id) else { return };
        // A node without any condition is one that a trace was not told about; its taints are left alone,
        // but for what cordoning says.
        let known = !node.conditions.is_empty();
        let (no_schedule, no_execute) = Self::wanted(node);
        let mut changes = Vec::new();
        for key in OWNED {
            if !known && key != sym::TAINT_UNSCHEDULABLE {
                continue;
            }
            changes.push((key, Effect::NoSchedule, no_schedule.contains(&key)));
        }
        if known {
            for key in [sym::TAINT_NOT_READY, sym::TAINT_UNREACHABLE] {
                changes.push((key, Effect::NoExecute, no_execute == Some(key)));
            }
        }
        for (key, effect, wanted) in changes {
            let present = node.taints.iter().any(|t| t.key == key && t.effect == effect);
            match (present, wanted) {
                (false, true) => {
                    let taint = Taint { key, value: Sym::EMPTY, effect };
                    context.emit(Track::Lifecycle, cause, Body::NodeTaintAdded { node: id, taint });
                }
                (true, false) => {
                    context.emit(Track::Lifecycle, cause, Body::NodeTaintRemoved { node: id, key, effect });
                }
                _ => {}
            }
        }
    }
}

impl Actor for NodeTaints {
    fn name(&self) -> &'static str {
        "node-taints"
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, _cluster: &Cluster, _names: &Names) {
        self.now = event.at;
        if let Body::NodeJoined { node, .. }
        | Body::NodeConditionSet { node, .. }
        | Body::NodeCordoned { node }
        | Body::NodeUncordoned { node } = event.body
            && change.effective
        {
            self.dirty.insert(node, seq);
        }
    }

    fn due(&self) -> Option<Time> {
        (!self.dirty.is_empty()).then_some(self.now)
    }

    fn act(&mut self, context: &mut Context<'_>) {
        for (node, cause) in std::mem::take(&mut self.dirty) {
            Self::reconcile(context, node, cause);
        }
    }
}
