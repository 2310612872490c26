//! `kubetape show nodes`.

use std::collections::BTreeMap;

use kubetape_engine::cluster::Node;
use kubetape_engine::event::ConditionStatus;
use kubetape_engine::names::{ResourcesId, sym};
use serde::Serialize;

use super::{Filter, label_map, label_text};
use crate::describe::Words;
use crate::output::age::age;
use crate::output::style::Paint;
use crate::output::table::{Cell, Table};
use crate::state::State;

/// A node, as JSON has it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    name: String,
    /// `Ready`, `NotReady`, or `Unknown` while condition Ready was never reported.
    status: &'static str,
    unschedulable: bool,
    /// Whether the kubelet has stopped posting.
    silent: bool,
    roles: Vec<String>,
    created: String,
    /// How many pods are bound to it.
    pods: usize,
    labels: BTreeMap<String, String>,
    taints: Vec<String>,
    /// Quantities: `cpu` in cores or `m`, everything else in whole units.
    allocatable: BTreeMap<String, String>,
    #[serde(skip)]
    age: String,
}

pub fn rows(state: &State, filter: &Filter) -> Vec<Row> {
    let nodes = state.cluster.nodes().iter().filter_map(|id| state.cluster.present_node(*id));
    nodes.filter(|node| filter.labels(state, &node.labels)).map(|node| row(node, state)).collect()
}

fn row(node: &Node, state: &State) -> Row {
    let words = Words { names: &state.names, cluster: &state.cluster };
    let labels = label_map(&node.labels, &state.names);
    Row {
        name: state.names.text(node.name).to_owned(),
        status: match node.condition(sym::READY) {
            Some(ConditionStatus::True) => "Ready",
            Some(_) => "NotReady",
            None => "Unknown",
        },
        unschedulable: node.unschedulable,
        silent: node.silent,
        roles: roles(&labels),
        created: node.created.to_string(),
        pods: node.pods.len(),
        taints: node.taints.iter().map(|taint| words.taint(taint)).collect(),
        allocatable: node.allocatable.map(|id| amounts(id, state)).unwrap_or_default(),
        age: age(node.created, state.now),
        labels,
    }
}

/// The roles that labels give a node, as kubectl finds them.
fn roles(labels: &BTreeMap<String, String>) -> Vec<String> {
    let role = |(key, value): (&String, &String)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) if !role.is_empty() => Some(role.to_owned()),
        _ if key == "kubernetes.io/role" && !value.is_empty() => Some(value.clone()),
        _ => None,
    };
    let mut roles: Vec<_> = labels.iter().filter_map(role).collect();
    roles.sort();
    roles.dedup();
    roles
}

fn amounts(id: ResourcesId, state: &State) -> BTreeMap<String, String> {
    let list = &state.names.resource_list(id).0;
    let amount = |name, amount: i64| match name {
        sym::CPU if amount % 1_000 != 0 => format!("{amount}m"),
        sym::CPU => (amount / 1_000).to_string(),
        _ => amount.to_string(),
    };
    list.iter().map(|&(name, n)| (state.names.text(name).to_owned(), amount(name, n))).collect()
}

pub fn table(rows: &[Row], wide: bool) -> Table {
    let mut table = Table::new(["NAME", "STATUS", "ROLES", "AGE"]);
    if wide {
        table.columns(["PODS", "TAINTS", "LABELS"]);
    }
    for row in rows {
        let status = if row.unschedulable {
            format!("{},SchedulingDisabled", row.status)
        } else {
            row.status.to_owned()
        };
        let paint = match (row.status, row.unschedulable) {
            ("Ready", false) => Paint::Good,
            ("Ready", true) => Paint::Warn,
            _ => Paint::Bad,
        };
        table.row([
            row.name.as_str().into(),
            Cell::painted(status, paint),
            Cell::or_none(row.roles.join(",")),
            row.age.as_str().into(),
        ]);
        if wide {
            table.more([
                row.pods.into(),
                Cell::or_none(row.taints.join(",")),
                Cell::or_none(label_text(&row.labels)),
            ]);
        }
    }
    table
}
