//! A pod by its name: its life, and what it waits for.

use std::collections::BTreeSet;

use serde::Serialize;

use super::WorkloadName;
use super::history::{ExplainError, History, Moment, Seen, Tape, collect, tell};
use super::life::{Life, Lives};
use super::pending::Pending;
use crate::names::PodId;
use crate::time::Time;

/// How many names are offered in place of one that there is not.
const KNOWN_MAX: usize = 10_000;

/// A pod's life and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodExplanation {
    /// The moment.
    #[serde(serialize_with = "super::as_text")]
    pub at: Time,
    /// The last event before it.
    pub event: u64,
    /// The kind of its owner; empty if it has none.
    pub owner_kind: String,
    /// `namespace/name` of its owner; empty if it has none.
    pub owner: String,
    /// The node that it is bound to or, unbound, for.
    pub node: Option<String>,
    /// Its life.
    pub life: Life,
    /// What it waits for, if it is pending.
    pub pending: Option<Pending>,
}

impl PodExplanation {
    /// Whether it belongs to a DaemonSet, whose rules then say more.
    pub fn is_daemon_pod(&self) -> bool {
        self.owner_kind == "DaemonSet"
    }
}

/// Explains a pod's life up to a moment; of several pods of one name the last.
///
/// # Errors
/// The log cannot be read, or has no such pod or moment.
pub fn explain_pod(
    tape: &Tape<'_>,
    name: &WorkloadName,
    moment: Moment,
) -> Result<PodExplanation, ExplainError> {
    let mut lives = Lives::default();
    let history = collect(tape, moment, |seen| lives.observe(seen, |seen, id| is_named(seen, id, name)))?;
    let Some(life) = lives.list.last() else { return Err(no_such_pod(&history, name)) };
    let traced = life.trace(&history);
    let mut numbers = BTreeSet::new();
    traced.numbers(&mut numbers);
    let tales = tell(tape, &numbers)?;
    let (names, cluster) = (&history.names, &history.cluster);
    // A slot that was given to another pod shows that one.
    let pod = cluster.pod(life.id).filter(|pod| life.events.first().is_some_and(|e| e.0 == pod.made));
    let owner = pod.and_then(|pod| pod.owner);
    Ok(PodExplanation {
        at: history.now,
        event: history.last.0,
        owner_kind: owner.map_or_else(String::new, |o| names.text(names.object_key(o).kind).to_owned()),
        owner: owner.map_or_else(String::new, |owner| names.object_name(owner)),
        node: pod.and_then(|pod| pod.node).map(|node| names.node_name(node).to_owned()),
        life: traced.tell(&tales),
        pending: pod.and_then(|_| Pending::of(cluster, names, life.id)),
    })
}

fn is_named(seen: &Seen<'_>, id: PodId, name: &WorkloadName) -> bool {
    let Some(pod) = seen.cluster.pod(id) else { return false };
    if seen.names.text(pod.namespace) != name.namespace {
        return false;
    }
    if !pod.name.is_empty() {
        return seen.names.text(pod.name) == name.name;
    }
    // Generated names are not made for pods that cannot bear this one.
    let owner = pod.owner.map_or("pod", |owner| seen.names.text(seen.names.object_key(owner).name));
    name.name.starts_with(&owner[..owner.len().min(58)]) && seen.cluster.pod_name(id, seen.names) == name.name
}

fn no_such_pod(history: &History, name: &WorkloadName) -> ExplainError {
    let namespace = history.names.find_sym(&name.namespace);
    let pods = history.cluster.pods().filter(|(_, pod)| Some(pod.namespace) == namespace);
    let mut known: Vec<String> = pods
        .take(KNOWN_MAX)
        .map(|(id, _)| format!("{}/{}", name.namespace, history.cluster.pod_name(id, &history.names)))
        .collect();
    known.sort();
    ExplainError::NoSuchPod { name: name.to_string(), known }
}
