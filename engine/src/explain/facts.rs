//! Which event made a node's labels and taints, and a manifest's rules, what they are.

use std::collections::BTreeMap;

use super::history::Seen;
use crate::event::{Body, ConditionStatus};
use crate::names::{Effect, NodeId, Seq, Sym, sym};
use crate::selector::Placement;

/// What events said about one node.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeFacts {
    /// The event with which it last joined.
    pub joined: Option<Seq>,
    /// The event with which it last left, if it has not joined since.
    pub left: Option<Seq>,
    labels: BTreeMap<Sym, (Option<Sym>, Seq)>,
    taints: BTreeMap<(Sym, Effect), (Option<Sym>, Seq)>,
    ready: Option<(ConditionStatus, Seq)>,
    /// The event with which its kubelet went silent.
    pub silent: Option<Seq>,
}

impl NodeFacts {
    /// Takes note of an event about the node.
    pub fn observe(&mut self, seen: &Seen<'_>) {
        let seq = seen.seq;
        match seen.event.body {
            Body::NodeJoined { spec, .. } => {
                let spec = seen.names.node_spec_of(spec);
                *self = NodeFacts { joined: Some(seq), ..NodeFacts::default() };
                self.labels = spec.labels.iter().map(|label| (label.0, (Some(label.1), seq))).collect();
                let taints = spec.taints.iter();
                self.taints = taints.map(|t| ((t.key, t.effect), (Some(t.value), seq))).collect();
            }
            Body::NodeLeft { .. } => self.left = Some(seq),
            Body::NodeLabelSet { key, value, .. } => note(&mut self.labels, key, Some(value), seq),
            Body::NodeLabelRemoved { key, .. } => note(&mut self.labels, key, None, seq),
            Body::NodeTaintAdded { taint, .. } => {
                note(&mut self.taints, (taint.key, taint.effect), Some(taint.value), seq);
            }
            Body::NodeTaintRemoved { key, effect, .. } => note(&mut self.taints, (key, effect), None, seq),
            Body::NodeConditionSet { condition: sym::READY, status, .. }
                if self.ready.is_none_or(|ready| ready.0 != status) =>
            {
                self.ready = Some((status, seq));
            }
            Body::NodeSilent { .. } => self.silent = Some(seq),
            Body::NodeReturned { .. } => self.silent = None,
            _ => {}
        }
    }

    /// The event that gave a label its value, or took it away; `None` if no event ever named it.
    pub fn label(&self, key: Sym) -> Option<Seq> {
        self.labels.get(&key).map(|label| label.1)
    }

    /// The event that put a taint on.
    pub fn taint(&self, key: Sym, effect: Effect) -> Option<Seq> {
        self.taints.get(&(key, effect)).map(|taint| taint.1)
    }

    /// The event since which condition Ready is not True.
    pub fn not_ready(&self) -> Option<Seq> {
        self.ready.filter(|ready| ready.0 != ConditionStatus::True).map(|ready| ready.1)
    }
}

/// Only what changes a value counts as having set it.
fn note<K: Ord>(values: &mut BTreeMap<K, (Option<Sym>, Seq)>, key: K, value: Option<Sym>, seq: Seq) {
    let known = values.get(&key).and_then(|known| known.0);
    if known != value {
        values.insert(key, (value, seq));
    }
}

/// Whether an event is about a node itself, rather than about something on it.
pub(super) fn concerns_node(body: &Body, node: NodeId) -> bool {
    let own = matches!(
        body,
        Body::NodeJoined { .. }
            | Body::NodeLeft { .. }
            | Body::NodeLabelSet { .. }
            | Body::NodeLabelRemoved { .. }
            | Body::NodeTaintAdded { .. }
            | Body::NodeTaintRemoved { .. }
            | Body::NodeConditionSet { .. }
            | Body::NodeSilent { .. }
            | Body::NodeReturned { .. }
    );
    own && body.node() == Some(node)
}

/// Since when a manifest asks for what it asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct AskedSince {
    placement: Placement,
    /// The event with which the object came to be.
    pub created: Option<Seq>,
    /// The event with which it was deleted, if none of its name was created since.
    pub deleted: Option<Seq>,
    /// `spec.nodeName`.
    pub node_name: Option<Seq>,
    /// `spec.nodeSelector`, by key.
    pub node_selector: BTreeMap<Sym, (Sym, Seq)>,
    /// Required node affinity.
    pub required: Option<Seq>,
    /// Tolerations.
    pub tolerations: Option<Seq>,
}

impl AskedSince {
    /// Takes note of an event about the DaemonSet.
    pub fn observe(&mut self, seen: &Seen<'_>) {
        let seq = seen.seq;
        let Some(object) = seen.event.body.object().and_then(|id| seen.cluster.object(id)) else { return };
        match seen.event.body {
            Body::Applied { .. } | Body::RolloutUndone { .. } => {}
            Body::DeleteRequested { .. } | Body::ObjectRemoved { .. } => {
                self.deleted.get_or_insert(seq);
                return;
            }
            _ => return,
        }
        if self.deleted.is_some() || self.created.is_none() {
            *self = AskedSince { created: Some(seq), ..AskedSince::default() };
        }
        let Some(daemon_set) = object.daemon_set() else { return };
        let (old, new) = (&self.placement, &daemon_set.placement);
        let fresh = self.tolerations.is_none();
        if fresh || old.node_name != new.node_name {
            self.node_name = Some(seq);
        }
        if fresh || old.required != new.required {
            self.required = Some(seq);
        }
        if fresh || old.tolerations != new.tolerations {
            self.tolerations = Some(seq);
        }
        let before = std::mem::take(&mut self.node_selector);
        for &(key, value) in &new.node_selector {
            let since = before.get(&key).filter(|known| known.0 == value).map_or(seq, |known| known.1);
            self.node_selector.insert(key, (value, since));
        }
        self.placement = new.clone();
    }
}
