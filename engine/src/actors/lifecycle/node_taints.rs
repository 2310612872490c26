//! Taints that follow from a node's conditions and from cordoning, after the node lifecycle controller's
//! `doNoScheduleTaintingPass` and `processTaintBaseEviction`.

use serde::{Deserialize, Serialize};

use crate::cluster::{Change, Cluster, Node};
use crate::event::{Body, ConditionStatus, Event, Flags, Kind, Kinds, Track};
use crate::names::{Effect, Names, NodeId, Seq, Sym, Taint, sym};
use crate::saved::{SaveError, pack, unpack};
use crate::sim::{Actor, Context};
use crate::time::Time;

use super::Settings;
use super::taint_writes::TaintWrites;
use super::zones::Zones;

/// The part of the node lifecycle controller that turns conditions into taints.
///
/// NoSchedule taints come and go with their conditions, as fast as the client's rate limit lets them. NoExecute taints
/// for nodes that are not ready go with them, and come as fast as their zone allows.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NodeTaints {
    #[serde(skip)]
    settings: Settings,
    zones: Zones,
    writes: TaintWrites,
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
    pub fn new(settings: Settings) -> Self {
        NodeTaints { settings, ..Self::default() }
    }

    /// Whether a node should have a taint; `None` for taints that are none of this controller's.
    pub(crate) fn wants_taint(node: &Node, key: Sym, effect: Effect) -> Option<bool> {
        let unready = Self::unready(node);
        match effect {
            Effect::NoSchedule => Some(Self::wants(node, key, unready)),
            Effect::NoExecute => Some(unready == Some(key)),
            Effect::PreferNoSchedule => None,
        }
    }

    /// The taint that a node should have for its condition `Ready`.
    fn unready(node: &Node) -> Option<Sym> {
        match node.condition(sym::READY) {
            Some(ConditionStatus::False) => Some(sym::TAINT_NOT_READY),
            Some(ConditionStatus::Unknown) => Some(sym::TAINT_UNREACHABLE),
            _ => None,
        }
    }

    /// Whether a node should have a NoSchedule taint.
    fn wants(node: &Node, key: Sym, unready: Option<Sym>) -> bool {
        match PRESSURES.iter().find(|(_, taint)| *taint == key) {
            Some((condition, _)) => node.condition(*condition) == Some(ConditionStatus::True),
            None if key == sym::TAINT_UNSCHEDULABLE => node.unschedulable,
            None => unready == Some(key),
        }
    }

    /// Puts a node in its zone's queue if it is to be marked for eviction, and takes it out if not. Says whether its
    /// taints are to be changed.
    fn look_at(&mut self, context: &mut Context<'_>, id: NodeId, cause: Seq) -> bool {
        self.zones.remove(id);
        let Some(node) = context.cluster.present_node(id) else { return false };
        let evicting = |t: &Taint| t.effect == Effect::NoExecute && NO_EXECUTE.contains(&t.key);
        let marked = node.taints.iter().any(evicting);
        if !node.conditions.is_empty() && Self::unready(node).is_some() && !marked {
            self.zones.add(context, id, cause, &self.settings);
        }
        Self::changes(node).next().is_some()
    }

    /// The taints that a node lacks (`true`) and those that it has too many, by key and effect.
    fn changes(node: &Node) -> impl Iterator<Item = (Sym, Effect, bool)> + '_ {
        // A node without any condition is one that a trace was not told about; its taints are left alone,
        // but for what cordoning says.
        let known = !node.conditions.is_empty();
        let unready = Self::unready(node);
        let owned = OWNED.into_iter().filter(move |key| known || *key == sym::TAINT_UNSCHEDULABLE);
        let owned = owned.map(move |key| (key, Effect::NoSchedule, Self::wants(node, key, unready)));
        // A node that is marked already changes its mark at once.
        let marked = node.taints.iter().any(|t| t.effect == Effect::NoExecute && NO_EXECUTE.contains(&t.key));
        let marks = NO_EXECUTE.into_iter().filter(move |_| known);
        let marks = marks.map(move |key| (key, Effect::NoExecute, marked && unready == Some(key)));
        let present = |key, effect| node.taints.iter().any(|t| t.key == key && t.effect == effect);
        owned.chain(marks).filter(move |(key, effect, wanted)| present(*key, *effect) != *wanted)
    }

    /// Writes a node's taints.
    fn write(context: &mut Context<'_>, id: NodeId, cause: Seq) {
        let Some(node) = context.cluster.present_node(id) else { return };
        for (key, effect, wanted) in Self::changes(node) {
            let body = match wanted {
                true => Body::NodeTaintAdded { node: id, taint: Taint { key, value: Sym::EMPTY, effect } },
                false => Body::NodeTaintRemoved { node: id, key, effect },
            };
            context.emit(Track::Lifecycle, cause, body);
        }
    }
}

impl NodeTaints {
    /// Marks the nodes that their zones allow; while no node at all is ready, unmarks all.
    fn mark(&mut self, context: &mut Context<'_>) {
        let (nodes, all_disrupted) = self.zones.take(context, &self.settings);
        for (node, cause) in nodes {
            let found = context.cluster.present_node(node);
            if let Some(key) = found.and_then(Self::unready) {
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

    fn interests(&self) -> Kinds {
        const INTERESTS: Kinds = Kinds::of(&[
            Kind::NodeJoined,
            Kind::NodeLeft,
            Kind::NodeConditionSet,
            Kind::NodeLabelSet,
            Kind::NodeLabelRemoved,
            Kind::NodeCordoned,
            Kind::NodeUncordoned,
        ]);
        INTERESTS
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
            self.writes.add(node, seq, event.at);
            // `RegisteredNode` and `NodeNotReady`; kubelets tell of `NodeReady` themselves.
            let told = match event.body {
                Body::NodeJoined { .. } => !event.flags.has(Flags::GENESIS),
                Body::NodeConditionSet { condition, status, .. } => {
                    condition == sym::READY && status != ConditionStatus::True
                }
                _ => false,
            };
            if told {
                self.writes.report(&self.settings);
            }
        }
    }

    fn passes_over(&self, event: &Event) -> bool {
        match event.body {
            Body::NodeLabelSet { key, .. } | Body::NodeLabelRemoved { key, .. } => !self.zones.minds(key),
            _ => false,
        }
    }

    fn due(&self) -> Option<Time> {
        [self.writes.due(&self.settings, self.now), self.zones.due()].into_iter().flatten().min()
    }

    fn act(&mut self, context: &mut Context<'_>) {
        let mut writes = std::mem::take(&mut self.writes);
        let settings = self.settings.clone();
        let written = writes.take(&settings, context.now, |node, cause| self.look_at(context, node, cause));
        self.writes = writes;
        for (node, cause) in written {
            Self::write(context, node, cause);
        }
        if self.zones.due().is_some_and(|due| due <= context.now) {
            self.mark(context);
        }
    }

    fn save(&self) -> Result<Vec<u8>, SaveError> {
        pack(self)
    }

    fn restore(&mut self, saved: &[u8], _cluster: &Cluster) -> Result<(), SaveError> {
        let settings = std::mem::take(&mut self.settings);
        *self = NodeTaints { settings, ..unpack(saved)? };
        Ok(())
    }
}
