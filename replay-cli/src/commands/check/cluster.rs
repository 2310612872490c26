//! Where a DaemonSet would run in a cluster, and which rule keeps it off the other nodes.

use std::collections::BTreeMap;

use kubetape_engine::cluster::Node;
use kubetape_engine::manifest::Document;
use kubetape_engine::names::{Effect, Sym};
use kubetape_engine::selector::{Labels as _, Placement};
use serde::Serialize;
use serde_json::Value;

use crate::describe::Words;
use crate::state::State;

/// A DaemonSet against the nodes of a cluster.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    pub file: String,
    pub line: u32,
    /// `DaemonSet default/fluentd`.
    pub object: String,
    /// How many nodes there are.
    pub nodes: usize,
    /// On how many of them it would run.
    pub runs_on: usize,
    /// The others, by the first rule that keeps it off, most nodes first.
    pub kept_off: Vec<KeptOff>,
}

/// Nodes that one rule keeps a DaemonSet off.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptOff {
    /// The rule.
    pub rule: String,
    /// The nodes, in order of their names.
    pub nodes: Vec<String>,
}

/// The stored form of the object that a document would update.
pub fn stored(document: &Document, namespace: &str, state: &mut State) -> Option<Value> {
    let [kind, name] = [&document.kind, &document.name].map(|text| state.names.sym(text));
    let global = matches!(document.kind.as_str(), "Namespace" | "PriorityClass" | "Node");
    let namespace = if global { Sym::EMPTY } else { state.names.sym(namespace) };
    let object = state.cluster.find_object(kind, namespace, name)?;
    serde_json::from_str(state.names.doc_text(object.manifest)).ok()
}

/// Tries an admitted DaemonSet on all nodes. `None` if the typed crate does not read its template.
pub fn place(document: &Document, object: String, admitted: &Value, state: &mut State) -> Option<Placed> {
    let template = admitted.pointer("/spec/template/spec")?.clone();
    let spec = serde_json::from_value(template).ok()?;
    let placement = Placement::compile(&spec, &mut state.names);
    let nodes: Vec<&Node> =
        state.cluster.nodes().iter().filter_map(|id| state.cluster.present_node(*id)).collect();
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut runs_on = 0;
    for node in &nodes {
        if placement.eligibility(node.name, &*node.labels, &node.taints, &state.names).should_run {
            runs_on += 1;
        } else {
            let rule = rule(&placement, node, state);
            groups.entry(rule).or_default().push(state.names.text(node.name).to_owned());
        }
    }
    let mut kept_off: Vec<KeptOff> = groups
        .into_iter()
        .map(|(rule, mut nodes)| {
            nodes.sort();
            KeptOff { rule, nodes }
        })
        .collect();
    kept_off.sort_by_key(|group| std::cmp::Reverse(group.nodes.len()));
    let (file, line) = (document.source.clone(), document.place.line);
    Some(Placed { file, line, object, nodes: nodes.len(), runs_on, kept_off })
}

/// The first rule that keeps the DaemonSet off, in the controller's order.
fn rule(placement: &Placement, node: &Node, state: &State) -> String {
    let names = &state.names;
    let words = Words { names, cluster: &state.cluster };
    if let Some(name) = placement.node_name.filter(|name| *name != node.name) {
        return format!("spec.nodeName is {}", names.text(name));
    }
    let unmet = placement.node_selector.iter().find(|(key, value)| node.labels.value(*key) != Some(*value));
    if let Some(&(key, value)) = unmet {
        let wanted = format!("nodeSelector wants {}={}", names.text(key), names.text(value));
        return match node.labels.value(key) {
            Some(other) => format!("{wanted}, the node has {}", names.text(other)),
            None => format!("{wanted}, the node has no such label"),
        };
    }
    if !placement.selects(node.name, &*node.labels, names) {
        return "the required node affinity has no term that fits".to_owned();
    }
    let untolerated = |effect| {
        node.taints.iter().find(|taint| taint.effect == effect && !placement.tolerates(taint, names))
    };
    match untolerated(Effect::NoExecute).or_else(|| untolerated(Effect::NoSchedule)) {
        Some(taint) => format!("taint {} is not tolerated", words.taint(taint)),
        None => "no rule that is known".to_owned(),
    }
}
