//! Reads API objects out of cases into events' terms.

use serde_json::{Value, json};

use crate::event::Body;
use crate::names::{Effect, Names, NodeId, NodeSpec, ResourceList, Sym, Taint};
use crate::quantity::parse_scaled;
use crate::time::ApiSeconds;

/// When an object without creation time was created: before every moment that occurs (Go's zero time).
pub const ZERO_TIME: ApiSeconds = ApiSeconds(-62_135_596_800);

/// A text in an object; empty if absent.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`.
pub fn name(value: &Value) -> &str {
    text(value, "/metadata/name")
}

/// A timestamp in an object; [`ZERO_TIME`] if absent.
///
/// # Errors
/// It is no timestamp.
pub fn time(value: &Value, pointer: &str) -> Result<ApiSeconds, String> {
    match text(value, pointer) {
        "" => Ok(ZERO_TIME),
        found => ApiSeconds::parse(found).map_err(|e| e.to_string()),
    }
}

/// Labels of an object.
pub fn labels(value: &Value, names: &mut Names) -> Vec<(Sym, Sym)> {
    let labels = value.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    labels.map(|(key, value)| (names.sym(key), names.sym(value.as_str().unwrap_or_default()))).collect()
}

/// The node of a name.
pub fn node_id(name: &str, names: &mut Names) -> NodeId {
    let name = names.sym(name);
    names.node(name)
}

/// A node's labels, taints, cordon and capacity.
pub fn node_spec(node: &Value, names: &mut Names) -> NodeSpec {
    let taints = node.pointer("/spec/taints").and_then(Value::as_array).into_iter().flatten();
    let taints = taints.filter_map(|taint| {
        let effect = Effect::parse(text(taint, "/effect"))?;
        Some(Taint { key: names.sym(text(taint, "/key")), value: names.sym(text(taint, "/value")), effect })
    });
    let taints = taints.collect();
    let allocatable = node.pointer("/status/allocatable").and_then(Value::as_object).map(|amounts| {
        let amounts = amounts.iter().map(|(name, amount)| {
            let scale = if name == "cpu" { 3 } else { 0 };
            (names.sym(name), parse_scaled(amount.as_str().unwrap_or_default(), scale).unwrap_or(0))
        });
        let amounts = amounts.collect();
        names.resources(ResourceList(amounts))
    });
    let unschedulable = node.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or(false);
    NodeSpec { labels: labels(node, names), taints, unschedulable, allocatable }
}

/// What has to happen for a node to become another one of the same name. Order and times of taints count, as
/// in the API server's eyes: where they alone differ, taints are taken off and put on again.
pub fn node_changes(id: NodeId, old: &Value, new: &Value, names: &mut Names) -> Vec<Body> {
    let (before, after) = (node_spec(old, names), node_spec(new, names));
    let mut changes = Vec::new();
    let node = id;
    for &(key, _) in before.labels.iter().filter(|(key, _)| !after.labels.iter().any(|a| a.0 == *key)) {
        changes.push(Body::NodeLabelRemoved { node, key });
    }
    for &(key, value) in after.labels.iter().filter(|label| !before.labels.contains(label)) {
        changes.push(Body::NodeLabelSet { node, key, value });
    }
    let removed = |taint: Taint| Body::NodeTaintRemoved { node, key: taint.key, effect: taint.effect };
    let taints = |value: &Value| value.pointer("/spec/taints").cloned().filter(|list| *list != json!([]));
    let kept: Vec<_> = before.taints.iter().filter(|t| after.taints.contains(t)).collect();
    if kept.iter().copied().eq(after.taints.iter().take(kept.len())) && before.taints != after.taints {
        changes.extend(before.taints.iter().filter(|t| !kept.contains(t)).map(|t| removed(*t)));
        let added = after.taints.iter().skip(kept.len());
        changes.extend(added.map(|taint| Body::NodeTaintAdded { node, taint: *taint }));
    } else if taints(old) != taints(new) {
        changes.extend(before.taints.iter().map(|t| removed(*t)));
        changes.extend(after.taints.iter().map(|taint| Body::NodeTaintAdded { node, taint: *taint }));
    }
    match (before.unschedulable, after.unschedulable) {
        (false, true) => changes.push(Body::NodeCordoned { node }),
        (true, false) => changes.push(Body::NodeUncordoned { node }),
        _ => {}
    }
    if let Some(allocatable) = after.allocatable.filter(|_| before.allocatable != after.allocatable) {
        changes.push(Body::NodeCapacitySet { node, allocatable });
    }
    changes
}
