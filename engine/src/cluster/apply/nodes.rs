//! Nodes join, change and leave.

use super::{ApplyError, Effect, replace};
use crate::cluster::{Cluster, Node, NodeCondition};
use crate::event::Event;
use crate::names::{Names, NodeId, NodeSpecId, Seq, Taint};
use crate::time::ApiSeconds;

impl Cluster {
    pub(super) fn ensure_node(&mut self, names: &Names, node: NodeId) -> &mut Node {
        if self.nodes.len() <= node.index() {
            self.nodes.resize_with(node.index() + 1, Node::default);
        }
        let entry = &mut self.nodes[node.index()];
        entry.name = names.node_sym(node);
        entry
    }

    pub(super) fn node_mut(&mut self, names: &Names, node: NodeId) -> Result<&mut Node, ApplyError> {
        let found = self.nodes.get_mut(node.index()).filter(|n| n.present);
        found.ok_or_else(|| ApplyError::NoSuchNode(names.node_name(node).to_owned()))
    }

    pub(super) fn node_changed(&mut self, node: NodeId, seq: Seq, changed: bool) -> bool {
        if changed {
            self.nodes[node.index()].changed = seq;
        }
        changed
    }

    pub(super) fn node_joined(
        &mut self,
        names: &Names,
        seq: Seq,
        event: &Event,
        id: NodeId,
        spec: NodeSpecId,
        created: ApiSeconds,
    ) -> Effect {
        let node = self.ensure_node(names, id);
        if node.present {
            return Err(ApplyError::NodeExists(names.node_name(id).to_owned()));
        }
        let spec = names.node_spec_of(spec);
        node.present = true;
        node.incarnation += 1;
        node.labels.clone_from(&spec.labels);
        node.taints.clone_from(&spec.taints);
        node.unschedulable = spec.unschedulable;
        node.allocatable = spec.allocatable;
        node.conditions.clear();
        node.silent = false;
        node.created = created;
        (node.joined_or_left, node.joined_or_left_at, node.changed) = (seq, event.at, seq);
        self.nodes_by_name.insert(id, names);
        Ok(true)
    }

    pub(super) fn node_left(&mut self, names: &Names, seq: Seq, event: &Event, id: NodeId) -> Effect {
        let node = self.node_mut(names, id)?;
        node.present = false;
        (node.joined_or_left, node.joined_or_left_at, node.changed) = (seq, event.at, seq);
        self.nodes_by_name.remove(id, names);
        Ok(true)
    }
}

pub(super) fn set_taint(taints: &mut Vec<Taint>, taint: Taint) -> bool {
    match taints.iter_mut().find(|t| t.key == taint.key && t.effect == taint.effect) {
        Some(old) => std::mem::replace(old, taint) != taint,
        None => {
            taints.push(taint);
            true
        }
    }
}

pub(super) fn set_condition(conditions: &mut Vec<NodeCondition>, condition: NodeCondition) -> bool {
    match conditions.iter_mut().find(|c| c.condition == condition.condition) {
        Some(old) => replace(old, condition),
        None => {
            if conditions.is_empty() {
                // Most nodes have one that anybody asks about.
                conditions.reserve_exact(1);
            }
            conditions.push(condition);
            true
        }
    }
}
