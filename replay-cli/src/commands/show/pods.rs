//! `kubetape show pods`.

use std::collections::BTreeMap;

use kubetape_engine::cluster::Pod;
use kubetape_engine::names::{DocId, PodId, Sym};
use serde::Serialize;
use serde_json::Value;

use super::{Filter, label_map, label_text};
use crate::describe::phase_words;
use crate::output::age::age;
use crate::output::style::Paint;
use crate::output::table::{Cell, Table};
use crate::state::State;

/// A pod, as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    namespace: String,
    name: String,
    /// `DaemonSet/fluentd`; null for a pod without controller.
    owner: Option<String>,
    /// Where it is bound; null while it is not.
    node: Option<String>,
    /// Unbound: the node that it is for.
    target: Option<String>,
    phase: &'static str,
    terminating: bool,
    ready: bool,
    containers: usize,
    restarts: u32,
    created: String,
    /// Label `controller-revision-hash`; null if absent.
    revision_hash: Option<String>,
    labels: BTreeMap<String, String>,
    #[serde(skip)]
    age: String,
}

/// Pods in order of namespace, then name.
pub fn rows(state: &State, filter: &Filter) -> Vec<Row> {
    let mut containers = BTreeMap::new();
    let pods = state.cluster.pods().filter(|(id, pod)| {
        filter.namespace(state, pod.namespace) && filter.labels(state, state.cluster.pod_labels(*id))
    });
    let mut rows: Vec<_> = pods.map(|(id, pod)| row(id, &pod, state, &mut containers)).collect();
    rows.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    rows
}

fn row(id: PodId, pod: &Pod, state: &State, containers: &mut BTreeMap<DocId, usize>) -> Row {
    let names = &state.names;
    let owner = pod.owner.map(|owner| {
        let key = names.object_key(owner);
        format!("{}/{}", names.text(key.kind), names.text(key.name))
    });
    let node = pod.node.map(|node| names.node_name(node).to_owned());
    let doc = names.pod_shape(pod.shape).doc;
    let hash = state.cluster.pod_revision_hash(id);
    Row {
        namespace: names.text(pod.namespace).to_owned(),
        name: state.cluster.pod_name(id, names),
        owner,
        node: node.clone().filter(|_| pod.bound),
        target: node.filter(|_| !pod.bound),
        phase: phase_words(pod.phase),
        terminating: pod.terminating(),
        ready: pod.ready,
        containers: *containers.entry(doc).or_insert_with(|| count_containers(names.doc_text(doc))),
        restarts: pod.restarts,
        created: pod.created().to_string(),
        revision_hash: (hash != Sym::EMPTY).then(|| names.text(hash).to_owned()),
        labels: label_map(state.cluster.pod_labels(id), names),
        age: age(pod.created(), state.now),
    }
}

fn count_containers(doc: &str) -> usize {
    let doc: Value = serde_json::from_str(doc).unwrap_or_default();
    doc.pointer("/spec/containers").and_then(Value::as_array).map_or(1, Vec::len)
}

impl Row {
    /// The STATUS column. A log keeps no containers' states, so it is the phase, or `Terminating`.
    fn status(&self) -> Cell {
        let paint = match self.phase {
            _ if self.terminating => Paint::Warn,
            "Running" | "Succeeded" => Paint::Good,
            "Pending" => Paint::Warn,
            _ => Paint::Bad,
        };
        Cell::painted(if self.terminating { "Terminating" } else { self.phase }, paint)
    }
}

/// READY is all of the containers or none: a log keeps the pod's condition, not the containers'.
pub fn table(rows: &[Row], wide: bool) -> Table {
    let mut table = Table::new(["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "NODE"]);
    if wide {
        table.columns(["FOR", "OWNER", "REVISION", "LABELS"]);
    }
    for row in rows {
        table.row([
            row.namespace.as_str().into(),
            row.name.as_str().into(),
            format!("{}/{}", if row.ready { row.containers } else { 0 }, row.containers).into(),
            row.status(),
            row.restarts.into(),
            row.age.as_str().into(),
            Cell::or_none(row.node.clone().unwrap_or_default()),
        ]);
        if wide {
            table.more([
                Cell::or_none(row.target.clone().unwrap_or_default()),
                Cell::or_none(row.owner.clone().unwrap_or_default()),
                Cell::or_none(row.revision_hash.clone().unwrap_or_default()),
                Cell::or_none(label_text(&row.labels)),
            ]);
        }
    }
    table
}
