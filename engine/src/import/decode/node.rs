//! Nodes.

use std::collections::BTreeMap;

use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use super::{Decoder, hash_of, since, status_of};
use crate::import::sighting::{ConditionView, NodeView};
use crate::import::wire::{Metadata, NodeSpecJson, NodeStatusJson, Object, is_true};
use crate::names::{Effect, NodeSpec, NodeSpecId, ResourceList, ResourcesId, Taint};
use crate::quantity::parse_scaled;

impl Decoder<'_> {
    pub(super) fn node(
        &mut self,
        metadata: &Metadata,
        object: &Object,
    ) -> Result<NodeView, serde_json::Error> {
        let status: NodeStatusJson = match object.status {
            Some(raw) => serde_json::from_str(raw.get())?,
            None => NodeStatusJson::default(),
        };
        let spec = self.node_spec(metadata, object, &status)?;
        let conditions = status.conditions.unwrap_or_default();
        let conditions = conditions
            .iter()
            .map(|c| ConditionView {
                condition: self.sym(c.condition.as_ref()),
                status: status_of(c.status.as_ref()),
                reason: self.sym(c.reason.as_ref()),
                since: since(c.last_transition_time.as_ref()),
            })
            .collect();
        Ok(NodeView { spec, conditions, annotations: hash_of(metadata.annotations) })
    }

    fn node_spec(
        &mut self,
        metadata: &Metadata,
        object: &Object,
        status: &NodeStatusJson,
    ) -> Result<NodeSpecId, serde_json::Error> {
        // Nearly all writes to nodes are heartbeats, which leave these three as they are.
        let mut hasher = Xxh3::new();
        for part in [metadata.labels, object.spec, status.allocatable] {
            hasher.update(part.map_or("", |raw| raw.get()).as_bytes());
            hasher.update(&[0]);
        }
        let hash = hasher.digest();
        if let Some(&known) = self.node_specs.get(&hash) {
            return Ok(known);
        }
        let spec: NodeSpecJson = match object.spec {
            Some(raw) => serde_json::from_str(raw.get())?,
            None => NodeSpecJson::default(),
        };
        let mut taints = Vec::new();
        for taint in spec.taints.iter().flatten() {
            match taint.effect.as_deref().and_then(Effect::parse) {
                Some(effect) => taints.push(Taint {
                    key: self.sym(taint.key.as_ref()),
                    value: self.sym(taint.value.as_ref()),
                    effect,
                }),
                None => self.report.drop_one("taint with an unknown effect"),
            }
        }
        let allocatable = match status.allocatable {
            Some(raw) => Some(self.resources(raw.get())?),
            None => None,
        };
        let labels = self.tables.labels(metadata.labels.map(|raw| raw.get()), self.names)?;
        let labels = self.tables.labels_of(labels).to_vec();
        let unschedulable = is_true(spec.unschedulable);
        let id = self.names.node_spec(NodeSpec { labels, taints, unschedulable, allocatable });
        self.node_specs.insert(hash, id);
        Ok(id)
    }

    fn resources(&mut self, raw: &str) -> Result<ResourcesId, serde_json::Error> {
        let amounts: BTreeMap<String, Value> = serde_json::from_str(raw)?;
        let mut list = Vec::with_capacity(amounts.len());
        for (name, value) in &amounts {
            let text = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            match parse_scaled(&text, if name == "cpu" { 3 } else { 0 }) {
                Ok(amount) => list.push((self.names.sym(name), amount)),
                Err(_) => self.report.drop_one("allocatable amount that is no quantity"),
            }
        }
        Ok(self.names.resources(ResourceList(list)))
    }
}
