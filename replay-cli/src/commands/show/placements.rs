//! `kubetape show placements`: DaemonSet x node -> pod.

use kubetape_engine::cluster::Object;
use kubetape_engine::names::{PodId, Sym};
use serde::Serialize;

use super::Filter;
use crate::describe::phase_words;
use crate::output::age::age;
use crate::output::style::Paint;
use crate::output::table::{Cell, Table};
use crate::state::State;

/// A DaemonSet's pod on a node, as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    namespace: String,
    daemon_set: String,
    /// The node that the pod is bound to or, unbound, for.
    node: String,
    pod: String,
    bound: bool,
    /// The number of the ControllerRevision with the pod's hash; null if there is none.
    revision: Option<i64>,
    revision_hash: Option<String>,
    phase: &'static str,
    ready: bool,
    terminating: bool,
    created: String,
    #[serde(skip)]
    age: String,
}

/// Placements in order of DaemonSet, node, pod.
pub fn rows(state: &State, filter: &Filter) -> Vec<Row> {
    let mut rows = Vec::new();
    for (object, _) in state.cluster.daemon_sets() {
        if filter.namespace(state, object.key.namespace) {
            let pods = object.pods.iter().copied();
            let wanted = pods.filter(|pod| filter.labels(state, state.cluster.pod_labels(*pod)));
            let mut of_one: Vec<_> = wanted.filter_map(|pod| row(object, pod, state)).collect();
            of_one.sort_by(|a, b| (&a.node, &a.pod).cmp(&(&b.node, &b.pod)));
            rows.append(&mut of_one);
        }
    }
    rows
}

fn row(object: &Object, id: PodId, state: &State) -> Option<Row> {
    let (names, pod) = (&state.names, state.cluster.pod(id)?);
    let hash = state.cluster.pod_revision_hash(id);
    let revisions = object.revisions.iter().filter_map(|id| state.cluster.revision(*id));
    let revision =
        revisions.filter(|r| r.present && r.hash == hash && hash != Sym::EMPTY).map(|r| r.number).max();
    Some(Row {
        namespace: names.text(object.key.namespace).to_owned(),
        daemon_set: names.text(object.key.name).to_owned(),
        node: pod.node.map(|node| names.node_name(node).to_owned()).unwrap_or_default(),
        pod: state.cluster.pod_name(id, names),
        bound: pod.bound,
        revision,
        revision_hash: (hash != Sym::EMPTY).then(|| names.text(hash).to_owned()),
        phase: phase_words(pod.phase),
        ready: pod.ready,
        terminating: pod.terminating(),
        created: pod.created().to_string(),
        age: age(pod.created(), state.now),
    })
}

impl Row {
    fn status(&self) -> Cell {
        match self.phase {
            _ if self.terminating => Cell::painted("Terminating", Paint::Warn),
            "Running" if self.ready => Cell::painted("Ready", Paint::Good),
            "Pending" if !self.bound => Cell::painted("Unscheduled", Paint::Warn),
            "Running" | "Pending" => Cell::painted(self.phase, Paint::Warn),
            _ => Cell::painted(self.phase, Paint::Bad),
        }
    }
}

pub fn table(rows: &[Row], wide: bool) -> Table {
    let mut table = Table::new(["NAMESPACE", "DAEMONSET", "NODE", "POD", "REVISION", "STATUS", "AGE"]);
    if wide {
        table.columns(["HASH"]);
    }
    for row in rows {
        table.row([
            row.namespace.as_str().into(),
            row.daemon_set.as_str().into(),
            Cell::or_none(row.node.as_str()),
            row.pod.as_str().into(),
            Cell::or_none(row.revision.map(|n| n.to_string()).unwrap_or_default()),
            row.status(),
            row.age.as_str().into(),
        ]);
        if wide {
            table.more([Cell::or_none(row.revision_hash.clone().unwrap_or_default())]);
        }
    }
    table
}
