//! Taints that follow from a node's conditions and from cordoning, after the node lifecycle controller's
//! `doNoScheduleTaintingPass` and `processTaintBaseEviction`.

use std::collections::BTreeMap;

use super::zones::Zones;
use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, Node};
use crate::event::{Body, ConditionStatus, Event, Track};
use crate::names::{Effect, Names, NodeId, Seq, Sym, Taint, sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::Time;

/// The part of the node lifecycle controller that turns conditions into taints.
///
/// NoSchedule taints come and go with their conditions at once. NoExecute taints for nodes that are not ready
/// go at once, and come as fast as their zone allows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NodeTaints {
    zones: Zones,
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

/// The taints that evict.
const NO_EXECUTE: [Sym; 2] = [sym::TAINT_NOT_READY, sym::TAINT_UNREACHABLE];

impl NodeTaints {
    /// A controller with nothing to do.
    pub fn new() -> Self {
        Self::default()
    }

    /// The taint keys that a node should have, by effect.
    pub(crate) fn wanted(node: &Node) -> (Vec<Sym>, Option<Sym>) {
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

    fn reconcile(&mut self, context: &mut Context<'_>, id: NodeId, cause: Seq) {
        self.zones.remove(id);
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
            let evicting = |t: &Taint| t.effect == Effect::NoExecute && NO_EXECUTE.contains(&t.key);
            let marked = node.taints.iter().any(evicting);
            for key in NO_EXECUTE {
                // A node that is marked already changes its mark at once.
                changes.push((key, Effect::NoExecute, marked && no_execute == Some(key)));
            }
            if no_execute.is_some() && !marked {
                self.zones.add(context.cluster, context.names, id, cause, context.now);
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

impl NodeTaints {
    /// Marks the nodes that their zones allow; while no node at all is ready, unmarks all.
    fn mark(&mut self, context: &mut Context<'_>) {
        let (nodes, all_disrupted) = self.zones.take(context.cluster, context.names, context.now);
        for (node, cause) in nodes {
            let found = context.cluster.present_node(node);
            if let Some(key) = found.and_then(|node| Self::wanted(node).1) {
                let taint = Taint { key, value: Sym::EMPTY, effect: Effect::NoExecute };
                context.emit(Track::Lifecycle, cause, Body::NodeTaintAdded { node, taint });
            }
        }
        if !all_disrupted {
            return;
        }
        for &node in context.cluster.nodes() {
            let Some(found) = context.cluster.present_node(node) else { continue };
            for taint in found.taints.iter().filter(|t| t.effect == Effect::NoExecute) {
                if NO_EXECUTE.contains(&taint.key) {
                    let (key, effect) = (taint.key, taint.effect);
                    let removed = Body::NodeTaintRemoved { node, key, effect };
                    context.emit(Track::Lifecycle, found.changed, removed);
                }
            }
        }
    }
}

impl Actor for NodeTaints {
    fn name(&self) -> &'static str {
        "node-taints"
    }

    fn observe(&mut self, seq: Seq, event: &Event, change: &Change, cluster: &Cluster, _names: &Names) {
        self.now = event.at;
        self.zones.observe(&event.body, cluster);
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
        let dirty = (!self.dirty.is_empty()).then_some(self.now);
        [dirty, self.zones.due()].into_iter().flatten().min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        for (node, cause) in std::mem::take(&mut self.dirty) {
            self.reconcile(context, node, cause);
        }
        if self.zones.due().is_some_and(|due| due <= context.now) {
            self.mark(context);
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
