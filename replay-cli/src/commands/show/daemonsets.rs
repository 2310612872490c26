//! `kubetape show daemonsets`.

use std::collections::BTreeMap;

use kubetape_engine::cluster::{DaemonSet, Object};
use kubetape_engine::names::Names;
use kubetape_engine::time::Time;
use serde::Serialize;
use serde_json::Value;

use super::{Filter, label_map, label_text};
use crate::output::age::age;
use crate::output::style::Paint;
use crate::output::table::{Cell, Table};
use crate::state::State;

/// A DaemonSet, as JSON has it. The counters are its status: what its controller last wrote.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    namespace: String,
    name: String,
    desired_number_scheduled: u32,
    current_number_scheduled: u32,
    number_misscheduled: u32,
    number_ready: u32,
    updated_number_scheduled: u32,
    number_available: u32,
    number_unavailable: u32,
    generation: i64,
    observed_generation: i64,
    node_selector: BTreeMap<String, String>,
    images: Vec<String>,
    created: String,
    terminating: bool,
    /// Deleted; the rest says how it stood then.
    gone: bool,
    #[serde(skip)]
    age: String,
}

/// DaemonSets in order of namespace, then name.
pub fn rows(state: &State, filter: &Filter) -> Vec<Row> {
    let wanted = |(object, _): &(&Object, &DaemonSet)| {
        filter.namespace(state, object.key.namespace) && own_labels(object, state, filter)
    };
    state
        .cluster
        .daemon_sets()
        .filter(wanted)
        .map(|(object, spec)| row(object, spec, &state.names, state.now))
        .collect()
}

/// A DaemonSet as it stands; of one that is gone, as it stood.
pub fn row(object: &Object, spec: &DaemonSet, names: &Names, now: Time) -> Row {
    let status = object.status;
    Row {
        namespace: names.text(object.key.namespace).to_owned(),
        name: names.text(object.key.name).to_owned(),
        desired_number_scheduled: status.desired,
        current_number_scheduled: status.current,
        number_misscheduled: status.misscheduled,
        number_ready: status.ready,
        updated_number_scheduled: status.updated,
        number_available: status.available,
        number_unavailable: status.unavailable,
        generation: object.generation,
        observed_generation: status.observed_generation,
        node_selector: label_map(&spec.placement.node_selector, names),
        images: images(names.doc_text(spec.template)),
        created: object.created.to_string(),
        terminating: object.deleting.is_some(),
        gone: !object.present,
        age: age(object.created, now),
    }
}

/// A selector looks at the DaemonSet's own labels, not at its template's; they stand in the manifest alone.
fn own_labels(object: &Object, state: &State, filter: &Filter) -> bool {
    let Some(selector) = &filter.selector else { return true };
    let manifest: Value = serde_json::from_str(state.names.doc_text(object.manifest)).unwrap_or_default();
    let labels = manifest.pointer("/metadata/labels");
    selector.selects(|key| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str))
}

fn images(template: &str) -> Vec<String> {
    let template: Value = serde_json::from_str(template).unwrap_or_default();
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    let image = |container: &Value| container.get("image").and_then(Value::as_str).map(str::to_owned);
    containers.into_iter().flatten().filter_map(image).collect()
}

pub fn table(rows: &[Row], wide: bool) -> Table {
    let mut table = Table::new([
        "NAMESPACE",
        "NAME",
        "DESIRED",
        "CURRENT",
        "READY",
        "UP-TO-DATE",
        "AVAILABLE",
        "NODE SELECTOR",
        "AGE",
    ]);
    if wide {
        table.columns(["GENERATION", "OBSERVED", "IMAGES"]);
    }
    for row in rows {
        let whole = |n: u32| {
            let paint = if n == row.desired_number_scheduled { Paint::Good } else { Paint::Warn };
            Cell::painted(n.to_string(), paint)
        };
        table.row([
            row.namespace.as_str().into(),
            row.name.as_str().into(),
            row.desired_number_scheduled.into(),
            whole(row.current_number_scheduled),
            whole(row.number_ready),
            whole(row.updated_number_scheduled),
            whole(row.number_available),
            Cell::or_none(label_text(&row.node_selector)),
            if row.gone { Cell::painted("deleted", Paint::Dim) } else { row.age.as_str().into() },
        ]);
        if wide {
            table.more([
                row.generation.into(),
                row.observed_generation.into(),
                Cell::or_none(row.images.join(",")),
            ]);
        }
    }
    table
}
