//! PodDisruptionBudgets in recordings: they come, change and go, and what is drained afterwards asks them.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;
use crate::cluster::Cluster;
use crate::disruption::{self, Budgets, TOO_MANY_REQUESTS, Verdict};
use crate::names::{Seq, sym};

/// A line of a watch stream.
fn line(second: u32, event: &str, object: &Value) -> String {
    json!({ "time": format!("2026-11-24T02:00:{second:02}Z"), "type": event, "object": object }).to_string()
        + "\n"
}

fn metadata(name: &str, version: u32) -> Value {
    json!({
        "name": name, "namespace": "default", "uid": format!("uid-{name}"), "resourceVersion": version.to_string(),
        "creationTimestamp": "2026-11-24T02:00:00Z",
    })
}

fn budget(second: u32, event: &str, version: u32, spec: &Value) -> String {
    let mut spec = spec.clone();
    spec["selector"] = json!({ "matchLabels": { "app": "web" } });
    let status =
        json!({ "disruptionsAllowed": 7, "currentHealthy": 9, "desiredHealthy": 2, "expectedPods": 9 });
    let (kind, metadata) = ("PodDisruptionBudget", metadata("web", version));
    line(
        second,
        event,
        &json!({ "kind": kind, "apiVersion": "policy/v1", "metadata": metadata, "spec": spec, "status": status }),
    )
}

fn pod(second: u32, name: &str, version: u32) -> String {
    let mut metadata = metadata(name, version);
    metadata["labels"] = json!({ "app": "web" });
    let status = json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] });
    let spec = json!({ "nodeName": "n", "containers": [{ "name": "c", "image": "i" }] });
    line(
        second,
        "ADDED",
        &json!({ "kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status }),
    )
}

/// The cluster after a recording.
fn recorded(text: &str) -> (Cluster, Names) {
    let mut names = Names::new();
    let bytes = Box::new(std::io::Cursor::new(text.to_owned().into_bytes()));
    let sources = vec![Source { name: "watch".to_owned(), bytes }];
    let imported = import(sources, &Options::default(), &mut names, &mut |_| {}).unwrap();
    let mut cluster = Cluster::new();
    for (index, event) in imported.genesis.iter().chain(&imported.events).enumerate() {
        cluster.apply(&mut names, Seq(index as u64 + 1), event).unwrap();
    }
    (cluster, names)
}

fn pods_and_budget() -> String {
    pod(1, "a", 1) + &pod(2, "b", 2) + &budget(3, "ADDED", 3, &json!({ "minAvailable": 2 }))
}

#[test]
fn a_recorded_budget_is_counted_anew() {
    let (cluster, names) = recorded(&pods_and_budget());
    let budget = cluster.objects_of_kind(sym::POD_DISRUPTION_BUDGET).next().unwrap();
    let status = disruption::status(&cluster, &names, budget);
    // The recorded status is of pods that may not be there in a replay.
    assert_eq!((status.expected, status.desired_healthy, status.healthy, status.allowed), (2, 2, 2, 0));
    let (pod, _) = cluster.pods().next().unwrap();
    let verdict = Budgets::default().ask(&cluster, &names, pod);
    assert_eq!(verdict, Verdict::NotNow(TOO_MANY_REQUESTS.to_owned()));
}

#[test]
fn a_budget_that_changed_counts_as_it_is_now_and_one_that_is_gone_not_at_all() {
    let changed = pods_and_budget() + &budget(4, "MODIFIED", 4, &json!({ "minAvailable": 1 }));
    let (cluster, names) = recorded(&changed);
    let (pod, _) = cluster.pods().next().unwrap();
    let mut budgets = Budgets::default();
    assert_eq!(budgets.ask(&cluster, &names, pod), Verdict::Granted);
    assert_eq!(budgets.ask(&cluster, &names, pod), Verdict::NotNow(TOO_MANY_REQUESTS.to_owned()));
    let gone = pods_and_budget() + &budget(4, "DELETED", 5, &json!({ "minAvailable": 2 }));
    let (cluster, names) = recorded(&gone);
    assert_eq!(cluster.objects_of_kind(sym::POD_DISRUPTION_BUDGET).count(), 0);
    let (pod, _) = cluster.pods().next().unwrap();
    assert_eq!(Budgets::default().ask(&cluster, &names, pod), Verdict::Granted);
}
